/* doctor_test - what is broken on purpose is named by the doctor of an office, in words, with what to do. */
#include "common/memory.h"
#include "tests/support/doctors.h"
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
#include <zmq.h>
#include <cmocka.h>

/* The agent of the first runs, that of the second does not. */
enum { POLICE, ARMY };

static const char policy[] = POLICY_POLICE_TO_ARMY;

static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", NULL});
	exchange_start_office(&x, POLICE);
	*state = &x;
	return office_caught_up(&x, POLICE, 20) ? 0 : 1;
}

/* ------------------------------------------------------------------ an office that runs */

static void an_office_that_is_well_is_told_so_and_left_alone(void **state)
{
	struct exchange *x = *state;
	int status;
	char *text = doctor_text(x, POLICE, &status);

	if (status != 0 || lines_with(text, "FAIL") > 0)
		fail_msg("status %d:\n%s", status, text);
	assert_said(text, "ok", "runs and is connected to the broker");
	assert_said(text, "ok", "key 1 is enrolled");
	assert_said(text, "ok", "as the broker's");
	assert_said(text, "ok", "lines: ");
	/* Who is connected need not knock. */
	assert_null(strstr(text, "lets this office in"));
	free(text);
}

/* The agent goes on with what it read at its start: one thing at a time is wrong, and one line says so. */
static void each_mistake_in_a_file_is_named(void **state)
{
	static const struct mistake mistakes[] = {
		{"agent.yaml", "log_level: info", "log_level: loud", "FAIL", "agent.yaml:10"},
		{"agent.yaml", "keys: police.oku.keys", "keys: lost.keys", "FAIL", "lost.keys"},
		{"police.oku.keys", "# Keys", "Keys", "FAIL", "police.oku.keys"},
		{"agent.yaml", "join: exchange.join", "join: lost.join", "FAIL", "lost.join"},
		{"exchange.join", "\"exchange\"", "\"exchanged\"", "FAIL", "exchange.join: exchange"},
		{"agent.yaml", "store: store", "store: new.db", "warn", "new.db is not there"},
		{"agent.yaml", "store: store", "store: json.yaml.db", "warn", "json.yaml.db is not there"},
		{"agent.yaml", "path: drop", "path: dropped", "FAIL", "dropped: there is no such folder"},
		{"agent.yaml", "path: drop", "path: json.yaml", "FAIL", "json.yaml: it is not a folder"},
		{"agent.yaml", "profile: json.yaml", "profile: lost.yaml", "FAIL", "lost.yaml"},
		{"json.yaml", "label: AMBER", "label: MAUVE", "FAIL", "json.yaml:2"},
		{"agent.yaml", "path: inbox.jsonl", "path: away/inbox.jsonl", "FAIL", "away/inbox.jsonl: its folder"},
		{"agent.yaml", "path: inbox.jsonl", "path: drop", "FAIL", "drop: it is not a file"},
		{"agent.yaml", "type: jsonl", "type: folder", "FAIL", "inbox.jsonl: it is not a folder"},
		{"agent.yaml", "type: jsonl, path: inbox.jsonl", "erases: no, type: program, path: lost", "FAIL",
		 "lost: there is no such program"},
		{"agent.yaml", "type: jsonl, path: inbox.jsonl", "erases: no, type: program, path: json.yaml", "FAIL",
		 "json.yaml: this user may not execute it"},
		{"agent.yaml", "type: jsonl, path: inbox.jsonl", "erases: no, type: http, url: \"http://127.0.0.1:1/\"",
		 "FAIL", "http://127.0.0.1:1/: nobody listens there"},
		{"agent.yaml", "type: jsonl, path: inbox.jsonl", "erases: no, type: http, url: \"http://10.0.0.1/\"",
		 "FAIL", "agent.yaml:9: url: http to 127.0.0.1"},
		{"agent.yaml", "node: police.oku", "node: police.other", "FAIL",
		 "belongs to police.oku, not to police.other"},
		{"agent.yaml", "local: local.sock", "local: silent.sock", "FAIL", "simpul-agent does not run"},
	};
	struct exchange *x = *state;

	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		char *path = office_path(x, POLICE, mistakes[i].file), *good = file_text(path);

		file_swap(path, mistakes[i].from, mistakes[i].to);
		assert_doctor_says(x, POLICE, mistakes[i].result, mistakes[i].said);
		file_put(path, good);
		free(good);
		free(path);
	}
	/* The last one knocked at the broker's door beside the agent with the same key. */
	assert_true(office_in_state(x, POLICE, "live", 5));
	assert_false(exchange_logged(x, "session.superseded"));
	assert_false(exchange_logged(x, "feed.foreign_subscription"));
}

static void keys_that_others_can_read_are_named(void **state)
{
	struct exchange *x = *state;
	char *path = office_path(x, POLICE, "police.oku.keys");

	assert_int_equal(chmod(path, 0644), 0);
	assert_doctor_says(x, POLICE, "FAIL", "others may read or change it, chmod 600 it");
	assert_int_equal(chmod(path, 0600), 0);
	free(path);
}

