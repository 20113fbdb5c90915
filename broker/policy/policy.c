/* policy - answers who may publish and who may receive a report, from tables made when the policy was loaded. */
#include "broker/policy/policy_table.h"

#include "common/json.h"
#include "common/name.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void policy_free(struct policy *policy)
{
	if (policy == NULL)
		return;
	buffer_free(&policy->text);
	for (size_t i = 0; i < policy->node_count; i++)
		free(policy->nodes[i].regions);
	free(policy->nodes);
	free(policy);
}

struct bytes policy_text(const struct policy *policy)
{
	return buffer_view(&policy->text);
}

struct hash policy_hash(const struct policy *policy)
{
	return policy->hash;
}

/* ---- routing classes */

/* A text that does not fit is no known category or region: nothing is granted for "", while a part of it might be. */
static void class_text(char *to, size_t size, const char *from)
{
	if (from != NULL && strlen(from) < size)
		memcpy(to, from, strlen(from));
}

struct routing_class routing_class_of(const Simpul__Header *header)
{
	struct routing_class class = {.kind = header->kind, .label = header->label};

	if (header->kind == SIMPUL__KIND__KIND_UPDATE || header->kind == SIMPUL__KIND__KIND_CANCEL)
		class.kind = header->about;
	class_text(class.category, sizeof(class.category), header->category);
	class_text(class.region, sizeof(class.region), header->region);
	for (size_t i = 0; i < header->n_protection; i++)
		class.protection |= 1u << ((unsigned)header->protection[i] & 31);
	return class;
}

bool routing_class_equal(const struct routing_class *a, const struct routing_class *b)
{
	return a->kind == b->kind && a->label == b->label && a->protection == b->protection &&
	       strcmp(a->category, b->category) == 0 && strcmp(a->region, b->region) == 0;
}

/* ---- looking things up */

static int node_compare(const void *name, const void *node)
{
	return strcmp(name, ((const struct policy_node *)node)->name);
}

const struct policy_node *policy_node_find(const struct policy *policy, const char *node)
{
	if (policy->node_count == 0)
		return NULL;
	return bsearch(node, policy->nodes, policy->node_count, sizeof(policy->nodes[0]), node_compare);
}

int policy_category_index(const struct policy *policy, const char *category)
{
	for (size_t i = 0; i < policy->category_count; i++)
		if (strcmp(policy->categories[i], category) == 0)
			return (int)i;
	return -1;
}

const struct policy_agency *policy_agency_find(const struct policy *policy, const char *agency)
{
	for (size_t i = 0; i < policy->agency_count; i++)
		if (strcmp(policy->agencies[i].name, agency) == 0)
			return &policy->agencies[i];
	return NULL;
}

bool policy_knows_node(const struct policy *policy, const char *node)
{
	return policy_node_find(policy, node) != NULL;
}

bool policy_knows_agency(const struct policy *policy, const char *agency)
{
	return policy_agency_find(policy, agency) != NULL;
}

bool policy_knows_category(const struct policy *policy, const char *category)
{
	return policy_category_index(policy, category) >= 0;
}

size_t policy_node_count(const struct policy *policy)
{
	return policy->node_count;
}

const char *policy_node_name(const struct policy *policy, size_t index)
{
	return policy->nodes[index].name;
}

/* ---- decisions */

/* Who publishes a query asks, who receives it answers. */
uint64_t policy_granted(const struct policy_rights *rights, Simpul__Kind kind, bool publish)
{
	if (kind == SIMPUL__KIND__KIND_QUERY)
		return publish ? rights->ask : rights->answer;
	if (kind <= SIMPUL__KIND__KIND_UNSPECIFIED || (int)kind >= POLICY_KINDS)
		return 0;
	return publish ? rights->publish[kind] : rights->receive[kind];
}

static bool granted(const struct policy *policy, const struct policy_node *node, const struct routing_class *class,
		    bool publish)
{
	const int category = policy_category_index(policy, class->category);

	return category >= 0 && (policy_granted(&node->rights, class->kind, publish) >> category & 1) != 0;
}

bool policy_demanded(const struct policy *policy, const uint64_t demands[POLICY_KINDS],
		     const struct routing_class *class)
{
	int category = policy_category_index(policy, class->category);

	if (category < 0 || class->kind <= SIMPUL__KIND__KIND_UNSPECIFIED || (int)class->kind >= POLICY_KINDS)
		return false;
	return (demands[class->kind] >> category & 1) != 0;
}

static bool region_granted(const struct policy_node *node, const char *region)
{
	if (region[0] == '\0')
		return false;
	for (size_t i = 0; i < node->region_count; i++)
		if (region_meets(node->regions[i], region))
			return true;
	return false;
}

/* A label that was not given is above every ceiling. */
static bool label_within(Simpul__Label label, Simpul__Label ceiling)
{
	return label != SIMPUL__LABEL__LABEL_UNSPECIFIED && label <= ceiling;
}

enum error policy_may_publish(const struct policy *policy, const char *name, const struct routing_class *class)
{
	const struct policy_node *node = policy_node_find(policy, name);

	if (node == NULL || !granted(policy, node, class, true))
		return class->kind == SIMPUL__KIND__KIND_QUERY ? E_MAY_NOT_ASK : E_MAY_NOT_PUBLISH;
	if (!label_within(class->label, node->rights.ceiling))
		return E_LABEL_ABOVE_CEILING;
	return E_OK;
}

enum denial policy_admits(const struct policy *policy, const char *name, const struct routing_class *class)
{
	const struct policy_node *node = policy_node_find(policy, name);

