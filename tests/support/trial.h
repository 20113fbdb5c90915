/* trial - how often something was made to fail, and what came of it: what the suites on errors of the disk share. */
#ifndef SIMPUL_TEST_TRIAL_H
#define SIMPUL_TEST_TRIAL_H

#include "tests/support/disk.h"
#include "tests/support/findings.h"

#define TRIAL_MACHINE "/tmp" /* all that is on the disk */
#define COUNT(list) (sizeof(list) / sizeof *(list))

struct journal_life;
struct store_life;

/* What is done and found, in memory that children share. */
struct trial {
	struct disk *disk;
	struct journal_life *journal; /* founded and stopped */
	struct store_life *store;     /* prepared and stopped */
	uint64_t seed, tried, seen;
	uint64_t met, ended; /* trials in which something did fail, and those that came to an end by it */
	struct findings findings;
};

/* With a disk, in memory of its own. */
struct trial *trial_new(void);
/* Whether failures of one kind, tried since `before`, did happen and were felt, unless they may be borne: what never
 * happens shows nothing. The first trial of a kind only counts. */
void trial_check_kind(const struct trial *before, const struct trial *trial, const char *name, bool is_borne);
/* Prints the row; fails the test unless nothing was found and something ended. */
void trial_close(struct trial *trial, const char *what);

#endif
