/* copies - where the copies of reports are, as JSON: one report with all of its copies, or all that one node was sent.
 */
#ifndef SIMPUL_COPIES_H
#define SIMPUL_COPIES_H

#include "broker/journal/journal_copy.h"
#include <jansson.h>

/* What is known, and may be missing. All borrowed. */
struct copies_source {
	struct journal_case *c;
	struct journal_reader *reader; /* NULL: no bodies can be read, and so no outcomes of sinks */
	const json_t *status, *nodes;  /* control_view.h, of the running broker; NULL: none runs */
	size_t most; /* copies, sinks, updates and cancels, so many together; 0: any number */
};

/* "acknowledged", "maybe" (due to the node, which has not acknowledged it), "withheld", "erased" (as the node says). */
const char *copy_state_text(const struct copy *copy);

/* {"name", "entry", "accepted_at", "kind", "category", "region", "label", "status", "form", "expires",
 *  "refused": {"code", "field"} or null,
 *  "erased": {"entry", "at", "rule", "cause", "final_at"} or null,          what the broker did to its own
 *  "copies": [{"node", "state", "standing", "erased_at", "sinks": [{"sink", "outcome", "basis", "until"}] or null}],
 *  "references": [the same of each update and cancel, without "references"],
 *  "held_by": [nodes], "by_letter": [nodes]}
 * "state" is one of those above; or "waiting", not sent yet, for the node was not there since; or "stub", never sent, for
 * its origin kept the update from the node, which was told that there is one.
 * A new reference in `*report`. E_NOT_FOUND; E_TOO_LARGE with more than `most`. */
enum error copies_report(const struct copies_source *source, const struct report_name *name, json_t **report,
			 struct fault *fault);

/* {"reports": [{"mark", "state", "name", "entry", "accepted_at", "label", "kind", "category", "region"}], "last": 12,
 *  "more": true}: what a node was sent after an entry, at least `limit` reports or all there are, whole entries; the
 * next page is that after `last`. A new reference. */
enum error copies_sent(struct journal_case *c, const char *node, wall_ms since, uint64_t after, size_t limit,
		       json_t **answer, struct fault *fault);

#endif
