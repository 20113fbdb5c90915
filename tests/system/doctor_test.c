/* doctor_test - what is broken on purpose is named by the doctors of offices and of the broker, in words, with what to
 * do. */
#include "common/memory.h"
#include "tests/support/aged.h"
#include "tests/support/operate.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>
#include <cmocka.h>

/* The agent of the first runs, that of the second does not. */
enum { POLICE, ARMY };

static const char policy[] = "purposes: [law-enforcement, immigration-oversight, state-security]\n"
			     "categories: [public-order, lodging]\n"
			     "agencies:\n"
			     "  - agency: police\n"
			     "    ceiling: AMBER\n"
			     "    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
			     "    receive: [{kinds: [sighting], categories: [lodging]}]\n"
			     "  - agency: army\n"
			     "    ceiling: AMBER\n"
			     "    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
			     "    receive: [{kinds: [sighting], categories: [public-order]}]\n"
			     "nodes:\n"
			     "  - {node: police.oku, regions: [\"16.01\"]}\n"
			     "  - {node: army.oku, regions: [\"16.01\"]}\n";

static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", NULL});
	exchange_start_office(&x, POLICE);
	*state = &x;
	return office_caught_up(&x, POLICE, 20) ? 0 : 1;
}

/* ------------------------------------------------------------------ asking a doctor */

