/* reading_test - every read is on record once, those of an hour together, and nothing else can be put there. */
#include "agents/store/reading.h"
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
#define MINUTE UINT64_C(60000)
#define REPORT "police.oku#12"

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

static void note(const char *command, const char *about, const char *user, wall_ms at)
{
	assert_int_equal(reading_note(&store, command, about, user, at, NULL), E_OK);
}

/* "user command about xTIMES" of each, in the order of the list. */
static void assert_listed(wall_ms since, const char *expected)
{
	struct buffer text = {0};
	json_t *list, *each;
	size_t i;

	assert_int_equal(reading_list(&store, since, &list, NULL), E_OK);
	json_array_foreach(list, i, each)
	{
		char line[200];
		const json_int_t times = json_integer_value(json_object_get(each, "times"));

		snprintf(line, sizeof(line), "%s %s %s x%d\n", json_string_value(json_object_get(each, "user")),
			 json_string_value(json_object_get(each, "command")),
			 json_string_value(json_object_get(each, "about")), times == 0 ? 1 : (int)times);
		buffer_text(&text, line);
	}
	buffer_u8(&text, 0);
	assert_string_equal((const char *)text.data, expected);
	buffer_free(&text);
	json_decref(list);
}

static void what_is_looked_at_again_within_the_hour_is_counted(void **state)
{
	(void)state;
	note("inbox show", REPORT, "budi", NOW);
	note("inbox show", REPORT, "budi", NOW + 10 * MINUTE);
	note("inbox show", REPORT, "budi", NOW + 59 * MINUTE);
	assert_listed(0, "budi inbox show " REPORT " x3\n");
	note("inbox show", REPORT, "budi", NOW + 60 * MINUTE);
	assert_listed(0, "budi inbox show " REPORT " x3\nbudi inbox show " REPORT " x1\n");
	assert_listed(NOW + 59 * MINUTE, "budi inbox show " REPORT " x3\nbudi inbox show " REPORT " x1\n");
	assert_listed(NOW + 60 * MINUTE, "budi inbox show " REPORT " x1\n");
}

static void who_else_looks_or_at_what_else_is_told_apart(void **state)
{
	(void)state;
	note("inbox show", REPORT, "budi", NOW);
	note("inbox show", REPORT, "ani", NOW + 1);
	note("inbox show", "police.oku#13", "budi", NOW + 2);
	note("inbox export", REPORT, "budi", NOW + 3);
	assert_listed(0,
		      "budi inbox show " REPORT " x1\nani inbox show " REPORT " x1\nbudi inbox show police.oku#13 x1\n"
		      "budi inbox export " REPORT " x1\n");
}

/* The machine's clock was set back: nothing is counted to a read that is still to come. */
static void a_clock_that_was_set_back_hides_no_read(void **state)
{
	(void)state;
	note("inbox list", "", "budi", NOW);
	note("inbox list", "", "budi", NOW - 30 * MINUTE);
	assert_listed(0, "budi inbox list  x1\nbudi inbox list  x1\n");
}

static void what_is_read_for_a_person_is_listed_too(void **state)
{
	json_t *search =
		json_pack("{s:s, s:s, s:[s]}", "action", "search", "query", "immigration.oku#5", "reports", REPORT);

	(void)state;
	note("inbox list", "--kind alert", "budi", NOW + 2);
	assert_int_equal(subject_record_take(&store, search, "ani", NOW + 1, NULL), E_OK);
	assert_listed(0, "ani subject search immigration.oku#5: " REPORT " x1\nbudi inbox list --kind alert x1\n");
	json_decref(search);
}

static void what_is_no_read_is_not_recorded(void **state)
{
	char longer[300];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(reading_note(&store, "outbox erase", REPORT, "budi", NOW, NULL), E_INVALID);
	assert_int_equal(reading_note(&store, "", REPORT, "budi", NOW, NULL), E_INVALID);
	assert_int_equal(reading_note(&store, "inbox show", "two\nlines", "budi", NOW, NULL), E_INVALID);
	assert_int_equal(reading_note(&store, "inbox show", longer, "budi", NOW, NULL), E_INVALID);
	assert_listed(0, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_looked_at_again_within_the_hour_is_counted),
		TEST(who_else_looks_or_at_what_else_is_told_apart),
		TEST(a_clock_that_was_set_back_hides_no_read),
		TEST(what_is_read_for_a_person_is_listed_too),
		TEST(what_is_no_read_is_not_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
