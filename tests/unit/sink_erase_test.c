/* Tries to keep a sink's copy of a report that must go, and to make a sink say what is not so. */
#include "agents/reports/store_progress.h"
#include "agents/sink/sink_erase.h"
#include "common/file.h"
#include "common/memory.h"
#include "tests/support/fixed.h"
#include "tests/support/operate.h"
#include "tests/support/process.h"
#include "tests/support/sinks.h"
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST "AMBER-army.oku-1.json"

static void file_is(struct sink_place *place, const char *name, const char *expected)
{
	char *text = sink_place_file(place, name);

	assert_string_equal(text, expected);
	free(text);
}

static bool there(struct sink_place *place, const char *name)
{
	char *path = memory_format("%s/%s", place->path, name);
	bool answer = access(path, F_OK) == 0;

	free(path);
	return answer;
}

static struct sinks *folder_start(struct sink_place *place)
{
	const struct sink_options options = sink_place_options(place, SINK_FOLDER);

	mkdir(place->path, 0700);
	return sink_place_start(place, &options);
}

/* ------------------------------------------------------------------ files */

static void the_file_of_a_report_goes_and_what_a_kill_left_of_it(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks;
	char *half;

	sink_place_add(place, 1);
	sink_place_add(place, 2);
	sinks = folder_start(place);
	assert_true(sink_place_reaches(place, 2));
	assert_true(there(place, FIRST));
	half = memory_format("%s/." FIRST ".0123456789abcdef", place->path);
	assert_int_equal(file_write(half, BYTES("ERIKSSON", 8), 0600, NULL), E_OK);
	sink_place_erase(place, 1);
	sinks_wake(sinks);
	assert_true(sink_place_told(place, 1));
	assert_false(there(place, FIRST));
	assert_int_not_equal(access(half, F_OK), 0);
	assert_true(there(place, "AMBER-army.oku-2.json"));
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	sinks_stop(sinks);
	free(half);
}

/* Another program fetched the file of the first, and left that of the second where it was. */
static void a_folder_that_others_empty_says_what_it_declares_and_not_erased(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = sink_place_options(place, SINK_FOLDER);
	char *file = memory_format("%s/" FIRST, place->path), *fetched = memory_format("%s/fetched", place->folder);
	struct sinks *sinks;

	options.erases = SINK_ERASES_MANUAL;
	mkdir(place->path, 0700);
	sink_place_add(place, 1);
	sink_place_add(place, 2);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 2));
	assert_int_equal(rename(file, fetched), 0);
	sink_place_erase(place, 1);
	sink_place_erase(place, 2);
	sinks_wake(sinks);
	assert_true(sink_place_told(place, 2));
	sinks_stop(sinks);
	assert_int_equal(access(fetched, F_OK), 0);
	assert_false(there(place, "AMBER-army.oku-2.json"));
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_REQUESTED);
	assert_int_equal(sink_place_outcome(place, 2), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_REQUESTED);
	free(fetched);
	free(file);
}

/* Its file has another name. */
static void the_file_of_what_was_no_more_than_an_exercise_goes(void **state)
{
	struct sink_place *place = *state;
	const struct test_report exercise = {.name = {"army.oku", 1, 0, 1}, .status = SIMPUL__STATUS__STATUS_EXERCISE};
	struct sink_options options = sink_place_options(place, SINK_FOLDER);
	struct sinks *sinks;

	options.statuses |= SINK_STATUS(SIMPUL__STATUS__STATUS_EXERCISE);
	mkdir(place->path, 0700);
	test_inbox_add(&place->store, &exercise, TRUST_GOOD, 1);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 1));
	assert_true(there(place, "EXERCISE-" FIRST));
	sink_place_erase(place, 1);
	sinks_wake(sinks);
	assert_true(sink_place_told(place, 1));
	sinks_stop(sinks);
	assert_false(there(place, "EXERCISE-" FIRST));
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
}

