/* log_ring - pointers to lines in an array that is used in a circle and doubled when it is full. */
#include "broker/serve/log_ring.h"

#include "common/limit.h"
#include "common/memory.h"
#include <stdlib.h>

#define CAPACITY_LEAST 256 /* a power of two */

struct log_ring {
	struct log_line **lines; /* by number, modulo the capacity */
	size_t capacity;	 /* a power of two */
	uint64_t first, next;
	size_t bytes; /* of all lines, with what is around them */
};

static struct log_line **place_of(const struct log_ring *ring, uint64_t number)
{
	return &ring->lines[number & (ring->capacity - 1)];
}

static size_t cost_of(const struct log_line *line)
{
	return sizeof(line) + sizeof(*line) + line->size;
}

struct log_ring *log_ring_new(void)
{
	struct log_ring *ring = memory_zero(1, sizeof(*ring));

	ring->capacity = CAPACITY_LEAST;
	ring->lines = memory_zero(ring->capacity, sizeof(*ring->lines));
	ring->first = ring->next = 1;
	return ring;
}

static void oldest_drop(struct log_ring *ring)
{
	struct log_line *line = *place_of(ring, ring->first++);

	ring->bytes -= cost_of(line);
	free(line);
}

void log_ring_free(struct log_ring *ring)
{
	if (ring == NULL)
		return;
	while (ring->first < ring->next)
		oldest_drop(ring);
	free(ring->lines);
	free(ring);
}

static void grow(struct log_ring *ring)
{
	struct log_ring larger = *ring;

	larger.capacity = ring->capacity * 2;
	larger.lines = memory_zero(larger.capacity, sizeof(*larger.lines));
	for (uint64_t number = ring->first; number < ring->next; number++)
		*place_of(&larger, number) = *place_of(ring, number);
	free(ring->lines);
	*ring = larger;
}

void log_ring_put(struct log_ring *ring, struct log_line *line)
{
	if (ring->next - ring->first == ring->capacity)
		grow(ring);
	*place_of(ring, ring->next++) = line;
	ring->bytes += cost_of(line);
	while (ring->bytes > LIMIT_LOG_RING)
		oldest_drop(ring);
	log_ring_expire(ring, line->at);
}

void log_ring_expire(struct log_ring *ring, steady_ms now)
{
	while (ring->first < ring->next && (*place_of(ring, ring->first))->at + LIMIT_LOG_RING_MS < now)
		oldest_drop(ring);
}

uint64_t log_ring_first(const struct log_ring *ring)
{
	return ring->first;
}

uint64_t log_ring_next(const struct log_ring *ring)
{
	return ring->next;
}

const struct log_line *log_ring_at(const struct log_ring *ring, uint64_t number)
{
	return *place_of(ring, number);
}
