/* release - requests to share reports with others than those who got them, out of inbox and outbox: what was asked, what was
 * answered, and the drafts that carry out an answer. Read-only. */
#ifndef SIMPUL_RELEASE_H
#define SIMPUL_RELEASE_H

#include "agents/store/store.h"
#include <jansson.h>

/* Every request in the order in which it came or was made, those of others first; a new reference:
 * [{"mark", "request": "army.oku#5", "report": "police.oku#12", "nodes": ["district.oku"], "reason": "other-region",
 *   "decision": "open"|"granted"|"refused"|"unsent", "own": false, "not_reached": ["district.oku"]}]
 * `mark` as in view.h. "unsent": an own one that the broker did not take. "not_reached": those for whom a request of
 * another office was granted and who got nothing, for the policy does not let them; left out where there are none, or
 * the receipt is not there yet. Of an own request only its origin knows. */
enum error release_list(struct store *store, json_t **list, struct fault *fault);

/* So many requests of other offices are not answered. */
enum error release_open_count(struct store *store, uint64_t *count, struct fault *fault);

/* The drafts that grant the request of this name, to be taken together: an UPDATE that says to its nodes what the report says
 * by now, with all that limits it, and the answer. An UPDATE and not a new report, because what is taken back later must reach
 * them as well; whether the policy lets them have it the broker decides as ever.
 *
 * E_NOT_FOUND at `request`: nobody asked for that; E_EXISTS: it is answered. E_REFERENCE_UNKNOWN: this office did not send the
 * report, took it back, or no longer has what it said. */
enum error release_grant(struct store *store, const char *request, json_t **drafts, struct fault *fault);
/* The draft that refuses it. E_NOT_FOUND, E_EXISTS. */
enum error release_refuse(struct store *store, const char *request, json_t **draft, struct fault *fault);

#endif
