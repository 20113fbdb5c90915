/* Tries to break what agents/sink/sink.h promises of a sink that is a program. */
#include "agents/sink/sink.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/memory.h"
#include "tests/support/fixed.h"
#include "tests/support/process.h"
#include "tests/support/sinks.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A sink that runs this script, in which HERE is the place's folder. */
static struct sink_options script(struct sink_place *place, const char *text)
{
	struct buffer whole = {0};

	for (const char *at; (at = strstr(text, "HERE")) != NULL; text = at + 4) {
		buffer_append(&whole, text, (size_t)(at - text));
		buffer_text(&whole, place->folder);
	}
	buffer_text(&whole, text);
	assert_int_equal(file_write(place->path, buffer_view(&whole), 0700, NULL), E_OK);
	buffer_free(&whole);
	return sink_place_options(place, SINK_PROGRAM);
}

/* Runs the sink until it has come to `row`. */
static void run_to(struct sink_place *place, const struct sink_options *options, uint64_t row)
{
	struct sinks *sinks = sink_place_start(place, options);

	assert_true(sink_place_reaches(place, row));
	sinks_stop(sinks);
}

static void file_is(struct sink_place *place, const char *name, const char *expected)
{
	char *text = sink_place_file(place, name);

	assert_string_equal(text, expected);
	free(text);
}

/* True while the process whose number stands in the file runs; one that was killed may wait for its parent. */
static bool runs(struct sink_place *place, const char *name)
{
	char *number = sink_place_file(place, name), *path = memory_format("/proc/%d/stat", atoi(number));
	char line[256] = "";
	FILE *file = fopen(path, "r");
	bool running;

	assert_true(atoi(number) > 1);
	if (file != NULL) {
		if (fgets(line, sizeof(line), file) == NULL)
			line[0] = '\0';
		fclose(file);
	}
	running = line[0] != '\0' && strstr(line, ") Z ") == NULL;
	free(path);
	free(number);
	return running;
}

/* The same, but what was killed may take its time to end. */
static bool goes_on(struct sink_place *place, const char *name)
{
	bool on = runs(place, name);

	for (int i = 0; on && i < patient_ms(10000) / 20; i++) {
		sleep_ms(20);
		on = runs(place, name);
	}
	return on;
}

/* Waits until a file of the place's folder has as many bytes. */
static void wait_for_file(struct sink_place *place, const char *name, size_t bytes)
{
	char *text = sink_place_file(place, name);

	for (int i = 0; i < patient_ms(10000) / 20 && strlen(text) < bytes; i++) {
		free(text);
		sleep_ms(20);
		text = sink_place_file(place, name);
	}
	assert_true(strlen(text) >= bytes);
	free(text);
}

static void each_report_is_the_input_of_a_process_of_its_own(void **state)
{
	struct sink_place *place = *state;
	const struct sink_options options =
		script(place, "#!/bin/sh\nread -r line\n"
			      "echo \"$SIMPUL_EVENT $SIMPUL_NAME ${line%%,*}\" >>HERE/got\n");

	for (uint64_t i = 1; i <= 3; i++)
		sink_place_add(place, i);
	run_to(place, &options, 3);
	file_is(place, "got",
		"report army.oku#1 {\"label\":\"AMBER\"\nreport army.oku#2 {\"label\":\"AMBER\"\n"
		"report army.oku#3 {\"label\":\"AMBER\"\n");
}

static void it_gets_the_same_json_as_a_file(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = script(place, "#!/bin/sh\ncat >>HERE/program\n");
	char *file = memory_format("%s/file", place->folder), *text;

	sink_place_add(place, 1);
	run_to(place, &options, 1);
	text = sink_place_file(place, "program");
	test_sql(&place->store, "DELETE FROM sink");
	options = sink_place_options(place, SINK_JSONL);
	options.path = file;
	run_to(place, &options, 1);
	assert_non_null(strstr(text, "ERIKSSON"));
	file_is(place, "file", text);
	free(text);
	free(file);
}

