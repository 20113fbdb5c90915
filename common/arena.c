/* arena - a bump allocator over a short list of growing blocks. */
#include "common/arena.h"
#include "common/memory.h"
#include <assert.h>
#include <sanitizer/asan_interface.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 16 * 1024, LARGEST_STEP = 1024 * 1024 };

#define ALIGNMENT _Alignof(max_align_t)

struct arena_block {
	struct arena_block *older;
	size_t size;
	_Alignas(max_align_t) uint8_t data[];
};

static void *protobuf_alloc(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void protobuf_free(void *arena, void *pointer)
{
	(void)arena;
	(void)pointer;
}

void arena_init(struct arena *arena)
{
	*arena = (struct arena){
		.protobuf = {.alloc = protobuf_alloc, .free = protobuf_free, .allocator_data = arena},
	};
}

/* Blocks double, so that a large message costs few of them. Unused bytes are poisoned: under the address
 * sanitizer a reach beyond an allocation, or into one from before a reset, is caught. */
static void block_add(struct arena *arena, size_t needed)
{
	size_t size = arena->first == NULL ? FIRST_BLOCK : arena->first->size * 2;
	struct arena_block *block;

	if (size > LARGEST_STEP)
		size = LARGEST_STEP;
	if (size < needed)
		size = needed;
	block = memory_alloc(sizeof(*block) + size);
	block->older = arena->first;
	block->size = size;
	ASAN_POISON_MEMORY_REGION(block->data, size);
	arena->first = block;
	arena->used = 0;
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size_t taken;
	void *memory;

	if (size > SIZE_MAX / 2)
		return memory_alloc(size); /* cannot be had: ends the program */
	taken = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
	if (arena->first == NULL || taken > arena->first->size - arena->used)
		block_add(arena, taken);
	/* Unpoisoning below would hide a reach beyond the block from the sanitizer. */
	assert(taken <= arena->first->size - arena->used);
	memory = arena->first->data + arena->used;
	ASAN_UNPOISON_MEMORY_REGION(memory, size);
	arena->used += taken;
	return memory;
}

char *arena_text(struct arena *arena, const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(arena_alloc(arena, size), text, size);
}

struct bytes arena_bytes(struct arena *arena, struct bytes bytes)
{
	uint8_t *copy = arena_alloc(arena, bytes.size + 1);

	if (bytes.size > 0)
		memcpy(copy, bytes.data, bytes.size);
	return BYTES(copy, bytes.size);
}

static void blocks_free(struct arena_block *block)
{
	while (block != NULL) {
		struct arena_block *older = block->older;

		ASAN_UNPOISON_MEMORY_REGION(block->data, block->size);
		free(block);
		block = older;
	}
}

/* What was in the block that is kept may have to be nowhere soon (common/forgetful.c sees to the others). */
void arena_reset(struct arena *arena)
{
	if (arena->first == NULL)
		return;
	ASAN_UNPOISON_MEMORY_REGION(arena->first->data, arena->used);
	explicit_bzero(arena->first->data, arena->used);
	arena->used = 0;
	blocks_free(arena->first->older);
	arena->first->older = NULL;
	ASAN_POISON_MEMORY_REGION(arena->first->data, arena->first->size);
}

void arena_fini(struct arena *arena)
{
	blocks_free(arena->first);
	arena->first = NULL;
	arena->used = 0;
}
