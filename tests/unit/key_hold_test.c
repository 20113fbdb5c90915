/* Tries to lose a key to two who change it at once. */
#include "common/key_hold.h"
#include "common/key_file.h"
#include "common/memory.h"
#include "tests/support/fixed.h"
#include "tests/support/process.h"
#include "tests/support/reports.h"
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
	char *folder, *path;
	uint8_t value[32];
};

static int set_up(void **state)
{
	struct place *place = memory_zero(1, sizeof(*place));
	const struct key_line line = {"secret", place->value, sizeof(place->value)};

	place->folder = test_folder();
	place->path = memory_format("%s/one.key", place->folder);
	memset(place->value, 7, sizeof(place->value));
	*state = place;
	return key_file_save("# a key\n", &line, 1, NULL, place->path, NULL) == E_OK ? 0 : 1;
}

static int tear_down(void **state)
{
	struct place *place = *state;

	test_folder_remove(place->folder);
	free(place->path);
	free(place);
	return 0;
}

/* One of two processes; its exit status. */
static int change_often(const struct place *place)
{
	int hold, failed = 0;

	for (int round = 0; round < 100; round++) {
		failed |= key_hold(place->path, &hold, NULL) != E_OK;
		failed |= key_file_relock(NULL, NULL, place->path, NULL) != E_OK;
		key_hold_end(hold);
	}
	return failed;
}

static void a_key_outlives_two_who_change_it_at_once(void **state)
{
	const struct place *place = *state;
	uint8_t value[sizeof(place->value)];
	const struct key_line line = {"secret", value, sizeof(value)};
	pid_t children[2];
	int status;

	for (size_t i = 0; i < 2; i++) {
		children[i] = fork();
		if (children[i] == 0)
			_exit(change_often(place));
	}
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		assert_int_equal(status, 0);
	}
	assert_int_equal(key_file_load(&line, 1, NULL, place->path, NULL), E_OK);
	assert_memory_equal(value, place->value, sizeof(value));
}

static void who_comes_second_waits_and_is_told_and_who_writes_elsewhere_does_not_wait(void **state)
{
	const struct place *place = *state;
	char *elsewhere = test_folder(), *other = memory_format("%s/one.key", elsewhere);
	struct fault fault = {0};
	int first, second, third;

	assert_int_equal(key_hold(place->path, &first, NULL), E_OK);
	assert_int_equal(key_hold(other, &third, NULL), E_OK);
	assert_int_equal(key_hold(place->path, &second, &fault), E_EXISTS);
	assert_non_null(strstr(fault.field, "another program changes the keys"));
	assert_int_equal(second, -1);
	key_hold_end(first);
	assert_int_equal(key_hold(place->path, &second, NULL), E_OK);
	key_hold_end(second);
	key_hold_end(third);
	test_folder_remove(elsewhere);
	free(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_outlives_two_who_change_it_at_once),
		TEST(who_comes_second_waits_and_is_told_and_who_writes_elsewhere_does_not_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
