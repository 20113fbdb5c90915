/* quarantine_test - what an office could not apply or hand on waits where somebody sees it, and holds up nothing else.
 */
#include "common/memory.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { POLICE, ARMY };

/* Immigration is who a report may go to that the army does not get. */
static const char policy[] = POLICY_AGENCIES POLICY_AGENCY("police") POLICY_SENDS POLICY_AGENCY("army")
	POLICY_RECEIVES POLICY_AGENCY("immigration") POLICY_RECEIVES POLICY_NODES POLICY_NODE("police.oku", "16.01")
		POLICY_NODE("army.oku", "16.01") POLICY_NODE("immigration.oku", "16.01");

/* The army's program: does what the file "how" says, then notes the report's name. */
static const char script[] = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\necho $SIMPUL_NAME >>tried\n. ./how\n"
			     "echo $SIMPUL_NAME >>taken\n";

static void how(struct exchange *x, const char *what)
{
	char *path = office_path(x, ARMY, "how");

	file_put(path, what);
	free(path);
}

static int set_up(void **state)
{
	static struct exchange x;
	char *config, *path;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", "immigration.oku", NULL});
	config = office_path(&x, ARMY, "agent.yaml");
	path = office_path(&x, ARMY, "hand-on");
	file_put(path, script);
	chmod(path, 0700);
	how(&x, "");
	file_swap(config, "sinks:\n",
		  "sinks:\n  - {name: registry, type: program, path: hand-on, erases: manual, attempts: 1}\n");
	exchange_start_office(&x, POLICE);
	exchange_start_office(&x, ARMY);
	free(path);
	free(config);
	*state = &x;
	return office_caught_up(&x, ARMY, 20) && office_caught_up(&x, POLICE, 20) ? 0 : 1;
}

/* ------------------------------------------------------------------ asking */

struct said {
	struct exchange *x;
	const char *text;
	struct buffer out;
};

static bool says(void *context)
{
	struct said *said = context;

	buffer_clear(&said->out);
	exchange_simpul(said->x, ARMY, NULL, &said->out, "quarantine", "list", "--all", NULL);
	buffer_u8(&said->out, 0);
	return strstr((const char *)said->out.data, said->text) != NULL;
}

/* The list comes to hold this. */
static void assert_lists(struct exchange *x, const char *text)
{
	struct said said = {.x = x, .text = text};

	if (!wait_for(says, &said, 15))
		fail_msg("no '%s' in:\n%s", text, (const char *)said.out.data);
	buffer_free(&said.out);
}

/* A command of the army prints this. */
static void assert_prints(struct exchange *x, const char *command, const char *text)
{
	struct buffer out = {0};

	exchange_simpul(x, ARMY, NULL, &out, command, NULL);
	buffer_u8(&out, 0);
	if (strstr((const char *)out.data, text) == NULL)
		fail_msg("no '%s' in:\n%s", text, (const char *)out.data);
	buffer_free(&out);
}

static int order(struct exchange *x, const char *action, const char *item)
{
	return exchange_simpul(x, ARMY, NULL, NULL, "quarantine", action, item, NULL);
}

struct lines {
	struct exchange *x;
	const char *text;
};

static bool taken_is(void *context)
{
	const struct lines *lines = context;
	char *path = office_path(lines->x, ARMY, "taken"), *text = file_text(path);
	const bool is = strcmp(text, lines->text) == 0;

	free(path);
	free(text);
	return is;
}

static void assert_taken(struct exchange *x, const char *text)
{
	struct lines lines = {x, text};

	assert_true(wait_for(taken_is, &lines, 15));
}

/* ------------------------------------------------------------------ tests */

static void a_report_that_the_sink_refuses_does_not_stop_the_others(void **state)
{
	struct exchange *x = *state;

	how(x, "[ $SIMPUL_NAME != police.oku#2 ] || exit 3\n");
	drop_many(x, POLICE, "four.jsonl", "RAHASIA", 4);
	assert_lists(x, "police.oku#2");
	assert_taken(x, "police.oku#1\npolice.oku#3\npolice.oku#4\n");
	assert_lists(x, "registry: its exit status was 3");
	assert_true(log_has(x, "quarantine.waits cause=undelivered name=police.oku#2", 5));
	assert_prints(x, "status", "quarantine: 1 wait for somebody to look");
	assert_prints(x, "doctor", "1 that a sink did not take");
	assert_false(exchange_logged(x, "RAHASIA"));
}

static void it_is_handed_on_when_somebody_has_it_tried_again(void **state)
{
	struct exchange *x = *state;

	assert_int_equal(order(x, "retry", "1"), 0);
	assert_true(log_has(x, "quarantine.waits", 5));
	how(x, "");
	for (int i = 0; i < 50 && order(x, "retry", "1") == 73; i++) /* EX_CANTCREAT: the first is under way */
		sleep_ms(50);
	assert_taken(x, "police.oku#1\npolice.oku#3\npolice.oku#4\npolice.oku#2\n");
	assert_lists(x, "SOLVED");
	assert_int_equal(order(x, "retry", "1"), 76);
	assert_prints(x, "doctor", "nothing waits");
}

