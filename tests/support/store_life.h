/* store_life - a life of an agent's store, for suites that cut its power or let its disk fail: what was taken, sent,
 * receipted and received and when, and whether a store still has all of that and nothing else.
 *
 * A life ends at the first error, as an agent's would. It runs on a disk (disk.h). */
#ifndef SIMPUL_TEST_STORE_LIFE_H
#define SIMPUL_TEST_STORE_LIFE_H

#include "tests/support/agent_world.h"
#include "tests/support/findings.h"
#include "tests/support/promise.h"

/* Rows that must be there, and unchanged, once `promise` is kept; before, all of them or none. */
struct rows_promise {
	struct promise promise;
	char sql[320];
	uint64_t count;
	struct hash rows;
};

/* A number that only grows. */
struct number_promise {
	struct promise promise;
	char sql[160];
	uint64_t number;
};

/* As it came from the broker. */
struct stored_batch {
	uint64_t after, upto;
	struct buffer encoded;
};

enum { STORE_LIFE_PROMISES = 256, STORE_LIFE_BATCHES = 64, STORE_LIFE_LETTERS = 12 };

struct store_life {
	struct disk *disk;
	struct cipher *cipher; /* NULL: the store is plain */
	struct agent_world world;
	struct agent_office police, army;
	struct store store; /* of police.oku */
	struct inbox *inbox;
	Simpul__Submission *letters[STORE_LIFE_LETTERS]; /* of army.oku, made beforehand */
	size_t letter_count;
	uint64_t taken, sent; /* numbers of the main stream */
	uint64_t received;    /* reports in all batches */
	struct position seen; /* where the last batch ended */
	struct rows_promise rows[STORE_LIFE_PROMISES];
	size_t row_count;
	struct number_promise numbers[STORE_LIFE_PROMISES];
	size_t number_count;
	struct stored_batch batches[STORE_LIFE_BATCHES];
	size_t batch_count;
};

/* Makes offices and what army.oku has to say, then begins to record; asserts, so nothing may fail yet. `sealed`: the
 * store is encrypted. */
void store_life_prepare(struct store_life *life, struct disk *disk, bool sealed);
/* Opens the store, which may be new, unless it is open. */
enum error store_life_start(struct store_life *life);
/* Members, reports taken alone, together and with a file, frozen, receipted, refused and voided; batches, key
 * standings, entries withheld, cursors, positions of sinks, closing and opening. Stops at the first error and returns
 * it. */
enum error store_life_run(struct store_life *life);
/* So many times a mebibyte taken, sent and receipted: the log is copied on the way. */
enum error store_life_run_large(struct store_life *life, unsigned times);
/* Takes one more report. */
enum error store_life_take(struct store_life *life);
void store_life_stop(struct store_life *life);
void store_life_end(struct store_life *life);

/* Starts the store from what is on the disk after `at` operations and looks for what was promised by then, for what is
 * half there and for what never was; then goes on with both boxes. The store is closed again. */
void store_life_check(struct store_life *life, uint64_t at, struct findings *findings);

#endif
