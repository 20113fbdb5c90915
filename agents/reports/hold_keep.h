/* hold_keep - what an order keeps: taken out of inbox or outbox in the transaction that erases it there, and erased
 * itself when no order is left. */
#ifndef SIMPUL_HOLD_KEEP_H
#define SIMPUL_HOLD_KEEP_H

#include "agents/store/store.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/name.h"
#include "proto/journal.pb-c.h"

/* What the office's own copy is called in a purge receipt: no sink has this name. */
#define HOLD_KEEP_SINK "office-store"

/* Before a row of the inbox (not a bad one) is emptied, and after the note of it for sinks and origin was made, which
 * then says HELD. Nothing where no order keeps the report. Inside the caller's transaction. */
enum error hold_keep_row(struct store *store, uint64_t row, const struct report_name *name, Simpul__PurgeRule rule,
			 wall_ms now, struct fault *fault);
enum error hold_keep_told(struct store *store, const struct report_name *name, uint64_t purge, wall_ms now,
			  struct fault *fault);
/* The same of a report of this office; nobody is told. */
enum error hold_keep_own(struct store *store, const struct report_name *name, Simpul__PurgeRule rule, wall_ms now,
			 struct fault *fault);

/* Notes which orders are over by a clock that is right, erases what no order keeps any more, and notes for its origin
 * that it is gone. `count` receives how many; `next` when the next order ends, 0: none is there. A transaction of its
 * own, if there is anything to do. */
enum error hold_keep_end(struct store *store, wall_ms now, size_t *count, wall_ms *next, struct fault *fault);

/* What is kept of a report, in memory of the arena. E_NOT_FOUND. */
struct kept {
	Simpul__PurgeRule rule;
	wall_ms kept_at;
	const Simpul__Header *header;
	const Simpul__Body *body;
	const Simpul__Proof *proof; /* NULL: its origin cannot be proven from here any more */
};
enum error hold_keep_read(struct store *store, const struct report_name *name, struct arena *arena, struct kept *kept,
			  struct fault *fault);

#endif
