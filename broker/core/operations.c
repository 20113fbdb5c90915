/* operations - what operators decide about members and policy: checked, made an entry, in force when that is on disk.
 */
#include "broker/core/terms.h"
#include "common/memory.h"
#include "common/wire.h"
#include <string.h>

enum {
	REASON_LIMIT = 200,
	OWED_AGAIN_MS = 1000, /* before what a full disk kept out is tried again */
};

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

struct operation *operation_append(struct core *core, struct journal_append *append, struct node *node)
{
	struct operation *operation;

	append->ticket = next_ticket(core);
	append_start(core, append);
	core->operations = memory_grow(core->operations, core->operation_count + 1, sizeof(*core->operations));
	operation = &core->operations[core->operation_count++];
	*operation = (struct operation){.ticket = append->ticket, .type = append->type, .node = node};
	return operation;
}

struct operation *operation_start(struct core *core, Simpul__EntryType type, struct node *node, const void *content,
				  bool everyone)
{
	struct journal_append *append = journal_append_new();

	append->type = type;
	if (everyone)
		audience_everyone(&append->audience);
	wire_pack(content, &append->content);
	return operation_append(core, append, node);
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

/* Which standing of the present key may follow which; a compromised one never comes back. */
static bool standing_follows(Simpul__Standing old, Simpul__Standing new)
{
	switch (new) {
	case SIMPUL__STANDING__STANDING_ACTIVE:
		return old == SIMPUL__STANDING__STANDING_SUSPENDED || old == SIMPUL__STANDING__STANDING_RETIRED;
	case SIMPUL__STANDING__STANDING_SUSPENDED:
		return old == SIMPUL__STANDING__STANDING_ACTIVE;
	case SIMPUL__STANDING__STANDING_RETIRED:
		return old == SIMPUL__STANDING__STANDING_ACTIVE || old == SIMPUL__STANDING__STANDING_SUSPENDED;
	default:
		return false;
	}
}

/* Also of a former key, and once more when it turns out that it was lost earlier. */
static enum error compromise_check(const struct core *core, const struct key *key, wall_ms since, struct fault *fault)
{
	if (!key)
		return fault_at(fault, E_NOT_FOUND, "key_id");
	if (since > core->now->wall)
		return fault_at(fault, E_CLOCK, "since");
	if (key->compromised && since >= key->compromised_since)
		return fault_at(fault, E_UNEXPECTED, "since");
	return E_OK;
}

/* From here on nothing more is handed to the node's socket, although the entry is not on disk yet. */
static struct operation *standing_start(struct core *core, struct node *node, const Simpul__MemberStanding *message)
{
	if (message->standing != SIMPUL__STANDING__STANDING_ACTIVE && message->key_id == node->member.key_id) {
		node->leaving = message->standing;
		session_behind(core, node, NULL);
	}
	return operation_start(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING, node, message, true);
}

/* Which key an operator speaks of. */
static uint32_t standing_key(const struct core_event *event, const struct node *node)
{
	return event->standing.key_id != 0 ? event->standing.key_id : node->member.key_id;
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
	if (event->standing.standing == SIMPUL__STANDING__STANDING_COMPROMISED)
		return compromise_check(core, key_of_node(core, node, standing_key(event, node)), event->standing.since,
					fault);
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
	message.key_id = standing_key(event, node);
	message.standing = event->standing.standing;
	message.since = event->standing.since;
	message.reason = arena_text(&core->arena, event->standing.reason ? event->standing.reason : "");
	answer_to(standing_start(core, node, &message), event);
}

static void suspension_start(struct core *core, struct node *node)
{
	Simpul__MemberStanding message = SIMPUL__MEMBER_STANDING__INIT;

	message.node = node->name;
	message.key_id = node->member.key_id;
	message.standing = SIMPUL__STANDING__STANDING_SUSPENDED;
	message.code = node->owed.suspension;
	standing_start(core, node, &message);
}

void suspend(struct core *core, struct node *node, enum error code)
{
	node->owed.suspension = code;
	suspension_start(core, node);
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
	node->owed.reseed_end = true;
	reseed_start(core, node, RESEED_USED_UP, "used");
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

static void subscription_start(struct core *core, struct node *node)
{
	Simpul__NodeSubscription message = SIMPUL__NODE_SUBSCRIPTION__INIT;

	message.node = node->name;
	message.subscription =
		simpul__subscription__unpack(&core->arena.protobuf, node->wanted.size, node->wanted.data);
	operation_start(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBSCRIPTION, node, &message, false);
}

static bool subscription_is_owed(const struct core *core, const struct node *node)
{
	return !bytes_equal(buffer_view(&node->wanted), buffer_view(&node->subscription)) &&
	       !operation_runs(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBSCRIPTION, node);
}

void subscription_store(struct core *core, struct node *node, struct bytes subscription)
{
	if (!bytes_equal(subscription, buffer_view(&node->wanted))) {
		buffer_clear(&node->wanted);
		buffer_bytes(&node->wanted, subscription);
		subscription_start(core, node);
	} else if (subscription_is_owed(core, node)) {
		subscription_start(core, node);
	}
}

/* ---------------------------------------------------------------------------- what nobody waits for */

/* Not while an entry of the same kind is under way: false then, for that one may come to nothing, or say something
 * else. */
static bool owed_start(struct core *core, struct node *node)
{
	const bool standing_runs = operation_runs(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING, node);
	const bool grant_runs = operation_runs(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GRANT, node);

	if (node->owed.suspension != E_OK && !standing_runs)
		suspension_start(core, node);
	if (node->owed.reseed_end && !grant_runs)
		reseed_start(core, node, RESEED_USED_UP, "used");
	if (subscription_is_owed(core, node)) /* who asked for the one that is under way is not told: it comes back */
		subscription_start(core, node);
	return !(node->owed.suspension != E_OK && standing_runs) && !(node->owed.reseed_end && grant_runs);
}

void operations_tick(struct core *core)
{
	bool all_begun = true;

	if (core->owed_at == 0 || core->now->steady < core->owed_at || core->disk_low || core->stopping)
		return;
	for (size_t i = 0; i < core->node_count; i++)
		all_begun = owed_start(core, core->nodes[i]) && all_begun;
	core->owed_at = all_begun ? 0 : core->now->steady + OWED_AGAIN_MS;
}

/* A full disk kept it out, and whoever asked for it was not told. */
static void operation_postpone(struct core *core, const struct operation *operation)
{
	core->owed_at = core->now->steady + OWED_AGAIN_MS;
	LOG(core, WARNING, "entry.postponed", F_TEXT("node", operation->node->name), F_NUM("type", operation->type));
}

/* ---------------------------------------------------------------------------- when they are on disk */

static void standing_log(struct core *core, const struct journal_append *append)
{
	const Simpul__MemberStanding *standing =
		simpul__member_standing__unpack(&core->arena.protobuf, append->content.size, append->content.data);

	if (standing)
		LOG(core, NOTICE, "member.standing", F_TEXT("node", standing->node), F_NUM("key_id", standing->key_id),
		    F_NUM("standing", standing->standing), F_NUM("entry", append->entry));
}

static void log_done(struct core *core, const struct operation *operation, const struct journal_append *append)
{
	const struct node *node = operation->node;

	switch (operation->type) {
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER:
		LOG(core, NOTICE, "member.enrolled", F_TEXT("node", node->name), F_NUM("key_id", node->member.key_id),
		    F_NUM("entry", append->entry));
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING:
		standing_log(core, append);
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY:
		LOG(core, NOTICE, "policy.changed", F_NUM("version", core->policy_version),
		    F_NUM("entry", append->entry));
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY:
		LOG(core, NOTICE, append->newer == NULL ? "keys.announced" : "keys.in_force",
		    F_NUM("entry", append->entry));
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
		LOG(core, NOTICE, "reseed.recorded", F_TEXT("node", node->name),
		    F_NUM("from_entry", node->reseeded_from), F_NUM("entry", append->entry));
	}
}

/* A record's node exists from its entry on: the record says which one it is. */
static struct node *record_node(struct core *core, const struct journal_append *append)
{
	const Simpul__MemberRecord *record =
		simpul__member_record__unpack(&core->arena.protobuf, append->content.size, append->content.data);

	return record ? node_find(core, record->node) : NULL;
}

/* Of a former key nothing follows for the office. */
static bool is_of_present_key(struct core *core, const struct node *node, const struct journal_append *append)
{
	const Simpul__MemberStanding *standing =
		simpul__member_standing__unpack(&core->arena.protobuf, append->content.size, append->content.data);

	return standing && standing->key_id == node->member.key_id;
}

static void standing_done(struct core *core, struct node *node, const struct journal_append *append, enum error old)
{
	if (is_of_present_key(core, node, append)) {
		node->owed.suspension = E_OK;
		node->leaving = 0;
	}
	if (standing_error(node->standing) != old)
		session_end(core, node, standing_error(node->standing));
}

static void operation_take_effect(struct core *core, struct operation *operation, struct journal_append *append)
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
	if (operation->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GRANT)
		operation->node->owed.reseed_end = false;
	if (operation->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING)
		standing_done(core, operation->node, append, old);
	log_done(core, operation, append);
	if (append->newer != NULL)
		terms_change(core, append);
}

/* As if it had never been tried; but who was to be suspended is not let in again. */
static void operation_undo(struct core *core, const struct operation *operation, enum error code)
{
	struct node *node = operation->node;

	if (!node)
		return;
	if (operation->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING)
		node->leaving = node->owed.suspension != E_OK ? SIMPUL__STANDING__STANDING_SUSPENDED : 0;
	if (code == E_DISK_FULL && !operation->answer)
		operation_postpone(core, operation);
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
		operation_undo(core, &operation, append->result.code);
	if (operation.type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_ACT) {
		if (operation.answer)
			act_answer(core, &operation, append);
	} else if (!act_follows(core, &operation, append) && operation.answer) {
		answer(core, operation.operator_ticket, &append->result, append->entry);
	}
	buffer_free(&operation.act);
}
