/* officers_test - what officers rely on: a cancelled alert, a sealed report, a proof, and what nobody else may read. */
#include "common/memory.h"
#include "tests/support/operate.h"
#include "tests/support/other_clock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <sys/file.h>

enum { POLICE, ARMY, IMMIGRATION, HEALTH };

static const char policy[] =
	"purposes: [law-enforcement, immigration-oversight, state-security]\n"
	"categories: [public-order, wanted, health]\n"
	"agencies:\n"
	"  - agency: police\n"
	"    ceiling: RED\n"
	"    publish: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
	"  - agency: army\n"
	"    ceiling: RED\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting, alert], categories: [public-order, wanted]}]\n"
	"  - agency: immigration\n"
	"    ceiling: RED\n"
	"    publish: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
	"  - agency: health\n"
	"    ceiling: AMBER\n"
	"    publish: [{kinds: [sighting], categories: [health]}]\n"
	"    receive: [{kinds: [sighting], categories: [health]}]\n"
	"nodes:\n"
	"  - {node: police.oku, regions: [\"16.01\"]}\n"
	"  - {node: army.oku, regions: [\"16.01\"]}\n"
	"  - {node: immigration.muara-enim, regions: [\"16.01\"]}\n"
	"  - {node: health.oku, regions: [\"16.01\"]}\n";

static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy,
		     (const char *const[]){"police.oku", "army.oku", "immigration.muara-enim", "health.oku", NULL});
	*state = &x;
	return exchange_serve(&x);
}

struct expected_state {
	struct exchange *x;
	size_t office;
	const char *name, *state;
};

static bool is_in_state(void *context)
{
	const struct expected_state *expected = context;
	json_t *row = inbox_find(expected->x, expected->office, expected->name);
	const char *state = json_string_value(json_object_get(row, "state"));
	const bool same = state && strcmp(state, expected->state) == 0;

	json_decref(row);
	return same;
}

static bool shows(struct exchange *x, size_t office, const char *name, const char *state)
{
	struct expected_state expected = {x, office, name, state};

	return wait_for(is_in_state, &expected, 20);
}

/* Everything that was said is accepted, and has had the time of a heartbeat to arrive. */
static void all_arrives(struct exchange *x)
{
	assert_true(exchange_settled(x, 20));
	sleep_ms(1500);
}

#define COMMON "\"region\": \"16.01\", \"purpose\": \"law-enforcement\""

static const char alert_draft[] =
	"{\"category\": \"wanted\", \"label\": \"AMBER\", " COMMON ", \"alert\": {\"urgency\": \"Immediate\", \"severity\": "
	"\"Severe\", \"certainty\": \"Likely\", \"assertion\": \"fact\", \"headline\": \"canary-alert\"}}";

/* ------------------------------------------------------------------ cancelling */

static void a_cancelled_alert_is_shown_so_by_all_who_had_it_and_told_to_nobody_else(void **state)
{
	struct exchange *x = *state;
	char *name = office_reports(x, POLICE, alert_draft);
	json_t *row;

	assert_true(shows(x, ARMY, name, "current"));
	assert_true(shows(x, IMMIGRATION, name, "current"));
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", name, "--reason", "wrong-person", NULL), 0);
	assert_true(shows(x, ARMY, name, "cancelled"));
	assert_true(shows(x, IMMIGRATION, name, "cancelled"));
	row = inbox_find(x, ARMY, name);
	assert_non_null(json_object_get(row, "cancelled_by"));
	json_decref(row);
	all_arrives(x);
	assert_int_equal(office_inbox(x, HEALTH, NULL, NULL), 0);
	assert_false(office_holds(x, HEALTH, "canary-alert"));
	assert_int_equal(office_inbox(x, ARMY, NULL, NULL), 2);
	free(name);
}

static void nobody_but_its_origin_cancels_an_alert(void **state)
{
	struct exchange *x = *state;
	char *name = office_reports(x, POLICE, alert_draft);

	assert_true(shows(x, IMMIGRATION, name, "current"));
	assert_int_not_equal(exchange_simpul(x, IMMIGRATION, NULL, NULL, "cancel", name, "--reason", "resolved", NULL), 0);
	all_arrives(x);
	assert_true(shows(x, ARMY, name, "current"));
	free(name);
}