/* What the doctor of an office prints; free it. Keys are never in it. */
static char *doctor_text(struct exchange *x, size_t office, int *status)
{
	char *path = memory_format("%s/%s.keys", x->offices[office].folder, x->offices[office].node);
	char *keys = file_text(path), *rest = NULL;
	struct buffer out = {0};

	*status = exchange_simpul(x, office, NULL, &out, "doctor", NULL);
	buffer_u8(&out, 0);
	for (char *line = strtok_r(keys, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		if (strstr(line, "secret = ") || strstr(line, "seed = "))
			assert_null(strstr((const char *)out.data, strstr(line, " = ") + 3));
	free(keys);
	free(path);
	return (char *)out.data;
}

static char *broker_doctor_text(struct exchange *x, int *status)
{
	struct buffer out = {0};

	*status = exchange_ctl(x, &out, "doctor", "--silent-days", "0", NULL);
	buffer_u8(&out, 0);
	return (char *)out.data;
}

/* True when a line begins with this word and holds the words. */
static bool line_holds(const char *text, const char *result, const char *said)
{
	for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *end = line + strcspn(line, "\n"), *found = strstr(line, said);

		if (strncmp(line, result, strlen(result)) == 0 && found && found < end)
			return true;
	}
	return false;
}

static size_t lines_with(const char *text, const char *result)
{
	size_t count = strncmp(text, result, strlen(result)) == 0;

	for (const char *line = text; (line = strchr(line, '\n')); line++)
		count += strncmp(line + 1, result, strlen(result)) == 0;
	return count;
}

/* Says what was printed when the words are not there. */
static void assert_said(const char *text, const char *result, const char *said)
{
	if (!line_holds(text, result, said))
		fail_msg("no line \"%s ... %s\" in:\n%s", result, said, text);
}

/* A doctor ends with 0 exactly when nothing failed. */
static void assert_doctor_says(struct exchange *x, size_t office, const char *result, const char *said)
{
	int status;
	char *text = doctor_text(x, office, &status);

	assert_said(text, result, said);
	assert_int_equal(status, lines_with(text, "FAIL") > 0);
	free(text);
}

static void assert_broker_doctor_says(struct exchange *x, const char *result, const char *said)
{
	int status;
	char *text = broker_doctor_text(x, &status);

	assert_said(text, result, said);
	assert_int_equal(status, lines_with(text, "FAIL") > 0);
	free(text);
}

/* A change of a file, and what must be said about it. */
struct mistake {
	const char *file, *from, *to, *result, *said;
};

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

/* ------------------------------------------------------------------ the way to the broker */

static void an_office_whose_agent_does_not_run_sees_the_broker_open(void **state)
{
	struct exchange *x = *state;

	assert_doctor_says(x, ARMY, "FAIL", "simpul-agent does not run");
	assert_doctor_says(x, ARMY, "ok", "lets this office in");
	assert_doctor_says(x, ARMY, "warn", "agent.db is not there");
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
				     identity, "-o", other, NULL),
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

/* An agent or a broker that answers so many questions, each with this. */
struct pretended {
	void *socket;
	const char *answer;
	unsigned questions;
};

static void *pretended_answer(void *argument)
{
	struct pretended *pretended = argument;
	char question[256];

	for (unsigned i = 0; i < pretended->questions; i++)
		if (zmq_recv(pretended->socket, question, sizeof question, 0) > 0)
			zmq_send(pretended->socket, pretended->answer, strlen(pretended->answer), 0);
	return NULL;
}

static pthread_t pretend(struct pretended *pretended, void *context, const char *path)
{
	char *endpoint = memory_format("ipc://%s", path);
	const int wait = patient_ms(20000);
	pthread_t thread;

	pretended->socket = zmq_socket(context, ZMQ_REP);
	zmq_setsockopt(pretended->socket, ZMQ_RCVTIMEO, &wait, sizeof wait);
	assert_int_equal(zmq_bind(pretended->socket, endpoint), 0);
	assert_int_equal(pthread_create(&thread, NULL, pretended_answer, pretended), 0);
	free(endpoint);
	return thread;
}

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

/* Of the broker, who is asked for its status and its members. */
static void assert_said_of_broker(struct exchange *x, const char *answer, const char *result, const char *said)
{
	char *path = broker_path(x, "pretended.sock"), *config = broker_path(x, "broker.yaml");
	void *context = zmq_ctx_new();
	struct pretended pretended = {.answer = answer, .questions = 2};
	const pthread_t thread = pretend(&pretended, context, path);

	file_swap(config, "control: control.sock", "control: pretended.sock");
	assert_broker_doctor_says(x, result, said);
	file_swap(config, "control: pretended.sock", "control: control.sock");
	pthread_join(thread, NULL);
	zmq_close(pretended.socket);
	zmq_ctx_term(context);
	free(config);
	free(path);
}

static void a_clock_that_is_not_the_brokers_is_named(void **state)
{
	struct exchange *x = *state;

	assert_said_of(x, "{\"ok\": true, \"state\": \"live\", \"clock_ahead_ms\": 20}", "ok", "as the broker's");
	assert_said_of(x, "{\"ok\": true, \"state\": \"live\", \"clock_ahead_ms\": 400000}", "FAIL",
		       "400 s ahead of the broker's; set it");
	assert_said_of(x, "{\"ok\": true, \"state\": \"live\", \"clock_ahead_ms\": -60000}", "warn",
		       "60 s behind the broker's");
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

/* ------------------------------------------------------------------ the broker */

static void a_broker_that_is_well_has_only_its_authority_named(void **state)
{
	struct exchange *x = *state;
	int status;
	char *text = broker_doctor_text(x, &status);

	assert_int_equal(status, 0);
	assert_said(text, "ok", "the newest entries verify");
	assert_said(text, "ok", "runs since");
	assert_said(text, "ok", "is bound");
	assert_said(text, "ok", "2 nodes, in force");
	assert_said(text, "warn", "authority.key is here");
	free(text);
}

static void each_mistake_in_a_file_of_the_broker_is_named(void **state)
{
	static const struct mistake mistakes[] = {
		{"broker.yaml", "reserve_mib: 64", "reserve_gib: 64", "FAIL", "broker.yaml:15"},
		{"broker.yaml", "keys: broker.keys", "keys: broker.lost", "FAIL", "broker.lost"},
		{"broker.keys", "# Keys", "Keys", "FAIL", "broker.keys"},
		{"broker.yaml", "exchange: exchange.id", "exchange: exchange.lost", "FAIL", "exchange.lost"},
		{"broker.yaml", "journal: journal", "journal: lost", "FAIL", "journal.db"},
		{"broker.yaml", "policy: policy.yaml", "policy: policy.lost", "FAIL", "policy.lost"},
		{"policy.yaml", "ceiling: AMBER\n", "ceiling: AMBRE\n", "FAIL", "policy.yaml:5"},
		{"policy.yaml", "ceiling: AMBER\n", "ceiling: GREEN\n", "warn",
		 "policy.yaml is not the policy in force"},
		{"broker.yaml", "control: control.sock", "control: silent.sock", "FAIL", "simpul-broker does not run"},
		{"broker.yaml", "control: control.sock", "control: silent.sock", "FAIL",
		 "another program has this port"},
		{"broker.yaml", "link: tcp://127.0.0.1:", "link: tcp://127.0.0.2:", "FAIL", "does not listen there"},
		{"broker.yaml", "feed: tcp://127.0.0.1:", "feed: tcp://192.0.2.1:", "FAIL",
		 "does not have this address"},
		{"broker.yaml", "link: tcp://127.0.0.1:", "link: tcp://broker.invalid:", "FAIL",
		 "neither an address nor an interface of this machine"},
		{"broker.yaml", "# bulletin: tcp://127.0.0.1:", "bulletin: tcp://192.0.2.1:", "FAIL",
		 "tcp://192.0.2.1:7404: this machine does not have this address"},
		{"broker.yaml", "# log: tcp://127.0.0.1:", "log: tcp://192.0.2.1:", "FAIL",
		 "tcp://192.0.2.1:7403: this machine does not have this address"},
	};
	struct exchange *x = *state;
	const size_t changes = log_count(x, "policy.changed");

	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		char *path = broker_path(x, mistakes[i].file), *good = file_text(path);

		file_swap(path, mistakes[i].from, mistakes[i].to);
		assert_broker_doctor_says(x, mistakes[i].result, mistakes[i].said);
		file_put(path, good);
		free(good);
		free(path);
	}
	assert_int_equal(log_count(x, "policy.changed"), changes);
}

static void keys_of_the_broker_that_others_can_read_are_named(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "broker.keys");

	assert_int_equal(chmod(path, 0644), 0);
	assert_broker_doctor_says(x, "FAIL", "others may read or change it, chmod 600 it");
	assert_int_equal(chmod(path, 0600), 0);
	free(path);
}

