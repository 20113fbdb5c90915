/* turn - queues of nodes in the order in which something last happened to them, so that a tick looks only at those that
 * are due.
 *
 * Intrusive: a node stands in a queue with a `struct turn` of its own. A queue is a turn that stands for no node. */
#ifndef SIMPUL_TURN_H
#define SIMPUL_TURN_H

#include <stdbool.h>

struct turn {
	struct turn *before, *after; /* NULL: stands in no queue */
};

void turn_queue_init(struct turn *queue);
/* Puts it at the end, also when it stood elsewhere in the queue. */
void turn_last(struct turn *queue, struct turn *turn);
/* Takes it out, if it stands in a queue. */
void turn_leave(struct turn *turn);
/* Whose turn it is; NULL when nobody waits. */
struct turn *turn_first(const struct turn *queue);

#endif
