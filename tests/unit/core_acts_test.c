/* core_acts_test - tries to have something done or shown that is not recorded, or recorded that was not done. */
#include "broker/journal/act.h"
#include "proto/journal.pb-c.h"
#include "tests/support/core_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static int setup(void **state)
{
	*state = world_new();
	return 0;
}

/* The act of the last record in the journal; ends the test when it is none. */
static Simpul__Act *last_act(struct world *world)
{
	const struct record *record = &world->records[world->position.entry];
	Simpul__Act *act;

	assert_int_equal(record->type, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_ACT);
	assert_int_equal(record->audience.count, 0);
	act = simpul__act__unpack(&world->arena.protobuf, record->content.size, record->content.data);
	assert_non_null(act);
	return act;
}

static void step(struct world *world, struct core_event *event, const char *command)
{
	const struct act act = {.user = "root", .command = command, .object = "army.oku", .reason = "why"};
	struct buffer encoded = {0};

	act_pack(&act, &encoded);
	event->act = buffer_view(&encoded);
	event->operator_ticket = 7;
	world_forget(world);
	world_step(world, event);
	buffer_free(&encoded); /* the core has a copy, or none to make */
}

static struct core_event reseed_event(void)
{
	struct core_event event = {.type = CORE_RESEED};

	event.reseed.node = world_names[ARMY];
	event.reseed.from_entry = 1;
	event.reseed.reason = "why";
	return event;
}

static void a_change_is_answered_when_it_is_recorded(void **state)
{
	struct world *world = *state;
	struct core_event event = reseed_event();
	const uint64_t before = world->position.entry;

	step(world, &event, "reseed");
	world_commit(world, E_OK);
	assert_null(world_find(world, ACTION_ANSWER, 0));
	assert_int_equal(world->position.entry, before + 1);
	world_commit(world, E_OK);
	assert_int_equal(world_find(world, ACTION_ANSWER, 0)->entry, before + 1);
	assert_int_equal(world_find(world, ACTION_ANSWER, 0)->fault.code, E_OK);
	assert_null(world_find(world, ACTION_ANSWER, 1));
	assert_int_equal(last_act(world)->entry, before + 1);
	assert_string_equal(last_act(world)->command, "reseed");
	assert_int_equal(world_queued(world), 0);
}

static void a_change_that_did_not_happen_is_not_recorded(void **state)
{
	struct world *world = *state;
	struct core_event event = reseed_event();

	step(world, &event, "reseed");
	world_commit(world, E_DISK_FULL);
	assert_int_equal(world_find(world, ACTION_ANSWER, 0)->fault.code, E_DISK_FULL);
	assert_int_equal(world_queued(world), 0);
	event.reseed.node = "police.nowhere";
	step(world, &event, "reseed");
	assert_int_equal(world_find(world, ACTION_ANSWER, 0)->fault.code, E_NOT_FOUND);
	assert_int_equal(world_queued(world), 0);
}

/* What is on disk cannot be taken back: the operator is told of it. */
static void a_change_stands_when_its_act_cannot_be_written(void **state)
{
	struct world *world = *state;
	struct core_event event = reseed_event();
	const uint64_t before = world->position.entry;

	step(world, &event, "reseed");
	world_commit(world, E_OK);
	world_commit(world, E_DISK_FULL);
	assert_int_equal(world_find(world, ACTION_ANSWER, 0)->fault.code, E_OK);
	assert_int_equal(world_find(world, ACTION_ANSWER, 0)->entry, before + 1);
}

static void a_look_is_answered_when_it_is_recorded_and_refused_when_it_cannot_be(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_ACT};

	step(world, &event, "got");
	assert_null(world_find(world, ACTION_ANSWER, 0));
	world_commit(world, E_OK);
	assert_int_equal(world_find(world, ACTION_ANSWER, 0)->entry, world->position.entry);
	assert_int_equal(last_act(world)->entry, 0);
	assert_string_equal(last_act(world)->reason, "why");
	step(world, &event, "got");
	world_commit(world, E_DISK_FULL);
	assert_int_equal(world_find(world, ACTION_ANSWER, 0)->fault.code, E_DISK_FULL);
	event = (struct core_event){.type = CORE_STOP};
	world_step(world, &event);
	event = (struct core_event){.type = CORE_ACT};
	step(world, &event, "got");
	assert_int_equal(world_find(world, ACTION_ANSWER, 0)->fault.code, E_STOPPING);
}

static void a_confirmed_clock_is_recorded(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_CLOCK};

	step(world, &event, "clock confirm");
	world_commit(world, E_OK);
	assert_int_equal(world_find(world, ACTION_ANSWER, 0)->fault.code, E_OK);
	assert_string_equal(last_act(world)->command, "clock confirm");
}

static void an_act_goes_to_nobody_and_means_nothing_at_a_restart(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_ACT};
	struct core_status before, after;

	world_hello(world, POLICE, world->position.entry);
	step(world, &event, "got");
	world_commit(world, E_OK);
	for (size_t i = 0; world_find(world, ACTION_PUBLISH, i) != NULL; i++)
		assert_int_equal(world_find(world, ACTION_PUBLISH, i)->batch->n_entries, 0);
	core_status(world->core, &before);
	world_restart(world);
	core_status(world->core, &after);
	assert_int_equal(before.members, after.members);
	assert_int_equal(before.position.entry, after.position.entry);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_change_is_answered_when_it_is_recorded),
		TEST(a_change_that_did_not_happen_is_not_recorded),
		TEST(a_change_stands_when_its_act_cannot_be_written),
		TEST(a_look_is_answered_when_it_is_recorded_and_refused_when_it_cannot_be),
		TEST(a_confirmed_clock_is_recorded),
		TEST(an_act_goes_to_nobody_and_means_nothing_at_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
