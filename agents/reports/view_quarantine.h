/* view_quarantine - an item of quarantine as people and programs see it: without a word of the report itself. */
#ifndef SIMPUL_VIEW_QUARANTINE_H
#define SIMPUL_VIEW_QUARANTINE_H

#include "agents/reports/quarantine.h"
#include "common/arena.h"
#include <jansson.h>

/* {"mark": "EXERCISE", "label": "AMBER", "item": 3, "cause": "unverified"|"unreferenced"|"undelivered"|"withheld"|"notice",
 *  "state": "waits"|"solved"|"closed", "name": "police.oku#12", "kind": "sighting", "entry": 7, "sink": "registry",
 *  "code": "BAD_SIGNATURE", "why": "the signature does not verify", "tries": 9, "since": ..., "decided_at": ...,
 *  "decided_by": "ani", "reason": "seen to by phone", "erased_at": ...}
 * A new reference. What an item does not have is left out; the label of what has no header is "UNKNOWN". */
json_t *view_quarantine_json(const struct quarantine_item *item, struct arena *arena);
/* What an officer can do about it, a sentence or two. */
const char *view_quarantine_advice(enum quarantine_cause cause);

#endif
