/* torture - reads the environment, prints rows and checks them. */
#include "tests/support/torture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

bool torture_long(void)
{
	const char *form = getenv("SIMPUL_TORTURE");

	return form && strcmp(form, "long") == 0;
}

uint64_t torture_times(uint64_t brief, uint64_t full)
{
	return torture_long() ? full : brief;
}

bool torture_replay(uint64_t *seed)
{
	const char *text = getenv("SIMPUL_SEED");

	if (text)
		*seed = strtoull(text, NULL, 10);
	return text != NULL;
}

void torture_row(const struct torture_row *row)
{
	printf("row|%s|%" PRIu64 " %s|%" PRIu64 "|%" PRIu64 "|%" PRIu64 "|%" PRIu64 "|%s\n", row->what, row->tried,
	       row->times, row->lost, row->duplicated, row->leaked, row->invented, row->note ? row->note : "");
	fflush(stdout);
}

void torture_check(const struct torture_row *row)
{
	assert_true(row->tried > 0);
	assert_int_equal(row->lost, 0);
	assert_int_equal(row->duplicated, 0);
	assert_int_equal(row->leaked, 0);
	assert_int_equal(row->invented, 0);
}
