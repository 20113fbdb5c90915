/* subject_result_test - who was asked, who answered how much of it, and who came or went meanwhile, is told as it is.
 */
#include "agents/subject/subject_result.h"
#include "tests/support/agent_world.h"
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NOW UINT64_C(1770000000000)

static struct agent_world world;
static struct store store;

static void member_add(const char *node, uint64_t entry)
{
	struct agent_office office;

	agent_office_make(&world, node, 1, &office);
	assert_int_equal(store_begin(&store, NULL), E_OK);
	assert_int_equal(store_member(&store, entry, &office.member, NULL), E_OK);
	assert_int_equal(store_commit(&store, NULL), E_OK);
}

static int setup(void **state)
{
	static const char *const nodes[] = {"immigration.a", "army.a", "customs.a", "health.a", "police.a", "social.a"};
	const Simpul__Entry *entry;

	(void)state;
	agent_world_start(&world);
	agent_store_open(&world, "immigration.a", &store);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		member_add(nodes[i], i + 1);
	entry = agent_standing(&world, "health.a", 1, SIMPUL__STANDING__STANDING_RETIRED, NOW);
	assert_int_equal(store_begin(&store, NULL), E_OK);
	assert_int_equal(store_standing(&store, 20, entry->standing, NULL), E_OK);
	assert_int_equal(store_commit(&store, NULL), E_OK);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(&store);
	agent_world_end(&world);
	return 0;
}

/* Asked were all but social; customs joined later. */
#define REQUEST(name, asked) \
	"{\"request\": \"" name "\", \"own\": true, \"office\": \"immigration.a\", \"state\": \"accepted\", \"due\": " \
	"\"2026-02-05T02:40:00Z\", \"expires\": \"2026-02-16T02:40:00Z\", \"asked\": " asked ", \"answered\": []," \
	" \"query\": {\"request_number\": \"DS/1\", \"received_at\": \"2026-02-02T02:40:00Z\", \"subject\": " \
	"{\"identity\": " \
	"\"claimed\", \"primary_identifier\": \"ERIKSSON\", \"date_of_birth\": \"1974-08-12\"}}}"
/* The same number, by mistake, for somebody else. */
#define ANOTHER(name) \
	"{\"request\": \"" name \
	"\", \"own\": true, \"office\": \"immigration.a\", \"state\": \"accepted\", \"asked\": " \
	"[\"police.a\"], \"query\": {\"request_number\": \"DS/1\", \"received_at\": \"2026-02-02T02:40:00Z\"," \
	" \"subject\": {\"identity\": \"claimed\", \"primary_identifier\": \"SPECIMEN\", \"date_of_birth\": " \
	"\"1980\"}}}"
#define HELD(name, reason) "{\"name\": \"" name "\", \"kind\": \"sighting\", \"withheld\": \"" reason "\"}"
/* The report `number` of its office. */
#define REPLY(node, number, part, parts, reports) \
	"{\"node\": \"" node "\", \"name\": \"" node "#" number \
	"\", \"at\": \"2026-02-03T00:00:00Z\", \"reply\": {\"part\": " part ", \"parts\": " parts \
	", \"reports\": [" reports "]}}"

/* The result of these requests, of which the first is asked for, and replies to them; a new reference. */
static json_t *result_of(const char *requests, const char *replies)
{
	struct subject_book book = {.requests = json_loads(requests, 0, NULL), .replies = json_loads(replies, 0, NULL)};
	struct subject_decisions decisions = {json_array(), json_object(), json_array(), false};
	struct fault fault = {0};
	json_t *result;

	assert_non_null(book.requests);
	assert_non_null(book.replies);
	if (subject_result(&store, &book, json_array_get(book.requests, 0), &decisions, NOW, &result, &fault) != E_OK)
		fail_msg("%s %s", error_name(fault.code), fault.field);
	subject_book_free(&book);
	json_decref(decisions.disclose);
	json_decref(decisions.withhold);
	json_decref(decisions.other);
	return result;
}

