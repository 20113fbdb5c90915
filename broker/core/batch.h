/* batch - pieces of the journal for one node: entries whole or as stubs, the node's own wraps, and the signed position
 * that they lead to.
 *
 * Pushed or fetched, an entry passes part_make, which asks the audience, the policy of this moment and, of an UPDATE,
 * its origin; there is no other way into a batch. What is made here lives until the next step. */
#ifndef SIMPUL_BATCH_H
#define SIMPUL_BATCH_H

#include "broker/core/core_state.h"

/* One entry in a batch for one node. */
struct part {
	uint64_t entry;
	struct bytes lead, content; /* an encoded Entry, one after the other */
	uint32_t wrap_key_id; /* 0: no wrap */
	struct bytes wrap;
	enum denial denial; /* not ADMITTED: it is a stub, of the policy's or the origin's doing */
};

struct batch {
	uint64_t after;
	struct position upto;
	struct part *parts;
	size_t count, capacity;
	size_t bytes; /* at least what it takes encoded */
	bool own;     /* holds stubs or wraps, so no other node's batch is equal */
	bool last;    /* an answer to FETCH after which the node is live again */
	struct bytes encoded;
};

/* The batches that were encoded in this step. */
struct shared {
	struct batch list[8];
	size_t count, next;
};

/* How an entry that was committed travels: takes its content over. Left empty when it is for the journal alone. */
void item_encode(struct tail_item *item, struct journal_append *append);
/* Of an entry that a reader brings, what a stub repeats of it; it comes from our own journal. Borrowed. */
struct tail_item item_of(const struct journal_item *item);
void position_at(const struct core *core, const struct tail_item *item, struct position *position);

/* False when the entry is not for this node. What it may not receive now becomes a stub. */
bool part_make(struct core *core, const struct node *node, const struct tail_item *item, struct part *part);

/* The caller sets `upto`. */
void batch_start(struct batch *batch, uint64_t after);
bool batch_has_room(const struct batch *batch, const struct part *part);
void batch_add(struct core *core, struct batch *batch, const struct part *part);
void batch_encode(struct core *core, struct batch *batch);
/* Nodes that get the same piece with the same entries share one encoding. */
void batch_encode_once(struct core *core, struct shared *shared, struct batch *batch);
/* Counts and logs a batch that is handed over, and notes what it withholds. */
void batch_record(struct core *core, struct node *node, const struct batch *batch);

#endif