static void nothing_of_the_report_and_of_the_agent_stands_around_it(void **state)
{
	struct sink_place *place = *state;
	const char *const args[] = {"--quiet", "two words"};
	struct sink_options options = script(place, "#!/bin/sh\ntr '\\0' '\\n' </proc/$$/environ >HERE/environment\n"
						    "tr '\\0' '\\n' </proc/$$/cmdline >HERE/arguments\n"
						    "pwd >HERE/where\n"
						    "exec >HERE/open\nls /proc/$$/fd\n");
	char *arguments = memory_format("/bin/sh\n%s\n--quiet\ntwo words\n", place->path);
	int secret = open("/dev/null", O_RDONLY); /* without O_CLOEXEC */

	options.args = args;
	options.arg_count = 2;
	assert_int_equal(setenv("SIMPUL_SECRET", "RAHASIA", 1), 0);
	sink_place_add(place, 1);
	run_to(place, &options, 1);
	file_is(place, "environment",
		"PATH=/usr/local/bin:/usr/bin:/bin\nLANG=C.UTF-8\nSIMPUL_EVENT=report\n"
		"SIMPUL_NAME=army.oku#1\nSIMPUL_MARK=\n");
	file_is(place, "arguments", arguments);
	file_is(place, "where", "/\n");
	file_is(place, "open", "0\n1\n10\n2\n"); /* 10: the script, of the shell */
	assert_int_equal(unsetenv("SIMPUL_SECRET"), 0);
	close(secret);
	free(arguments);
}

static void one_that_never_reads_has_it_all_the_same(void **state)
{
	struct sink_place *place = *state;
	const struct sink_options options = script(place, "#!/bin/sh\nexec <&-\nexit 0\n");
	char *summary = memory_format("%04000d", 1);
	struct test_report report = {.name = {"army.oku", 1, 0, 1}, .summary = summary};

	test_inbox_add(&place->store, &report, TRUST_GOOD, 1);
	run_to(place, &options, 1);
	free(summary);
}

static void one_that_never_ends_is_killed_with_all_that_it_began(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = script(place, "#!/bin/sh\ntrap '' TERM HUP INT\necho $$ >HERE/first\n"
						    "(sleep 300 & echo $! >HERE/second; wait) &\nwait\n");
	struct sinks *sinks;

	options.seconds = 1;
	sink_place_add(place, 1);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_fails(sinks, "it took longer than 1 s"));
	assert_false(goes_on(place, "first"));
	assert_false(goes_on(place, "second"));
	sinks_stop(sinks);
	assert_int_equal(sink_place_position(place), 0);
}

static void what_it_leaves_behind_is_ended(void **state)
{
	struct sink_place *place = *state;
	const struct sink_options options = script(place, "#!/bin/sh\nsleep 300 &\necho $! >HERE/left\n");

	sink_place_add(place, 1);
	run_to(place, &options, 1);
	assert_false(goes_on(place, "left"));
}

static void one_that_fails_twice_gets_the_same_report_again(void **state)
{
	struct sink_place *place = *state;
	const struct sink_options options = script(place, "#!/bin/sh\necho $SIMPUL_NAME >>HERE/got\n"
							  "[ $(wc -l <HERE/got) -gt 2 ]\n");
	const char *log, *first;

	sink_place_add(place, 1);
	sink_place_add(place, 2);
	run_to(place, &options, 2);
	file_is(place, "got", "army.oku#1\narmy.oku#1\narmy.oku#1\narmy.oku#2\n");
	log = sink_place_log(place);
	first = strstr(log, "sink.failing");
	assert_non_null(first);
	assert_null(strstr(first + 1, "sink.failing"));
	assert_non_null(strstr(log, "report=army.oku#1"));
	assert_non_null(strstr(log, "sink.recovered"));
}

/* The test's standard error goes to a file meanwhile, so that what the program says there would be seen. */
static void nothing_that_it_says_is_logged(void **state)
{
	struct sink_place *place = *state;
	const struct sink_options options =
		script(place, "#!/bin/sh\ncat >&2\necho RAHASIA\necho RAHASIA >&2\nexit 7\n");
	char *path = memory_format("%s/errors", place->folder), *said;
	int saved = dup(STDERR_FILENO), errors = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
	struct sinks *sinks;
	bool fails;

	sink_place_add(place, 1);
	assert_true(dup2(errors, STDERR_FILENO) >= 0);
	sinks = sink_place_start(place, &options);
	fails = sink_place_fails(sinks, "its exit status was 7");
	sinks_stop(sinks);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(errors);
	said = sink_place_file(place, "errors");
	assert_true(fails);
	assert_non_null(strstr(said, "sink.failing"));
	assert_null(strstr(said, "RAHASIA"));
	assert_null(strstr(said, "ERIKSSON"));
	free(said);
	free(path);
}

