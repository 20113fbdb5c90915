/* operations_test - what operators do while reports pass: policies, stops and starts, checks of files, looking. */
#include "broker/journal/journal.h"
#include "common/keys.h"
#include "common/wire.h"
#include "tests/support/operate.h"
#include "tests/support/process.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { POLICE, ARMY, IMMIGRATION };

static const char policy[] =
	"categories: [public-order, lodging]\n"
	"agencies:\n"
	"  - agency: police\n"
	"    ceiling: AMBER\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting], categories: [lodging]}]\n"
	"  - agency: army\n"
	"    ceiling: AMBER\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting], categories: [public-order]}] # army\n"
	"  - agency: immigration\n"
	"    ceiling: AMBER\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"nodes:\n"
	"  - {node: police.oku, regions: [\"16.01\"]}\n"
	"  - {node: army.oku, regions: [\"16.01\"]}\n"
	"  - {node: immigration.muara-enim, regions: [\"16.01\"]}\n"
	"purposes: [law-enforcement, immigration-oversight, state-security]\n";

static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", "immigration.muara-enim", NULL});
	exchange_start_offices(&x);
	*state = &x;
	return 0;
}

static int office_end(struct exchange *x, size_t office)
{
	const int status = process_end(x->offices[office].pid, SIGTERM, 20);

	x->offices[office].pid = 0;
	return status;
}

static long long status_number(struct exchange *x, const char *key)
{
	json_t *status = ctl_json(x, "status");
	const long long number = json_integer_value(json_object_get(status, key));

	json_decref(status);
	return number;
}

/* Reports one sighting of public order; its number. */
static size_t report_one(struct exchange *x, const char *summary)
{
	static size_t files;
	const struct outbox_counts counts = office_outbox(x, POLICE);
	const size_t accepted = counts.accepted + counts.waiting + counts.sent + 1;
	char name[32];

	snprintf(name, sizeof name, "one-%zu.jsonl", files++);
	drop_many(x, POLICE, name, summary, 1);
	assert_true(office_settled(x, POLICE, accepted, 20));
	return accepted;
}

/* ------------------------------------------------------------------ policy */

static void a_broken_policy_keeps_the_old_one_and_names_the_line(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "policy.yaml");
	const long long version = status_number(x, "policy_version");

	assert_true(office_in_state(x, ARMY, "live", 20));
	file_swap(path, "ceiling: AMBER\n", "ceiling: AMBRE\n");
	kill(x->broker, SIGHUP);
	assert_true(log_has(x, "policy.rejected", 10));
	assert_true(exchange_logged(x, "policy.yaml:4"));
	file_swap(path, "AMBRE", "AMBER");
	file_swap(path, "agencies:", "agencys:");
	kill(x->broker, SIGHUP);
	assert_true(log_has(x, "policy.yaml:2", 10));
	file_swap(path, "agencys:", "agencies:");
	assert_int_equal(status_number(x, "policy_version"), version);
	report_one(x, "under the old policy");
	assert_true(office_received(x, ARMY, 1, 10));
	free(path);
}

static void a_grant_that_was_taken_away_is_gone_for_what_was_accepted_before(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "policy.yaml");
	const long long version = status_number(x, "policy_version"), entry = status_number(x, "entry");
	size_t number;

	assert_int_equal(office_end(x, ARMY), 0);
	number = report_one(x, "canary-revoked-canary-revoked");
	file_swap(path, "categories: [public-order]}] # army", "categories: [lodging]}] # army");
	kill(x->broker, SIGHUP);
	assert_true(log_has(x, "policy.changed", 10));
	assert_int_equal(status_number(x, "policy_version"), version + 1);
	assert_true(status_number(x, "entry") == entry + 2);
	exchange_start_office(x, ARMY);
	assert_true(office_caught_up(x, ARMY, 20));
	assert_int_equal(office_inbox(x, ARMY, NULL, NULL), 1);
	assert_false(office_holds(x, ARMY, "canary-revoked"));
	assert_true(office_holds(x, IMMIGRATION, "canary-revoked"));
	assert_true(exchange_logged(x, "delivery.withheld"));
	assert_true(exchange_logged(x, "inbox.withheld"));
	file_swap(path, "categories: [lodging]}] # army", "categories: [public-order]}] # army");
	assert_int_equal(exchange_ctl(x, NULL, "policy", "reload", NULL), 0);
	assert_int_equal(status_number(x, "policy_version"), version + 2);
	report_one(x, "granted again");
	assert_true(office_received(x, ARMY, 2, 10));
	assert_true(office_has_run(x, ARMY, "police.oku", number + 1, number + 1));
	assert_false(office_holds(x, ARMY, "canary-revoked"));
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	free(path);
}

