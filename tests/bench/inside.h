/* inside - a broker without sockets and threads: its core and its journal in this process, every step by hand.
 *
 * For finding out what one step costs. Members are a sender and receivers as in an exchange of the benchmark; the
 * receivers acknowledge at once. */
#ifndef SIMPUL_BENCH_INSIDE_H
#define SIMPUL_BENCH_INSIDE_H

#include "broker/core/core.h"
#include "common/keys.h"
#include "tests/bench/bench.h"

struct inside {
	char folder[64];
	struct journal_options journal_options;
	struct core_options options;
	struct signing_key authority;
	struct node_keys keys[RECEIVERS_MOST + 1]; /* the sender first */
	struct member sender;
	size_t members;
	struct journal *journal;
	struct core *core;
	struct journal_append *first, **last; /* handed over, not committed */
};

/* Ends the program with a message when anything fails. */
void inside_open(struct inside *inside, size_t receivers);
void inside_close(struct inside *inside);

/* One step; appends are kept for inside_commit. The actions live until the next one. */
struct core_actions inside_step(struct inside *inside, const struct core_event *event);
/* A frame of member `index`. */
struct core_actions inside_say(struct inside *inside, size_t index, struct bytes frame);
/* Commits what was handed over; the core is not told. */
struct journal_append *inside_commit(struct inside *inside);
/* Receivers acknowledge everything. */
void inside_acknowledge(struct inside *inside);

#endif
