/* ctl_test - tries to have simpulctl take for a number what is none, leave half of an exchange behind, and let two
 * backups spoil each other. */
#include "broker/ctl/ctl.h"
#include "common/file.h"
#include "common/memory.h"
#include "tests/support/ledger.h"
#include "tests/support/process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>
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

/* `arguments` end with NULL. */
static int run(int (*of)(struct ctl *ctl, int argc, char **argv), struct ctl *ctl, const char *const arguments[])
{
	int count = 0;

	while (arguments[count] != NULL)
		count++;
	return of(ctl, count, (char **)(uintptr_t)arguments);
}

static void remove_all(const char *folder)
{
	const char *argv[] = {"/bin/rm", "-rf", folder, NULL};

	process_run(argv, NULL, NULL, "/dev/null", 20);
}

static void an_exchange_that_cannot_be_begun_leaves_nothing_in_the_way_of_another_try(void **state)
{
	struct ctl ctl = {.command = &command};
	char folder[] = "/tmp/simpul-ctl-XXXXXX";
	const char *const wrong[] = {"init", folder, "--name", "Test", "--no-passphrase",
				     "--master-key-file", "/nowhere/master.key", NULL};
	const char *const right[] = {"init", folder, "--name", "Test", "--no-passphrase", NULL};

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_not_equal(run(ctl_init, &ctl, wrong), EX_OK);
	assert_int_equal(run(ctl_init, &ctl, right), EX_OK);
	remove_all(folder);
}

/* Each writes the same part of the data keys. */
static void one_backup_at_a_time_writes_the_data_keys(void **state)
{
	static const char text[] = "# a policy\n";
	struct ledger *ledger = memory_zero(1, sizeof(*ledger));
	char config[96], *backup, *policy;
	struct ctl ctl = {.config = config, .command = &command};
	int lock;

	(void)state;
	ledger_open(ledger);
	ledger_configure(ledger, config);
	backup = memory_format("%s/backup", ledger->path);
	policy = memory_format("%s/policy.yaml", ledger->path);
	assert_int_equal(file_write(policy, BYTES(text, sizeof(text) - 1), 0600, NULL), E_OK);
	lock = open(ledger->path, O_RDONLY | O_DIRECTORY);
	assert_int_equal(flock(lock, LOCK_EX), 0); /* another one */
	assert_int_equal(run(ctl_backup_make, &ctl, (const char *[]){"make", backup, NULL}), EX_TEMPFAIL);
	assert_int_equal(access(backup, F_OK), -1);
	close(lock);
	assert_int_equal(run(ctl_backup_make, &ctl, (const char *[]){"make", backup, NULL}), EX_OK);
	remove_all(backup);
	free(policy);
	free(backup);
	ledger_close(ledger);
	free(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_number_is_digits_alone_and_in_its_bounds),
		cmocka_unit_test(an_exchange_that_cannot_be_begun_leaves_nothing_in_the_way_of_another_try),
		cmocka_unit_test(one_backup_at_a_time_writes_the_data_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
