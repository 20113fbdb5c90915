/* must - one line on standard error, and the end. */
#include "tests/support/must.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void must(bool good, const char *what)
{
	const int error = errno;

	if (good)
		return;
	fprintf(stderr, "%s: %s failed%s%s\n", program_invocation_short_name, what, error ? ": " : "",
		error ? strerror(error) : "");
	abort();
}
