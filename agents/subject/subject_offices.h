/* subject_offices - the offices of the exchange as the feed told of them: whom to ask, and who is still there. */
#ifndef SIMPUL_SUBJECT_OFFICES_H
#define SIMPUL_SUBJECT_OFFICES_H

#include "agents/store/store.h"
#include "common/clock.h"
#include <jansson.h>

/* Every office that ever was a member, ascending; a new reference: [{"node": "police.oku", "open": true}]. `open`: its
 * key is in force and has not ended, so that something can be sealed to it. */
enum error subject_offices(struct store *store, wall_ms now, json_t **offices, struct fault *fault);

#endif
