/* Tries to break what agents/sink/sink_limit.h promises, and what sinks do with what they may not have. */
#include "agents/sink/sink_limit.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/support/fixed.h"
#include "tests/support/process.h"
#include "tests/support/sinks.h"
#include <stdio.h>
#include <sys/stat.h>

static const struct sink_options strict = {.ceiling = SIMPUL__LABEL__LABEL_AMBER,
					   .statuses = SINK_STATUS(SIMPUL__STATUS__STATUS_ACTUAL),
					   .erases = SINK_ERASES_NO};

/* The verdict on a header of this report and the bytes of a body. */
static enum sink_verdict verdict(const struct sink_options *options, const struct test_report *report,
				 struct bytes body)
{
	struct buffer header = {0};
	enum sink_verdict answer;
	struct arena arena;

	arena_init(&arena);
	test_header(report, &header);
	answer = sink_verdict(options, buffer_view(&header), body, &arena);
	buffer_free(&header);
	arena_fini(&arena);
	return answer;
}

static void a_label_above_the_ceiling_is_not_handed_on(void **state)
{
	struct test_report report = {.name = {"army.oku", 1, 0, 1}};
	struct sink_options options = strict;

	(void)state;
	for (int ceiling = SIMPUL__LABEL__LABEL_CLEAR; ceiling <= SIMPUL__LABEL__LABEL_RED; ceiling++) {
		for (int label = SIMPUL__LABEL__LABEL_CLEAR; label <= SIMPUL__LABEL__LABEL_RED; label++) {
			options.ceiling = (Simpul__Label)ceiling;
			report.label = (Simpul__Label)label;
			assert_int_equal(verdict(&options, &report, BYTES("", 0)),
					 label > ceiling ? SINK_ABOVE_CEILING : SINK_MAY_HAVE);
		}
	}
}

static void an_unreadable_header_is_above_every_ceiling(void **state)
{
	struct sink_options options = strict;
	struct arena arena;

	(void)state;
	options.ceiling = SIMPUL__LABEL__LABEL_RED;
	arena_init(&arena);
	assert_int_equal(sink_verdict(&options, BYTES("\xff\xff", 2), BYTES("", 0), &arena), SINK_ABOVE_CEILING);
	arena_fini(&arena);
}

/* Who asks what is held of him is in no registry for it. */
static void a_question_about_a_person_is_handed_on_to_nobody(void **state)
{
	struct test_report report = {.name = {"army.oku", 1, 0, 1}, .kind = SIMPUL__KIND__KIND_QUERY};
	struct sink_options options = {.ceiling = SIMPUL__LABEL__LABEL_RED,
				       .statuses = SINK_STATUS(SIMPUL__STATUS__STATUS_ACTUAL),
				       .erases = SINK_ERASES_YES};

	(void)state;
	assert_int_equal(verdict(&options, &report, BYTES("", 0)), SINK_QUESTION);
	report.kind = SIMPUL__KIND__KIND_ANSWER;
	assert_int_equal(verdict(&options, &report, BYTES("", 0)), SINK_QUESTION);
}

static void only_a_status_that_was_declared_is_handed_on(void **state)
{
	struct test_report report = {.name = {"army.oku", 1, 0, 1}};
	struct sink_options options = strict;

	(void)state;
	for (int status = SIMPUL__STATUS__STATUS_ACTUAL; status <= SIMPUL__STATUS__STATUS_TEST; status++) {
		report.status = (Simpul__Status)status;
		for (int declared = SIMPUL__STATUS__STATUS_ACTUAL; declared <= SIMPUL__STATUS__STATUS_TEST;
		     declared++) {
			options.statuses = SINK_STATUS(declared);
			assert_int_equal(verdict(&options, &report, BYTES("", 0)),
					 status == declared ? SINK_MAY_HAVE : SINK_OTHER_STATUS);
		}
	}
}

