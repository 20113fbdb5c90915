/* core_erasure_test - runs core and journal together: what expired or was taken back must be gone in memory too, and
 * nothing may die of a clock that is wrong. */
#include "broker/core/core_state.h"
#include "common/memory.h"
#include "tests/support/core_expect.h"
#include "tests/support/holding.h"
#include "tests/support/journaled_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define HEAD JOURNALED_HEAD
#define FIRST (HEAD + 1)
#define LIFE (30 * DAY_MS) /* of what is said in this world */

/* So much later a tick comes, and whatever follows from it. */
static void later(struct world *world, uint64_t ms)
{
	world_forget(world);
	world_tick(world, ms);
	for (int i = 0; i < 4; i++) {
		world_read(world);
		if (world_queued(world) > 0)
			world_commit(world, E_OK);
		world_tick(world, 10);
	}
}

/* How many reports of the entry are whole in the batch that was sent last. */
static size_t whole_sent(struct world *world, uint64_t entry)
{
	const Simpul__Down *down = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH);
	size_t whole = 0;

	assert_non_null(down);
	for (size_t i = 0; i < down->batch->n_entries; i++)
		if (down->batch->entries[i]->entry == entry)
			for (size_t k = 0; k < down->batch->entries[i]->delivery->n_reports; k++)
				whole += down->batch->entries[i]->delivery->reports[k]->body.len > 0;
	return whole;
}

/* The same of what the node gets when it fetches everything. */
static size_t whole_in(struct world *world, size_t node, uint64_t entry)
{
	world_hello(world, node, HEAD);
	world_read(world);
	world_forget(world);
	world_fetch(world, node, HEAD);
	world_read(world);
	return whole_sent(world, entry);
}

static void what_expired_is_gone_from_memory_and_disk(void **state)
{
	struct world *world = journaled_world(state);

	later(world, 1000);
	world_accepts(world, (struct speech){.node = POLICE, .count = 2});
	later(world, LIFE - 10 * 60 * 1000);
	assert_int_equal(whole_in(world, ARMY, FIRST), 2);
	later(world, 20 * 60 * 1000);
	assert_true(world_logged(world, "bodies.erased"));
	assert_int_equal(whole_in(world, ARMY, FIRST), 0);
}

static bool journal_is_good(struct world *world)
{
	struct journal_verdict verdict;

	assert_int_equal(journal_verify(&world->journal_options, NULL, &verdict, NULL), E_OK);
	return verdict.bad_entry == 0;
}

/* Ten seconds after a report expired the clock is set back by thirty: what was due then is not, and a tombstone of now
 * would be damage for ever. */
static void clock_is_set_back(struct world *world, bool answered)
{
	later(world, 1000);
	world_accepts(world, (struct speech){.node = POLICE});
	world_tick(world, WORLD_START + LIFE + 10000 - world->now.wall);
	if (answered)
		world_read(world); /* what is due; the tombstone is on its way */
	world->now.wall -= 30000;
	world_read(world);
	if (world_queued(world) > 0)
		world_commit(world, E_OK);
	assert_int_equal(whole_in(world, ARMY, FIRST), 1);
	later(world, 60000);
	assert_true(world_logged(world, "bodies.erased"));
	assert_int_equal(whole_in(world, ARMY, FIRST), 0);
	assert_true(journal_is_good(world));
}

static void what_a_clock_that_was_set_back_makes_young_again_is_not_asked_to_be_buried(void **state)
{
	clock_is_set_back(journaled_world(state), false);
}

static void what_a_clock_that_was_set_back_makes_young_again_is_not_buried(void **state)
{
	clock_is_set_back(journaled_world(state), true);
}

static void erase(Simpul__Header *header, size_t index)
{
	(void)index;
	header->erase = true;
}

static const struct speech retraction = {
	.node = POLICE, .first = 2, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 1, .spoil_header = erase};

/* Not at the next look, a minute later. */
static void what_is_taken_back_is_gone_at_once(void **state)
{
	struct world *world = journaled_world(state);

	later(world, 1000);
	world_accepts(world, (struct speech){.node = POLICE});
	world_accepts(world, retraction);
	later(world, 100);
	assert_true(world_logged(world, "bodies.erased"));
	assert_int_equal(whole_in(world, ARMY, FIRST), 0);
	assert_int_equal(whole_in(world, IMMIGRATION, FIRST + 1), 1);
}

