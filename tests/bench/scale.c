/* scale - what the commands about growth share. */
#include "tests/bench/scale.h"
#include "common/error.h"

#include <stdio.h>
#include <stdlib.h>

size_t scale_number(const char *text, size_t least, size_t most)
{
	char *end;
	const unsigned long value = strtoul(text, &end, 10);

	if (*text >= '0' && *text <= '9' && *end == '\0' && value >= least && value <= most)
		return value;
	fprintf(stderr, "simpul-bench: an option or number that is not allowed here; tests/bench/README.md lists them\n");
	exit(error_exit(E_USAGE));
}
