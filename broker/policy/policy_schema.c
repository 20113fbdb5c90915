/* policy_schema - the shape of policy.yaml: which keys there are and what they hold. */
#include "broker/policy/policy_schema.h"

#include "broker/policy/policy_table.h"

#define LIST (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)

static const cyaml_schema_value_t word = {CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 1, LIMIT_NODE_NAME)};

static const cyaml_schema_field_t grant_fields[] = {
	CYAML_FIELD_SEQUENCE("kinds", CYAML_FLAG_POINTER, struct raw_grant, kinds, &word, 1, POLICY_KINDS),
	CYAML_FIELD_SEQUENCE("categories", CYAML_FLAG_POINTER, struct raw_grant, categories, &word, 1,
			     POLICY_CATEGORIES),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t grant = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_grant, grant_fields)};

/* libcyaml cannot tell an empty list from one that is not given; only where both mean nothing may a list be empty. */
static const cyaml_schema_field_t agency_fields[] = {
	CYAML_FIELD_STRING_PTR("agency", CYAML_FLAG_POINTER, struct raw_agency, agency, 1, 32),
	CYAML_FIELD_STRING_PTR("ceiling", CYAML_FLAG_POINTER, struct raw_agency, rights.ceiling, 1, 16),
	CYAML_FIELD_SEQUENCE("protection", LIST, struct raw_agency, rights.protection, &word, 0, 8),
	CYAML_FIELD_SEQUENCE("publish", LIST, struct raw_agency, rights.publish, &grant, 0, 64),
	CYAML_FIELD_SEQUENCE("receive", LIST, struct raw_agency, rights.receive, &grant, 0, 64),
	CYAML_FIELD_SEQUENCE("ask", LIST, struct raw_agency, rights.ask, &word, 0, POLICY_CATEGORIES),
	CYAML_FIELD_SEQUENCE("answer", LIST, struct raw_agency, rights.answer, &word, 0, POLICY_CATEGORIES),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t node_fields[] = {
	CYAML_FIELD_STRING_PTR("node", CYAML_FLAG_POINTER, struct raw_node, node, 1, LIMIT_NODE_NAME),
	CYAML_FIELD_SEQUENCE("regions", CYAML_FLAG_POINTER, struct raw_node, regions, &word, 1, POLICY_REGIONS),
	CYAML_FIELD_STRING_PTR("ceiling", LIST, struct raw_node, rights.ceiling, 1, 16),
	CYAML_FIELD_SEQUENCE("protection", LIST, struct raw_node, rights.protection, &word, 1, 8),
	CYAML_FIELD_SEQUENCE("publish", LIST, struct raw_node, rights.publish, &grant, 1, 64),
	CYAML_FIELD_SEQUENCE("receive", LIST, struct raw_node, rights.receive, &grant, 1, 64),
	CYAML_FIELD_SEQUENCE("ask", LIST, struct raw_node, rights.ask, &word, 1, POLICY_CATEGORIES),
	CYAML_FIELD_SEQUENCE("answer", LIST, struct raw_node, rights.answer, &word, 1, POLICY_CATEGORIES),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t demand_fields[] = {
	CYAML_FIELD_SEQUENCE("kinds", CYAML_FLAG_POINTER, struct raw_demand, of.kinds, &word, 1, POLICY_KINDS),
	CYAML_FIELD_SEQUENCE("categories", CYAML_FLAG_POINTER, struct raw_demand, of.categories, &word, 1,
			     POLICY_CATEGORIES),
	CYAML_FIELD_BOOL("legal_basis", CYAML_FLAG_OPTIONAL, struct raw_demand, legal_basis),
	CYAML_FIELD_BOOL("grading", CYAML_FLAG_OPTIONAL, struct raw_demand, grading),
	CYAML_FIELD_SEQUENCE("protection", LIST, struct raw_demand, protection, &word, 1, 8),
	CYAML_FIELD_END,
};
static const cyaml_schema_field_t days_fields[] = {
	CYAML_FIELD_UINT("sighting", CYAML_FLAG_OPTIONAL, struct raw_days, sighting),
	CYAML_FIELD_UINT("alert", CYAML_FLAG_OPTIONAL, struct raw_days, alert),
	CYAML_FIELD_UINT("query", CYAML_FLAG_OPTIONAL, struct raw_days, query),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t demand = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_demand, demand_fields)};
static const cyaml_schema_value_t agency = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_agency, agency_fields)};
static const cyaml_schema_value_t node = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_node, node_fields)};

static const cyaml_schema_field_t policy_fields[] = {
	CYAML_FIELD_SEQUENCE("categories", CYAML_FLAG_POINTER, struct raw_policy, categories, &word, 1,
			     POLICY_CATEGORIES),
	CYAML_FIELD_SEQUENCE("purposes", CYAML_FLAG_POINTER, struct raw_policy, purposes, &word, 1, POLICY_PURPOSES),
	CYAML_FIELD_SEQUENCE("demands", LIST, struct raw_policy, demands, &demand, 0, 64),
	CYAML_FIELD_MAPPING_PTR("expires_days", LIST, struct raw_policy, expires_days, days_fields),
	CYAML_FIELD_SEQUENCE("agencies", CYAML_FLAG_POINTER, struct raw_policy, agencies, &agency, 0, POLICY_AGENCIES),
	CYAML_FIELD_SEQUENCE("nodes", CYAML_FLAG_POINTER, struct raw_policy, nodes, &node, 0, LIMIT_NODES),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t policy_schema = {CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_policy, policy_fields)};
