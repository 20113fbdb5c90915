/* turn - rings of nodes: the longest untouched stands first. */
#include "broker/core/turn.h"
#include <stddef.h>

void turn_queue_init(struct turn *queue)
{
	queue->before = queue->after = queue;
}

void turn_leave(struct turn *turn)
{
	if (!turn->after)
		return;
	turn->before->after = turn->after;
	turn->after->before = turn->before;
	turn->before = turn->after = NULL;
}

void turn_last(struct turn *queue, struct turn *turn)
{
	turn_leave(turn);
	turn->before = queue->before;
	turn->after = queue;
	queue->before->after = turn;
	queue->before = turn;
}

struct turn *turn_first(const struct turn *queue)
{
	return queue->after == queue ? NULL : queue->after;
}
