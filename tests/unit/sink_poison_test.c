/* Tries to break what agents/sink/sink.h promises of a report that a sink does not take, and of a sink that is away. */
#include "agents/reports/quarantine.h"
#include "common/file.h"
#include "common/memory.h"
#include "tests/support/fixed.h"
#include "tests/support/process.h"
#include "tests/support/sinks.h"
#include "tests/support/web.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What the program does with a name: HERE is the place's folder, and HERE/got has what it took. */
static struct sink_options program(struct sink_place *place, const char *how)
{
	struct sink_options options = sink_place_options(place, SINK_PROGRAM);
	char *text = memory_format("#!/bin/sh\ncd %s\n%s\necho $SIMPUL_NAME >>got\n", place->folder, how);

	assert_int_equal(file_write(place->path, BYTES(text, strlen(text)), 0700, NULL), E_OK);
	free(text);
	options.attempts = 2;
	return options;
}

static void got_is(struct sink_place *place, const char *expected)
{
	char *text = sink_place_file(place, "got");

	assert_string_equal(text, expected);
	free(text);
}

static uint64_t waiting(struct sink_place *place)
{
	uint64_t counts[QUARANTINE_CAUSES];

	assert_int_equal(quarantine_count(&place->store, counts, NULL), E_OK);
	return counts[QUARANTINE_UNDELIVERED];
}

static void add_many(struct sink_place *place, uint64_t first, uint64_t last)
{
	for (uint64_t i = first; i <= last; i++)
		sink_place_add(place, i);
}

static void a_report_that_it_refuses_waits_and_the_others_go_on(void **state)
{
	struct sink_place *place = *state;
	const struct sink_options options = program(place, "[ $SIMPUL_NAME != army.oku#2 ] || exit 9");
	struct quarantine_item item;
	struct sinks *sinks;

	add_many(place, 1, 4);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 4));
	sinks_stop(sinks);
	got_is(place, "army.oku#1\narmy.oku#3\narmy.oku#4\n"); /* each once, the third before its turn */
	assert_int_equal(waiting(place), 1);
	assert_int_equal(quarantine_find(&place->store, 1, &item, NULL), E_OK);
	assert_int_equal(item.row, 2);
	assert_int_equal(item.name.number, 2);
	assert_int_equal(item.tries, 3);
	assert_string_equal(item.sink, "registry");
	assert_string_equal(item.detail, "its exit status was 9");
	assert_non_null(strstr(sink_place_log(place), "quarantine.waits cause=undelivered name=army.oku#2"));
}

static void several_in_a_row_wait(void **state)
{
	struct sink_place *place = *state;
	const struct sink_options options = program(place, "case $SIMPUL_NAME in army.oku#1|army.oku#2) exit 9;; esac");
	struct sinks *sinks;

	add_many(place, 1, 4);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 4));
	sinks_stop(sinks);
	got_is(place, "army.oku#3\narmy.oku#4\n");
	assert_int_equal(waiting(place), 2);
}

/* More of them than are tried at a time. */
static void a_long_run_of_them_does_not_stop_the_others(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = program(place, "[ ${SIMPUL_NAME#army.oku#} -gt 66 ] || exit 9");
	struct sinks *sinks;

	options.attempts = 1;
	add_many(place, 1, 69);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 3)); /* one for each that was taken */
	sinks_stop(sinks);
	got_is(place, "army.oku#67\narmy.oku#68\narmy.oku#69\n");
	assert_int_equal(waiting(place), 3);
}

static uint64_t tries_of(struct sink_place *place, uint64_t item)
{
	struct quarantine_item found;

	assert_int_equal(quarantine_find(&place->store, item, &found, NULL), E_OK);
	return found.tries;
}

static void the_others_wait_for_the_first_alone_until_all_are_handed_on(void **state)
{
	struct sink_place *place = *state;
	const struct sink_options options = program(place, "case $SIMPUL_NAME in *[13579]) exit 9;; esac");
	uint64_t last = 6;
	struct sinks *sinks;

	add_many(place, 1, last);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, last));
	assert_int_equal(tries_of(place, 1), 3);
	assert_int_equal(tries_of(place, 2), 2);
	assert_int_equal(tries_of(place, 3), 2);
	do { /* it may not have looked yet whether that was all */
		add_many(place, last + 1, last + 2);
		last += 2;
		sinks_wake(sinks);
		assert_true(sink_place_reaches(place, last));
	} while (tries_of(place, last / 2) == 2 && last < 20);
	assert_int_equal(tries_of(place, last / 2), 3);
	sinks_stop(sinks);
	assert_int_equal(waiting(place), last / 2);
}