/* ------------------------------------------------------------------ what a node was sent */

static size_t lines_with(const char *text, const char *word)
{
	size_t count = 0;

	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
		count++;
	return count;
}

/* Cursors and what was withheld are on the journal's disk within a second. */
static bool is_listed(void *context)
{
	struct buffer out = {0};
	bool listed;

	assert_int_equal(exchange_ctl(context, &out, "got", "army.oku", NULL), 0);
	buffer_u8(&out, 0);
	listed = lines_with((const char *)out.data, "acknowledged  20") == 2 &&
		 lines_with((const char *)out.data, "withheld      20") == 1 &&
		 strstr((const char *)out.data, "army.oku: 3 reports, 0 of them not acknowledged") != NULL;
	assert_null(strstr((const char *)out.data, "granted again")); /* nor any other text of a report */
	buffer_free(&out);
	return listed;
}

/* After the test above: two reports arrived, and one was kept back. */
static void what_a_node_was_sent_is_listed_and_what_was_kept_back_is_marked(void **state)
{
	struct exchange *x = *state;
	struct buffer out = {0};

	assert_true(wait_for(is_listed, x, 10));
	assert_int_equal(exchange_ctl(x, &out, "got", "army.oku", "--json", "--since", "2100-01-01T00:00Z", NULL), 0);
	assert_int_equal(out.size, 0);
	assert_int_equal(exchange_ctl(x, &out, "got", "police.oku", "--json", NULL), 0);
	assert_int_equal(out.size, 0); /* its own are not what it was sent */
	assert_int_equal(exchange_ctl(x, NULL, "got", "Army", NULL), 64);
	buffer_free(&out);
}

/* ------------------------------------------------------------------ stops and starts */

struct some_accepted {
	struct exchange *x;
	size_t least;
};

static bool some_are_accepted(void *context)
{
	const struct some_accepted *some = context;

	return office_outbox(some->x, POLICE).accepted >= some->least;
}

static void sigterm_under_load_loses_nothing_and_ends_with_0(void **state)
{
	enum { FILES = 20, LINES = 100 };
	struct exchange *x = *state;
	const struct outbox_counts before = office_outbox(x, POLICE);
	struct some_accepted some = {x, before.accepted + 1};
	const size_t all = before.accepted + FILES * LINES;

	for (int i = 0; i < FILES; i++) {
		char name[32];

		snprintf(name, sizeof name, "load-%d.jsonl", i);
		drop_many(x, POLICE, name, "load", LINES);
	}
	assert_true(wait_for(some_are_accepted, &some, 20));
	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	assert_true(exchange_logged(x, "broker.stopped"));
	assert_false(exchange_logged(x, "broker.undrained"));
	assert_true(office_in_state(x, POLICE, "offline", 20));
	some.least = office_outbox(x, POLICE).accepted;
	exchange_start_broker(x);
	assert_int_equal(office_end(x, POLICE), 0);
	exchange_start_office(x, POLICE);
	assert_int_equal(office_end(x, IMMIGRATION), 0);
	exchange_start_office(x, IMMIGRATION);
	assert_true(office_settled(x, POLICE, all, 40));
	assert_int_equal(office_outbox(x, POLICE).accepted, all);
	assert_true(office_caught_up(x, ARMY, 20));
	assert_true(office_caught_up(x, IMMIGRATION, 20));
	assert_true(office_has_run(x, ARMY, "police.oku", before.accepted + 1, all));
	assert_true(office_has_run(x, IMMIGRATION, "police.oku", 1, all));
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
}

