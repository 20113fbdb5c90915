/* Tries to break what intake.h promises; the test stands in for the loop, and for the thread and its clock. */
#include "agents/intake/intake.h"
#include "agents/intake/intake_file.h"
#include "agents/intake/intake_folder.h"
#include "agents/reports/outbox.h"
#include "agents/reports/store_progress.h"
#include "common/file.h"
#include "common/log.h"
#include "common/memory.h"
#include "tests/support/process.h"
#include "tests/support/xlsx.h"
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define PROFILE_OF(more) \
	"format: csv\nseparator: \";\"\n" \
	"defaults: {label: AMBER, purpose: law-enforcement, region: \"16.01\", expires_days: 30}\n" \
	"zone: \"+07:00\"\n" \
	"fixed: [{field: category, value: other}, {field: sighting.assertion, value: fact}]\n" \
	"columns: [{column: T, field: sighting.first_seen, required: true}, {column: N, field: sighting.count" more \
	"}]\n"
#define PROFILE PROFILE_OF("")
#define ONE "T;N\n21/11/2026 10:00;1\n"
#define TWO "T;N\n21/11/2026 10:00;1\n21/11/2026 10:00;2\n"
#define ONE_A_WORD "T;N\n21/11/2026 10:00;1\n21/11/2026 10:00;dua\n"
#define HALF_BAD "T;N\n21/11/2026 10:00;1\nRAHASIA;2\n"

enum { SOON_MS = 5000, NEVER_MS = 60000 }; /* by the scene's clock */

/* A drop folder of its own for each test. */
struct scene {
	struct now now; /* the intake's; passes as fast as there is nothing to do */
	uid_t user;	/* as whom it reads files */
	char folder[64];
	struct profile *profile;
	const char *store_path;
	struct mailbox *to_loop;
	struct intake *intake;
	struct intake_folder options; /* but path and profile */
};

static void intake_begin(struct scene *scene)
{
	struct intake_folder folder = scene->options;

	folder.path = scene->folder;
	folder.profile = scene->profile;
	scene->intake = intake_new(&folder, 1, "police.oku", scene->store_path, NULL, scene->to_loop);
	assert_non_null(scene->intake);
}

static char *path_in(const struct scene *scene, const char *name)
{
	return memory_format("%s/%s", scene->folder, name);
}

static void profile_set(struct scene *scene, const char *text)
{
	char *path = path_in(scene, ".profile");
	struct fault fault;

	profile_free(scene->profile);
	assert_int_equal(file_write(path, BYTES(text, strlen(text)), 0600, &fault), E_OK);
	assert_int_equal(profile_load(path, &scene->profile, &fault), E_OK);
	free(path);
}

static int setup(void **state)
{
	struct scene *scene = memory_zero(1, sizeof(*scene));

	scene->now = clock_now();
	scene->user = geteuid();
	strcpy(scene->folder, "/tmp/intake-test-XXXXXX");
	assert_non_null(mkdtemp(scene->folder));
	profile_set(scene, PROFILE);
	scene->to_loop = mailbox_new();
	scene->options.settle_ms = 300; /* where nothing is said of it */
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;
	struct letter *letter, *next;

	intake_stop(scene->intake);
	for (letter = mailbox_take_all(scene->to_loop); letter != NULL; letter = next) {
		next = letter->next;
		intake_letter_free((struct intake_letter *)letter);
	}
	mailbox_free(scene->to_loop);
	profile_free(scene->profile);
	tree_remove(scene->folder);
	free(scene);
	return 0;
}

/* As a careful program drops a file: under another name, then renamed. */
static void drop_bytes(const struct scene *scene, const char *name, struct bytes content)
{
	char *path = path_in(scene, name);

	assert_int_equal(file_write(path, content, 0600, NULL), E_OK);
	free(path);
}

static void drop(const struct scene *scene, const char *name, const char *content)
{
	drop_bytes(scene, name, BYTES(content, strlen(content)));
}

/* Gives the intake one turn, and then the time until the next is due, but not beyond `until`. */
static void turn(struct scene *scene, steady_ms until)
{
	const int before = setfsuid(scene->user);
	steady_ms due = intake_turn(scene->intake, &scene->now);

	setfsuid(before);
	if (due <= scene->now.steady)
		due = scene->now.steady + 1;
	if (due > until)
		due = until;
	scene->now.wall += due - scene->now.steady;
	scene->now.steady = due;
}

/* The next letter within `ms`, NULL when none comes. */
static struct intake_letter *letter_within(struct scene *scene, int ms)
{
	const steady_ms until = scene->now.steady + (steady_ms)ms;
	struct letter *letter;

	do {
		turn(scene, until);
		letter = mailbox_take_all(scene->to_loop);
	} while (letter == NULL && scene->now.steady < until);
	if (letter != NULL)
		assert_null(letter->next);
	return (struct intake_letter *)letter;
}

static struct intake_letter *letter_wait(struct scene *scene)
{
	struct intake_letter *letter = letter_within(scene, SOON_MS);

	assert_non_null(letter);
	return letter;
}

static void answer(struct scene *scene, struct intake_letter *letter, enum error result)
{
	letter->result = result;
	intake_answer(scene->intake, letter);
}

/* An office with a store, which the intake asks. */
static void office_open(struct scene *scene, struct store *store)
{
	struct fault fault;

	scene->store_path = path_in(scene, ".agent.db");
	assert_int_equal(
		store_open(store, scene->store_path, NULL, (const uint8_t[EXCHANGE_SIZE]){1}, "police.oku", &fault),
		E_OK);
}

static void office_end(struct scene *scene, struct store *store)
{
	intake_stop(scene->intake);
	scene->intake = NULL;
	store_close(store);
	free((char *)(uintptr_t)scene->store_path);
}