/* Of what was there before one file moves with the sink, and one stays. */
static void a_file_that_was_left_in_another_folder_is_not_said_to_be_erased(void **state)
{
	struct sink_place *place = *state;
	char *former = memory_format("%s/former", place->folder), *left = memory_format("%s/" FIRST, former);
	char *moves = memory_format("%s/AMBER-army.oku-2.json", former);
	char *moved = memory_format("%s/AMBER-army.oku-2.json", place->path);
	struct sink_options options = sink_place_options(place, SINK_FOLDER);
	struct sinks *sinks;

	options.path = former;
	assert_int_equal(mkdir(former, 0700), 0);
	sink_place_add(place, 1);
	sink_place_add(place, 2);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 2));
	sinks_stop(sinks);
	mkdir(place->path, 0700);
	assert_int_equal(rename(moves, moved), 0);
	sink_place_add(place, 3);
	for (uint64_t start = 0; start < 2; start++) { /* also after it was served in the new one */
		sinks = folder_start(place);
		assert_true(sink_place_reaches(place, 3));
		sinks_stop(sinks);
	}
	for (uint64_t row = 1; row <= 3; row++)
		sink_place_erase(place, row);
	sinks = folder_start(place);
	assert_true(sink_place_told(place, 3));
	sinks_stop(sinks);
	assert_int_equal(access(left, F_OK), 0);
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_REQUESTED);
	assert_int_equal(sink_place_outcome(place, 2), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	assert_int_equal(sink_place_outcome(place, 3), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	assert_int_not_equal(access(moved, F_OK), 0);
	assert_non_null(strstr(sink_place_log(place), "event=sink.moved sink=registry from="));
	free(moved);
	free(moves);
	free(left);
	free(former);
}

/* Nor by a program that has taken the folder's place. */
static void what_a_former_folder_holds_no_program_has_erased(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = sink_place_options(place, SINK_PROGRAM);
	struct sinks *sinks = folder_start(place);

	sink_place_add(place, 1);
	sinks_wake(sinks);
	assert_true(sink_place_reaches(place, 1));
	sinks_stop(sinks);
	options.path = "/bin/true";
	options.erases = SINK_ERASES_YES;
	sinks = sink_place_start(place, &options);
	sink_place_add(place, 2);
	sinks_wake(sinks);
	assert_true(sink_place_reaches(place, 2));
	sinks_stop(sinks);
	sink_place_erase(place, 1);
	sink_place_erase(place, 2);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_told(place, 2));
	sinks_stop(sinks);
	assert_true(there(place, FIRST));
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_REQUESTED);
	assert_int_equal(sink_place_outcome(place, 2), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
}

static void another_spelling_is_no_other_folder(void **state)
{
	struct sink_place *place = *state;
	char *spelt = memory_format("%s/../%s", place->path, strrchr(place->path, '/') + 1);
	struct sink_options options = sink_place_options(place, SINK_FOLDER);
	char *path = memory_format("%s/" FIRST, place->path);
	struct sinks *sinks;

	sink_place_add(place, 1);
	sinks = folder_start(place);
	assert_true(sink_place_reaches(place, 1));
	sinks_stop(sinks);
	assert_int_equal(unlink(path), 0); /* by a person, and it is gone all the same */
	sink_place_erase(place, 1);
	options.path = spelt;
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_told(place, 1));
	sinks_stop(sinks);
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	assert_null(strstr(sink_place_log(place), "sink.moved"));
	free(path);
	free(spelt);
}

/* Report 1 lies in the folder; then the disk under it is away, and report 1 is erased, and report 2 comes. */
static char *disk_goes(struct sink_place *place)
{
	char *disk = memory_format("%s/disk", place->folder);
	struct sinks *sinks;

	sink_place_add(place, 1);
	sinks = folder_start(place);
	assert_true(sink_place_reaches(place, 1));
	sinks_stop(sinks);
	assert_int_equal(rename(place->path, disk), 0);
	sink_place_erase(place, 1);
	sink_place_add(place, 2);
	return disk;
}

/* And comes back. */
static void disk_comes(struct sink_place *place, char *disk)
{
	rmdir(place->path);
	assert_int_equal(rename(disk, place->path), 0);
	free(disk);
}

/* What comes of both in the end. */
static void first_goes_second_comes(struct sink_place *place, Simpul__PurgeOutcome outcome)
{
	assert_true(sink_place_told(place, 1));
	assert_true(sink_place_reaches(place, 2));
	assert_int_equal(sink_place_outcome(place, 1), outcome);
	assert_false(there(place, FIRST));
	assert_true(there(place, "AMBER-army.oku-2.json"));
}

