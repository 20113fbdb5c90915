/* log_feed - hands log lines to operators who follow them on this machine, over an ipc PUB socket of mode 0660, and keeps
 * them in a ring for those who follow from afar (watch.h).
 *
 * Lines come from any thread and are put into a mailbox; only the loop's thread touches socket and ring. Two frames: the
 * level's number as one byte, the line. */
#ifndef SIMPUL_LOG_FEED_H
#define SIMPUL_LOG_FEED_H

#include "broker/serve/log_ring.h"
#include "common/error.h"

struct log_feed;

/* Binds `path` and begins to copy the log. */
enum error log_feed_new(struct log_feed **feed, void *context, const char *path, const char *group,
			struct fault *fault);
/* Ends the copying, then closes. */
void log_feed_free(struct log_feed *feed);
int log_feed_fd(const struct log_feed *feed); /* readable when lines are waiting */
void log_feed_send(struct log_feed *feed);
struct log_ring *log_feed_ring(const struct log_feed *feed);

#endif
