/* Tries to break what agents/sink.h promises. */
#include "agents/sink.h"
#include "agents/store_progress.h"
#include "common/config.h"
#include "common/memory.h"
#include "tests/support/fixed.h"
#include "tests/support/process.h"
#include "tests/support/reports.h"
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000 };

struct place {
	char *folder, *path; /* of what the sink writes */
	struct store store;
	struct mailbox *letters;
};

static const struct test_report sighting = {.name = {"army.oku", 1, 0, 1}};

static void add(struct place *place, uint64_t number)
{
	struct test_report report = sighting;

	report.name.number = number;
	test_inbox_add(&place->store, &report, TRUST_GOOD, 1);
}

static struct sinks *start(struct place *place, enum sink_type type)
{
	const struct sink_options options = {.name = "registry", .type = type, .path = place->path};
	char *store = memory_format("%s/agent.db", place->folder);
	struct sinks *sinks = sinks_start(store, &options, 1, place->letters);

	free(store);
	return sinks;
}

/* Does what the loop does with letters, until the sink has come to `row`. False when it does not come. */
static bool reaches(struct place *place, uint64_t row)
{
	struct pollfd wait = {.fd = mailbox_fd(place->letters), .events = POLLIN};
	uint64_t at = 0;

	while (at < row && poll(&wait, 1, PATIENCE_MS) > 0) {
		struct letter *next, *letter = mailbox_take_all(place->letters);

		for (; letter != NULL; letter = next) {
			struct sink_letter *progress = (struct sink_letter *)letter;

			next = letter->next;
			assert_string_equal(progress->name, "registry");
			at = progress->row;
			assert_int_equal(store_set_sink_position(&place->store, progress->name, at, NULL), E_OK);
			free(progress);
		}
	}
	return at == row;
}

static char *content(const char *path)
{
	struct buffer text = {0};

	assert_int_equal(file_read(path, 1 << 20, &text, NULL), E_OK);
	buffer_u8(&text, 0);
	return (char *)text.data;
}

/* The number of lines, each of which is the JSON of the report with the number that is due. */
static size_t lines_check(const char *path, uint64_t first)
{
	char *text = content(path), *rest = NULL;
	size_t count = 0;

	assert_true(text[0] == '\0' || text[strlen(text) - 1] == '\n');
	for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest), count++) {
		json_t *json = json_loads(line, 0, NULL);
		char name[64];

		snprintf(name, sizeof(name), "army.oku#%u", (unsigned)(first + count));
		assert_non_null(json);
		assert_int_equal(strncmp(line, "{\"label\":", 9), 0);
		assert_string_equal(json_string_value(json_object_get(json, "name")), name);
		json_decref(json);
	}
	free(text);
	return count;
}

static void every_report_becomes_one_line_in_order(void **state)
{
	struct place *place = *state;
	struct sinks *sinks;

	for (uint64_t i = 1; i <= 200; i++)
		add(place, i);
	sinks = start(place, SINK_JSONL);
	assert_true(reaches(place, 200));
	add(place, 201);
	sinks_wake(sinks);
	assert_true(reaches(place, 201));
	sinks_stop(sinks);
	assert_int_equal(lines_check(place->path, 1), 201);
}

static void a_start_goes_on_where_the_last_one_ended(void **state)
{
	struct place *place = *state;
	struct sinks *sinks;

	add(place, 1);
	sinks = start(place, SINK_JSONL);
	assert_true(reaches(place, 1));
	sinks_stop(sinks);
	add(place, 2);
	sinks = start(place, SINK_JSONL);
	assert_true(reaches(place, 2));
	sinks_stop(sinks);
	assert_int_equal(lines_check(place->path, 1), 2);
}

static void a_half_written_line_is_cut_and_written_whole(void **state)
{
	struct place *place = *state;
	struct sinks *sinks;
	char *text, *half;

	add(place, 1);
	sinks = start(place, SINK_JSONL);
	assert_true(reaches(place, 1));
	sinks_stop(sinks);
	/* A crash after half a line that is longer than what is read back at once. */
	text = content(place->path);
	half = memory_format("%s{\"label\":\"%05000d", text, 0);
	assert_int_equal(file_write(place->path, BYTES(half, strlen(half)), 0600, NULL), E_OK);
	free(text);
	free(half);
	add(place, 2);
	sinks = start(place, SINK_JSONL);
	assert_true(reaches(place, 2));
	sinks_stop(sinks);
	assert_int_equal(lines_check(place->path, 1), 2);
}

static void a_file_that_holds_half_a_line_alone_becomes_whole(void **state)
{
	struct place *place = *state;
	struct sinks *sinks;

	assert_int_equal(file_write(place->path, BYTES("{\"lab", 5), 0600, NULL), E_OK);
	add(place, 1);
	sinks = start(place, SINK_JSONL);
	assert_true(reaches(place, 1));
	sinks_stop(sinks);
	assert_int_equal(lines_check(place->path, 1), 1);
}

