/* Tries to break what region.h promises. */
#include "common/region.h"
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void every_region_is_there(void **state)
{
	(void)state;
	assert_int_equal(region_count(1), 38);
	assert_int_equal(region_count(2), 514);
	assert_int_equal(region_count(3), 7285);
	assert_int_equal(region_count(0), 0);
	assert_int_equal(region_count(4), 0);
}

static void a_code_gives_its_name(void **state)
{
	(void)state;
	assert_string_equal(region_find("16")->name, "Sumatera Selatan");
	assert_string_equal(region_find("16.01")->name, "Kabupaten Ogan Komering Ulu");
	assert_string_equal(region_find("16.01.14")->name, "Baturaja Timur");
	assert_string_equal(region_find("11")->code, "11");
	assert_string_equal(region_find("96.71.10")->code, "96.71.10");
	assert_string_equal(region_find("35.29.22")->name, "Ra\"as");
}

static void a_village_is_taken_when_its_district_exists(void **state)
{
	(void)state;
	assert_string_equal(region_find("16.01.14.2001")->code, "16.01.14");
	assert_false(region_exists("16.01.99.2001"));
	assert_false(region_exists("16.01.14.200"));
	assert_false(region_exists("16.01.14.20011"));
	assert_false(region_exists("16.01.14.200x"));
	assert_false(region_exists("16.01.14-2001"));
}

static void what_is_not_a_code_is_not_found(void **state)
{
	static const char *const wrong[] = {"", "1", "16.", "16.1", "16.0", "1601", "160114", "99", "16.01.14.",
					    " 16", "16 ", ".", "16.01.14.2001.1", "Sumatera Selatan", "16..01"};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_false(region_exists(wrong[i]));
}

static void a_code_covers_whole_parts_only(void **state)
{
	(void)state;
	assert_true(region_covers("16", "16"));
	assert_true(region_covers("16", "16.01.14"));
	assert_true(region_covers("16.01", "16.01.14.2001"));
	assert_false(region_covers("16.01", "16"));
	assert_false(region_covers("16.0", "16.01"));
	assert_false(region_covers("1", "16"));
	assert_false(region_covers("16.01", "16.02.14"));
	assert_true(region_meets("16.01.14", "16"));
	assert_true(region_meets("16", "16.01.14"));
	assert_false(region_meets("16.01.14", "16.01.15"));
}

static void names_are_found_as_people_write_them(void **state)
{
	static const struct {
		const char *name, *within, *code;
	} cases[] = {
		{"Baturaja Timur", "", "16.01.14"},
		{"kec. BATURAJA   timur ", "16", "16.01.14"},
		{"Kecamatan Baturaja Timur", "16.01", "16.01.14"},
		{"Kab. Ogan Komering Ulu", "", "16.01"},
		{"KAB.OGAN KOMERING ULU", "", "16.01"},
		{"kab Ogan\tKomering Ulu", "16", "16.01"},
		{"Kabupaten Ogan Komering Ulu", "", "16.01"},
		{"Ogan Komering Ulu", "", "16.01"},
		{"Ogan Komering Ulu Timur", "", "16.08"},
		{"Sumatera Selatan", "", "16"},
		{"Prov. Sumatera Selatan", "", "16"},
		{"provinsi  sumatera selatan", "", "16"},
		{"Kota Palembang", "", "16.71"},
		{"Palembang", "16", "16.71"},
		{"Kab. Bandung", "", "32.04"},
		{"Kota Bandung", "", "32.73"},
		{"Gorontalo", "", "75"},
		{"Cimahi", "", "32.77"}, /* a district of that name has a lower code */
		{"Kota Jakarta Pusat", "", "31.71"},
		{"Jakarta Pusat", "", "31.71"},
		{"Kota Administrasi Jakarta Pusat", "", "31.71"},
		{"Kab. Adm. Kepulauan Seribu", "", "31.01"},
	};
	size_t matches;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct region *region = region_by_name(cases[i].name, cases[i].within, &matches);

		if (region == NULL)
			fail_msg("%s: %zu matches", cases[i].name, matches);
		assert_string_equal(region->code, cases[i].code);
		assert_int_equal(matches, 1);
	}
}

