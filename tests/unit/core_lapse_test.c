/* core_lapse_test - a key whose time is over is refused from that moment on, is said for weeks before, and takes
 * nothing with it that was said in time. */
#include "tests/support/core_world.h"
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LIFE (60 * DAY_MS)

static void enroll(struct world *world, size_t node, uint32_t key_id, wall_ms expires_at)
{
	struct member *member = &world->members[node];
	struct core_event event = {.type = CORE_ENROLL, .enroll = member, .operator_ticket = 8};

	node_keys_generate(&world->keys[node], key_id);
	member_request(member, world->options.exchange, world_names[node], &world->keys[node], world->now.wall);
	member->expires_at = expires_at;
	member_countersign(member, &world->authority);
	world_step(world, &event);
	world_commit(world, E_OK);
	assert_int_equal(world_answer(world), E_OK);
}

/* The army's key ends after LIFE; police and army are connected. */
static int setup(void **state)
{
	struct world *world = world_new();

	enroll(world, ARMY, 2, world->now.wall + LIFE);
	world_hello(world, POLICE, world->position.entry);
	world_hello(world, ARMY, world->position.entry);
	world_forget(world);
	*state = world;
	return 0;
}

static enum error army_key(const struct world *world)
{
	return core_key_status(world->core, world->keys[ARMY].curve_public, NULL);
}

static void to_the_end_but(struct world *world, uint64_t ms)
{
	world_tick(world, LIFE - ms);
	world_hello(world, POLICE, world->position.entry);
	world_hello(world, ARMY, world->position.entry);
	world_forget(world);
}

static void a_key_is_refused_from_its_end_on_and_not_a_moment_before(void **state)
{
	struct world *world = *state;

	to_the_end_but(world, 1);
	assert_int_equal(army_key(world), E_OK);
	world_say(world, &(struct speech){.node = ARMY});
	world_commit(world, E_OK);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT));
	world_forget(world);
	world_tick(world, 1);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE)->goodbye->code, E_KEY_LAPSED);
	assert_true(world_alarmed(world, "member.lapsed node=army.oku key_id=2"));
	assert_int_equal(army_key(world), E_KEY_LAPSED);
	assert_false(world_node(world, ARMY).connected);
	world_forget(world);
	world_hello(world, ARMY, world->position.entry);
	assert_int_equal(world_refusal(world), E_KEY_LAPSED);
	world_forget(world);
	world_say(world, &(struct speech){.node = ARMY, .first = 2});
	assert_int_equal(world_refusal(world), E_KEY_LAPSED);
	assert_int_equal(world_queued(world), 0);
}

/* A reader is asked for the head that the HELLO names, and when it answers the key has ended. */
static void it_may_end_while_a_hello_waits(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	world_commit(world, E_OK);
	world_tick(world, LIFE - 1);
	world_restart(world);
	world_hello(world, ARMY, world->position.entry - 1);
	world_forget(world);
	world_tick(world, 1);
	world_read(world);
	assert_int_equal(world_refusal(world), E_KEY_LAPSED);
	assert_false(world_node(world, ARMY).connected);
}

/* The message itself is the first event after the end: no tick has come yet. */
static void it_needs_no_tick(void **state)
{
	struct world *world = *state;

	to_the_end_but(world, 1);
	world->now.wall++;
	world->now.steady++;
	world_say(world, &(struct speech){.node = ARMY});
	assert_int_equal(world_refusal(world), E_KEY_LAPSED);
	assert_int_equal(world_queued(world), 0);
}

static void a_broker_that_starts_after_the_end_knows_it(void **state)
{
	struct world *world = *state;

	world->now.wall += LIFE;
	world_restart(world);
	world_forget(world);
	world_hello(world, ARMY, world->position.entry);
	assert_int_equal(world_refusal(world), E_KEY_LAPSED);
}

static void wrap_to_third_key(Simpul__Routing *routing)
{
	routing->wraps[0]->key_id = 3;
}

static void a_plain_report_waits_for_its_new_key_and_a_sealed_one_is_refused(void **state)
{
	struct world *world = *state;
	const Simpul__Receipt *receipt;
	uint64_t before;

	enroll(world, ARMY, 3, world->now.wall + 1000);
	world_hello(world, ARMY, world->position.entry);
	world_tick(world, 1000);
	world_forget(world);
	before = world->position.entry;
	world_say(world, &(struct speech){.node = POLICE,
					  .wraps = {world_names[ARMY], world_names[IMMIGRATION]},
					  .sealed = true,
					  .spoil_routing = wrap_to_third_key});
	world_commit(world, E_OK);
	receipt = world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt;
	assert_int_equal(receipt->n_verdicts, 1);
	assert_int_equal(receipt->verdicts[0]->code, E_KEY_LAPSED);
	assert_string_equal(receipt->verdicts[0]->field, "routing.wraps");
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .first = 2});
	world_commit(world, E_OK);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt->n_verdicts, 0);
	assert_int_equal(world_pushes(world, ARMY), 0);
	enroll(world, ARMY, 4, world->now.wall + LIFE);
	assert_int_equal(army_key(world), E_OK);
	world_forget(world);
	world_hello(world, ARMY, before);
	world_read(world);
	world_fetch(world, ARMY, before);
	world_read(world);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	/* The plain report and the record of its own new key. */
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->n_entries, 2);
}