static void keys_of_another_broker_are_named(void **state)
{
	struct exchange *x = *state;
	char *config = broker_path(x, "broker.yaml"), *path = broker_path(x, "other.keys");
	struct broker_keys keys;

	broker_keys_generate(&keys);
	assert_int_equal(broker_keys_save(&keys, path, NULL), E_OK);
	file_swap(config, "keys: broker.keys", "keys: other.keys");
	assert_broker_doctor_says(x, "FAIL", "broker.keys and the journal belong to different brokers");
	file_swap(config, "keys: other.keys", "keys: broker.keys");
	free(path);
	free(config);
}

static void a_brokers_clock_in_doubt_and_a_full_disk_are_named(void **state)
{
	struct exchange *x = *state;

	assert_said_of_broker(x, "{\"ok\": true, \"clock_doubted\": true, \"nodes\": []}", "FAIL",
			      "simpulctl clock confirm");
	assert_said_of_broker(x, "{\"ok\": true, \"disk_low\": true, \"nodes\": []}", "FAIL",
			      "it takes nothing new, the disk is too full");
}

/* What a doctor prints to a user who is nobody; free it. NULL where this user cannot become another. */
static char *text_for_nobody(const char *name, const char *config)
{
	char program[300];
	const char *argv[] = {"/usr/bin/setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
			      process_program(name, program, sizeof program), "-c", config, "doctor", NULL};
	struct buffer out = {0};

	if (geteuid() != 0 || access(argv[0], X_OK) != 0)
		return NULL;
	assert_int_equal(process_run(argv, NULL, &out, "/dev/null", 60), 1);
	buffer_u8(&out, 0);
	return (char *)out.data;
}

