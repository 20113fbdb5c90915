/* subject_record - the record of reads: who asked about a person, looked for what this office holds of him and answered,
 * when, and on whose request.
 *
 * The agent writes it before `simpul` shows anything, and keeps it for good (UU 27/2022 Pasal 31): names of reports,
 * and not a word of them. */
#ifndef SIMPUL_SUBJECT_RECORD_H
#define SIMPUL_SUBJECT_RECORD_H

#include "agents/store/store.h"
#include "common/clock.h"
#include "common/name.h"
#include <jansson.h>

/* Takes {"action": "search"|"result", "query": "immigration.muara-enim#5", "missing": 0,
 * "reports": ["police.oku#1"]} of a request to the local endpoint, in a transaction of its own. `user`: who asks, as
 * the kernel says; "" when nobody could tell. `missing`: of a result, how many offices had not answered. E_INVALID. */
enum error subject_record_take(struct store *store, const json_t *request, const char *user, wall_ms now,
			       struct fault *fault);

/* "ask" or "answer" for each of these drafts, which were taken under these names: in the transaction that takes them. */
enum error subject_record_drafts(struct store *store, const json_t *drafts, const struct report_name *names,
				 const char *user, wall_ms now, struct fault *fault);

/* Every read in its order, as above with "at"; a new reference. */
enum error subject_record_list(struct store *store, json_t **list, struct fault *fault);

/* Whether a result was made of the answers to this query that the person can be given: nobody was missing, or it was
 * made after the answer was due, when what is there must do. */
enum error subject_record_done(struct store *store, const char *query, wall_ms due, bool *done, struct fault *fault);

#endif