static void who_lost_the_grant_still_hears_that_what_it_had_is_cancelled(void **state)
{
	struct exchange *x = *state;
	char *name = office_reports(x, POLICE, alert_draft), *path = broker_path(x, "policy.yaml");

	assert_true(shows(x, ARMY, name, "current"));
	file_swap(path, "categories: [public-order, wanted]", "categories: [public-order]");
	assert_int_equal(exchange_ctl(x, NULL, "policy", "reload", NULL), 0);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", name, "--reason", "resolved", NULL), 0);
	assert_true(shows(x, IMMIGRATION, name, "cancelled"));
	all_arrives(x);
	assert_true(shows(x, ARMY, name, "cancelled"));
	file_swap(path, "categories: [public-order]", "categories: [public-order, wanted]");
	assert_int_equal(exchange_ctl(x, NULL, "policy", "reload", NULL), 0);
	free(path);
	free(name);
}

/* ------------------------------------------------------------------ what is readable where */

static void a_red_report_opens_where_it_is_sealed_to_and_nowhere_else(void **state)
{
	static const char draft[] =
		"{\"category\": \"wanted\", \"label\": \"RED\", \"to\": [\"immigration.muara-enim\"], " COMMON
		", \"sighting\": {\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", \"summary\": "
		"\"canary-red canary-red canary-red\"}}";
	struct exchange *x = *state;
	char *name = office_reports(x, POLICE, draft);
	struct buffer page = {0};

	assert_true(strstr(name, "#R") != NULL);
	assert_true(shows(x, IMMIGRATION, name, "current"));
	assert_int_equal(exchange_simpul(x, IMMIGRATION, NULL, &page, "inbox", "show", name, NULL), 0);
	assert_non_null(memmem(page.data, page.size, "canary-red", 10));
	assert_non_null(memmem(page.data, page.size, "=== RED ===", 11));
	buffer_free(&page);
	all_arrives(x);
	assert_false(folder_holds(x->folder, "canary-red"));
	assert_false(office_holds(x, ARMY, "canary-red"));
	assert_false(office_holds(x, HEALTH, "canary-red"));
	assert_false(exchange_logged(x, "canary-red"));
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "show", name, NULL), 66);
	free(name);
}

#define SCARLET \
	COMMON ", \"sighting\": {\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", \"summary\": " \
	       "\"canary-scarlet\"}}"

static void a_red_report_to_an_agency_or_to_nobody_is_refused(void **state)
{
	static const char to_agency[] = "{\"category\": \"wanted\", \"label\": \"RED\", \"to\": [\"immigration\"], " SCARLET;
	static const char to_nobody[] = "{\"category\": \"wanted\", \"label\": \"RED\", " SCARLET;
	struct exchange *x = *state;

	assert_int_equal(exchange_simpul(x, POLICE, to_agency, NULL, "report", "--json", "-", NULL), 65);
	assert_int_equal(exchange_simpul(x, POLICE, to_nobody, NULL, "report", "--json", "-", NULL), 65);
	all_arrives(x);
	assert_false(folder_holds(x->folder, "canary-scarlet"));
	assert_false(office_holds(x, IMMIGRATION, "canary-scarlet"));
}

static void the_journal_holds_no_text_of_a_plain_report(void **state)
{
	struct exchange *x = *state;

	drop_many(x, POLICE, "plain.jsonl", "canary-plain canary-plain canary-plain", 40);
	assert_true(office_settled(x, POLICE, 40, 20));
	all_arrives(x);
	assert_true(office_holds(x, ARMY, "canary-plain"));
	assert_false(folder_holds(x->folder, "canary-plain"));
	assert_false(exchange_logged(x, "canary-plain"));
	/* What has to stand there does, so the search sees the files. */
	assert_true(folder_holds(x->folder, "police.oku"));
}

static void an_office_that_nothing_is_for_does_not_lag_for_ever(void **state)
{
	struct exchange *x = *state;
	json_t *node;

	assert_true(office_caught_up(x, HEALTH, 20));
	sleep_ms(500); /* the acknowledgement */
	node = ctl_node(x, "health.oku");
	assert_int_equal(json_integer_value(json_object_get(node, "lag")), 0);
	json_decref(node);
	assert_int_equal(office_inbox(x, HEALTH, NULL, NULL), 0);
}

/* ------------------------------------------------------------------ proofs */

