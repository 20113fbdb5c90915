/* ctl_report - one report and all copies of it, as JSON: what simpulctl report shows. */
#ifndef SIMPUL_CTL_REPORT_H
#define SIMPUL_CTL_REPORT_H

#include "broker/ctl.h"

/* {"name", "entry", "accepted_at", "kind", "category", "region", "label", "status", "form", "expires",
 *  "refused": {"code", "field"} or null,
 *  "erased": {"entry", "at", "rule", "cause", "final_at"} or null,          what the broker did to its own
 *  "copies": [{"node", "state", "standing", "erased_at", "sinks": [{"sink", "outcome", "basis", "until"}] or null}],
 *  "references": [the same of each update and cancel, without "references"],
 *  "held_by": [nodes], "by_letter": [nodes]}
 * A new reference in `*report`. E_NOT_FOUND. */
enum error ctl_report_json(const struct ctl *ctl, const struct report_name *name, json_t **report, struct fault *fault);

#endif
