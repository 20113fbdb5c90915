/* control_view - the core's counters, members and policy as JSON for operators. New references. */
#ifndef SIMPUL_CONTROL_VIEW_H
#define SIMPUL_CONTROL_VIEW_H

#include "broker/control/control_state.h"
#include <jansson.h>

json_t *view_status(const struct control_port *port);
json_t *view_nodes(const struct core *core);
/* Version, hash, and the text, or what one node may do when `node` is not NULL; NULL without a policy. */
json_t *view_policy(const struct core *core, const char *node);
/* With the whole request, from which the second operator computes himself what he signs. */
json_t *view_proposal(const struct proposal *proposal);

#endif
