/* view_part - what the files that show rows share; private to them.
 *
 *   view.c        lines and pages
 *   view_json.c   JSON
 *   view_rows.c   rows out of the store */
#ifndef SIMPUL_VIEW_PART_H
#define SIMPUL_VIEW_PART_H

#include "agents/reports/view.h"

/* "AMBER"; "UNKNOWN" for a header that cannot be read, which is NULL. */
const char *view_label_text(const Simpul__Header *header);
/* What stands before the label: status_mark; "" for a header that cannot be read. */
const char *view_mark(const Simpul__Header *header);
/* "current", "updated", "superseded", "cancelled". */
const char *view_state_text(const struct inbox_row *row);
/* "waiting", "sent", "accepted", "refused". */
const char *view_outbox_state_text(enum outbox_state state);
/* view_json with the header that the caller has, and times in a zone; a new reference. */
json_t *view_outbox_json_of(const struct outbox_row *row, const Simpul__Header *header, struct arena *arena, int zone);
json_t *view_inbox_json(const struct inbox_row *row, const Simpul__Header *header, struct arena *arena, int zone);

#endif
