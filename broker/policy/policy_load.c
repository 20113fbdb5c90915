/* policy_load - reads policy.yaml, checks that it makes sense, and makes the tables that policy.c answers from. */
#include "broker/policy/policy_place.h"
#include "broker/policy/policy_schema.h"
#include "broker/policy/policy_table.h"

#include "common/file.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/name.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where the check stands: for the line in an error. */
struct check {
	struct policy *policy;
	const char *name; /* of the file */
	struct bytes text;
	size_t place; /* offset of the part that is being checked */
	struct fault *fault;
};

/* E_CONFIG at the line of the first `word` after the place of the check. */
static enum error wrong(const struct check *check, const char *word, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static enum error wrong(const struct check *check, const char *word, const char *format, ...)
{
	char what[sizeof(check->fault->field)];
	size_t line = place_line(check->text, place_of_word(check->text, check->place, word));
	va_list args;

	va_start(args, format);
	vsnprintf(what, sizeof(what), format, args);
	va_end(args);
	return fault_at(check->fault, E_CONFIG, "%s:%zu: %s", check->name, line, what);
}

/* ---- words */

/* The value of a word exactly as people are told to write it. */
static bool word_value(const ProtobufCEnumDescriptor *type, const char *word, int *value)
{
	return enum_parse(type, word, value) && *value != 0 && strcmp(enum_text(type, *value), word) == 0;
}

static enum error load_ceiling(const struct check *check, const char *word, Simpul__Label *label)
{
	int value;

	if (!word_value(&simpul__label__descriptor, word, &value))
		return wrong(check, word, "'%s' is no label: CLEAR, GREEN, AMBER, AMBER+STRICT or RED", word);
	*label = (Simpul__Label)value;
	return E_OK;
}

/* "none" stands for an empty list, which a node could not be given otherwise. */
static enum error load_protection(const struct check *check, char *const *words, size_t count, unsigned *mask)
{
	int value;

	*mask = 0;
	for (size_t i = 0; i < count; i++) {
		if (count == 1 && strcmp(words[i], "none") == 0)
			return E_OK;
		if (!word_value(&simpul__protection__descriptor, words[i], &value))
			return wrong(check, words[i], "'%s' is no protection: child, refugee, trafficking, health, biometric, "
				     "genetic, criminal-record or finance",
				     words[i]);
		*mask |= 1u << value;
	}
	return E_OK;
}

static enum error load_kinds(const struct check *check, const struct raw_grant *grant, bool kinds[POLICY_KINDS])
{
	int value;

	for (size_t i = 0; i < grant->kinds_count; i++) {
		if (grant->kinds_count == 1 && strcmp(grant->kinds[i], "none") == 0)
			return E_OK;
		if (!word_value(&simpul__kind__descriptor, grant->kinds[i], &value) || value >= POLICY_KINDS)
			return wrong(check, grant->kinds[i], "'%s' is no kind: sighting or alert", grant->kinds[i]);
		kinds[value] = true;
	}
	return E_OK;
}

static enum error load_category_mask(const struct check *check, char *const *words, size_t count, uint64_t *mask)
{
	*mask = 0;
	for (size_t i = 0; i < count; i++) {
		int index = policy_category_index(check->policy, words[i]);

		if (strcmp(words[i], "*") == 0)
			for (size_t k = 0; k < check->policy->category_count; k++)
				*mask |= UINT64_C(1) << k;
		else if (index < 0)
			return wrong(check, words[i], "'%s' is not in the list of categories", words[i]);
		else
			*mask |= UINT64_C(1) << index;
	}
	return E_OK;
}

/* ---- rights */

static enum error load_grants(const struct check *check, const struct raw_grant *grants, size_t count,
			      uint64_t table[POLICY_KINDS])
{
	enum error error = E_OK;

	memset(table, 0, POLICY_KINDS * sizeof(table[0]));
	for (size_t i = 0; i < count && error == E_OK; i++) {
		bool kinds[POLICY_KINDS] = {false};
		uint64_t mask = 0;

		error = load_kinds(check, &grants[i], kinds);
		if (error == E_OK)
			error = load_category_mask(check, grants[i].categories, grants[i].categories_count, &mask);
		for (size_t k = 0; k < POLICY_KINDS; k++)
			table[k] |= kinds[k] ? mask : 0;
	}
	return error;
}

/* The check, moved to the first key of this name after it: a word is then found where it is wrong. */
static struct check within(const struct check *check, const char *key)
{
	struct check inner = *check;

	inner.place = place_of_key(check->text, check->place, key, 0);
	return inner;
}

/* What is given takes the place of what `rights` held. */
static enum error load_rights(const struct check *check, const struct raw_rights *raw, struct policy_rights *rights)
{
	struct check ceiling = within(check, "ceiling"), protection = within(check, "protection");
	struct check publish = within(check, "publish"), receive = within(check, "receive");
	struct check ask = within(check, "ask"), answer = within(check, "answer");
	enum error error = E_OK;

	if (raw->ceiling != NULL)
		error = load_ceiling(&ceiling, raw->ceiling, &rights->ceiling);
	if (error == E_OK && raw->protection != NULL)
		error = load_protection(&protection, raw->protection, raw->protection_count, &rights->protection);
	if (error == E_OK && raw->publish != NULL)
		error = load_grants(&publish, raw->publish, raw->publish_count, rights->publish);
	if (error == E_OK && raw->receive != NULL)
		error = load_grants(&receive, raw->receive, raw->receive_count, rights->receive);
	if (error == E_OK && raw->ask != NULL)
		error = load_category_mask(&ask, raw->ask, raw->ask_count, &rights->ask);
	if (error == E_OK && raw->answer != NULL)
		error = load_category_mask(&answer, raw->answer, raw->answer_count, &rights->answer);
	return error;
}

/* ---- what is demanded */

static enum error load_demand(const struct check *check, const struct raw_demand *raw, struct policy_demands *demands)
{
	uint64_t of[POLICY_KINDS];
	unsigned protection;
	enum error error = load_grants(check, &raw->of, 1, of);

	if (error == E_OK)
		error = load_protection(check, raw->protection, raw->protection_count, &protection);
	for (size_t kind = 0; error == E_OK && kind < POLICY_KINDS; kind++) {
		demands->legal_basis[kind] |= raw->legal_basis ? of[kind] : 0;
		demands->grading[kind] |= raw->grading ? of[kind] : 0;
		for (size_t p = 0; p < POLICY_PROTECTIONS; p++)
			demands->protection[p][kind] |= (protection >> p & 1) != 0 ? of[kind] : 0;
	}
	return error;
}

static enum error load_days(const struct check *check, const struct raw_days *raw, struct policy_demands *demands)
{
	const struct check days = within(check, "expires_days");

	if (raw == NULL)
		return E_OK;
	demands->expires_days[SIMPUL__KIND__KIND_SIGHTING] = raw->sighting;
	demands->expires_days[SIMPUL__KIND__KIND_ALERT] = raw->alert;
	demands->query_days = raw->query;
	if (raw->query > LIMIT_QUERY_LIFE_DAYS)
		return wrong(&days, "query", "expires_days: no query or answer is kept longer than %d days",
			     LIMIT_QUERY_LIFE_DAYS);
	for (size_t kind = 0; kind < POLICY_KINDS; kind++)
		if (demands->expires_days[kind] > LIMIT_LIFE_DAYS)
			return wrong(&days, kind == SIMPUL__KIND__KIND_ALERT ? "alert" : "sighting",
				     "expires_days: no report is kept longer than %d days", LIMIT_LIFE_DAYS);
	return E_OK;
}

static enum error load_demands(const struct check *check, const struct raw_policy *raw)
{
	struct check demands = within(check, "demands");
	enum error error = load_days(check, raw->expires_days, &check->policy->demands);

	for (size_t i = 0; i < raw->demands_count && error == E_OK; i++)
		error = load_demand(&demands, &raw->demands[i], &check->policy->demands);
	return error;
}

/* ---- categories, purposes, agencies, nodes */

static bool listed(char list[][POLICY_CATEGORY_SIZE], size_t count, const char *word)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], word) == 0)
			return true;
	return false;
}