/* Also where the one before went to quarantine a moment ago. */
static void a_sink_that_breaks_down_behind_one_quarantines_no_other(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options =
		program(place, "[ ! -e down ] || exit 9\n[ $SIMPUL_NAME != army.oku#1 ] || exit 9\n"
			       "[ $SIMPUL_NAME != army.oku#3 ] || echo >down");
	char *down = memory_format("%s/down", place->folder);
	struct sinks *sinks;

	options.attempts = 1;
	add_many(place, 1, 6);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_fails(sinks, "its exit status was 9"));
	sink_place_note(place);
	assert_int_equal(waiting(place), 1);
	assert_int_equal(unlink(down), 0);
	assert_true(sink_place_reaches(place, 6));
	sinks_stop(sinks);
	got_is(place, "army.oku#2\narmy.oku#3\narmy.oku#4\narmy.oku#5\narmy.oku#6\n");
	assert_int_equal(waiting(place), 1);
	free(down);
}

/* ---- erasures */

/* Who never took a report may well refuse to erase it. */
static void an_erasure_that_it_refuses_waits_and_the_others_go_on(void **state)
{
	struct sink_place *place = *state;
	const struct sink_options options = program(place, "[ $SIMPUL_NAME != army.oku#2 ] || exit 9");
	struct quarantine_item item;
	struct sinks *sinks;

	add_many(place, 1, 4);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 4));
	sinks_stop(sinks);
	sink_place_erase(place, 2);
	sink_place_erase(place, 1);
	add_many(place, 5, 6);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 6));
	sinks_stop(sinks);
	got_is(place, "army.oku#1\narmy.oku#3\narmy.oku#4\narmy.oku#5\narmy.oku#1\narmy.oku#6\n");
	assert_int_equal(waiting(place), 1); /* the item of the report, for another reason */
	assert_int_equal(quarantine_find(&place->store, 1, &item, NULL), E_OK);
	assert_int_equal(item.row, 2);
	assert_int_equal(item.tries, 3);
	assert_string_equal(item.detail, "its erasure: its exit status was 9");
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNKNOWN);
	assert_int_equal(sink_place_outcome(place, 2), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
}

static void erasures_that_a_broken_sink_refuses_do_not_wait(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = program(place, "[ ! -e down ] || exit 9");
	char *down = memory_format("%s/down", place->folder);
	struct sinks *sinks;

	options.attempts = 1;
	add_many(place, 1, 2);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 2));
	assert_int_equal(file_write(down, BYTES("", 0), 0600, NULL), E_OK);
	sink_place_erase(place, 1);
	add_many(place, 3, 4);
	sinks_wake(sinks);
	assert_true(sink_place_fails(sinks, "its exit status was 9"));
	assert_int_equal(unlink(down), 0);
	assert_true(sink_place_reaches(place, 4));
	sinks_stop(sinks);
	got_is(place, "army.oku#1\narmy.oku#2\narmy.oku#1\narmy.oku#3\narmy.oku#4\n");
	assert_int_equal(waiting(place), 0);
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	free(down);
}

/* Every report fails, whatever it is. */
static void what_fails_for_all_quarantines_none(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = program(place, "echo x >>tried; [ -e up ] || exit 9");
	struct sinks *sinks;
	char *up = memory_format("%s/up", place->folder), *tried;

	options.attempts = 1;
	add_many(place, 1, 3);
	sinks = sink_place_start(place, &options);
	for (int i = 0; i < patient_ms(10000) / 20; i++) { /* twice all three */
		tried = sink_place_file(place, "tried");
		if (strlen(tried) >= 12)
			i = patient_ms(10000);
		free(tried);
		sleep_ms(20);
	}
	sink_place_note(place);
	assert_int_equal(waiting(place), 0);
	assert_int_equal(sink_place_position(place), 0);
	assert_int_equal(file_write(up, BYTES("", 0), 0600, NULL), E_OK);
	assert_true(sink_place_reaches(place, 3));
	sinks_stop(sinks);
	got_is(place, "army.oku#1\narmy.oku#2\narmy.oku#3\n");
	assert_int_equal(waiting(place), 0);
	free(up);
}

