/* permission_test - what this user may not read is told as that, and never as something that is missing or broken. */
#include "common/file.h"
#include "common/database.h"
#include "common/key_file.h"
#include "common/user.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* An open folder with a closed one in it, and in that a file that all may read; beside it one that nobody else may. */
struct closed {
	char folder[64], inner[80], inside[96], beside[80];
};

static int set_up(void **state)
{
	static struct closed closed;

	if (geteuid() != 0)
		return 0; /* to whom nothing is closed that is another's becomes somebody else */
	strcpy(closed.folder, "/tmp/simpul-permission-XXXXXX");
	assert_non_null(mkdtemp(closed.folder));
	snprintf(closed.inner, sizeof(closed.inner), "%s/inner", closed.folder);
	snprintf(closed.inside, sizeof(closed.inside), "%s/x.db", closed.inner);
	snprintf(closed.beside, sizeof(closed.beside), "%s/keys", closed.folder);
	assert_int_equal(chmod(closed.folder, 0755), 0);
	assert_int_equal(mkdir(closed.inner, 0700), 0);
	assert_int_equal(file_write(closed.inside, BYTES("x", 1), 0644, NULL), E_OK);
	assert_int_equal(file_write(closed.beside, BYTES("x", 1), 0600, NULL), E_OK);
	assert_int_equal(seteuid(65534), 0);
	*state = &closed;
	return 0;
}

static int tear_down(void **state)
{
	const struct closed *closed = *state;

	if (closed == NULL)
		return 0;
	assert_int_equal(seteuid(0), 0);
	unlink(closed->inside);
	unlink(closed->beside);
	rmdir(closed->inner);
	rmdir(closed->folder);
	return 0;
}

static void assert_told(const struct fault *fault, const char *what, const char *whose)
{
	assert_int_equal(fault->code, E_PERMISSION);
	assert_int_equal(strncmp(fault->field, what, strlen(what)), 0);
	assert_string_equal(fault->field + strlen(what), whose);
}

static void a_closed_file_is_named_with_whose_it_is(void **state)
{
	const struct closed *closed = *state;
	struct buffer out = {0};
	struct fault fault = {0};

	if (closed == NULL)
		skip();
	file_read(closed->beside, 10, &out, &fault);
	assert_told(&fault, closed->beside, " (of root, group root, mode 600)");
	fault = (struct fault){0};
	secret_read(closed->beside, 077, &out, &fault);
	assert_told(&fault, closed->beside, " (of root, group root, mode 600)");
}

static void a_closed_folder_is_named_in_place_of_what_lies_in_it(void **state)
{
	const struct closed *closed = *state;
	struct fault fault = {0};
	struct buffer out = {0};
	sqlite3 *db;

	if (closed == NULL)
		skip();
	file_read(closed->inside, 10, &out, &fault);
	assert_told(&fault, closed->inner, " (of root, group root, mode 700)");
	fault = (struct fault){0};
	secret_read(closed->inside, 077, &out, &fault);
	assert_told(&fault, closed->inner, " (of root, group root, mode 700)");
	fault = (struct fault){0};
	database_open(&db, closed->inside, DATABASE_READ, 1, NULL, &fault);
	assert_told(&fault, closed->inner, " (of root, group root, mode 700)");
}

static void what_is_missing_is_missing(void **state)
{
	struct buffer out = {0};
	sqlite3 *db;

	(void)state;
	assert_int_equal(file_read("/tmp/simpul-none/x", 10, &out, NULL), E_NOT_FOUND);
	assert_int_equal(database_open(&db, "/tmp/simpul-none/x", DATABASE_READ, 1, NULL, NULL), E_NOT_FOUND);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_closed_file_is_named_with_whose_it_is),
		cmocka_unit_test(a_closed_folder_is_named_in_place_of_what_lies_in_it),
		cmocka_unit_test(what_is_missing_is_missing),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