/* Turns the hexadecimal digit that stands `at` characters behind `key`, and puts the old one back afterwards. */
static int verify_with_changed_byte(struct exchange *x, const char *proof, const char *key, size_t at)
{
	char *path = office_path(x, HEALTH, "changed.json"), *join = office_path(x, HEALTH, "exchange.join");
	char *text = memory_string(proof), *digit = strstr(text, key);
	int status;

	assert_non_null(digit);
	digit += strlen(key) + at;
	*digit = *digit == '7' ? '8' : '7';
	file_put(path, text);
	status = operate_run(x, NULL, "simpul", "verify", path, "--join", join, NULL);
	free(text);
	free(join);
	free(path);
	return status;
}

static void an_exported_report_is_proven_without_a_connection_until_a_byte_changes(void **state)
{
	static const char *const keys[] = {"\"header\": \"", "\"body\": \"", "\"signature\": \""};
	struct exchange *x = *state;
	char *name = office_reports(x, POLICE, alert_draft), *path = office_path(x, IMMIGRATION, "proof.json"), *proof;
	char *join = office_path(x, HEALTH, "exchange.join"), *other = office_path(x, HEALTH, "other.join"), *text, *digit;

	assert_true(shows(x, IMMIGRATION, name, "current"));
	assert_int_equal(exchange_simpul(x, IMMIGRATION, NULL, NULL, "inbox", "export", name, "-o", path, NULL), 0);
	/* Without an agent, a store or a broker: a file and the join file are all. */
	assert_int_equal(operate_run(x, NULL, "simpul", "-c", "/nonexistent", "verify", path, "--join", join, NULL), 0);
	assert_int_equal(operate_run(x, NULL, "simpul", "verify", path, NULL), 0);
	proof = file_text(path);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		for (size_t at = 4; at < 120; at += 29)
			assert_int_equal(verify_with_changed_byte(x, proof, keys[i], at), 65);
	/* Another exchange's authority did not confirm the key. */
	text = file_text(join);
	digit = strstr(text, "\"authority\": \"");
	assert_non_null(digit);
	digit += strlen("\"authority\": \"");
	*digit = *digit == '7' ? '8' : '7';
	file_put(other, text);
	assert_int_equal(operate_run(x, NULL, "simpul", "verify", path, "--join", other, NULL), 65);
	free(text);
	free(other);
	free(proof);
	free(join);
	free(path);
	free(name);
}

/* ------------------------------------------------------------------ the record of reads */

static char *record_of(struct exchange *x, const char *since)
{
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(x, ARMY, NULL, &out, "record", "--since", since, NULL), 0);
	buffer_u8(&out, 0);
	return (char *)out.data;
}

static void assert_on_record(struct exchange *x, const char *since, const char *expected)
{
	char *record = record_of(x, since);

	if (strstr(record, expected) == NULL)
		fail_msg("no \"%s\" in:\n%s", expected, record);
	free(record);
}

/* By the agent, without one, and not at all where it cannot be recorded. */
static void who_reads_what_a_report_says_is_on_record(void **state)
{
	struct exchange *x = *state;
	char *name = office_reports(x, POLICE, alert_draft), *shown = memory_format("inbox show     %s", name);
	char *file = office_path(x, ARMY, "store/agent.db.lock"), since[TIME_TEXT_SIZE], *record;
	struct buffer printed = {0};
	int lock;

	assert_true(shows(x, ARMY, name, "current"));
	time_text(since, clock_now().wall, 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "show", name, NULL), 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "show", name, "--json", NULL), 0);
	assert_on_record(x, since, shown);
	assert_on_record(x, since, "  (2 times)\n");
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "list", NULL), 0);
	record = record_of(x, since);
	assert_null(strstr(record, "inbox list")); /* no word of a report is in it */
	assert_null(strstr(record, "canary"));
	free(record);
	process_end(x->offices[ARMY].pid, SIGTERM, 20);
	x->offices[ARMY].pid = 0;
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "list", "--kind", "alert", "--json", NULL), 0);
	assert_on_record(x, since, "inbox list     --kind alert\n");
	lock = open(file, O_RDWR | O_CLOEXEC);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, &printed, "inbox", "show", name, NULL), 69);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, &printed, "outbox", "list", "--json", NULL), 69);
	assert_int_equal(printed.size, 0);
	buffer_free(&printed);
	close(lock);
	exchange_start_office(x, ARMY);
	assert_true(office_caught_up(x, ARMY, 20));
	free(file);
	free(shown);
	free(name);
}

struct followed {
	const char *path, *name;
};

static bool follow_showed(void *context)
{
	const struct followed *followed = context;
	char *text = file_text(followed->path);
	const bool showed = strstr(text, followed->name) != NULL;

	free(text);
	return showed;
}

#define FOLLOWED "inbox follow   --since 2026-01-01T00:00:00Z"

