/* members - who belongs to the exchange: records, keys, standings, policies and reseeds, by operators' acts that are
 * entries. */
#include "broker/terms.h"
#include "common/memory.h"
#include "common/wire.h"
#include <stdlib.h>
#include <string.h>

enum { REASON_LIMIT = 200, FIRST_KEY_SLOTS = 64 };

#define POLICY_FILE "policy.yaml"
#define COVERS_NOTHING UINT64_MAX /* as the start of a reseed */

/* ---------------------------------------------------------------------------- looking up */

static size_t sorted_place(const struct core *core, const char *name)
{
	size_t low = 0, high = core->node_count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (strcmp(core->sorted[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct node *node_find(const struct core *core, const char *name)
{
	const size_t place = sorted_place(core, name);

	if (place < core->node_count && strcmp(core->sorted[place]->name, name) == 0)
		return core->sorted[place];
	return NULL;
}

/* Where the key stands in the table, or would stand. A public key is as good as random, so it is its own hash. */
static size_t key_slot(const struct core *core, const uint8_t curve[KEY_SIZE])
{
	const size_t mask = core->key_slot_count - 1;
	size_t at = (size_t)load_u64(curve) & mask;

	while (core->key_slots[at] != 0 && memcmp(core->keys[core->key_slots[at] - 1].curve, curve, KEY_SIZE) != 0)
		at = (at + 1) & mask;
	return at;
}

struct key *key_find(const struct core *core, const uint8_t curve[KEY_SIZE])
{
	const uint32_t index = core->key_count > 0 ? core->key_slots[key_slot(core, curve)] : 0;

	return index > 0 ? &core->keys[index - 1] : NULL;
}

static void key_slots_grow(struct core *core)
{
	if (2 * (core->key_count + 1) <= core->key_slot_count)
		return;
	core->key_slot_count = core->key_slot_count > 0 ? 2 * core->key_slot_count : FIRST_KEY_SLOTS;
	free(core->key_slots);
	core->key_slots = memory_zero(core->key_slot_count, sizeof(*core->key_slots));
	for (size_t i = 0; i < core->key_count; i++)
		core->key_slots[key_slot(core, core->keys[i].curve)] = (uint32_t)(i + 1);
}

/* A transport key is enrolled once; were it in the journal twice, the newer record would count. */
static void key_add(struct core *core, struct node *node)
{
	struct key *key;

	key_slots_grow(core);
	core->keys = memory_grow(core->keys, core->key_count + 1, sizeof(*core->keys));
	key = &core->keys[core->key_count++];
	*key = (struct key){.key_id = node->member.key_id, .node = node};
	memcpy(key->curve, node->member.curve_key, KEY_SIZE);
	bucket_fill(&key->refusals, &REFUSED_KEY_BUCKET);
	core->key_slots[key_slot(core, key->curve)] = (uint32_t)core->key_count;
}

enum error standing_error(Simpul__Standing standing)
{
	switch (standing) {
	case SIMPUL__STANDING__STANDING_ACTIVE:
		return E_OK;
	case SIMPUL__STANDING__STANDING_SUSPENDED:
		return E_KEY_SUSPENDED;
	default:
		return E_KEY_REVOKED;
	}
}

enum error key_status(const struct key *key)
{
	if (!key)
		return E_KEY_UNKNOWN;
	if (key->key_id != key->node->member.key_id)
		return key->revoked ? E_KEY_REVOKED : E_KEY_EXPIRED;
	if (key->node->leaving)
		return standing_error(key->node->leaving);
	if (standing_error(key->node->standing) != E_OK)
		return standing_error(key->node->standing);
	return key->node->lapsed ? E_KEY_LAPSED : E_OK;
}

struct stream *stream_find(struct node *node, uint32_t epoch, uint32_t stream)
{
	for (size_t i = node->stream_count; i-- > 0;)
		if (node->streams[i].epoch == epoch && node->streams[i].stream == stream)
			return &node->streams[i];
	return NULL;
}

/* Numbers of an older epoch are never taken again. */
static void streams_forget(struct node *node, uint32_t epoch)
{
	size_t kept = 0;

	for (size_t i = 0; i < node->stream_count; i++)
		if (node->streams[i].epoch >= epoch)
			node->streams[kept++] = node->streams[i];
	node->stream_count = kept;
}

struct stream *stream_make(struct node *node, uint32_t epoch, uint32_t stream)
{
	struct stream *found = stream_find(node, epoch, stream);

	if (found)
		return found;
	streams_forget(node, epoch);
	node->streams = memory_grow(node->streams, node->stream_count + 1, sizeof(*node->streams));
	found = &node->streams[node->stream_count++];
	*found = (struct stream){.epoch = epoch, .stream = stream};
	return found;
}

/* ---------------------------------------------------------------------------- entries become state */

static struct node *node_add(struct core *core, const char *name)
{
	struct node *node = memory_zero(1, sizeof(*node));
	const size_t place = sorted_place(core, name);

	node->index = core->node_count;
	strcpy(node->name, name);
	bucket_fill(&node->reports, &(struct bucket_size){.most = core->options.rate_reports});
	bucket_fill(&node->bytes, &(struct bucket_size){.most = core->options.rate_bytes});
	bucket_fill(&node->hellos, &HELLO_BUCKET);
	bucket_fill(&node->subscriptions, &SUBSCRIPTION_BUCKET);
	bucket_fill(&node->audiences, &AUDIENCE_BUCKET);
	bucket_fill(&node->topics_seen, &TOPIC_BUCKET);
	bucket_fill(&node->patience, &PATIENCE_BUCKET);
	memmove(&core->sorted[place + 1], &core->sorted[place], (core->node_count - place) * sizeof(node));
	core->sorted[place] = node;
	core->nodes[core->node_count++] = node;
	return node;
}

void node_touch(struct core *core, struct node *node, enum turn_kind kind)
{
	turn_last(&core->queues[kind], &node->turns[kind]);
}

struct node *node_untouched(const struct core *core, enum turn_kind kind)
{
	struct turn *turn = turn_first(&core->queues[kind]);

	return turn ? (struct node *)((char *)(turn - kind) - offsetof(struct node, turns)) : NULL;
}

void node_free(struct node *node)
{
	buffer_free(&node->subscription);
	buffer_free(&node->wanted);
	buffer_free(&node->greeting.subscription);
	if (node->wants)
		simpul__subscription__free_unpacked(node->wants, NULL);
	free(node->streams);
	keys_wipe(&node->session.feed, sizeof(node->session.feed));
	free(node);
}

/* A suspension outlives a change of keys; only an operator's word ends it. */
static void member_apply(struct core *core, const struct member *member)
{
	struct node *node = node_find(core, member->node);
	struct key *replaced = node ? key_find(core, node->member.curve_key) : NULL;

	if (!node && core->node_count == LIMIT_NODES)
		return;
	if (!node)
		node = node_add(core, member->node);
	if (replaced)
		replaced->revoked = standing_error(node->standing) == E_KEY_REVOKED;
	if (node->standing != SIMPUL__STANDING__STANDING_SUSPENDED)
		node->standing = SIMPUL__STANDING__STANDING_ACTIVE;
	node->member = *member;
	node->lapsed = false;
	core->lapse_next = 0;
	authority_seen(core, &member->successions);
	key_add(core, node);
}

static void subscription_apply(struct node *node, const Simpul__Subscription *subscription)
{
	buffer_clear(&node->subscription);
	if (subscription)
		wire_pack(subscription, &node->subscription);
	buffer_clear(&node->wanted);
	buffer_bytes(&node->wanted, buffer_view(&node->subscription));
	if (node->wants)
		simpul__subscription__free_unpacked(node->wants, NULL);
	node->wants = simpul__subscription__unpack(NULL, node->subscription.size, node->subscription.data);
}

static void policy_apply(struct core *core, const Simpul__PolicyVersion *version)
{
	struct policy *policy = NULL;

	if (policy_parse(BYTES(version->text.data, version->text.len), POLICY_FILE, &policy, NULL) != E_OK)
		policy = NULL; /* it was checked before it became an entry; without it nobody is admitted */
	policy_free(core->policy);
	core->policy = policy;
	core->policy_version = version->version;
	audiences_recheck(core);
}

/* The content comes from the journal, so it is decoded without the checks for foreign bytes. */
void entry_apply(struct core *core, Simpul__EntryType type, struct bytes content)
{
	ProtobufCAllocator *memory = &core->arena.protobuf;
	struct member member;
	struct node *node;

	if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER) {
		const Simpul__MemberRecord *record = simpul__member_record__unpack(memory, content.size, content.data);

		if (record && member_of_message(&member, record, NULL) == E_OK)
			member_apply(core, &member);
	} else if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING) {
		const Simpul__MemberStanding *standing =
			simpul__member_standing__unpack(memory, content.size, content.data);

		node = standing ? node_find(core, standing->node) : NULL;
		if (node)
			node->standing = standing->standing;
	} else if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY) {
		const Simpul__PolicyVersion *version =
			simpul__policy_version__unpack(memory, content.size, content.data);

		if (version)
			policy_apply(core, version);
	} else if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBSCRIPTION) {
		const Simpul__NodeSubscription *subscription =
			simpul__node_subscription__unpack(memory, content.size, content.data);

		node = subscription ? node_find(core, subscription->node) : NULL;
		if (node)
			subscription_apply(node, subscription->subscription);
	} else if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GRANT) {
		const Simpul__FetchGrant *grant = simpul__fetch_grant__unpack(memory, content.size, content.data);

		node = grant ? node_find(core, grant->node) : NULL;
		if (node) {
			node->reseeded = grant->from_entry != COVERS_NOTHING;
			node->reseeded_from = grant->from_entry;
		}
	}
}