/* The list under `key`, of which one is a `what`. */
static enum error load_list(struct check *check, const char *key, const char *what, char *const *words, size_t count,
			    char list[][POLICY_CATEGORY_SIZE], size_t *filled)
{
	check->place = place_of_key(check->text, 0, key, 0);
	for (size_t i = 0; i < count; i++) {
		/* The same form as an agency's name. */
		if (!agency_name_valid(words[i]))
			return wrong(check, words[i], "'%s' is no %s: lower-case letters, digits and '-'", words[i], what);
		if (listed(list, *filled, words[i])) {
			check->place = place_of_word(check->text, check->place, words[i]) + strlen(words[i]);
			return wrong(check, words[i], "the %s '%s' is named twice", what, words[i]);
		}
		snprintf(list[(*filled)++], POLICY_CATEGORY_SIZE, "%s", words[i]);
	}
	return E_OK;
}

static enum error load_agency(const struct check *check, const struct raw_agency *raw)
{
	struct policy_agency *agency = &check->policy->agencies[check->policy->agency_count];

	if (!agency_name_valid(raw->agency))
		return wrong(check, raw->agency, "'%s' is no name of an agency: lower-case letters, digits and '-'",
			     raw->agency);
	if (policy_knows_agency(check->policy, raw->agency))
		return wrong(check, raw->agency, "the agency '%s' is named twice", raw->agency);
	snprintf(agency->name, sizeof(agency->name), "%s", raw->agency);
	check->policy->agency_count++;
	return load_rights(check, &raw->rights, &agency->rights);
}

static enum error load_regions(const struct check *check, const struct raw_node *raw, struct policy_node *node)
{
	struct check regions = within(check, "regions");

	node->regions = memory_zero(raw->regions_count + 1, sizeof(*node->regions));
	for (size_t i = 0; i < raw->regions_count; i++) {
		if (strlen(raw->regions[i]) >= REGION_CODE_SIZE || !region_exists(raw->regions[i]))
			return wrong(&regions, raw->regions[i], "the region '%s' does not exist", raw->regions[i]);
		snprintf(node->regions[node->region_count++], REGION_CODE_SIZE, "%s", raw->regions[i]);
	}
	return E_OK;
}

