/* view - reports of the inbox and the outbox as people and programs see them: JSON and text, label first.
 *
 * Read-only; used by `simpul` and by the sinks, so that a report looks the same everywhere. */
#ifndef SIMPUL_VIEW_H
#define SIMPUL_VIEW_H

#include "agents/inbox.h"
#include "agents/outbox.h"
#include <jansson.h>

/* One row of the inbox. */
struct inbox_row {
	uint64_t row; /* ascending in the order of arrival */
	uint64_t entry;
	struct report_name name;
	wall_ms accepted_at, received_at;
	enum inbox_trust trust;
	char cancelled_by[REPORT_NAME_SIZE]; /* "" when it is not */
	char updated_by[REPORT_NAME_SIZE];   /* the newest update */
	struct bytes header, body;	     /* body empty: withheld or erased */
};

/* Calls `each` for rows after `after`, at most `limit`, until it returns false. */
enum error view_inbox(struct store *store, uint64_t after, size_t limit, bool (*each)(void *context, const struct inbox_row *row),
		      void *context, struct fault *fault);
enum error view_inbox_by_name(struct store *store, const struct report_name *name,
			      bool (*each)(void *context, const struct inbox_row *row), void *context, struct fault *fault);
/* {"label": "AMBER", "name": "police.oku#12", "entry": 7, "accepted_at": ..., "trust": "good", "state": "current"|"updated"|"cancelled",
 * "header": {...}, "sighting": {...}}; a new reference. */
json_t *view_json(const struct inbox_row *row, struct arena *arena);
/* One line for lists; a page for `show`. */
void view_line(const struct inbox_row *row, struct buffer *out);
void view_page(const struct inbox_row *row, struct buffer *out);

#endif
