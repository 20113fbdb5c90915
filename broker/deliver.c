/* deliver - hands entries to nodes: pushes within a window to those that are live, answers to FETCH for those that are
 * behind.
 *
 * Pushed or fetched, an entry passes part_make, which asks the audience and the policy of this moment; there is no
 * other way into a batch. */
#include "broker/core_state.h"
#include "broker/encode.h"
#include "common/memory.h"
#include "common/wire.h"
#include <string.h>

enum {
	BATCH_HEAD = 256,		  /* more than all of a batch but its entries and wraps */
	WRAP_LARGEST = 128,		  /* an encoded EntryWrap with its head */
	PAGE_LIMIT = LIMIT_BATCH / 3 * 2, /* leaves room for heads and wraps of the smallest entries */
};

/* Field numbers of link.proto and report.proto that are written or read one by one. */
enum {
	ENTRY_NUMBER = 1,
	ENTRY_TYPE = 2,
	ENTRY_ACCEPTED_AT = 3,
	ENTRY_POLICY_VERSION = 4,
	ENTRY_DELIVERY = 5,
	ENTRY_MEMBER = 6,
	ENTRY_STANDING = 7,
	ENTRY_STUB = 8,
	STUB_POLICY_VERSION = 1,
	BATCH_ENTRIES = 4,
	BATCH_WRAPS = 5,
	DOWN_BATCH = 5,
	ROUTING_WRAPS = 4,
	WRAP_NODE = 1,
	WRAP_KEY_ID = 2,
	WRAP_WRAPPED = 3,
};

/* One entry in a batch for one node. */
struct part {
	uint64_t entry;
	struct bytes encoded;
	uint32_t wrap_key_id; /* 0: no wrap */
	struct bytes wrap;
	enum denial denial; /* not ADMITTED: `encoded` is a stub */
};

struct batch {
	uint64_t after;
	struct position upto;
	struct part *parts;
	size_t count, capacity;
	size_t bytes; /* at least what it takes encoded */
	bool own;     /* holds stubs or wraps, so no other node's batch is equal */
	struct bytes encoded;
};

/* The batches that were encoded in this step. */
struct shared {
	struct batch list[8];
	size_t count, next;
};

/* ---------------------------------------------------------------------------- into the tail */

static void entry_head(struct buffer *out, const struct tail_item *item)
{
	put_number(out, ENTRY_NUMBER, item->entry);
	put_number(out, ENTRY_TYPE, item->type);
	put_fixed64(out, ENTRY_ACCEPTED_AT, item->accepted_at);
	put_number(out, ENTRY_POLICY_VERSION, item->policy_version);
}

static bool all_refused(const struct journal_append *append)
{
	for (size_t i = 0; i < append->count; i++)
		if (append->reports[i].verdict == E_OK)
			return false;
	return true;
}

static void item_encode(struct tail_item *item, const struct journal_append *append)
{
	switch (append->type) {
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION:
		entry_head(&item->encoded, item);
		put_bytes(&item->encoded, ENTRY_DELIVERY, buffer_view(&append->delivery));
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER:
		entry_head(&item->encoded, item);
		put_bytes(&item->encoded, ENTRY_MEMBER, buffer_view(&append->content));
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING:
		entry_head(&item->encoded, item);
		put_bytes(&item->encoded, ENTRY_STANDING, buffer_view(&append->content));
		break;
	default:
		break; /* for the journal alone */
	}
}

/* Audiences are kept for good: whoever makes a new one with every submission is slowed down. */
static void audience_charge(struct core *core, const struct journal_append *append)
{
	struct node *origin = node_find(core, append->first.origin);

	if (!origin)
		return;
	bucket_charge(&origin->audiences, AUDIENCE_COST);
	if (origin->audiences.tokens < 0)
		LOG(core, WARNING, "node.slowed", F_TEXT("node", origin->name), F_TEXT("reason", "audiences"));
}

void deliver_keep(struct core *core, struct journal_append *append)
{
	struct tail_item item = {.entry = append->entry,
				 .head = append->head,
				 .type = append->type,
				 .accepted_at = append->accepted_at,
				 .policy_version = core->policy_version};
	const bool submission = append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION;

	if (audience_intern(core, &append->audience) && submission)
		audience_charge(core, append);
	if (append->audience.count > 0 && !(submission && all_refused(append))) {
		item.audience_id = append->audience.id;
		item_encode(&item, append);
		if (submission) {
			item.routing = append->routing;
			append->routing = (struct buffer){0};
		}
	}
	tail_add(&core->tail, &item);
}

