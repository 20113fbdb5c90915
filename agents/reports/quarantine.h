/* quarantine - what reached this office and could not be applied or handed on, and what became of it.
 *
 * The table `quarantine` says why something waits; what was received stands in the inbox, where it is erased as all
 * else. An item is
 *
 *   waits    somebody has to look: `simpul quarantine`, `simpul status` and `simpul doctor` name it
 *   solved   it does by now what it is there for, by itself or when it was tried again, or what it said is erased
 *   closed   somebody said that nothing more is to be done, and why; it can still be tried again
 *
 * and stays in the table for good. quarantine.c is the table, quarantine_desk.h what can be done about an item. */
#ifndef SIMPUL_QUARANTINE_H
#define SIMPUL_QUARANTINE_H

#include "agents/sink/sink.h"
#include "agents/store/store.h"
#include "common/clock.h"
#include "common/name.h"
#include "common/user.h"

enum quarantine_cause {
	/* A report whose signature, key, name or seal fails, `code`: handed to no sink. */
	QUARANTINE_UNVERIFIED = 1,
	/* A cancel or answer about a report that is not here. A cancel is solved by itself when the report comes; an
	 * answer is about an own one. */
	QUARANTINE_UNREFERENCED,
	/* A report that `sink` does not take while it takes others. */
	QUARANTINE_UNDELIVERED,
	/* An entry that was meant for this office, of which the broker gave out a stub. */
	QUARANTINE_WITHHELD,
	/* The word of a stub that a report which is here is superseded, and its origin's key does not confirm it. */
	QUARANTINE_NOTICE,
	QUARANTINE_CAUSES
};

enum quarantine_state { QUARANTINE_WAITS, QUARANTINE_SOLVED, QUARANTINE_CLOSED };

struct quarantine_item {
	uint64_t id; /* people say it; never used again */
	enum quarantine_cause cause;
	enum quarantine_state state;
	uint64_t row;	/* of the inbox; 0: none */
	uint64_t entry; /* it came in */
	char sink[SINK_NAME_SIZE];
	enum error code;
	char detail[SINK_REASON_SIZE]; /* what the sink did, "" otherwise; no word of a report */
	uint64_t tries;		       /* how often it failed */
	wall_ms since, decided_at;     /* decided_at: 0 while it waits */
	char decided_by[USER_NAME_SIZE], reason[USER_TEXT_MOST + 1]; /* once closed: who and why */
	/* Of the row: */
	struct report_name name; /* number 0: there is no row */
	Simpul__Kind kind;
	wall_ms erased_at;
	struct bytes header;
};

/* ---- for the loop, inside a transaction */

/* Has an item wait with cause, row, entry, sink, code, detail and tries of `item`; one that was there already waits
 * again. */
enum error quarantine_put(struct store *store, const struct quarantine_item *item, wall_ms now, struct fault *fault);
/* One line for what was put together, `first` with the name of its report. */
void quarantine_log(const struct quarantine_item *first, uint64_t count);
/* Both, of one item. */
enum error quarantine_add(struct store *store, const struct quarantine_item *item, wall_ms now, struct fault *fault);
/* Another attempt failed, for this reason; what was closed stays so. */
enum error quarantine_failed(struct store *store, uint64_t id, enum error code, const char *detail,
			     struct fault *fault);
enum error quarantine_solve(struct store *store, uint64_t id, wall_ms now, struct fault *fault);
/* E_NOT_FOUND; E_UNEXPECTED at "solved" or "closed" when it does not wait. */
enum error quarantine_close(struct store *store, uint64_t id, const char *user, const char *reason, wall_ms now,
			    struct fault *fault);
/* A report of this name has come: whatever waits for it is solved. */
enum error quarantine_arrived(struct store *store, const struct report_name *name, wall_ms now, struct fault *fault);
/* A row was erased: nothing is left to verify, to understand or to hand on. */
enum error quarantine_erased(struct store *store, uint64_t row, wall_ms now, struct fault *fault);
/* Entries after this one are of a history that is over: what was withheld of them comes again, or was never there. */
enum error quarantine_rewind(struct store *store, uint64_t entry, wall_ms now, struct fault *fault);
/* A row got another number. */
enum error quarantine_move(struct store *store, uint64_t from, uint64_t to, struct fault *fault);

/* ---- for readers too */

/* Whether anything waits for this cause; also true when that cannot be read. */
bool quarantine_waits(struct store *store, enum quarantine_cause cause);
/* How many wait, by cause. */
enum error quarantine_count(struct store *store, uint64_t counts[QUARANTINE_CAUSES], struct fault *fault);
/* Without the header. E_NOT_FOUND at "item". */
enum error quarantine_find(struct store *store, uint64_t id, struct quarantine_item *item, struct fault *fault);

typedef bool quarantine_each(void *context, const struct quarantine_item *item);
/* Calls `each` for items after `after`, at most `limit` (1..256), until it returns false. `all`: not only what waits.
 */
enum error quarantine_list(struct store *store, uint64_t after, size_t limit, bool all, quarantine_each *each,
			   void *context, struct fault *fault);

/* "unverified" and so on; "waits", "solved", "closed". */
const char *quarantine_cause_text(enum quarantine_cause cause);
const char *quarantine_state_text(enum quarantine_state state);

#endif
