/* journal_life - a life of the broker's journal, for suites that cut its power or let its disk fail: what it
 * acknowledged and when, and whether a journal still has all of that and nothing else.
 *
 * A life ends at the first error, as a broker's would. It runs on a disk (disk.h), or on real files (`disk` is NULL).
 */
#ifndef SIMPUL_TEST_JOURNAL_LIFE_H
#define SIMPUL_TEST_JOURNAL_LIFE_H

#include "broker/journal/vault.h"
#include "tests/support/findings.h"
#include "tests/support/ledger.h"
#include "tests/support/promise.h"

/* An entry and what was handed out for it. */
struct entry_promise {
	struct promise promise;
	struct position position;
	uint64_t commit_end;	  /* the last entry of its commit */
	struct report_name first; /* submissions */
	size_t count;
	struct hash digest;
	struct hash receipt;
};

struct cursor_promise {
	struct promise promise;
	const char *node;
	uint64_t cursor, withheld;
};

struct erasure_promise {
	struct promise promise;
	uint64_t entry;
	size_t index;
	uint8_t slot[KEY_SIZE]; /* as it was: must stand nowhere any more */
};

enum { JOURNAL_LIFE_ENTRIES = 256 };

/* Without pointers to what it took note of, so that it may stand in memory that a child shares. */
struct journal_life {
	struct disk *disk;
	struct ledger ledger;
	uint64_t founded; /* operations after which the journal with its first entries was there */
	uint64_t said[LEDGER_NODES], receipted[LEDGER_NODES]; /* number of each node's last report */
	struct fault reason;				      /* of the last opening, commit or flush */
	const struct disk_fault *fault;			      /* what may fail, or NULL */
	bool went_on;					      /* committed after a sync that failed */
	uint64_t failed_before;				      /* how often it had when the journal was opened */
	struct entry_promise entries[JOURNAL_LIFE_ENTRIES];   /* in order, from LEDGER_FIRST_ENTRIES + 1 */
	size_t entry_count;
	struct cursor_promise cursors[8];
	size_t cursor_count;
	struct erasure_promise erasures[8];
	size_t erasure_count;
};

/* Makes the journal; asserts, so nothing may fail yet. */
void journal_life_found(struct journal_life *life, struct disk *disk);
/* Opens the journal unless it is open. */
enum error journal_life_start(struct journal_life *life);
/* Single and grouped commits, updates and cancels, policies, members, cursors, erasures, slots laid in within a commit,
 * readers, closing and opening. Stops at the first error and returns it. */
enum error journal_life_run(struct journal_life *life);
/* So many commits of 80 KiB: the log is copied and begun anew every fiftieth. */
enum error journal_life_run_large(struct journal_life *life, unsigned commits);
/* As little as a broker can: `count` single reports. */
enum error journal_life_say(struct journal_life *life, unsigned count);
/* Closes the journal only. */
void journal_life_stop(struct journal_life *life);
/* Also forgets everything and removes the folder. */
void journal_life_end(struct journal_life *life);

/* Starts the journal from what is on the disk after `at` operations and looks for what was promised by then, for what
 * is half there and for what was never said; then appends once more. The journal is closed again. */
void journal_life_check(struct journal_life *life, uint64_t at, struct findings *findings);

#endif
