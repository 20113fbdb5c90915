/* policy_table - a policy in the compact form that questions are asked of; for the files of the policy only. */
#ifndef SIMPUL_POLICY_TABLE_H
#define SIMPUL_POLICY_TABLE_H

#include "broker/policy/policy.h"
#include "common/limit.h"
#include "common/region.h"

/* A set of categories is a bit mask, bit i for the i-th of the exchange's list. */
#define POLICY_CATEGORIES 64
#define POLICY_CATEGORY_SIZE 33
#define POLICY_PURPOSES 64
#define POLICY_AGENCIES 64
#define POLICY_REGIONS 64
#define POLICY_TEXT_LIMIT (1024 * 1024 - 1024) /* an entry of the journal holds it: PolicyVersion.text */

/* Grants are indexed by kind: SIGHTING and ALERT are granted, updates and cancels follow what they are about; queries have
 * `ask` and `answer`. */
#define POLICY_KINDS (SIMPUL__KIND__KIND_ALERT + 1)

#define POLICY_PROTECTIONS (SIMPUL__PROTECTION__PROTECTION_FINANCE + 1)

struct policy_rights {
	Simpul__Label ceiling;
	unsigned protection; /* bit 1 << Simpul__Protection */
	uint64_t publish[POLICY_KINDS], receive[POLICY_KINDS];
	uint64_t ask, answer;
};

struct policy_agency {
	char name[POLICY_CATEGORY_SIZE];
	struct policy_rights rights;
};

struct policy_node {
	char name[LIMIT_NODE_NAME + 1];
	struct policy_rights rights; /* the agency's, with the node's own in place of what it overrides */
	size_t region_count;
	char (*regions)[REGION_CODE_SIZE]; /* owned: most nodes have one or two, and there may be thousands of nodes */
};

/* Of which kinds and categories something is demanded, and how long a kind may be kept (0: as long as any report). */
struct policy_demands {
	uint64_t legal_basis[POLICY_KINDS], grading[POLICY_KINDS];
	uint64_t protection[POLICY_PROTECTIONS][POLICY_KINDS]; /* by Simpul__Protection */
	unsigned expires_days[POLICY_KINDS];
	unsigned query_days; /* of queries and answers */
};

struct policy {
	struct buffer text;
	struct hash hash;
	size_t category_count, purpose_count, agency_count, node_count;
	char categories[POLICY_CATEGORIES][POLICY_CATEGORY_SIZE];
	char purposes[POLICY_PURPOSES][POLICY_CATEGORY_SIZE];
	struct policy_demands demands;
	struct policy_agency agencies[POLICY_AGENCIES];
	struct policy_node *nodes; /* owned, ascending by name */
};

/* The categories of a kind that may be published, or received. */
uint64_t policy_granted(const struct policy_rights *rights, Simpul__Kind kind, bool publish);
/* Whether a table of demands holds the kind and category of a class. */
bool policy_demanded(const struct policy *policy, const uint64_t demands[POLICY_KINDS],
		     const struct routing_class *class);
/* The index of a category, -1 when it is not in the list. */
int policy_category_index(const struct policy *policy, const char *category);
/* NULL when there is none. */
const struct policy_agency *policy_agency_find(const struct policy *policy, const char *agency);
const struct policy_node *policy_node_find(const struct policy *policy, const char *node);

/* Appends lists for people: "overstay, wanted", "all categories", "child", "none", "16.01 Ogan Komering Ulu". */
void policy_categories_text(const struct policy *policy, uint64_t mask, struct buffer *out);
void policy_protection_text(unsigned protection, struct buffer *out);
void policy_regions_text(const struct policy_node *node, struct buffer *out);

#endif
