/* ctl_test - tries to have simpulctl take for a number what is none, and leave half of an exchange behind. */
#include "broker/ctl.h"
#include "tests/support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static const struct ctl_command command = {.name = "test", .arguments = "", .summary = "", .help = ""};

static void a_number_is_digits_alone_and_in_its_bounds(void **state)
{
	static const char *const none[] = {"",    "0",  "00",  "1O", "-1", "+1", " 1", "1 ",
					   "0x1", "1.", "1e3", "4294967296", "18446744073709551617"};
	uint64_t number;

	(void)state;
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_false(ctl_number_take(none[i], UINT32_MAX, &number));
	assert_true(ctl_number_take("1", UINT32_MAX, &number));
	assert_int_equal(number, 1);
	assert_true(ctl_number_take("4294967295", UINT32_MAX, &number));
	assert_int_equal(number, UINT32_MAX);
	assert_true(ctl_number_take("9223372036854775807", INT64_MAX, &number));
	assert_int_equal(number, INT64_MAX);
	assert_false(ctl_number_take("9223372036854775808", INT64_MAX, &number));
	assert_false(ctl_number_take("5", 4, &number));
	assert_false(ctl_number_take("5", 3, &number));
}

static void remove_all(const char *folder)
{
	const char *argv[] = {"/bin/rm", "-rf", folder, NULL};

	process_run(argv, NULL, NULL, "/dev/null", 20);
}

static void an_exchange_that_cannot_be_begun_leaves_nothing_in_the_way_of_another_try(void **state)
{
	struct ctl ctl = {.command = &command};
	char folder[] = "/tmp/simpul-ctl-XXXXXX", name[] = "Test";
	char *wrong[] = {"init", folder, "--name", name, "--no-passphrase", "--master-key-file", "/nowhere/master.key", NULL};
	char *right[] = {"init", folder, "--name", name, "--no-passphrase", NULL};

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_not_equal(ctl_init(&ctl, 7, wrong), EX_OK);
	assert_int_equal(ctl_init(&ctl, 5, right), EX_OK);
	remove_all(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_digits_alone_and_in_its_bounds),
		cmocka_unit_test(an_exchange_that_cannot_be_begun_leaves_nothing_in_the_way_of_another_try),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