/* ---------------------------------------------------------------------------- operators' acts */

bool operation_runs(const struct core *core, Simpul__EntryType type, const struct node *node)
{
	for (size_t i = 0; i < core->operation_count; i++)
		if (core->operations[i].type == type && (!node || core->operations[i].node == node))
			return true;
	return false;
}

bool enrolment_runs(const struct core *core, const struct node *node)
{
	return operation_runs(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER, node);
}

struct operation *operation_start(struct core *core, Simpul__EntryType type, struct node *node, const void *content,
				  bool everyone)
{
	struct journal_append *append = journal_append_new();
	struct operation *operation;

	append->ticket = next_ticket(core);
	append->type = type;
	if (everyone)
		audience_everyone(&append->audience);
	wire_pack(content, &append->content);
	append_start(core, append);
	core->operations = memory_grow(core->operations, core->operation_count + 1, sizeof(*core->operations));
	operation = &core->operations[core->operation_count++];
	*operation = (struct operation){.ticket = append->ticket, .type = type, .node = node};
	return operation;
}

void answer_to(struct operation *operation, const struct core_event *event)
{
	operation->answer = true;
	operation->operator_ticket = event->operator_ticket;
	if (event->type != CORE_ACT && event->type != CORE_CLOCK)
		buffer_bytes(&operation->act, event->act);
}