static void a_node_that_was_away_gets_two_thousand_reports_in_order_and_once(void **state)
{
	struct exchange *x = *state;
	const size_t before = office_outbox(x, POLICE).accepted;
	json_t *node;

	assert_int_equal(office_end(x, ARMY), 0);
	for (int i = 0; i < 4; i++) {
		char name[32];

		snprintf(name, sizeof name, "away-%d.jsonl", i);
		drop_many(x, POLICE, name, "away", 500);
	}
	assert_true(office_settled(x, POLICE, before + 2000, 30));
	node = ctl_node(x, "army.oku");
	assert_true(json_is_false(json_object_get(node, "connected")));
	assert_true(json_integer_value(json_object_get(node, "lag")) > 0);
	json_decref(node);
	exchange_start_office(x, ARMY);
	assert_true(office_caught_up(x, ARMY, 20));
	assert_true(office_has_run(x, ARMY, "police.oku", before + 1, before + 2000));
}

static void two_agents_with_the_same_keys_the_older_one_halts_and_says_so(void **state)
{
	struct exchange *x = *state;
	struct office *twin = &x->offices[x->count];
	struct buffer text = {0};
	const size_t rows = office_inbox(x, ARMY, NULL, NULL);

	/* A copy of the office, as somebody makes who clones its machine. */
	assert_int_equal(office_end(x, ARMY), 0);
	*twin = x->offices[ARMY];
	snprintf(twin->folder, sizeof twin->folder, "%.200s.twin", x->offices[ARMY].folder);
	const char *argv[] = {"/bin/cp", "-a", x->offices[ARMY].folder, twin->folder, NULL};
	assert_int_equal(process_run(argv, NULL, NULL, x->log, 20), 0);
	x->count++;
	exchange_start_office(x, ARMY);
	assert_true(office_in_state(x, ARMY, "live", 20));
	exchange_start_office(x, x->count - 1);
	assert_true(office_in_state(x, ARMY, "halted", 20));
	assert_true(office_in_state(x, x->count - 1, "live", 20));
	assert_int_equal(exchange_simpul(x, ARMY, NULL, &text, "status", NULL), 69);
	buffer_u8(&text, 0);
	assert_non_null(strstr((const char *)text.data, "SUPERSEDED"));
	buffer_free(&text);
	report_one(x, "for the newer one");
	assert_true(office_received(x, x->count - 1, rows + 1, 10));
	assert_int_equal(office_inbox(x, ARMY, NULL, NULL), rows);
	/* Both end as they should; the real one goes on where the copy has not been. */
	assert_int_equal(office_end(x, x->count - 1), 0);
	x->count--;
	assert_int_equal(office_end(x, ARMY), 0);
}

/* Whether `simpul status` says what is wrong; the agent is offline or, for seconds at a time, trying again. */
static bool immigration_has_a_fault(void *context)
{
	json_t *status = office_status(context, IMMIGRATION);
	const bool has = json_object_get(status, "fault") != NULL;

	json_decref(status);
	return has;
}

static void a_wrong_key_of_the_broker_is_said_and_not_waited_for_in_silence(void **state)
{
	struct exchange *x = *state;
	char *path = office_path(x, IMMIGRATION, "exchange.join"), *good = file_text(path);
	const char *key = strstr(good, "\"broker_curve\"");
	char from[64], to[64];
	json_t *status;

	assert_non_null(key);
	snprintf(from, sizeof from, "%.30s", key);
	snprintf(to, sizeof to, "%.29s%c", key, key[29] == '0' ? '1' : '0');
	assert_int_equal(office_end(x, IMMIGRATION), 0);
	file_swap(path, from, to);
	exchange_start_office(x, IMMIGRATION);
	assert_true(log_has(x, "uplink.handshake_failed", 15));
	assert_true(wait_for(immigration_has_a_fault, x, 20));
	status = office_status(x, IMMIGRATION);
	assert_string_not_equal(json_string_value(json_object_get(status, "state")), "live");
	json_decref(status);
	assert_int_equal(office_end(x, IMMIGRATION), 0);
	file_put(path, good);
	exchange_start_office(x, IMMIGRATION);
	assert_true(office_in_state(x, IMMIGRATION, "live", 20));
	free(good);
	free(path);
}

