/* bucket - counts tokens in thousandths, so that a millisecond at a rate of one a second is one. */
#include "broker/core/bucket.h"

void bucket_fill(struct bucket *bucket, const struct bucket_size *size)
{
	bucket->tokens = (int64_t)size->most * 1000;
}

bool bucket_take(struct bucket *bucket, const struct bucket_size *size, uint64_t cost, steady_ms now, uint64_t *wait)
{
	const int64_t full = (int64_t)size->most * 1000;
	const int64_t needed = cost < size->most ? (int64_t)cost * 1000 : full;
	const uint64_t gone = now > bucket->filled ? now - bucket->filled : 0;

	if (size->rate == 0)
		return true;
	bucket->filled = now;
	bucket->tokens += (int64_t)(gone < DAY_MS ? gone : DAY_MS) * size->rate;
	if (bucket->tokens > full)
		bucket->tokens = full;
	if (bucket->tokens < needed) {
		*wait = (uint64_t)(needed - bucket->tokens) / size->rate + 1;
		return false;
	}
	bucket->tokens -= (int64_t)cost * 1000;
	return true;
}

void bucket_charge(struct bucket *bucket, uint64_t cost)
{
	bucket->tokens -= (int64_t)cost * 1000;
}
