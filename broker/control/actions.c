/* actions - the list of what a step wants done, and the messages, notes and log events that go into it. */
#include "broker/core/core_state.h"
#include "broker/journal/encode.h"
#include "common/memory.h"
#include "common/wire.h"
#include <stdlib.h>
#include <string.h>

enum { SCRATCH_KEPT = 8, SCRATCH_LARGEST = LIMIT_BATCH, FIRST_ACTIONS = 32 };

/* Once, for what is freed is overwritten (common/forgetful.c). */
static void memory_forget(struct core *core)
{
	for (size_t i = 0; i < core->scratch_count; i++)
		buffer_free(core->scratch[i]);
	arena_fini(&core->arena);
	arena_init(&core->arena);
	core->retention.forget = false;
}

/* Memory of a busy step is reused, that of an extraordinary one given back. */
void actions_start(struct core *core)
{
	for (size_t i = 0; i < core->scratch_used; i++)
		if (i < SCRATCH_KEPT && core->scratch[i]->capacity <= SCRATCH_LARGEST)
			buffer_clear(core->scratch[i]);
		else
			buffer_free(core->scratch[i]);
	core->scratch_used = 0;
	core->action_count = 0;
	broker_keys_free(core->taken_up);
	core->taken_up = NULL;
	arena_reset(&core->arena);
	if (core->retention.forget)
		memory_forget(core);
}

void actions_free(struct core *core)
{
	for (size_t i = 0; i < core->scratch_count; i++) {
		buffer_free(core->scratch[i]);
		free(core->scratch[i]);
	}
	free(core->scratch);
	free(core->actions);
	broker_keys_free(core->taken_up);
	arena_fini(&core->arena);
}

struct core_action *action_add(struct core *core, enum core_action_type type)
{
	struct core_action *action;

	if (core->action_count == core->action_capacity) {
		core->action_capacity = core->action_capacity == 0 ? FIRST_ACTIONS : core->action_capacity * 2;
		core->actions = memory_grow(core->actions, core->action_capacity, sizeof(*core->actions));
	}
	action = &core->actions[core->action_count++];
	action->type = type;
	return action;
}

struct buffer *scratch(struct core *core)
{
	if (core->scratch_used == core->scratch_count) {
		core->scratch = memory_grow(core->scratch, core->scratch_count + 1, sizeof(*core->scratch));
		core->scratch[core->scratch_count++] = memory_zero(1, sizeof(struct buffer));
	}
	return core->scratch[core->scratch_used++];
}

static void send_frame(struct core *core, const struct peer *peer, const struct buffer *frame)
{
	struct core_action *action = action_add(core, ACTION_SEND);

	action->send.peer = *peer;
	action->send.frame = buffer_view(frame);
}

void send_down(struct core *core, const struct peer *peer, const Simpul__Down *down)
{
	struct buffer *frame = scratch(core);

	wire_pack(down, frame);
	send_frame(core, peer, frame);
}

void send_encoded(struct core *core, const struct peer *peer, uint64_t seq, uint32_t field, struct bytes message)
{
	struct buffer *frame = scratch(core);

	put_number(frame, 1, seq);
	put_bytes(frame, field, message);
	send_frame(core, peer, frame);
}

void send_refusal(struct core *core, const struct peer *peer, uint64_t seq, const struct fault *fault)
{
	Simpul__Refusal refusal = SIMPUL__REFUSAL__INIT;
	Simpul__Position position;
	Simpul__Down down = SIMPUL__DOWN__INIT;

	refusal.code = fault->code;
	refusal.field = (char *)(uintptr_t)fault->field; /* only read */
	refusal.expected = fault->expected;
	if (fault->code == E_HISTORY_DIFFERS) {
		position_to_message(&core->position, &position);
		refusal.position = &position;
	}
	down.seq = seq;
	down.message_case = SIMPUL__DOWN__MESSAGE_REFUSAL;
	down.refusal = &refusal;
	send_down(core, peer, &down);
	core->refused_messages++;
}

void send_goodbye(struct core *core, const struct peer *peer, enum error code)
{
	Simpul__Goodbye goodbye = SIMPUL__GOODBYE__INIT;
	Simpul__Down down = SIMPUL__DOWN__INIT;

	goodbye.code = code;
	down.message_case = SIMPUL__DOWN__MESSAGE_GOODBYE;
	down.goodbye = &goodbye;
	send_down(core, peer, &down);
}

void answer(struct core *core, uint64_t ticket, const struct fault *fault, uint64_t entry)
{
	struct core_action *action = action_add(core, ACTION_ANSWER);

	action->answer.ticket = ticket;
	action->answer.fault = *fault;
	action->answer.entry = entry;
}

