/* laid - an exchange whose journal was laid in before its broker ran: thousands of members, millions of reports.
 *
 * Entries go through the journal's own functions, signed and hashed as an origin and a broker would have them, so that
 * the broker cannot tell them from others and a check of the journal finds nothing. */
#ifndef SIMPUL_BENCH_LAID_H
#define SIMPUL_BENCH_LAID_H

#include "broker/journal/journal.h"
#include "tests/bench/bench.h"
#include "tests/bench/workload.h"
#include "tests/support/exchange.h"

struct laid {
	struct exchange exchange;
	struct journal_options options; /* path is owned */
	struct join join;
	size_t receivers;	/* nodes army.r0 .. that receive everything; WORKLOAD_SENDER beside them */
	struct node_keys sender;
	struct node_keys *keys; /* of the receivers */
	struct audience audience;
	struct journal *journal; /* between laid_open and laid_close */
	struct workload workload;
	uint64_t reports; /* laid in so far */
	struct position position; /* of the last entry when the journal was closed */
};

/* The name of a receiver. */
void laid_name(size_t receiver, char name[LIMIT_NODE_NAME + 1]);
/* Makes the exchange and enrols everybody. Reports have `size` bytes and come `per_submission` to an entry. Ends the
 * program on failure, as all below. */
void laid_make(struct laid *laid, size_t receivers, size_t size, size_t per_submission);
/* No broker may run meanwhile. With `synced` false the journal does not wait for the disk. */
void laid_open(struct laid *laid, bool synced);
void laid_close(struct laid *laid);
/* Reports up to number `last`, `per_commit` entries to a commit. */
void laid_reports(struct laid *laid, uint64_t last, size_t per_commit);
/* Gives the sender and the first `count` receivers folders with keys and join file, as real.c wants its offices. */
void laid_offices(struct laid *laid, size_t count);
/* Starts the broker and waits until it serves; how long that took. */
uint64_t laid_start_us(struct laid *laid);
/* Waits until the broker has checked the whole journal, and ends the program when that found damage. How long it took the
 * broker. */
double laid_inspected_s(struct laid *laid, int seconds);
/* Ends the broker and removes everything. */
void laid_end(struct laid *laid);
/* The program ends because of this. */
_Noreturn void laid_fail(const struct laid *laid, const char *what);

#endif
