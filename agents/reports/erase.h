/* erase - takes what received reports said out of the inbox: header, H(body) and proof of origin stay.
 *
 * Every function works inside the caller's transaction and sets store->wipe_due; what was erased is gone for good when
 * the log is wiped (purge.h). PROTOCOL.md, "Erasure". */
#ifndef SIMPUL_ERASE_H
#define SIMPUL_ERASE_H

#include "agents/store/store.h"
#include "common/clock.h"
#include "common/name.h"

/* Erases one row of the inbox, which stays with H(body); nothing when it is erased already. Notes it for the sinks, and
 * for the origin unless somebody else may have made the row up. */
enum error erase_row(struct store *store, uint64_t row, Simpul__PurgeRule rule, wall_ms now, struct fault *fault);
/* Erases the report and, whether they are here or come later, every update of it. Of a report that never came here the
 * origin hears that too. */
enum error erase_retracted(struct store *store, const struct report_name *name, wall_ms now, struct fault *fault);
/* Whether the origin took this report back for good: E_NOT_FOUND when it did not. Of this office's own as well. */
enum error retraction_find(struct store *store, const struct report_name *name, struct fault *fault);
/* Notes that it did; `is_new` false when that is known. */
enum error retraction_note(struct store *store, const struct report_name *name, bool *is_new, struct fault *fault);
/* Erases at most `limit` rows of the inbox that expired; `count` receives how many. */
enum error erase_expired(struct store *store, wall_ms now, size_t limit, size_t *count, struct fault *fault);

#endif