/* ------------------------------------------------------------------ looking */

struct followed {
	const char *path;
};

static bool follow_shows_a_report(void *context)
{
	const struct followed *followed = context;
	char *text = file_text(followed->path);
	const bool shown = strstr(text, "report.accepted") != NULL;

	free(text);
	return shown;
}

static void the_log_can_be_followed_and_tells_no_text(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "followed"), *config = broker_path(x, "broker.yaml"), program[300], *text;
	struct followed followed = {path};
	const char *argv[] = {process_program("simpulctl", program, sizeof program), "-c", config, "log", "--follow", NULL};
	const pid_t pid = process_start(argv, path);

	for (int i = 0; i < 5 && !follow_shows_a_report(&followed); i++) {
		report_one(x, "canary-followed-canary-followed");
		sleep_ms(300);
	}
	assert_true(wait_for(follow_shows_a_report, &followed, 5));
	text = file_text(path);
	assert_non_null(strstr(text, "police.oku"));
	assert_null(strstr(text, "canary-followed"));
	free(text);
	process_end(pid, SIGINT, 5);
	free(config);
	free(path);
}

static void nodes_show_cursor_lag_connection_and_queue(void **state)
{
	struct exchange *x = *state;
	json_t *node;

	assert_true(office_caught_up(x, IMMIGRATION, 20));
	sleep_ms(2500); /* the next sign of life */
	node = ctl_node(x, "immigration.muara-enim");
	assert_non_null(node);
	assert_int_equal(json_integer_value(json_object_get(node, "cursor")), status_number(x, "entry"));
	assert_int_equal(json_integer_value(json_object_get(node, "lag")), 0);
	assert_int_equal(json_integer_value(json_object_get(node, "queued_bytes")), 0);
	assert_true(json_is_true(json_object_get(node, "connected")));
	assert_true(json_is_true(json_object_get(node, "live")));
	json_decref(node);
	assert_null(ctl_node(x, "police.nowhere"));
}

/* ------------------------------------------------------------------ checks before a start */

static void a_journal_has_one_broker(void **state)
{
	struct exchange *x = *state;
	char *config = broker_path(x, "broker.yaml"), *other = broker_path(x, "second.yaml"), *text = file_text(config);

	assert_int_equal(operate_run(x, NULL, "simpul-broker", "-c", config, NULL), 78);
	assert_int_equal(log_count(x, "another broker serves this journal"), 1);
	/* With sockets of its own too. */
	file_put(other, text);
	file_swap(other, "control.sock", "control-2.sock");
	file_swap(other, "log.sock", "log-2.sock");
	file_swap(other, "link: tcp://127.0.0.1:", "link: tcp://127.0.0.2:");
	file_swap(other, "feed: tcp://127.0.0.1:", "feed: tcp://127.0.0.2:");
	assert_int_equal(operate_run(x, NULL, "simpul-broker", "-c", other, NULL), 78);
	assert_int_equal(log_count(x, "another broker serves this journal"), 2);
	assert_true(status_number(x, "entry") > 0);
	free(text);
	free(other);
	free(config);
}

/* A change of a file, and what must be said about it. */
struct mistake {
	const char *file, *from, *to, *said;
};