/* ---------------------------------------------------------------------------- parts */

static struct bytes stub_make(struct core *core, const struct tail_item *item)
{
	struct buffer *out = scratch(core), *stub = scratch(core);

	put_number(stub, STUB_POLICY_VERSION, core->policy_version);
	entry_head(out, item);
	put_bytes(out, ENTRY_STUB, buffer_view(stub));
	return buffer_view(out);
}

/* The node's own key wrap among those that the origin sent. */
static void wrap_find(struct bytes routing, const struct node *node, struct part *part)
{
	const struct bytes name = BYTES(node->name, strlen(node->name));
	struct encoded_field field, inner;

	while (next_field(&routing, &field)) {
		uint32_t key_id = 0;
		struct bytes wrapped = {0};
		bool mine = false;

		if (field.field != ROUTING_WRAPS)
			continue;
		while (next_field(&field.data, &inner)) {
			if (inner.field == WRAP_NODE)
				mine = bytes_equal(inner.data, name);
			else if (inner.field == WRAP_KEY_ID)
				key_id = (uint32_t)inner.number;
			else if (inner.field == WRAP_WRAPPED)
				wrapped = inner.data;
		}
		if (!mine)
			continue;
		part->wrap_key_id = key_id;
		part->wrap = wrapped;
		return;
	}
}

/* False when the entry is not for this node. What it may not receive now becomes a stub. */
static bool part_make(struct core *core, const struct node *node, const struct tail_item *item, struct part *part)
{
	if (item->audience_id == 0 || !audience_has(core, item->audience_id, node))
		return false;
	*part = (struct part){.entry = item->entry, .denial = audience_denial(core, item->audience_id, node)};
	if (part->denial != ADMITTED) {
		part->encoded = stub_make(core, item);
		return true;
	}
	part->encoded = buffer_view(&item->encoded);
	wrap_find(buffer_view(&item->routing), node, part);
	return true;
}

static size_t part_bytes(const struct part *part)
{
	return ENCODE_HEAD + part->encoded.size + (part->wrap_key_id ? WRAP_LARGEST : 0);
}

static void batch_start(struct batch *batch, uint64_t after)
{
	*batch = (struct batch){.after = after, .bytes = BATCH_HEAD};
}

static void batch_add(struct core *core, struct batch *batch, const struct part *part)
{
	if (batch->count == batch->capacity) {
		struct part *parts;

		batch->capacity = batch->capacity ? batch->capacity * 2 : 16;
		parts = arena_alloc(&core->arena, batch->capacity * sizeof(*parts));
		if (batch->count > 0)
			memcpy(parts, batch->parts, batch->count * sizeof(*parts));
		batch->parts = parts;
	}
	batch->parts[batch->count++] = *part;
	batch->bytes += part_bytes(part);
	batch->own = batch->own || part->wrap_key_id != 0 || part->denial != ADMITTED;
}

static bool batch_has_room(const struct batch *batch, const struct part *part)
{
	return batch->bytes + part_bytes(part) <= LIMIT_BATCH;
}

/* ---------------------------------------------------------------------------- encoding */

/* Signing is deterministic, so a signature made before serves again. */
static const uint8_t *position_sign(struct core *core, const struct position *position)
{
	struct signed_position *place;

	for (size_t i = 0; i < SIGNATURE_CACHE; i++)
		if (core->signatures[i].entry == position->entry && core->signatures[i].known)
			return core->signatures[i].signature;
	place = &core->signatures[core->next_signature++ % SIGNATURE_CACHE];
	place->entry = position->entry;
	place->known = true;
	chain_sign(&core->options.broker, core->options.exchange, position, place->signature);
	return place->signature;
}

static void wrap_encode(const struct part *part, struct buffer *out)
{
	Simpul__EntryWrap wrap = SIMPUL__ENTRY_WRAP__INIT;

	wrap.entry = part->entry;
	wrap.key_id = part->wrap_key_id;
	wrap.wrapped = (ProtobufCBinaryData){part->wrap.size, (uint8_t *)(uintptr_t)part->wrap.data};
	put_head(out, BATCH_WRAPS, simpul__entry_wrap__get_packed_size(&wrap));
	wire_pack(&wrap, out);
}

