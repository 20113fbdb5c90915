/* by_hand - copies that a sink of this office cannot erase by itself: which a person has to remove, and that he did.
 *
 * The origin is told REQUESTED of each; when it is done and it was told so, it gets another purge receipt, which says
 * ERASED. */
#ifndef SIMPUL_BY_HAND_H
#define SIMPUL_BY_HAND_H

#include "agents/store/store.h"
#include "common/clock.h"
#include "common/name.h"

#include <jansson.h>

/* What is to be done, in the order in which it came, at most BY_HAND_MOST: {"report", "sink", "rule", "at"}; a new
 * reference. */
#define BY_HAND_MOST 10000
enum error by_hand_list(struct store *store, json_t **list, struct fault *fault);
uint64_t by_hand_count(struct store *store);
/* Takes {"report": NAME, "sink": NAME} of a request to the local endpoint: it is done, as `user` says, which goes on
 * record (reading.h). In a transaction of its own, with the answer to the origin due. E_NOT_FOUND: no person was asked
 * to. E_INVALID. */
enum error by_hand_done(struct store *store, const json_t *request, const char *user, wall_ms now, struct fault *fault);

#endif
