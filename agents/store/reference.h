/* reference - which report an update, a cancel or an answer is about, and whether it is here. */
#ifndef SIMPUL_REFERENCE_H
#define SIMPUL_REFERENCE_H

#include "agents/store/store.h"

/* A name as it stands in a message; false when its origin is too long for one. */
bool name_read(const Simpul__Name *message, struct report_name *name);
/* What a header refers to; false when it does not refer to exactly one report. */
bool reference_read(const Simpul__Header *header, struct report_name *meant);
/* The same of a header of `origin`: false, too, when the report is another's. */
bool reference_of(const Simpul__Header *header, const char *origin, struct report_name *meant);

/* E_NOT_FOUND when a report of `origin` with this header is about one that neither inbox nor outbox has, and can mean
 * nothing here without it; a retraction means what it says whether the report came or not. For readers too. */
enum error reference_find(struct store *store, const char *origin, const Simpul__Header *header, struct fault *fault);
/* E_NOT_FOUND when this office has no report of this name in its outbox. */
enum error own_report_find(struct store *store, const Simpul__Name *name, struct fault *fault);

#endif
