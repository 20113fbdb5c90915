/* core - takes events, sends each to the part that decides about it, and hands out what is to be done. */
#include "broker/core/bulletin.h"
#include "broker/core/core_state.h"
#include "broker/core/history.h"
#include "broker/core/terms.h"
#include "broker/journal/encode.h"
#include "common/memory.h"
#include "common/wire.h"
#include <stdlib.h>
#include <string.h>

enum { UP_SEQ = 1, UP_SUBMIT = 3 };

enum { CLOCK_JUMP_MS = 3600 * 1000 };

/* ---------------------------------------------------------------------------- life */

struct core *core_new(const struct core_options *options)
{
	struct core *core = memory_zero(1, sizeof(*core));

	core->options = *options;
	core->topics = memory_zero(LIMIT_NODES, sizeof(*core->topics));
	for (size_t i = 0; i < TURNS; i++)
		turn_queue_init(&core->queues[i]);
	arena_init(&core->arena);
	return core;
}

void core_free(struct core *core)
{
	if (!core)
		return;
	for (size_t i = 0; i < core->node_count; i++)
		node_free(core->nodes[i]);
	audiences_free(core);
	bulletins_free(core);
	tail_free(&core->tail);
	policy_free(core->policy);
	actions_free(core);
	buffer_free(&core->loaded_policy);
	history_free(core);
	terms_free(core);
	free(core->topics);
	free(core->keys);
	free(core->key_slots);
	for (size_t i = 0; i < core->operation_count; i++)
		buffer_free(&core->operations[i].act);
	free(core->operations);
	keys_wipe(&core->options, sizeof(core->options));
	free(core);
}

const struct policy *core_policy(const struct core *core)
{
	return core->policy;
}

struct core_read *core_read_new(void)
{
	return memory_zero(1, sizeof(struct core_read));
}

void core_read_free(struct core_read *read)
{
	if (!read)
		return;
	journal_page_free(&read->page);
	buffer_free(&read->receipt);
	free(read->due);
	free(read);
}

/* ---------------------------------------------------------------------------- loading */

static void visit_entry(void *context, Simpul__EntryType type, uint64_t entry, wall_ms accepted_at,
			struct bytes content)
{
	struct core *core = context;

	if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS && entry == 1)
		core->broker_made = core->authority_made = accepted_at; /* simpulctl init makes them all */
	if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS && entry > 1)
		core->retention.recovered_at = accepted_at;
	if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS)
		history_add(core, entry, content);
	if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY)
		terms_take(core, entry, content);
	if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY) {
		/* There may be many versions, and only the last is in force: that one is parsed. */
		buffer_clear(&core->loaded_policy);
		buffer_bytes(&core->loaded_policy, content);
		return;
	}
	entry_apply(core, type, content);
	arena_reset(&core->arena);
}

static void visit_audience(void *context, const struct audience *audience)
{
	audience_intern(context, audience);
}

static void visit_origin(void *context, const struct report_name *last, const struct hash *digest)
{
	struct node *node = node_find(context, last->origin);
	struct stream *stream;

	if (!node)
		return;
	stream = stream_make(node, last->epoch, last->stream);
	stream->last = last->number;
	stream->digest = *digest;
}

static void visit_cursor(void *context, const char *name, uint64_t entry)
{
	struct node *node = node_find(context, name);

	if (node)
		node->acked = entry;
}

static void visit_position(void *context, const struct position *position, const uint8_t signature[SIGNATURE_SIZE])
{
	struct core *core = context;

	(void)signature; /* made anew when it is needed */
	core->position = *position;
	tail_start(&core->tail, position);
	if (core->loaded_policy.size == 0)
		return;
	entry_apply(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY, buffer_view(&core->loaded_policy));
	buffer_free(&core->loaded_policy);
	arena_reset(&core->arena);
}