/* It says of itself that it cannot now: that is no report's fault, and no other is tried. */
static void a_sink_that_is_away_is_waited_for(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options =
		program(place, "echo x >>tried; [ $SIMPUL_NAME != army.oku#1 ] || [ -e up ] || exit 75");
	struct sinks *sinks;
	char *up = memory_format("%s/up", place->folder);

	options.attempts = 1;
	add_many(place, 1, 2);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_fails(sinks, "not now"));
	sleep_ms(1200);
	got_is(place, "");
	assert_int_equal(file_write(up, BYTES("", 0), 0600, NULL), E_OK);
	assert_true(sink_place_reaches(place, 2));
	sinks_stop(sinks);
	got_is(place, "army.oku#1\narmy.oku#2\n");
	assert_int_equal(waiting(place), 0);
	free(up);
}

/* Runs a server that answers so, until the sink has come to the second of two reports. */
static uint64_t waiting_after(struct sink_place *place, const enum web_answer *answers, size_t count)
{
	struct web *web = web_start(NULL, answers, count);
	struct sink_options options = sink_place_options(place, SINK_HTTP);
	char *url = memory_format("http://127.0.0.1:%u/r", web_port(web));
	struct sinks *sinks;

	options.path = NULL;
	options.url = url;
	options.attempts = 1;
	add_many(place, 1, 2);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 2));
	sinks_stop(sinks);
	web_stop(web);
	free(url);
	return waiting(place);
}

static void a_server_that_refuses_one_goes_on_with_the_next(void **state)
{
	const enum web_answer answers[] = {WEB_ERROR, WEB_TAKE, WEB_ERROR};

	assert_int_equal(waiting_after(*state, answers, 3), 1);
}

static void a_server_that_is_overloaded_gets_it_again(void **state)
{
	const enum web_answer answers[] = {WEB_BUSY, WEB_TAKE, WEB_TAKE};

	assert_int_equal(waiting_after(*state, answers, 3), 0);
}

/* ---- once more */

struct again_case {
	struct sink_place *place;
	struct sink_options options;
	struct sinks *sinks;
};

/* A sink that works, and one report that it did not take. */
static struct again_case again_begin(struct sink_place *place)
{
	struct again_case it = {.place = place};

	it.options = program(
		place, "[ $SIMPUL_EVENT = report ] || exit 0\n[ $SIMPUL_NAME != army.oku#1 ] || [ -e up ] || exit 9");
	it.options.attempts = 1;
	add_many(place, 1, 2);
	it.sinks = sink_place_start(place, &it.options);
	assert_true(sink_place_reaches(place, 2));
	assert_int_equal(waiting(place), 1);
	return it;
}

/* Does what the loop does with letters until the item is so. */
static bool item_becomes(struct sink_place *place, enum quarantine_state state, uint64_t tries)
{
	struct quarantine_item item;

	for (int i = 0; i < patient_ms(10000) / 20; i++) {
		sink_place_note(place);
		assert_int_equal(quarantine_find(&place->store, 1, &item, NULL), E_OK);
		if (item.state == state && item.tries == tries)
			return true;
		sleep_ms(20);
	}
	return false;
}

static void tried_again_it_fails_again_or_is_solved(void **state)
{
	struct sink_place *place = *state;
	struct again_case it = again_begin(place);
	char *up = memory_format("%s/up", place->folder);

	assert_int_equal(sinks_retry(it.sinks, "registry", 1, 1), E_OK);
	assert_true(item_becomes(place, QUARANTINE_WAITS, 3));
	assert_int_equal(file_write(up, BYTES("", 0), 0600, NULL), E_OK);
	assert_int_equal(sinks_retry(it.sinks, "registry", 1, 1), E_OK);
	assert_true(item_becomes(place, QUARANTINE_SOLVED, 3));
	sinks_stop(it.sinks);
	got_is(place, "army.oku#2\narmy.oku#1\n");
	assert_int_equal(sink_place_position(place), 2);
	free(up);
}

