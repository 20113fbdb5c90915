/* quarantine_desk - what an officer can do about an item of quarantine, over the agent's local endpoint:
 *
 *   {"simpul": 1, "command": "quarantine", "action": "retry", "item": 3}
 *       {"ok": true, "item": 3, "state": "solved"|"tried"}       tried: it is handed to its sink as soon as that can be
 *   {"simpul": 1, "command": "quarantine", "action": "close", "item": 3, "reason": "seen to by phone"}
 *       {"ok": true, "item": 3, "state": "closed"}
 *
 * Retried, what did not verify is verified with the member records and keys of today, what misses its reference looks
 * for it, and what a sink did not take is handed to it again, once; what was closed, too. What the broker withheld cannot be asked for again:
 * its origin may send it anew. */
#ifndef SIMPUL_QUARANTINE_DESK_H
#define SIMPUL_QUARANTINE_DESK_H

#include "agents/sink/sink.h"
#include "agents/store/keyring.h"
#include "agents/store/store.h"
#include "common/clock.h"
#include <jansson.h>

/* Borrowed. */
struct quarantine_desk {
	struct store *store;
	const struct node_keys *keys;
	const struct keyring *ring; /* former keys; may be NULL */
	struct sinks *sinks;	    /* may be NULL */
};

/* The answer, a new reference, or NULL with `fault`: E_NOT_FOUND at "item" or "sink"; E_UNEXPECTED at "solved",
 * "withheld" or, to close it, "closed"; E_MISSING or E_INVALID at "reason"; for a retry also why it fails as before (E_BAD_SIGNATURE
 * ..., E_REFERENCE_UNKNOWN) and E_EXISTS or E_BUSY of sinks_retry. `user` is who asks; "" when nobody could tell. */
json_t *quarantine_answer(const struct quarantine_desk *desk, const json_t *request, const char *user, wall_ms now,
			  struct fault *fault);

#endif
