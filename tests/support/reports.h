/* reports - encoded reports and rows of an inbox, for tests that do without a broker. */
#ifndef SIMPUL_TEST_REPORTS_H
#define SIMPUL_TEST_REPORTS_H

#include "agents/reports/inbox.h"
#include "common/name.h"

/* What a sighting of the tests says, or a request to release one and the answer; NULL and 0 give something plausible.
 */
struct test_report {
	struct report_name name;
	const char *category, *summary, *surname;
	Simpul__Label label;
	Simpul__Status status;
	Simpul__BodyForm form;
	Simpul__Kind kind;
	bool nobody; /* no person in it */
	const struct report_name *about; /* the report that an update or a cancel is about, or a request or a release */
	Simpul__ReleaseDecision decision; /* of a release */
};

/* Appends the canonical Header and Body. */
void test_header(const struct test_report *report, struct buffer *out);
void test_body(const struct test_report *report, struct buffer *out);

/* Opens a new store of "police.oku" in `folder` for the exchange of fixed.h; ends the test on failure. */
void test_store_open(struct store *store, const char *folder);
/* Adds a row to the inbox, in a transaction of its own; returns its number. `delivery` as in inbox.delivery_id. */
uint64_t test_inbox_add(struct store *store, const struct test_report *report, enum inbox_trust trust,
			uint64_t delivery);
/* Runs SQL. */
void test_sql(struct store *store, const char *sql);
/* How many steps of SQLite's machine the store's own statements took since this was asked last: whether a question goes
 * through what it need not. */
uint64_t test_steps(struct store *store);

/* A private folder under /tmp, and its removal with all that is in it. */
char *test_folder(void);
void test_folder_remove(char *folder);

#endif