static void batch_encode(struct core *core, struct batch *batch)
{
	struct buffer *out = scratch(core);
	Simpul__Batch head = SIMPUL__BATCH__INIT;
	Simpul__Position upto;

	position_to_message(&batch->upto, &upto);
	head.after = batch->after;
	head.upto = &upto;
	head.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, (uint8_t *)(uintptr_t)position_sign(core, &batch->upto)};
	wire_pack(&head, out);
	for (size_t i = 0; i < batch->count; i++)
		put_bytes(out, BATCH_ENTRIES, batch->parts[i].encoded);
	for (size_t i = 0; i < batch->count; i++)
		if (batch->parts[i].wrap_key_id != 0)
			wrap_encode(&batch->parts[i], out);
	batch->encoded = buffer_view(out);
}

static bool batch_equal(const struct batch *a, const struct batch *b)
{
	if (a->after != b->after || a->upto.entry != b->upto.entry || a->count != b->count || a->own || b->own)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (a->parts[i].entry != b->parts[i].entry)
			return false;
	return true;
}

/* Nodes that get the same piece with the same entries share one encoding. */
static void batch_encode_once(struct core *core, struct shared *shared, struct batch *batch)
{
	for (size_t i = 0; i < shared->count; i++)
		if (batch_equal(&shared->list[i], batch)) {
			batch->encoded = shared->list[i].encoded;
			return;
		}
	batch_encode(core, batch);
	if (batch->own)
		return;
	shared->list[shared->next++ % (sizeof(shared->list) / sizeof(*shared->list))] = *batch;
	if (shared->count < sizeof(shared->list) / sizeof(*shared->list))
		shared->count++;
}

/* ---------------------------------------------------------------------------- what was handed over */

static void window_add(struct session *session, uint64_t upto, size_t bytes)
{
	struct mark *last;

	if (session->mark_count == WINDOW_MARKS) {
		last = &session->marks[(session->mark_first + session->mark_count - 1) % WINDOW_MARKS];
		last->upto = upto;
		last->bytes += bytes;
	} else {
		session->marks[(session->mark_first + session->mark_count++) % WINDOW_MARKS] =
			(struct mark){upto, bytes};
	}
	session->queued += bytes;
}

static void batch_record(struct core *core, struct node *node, const struct batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->parts[i].denial == ADMITTED)
			continue;
		note(core, ACTION_WITHHELD, node, batch->parts[i].entry);
		if (!log_has_room(core, node, LOG_LEVEL_NOTICE))
			continue;
		LOG(core, NOTICE, "delivery.withheld", F_TEXT("node", node->name),
		    F_NUM("entry", batch->parts[i].entry), F_NUM("policy_version", core->policy_version),
		    F_TEXT("reason", denial_text(batch->parts[i].denial)));
	}
	if (batch->count == 0)
		return;
	core->delivered += batch->count;
	LOG(core, INFO, "batch.sent", F_TEXT("node", node->name), F_NUM("after", batch->after),
	    F_NUM("upto", batch->upto.entry), F_NUM("entries", batch->count));
}

static void publish(struct core *core, struct node *node, const struct batch *batch)
{
	struct session *session = &node->session;
	struct feed *feed = arena_alloc(&core->arena, sizeof(*feed));
	uint8_t *topic = arena_alloc(&core->arena, FEED_TOPIC_SIZE);
	struct core_action *action = action_add(core, ACTION_PUBLISH);

	*feed = session->feed; /* the session may end before the action is carried out */
	memcpy(topic, session->topic, FEED_TOPIC_SIZE);
	action->publish.topic = topic;
	action->publish.feed = feed;
	action->publish.head = (struct feed_head){.incarnation = batch->upto.incarnation,
						  .after = batch->after,
						  .upto = batch->upto.entry,
						  .counter = ++session->counter};
	action->publish.batch = batch->encoded;
	session->published = core->now->steady;
	batch_record(core, node, batch);
}

void session_behind(struct core *core, struct node *node, const char *why)
{
	if (node->session.state != SESSION_LIVE)
		return;
	node->session.state = SESSION_BEHIND;
	if (!why || node->session.behind_logged)
		return;
	node->session.behind_logged = true;
	LOG(core, NOTICE, "feed.behind", F_TEXT("node", node->name), F_NUM("cursor", node->acked),
	    F_NUM("lag", core->position.entry - node->acked), F_TEXT("reason", why));
}

/* ---------------------------------------------------------------------------- pushing */

