/* audience - who receives a report: what the policy admits, narrowed by to, not_to and subscriptions; asked again
 * later. */
#include "broker/core_state.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

#define EVERYONE "*"

static bool bit(const uint64_t words[NODE_WORDS], size_t index)
{
	return words[index / 64] >> index % 64 & 1;
}

static void bit_set(uint64_t words[NODE_WORDS], size_t index)
{
	words[index / 64] |= (uint64_t)1 << index % 64;
}

/* ---- deciding */

/* Whether a list of nodes and agencies names this node. */
static bool names(char *const *list, size_t count, const char *node)
{
	char agency[LIMIT_NODE_NAME + 1];

	if (count == 0)
		return false;
	node_agency(node, agency);
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], node) == 0 || strcmp(list[i], agency) == 0)
			return true;
	return false;
}

/* `to` overrides a subscription, never the policy. */
static bool meant(const struct core *core, const struct node *node, const Simpul__Routing *routing,
		  const struct routing_class *class)
{
	if (node->standing != SIMPUL__STANDING__STANDING_ACTIVE || node->leaving ||
	    !policy_knows_node(core->policy, node->name) ||
	    policy_admits(core->policy, node->name, class) != ADMITTED ||
	    names(routing->not_to, routing->n_not_to, node->name))
		return false;
	if (routing->n_to > 0)
		return names(routing->to, routing->n_to, node->name);
	return !node->wants || subscription_wants(node->wants, class);
}

void audience_decide(struct core *core, const struct node *origin, const Simpul__Routing *routing,
		     const struct routing_class *class, struct audience *out)
{
	*out = (struct audience){.class = *class};
	if (!core->policy)
		return;
	out->nodes = memory_alloc(core->node_count * sizeof(*out->nodes));
	for (size_t i = 0; i < core->node_count; i++) {
		const struct node *node = core->sorted[i];

		if (node != origin && meant(core, node, routing, class))
			memcpy(out->nodes[out->count++], node->name, sizeof(*out->nodes));
	}
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

bool audience_holds(const struct audience *audience, const char *node)
{
	return audience->count > 0 &&
	       bsearch(node, audience->nodes, audience->count, sizeof(*audience->nodes), compare_names) != NULL;
}

/* Whether a node, or somebody of an agency, is in the audience. */
static bool reached(const struct audience *audience, const char *name)
{
	char agency[LIMIT_NODE_NAME + 1];

	if (audience_holds(audience, name))
		return true;
	for (size_t i = 0; i < audience->count; i++) {
		node_agency(audience->nodes[i], agency);
		if (strcmp(agency, name) == 0)
			return true;
	}
	return false;
}

char (*audience_unreachable(const Simpul__Routing *routing, const struct audience *audience,
			    size_t *count))[LIMIT_NODE_NAME + 1]
{
	char(*list)[LIMIT_NODE_NAME + 1] = NULL;

	*count = 0;
	for (size_t i = 0; i < routing->n_to; i++) {
		if (reached(audience, routing->to[i]) || strlen(routing->to[i]) > LIMIT_NODE_NAME)
			continue;
		if (!list)
			list = memory_zero(routing->n_to, sizeof(*list));
		strcpy(list[(*count)++], routing->to[i]);
	}
	return list;
}

void audience_everyone(struct audience *out)
{
	*out = (struct audience){.count = 1, .nodes = memory_zero(1, sizeof(*out->nodes))};
	strcpy(out->nodes[0], EVERYONE);
}

/* ---- stored audiences */

static struct audience_state *state_of(const struct core *core, uint32_t id)
{
	return id < core->audience_limit ? core->audiences[id] : NULL;
}

static void room_for(struct core *core, uint32_t id)
{
	const size_t limit = (size_t)id + 64;

	if (id < core->audience_limit)
		return;
	core->audiences = memory_grow(core->audiences, limit, sizeof(struct audience_state *));
	memset(core->audiences + core->audience_limit, 0,
	       (limit - core->audience_limit) * sizeof(struct audience_state *));
	core->audience_limit = limit;
}

bool audience_intern(struct core *core, const struct audience *audience)
{
	struct audience_state *state;

	if (audience->id == 0 || state_of(core, audience->id))
		return false;
	room_for(core, audience->id);
	state = memory_zero(1, sizeof(*state));
	state->class = audience->class;
	state->everyone = audience->count == 1 && strcmp(audience->nodes[0], EVERYONE) == 0;
	for (size_t i = 0; i < audience->count && !state->everyone; i++) {
		const struct node *node = node_find(core, audience->nodes[i]);

		if (node)
			bit_set(state->nodes, node->index);
	}
	core->audiences[audience->id] = state;
	return true;
}

bool audience_has(const struct core *core, uint32_t id, const struct node *node)
{
	const struct audience_state *state = state_of(core, id);

	return state && (state->everyone || bit(state->nodes, node->index));
}

static enum denial ask(const struct core *core, const struct routing_class *class, const struct node *node)
{
	if (class->kind == SIMPUL__KIND__KIND_UNSPECIFIED)
		return ADMITTED; /* member records and cancels follow what went out before */
	if (!core->policy || !policy_knows_node(core->policy, node->name))
		return DENIED_NOT_IN_POLICY;
	return policy_admits(core->policy, node->name, class);
}

enum denial audience_denial(struct core *core, uint32_t id, const struct node *node)
{
	struct audience_state *state = state_of(core, id);

	if (!state)
		return DENIED_NOT_IN_POLICY;
	if (!bit(state->checked, node->index)) {
		state->denials[node->index] = (uint8_t)ask(core, &state->class, node);
		bit_set(state->checked, node->index);
	}
	return (enum denial)state->denials[node->index];
}

void audiences_recheck(struct core *core)
{
	for (size_t i = 0; i < core->audience_limit; i++)
		if (core->audiences[i])
			memset(core->audiences[i]->checked, 0, sizeof(core->audiences[i]->checked));
}

void audiences_free(struct core *core)
{
	for (size_t i = 0; i < core->audience_limit; i++)
		free(core->audiences[i]);
	free(core->audiences);
}
