/* tamper_test - what somebody with the broker's disk and a program for databases can do to the journal of a real exchange, and that
 * simpulctl journal verify names the place: to the operator, and to an auditor who has the file alone. */
#include "common/memory.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { POLICE, ARMY };

static char *paper; /* the newest position, which the offices have signed: how far the journal was */

static int shell(struct exchange *x, const char *command)
{
	char *line = memory_format("cd '%s' && %s", x->folder, command);
	const char *argv[] = {"/bin/sh", "-c", line, NULL};
	const int status = process_run(argv, NULL, NULL, x->log, 60);

	free(line);
	return status;
}

/* Six reports, each in an entry of its own; then all programs end, and the folder is kept as it is for every trick. */
static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, POLICY_POLICE_TO_ARMY, (const char *const[]){"police.oku", "army.oku", NULL});
	paper = broker_path(&x, "../paper.json");
	*state = &x;
	if (exchange_serve(&x) != 0)
		return 1;
	for (size_t i = 1; i <= 6; i++) {
		char *name = memory_format("%zu.jsonl", i);

		drop_many(&x, POLICE, name, "one", 1);
		free(name);
		if (!office_received(&x, ARMY, i, 20))
			return 1;
	}
	if (exchange_ctl(&x, NULL, "journal", "checkpoint", "-o", paper, NULL) != 0 || !exchange_stop(&x))
		return 1;
	return shell(&x, "cp -a journal ../journal.right");
}

static int tear_down(void **state)
{
	free(paper);
	return exchange_tear_down(state);
}

/* ------------------------------------------------------------------ the thief's means */

static void journal_edit(struct exchange *x, const char *sql)
{
	char *path = broker_path(x, "journal/journal.db");
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_true(sqlite3_total_changes(db) > 0);
	sqlite3_close(db);
	free(path);
}

static void journal_put_back(struct exchange *x)
{
	assert_int_equal(shell(x, "rm -rf journal && cp -a ../journal.right journal"), 0);
}

/* Of the n-th report. */
static uint64_t entry_of(struct exchange *x, unsigned n)
{
	char *path = broker_path(x, "journal/journal.db");
	sqlite3_stmt *get;
	sqlite3 *db;
	uint64_t entry;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT entry FROM entry WHERE type = 2 ORDER BY entry LIMIT 1 OFFSET ?1", -1,
					    &get, NULL),
			 SQLITE_OK);
	sqlite3_bind_int(get, 1, (int)n - 1);
	assert_int_equal(sqlite3_step(get), SQLITE_ROW);
	entry = (uint64_t)sqlite3_column_int64(get, 0);
	sqlite3_finalize(get);
	sqlite3_close(db);
	free(path);
	return entry;
}

/* ------------------------------------------------------------------ what the programs say */

/* Both the operator and the auditor, who has the file and exchange.id; the number is that of the entry that is named. */
static void assert_named(struct exchange *x, uint64_t entry)
{
	char *expected = memory_format("BAD at entry %" PRIu64 ": ", entry);
	char *file = broker_path(x, "journal/journal.db"), *exchange = broker_path(x, "exchange.id");
	struct buffer said = {0}, heard = {0};

	assert_int_equal(exchange_ctl(x, &said, "journal", "verify", NULL), 65);
	assert_int_equal(operate_run(x, &heard, "simpulctl", "journal", "verify", "--file", file, "--exchange-file", exchange,
				     NULL),
			 65);
	buffer_u8(&said, 0);
	buffer_u8(&heard, 0);
	if (strncmp((char *)said.data, expected, strlen(expected)) != 0)
		fail_msg("no \"%s\" in %s", expected, (char *)said.data);
	if (strncmp((char *)heard.data, expected, strlen(expected)) != 0)
		fail_msg("no \"%s\" in %s", expected, (char *)heard.data);
	buffer_free(&heard);
	buffer_free(&said);
	free(exchange);
	free(file);
	free(expected);
}

