/* Tries to break what agents/sink/sink.h promises. */
#include "agents/sink/sink_begin.h"
#include "common/file.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/support/fixed.h"
#include "tests/support/process.h"
#include "tests/support/sinks.h"
#include <errno.h>
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static const struct test_report sighting = {.name = {"army.oku", 1, 0, 1}};

static struct sinks *start(struct sink_place *place, enum sink_type type)
{
	const struct sink_options options = sink_place_options(place, type);

	return sink_place_start(place, &options);
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
		assert_string_equal(json_string_value(json_object_get(json, "event")), "report");
		assert_string_equal(json_string_value(json_object_get(json, "name")), name);
		json_decref(json);
	}
	free(text);
	return count;
}

static void every_report_becomes_one_line_in_order(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks;

	for (uint64_t i = 1; i <= 200; i++)
		sink_place_add(place, i);
	sinks = start(place, SINK_JSONL);
	assert_true(sink_place_reaches(place, 200));
	sink_place_add(place, 201);
	sinks_wake(sinks);
	assert_true(sink_place_reaches(place, 201));
	sinks_stop(sinks);
	assert_int_equal(lines_check(place->path, 1), 201);
}

static void a_start_goes_on_where_the_last_one_ended(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks;

	sink_place_add(place, 1);
	sinks = start(place, SINK_JSONL);
	assert_true(sink_place_reaches(place, 1));
	sinks_stop(sinks);
	sink_place_add(place, 2);
	sinks = start(place, SINK_JSONL);
	assert_true(sink_place_reaches(place, 2));
	sinks_stop(sinks);
	assert_int_equal(lines_check(place->path, 1), 2);
}

static void a_half_written_line_is_cut_and_written_whole(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks;
	char *text, *half;

	sink_place_add(place, 1);
	sinks = start(place, SINK_JSONL);
	assert_true(sink_place_reaches(place, 1));
	sinks_stop(sinks);
	/* A crash after half a line that is longer than what is read back at once. */
	text = content(place->path);
	half = memory_format("%s{\"label\":\"%05000d", text, 0);
	assert_int_equal(file_write(place->path, BYTES(half, strlen(half)), 0600, NULL), E_OK);
	free(text);
	free(half);
	sink_place_add(place, 2);
	sinks = start(place, SINK_JSONL);
	assert_true(sink_place_reaches(place, 2));
	sinks_stop(sinks);
	assert_int_equal(lines_check(place->path, 1), 2);
}

static void a_file_that_holds_half_a_line_alone_becomes_whole(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks;

	assert_int_equal(file_write(place->path, BYTES("{\"lab", 5), 0600, NULL), E_OK);
	sink_place_add(place, 1);
	sinks = start(place, SINK_JSONL);
	assert_true(sink_place_reaches(place, 1));
	sinks_stop(sinks);
	assert_int_equal(lines_check(place->path, 1), 1);
}

/* As a person's editor leaves it, who removed a line from it; or as a crash just before the line's end does. */
static void a_whole_line_without_its_end_is_kept(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks;
	char *text;

	sink_place_add(place, 1);
	sinks = start(place, SINK_JSONL);
	assert_true(sink_place_reaches(place, 1));
	sinks_stop(sinks);
	text = content(place->path);
	assert_int_equal(truncate(place->path, (off_t)strlen(text) - 1), 0);
	free(text);
	sink_place_add(place, 2);
	sinks = start(place, SINK_JSONL);
	assert_true(sink_place_reaches(place, 2));
	sinks_stop(sinks);
	assert_int_equal(lines_check(place->path, 1), 2);
}

static void what_is_no_line_of_ours_is_not_cut(void **state)
{
	static const char foreign[] = "# what the registry takes over, see page 3";
	struct sink_place *place = *state;
	struct sinks *sinks;
	char *text;

	assert_int_equal(file_write(place->path, BYTES(foreign, strlen(foreign)), 0600, NULL), E_OK);
	sink_place_add(place, 1);
	sinks = start(place, SINK_JSONL);
	assert_true(sink_place_reaches(place, 1));
	sinks_stop(sinks);
	text = content(place->path);
	assert_memory_equal(text, foreign, strlen(foreign));
	assert_memory_equal(text + strlen(foreign), "\n{\"label\":", 10);
	free(text);
}

/* How often the disk does not say that a name is on it, how often that is asked of an empty file that a sink made, and of
 * one that holds something already. */
static atomic_uint unsettled, asked, asked_late;

enum error __real_file_settle(const char *path, struct fault *fault);
enum error __wrap_file_settle(const char *path, struct fault *fault);
enum error __wrap_file_settle(const char *path, struct fault *fault)
{
	struct stat status;

	if (!text_ends_with(path, "/out") || stat(path, &status) != 0)
		return __real_file_settle(path, fault);
	atomic_fetch_add(status.st_size == 0 ? &asked : &asked_late, 1);
	if (atomic_load(&unsettled) == 0)
		return E_OK;
	atomic_fetch_sub(&unsettled, 1);
	errno = EIO;
	return fault_at(fault, E_IO, "%s", path);
}