static enum error enroll_check(const struct core *core, const struct member *member, struct fault *fault)
{
	const struct node *node = node_find(core, member->node);
	const uint32_t newest = node ? node->member.key_id : 0;
	enum error error = member_check(member, core->options.exchange, core->options.authority, fault);

	if (error != E_OK)
		return error;
	if (core->stopping)
		return fault_at(fault, E_STOPPING, "%s", "");
	if (operation_runs(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER, NULL) ||
	    (node && operation_runs(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING, node)))
		return fault_at(fault, E_BUSY, "node");
	if (member->key_id <= newest)
		return fault_at(fault, E_EXISTS, "key_id");
	if (member->key_id != newest + 1)
		return fault_at(fault, E_INVALID, "key_id");
	if (node && member->former_signed)
		error = member_check_former(member, node->member.signing_key, fault);
	if (error != E_OK)
		return error;
	if (key_find(core, member->curve_key))
		return fault_at(fault, E_EXISTS, "curve_key");
	if (!node && core->node_count == LIMIT_NODES)
		return fault_at(fault, E_TOO_LARGE, "node");
	return E_OK;
}

void enroll(struct core *core, const struct core_event *event)
{
	struct fault fault = {0};
	Simpul__MemberRecord record;

	if (enroll_check(core, event->enroll, &fault) != E_OK) {
		answer(core, event->operator_ticket, &fault, 0);
		return;
	}
	member_to_message(event->enroll, &record);
	answer_to(operation_start(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER, node_find(core, event->enroll->node),
				  &record, true),
		  event);
}

/* Which standing may follow which; a compromised key never comes back. */
static bool standing_follows(Simpul__Standing old, Simpul__Standing new)
{
	switch (new) {
	case SIMPUL__STANDING__STANDING_ACTIVE:
		return old == SIMPUL__STANDING__STANDING_SUSPENDED || old == SIMPUL__STANDING__STANDING_RETIRED;
	case SIMPUL__STANDING__STANDING_SUSPENDED:
		return old == SIMPUL__STANDING__STANDING_ACTIVE;
	case SIMPUL__STANDING__STANDING_RETIRED:
		return old == SIMPUL__STANDING__STANDING_ACTIVE || old == SIMPUL__STANDING__STANDING_SUSPENDED;
	case SIMPUL__STANDING__STANDING_COMPROMISED:
		return old != SIMPUL__STANDING__STANDING_COMPROMISED;
	default:
		return false;
	}
}

