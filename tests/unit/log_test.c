/* Tries to break what log.h promises. */
#include "common/log.h"
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct log_field none[] = {{.type = LOG_END}};

/* The line from "level=" on: the time before it changes. */
static const char *after_time(const char *line)
{
	return strstr(line, "level=");
}

static void a_line_begins_with_utc_time_in_milliseconds(void **state)
{
	char line[200];
	int end = 0;

	(void)state;
	log_format(line, sizeof(line), LOG_LEVEL_INFO, "broker.started", none);
	sscanf(line, "time=%*4d-%*2d-%*2dT%*2d:%*2d:%*2d.%*3[0-9]Z%n", &end);
	assert_int_equal(end, strlen("time=2026-11-20T10:00:00.000Z"));
	assert_string_equal(line + end, " level=info event=broker.started");
}

static void plain_values_stand_without_quotes(void **state)
{
	const struct log_field fields[] = {F_TEXT("node", "police.oku"), F_TEXT("report", "police.oku#X3"),
					   F_NUM("entry", UINT64_MAX), {.type = LOG_END}};
	char line[400];

	(void)state;
	log_format(line, sizeof(line), LOG_LEVEL_ALARM, "x", fields);
	assert_string_equal(after_time(line),
			    "level=alarm event=x node=police.oku report=police.oku#X3 entry=18446744073709551615");
}

static void a_value_cannot_forge_a_field_or_a_line(void **state)
{
	const struct log_field fields[] = {F_TEXT("a", "x level=alarm"), F_TEXT("b", "1\nlevel=info \"q\" \\"),
					   F_TEXT("c", "\x1b[2J\x7f\xc2\x9b\t"), F_TEXT("d", ""), F_TEXT("e", NULL),
					   F_TEXT("f", "g=h"),
					   {.type = LOG_END}};
	char line[400];

	(void)state;
	log_format(line, sizeof(line), LOG_LEVEL_INFO, "x", fields);
	assert_string_equal(after_time(line),
			    "level=info event=x a=\"x level=alarm\" b=\"1\\nlevel=info \\\"q\\\" \\\\\" "
			    "c=\"\\x1b[2J\\x7f\\xc2\\x9b\\t\" d=\"\" e=\"\" f=\"g=h\"");
}

static void a_field_that_does_not_fit_is_left_out_whole(void **state)
{
	char large[3000];
	const struct log_field fields[] = {F_TEXT("large", large), F_NUM("entry", 7), {.type = LOG_END}};
	char line[100];

	(void)state;
	memset(large, '"', sizeof(large));
	large[sizeof(large) - 1] = '\0';
	log_format(line, sizeof(line), LOG_LEVEL_INFO, "x", fields);
	assert_string_equal(after_time(line), "level=info event=x entry=7 cut=true");
}

static void no_size_is_overrun(void **state)
{
	const struct log_field fields[] = {F_TEXT("node", "police.oku"), {.type = LOG_END}};

	(void)state;
	for (size_t size = 1; size < 120; size++) {
		char *line = malloc(size);

		log_format(line, size, LOG_LEVEL_INFO, "report.accepted", fields);
		assert_true(strlen(line) < size);
		free(line);
	}
}

struct copies {
	int count;
	char last[300];
};

static void keep(void *context, enum log_level level, const char *line)
{
	struct copies *copies = context;

	(void)level;
	copies->count++;
	snprintf(copies->last, sizeof(copies->last), "%s", line);
}

/* Points stderr at a file while `run` logs; returns what was written, free() it. */
static char *stderr_of(void (*run)(void))
{
	FILE *file = tmpfile();
	int saved = dup(STDERR_FILENO);
	char *text = calloc(1, 1 << 20);

	fflush(stderr);
	dup2(fileno(file), STDERR_FILENO);
	run();
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(file);
	assert_true(fread(text, 1, (1 << 20) - 1, file) > 0);
	fclose(file);
	return text;
}

static void log_two_levels(void)
{
	log_event(LOG_LEVEL_INFO, "below.least", F_NUM("n", 1));
	log_event(LOG_LEVEL_NOTICE, "at.least", F_NUM("n", 2));
}

