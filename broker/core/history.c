/* history - looks positions up among the incarnations. */
#include "broker/core/history.h"
#include "common/memory.h"
#include "common/wire.h"

#include <stdlib.h>
#include <string.h>

void history_add(struct core *core, uint64_t entry, struct bytes content)
{
	const Simpul__Genesis *genesis = wire_view(&simpul__genesis__descriptor, content, &core->arena, NULL);
	struct opening *opening;

	if (genesis == NULL)
		return; /* journal_open has compared it with the chain */
	core->openings = memory_grow(core->openings, core->opening_count + 1, sizeof(*core->openings));
	opening = &core->openings[core->opening_count++];
	*opening = (struct opening){.entry = entry, .incarnation = genesis->incarnation};
	position_of_message(&opening->from, genesis->recovered_from);
	buffer_bytes(&opening->genesis, content);
}

void history_free(struct core *core)
{
	for (size_t i = 0; i < core->opening_count; i++)
		buffer_free(&core->openings[i].genesis);
	free(core->openings);
}

static uint32_t incarnation_at(const struct core *core, uint64_t entry)
{
	uint32_t incarnation = core->opening_count > 0 ? core->openings[0].incarnation : core->position.incarnation;

	for (size_t i = 0; i < core->opening_count && core->openings[i].entry <= entry; i++)
		incarnation = core->openings[i].incarnation;
	return incarnation;
}

/* The beginning is that of every incarnation. */
bool history_holds(const struct core *core, const struct position *position)
{
	if (position->entry == 0)
		return position->incarnation <= core->position.incarnation;
	return position->incarnation == incarnation_at(core, position->entry);
}

static bool incarnation_known(const struct core *core, uint32_t incarnation)
{
	for (size_t i = 0; i < core->opening_count; i++)
		if (core->openings[i].incarnation == incarnation)
			return true;
	return false;
}

/* The first that was opened after `incarnation`; NULL when that is the newest. */
static const struct opening *opening_after(const struct core *core, uint32_t incarnation)
{
	for (size_t i = 1; i < core->opening_count; i++)
		if (core->openings[i].incarnation > incarnation)
			return &core->openings[i];
	return NULL;
}

void history_rewind(const struct core *core, struct position *cursor)
{
	const struct opening *next = opening_after(core, cursor->incarnation);

	if (next == NULL || cursor->entry == 0)
		return;
	if (!incarnation_known(core, cursor->incarnation))
		*cursor = (struct position){.incarnation = core->openings[0].incarnation};
	else if (cursor->entry > next->from.entry)
		*cursor = next->from;
}

bool history_is_over(const struct core *core, uint64_t entry)
{
	for (size_t i = 1; i < core->opening_count; i++)
		if (entry > core->openings[i].from.entry)
			return true;
	return false;
}

void history_tell(struct core *core, uint32_t incarnation, Simpul__Welcome *welcome)
{
	size_t first = core->opening_count;

	while (first > 1 && core->openings[first - 1].incarnation > incarnation)
		first--;
	if (first == 0 || first == core->opening_count)
		return;
	welcome->n_recoveries = core->opening_count - first;
	welcome->recoveries = arena_alloc(&core->arena, welcome->n_recoveries * sizeof(*welcome->recoveries));
	for (size_t i = 0; i < welcome->n_recoveries; i++) {
		const struct buffer *genesis = &core->openings[first + i].genesis;

		welcome->recoveries[i] = (ProtobufCBinaryData){genesis->size, genesis->data};
	}
}
