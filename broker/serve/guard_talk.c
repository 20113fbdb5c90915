/* guard_talk - a bucket for each office; there are no more of them than members. */
#include "broker/serve/guard_talk.h"

#include "common/memory.h"
#include <stdlib.h>

static void bucket_free(void **item)
{
	free(*item);
	*item = NULL;
}

void talk_init(struct talk *talk, const struct bucket_size *limits)
{
	talk->limits = *limits;
	talk->by_node = zhashx_new();
	zhashx_set_destructor(talk->by_node, bucket_free);
}

void talk_clear(struct talk *talk)
{
	zhashx_destroy(&talk->by_node);
}

bool talk_allows(struct talk *talk, const char *node, steady_ms now)
{
	struct bucket *bucket = zhashx_lookup(talk->by_node, node);
	uint64_t wait;

	if (bucket == NULL) {
		bucket = memory_zero(1, sizeof(*bucket));
		bucket_fill(bucket, &talk->limits);
		zhashx_insert(talk->by_node, node, bucket);
	}
	return bucket_take(bucket, &talk->limits, TALK_PIECE, now, &wait);
}