struct journal_visitor core_visitor(struct core *core)
{
	return (struct journal_visitor){.context = core,
					.entry = visit_entry,
					.audience = visit_audience,
					.origin = visit_origin,
					.cursor = visit_cursor,
					.position = visit_position};
}

/* ---------------------------------------------------------------------------- messages */

/* The sequence number and the kind of message, before anything is decoded: what is refused early can be answered. */
static void frame_peek(struct bytes frame, uint64_t *seq, uint32_t *kind)
{
	struct encoded_field field;

	*seq = 0;
	*kind = 0;
	if (!next_field(&frame, &field))
		return;
	if (field.field == UP_SEQ) {
		*seq = field.number;
		if (!next_field(&frame, &field))
			return;
	}
	*kind = field.field;
}

static void refuse(struct core *core, struct node *node, const struct peer *peer, uint64_t seq,
		   const struct fault *fault)
{
	send_refusal(core, peer, seq, fault);
	log_refused(core, "session.refused", node, fault);
}

/* The key that ZAP authenticated is asked for at each message, for ZAP itself looks at handshakes only. What comes
 * under a key that is not in force is not charged to the node, which may be heard under a newer one. */
static bool key_admit(struct core *core, struct key *key, const struct peer *peer, uint64_t seq)
{
	struct fault fault = {0};
	uint64_t wait;

	if (fault_at(&fault, key_status(key), "key") == E_OK)
		return true;
	if (!key) {
		refuse(core, NULL, peer, seq, &fault);
		return false;
	}
	if (bucket_take(&key->refusals, &REFUSED_KEY_BUCKET, 1, core->now->steady, &wait)) {
		send_refusal(core, peer, seq, &fault);
		LOG(core, NOTICE, "session.refused", F_TEXT("node", key->node->name),
		    F_TEXT("code", error_name(fault.code)), F_TEXT("field", fault.field));
	}
	if (session_check(key->node, peer) == E_OK)
		session_end(core, key->node, E_OK);
	return false;
}

static bool session_admit(struct core *core, struct node *node, const struct peer *peer, uint64_t seq)
{
	struct fault fault = {0};

	if (fault_at(&fault, session_check(node, peer), "%s", "") == E_OK) {
		node->session.heard = core->now->steady;
		node_touch(core, node, TURN_HEARD);
		node->last_seen = core->now->wall;
		return true;
	}
	refuse(core, node, peer, seq, &fault);
	return false;
}

static bool cursor_decode(struct core *core, struct node *node, uint64_t seq, const Simpul__Position *message,
			  struct position *cursor)
{
	const enum error error = position_of_message(cursor, message);
	struct fault fault = {0};

	if (error == E_OK)
		return true;
	fault_at(&fault, error, "cursor");
	refuse(core, node, &node->session.peer, seq, &fault);
	return false;
}

static void up_dispatch(struct core *core, struct node *node, const struct peer *peer, const Simpul__Up *up,
			struct bytes frame)
{
	struct fault fault = {0};
	struct position cursor;

	switch (up->message_case) {
	case SIMPUL__UP__MESSAGE_HELLO:
		hello_take(core, node, peer, up->seq, up->hello);
		break;
	case SIMPUL__UP__MESSAGE_SUBMIT:
		submit_take(core, node, peer, up, frame);
		break;
	case SIMPUL__UP__MESSAGE_FETCH:
		if (cursor_decode(core, node, up->seq, up->fetch->cursor, &cursor))
			fetch_take(core, node, up->seq, &cursor, up->fetch->after);
		break;
	case SIMPUL__UP__MESSAGE_ACK:
		if (cursor_decode(core, node, up->seq, up->ack->cursor, &cursor))
			ack_take(core, node, &cursor, up->seq);
		else
			session_end(core, node, E_OK);
		break;
	case SIMPUL__UP__MESSAGE_BYE:
		session_end(core, node, E_OK);
		break;
	default:
		fault_at(&fault, E_MISSING, "message");
		refuse(core, node, peer, up->seq, &fault);
	}
}