static void a_file_that_was_moved_away_is_begun_anew(void **state)
{
	struct place *place = *state;
	struct sinks *sinks;
	char *moved = memory_format("%s.1", place->path);

	add(place, 1);
	sinks = start(place, SINK_JSONL);
	assert_true(reaches(place, 1));
	assert_int_equal(rename(place->path, moved), 0);
	add(place, 2);
	sinks_wake(sinks);
	assert_true(reaches(place, 2));
	sinks_stop(sinks);
	assert_int_equal(lines_check(moved, 1), 1);
	assert_int_equal(lines_check(place->path, 2), 1);
	free(moved);
}

static void a_folder_gets_one_file_a_report_with_the_label_first(void **state)
{
	struct place *place = *state;
	struct test_report red = sighting;
	struct sinks *sinks;
	char *path;

	assert_int_equal(mkdir(place->path, 0700), 0);
	add(place, 1);
	red.name.stream = 3;
	red.name.number = 5;
	red.label = SIMPUL__LABEL__LABEL_RED;
	test_inbox_add(&place->store, &red, TRUST_GOOD, 1);
	sinks = start(place, SINK_FOLDER);
	assert_true(reaches(place, 2));
	sinks_stop(sinks);
	path = memory_format("%s/AMBER-army.oku-1.json", place->path);
	assert_int_equal(lines_check(path, 1), 1);
	free(path);
	path = memory_format("%s/RED-army.oku-XR5.json", place->path);
	assert_int_equal(access(path, R_OK), 0);
	free(path);
}

static void a_forged_report_does_not_overwrite_the_true_one(void **state)
{
	struct place *place = *state;
	struct test_report forged = sighting;
	struct sinks *sinks;
	char *path;

	assert_int_equal(mkdir(place->path, 0700), 0);
	add(place, 1);
	forged.name.number = 1;
	forged.summary = "RAHASIA";
	test_inbox_add(&place->store, &forged, TRUST_BAD, 1);
	sinks = start(place, SINK_FOLDER);
	assert_true(reaches(place, 2));
	sinks_stop(sinks);
	path = memory_format("%s/AMBER-army.oku-1.json", place->path);
	assert_int_equal(lines_check(path, 1), 1);
	free(path);
	path = memory_format("%s/AMBER-army.oku-1.bad-2.json", place->path);
	assert_int_equal(access(path, R_OK), 0);
	free(path);
}

static void a_sink_that_fails_is_tried_again_and_holds_up_no_other(void **state)
{
	struct place *place = *state;
	char *store = memory_format("%s/agent.db", place->folder);
	char *late = memory_format("%s/late", place->folder);
	const struct sink_options options[] = {{"late", SINK_FOLDER, late}, {"registry", SINK_JSONL, place->path}};
	struct sinks *sinks;
	char *path = memory_format("%s/AMBER-army.oku-1.json", late);

	add(place, 1);
	sinks = sinks_start(store, options, 2, place->letters);
	assert_true(reaches(place, 1)); /* the second, while the first has no folder */
	assert_int_equal(mkdir(late, 0700), 0);
	for (int i = 0; i < 100 && access(path, R_OK) != 0; i++)
		sleep_ms(50);
	sinks_stop(sinks);
	assert_int_equal(access(path, R_OK), 0);
	for (struct letter *next, *letter = mailbox_take_all(place->letters); letter != NULL; letter = next) {
		next = letter->next;
		assert_string_equal(((struct sink_letter *)letter)->name, "late");
		free(letter);
	}
	free(path);
	free(late);
	free(store);
}

static void a_stop_does_not_wait_for_a_pause(void **state)
{
	struct place *place = *state;
	struct sinks *sinks;
	steady_ms before;

	add(place, 1);
	sinks = start(place, SINK_FOLDER); /* fails: there is no such folder */
	sleep_ms(100);
	before = clock_now().steady;
	sinks_stop(sinks);
	assert_true(clock_now().steady - before < 500);
}

static int begin(void **state)
{
	struct place *place = memory_zero(1, sizeof(*place));

	place->folder = test_folder();
	place->path = memory_format("%s/out", place->folder);
	place->letters = mailbox_new();
	test_store_open(&place->store, place->folder);
	*state = place;
	return 0;
}

static int end(void **state)
{
	struct place *place = *state;

	mailbox_free(place->letters);
	store_close(&place->store);
	test_folder_remove(place->folder);
	free(place->path);
	free(place);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_report_becomes_one_line_in_order),
		TEST(a_start_goes_on_where_the_last_one_ended),
		TEST(a_half_written_line_is_cut_and_written_whole),
		TEST(a_file_that_holds_half_a_line_alone_becomes_whole),
		TEST(a_file_that_was_moved_away_is_begun_anew),
		TEST(a_folder_gets_one_file_a_report_with_the_label_first),
		TEST(a_forged_report_does_not_overwrite_the_true_one),
		TEST(a_sink_that_fails_is_tried_again_and_holds_up_no_other),
		TEST(a_stop_does_not_wait_for_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