/* One line for its start alone would say nothing of the weeks in which it goes on. */
static void who_follows_is_on_record_for_as_long_as_something_comes(void **state)
{
	struct exchange *x = *state;
	char *config = office_path(x, ARMY, "agent.yaml"), *output = broker_path(x, "followed"), program[300];
	char *first = office_reports(x, POLICE, alert_draft), *second, since[TIME_TEXT_SIZE];
	const char *argv[] = {process_program("simpul", program, sizeof program), "-c", config, "inbox", "follow",
			      "--since", "2026-01-01T00:00:00Z", "--json", NULL};
	struct other_clock clock;
	pid_t pid;

	time_text(since, clock_now().wall, 0);
	other_clock_open(&clock, x->folder);
	other_clock_begin(x->folder);
	pid = process_start(argv, output);
	other_clock_end();
	assert_true(wait_for(follow_showed, &(struct followed){output, first}, 20));
	assert_on_record(x, since, FOLLOWED "\n");
	other_clock_set(&clock, 0, 600 * 1000);
	second = office_reports(x, POLICE, alert_draft);
	assert_true(wait_for(follow_showed, &(struct followed){output, second}, 20));
	assert_on_record(x, since, FOLLOWED "  (2 times)\n");
	process_end(pid, SIGTERM, 20);
	other_clock_close(&clock);
	free(second);
	free(first);
	free(output);
	free(config);
}

static bool lists_as_doubtful(void *context)
{
	struct buffer out = {0};
	bool found;

	assert_int_equal(exchange_simpul(context, IMMIGRATION, NULL, &out, "inbox", "list", NULL), 0);
	found = memmem(out.data, out.size, "DOUBTFUL: its key was compromised", 33) != NULL;
	buffer_free(&out);
	return found;
}

static int exported_verifies(struct exchange *x, const char *name)
{
	char *path = office_path(x, IMMIGRATION, "exported.json");
	int status;

	unlink(path);
	assert_int_equal(exchange_simpul(x, IMMIGRATION, NULL, NULL, "inbox", "export", name, "-o", path, NULL), 0);
	status = operate_run(x, NULL, "simpul", "verify", path, NULL);
	free(path);
	return status;
}

/* The last test: the police are shut out. */
static void what_a_retired_key_said_stays_good_and_what_a_compromised_one_said_is_shown_as_doubtful(void **state)
{
	struct exchange *x = *state;
	char *name = office_reports(x, POLICE, alert_draft);

	assert_true(shows(x, IMMIGRATION, name, "current"));
	assert_int_equal(exchange_ctl(x, NULL, "retire", "police.oku", NULL), 0);
	assert_true(office_caught_up(x, IMMIGRATION, 20));
	assert_false(lists_as_doubtful(x));
	assert_int_equal(exported_verifies(x, name), 0);
	/* As of now, as everybody does at first; then it turns out since when. */
	assert_int_equal(exchange_ctl(x, NULL, "revoke", "police.oku", NULL), 0);
	assert_true(office_caught_up(x, IMMIGRATION, 20));
	assert_false(lists_as_doubtful(x));
	assert_int_equal(exchange_ctl(x, NULL, "revoke", "police.oku", "--compromised-since", "2020-01-01T00:00:00Z", NULL),
			 0);
	assert_true(wait_for(lists_as_doubtful, x, 20));
	assert_int_equal(exported_verifies(x, name), 65);
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cancelled_alert_is_shown_so_by_all_who_had_it_and_told_to_nobody_else),
		cmocka_unit_test(nobody_but_its_origin_cancels_an_alert),
		cmocka_unit_test(who_lost_the_grant_still_hears_that_what_it_had_is_cancelled),
		cmocka_unit_test(a_red_report_opens_where_it_is_sealed_to_and_nowhere_else),
		cmocka_unit_test(a_red_report_to_an_agency_or_to_nobody_is_refused),
		cmocka_unit_test(the_journal_holds_no_text_of_a_plain_report),
		cmocka_unit_test(an_office_that_nothing_is_for_does_not_lag_for_ever),
		cmocka_unit_test(an_exported_report_is_proven_without_a_connection_until_a_byte_changes),
		cmocka_unit_test(who_reads_what_a_report_says_is_on_record),
		cmocka_unit_test(who_follows_is_on_record_for_as_long_as_something_comes),
		cmocka_unit_test(
			what_a_retired_key_said_stays_good_and_what_a_compromised_one_said_is_shown_as_doubtful),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
