/* subject_record_test - every read is on record as it was stated, nothing else is, and a request is done only when the
 * person can be given all that there is. */
#include "agents/subject/subject_record.h"
#include "tests/support/reports.h"
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NOW UINT64_C(1770000000000)
#define QUERY "immigration.oku#5"

static struct store store;
static char *folder;

static int setup(void **state)
{
	(void)state;
	folder = test_folder();
	test_store_open(&store, folder);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(&store);
	test_folder_remove(folder);
	return 0;
}

static enum error take(const char *request, wall_ms at, struct fault *fault)
{
	json_t *json = json_loads(request, 0, NULL);
	enum error error;

	assert_non_null(json);
	error = subject_record_take(&store, json, "budi", at, fault);
	json_decref(json);
	return error;
}

static void assert_done(bool expected)
{
	bool done;

	assert_int_equal(subject_record_done(&store, QUERY, NOW, &done, NULL), E_OK);
	assert_int_equal(done, expected);
}

static void what_was_read_is_told_in_its_order(void **state)
{
	json_t *list, *last;

	(void)state;
	assert_int_equal(take("{\"action\": \"search\", \"query\": \"" QUERY "\"}", NOW, NULL), E_OK);
	assert_int_equal(take("{\"action\": \"result\", \"query\": \"" QUERY "\","
			      " \"reports\": [\"police.oku#1\", \"army.oku#X2\"]}",
			      NOW + 1, NULL),
			 E_OK);
	assert_int_equal(subject_record_list(&store, &list, NULL), E_OK);
	assert_int_equal(json_array_size(list), 2);
	last = json_array_get(list, 1);
	assert_string_equal(json_string_value(json_object_get(last, "user")), "budi");
	assert_int_equal(json_array_size(json_object_get(last, "reports")), 2);
	assert_string_equal(json_string_value(json_array_get(json_object_get(last, "reports"), 1)), "army.oku#X2");
	assert_int_equal(json_array_size(json_object_get(json_array_get(list, 0), "reports")), 0);
	json_decref(list);
}

/* No word of a person can get into the record by way of a field. */
static void what_is_no_read_is_refused(void **state)
{
	static const struct {
		const char *request;
		enum error error;
		const char *field;
	} cases[] = {
		{"{\"action\": \"look\", \"query\": \"" QUERY "\"}", E_INVALID, "action"},
		{"{\"action\": \"search\", \"query\": \"Eriksson\"}", E_INVALID, "query"},
		{"{\"action\": \"search\", \"query\": \"" QUERY "\", \"reports\": [\"Anna Maria\"]}", E_INVALID,
		 "reports[0]"},
		{"{\"action\": \"search\", \"query\": \"" QUERY "\", \"reports\": [1]}", E_INVALID, "reports[0]"},
	};
	json_t *list;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fault fault = {0};

		assert_int_equal(take(cases[i].request, NOW, &fault), cases[i].error);
		assert_string_equal(fault.field, cases[i].field);
	}
	assert_int_equal(subject_record_list(&store, &list, NULL), E_OK);
	assert_int_equal(json_array_size(list), 0);
	json_decref(list);
}

#define RESULT(query, missing) "{\"action\": \"result\", \"query\": \"" query "\", \"missing\": " missing "}"

static void a_request_is_done_when_all_was_there_or_its_time_was_over(void **state)
{
	(void)state;
	assert_done(false);
	assert_int_equal(take("{\"action\": \"search\", \"query\": \"" QUERY "\"}", NOW, NULL), E_OK);
	assert_int_equal(take(RESULT("immigration.oku#6", "0"), NOW, NULL), E_OK);
	assert_int_equal(take(RESULT(QUERY, "1"), NOW - 1, NULL), E_OK);
	assert_done(false);
	assert_int_equal(take(RESULT(QUERY, "1"), NOW, NULL), E_OK);
	assert_done(true);
}

static void a_request_is_done_as_soon_as_nobody_is_missing(void **state)
{
	(void)state;
	assert_int_equal(take(RESULT(QUERY, "0"), NOW - 1000, NULL), E_OK);
	assert_done(true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_read_is_told_in_its_order, setup, teardown),
		cmocka_unit_test_setup_teardown(what_is_no_read_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_request_is_done_when_all_was_there_or_its_time_was_over, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_request_is_done_as_soon_as_nobody_is_missing, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
