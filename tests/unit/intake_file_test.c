/* Tries to leave a file of a drop folder where it lies, or to write one twice, because so many of its name were put
 * away before; and to have one put where a link leads. */
#include "agents/intake/intake_file.h"
#include "common/file.h"
#include "common/memory.h"
#include "tests/support/process.h"
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
	(void)state;
	tree_remove(folder);
	return 0;
}

static char *path_of(const char *name)
{
	return memory_format("%s/%s", folder, name);
}

/* A file that holds its name. */
static void put(const char *name)
{
	char *path = path_of(name);

	assert_int_equal(file_write(path, BYTES(name, strlen(name)), 0600, NULL), E_OK);
	free(path);
}

/* Files in done/ whose name begins so. */
static size_t put_away(const char *begin)
{
	char *path = path_of("done");
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

/* The name, below the folder, of the file in done/ that has this content; free it. */
static char *beside(unsigned content)
{
	char *written = NULL, *name, *path;

	assert_int_equal(file_put_beside(folder, "x.csv", "done", BYTES(&content, sizeof(content)), &written), E_OK);
	name = memory_format("done/%s", written);
	path = path_of(name);
	assert_int_equal(access(path, R_OK), 0);
	free(written);
	free(path);
	return name;
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

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		free(beside(i));
	written = beside(MANY);
	put(written);
	again = beside(MANY);
	assert_string_not_equal(again, written);
	assert_int_equal(put_away("x"), MANY + 2);
	free(written);
	free(again);
}

/* A link at this name, to a folder or file that is given from where the link stands. */
static void put_link(const char *name, const char *to)
{
	char *path = path_of(name);

	assert_int_equal(symlink(to, path), 0);
	free(path);
}

/* Whoever drops files may do so: the store may lie where it leads. */
static void a_link_in_the_place_of_rejected_leads_nowhere(void **state)
{
	char *written = NULL, *path = path_of("x.csv");

	(void)state;
	put_link("rejected", "done");
	put("x.csv");
	assert_int_equal(file_put_away(folder, "x.csv", "rejected", "not taken\n"), E_IO);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(file_put_beside(folder, "x.csv", "rejected", BYTES("1", 1), &written), E_IO);
	assert_null(written);
	assert_int_equal(put_away("x"), 0);
	free(path);
}

/* The file that was written before the link came must not be removed where the link leads either. */
static void what_is_replaced_is_removed_in_the_folder_alone(void **state)
{
	char *written = memory_string("agent.db"), *path = path_of("done/agent.db");

	(void)state;
	put_link("rejected", "done");
	put("done/agent.db");
	assert_int_equal(file_put_beside(folder, "x.csv", "rejected", BYTES("1", 1), &written), E_IO);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(file_put_beside(folder, "x.csv", "done", BYTES("1", 1), &written), E_OK);
	assert_string_equal(written, "x.csv");
	assert_int_equal(access(path, F_OK), -1);
	free(written);
	free(path);
}

/* Neither one to the very same content nor one to nothing is the file that was to be written. */
static void a_link_under_the_name_is_another_file(void **state)
{
	char *written = NULL;

	(void)state;
	put("secret");
	put_link("done/x.csv", "../secret");
	put_link("done/x-1.csv", "../none");
	assert_int_equal(file_put_beside(folder, "x.csv", "done", BYTES("secret", 6), &written), E_OK);
	assert_string_equal(written, "x-2.csv");
	free(written);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(however_many_of_a_name_there_are_the_next_is_put_away),
		TEST(what_is_written_beside_finds_a_name_too),
		TEST(however_many_there_are_the_same_is_written_beside_once),
		TEST(what_somebody_changed_is_not_taken_for_what_was_written),
		TEST(a_link_in_the_place_of_rejected_leads_nowhere),
		TEST(what_is_replaced_is_removed_in_the_folder_alone),
		TEST(a_link_under_the_name_is_another_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
