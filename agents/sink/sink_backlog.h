/* sink_backlog - what sinks told the loop, kept until the store takes it: what they say of an erasure stands nowhere
 * else. Of one thread. */
#ifndef SIMPUL_SINK_BACKLOG_H
#define SIMPUL_SINK_BACKLOG_H

#include "agents/store/store.h"
#include "common/mailbox.h"

struct sink_backlog {
	struct letter *first; /* of struct sink_letter, the oldest first; NULL: nothing waits */
};

/* Stores all that waits and then `fresh` (NULL: nothing new), which it takes over. After a failure all of it waits for
 * the next call. `*erasures`: some of what is stored now is about erasures. */
enum error sink_backlog_store(struct sink_backlog *backlog, struct store *store, struct letter *fresh, bool *erasures,
			      struct fault *fault);
void sink_backlog_free(struct sink_backlog *backlog);

#endif