/* Turns the digit after `key` in a JSON file; the old text, to be put back and freed. */
static char *digit_turn(const char *path, const char *key)
{
	char *good = file_text(path), *turned = memory_string(good), *digit = strstr(turned, key);

	assert_non_null(digit);
	digit += strlen(key);
	*digit = *digit == '7' ? '8' : '7';
	file_put(path, turned);
	free(turned);
	return good;
}

static void a_join_file_of_another_exchange_is_named(void **state)
{
	struct exchange *x = *state;
	char *path = office_path(x, POLICE, "exchange.join"), *good = digit_turn(path, "\"exchange\": \"");

	assert_doctor_says(x, POLICE, "FAIL", "exchange.join is for another exchange");
	assert_doctor_says(x, POLICE, "FAIL", "is of another exchange than the join file");
	file_put(path, good);
	free(good);
	free(path);
}

static void a_damaged_store_is_named(void **state)
{
	struct exchange *x = *state;
	char *path = office_path(x, POLICE, "new.db"), *config = office_path(x, POLICE, "agent.yaml");

	file_put(path, "This is no database, but it is long enough that nobody takes it for an empty one.\n");
	file_swap(config, "store: store", "store: new.db");
	assert_doctor_says(x, POLICE, "FAIL", "stored data is damaged");
	file_swap(config, "store: new.db", "store: store");
	free(config);
	free(path);
}

static void a_full_disk_is_named(void **state)
{
	struct exchange *x = *state;
	char *store = office_path(x, ARMY, "store");

	if (!mounts_private() || !disk_small(store, 8 * 1024)) {
		free(store);
		skip();
	}
	assert_doctor_says(x, ARMY, "FAIL", "full: ");
	disk_away(store);
	assert_true(disk_small(store, 64 * 1024));
	assert_doctor_says(x, ARMY, "warn", "almost full: ");
	disk_away(store);
	free(store);
}

static void a_copy_that_a_change_of_the_passphrase_left_is_named(void **state)
{
	struct exchange *x = *state;
	char *left = office_path(x, POLICE, "police.oku.keys.unfinished");

	file_put(left, "# Keys");
	assert_doctor_says(x, POLICE, "warn", "police.oku.keys.unfinished is left of a change of the passphrase");
	assert_int_equal(remove(left), 0);
	free(left);
}

/* ------------------------------------------------------------------ the way to the broker */

static void an_office_whose_agent_does_not_run_sees_the_broker_open(void **state)
{
	struct exchange *x = *state;

	assert_doctor_says(x, ARMY, "FAIL", "simpul-agent does not run");
	assert_doctor_says(x, ARMY, "ok", "lets this office in");
	assert_doctor_says(x, ARMY, "warn", "agent.db is not there");
}

/* What the army's sink was given lies on a disk that is away. */
static void a_folder_whose_disk_is_not_mounted_is_named(void **state)
{
	struct exchange *x = *state;
	char *config = office_path(x, ARMY, "agent.yaml"), *good = file_text(config);
	char *folder = office_path(x, ARMY, "files"), *mark = office_path(x, ARMY, "files/.simpul-sink");
	char *disk = office_path(x, ARMY, "disk");

	file_swap(config, "sinks:\n", "sinks:\n  - {name: files, type: folder, path: files}\n");
	assert_int_equal(mkdir(folder, 0700), 0);
	exchange_start_office(x, ARMY);
	assert_true(file_comes(mark, 20));
	assert_int_equal(process_end(x->offices[ARMY].pid, SIGTERM, 20), 0);
	x->offices[ARMY].pid = 0;
	assert_int_equal(rename(folder, disk), 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_doctor_says(x, ARMY, "FAIL", "is its disk mounted?");
	file_put(config, good);
	free(disk);
	free(mark);
	free(folder);
	free(good);
	free(config);
}

static void a_broker_that_cannot_be_found_is_named(void **state)
{
	static const struct {
		const char *endpoint, *said;
	} places[] = {
		{"tcp://broker.invalid:7401", "tcp://broker.invalid:7401: the"},
		{"tcp://127.0.0.1:1", "tcp://127.0.0.1:1: nobody listens there"},
		{"tcp://127.0.0.1", "tcp://127.0.0.1 is no address"},
	};
	struct exchange *x = *state;
	char *path = office_path(x, ARMY, "exchange.join"), *good = file_text(path);
	char *endpoint = strstr(good, "tcp://"), from[64];

	snprintf(from, sizeof from, "%.*s", (int)strcspn(endpoint, "\""), endpoint);
	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		file_swap(path, from, places[i].endpoint);
		assert_doctor_says(x, ARMY, "FAIL", places[i].said);
		file_put(path, good);
	}
	/* Where bulletins come from is a port of its own. */
	file_swap(path, "\"feed_endpoint\"", "\"bulletin_endpoint\": \"tcp://127.0.0.1:1\", \"feed_endpoint\"");
	assert_doctor_says(x, ARMY, "ok", "lets this office in");
	assert_doctor_says(x, ARMY, "FAIL", "tcp://127.0.0.1:1: nobody listens there");
	file_put(path, good);
	free(good);
	free(path);
}

