/* record_test - what operators do and look at is recorded, and who is none can change nothing. */
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

static const char policy[] = POLICY_POLICE_TO_ARMY;

/* The auditors' group is the one that every system has for those who are nobody. */
static int set_up(void **state)
{
	static struct exchange x;
	char *yaml;
	FILE *file;

	exchange_make(&x, policy);
	yaml = broker_path(&x, "broker.yaml");
	file = fopen(yaml, "a");
	assert_non_null(file);
	fputs(geteuid() == 0 ? "auditors_group: nogroup\n" : "", file);
	fclose(file);
	free(yaml);
	exchange_start_broker(&x);
	exchange_add(&x, "police.oku", NULL);
	exchange_add(&x, "army.oku", NULL);
	exchange_start_offices(&x);
	drop_many(&x, POLICE, "one.jsonl", "canary", 1);
	*state = &x;
	return office_received(&x, ARMY, 1, 20) ? 0 : 1;
}

static char *record_of(struct exchange *x)
{
	struct buffer out = {0};

	assert_int_equal(exchange_ctl(x, &out, "acts", NULL), 0);
	buffer_u8(&out, 0);
	assert_null(strstr((const char *)out.data, "canary"));
	return (char *)out.data;
}

static void assert_recorded(struct exchange *x, const char *expected)
{
	char *record = record_of(x);

	if (strstr(record, expected) == NULL)
		fail_msg("no \"%s\" in:\n%s", expected, record);
	free(record);
}

static void what_is_looked_at_is_recorded_with_the_reason(void **state)
{
	struct exchange *x = *state;

	assert_int_equal(exchange_ctl(x, NULL, "got", "army.oku", "--reason", "laptop lost", NULL), 0);
	assert_recorded(x, "got army.oku: laptop lost\n");
	assert_int_equal(exchange_ctl(x, NULL, "report", "police.oku#1", NULL), 0);
	assert_recorded(x, "report police.oku#1\n");
	assert_int_equal(exchange_ctl(x, NULL, "--as", "Ms Duty", "policy", "explain", "army.oku", "--report",
				      "police.oku#1", NULL),
			 0);
	assert_recorded(x, "policy explain police.oku#1, as Ms Duty\n");
	assert_int_equal(exchange_ctl(x, NULL, "got", "army.oku", "--reason", "two\nlines", NULL), 64);
}

static void what_is_changed_is_recorded_with_its_entry(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "policy.yaml");

	assert_recorded(x, "enroll police.oku (entry ");
	assert_int_equal(exchange_ctl(x, NULL, "reseed", "army.oku", "--from", "1", "--reason", "inbox lost", NULL), 0);
	assert_recorded(x, "reseed army.oku (entry ");
	assert_recorded(x, "): inbox lost\n");
	file_swap(path, "categories: [public-order]", "categories: [public-order, health]");
	assert_int_equal(exchange_ctl(x, NULL, "policy", "reload", "--reason", "decree 7", NULL), 0);
	assert_recorded(x, "policy reload (entry ");
	assert_recorded(x, "): decree 7\n");
	assert_int_equal(exchange_ctl(x, NULL, "clock", "confirm", NULL), 0);
	assert_recorded(x, "clock confirm\n");
	/* The first policy came with the broker's start. */
	assert_recorded(x, "-                 policy: by a signal, at a start or by hand\n");
	free(path);
}

static json_t *breach_of(struct exchange *x, const char *node, const char *since)
{
	struct buffer out = {0};
	json_t *breach;

	assert_int_equal(exchange_ctl(x, &out, "breach-report", "--node", node, "--since", since, "--json", NULL), 0);
	breach = json_loadb((const char *)out.data, out.size, 0, NULL);
	assert_non_null(breach);
	buffer_free(&out);
	return breach;
}

static long long group_number(const json_t *breach, const char *key)
{
	return json_integer_value(
		json_object_get(json_array_get(json_object_get(breach, "groups"), 0), key));
}

static void what_a_lost_laptop_could_have_revealed_is_listed(void **state)
{
	struct exchange *x = *state;
	json_t *breach = breach_of(x, "army.oku", "2100-01-01T00:00:00Z");
	const json_t *notify = json_object_get(breach, "notify");

	assert_int_equal(json_array_size(json_object_get(breach, "groups")), 1);
	assert_int_equal(group_number(breach, "stored"), 1);
	assert_int_equal(group_number(breach, "later"), 0);
	assert_int_equal(json_array_size(notify), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(notify, 0), "node")), "police.oku");
	assert_true(json_is_true(json_object_get(breach, "active")));
	json_decref(breach);
	breach = breach_of(x, "army.oku", "2020-01-01T00:00:00Z");
	assert_int_equal(group_number(breach, "stored"), 0);
	assert_int_equal(group_number(breach, "later"), 1);
	json_decref(breach);
	breach = breach_of(x, "police.oku", "2020-01-01T00:00:00Z");
	assert_int_equal(json_array_size(json_object_get(breach, "groups")), 0);
	assert_int_equal(json_integer_value(json_object_get(breach, "own")), 1);
	json_decref(breach);
	assert_recorded(x, "breach-report army.oku\n");
	assert_int_equal(exchange_ctl(x, NULL, "breach-report", "--node", "army.oku", NULL), 64);
	assert_int_equal(exchange_ctl(x, NULL, "breach-report", "--node", "army.nowhere", "--since",
				      "2020-01-01T00:00:00Z", NULL),
			 66);
}