static void a_sink_that_is_down_for_a_while_quarantines_nothing(void **state)
{
	struct exchange *x = *state;
	char *tried = office_path(x, ARMY, "tried");

	unlink(tried);
	how(x, "exit 1\n");
	drop_many(x, POLICE, "three.jsonl", "down", 3);
	assert_true(office_received(x, ARMY, 7, 20));
	for (int i = 0; i < 100; i++) { /* two rounds over all three */
		char *text = file_text(tried);

		i = strlen(text) >= 6 * strlen("police.oku#5\n") ? 100 : i;
		free(text);
		sleep_ms(100);
	}
	how(x, "");
	assert_taken(
		x,
		"police.oku#1\npolice.oku#3\npolice.oku#4\npolice.oku#2\npolice.oku#5\npolice.oku#6\npolice.oku#7\n");
	assert_prints(x, "doctor", "nothing waits");
	free(tried);
}

/* The army's store, while its agent does not run. */
static void store_run(struct exchange *x, const char *sql)
{
	char *path = office_path(x, ARMY, "store/agent.db");
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	free(path);
}

static void restart_with(struct exchange *x, const char *sql)
{
	assert_int_equal(process_end(x->offices[ARMY].pid, SIGTERM, 10), 0);
	store_run(x, sql);
	exchange_start_office(x, ARMY);
	assert_true(office_in_state(x, ARMY, "live", 20));
}

static void a_cancel_of_what_is_not_here_waits_and_is_closed_with_a_reason(void **state)
{
	struct exchange *x = *state;

	drop_many(x, POLICE, "lost.jsonl", "lost", 1);
	assert_true(office_received(x, ARMY, 8, 20));
	restart_with(x, "DELETE FROM inbox WHERE number = 8");
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", "police.oku#8", "--reason", "wrong-facts", NULL),
			 0);
	assert_lists(x, "the report referred to is not known");
	assert_int_equal(order(x, "retry", "2"), 65);
	assert_int_equal(order(x, "close", "2"), 64);
	assert_int_equal(order(x, "close", "9"), 64);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "quarantine", "close", "9", "--reason", "none", NULL),
			 66);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "quarantine", "show", "9", NULL), 66);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "quarantine", "show", "2", NULL), 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "quarantine", "close", "2", "--reason", "read it", NULL),
			 0);
	assert_lists(x, ": read it");
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "quarantine", "close", "2", "--reason", "twice", NULL),
			 76);
	assert_true(log_has(x, "quarantine.closed item=2", 5));
	assert_false(exchange_logged(x, "read it"));
}

static void what_does_not_verify_reaches_no_sink_until_it_does(void **state)
{
	struct exchange *x = *state;

	/* The record of the police is gone, so that nothing of theirs can be verified. */
	restart_with(x, "CREATE TABLE lost AS SELECT * FROM member WHERE node = 'police.oku';"
			"DELETE FROM member WHERE node = 'police.oku'");
	drop_many(x, POLICE, "two.jsonl", "unknown", 2);
	assert_lists(x, "police.oku#10");
	assert_lists(x, "police.oku#11");
	assert_lists(x, "the key is not enrolled");
	assert_int_equal(order(x, "retry", "3"), 77);
	restart_with(x, "INSERT INTO member SELECT * FROM lost; DROP TABLE lost");
	assert_int_equal(order(x, "retry", "3"), 0);
	assert_taken(
		x, "police.oku#1\npolice.oku#3\npolice.oku#4\npolice.oku#2\npolice.oku#5\npolice.oku#6\npolice.oku#7\n"
		   "police.oku#8\npolice.oku#9\npolice.oku#10\n");
	assert_prints(x, "doctor", "1 wait: 1 that do not verify");
}

/* After the test above: one waits that does not verify, and two more come of reports that are not here. */
static void what_waits_for_one_cause_is_closed_at_once(void **state)
{
	struct exchange *x = *state;

	drop_many(x, POLICE, "gone.jsonl", "gone", 2);
	assert_true(inbox_shows(x, ARMY, "police.oku#13", "state", "current"));
	restart_with(x, "DELETE FROM inbox WHERE number IN (12, 13)");
	for (int i = 12; i <= 13; i++) {
		char *name = memory_format("police.oku#%d", i);

		assert_int_equal(
			exchange_simpul(x, POLICE, NULL, NULL, "cancel", name, "--reason", "wrong-facts", NULL), 0);
		free(name);
	}
	assert_lists(x, "police.oku#15");
	assert_int_equal(
		exchange_simpul(x, ARMY, NULL, NULL, "quarantine", "close", "--cause", "unread", "--reason", "r", NULL),
		64);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "quarantine", "close", "--cause", "unreferenced",
					 "--origin", "immigration.oku", "--reason", "theirs", NULL),
			 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "quarantine", "close", "--cause", "unreferenced",
					 "--origin", "police.oku", "--reason", "read them", NULL),
			 0);
	assert_lists(x, ": read them");
	assert_false(exchange_logged(x, "theirs"));
	assert_prints(x, "doctor", "1 wait: 1 that do not verify");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_that_the_sink_refuses_does_not_stop_the_others),
		cmocka_unit_test(it_is_handed_on_when_somebody_has_it_tried_again),
		cmocka_unit_test(a_sink_that_is_down_for_a_while_quarantines_nothing),
		cmocka_unit_test(a_cancel_of_what_is_not_here_waits_and_is_closed_with_a_reason),
		cmocka_unit_test(what_does_not_verify_reaches_no_sink_until_it_does),
		cmocka_unit_test(what_waits_for_one_cause_is_closed_at_once),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
