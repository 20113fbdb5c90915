/* Tries to break what agents/reports/view.h promises. */
#include "agents/reports/view.h"
#include "common/memory.h"
#include "tests/support/fixed.h"
#include "tests/support/reports.h"
#include <stdlib.h>
#include <time.h>

struct place {
	char *folder;
	struct store store;
};

static const struct test_report sighting = {.name = {"army.oku", 1, 0, 12}};

static bool first_json(void *context, const struct inbox_row *row)
{
	struct arena arena;

	arena_init(&arena);
	*(json_t **)context = view_json(row, &arena);
	arena_fini(&arena);
	return false;
}

static bool first_line(void *context, const struct inbox_row *row)
{
	view_line(row, context);
	return false;
}

static bool first_page(void *context, const struct inbox_row *row)
{
	view_page(row, context);
	return false;
}

static bool count_rows(void *context, const struct inbox_row *row)
{
	(void)row;
	return ++*(size_t *)context < 3;
}

static json_t *json_of(struct place *place)
{
	json_t *json = NULL;

	assert_int_equal(view_inbox(&place->store, 0, 1, first_json, &json, NULL), E_OK);
	assert_non_null(json);
	return json;
}

/* What a text view gives, as a string to free. */
static char *text_of(struct place *place, inbox_each *each)
{
	struct buffer text = {0};

	assert_int_equal(view_inbox(&place->store, 0, 1, each, &text, NULL), E_OK);
	buffer_u8(&text, 0);
	return (char *)text.data;
}

static void shows(struct place *place, inbox_each *each, const char *expected, bool shown)
{
	char *text = text_of(place, each);

	if ((strstr(text, expected) != NULL) != shown)
		fail_msg("'%s' %s in '%s'", expected, shown ? "is not" : "is", text);
	free(text);
}

static const char *text_at(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text == NULL ? "" : text;
}

static void the_label_is_the_first_key(void **state)
{
	json_t *json;
	char *dump;

	test_inbox_add(&((struct place *)*state)->store, &sighting, TRUST_GOOD, 1);
	json = json_of(*state);
	dump = json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER);
	assert_int_equal(strncmp(dump, "{\"label\":\"AMBER\",\"name\":\"army.oku#12\",\"entry\":7,", 48), 0);
	free(dump);
	assert_string_equal(text_at(json, "trust"), "good");
	assert_string_equal(text_at(json, "state"), "current");
	assert_string_equal(text_at(json_object_get(json, "sighting"), "summary"), "at the terminal");
	assert_null(json_object_get(json_object_get(json, "header"), "salt"));
	assert_null(json_object_get(json, "salt"));
	json_decref(json);
}

static void a_list_shows_no_person(void **state)
{
	test_inbox_add(&((struct place *)*state)->store, &sighting, TRUST_GOOD, 1);
	shows(*state, first_line, "ERIKSSON", false);
	shows(*state, first_line, "at the terminal", false);
	shows(*state, first_page, "ERIKSSON", true);
}

static void the_line_begins_with_the_label(void **state)
{
	char *line;

	test_inbox_add(&((struct place *)*state)->store, &sighting, TRUST_GOOD, 1);
	line = text_of(*state, first_line);
	assert_int_equal(strncmp(line, "AMBER ", 6), 0);
	free(line);
	shows(*state, first_page, "=== AMBER ===", true);
}

static size_t times_in(const char *text, const char *word)
{
	size_t count = 0;

	for (; (text = strstr(text, word)) != NULL; text += strlen(word))
		count++;
	return count;
}

static void a_page_says_nothing_twice(void **state)
{
	char *page;

	test_inbox_add(&((struct place *)*state)->store, &sighting, TRUST_GOOD, 1);
	page = text_of(*state, first_page);
	assert_int_equal(times_in(page, "army.oku#12"), 1);
	assert_int_equal(times_in(page, "=== AMBER ==="), 2);
	assert_int_equal(times_in(page, "AMBER"), 2);
	assert_int_equal(times_in(page, "msg_type"), 0);
	assert_int_equal(times_in(page, "kind "), 1);
	free(page);
}

static void a_page_has_the_zone_of_the_list(void **state)
{
	test_inbox_add(&((struct place *)*state)->store, &sighting, TRUST_GOOD, 1);
	setenv("TZ", "WIB-7", 1);
	tzset();
	shows(*state, first_line, " 2026-11-20 22:53", true);
	shows(*state, first_page, "accepted_at            2026-11-20T22:53:21+07:00\n", true);
	shows(*state, first_page, "first_seen             2026-11-20T20:06:40+07:00\n", true);
	shows(*state, first_page, "Z\n", false);
	unsetenv("TZ");
	tzset();
}

