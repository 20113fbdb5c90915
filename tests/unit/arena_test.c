/* Tries to break what arena.h promises. */
#include "common/arena.h"
#include <stdbool.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void every_allocation_is_aligned_and_its_own(void **state)
{
	struct arena arena;
	uint8_t *kept[500];

	(void)state;
	arena_init(&arena);
	for (size_t i = 0; i < 500; i++) {
		kept[i] = arena_alloc(&arena, i);
		assert_int_equal((uintptr_t)kept[i] % _Alignof(max_align_t), 0);
		memset(kept[i], (int)(i % 251), i);
	}
	for (size_t i = 0; i < 500; i++)
		for (size_t k = 0; k < i; k++)
			assert_int_equal(kept[i][k], i % 251);
	arena_fini(&arena);
}

static void no_size_reaches_beyond_its_block(void **state)
{
	(void)state;
	for (size_t size = 1; size < 200; size++) {
		struct arena arena;

		arena_init(&arena);
		for (size_t used = 0; used < 100 * 1000; used += size)
			memset(arena_alloc(&arena, size), 1, size);
		arena_fini(&arena);
	}
}

static void an_allocation_larger_than_a_block_fits(void **state)
{
	struct arena arena;
	char *small, *large;

	(void)state;
	arena_init(&arena);
	small = arena_text(&arena, "police.oku");
	large = arena_alloc(&arena, 5 * 1024 * 1024);
	memset(large, 'x', 5 * 1024 * 1024);
	assert_string_equal(small, "police.oku");
	assert_string_equal(arena_text(&arena, ""), "");
	arena_fini(&arena);
}

static void a_reset_keeps_one_block_and_uses_it_again(void **state)
{
	struct arena arena;
	void *first;

	(void)state;
	arena_init(&arena);
	arena_reset(&arena);
	for (int i = 0; i < 100; i++)
		arena_alloc(&arena, 1000);
	arena_reset(&arena);
	first = arena_alloc(&arena, 10);
	memset(first, 1, 10);
	arena_reset(&arena);
	assert_ptr_equal(arena_alloc(&arena, 10), first);
	arena_fini(&arena);
	arena_fini(&arena);
}

static void protobuf_allocates_from_it_and_frees_nothing(void **state)
{
	struct arena arena;
	char *text;

	(void)state;
	arena_init(&arena);
	text = arena.protobuf.alloc(arena.protobuf.allocator_data, 4);
	memcpy(text, "abc", 4);
	arena.protobuf.free(arena.protobuf.allocator_data, text);
	assert_string_equal(text, "abc");
	arena_fini(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_is_aligned_and_its_own),
		cmocka_unit_test(no_size_reaches_beyond_its_block),
		cmocka_unit_test(an_allocation_larger_than_a_block_fits),
		cmocka_unit_test(a_reset_keeps_one_block_and_uses_it_again),
		cmocka_unit_test(protobuf_allocates_from_it_and_frees_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
