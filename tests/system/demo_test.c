/* demo_test - what newcomers are shown ends well: the day of three offices, and a whole region of thirty. */
#include "common/bytes.h"
#include "tests/support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { SECONDS = 240 };

/* Its argument is the programs' folder, seen from the project's. */
static const char *programs(void)
{
	static char here[512], path[512];
	const char *bin = getenv("SIMPUL_BIN");

	if (!bin || !getcwd(here, sizeof here))
		fail_msg("SIMPUL_BIN must name the folder of the programs under test");
	snprintf(path, sizeof path, "%s", strncmp(bin, here, strlen(here)) == 0 ? bin + strlen(here) + 1 : bin);
	return path;
}

static void assert_shows(const char *const argv[], const char *line)
{
	struct buffer out = {0};

	if (process_run(argv, NULL, &out, "/dev/stderr", SECONDS) != 0)
		fail_msg("%.*s", (int)out.size, (const char *)out.data);
	buffer_u8(&out, 0);
	assert_non_null(strstr((const char *)out.data, line));
	buffer_free(&out);
}

static void a_day_of_three_offices_loses_doubles_and_leaks_nothing(void **state)
{
	(void)state;
	assert_shows((const char *const[]){"deploy/demo/run", programs(), NULL}, "lost 0   duplicated 0   leaked 0");
}

static void a_region_of_thirty_offices_loses_doubles_and_leaks_nothing(void **state)
{
	(void)state;
	assert_shows((const char *const[]){"deploy/demo/region", programs(), "parepare", NULL},
		     "lost 0   duplicated 0   leaked 0");
}

static void a_region_that_is_none_is_said_to_be_none(void **state)
{
	(void)state;
	assert_int_equal(process_run((const char *const[]){"deploy/demo/region", programs(), "atlantis", NULL}, NULL, NULL,
				     "/dev/null", SECONDS),
			 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_day_of_three_offices_loses_doubles_and_leaks_nothing),
		cmocka_unit_test(a_region_of_thirty_offices_loses_doubles_and_leaks_nothing),
		cmocka_unit_test(a_region_that_is_none_is_said_to_be_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
