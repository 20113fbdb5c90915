/* erasure_test - a report that its origin takes back, with real processes: nothing of it is left at an office, in its
 * files or with its programs, and the origin sees who did away with what. */
#include "common/memory.h"
#include "tests/support/operate.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <sys/stat.h>

enum { POLICE, ARMY, IMMIGRATION, OFFICES };

#define CANARY "ERIKSSON-canary"
#define SECOND "second-canary"
#define ABSENT "absent-canary"
#define KILLED "killed-canary"
#define LOST "lost-canary"

static const char policy[] = "purposes: [law-enforcement, immigration-oversight]\n"
			     "categories: [wanted]\n"
			     "agencies:\n"
			     "  - agency: police\n"
			     "    ceiling: AMBER+STRICT\n"
			     "    publish: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
			     "    receive: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
			     "  - agency: army\n"
			     "    ceiling: AMBER+STRICT\n"
			     "    publish: []\n"
			     "    receive: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
			     "  - agency: immigration\n"
			     "    ceiling: AMBER+STRICT\n"
			     "    publish: []\n"
			     "    receive: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
			     "nodes:\n"
			     "  - {node: police.oku, regions: [\"16.01\"]}\n"
			     "  - {node: army.oku, regions: [\"16.01\"]}\n"
			     "  - {node: immigration.muara-enim, regions: [\"16.01\"]}\n";

/* Says that it must keep what it was given, under a law, whenever something is to be erased. */
static const char keeper[] = "#!/bin/sh\n"
			     "[ \"$SIMPUL_EVENT\" = erase ] || exit 0\n"
			     "echo '{\"held\": {\"code\": \"UU-6-2011-72\", \"number\": \"12/2026\", \"until\": "
			     "\"2027-01-01T00:00:00Z\"}}'\n";

static void keeper_put(const struct exchange *x)
{
	char *path = broker_path(x, "keeper");

	file_put(path, keeper);
	assert_int_equal(chmod(path, 0755), 0);
	free(path);
}

/* Puts these in the place of the sink that every office has. */
static void sinks_put(struct exchange *x, size_t office, const char *sinks)
{
	char *config = office_path(x, office, "agent.yaml"), *files = office_path(x, office, "files");

	file_swap(config, "  - {name: lines, type: jsonl, path: inbox.jsonl}\n", sinks);
	assert_int_equal(mkdir(files, 0700), 0);
	free(files);
	free(config);
}

static int set_up(void **state)
{
	static struct exchange x;
	char *program;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", "immigration.muara-enim", NULL});
	keeper_put(&x);
	program = memory_format("  - {name: lines, type: jsonl, path: inbox.jsonl}\n"
				"  - {name: case-system, type: program, path: %s/keeper, erases: yes}\n",
				x.folder);
	sinks_put(&x, ARMY, "  - {name: files, type: folder, path: files}\n");
	sinks_put(&x, IMMIGRATION, program);
	free(program);
	*state = &x;
	return exchange_serve(&x);
}

#define COMMON \
	"\"category\": \"wanted\", \"label\": \"AMBER\", \"region\": \"16.01\", \"purpose\": \"law-enforcement\""
#define SIGHTING(summary) \
	"{\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", \"summary\": \"" summary "\"," \
	" \"persons\": [{\"capacity\": \"seen\", \"identity\": \"claimed\", \"age\": \"adult\"," \
	" \"primary_identifier\": \"" summary "\"}]}"

/* ------------------------------------------------------------------ waiting */

struct awaited {
	struct exchange *x;
	size_t office;
	const char *name, *key, *value; /* of the report's row in the inbox; value NULL: any */
};

/* What `simpul outbox show --json` says of a copy; NULL when there is none. */
static json_t *copy_of(struct exchange *x, const char *name, const char *node, const char *of)
{
	struct buffer out = {0};
	json_t *json, *copy, *found = NULL;
	size_t i;

	assert_int_equal(exchange_simpul(x, POLICE, NULL, &out, "outbox", "show", name, "--json", NULL), 0);
	json = json_loadb((const char *)out.data, out.size, 0, NULL);
	json_array_foreach(json_object_get(json, "copies"), i,
			   copy) if (strcmp(json_string_value(json_object_get(copy, "node")), node) == 0 &&
				     strcmp(json_string_value(json_object_get(copy, "name")), of) == 0) found =
		json_incref(copy);
	json_decref(json);
	buffer_free(&out);
	return found;
}

