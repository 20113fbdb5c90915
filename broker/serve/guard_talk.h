/* guard_talk - how much each office says: more messages than any can have are not worth reading. */
#ifndef SIMPUL_GUARD_TALK_H
#define SIMPUL_GUARD_TALK_H

#include "broker/core/bucket.h"
#include <czmq.h>

/* Messages of one office: sixteen submissions at a time and acknowledgements, at the pace of the fastest commits, are
 * some thousands a second. */
#define TALK_LIMITS \
	{ \
		.rate = 10000, .most = 20000 \
	}
/* Asked for at once, so that the clock is not asked for each. */
#define TALK_PIECE 256

struct talk {
	struct bucket_size limits;
	zhashx_t *by_node;
};

void talk_init(struct talk *talk, const struct bucket_size *limits);
void talk_clear(struct talk *talk);
/* Whether a connection of this office may say TALK_PIECE messages more. */
bool talk_allows(struct talk *talk, const char *node, steady_ms now);

#endif
