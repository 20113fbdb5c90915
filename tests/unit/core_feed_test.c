/* Tries to be given more than the window, to skip what was missed and to acknowledge what never came. */
#include "tests/support/core_expect.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void what_is_pushed_and_not_acknowledged_stays_within_the_window(void **state)
{
	struct world *world = *state;
	uint64_t first = 1, last_pushed = 0;
	size_t bytes = 0;
	bool told = false;

	while (world_node(world, ARMY).live && first < 4000) {
		world_accepts(world, (struct speech){.node = POLICE, .first = first, .count = 40, .summary = 4000});
		first += 40;
		for (size_t i = 0; i < world_count(world, ACTION_PUBLISH); i++) {
			if (strcmp(world_find(world, ACTION_PUBLISH, i)->node, "army.oku") != 0)
				continue;
			told = world_find(world, ACTION_PUBLISH, i)->head.after == world->position.entry;
			if (told)
				continue;
			bytes += world_find(world, ACTION_PUBLISH, i)->size;
			last_pushed = world_find(world, ACTION_PUBLISH, i)->head.upto;
		}
		world_ack(world, IMMIGRATION, world->position.entry);
	}
	assert_in_range(bytes, LIMIT_WINDOW - 200 * 1024, LIMIT_WINDOW);
	assert_true(world_logged(world, "feed.behind node=army.oku"));
	assert_true(told); /* at once that it must fetch */
	assert_int_equal(world_node(world, ARMY).queued_bytes, bytes);
	assert_true(world_node(world, IMMIGRATION).live); /* the slow one costs the other nothing */
	world_forget(world);
	world_tick(world, LIMIT_HEARTBEAT_MS);
	for (size_t i = 0; i < world_count(world, ACTION_PUBLISH); i++)
		if (strcmp(world_find(world, ACTION_PUBLISH, i)->node, "army.oku") == 0) {
			assert_int_equal(world_find(world, ACTION_PUBLISH, i)->head.after, world->position.entry);
			assert_int_equal(world_find(world, ACTION_PUBLISH, i)->head.upto, world->position.entry);
		}
	world_fetch(world, ARMY, last_pushed);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->n_entries, 1);
	assert_true(world_node(world, ARMY).live);
	assert_int_equal(world_node(world, ARMY).queued_bytes, 0);
}

static void a_fetch_of_much_comes_in_batches_within_the_limit(void **state)
{
	struct world *world = *state;
	uint64_t cursor = FIRST_ENTRY - 1, entries = 0;
	const Simpul__Batch *batch;
	int fetches = 0;

	for (uint64_t i = 0; i < 10; i++)
		world_accepts(world,
			      (struct speech){.node = POLICE, .first = 1 + i * 40, .count = 40, .summary = 4000});
	while (cursor < world->position.entry && fetches++ < 20) {
		world_forget(world);
		world_fetch(world, ARMY, cursor);
		batch = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch;
		entries += batch->n_entries;
		cursor = batch->upto->entry;
		assert_int_equal(batch->last, world_node(world, ARMY).live);
	}
	assert_int_equal(entries, 10);
	assert_in_range(fetches, 3, 5);
	assert_true(world_node(world, ARMY).live);
}

/* Where the last answer to FETCH led. */
static uint64_t fetched_upto(struct world *world)
{
	const Simpul__Down *down = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH);

	assert_non_null(down);
	return down->batch->upto->entry;
}

static void the_next_batch_may_be_fetched_while_one_is_stored_but_no_more(void **state)
{
	struct world *world = *state;
	const uint64_t start = FIRST_ENTRY - 1;
	uint64_t first, second;

	for (uint64_t i = 0; i < 12; i++)
		world_accepts(world,
			      (struct speech){.node = POLICE, .first = 1 + i * 40, .count = 40, .summary = 4000});
	world_forget(world);
	world_fetch(world, ARMY, start);
	first = fetched_upto(world);
	world_forget(world);
	world_fetch_ahead(world, ARMY, start, first);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->after, first);
	second = fetched_upto(world);
	assert_true(second > first);
	assert_int_equal(world_node(world, ARMY).cursor, start); /* what is fetched ahead is not acknowledged */
	world_forget(world);
	world_fetch_ahead(world, ARMY, start, second); /* two are unstored */
	assert_int_equal(world_refusal(world), E_BUSY);
	world_forget(world);
	world_fetch_ahead(world, ARMY, first, world->position.entry + 1);
	assert_int_equal(world_refusal(world), E_INVALID);
	world_forget(world);
	world_fetch_ahead(world, ARMY, first, second); /* the first one is stored */
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->after, second);
	assert_int_equal(world_node(world, ARMY).cursor, first);
}

static void a_commit_larger_than_a_batch_goes_out_in_several(void **state)
{
	struct world *world = *state;
	uint64_t upto = FIRST_ENTRY - 1;
	size_t pushes;

	for (uint64_t i = 0; i < 4; i++)
		world_say(world, &(struct speech){.node = POLICE, .first = 1 + i * 45, .count = 45, .summary = 4000});
	world_commit(world, E_OK);
	pushes = world_count(world, ACTION_PUBLISH) / 2;
	assert_in_range(pushes, 2, 3);
	for (size_t i = 0; i < pushes; i++) {
		const struct event_seen *push = world_find(world, ACTION_PUBLISH, i);

		assert_int_equal(push->head.after, upto);
		assert_int_equal(push->head.counter, i + 1);
		assert_false(push->batch->last); /* which is said of answers to FETCH */
		upto = push->head.upto;
	}
	assert_int_equal(upto, world->position.entry);
}

