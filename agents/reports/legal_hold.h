/* legal_hold - orders by which an office keeps what a report said although it expires or is taken back.
 *
 * Two persons of the office: one places an order, and another, under a Unix user of his own, confirms it; likewise to
 * lift it. Who they are is the kernel's word about the other end of the agent's local socket. Up to its end, or until
 * it is lifted, what has to be erased leaves inbox and outbox as ever, for sinks and views too, and is kept in a table
 * apart (hold_keep.h).
 *
 * An order counts until a clock that is right says that its time is over: `ended`. */
#ifndef SIMPUL_LEGAL_HOLD_H
#define SIMPUL_LEGAL_HOLD_H

#include "agents/store/store.h"
#include "common/clock.h"
#include "common/name.h"
#include "common/user.h"

#include <jansson.h>

#define HOLD_CONFIRM_MS DAY_MS /* an order that nobody confirms by then is none */

/* Who asks. */
struct hold_person {
	uid_t uid;
	char name[USER_NAME_SIZE];
};

struct hold_order {
	struct report_name report;
	const char *authority, *order, *reason;
	wall_ms until;
};

/* Each is one transaction, and gives the number of the order. E_NOT_FOUND: there is no such report, or order; E_ERASED:
 * it says nothing any more; E_MISSING, E_INVALID and so on as of common/hold.h. */
enum error legal_hold_place(struct store *store, const struct hold_order *order, const struct hold_person *by,
			    wall_ms now, uint64_t *id, struct fault *fault);
enum error legal_hold_lift(struct store *store, uint64_t lifts, const char *reason, const struct hold_person *by,
			   wall_ms now, uint64_t *id, struct fault *fault);
/* E_TWO_OPERATORS: it is the same user. */
enum error legal_hold_confirm(struct store *store, uint64_t id, const struct hold_person *by, wall_ms now,
			      struct fault *fault);
/* Records that what is kept of a report is about to be read. E_NOT_FOUND: nothing is kept. */
enum error legal_hold_note_opening(struct store *store, const struct report_name *report, const char *reason,
				   const struct hold_person *by, wall_ms now, struct fault *fault);

/* The order that keeps a report the longest; E_NOT_FOUND when none does. */
struct hold_basis {
	uint64_t id;
	char authority[33], order[65];
	wall_ms until;
};
enum error legal_hold_find(struct store *store, const struct report_name *report, struct hold_basis *basis,
			   struct fault *fault);

/* Every order and every opening, in order, as an array of objects; a new reference. */
enum error legal_hold_list(struct store *store, wall_ms now, json_t **list, struct fault *fault);
/* So many orders end within HOLD_NOTICE_DAYS, of reports that no other keeps for longer. */
uint64_t legal_holds_ending(struct store *store, wall_ms now);
/* So many orders, or words that lift one, wait for the second person. */
enum error legal_holds_waiting(struct store *store, wall_ms now, uint64_t *count, struct fault *fault);

#endif