/* Else a power cut takes the file, and what was handed on does not come again. */
static void no_line_counts_before_the_name_of_a_new_file_is_on_the_disk(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks;

	atomic_store(&unsettled, 1);
	atomic_store(&asked, 0);
	sink_place_add(place, 1);
	sinks = start(place, SINK_JSONL);
	assert_true(sink_place_fails(sinks, "Input/output error"));
	assert_int_equal(sink_place_position(place), 0);
	assert_true(sink_place_reaches(place, 1));
	sinks_stop(sinks);
	assert_int_equal(atomic_load(&asked), 2);
	assert_int_equal(atomic_load(&asked_late), 0);
	assert_int_equal(lines_check(place->path, 1), 1);
}

static void a_file_that_was_moved_away_is_begun_anew(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks;
	char *moved = memory_format("%s.1", place->path);

	sink_place_add(place, 1);
	sinks = start(place, SINK_JSONL);
	assert_true(sink_place_reaches(place, 1));
	assert_int_equal(rename(place->path, moved), 0);
	sink_place_add(place, 2);
	sinks_wake(sinks);
	assert_true(sink_place_reaches(place, 2));
	sinks_stop(sinks);
	assert_int_equal(lines_check(moved, 1), 1);
	assert_int_equal(lines_check(place->path, 2), 1);
	free(moved);
}

static void a_folder_gets_one_file_a_report_with_the_label_first(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = sink_place_options(place, SINK_FOLDER);
	struct test_report red = sighting;
	struct sinks *sinks;
	char *path;

	assert_int_equal(mkdir(place->path, 0700), 0);
	sink_place_add(place, 1);
	red.name.stream = 3;
	red.name.number = 5;
	red.label = SIMPUL__LABEL__LABEL_RED;
	test_inbox_add(&place->store, &red, TRUST_GOOD, 1);
	options.ceiling = SIMPUL__LABEL__LABEL_RED;
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 2));
	sinks_stop(sinks);
	path = memory_format("%s/AMBER-army.oku-1.json", place->path);
	assert_int_equal(lines_check(path, 1), 1);
	free(path);
	path = memory_format("%s/RED-army.oku-XR5.json", place->path);
	assert_int_equal(access(path, R_OK), 0);
	free(path);
}

/* As a flag is, and what is said about a release: its file must be no option of whoever reads all of the folder. */
static void what_has_no_label_has_a_name_that_is_no_option(void **state)
{
	struct sink_place *place = *state;
	struct buffer bytes = {0};
	char *path = memory_format("%s/ANSWER-army.oku-1.json", place->path);
	Simpul__Header *header;
	struct sinks *sinks;
	struct arena arena;
	sqlite3_stmt *put;

	assert_int_equal(mkdir(place->path, 0700), 0);
	sink_place_add(place, 1);
	arena_init(&arena);
	test_header(&sighting, &bytes);
	header = wire_unpack(&simpul__header__descriptor, buffer_view(&bytes), &arena, NULL);
	header->label = SIMPUL__LABEL__LABEL_UNSPECIFIED;
	header->kind = SIMPUL__KIND__KIND_FLAG;
	buffer_clear(&bytes);
	wire_pack(header, &bytes);
	put = store_statement(&place->store, "UPDATE inbox SET header = ?1");
	bind_bytes(put, 1, buffer_view(&bytes));
	assert_int_equal(database_step(put, NULL), E_OK);
	sinks = start(place, SINK_FOLDER);
	assert_true(sink_place_reaches(place, 1));
	sinks_stop(sinks);
	assert_int_equal(access(path, R_OK), 0);
	arena_fini(&arena);
	buffer_free(&bytes);
	free(path);
}

/* A default ACL as setfacl -d writes it: version 2, then tag, permissions and id of each; 12345 may read. */
static bool reader_let_in(const char *folder)
{
	static const uint16_t acl[][4] = {{1, 7, 0xffff, 0xffff},
					  {2, 4, 12345, 0},
					  {4, 0, 0xffff, 0xffff},
					  {16, 5, 0xffff, 0xffff},
					  {32, 0, 0xffff, 0xffff}};
	uint8_t value[4 + sizeof(acl)] = {2};

	memcpy(value + 4, acl, sizeof(acl));
	return setxattr(folder, "system.posix_acl_default", value, sizeof(value), 0) == 0;
}

static mode_t mode_of(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	return status.st_mode & 0777;
}

/* With the agent's umask; the group's bits of a file with an ACL are what that grants at most. */
static void nobody_else_reads_what_is_handed_on_unless_its_folder_says_so(void **state)
{
	struct sink_place *place = *state;
	char *path = memory_format("%s/AMBER-army.oku-1.json", place->path);
	char *second = memory_format("%s/AMBER-army.oku-2.json", place->path);
	const mode_t before = umask(077);
	struct sinks *sinks;
	bool let_in;

	assert_int_equal(mkdir(place->path, 0700), 0);
	sink_place_add(place, 1);
	sinks = start(place, SINK_FOLDER);
	assert_true(sink_place_reaches(place, 1));
	assert_int_equal(mode_of(path), 0600);
	let_in = reader_let_in(place->path);
	sink_place_add(place, 2);
	sinks_wake(sinks);
	assert_true(sink_place_reaches(place, 2));
	sinks_stop(sinks);
	assert_int_equal(mode_of(second), let_in ? 0640 : 0600);
	umask(before);
	free(second);
	free(path);
}