static void batch_push(struct core *core, struct node *node, struct shared *shared, struct batch *batch)
{
	struct session *session = &node->session;

	if (session->queued + batch->bytes > LIMIT_WINDOW) {
		session_behind(core, node, "window");
		deliver_heartbeat(core, node); /* it need not wait a second to hear that it must fetch */
		return;
	}
	batch_encode_once(core, shared, batch);
	publish(core, node, batch);
	window_add(session, batch->upto.entry, batch->encoded.size);
	session->upto = session->handed = batch->upto.entry;
}

static void position_at(const struct core *core, const struct tail_item *item, struct position *position)
{
	position->incarnation = core->position.incarnation;
	position->entry = item->entry;
	position->head = item->head;
}

/* A commit larger than a batch goes out in several, each up to the entry that it ends with. */
static void node_push(struct core *core, struct node *node, struct shared *shared, uint64_t first)
{
	struct batch batch;
	struct part part;

	batch_start(&batch, node->session.upto);
	for (uint64_t entry = first; entry <= core->position.entry && node->session.state == SESSION_LIVE; entry++) {
		const struct tail_item *item = tail_at(&core->tail, entry);

		if (!item) {
			session_behind(core, node, "tail");
			return;
		}
		if (!part_make(core, node, item, &part))
			continue;
		if (!batch_has_room(&batch, &part)) {
			batch_push(core, node, shared, &batch);
			batch_start(&batch, node->session.upto);
		}
		batch_add(core, &batch, &part);
		position_at(core, item, &batch.upto);
	}
	if (batch.count == 0 || node->session.state != SESSION_LIVE)
		return;
	batch.upto = core->position;
	batch_push(core, node, shared, &batch);
}

void deliver_push(struct core *core, uint64_t first)
{
	struct shared shared = {.count = 0};

	for (size_t i = 0; i < core->node_count; i++)
		if (core->nodes[i]->session.state == SESSION_LIVE && !core->nodes[i]->leaving)
			node_push(core, core->nodes[i], &shared, first);
}

/* Moves the cursor of a live node over what was not for it; tells one that is behind that there is something to fetch.
 */
void deliver_heartbeat(struct core *core, struct node *node)
{
	struct session *session = &node->session;
	struct batch batch;

	batch_start(&batch, session->state == SESSION_LIVE ? session->upto : core->position.entry);
	batch.upto = core->position;
	if (session->state == SESSION_LIVE && session->queued + batch.bytes > LIMIT_WINDOW) {
		session_behind(core, node, "window");
		batch.after = core->position.entry;
	}
	batch_encode(core, &batch);
	publish(core, node, &batch);
	if (session->state != SESSION_LIVE)
		return;
	if (batch.after < batch.upto.entry)
		window_add(session, batch.upto.entry, batch.encoded.size);
	session->upto = session->handed = batch.upto.entry;
}

/* ---------------------------------------------------------------------------- fetching */

/* The answer; when it leads to the head the session is live again. */
static void batch_answer(struct core *core, struct node *node, uint64_t seq, struct batch *batch)
{
	struct session *session = &node->session;

	batch_encode(core, batch);
	send_encoded(core, &session->peer, seq, DOWN_BATCH, batch->encoded);
	batch_record(core, node, batch);
	node->refetches = batch->after < node->fetched ? node->refetches + 1 : 0;
	node->fetched = batch->upto.entry;
	node->fetched_at = core->now->steady;
	if (batch->upto.entry > session->handed)
		session->handed = batch->upto.entry;
	if (batch->upto.entry != core->position.entry)
		return;
	session->state = SESSION_LIVE;
	session->behind_logged = false;
	session->upto = batch->upto.entry;
}

static void fetch_from_tail(struct core *core, struct node *node, uint64_t seq, uint64_t after)
{
	const struct tail_item *item;
	struct batch batch;
	struct part part;

	batch_start(&batch, after);
	batch.upto = core->position;
	for (uint64_t entry = after + 1; (item = tail_at(&core->tail, entry)) != NULL; entry++) {
		if (!part_make(core, node, item, &part))
			continue;
		if (!batch_has_room(&batch, &part)) {
			position_at(core, tail_at(&core->tail, entry - 1), &batch.upto);
			break;
		}
		batch_add(core, &batch, &part);
	}
	batch_answer(core, node, seq, &batch);
}

static void page_ask(struct core *core, struct node *node, uint64_t seq, uint64_t after)
{
	struct core_read *read = core_read_new();

	read->type = READ_PAGE;
	read->ticket = node->session.fetch_ticket = next_ticket(core);
	node->session.fetch_seq = seq;
	node->session.fetch_after = after;
	memcpy(read->node, node->name, sizeof(read->node));
	read->after = after;
	read->limit = PAGE_LIMIT;
	read_start(core, read);
}

