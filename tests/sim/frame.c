/* frame - makes frames and keeps those under way in order. */
#include "tests/sim/frame.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

struct frame *frame_new(size_t office, enum lane lane, struct bytes prefix, struct bytes rest)
{
	struct frame *frame = memory_zero(1, sizeof *frame + prefix.size + rest.size);

	frame->office = office;
	frame->lane = lane;
	frame->size = prefix.size + rest.size;
	if (prefix.size > 0)
		memcpy(frame->data, prefix.data, prefix.size);
	if (rest.size > 0)
		memcpy(frame->data + prefix.size, rest.data, rest.size);
	return frame;
}

static bool earlier(const struct frame *a, const struct frame *b)
{
	return a->at < b->at || (a->at == b->at && a->order < b->order);
}

void heap_put(struct heap *heap, struct frame *frame)
{
	size_t place = heap->count++;

	if (heap->count > heap->capacity) {
		heap->capacity = heap->capacity > 0 ? 2 * heap->capacity : 64;
		heap->frames = memory_grow(heap->frames, heap->capacity, sizeof(struct frame *));
	}
	for (; place > 0 && earlier(frame, heap->frames[(place - 1) / 2]); place = (place - 1) / 2)
		heap->frames[place] = heap->frames[(place - 1) / 2];
	heap->frames[place] = frame;
}

struct frame *heap_take(struct heap *heap)
{
	struct frame *first = heap->frames[0], *last = heap->frames[--heap->count];
	size_t place = 0, child;

	for (; (child = 2 * place + 1) < heap->count; place = child) {
		if (child + 1 < heap->count && earlier(heap->frames[child + 1], heap->frames[child]))
			child++;
		if (!earlier(heap->frames[child], last))
			break;
		heap->frames[place] = heap->frames[child];
	}
	heap->frames[place] = last;
	return first;
}

void heap_free(struct heap *heap)
{
	for (size_t i = 0; i < heap->count; i++)
		free(heap->frames[i]);
	free(heap->frames);
}
