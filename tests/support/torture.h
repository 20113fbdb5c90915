/* torture - what the suites under tests/torture share: how much to try, from which seed, and the row that says what came of it.
 *
 * Each suite has a short form, which `make test` runs, and a long one (`make torture`, SIMPUL_TORTURE=long). A failure is
 * replayed with SIMPUL_SEED=N, the seed that the suite printed. */
#ifndef SIMPUL_TEST_TORTURE_H
#define SIMPUL_TEST_TORTURE_H

#include <stdbool.h>
#include <stdint.h>

/* True in the long form. */
bool torture_long(void);
/* `brief` in the short form, `full` in the long one. */
uint64_t torture_times(uint64_t brief, uint64_t full);
/* True when a person asks for one seed; then it is in *seed and nothing else is to be tried. */
bool torture_replay(uint64_t *seed);

/* One row of the table that tests/run prints below the tests. */
struct torture_row {
	const char *what;  /* the fault, in a few words: "power cut, broker's journal" */
	uint64_t tried;	   /* how often it was done */
	const char *times; /* what is counted: "cuts", "seeds", "kills" */
	uint64_t lost, duplicated, leaked, invented;
	const char *note;  /* anything else worth a line, such as a rate; NULL for none */
};
void torture_row(const struct torture_row *row);
/* Fails the test when something was lost, duplicated, leaked or invented, or nothing was tried. */
void torture_check(const struct torture_row *row);

#endif
