/* Tries to break what name.h promises. */
#include "common/name.h"
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void names_of_agencies_have_one_form(void **state)
{
	static const char *const right[] = {"police", "a", "army-1", "abcdefghijklmnopqrstuvwxyz012345"};
	static const char *const wrong[] = {"", "Police", "1st", "-a", "po lice", "polic\xc3\xa9", "police.",
					    "police.oku", "abcdefghijklmnopqrstuvwxyz0123456", "a_b", "a\n"};

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++)
		assert_true(agency_name_valid(right[i]));
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(agency_name_valid(wrong[i]));
}

static void names_of_nodes_have_one_form(void **state)
{
	static const char *const right[] = {"police.oku", "immigration.muara-enim", "a.1", "a.-"};
	static const char *const wrong[] = {"", "police", "police.", ".oku", "police.oku.x", "police..oku",
					    "police.OKU", "police.oku ", "1.a", "police.oku#1", "police/oku"};
	char longest[] = "police.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++)
		assert_true(node_name_valid(right[i]));
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(node_name_valid(wrong[i]));
	assert_int_equal(strlen(longest), 65);
	assert_false(node_name_valid(longest));
	longest[64] = '\0';
	assert_true(node_name_valid(longest));
}

static void a_node_belongs_to_its_agency(void **state)
{
	char agency[33];

	(void)state;
	node_agency("immigration.muara-enim", agency);
	assert_string_equal(agency, "immigration");
	node_agency("abcdefghijklmnopqrstuvwxyz012345.x", agency);
	assert_string_equal(agency, "abcdefghijklmnopqrstuvwxyz012345");
	node_agency("abcdefghijklmnopqrstuvwxyz0123456.x", agency);
	assert_string_equal(agency, "");
}

static void a_reports_name_goes_there_and_back(void **state)
{
	static const struct {
		const char *text;
		uint32_t epoch, stream;
		uint64_t number;
	} cases[] = {
		{"police.oku#1842", 1, 0, 1842},
		{"police.oku#X3", 1, 1, 3},
		{"police.oku#2.R17", 2, 2, 17},
		{"police.oku#XR1", 1, 3, 1},
		{"police.oku#4294967295.XR18446744073709551615", UINT32_MAX, 3, UINT64_MAX},
	};
	char text[REPORT_NAME_SIZE];
	struct report_name name;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(report_name_parse(cases[i].text, &name));
		assert_string_equal(name.origin, "police.oku");
		assert_int_equal(name.epoch, cases[i].epoch);
		assert_int_equal(name.stream, cases[i].stream);
		assert_true(name.number == cases[i].number);
		assert_string_equal(report_name_text(&name, text), cases[i].text);
	}
}

static void a_second_spelling_of_a_reports_name_is_refused(void **state)
{
	static const char *const wrong[] = {
		"police.oku", "police.oku#", "police.oku#0", "police.oku#01", "police.oku#1.1", "police.oku#0.1",
		"police.oku#02.1", "police.oku#2.", "police.oku#.1", "police.oku#x3", "police.oku#RX3", "police.oku#X",
		"police.oku#X2.3", "police.oku#-1", "police.oku#+1", "police.oku# 1", "police.oku#1 ", "police#1", "#1",
		"police.oku#18446744073709551616", "police.oku#4294967296.1", "police.oku##1", "police.oku#XX1",
		"police.oku#1.2.3", "police.oku#99999999999999999999999",
	};
	struct report_name name;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(report_name_parse(wrong[i], &name));
}

static void a_stream_that_does_not_exist_makes_no_name(void **state)
{
	struct report_name name = {.origin = "police.oku", .epoch = 1, .stream = 4, .number = 1};
	char text[REPORT_NAME_SIZE];

	(void)state;
	assert_string_equal(stream_prefix(0), "");
	assert_string_equal(stream_prefix(3), "XR");
	assert_false(report_name_parse(report_name_text(&name, text), &name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_agencies_have_one_form),
		cmocka_unit_test(names_of_nodes_have_one_form),
		cmocka_unit_test(a_node_belongs_to_its_agency),
		cmocka_unit_test(a_reports_name_goes_there_and_back),
		cmocka_unit_test(a_second_spelling_of_a_reports_name_is_refused),
		cmocka_unit_test(a_stream_that_does_not_exist_makes_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