static void mistakes_are_found(struct exchange *x, const char *program, const char *config, const char *folder,
			       const struct mistake *mistakes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct mistake *mistake = &mistakes[i];
		const size_t before = log_count(x, mistake->said);
		char path[600];
		char *good;

		snprintf(path, sizeof path, "%s/%s", folder, mistake->file);
		good = file_text(path);
		file_swap(path, mistake->from, mistake->to);
		assert_int_equal(operate_run(x, NULL, program, "-c", config, "-t", NULL), 78);
		assert_true(log_count(x, mistake->said) > before);
		file_put(path, good);
		free(good);
	}
	assert_int_equal(operate_run(x, NULL, program, "-c", config, "-t", NULL), 0);
}

static void the_broker_checks_its_files(void **state)
{
	static const struct mistake mistakes[] = {
		{"broker.yaml", "reserve_mib: 64", "reserve_gib: 64", "broker.yaml:15"},
		{"broker.yaml", "reserve_mib: 64", "reserve_mib: 64k", "broker.yaml:15"},
		{"broker.yaml", "reserve_mib: 64", "reserve_mib: 1", "broker.yaml:15: reserve_mib"},
		{"broker.yaml", "link: tcp://", "link: udp://", "broker.yaml:9: link must be"},
		{"broker.yaml", "log_level: info", "log_level: loud", "broker.yaml:16"},
		{"broker.yaml", "keys: broker.keys", "keys: broker.lost", "broker.lost"},
		{"broker.yaml", "policy: policy.yaml", "policy: policy.lost", "policy.lost"},
		{"policy.yaml", "regions: [\"16.01\"]", "regions: [\"16.99\"]", "policy.yaml:16"},
		{"policy.yaml", "publish: [{kinds: [sighting]", "publish: [{kinds: [sigting]", "policy.yaml:5"},
		{"policy.yaml", "  - agency: army", "  - agency: police", "policy.yaml:7"},
		{"policy.yaml", "nodes:\n", "nodes: [\n", "policy.yaml:1"},
		{"broker.keys", "# Keys", "Keys", "broker.keys"},
	};
	struct exchange *x = *state;
	char *config = broker_path(x, "broker.yaml");

	mistakes_are_found(x, "simpul-broker", config, x->folder, mistakes, sizeof mistakes / sizeof mistakes[0]);
	free(config);
}

static void the_agent_checks_its_files(void **state)
{
	static const struct mistake mistakes[] = {
		{"agent.yaml", "log_level: info", "log_level: loud", "agent.yaml:10"},
		{"agent.yaml", "sinks:", "sink:", "agent.yaml:8"},
		{"agent.yaml", "type: jsonl", "type: pigeon", "agent.yaml:9"},
		{"agent.yaml", "node: police.oku", "node: Police", "agent.yaml:1"},
		{"agent.yaml", "keys: police.oku.keys", "keys: lost.keys", "lost.keys"},
		{"agent.yaml", "join: exchange.join", "join: lost.join", "lost.join"},
		{"agent.yaml", "profile: json.yaml", "profile: lost.yaml", "lost.yaml"},
		{"json.yaml", "label: AMBER", "label: MAUVE", "json.yaml:2"},
		{"json.yaml", "format: json", "format: jason", "json.yaml:1"},
		{"exchange.join", "\"exchange\"", "\"exchanged\"", "exchange.join"},
		{"police.oku.keys", "# Keys", "Keys", "police.oku.keys"},
	};
	struct exchange *x = *state;
	char *config = office_path(x, POLICE, "agent.yaml");

	mistakes_are_found(x, "simpul-agent", config, x->offices[POLICE].folder, mistakes,
			   sizeof mistakes / sizeof mistakes[0]);
	free(config);
}

