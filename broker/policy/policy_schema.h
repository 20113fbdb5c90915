/* policy_schema - policy.yaml as libcyaml reads it, before anything in it is checked for sense. */
#ifndef SIMPUL_POLICY_SCHEMA_H
#define SIMPUL_POLICY_SCHEMA_H

#include "common/config.h"

struct raw_grant {
	char **kinds;
	unsigned kinds_count;
	char **categories;
	unsigned categories_count;
};

/* What reports of these kinds and categories must carry. */
struct raw_demand {
	struct raw_grant of;
	bool legal_basis, grading;
	char **protection;
	unsigned protection_count;
};

/* The most that a kind may be kept; 0: not given. */
struct raw_days {
	unsigned sighting, alert, query;
};

/* What an agency has and a node may override; a list that is not given is NULL. */
struct raw_rights {
	char *ceiling;
	char **protection;
	unsigned protection_count;
	struct raw_grant *publish;
	unsigned publish_count;
	struct raw_grant *receive;
	unsigned receive_count;
	char **ask;
	unsigned ask_count;
	char **answer;
	unsigned answer_count;
};

struct raw_agency {
	char *agency;
	struct raw_rights rights;
};

struct raw_node {
	char *node;
	char **regions;
	unsigned regions_count;
	struct raw_rights rights;
};

struct raw_policy {
	char **categories;
	unsigned categories_count;
	char **purposes;
	unsigned purposes_count;
	struct raw_demand *demands;
	unsigned demands_count;
	struct raw_days *expires_days; /* NULL: not given */
	struct raw_agency *agencies;
	unsigned agencies_count;
	struct raw_node *nodes;
	unsigned nodes_count;
};

extern const cyaml_schema_value_t policy_schema;

#endif