/* The verdict on this content, for a sink that erases nothing and for one that does. */
static void content_check(Simpul__Body *body, enum sink_verdict expected)
{
	static uint8_t salt[16] = {1};
	const struct test_report report = {.name = {"army.oku", 1, 0, 1}};
	struct sink_options options = strict;
	struct buffer bytes = {0};

	body->salt = (ProtobufCBinaryData){sizeof(salt), salt};
	wire_pack(body, &bytes);
	assert_int_equal(verdict(&options, &report, buffer_view(&bytes)), expected);
	options.erases = SINK_ERASES_MANUAL;
	assert_int_equal(verdict(&options, &report, buffer_view(&bytes)), SINK_MAY_HAVE);
	options.erases = SINK_ERASES_YES;
	assert_int_equal(verdict(&options, &report, buffer_view(&bytes)), SINK_MAY_HAVE);
	buffer_free(&bytes);
}

static void who_erases_nothing_gets_no_person_in_whatever_content(void **state)
{
	Simpul__Person person = SIMPUL__PERSON__INIT, *persons[] = {&person};
	Simpul__Vehicle vehicle = SIMPUL__VEHICLE__INIT, *vehicles[] = {&vehicle};
	Simpul__Lodging lodging = SIMPUL__LODGING__INIT;
	Simpul__Sighting empty = SIMPUL__SIGHTING__INIT, seen = SIMPUL__SIGHTING__INIT;
	Simpul__Alert warning = SIMPUL__ALERT__INIT, wanted = SIMPUL__ALERT__INIT;
	Simpul__Update update = SIMPUL__UPDATE__INIT;
	Simpul__Cancel cancel = SIMPUL__CANCEL__INIT;
	Simpul__Body body = SIMPUL__BODY__INIT;

	(void)state;
	person.primary_identifier = (char *)(uintptr_t) "ERIKSSON";
	vehicle.plate = (char *)(uintptr_t) "BG 1 X";
	lodging.establishment = (char *)(uintptr_t) "Losmen";
	empty.summary = (char *)(uintptr_t) "nobody";
	warning.headline = (char *)(uintptr_t) "river";
	cancel.reason = SIMPUL__CANCEL_REASON__CANCEL_REASON_DUPLICATE;
	body.content_case = SIMPUL__BODY__CONTENT_SIGHTING;
	body.sighting = &empty;
	content_check(&body, SINK_MAY_HAVE);
	body.sighting = &seen;
	seen.n_persons = 1;
	seen.persons = persons;
	content_check(&body, SINK_CANNOT_ERASE);
	seen.n_persons = 0;
	seen.n_vehicles = 1;
	seen.vehicles = vehicles;
	content_check(&body, SINK_CANNOT_ERASE);
	seen.n_vehicles = 0;
	seen.lodging = &lodging;
	content_check(&body, SINK_CANNOT_ERASE);
	body.content_case = SIMPUL__BODY__CONTENT_ALERT;
	body.alert = &warning;
	content_check(&body, SINK_MAY_HAVE);
	body.alert = &wanted;
	wanted.n_persons = 1;
	wanted.persons = persons;
	content_check(&body, SINK_CANNOT_ERASE);
	body.content_case = SIMPUL__BODY__CONTENT_UPDATE;
	body.update = &update;
	update.replacement_case = SIMPUL__UPDATE__REPLACEMENT_ALERT;
	update.alert = &wanted;
	content_check(&body, SINK_CANNOT_ERASE);
	update.replacement_case = SIMPUL__UPDATE__REPLACEMENT_SIGHTING;
	update.sighting = &seen;
	content_check(&body, SINK_CANNOT_ERASE);
	update.sighting = &empty;
	content_check(&body, SINK_MAY_HAVE);
	body.content_case = SIMPUL__BODY__CONTENT_CANCEL;
	body.cancel = &cancel;
	content_check(&body, SINK_MAY_HAVE);
}

static void who_erases_nothing_gets_no_body_that_cannot_be_read(void **state)
{
	const struct test_report report = {.name = {"army.oku", 1, 0, 1}};

	(void)state;
	assert_int_equal(verdict(&strict, &report, BYTES("\xff\xff", 2)), SINK_CANNOT_ERASE);
	assert_int_equal(verdict(&strict, &report, BYTES("", 0)), SINK_MAY_HAVE);
}

