/* view - reports of the inbox and the outbox as people and programs see them: JSON and text, label first; before it
 * stands EXERCISE, TEST or SYSTEM where a report is not in earnest.
 *
 * Read-only; used by `simpul` and by the sinks, so that a report looks the same everywhere. Rows are copied out of the
 * store before `each` sees them, so that a slow reader holds no transaction open. */
#ifndef SIMPUL_VIEW_H
#define SIMPUL_VIEW_H

#include "agents/reports/draft.h"
#include "agents/reports/inbox.h"
#include "agents/reports/outbox.h"
#include <jansson.h>

/* One row of the inbox. */
struct inbox_row {
	uint64_t row;	/* in the order in which it could be read: one that is verified late gets a new one */
	uint64_t place; /* in the order of arrival */
	uint64_t entry;
	struct report_name name;
	Simpul__Kind kind;
	wall_ms accepted_at, received_at;
	enum inbox_trust trust;
	/* "" when it is not; an update is cancelled with what it is about. A cancel or update counts wherever it stands
	 * in the inbox, and no longer once its key is known to have been compromised then. */
	char cancelled_by[REPORT_NAME_SIZE];
	char updated_by[REPORT_NAME_SIZE]; /* the newest update; of an update: a newer one */
	/* By the entry of a notice: its origin says something else by now, which is not for this office; 0: no, or what
	 * it says by now came after all. */
	uint64_t superseded_by;
	bool is_notice; /* it is no report but that notice, under the report's name (inbox_notice.h) */
	wall_ms erased_at;		   /* 0: it was not */
	Simpul__PurgeRule rule;		   /* why it was */
	struct bytes header, body;	   /* body empty: erased or not to be opened */
};

typedef bool inbox_each(void *context, const struct inbox_row *row);

/* Calls `each` for rows after `after`, at most `limit` (1..1024), until it returns false. */
enum error view_inbox(struct store *store, uint64_t after, size_t limit, inbox_each *each, void *context,
		      struct fault *fault);
/* The rows with this name: one, unless the origin's key was abused. None is E_OK too. */
enum error view_inbox_by_name(struct store *store, const struct report_name *name, inbox_each *each, void *context,
			      struct fault *fault);
/* As view_inbox, queries and answers alone, or requests to share and what was answered to them; finds them without
 * going through the rest. */
enum error view_inbox_questions(struct store *store, uint64_t after, size_t limit, inbox_each *each, void *context,
				struct fault *fault);
enum error view_inbox_releases(struct store *store, uint64_t after, size_t limit, inbox_each *each, void *context,
			       struct fault *fault);
/* The newest row, 0 when there is none. */
enum error view_inbox_last(struct store *store, uint64_t *row, struct fault *fault);
/* {"mark": "EXERCISE", "label": "AMBER", "name": "police.oku#12", "entry": 7, "accepted_at": ..., "received_at": ...,
 *  "trust": "good"|"doubtful"|"bad", "state": "current"|"updated"|"superseded"|"cancelled", "cancelled_by": ...,
 *  "updated_by": ..., "superseded_by_entry": 9, "notice": "superseded",
 *  "erased_at": ..., "erased_by": "expired"|"retracted", "header": {...}, "sighting": {...}}
 * A new reference. Without a content the body was erased or could not be opened. A header that cannot be read has the
 * label "UNKNOWN"; `mark` is there unless the report is Actual (status_mark). */
json_t *view_json(const struct inbox_row *row, struct arena *arena);
/* One line for lists; a page for `show`. Control characters of a report never reach the terminal. */
void view_line(const struct inbox_row *row, struct buffer *out);
void view_page(const struct inbox_row *row, struct buffer *out);

/* One row of the outbox. */
struct outbox_row {
	struct report_name name;
	enum outbox_state state;
	wall_ms taken_at;
	uint64_t entry;			    /* 0: no receipt yet */
	enum error refused;		    /* OUTBOX_REFUSED: why */
	const char *field;		    /* and where */
	const char *source;		    /* "file guests.csv:12", "local"; "" once erased */
	Simpul__Kind kind;
	const char *reference;		    /* the report that it is about; "": none */
	/* As of an inbox_row, once the broker has accepted both. */
	char cancelled_by[REPORT_NAME_SIZE], updated_by[REPORT_NAME_SIZE];
	wall_ms erased_at;		    /* 0: it was not */
	Simpul__PurgeRule rule;		    /* why it was */
	struct bytes header, body, routing; /* routing without salt and wraps */
};

/* A place in the outbox: rows come by epoch, stream and number. {0} is before the first. */
struct outbox_place {
	uint32_t epoch, stream;
	uint64_t number;
};

typedef bool outbox_each(void *context, const struct outbox_row *row);

enum error view_outbox(struct store *store, const struct outbox_place *after, size_t limit, outbox_each *each,
		       void *context, struct fault *fault);
/* As view_outbox, queries and answers alone, or requests to share and what was answered to them. */
enum error view_outbox_questions(struct store *store, const struct outbox_place *after, size_t limit, outbox_each *each,
				 void *context, struct fault *fault);
enum error view_outbox_releases(struct store *store, const struct outbox_place *after, size_t limit, outbox_each *each,
				void *context, struct fault *fault);
enum error view_outbox_by_name(struct store *store, const struct report_name *name, outbox_each *each, void *context,
			       struct fault *fault);
/* Those that refer to an own report of this name: its updates and cancels. */
enum error view_outbox_about(struct store *store, const char *name, const struct outbox_place *after, size_t limit,
			     outbox_each *each, void *context, struct fault *fault);
/* {"mark", "label", "name", "state": "waiting"|"sent"|"accepted"|"refused", "taken_at", "source", "entry", "code", "field",
 * "sentence", "cancelled_by", "updated_by", "erased_at", "erased_by", "header", "sighting"}; a new reference. */
json_t *view_outbox_json(const struct outbox_row *row, struct arena *arena);
void view_outbox_line(const struct outbox_row *row, struct buffer *out);
void view_outbox_page(const struct outbox_row *row, struct buffer *out);

/* A report that is not taken yet, as `show` would have it: the columns of the lists, then the rest of the header, the
 * content and whom it names. `masked`: of what identifies a person only the first character and the length, enough to
 * see that a column went to its field. */
void view_draft(const struct prepared *draft, bool masked, struct buffer *out);

/* Appends foreign text as a terminal may show it: nothing that moves the cursor, changes colours or turns the
 * direction. */
void view_safe_text(struct buffer *out, const char *text);
/* Appends "2026-11-20 21:40", in the machine's zone. */
void view_time(struct buffer *out, wall_ms time);

#endif