static void what_a_user_may_not_read_is_named(void **state)
{
	struct exchange *x = *state;
	char *config = broker_path(x, "broker.yaml"), *settings = office_path(x, POLICE, "agent.yaml");
	char *drop = office_path(x, POLICE, "drop"), *journal = broker_path(x, "journal"), *top = broker_path(x, "..");
	char *broker_said, *office_said;

	assert_int_equal(chmod(top, 0711) | chmod(x->folder, 0711) | chmod(config, 0644), 0);
	assert_int_equal(chmod(x->offices[POLICE].folder, 0711) | chmod(settings, 0644) | chmod(drop, 0700), 0);
	assert_int_equal(chmod(journal, 0700), 0);
	broker_said = text_for_nobody("simpulctl", config);
	office_said = text_for_nobody("simpul", settings);
	if (broker_said) {
		assert_said(broker_said, "FAIL", "broker.keys: this user may not read it");
		assert_null(strstr(broker_said, "another program"));
		assert_said(broker_said, "FAIL", "this user may not speak to the broker");
		assert_said(office_said, "FAIL", "drop: Permission denied");
		assert_said(office_said, "FAIL", "police.oku.keys: this user may not read it");
	}
	free(office_said);
	free(broker_said);
	free(top);
	free(journal);
	free(drop);
	free(settings);
	free(config);
}

static void keys_of_broker_and_authority_that_are_old_are_named(void **state)
{
	struct exchange old;
	char *authority, *config;

	(void)state;
	exchange_make(&old, policy);
	config = broker_path(&old, "broker.yaml");
	journal_make_aged(config, 1000);
	exchange_start_broker(&old);
	assert_broker_doctor_says(&old, "warn", "the key of the broker is 1000 days old");
	assert_broker_doctor_says(&old, "warn", "the key of the authority is 1000 days old");
	authority = broker_path(&old, "authority.key");
	assert_int_equal(exchange_ctl(&old, NULL, "broker-keys", "renew", "--authority-key", authority, NULL), 0);
	assert_broker_doctor_says(&old, "warn", "newer keys of it are announced by entry");
	assert_true(exchange_end(&old, false));
	free(authority);
	free(config);
}

/* Enrols an office whose keys were made so many days ago, and end after so many ("0": never). */
static void enrol_aged(struct exchange *x, const char *node, unsigned days, const char *expires)
{
	char *known = office_path(x, POLICE, "exchange.join"), *authority = broker_path(x, "authority.key");
	char *request = broker_path(x, "aged.request"), *made = memory_format("%s/%s.join", x->folder, node);
	char fingerprint[FINGERPRINT_SIZE];
	struct node_keys keys;
	struct member member;
	struct join join;

	assert_int_equal(join_load(&join, known, NULL), E_OK);
	node_keys_generate(&keys, 1);
	member_request(&member, join.exchange, node, &keys, clock_now().wall - days * 24ull * 3600 * 1000);
	assert_int_equal(member_save(&member, request, NULL), E_OK);
	assert_int_equal(exchange_ctl(x, NULL, "enroll", request, "--authority-key", authority, "--fingerprint",
				      member_fingerprint(&member, fingerprint), "--expires-days", expires, "-o", made,
				      NULL),
			 0);
	free(made);
	free(request);
	free(authority);
	free(known);
}

static void members_that_need_somebody_are_named(void **state)
{
	struct exchange *x = *state;

	struct buffer table = {0};

	enrol_aged(x, "customs.oku", 700, "0");
	enrol_aged(x, "health.oku", 1000, "0");
	enrol_aged(x, "manpower.oku", 1, "20");
	assert_broker_doctor_says(x, "warn", "army.oku is not connected, last seen before the broker's start");
	assert_broker_doctor_says(x, "warn", "customs.oku can neither send nor receive: the policy does not name it");
	assert_broker_doctor_says(x, "warn", "the key of customs.oku should be replaced within 5 weeks");
	assert_broker_doctor_says(x, "warn", "the key of health.oku is 1000 days old");
	assert_broker_doctor_says(x, "warn", "the key of manpower.oku ends in 19 days");
	assert_int_equal(exchange_ctl(x, &table, "nodes", NULL), 0);
	assert_non_null(memmem(table.data, table.size, "manpower.oku: its key ends in 19 days", 37));
	buffer_free(&table);
}

static void operators_programs_get_json(void **state)
{
	struct exchange *x = *state;
	struct buffer out = {0};
	json_t *answer;

	assert_int_equal(exchange_ctl(x, &out, "doctor", "--json", NULL), 0);
	answer = json_loadb((const char *)out.data, out.size, 0, NULL);
	assert_true(json_is_true(json_object_get(answer, "good")));
	assert_true(json_array_size(json_object_get(answer, "checks")) > 8);
	json_decref(answer);
	buffer_free(&out);
	assert_int_equal(exchange_ctl(x, NULL, "doctor", "--silent-days", "soon", NULL), 64);
	assert_int_equal(exchange_ctl(x, NULL, "doctor", "more", NULL), 64);
}