/* What the loop does in one transaction with taking the lines. */
static void note_taken(struct store *store, const struct intake_letter *letter)
{
	assert_int_equal(store_take_file(store, &letter->identity, letter->file.rejected, clock_now().wall, NULL),
			 E_OK);
}

static void take(struct scene *scene, struct store *store, struct intake_letter *letter, size_t rejected)
{
	assert_int_equal(letter->file.rejected, rejected);
	note_taken(store, letter);
	answer(scene, letter, E_OK);
}

/* As a SIGHUP does after the profile was changed. */
static void profile_mend(struct scene *scene, const char *text)
{
	intake_stop(scene->intake);
	profile_set(scene, text);
	intake_begin(scene);
}

static bool exists(const struct scene *scene, const char *name)
{
	char *path = path_in(scene, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static void there_soon(struct scene *scene, const char *name)
{
	const steady_ms until = scene->now.steady + SOON_MS;

	while (!exists(scene, name) && scene->now.steady < until)
		turn(scene, until);
	if (!exists(scene, name))
		fail_msg("%s did not come", name);
}

static void gone_soon(struct scene *scene, const char *name)
{
	const steady_ms until = scene->now.steady + SOON_MS;

	while (exists(scene, name) && scene->now.steady < until)
		turn(scene, until);
	if (exists(scene, name))
		fail_msg("%s did not go", name);
}

static void assert_content(const struct scene *scene, const char *name, const char *content)
{
	char *path = path_in(scene, name);
	struct buffer there = {0};

	assert_int_equal(file_read(path, 65536, &there, NULL), E_OK);
	buffer_u8(&there, 0);
	assert_string_equal((const char *)there.data, content);
	buffer_free(&there);
	free(path);
}

/* ------------------------------------------------------------------ tests */

static void a_dropped_file_reaches_the_loop_and_then_done(void **state)
{
	struct scene *scene = *state;
	struct intake_letter *letter;

	intake_begin(scene);
	there_soon(scene, "done");
	drop(scene, "x.csv", TWO);
	letter = letter_wait(scene);
	assert_string_equal(letter->name, "x.csv");
	assert_string_equal(letter->folder, scene->folder);
	assert_int_equal(letter->file.count, 2);
	assert_true(exists(scene, "x.csv"));
	assert_false(exists(scene, "done/x.csv"));
	answer(scene, letter, E_OK);
	there_soon(scene, "done/x.csv");
	assert_false(exists(scene, "x.csv"));
	assert_content(scene, "done/x.csv", TWO);
	assert_null(letter_within(scene, NEVER_MS));
}

static void what_was_dropped_before_the_start_is_read(void **state)
{
	struct scene *scene = *state;

	scene->options.settle_ms = 0;
	drop(scene, "b.csv", ONE);
	drop(scene, "a.csv", TWO);
	intake_begin(scene);
	/* One at a time, in the order of their names. */
	for (size_t i = 0; i < 2; i++) {
		struct intake_letter *letter = letter_wait(scene);

		assert_string_equal(letter->name, i == 0 ? "a.csv" : "b.csv");
		assert_null(letter_within(scene, NEVER_MS));
		answer(scene, letter, E_OK);
	}
	there_soon(scene, "done/b.csv");
}

static void a_half_written_file_is_not_read(void **state)
{
	struct scene *scene = *state;
	char *path = path_in(scene, "slow.csv");
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	struct intake_letter *letter;

	assert_int_equal(write(fd, ONE, strlen(ONE)), strlen(ONE));
	scene->options.settle_ms = 0;
	intake_begin(scene);
	/* Longer than a file must be still: its writer only pauses. */
	assert_null(letter_within(scene, NEVER_MS));
	assert_int_equal(write(fd, "21/11/2026 10:00;2\n", 19), 19);
	close(fd);
	letter = letter_wait(scene);
	assert_int_equal(letter->file.count, 2);
	answer(scene, letter, E_OK);
	there_soon(scene, "done/slow.csv");
	free(path);
}

/* Opened, written and closed again and again, as some programs save. */
static void append_to(const struct scene *scene, const char *name, const char *text)
{
	char *path = path_in(scene, name);
	FILE *file = fopen(path, "a");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	free(path);
}

static void a_polled_file_is_read_once_it_has_been_still(void **state)
{
	struct scene *scene = *state;
	struct intake_letter *letter;

	scene->options.poll = true;
	scene->options.settle_ms = 3000;
	intake_begin(scene);
	there_soon(scene, "rejected");
	append_to(scene, "slow.csv", ONE);
	for (size_t i = 0; i < 4; i++) {
		assert_null(letter_within(scene, 2600)); /* looked at meanwhile, each 2 s */
		append_to(scene, "slow.csv", "21/11/2026 10:00;2\n");
	}
	letter = letter_within(scene, 2 * SOON_MS);
	assert_non_null(letter);
	assert_int_equal(letter->file.count, 5);
	answer(scene, letter, E_OK);
	there_soon(scene, "done/slow.csv");
}

static void how_long_a_found_file_must_be_still_is_the_folders_word(void **state)
{
	struct scene *scene = *state;
	struct intake_letter *letter;

	drop(scene, "x.csv", ONE);
	scene->options.settle_ms = 4500;
	intake_begin(scene);
	assert_null(letter_within(scene, 4000));
	letter = letter_wait(scene);
	answer(scene, letter, E_OK);
	there_soon(scene, "done/x.csv");
	/* Whose writer was seen to close it is not waited for. */
	drop(scene, "y.csv", ONE);
	letter = letter_within(scene, 3000);
	assert_non_null(letter);
	answer(scene, letter, E_OK);
	there_soon(scene, "done/y.csv");
}

static void network_file_systems_are_known(void **state)
{
	static const long remote[] = {0x6969, 0x517B, (int)0xFF534D42, 0xFE534D42, 0x65735546};
	static const long local[] = {0xEF53, 0x58465342, 0x9123683E, 0x01021994, 0x794C7630};

	(void)state;
	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++) {
		assert_true(file_system_remote(remote[i]));
		assert_false(file_system_remote(local[i]));
	}
	assert_false(folder_remote("/none"));
}

static void unfinished_names_links_and_folders_are_left_alone(void **state)
{
	static const char *const names[] = {".x.csv", "x.csv.tmp", "x.part", "~$x.csv", "x.csv~"};
	struct scene *scene = *state;
	char *link = path_in(scene, "link.csv"), *inner = path_in(scene, "sub.csv"), *pipe = path_in(scene, "pipe.csv");

	intake_begin(scene);
	there_soon(scene, "rejected");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		drop(scene, names[i], ONE);
	assert_int_equal(symlink(".x.csv", link), 0);
	assert_int_equal(mkdir(inner, 0700), 0);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_null(letter_within(scene, NEVER_MS));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert_true(exists(scene, names[i]));
	free(link);
	free(inner);
	free(pipe);
}

static void bad_lines_are_on_disk_before_the_good_ones_are_taken(void **state)
{
	struct scene *scene = *state;
	struct intake_letter *letter;

	drop(scene, "x.csv", HALF_BAD);
	intake_begin(scene);
	letter = letter_wait(scene);
	assert_int_equal(letter->file.count, 2);
	assert_int_equal(letter->file.rejected, 1);
	assert_content(scene, "rejected/x.csv",
		       "line;reason;T;N\n3;\"column \"\"T\"\": not a date and time as dd/mm/yyyy 21:40: a value does not "
		       "have the required form (INVALID)\";RAHASIA;2\n");
	answer(scene, letter, E_OK);
	there_soon(scene, "done/x.csv");
}

static void a_crash_between_steps_takes_no_line_twice(void **state)
{
	struct scene *scene = *state;
	struct intake_letter *letter;
	struct hash identity;

	drop(scene, "x.csv", HALF_BAD);
	intake_begin(scene);
	letter = letter_wait(scene);
	identity = letter->identity;
	/* The loop takes the lines, and then the agent dies: the intake never hears of it. */
	intake_stop(scene->intake);
	intake_letter_free(letter);
	assert_true(exists(scene, "x.csv"));
	intake_begin(scene);
	letter = letter_wait(scene);
	assert_true(hash_equal(&identity, &letter->identity));
	answer(scene, letter, E_EXISTS);
	there_soon(scene, "done/x.csv");
	assert_true(exists(scene, "rejected/x.csv"));
	assert_false(exists(scene, "rejected/x-1.csv"));
	assert_null(letter_within(scene, NEVER_MS));
}

static void an_answer_that_comes_with_the_stop_still_counts(void **state)
{
	struct scene *scene = *state;

	drop(scene, "x.csv", ONE);
	intake_begin(scene);
	answer(scene, letter_wait(scene), E_OK);
	intake_stop(scene->intake);
	scene->intake = NULL;
	assert_true(exists(scene, "done/x.csv"));
}

/* No turn is given here: the kernel's word and the answer wake it. */
static void the_thread_takes_its_turns_by_itself(void **state)
{
	struct scene *scene = *state;
	const struct intake_folder folder = {.path = scene->folder, .profile = scene->profile};
	struct pollfd letter = {.fd = mailbox_fd(scene->to_loop), .events = POLLIN};

	scene->intake = intake_start(&folder, 1, "police.oku", NULL, NULL, scene->to_loop);
	assert_non_null(scene->intake);
	for (int i = 0; i < SOON_MS && !exists(scene, "rejected"); i++)
		poll(NULL, 0, 1);
	drop(scene, "x.csv", ONE);
	assert_int_equal(poll(&letter, 1, SOON_MS), 1);
	answer(scene, (struct intake_letter *)mailbox_take_all(scene->to_loop), E_OK);
	for (int i = 0; i < SOON_MS && !exists(scene, "done/x.csv"); i++)
		poll(NULL, 0, 1);
	assert_true(exists(scene, "done/x.csv"));
}

static void an_unreadable_file_is_rejected_with_a_reason(void **state)
{
	struct scene *scene = *state;

	drop(scene, "x.csv", "RAHASIA;1\n");
	intake_begin(scene);
	there_soon(scene, "rejected/x.csv");
	assert_content(scene, "rejected/x.csv", "RAHASIA;1\n");
	assert_content(scene, "rejected/x.csv.reason.txt",
		       "column \"T\" is missing (MISSING)\n");
	assert_false(exists(scene, "x.csv"));
	assert_null(letter_within(scene, NEVER_MS));
}

static void nothing_that_was_put_away_is_overwritten(void **state)
{
	static const char *const contents[] = {ONE, TWO, HALF_BAD "RAHASIA;3\n", HALF_BAD};
	struct scene *scene = *state;

	intake_begin(scene);
	there_soon(scene, "rejected");
	for (size_t i = 0; i < 4; i++) {
		static const char *const done[] = {"done/x.csv", "done/x-1.csv", "done/x-2.csv", "done/x-3.csv"};

		drop(scene, "x.csv", contents[i]);
		answer(scene, letter_wait(scene), E_OK);
		there_soon(scene, done[i]);
		assert_content(scene, done[i], contents[i]);
	}
	assert_true(exists(scene, "rejected/x.csv"));
	assert_true(exists(scene, "rejected/x-1.csv"));
	assert_false(exists(scene, "rejected/x-2.csv"));
}

static void a_full_disk_leaves_the_file_and_is_tried_again(void **state)
{
	struct scene *scene = *state;
	struct intake_letter *letter;
	struct hash identity;

	drop(scene, "x.csv", ONE);
	intake_begin(scene);
	letter = letter_wait(scene);
	identity = letter->identity;
	answer(scene, letter, E_DISK_FULL);
	assert_null(letter_within(scene, 3000));
	assert_true(exists(scene, "x.csv"));
	letter = letter_wait(scene);
	assert_true(hash_equal(&identity, &letter->identity));
	answer(scene, letter, E_OK);
	there_soon(scene, "done/x.csv");
}

static void a_file_that_takes_the_place_of_one_under_way_is_read_too(void **state)
{
	struct scene *scene = *state;
	struct intake_letter *letter;

	drop(scene, "x.csv", ONE);
	intake_begin(scene);
	letter = letter_wait(scene);
	drop(scene, "x.csv", TWO);
	assert_null(letter_within(scene, 100)); /* and the kernel told of it */
	answer(scene, letter, E_OK);
	letter = letter_wait(scene);
	assert_int_equal(letter->file.count, 2);
	answer(scene, letter, E_OK);
	there_soon(scene, "done/x.csv");
	assert_content(scene, "done/x.csv", TWO);
}

static void a_file_that_cannot_be_read_does_not_stop_the_others(void **state)
{
	struct scene *scene = *state;
	struct intake_letter *letter;

	drop(scene, "a.csv", ONE);
	drop(scene, "b.csv", TWO);
	intake_begin(scene);
	letter = letter_wait(scene);
	assert_string_equal(letter->name, "a.csv");
	answer(scene, letter, E_IO);
	letter = letter_within(scene, 2 * SOON_MS);
	assert_non_null(letter);
	assert_string_equal(letter->name, "b.csv");
	answer(scene, letter, E_OK);
	letter = letter_wait(scene);
	assert_string_equal(letter->name, "a.csv");
	answer(scene, letter, E_OK);
	there_soon(scene, "done/a.csv");
}

static void a_line_that_the_outbox_refuses_costs_that_line_only(void **state)
{
	struct scene *scene = *state;
	struct intake_letter *letter;

	drop(scene, "x.csv", HALF_BAD "21/11/2026 10:00;3\n21/11/2026 10:00;4\n");
	intake_begin(scene);
	letter = letter_wait(scene);
	assert_int_equal(letter->file.rejected, 1);
	fault_at(&letter->fault, E_RECIPIENT_UNKNOWN, "reports[1].to[0]");
	answer(scene, letter, E_RECIPIENT_UNKNOWN);
	letter = letter_wait(scene);
	assert_int_equal(letter->file.rejected, 2);
	assert_non_null(letter->file.lines[0].prepared);
	assert_null(letter->file.lines[2].prepared);
	assert_non_null(letter->file.lines[3].prepared);
	assert_string_equal(letter->file.lines[2].fault.field, "to[0]");
	answer(scene, letter, E_OK);
	there_soon(scene, "done/x.csv");
	/* Each bad line stands in one file, whichever it is called. */
	assert_false(exists(scene, "rejected/x.csv"));
	assert_content(
		scene, "rejected/x-1.csv",
		"line;reason;T;N\n3;\"column \"\"T\"\": not a date and time as dd/mm/yyyy 21:40: a value does not have "
		"the required form (INVALID)\";RAHASIA;2\n"
		"4;\"to[0]: a named recipient does not exist (RECIPIENT_UNKNOWN)\";21/11/2026 10:00;3\n");
}

static void a_file_that_the_outbox_refuses_is_rejected_as_a_whole(void **state)
{
	struct scene *scene = *state;
	struct intake_letter *letter;

	drop(scene, "x.csv", TWO);
	intake_begin(scene);
	letter = letter_wait(scene);
	fault_at(&letter->fault, E_TOO_LARGE, "reports");
	answer(scene, letter, E_TOO_LARGE);
	there_soon(scene, "rejected/x.csv");
	assert_content(scene, "rejected/x.csv.reason.txt",
		       "reports: a size, length or count is above its limit (TOO_LARGE)\n");
	assert_null(letter_within(scene, NEVER_MS));
}

/* ---- files that are dropped again */

/* The profile knows the word of the second line by now; it was seen there, and perhaps corrected and dropped. */
static void what_came_back_from_a_file_is_not_taken_when_it_is_dropped_again(void **state)
{
	struct scene *scene = *state;
	char *rejected = path_in(scene, "rejected/x.csv"), *again = path_in(scene, "again.csv");
	struct store store;

	office_open(scene, &store);
	intake_begin(scene);
	there_soon(scene, "rejected");
	drop(scene, "x.csv", ONE_A_WORD);
	take(scene, &store, letter_wait(scene), 1);
	there_soon(scene, "done/x.csv");
	profile_mend(scene, PROFILE_OF(", map: [{from: dua, to: \"2\"}]"));
	drop(scene, "x.csv", ONE_A_WORD);
	there_soon(scene, "done/x-1.csv");
	assert_content(scene, "done/x-1.csv.reason.txt",
		       "taken before, with this name and this content: nothing of it is taken again.\n"
		       "Lines that came back then: 1. Drop the file in rejected/ that holds them, corrected, or as it is\n"
		       "where they are right by now; when that file is gone, these lines alone in a file of their own.\n");
	assert_null(letter_within(scene, NEVER_MS));
	assert_int_equal(rename(rejected, again), 0);
	take(scene, &store, letter_wait(scene), 0);
	there_soon(scene, "done/again.csv");
	free(rejected);
	free(again);
	office_end(scene, &store);
}

/* Who corrected it there and dropped that file would have it sent twice. */
static void a_line_that_was_taken_never_lies_among_those_that_came_back(void **state)
{
	struct scene *scene = *state;
	struct store store;

	office_open(scene, &store);
	intake_begin(scene);
	there_soon(scene, "rejected");
	drop(scene, "x.csv", TWO);
	take(scene, &store, letter_wait(scene), 0);
	there_soon(scene, "done/x.csv");
	profile_mend(scene, PROFILE_OF(", map: [{from: \"1\", to: satu}]"));
	drop(scene, "x.csv", TWO);
	there_soon(scene, "done/x-1.csv");
	assert_false(exists(scene, "done/x-1.csv.reason.txt"));
	assert_false(exists(scene, "rejected/x.csv"));
	assert_null(letter_within(scene, NEVER_MS));
	office_end(scene, &store);
}

static void a_crash_before_a_taken_file_is_put_away_leaves_what_came_back(void **state)
{
	struct scene *scene = *state;
	struct intake_letter *letter;
	struct store store;

	office_open(scene, &store);
	drop(scene, "x.csv", ONE_A_WORD);
	intake_begin(scene);
	letter = letter_wait(scene);
	note_taken(&store, letter);
	profile_mend(scene, PROFILE_OF(", map: [{from: dua, to: \"2\"}, {from: \"1\", to: satu}]"));
	intake_letter_free(letter);
	there_soon(scene, "done/x.csv");
	assert_true(exists(scene, "done/x.csv.reason.txt"));
	assert_true(exists(scene, "rejected/x.csv"));
	assert_false(exists(scene, "rejected/x-1.csv"));
	assert_null(letter_within(scene, NEVER_MS));
	office_end(scene, &store);
}

/* ---- workbooks */

static void a_workbook_is_taken_as_a_list_is(void **state)
{
	struct scene *scene = *state;
	struct intake_letter *letter;
	struct buffer content = {0};

	xlsx_make("T|N\n@46347.416666666664|=1\nRAHASIA|=2\n", &content);
	drop_bytes(scene, "x.xlsx", buffer_view(&content));
	intake_begin(scene);
	letter = letter_wait(scene);
	assert_string_equal(letter->name, "x.xlsx");
	assert_int_equal(letter->file.count, 2);
	assert_int_equal(letter->file.rejected, 1);
	assert_int_equal(letter->file.lines[1].line, 3);
	/* To be corrected in a program that knows CSV, and dropped again. */
	assert_content(scene, "rejected/x.csv",
		       "\xef\xbb\xbfline;reason;T;N\n3;\"column \"\"T\"\": not a date and time as dd/mm/yyyy 21:40: a "
		       "value does not have the required form (INVALID)\";RAHASIA;2\n");
	answer(scene, letter, E_OK);
	there_soon(scene, "done/x.xlsx");
	assert_false(exists(scene, "x.xlsx"));
	assert_false(exists(scene, "rejected/x.xlsx"));
	buffer_free(&content);
}

static void a_workbook_that_cannot_be_read_is_rejected_with_a_reason(void **state)
{
	struct scene *scene = *state;

	drop(scene, "x.xlsx", "PK, and then RAHASIA");
	intake_begin(scene);
	there_soon(scene, "rejected/x.xlsx");
	assert_content(
		scene, "rejected/x.xlsx.reason.txt",
		"a workbook that cannot be read, damaged or with a password: save it as CSV: a value does not have "
		"the required form (INVALID)\n");
	assert_null(letter_within(scene, NEVER_MS));
}

/* ---- updates and cancels */

#define JSON_PROFILE "format: json\nzone: \"+07:00\"\ndefaults: {label: CLEAR, expires_days: 30}\n"
#define CANCEL_OF(name) "{\"reference\": \"" name "\", \"cancel\": {\"reason\": \"wrong-person\"}}"

/* A folder of JSON files of an office whose outbox holds police.oku#1, AMBER. */
static void office_begin(struct scene *scene, struct store *store)
{
	struct arena arena;
	struct prepared prepared, *list = &prepared;
	struct report_name name;
	struct fault fault;
	const wall_ms now = clock_now().wall;
	char expires[TIME_TEXT_SIZE];
	json_t *draft = json_loads("{\"category\": \"wanted\", \"region\": \"16.01.14\", \"label\": \"AMBER\", "
				   "\"purpose\": \"law-enforcement\", \"to\": [\"army\"], "
				   "\"sighting\": {\"first_seen\": \"2026-11-20T10:00Z\", "
				   "\"count\": 1, \"assertion\": \"fact\"}}",
				   0, NULL);

	profile_set(scene, JSON_PROFILE);
	office_open(scene, store);
	arena_init(&arena);
	json_object_set_new(draft, "expires", json_string(time_text(expires, now + 30 * DAY_MS, 0)));
	assert_int_equal(
		draft_of_json(draft, profile_defaults(scene->profile), "police.oku", now, &arena, &prepared, &fault),
		E_OK);
	assert_int_equal(outbox_take(store, &list, NULL, 1, false, &name, &fault), E_OK);
	arena_fini(&arena);
	json_decref(draft);
}

static void a_dropped_cancel_takes_over_what_decides_the_audience(void **state)
{
	struct scene *scene = *state;
	struct intake_letter *letter;
	const struct prepared *cancel;
	struct store store;

	office_begin(scene, &store);
	drop(scene, "x.json",
	     "[" CANCEL_OF("police.oku#1") ", " CANCEL_OF("police.oku#2") ", " CANCEL_OF("army.oku#1") "]");
	intake_begin(scene);
	letter = letter_wait(scene);
	assert_int_equal(letter->file.count, 3);
	assert_int_equal(letter->file.rejected, 2);
	assert_int_equal(letter->file.lines[1].fault.code, E_REFERENCE_UNKNOWN);
	assert_int_equal(letter->file.lines[2].fault.code, E_NOT_ORIGIN);
	cancel = letter->file.lines[0].prepared;
	assert_non_null(cancel);
	assert_int_equal(cancel->header->kind, SIMPUL__KIND__KIND_CANCEL);
	assert_int_equal(cancel->header->about, SIMPUL__KIND__KIND_SIGHTING);
	assert_int_equal(cancel->header->label, SIMPUL__LABEL__LABEL_AMBER);
	assert_string_equal(cancel->header->category, "wanted");
	assert_string_equal(cancel->header->region, "16.01.14");
	assert_int_equal(cancel->routing->n_to, 1);
	answer(scene, letter, E_OK);
	there_soon(scene, "done/x.json");
	office_end(scene, &store);
}

static void an_outbox_that_cannot_be_read_rejects_nothing(void **state)
{
	struct scene *scene = *state;
	struct store store;

	office_begin(scene, &store);
	/* A number that is too large for SQLite is what it cannot read. */
	assert_int_equal(
		database_run(store.db,
			     "DROP VIEW outbox; CREATE VIEW outbox AS SELECT epoch, stream, number, 0 AS state,"
			     " 0 AS taken_at, 0 AS entry, 0 AS code, '' AS field, header, body, routing, erased_at, rule,"
			     " kind, reference, abs(-9223372036854775807 - number) AS source FROM outbox_report",
			     NULL),
		E_OK);
	intake_begin(scene);
	there_soon(scene, "rejected");
	drop(scene, "x.json", CANCEL_OF("police.oku#1"));
	assert_null(letter_within(scene, NEVER_MS));
	assert_true(exists(scene, "x.json"));
	assert_false(exists(scene, "rejected/x.json"));
	office_end(scene, &store);
}

/* ---- expiry */

static void age(const struct scene *scene, const char *name, unsigned days)
{
	char *path = path_in(scene, name);
	const struct timespec time = {.tv_sec = (time_t)(clock_now().wall / 1000) - (time_t)days * 86400 - 60};

	assert_int_equal(utimensat(AT_FDCWD, path, (const struct timespec[]){time, time}, 0), 0);
	free(path);
}

/* A file in done/ or rejected/ that was put there so many days and a minute ago. */
static void lay(const struct scene *scene, const char *name, unsigned days)
{
	drop(scene, name, ONE);
	age(scene, name, days);
}

static void what_lay_too_long_is_removed_and_nothing_else(void **state)
{
	struct scene *scene = *state;
	char *done = path_in(scene, "done"), *rejected = path_in(scene, "rejected");
	char *inner = path_in(scene, "done/inner"), *link = path_in(scene, "done/link.csv");

	assert_int_equal(mkdir(done, 0700), 0);
	assert_int_equal(mkdir(rejected, 0700), 0);
	assert_int_equal(mkdir(inner, 0700), 0);
	lay(scene, "done/old.csv", 7);
	lay(scene, "done/young.csv", 6);
	lay(scene, "rejected/old.csv", 7);
	lay(scene, "rejected/old.csv.reason.txt", 30);
	lay(scene, "rejected/young.csv", 1);
	lay(scene, "done/inner/old.csv", 30);
	lay(scene, ".old.csv", 30);
	assert_int_equal(symlink("../.old.csv", link), 0);
	scene->options.keep_days = 7;
	intake_begin(scene);
	gone_soon(scene, "rejected/old.csv");
	assert_false(exists(scene, "done/old.csv"));
	assert_false(exists(scene, "rejected/old.csv"));
	assert_false(exists(scene, "rejected/old.csv.reason.txt"));
	assert_true(exists(scene, "done/young.csv"));
	assert_true(exists(scene, "rejected/young.csv"));
	assert_true(exists(scene, "done/inner/old.csv"));
	assert_true(exists(scene, ".old.csv"));
	assert_true(exists(scene, "done/link.csv"));
	free(done);
	free(rejected);
	free(inner);
	free(link);
}

/* The agent's keys may lie where the link leads. */
static void a_link_in_the_place_of_done_leads_nowhere(void **state)
{
	struct scene *scene = *state;
	char *elsewhere = path_in(scene, ".elsewhere"), *rejected = path_in(scene, "rejected");
	char *done = path_in(scene, "done");

	assert_int_equal(mkdir(elsewhere, 0700), 0);
	assert_int_equal(mkdir(rejected, 0700), 0);
	lay(scene, ".elsewhere/police.oku.keys", 30);
	lay(scene, "rejected/old.csv", 30);
	assert_int_equal(symlink(".elsewhere", done), 0);
	scene->options.keep_days = 7;
	intake_begin(scene);
	gone_soon(scene, "rejected/old.csv");
	assert_true(exists(scene, ".elsewhere/police.oku.keys"));
	free(elsewhere);
	free(rejected);
	free(done);
}

/* Whose time the agent may not set: it counts from when it got its new name. */
static void the_old_file_of_somebody_else_is_kept_from_when_it_was_put_away(void **state)
{
	enum { NOBODY = 65534 };
	struct scene *scene = *state;
	char *rejected = path_in(scene, "rejected"), *path = path_in(scene, "rejected/theirs.csv");
	bool permitted;

	assert_int_equal(mkdir(rejected, 0700), 0);
	lay(scene, "rejected/theirs.csv", 30);
	lay(scene, "rejected/ours.csv", 30);
	permitted = chown(path, NOBODY, NOBODY) == 0;
	free(rejected);
	free(path);
	if (!permitted)
		skip();
	scene->options.keep_days = 7;
	intake_begin(scene);
	gone_soon(scene, "rejected/ours.csv");
	assert_true(exists(scene, "rejected/theirs.csv"));
}

static void nothing_is_removed_unless_days_are_given(void **state)
{
	struct scene *scene = *state;
	char *done = path_in(scene, "done");

	assert_int_equal(mkdir(done, 0700), 0);
	lay(scene, "done/old.csv", 3000);
	intake_begin(scene);
	there_soon(scene, "rejected");
	assert_null(letter_within(scene, NEVER_MS));
	assert_true(exists(scene, "done/old.csv"));
	free(done);
}

static void a_file_is_kept_from_the_day_it_was_put_away(void **state)
{
	struct scene *scene = *state;

	scene->options.keep_days = 7;
	lay(scene, "x.csv", 30);
	drop(scene, "y.csv", "RAHASIA\n");
	age(scene, "y.csv", 30);
	intake_begin(scene);
	answer(scene, letter_wait(scene), E_OK);
	there_soon(scene, "done/x.csv");
	there_soon(scene, "rejected/y.csv");
	intake_stop(scene->intake);
	/* The next start clears the folders. */
	intake_begin(scene);
	assert_null(letter_within(scene, NEVER_MS));
	assert_true(exists(scene, "done/x.csv"));
	assert_true(exists(scene, "rejected/y.csv"));
}

/* ---- log */

static void hear(void *lines, enum log_level level, const char *line)
{
	(void)level;
	buffer_text(lines, line);
	buffer_text(lines, "\n");
}

static void the_log_names_no_file_and_no_value(void **state)
{
	struct scene *scene = *state;
	struct buffer lines = {0};

	log_copy(hear, &lines);
	assert_true(folder_make(scene->folder, "done"));
	lay(scene, "done/eriksson-4.csv", 8);
	scene->options.keep_days = 7;
	drop(scene, "eriksson.csv", HALF_BAD);
	drop(scene, "eriksson-2.csv", "RAHASIA\n");
	drop(scene, "eriksson-3.xlsx", "PK RAHASIA\n");
	intake_begin(scene);
	there_soon(scene, "rejected/eriksson-2.csv");
	there_soon(scene, "rejected/eriksson-3.xlsx");
	answer(scene, letter_wait(scene), E_OK);
	there_soon(scene, "done/eriksson.csv");
	intake_stop(scene->intake);
	scene->intake = NULL;
	log_copy(NULL, NULL);
	buffer_u8(&lines, 0);
	assert_non_null(strstr((const char *)lines.data, "event=intake.file"));
	assert_non_null(strstr((const char *)lines.data, "event=intake.rejected"));
	/* Whoever has the file finds the line; nobody finds a name. */
	assert_non_null(strstr((const char *)lines.data, " file=3 good=1 rejected=1 line=3"));
	assert_non_null(strstr((const char *)lines.data, " file=1 error="));
	assert_non_null(strstr((const char *)lines.data, " file=2 error="));
	assert_non_null(strstr((const char *)lines.data, "removed=1"));
	assert_null(strstr((const char *)lines.data, "eriksson"));
	assert_null(strstr((const char *)lines.data, "RAHASIA"));
	buffer_free(&lines);
}

/* Thousands may be sealed to one that has left: each would take a write of all rejected lines, and an offer. */
static void lines_to_the_same_unknown_recipient_are_refused_together(void **state)
{
	static const char line[] =
		"{\"category\": \"wanted\", \"region\": \"16.01\", \"label\": \"RED\", \"to\": [\"%s\"],"
		" \"purpose\": \"law-enforcement\", \"sighting\": {\"first_seen\": "
		"\"2026-11-20T10:00Z\", \"assertion\": \"fact\"}}";
	struct scene *scene = *state;
	struct intake_letter *letter;
	struct buffer text = {0};
	struct store store;

	office_begin(scene, &store);
	for (int i = 0; i < 4; i++) {
		char *one = memory_format(line, i == 1 ? "army.oku" : "health.oku");

		buffer_text(&text, i == 0 ? "[" : ",\n");
		buffer_text(&text, one);
		free(one);
	}
	buffer_text(&text, "]");
	drop_bytes(scene, "x.json", buffer_view(&text));
	intake_begin(scene);
	letter = letter_wait(scene);
	assert_int_equal(letter->file.count, 4);
	assert_int_equal(letter->file.rejected, 0);
	fault_at(&letter->fault, E_RECIPIENT_UNKNOWN, "reports[0].to[0]");
	answer(scene, letter, E_RECIPIENT_UNKNOWN);
	letter = letter_wait(scene);
	assert_int_equal(letter->file.rejected, 3);
	assert_non_null(letter->file.lines[1].prepared);
	assert_string_equal(letter->file.lines[3].fault.field, "to[0]");
	answer(scene, letter, E_OK);
	there_soon(scene, "done/x.json");
	office_end(scene, &store);
	buffer_free(&text);
}

/* A file that the intake's thread may not open. */
static void drop_closed(const struct scene *scene, const char *name)
{
	char *path = path_in(scene, name);

	drop(scene, name, ONE);
	assert_int_equal(chmod(path, 0), 0);
	free(path);
}

/* How many files that user's doctor counts. */
static size_t closed_to_user(const struct scene *scene)
{
	const int before = setfsuid(scene->user);
	const struct files_left left = folder_left(scene->folder, 0);

	setfsuid(before);
	assert_int_equal(left.old, 0);
	return left.closed;
}

static void files_that_cannot_be_read_hold_up_no_other(void **state)
{
	struct scene *scene = *state;
	struct buffer lines = {0};
	struct intake_letter *letter;
	char *good = path_in(scene, "d.csv");
	size_t said = 0;

	assert_int_equal(chmod(scene->folder, 0777), 0);
	drop_closed(scene, "a.csv");
	drop_closed(scene, "b.csv");
	drop_closed(scene, "c.csv");
	drop(scene, "d.csv", ONE);
	assert_int_equal(chmod(good, 0644), 0);
	log_copy(hear, &lines);
	if (scene->user == 0)
		scene->user = 65534; /* to whom root's files are closed */
	intake_begin(scene);
	letter = letter_wait(scene);
	assert_string_equal(letter->name, "d.csv");
	answer(scene, letter, E_OK);
	there_soon(scene, "done/d.csv");
	assert_int_equal(closed_to_user(scene), 3);
	intake_stop(scene->intake);
	scene->intake = NULL;
	log_copy(NULL, NULL);
	buffer_u8(&lines, 0);
	for (const char *line = (const char *)lines.data; (line = strstr(line, "event=intake.failed")); line++)
		said++;
	assert_int_equal(said, 3);
	buffer_free(&lines);
	free(good);
}

static void a_file_that_lies_there_for_long_is_counted(void **state)
{
	struct scene *scene = *state;
	const wall_ms now = clock_now().wall;

	drop(scene, "x.csv", ONE);
	drop(scene, ".half.csv", ONE);
	assert_int_equal(folder_left(scene->folder, now - 60000).old, 0);
	assert_int_equal(folder_left(scene->folder, now + 60000).old, 1);
}

static void broker_spoke(struct store *store, wall_ms time)
{
	char *sql = memory_format("INSERT OR REPLACE INTO meta(key, value) VALUES('broker time', %" PRIu64 ")", time);

	assert_int_equal(database_run(store->db, sql, NULL), E_OK);
	free(sql);
}

/* A machine that lost its clock's battery comes up in another year: what was rejected is nowhere else. */
static void a_clock_far_ahead_of_all_that_is_known_removes_nothing(void **state)
{
	struct scene *scene = *state;
	char *rejected = path_in(scene, "rejected");
	struct store store;

	office_begin(scene, &store);
	broker_spoke(&store, clock_now().wall - 15 * DAY_MS);
	assert_int_equal(mkdir(rejected, 0700), 0);
	lay(scene, "rejected/old.csv", 8);
	scene->options.keep_days = 7;
	intake_begin(scene);
	drop(scene, "x.json", "[]");
	there_soon(scene, "done/x.json"); /* put there by a thread that clears first */
	assert_true(exists(scene, "rejected/old.csv"));
	intake_stop(scene->intake);
	broker_spoke(&store, clock_now().wall - DAY_MS);
	intake_begin(scene);
	gone_soon(scene, "rejected/old.csv");
	office_end(scene, &store);
	free(rejected);
}

/* So many files that each being looked for among all others would take a hundred times as long as looking at them. */
static void a_crowded_folder_is_looked_at_in_little_time(void **state)
{
	enum { FILES = 15000 };
	struct scene *scene = *state;
	struct folder folder = {.path = memory_string(scene->folder), .watch = -1, .poll = true};
	char path[96], *one = path_in(scene, ".one");
	steady_ms begin, seen, again, scanned;
	struct file_mark mark;

	drop(scene, ".one", ONE);
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "%s/%05d.csv", scene->folder, i);
		assert_int_equal(link(one, path), 0);
	}
	begin = clock_now().steady;
	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "%s/%05d.csv", scene->folder, i);
		assert_true(file_look(path, &mark));
	}
	seen = clock_now().steady;
	folder_init(&folder);
	folder_scan(&folder, -1, seen);
	again = clock_now().steady;
	/* How long a file has been still counts from when it was looked at. */
	assert_true(folder.candidates[folder.count - 1]->since >= seen + (again - seen) / 2);
	folder_scan(&folder, -1, again);
	scanned = clock_now().steady;
	assert_int_equal(folder.count, FILES);
	assert_true(scanned - seen < 25 * (seen - begin + 10));
	/* And more time goes to reading them than to looking again. */
	assert_true(folder.scan_at >= scanned + (scanned - again) / 2);
	folder_free(&folder);
	free(one);
}