static void an_auditor_sees_all_and_changes_nothing(void **state)
{
	struct exchange *x = *state;
	const long long before = journal_entry(x);
	struct buffer out = {0};

	assert_int_equal(exchange_ctl(x, NULL, "-a", "status", NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "-a", "nodes", NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "-a", "policy", "show", "army.oku", NULL), 0);
	assert_int_equal(exchange_ctl(x, &out, "-a", "policy", "diff", NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "-a", "acts", NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "-a", "journal", "verify", NULL), 0);
	assert_int_equal(journal_entry(x), before);
	assert_int_equal(exchange_ctl(x, NULL, "-a", "report", "police.oku#1", NULL), 0);
	assert_recorded(x, "report police.oku#1, auditor\n");
	assert_int_equal(journal_entry(x), before + 1);
	assert_int_equal(exchange_ctl(x, NULL, "-a", "policy", "reload", NULL), 77);
	assert_int_equal(exchange_ctl(x, NULL, "-a", "revoke", "army.oku", NULL), 77);
	assert_int_equal(exchange_ctl(x, NULL, "-a", "retire", "army.oku", NULL), 77);
	assert_int_equal(exchange_ctl(x, NULL, "-a", "restore", "army.oku", NULL), 77);
	assert_int_equal(exchange_ctl(x, NULL, "-a", "reseed", "army.oku", "--from", "1", "--reason", "x", NULL), 77);
	assert_int_equal(exchange_ctl(x, NULL, "-a", "clock", "confirm", NULL), 77);
	assert_int_equal(journal_entry(x), before + 1);
	buffer_free(&out);
}

/* simpulctl as somebody whom the kernel lets in by the auditors' socket, or by none. */
static int ctl_as(struct exchange *x, const char *group, const char *const words[])
{
	char *config = broker_path(x, "broker.yaml"), *gid = memory_format("--regid=%s", group), program[300];
	const char *argv[16] = {"/usr/bin/setpriv", "--reuid=nobody", gid, "--clear-groups",
				process_program("simpulctl", program, sizeof program), "-c", config};
	int status;

	for (size_t i = 0; words[i] != NULL; i++)
		argv[7 + i] = words[i];
	status = process_run(argv, NULL, NULL, x->log, 60);
	free(gid);
	free(config);
	return status;
}

static void folder_open(struct exchange *x)
{
	char *config = broker_path(x, "broker.yaml"), *top = memory_string(x->folder);

	*strrchr(top, '/') = '\0';
	assert_int_equal(chmod(top, 0711) | chmod(x->folder, 0711) | chmod(config, 0644), 0);
	free(top);
	free(config);
}

static void the_kernel_keeps_operators_auditors_and_others_apart(void **state)
{
	static const char *const status[] = {"status", NULL}, *const log[] = {"policy", "show", NULL};
	static const char *const verbs[][9] = {
		{"policy", "reload", NULL},
		{"revoke", "army.oku", NULL},
		{"retire", "army.oku", NULL},
		{"restore", "army.oku", NULL},
		{"reseed", "army.oku", "--from", "1", "--reason", "x", NULL},
		{"clock", "confirm", NULL},
	};
	struct exchange *x = *state;
	const long long before = journal_entry(x);

	if (geteuid() != 0 || access("/usr/bin/setpriv", X_OK) != 0)
		skip();
	folder_open(x);
	assert_int_equal(ctl_as(x, "nogroup", status), 0);
	assert_int_equal(ctl_as(x, "nogroup", log), 0);
	assert_int_equal(ctl_as(x, "daemon", status), 77);
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
		assert_int_equal(ctl_as(x, "nogroup", verbs[i]), 77);
		assert_int_equal(ctl_as(x, "daemon", verbs[i]), 77);
	}
	assert_true(exchange_logged(x, "operator.refused"));
	assert_int_equal(journal_entry(x), before);
}