/* A copy of the journal of a broker that was stopped, for the doctor to look at. */
static char *journal_copy(struct exchange *x, const char *name)
{
	char *from = broker_path(x, "journal"), *to = broker_path(x, name);
	const char *argv[] = {"/bin/cp", "-a", from, to, NULL};

	assert_int_equal(process_run(argv, NULL, NULL, x->log, 20), 0);
	free(from);
	return to;
}

static void edit(const char *folder, const char *sql)
{
	char *file = memory_format("%s/journal.db", folder);
	sqlite3 *db;

	assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	free(file);
}

static void a_journal_that_was_changed_or_lost_its_keys_is_named(void **state)
{
	struct exchange *x = *state;
	char *config = broker_path(x, "broker.yaml"), *folder, *keys;

	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	x->broker = 0;
	assert_broker_doctor_says(x, "FAIL", "simpul-broker does not run");
	assert_broker_doctor_says(x, "ok", "is free");
	assert_broker_doctor_says(x, "ok", "the newest entries verify");
	folder = journal_copy(x, "copy");
	file_swap(config, "journal: journal", "journal: copy");
	assert_broker_doctor_says(x, "ok", "the newest entries verify");
	edit(folder, "UPDATE entry SET accepted_at = accepted_at + 1 WHERE entry = (SELECT max(entry) FROM entry)");
	assert_broker_doctor_says(x, "FAIL", "stored data is damaged");
	keys = memory_format("%s/keys.db", folder);
	assert_int_equal(remove(keys), 0);
	assert_broker_doctor_says(x, "FAIL", "keys.db");
	file_swap(config, "journal: copy", "journal: journal");
	free(keys);
	free(folder);
	free(config);
}

static void a_disk_below_the_brokers_reserve_is_named(void **state)
{
	struct exchange *x = *state;
	char *config = broker_path(x, "broker.yaml"), *folder = journal_copy(x, "small");

	file_swap(config, "journal: journal", "journal: small");
	if (!mounts_private() || !disk_small(folder, 80 * 1024)) {
		free(folder);
		free(config);
		skip();
	}
	assert_broker_doctor_says(x, "FAIL", "full: ");
	disk_away(folder);
	file_swap(config, "reserve_mib: 64", "reserve_mib: 16");
	assert_true(disk_small(folder, 90 * 1024));
	assert_broker_doctor_says(x, "warn", "almost full: ");
	disk_away(folder);
	free(folder);
	free(config);
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
		cmocka_unit_test(a_broker_that_cannot_be_found_is_named),
		cmocka_unit_test(a_wrong_key_of_the_broker_is_named),
		cmocka_unit_test(a_key_that_was_never_enrolled_is_named),
		cmocka_unit_test(a_retired_office_is_named),
		cmocka_unit_test(a_broker_that_hangs_is_named),
		cmocka_unit_test(a_clock_that_is_not_the_brokers_is_named),
		cmocka_unit_test(programs_get_json),
		cmocka_unit_test(a_broker_that_is_well_has_only_its_authority_named),
		cmocka_unit_test(each_mistake_in_a_file_of_the_broker_is_named),
		cmocka_unit_test(keys_of_the_broker_that_others_can_read_are_named),
		cmocka_unit_test(keys_of_another_broker_are_named),
		cmocka_unit_test(a_brokers_clock_in_doubt_and_a_full_disk_are_named),
		cmocka_unit_test(what_a_user_may_not_read_is_named),
		cmocka_unit_test(operators_programs_get_json),
		cmocka_unit_test(keys_of_broker_and_authority_that_are_old_are_named),
		cmocka_unit_test(members_that_need_somebody_are_named),
		cmocka_unit_test(an_agent_that_stopped_talking_is_named_with_the_reason_and_what_to_do),
		cmocka_unit_test(a_journal_that_was_changed_or_lost_its_keys_is_named),
		cmocka_unit_test(a_full_disk_is_named),
		cmocka_unit_test(a_disk_below_the_brokers_reserve_is_named),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