/* From here on nothing more is handed to the node's socket, although the entry is not on disk yet. */
static struct operation *standing_start(struct core *core, struct node *node, const Simpul__MemberStanding *message)
{
	if (message->standing != SIMPUL__STANDING__STANDING_ACTIVE) {
		node->leaving = message->standing;
		session_behind(core, node, NULL);
	}
	return operation_start(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING, node, message, true);
}

static enum error standing_check(const struct core *core, const struct core_event *event, const struct node *node,
				 struct fault *fault)
{
	if (!node)
		return fault_at(fault, E_NOT_FOUND, "node");
	if (core->stopping)
		return fault_at(fault, E_STOPPING, "%s", "");
	if (operation_runs(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING, node) ||
	    operation_runs(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER, node))
		return fault_at(fault, E_BUSY, "node");
	if (event->standing.reason && strlen(event->standing.reason) > REASON_LIMIT)
		return fault_at(fault, E_TOO_LARGE, "reason");
	if (!standing_follows(node->standing, event->standing.standing))
		return fault_at(fault, E_UNEXPECTED, "standing");
	return E_OK;
}

void standing_set(struct core *core, const struct core_event *event)
{
	struct node *node = node_find(core, event->standing.node);
	Simpul__MemberStanding message = SIMPUL__MEMBER_STANDING__INIT;
	struct fault fault = {0};

	if (standing_check(core, event, node, &fault) != E_OK) {
		answer(core, event->operator_ticket, &fault, 0);
		return;
	}
	message.node = node->name;
	message.key_id = node->member.key_id;
	message.standing = event->standing.standing;
	message.since = event->standing.since;
	message.reason = arena_text(&core->arena, event->standing.reason ? event->standing.reason : "");
	answer_to(standing_start(core, node, &message), event);
}

void suspend(struct core *core, struct node *node, enum error code)
{
	Simpul__MemberStanding message = SIMPUL__MEMBER_STANDING__INIT;

	message.node = node->name;
	message.key_id = node->member.key_id;
	message.standing = SIMPUL__STANDING__STANDING_SUSPENDED;
	message.code = code;
	standing_start(core, node, &message);
}

static struct operation *reseed_start(struct core *core, struct node *node, uint64_t from_entry, const char *reason)
{
	Simpul__FetchGrant grant = SIMPUL__FETCH_GRANT__INIT;

	grant.node = node->name;
	grant.from_entry = from_entry;
	grant.reason = arena_text(&core->arena, reason);
	return operation_start(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GRANT, node, &grant, false);
}

void reseed_close(struct core *core, struct node *node)
{
	node->reseeded = false;
	reseed_start(core, node, COVERS_NOTHING, "used");
}

void reseed_add(struct core *core, const struct core_event *event)
{
	struct node *node = node_find(core, event->reseed.node);
	const char *reason = event->reseed.reason ? event->reseed.reason : "";
	struct fault fault = {0};

	if (!node)
		fault_at(&fault, E_NOT_FOUND, "node");
	else if (core->stopping)
		fault_at(&fault, E_STOPPING, "%s", "");
	else if (strlen(reason) > REASON_LIMIT)
		fault_at(&fault, E_TOO_LARGE, "reason");
	else if (event->reseed.from_entry > core->position.entry)
		fault_at(&fault, E_INVALID, "from_entry");
	else {
		answer_to(reseed_start(core, node, event->reseed.from_entry, reason), event);
		return;
	}
	answer(core, event->operator_ticket, &fault, 0);
}

/* The policy becomes the current one when its entry is on disk; until then it is only bytes. */
void policy_offer(struct core *core, const struct core_event *event)
{
	const struct hash hash = policy_hash(event->policy);
	const struct hash current = core->policy ? policy_hash(core->policy) : (struct hash){{0}};
	const struct bytes text = policy_text(event->policy);
	Simpul__PolicyVersion version = SIMPUL__POLICY_VERSION__INIT;
	struct fault fault = {0};

	if (core->stopping || operation_runs(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY, NULL)) {
		fault_at(&fault, core->stopping ? E_STOPPING : E_BUSY, "policy");
		answer(core, event->operator_ticket, &fault, 0);
	} else if (core->policy && hash_equal(&hash, &current)) {
		answer(core, event->operator_ticket, &fault, 0);
	} else {
		version.version = core->policy_version + 1;
		version.hash = (ProtobufCBinaryData){HASH_SIZE, (uint8_t *)(uintptr_t)hash.bytes};
		version.text = (ProtobufCBinaryData){text.size, (uint8_t *)(uintptr_t)text.data};
		answer_to(operation_start(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY, NULL, &version, false), event);
	}
	policy_free(event->policy);
}