/* The journal's folder is closed to him: the broker looks for him, and records it. */
static void an_auditor_needs_none_of_the_brokers_files(void **state)
{
	static const char *const looks[][6] = {
		{"-a", "report", "police.oku#1", NULL},
		{"-a", "got", "army.oku", NULL},
		{"-a", "policy", "explain", "army.oku", "--report", NULL},
	};
	static const char *const unknown[] = {"-a", "report", "police.oku#77", NULL};
	const char *explain[7] = {NULL};
	struct exchange *x = *state;
	long long before;

	if (geteuid() != 0 || access("/usr/bin/setpriv", X_OK) != 0)
		skip();
	folder_open(x);
	memcpy(explain, looks[2], sizeof looks[2]);
	explain[5] = "police.oku#1";
	assert_int_equal(ctl_as(x, "nogroup", looks[0]), 0);
	assert_recorded(x, "report police.oku#1, auditor\n");
	assert_int_equal(ctl_as(x, "nogroup", looks[1]), 0);
	assert_recorded(x, "got army.oku, auditor\n");
	assert_int_equal(ctl_as(x, "nogroup", explain), 0);
	assert_recorded(x, "policy explain police.oku#1, auditor\n");
	assert_int_equal(ctl_as(x, "nogroup", unknown), 66);
	before = journal_entry(x);
	assert_int_not_equal(ctl_as(x, "daemon", looks[0]), 0);
	assert_int_not_equal(ctl_as(x, "daemon", looks[1]), 0);
	assert_int_not_equal(ctl_as(x, "daemon", explain), 0);
	assert_int_equal(journal_entry(x), before);
}

/* The same is told by the broker as is read by hand. */
static void what_the_broker_tells_is_what_the_files_say(void **state)
{
	struct exchange *x = *state;
	struct buffer told = {0};

	assert_int_equal(exchange_ctl(x, &told, "-a", "got", "army.oku", "--json", NULL), 0);
	buffer_u8(&told, 0);
	assert_non_null(strstr((const char *)told.data, "\"name\":\"police.oku#1\""));
	assert_null(strstr((const char *)told.data, "canary"));
	buffer_clear(&told);
	assert_int_equal(exchange_ctl(x, &told, "-a", "report", "police.oku#1", "--json", NULL), 0);
	buffer_u8(&told, 0);
	assert_non_null(strstr((const char *)told.data, "\"held_by\":[\"army.oku\"]"));
	buffer_clear(&told);
	assert_int_equal(
		exchange_ctl(x, &told, "-a", "policy", "explain", "army.oku", "--report", "police.oku#1", NULL), 0);
	buffer_u8(&told, 0);
	assert_non_null(strstr((const char *)told.data, "army.oku is to get it\n"));
	assert_non_null(strstr((const char *)told.data, "rules of policy version"));
	buffer_free(&told);
}

/* The last test: the broker is stopped. */
static void without_a_broker_a_look_is_recorded_all_the_same(void **state)
{
	struct exchange *x = *state;
	struct buffer out = {0};

	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	x->broker = 0;
	assert_int_equal(exchange_ctl(x, &out, "got", "army.oku", "--reason", "at night", NULL), 0);
	assert_recorded(x, "got army.oku: at night\n");
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	buffer_free(&out);
}

static void an_auditor_checks_the_file_alone(void **state)
{
	struct exchange *x = *state;
	char *journal = broker_path(x, "journal/journal.db"), *exchange = broker_path(x, "exchange.id");
	struct buffer out = {0};

	assert_int_equal(operate_run(x, &out, "simpulctl", "journal", "verify", "--file", journal, "--exchange-file",
				     exchange, NULL),
			 0);
	buffer_u8(&out, 0);
	assert_non_null(strstr((const char *)out.data, "(bodies were not looked at)"));
	assert_int_equal(operate_run(x, NULL, "simpulctl", "journal", "verify", "--file", journal, "--authority",
				     "0000000000000000000000000000000000000000000000000000000000000000", NULL),
			 65);
	assert_int_equal(operate_run(x, NULL, "simpulctl", "journal", "verify", "--file", journal, NULL), 64);
	buffer_free(&out);
	free(exchange);
	free(journal);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_looked_at_is_recorded_with_the_reason),
		cmocka_unit_test(what_is_changed_is_recorded_with_its_entry),
		cmocka_unit_test(what_a_lost_laptop_could_have_revealed_is_listed),
		cmocka_unit_test(an_auditor_sees_all_and_changes_nothing),
		cmocka_unit_test(the_kernel_keeps_operators_auditors_and_others_apart),
		cmocka_unit_test(an_auditor_needs_none_of_the_brokers_files),
		cmocka_unit_test(what_the_broker_tells_is_what_the_files_say),
		cmocka_unit_test(without_a_broker_a_look_is_recorded_all_the_same),
		cmocka_unit_test(an_auditor_checks_the_file_alone),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