static void what_lies_on_a_disk_that_is_not_mounted_is_waited_for(void **state)
{
	struct sink_place *place = *state;
	const struct sink_options options = sink_place_options(place, SINK_FOLDER);
	char *disk = disk_goes(place);
	struct sinks *sinks = sink_place_start(place, &options);

	assert_true(sink_place_fails(sinks, "there is no such folder"));
	sinks_stop(sinks);
	sinks = folder_start(place); /* where it is mounted there is an empty one */
	assert_true(sink_place_fails(sinks, "is its disk mounted?"));
	sink_place_note(place);
	assert_false(there(place, "AMBER-army.oku-2.json"));
	assert_int_equal(sink_place_outcome(place, 1), 0);
	disk_comes(place, disk);
	first_goes_second_comes(place, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	sinks_stop(sinks);
	assert_null(strstr(sink_place_log(place), "sink.moved"));
}

/* Nor of another office's. */
static void another_disk_is_not_taken_for_the_one_of_before(void **state)
{
	struct sink_place *place = *state;
	char *disk = disk_goes(place), *mark = memory_format("%s/.simpul-sink", place->path);
	static const char other[] = "000102030405060708090a0b0c0d0e0f\n";
	struct sinks *sinks;

	mkdir(place->path, 0700);
	assert_int_equal(file_write(mark, BYTES(other, strlen(other)), 0600, NULL), E_OK);
	sinks = folder_start(place);
	assert_true(sink_place_fails(sinks, "is its disk mounted?"));
	assert_false(there(place, "AMBER-army.oku-2.json"));
	assert_int_equal(unlink(mark), 0);
	disk_comes(place, disk);
	first_goes_second_comes(place, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	sinks_stop(sinks);
	free(mark);
}

/* Whose disk is lost says so with an empty mark. */
static void a_new_folder_is_used_when_a_person_says_so(void **state)
{
	struct sink_place *place = *state;
	char *disk = disk_goes(place), *mark = memory_format("%s/.simpul-sink", place->path);
	struct sinks *sinks;

	mkdir(place->path, 0700);
	assert_int_equal(file_write(mark, BYTES("", 0), 0600, NULL), E_OK);
	sinks = folder_start(place);
	first_goes_second_comes(place, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_REQUESTED);
	sinks_stop(sinks);
	assert_non_null(strstr(sink_place_log(place), "event=sink.moved sink=registry from="));
	free(mark);
	free(disk);
}

/* The agent is killed when the folder has its mark and the store does not know of it. */
static void a_persons_word_holds_though_the_store_did_not_hear_of_it(void **state)
{
	struct sink_place *place = *state;
	char *disk = disk_goes(place), *mark = memory_format("%s/.simpul-sink", place->path);
	struct stat given = {.st_size = 0};
	struct letter *next, *letter;
	struct sinks *sinks;

	mkdir(place->path, 0700);
	assert_int_equal(file_write(mark, BYTES("", 0), 0600, NULL), E_OK);
	sinks = folder_start(place);
	for (int i = 0; i < 500 && given.st_size == 0; i++) {
		sleep_ms(10);
		assert_int_equal(stat(mark, &given), 0);
	}
	sinks_stop(sinks);
	for (letter = mailbox_take_all(place->letters); letter != NULL; letter = next) {
		next = letter->next;
		free(letter);
	}
	sinks = folder_start(place);
	first_goes_second_comes(place, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_REQUESTED);
	sinks_stop(sinks);
	free(mark);
	free(disk);
}

/* Whichever of them comes first. */
static void a_persons_word_is_for_all_sinks_of_the_folder(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options[] = {sink_place_options(place, SINK_FOLDER),
					 sink_place_options(place, SINK_FOLDER)};
	char *disk = memory_format("%s/disk", place->folder), *mark = memory_format("%s/.simpul-sink", place->path);

	options[1].name = "other";
	for (uint64_t row = 1; row <= 2; row++) {
		mkdir(place->path, 0700);
		if (row == 2)
			assert_int_equal(file_write(mark, BYTES("", 0), 0600, NULL), E_OK);
		sink_place_add(place, row);
		for (size_t i = 0; i < 2; i++) {
			struct sinks *sinks = sink_place_start(place, &options[i]);
			uint64_t at = 0, unsure;

			for (int wait = 0; wait < 500 && at < row; wait++) {
				sleep_ms(10);
				sink_place_note(place);
				assert_int_equal(
					store_sink_position(&place->store, options[i].name, &at, &unsure, NULL), E_OK);
			}
			assert_int_equal(at, row);
			sinks_stop(sinks);
			sink_place_note(place);
		}
		if (row == 1)
			assert_int_equal(rename(place->path, disk), 0);
	}
	free(mark);
	free(disk);
}

static void a_folder_that_moves_with_its_files_is_the_same(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = sink_place_options(place, SINK_FOLDER);
	char *moved = disk_goes(place), *file = memory_format("%s/" FIRST, moved);
	struct sinks *sinks;

	assert_int_equal(unlink(file), 0); /* by a person, and it is gone all the same */
	options.path = moved;
	for (int start = 0; start < 2; start++) { /* also when that was noted */
		sinks = sink_place_start(place, &options);
		assert_true(sink_place_reaches(place, 2));
		sinks_stop(sinks);
	}
	assert_true(sink_place_told(place, 1));
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	assert_null(strstr(sink_place_log(place), "sink.moved"));
	free(file);
	free(moved);
}

/* Programs that take all files out of it do not stop it. */
static void a_mark_that_is_taken_away_comes_again_while_the_folder_stays(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks = folder_start(place);
	char *mark = memory_format("%s/.simpul-sink", place->path);

	for (uint64_t row = 1; row <= 2; row++) {
		sink_place_add(place, row);
		sinks_wake(sinks);
		assert_true(sink_place_reaches(place, row));
		assert_int_equal(access(mark, F_OK), 0);
		assert_int_equal(unlink(mark), 0);
	}
	sinks_stop(sinks);
	free(mark);
}

/* Nor while the disk has no room for it. */
static void a_mark_that_is_taken_away_comes_again_when_there_is_room(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks = folder_start(place);
	char *mark = memory_format("%s/.simpul-sink", place->path);
	struct rlimit all, little;
	bool failed;

	sink_place_add(place, 1);
	sinks_wake(sinks);
	assert_true(sink_place_reaches(place, 1));
	sink_place_add(place, 2);
	assert_int_equal(unlink(mark), 0);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	little = (struct rlimit){.rlim_cur = 8, .rlim_max = all.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	sinks_wake(sinks);
	failed = sink_place_fails(sinks, "cannot be written");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_true(failed);
	assert_true(sink_place_reaches(place, 2));
	sinks_stop(sinks);
	free(mark);
}

/* The sink may hold a file of it for a moment longer. */
static bool disk_unmounts(const char *path)
{
	for (int i = 0; i < 500; i++) {
		if (umount(path) == 0)
			return true;
		sleep_ms(10);
	}
	return false;
}

/* Though it comes to the same device, and numbers its folders in the same way. */
static void another_disk_in_the_place_of_one_gets_no_mark(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = sink_place_options(place, SINK_FOLDER);
	char *inner = memory_format("%s/received", place->path), *mark = memory_format("%s/.simpul-sink", inner);
	struct sinks *sinks = NULL;
	bool mounted = mounts_private();

	options.path = inner;
	mkdir(place->path, 0700);
	for (uint64_t row = 1; row <= 2 && mounted; row++) {
		mounted = mount("tmpfs", place->path, "tmpfs", 0, NULL) == 0;
		mkdir(inner, 0700);
		sink_place_add(place, row);
		if (!mounted || row == 2)
			break;
		sinks = sink_place_start(place, &options);
		assert_true(sink_place_reaches(place, 1));
		assert_true(disk_unmounts(place->path));
	}
	if (mounted) {
		sink_place_erase(place, 1);
		sinks_wake(sinks);
		assert_true(sink_place_fails(sinks, "is its disk mounted?"));
		sink_place_note(place);
		assert_int_equal(sink_place_outcome(place, 1), 0);
		assert_int_not_equal(access(mark, F_OK), 0);
		disk_unmounts(place->path);
	}
	sinks_stop(sinks);
	free(mark);
	free(inner);
	if (!mounted)
		skip();
}

static void lines_get_an_event_that_a_person_sees_to(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = sink_place_options(place, SINK_JSONL);
	struct sinks *sinks;
	struct buffer text = {0};

	options.erases = SINK_ERASES_MANUAL;
	sink_place_add(place, 1);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 1));
	sink_place_erase(place, 1);
	sinks_wake(sinks);
	assert_true(sink_place_told(place, 1));
	sinks_stop(sinks);
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_REQUESTED);
	assert_int_equal(file_read(place->path, 1 << 20, &text, NULL), E_OK);
	buffer_u8(&text, 0);
	assert_non_null(strstr((const char *)text.data, "\n{\"label\":\"AMBER\",\"event\":\"erase\",\"name\":"
							"\"army.oku#1\",\"trust\":\"good\",\"rule\":\"retracted\","
							"\"erased_at\":"));
	buffer_free(&text);
}