static void what_is_below_the_least_level_is_silent(void **state)
{
	struct copies copies = {0};
	char *text;

	(void)state;
	log_init("log_test", LOG_LEVEL_NOTICE);
	log_copy(keep, &copies);
	text = stderr_of(log_two_levels);
	log_copy(NULL, NULL);
	assert_null(strstr(text, "below.least"));
	assert_string_equal(after_time(text), "level=notice event=at.least n=2\n");
	assert_int_equal(copies.count, 1);
	assert_string_equal(after_time(copies.last), "level=notice event=at.least n=2");
	free(text);
}

static void *log_many(void *argument)
{
	for (int i = 0; i < 500; i++)
		log_event(LOG_LEVEL_ERROR, "many", F_TEXT("who", argument), F_TEXT("end", "here"));
	return NULL;
}

static void log_from_threads(void)
{
	static char a[] = "a", b[] = "b";
	pthread_t one, other;

	pthread_create(&one, NULL, log_many, a);
	pthread_create(&other, NULL, log_many, b);
	pthread_join(one, NULL);
	pthread_join(other, NULL);
}

static void lines_of_threads_do_not_mix(void **state)
{
	char *text, *line, *rest;
	int count = 0;

	(void)state;
	log_init("log_test", LOG_LEVEL_INFO);
	text = stderr_of(log_from_threads);
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest), count++) {
		assert_int_equal(strncmp(line, "time=", 5), 0);
		assert_string_equal(line + strlen(line) - 8, "end=here");
	}
	assert_int_equal(count, 1000);
	free(text);
}

static void a_stream_that_is_not_stderr_is_not_the_journal(void **state)
{
	static const char *const streams[] = {"", "1:", "1:2", "x:y", ":", "99999999999999999999:1"};
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(streams) / sizeof(streams[0]); i++) {
		setenv("JOURNAL_STREAM", streams[i], 1);
		log_init("log_test", LOG_LEVEL_INFO);
		text = stderr_of(log_two_levels);
		assert_non_null(strstr(text, "event=at.least n=2\n"));
		free(text);
	}
	unsetenv("JOURNAL_STREAM");
}

/* A pager at its first page, a terminal that is stopped. */
static void who_stops_reading_stops_nobody_and_is_told_what_he_missed(void **state)
{
	enum { LINES = 5000 };
	static char text[1 << 20];
	const int saved = dup(STDERR_FILENO);
	struct timespec before, after;
	unsigned missed = 0;
	ssize_t size;
	int ends[2];

	(void)state;
	log_init("log_test", LOG_LEVEL_INFO);
	assert_int_equal(pipe(ends), 0);
	dup2(ends[1], STDERR_FILENO);
	clock_gettime(CLOCK_MONOTONIC, &before);
	alarm(60);
	for (int i = 0; i < LINES; i++)
		log_event(LOG_LEVEL_ERROR, "many", F_NUM("i", (uint64_t)i));
	clock_gettime(CLOCK_MONOTONIC, &after);
	size = read(ends[0], text, sizeof(text) - 1);
	log_event(LOG_LEVEL_ERROR, "read.again", F_NUM("i", LINES));
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	for (ssize_t n; (n = read(ends[0], text + size, sizeof(text) - 1 - (size_t)size)) > 0;)
		size += n;
	close(ends[0]);
	alarm(0);
	text[size] = '\0';
	assert_true(after.tv_sec - before.tv_sec < 20);
	assert_non_null(strstr(text, "event=log.lost lines="));
	sscanf(strstr(text, "lines="), "lines=%u", &missed);
	for (const char *line = text; (line = strstr(line, "event=many")) != NULL; line++)
		missed++;
	assert_int_equal(missed, LINES);
	assert_non_null(strstr(text, "event=read.again i=5000\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_begins_with_utc_time_in_milliseconds),
		cmocka_unit_test(plain_values_stand_without_quotes),
		cmocka_unit_test(a_value_cannot_forge_a_field_or_a_line),
		cmocka_unit_test(a_field_that_does_not_fit_is_left_out_whole),
		cmocka_unit_test(no_size_is_overrun),
		cmocka_unit_test(what_is_below_the_least_level_is_silent),
		cmocka_unit_test(lines_of_threads_do_not_mix),
		cmocka_unit_test(a_stream_that_is_not_stderr_is_not_the_journal),
		cmocka_unit_test(who_stops_reading_stops_nobody_and_is_told_what_he_missed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
