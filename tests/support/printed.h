/* printed - what a function under test writes to standard output, from any thread. */
#ifndef SIMPUL_TEST_PRINTED_H
#define SIMPUL_TEST_PRINTED_H

#include <stdio.h>

struct printed {
	FILE *file;
	int before; /* where standard output led */
};

void printed_begin(struct printed *printed);
/* Standard output leads where it did before. Free what was written to it meanwhile. */
char *printed_end(struct printed *printed);

#endif
