/* attack - a hostile program beside the exchange: a process of its own that runs one function until it is ended.
 *
 * It runs at the lowest priority, for on a machine of its own it would not take the broker's processor away. */
#ifndef SIMPUL_TEST_ATTACK_H
#define SIMPUL_TEST_ATTACK_H

#include "tests/support/exchange.h"

#define ATTACK_MARKS 4

struct attack {
	const struct exchange *x;
	size_t office;	       /* whose keys it has, or whose join file */
	uint64_t amount;       /* how many connections, frames, topics */
	struct bytes captured; /* what it says again */
	uint64_t *done;	       /* counts what it did; read by the test while it runs */
	uint64_t *marks;       /* times of its own, in the same memory */
	pid_t pid;
};

/* `run` may return; the process then waits for its end. */
void attack_start(struct attack *attack, void (*run)(struct attack *attack));
/* Waits until it has done so much; false when it does not get there. */
bool attack_done(struct attack *attack, uint64_t amount, int seconds);
/* Ends it; returns what it did. */
uint64_t attack_end(struct attack *attack);
/* As many descriptors as may be had. */
void attack_raise_descriptors(void);

#endif
