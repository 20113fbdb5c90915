/* tail - a ring of the newest entries that drops the oldest when it holds too many bytes. */
#include "broker/core/tail.h"
#include "common/limit.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256 };

void tail_start(struct tail *tail, const struct position *base)
{
	*tail = (struct tail){.base = *base};
}

static size_t item_bytes(const struct tail_item *item)
{
	return sizeof(*item) + item->lead.capacity + item->content.capacity + item->routing.capacity;
}

static void drop_first(struct tail *tail)
{
	struct tail_item *item = &tail->ring[tail->first];

	tail->base.entry = item->entry;
	tail->base.head = item->head;
	tail->bytes -= item_bytes(item);
	buffer_free(&item->lead);
	buffer_free(&item->content);
	buffer_free(&item->routing);
	tail->first = (tail->first + 1) % tail->capacity;
	tail->count--;
}

void tail_free(struct tail *tail)
{
	while (tail->count > 0)
		drop_first(tail);
	free(tail->ring);
	*tail = (struct tail){0};
}

static void grow(struct tail *tail)
{
	const size_t capacity = tail->capacity == 0 ? FIRST_CAPACITY : tail->capacity * 2;
	struct tail_item *ring = memory_zero(capacity, sizeof(*ring));

	for (size_t i = 0; i < tail->count; i++)
		ring[i] = tail->ring[(tail->first + i) % tail->capacity];
	free(tail->ring);
	tail->ring = ring;
	tail->capacity = capacity;
	tail->first = 0;
}

void tail_add(struct tail *tail, struct tail_item *item)
{
	const size_t size = item_bytes(item);

	while (tail->count > 0 && tail->bytes + size > LIMIT_TAIL)
		drop_first(tail);
	if (tail->count == tail->capacity)
		grow(tail);
	tail->ring[(tail->first + tail->count) % tail->capacity] = *item;
	tail->count++;
	tail->bytes += size;
	item->lead = item->content = item->routing = (struct buffer){0};
}

void tail_forget(struct tail *tail, uint64_t entry)
{
	while (tail->count > 0 && tail->base.entry < entry)
		drop_first(tail);
}

const struct tail_item *tail_at(const struct tail *tail, uint64_t entry)
{
	if (entry <= tail->base.entry || entry - tail->base.entry > tail->count)
		return NULL;
	return &tail->ring[(tail->first + (size_t)(entry - tail->base.entry - 1)) % tail->capacity];
}

bool tail_head(const struct tail *tail, uint64_t entry, struct hash *head)
{
	const struct tail_item *item = tail_at(tail, entry);

	if (item)
		*head = item->head;
	else if (entry == tail->base.entry)
		*head = tail->base.head;
	else if (entry == 0)
		memset(head, 0, sizeof(*head));
	else
		return false;
	return true;
}
