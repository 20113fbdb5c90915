/* eavesdropper_kept - a bug put into a broker on purpose: nobody looks at what members subscribe to. Linked with
 * --wrap. */
#include "broker/core_state.h"

void __wrap_subscription_seen(struct core *core, const struct core_event *event);

void __wrap_subscription_seen(struct core *core, const struct core_event *event)
{
	(void)core, (void)event;
}
