/* watch - answers watchers, who follow the log from afar, out of the ring (PROTOCOL.md, "The log").
 *
 * A watcher has one question open at a time: what comes after this line? It is answered with what the ring has, or waits
 * until there is something. So nothing is ever queued for a watcher that does not ask: one that is slow or stops costs an
 * answer, and finds out from the number of the next line how many it missed. A key has at most GUARD_KEY_MOST questions open,
 * over as many connections: one that comes back again and again takes no other watcher's place. */
#ifndef SIMPUL_WATCH_H
#define SIMPUL_WATCH_H

#include "broker/core/core.h"
#include "broker/serve/guard.h"
#include "broker/serve/log_ring.h"
#include "broker/settings/watchers.h"

#define WATCH_QUEUED 2 /* answers that may wait to leave for a watcher: ZMQ_SNDHWM */

struct watch;

/* `socket` is a ROUTER that the caller closes after watch_free; all must outlive the watch. */
struct watch_parts {
	void *socket;
	struct guard *guard;
	const struct core *core;
	const struct watchers *watchers;
	const struct log_ring *ring;
};
struct watch *watch_new(const struct watch_parts *parts);
void watch_free(struct watch *watch); /* NULL is allowed */
/* Takes questions that are waiting, at most a bounded number, and answers those that can be answered. */
enum pollset_result watch_take(struct watch *watch, steady_ms now);
/* Answers whoever waits: there are new lines. */
void watch_answer(struct watch *watch);
/* Signs of life to those who wait, and the end of those who ask no more; call it often. */
void watch_tick(struct watch *watch, steady_ms now);

#endif