/* Whoever asks again and again without reading would fill the socket's queue with its own answers: the pause doubles.
 */
static bool fetch_waits(const struct core *core, const struct node *node, uint64_t after, uint64_t *wait)
{
	const uint64_t pause = (uint64_t)REFETCH_MS
			       << (node->refetches < REFETCH_DOUBLED ? node->refetches : REFETCH_DOUBLED);
	const uint64_t gone = core->now->steady - node->fetched_at;

	if (after >= node->fetched || gone >= pause)
		return false;
	*wait = pause - gone;
	return true;
}

static enum error fetch_check(struct core *core, struct node *node, const struct position *cursor, struct fault *fault)
{
	uint64_t wait;

	if (core->stopping)
		return fault_at(fault, E_STOPPING, "%s", "");
	if (node->session.fetch_ticket != 0)
		return fault_expecting(fault, E_BUSY, RETRY_SOON_MS, "fetch");
	if (cursor->incarnation == core->position.incarnation && cursor->entry < node->acked)
		return fault_at(fault, E_BELOW_CURSOR, "fetch.cursor.entry");
	if (fetch_waits(core, node, cursor->entry, &wait))
		return fault_expecting(fault, E_BUSY, wait, "fetch");
	return cursor_take(core, node, cursor, fault);
}

void fetch_take(struct core *core, struct node *node, uint64_t seq, const struct position *cursor)
{
	struct fault fault = {0};

	if (fetch_check(core, node, cursor, &fault) != E_OK) {
		send_refusal(core, &node->session.peer, seq, &fault);
		log_refused(core, "session.refused", node, &fault);
		if (fault.code == E_HISTORY_DIFFERS)
			session_end(core, node, E_OK);
		return;
	}
	session_behind(core, node, NULL);
	if (cursor->entry >= core->tail.base.entry)
		fetch_from_tail(core, node, seq, cursor->entry);
	else
		page_ask(core, node, seq, cursor->entry);
}

/* Of an entry that a reader brings, what a stub repeats of it; it comes from our own journal. */
static struct tail_item item_of(const struct journal_item *item)
{
	struct tail_item result = {.entry = item->entry, .audience_id = item->audience_id, .encoded = item->encoded};
	struct bytes rest = buffer_view(&item->encoded);
	struct encoded_field field;

	while (next_field(&rest, &field)) {
		if (field.field == ENTRY_TYPE)
			result.type = (Simpul__EntryType)field.number;
		else if (field.field == ENTRY_ACCEPTED_AT)
			result.accepted_at = field.number;
		else if (field.field == ENTRY_POLICY_VERSION)
			result.policy_version = (uint32_t)field.number;
	}
	return result;
}

/* A reader may see a commit before the core has heard of it: what lies beyond the core's position waits for the next
 * fetch. */
static void page_answer(struct core *core, struct node *node, const struct core_read *read)
{
	struct batch batch;
	struct part part;

	batch_start(&batch, node->session.fetch_after);
	batch.upto = read->page.upto;
	if (batch.upto.entry >= core->position.entry)
		batch.upto = core->position;
	for (size_t i = 0; i < read->page.count; i++) {
		const struct journal_item *from = &read->page.items[i];
		const struct tail_item item = item_of(from);

		if (item.entry > batch.upto.entry || !part_make(core, node, &item, &part))
			continue;
		if (part.denial == ADMITTED && from->wrap_key_id != 0) {
			part.wrap_key_id = from->wrap_key_id;
			part.wrap = BYTES(from->wrap, sizeof(from->wrap));
		}
		batch_add(core, &batch, &part);
	}
	batch_answer(core, node, node->session.fetch_seq, &batch);
}

void fetch_read_done(struct core *core, struct node *node, const struct core_read *read)
{
	struct session *session = &node->session;
	struct fault fault = read->result;

	if (session->state == SESSION_NONE || session->fetch_ticket != read->ticket)
		return;
	session->fetch_ticket = 0;
	if (node->leaving)
		return;
	if (fault.code == E_OK) {
		page_answer(core, node, read);
		return;
	}
	log_unreadable(core, node, &fault);
	send_refusal(core, &session->peer, session->fetch_seq, &fault);
	log_refused(core, "session.refused", node, &fault);
}
