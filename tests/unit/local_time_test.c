/* Tries to break what local_time.h promises, in a zone that is not UTC. */
#include "common/local_time.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int zone_set(void **state)
{
	(void)state;
	if (setenv("TZ", "WIB-7", 1) != 0)
		return 1;
	tzset();
	return 0;
}

static void a_time_without_a_zone_is_local(void **state)
{
	static const struct {
		const char *text;
		wall_ms time;
	} cases[] = {
		{"2026-11-20 10:00", 1795143600000},
		{"2026-11-20 10:00:30", 1795143630000},
		{"2026-11-20T10:00:00+07:00", 1795143600000},
		{"2026-11-20T03:00Z", 1795143600000},
	};
	wall_ms time;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_true(local_time_take(cases[i].text, &time));
		assert_true(time == cases[i].time);
	}
}

static void a_time_of_the_day_is_of_today(void **state)
{
	const wall_ms now = clock_now().wall;
	const wall_ms shift = UINT64_C(7) * 3600 * 1000;
	wall_ms time;

	(void)state;
	assert_true(local_time_take("now", &time));
	assert_true(time + 1000 > now && time < now + 60000);
	assert_true(local_time_take("21:40", &time));
	assert_true((time + shift) % DAY_MS == (UINT64_C(21) * 60 + 40) * 60000);
	assert_true((time + shift) / DAY_MS - (now + shift) / DAY_MS <= 1); /* midnight may pass meanwhile */
}

static void a_day_ends_where_it_is_said(void **state)
{
	char text[TIME_TEXT_SIZE];
	wall_ms time;

	(void)state;
	assert_true(local_end_take("2026-12-01", &time));
	assert_string_equal(local_time_text(text, time), "2026-12-01T23:59:59+07:00");
	assert_string_equal(time_text(text, time, 0), "2026-12-01T16:59:59Z");
	assert_true(local_end_take("2026-12-01 09:00", &time));
	assert_string_equal(local_time_text(text, time), "2026-12-01T09:00:00+07:00");
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"2026",
		"2026-11-20",
		"yesterday",
		"2026-11-20T10:00:00",
		"2026-02-30 10:00",
		"2026-11-31 10:00",
		"2026-11-20 24:00",
		"2026-11-20 10:60",
		"25:00",
		"21:40x",
		"2026-11-20 10:00 WIB",
		"1969-01-01 10:00",
	};
	wall_ms time;

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (local_time_take(wrong[i], &time))
			fail_msg("taken: %s", wrong[i]);
	assert_false(local_end_take("2026-11-31", &time));
	assert_false(local_end_take("2026-11", &time));
	assert_false(local_end_take("2026-11-20x", &time));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_without_a_zone_is_local),
		cmocka_unit_test(a_time_of_the_day_is_of_today),
		cmocka_unit_test(a_day_ends_where_it_is_said),
		cmocka_unit_test(what_is_no_time_is_refused),
	};

	return cmocka_run_group_tests(tests, zone_set, NULL);
}
