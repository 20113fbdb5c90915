/* must - what a test takes for granted about its own machine: without it the program ends, and says what was missing. */
#ifndef SIMPUL_TEST_MUST_H
#define SIMPUL_TEST_MUST_H

#include <stdbool.h>

/* Aborts unless `good`; says `what` failed, and errno in words where it is set. */
void must(bool good, const char *what);

#endif