static bool copy_is_erased(void *context)
{
	const struct awaited *awaited = context;
	json_t *copy = copy_of(awaited->x, awaited->name, awaited->key, awaited->value);
	const bool erased = json_object_get(copy, "erased_at") != NULL;

	json_decref(copy);
	return erased;
}

static bool told_of(struct exchange *x, const char *name, const char *node, const char *of)
{
	struct awaited awaited = {.x = x, .name = name, .key = node, .value = of};

	return wait_for(copy_is_erased, &awaited, 20);
}

/* ------------------------------------------------------------------ tests */

static void sink_says(const json_t *copy, const char *sink, const char *outcome)
{
	json_t *said;
	size_t i;

	json_array_foreach(json_object_get(copy, "sinks"), i, said)
	{
		if (strcmp(json_string_value(json_object_get(said, "sink")), sink) != 0)
			continue;
		assert_string_equal(json_string_value(json_object_get(said, "outcome")), outcome);
		return;
	}
	fail_msg("nothing is said of %s", sink);
}

static void nothing_is_left_of_what_was_taken_back_and_the_origin_sees_that(void **state)
{
	static const char update[] = "{\"sighting\": " SIGHTING(SECOND) "}";
	struct exchange *x = *state;
	char *name = office_reports(x, POLICE, "{" COMMON ", \"sighting\": " SIGHTING(CANARY) "}");
	char *file = office_path(x, ARMY, "files/AMBER-police.oku-1.json"), *proof = office_path(x, ARMY, "proof.json");
	json_t *copy;

	assert_true(inbox_shows(x, ARMY, name, "state", "current"));
	assert_int_equal(exchange_simpul(x, POLICE, update, NULL, "update", name, "--json", "-", NULL), 0);
	assert_true(inbox_shows(x, ARMY, name, "state", "updated"));
	assert_true(inbox_shows(x, IMMIGRATION, name, "state", "updated"));
	assert_true(file_comes(file, 20));
	assert_true(office_holds(x, ARMY, CANARY));
	copy = copy_of(x, name, "army.oku", "police.oku#2");
	assert_non_null(copy);
	assert_null(json_object_get(copy, "erased_at"));
	json_decref(copy);
	assert_int_equal(
		exchange_simpul(x, POLICE, NULL, NULL, "cancel", name, "--reason", "wrong-person", "--erase", NULL), 0);
	for (size_t i = ARMY; i < OFFICES; i++) {
		assert_true(inbox_shows(x, i, name, "erased_by", "retracted"));
		assert_true(inbox_shows(x, i, "police.oku#2", "erased_by", "retracted"));
		assert_true(inbox_shows(x, i, name, "state", "cancelled"));
	}
	/* At the immigration a registry of its own keeps its lines, as it declares. */
	assert_true(office_forgets(x, ARMY, CANARY));
	assert_true(office_forgets(x, ARMY, SECOND));
	assert_true(office_forgets(x, POLICE, CANARY));
	assert_false(file_there(file));
	assert_true(told_of(x, name, "army.oku", name));
	assert_true(told_of(x, name, "army.oku", "police.oku#2"));
	assert_true(told_of(x, name, "immigration.muara-enim", name));
	copy = copy_of(x, name, "army.oku", name);
	sink_says(copy, "files", "erased");
	json_decref(copy);
	copy = copy_of(x, name, "immigration.muara-enim", name);
	sink_says(copy, "case-system", "held");
	sink_says(copy, "lines", "requested");
	json_decref(copy);
	/* The answer is no report. */
	assert_int_equal(office_inbox(x, POLICE, NULL, NULL), 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "export", name, "-o", proof, NULL), 0);
	assert_int_equal(operate_run(x, NULL, "simpul", "verify", proof, NULL), 0);
	free(proof);
	free(file);
	free(name);
}