static bool node_taken(const struct policy *policy, const char *name)
{
	for (size_t i = 0; i < policy->node_count; i++)
		if (strcmp(policy->nodes[i].name, name) == 0)
			return true;
	return false;
}

static enum error load_node(const struct check *check, const struct raw_node *raw)
{
	struct policy *policy = check->policy;
	struct policy_node *node = &policy->nodes[policy->node_count];
	const struct policy_agency *agency;
	char name[33];

	if (!node_name_valid(raw->node))
		return wrong(check, raw->node, "'%s' is no name of a node, such as police.oku", raw->node);
	if (node_taken(policy, raw->node))
		return wrong(check, raw->node, "the node '%s' is named twice", raw->node);
	node_agency(raw->node, name);
	agency = policy_agency_find(policy, name);
	if (agency == NULL)
		return wrong(check, raw->node, "there is no agency '%s' for the node '%s'", name, raw->node);
	snprintf(node->name, sizeof(node->name), "%s", raw->node);
	node->rights = agency->rights;
	policy->node_count++;
	if (load_regions(check, raw, node) != E_OK)
		return E_CONFIG;
	return load_rights(check, &raw->rights, &node->rights);
}

/* ---- the whole */

/* Each entry's text begins at its own name and ends where the next begins, so that a word is found in the right one.
 * `next` is where this one begins; from one entry to the next, for a policy may name thousands. */
static struct check entry_check(const struct check *check, const char *key, size_t *next)
{
	struct check entry = *check;

	entry.place = *next;
	*next = place_of_key(check->text, *next, key, 1);
	entry.text.size = *next;
	return entry;
}

static size_t first_entry(const struct check *check, const char *list, const char *key)
{
	return place_of_key(check->text, place_of_key(check->text, 0, list, 0), key, 0);
}

static enum error load_tables(struct check *check, const struct raw_policy *raw)
{
	struct policy *policy = check->policy;
	size_t next = first_entry(check, "agencies", "agency");
	enum error error = load_list(check, "categories", "category", raw->categories, raw->categories_count,
				     policy->categories, &policy->category_count);

	if (error == E_OK)
		error = load_list(check, "purposes", "purpose", raw->purposes, raw->purposes_count, policy->purposes,
				  &policy->purpose_count);
	check->place = 0;
	if (error == E_OK)
		error = load_demands(check, raw);
	for (size_t i = 0; i < raw->agencies_count && error == E_OK; i++) {
		struct check entry = entry_check(check, "agency", &next);

		error = load_agency(&entry, &raw->agencies[i]);
	}
	next = first_entry(check, "nodes", "node");
	for (size_t i = 0; i < raw->nodes_count && error == E_OK; i++) {
		struct check entry = entry_check(check, "node", &next);

		error = load_node(&entry, &raw->nodes[i]);
	}
	return error;
}

static int node_order(const void *a, const void *b)
{
	return strcmp(((const struct policy_node *)a)->name, ((const struct policy_node *)b)->name);
}

enum error policy_parse(struct bytes text, const char *name, struct policy **policy, struct fault *fault)
{
	struct raw_policy *raw = NULL;
	struct policy *made;
	struct check check;
	enum error error;

	*policy = NULL;
	if (text.size > POLICY_TEXT_LIMIT)
		return fault_at(fault, E_TOO_LARGE, "%s", name);
	error = config_parse(text, name, &policy_schema, (void **)&raw, fault);
	if (error != E_OK)
		return error;
	made = memory_zero(1, sizeof(*made));
	made->nodes = memory_zero(raw->nodes_count > 0 ? raw->nodes_count : 1, sizeof(made->nodes[0]));
	made->hash = hash_of(text);
	buffer_bytes(&made->text, text);
	check = (struct check){.policy = made, .name = name, .text = text, .fault = fault};
	error = load_tables(&check, raw);
	config_free(&policy_schema, raw);
	if (error != E_OK) {
		policy_free(made);
		return error;
	}
	qsort(made->nodes, made->node_count, sizeof(made->nodes[0]), node_order);
	*policy = made;
	return E_OK;
}

enum error policy_load(const char *path, struct policy **policy, struct fault *fault)
{
	const char *slash = strrchr(path, '/');
	struct buffer text = {0};
	enum error error = file_read(path, POLICY_TEXT_LIMIT, &text, fault);

	*policy = NULL;
	if (error == E_OK)
		error = policy_parse(buffer_view(&text), slash == NULL ? path : slash + 1, policy, fault);
	buffer_free(&text);
	return error;
}

enum error policy_load_approved(const char *path, const struct hash *approved, struct policy **policy,
				struct fault *fault)
{
	enum error error = policy_load(path, policy, fault);
	struct hash hash;

	if (error != E_OK || approved == NULL)
		return error;
	hash = policy_hash(*policy);
	if (hash_equal(&hash, approved))
		return E_OK;
	policy_free(*policy);
	*policy = NULL;
	return fault_at(fault, E_INVALID, "policy: the file was changed since");
}
