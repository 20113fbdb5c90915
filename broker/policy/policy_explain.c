/* policy_explain - says rule by rule why a node may receive or publish a class of reports, or why not. */
#include "broker/policy/policy_place.h"
#include "broker/policy/policy_table.h"

#include "common/json.h"
#include "common/memory.h"
#include "common/name.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A node and what policy_admits or policy_may_publish decided about it. */
struct explanation {
	const struct policy *policy;
	const struct policy_node *node;
	const struct routing_class *class;
	bool publish;
	enum denial denial;
	struct buffer *out;
};

/* One rule: the denial that it leads to, what was asked, and what the node has (given up). False when it decided. */
static bool rule_write(const struct explanation *e, enum denial own, const char *asked, const char *which,
		       const char *has, struct buffer *list)
{
	char *line;

	buffer_u8(list, 0);
	line = memory_format("  %-4s %s%s; %s%s\n", e->denial == own ? "NO" : "yes", asked, which, has,
			     (const char *)list->data);
	buffer_text(e->out, line);
	free(line);
	buffer_free(list);
	return e->denial != own;
}

static bool grant_explain(const struct explanation *e)
{
	const Simpul__Kind kind = e->class->kind;
	const bool query = kind == SIMPUL__KIND__KIND_QUERY;
	const char *may = e->publish ? (query ? "ask" : "publish") : (query ? "answer" : "receive");
	struct buffer list = {0};
	char asked[64], has[64];

	policy_categories_text(e->policy, policy_granted(&e->node->rights, kind, e->publish), &list);
	snprintf(asked, sizeof(asked), "kind and category: %s, ", enum_text(&simpul__kind__descriptor, (int)kind));
	snprintf(has, sizeof(has), "of this kind it may %s ", may);
	return rule_write(e, DENIED_NOT_GRANTED, asked, e->class->category, has, &list);
}

static bool region_explain(const struct explanation *e)
{
	struct buffer list = {0};

	policy_regions_text(e->node, &list);
	return rule_write(e, DENIED_REGION, "region: ", e->class->region, "it is responsible for ", &list);
}

static bool label_explain(const struct explanation *e)
{
	struct buffer list = {0};

	buffer_text(&list, enum_text(&simpul__label__descriptor, (int)e->node->rights.ceiling));
	return rule_write(e, DENIED_LABEL, "label: ", enum_text(&simpul__label__descriptor, (int)e->class->label),
			  "its ceiling is ", &list);
}

static bool protection_explain(const struct explanation *e)
{
	struct buffer asked = {0}, list = {0};
	bool passes;

	policy_protection_text(e->class->protection, &asked);
	buffer_u8(&asked, 0);
	policy_protection_text(e->node->rights.protection, &list);
	passes = rule_write(e, DENIED_PROTECTION, "protection: ", (const char *)asked.data, "it may have ", &list);
	buffer_free(&asked);
	return passes;
}

/* A node's rules stand in its own line and in its agency's. */
static void places_write(const struct policy *policy, const char *node, struct buffer *out)
{
	const struct bytes text = buffer_view(&policy->text);
	const size_t agencies = place_of_key(text, 0, "agencies", 0), nodes = place_of_key(text, 0, "nodes", 0);
	char agency[LIMIT_NODE_NAME + 1], *line;

	node_agency(node, agency);
	line = memory_format("  (the policy's lines %zu, %s, and %zu, %s)\n",
			     place_line(text, place_of_word(text, nodes, node)), node,
			     place_line(text, place_of_word(text, agencies, agency)), agency);
	buffer_text(out, line);
	free(line);
}

static enum denial publish_denial(enum error error)
{
	if (error == E_LABEL_ABOVE_CEILING)
		return DENIED_LABEL;
	return error == E_OK ? ADMITTED : DENIED_NOT_GRANTED;
}

void policy_explain(const struct policy *policy, const char *name, const struct routing_class *class, bool publish,
		    struct buffer *out)
{
	static bool (*const receiving[])(const struct explanation *) = {grant_explain, region_explain, label_explain,
									protection_explain, NULL};
	static bool (*const publishing[])(const struct explanation *) = {grant_explain, label_explain, NULL};
	static bool (*const answering[])(const struct explanation *) = {grant_explain, region_explain, protection_explain,
									NULL};
	bool (*const *rule)(const struct explanation *) = publish					? publishing
							  : class->kind == SIMPUL__KIND__KIND_QUERY ? answering
												    : receiving;
	struct explanation e = {policy, policy_node_find(policy, name), class, publish, ADMITTED, out};

	if (e.node == NULL) {
		buffer_text(out, "  NO   the policy does not name it\n");
		return;
	}
	e.denial =
		publish ? publish_denial(policy_may_publish(policy, name, class)) : policy_admits(policy, name, class);
	while (*rule != NULL && (*rule)(&e))
		rule++;
	places_write(policy, name, out);
}