/* The policy of the world with every `from` in it written as `to`. */
static void policy_change(struct world *world, const char *from, const char *to)
{
	struct buffer text = {0};
	const char *rest = world_policy;

	for (const char *at; (at = strstr(rest, from)) != NULL; rest = at + strlen(from)) {
		buffer_append(&text, rest, (size_t)(at - rest));
		buffer_text(&text, to);
	}
	buffer_text(&text, rest);
	buffer_u8(&text, 0);
	world_load_policy(world, (const char *)text.data);
	world_commit(world, E_OK);
	buffer_free(&text);
}

/* Its category is not known any more, its origin may not speak of that, or not in such a narrow circle, and whom it
 * named is gone. */
static void what_was_said_is_taken_back_whatever_may_be_said_by_now(void **state)
{
	static const char *const changes[][2] = {
		{"wanted", "sought"}, {"['*']", "[missing]"}, {"ceiling: RED", "ceiling: GREEN"}, {"health", "clinic"}};
	struct world *world = journaled_world(state);
	struct speech said = {.node = POLICE, .to = {"army", "immigration", "health"}}, cancel = retraction;

	memcpy(cancel.to, said.to, sizeof(said.to));
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		said.first = cancel.reference = 2 * i + 1;
		cancel.first = 2 * i + 2;
		assert_int_equal(world_accepts(world, said)->n_verdicts, 0);
		policy_change(world, changes[i][0], changes[i][1]);
		world_reaches(world, cancel, "army.oku", "immigration.muara-enim");
		later(world, 100);
		assert_true(world_logged(world, "bodies.erased"));
		world_load_policy(world, world_policy);
		world_commit(world, E_OK);
	}
}

/* The routing stands in the journal for good: no text gets in there because nobody asks whether it is somebody's name. */
static void whom_a_retraction_names_has_the_name_of_an_office(void **state)
{
	struct world *world = journaled_world(state);
	const Simpul__Receipt *receipt;
	struct speech cancel = retraction;

	cancel.to[0] = "Eriksson, Anna Maria";
	world_accepts(world, (struct speech){.node = POLICE});
	world_accepts(world, cancel);
	receipt = world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt;
	assert_int_equal(receipt->n_verdicts, 1);
	assert_string_equal(receipt->verdicts[0]->field, "routing.to[0]");
}

/* Its number has a VOID since a recovery; who had it from the broker's former life must hear of it all the same. */
static void what_was_lost_is_taken_back_at_whom_the_policy_would_have_given_it(void **state)
{
	struct world *world = journaled_world(state);
	struct speech narrow = retraction;
	const Simpul__Receipt *receipt;

	narrow.to[0] = "army.oku";
	world_accepts(world, (struct speech){.node = POLICE, .kind = SIMPUL__KIND__KIND_VOID});
	world_accepts(world, narrow);
	receipt = world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt;
	assert_int_equal(receipt->n_verdicts, 0);
	assert_int_equal(receipt->n_audience, 1);
	assert_string_equal(receipt->audience[0], "army.oku");
	later(world, 100);
	assert_int_equal(whole_in(world, ARMY, FIRST + 1), 1);
	assert_int_equal(whole_in(world, IMMIGRATION, FIRST + 1), 0);
}

static void a_plain_cancel_leaves_the_body(void **state)
{
	struct world *world = journaled_world(state);
	struct speech cancel = retraction;

	cancel.spoil_header = NULL;
	world_accepts(world, (struct speech){.node = POLICE});
	world_accepts(world, cancel);
	later(world, 100);
	assert_int_equal(whole_in(world, ARMY, FIRST), 1);
}

static void clock_jumps(struct world *world, int64_t ms)
{
	world->now.wall = (wall_ms)((int64_t)world->now.wall + ms);
	later(world, 10);
}

static void nothing_expires_of_a_clock_that_jumped_until_a_person_says_that_it_is_right(void **state)
{
	const struct core_event confirmed = {.type = CORE_CLOCK};
	struct world *world = journaled_world(state);

	world_accepts(world, (struct speech){.node = POLICE});
	later(world, 1000);
	clock_jumps(world, LIFE + DAY_MS);
	assert_true(world_alarmed(world, "clock.jumped"));
	later(world, 10 * 60 * 1000);
	assert_false(world_logged(world, "bodies.erased"));
	assert_int_equal(whole_in(world, ARMY, FIRST), 1);
	world_forget(world);
	world_step(world, &confirmed);
	assert_int_equal(world_answer(world), E_OK);
	assert_true(world_logged(world, "clock.confirmed"));
	later(world, 10);
	assert_int_equal(whole_in(world, IMMIGRATION, FIRST), 0);
}