/* ------------------------------------------------------------------ what was handed on */

/* Which it was given when it might have that; what it never had within any limits of its own it is not told of. */
static void a_copy_from_before_the_limits_were_narrowed_is_asked_back(void **state)
{
	struct sink_place *place = *state;
	const struct test_report red = {.name = {"army.oku", 1, 0, 2}, .label = SIMPUL__LABEL__LABEL_RED};
	struct sink_options options = sink_place_options(place, SINK_FOLDER);
	struct sinks *sinks;

	mkdir(place->path, 0700);
	sink_place_add(place, 1);
	test_inbox_add(&place->store, &red, TRUST_GOOD, 1);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 2));
	sinks_stop(sinks);
	assert_true(there(place, FIRST));
	options.ceiling = SIMPUL__LABEL__LABEL_GREEN;
	options.statuses = SINK_STATUS(SIMPUL__STATUS__STATUS_EXERCISE);
	for (uint64_t start = 0; start < 2; start++) { /* also after it was served under the narrower ones */
		sink_place_add(place, 3 + start);
		sinks = sink_place_start(place, &options);
		assert_true(sink_place_reaches(place, 3 + start));
		sinks_stop(sinks);
	}
	sink_place_erase(place, 1);
	sink_place_erase(place, 2);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_told(place, 2));
	sinks_stop(sinks);
	assert_false(there(place, FIRST));
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	assert_int_equal(sink_place_outcome(place, 2), 0);
}

