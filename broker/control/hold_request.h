/* hold_request - what operators ask for when a body is to be kept, or no longer, as JSON and as they sign it. */
#ifndef SIMPUL_HOLD_REQUEST_H
#define SIMPUL_HOLD_REQUEST_H

#include "broker/journal/act.h"
#include "proto/journal.pb-c.h"
#include <jansson.h>

/* Of {"command": "hold-place", "report": NAME, "authority", "order", "until": ms, "reason"}, or {"command":
 * "hold-lift", "report": NAME, "hold": entry of the one that ends, "reason"}, or {"command": "hold-open", "report":
 * NAME, "reason"}. What two operators sign: the hash of a Hold without their signatures. E_INVALID, E_MISSING and as of
 * hold_until_check. */
enum error hold_request_content(const json_t *request, struct hash *content, struct fault *fault);
/* Appends the Hold with their signatures. Errors as above. */
enum error hold_request_pack(const json_t *request, wall_ms signed_at, const struct act_signature signatures[2],
			     struct buffer *out, struct fault *fault);

#endif