static void message_take(struct core *core, const struct core_event *event)
{
	const struct peer *peer = &event->message.peer;
	const struct bytes frame = event->message.frame;
	struct key *key = key_find(core, event->message.curve_key);
	struct fault fault = {0};
	const Simpul__Up *up;
	struct node *node;
	uint64_t seq;
	uint32_t kind;

	frame_peek(frame, &seq, &kind);
	if (!key_admit(core, key, peer, seq) || !patience_left(core, key->node))
		return;
	node = key->node;
	if (kind != SIMPUL__UP__MESSAGE_HELLO && !session_admit(core, node, peer, seq))
		return;
	if (kind == UP_SUBMIT && !submit_admit(core, node, peer, seq, frame))
		return;
	up = wire_view(&simpul__up__descriptor, frame, &core->arena, &fault);
	if (up)
		up_dispatch(core, node, peer, up, frame);
	else
		refuse(core, node, peer, seq, &fault);
}

/* ---------------------------------------------------------------------------- the journal answers */

static void append_done(struct core *core, struct journal_append *append)
{
	core->appends_under_way--;
	if (append->result.code == E_IO)
		LOG(core, ALARM, "journal.failed", F_NUM("type", append->type), F_TEXT("field", append->result.field));
	if (append->result.code == E_OK) {
		core->position.entry = append->entry;
		core->position.head = append->head;
		if (append->head_signed)
			signature_keep(core, append->entry, append->signature);
	}
	if (append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION)
		submit_done(core, append);
	else if (append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_TOMBSTONE)
		retention_done(core, append);
	else
		operation_done(core, append);
	if (append->result.code == E_OK)
		deliver_keep(core, append);
	if (append->result.code == E_OK &&
	    (append->effect == EFFECT_RETRACT || append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_HOLD))
		retention_soon(core);
}

/* What is on disk is answered, then handed on. */
static void committed(struct core *core, struct journal_append *list)
{
	const uint64_t before = core->position.entry;

	while (list) {
		struct journal_append *append = list;

		list = (struct journal_append *)append->letter.next;
		append_done(core, append);
		journal_append_free(append);
	}
	if (core->position.entry > before)
		deliver_push(core, before + 1);
}

static void read_done(struct core *core, struct core_read *read)
{
	struct node *node = node_find(core, read->node);

	core->reads_under_way--;
	if (read->type == READ_DUE)
		retention_read_done(core, read);
	else if (node && read->type == READ_PAGE)
		fetch_read_done(core, node, read);
	else if (node && read->type == READ_RECEIPT)
		submit_read_done(core, node, read);
	else if (node && read->type == READ_POSITION)
		hello_read_done(core, node, read);
	core_read_free(read);
}

/* ---------------------------------------------------------------------------- a step */

static void disk_changed(struct core *core, bool low)
{
	if (low && !core->disk_low)
		LOG(core, ALARM, "disk.low", F_NUM("entry", core->position.entry));
	else if (!low && core->disk_low)
		LOG(core, NOTICE, "disk.free", F_NUM("entry", core->position.entry));
	core->disk_low = low;
}

/* Times of acceptance never decrease, so a clock that ran ahead stays in the journal, and one that is wrong refuses
 * good reports as expired or from the future: a person must look. */
static void clock_watch(struct core *core)
{
	const wall_ms begin = core->now->wall - core->now->steady;
	const wall_ms off = begin > core->clock_begin ? begin - core->clock_begin : core->clock_begin - begin;

	if (core->clock_begin != 0 && off <= CLOCK_JUMP_MS)
		return;
	core->clock_doubted = core->clock_begin != 0;
	if (core->clock_doubted)
		LOG(core, ALARM, "clock.jumped", F_TEXT("direction", begin > core->clock_begin ? "ahead" : "back"),
		    F_NUM("seconds", off / 1000));
	core->clock_begin = begin;
	core->lapse_next = 0;
}

