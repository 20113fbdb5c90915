/* core_seen - a copy of every action of the core, and what can be asked of them. */
#include "tests/support/core_world.h"
#include "common/memory.h"
#include "common/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void world_forget(struct world *world)
{
	world->seen_count = 0;
	arena_reset(&world->arena);
}

static void see_log(struct event_seen *seen, const struct core_action *action)
{
	size_t used = (size_t)snprintf(seen->text, sizeof(seen->text), "%s", action->log.event);

	seen->level = action->log.level;
	for (const struct log_field *field = action->log.fields; field->type != LOG_END; field++) {
		char *out = seen->text + used;
		const size_t room = sizeof(seen->text) - used;

		if (field->type == LOG_TEXT)
			used += (size_t)snprintf(out, room, " %s=%s", field->key, field->text);
		else
			used += (size_t)snprintf(out, room, " %s=%llu", field->key, (unsigned long long)field->number);
	}
}

static const Simpul__Batch *see_batch(struct world *world, struct bytes data)
{
	struct fault fault = {0};
	const Simpul__Batch *batch = wire_unpack(&simpul__batch__descriptor, data, &world->arena, &fault);
	struct position upto;

	if (!batch) {
		fprintf(stderr, "a batch that is not canonical: %s %s\n", error_name(fault.code), fault.field);
		abort();
	}
	if (data.size > LIMIT_BATCH || position_of_message(&upto, batch->upto) != E_OK ||
	    !chain_verify(world->options.broker.public_key, world->options.exchange, &upto,
			  BYTES(batch->signature.data, batch->signature.len)))
		abort();
	return batch;
}

static void see_send(struct world *world, struct event_seen *seen, const struct core_action *action)
{
	struct fault fault = {0};

	seen->peer = action->send.peer;
	seen->down = wire_unpack(&simpul__down__descriptor, action->send.frame, &world->arena, &fault);
	if (!seen->down) {
		fprintf(stderr, "a message that is not canonical: %s %s\n", error_name(fault.code), fault.field);
		abort();
	}
	if (seen->down->message_case == SIMPUL__DOWN__MESSAGE_BATCH)
		seen->batch = seen->down->batch;
}

static void queue_add(struct letter **list, struct letter *letter)
{
	while (*list)
		list = &(*list)->next;
	letter->next = NULL;
	*list = letter;
}

void world_see(struct world *world, const struct core_action *action)
{
	struct event_seen *seen;

	if (action->type == ACTION_READ && action->read->type == READ_DUE) { /* it asks by itself from time to time */
		queue_add((struct letter **)&world->reads, &action->read->letter);
		return;
	}
	world->seen = memory_grow(world->seen, world->seen_count + 1, sizeof(*world->seen));
	seen = &world->seen[world->seen_count++];
	memset(seen, 0, sizeof(*seen));
	seen->type = action->type;
	switch (action->type) {
	case ACTION_SEND:
		see_send(world, seen, action);
		break;
	case ACTION_PUBLISH:
		seen->head = action->publish.head;
		seen->size = action->publish.batch.size;
		seen->data = action->publish.batch.data;
		strcpy(seen->node, action->publish.feed->node);
		seen->batch = see_batch(world, action->publish.batch);
		break;
	case ACTION_BULLETIN:
		strcpy(seen->text, action->bulletin.topic);
		seen->bulletin =
			wire_unpack(&simpul__bulletin__descriptor, action->bulletin.message, &world->arena, NULL);
		break;
	case ACTION_APPEND:
		queue_add((struct letter **)&world->queue, &action->append->letter);
		break;
	case ACTION_READ:
		queue_add((struct letter **)&world->reads, &action->read->letter);
		break;
	case ACTION_CURSOR:
	case ACTION_WITHHELD:
		strcpy(seen->node, action->note.node);
		seen->entry = action->note.entry;
		if (world->journal && action->type == ACTION_CURSOR)
			journal_note_cursor(world->journal, seen->node, seen->entry);
		else if (world->journal)
			journal_note_withheld(world->journal, seen->node, seen->entry, action->note.policy_version);
		for (size_t i = 0; i < WORLD_NODES && action->type == ACTION_CURSOR; i++)
			if (strcmp(world_names[i], seen->node) == 0)
				world->cursors[i].entry = seen->entry;
		break;
	case ACTION_LOG:
		see_log(seen, action);
		break;
	case ACTION_ANSWER:
		seen->fault = action->answer.fault;
		seen->entry = action->answer.entry;
		break;
	default:
		break;
	}
}

const struct event_seen *world_find(const struct world *world, enum core_action_type type, size_t index)
{
	for (size_t i = 0; i < world->seen_count; i++)
		if (world->seen[i].type == type && index-- == 0)
			return &world->seen[i];
	return NULL;
}

size_t world_count(const struct world *world, enum core_action_type type)
{
	size_t count = 0;

	while (world_find(world, type, count))
		count++;
	return count;
}

const Simpul__Down *world_down(const struct world *world, Simpul__Down__MessageCase kind)
{
	for (size_t i = world->seen_count; i-- > 0;)
		if (world->seen[i].down && world->seen[i].down->message_case == kind)
			return world->seen[i].down;
	return NULL;
}

enum error world_refusal(const struct world *world)
{
	const Simpul__Down *down = world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL);

	return down ? error_of_code(down->refusal->code) : E_OK;
}

const char *world_refusal_field(const struct world *world)
{
	const Simpul__Down *down = world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL);

	return down ? down->refusal->field : "";
}

size_t world_pushes(const struct world *world, size_t node)
{
	size_t count = 0;

	for (size_t i = 0; i < world->seen_count; i++)
		if (world->seen[i].type == ACTION_PUBLISH && world->seen[i].batch->n_entries > 0 &&
		    strcmp(world->seen[i].node, world_names[node]) == 0)
			count++;
	return count;
}

static bool logged(const struct world *world, const char *text, enum log_level least)
{
	for (size_t i = 0; i < world->seen_count; i++)
		if (world->seen[i].type == ACTION_LOG && world->seen[i].level >= least &&
		    strstr(world->seen[i].text, text))
			return true;
	return false;
}

bool world_logged(const struct world *world, const char *text)
{
	return logged(world, text, LOG_LEVEL_DEBUG);
}

bool world_alarmed(const struct world *world, const char *text)
{
	return logged(world, text, LOG_LEVEL_ALARM);
}

enum error world_answer(const struct world *world)
{
	const struct event_seen *seen = world_find(world, ACTION_ANSWER, 0);

	return seen ? seen->fault.code : E_INTERNAL;
}

struct core_node world_node(const struct world *world, size_t node)
{
	struct core_node found;

	for (size_t i = 0; core_node_at(world->core, i, &found); i++)
		if (strcmp(found.node, world_names[node]) == 0)
			return found;
	abort();
}
