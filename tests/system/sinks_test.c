/* sinks_test - what an office hands on to a program and to a server of its own, also when they do not go on. */
#include "common/memory.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"
#include "tests/support/web.h"

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

static const char policy[] = POLICY_POLICE_TO_ARMY;

/* What the army's program does: notes the report's name, then what the file "how" says. */
static const char script[] = "#!/bin/sh\nhere=$(dirname \"$0\")\necho $$ >\"$here/pid\"\n"
			     "echo $SIMPUL_NAME >>\"$here/names\"\n. \"$here/how\"\n";

static struct web *web;

static void script_put(struct exchange *x, const char *how)
{
	char *path = office_path(x, ARMY, "how");

	file_put(path, how);
	free(path);
}

static int set_up(void **state)
{
	static struct exchange x;
	char *config, *path, *sinks;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", NULL});
	config = office_path(&x, ARMY, "agent.yaml");
	path = office_path(&x, ARMY, "hand-on");
	web = web_start(NULL, NULL, 0);
	sinks = memory_format("sinks:\n"
			      "  - {name: program, type: program, path: hand-on, erases: manual, seconds: 300}\n"
			      "  - {name: desk, type: http, url: \"http://127.0.0.1:%u/r\", erases: yes}\n",
			      web_port(web));
	file_put(path, script);
	chmod(path, 0700);
	script_put(&x, "exit 0\n");
	file_swap(config, "sinks:\n", sinks);
	exchange_start_offices(&x);
	free(sinks);
	free(path);
	free(config);
	*state = &x;
	return office_caught_up(&x, ARMY, 20) ? 0 : 1;
}

static int tear_down(void **state)
{
	if (web != NULL)
		web_stop(web);
	return exchange_tear_down(state);
}

struct lines {
	char *path;
	size_t count;
};

static bool has_lines(void *context)
{
	const struct lines *lines = context;
	char *text = file_text(lines->path);
	size_t count = 0;

	for (const char *c = text; *c; c++)
		count += *c == '\n';
	free(text);
	return count >= lines->count;
}

static bool file_has_lines(struct exchange *x, const char *name, size_t count)
{
	struct lines lines = {office_path(x, ARMY, name), count};
	const bool has = wait_for(has_lines, &lines, 10);

	free(lines.path);
	return has;
}

static bool web_has(void *count)
{
	return web_requests(web) >= *(size_t *)count;
}

static void a_program_and_a_server_get_what_is_actual(void **state)
{
	struct exchange *x = *state;
	char *path = office_path(x, ARMY, "names"), *names;
	struct buffer line = {0};
	size_t due = 3;

	drop_many(x, POLICE, "two.jsonl", "two", 2);
	assert_true(office_received(x, ARMY, 2, 20));
	draft_line(&line, "public-order", "16.01", "exercise", "\"status\": \"exercise\",");
	buffer_u8(&line, 0);
	office_drop(x, POLICE, "exercise.jsonl", (const char *)line.data);
	assert_true(office_received(x, ARMY, 3, 20));
	drop_many(x, POLICE, "one.jsonl", "one", 1);
	assert_true(office_received(x, ARMY, 4, 20));
	assert_true(file_has_lines(x, "names", 3));
	assert_true(wait_for(web_has, &due, 10));
	names = file_text(path);
	assert_string_equal(names, "police.oku#1\npolice.oku#2\npolice.oku#3\n");
	assert_true(log_has(x, "sink.passed_over sink=program label=0 status=1 erasure=0", 10));
	assert_int_equal(web_requests(web), 3);
	buffer_free(&line);
	free(names);
	free(path);
}

static void an_agent_whose_program_hangs_ends_at_once_and_hands_on_later(void **state)
{
	struct exchange *x = *state;
	char *pid = office_path(x, ARMY, "pid"), *number;

	script_put(x, "exec sleep 300\n");
	unlink(pid);
	drop_many(x, POLICE, "hang.jsonl", "hang", 1);
	assert_true(file_has_lines(x, "names", 4));
	assert_true(file_has_lines(x, "inbox.jsonl", 4)); /* another sink goes on: 5 less the exercise */
	number = file_text(pid);
	assert_true(atoi(number) > 1);
	assert_int_equal(process_end(x->offices[ARMY].pid, SIGTERM, 10), 0);
	assert_false(process_alive(atoi(number)));
	script_put(x, "exit 0\n");
	exchange_start_office(x, ARMY);
	assert_true(file_has_lines(x, "names", 5)); /* the same once more */
	free(number);
	free(pid);
}

/* The command of the army prints this within some seconds. */
static void assert_says(struct exchange *x, const char *command, const char *said)
{
	struct buffer out = {0};

	for (int i = 0; i < 50; i++) {
		buffer_clear(&out);
		exchange_simpul(x, ARMY, NULL, &out, command, NULL);
		buffer_u8(&out, 0);
		if (strstr((const char *)out.data, said)) {
			buffer_free(&out);
			return;
		}
		sleep_ms(100);
	}
	fail_msg("simpul %s does not say '%s' but:\n%s", command, said, (const char *)out.data);
}

static void what_fails_is_named_by_status_and_doctor(void **state)
{
	struct exchange *x = *state;
	char *program = office_path(x, ARMY, "hand-on");

	assert_says(x, "doctor", "desk: http://127.0.0.1");
	assert_says(x, "doctor", "hand-on can be run");
	web_stop(web);
	web = NULL;
	script_put(x, "echo RAHASIA >&2\nexit 3\n");
	drop_many(x, POLICE, "fail.jsonl", "fail", 1);
	assert_says(x, "status", "sink program fails and is tried again: its exit status was 3");
	assert_says(x, "status", "sink desk fails and is tried again: nobody listens there");
	assert_says(x, "doctor", "the agent cannot hand on: its exit status was 3");
	assert_says(x, "doctor", ": nobody listens there");
	assert_int_equal(chmod(program, 0600), 0);
	assert_says(x, "doctor", "this user may not execute it");
	assert_false(exchange_logged(x, "RAHASIA"));
	free(program);
}

static void the_check_of_the_settings_names_them_too(void **state)
{
	struct exchange *x = *state;
	char *config = office_path(x, ARMY, "agent.yaml"), *program = office_path(x, ARMY, "hand-on");
	const char *said = "sink program: this user may not execute it";

	assert_int_equal(operate_run(x, NULL, "simpul-agent", "-c", config, "-t", NULL), 78);
	assert_true(exchange_logged(x, said));
	assert_int_equal(chmod(program, 0700), 0);
	assert_int_equal(operate_run(x, NULL, "simpul-agent", "-c", config, "-t", NULL), 78);
	assert_true(exchange_logged(x, "sink desk: nobody listens there"));
	file_swap(config, "type: http", "type: jsonl, path: x.jsonl"); /* a url is of no use to it */
	assert_int_equal(operate_run(x, NULL, "simpul-agent", "-c", config, "-t", NULL), 78);
	assert_true(exchange_logged(x, "agent.yaml:"));
	free(program);
	free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_program_and_a_server_get_what_is_actual),
		cmocka_unit_test(an_agent_whose_program_hangs_ends_at_once_and_hands_on_later),
		cmocka_unit_test(what_fails_is_named_by_status_and_doctor),
		cmocka_unit_test(the_check_of_the_settings_names_them_too),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
