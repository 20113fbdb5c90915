/* outbox_erase - takes what this office's own reports said out of the outbox, and sees to it that a broker that was
 * restored, and asks for them again, gets numbers without gaps all the same.
 *
 * A report is erased once its receipt is here, or it was refused. Its submission then has a hole and is never sent
 * again as it was: should the broker lose its entry, a VOID goes under the number (E_EXPIRED), and what is left of the
 * submission in pieces, each with the very strings that it had. Every function works inside the caller's transaction. */
#ifndef SIMPUL_OUTBOX_ERASE_H
#define SIMPUL_OUTBOX_ERASE_H

#include "agents/store/store.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/name.h"
#include "proto/link.pb-c.h"

/* After a receipt of `count` numbers from `first` on was stored: erases what was taken back before, and what a
 * retraction among them takes back. */
enum error outbox_erase_receipted(struct store *store, const struct report_name *first, uint64_t count, wall_ms now,
				  struct fault *fault);
/* Erases at most `limit` reports that expired; `count` receives how many. */
enum error outbox_erase_expired(struct store *store, wall_ms now, size_t limit, size_t *count, struct fault *fault);

/* The receipt of this submission is void: when it has a hole, its pieces wait to be sent. */
enum error outbox_break(struct store *store, const struct report_name *first, struct fault *fault);
/* Erased reports that have no receipt any more become refused, so that a VOID goes under their numbers. */
enum error outbox_void_erased(struct store *store, struct fault *fault);
/* The broker does not take a piece as it was: what is left is sent as if it never had been. */
enum error outbox_broken_drop(struct store *store, const struct report_name *name, struct fault *fault);
/* The submission that a broken one had this number in, into memory of `arena`; E_NOT_FOUND. `index`: its place there. */
enum error outbox_broken(struct store *store, const struct report_name *name, struct arena *arena,
			 Simpul__Submission **submission, uint64_t *index, struct fault *fault);

#endif