/* Five reports, of which a strict sink may have the second and the last alone. */
static void reports_add(struct sink_place *place)
{
	struct test_report report = {.name = {"army.oku", 1, 1, 1}, .status = SIMPUL__STATUS__STATUS_EXERCISE};

	report.nobody = true;
	test_inbox_add(&place->store, &report, TRUST_GOOD, 1);
	report.status = SIMPUL__STATUS__STATUS_ACTUAL;
	report.name.stream = 0;
	test_inbox_add(&place->store, &report, TRUST_GOOD, 1);
	report.label = SIMPUL__LABEL__LABEL_RED;
	report.name.stream = 2;
	test_inbox_add(&place->store, &report, TRUST_GOOD, 1);
	sink_place_add(place, 2);
	report.label = SIMPUL__LABEL__LABEL_GREEN;
	report.name = (struct report_name){"army.oku", 1, 0, 3};
	test_inbox_add(&place->store, &report, TRUST_GOOD, 1);
}

static void what_may_not_be_had_is_passed_over_and_counted(enum sink_type type, struct sink_place *place,
							   const char *name)
{
	struct sink_options options = strict;
	struct sink_status status;
	struct sinks *sinks;
	char *text;

	options.name = "registry";
	options.type = type;
	options.path = place->path;
	options.seconds = 30;
	reports_add(place);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 5));
	assert_true(sinks_status(sinks, 0, &status));
	assert_false(sinks_status(sinks, 1, &status));
	sinks_stop(sinks);
	assert_int_equal(status.passed_over, 3);
	assert_false(status.failing);
	text = sink_place_file(place, name);
	assert_non_null(strstr(text, "army.oku#1\""));
	assert_non_null(strstr(text, "army.oku#3\""));
	assert_null(strstr(text, "army.oku#2\""));
	assert_null(strstr(text, "army.oku#X"));
	assert_null(strstr(text, "army.oku#R"));
	assert_null(strstr(text, "ERIKSSON"));
	free(text);
}

static void a_file_gets_only_what_it_may_have(void **state)
{
	what_may_not_be_had_is_passed_over_and_counted(SINK_JSONL, *state, "out");
	assert_non_null(strstr(sink_place_log(*state), "sink.passed_over sink=registry label=1 status=1 erasure=1"));
}

static void a_program_gets_only_what_it_may_have(void **state)
{
	struct sink_place *place = *state;
	char *script = memory_format("#!/bin/sh\ncat >>%s/got\n", place->folder);
	FILE *file = fopen(place->path, "w");

	assert_true(fputs(script, file) >= 0);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(place->path, 0700), 0);
	what_may_not_be_had_is_passed_over_and_counted(SINK_PROGRAM, place, "got");
	free(script);
}

static void what_is_passed_over_does_not_fill_the_log(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = sink_place_options(place, SINK_JSONL);
	struct test_report red = {.name = {"army.oku", 1, 2, 0}, .label = SIMPUL__LABEL__LABEL_RED};
	struct sinks *sinks;
	size_t said = 0;
	const char *log;

	sinks = sink_place_start(place, &options);
	for (uint64_t i = 1; i <= 20; i++) {
		red.name.number = i;
		test_inbox_add(&place->store, &red, TRUST_GOOD, 1);
		sinks_wake(sinks);
		assert_true(sink_place_reaches(place, i));
	}
	sinks_stop(sinks);
	log = sink_place_log(place);
	for (const char *at = log; (at = strstr(at, "sink.passed_over")) != NULL; at++)
		said++;
	assert_int_equal(said, 2); /* at the first, and at the end */
	assert_non_null(strstr(log, "label=1 "));
	assert_non_null(strstr(log, "label=19 "));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sink_place_begin, sink_place_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_label_above_the_ceiling_is_not_handed_on),
		cmocka_unit_test(an_unreadable_header_is_above_every_ceiling),
		cmocka_unit_test(a_question_about_a_person_is_handed_on_to_nobody),
		cmocka_unit_test(only_a_status_that_was_declared_is_handed_on),
		cmocka_unit_test(who_erases_nothing_gets_no_person_in_whatever_content),
		cmocka_unit_test(who_erases_nothing_gets_no_body_that_cannot_be_read),
		TEST(a_file_gets_only_what_it_may_have),
		TEST(a_program_gets_only_what_it_may_have),
		TEST(what_is_passed_over_does_not_fill_the_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
