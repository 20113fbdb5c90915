/* entitlement_skipped - a bug put into a broker on purpose: the policy admits everybody to everything. Linked with --wrap. */
#include "broker/policy.h"

enum denial __wrap_policy_admits(const struct policy *policy, const char *node, const struct routing_class *class);

enum denial __wrap_policy_admits(const struct policy *policy, const char *node, const struct routing_class *class)
{
	(void)policy, (void)node, (void)class;
	return ADMITTED;
}