int main(void)
{
#define PROMISE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		PROMISE(a_dropped_file_reaches_the_loop_and_then_done),
		PROMISE(what_was_dropped_before_the_start_is_read),
		PROMISE(a_half_written_file_is_not_read),
		PROMISE(a_polled_file_is_read_once_it_has_been_still),
		PROMISE(how_long_a_found_file_must_be_still_is_the_folders_word),
		PROMISE(network_file_systems_are_known),
		PROMISE(unfinished_names_links_and_folders_are_left_alone),
		PROMISE(bad_lines_are_on_disk_before_the_good_ones_are_taken),
		PROMISE(a_crash_between_steps_takes_no_line_twice),
		PROMISE(an_answer_that_comes_with_the_stop_still_counts),
		PROMISE(the_thread_takes_its_turns_by_itself),
		PROMISE(an_unreadable_file_is_rejected_with_a_reason),
		PROMISE(nothing_that_was_put_away_is_overwritten),
		PROMISE(a_full_disk_leaves_the_file_and_is_tried_again),
		PROMISE(a_file_that_takes_the_place_of_one_under_way_is_read_too),
		PROMISE(a_file_that_cannot_be_read_does_not_stop_the_others),
		PROMISE(a_line_that_the_outbox_refuses_costs_that_line_only),
		PROMISE(a_file_that_the_outbox_refuses_is_rejected_as_a_whole),
		PROMISE(what_came_back_from_a_file_is_not_taken_when_it_is_dropped_again),
		PROMISE(a_line_that_was_taken_never_lies_among_those_that_came_back),
		PROMISE(a_crash_before_a_taken_file_is_put_away_leaves_what_came_back),
		PROMISE(a_workbook_is_taken_as_a_list_is),
		PROMISE(a_workbook_that_cannot_be_read_is_rejected_with_a_reason),
		PROMISE(a_dropped_cancel_takes_over_what_decides_the_audience),
		PROMISE(an_outbox_that_cannot_be_read_rejects_nothing),
		PROMISE(what_lay_too_long_is_removed_and_nothing_else),
		PROMISE(a_link_in_the_place_of_done_leads_nowhere),
		PROMISE(the_old_file_of_somebody_else_is_kept_from_when_it_was_put_away),
		PROMISE(nothing_is_removed_unless_days_are_given),
		PROMISE(a_file_is_kept_from_the_day_it_was_put_away),
		PROMISE(the_log_names_no_file_and_no_value),
		PROMISE(lines_to_the_same_unknown_recipient_are_refused_together),
		PROMISE(files_that_cannot_be_read_hold_up_no_other),
		PROMISE(a_clock_far_ahead_of_all_that_is_known_removes_nothing),
		PROMISE(a_file_that_lies_there_for_long_is_counted),
		PROMISE(a_crowded_folder_is_looked_at_in_little_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
