/* hold_door - what people ask the running agent about holds; who they are the kernel says.
 *
 *   {"command": "hold-place", "report": NAME, "authority": A, "order": NUMBER, "until": TIME, "reason": R}
 *   {"command": "hold-lift", "hold": ID, "reason": R}
 *       {"ok": true, "hold": 3}          it waits to be confirmed by another user
 *   {"command": "hold-confirm", "hold": ID}
 *   {"command": "hold-open", "report": NAME, "reason": R}     it is recorded: now who may read the store may read it
 *       {"ok": true}
 *   {"command": "hold-list"}
 *       {"ok": true, "holds": [...]}     as legal_hold_list has them: for who confirms and may not read the store */
#ifndef SIMPUL_HOLD_DOOR_H
#define SIMPUL_HOLD_DOOR_H

#include "agents/store/store.h"
#include "common/clock.h"

#include <jansson.h>

/* Whether the command is one of these. */
bool hold_door_knows(const char *command);
/* An answer, or NULL with `fault` filled. `peer` is libzmq's "Peer-Address"; without it nobody asks. */
json_t *hold_door_answer(struct store *store, const char *command, const json_t *request, const char *peer, wall_ms now,
			 struct fault *fault);

#endif