static void a_forged_report_is_handed_on_to_nobody(void **state)
{
	struct sink_place *place = *state;
	struct test_report forged = sighting;
	struct sinks *sinks;
	char *path, *text;

	assert_int_equal(mkdir(place->path, 0700), 0);
	sink_place_add(place, 1);
	forged.name.number = 1;
	forged.summary = "RAHASIA";
	test_inbox_add(&place->store, &forged, TRUST_BAD, 1);
	sinks = start(place, SINK_FOLDER);
	assert_true(sink_place_reaches(place, 2));
	sinks_stop(sinks);
	path = memory_format("%s/AMBER-army.oku-1.json", place->path);
	text = content(path);
	assert_null(strstr(text, "RAHASIA"));
	free(text);
	free(path);
}

static void a_sink_that_fails_is_tried_again_and_holds_up_no_other(void **state)
{
	struct sink_place *place = *state;
	char *late = memory_format("%s/late", place->folder), *path = memory_format("%s/AMBER-army.oku-1.json", late);
	struct sink_options options[] = {sink_place_options(place, SINK_FOLDER), sink_place_options(place, SINK_JSONL)};
	struct sinks *sinks;

	options[0].name = "late";
	options[0].path = late;
	sink_place_add(place, 1);
	sinks = sinks_start(place->store_path, NULL, options, 2, place->letters);
	assert_int_equal(sinks_note(sinks, &place->store, NULL), E_OK);
	assert_true(sink_place_reaches(place, 1)); /* the second, while the first has no folder */
	assert_true(sink_place_fails(sinks, "there is no such folder"));
	assert_int_equal(mkdir(late, 0700), 0);
	for (int i = 0; i < 100 && access(path, R_OK) != 0; i++)
		sleep_ms(50);
	sinks_stop(sinks);
	assert_int_equal(access(path, R_OK), 0);
	free(path);
	free(late);
}

/* Neither takes it for another one because of the mark that the other gave it. */
static void two_sinks_that_begin_at_once_may_have_one_folder(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options[] = {sink_place_options(place, SINK_FOLDER),
					 sink_place_options(place, SINK_FOLDER)};
	char *mark = memory_format("%s/.simpul-sink", place->path);
	struct sink_status status;
	struct sinks *sinks;

	options[0].name = "other";
	assert_int_equal(mkdir(place->path, 0700), 0);
	for (uint64_t row = 1; row <= 20; row++) {
		unlink(mark);
		test_sql(&place->store, "UPDATE sink SET mark = ''");
		sinks = sinks_start(place->store_path, NULL, options, 2, place->letters);
		assert_int_equal(sinks_note(sinks, &place->store, NULL), E_OK);
		sink_place_add(place, row);
		sinks_wake(sinks);
		assert_true(sink_place_reaches(place, row));
		sinks_stop(sinks);
		sink_place_note(place);
		for (size_t i = 0; i < 2; i++) {
			sinks = sinks_start(place->store_path, NULL, &options[i], 1, place->letters);
			assert_int_equal(sinks_note(sinks, &place->store, NULL), E_OK);
			sleep_ms(20);
			assert_true(sinks_status(sinks, 0, &status));
			assert_false(status.failing);
			sinks_stop(sinks);
			sink_place_note(place);
		}
	}
	free(mark);
}

static void a_stop_does_not_wait_for_a_pause(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks;
	steady_ms before;

	sink_place_add(place, 1);
	sinks = start(place, SINK_FOLDER); /* fails: there is no such folder */
	sleep_ms(100);
	before = clock_now().steady;
	sinks_stop(sinks);
	assert_true(clock_now().steady - before < 500);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sink_place_begin, sink_place_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_report_becomes_one_line_in_order),
		TEST(a_start_goes_on_where_the_last_one_ended),
		TEST(a_half_written_line_is_cut_and_written_whole),
		TEST(a_file_that_holds_half_a_line_alone_becomes_whole),
		TEST(a_whole_line_without_its_end_is_kept),
		TEST(what_is_no_line_of_ours_is_not_cut),
		TEST(no_line_counts_before_the_name_of_a_new_file_is_on_the_disk),
		TEST(a_file_that_was_moved_away_is_begun_anew),
		TEST(a_folder_gets_one_file_a_report_with_the_label_first),
		TEST(what_has_no_label_has_a_name_that_is_no_option),
		TEST(nobody_else_reads_what_is_handed_on_unless_its_folder_says_so),
		TEST(a_forged_report_is_handed_on_to_nobody),
		TEST(a_sink_that_fails_is_tried_again_and_holds_up_no_other),
		TEST(two_sinks_that_begin_at_once_may_have_one_folder),
		TEST(a_stop_does_not_wait_for_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