	if (node == NULL)
		return DENIED_NOT_IN_POLICY;
	if (!granted(policy, node, class, false))
		return DENIED_NOT_GRANTED;
	if (!region_granted(node, class->region))
		return DENIED_REGION;
	/* Whoever has to answer is asked: that grant names the category, and a question may be about anybody. */
	if (class->kind != SIMPUL__KIND__KIND_QUERY && !label_within(class->label, node->rights.ceiling))
		return DENIED_LABEL;
	if ((class->protection & ~node->rights.protection) != 0)
		return DENIED_PROTECTION;
	return ADMITTED;
}

const char *denial_text(enum denial denial)
{
	switch (denial) {
	case ADMITTED:
		return "admitted";
	case DENIED_NOT_IN_POLICY:
		return "the policy does not name the node";
	case DENIED_NOT_GRANTED:
		return "no grant for this kind and category";
	case DENIED_REGION:
		return "the region is not one of the node's";
	case DENIED_LABEL:
		return "the label is above the node's ceiling";
	case DENIED_PROTECTION:
		return "no grant for this protection";
	case DENIED_LEFT_OUT:
		return "excluded by its origin (not_to)";
	case DENIED_NO_KEY:
		return "sealed, and its origin wrapped no key for the node";
	}
	return "";
}

/* ---- subscriptions */

static bool wants_kind(const Simpul__Subscription *subscription, Simpul__Kind kind)
{
	for (size_t i = 0; i < subscription->n_kinds; i++)
		if (subscription->kinds[i] == kind)
			return true;
	return subscription->n_kinds == 0;
}

static bool wants_category(const Simpul__Subscription *subscription, const char *category)
{
	for (size_t i = 0; i < subscription->n_categories; i++)
		if (strcmp(subscription->categories[i], category) == 0)
			return true;
	return subscription->n_categories == 0;
}

static bool wants_region(const Simpul__Subscription *subscription, const char *region)
{
	for (size_t i = 0; i < subscription->n_regions; i++)
		if (region_meets(subscription->regions[i], region))
			return true;
	return subscription->n_regions == 0;
}

bool subscription_wants(const Simpul__Subscription *subscription, const struct routing_class *class)
{
	return wants_kind(subscription, class->kind) && wants_category(subscription, class->category) &&
	       wants_region(subscription, class->region);
}

/* ---- for people */

/* Every category of a mask, "all" for all. */
void policy_categories_text(const struct policy *policy, uint64_t mask, struct buffer *out)
{
	const char *separator = "";
	uint64_t all = policy->category_count == 64 ? UINT64_MAX : (UINT64_C(1) << policy->category_count) - 1;

	if (mask == all || mask == 0) {
		buffer_text(out, mask == 0 ? "nothing" : "all categories");
		return;
	}
	for (size_t i = 0; i < policy->category_count; i++) {
		if ((mask >> i & 1) == 0)
			continue;
		buffer_text(out, separator);
		buffer_text(out, policy->categories[i]);
		separator = ", ";
	}
}

static void describe_line(const struct policy *policy, const char *what, uint64_t mask, struct buffer *out)
{
	char text[64];

	snprintf(text, sizeof(text), "  %-20s", what);
	buffer_text(out, text);
	policy_categories_text(policy, mask, out);
	buffer_text(out, "\n");
}

void policy_protection_text(unsigned protection, struct buffer *out)
{
	const char *separator = "";

	if (protection == 0)
		buffer_text(out, "none");
	for (int i = SIMPUL__PROTECTION__PROTECTION_CHILD; i < POLICY_PROTECTIONS; i++) {
		if ((protection >> i & 1) == 0)
			continue;
		buffer_text(out, separator);
		buffer_text(out, enum_text(&simpul__protection__descriptor, i));
		separator = ", ";
	}
}

static void describe_protection(unsigned protection, struct buffer *out)
{
	buffer_text(out, "  protection          ");
	policy_protection_text(protection, out);
	buffer_text(out, "\n");
}

void policy_regions_text(const struct policy_node *node, struct buffer *out)
{
	const char *separator = "";

	for (size_t i = 0; i < node->region_count; i++) {
		const struct region *region = region_find(node->regions[i]);

		buffer_text(out, separator);
		buffer_text(out, node->regions[i]);
		if (region != NULL) {
			buffer_text(out, " ");
			buffer_text(out, region->name);
		}
		separator = ", ";
	}
}

static void describe_regions(const struct policy_node *node, struct buffer *out)
{
	buffer_text(out, "  regions             ");
	policy_regions_text(node, out);
	buffer_text(out, "\n");
}

void policy_describe(const struct policy *policy, const char *name, struct buffer *out)
{
	const struct policy_node *node = policy_node_find(policy, name);

	buffer_text(out, name);
	buffer_text(out, "\n");
	if (node == NULL) {
		buffer_text(out, "  is not in the policy: it may neither publish nor receive\n");
		return;
	}
	describe_regions(node, out);
	buffer_text(out, "  ceiling             TLP:");
	buffer_text(out, enum_text(&simpul__label__descriptor, node->rights.ceiling));
	buffer_text(out, "\n");
	describe_protection(node->rights.protection, out);
	describe_line(policy, "publishes sightings", node->rights.publish[SIMPUL__KIND__KIND_SIGHTING], out);
	describe_line(policy, "publishes alerts", node->rights.publish[SIMPUL__KIND__KIND_ALERT], out);
	describe_line(policy, "receives sightings", node->rights.receive[SIMPUL__KIND__KIND_SIGHTING], out);
	describe_line(policy, "receives alerts", node->rights.receive[SIMPUL__KIND__KIND_ALERT], out);
	describe_line(policy, "asks", node->rights.ask, out);
	describe_line(policy, "answers", node->rights.answer, out);
}
