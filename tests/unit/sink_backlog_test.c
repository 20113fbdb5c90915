/* Tries to make the agent forget what a sink said of an erasure. */
#include "agents/reports/store_progress.h"
#include "agents/sink/sink_backlog.h"
#include "common/memory.h"
#include "tests/support/sinks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct letter *progress(uint64_t row)
{
	struct sink_letter *letter = memory_zero(1, sizeof(*letter));

	snprintf(letter->name, sizeof(letter->name), "registry");
	letter->row = letter->unsure = row;
	return &letter->letter;
}

static struct letter *held(uint64_t purge)
{
	struct letter *letter = progress(9);
	struct sink_letter *event = (struct sink_letter *)letter;

	event->purge = purge;
	event->outcome = (struct sink_outcome){
		.outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD, .code = "UU-6-2011-72", .until = 1};
	return letter;
}

/* Two reports were erased. */
static void notes_make(struct sink_place *place)
{
	test_sql(&place->store, "INSERT INTO purge(row, origin, epoch, stream, number, rule, at, answer)"
				" VALUES(1, 'army.oku', 1, 0, 1, 1, 1, 1), (2, 'army.oku', 1, 0, 2, 1, 1, 1)");
}

static void assert_held(struct sink_place *place, uint64_t expected)
{
	sqlite3_stmt *count = database_prepare(place->store.db, "SELECT count(*) FROM purge_sink WHERE outcome = ?1");
	uint64_t purge;

	bind_number(count, 1, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD);
	assert_int_equal(sqlite3_step(count), SQLITE_ROW);
	assert_int_equal(column_number(count, 0), expected);
	sqlite3_finalize(count);
	assert_int_equal(store_sink_purged(&place->store, "registry", &purge, NULL), E_OK);
	assert_int_equal(purge, expected);
}

/* Somebody else writes, longer than the agent waits for that. */
static void what_the_store_does_not_take_waits_and_keeps_its_order(void **state)
{
	struct sink_place *place = *state;
	struct sink_backlog backlog = {NULL};
	sqlite3 *other;
	bool erasures;

	notes_make(place);
	assert_int_equal(sqlite3_open(place->store_path, &other), SQLITE_OK);
	sqlite3_busy_timeout(place->store.db, 1);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sink_backlog_store(&backlog, &place->store, held(1), &erasures, NULL), E_BUSY);
	assert_int_equal(sink_backlog_store(&backlog, &place->store, NULL, &erasures, NULL), E_BUSY);
	assert_int_equal(sink_backlog_store(&backlog, &place->store, held(2), &erasures, NULL), E_BUSY);
	assert_false(erasures);
	assert_held(place, 0);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sink_backlog_store(&backlog, &place->store, progress(10), &erasures, NULL), E_OK);
	assert_true(erasures);
	assert_null(backlog.first);
	assert_held(place, 2);
	assert_int_equal(sink_place_position(place), 10);
	sqlite3_close(other);
}

static void what_is_stored_is_not_stored_again(void **state)
{
	struct sink_place *place = *state;
	struct sink_backlog backlog = {NULL};
	bool erasures;

	notes_make(place);
	assert_int_equal(sink_backlog_store(&backlog, &place->store, held(1), &erasures, NULL), E_OK);
	assert_true(erasures);
	assert_int_equal(sink_backlog_store(&backlog, &place->store, progress(10), &erasures, NULL), E_OK);
	assert_false(erasures);
	assert_int_equal(sink_backlog_store(&backlog, &place->store, NULL, &erasures, NULL), E_OK);
	assert_held(place, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sink_place_begin, sink_place_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_the_store_does_not_take_waits_and_keeps_its_order),
		TEST(what_is_stored_is_not_stored_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
