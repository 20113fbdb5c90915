/* Tries to break what checkup.h promises: every finding is counted and told, whatever its text holds. */
#include "common/checkup.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const char *said(const struct checkup *checkup, size_t index, const char *key)
{
	return json_string_value(json_object_get(json_array_get(checkup->list, index), key));
}

static void findings_are_counted_and_failures_decide(void **state)
{
	struct checkup checkup = {.json = true}, good = {.json = true};

	(void)state;
	checkup_note(&checkup, CHECKUP_OK, "keys", NULL, "%s", "police.oku.keys");
	checkup_note(&checkup, CHECKUP_WARN, "store", "wait", "not there");
	checkup_fault(&checkup, "join", &(struct fault){.code = E_NOT_FOUND, .field = "lost.join"}, "ask");
	checkup_fault(&checkup, "config", &(struct fault){.code = E_CONFIG, .field = "broker.yaml:3: no"}, NULL);
	assert_int_equal(checkup.warned, 1);
	assert_int_equal(checkup.failed, 2);
	assert_string_equal(said(&checkup, 0, "result"), "ok");
	assert_null(said(&checkup, 0, "advice"));
	assert_string_equal(said(&checkup, 2, "what"), "lost.join: there is no such thing");
	assert_string_equal(said(&checkup, 2, "advice"), "ask");
	assert_string_equal(said(&checkup, 3, "what"), "broker.yaml:3: no");
	assert_int_equal(checkup_end(&checkup), 1);
	checkup_note(&good, CHECKUP_WARN, "store", NULL, "not there");
	assert_int_equal(checkup_end(&good), 0);
}

static void no_text_steers_a_terminal_or_is_lost(void **state)
{
	struct checkup checkup = {.json = true};
	char longest[2000];

	(void)state;
	memset(longest, 'x', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	checkup_note(&checkup, CHECKUP_FAIL, "folder", NULL, "a\x1b[2J\nb");
	checkup_note(&checkup, CHECKUP_FAIL, "folder", NULL,
		     "a\xff"
		     "b\x9b"
		     "c");
	checkup_note(&checkup, CHECKUP_FAIL, "folder", NULL,
		     "Muara\xc2\xa0"
		     "Enim");
	checkup_note(&checkup, CHECKUP_FAIL, "folder", NULL,
		     "a\xc2\x9b"
		     "31m\xe2\x80\xae");
	checkup_note(&checkup, CHECKUP_FAIL, "folder", NULL, "%s", longest);
	/* Cut within a letter. */
	checkup_note(&checkup, CHECKUP_FAIL, "folder", NULL, "%.510s\xc3\xa9", longest);
	assert_int_equal(json_array_size(checkup.list), 6);
	assert_string_equal(said(&checkup, 0, "what"), "a?[2J?b");
	assert_string_equal(said(&checkup, 1, "what"), "a?b?c");
	assert_string_equal(said(&checkup, 2, "what"), "Muara\xc2\xa0"
						       "Enim");
	assert_string_equal(said(&checkup, 3, "what"), "a??31m???");
	assert_int_equal(strlen(said(&checkup, 4, "what")), 511);
	assert_int_equal(said(&checkup, 5, "what")[510], '?');
	assert_int_equal(checkup_end(&checkup), 1);
}

static void a_key_that_grows_old_is_named_in_time(void **state)
{
	const wall_ms now = clock_now().wall;
	struct checkup checkup = {.json = true};

	(void)state;
	assert_false(checkup_key(&checkup, "key", "police.oku", 0, 0, "renew"));
	/* One that ends is judged by its end alone. */
	assert_false(checkup_key(&checkup, "key", "police.oku", now - 900 * DAY_MS, now + 32 * DAY_MS, "renew"));
	assert_false(checkup_key(&checkup, "key", "police.oku", now + 400 * DAY_MS, 0, "renew"));
	assert_false(checkup_key(&checkup, "key", "police.oku", now - 687 * DAY_MS, 0, "renew"));
	assert_true(checkup_key(&checkup, "key", "police.oku", now - 688 * DAY_MS, 0, "renew"));
	assert_true(checkup_key(&checkup, "key", "police.oku", now - 729 * DAY_MS, 0, "renew"));
	assert_true(checkup_key(&checkup, "key", "police.oku", now - 730 * DAY_MS, 0, "renew"));
	assert_non_null(strstr(said(&checkup, 0, "what"), "within 6 weeks"));
	assert_non_null(strstr(said(&checkup, 1, "what"), "within 1 weeks"));
	assert_non_null(strstr(said(&checkup, 2, "what"), "730 days old"));
	assert_int_equal(checkup.failed, 0);
	assert_int_equal(checkup_end(&checkup), 0);
}

static void a_key_that_ends_soon_is_named_and_fails_in_the_last_week(void **state)
{
	const wall_ms now = clock_now().wall, hour = DAY_MS / 24;
	struct checkup checkup = {.json = true};

	(void)state;
	assert_false(checkup_key(&checkup, "key", "police.oku", now, now + 31 * DAY_MS + hour, "renew"));
	assert_true(checkup_key(&checkup, "key", "police.oku", now, now + 30 * DAY_MS + hour, "renew"));
	assert_true(checkup_key(&checkup, "key", "police.oku", now, now + 8 * DAY_MS + hour, "renew"));
	assert_int_equal(checkup.failed, 0);
	assert_true(checkup_key(&checkup, "key", "police.oku", now, now + 7 * DAY_MS + hour, "renew"));
	assert_true(checkup_key(&checkup, "key", "police.oku", now, now - 1, "renew"));
	assert_non_null(strstr(said(&checkup, 0, "what"), "ends in 30 days"));
	assert_non_null(strstr(said(&checkup, 3, "what"), "has ended"));
	assert_int_equal(checkup.failed, 2);
	assert_int_equal(checkup_end(&checkup), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(findings_are_counted_and_failures_decide),
		cmocka_unit_test(no_text_steers_a_terminal_or_is_lost),
		cmocka_unit_test(a_key_that_grows_old_is_named_in_time),
		cmocka_unit_test(a_key_that_ends_soon_is_named_and_fails_in_the_last_week),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