/* The machine was switched off, and its battery was empty. */
static void nothing_expires_of_a_clock_that_was_wrong_from_the_start(void **state)
{
	const struct core_event confirmed = {.type = CORE_CLOCK};
	struct world *world = journaled_world(state);

	world_accepts(world, (struct speech){.node = POLICE});
	world_restart(world);
	world->now.wall += 3 * 365 * DAY_MS;
	later(world, 1000);
	assert_true(world_alarmed(world, "clock.doubted"));
	later(world, 10 * 60 * 1000);
	assert_int_equal(whole_in(world, ARMY, FIRST), 1);
	world_step(world, &confirmed);
	later(world, 10);
	assert_int_equal(whole_in(world, IMMIGRATION, FIRST), 0);
}

static void what_is_taken_back_does_not_wait_for_the_clock(void **state)
{
	struct world *world = journaled_world(state);

	world_accepts(world, (struct speech){.node = POLICE});
	later(world, 1000);
	clock_jumps(world, 2 * 3600 * 1000);
	assert_true(world_alarmed(world, "clock.jumped"));
	world_accepts(world, retraction);
	later(world, 100);
	assert_int_equal(whole_in(world, ARMY, FIRST), 0);
}

/* The journal hands it back as it is when the disk is full. */
static void tombstone_fails(struct world *world)
{
	const struct core_event failed = {.type = CORE_COMMITTED, .committed = world->queue};

	assert_int_equal(world_queued(world), 1);
	assert_int_equal(world->queue->type, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_TOMBSTONE);
	world->queue->result.code = E_DISK_FULL;
	world->queue = NULL;
	world_step(world, &failed);
}

static void a_tombstone_that_failed_is_tried_again(void **state)
{
	struct world *world = journaled_world(state);

	later(world, 1000);
	world_accepts(world, (struct speech){.node = POLICE});
	world_accepts(world, retraction);
	world_tick(world, 10);
	world_read(world);
	tombstone_fails(world);
	assert_int_equal(whole_in(world, ARMY, FIRST), 1);
	later(world, 60 * 1000);
	assert_int_equal(whole_in(world, IMMIGRATION, FIRST), 0);
}

static void what_was_due_when_the_broker_stopped_goes_when_it_is_back(void **state)
{
	struct world *world = journaled_world(state);

	world_accepts(world, (struct speech){.node = POLICE});
	world_accepts(world, retraction);
	world_restart(world);
	later(world, 1000);
	assert_int_equal(whole_in(world, ARMY, FIRST), 0);
}

/* ---------------------------------------------------------------------------- holds */

static const uint8_t nothing_recorded[1];

static enum error hold_order(struct world *world, const struct holding *holding)
{
	struct core_event event = {.type = CORE_HOLD, .operator_ticket = 5, .act = BYTES(nothing_recorded, 0)};
	struct buffer encoded = {0};

	holding_pack(holding, world->options.exchange, world->now.wall, &encoded);
	event.hold = buffer_view(&encoded);
	world_forget(world);
	world_step(world, &event);
	if (world_queued(world) > 0)
		world_commit(world, E_OK);
	buffer_free(&encoded);
	return world_answer(world);
}

static enum error hold_until(struct world *world, uint64_t days)
{
	return hold_order(
		world,
		&(struct holding){.origin = "police.oku", .number = 1, .until = world->now.wall + days * DAY_MS});
}

/* From memory too, and at the moment when it ends. */
static void what_is_held_goes_to_nobody_when_it_is_due_and_is_erased_when_the_hold_ends(void **state)
{
	struct world *world = journaled_world(state);

	later(world, 1000);
	world_accepts(world, (struct speech){.node = POLICE});
	assert_int_equal(hold_until(world, 2), E_OK);
	assert_true(world_logged(world, "hold.placed report=police.oku#1"));
	world_accepts(world, retraction);
	later(world, 100);
	assert_true(world_logged(world, "bodies.held reports=1"));
	assert_false(world_logged(world, "bodies.erased"));
	assert_int_equal(whole_in(world, ARMY, FIRST), 0);
	world_restart(world);
	later(world, 1000);
	assert_int_equal(whole_in(world, IMMIGRATION, FIRST), 0);
	later(world, 2 * DAY_MS - 30000);
	assert_false(world_logged(world, "bodies.erased"));
	later(world, 29000);
	assert_true(world_logged(world, "bodies.erased"));
}

