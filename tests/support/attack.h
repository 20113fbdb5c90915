/* attack - a hostile program beside the exchange: a process of its own that runs one function until it is ended.
 *
 * It runs at the lowest priority, for on a machine of its own it would not take the broker's processor away; a test that
 * asks it for times of its own has it run at the usual one. */
#ifndef SIMPUL_TEST_ATTACK_H
#define SIMPUL_TEST_ATTACK_H

#include "tests/support/exchange.h"

#define ATTACK_MARKS 4

struct attack {
	const struct exchange *x;
	size_t office;	       /* whose keys it has, or whose join file */
	uint64_t amount;       /* how many connections, frames, topics */
	struct bytes captured; /* what it says again */
	bool has_priority;     /* runs at the test's own */
	uint64_t *done;	       /* counts what it did; read by the test while it runs */
	uint64_t *turns;       /* counts what it tried: grows as long as it attacks at all */
	uint64_t *marks;       /* times of its own, in the same memory */
	pid_t pid;
	bool was_alive; /* until attack_end */
};

/* `run` may return; the process then waits for its end. */
void attack_start(struct attack *attack, void (*run)(struct attack *attack));
/* Waits until it has done so much; false when it does not get there. */
bool attack_done(struct attack *attack, uint64_t amount, int seconds);
uint64_t attack_turns(const struct attack *attack);
/* Ends it; returns what it did, and says in was_alive whether it had ended by itself. */
uint64_t attack_end(struct attack *attack);
/* As many descriptors as may be had. */
void attack_raise_descriptors(void);

#endif