static int verify(struct exchange *x, const char *checkpoint)
{
	return checkpoint ? exchange_ctl(x, NULL, "journal", "verify", "--checkpoint", checkpoint, NULL)
			  : exchange_ctl(x, NULL, "journal", "verify", NULL);
}

/* ------------------------------------------------------------------ tests */

static void what_nobody_touched_is_good(void **state)
{
	struct exchange *x = *state;

	assert_int_equal(verify(x, NULL), 0);
	assert_int_equal(verify(x, paper), 0);
}

static void an_edit_is_named(void **state)
{
	struct exchange *x = *state;
	const uint64_t entry = entry_of(x, 3);
	char *sql = memory_format("UPDATE entry SET accepted_at = accepted_at + 60000 WHERE entry = %" PRIu64, entry);

	journal_edit(x, sql);
	assert_named(x, entry);
	journal_put_back(x);
	free(sql);
}

static void a_report_that_was_cut_out_is_named(void **state)
{
	struct exchange *x = *state;
	const uint64_t entry = entry_of(x, 3);
	char *sql = memory_format("DELETE FROM submission_of WHERE entry = %" PRIu64 "; DELETE FROM content WHERE entry = %" PRIu64
				  "; DELETE FROM entry WHERE entry = %" PRIu64,
				  entry, entry, entry);

	journal_edit(x, sql);
	assert_named(x, entry);
	journal_put_back(x);
	free(sql);
}

static void two_reports_that_changed_places_are_named(void **state)
{
	struct exchange *x = *state;
	const uint64_t one = entry_of(x, 3), other = entry_of(x, 4);
	char *sql = memory_format("UPDATE content SET entry = 1000000 WHERE entry = %" PRIu64 ";"
				  "UPDATE content SET entry = %" PRIu64 " WHERE entry = %" PRIu64 ";"
				  "UPDATE content SET entry = %" PRIu64 " WHERE entry = 1000000",
				  one, one, other, other);

	journal_edit(x, sql);
	assert_named(x, one);
	journal_put_back(x);
	free(sql);
}

/* Cut with care: nothing in the file tells that there was more, but a position that somebody else holds does. */
static void a_journal_that_was_cut_off_does_not_reach_what_others_hold(void **state)
{
	struct exchange *x = *state;
	const uint64_t last = entry_of(x, 6);
	char *sql = memory_format("DELETE FROM submission_of WHERE entry >= %" PRIu64 ";"
				  "DELETE FROM content WHERE entry >= %" PRIu64 ";"
				  "DELETE FROM entry WHERE entry >= %" PRIu64 ";"
				  "UPDATE stream SET last = last - 1, digest = (SELECT digest FROM entry e"
				  " WHERE e.origin_id = stream.origin_id ORDER BY entry DESC LIMIT 1)",
				  last, last, last);

	journal_edit(x, sql);
	assert_int_equal(verify(x, NULL), 0);
	assert_int_equal(verify(x, paper), 65);
	journal_put_back(x);
	free(sql);
}

/* The whole folder as it was before: good by itself. */
static void a_journal_that_was_set_back_does_not_reach_what_others_hold(void **state)
{
	struct exchange *x = *state;
	char *later = broker_path(x, "../later.json");

	exchange_start_broker(x);
	assert_int_equal(exchange_ctl(x, NULL, "retire", "army.oku", "--reason", "moves", NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "checkpoint", "-o", later, NULL), 0);
	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	x->broker = 0;
	assert_int_equal(verify(x, later), 0);
	journal_put_back(x);
	assert_int_equal(verify(x, NULL), 0);
	assert_int_equal(verify(x, later), 65);
	free(later);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_nobody_touched_is_good),
		cmocka_unit_test(an_edit_is_named),
		cmocka_unit_test(a_report_that_was_cut_out_is_named),
		cmocka_unit_test(two_reports_that_changed_places_are_named),
		cmocka_unit_test(a_journal_that_was_cut_off_does_not_reach_what_others_hold),
		cmocka_unit_test(a_journal_that_was_set_back_does_not_reach_what_others_hold),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