static void a_hold_without_a_near_end_is_refused(void **state)
{
	struct world *world = journaled_world(state);

	world_accepts(world, (struct speech){.node = POLICE});
	assert_int_equal(hold_until(world, 367), E_EXPIRES_TOO_LATE);
	assert_int_equal(hold_until(world, 0), E_INVALID);
	assert_int_equal(hold_until(world, 366), E_OK);
}

static void what_was_erased_cannot_be_held_and_that_is_said(void **state)
{
	struct world *world = journaled_world(state);

	later(world, 1000);
	world_accepts(world, (struct speech){.node = POLICE});
	world_accepts(world, retraction);
	later(world, 100);
	assert_int_equal(hold_until(world, 2), E_ERASED);
}

/* What they placed since the backup, its operators have to place again first. */
static void nothing_is_erased_for_a_day_after_a_recovery(void **state)
{
	struct world *world = journaled_world(state);

	world->core->retention.recovered_at = world->now.wall;
	later(world, 1000);
	world_accepts(world, (struct speech){.node = POLICE});
	world_accepts(world, retraction);
	later(world, DAY_MS - 60 * 1000);
	assert_false(world_logged(world, "bodies.erased"));
	later(world, 60 * 1000);
	assert_true(world_logged(world, "bodies.erased"));
}

/* The newest entry of the backup, and so the recovery, is later than the new machine's time: too little for a doubt. */
static void a_clock_behind_the_recovery_takes_nothing_of_the_day(void **state)
{
	struct world *world = journaled_world(state);

	world->core->retention.recovered_at = world->now.wall + 50 * 60 * 1000;
	later(world, 1000);
	world_accepts(world, (struct speech){.node = POLICE});
	world_accepts(world, retraction);
	later(world, 1000);
	assert_false(world_logged(world, "bodies.erased"));
	later(world, DAY_MS);
	assert_false(world_logged(world, "bodies.erased"));
	later(world, 50 * 60 * 1000);
	assert_true(world_logged(world, "bodies.erased"));
}

/* It is set right, or wrong, hours after the recovery. */
static void a_clock_in_doubt_does_not_end_the_day_and_who_confirms_it_begins_it_anew(void **state)
{
	const struct core_event confirmed = {.type = CORE_CLOCK};
	struct world *world = journaled_world(state);

	world->core->retention.recovered_at = world->now.wall;
	later(world, 1000);
	world_accepts(world, (struct speech){.node = POLICE});
	world_accepts(world, retraction);
	clock_jumps(world, 3 * DAY_MS);
	assert_true(world_alarmed(world, "clock.jumped"));
	world_accepts(world, (struct speech){.node = POLICE,
					     .first = 3}); /* the journal's time is in doubt as well from here on */
	later(world, 60 * 1000);
	assert_false(world_logged(world, "bodies.erased"));
	world_step(world, &confirmed);
	later(world, DAY_MS - 60 * 1000);
	assert_false(world_logged(world, "bodies.erased"));
	later(world, 60 * 1000);
	assert_true(world_logged(world, "bodies.erased"));
}

/* Nothing was due all the while. */
static void a_clock_in_doubt_long_after_a_recovery_keeps_nothing(void **state)
{
	struct world *world = journaled_world(state);

	world->core->retention.recovered_at = world->now.wall;
	later(world, 1000);
	later(world, DAY_MS);
	world_hello(world, POLICE, HEAD);
	world_accepts(world, (struct speech){.node = POLICE});
	clock_jumps(world, 2 * 3600 * 1000);
	world_accepts(world, retraction);
	later(world, 100);
	assert_true(world_logged(world, "bodies.erased"));
}

/* For whoever can have it extended. */
static void the_end_of_a_hold_is_told_for_weeks(void **state)
{
	struct world *world = journaled_world(state);

	later(world, 1000);
	world_accepts(world, (struct speech){.node = POLICE});
	assert_int_equal(hold_until(world, 32), E_OK);
	later(world, DAY_MS);
	assert_false(world_logged(world, "hold.ending"));
	later(world, DAY_MS);
	assert_true(world_logged(world, "hold.ending report=police.oku#1"));
	later(world, 60 * 1000);
	assert_false(world_logged(world, "hold.ending"));
	later(world, 26 * DAY_MS);
	assert_true(world_alarmed(world, "hold.ending"));
}

/* ---------------------------------------------------------------------------- purge receipts */

static const struct speech answer_to_police = {
	.node = ARMY, .kind = SIMPUL__KIND__KIND_PURGE_RECEIPT, .to = {"police.oku"}};