static void add_about(struct place *place, uint64_t number, Simpul__Kind kind)
{
	struct test_report report = sighting;

	report.name.number = number;
	report.kind = kind;
	report.about = &sighting.name;
	test_inbox_add(&place->store, &report, TRUST_GOOD, 1);
}

static void what_was_cancelled_says_so_in_capitals(void **state)
{
	struct place *place = *state;
	json_t *json;

	test_inbox_add(&place->store, &sighting, TRUST_GOOD, 1);
	add_about(place, 13, SIMPUL__KIND__KIND_CANCEL);
	add_about(place, 14, SIMPUL__KIND__KIND_UPDATE);
	shows(place, first_line, "CANCELLED by army.oku#13", true);
	shows(place, first_page, "CANCELLED by army.oku#13", true);
	json = json_of(place);
	assert_string_equal(text_at(json, "state"), "cancelled");
	assert_string_equal(text_at(json, "cancelled_by"), "army.oku#13");
	json_decref(json);
}

/* The state of the row with this number. */
static void state_is(struct place *place, uint64_t number, const char *expected)
{
	struct report_name name = sighting.name;
	json_t *json = NULL;

	name.number = number;
	assert_int_equal(view_inbox_by_name(&place->store, &name, first_json, &json, NULL), E_OK);
	assert_string_equal(text_at(json, "state"), expected);
	json_decref(json);
}

static void an_update_is_cancelled_with_what_it_updates(void **state)
{
	struct place *place = *state;

	test_inbox_add(&place->store, &sighting, TRUST_GOOD, 1);
	add_about(place, 13, SIMPUL__KIND__KIND_UPDATE);
	state_is(place, 12, "updated");
	state_is(place, 13, "current");
	add_about(place, 14, SIMPUL__KIND__KIND_UPDATE);
	state_is(place, 13, "updated");
	state_is(place, 14, "current");
	add_about(place, 15, SIMPUL__KIND__KIND_CANCEL);
	state_is(place, 12, "cancelled");
	state_is(place, 13, "cancelled");
	state_is(place, 14, "cancelled");
}

static void an_update_is_cancelled_also_where_the_original_never_came(void **state)
{
	struct place *place = *state;

	add_about(place, 13, SIMPUL__KIND__KIND_UPDATE);
	add_about(place, 14, SIMPUL__KIND__KIND_UPDATE);
	state_is(place, 13, "updated");
	state_is(place, 14, "current");
	add_about(place, 15, SIMPUL__KIND__KIND_CANCEL);
	state_is(place, 13, "cancelled");
	state_is(place, 14, "cancelled");
	state_is(place, 15, "current");
	/* A cancel whose signature fails cancels nothing. */
	test_sql(&place->store, "UPDATE inbox SET trust = 2 WHERE number = 15");
	state_is(place, 14, "current");
}

static void a_cancel_that_came_first_counts(void **state)
{
	struct place *place = *state;

	add_about(place, 13, SIMPUL__KIND__KIND_CANCEL);
	test_inbox_add(&place->store, &sighting, TRUST_GOOD, 1);
	state_is(place, 12, "cancelled");
}

static void an_update_of_an_update_replaces_it(void **state)
{
	struct place *place = *state;
	const struct report_name first = {"army.oku", 1, 0, 13};
	struct test_report again = sighting;

	test_inbox_add(&place->store, &sighting, TRUST_GOOD, 1);
	add_about(place, 13, SIMPUL__KIND__KIND_UPDATE);
	again.name.number = 14;
	again.kind = SIMPUL__KIND__KIND_UPDATE;
	again.about = &first;
	test_inbox_add(&place->store, &again, TRUST_GOOD, 1);
	state_is(place, 13, "updated");
	state_is(place, 14, "current");
}

static int step_count(void *count)
{
	++*(size_t *)count;
	return 0;
}

static void very_many_updates_cost_the_reader_of_one_nothing(void **state)
{
	struct place *place = *state;
	size_t steps = 0;

	test_inbox_add(&place->store, &sighting, TRUST_GOOD, 1);
	for (uint64_t number = 13; number < 513; number++)
		add_about(place, number, SIMPUL__KIND__KIND_UPDATE);
	state_is(place, 512, "current"); /* prepares the statements */
	sqlite3_progress_handler(place->store.db, 100, step_count, &steps);
	state_is(place, 12, "updated");
	state_is(place, 200, "updated");
	state_is(place, 512, "current");
	sqlite3_progress_handler(place->store.db, 0, NULL, NULL);
	assert_true(steps < 20);
}