void subscription_store(struct core *core, struct node *node, struct bytes subscription)
{
	Simpul__NodeSubscription message = SIMPUL__NODE_SUBSCRIPTION__INIT;

	if (bytes_equal(subscription, buffer_view(&node->wanted)))
		return;
	buffer_clear(&node->wanted);
	buffer_bytes(&node->wanted, subscription);
	message.node = node->name;
	message.subscription =
		simpul__subscription__unpack(&core->arena.protobuf, subscription.size, subscription.data);
	operation_start(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBSCRIPTION, node, &message, false);
}

/* ---------------------------------------------------------------------------- when they are on disk */

static void log_done(struct core *core, const struct operation *operation, const struct journal_append *append)
{
	const struct node *node = operation->node;

	switch (operation->type) {
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER:
		LOG(core, NOTICE, "member.enrolled", F_TEXT("node", node->name), F_NUM("key_id", node->member.key_id),
		    F_NUM("entry", append->entry));
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING:
		LOG(core, NOTICE, "member.standing", F_TEXT("node", node->name), F_NUM("standing", node->standing),
		    F_NUM("entry", append->entry));
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY:
		LOG(core, NOTICE, "policy.changed", F_NUM("version", core->policy_version),
		    F_NUM("entry", append->entry));
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY:
		LOG(core, NOTICE, "keys.announced", F_NUM("entry", append->entry));
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBSCRIPTION:
		LOG(core, INFO, "subscription.changed", F_TEXT("node", node->name), F_NUM("entry", append->entry));
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_ACT:
		act_log(core, append);
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_HOLD:
		hold_log(core, append);
		break;
	default:
		LOG(core, NOTICE, "reseed.recorded", F_TEXT("node", node->name), F_NUM("from_entry", node->reseeded_from),
		    F_NUM("entry", append->entry));
	}
}

/* A record's node exists from its entry on: the record says which one it is. */
static struct node *record_node(struct core *core, const struct journal_append *append)
{
	const Simpul__MemberRecord *record =
		simpul__member_record__unpack(&core->arena.protobuf, append->content.size, append->content.data);

	return record ? node_find(core, record->node) : NULL;
}

static void operation_take_effect(struct core *core, struct operation *operation, const struct journal_append *append)
{
	const enum error old = operation->node ? standing_error(operation->node->standing) : E_OK;

	entry_apply(core, append->type, buffer_view(&append->content));
	if (operation->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY)
		terms_take(core, append->entry, buffer_view(&append->content));
	if (operation->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER) {
		operation->node = record_node(core, append);
		session_end(core, operation->node, E_KEY_EXPIRED);
		operation->node->greeting.ticket = 0;
	}
	if (operation->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING) {
		operation->node->leaving = 0;
		if (standing_error(operation->node->standing) != old)
			session_end(core, operation->node, standing_error(operation->node->standing));
	}
	log_done(core, operation, append);
}

/* As if it had never been tried. */
static void operation_undo(const struct operation *operation)
{
	if (!operation->node)
		return;
	if (operation->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING)
		operation->node->leaving = 0;
	if (operation->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBSCRIPTION) {
		buffer_clear(&operation->node->wanted);
		buffer_bytes(&operation->node->wanted, buffer_view(&operation->node->subscription));
	}
}

void operation_done(struct core *core, struct journal_append *append)
{
	struct operation operation = {.type = append->type};

	for (size_t i = 0; i < core->operation_count; i++) {
		if (core->operations[i].ticket != append->ticket)
			continue;
		operation = core->operations[i];
		core->operations[i] = core->operations[--core->operation_count];
		break;
	}
	if (append->result.code == E_OK)
		operation_take_effect(core, &operation, append);
	else
		operation_undo(&operation);
	if (operation.type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_ACT) {
		if (operation.answer)
			act_answer(core, &operation, append);
	} else if (!act_follows(core, &operation, append) && operation.answer) {
		answer(core, operation.operator_ticket, &append->result, append->entry);
	}
	buffer_free(&operation.act);
}
