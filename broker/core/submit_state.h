/* submit_state - one submission while it is decided: what submit.c has found out and verdict.c goes on with. */
#ifndef SIMPUL_SUBMIT_STATE_H
#define SIMPUL_SUBMIT_STATE_H

#include "broker/core/core_state.h"
#include "common/wire.h"

/* Everything is borrowed from the arena or the frame. */
struct submit {
	struct node *node;
	uint64_t seq;
	struct bytes frame;
	const Simpul__Submission *message;
	struct report_name first;
	size_t count;
	bool settled; /* nothing more to do: a repeat */
	struct hash *leaves, *body_hashes, digest;
	const Simpul__Routing *routing;
	const Simpul__Header **headers;
	const Simpul__Body **bodies; /* NULL: sealed, or of no known form */
	struct routing_class class;
	struct fault common; /* the verdict that all reports share, for they have one class and one routing */
	struct audience audience;
};

/* verdict.c: a Delivery in which the reports are whole that `whole` says, and the others their leaf alone. */
void delivery_encode(const struct submit *submit, const bool *whole, struct buffer *out);
/* verdict.c: decides about each report and hands the submission to the journal. */
void submit_accept(struct core *core, struct submit *submit);

#endif