static bool lines_are_erased(void *context)
{
	const struct awaited *awaited = context;
	json_t *copy = copy_of(awaited->x, awaited->name, "immigration.muara-enim", awaited->name), *said;
	bool erased = false;
	size_t i;

	json_array_foreach(json_object_get(copy, "sinks"), i, said)
		if (strcmp(json_string_value(json_object_get(said, "sink")), "lines") == 0)
			erased = strcmp(json_string_value(json_object_get(said, "outcome")), "erased") == 0;
	json_decref(copy);
	return erased;
}

static bool to_do(struct exchange *x, const char *name)
{
	struct buffer out = {0};
	bool found;

	assert_int_equal(exchange_simpul(x, IMMIGRATION, NULL, &out, "erasures", "list", NULL), 0);
	buffer_u8(&out, 0);
	found = strstr((const char *)out.data, name) != NULL;
	buffer_free(&out);
	return found;
}

/* What the first test left to a person. */
static void what_a_person_removed_by_hand_is_told_to_the_origin(void **state)
{
	struct exchange *x = *state;
	struct awaited awaited = {.x = x, .name = "police.oku#1"};
	json_t *copy;

	assert_true(to_do(x, "police.oku#1  lines  retracted"));
	assert_int_not_equal(exchange_simpul(x, IMMIGRATION, NULL, NULL, "erasures", "done", "police.oku#1", "--sink",
					     "case-system", NULL),
			     0);
	assert_int_equal(exchange_simpul(x, IMMIGRATION, NULL, NULL, "erasures", "done", "police.oku#1", "--sink", "lines",
					 NULL),
			 0);
	assert_true(wait_for(lines_are_erased, &awaited, 20));
	assert_false(to_do(x, "police.oku#1 "));
	assert_true(to_do(x, "police.oku#2  lines"));
	copy = copy_of(x, "police.oku#1", "immigration.muara-enim", "police.oku#1");
	sink_says(copy, "case-system", "held");
	json_decref(copy);
	assert_int_equal(exchange_simpul(x, IMMIGRATION, NULL, NULL, "erasures", "done", "police.oku#1", "--sink", "lines",
					 NULL),
			 66);
}

static void office_end(struct exchange *x, size_t office, int signal)
{
	process_end(x->offices[office].pid, signal, 20);
	x->offices[office].pid = 0;
}

static void who_was_away_gets_it_erased_and_says_so(void **state)
{
	struct exchange *x = *state;
	char *name, *file;
	json_t *row;

	office_end(x, ARMY, SIGTERM);
	name = office_reports(x, POLICE, "{" COMMON ", \"sighting\": " SIGHTING(ABSENT) "}");
	assert_true(inbox_shows(x, IMMIGRATION, name, "state", "current"));
	assert_int_equal(
		exchange_simpul(x, POLICE, NULL, NULL, "cancel", name, "--reason", "duplicate", "--erase", NULL), 0);
	assert_true(inbox_shows(x, IMMIGRATION, name, "erased_by", "retracted"));
	assert_true(log_has(x, "bodies.erased", 20));
	exchange_start_office(x, ARMY);
	assert_true(inbox_shows(x, ARMY, name, "erased_by", "retracted"));
	row = inbox_find(x, ARMY, name);
	assert_string_equal(json_string_value(json_object_get(row, "trust")), "good");
	json_decref(row);
	assert_true(told_of(x, name, "army.oku", name));
	assert_false(office_holds(x, ARMY, ABSENT));
	file = office_path(x, ARMY, "files/AMBER-police.oku-4.json");
	assert_string_equal(name, "police.oku#4");
	assert_false(file_there(file)); /* nor was it handed on */
	free(file);
	free(name);
}