static void a_thief_cancels_nothing_for_long(void **state)
{
	struct place *place = *state;

	test_inbox_add(&place->store, &sighting, TRUST_GOOD, 1);
	add_about(place, 13, SIMPUL__KIND__KIND_CANCEL);
	state_is(place, 12, "cancelled");
	/* What inbox_doubt does when the compromise becomes known. */
	test_sql(&place->store, "UPDATE inbox SET trust = 1 WHERE number = 13");
	state_is(place, 12, "current");
}

static void what_cannot_be_trusted_says_so_in_capitals(void **state)
{
	struct place *place = *state;

	test_inbox_add(&place->store, &sighting, TRUST_BAD, 1);
	shows(place, first_line, "BAD", true);
	shows(place, first_page, "BAD", true);
	test_sql(&place->store, "UPDATE inbox SET trust = 1");
	shows(place, first_line, "DOUBTFUL", true);
	/* A value of a later version is not good either. */
	test_sql(&place->store, "UPDATE inbox SET trust = 99");
	json_t *json = json_of(place);
	assert_string_equal(text_at(json, "trust"), "bad");
	json_decref(json);
}

static void an_exercise_says_so_in_capitals(void **state)
{
	struct test_report exercise = sighting;

	exercise.status = SIMPUL__STATUS__STATUS_EXERCISE;
	exercise.name.stream = 1;
	test_inbox_add(&((struct place *)*state)->store, &exercise, TRUST_GOOD, 1);
	shows(*state, first_line, "EXERCISE AMBER ", true);
	shows(*state, first_page, "=== EXERCISE AMBER ===", true);
	shows(*state, first_line, "army.oku#X12", true);
}

static void an_erased_report_shows_its_header_alone(void **state)
{
	struct place *place = *state;
	json_t *json;

	test_inbox_add(&place->store, &sighting, TRUST_GOOD, 1);
	test_sql(&place->store, "UPDATE inbox SET body = x''");
	shows(place, first_line, "NO CONTENT", true);
	json = json_of(place);
	assert_string_equal(text_at(json, "label"), "AMBER");
	assert_null(json_object_get(json, "sighting"));
	json_decref(json);
}

static void a_header_that_cannot_be_read_has_no_soft_label(void **state)
{
	struct place *place = *state;
	json_t *json;

	test_inbox_add(&place->store, &sighting, TRUST_BAD, 1);
	test_sql(&place->store, "UPDATE inbox SET header = x'ffff'");
	json = json_of(place);
	assert_string_equal(text_at(json, "label"), "UNKNOWN");
	json_decref(json);
	shows(place, first_line, "army.oku#12", true);
	shows(place, first_page, "BAD", true);
}

static void a_report_cannot_steer_the_terminal(void **state)
{
	static const char *const hostile[] = {"\x1b[2J",
					      "\xc2\x9b"
					      "31m",
					      "\xe2\x80\xae",
					      "\xe2\x81\xa6",
					      "\xd8\x9c",
					      "\xff",
					      "\xc3",
					      "\x9b\x80",
					      "\xc1\x9b",
					      "\xf5\x9b\x9b\x9b"};
	struct buffer out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		buffer_clear(&out);
		view_safe_text(&out, hostile[i]);
		assert_int_equal(out.data[0], '?');
		assert_null(memmem(out.data, out.size, "\x1b", 1));
		assert_null(memmem(out.data, out.size, "\x9b", 1));
	}
	buffer_clear(&out);
	view_safe_text(&out, "a\nb\tP\xc3\xa9"
			     "dro");
	buffer_u8(&out, 0);
	assert_string_equal((const char *)out.data, "a b P\xc3\xa9"
						    "dro");
	buffer_free(&out);
}

static void a_summary_cannot_forge_a_banner(void **state)
{
	struct test_report forged = sighting;

	forged.summary = "x\n=== CLEAR ===";
	test_inbox_add(&((struct place *)*state)->store, &forged, TRUST_GOOD, 1);
	shows(*state, first_page, "\n=== CLEAR", false);
}