static const json_t *office_in(const json_t *result, const char *node)
{
	json_t *office;
	size_t i;

	json_array_foreach(json_object_get(result, "offices"), i, office)
		if (strcmp(json_string_value(json_object_get(office, "node")), node) == 0)
			return office;
	return NULL;
}

static void assert_state(const json_t *result, const char *node, const char *state)
{
	const json_t *office = office_in(result, node);

	if (office == NULL)
		fail_msg("%s is left out", node);
	assert_string_equal(json_string_value(json_object_get(office, "state")), state);
}

static void who_came_and_who_went_is_told(void **state)
{
	json_t *result = result_of("[" REQUEST("immigration.a#1", "[\"army.a\", \"health.a\", \"police.a\"]") "]",
				   "{\"immigration.a#1\": [" REPLY("police.a", "9", "1", "1", "") "]}");

	(void)state;
	assert_state(result, "immigration.a", "own");
	assert_state(result, "police.a", "answered");
	assert_state(result, "army.a", "silent");
	assert_state(result, "health.a", "left");
	assert_state(result, "social.a", "not-asked");
	assert_state(result, "customs.a", "not-asked");
	/* Nobody waits for who is no longer there. */
	assert_int_equal(json_integer_value(json_object_get(result, "missing")), 1);
	json_decref(result);
}

static void a_part_of_an_answer_is_no_answer(void **state)
{
	json_t *result = result_of(
		"[" REQUEST("immigration.a#1", "[\"army.a\", \"police.a\"]") "]",
		"{\"immigration.a#1\": [" REPLY("police.a", "9", "2", "2", HELD("police.a#1", "law-enforcement")) ", " REPLY(
			"army.a", "9", "1", "2",
			HELD("army.a#1", "law-enforcement")) ", " REPLY("army.a", "10", "2", "2",
									HELD("army.a#2", "law-enforcement")) "]}");

	(void)state;
	assert_state(result, "police.a", "incomplete");
	assert_state(result, "army.a", "answered");
	assert_int_equal(json_array_size(json_object_get(office_in(result, "army.a"), "reports")), 2);
	assert_int_equal(json_integer_value(json_object_get(result, "missing")), 1);
	json_decref(result);
}

static void what_was_answered_last_counts(void **state)
{
	json_t *result = result_of(
		"[" REQUEST("immigration.a#1", "[\"police.a\"]") "]",
		"{\"immigration.a#1\": [" REPLY("police.a", "9", "1", "1", HELD("police.a#1", "law-enforcement")) ", " REPLY(
			"police.a", "10", "1", "1", HELD("police.a#1", "state-interest")) "]}");
	const json_t *reports = json_object_get(office_in(result, "police.a"), "reports");

	(void)state;
	assert_int_equal(json_array_size(reports), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(reports, 0), "withheld")),
			    "state-interest");
	assert_int_equal(json_integer_value(json_object_get(result, "missing")), 0);
	json_decref(result);
}

/* Somebody else's data, told by mistake. */
static void what_a_later_answer_leaves_out_is_told_no_more(void **state)
{
	json_t *result = result_of(
		"[" REQUEST("immigration.a#1", "[\"police.a\", \"army.a\"]") "]",
		"{\"immigration.a#1\": [" REPLY("police.a", "8", "1", "2", HELD("police.a#1", "state-interest")) ", "
		REPLY("police.a", "9", "2", "2", HELD("police.a#2", "state-interest")) ", "
		REPLY("police.a", "12", "1", "1", HELD("police.a#2", "law-enforcement")) ", "
		REPLY("army.a", "4", "1", "1", HELD("army.a#1", "state-interest")) ", "
		REPLY("army.a", "5", "1", "1", "") "]}");
	const json_t *reports = json_object_get(office_in(result, "police.a"), "reports");

	(void)state;
	assert_state(result, "police.a", "answered");
	assert_int_equal(json_array_size(reports), 1);
	assert_string_equal(json_string_value(json_object_get(json_array_get(reports, 0), "name")), "police.a#2");
	assert_state(result, "army.a", "answered");
	assert_int_equal(json_array_size(json_object_get(office_in(result, "army.a"), "reports")), 0);
	json_decref(result);
}

