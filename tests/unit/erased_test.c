/* Tries to get a page that holds what was erased since it was read, and to have one read again that does not. */
#include "broker/core/erased.h"
#include "broker/serve/reader.h"
#include "common/memory.h"
#include "tests/support/core_expect.h"
#include "tests/support/journaled_world.h"

#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define HEAD JOURNALED_HEAD
#define FIRST (HEAD + 1)

/* ---------------------------------------------------------------------------- pages and erasures */

static void a_page_is_stale_when_it_holds_what_was_erased_after_it(void **state)
{
	struct journal_item items[] = {{.entry = 10}, {.entry = 20}, {.entry = 30}, {.entry = 41}};
	const struct journal_page page = {.items = items, .count = sizeof(items) / sizeof(items[0])}, empty = {0};
	static const uint64_t others[] = {1, 9, 11, 25, 40, 42, UINT64_MAX};
	struct erased *erased = memory_zero(1, sizeof(*erased));

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		erased_note(erased, others[i]);
	assert_false(erased_in_page(erased, 0, &page));
	for (size_t i = 0; i < page.count; i++) {
		const uint64_t before = erased->count;

		erased_note(erased, items[i].entry);
		assert_true(erased_in_page(erased, before, &page));
		assert_false(erased_in_page(erased, before + 1, &page));
		assert_false(erased_in_page(erased, 0, &empty));
	}
	free(erased);
}

static void a_page_from_before_what_is_remembered_counts_as_stale(void **state)
{
	struct journal_item item = {.entry = 10};
	const struct journal_page page = {.items = &item, .count = 1};
	struct erased *erased = memory_zero(1, sizeof(*erased));

	(void)state;
	erased_note(erased, item.entry);
	for (uint64_t i = 0; i < ERASED_KEPT; i++)
		erased_note(erased, 1000 + i);
	assert_true(erased_in_page(erased, 0, &page));
	assert_false(erased_in_page(erased, 1, &page));
	free(erased);
}

/* ---------------------------------------------------------------------------- a node that catches up */

static void erase(Simpul__Header *header, size_t index)
{
	(void)index;
	header->erase = true;
}

/* A reader has read the page of the army, which holds the first report, when the second one is taken back. */
static void page_read_before(struct world *world, const char *to_second, struct core_event *answered)
{
	world_accepts(world, (struct speech){.node = POLICE});
	world_accepts(world, (struct speech){.node = POLICE, .first = 2, .to = {to_second}});
	world_restart(world);
	world_hello(world, POLICE, HEAD);
	world_hello(world, ARMY, HEAD);
	world_read(world);
	world_fetch(world, ARMY, HEAD);
	*answered = (struct core_event){.type = CORE_READ_DONE, .read = world->reads};
	world->reads = NULL;
	question_answer(answered->read, world->reader);
	world_accepts(world, (struct speech){.node = POLICE,
					     .first = 3,
					     .kind = SIMPUL__KIND__KIND_CANCEL,
					     .reference = 2,
					     .spoil_header = erase});
	world_tick(world, 10);
	world_read(world); /* what is due */
	world_commit(world, E_OK);
	assert_true(world_logged(world, "bodies.erased"));
	world_forget(world);
}

static void what_was_erased_elsewhere_does_not_hold_up_who_catches_up(void **state)
{
	struct world *world = journaled_world(state);
	struct core_event answered;

	page_read_before(world, "immigration", &answered);
	world_step(world, &answered);
	assert_null(world->reads);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->n_entries, 1);
}

static void what_was_erased_in_the_page_is_read_again(void **state)
{
	struct world *world = journaled_world(state);
	struct core_event answered;
	const Simpul__Batch *batch;

	page_read_before(world, "army", &answered);
	world_step(world, &answered);
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	world_read(world);
	batch = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch;
	assert_int_equal(batch->entries[1]->entry, FIRST + 1);
	assert_int_equal(batch->entries[0]->delivery->reports[0]->body_hash.len, 0);
	assert_int_equal(batch->entries[1]->delivery->reports[0]->body_hash.len, HASH_SIZE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, journaled_setup, journaled_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_stale_when_it_holds_what_was_erased_after_it),
		cmocka_unit_test(a_page_from_before_what_is_remembered_counts_as_stale),
		TEST(what_was_erased_elsewhere_does_not_hold_up_who_catches_up),
		TEST(what_was_erased_in_the_page_is_read_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
