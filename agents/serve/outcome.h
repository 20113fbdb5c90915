/* outcome - what became of reports that were handed in, for whoever waits for the broker's answer: the command "outcome" of
 * the local endpoint.
 *
 *   {"simpul": 1, "command": "outcome", "names": ["police.oku#12"]}     at most OUTCOME_MOST of this office's reports
 *       {"ok": true, "state": "live",                                   of the connection, as in "status"
 *        "reports": [{"name": "police.oku#12", "state": "refused",      as in `simpul outbox list --json`
 *                     "code": "...", "field": "...", "sentence": "..."}]} */
#ifndef SIMPUL_OUTCOME_H
#define SIMPUL_OUTCOME_H

#include "agents/store/store.h"
#include "agents/uplink/uplink.h"
#include <jansson.h>

enum { OUTCOME_MOST = 256 };

/* A new reference; NULL with `fault`: E_MISSING, E_TOO_LARGE at "names"; E_INVALID, E_NOT_FOUND at "names[3]". */
json_t *outcome_answer(struct store *store, const struct uplink *uplink, const json_t *request, struct fault *fault);

#endif
