/* bucket - how much of something a node may still do: fills up with time, is emptied by what the node does. */
#ifndef SIMPUL_BUCKET_H
#define SIMPUL_BUCKET_H

#include "common/clock.h"
#include <stdbool.h>

/* What a kind of bucket holds: `rate` tokens come back a second, `most` are kept. */
struct bucket_size {
	uint32_t rate, most;
};

/* Tokens in thousandths; may fall below zero, so that what costs more than a full bucket can pass. */
struct bucket {
	int64_t tokens;
	steady_ms filled;
};

void bucket_fill(struct bucket *bucket, const struct bucket_size *size);
/* Takes `cost` tokens (of a size with rate 0: none) or, with too few, says in how many milliseconds there are enough.
 */
bool bucket_take(struct bucket *bucket, const struct bucket_size *size, uint64_t cost, steady_ms now, uint64_t *wait);
/* Takes what was used up already. */
void bucket_charge(struct bucket *bucket, uint64_t cost);

#endif