static void drain(struct core *core)
{
	if (!core->stopping || core->drained || core->appends_under_way > 0 || core->reads_under_way > 0)
		return;
	core->drained = true;
	sessions_stop(core);
	action_add(core, ACTION_DRAINED);
}

static void dispatch(struct core *core, const struct core_event *event)
{
	switch (event->type) {
	case CORE_MESSAGE:
		message_take(core, event);
		break;
	case CORE_SUBSCRIBED:
		subscription_seen(core, event);
		break;
	case CORE_COMMITTED:
		committed(core, event->committed);
		break;
	case CORE_READ_DONE:
		read_done(core, event->read);
		break;
	case CORE_POLICY:
		policy_offer(core, event);
		break;
	case CORE_ENROLL:
		enroll(core, event);
		break;
	case CORE_STANDING:
		standing_set(core, event);
		break;
	case CORE_RESEED:
		reseed_add(core, event);
		break;
	case CORE_BROKER_KEY:
		terms_offer(core, event);
		break;
	case CORE_TAKE_UP:
		terms_take_up(core, event);
		break;
	case CORE_HOLD:
		hold_take(core, event);
		break;
	case CORE_CLOCK:
		clock_confirm(core, event);
		break;
	case CORE_ACT:
		act_take(core, event);
		break;
	case CORE_DISK:
		disk_changed(core, event->disk_low);
		break;
	case CORE_TICK:
		lapse_tick(core);
		sessions_tick(core);
		operations_tick(core);
		retention_tick(core);
		break;
	case CORE_STOP:
		core->stopping = true;
		break;
	}
}

struct core_actions core_step(struct core *core, const struct core_event *event, const struct now *now,
			      const uint8_t random[CORE_RANDOM_SIZE])
{
	actions_start(core);
	core->now = now;
	core->random = random;
	clock_watch(core);
	lapse_watch(core);
	dispatch(core, event);
	drain(core);
	return (struct core_actions){core->actions, core->action_count};
}

/* ---------------------------------------------------------------------------- looking */

enum error core_key_status(const struct core *core, const uint8_t curve_key[KEY_SIZE], const char **node)
{
	const struct key *key = key_find(core, curve_key);

	if (node)
		*node = key ? key->node->name : NULL;
	return key_status(key);
}

void core_status(const struct core *core, struct core_status *status)
{
	*status = (struct core_status){.position = core->position,
				       .broker_made = core->broker_made,
				       .authority_made = core->authority_made,
				       .announced = core->announced.entry,
				       .policy_version = core->policy_version,
				       .members = core->node_count,
				       .connected = core->connected,
				       .sessions = core->sessions,
				       .accepted = core->accepted,
				       .refused_reports = core->refused_reports,
				       .refused_messages = core->refused_messages,
				       .delivered = core->delivered,
				       .under_way = core->appends_under_way,
				       .tail_entries = core->tail.count,
				       .tail_bytes = core->tail.bytes,
				       .disk_low = core->disk_low,
				       .clock_doubted = core->clock_doubted,
				       .stopping = core->stopping};
	if (core->policy)
		status->policy_hash = policy_hash(core->policy);
}

bool core_node_at(const struct core *core, size_t index, struct core_node *out)
{
	const struct node *node;

	if (index >= core->node_count)
		return false;
	node = core->sorted[index];
	*out = (struct core_node){.key_id = node->member.key_id,
				  .key_made = node->member.created_at,
				  .expires_at = node->member.expires_at,
				  .standing = node->standing,
				  .connected = node->session.state != SESSION_NONE,
				  .live = node->session.state == SESSION_LIVE,
				  .last_seen = node->last_seen,
				  .cursor = node->acked,
				  .lag = core->position.entry - node->acked,
				  .queued_bytes = node->session.queued,
				  .in_policy = core->policy && policy_knows_node(core->policy, node->name)};
	memcpy(out->node, node->name, sizeof(out->node));
	return true;
}
