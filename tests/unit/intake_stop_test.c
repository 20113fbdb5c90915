/* Tries to hold up the intake's end, and its other folders, with what stands in one. */
#include "agents/intake/intake.h"
#include "common/log.h"
#include "common/memory.h"
#include "tests/support/process.h"
#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define DEFAULTS \
	"defaults: {label: AMBER, purpose: law-enforcement, region: \"16.01\", expires_days: 30}\n" \
	"zone: \"+07:00\"\n"
#define CSV \
	"format: csv\nseparator: \";\"\n" DEFAULTS \
	"fixed: [{field: category, value: other}, {field: sighting.assertion, value: fact}]\n" \
	"columns: [{column: T, field: sighting.first_seen, required: true}, {column: N, field: sighting.count}]\n"
#define JSON "format: json\n" DEFAULTS
#define ROW "21/11/2026 10:00;1\n"
#define DRAFT \
	"{\"category\": \"other\", \"sighting\": {\"first_seen\": \"2026-11-20T10:00Z\", \"assertion\": \"fact\"}}"

enum { CROWD = 2000, SETTLE_MS = 100, SOON_MS = 10000, END_MS = 2000 };

struct scene {
	char home[64], crowded[80], quiet[80];
	struct profile *profile;
	struct mailbox *to_loop;
	struct intake *intake;
};

static void put(const char *folder, const char *name, const char *text)
{
	char *path = memory_format("%s/%s", folder, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
	free(path);
}

static struct profile *profile_of(const char *folder, const char *yaml)
{
	char *path = memory_format("%s/profile.yaml", folder);
	struct profile *profile;

	put(folder, "profile.yaml", yaml);
	assert_int_equal(profile_load(path, &profile, NULL), E_OK);
	unlink(path);
	free(path);
	return profile;
}

static int start(void **state)
{
	struct scene *scene = memory_zero(1, sizeof(*scene));

	strcpy(scene->home, "/tmp/intake-stop-XXXXXX");
	assert_non_null(mkdtemp(scene->home));
	snprintf(scene->crowded, sizeof(scene->crowded), "%s/crowded", scene->home);
	snprintf(scene->quiet, sizeof(scene->quiet), "%s/quiet", scene->home);
	assert_int_equal(mkdir(scene->crowded, 0700) | mkdir(scene->quiet, 0700), 0);
	scene->profile = profile_of(scene->home, CSV);
	scene->to_loop = mailbox_new();
	*state = scene;
	return 0;
}

static int end(void **state)
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
	tree_remove(scene->home);
	free(scene);
	return 0;
}

static void intake_begin(struct scene *scene)
{
	const struct intake_folder folders[] = {
		{.path = scene->crowded, .profile = scene->profile, .settle_ms = SETTLE_MS},
		{.path = scene->quiet, .profile = scene->profile, .settle_ms = SETTLE_MS},
	};

	scene->intake = intake_start(folders, 2, "police.oku", NULL, NULL, scene->to_loop);
	assert_non_null(scene->intake);
}

/* How long its end takes. */
static steady_ms intake_end(struct scene *scene)
{
	const steady_ms before = clock_now().steady;

	intake_stop(scene->intake);
	scene->intake = NULL;
	return clock_now().steady - before;
}

static size_t files_in(const char *path)
{
	DIR *folder = opendir(path);
	const struct dirent *entry;
	size_t count = 0;

	assert_non_null(folder);
	while ((entry = readdir(folder)) != NULL)
		count += entry->d_type == DT_REG ? 1 : 0;
	closedir(folder);
	return count;
}

/* ------------------------------------------------------------------ many files */

static void a_folder_of_bad_files_holds_up_neither_another_nor_the_end(void **state)
{
	struct scene *scene = *state;
	struct pollfd letter = {.fd = mailbox_fd(scene->to_loop), .events = POLLIN};
	char name[16];

	for (size_t i = 0; i < CROWD; i++) {
		snprintf(name, sizeof(name), "%04zu.csv", i);
		put(scene->crowded, name, "RAHASIA\n");
	}
	put(scene->quiet, "x.csv", "T;N\n" ROW);
	intake_begin(scene);
	assert_int_equal(poll(&letter, 1, SOON_MS), 1);
	assert_true(files_in(scene->crowded) > CROWD / 2);
	assert_true(intake_end(scene) < END_MS);
	assert_true(files_in(scene->crowded) > 0);
}

/* ------------------------------------------------------------------ a long file */

/* Lines of the log, which two threads write. */
struct heard {
	pthread_mutex_t lock;
	struct buffer lines;
};

static void hear(void *context, enum log_level level, const char *line)
{
	struct heard *heard = context;

	(void)level;
	pthread_mutex_lock(&heard->lock);
	buffer_text(&heard->lines, line);
	pthread_mutex_unlock(&heard->lock);
}

static char *repeated(const char *first, const char *text, size_t count)
{
	struct buffer out = {0};

	buffer_text(&out, first);
	for (size_t i = 0; i < count; i++)
		buffer_text(&out, text);
	buffer_u8(&out, 0);
	return (char *)out.data;
}

static void a_long_file_is_left_for_the_next_start_and_is_no_failure(void **state)
{
	struct scene *scene = *state;
	struct heard heard = {.lock = PTHREAD_MUTEX_INITIALIZER};
	char *rows = repeated("T;N\n", ROW, 99000);

	put(scene->crowded, "x.csv", rows);
	log_copy(hear, &heard);
	intake_begin(scene);
	poll(NULL, 0, 4 * SETTLE_MS); /* by now it is being parsed */
	assert_true(intake_end(scene) < END_MS);
	log_copy(NULL, NULL);
	buffer_u8(&heard.lines, 0);
	assert_null(strstr((const char *)heard.lines.data, "event=intake.failed"));
	assert_int_equal(files_in(scene->crowded), 1);
	buffer_free(&heard.lines);
	free(rows);
}

static void a_file_of_any_kind_is_given_up_at_the_stop(void **state)
{
	const struct {
		const char *yaml, *name, *first, *line;
	} kinds[] = {
		{CSV, "x.csv", "T;N\n", ROW},
		{CSV, "blank.csv", "T;N\n", "\n"},
		{JSON, "x.jsonl", "", DRAFT "\n"},
		/* That it has no end would be seen at its end. */
		{JSON, "x.json", "[" DRAFT, "," DRAFT},
	};
	struct scene *scene = *state;
	const int stop = eventfd(1, EFD_CLOEXEC);

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct profile *profile = profile_of(scene->home, kinds[i].yaml);
		char *text = repeated(kinds[i].first, kinds[i].line, 1000);
		struct parsed_file file;

		profile_parse(profile, BYTES(text, strlen(text)), kinds[i].name, "police.oku", clock_now().wall, NULL,
			      stop, &file);
		assert_int_equal(file.fault.code, E_STOPPING);
		assert_int_equal(file.count, 0);
		parsed_file_free(&file);
		profile_free(profile);
		free(text);
	}
	close(stop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_folder_of_bad_files_holds_up_neither_another_nor_the_end),
		TEST(a_long_file_is_left_for_the_next_start_and_is_no_failure),
		TEST(a_file_of_any_kind_is_given_up_at_the_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
