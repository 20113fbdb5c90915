/* copies - who was given a report of this office, and what is known of that copy. Read-only.
 *
 * Both add to a list: {"node": "army.oku", "name": "police.oku#12"}, and of a node that said that it erased it also
 * "erased_at", "erased_by" and the "sinks" that had it.
 *
 * Missed is who is named as a recipient and is not in the receipt, for the policy did not let him have it: likewise a
 * list of {"node", "name"}. Of agencies that are named nothing is known here. */
#ifndef SIMPUL_COPIES_H
#define SIMPUL_COPIES_H

#include "agents/store/store.h"
#include "common/name.h"
#include <jansson.h>

/* Every node that the broker's receipt names, but whom the office kept an update from. Of reports alone that were accepted:
 * others have no receipt of their own. */
enum error copies_given(struct store *store, const struct report_name *name, json_t *copies, struct fault *fault);
/* Every node that is named in it and did not get it; nobody as long as it has no receipt. */
enum error copies_missed(struct store *store, const struct report_name *name, json_t *missed, struct fault *fault);
/* Both of every update of the report. *under_way: one has no receipt yet. */
enum error copies_of_updates(struct store *store, const struct report_name *name, json_t *copies, json_t *missed,
			     bool *under_way, struct fault *fault);
/* Every node that said that it erased it. */
enum error copies_answered(struct store *store, const struct report_name *name, json_t *copies, struct fault *fault);

#endif