static void parts_of_two_answers_make_no_whole_one(void **state)
{
	json_t *result = result_of(
		"[" REQUEST("immigration.a#1", "[\"police.a\"]") "]",
		"{\"immigration.a#1\": [" REPLY("police.a", "8", "1", "2", HELD("police.a#1", "state-interest")) ", "
		REPLY("police.a", "9", "2", "2", HELD("police.a#2", "state-interest")) ", "
		REPLY("police.a", "12", "1", "2", HELD("police.a#3", "state-interest")) "]}");

	(void)state;
	assert_state(result, "police.a", "incomplete");
	assert_int_equal(json_array_size(json_object_get(office_in(result, "police.a"), "reports")), 1);
	assert_int_equal(json_integer_value(json_object_get(result, "missing")), 1);
	json_decref(result);
}

/* Of a query that is not at the broker yet nobody knows whom it reaches: an office without a link says nothing for all
 * the others. */
static void who_was_not_asked_yet_is_missing(void **state)
{
	static const char accepted[] = "\"state\": \"accepted\"", waiting[] = "\"state\": \"waiting\" ";
	char requests[] = "[" REQUEST("immigration.a#1", "[\"police.a\"]") ", " REQUEST("immigration.a#2", "[]") "]";
	json_t *result;
	char *second;

	(void)state;
	second = strstr(strstr(requests, accepted) + 1, accepted);
	memcpy(second, waiting, strlen(waiting));
	result = result_of(requests, "{\"immigration.a#1\": [" REPLY("police.a", "9", "1", "1", "") "]}");
	assert_state(result, "police.a", "answered");
	assert_state(result, "army.a", "to-be-asked");
	assert_state(result, "customs.a", "to-be-asked");
	assert_null(office_in(result, "health.a"));
	assert_int_equal(json_integer_value(json_object_get(result, "missing")), 3);
	json_decref(result);
}

/* An exchange of more offices than one query can name; an answer counts to whichever query it came. */
static void queries_of_one_number_are_one_request(void **state)
{
	json_t *result = result_of(
		"[" REQUEST("immigration.a#1", "[\"army.a\"]") ", " REQUEST("immigration.a#2", "[\"police.a\"]") "]",
		"{\"immigration.a#2\": [" REPLY("police.a", "9", "1", "1", "") "]}");

	(void)state;
	assert_int_equal(json_array_size(json_object_get(result, "queries")), 2);
	assert_state(result, "police.a", "answered");
	assert_state(result, "army.a", "silent");
	json_decref(result);
}

static void a_number_that_was_given_twice_mixes_nobody(void **state)
{
	json_t *result = result_of(
		"[" REQUEST("immigration.a#1", "[\"army.a\"]") ", " ANOTHER("immigration.a#2") "]",
		"{\"immigration.a#2\": [" REPLY("police.a", "9", "1", "1", HELD("police.a#1", "law-enforcement")) "]}");

	(void)state;
	assert_int_equal(json_array_size(json_object_get(result, "queries")), 1);
	assert_state(result, "police.a", "not-asked");
	assert_null(json_object_get(office_in(result, "police.a"), "reports"));
	json_decref(result);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_came_and_who_went_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(who_was_not_asked_yet_is_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(a_part_of_an_answer_is_no_answer, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_answered_last_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(what_a_later_answer_leaves_out_is_told_no_more, setup, teardown),
		cmocka_unit_test_setup_teardown(parts_of_two_answers_make_no_whole_one, setup, teardown),
		cmocka_unit_test_setup_teardown(queries_of_one_number_are_one_request, setup, teardown),
		cmocka_unit_test_setup_teardown(a_number_that_was_given_twice_mixes_nobody, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