static void assert_verdict(struct world *world, struct speech speech, enum error code)
{
	const Simpul__Receipt *receipt = world_accepts(world, speech);

	assert_int_equal(receipt->n_verdicts, 1);
	assert_int_equal(receipt->verdicts[0]->code, code);
	assert_int_equal(receipt->n_audience, 0);
}

static void a_purge_receipt_goes_to_the_origin_and_to_nobody_else(void **state)
{
	struct world *world = journaled_world(state);
	const Simpul__Receipt *receipt;

	world_accepts(world, answer_to_police);
	receipt = world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt;
	assert_int_equal(receipt->n_verdicts, 0);
	assert_int_equal(receipt->n_audience, 1);
	assert_string_equal(receipt->audience[0], "police.oku");
	assert_int_equal(world_pushes(world, POLICE), 1);
	assert_int_equal(world_pushes(world, IMMIGRATION), 0);
}

static void who_is_no_longer_in_the_policy_says_nothing_this_way_either(void **state)
{
	struct world *world = journaled_world(state);
	char *without = memory_string(world_policy), *line = strstr(without, "  - {node: army.oku");

	assert_non_null(line);
	memmove(line, strchr(line, '\n') + 1, strlen(strchr(line, '\n') + 1) + 1);
	world_load_policy(world, without);
	world_commit(world, E_OK);
	free(without);
	assert_verdict(world, answer_to_police, E_MAY_NOT_PUBLISH);
}

/* Health may publish nothing at all. */
static void who_may_say_nothing_else_must_still_answer(void **state)
{
	struct world *world = journaled_world(state);
	struct speech speech = answer_to_police;

	speech.node = HEALTH;
	world_hello(world, HEALTH, HEAD);
	world_accepts(world, speech);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt->n_verdicts, 0);
}

static void it_carries_nothing_to_others(void **state)
{
	struct world *world = journaled_world(state);
	struct speech speech = answer_to_police;

	speech.to[1] = "immigration.muara-enim";
	assert_verdict(world, speech, E_INVALID);
	speech.to[0] = speech.to[1] = NULL;
	speech.first = 2;
	assert_verdict(world, speech, E_INVALID);
	speech.to[0] = world_names[ARMY];
	speech.first = 3;
	assert_verdict(world, speech, E_EMPTY_AUDIENCE);
	speech.to[0] = "police.nowhere";
	speech.first = 4;
	assert_verdict(world, speech, E_RECIPIENT_UNKNOWN);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, journaled_setup, journaled_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_expired_is_gone_from_memory_and_disk),
		TEST(what_a_clock_that_was_set_back_makes_young_again_is_not_asked_to_be_buried),
		TEST(what_a_clock_that_was_set_back_makes_young_again_is_not_buried),
		TEST(what_is_taken_back_is_gone_at_once),
		TEST(what_was_said_is_taken_back_whatever_may_be_said_by_now),
		TEST(whom_a_retraction_names_has_the_name_of_an_office),
		TEST(what_was_lost_is_taken_back_at_whom_the_policy_would_have_given_it),
		TEST(a_plain_cancel_leaves_the_body),
		TEST(nothing_expires_of_a_clock_that_jumped_until_a_person_says_that_it_is_right),
		TEST(nothing_expires_of_a_clock_that_was_wrong_from_the_start),
		TEST(what_is_taken_back_does_not_wait_for_the_clock),
		TEST(a_tombstone_that_failed_is_tried_again),
		TEST(what_was_due_when_the_broker_stopped_goes_when_it_is_back),
		TEST(what_is_held_goes_to_nobody_when_it_is_due_and_is_erased_when_the_hold_ends),
		TEST(a_hold_without_a_near_end_is_refused),
		TEST(what_was_erased_cannot_be_held_and_that_is_said),
		TEST(nothing_is_erased_for_a_day_after_a_recovery),
		TEST(a_clock_behind_the_recovery_takes_nothing_of_the_day),
		TEST(a_clock_in_doubt_long_after_a_recovery_keeps_nothing),
		TEST(a_clock_in_doubt_does_not_end_the_day_and_who_confirms_it_begins_it_anew),
		TEST(the_end_of_a_hold_is_told_for_weeks),
		TEST(a_purge_receipt_goes_to_the_origin_and_to_nobody_else),
		TEST(who_may_say_nothing_else_must_still_answer),
		TEST(who_is_no_longer_in_the_policy_says_nothing_this_way_either),
		TEST(it_carries_nothing_to_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