/* The reason before anything is handed on, and when it is tried. */
static void fails_for(struct sink_place *place, const struct sink_options *options, const char *able, const char *put)
{
	char reason[SINK_REASON_SIZE];
	struct sinks *sinks = sink_place_start(place, options);

	assert_int_equal(sink_able(options, reason), able[0] == '\0');
	assert_string_equal(reason, able);
	assert_true(sink_place_fails(sinks, put));
	sinks_stop(sinks);
}

static void what_cannot_be_run_is_named(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = script(place, "#!/none/python9\n");

	sink_place_add(place, 1);
	fails_for(place, &options, "", "it cannot be run: No such file");
	options = script(place, "echo no first line\n");
	fails_for(place, &options, "", "it cannot be run: Exec format error");
	assert_int_equal(chmod(place->path, 0600), 0);
	fails_for(place, &options, "this user may not execute it", "it cannot be run: Permission denied");
	options.path = place->folder;
	fails_for(place, &options, "it is not a program", "it cannot be run: Permission denied");
	options.path = "/none/program";
	fails_for(place, &options, "there is no such program", "it cannot be run: No such file");
	options = script(place, "#!/bin/sh\nkill -9 $$\n");
	assert_int_equal(chmod(place->path, 0700), 0);
	fails_for(place, &options, "", "it ended by signal 9");
}

static void a_stop_does_not_wait_for_it(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = script(place, "#!/bin/sh\necho $$ >HERE/first\nsleep 300\n");
	struct sinks *sinks;
	steady_ms before;

	options.seconds = 300;
	sink_place_add(place, 1);
	sinks = sink_place_start(place, &options);
	wait_for_file(place, "first", 2);
	before = clock_now().steady;
	sinks_stop(sinks);
	assert_true(clock_now().steady - before < (steady_ms)patient_ms(5000));
	assert_false(goes_on(place, "first"));
	assert_int_equal(sink_place_position(place), 0);
	assert_null(strstr(sink_place_log(place), "sink.failing"));
}

static void a_forged_report_is_handed_on_to_nobody(void **state)
{
	struct sink_place *place = *state;
	const struct sink_options options = script(place, "#!/bin/sh\necho $SIMPUL_NAME >>HERE/got\n");
	const struct test_report forged = {.name = {"army.oku", 1, 0, 1}};

	sink_place_add(place, 1);
	test_inbox_add(&place->store, &forged, TRUST_BAD, 1);
	run_to(place, &options, 2);
	file_is(place, "got", "army.oku#1\n");
}

static void a_relative_path_is_that_of_the_agent(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = script(place, "#!/bin/sh\necho x >>HERE/got\n");
	char *here = getcwd(NULL, 0);

	assert_int_equal(chdir(place->folder), 0);
	options.path = "./out";
	sink_place_add(place, 1);
	run_to(place, &options, 1);
	assert_int_equal(chdir(here), 0);
	file_is(place, "got", "x\n");
	free(here);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sink_place_begin, sink_place_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_report_is_the_input_of_a_process_of_its_own),
		TEST(it_gets_the_same_json_as_a_file),
		TEST(nothing_of_the_report_and_of_the_agent_stands_around_it),
		TEST(one_that_never_reads_has_it_all_the_same),
		TEST(one_that_never_ends_is_killed_with_all_that_it_began),
		TEST(what_it_leaves_behind_is_ended),
		TEST(one_that_fails_twice_gets_the_same_report_again),
		TEST(nothing_that_it_says_is_logged),
		TEST(what_cannot_be_run_is_named),
		TEST(a_stop_does_not_wait_for_it),
		TEST(a_forged_report_is_handed_on_to_nobody),
		TEST(a_relative_path_is_that_of_the_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