static void its_end_is_said_daily_from_thirty_days_before_and_as_an_alarm_in_the_last_week(void **state)
{
	struct world *world = *state;
	unsigned warnings = 0, alarms = 0;
	char last[64];

	world_tick(world, LIFE - 31 * DAY_MS - 1);
	assert_false(world_logged(world, "member.expiring"));
	for (unsigned hour = 0; hour < 31 * 24; hour++) {
		world_forget(world);
		world_tick(world, DAY_MS / 24);
		if (world_alarmed(world, "member.expiring node=army.oku key_id=2"))
			alarms++;
		else if (world_logged(world, "member.expiring node=army.oku key_id=2"))
			warnings++;
	}
	snprintf(last, sizeof last, "%u warnings, %u alarms", warnings, alarms);
	assert_string_equal(last, "23 warnings, 8 alarms");
	/* Once it has ended there is nothing more to be warned of. */
	world_tick(world, DAY_MS);
	world_forget(world);
	world_tick(world, 2 * DAY_MS);
	assert_false(world_logged(world, "member.expiring"));
}

static void a_key_without_an_end_has_none(void **state)
{
	struct world *world = *state;

	world_tick(world, 4000 * DAY_MS);
	assert_int_equal(core_key_status(world->core, world->keys[POLICE].curve_public, NULL), E_OK);
}

/* A GOODBYE with KEY_LAPSED stops an office until a person comes; the message is the first event after the jump. */
static void a_clock_that_jumps_ends_no_session(void **state)
{
	struct world *world = *state;

	world->now.wall += LIFE;
	world_say(world, &(struct speech){.node = POLICE});
	world_tick(world, 100);
	assert_true(world_alarmed(world, "clock.jumped direction=ahead"));
	assert_false(world_logged(world, "member.lapsed"));
	assert_int_equal(army_key(world), E_OK);
	assert_true(world_node(world, ARMY).connected);
	world->now.wall -= LIFE;
	world_tick(world, 100);
	assert_int_equal(army_key(world), E_OK);
}

static void once_an_operator_confirms_the_clock_keys_end_by_it(void **state)
{
	const struct core_event confirmed = {.type = CORE_CLOCK};
	struct world *world = *state;

	world->now.wall += LIFE;
	world_tick(world, 100);
	world_forget(world);
	world_step(world, &confirmed);
	world_tick(world, 100);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE)->goodbye->code, E_KEY_LAPSED);
	assert_int_equal(army_key(world), E_KEY_LAPSED);
}

/* The broker was started by a clock that ran ahead, which had ended the key; it is good again when the clock is right.
 */
static void a_clock_that_was_ahead_takes_no_key_for_good(void **state)
{
	struct world *world = *state;

	world->now.wall += LIFE;
	world_restart(world);
	world_tick(world, 100);
	assert_int_equal(army_key(world), E_KEY_LAPSED);
	world->now.wall -= LIFE;
	world_tick(world, 100);
	assert_int_equal(army_key(world), E_OK);
}

static void a_key_in_wrong_hands_is_called_so_also_after_its_end(void **state)
{
	struct world *world = *state;

	world_standing(world, ARMY, SIMPUL__STANDING__STANDING_COMPROMISED);
	world_commit(world, E_OK);
	world_tick(world, LIFE);
	assert_int_equal(army_key(world), E_KEY_REVOKED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_tear_down)
		TEST(a_key_is_refused_from_its_end_on_and_not_a_moment_before),
		TEST(it_may_end_while_a_hello_waits),
		TEST(it_needs_no_tick),
		TEST(a_broker_that_starts_after_the_end_knows_it),
		TEST(a_plain_report_waits_for_its_new_key_and_a_sealed_one_is_refused),
		TEST(its_end_is_said_daily_from_thirty_days_before_and_as_an_alarm_in_the_last_week),
		TEST(a_key_without_an_end_has_none),
		TEST(a_clock_that_jumps_ends_no_session),
		TEST(once_an_operator_confirms_the_clock_keys_end_by_it),
		TEST(a_clock_that_was_ahead_takes_no_key_for_good),
		TEST(a_key_in_wrong_hands_is_called_so_also_after_its_end),
	};

	keys_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
