/* ctl_breach - what a lost machine or a stolen key of a node could have revealed: headers only. */
#ifndef SIMPUL_CTL_BREACH_H
#define SIMPUL_CTL_BREACH_H

#include "broker/ctl/ctl.h"

/* {"node", "since", "active", "own",
 *  "groups": [{"category", "label", "stored", "later", "sealed", "protected", "erased_before", "erased_since"}],
 *  "notify": [{"node", "reports"}],
 *  "reports": [{"name", "entry", "accepted_at", "category", "region", "label", "state", "sealed", "when"}]}
 * "when" is "stored" or "later".
 * What each number counts: simpulctl breach-report --help. A new reference. E_NOT_FOUND: no such member. */
enum error ctl_breach_json(const struct ctl *ctl, const char *node, wall_ms since, json_t **object, struct fault *fault);

#endif
