/* Tries to leave a file of a drop folder where it lies, because so many of its name were put away before. */
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

static void what_is_written_beside_finds_a_name_too(void **state)
{
	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		char *written;

		assert_int_equal(file_put_beside(folder, "x.csv", "done", BYTES(&i, sizeof(i)), &written), E_OK);
		assert_int_equal(access(written, R_OK), 0);
		free(written);
	}
	assert_int_equal(put_away("x"), MANY);
	assert_int_equal(put_away("x-100."), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(however_many_of_a_name_there_are_the_next_is_put_away),
		TEST(what_is_written_beside_finds_a_name_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
