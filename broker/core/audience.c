/* audience - who receives a report: what the policy admits, narrowed by to, not_to and subscriptions; asked again
 * later. */
#include "broker/core/core_state.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

#define EVERYONE "*"

static bool bit(const uint64_t *words, size_t index)
{
	return words[index / 64] >> index % 64 & 1;
}

static void bit_set(uint64_t *words, size_t index)
{
	words[index / 64] |= (uint64_t)1 << index % 64;
}

/* ---- deciding */

/* `to` overrides a subscription, never the policy. */
static bool meant(const struct core *core, const struct node *node, const Simpul__Routing *routing,
		  const struct routing_class *class)
{
	if (node->standing != SIMPUL__STANDING__STANDING_ACTIVE || node->leaving ||
	    !policy_knows_node(core->policy, node->name) ||
	    policy_admits(core->policy, node->name, class) != ADMITTED ||
	    routing_names(routing->not_to, routing->n_not_to, node->name))
		return false;
	if (routing->n_to > 0)
		return routing_names(routing->to, routing->n_to, node->name);
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

static bool audience_holds(const struct audience *audience, const char *node)
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
	const size_t limit = 2 * (size_t)id + 64;

	if (id < core->audience_limit)
		return;
	core->audiences = memory_grow(core->audiences, limit, sizeof(struct audience_state *));
	memset(core->audiences + core->audience_limit, 0,
	       (limit - core->audience_limit) * sizeof(struct audience_state *));
	core->audience_limit = limit;
}

/* Its nodes by their places in core->nodes; one that is not enrolled has none. */
static struct audience_state *state_make(const struct core *core, const struct audience *audience)
{
	struct audience_state *state;
	size_t last = 0;

	for (size_t i = 0; i < audience->count; i++) {
		const struct node *node = node_find(core, audience->nodes[i]);

		if (node && node->index > last)
			last = node->index;
	}
	state = memory_zero(1, sizeof(*state) + 2 * (last / 64 + 1) * sizeof(state->bits[0]));
	state->words = last / 64 + 1;
	for (size_t i = 0; i < audience->count; i++) {
		const struct node *node = node_find(core, audience->nodes[i]);

		if (node)
			bit_set(state->bits, node->index);
	}
	return state;
}

bool audience_intern(struct core *core, const struct audience *audience)
{
	struct audience_state *state;

	if (audience->id == 0 || state_of(core, audience->id))
		return false;
	room_for(core, audience->id);
	state = state_make(core, audience);
	state->class = audience->class;
	state->everyone = audience->count == 1 && strcmp(audience->nodes[0], EVERYONE) == 0;
	core->audiences[audience->id] = state;
	return true;
}

static bool state_holds(const struct audience_state *state, const struct node *node)
{
	return node->index / 64 < state->words && bit(state->bits, node->index);
}

bool audience_has(const struct core *core, uint32_t id, const struct node *node)
{
	const struct audience_state *state = state_of(core, id);

	return state && (state->everyone || state_holds(state, node));
}

static enum denial ask(const struct core *core, const struct routing_class *class, const struct node *node)
{
	if (class->kind == SIMPUL__KIND__KIND_UNSPECIFIED)
		return ADMITTED; /* member records and cancels follow what went out before */
	if (!core->policy || !policy_knows_node(core->policy, node->name))
		return DENIED_NOT_IN_POLICY;
	return policy_admits(core->policy, node->name, class);
}

/* Who is admitted is remembered until the policy changes; why somebody is not is asked for each time, for it is seldom. */
enum denial audience_denial(struct core *core, uint32_t id, const struct node *node)
{
	struct audience_state *state = state_of(core, id);
	enum denial denial;

	if (!state)
		return DENIED_NOT_IN_POLICY;
	if (!state_holds(state, node))
		return ask(core, &state->class, node);
	if (bit(state->bits + state->words, node->index))
		return ADMITTED;
	denial = ask(core, &state->class, node);
	if (denial == ADMITTED)
		bit_set(state->bits + state->words, node->index);
	return denial;
}

void audiences_recheck(struct core *core)
{
	for (size_t i = 0; i < core->audience_limit; i++) {
		struct audience_state *state = core->audiences[i];

		if (state)
			memset(state->bits + state->words, 0, state->words * sizeof(state->bits[0]));
	}
}

void audiences_free(struct core *core)
{
	for (size_t i = 0; i < core->audience_limit; i++)
		free(core->audiences[i]);
	free(core->audiences);
}