static void a_node_fetches_one_page_at_a_time(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE});
	world_restart(world);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	world_read(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_BUSY);
	assert_true(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->refusal->expected > 0);
	world_read(world);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->n_entries, 1);
	assert_true(world_node(world, ARMY).live);
}

static void who_fetches_without_reading_is_answered_once_a_second(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE});
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_BUSY);
	world_tick(world, 1000);
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	world_fetch(world, ARMY, FIRST_ENTRY); /* it has read */
	assert_int_equal(world_refusal(world), E_OK);
}

static void after_a_restart_the_head_of_a_hello_is_read_and_must_match(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE});
	world_restart(world);
	world_greet(world, ARMY, 0, NULL);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME)); /* at the head, which is known */
	world_forget(world);
	world_hello(world, IMMIGRATION, FIRST_ENTRY - 1);
	assert_int_equal(world->seen_count, 1);
	world_hello(world, IMMIGRATION, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_BUSY);
	world_read(world);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
	world_forget(world);
	world->records[FIRST_ENTRY - 1].head.bytes[0] ^= 1; /* the agent's head */
	world_hello(world, IMMIGRATION, FIRST_ENTRY - 1);
	world->records[FIRST_ENTRY - 1].head.bytes[0] ^= 1;
	world_read(world);
	assert_int_equal(world_refusal(world), E_HISTORY_DIFFERS);
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
}

static void an_acknowledgement_of_what_was_never_handed_over_ends_the_session(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE, .to = {"army.oku"}});
	world_forget(world);
	world_ack(world, IMMIGRATION, FIRST_ENTRY);
	assert_int_equal(world_refusal(world), E_HISTORY_DIFFERS);
	assert_false(world_node(world, IMMIGRATION).connected);
	world->records[FIRST_ENTRY].head.bytes[3] ^= 1;
	world_forget(world);
	world_ack(world, ARMY, FIRST_ENTRY);
	world->records[FIRST_ENTRY].head.bytes[3] ^= 1;
	assert_int_equal(world_refusal(world), E_HISTORY_DIFFERS);
	assert_false(world_node(world, ARMY).connected);
	assert_int_equal(world_node(world, ARMY).cursor, FIRST_ENTRY - 1);
}

static void an_acknowledgement_without_a_head_ends_the_session(void **state)
{
	struct world *world = *state;
	Simpul__Position cursor = SIMPUL__POSITION__INIT;
	Simpul__Ack ack = SIMPUL__ACK__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;

	cursor.incarnation = 1;
	cursor.entry = FIRST_ENTRY - 1;
	ack.cursor = &cursor;
	up.message_case = SIMPUL__UP__MESSAGE_ACK;
	up.ack = &ack;
	world_forget(world);
	world_up(world, ARMY, 0, &up);
	assert_int_equal(world_refusal(world), E_INVALID);
	assert_false(world_node(world, ARMY).connected);
}

static void an_acknowledgement_is_kept_and_cannot_be_taken_back(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE});
	world_forget(world);
	world_ack(world, ARMY, FIRST_ENTRY);
	assert_int_equal(world_find(world, ACTION_CURSOR, 0)->entry, FIRST_ENTRY);
	assert_int_equal(world_node(world, ARMY).queued_bytes, 0);
	assert_true(world_logged(world, "cursor.advanced node=army.oku entry=6"));
	world_forget(world);
	world_ack(world, ARMY, FIRST_ENTRY);
	assert_int_equal(world_count(world, ACTION_CURSOR), 0);
	world_ack(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_HISTORY_DIFFERS);
}

static void a_heartbeat_moves_the_cursor_over_what_was_not_for_the_node(void **state)
{
	struct world *world = *state;
	const struct event_seen *beat = NULL;

	world_accepts(world, (struct speech){.node = POLICE, .to = {"army.oku"}});
	assert_int_equal(world_count(world, ACTION_PUBLISH), 1);
	world_forget(world);
	world_tick(world, LIMIT_HEARTBEAT_MS - 1);
	assert_int_equal(world_count(world, ACTION_PUBLISH), 0);
	world_tick(world, LIMIT_HEARTBEAT_MS / 8);
	assert_int_equal(world_count(world, ACTION_PUBLISH), 3);
	for (size_t i = 0; !beat || strcmp(beat->node, "immigration.muara-enim") != 0; i++)
		beat = world_find(world, ACTION_PUBLISH, i);
	assert_int_equal(beat->head.after, FIRST_ENTRY - 1);
	assert_int_equal(beat->head.upto, FIRST_ENTRY);
	assert_int_equal(beat->batch->n_entries, 0);
	assert_false(world_logged(world, "batch.sent"));
	world_ack(world, IMMIGRATION, FIRST_ENTRY);
	assert_int_equal(world_refusal(world), E_OK);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_pushed_and_not_acknowledged_stays_within_the_window),
		TEST(a_fetch_of_much_comes_in_batches_within_the_limit),
		TEST(the_next_batch_may_be_fetched_while_one_is_stored_but_no_more),
		TEST(a_commit_larger_than_a_batch_goes_out_in_several),
		TEST(a_node_fetches_one_page_at_a_time),
		TEST(who_fetches_without_reading_is_answered_once_a_second),
		TEST(after_a_restart_the_head_of_a_hello_is_read_and_must_match),
		TEST(an_acknowledgement_of_what_was_never_handed_over_ends_the_session),
		TEST(an_acknowledgement_without_a_head_ends_the_session),
		TEST(an_acknowledgement_is_kept_and_cannot_be_taken_back),
		TEST(a_heartbeat_moves_the_cursor_over_what_was_not_for_the_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
