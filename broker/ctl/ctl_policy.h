/* ctl_policy - what the commands about the policy share: where it is, and a class of reports as options say it. */
#ifndef SIMPUL_CTL_POLICY_H
#define SIMPUL_CTL_POLICY_H

#include "broker/ctl/ctl.h"
#include "broker/policy/policy.h"

/* What --kind and so on say of a report; NULL: not given. */
struct ctl_who {
	const char *kind, *category, *region, *label, *protection;
};

/* Category and region must be given. E_UNKNOWN_VALUE, E_CATEGORY_UNKNOWN, E_REGION_UNKNOWN with the option. */
enum error ctl_class(const struct ctl_who *who, const struct policy *policy, struct routing_class *class,
		     struct fault *fault);

/* The policy in force, from the running broker. */
enum error ctl_policy_fetch(const struct ctl *ctl, struct policy **policy, struct fault *fault);
/* Prints what a policy file changes for whom. E_INVALID when it has not the hash that was `approved` (hexadecimal; NULL: any).
 */
enum error ctl_policy_changes(const struct ctl *ctl, const char *path, const char *approved, struct fault *fault);
/* The path of the broker's own policy.yaml, NULL with the fault; free it. */
char *ctl_policy_path(const struct ctl *ctl, struct fault *fault);

#endif
