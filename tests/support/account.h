/* account - what all offices of an exchange said and heard, set against each other: what has a receipt must be with
 * everybody, once, and a name must be one report's.
 *
 * For exchanges in which every office receives what every other one says. */
#ifndef SIMPUL_TEST_ACCOUNT_H
#define SIMPUL_TEST_ACCOUNT_H

#include "tests/support/exchange.h"

struct account {
	sqlite3 *db;
};

struct account_result {
	uint64_t receipted;   /* reports with a receipt, of all offices, now or when they were noted */
	uint64_t missing;     /* of those, that an office does not have, each office counted */
	uint64_t twice;	      /* rows of an inbox under a name that it has already */
	uint64_t two_reports; /* names under which two different headers stand anywhere */
	uint64_t bad;	      /* rows that did not verify */
};

void account_begin(struct account *account);
/* Notes what an office has said so far: before its disk is lost, and what account_end does for all. */
void account_note(struct account *account, struct exchange *x, size_t office);
/* Waits until nothing is missing. */
bool account_complete(struct account *account, struct exchange *x, int seconds);
/* Notes all offices, counts, prints a line and ends the account. */
struct account_result account_end(struct account *account, struct exchange *x, const char *what);

#endif
