/* subject_result - what a person who asked is told: the answers of all offices to one request, put together.
 * Read-only. */
#ifndef SIMPUL_SUBJECT_RESULT_H
#define SIMPUL_SUBJECT_RESULT_H

#include "agents/subject/subject_book.h"
#include "agents/subject/subject_search.h"

/* Of an own request of the book, with the queries that ask the same under the same number (one query names 64 offices
 * at most); `decisions` are about this office's own reports, which nobody else answers for. A new reference:
 *
 * {"mark", "request_number", "office", "queries": ["immigration.muara-enim#5"], "received_at", "due", "expires",
 *  "made_at", "subject": {...}, "missing": 1,
 *  "offices": [{"node", "state", "answered_at", "reports": [HeldReport], "undecided": [name]}]}
 *
 *   own          this office; `undecided` are hits about which nothing was said
 *   answered     all of its newest answer is here; what it answered before counts no more, whole or in parts
 *   incomplete   a part of its newest answer is not
 *   silent       it was asked and has not answered
 *   left         it was asked, did not answer, and is no member any more
 *   to-be-asked  it is a member and was not asked, and a query waits to be sent
 *   not-asked    it is a member and the query did not go to it: the policy grants it no `answer`, it joined later, or
 *                its key had ended
 *
 * `missing` counts what is silent, incomplete, to be asked or undecided.
 *
 * E_NOT_FOUND: nothing is left of the request. Faults of subject_holdings. */
enum error subject_result(struct store *store, const struct subject_book *book, const json_t *request,
			  const struct subject_decisions *decisions, wall_ms now, json_t **result, struct fault *fault);

#endif
