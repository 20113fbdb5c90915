/* Tries to make the check that follows a start miss damage, see some where there is none, or hold the broker up. */
#include "broker/journal/inspector.h"
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include "tests/support/ledger.h"
#include "tests/support/process.h"
#include <sched.h>
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

static int setup_empty(void **state)
{
	struct ledger *ledger = *state = memory_zero(1, sizeof *ledger);

	ledger_open(ledger);
	return 0;
}

static int setup(void **state)
{
	struct ledger *ledger;

	setup_empty(state);
	ledger = *state;
	for (uint64_t number = 1; number <= ENTRIES; number++)
		ledger_say(ledger, &(struct saying){.origin = number % LEDGER_NODES,
						    .first = (number + LEDGER_NODES - 1) / LEDGER_NODES,
						    .audience = TO(ARMY) | TO(POLICE)});
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

/* ---------------------------------------------------------------------------- erased while it is checked */

/* The police say one when the last phase is about to begin, and it is erased once the snapshot is taken and before its
 * body is looked at; with it comes the next one, for the look after that. */
static struct {
	struct ledger *ledger;
	uint64_t number, entry; /* of their newest report; 0: not yet, or no more */
	int rounds;
	bool unburied; /* its key alone is destroyed, as nobody may */
} meanwhile;

static void say_one(void)
{
	const struct saying saying = {.origin = POLICE, .first = ++meanwhile.number, .audience = TO(ARMY)};

	meanwhile.entry = ledger_say(meanwhile.ledger, &saying);
}

static void key_lose(uint64_t entry)
{
	struct journal *journal = meanwhile.ledger->journal;
	sqlite3_stmt *add = database_prepare(journal->db, "INSERT INTO erasing(entry, place, count) VALUES(?1, 0, 1)");

	bind_number(add, 1, entry);
	assert_int_equal(database_step(add, NULL), E_OK);
	sqlite3_finalize(add);
	journal->erasing = ERASING_KEYS;
	assert_int_equal(journal_flush(journal), E_OK);
}

static void take_back(uint64_t entry, uint64_t number)
{
	const struct saying saying = {.origin = POLICE,
				      .first = ++meanwhile.number,
				      .kind = SIMPUL__KIND__KIND_CANCEL,
				      .reference = number,
				      .audience = TO(ARMY),
				      .erase = true};
	const uint64_t cancel = ledger_say(meanwhile.ledger, &saying);

	ledger_bury(meanwhile.ledger,
		    &(struct erasure){entry, 0, 1, SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED, cancel, 0}, 1);
}

/* In place of the C library's: the check does so when it has a row, before it looks at it. */
int sched_yield(void)
{
	const uint64_t entry = meanwhile.entry, number = meanwhile.number;

	if (entry == 0)
		return 0;
	meanwhile.entry = 0;
	if (meanwhile.unburied)
		key_lose(entry);
	else
		take_back(entry, number);
	if (--meanwhile.rounds > 0)
		say_one();
	return 0;
}

static struct journal_verdict verdict_meanwhile(struct ledger *ledger, bool unburied)
{
	const struct journal_watch watch = {.hurry = say_one};
	struct journal_verdict verdict;

	meanwhile.ledger = ledger;
	meanwhile.number = 0;
	meanwhile.rounds = 3;
	meanwhile.unburied = unburied;
	assert_int_equal(journal_verify_until(&ledger->options, NULL, &watch, &verdict, NULL), E_OK);
	return verdict;
}

static void bodies_that_are_erased_before_they_are_looked_at_are_no_damage(void **state)
{
	assert_string_equal(verdict_meanwhile(*state, false).what, "");
	assert_int_equal(meanwhile.rounds, 0);
}

static void bodies_whose_keys_are_lost_before_they_are_looked_at_are_damage(void **state)
{
	const struct journal_verdict verdict = verdict_meanwhile(*state, true);

	assert_int_equal(verdict.bad_entry, LEDGER_FIRST_ENTRIES + 1);
	assert_string_equal(verdict.what, "the body of report 0 is gone without a tombstone");
	assert_int_equal(meanwhile.rounds, 0);
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
#define TEST_EMPTY(name) cmocka_unit_test_setup_teardown(name, setup_empty, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_sound_journal_is_found_good),
		TEST(damage_far_from_the_end_is_found_and_named),
		TEST(a_body_that_was_exchanged_is_found),
		TEST(a_journal_that_grows_meanwhile_is_good),
		TEST(a_stop_waits_for_no_end_and_says_nothing_of_damage),
		TEST(what_the_journal_is_held_for_is_not_put_off),
		TEST_EMPTY(bodies_that_are_erased_before_they_are_looked_at_are_no_damage),
		TEST_EMPTY(bodies_whose_keys_are_lost_before_they_are_looked_at_are_damage),
		TEST(a_journal_that_is_not_there_is_no_damaged_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