static void a_wrong_key_of_the_broker_is_named(void **state)
{
	struct exchange *x = *state;
	char *path = office_path(x, ARMY, "exchange.join"), *good = digit_turn(path, "\"broker_curve\": \"");

	assert_doctor_says(x, ARMY, "FAIL", "not the broker of the join file");
	file_put(path, good);
	free(good);
	free(path);
}

static void a_key_that_was_never_enrolled_is_named(void **state)
{
	struct exchange *x = *state;
	char *config = office_path(x, ARMY, "agent.yaml"), *other = office_path(x, ARMY, "other");
	char *identity = broker_path(x, "exchange.id");

	assert_int_equal(operate_run(x, NULL, "simpul", "join", "--node", "army.oku", "--exchange-file",
				     identity, "-o", other, "--no-passphrase", NULL),
			 0);
	file_swap(config, "keys: army.oku.keys", "keys: other/army.oku.keys");
	assert_doctor_says(x, ARMY, "FAIL", "does not let this office's key in");
	file_swap(config, "keys: other/army.oku.keys", "keys: army.oku.keys");
	free(identity);
	free(other);
	free(config);
}

static void a_retired_office_is_named(void **state)
{
	struct exchange *x = *state;

	assert_int_equal(exchange_ctl(x, NULL, "retire", "army.oku", NULL), 0);
	assert_doctor_says(x, ARMY, "FAIL", "was retired or revoked");
	assert_int_equal(exchange_ctl(x, NULL, "restore", "army.oku", NULL), 0);
	assert_doctor_says(x, ARMY, "ok", "lets this office in");
}

static void a_broker_that_hangs_is_named(void **state)
{
	struct exchange *x = *state;

	int status;
	char *text;

	kill(x->broker, SIGSTOP);
	text = doctor_text(x, ARMY, &status);
	kill(x->broker, SIGCONT);
	assert_said(text, "FAIL", "the broker does not go on");
	assert_int_equal(status, 1);
	free(text);
}

/* ------------------------------------------------------------------ what the agent says */

static void assert_said_of(struct exchange *x, const char *answer, const char *result, const char *said)
{
	char *path = office_path(x, ARMY, "local.sock");
	void *context = zmq_ctx_new();
	struct pretended pretended = {.answer = answer, .questions = 1};
	const pthread_t thread = pretend(&pretended, context, path);

	assert_doctor_says(x, ARMY, result, said);
	pthread_join(thread, NULL);
	zmq_close(pretended.socket);
	zmq_ctx_term(context);
	free(path);
}

static void an_agent_that_stopped_talking_is_named_with_the_reason_and_what_to_do(void **state)
{
	struct exchange *x = *state;

	assert_said_of(x,
		       "{\"ok\": true, \"state\": \"halted\", \"fault\": {\"code\": \"HISTORY_DIFFERS\", \"field\": "
		       "\"\\u001b[2J\", \"sentence\": \"the histories of sender and broker differ\"}}",
		       "FAIL", "do not delete anything, ask the operators");
	assert_int_equal(exchange_ctl(x, NULL, "revoke", "police.oku", NULL), 0);
	assert_true(office_in_state(x, POLICE, "halted", 20));
	assert_doctor_says(x, POLICE, "FAIL", "has stopped talking to the broker");
	assert_doctor_says(x, POLICE, "FAIL", "does not let this office's key in");
}

static void programs_get_json(void **state)
{
	struct exchange *x = *state;
	struct buffer out = {0};
	json_t *answer;

	assert_int_equal(exchange_simpul(x, ARMY, NULL, &out, "doctor", "--json", NULL), 1);
	answer = json_loadb((const char *)out.data, out.size, 0, NULL);
	assert_true(json_is_false(json_object_get(answer, "good")));
	assert_true(json_integer_value(json_object_get(answer, "failures")) >= 1);
	assert_true(json_array_size(json_object_get(answer, "checks")) > 6);
	json_decref(answer);
	buffer_free(&out);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "doctor", "more", NULL), 64);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "doctor", "--help", NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_office_that_is_well_is_told_so_and_left_alone),
		cmocka_unit_test(each_mistake_in_a_file_is_named),
		cmocka_unit_test(keys_that_others_can_read_are_named),
		cmocka_unit_test(a_join_file_of_another_exchange_is_named),
		cmocka_unit_test(a_damaged_store_is_named),
		cmocka_unit_test(an_office_whose_agent_does_not_run_sees_the_broker_open),
		cmocka_unit_test(a_folder_whose_disk_is_not_mounted_is_named),
		cmocka_unit_test(a_broker_that_cannot_be_found_is_named),
		cmocka_unit_test(a_wrong_key_of_the_broker_is_named),
		cmocka_unit_test(a_key_that_was_never_enrolled_is_named),
		cmocka_unit_test(a_retired_office_is_named),
		cmocka_unit_test(a_broker_that_hangs_is_named),
		cmocka_unit_test(programs_get_json),
		cmocka_unit_test(an_agent_that_stopped_talking_is_named_with_the_reason_and_what_to_do),
		cmocka_unit_test(a_full_disk_is_named),
		cmocka_unit_test(a_copy_that_a_change_of_the_passphrase_left_is_named),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