void note(struct core *core, enum core_action_type type, const struct node *node, uint64_t entry)
{
	struct core_action *action = action_add(core, type);

	memcpy(action->note.node, node->name, sizeof(action->note.node));
	action->note.entry = entry;
	action->note.policy_version = core->policy_version;
}

void log_fields(struct core *core, enum log_level level, const char *event, const struct log_field *fields)
{
	struct core_action *action = action_add(core, ACTION_LOG);
	size_t count = 0;

	action->log.level = level;
	action->log.event = event;
	for (; count < CORE_LOG_FIELDS && fields[count].type != LOG_END; count++) {
		action->log.fields[count] = fields[count];
		if (fields[count].type == LOG_TEXT)
			action->log.fields[count].text = arena_text(&core->arena, fields[count].text);
	}
	action->log.fields[count] = (struct log_field){.type = LOG_END};
}

/* No honest agent with its own key causes these; what is only a matter of time is no news at all. */
static enum log_level refusal_level(enum error code)
{
	switch (code) {
	case E_WRONG_ORIGIN:
	case E_NUMBER_REUSED:
	case E_HISTORY_DIFFERS:
	case E_BELOW_CURSOR:
	case E_FOREIGN_FEED:
	case E_IO:
		return LOG_LEVEL_ALARM;
	case E_BUSY:
	case E_RATE:
	case E_GAP:
	case E_STOPPING:
	case E_STALE_POLICY:
		return LOG_LEVEL_DEBUG;
	default:
		return LOG_LEVEL_NOTICE;
	}
}

void log_unlogged(struct core *core, struct node *node)
{
	struct throttle *throttle = node ? &node->throttle : &core->throttle;

	if (core->now->steady - throttle->second < 1000)
		return;
	if (throttle->unlogged > 0)
		LOG(core, WARNING, "refusals.unlogged", F_TEXT("node", node ? node->name : ""),
		    F_NUM("count", throttle->unlogged));
	*throttle = (struct throttle){.second = core->now->steady};
	if (node)
		turn_leave(&node->turns[TURN_UNLOGGED]);
}

bool log_has_room(struct core *core, struct node *node, enum log_level level)
{
	struct throttle *throttle = node ? &node->throttle : &core->throttle;

	if (level == LOG_LEVEL_DEBUG)
		return true;
	log_unlogged(core, node);
	if (throttle->logged < REFUSALS_LOGGED) {
		throttle->logged++;
		return true;
	}
	throttle->unlogged++;
	if (node && throttle->unlogged == 1)
		node_touch(core, node, TURN_UNLOGGED);
	return false;
}

/* An answer that only asks for patience is not worth a line; very many in a second are worth one. */
static void log_pressing(struct core *core, struct node *node)
{
	struct throttle *throttle = node ? &node->throttle : &core->throttle;

	log_unlogged(core, node);
	if (++throttle->pressed == PRESSED_LOGGED)
		LOG(core, WARNING, "node.slowed", F_TEXT("node", node ? node->name : ""), F_TEXT("reason", "patience"));
}

bool patience_left(struct core *core, struct node *node)
{
	uint64_t wait;

	if (bucket_take(&node->patience, &PATIENCE_BUCKET, 0, core->now->steady, &wait))
		return true;
	log_pressing(core, node);
	return false;
}

void log_refused(struct core *core, const char *event, struct node *node, const struct fault *fault)
{
	const enum log_level level = refusal_level(fault->code);

	if (node)
		bucket_charge(&node->patience, 1);
	if (level == LOG_LEVEL_DEBUG)
		log_pressing(core, node);
	if (!log_has_room(core, node, level))
		return;
	log_fields(core, level, event,
		   (const struct log_field[]){F_TEXT("node", node ? node->name : ""),
					      F_TEXT("code", error_name(fault->code)),
					      F_TEXT("field", fault->field),
					      F_NUM("expected", fault->expected),
					      {.type = LOG_END}});
}

void log_unreadable(struct core *core, const struct node *node, struct fault *fault)
{
	LOG(core, ALARM, "journal.unreadable", F_TEXT("node", node->name), F_TEXT("code", error_name(fault->code)),
	    F_TEXT("field", fault->field));
	fault_expecting(fault, E_BUSY, REREAD_MS, "journal");
}

enum error fault_expecting(struct fault *fault, enum error code, uint64_t expected, const char *field)
{
	fault_at(fault, code, "%s", field);
	fault->expected = expected;
	return code;
}

uint64_t next_ticket(struct core *core)
{
	return ++core->last_ticket;
}

void append_start(struct core *core, struct journal_append *append)
{
	action_add(core, ACTION_APPEND)->append = append;
	core->appends_under_way++;
}

void read_start(struct core *core, struct core_read *read)
{
	action_add(core, ACTION_READ)->read = read;
	core->reads_under_way++;
}