static void a_name_of_several_regions_is_not_guessed(void **state)
{
	size_t matches;

	(void)state;
	assert_null(region_by_name("Bandung", "", &matches));
	assert_int_equal(matches, 2);
	assert_null(region_by_name("Kota Agung", "", &matches));
	assert_int_equal(matches, 2);
	assert_non_null(region_by_name("Kota Agung", "16", &matches));
	assert_int_equal(matches, 1);
}

static void what_a_name_says_of_itself_restricts(void **state)
{
	static const char *const wrong[] = {"Kab. Palembang", "Kec. Sumatera Selatan", "Prov. Palembang",
					    "Kota Baturaja Timur", "Kab. Baturaja Timur",
					    "Prov. Kab. Ogan Komering Ulu"};
	size_t matches;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		assert_null(region_by_name(wrong[i], "", &matches));
		assert_int_equal(matches, 0);
	}
	assert_null(region_by_name("Baturaja Timur", "16.02", &matches));
	assert_null(region_by_name("Sumatera Selatan", "16.01", &matches));
}

static void what_is_no_name_is_not_found(void **state)
{
	static const char *const wrong[] = {"", " ", "Kab", "Kab.", "Kab. ", "Kec ", ".", "Sumatera",
					    "Ogan Komering Ulu x"};
	char endless[5000];
	size_t matches;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		assert_null(region_by_name(wrong[i], "", &matches));
		assert_int_equal(matches, 0);
	}
	memset(endless, 'a', sizeof(endless));
	endless[sizeof(endless) - 1] = '\0';
	assert_null(region_by_name(endless, "", &matches));
	for (size_t i = 1; i < sizeof(endless) - 1; i += 2)
		endless[i] = ' ';
	assert_null(region_by_name(endless, "", &matches));
}

/* The first near ones, "16.73 16.73.01". */
static void assert_near(const char *name, const char *within, size_t most, const char *expected)
{
	const struct region *near[8];
	char codes[128] = "";
	const size_t count = region_near(name, within, near, most);

	for (size_t i = 0; i < count; i++)
		snprintf(codes + strlen(codes), sizeof(codes) - strlen(codes), "%s%s", i == 0 ? "" : " ", near[i]->code);
	assert_string_equal(codes, expected);
}

static void a_name_that_is_none_is_answered_with_those_that_are_near(void **state)
{
	(void)state;
	assert_near("Lubuklinggau", "16", 3, "16.73 16.73.01 16.73.02");
	assert_near("kota LUBUK-LINGGAU", "16", 1, "16.73");
	assert_near("Baturaja", "16", 5, "16.01.13 16.01.14");
	assert_near("Baturaja", "", 5, "16.01.13 16.01.14"); /* and not Batu, which is a half of it */
	assert_near("Baturaja Timur Laut", "16", 5, "16.01.14");
	assert_near("Baturaja", "73", 5, "");
	assert_near("Kota Agung", "", 2, "16.04.07 18.06.01");
	assert_near("x", "", 5, "");
	assert_near("", "", 5, "");
	assert_near("Atlantis", "", 5, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_region_is_there),
		cmocka_unit_test(a_code_gives_its_name),
		cmocka_unit_test(a_village_is_taken_when_its_district_exists),
		cmocka_unit_test(what_is_not_a_code_is_not_found),
		cmocka_unit_test(a_code_covers_whole_parts_only),
		cmocka_unit_test(names_are_found_as_people_write_them),
		cmocka_unit_test(a_name_of_several_regions_is_not_guessed),
		cmocka_unit_test(what_a_name_says_of_itself_restricts),
		cmocka_unit_test(what_is_no_name_is_not_found),
		cmocka_unit_test(a_name_that_is_none_is_answered_with_those_that_are_near),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