/* Killed at once after the retraction came, and started again: nothing is lost, and nothing told twice. */
static void a_kill_in_the_middle_changes_nothing(void **state)
{
	struct exchange *x = *state;
	char *name = office_reports(x, POLICE, "{" COMMON ", \"sighting\": " SIGHTING(KILLED) "}");
	uint64_t answers;

	assert_true(inbox_shows(x, ARMY, name, "state", "current"));
	assert_int_equal(
		exchange_simpul(x, POLICE, NULL, NULL, "cancel", name, "--reason", "wrong-facts", "--erase", NULL), 0);
	assert_true(inbox_shows(x, ARMY, name, "state", "cancelled"));
	office_end(x, ARMY, SIGKILL);
	exchange_start_office(x, ARMY);
	assert_true(office_forgets(x, ARMY, KILLED));
	assert_true(told_of(x, name, "army.oku", name));
	assert_true(exchange_settled(x, 20));
	answers = office_outbox(x, ARMY).accepted;
	office_end(x, ARMY, SIGTERM);
	assert_false(office_holds(x, ARMY, KILLED));
	exchange_start_office(x, ARMY);
	assert_true(office_caught_up(x, ARMY, 20));
	assert_true(exchange_settled(x, 20));
	assert_int_equal(office_outbox(x, ARMY).accepted, answers);
	assert_int_equal(office_outbox(x, ARMY).refused, 0);
	free(name);
}

/* The broker comes back as it was at the backup; what it had before lies beside it. */
static void broker_set_back(struct exchange *x, const char *backup)
{
	char *lost = memory_format("%s.lost", x->folder);

	process_end(x->broker, SIGKILL, 20);
	assert_int_equal(rename(x->folder, lost), 0);
	assert_int_equal(operate_run(x, NULL, "simpulctl", "backup", "restore", backup, x->folder, NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "recover", "--reason", "disk lost", NULL), 0);
	keeper_put(x);
	exchange_start_broker(x);
	free(lost);
}

/* The origin has the body no more, so nobody is given the report again; who has it must be told all the same. */
static void a_broker_that_lost_report_and_retraction_tells_who_was_away(void **state)
{
	struct exchange *x = *state;
	char *backup = memory_format("%s.backup", x->folder), *name;

	assert_int_equal(exchange_ctl(x, NULL, "backup", "make", backup, NULL), 0);
	name = office_reports(x, POLICE, "{" COMMON ", \"sighting\": " SIGHTING(LOST) "}");
	assert_true(inbox_shows(x, ARMY, name, "state", "current"));
	office_end(x, ARMY, SIGTERM);
	assert_int_equal(
		exchange_simpul(x, POLICE, NULL, NULL, "cancel", name, "--reason", "wrong-person", "--erase", NULL), 0);
	assert_true(inbox_shows(x, IMMIGRATION, name, "erased_by", "retracted"));
	assert_true(office_forgets(x, POLICE, LOST));
	broker_set_back(x, backup);
	exchange_start_office(x, ARMY);
	assert_true(inbox_shows(x, ARMY, name, "erased_by", "retracted"));
	assert_true(office_forgets(x, ARMY, LOST));
	assert_true(told_of(x, name, "army.oku", name));
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	free(name);
	free(backup);
}

static void a_retraction_of_what_was_never_said_and_an_extension_without_a_reason_are_refused(void **state)
{
	struct exchange *x = *state;
	char time[TIME_TEXT_SIZE], *longer = memory_format("{\"expires\": \"%s\", \"sighting\": " SIGHTING("longer") "}",
							  days_ahead(60, time));
	char *name = office_reports(x, POLICE, "{" COMMON ", \"sighting\": " SIGHTING("plain") "}");

	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", "police.oku#99", "--reason", "duplicate",
					 "--erase", NULL),
			 65);
	assert_int_equal(exchange_simpul(x, POLICE, longer, NULL, "update", name, "--json", "-", NULL), 65);
	assert_int_equal(exchange_simpul(x, POLICE, longer, NULL, "update", name, "--json", "-", "--note",
					 "the search goes on", NULL),
			 0);
	free(longer);
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_left_of_what_was_taken_back_and_the_origin_sees_that),
		cmocka_unit_test(what_a_person_removed_by_hand_is_told_to_the_origin),
		cmocka_unit_test(who_was_away_gets_it_erased_and_says_so),
		cmocka_unit_test(a_kill_in_the_middle_changes_nothing),
		cmocka_unit_test(a_retraction_of_what_was_never_said_and_an_extension_without_a_reason_are_refused),
		cmocka_unit_test(a_broker_that_lost_report_and_retraction_tells_who_was_away),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