/* A sink that cannot erase is given nobody; nor is it asked back what it was not given, nor UNKNOWN to the origin. */
static void what_a_sink_may_not_have_for_it_cannot_erase_is_not_asked_back(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = sink_place_options(place, SINK_FOLDER);
	struct sinks *sinks;

	options.erases = SINK_ERASES_NO;
	mkdir(place->path, 0700);
	sink_place_add(place, 1);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 1));
	sink_place_erase(place, 1);
	sinks_wake(sinks);
	assert_true(sink_place_told(place, 1));
	sinks_stop(sinks);
	assert_int_equal(sink_place_outcome(place, 1), 0);
}

/* ... but what it was given when it could; that it is gone there as well it does not say any more. */
static void what_a_sink_was_given_when_it_could_erase_is_asked_back(void **state)
{
	struct sink_place *place = *state;
	struct sink_options options = sink_place_options(place, SINK_FOLDER);
	struct sinks *sinks = folder_start(place);

	sink_place_add(place, 1);
	sinks_wake(sinks);
	assert_true(sink_place_reaches(place, 1));
	sinks_stop(sinks);
	options.erases = SINK_ERASES_NO;
	sink_place_erase(place, 1);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_told(place, 1));
	sinks_stop(sinks);
	assert_false(there(place, FIRST));
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNKNOWN);
}

/* The one before it never was handed on: nobody waits for that because the next fails. */
static void an_event_that_fails_holds_up_no_word_about_those_before_it(void **state)
{
	struct sink_place *place = *state;
	const struct test_report red = {.name = {"army.oku", 1, 0, 1}, .label = SIMPUL__LABEL__LABEL_RED};
	struct sink_options options = sink_place_options(place, SINK_PROGRAM);
	const char *const args[] = {"-c", "test $SIMPUL_EVENT = report"};
	struct sinks *sinks;

	options.path = "/bin/sh";
	options.args = args;
	options.arg_count = 2;
	test_inbox_add(&place->store, &red, TRUST_GOOD, 1);
	sink_place_add(place, 2);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 2));
	test_sql(&place->store, "BEGIN");
	sink_place_erase(place, 1);
	sink_place_erase(place, 2);
	test_sql(&place->store, "COMMIT");
	sinks_wake(sinks);
	assert_true(sink_place_fails(sinks, "its exit status was 1"));
	assert_true(sink_place_told(place, 1));
	sinks_stop(sinks);
}