static void nothing_of_an_erased_report_is_handed_on(void **state)
{
	struct sink_place *place = *state;
	struct again_case it = again_begin(place);
	struct quarantine_item item;
	char *up = memory_format("%s/up", place->folder);

	assert_int_equal(file_write(up, BYTES("", 0), 0600, NULL), E_OK);
	sink_place_erase(place, 1);
	assert_int_equal(sinks_retry(it.sinks, "registry", 1, 1), E_OK);
	assert_true(item_becomes(place, QUARANTINE_WAITS, 3));
	assert_int_equal(quarantine_find(&place->store, 1, &item, NULL), E_OK);
	assert_string_equal(item.detail, "it was erased");
	sinks_stop(it.sinks);
	got_is(place, "army.oku#2\n");
	free(up);
}

static void an_erasure_tried_again_is_told_again(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = program(place, "[ $SIMPUL_NAME != army.oku#1 ] || [ -e up ] || exit 9");
	char *up = memory_format("%s/up", place->folder);
	struct sinks *sinks;

	options.attempts = 1;
	add_many(place, 1, 2);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 2));
	sink_place_erase(place, 1);
	add_many(place, 3, 3);
	sinks_wake(sinks);
	assert_true(sink_place_reaches(place, 3));
	assert_int_equal(sinks_retry(sinks, "registry", 1, 1), E_OK);
	assert_true(item_becomes(place, QUARANTINE_WAITS, 3));
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNKNOWN);
	test_sql(&place->store, "UPDATE purge SET answer = 2"); /* the origin was told so */
	assert_int_equal(file_write(up, BYTES("", 0), 0600, NULL), E_OK);
	assert_int_equal(sinks_retry(sinks, "registry", 1, 1), E_OK);
	assert_true(item_becomes(place, QUARANTINE_SOLVED, 3));
	sinks_stop(sinks);
	got_is(place, "army.oku#2\narmy.oku#3\narmy.oku#1\n");
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	/* And it is told what became of it in the end. */
	test_sql(&place->store, "UPDATE purge SET answer = 3 WHERE id = 2 AND answer = 1 AND row = 0");
	assert_int_equal(sqlite3_changes(place->store.db), 1);
	free(up);
}

static void what_it_may_not_have_is_said_when_it_is_tried_again(void **state)
{
	struct sink_place *place = *state;
	struct again_case it = again_begin(place);
	struct quarantine_item item;

	test_sql(&place->store, "UPDATE inbox SET trust = 2 WHERE row = 1");
	assert_int_equal(sinks_retry(it.sinks, "registry", 1, 1), E_OK);
	assert_true(item_becomes(place, QUARANTINE_WAITS, 3));
	sinks_stop(it.sinks);
	assert_int_equal(quarantine_find(&place->store, 1, &item, NULL), E_OK);
	assert_string_equal(item.detail, "the sink may not have it");
}

static void what_no_sink_of_that_name_can_try_is_said(void **state)
{
	struct sink_place *place = *state;
	struct again_case it = again_begin(place);

	assert_int_equal(sinks_retry(it.sinks, "former", 1, 1), E_NOT_FOUND);
	sinks_stop(it.sinks);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sink_place_begin, sink_place_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_report_that_it_refuses_waits_and_the_others_go_on),
		TEST(several_in_a_row_wait),
		TEST(a_long_run_of_them_does_not_stop_the_others),
		TEST(the_others_wait_for_the_first_alone_until_all_are_handed_on),
		TEST(a_sink_that_breaks_down_behind_one_quarantines_no_other),
		TEST(an_erasure_that_it_refuses_waits_and_the_others_go_on),
		TEST(erasures_that_a_broken_sink_refuses_do_not_wait),
		TEST(what_fails_for_all_quarantines_none),
		TEST(a_sink_that_is_away_is_waited_for),
		TEST(a_server_that_refuses_one_goes_on_with_the_next),
		TEST(a_server_that_is_overloaded_gets_it_again),
		TEST(tried_again_it_fails_again_or_is_solved),
		TEST(nothing_of_an_erased_report_is_handed_on),
		TEST(an_erasure_tried_again_is_told_again),
		TEST(what_it_may_not_have_is_said_when_it_is_tried_again),
		TEST(what_no_sink_of_that_name_can_try_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
