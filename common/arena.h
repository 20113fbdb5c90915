/* arena - memory for one decoded message, given back all at once.
 *
 * Used as the allocator of protobuf-c: unpacking 256 reports is a thousand small allocations, and a
 * bump pointer costs a few nanoseconds for each. Not for more than one thread at a time. */
#ifndef SIMPUL_ARENA_H
#define SIMPUL_ARENA_H

#include "common/bytes.h"
#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

struct arena {
	struct arena_block *first;   /* newest block */
	size_t used;		     /* in the newest block */
	ProtobufCAllocator protobuf; /* pass &arena.protobuf to *__unpack; never call *__free_unpacked */
};

void arena_init(struct arena *arena);
void *arena_alloc(struct arena *arena, size_t size); /* aligned for any type, uninitialised */
char *arena_text(struct arena *arena, const char *text);
struct bytes arena_bytes(struct arena *arena, struct bytes bytes); /* a copy; never at NULL */
/* Everything that was allocated becomes invalid, and is overwritten; one block is kept for the next use. */
void arena_reset(struct arena *arena);
void arena_fini(struct arena *arena);

#endif