static void what_was_erased_before_its_turn_is_never_handed_on_nor_asked_back(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks;

	for (uint64_t i = 1; i <= 3; i++)
		sink_place_add(place, i);
	sink_place_erase(place, 2);
	sink_place_erase(place, 1);
	sinks = folder_start(place);
	assert_true(sink_place_reaches(place, 3));
	sinks_stop(sinks);
	assert_false(there(place, FIRST));
	assert_false(there(place, "AMBER-army.oku-2.json"));
	assert_true(there(place, "AMBER-army.oku-3.json"));
	assert_int_equal(sink_place_outcome(place, 1), 0);
	assert_int_equal(sink_place_outcome(place, 2), 0);
}

/* The agent was killed after the file was written, and before that was noted. */
static void a_copy_that_nobody_noted_goes_too(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks;

	for (uint64_t i = 1; i <= 3; i++)
		sink_place_add(place, i);
	sinks = folder_start(place);
	assert_true(sink_place_reaches(place, 3));
	sinks_stop(sinks);
	test_sql(&place->store, "UPDATE sink SET row = 1");
	sink_place_erase(place, 2);
	sinks = folder_start(place);
	assert_true(sink_place_told(place, 1));
	sinks_stop(sinks);
	assert_false(there(place, "AMBER-army.oku-2.json"));
}

/* The same of the very first that the sink was ever given. */
static void a_first_copy_that_nobody_noted_goes_too(void **state)
{
	struct sink_place *place = *state;
	struct sinks *sinks;
	struct letter *next, *letter;

	sink_place_add(place, 1);
	sinks = folder_start(place);
	for (int i = 0; i < patient_ms(10000) / 10 && !there(place, FIRST); i++)
		sleep_ms(10);
	sinks_stop(sinks);
	assert_true(there(place, FIRST));
	for (letter = mailbox_take_all(place->letters); letter != NULL; letter = next) {
		next = letter->next;
		free(letter);
	}
	sink_place_erase(place, 1);
	sinks = folder_start(place);
	assert_true(sink_place_told(place, 1));
	sinks_stop(sinks);
	assert_false(there(place, FIRST));
}

