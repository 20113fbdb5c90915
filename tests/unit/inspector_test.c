/* Tries to make the check that follows a start miss damage, see some where there is none, or hold the broker up. */
#include "broker/journal/inspector.h"
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include "tests/support/ledger.h"
#include "tests/support/process.h"
#include <stdlib.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define TO(node) (1u << (node))

enum { ENTRIES = 300, GROWN_MOST = 20000, SECONDS = 60 };

static int setup(void **state)
{
	struct ledger *ledger = memory_zero(1, sizeof *ledger);

	ledger_open(ledger);
	for (uint64_t number = 1; number <= ENTRIES; number++)
		ledger_say(ledger, &(struct saying){.origin = number % LEDGER_NODES,
						    .first = (number + LEDGER_NODES - 1) / LEDGER_NODES,
						    .audience = TO(ARMY) | TO(POLICE)});
	*state = ledger;
	return 0;
}

static int teardown(void **state)
{
	struct ledger *ledger = *state;

	ledger_close(ledger);
	free(ledger);
	return 0;
}

static void damage(const struct ledger *ledger, const char *sql)
{
	char *path = memory_format("%s/%s", ledger->path, JOURNAL_FILE);
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	free(path);
}

struct watch {
	struct inspector *inspector;
	struct inspection_status status;
};

static bool has_ended(void *context)
{
	struct watch *watch = context;

	inspector_look(watch->inspector, &watch->status);
	return watch->status.state != INSPECTION_RUNS;
}

static struct inspection_status inspect(const struct ledger *ledger)
{
	struct watch watch = {.inspector = inspector_start(&ledger->options)};

	assert_true(wait_for(has_ended, &watch, SECONDS));
	inspector_stop(watch.inspector);
	return watch.status;
}

static void a_sound_journal_is_found_good(void **state)
{
	const struct inspection_status status = inspect(*state);

	assert_int_equal(status.state, INSPECTION_GOOD);
	assert_int_equal(status.verdict.entries, LEDGER_FIRST_ENTRIES + ENTRIES);
	assert_int_equal(status.verdict.bad_entry, 0);
}

/* An opening looks at the newest entries only. */
static void damage_far_from_the_end_is_found_and_named(void **state)
{
	struct ledger *ledger = *state;
	struct inspection_status status;

	damage(ledger, "UPDATE entry SET accepted_at = accepted_at + 1 WHERE entry = 20");
	status = inspect(ledger);
	assert_int_equal(status.state, INSPECTION_DAMAGED);
	assert_int_equal(status.verdict.bad_entry, 20);
	assert_true(status.verdict.what[0] != '\0');
}

static void a_body_that_was_exchanged_is_found(void **state)
{
	struct ledger *ledger = *state;
	struct inspection_status status;

	damage(ledger, "UPDATE content SET bodies = (SELECT bodies FROM content WHERE entry = 31) WHERE entry = 30");
	status = inspect(ledger);
	assert_int_equal(status.state, INSPECTION_DAMAGED);
	assert_int_equal(status.verdict.bad_entry, 30);
}

static void a_journal_that_grows_meanwhile_is_good(void **state)
{
	struct ledger *ledger = *state;
	struct watch watch = {.inspector = inspector_start(&ledger->options)};

	for (uint64_t number = ENTRIES + 1; !has_ended(&watch) && number < ENTRIES + GROWN_MOST; number++)
		ledger_say(ledger, &(struct saying){.origin = number % LEDGER_NODES,
						    .first = (number + LEDGER_NODES - 1) / LEDGER_NODES,
						    .audience = TO(ARMY) | TO(POLICE)});
	assert_true(wait_for(has_ended, &watch, SECONDS));
	assert_int_equal(watch.status.state, INSPECTION_GOOD);
	assert_true(watch.status.verdict.entries >= LEDGER_FIRST_ENTRIES + ENTRIES);
	inspector_stop(watch.inspector);
}

static void a_stop_waits_for_no_end_and_says_nothing_of_damage(void **state)
{
	struct ledger *ledger = *state;
	const struct journal_watch watch = {.stop = true};
	struct journal_verdict verdict;

	for (int i = 0; i < 10; i++)
		inspector_stop(inspector_start(&ledger->options));
	assert_int_equal(journal_verify_until(&ledger->options, NULL, &watch, &verdict, NULL), E_STOPPING);
	assert_int_equal(verdict.bad_entry, 0);
}

static unsigned hurried;

static void hurry(void)
{
	hurried++;
}

static void what_the_journal_is_held_for_is_not_put_off(void **state)
{
	struct ledger *ledger = *state;
	const struct journal_watch watch = {.hurry = hurry};
	struct journal_verdict verdict;

	assert_int_equal(journal_verify_until(&ledger->options, NULL, &watch, &verdict, NULL), E_OK);
	assert_int_equal(verdict.entries, LEDGER_FIRST_ENTRIES + ENTRIES);
	assert_int_equal(hurried, 1);
}

static void a_journal_that_is_not_there_is_no_damaged_one(void **state)
{
	struct ledger elsewhere = *(struct ledger *)*state;
	struct inspection_status status;

	elsewhere.options.path = memory_format("%s/elsewhere", elsewhere.path);
	assert_int_equal(mkdir(elsewhere.options.path, 0700), 0);
	status = inspect(&elsewhere);
	assert_int_equal(rmdir(elsewhere.options.path), 0);
	free((char *)elsewhere.options.path);
	assert_int_equal(status.state, INSPECTION_FAILED);
	assert_int_equal(status.fault.code, E_NOT_FOUND);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_sound_journal_is_found_good),
		TEST(damage_far_from_the_end_is_found_and_named),
		TEST(a_body_that_was_exchanged_is_found),
		TEST(a_journal_that_grows_meanwhile_is_good),
		TEST(a_stop_waits_for_no_end_and_says_nothing_of_damage),
		TEST(what_the_journal_is_held_for_is_not_put_off),
		TEST(a_journal_that_is_not_there_is_no_damaged_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
