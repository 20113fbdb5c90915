/* findings - what a suite found wrong: counted by kind, the first few said in words. */
#ifndef SIMPUL_TEST_FINDINGS_H
#define SIMPUL_TEST_FINDINGS_H

#include "tests/support/torture.h"

enum finding { FOUND_LOST, FOUND_DUPLICATED, FOUND_LEAKED, FOUND_INVENTED, FINDINGS };

struct findings {
	const char *where; /* said before each line: which cut, which fault */
	uint64_t count[FINDINGS];
};

/* Prints the first of a kind; what is damaged counts as lost. */
void found(struct findings *findings, enum finding kind, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Prints the row and fails the test unless nothing was found. */
void findings_close(const struct findings *findings, const char *what, uint64_t tried, const char *times,
		    const char *note);

#endif