static void rows_come_in_order_and_in_pages(void **state)
{
	struct place *place = *state;
	struct test_report report = sighting;
	size_t count = 0;
	uint64_t last;

	assert_int_equal(view_inbox_last(&place->store, &last, NULL), E_OK);
	assert_int_equal(last, 0);
	for (report.name.number = 1; report.name.number <= 5; report.name.number++)
		test_inbox_add(&place->store, &report, TRUST_GOOD, 1);
	assert_int_equal(view_inbox(&place->store, 0, 100, count_rows, &count, NULL), E_OK);
	assert_int_equal(count, 3); /* the callback ends it */
	count = 0;
	assert_int_equal(view_inbox(&place->store, 4, 100, count_rows, &count, NULL), E_OK);
	assert_int_equal(count, 1);
	count = 0;
	assert_int_equal(view_inbox(&place->store, 0, 2, count_rows, &count, NULL), E_OK);
	assert_int_equal(count, 2);
	count = 0;
	report.name.number = 3;
	assert_int_equal(view_inbox_by_name(&place->store, &report.name, count_rows, &count, NULL), E_OK);
	assert_int_equal(count, 1);
	assert_int_equal(view_inbox_last(&place->store, &last, NULL), E_OK);
	assert_int_equal(last, 5);
}

static int begin(void **state)
{
	struct place *place = memory_zero(1, sizeof(*place));

	place->folder = test_folder();
	test_store_open(&place->store, place->folder);
	*state = place;
	return 0;
}

static int end(void **state)
{
	struct place *place = *state;

	store_close(&place->store);
	test_folder_remove(place->folder);
	free(place);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#define SEEN UINT64_C(1795300000000) /* 2026-11-22 */

static void a_draft_shows_that_a_column_landed_and_not_who_it_is(void **state)
{
	static const char json[] =
		"{\"category\": \"lodging\", \"region\": \"16.01\", \"label\": \"AMBER\", \"to\": [\"army\"],"
		" \"purpose\": \"law-enforcement\", \"expires\": \"2030-01-01T00:00Z\", \"sighting\": {\"assertion\":"
		" \"fact\", \"first_seen\": \"2026-11-20T10:00Z\", \"persons\": [{\"capacity\": \"guest\", \"age\":"
		" \"adult\", \"identity\": \"claimed\", \"primary_identifier\": \"\u00c9RIKSSON-\u00c9\","
		" \"date_of_birth\": \"1974-08-12\", \"documents\": [{\"number\": \"L898902C3\"}]}]}}";
	json_t *draft = json_loads(json, 0, NULL);
	struct prepared prepared;
	struct arena arena;
	struct fault fault = {0};
	struct buffer out = {0};

	(void)state;
	arena_init(&arena);
	assert_int_equal(draft_of_json(draft, &(struct draft_defaults){.label = 0}, "police.oku", SEEN, &arena,
				       &prepared, &fault),
			 E_OK);
	view_draft(&prepared, true, &out);
	buffer_u8(&out, 0);
	assert_non_null(strstr((const char *)out.data, "\xc3\x89*******-*\n"));
	assert_non_null(strstr((const char *)out.data, "1***-**-**\n"));
	assert_non_null(strstr((const char *)out.data, "L********\n"));
	assert_non_null(strstr((const char *)out.data, "guest\n"));
	assert_non_null(strstr((const char *)out.data, "army\n"));
	assert_null(strstr((const char *)out.data, "RIKSSON"));
	buffer_clear(&out);
	view_draft(&prepared, false, &out);
	buffer_u8(&out, 0);
	assert_non_null(strstr((const char *)out.data, "RIKSSON"));
	buffer_free(&out);
	arena_fini(&arena);
	json_decref(draft);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_label_is_the_first_key),
		TEST(a_list_shows_no_person),
		TEST(the_line_begins_with_the_label),
		TEST(a_page_says_nothing_twice),
		TEST(a_page_has_the_zone_of_the_list),
		TEST(what_was_cancelled_says_so_in_capitals),
		TEST(an_update_is_cancelled_with_what_it_updates),
		TEST(an_update_is_cancelled_also_where_the_original_never_came),
		TEST(a_cancel_that_came_first_counts),
		TEST(an_update_of_an_update_replaces_it),
		TEST(very_many_updates_cost_the_reader_of_one_nothing),
		TEST(a_thief_cancels_nothing_for_long),
		TEST(what_cannot_be_trusted_says_so_in_capitals),
		TEST(an_exercise_says_so_in_capitals),
		TEST(an_erased_report_shows_its_header_alone),
		TEST(a_header_that_cannot_be_read_has_no_soft_label),
		TEST(a_report_cannot_steer_the_terminal),
		TEST(a_summary_cannot_forge_a_banner),
		TEST(rows_come_in_order_and_in_pages),
		TEST(a_draft_shows_that_a_column_landed_and_not_who_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