/* Some lines are in the file when the disk is full, and the page counts as not handed on. */
static void lines_that_are_there_though_it_failed_get_their_event(void **state)
{
	enum { LINES = 64, BEFORE = 4 << 20, ROOM = 8 << 10 }; /* the store stays below that */
	struct sink_place *place = *state;
	const struct sink_options options = sink_place_options(place, SINK_JSONL);
	struct rlimit all, little;
	struct sinks *sinks;
	int fd;

	fd = open(place->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(pwrite(fd, "\n", 1, BEFORE - 1), 1);
	close(fd);
	for (uint64_t i = 1; i <= LINES; i++)
		sink_place_add(place, i);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	little = (struct rlimit){.rlim_cur = BEFORE + ROOM, .rlim_max = all.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_fails(sinks, "File too large"));
	sink_place_erase(place, 1);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_true(sink_place_told(place, 1));
	sinks_stop(sinks);
	assert_int_equal(sink_place_outcome(place, 1), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
}

/* What becomes of the first report with a sink of these options. */
static uint64_t outcome_with(struct sink_place *place, const struct sink_options *options)
{
	struct sinks *sinks;

	sink_place_add(place, 1);
	sinks = sink_place_start(place, options);
	assert_true(sink_place_reaches(place, 1));
	sink_place_erase(place, 1);
	sinks_wake(sinks);
	assert_true(sink_place_told(place, 1));
	sinks_stop(sinks);
	return sink_place_outcome(place, 1);
}

static void a_sink_that_may_not_have_it_is_not_told(void **state)
{
	struct sink_options options = sink_place_options(*state, SINK_JSONL);

	options.ceiling = SIMPUL__LABEL__LABEL_GREEN;
	assert_int_equal(outcome_with(*state, &options), 0);
}

/* ------------------------------------------------------------------ programs */

static struct sink_options script(struct sink_place *place, const char *body)
{
	char *text = memory_format("#!/bin/sh\ncd %s\n[ $SIMPUL_EVENT = report ] && exit 0\n%s", place->folder, body);

	assert_int_equal(file_write(place->path, BYTES(text, strlen(text)), 0700, NULL), E_OK);
	free(text);
	return sink_place_options(place, SINK_PROGRAM);
}

/* What becomes of the first report with a program that does this. */
static uint64_t program_outcome(struct sink_place *place, const char *body, enum sink_erases erases)
{
	struct sink_options options = script(place, body);

	options.erases = erases;
	return outcome_with(place, &options);
}

static void a_program_is_told_what_and_why(void **state)
{
	assert_int_equal(
		program_outcome(*state, "echo $SIMPUL_EVENT $SIMPUL_NAME >said; cut -c-52 >>said", SINK_ERASES_YES),
		SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	file_is(*state, "said", "erase army.oku#1\n{\"label\":\"AMBER\",\"event\":\"erase\",\"name\":\"army.oku#1\"\n");
}

static void a_program_that_asks_a_person_has_not_erased(void **state)
{
	assert_int_equal(program_outcome(*state, "exit 0", SINK_ERASES_MANUAL),
			 SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_REQUESTED);
}

static void what_a_law_keeps_is_held_until_then(void **state)
{
	struct sink_place *place = *state;
	sqlite3_stmt *get;

	assert_int_equal(program_outcome(place,
					 "echo '{\"held\": {\"code\": \"UU-6-2011-72\", \"number\": \"12/2026\", "
					 "\"until\": \"2027-01-01T00:00:00Z\"}}'",
					 SINK_ERASES_YES),
			 SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD);
	get = store_statement(&place->store, "SELECT code, number, until FROM purge_sink");
	assert_int_equal(sqlite3_step(get), SQLITE_ROW);
	assert_string_equal(column_text(get, 0), "UU-6-2011-72");
	assert_string_equal(column_text(get, 1), "12/2026");
	assert_true(column_number(get, 2) == UINT64_C(1798761600000));
	sqlite3_reset(get);
}

static void what_is_held_is_heard_from_a_program_that_leaves_another_behind(void **state)
{
	struct sink_options options = script(*state, "sleep 300 &\necho '{\"held\": {\"code\": \"UU-6-2011-72\","
						     " \"until\": \"2027-01-01T00:00:00Z\"}}'");

	options.seconds = 2;
	assert_int_equal(outcome_with(*state, &options), SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD);
}

static void an_endless_answer_is_none(void **state)
{
	assert_int_equal(program_outcome(*state, "head -c 100000 /dev/zero; exit 0", SINK_ERASES_YES),
			 SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
}

/* Nor does its program end by a signal, at every attempt, because nobody reads on. */
static void a_program_that_says_much_is_heard_to_its_end(void **state)
{
	assert_int_equal(program_outcome(*state, "exec head -c 1000000 /dev/zero", SINK_ERASES_YES),
			 SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
}

static void a_program_that_cannot_now_is_told_again(void **state)
{
	assert_int_equal(program_outcome(*state, "[ -e once ] && exit 0; touch once; exit 75", SINK_ERASES_YES),
			 SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
}

/* What many reports expiring at once has a program do may take it hours. */
static void an_alert_does_not_wait_for_all_that_is_to_be_erased(void **state)
{
	struct sink_place *place = *state;
	const char text[] = "#!/bin/sh\necho $SIMPUL_EVENT $SIMPUL_NAME >>\"${0%/*}/said\"\n";
	const struct sink_options options = sink_place_options(place, SINK_PROGRAM);
	struct sinks *sinks;
	char *said;

	assert_int_equal(file_write(place->path, BYTES(text, strlen(text)), 0700, NULL), E_OK);
	for (uint64_t i = 1; i <= 12; i++)
		sink_place_add(place, i);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, 12));
	sinks_stop(sinks);
	for (uint64_t i = 1; i <= 12; i++)
		sink_place_erase(place, i);
	sink_place_add(place, 13);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_told(place, 12));
	assert_true(sink_place_reaches(place, 13));
	sinks_stop(sinks);
	said = sink_place_file(place, "said");
	assert_non_null(strstr(said, "erase army.oku#12\n"));
	assert_non_null(strstr(said, "report army.oku#13\n"));
	assert_true(strstr(said, "report army.oku#13\n") < strstr(said, "erase army.oku#12\n"));
	free(said);
}

static void a_report_that_fails_holds_up_no_erasure(void **state)
{
	enum { MANY = 40 };
	struct sink_place *place = *state;
	const char text[] = "#!/bin/sh\n[ \"$SIMPUL_EVENT $SIMPUL_NAME\" != 'report army.oku#41' ]\n";
	struct sink_options options = sink_place_options(place, SINK_PROGRAM);
	struct sinks *sinks;

	assert_int_equal(file_write(place->path, BYTES(text, strlen(text)), 0700, NULL), E_OK);
	for (uint64_t i = 1; i <= MANY; i++)
		sink_place_add(place, i);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_reaches(place, MANY));
	sinks_stop(sinks);
	for (uint64_t i = 1; i <= MANY; i++)
		sink_place_erase(place, i);
	sink_place_add(place, MANY + 1);
	sinks = sink_place_start(place, &options);
	assert_true(sink_place_told(place, MANY));
	assert_true(sink_place_fails(sinks, "its exit status was 1"));
	sinks_stop(sinks);
}

static void what_is_held_under_no_law_or_for_ever_is_not_held(void **state)
{
	static const char *const bad[] = {
		"",
		"null",
		"{}",
		"{\"held\": {}}",
		"{\"held\": {\"code\": \"UU-1\"}}",
		"{\"held\": {\"code\": \"a free text\", \"until\": \"2027-01-01T00:00:00Z\"}}",
		"{\"held\": {\"code\": \"UU-1\", \"number\": \"ANNA MARIA\", \"until\": \"2027-01-01T00:00:00Z\"}}",
		"{\"held\": {\"code\": \"UU-1\", \"until\": \"never\"}}",
		"{\"held\": {\"code\": 7, \"until\": \"2027-01-01T00:00:00Z\"}}",
		"{\"held\": {\"code\": \"UU-1\", \"until\": \"2027-01-01T00:00:00Z\"}} {}"};
	struct sink_outcome outcome;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(sink_held_read(BYTES(bad[i], strlen(bad[i])), &outcome));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sink_place_begin, sink_place_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_file_of_a_report_goes_and_what_a_kill_left_of_it),
		TEST(a_folder_that_others_empty_says_what_it_declares_and_not_erased),
		TEST(the_file_of_what_was_no_more_than_an_exercise_goes),
		TEST(a_file_that_was_left_in_another_folder_is_not_said_to_be_erased),
		TEST(what_a_former_folder_holds_no_program_has_erased),
		TEST(another_spelling_is_no_other_folder),
		TEST(what_lies_on_a_disk_that_is_not_mounted_is_waited_for),
		TEST(another_disk_is_not_taken_for_the_one_of_before),
		TEST(a_new_folder_is_used_when_a_person_says_so),
		TEST(a_persons_word_holds_though_the_store_did_not_hear_of_it),
		TEST(a_persons_word_is_for_all_sinks_of_the_folder),
		TEST(a_folder_that_moves_with_its_files_is_the_same),
		TEST(a_mark_that_is_taken_away_comes_again_while_the_folder_stays),
		TEST(a_mark_that_is_taken_away_comes_again_when_there_is_room),
		TEST(another_disk_in_the_place_of_one_gets_no_mark),
		TEST(lines_get_an_event_that_a_person_sees_to),
		TEST(a_copy_from_before_the_limits_were_narrowed_is_asked_back),
		TEST(what_a_sink_may_not_have_for_it_cannot_erase_is_not_asked_back),
		TEST(what_a_sink_was_given_when_it_could_erase_is_asked_back),
		TEST(an_event_that_fails_holds_up_no_word_about_those_before_it),
		TEST(what_was_erased_before_its_turn_is_never_handed_on_nor_asked_back),
		TEST(a_copy_that_nobody_noted_goes_too),
		TEST(a_first_copy_that_nobody_noted_goes_too),
		TEST(lines_that_are_there_though_it_failed_get_their_event),
		TEST(a_sink_that_may_not_have_it_is_not_told),
		TEST(a_program_is_told_what_and_why),
		TEST(a_program_that_asks_a_person_has_not_erased),
		TEST(what_a_law_keeps_is_held_until_then),
		TEST(what_is_held_is_heard_from_a_program_that_leaves_another_behind),
		TEST(an_endless_answer_is_none),
		TEST(a_program_that_says_much_is_heard_to_its_end),
		TEST(a_program_that_cannot_now_is_told_again),
		TEST(an_alert_does_not_wait_for_all_that_is_to_be_erased),
		TEST(a_report_that_fails_holds_up_no_erasure),
		cmocka_unit_test(what_is_held_under_no_law_or_for_ever_is_not_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