static void wrong_arguments_end_with_64(void **state)
{
	struct exchange *x = *state;

	assert_int_equal(operate_run(x, NULL, "simpul-broker", "-z", NULL), 64);
	assert_int_equal(operate_run(x, NULL, "simpul-broker", "more", NULL), 64);
	assert_int_equal(operate_run(x, NULL, "simpul-agent", "--nonsense", NULL), 64);
	assert_int_equal(operate_run(x, NULL, "simpul-agent", "more", NULL), 64);
	assert_int_equal(operate_run(x, NULL, "simpul", NULL), 64);
	assert_int_equal(operate_run(x, NULL, "simpul", "sing", NULL), 64);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "report", "rumour", NULL), 64);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", "police.oku#1", NULL), 64);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "inbox", "show", "police", NULL), 64);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "status", "--loud", NULL), 64);
	assert_int_equal(operate_run(x, NULL, "simpulctl", NULL), 64);
	assert_int_equal(exchange_ctl(x, NULL, "sing", NULL), 64);
	assert_int_equal(exchange_ctl(x, NULL, "log", NULL), 64);
	assert_int_equal(exchange_ctl(x, NULL, "reseed", "police.oku", NULL), 64);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", "--held-entry", "7", NULL), 64);
	assert_int_equal(exchange_ctl(x, NULL, "status", "more", NULL), 64);
}

/* An entry with a policy that another program wrote, in which something stands that this one does not know. */
static void policy_append(const struct exchange *x, uint32_t version, const char *text)
{
	struct hash hash = hash_of(BYTES(text, strlen(text)));
	Simpul__PolicyVersion message = SIMPUL__POLICY_VERSION__INIT;
	struct journal_append *append = journal_append_new();
	char *folder = broker_path(x, "journal"), *file = broker_path(x, "broker.keys");
	struct journal_options options = {.path = folder};
	struct broker_keys keys;
	struct journal *journal;

	message.version = version;
	message.hash = (ProtobufCBinaryData){HASH_SIZE, hash.bytes};
	message.text = (ProtobufCBinaryData){strlen(text), (uint8_t *)(uintptr_t)text};
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY;
	wire_pack(&message, &append->content);
	assert_int_equal(broker_keys_load(&keys, NULL, file, NULL), E_OK);
	options.broker = keys.signing;
	assert_int_equal(journal_open(&journal, &options, NULL), E_OK);
	assert_int_equal(journal_commit(journal, append, clock_now().wall), E_OK);
	assert_int_equal(append->result.code, E_OK);
	journal_close(journal);
	journal_append_free(append);
	keys_wipe(&options, sizeof options);
	keys_wipe(&keys, sizeof keys);
	free(folder);
	free(file);
}

/* The last one: nobody can serve with this journal again. That of the file does not take the place of the policy. */
static void a_policy_that_cannot_be_read_is_not_passed_over_at_the_start(void **state)
{
	struct exchange *x = *state;
	char *config = broker_path(x, "broker.yaml");
	const long long version = status_number(x, "policy_version");

	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	x->broker = 0;
	policy_append(x, (uint32_t)version + 1, "rules-of-tomorrow: yes\n");
	for (int starts = 1; starts <= 2; starts++) {
		assert_int_equal(operate_run(x, NULL, "simpul-broker", "-c", config, NULL), 78);
		assert_int_equal(log_count(x, "cannot read policy version"), starts);
	}
	free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_broken_policy_keeps_the_old_one_and_names_the_line),
		cmocka_unit_test(a_grant_that_was_taken_away_is_gone_for_what_was_accepted_before),
		cmocka_unit_test(what_a_node_was_sent_is_listed_and_what_was_kept_back_is_marked),
		cmocka_unit_test(sigterm_under_load_loses_nothing_and_ends_with_0),
		cmocka_unit_test(a_node_that_was_away_gets_two_thousand_reports_in_order_and_once),
		cmocka_unit_test(the_log_can_be_followed_and_tells_no_text),
		cmocka_unit_test(nodes_show_cursor_lag_connection_and_queue),
		cmocka_unit_test(two_agents_with_the_same_keys_the_older_one_halts_and_says_so),
		cmocka_unit_test(a_wrong_key_of_the_broker_is_said_and_not_waited_for_in_silence),
		cmocka_unit_test(a_journal_has_one_broker),
		cmocka_unit_test(the_broker_checks_its_files),
		cmocka_unit_test(the_agent_checks_its_files),
		cmocka_unit_test(wrong_arguments_end_with_64),
		cmocka_unit_test(a_policy_that_cannot_be_read_is_not_passed_over_at_the_start),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
