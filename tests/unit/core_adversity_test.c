/* Tries the broker's core with what goes wrong around it: disks that fail or fill up, the end of the program. */
#include "tests/support/core_world.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define FIRST_ENTRY 6 /* after four members and a policy */

static int setup(void **state)
{
	struct world *world = world_new();

	for (size_t node = POLICE; node <= IMMIGRATION; node++)
		world_hello(world, node, FIRST_ENTRY - 1);
	world_forget(world);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	world_free(*state);
	return 0;
}

static void accept(struct world *world, struct speech speech)
{
	world_forget(world);
	world_say(world, &speech);
	world_commit(world, E_OK);
	if (!world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT))
		fail_msg("%s at %s", error_name(world_refusal(world)), world_refusal_field(world));
}

/* What was asked of the readers comes back with this error. */
static void fail_reads(struct world *world, enum error code)
{
	struct core_event event = {.type = CORE_READ_DONE};

	assert_non_null(world->reads);
	while (world->reads) {
		event.read = world->reads;
		world->reads = (struct core_read *)event.read->letter.next;
		fault_at(&event.read->result, code, "journal.db: entry 3");
		world_step(world, &event);
	}
}

/* The office is told to wait, the operators what is wrong. */
static void assert_unreadable(const struct world *world, const char *line)
{
	assert_int_equal(world_refusal(world), E_BUSY);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->refusal->expected, 5000);
	assert_true(world_alarmed(world, line));
}

/* ---------------------------------------------------------------------------- a damaged disk */

static void what_cannot_be_read_halts_no_office(void **state)
{
	struct world *world = *state;

	accept(world, (struct speech){.node = POLICE});
	accept(world, (struct speech){.node = POLICE, .first = 2});
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE});
	fail_reads(world, E_CORRUPT);
	assert_unreadable(world, "journal.unreadable node=police.oku code=CORRUPT");
	world_restart(world);
	world_forget(world);
	world_hello(world, ARMY, FIRST_ENTRY);
	fail_reads(world, E_IO);
	assert_unreadable(world, "journal.unreadable node=army.oku code=IO");
	world_hello(world, ARMY, FIRST_ENTRY);
	world_read(world);
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY);
	fail_reads(world, E_CORRUPT);
	assert_unreadable(world, "journal.unreadable node=army.oku code=CORRUPT");
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY);
	world_read(world);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
}

static void a_disk_that_fills_up_is_an_alarm_once(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_DISK, .disk_low = true};

	world_step(world, &event);
	assert_true(world_alarmed(world, "disk.low"));
	world_forget(world);
	world_step(world, &event);
	assert_false(world_logged(world, "disk.low"));
	event.disk_low = false;
	world_step(world, &event);
	assert_true(world_logged(world, "disk.free"));
}

static void the_cursor_that_a_grant_moves_back_is_written_no_later_than_its_use(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_GRANT};

	accept(world, (struct speech){.node = POLICE});
	world_ack(world, ARMY, FIRST_ENTRY);
	event.grant.node = world_names[ARMY];
	event.grant.from_entry = FIRST_ENTRY;
	world_step(world, &event);
	world_commit(world, E_OK);
	world_forget(world);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_count(world, ACTION_CURSOR), 1);
	assert_int_equal(world_count(world, ACTION_APPEND), 1);
	for (size_t i = 0; world->seen[i].type != ACTION_CURSOR; i++)
		assert_int_not_equal(world->seen[i].type, ACTION_APPEND);
}

/* ---------------------------------------------------------------------------- the end */

static void who_fetches_for_ever_does_not_keep_the_broker_from_ending(void **state)
{
	struct world *world = *state;
	const struct core_event stop = {.type = CORE_STOP};

	accept(world, (struct speech){.node = POLICE});
	world_restart(world); /* so that a reader has to be asked */
	for (size_t node = ARMY; node <= IMMIGRATION; node++)
		world_hello(world, node, FIRST_ENTRY - 1);
	world_read(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	world_step(world, &stop);
	assert_int_equal(world_count(world, ACTION_DRAINED), 0);
	world_forget(world);
	world_fetch(world, IMMIGRATION, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_STOPPING);
	world_read(world);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	assert_int_equal(world_count(world, ACTION_DRAINED), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_cannot_be_read_halts_no_office),
		TEST(a_disk_that_fills_up_is_an_alarm_once),
		TEST(the_cursor_that_a_grant_moves_back_is_written_no_later_than_its_use),
		TEST(who_fetches_for_ever_does_not_keep_the_broker_from_ending),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
