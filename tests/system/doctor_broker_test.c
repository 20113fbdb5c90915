/* doctor_broker_test - what is broken on purpose is named by the doctor of the broker, in words, with what to do. */
#include "common/memory.h"
#include "tests/support/aged.h"
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
#include <unistd.h>
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
		{"policy.yaml", "nodes:\n", "nodes:\n  - {node: police.oku-timur, regions: [\"16.08\"]}\n", "warn",
		 "1 named by the policy and not enrolled: police.oku-timur"},
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
	assert_int_equal(broker_keys_save(&keys, NULL, path, NULL), E_OK);
	file_swap(config, "keys: broker.keys", "keys: other.keys");
	assert_broker_doctor_says(x, "FAIL", "broker.keys and the journal belong to different brokers");
	file_swap(config, "keys: other.keys", "keys: broker.keys");
	free(path);
	free(config);
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

static void a_broker_whose_disk_is_full_is_named(void **state)
{
	struct exchange *x = *state;

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
		assert_said(broker_said, "FAIL", "broker.keys (of root");
		assert_null(strstr(broker_said, "another program"));
		assert_said(broker_said, "FAIL", "this user may not speak to the broker");
		assert_said(office_said, "FAIL", "drop: Permission denied");
		assert_said(office_said, "FAIL", "police.oku.keys (of root");
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
		cmocka_unit_test(a_broker_that_is_well_has_only_its_authority_named),
		cmocka_unit_test(each_mistake_in_a_file_of_the_broker_is_named),
		cmocka_unit_test(keys_of_the_broker_that_others_can_read_are_named),
		cmocka_unit_test(keys_of_another_broker_are_named),
		cmocka_unit_test(a_broker_whose_disk_is_full_is_named),
		cmocka_unit_test(what_a_user_may_not_read_is_named),
		cmocka_unit_test(operators_programs_get_json),
		cmocka_unit_test(keys_of_broker_and_authority_that_are_old_are_named),
		cmocka_unit_test(members_that_need_somebody_are_named),
		cmocka_unit_test(a_journal_that_was_changed_or_lost_its_keys_is_named),
		cmocka_unit_test(a_disk_below_the_brokers_reserve_is_named),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
