/* Tries to leave a file of a drop folder where it lies, or to write one twice, because so many of its name were put
 * away before. */
#include "agents/intake/intake_file.h"
#include "common/memory.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { MANY = 130 };

static char folder[64];

static int start(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/intake-file-XXXXXX");
	return mkdtemp(folder) != NULL && folder_make(folder, "done") ? 0 : 1;
}

static int end(void **state)
{
	char *done = memory_format("%s/done", folder);

	(void)state;
	folder_expire(folder, "done", INT64_MAX);
	rmdir(done);
	rmdir(folder);
	free(done);
	return 0;
}

static void put(const char *name)
{
	char *path = memory_format("%s/%s", folder, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(name, file);
	fclose(file);
	free(path);
}

/* Files in done/ whose name begins so. */
static size_t put_away(const char *begin)
{
	char *path = memory_format("%s/done", folder);
	DIR *done = opendir(path);
	const struct dirent *entry;
	size_t count = 0;

	while ((entry = readdir(done)) != NULL)
		count += strncmp(entry->d_name, begin, strlen(begin)) == 0 ? 1 : 0;
	closedir(done);
	free(path);
	return count;
}

static void however_many_of_a_name_there_are_the_next_is_put_away(void **state)
{
	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		put("x.csv");
		assert_int_equal(file_put_away(folder, "x.csv", "done", NULL), E_OK);
	}
	assert_int_equal(put_away("x"), MANY);
	assert_int_equal(put_away("x-99."), 1);
	/* Who counted on would look at all of them each time. */
	assert_int_equal(put_away("x-100."), 0);
	assert_int_equal(put_away("x-20"), MANY - 100 + 1 /* x-20.csv */);
}

/* The path of the file that has this content; free it. */
static char *beside(unsigned content)
{
	char *written;

	assert_int_equal(file_put_beside(folder, "x.csv", "done", BYTES(&content, sizeof(content)), &written), E_OK);
	assert_int_equal(access(written, R_OK), 0);
	return written;
}

static void what_is_written_beside_finds_a_name_too(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		free(beside(i));
	assert_int_equal(put_away("x"), MANY);
	assert_int_equal(put_away("x-99."), 1);
	assert_int_equal(put_away("x-100."), 0);
}

static void however_many_there_are_the_same_is_written_beside_once(void **state)
{
	char *written[MANY];

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		written[i] = beside(i);
	for (unsigned i = 0; i < MANY; i++) {
		char *again = beside(i);

		assert_string_equal(again, written[i]);
		free(again);
		free(written[i]);
	}
	assert_int_equal(put_away("x"), MANY);
}

/* As somebody may who saved his changes to it. */
static void what_somebody_changed_is_not_taken_for_what_was_written(void **state)
{
	char *written, *again;
	FILE *file;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		free(beside(i));
	written = beside(MANY);
	file = fopen(written, "w");
	assert_non_null(file);
	fputs("done", file);
	fclose(file);
	again = beside(MANY);
	assert_string_not_equal(again, written);
	assert_int_equal(put_away("x"), MANY + 2);
	free(written);
	free(again);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(however_many_of_a_name_there_are_the_next_is_put_away),
		TEST(what_is_written_beside_finds_a_name_too),
		TEST(however_many_there_are_the_same_is_written_beside_once),
		TEST(what_somebody_changed_is_not_taken_for_what_was_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
