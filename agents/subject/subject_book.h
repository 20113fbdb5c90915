/* subject_book - the requests of persons for what is held of them, out of inbox and outbox: what was asked, who was
 * asked, who answered, and which are due. Read-only.
 *
 * Only queries of category "subject-access" that ask for that are requests; what came under a key that is no longer
 * trusted or with a bad signature, and what says more than it may (body_check: of what another office reported only
 * that it is withheld), counts for nothing. */
#ifndef SIMPUL_SUBJECT_BOOK_H
#define SIMPUL_SUBJECT_BOOK_H

#include "agents/store/store.h"
#include "common/arena.h"
#include "common/clock.h"
#include "common/name.h"
#include "proto/report.pb-c.h"
#include <jansson.h>

/* So long before it is due a request is called urgent. */
#define SUBJECT_URGENT_MS DAY_MS

struct subject_book {
	/* In the order in which they are due, those that are done last:
	 * {"mark", "request": "immigration.muara-enim#5", "own": true, "office": "immigration.muara-enim",
	 *  "urgency": "overdue"|"urgent"|"open"|"done", "state", "code", "field", "due", "expires", "erased_at",
	 *  "asked": [nodes], "answered": [nodes], "query": {"request_number", "received_at", "subject"}}
	 *
	 * `state` of an own one is "waiting", "sent", "accepted", "refused" (with code and field) or "cancelled", of
	 * others "current" or "cancelled". `query` is there while it is not erased. An own one is done when its result
	 * was made (subject_record_done), another one when this office answered it; both when they were taken back,
	 * refused or erased. */
	json_t *requests;
	/* By the query's name: [{"node", "name", "at", "reply": {"reports", "part", "parts"} while it is not erased}],
	 * in the order in which they came; this office's own answers too, that were not refused. */
	json_t *replies;
};

/* Of what has been erased nothing is read when `open_only`: for who asks each minute. */
enum error subject_book_read(struct store *store, bool open_only, wall_ms now, struct subject_book *book,
			     struct fault *fault);
void subject_book_free(struct subject_book *book);

/* The request of this name, borrowed; NULL when there is none. */
json_t *subject_book_find(const struct subject_book *book, const char *name);

/* Whether a query or answer says what such a one may: the broker let it pass without seeing it. What was erased, its
 * body empty, says nothing. */
bool subject_is_sound(const Simpul__Header *header, struct bytes body, struct arena *arena);

/* An own answer while its parts are gone through, in the order of their numbers; zero before the first. */
struct subject_parts {
	char query[REPORT_NAME_SIZE];
	bool whole; /* so far */
};
/* Whether this part ends an answer of which the broker refused none: that was said. What was erased has part 0. */
bool subject_parts_end(struct subject_parts *parts, const char *query, uint64_t part, uint64_t of, bool refused);

/* Whether an own query was taken back, which the outbox says of no report by itself. */
enum error subject_taken_back(struct store *store, const char *query, bool *cancelled, struct fault *fault);

#endif
