/* Tries to break what broker/settings/watchers.h promises: who is in the file, what is wrong with it, and how it is changed. */
#include "broker/settings/watchers.h"
#include "common/file.h"
#include "tests/support/core_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define KEY_A "0101010101010101010101010101010101010101010101010101010101010101"
#define KEY_B "0202020202020202020202020202020202020202020202020202020202020202"

static char folder[] = "/tmp/simpul-watchers-XXXXXX", path[64];

static int set_up(void **state)
{
	(void)state;
	keys_init();
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/watchers", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder);
}

static void put(const char *text)
{
	assert_int_equal(file_write(path, BYTES(text, strlen(text)), 0600, NULL), E_OK);
}

static void what_is_wrong_is_named_with_its_line_and_changes_nothing(void **state)
{
	static const struct {
		const char *text;
		unsigned line;
	} bad[] = {
		{"x\n", 1},
		{"# x\n\na = " KEY_A "00\n", 3},
		{"A = " KEY_A "\n", 1},
		{"a=" KEY_A "\n", 1},
		{"a = " KEY_A "\na = " KEY_B "\n", 2},
		{"a = " KEY_A "\nb = " KEY_A "\n", 2},
		{" = " KEY_A "\n", 1},
	};
	struct watchers watchers = {.count = 1};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct fault fault = {0};
		char place[32];

		put(bad[i].text);
		snprintf(place, sizeof place, "watchers:%u: ", bad[i].line);
		assert_int_equal(watchers_load(&watchers, path, &fault), E_CONFIG);
		assert_non_null(strstr(fault.field, place));
		assert_int_equal(watchers.count, 1);
	}
}

static void a_file_that_is_not_there_has_nobody_in_it(void **state)
{
	struct watchers watchers = {.count = 1};

	(void)state;
	unlink(path);
	assert_int_equal(watchers_load(&watchers, path, NULL), E_OK);
	assert_int_equal(watchers.count, 0);
}

static void what_is_added_is_known_until_it_is_removed_and_the_rest_stays(void **state)
{
	struct watchers watchers;
	struct world *world = world_new();
	uint8_t a[KEY_SIZE], b[KEY_SIZE];
	const char *name = NULL;

	(void)state;
	hex_parse(KEY_A, a, KEY_SIZE);
	hex_parse(KEY_B, b, KEY_SIZE);
	put("# ours\na = " KEY_A); /* no line end */
	assert_int_equal(watchers_add(path, "b", b, NULL), E_OK);
	assert_int_equal(watchers_add(path, "b", a, NULL), E_EXISTS);
	assert_int_equal(watchers_add(path, "c", b, NULL), E_EXISTS);
	assert_int_equal(watchers_load(&watchers, path, NULL), E_OK);
	assert_int_equal(watchers_key_status(&watchers, world->core, b, &name), E_OK);
	assert_string_equal(name, "b");
	assert_int_equal(watchers_remove(path, "a", NULL), E_OK);
	assert_int_equal(watchers_remove(path, "a", NULL), E_NOT_FOUND);
	assert_int_equal(watchers_load(&watchers, path, NULL), E_OK);
	assert_int_equal(watchers_key_status(&watchers, world->core, a, NULL), E_KEY_UNKNOWN);
	assert_int_equal(watchers_key_status(&watchers, world->core, b, NULL), E_OK);
	world_free(world);
}

static void a_members_key_is_no_watchers(void **state)
{
	struct watchers watchers = {.count = 1};
	struct world *world = world_new();

	(void)state;
	memcpy(watchers.list[0].key, world->keys[0].curve_public, KEY_SIZE);
	assert_int_equal(watchers_key_status(&watchers, world->core, watchers.list[0].key, NULL), E_KEY_UNKNOWN);
	world_free(world);
}

static void there_are_at_most_so_many(void **state)
{
	struct watchers watchers;
	uint8_t key[KEY_SIZE] = {0};
	char name[16];

	(void)state;
	unlink(path);
	for (unsigned i = 0; i < LIMIT_WATCHERS; i++) {
		key[0] = (uint8_t)i;
		snprintf(name, sizeof name, "w-%u", i);
		assert_int_equal(watchers_add(path, name, key, NULL), E_OK);
	}
	key[1] = 1;
	assert_int_equal(watchers_add(path, "more", key, NULL), E_TOO_LARGE);
	assert_int_equal(watchers_load(&watchers, path, NULL), E_OK);
	assert_int_equal(watchers.count, LIMIT_WATCHERS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_wrong_is_named_with_its_line_and_changes_nothing),
		cmocka_unit_test(a_file_that_is_not_there_has_nobody_in_it),
		cmocka_unit_test(what_is_added_is_known_until_it_is_removed_and_the_rest_stays),
		cmocka_unit_test(a_members_key_is_no_watchers),
		cmocka_unit_test(there_are_at_most_so_many),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
