/* Tries to break what clock.h promises. */
#include "common/clock.h"
#include <stdlib.h>
#include <time.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void times_are_written_in_the_wanted_zone(void **state)
{
	char text[TIME_TEXT_SIZE];

	(void)state;
	assert_string_equal(time_text(text, 1795143600000, 420), "2026-11-20T10:00:00+07:00");
	assert_string_equal(time_text(text, 1795143600007, 0), "2026-11-20T03:00:00.007Z");
	assert_string_equal(time_text(text, 1795143600000, -210), "2026-11-19T23:30:00-03:30");
	assert_string_equal(time_text(text, 0, 0), "1970-01-01T00:00:00Z");
	assert_string_equal(time_text(text, 1, -60), "1969-12-31T23:00:00.001-01:00");
}

static void no_time_overruns_its_text(void **state)
{
	char text[TIME_TEXT_SIZE];

	(void)state;
	assert_string_equal(time_text(text, UINT64_MAX, 0), "9999-12-31T23:59:59.999Z");
	assert_string_equal(time_text(text, UINT64_MAX, 840), "9999-12-31T23:59:59.999+14:00");
}

static void a_time_survives_text(void **state)
{
	static const wall_ms times[] = {0, 1, 999, 951782400000, 1795143600123, 253402300799999};
	static const int zones[] = {0, 420, 540, -720};
	char text[TIME_TEXT_SIZE];
	wall_ms back;

	(void)state;
	for (size_t i = 0; i < COUNT(times) - 1; i++) {
		for (size_t k = 0; k < COUNT(zones); k++) {
			assert_true(time_parse(time_text(text, times[i], zones[k]), &back));
			assert_true(back == times[i]);
		}
	}
	assert_true(time_parse(time_text(text, times[5], 0), &back));
	assert_true(back == times[5]);
}

static void times_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		wall_ms time;
	} cases[] = {
		{"2026-11-20T10:00:00+07:00", 1795143600000}, {"2026-11-20T03:00Z", 1795143600000},
		{"2026-11-20T03:00:00.5Z", 1795143600500},    {"2026-11-20T03:00:00.123999999Z", 1795143600123},
		{"2000-02-29T00:00:00Z", 951782400000},	      {"1969-12-31T23:00:00-01:00", 0},
		{"1970-01-01T07:00+07:00", 0},
	};
	wall_ms time;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(time_parse(cases[i].text, &time));
		assert_true(time == cases[i].time);
	}
}

static void what_is_not_a_time_is_refused(void **state)
{
	static const char *const wrong[] = {
		"", "2026", "2026-11-20", "2026-11-20T10:00:00", "2026-11-20 10:00:00Z", "2026-11-20T10Z",
		"2026-11-31T10:00:00Z", "2026-02-29T10:00:00Z", "1900-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T23:60:00Z",
		"2026-01-01T23:59:60Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00.5Z", "2026-01-01T00:00:00+0700",
		"2026-01-01T00:00:00+07", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+07:60",
		"2026-01-01T00:00:00Zx", "2026-01-01t00:00:00z", " 2026-01-01T00:00:00Z", "+026-01-01T00:00:00Z",
		"1969-12-31T23:59:59Z", "1970-01-01T06:59:00+07:00", "0000-01-01T00:00:00Z", "20260101T000000Z",
		"2026-01-01T00:00:00.1234567890Z", "2026-1-01T00:00:00Z",
	};
	wall_ms time;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (time_parse(wrong[i], &time))
			fail_msg("taken: %s", wrong[i]);
}

static void the_local_zone_changes_nothing(void **state)
{
	wall_ms time;

	(void)state;
	assert_int_equal(setenv("TZ", "Asia/Jakarta", 1), 0);
	tzset();
	assert_true(time_parse("2026-11-20T03:00:00Z", &time));
	assert_true(time == 1795143600000);
	assert_false(time_parse("2026-02-29T00:00:00Z", &time));
	assert_false(time_parse("1969-12-31T23:59:59Z", &time));
}

static void dates_must_exist(void **state)
{
	static const char *const right[] = {"1980", "1980-02", "1980-02-29", "2000-02-29", "0001-01-01"};
	static const char *const wrong[] = {"", "80", "1980-", "1980-13", "1980-00", "1981-02-29", "1900-02-29",
					    "1980-2", "1980-02-", "1980-02-30", "1980-02-291",
					    "1980/02/01", "0000", "1980 ", "-198"};

	(void)state;
	for (size_t i = 0; i < COUNT(right); i++)
		assert_true(date_valid(right[i]));
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (date_valid(wrong[i]))
			fail_msg("taken: %s", wrong[i]);
}

static void the_clocks_run_in_their_units(void **state)
{
	struct now before = clock_now();
	uint64_t us = clock_steady_us();
	const struct timespec pause = {.tv_nsec = 20000000};

	(void)state;
	nanosleep(&pause, NULL);
	assert_in_range(clock_now().steady - before.steady, 19, 5000);
	assert_in_range(clock_steady_us() - us, 20000, 5000000);
	assert_true(before.wall / 1000 <= (uint64_t)time(NULL));
	assert_true(before.wall / 1000 + 5 > (uint64_t)time(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_written_in_the_wanted_zone),
		cmocka_unit_test(no_time_overruns_its_text),
		cmocka_unit_test(a_time_survives_text),
		cmocka_unit_test(times_are_read_as_people_write_them),
		cmocka_unit_test(what_is_not_a_time_is_refused),
		cmocka_unit_test(the_local_zone_changes_nothing),
		cmocka_unit_test(dates_must_exist),
		cmocka_unit_test(the_clocks_run_in_their_units),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
