/* members - who belongs to the exchange, as its entries say: records, keys, standings, policies and reseeds. */
#include "broker/core/terms.h"
#include "common/memory.h"
#include "common/wire.h"
#include <stdlib.h>
#include <string.h>

enum { FIRST_KEY_SLOTS = 64 };

#define POLICY_FILE "policy.yaml"

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

struct key *key_of_node(const struct core *core, const struct node *node, uint32_t key_id)
{
	for (size_t i = core->key_count; i-- > 0;)
		if (core->keys[i].node == node && core->keys[i].key_id == key_id)
			return &core->keys[i];
	return NULL;
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

/* That a former key was compromised says nothing of the node's present one. */
static void standing_apply(struct core *core, struct node *node, const Simpul__MemberStanding *standing)
{
	struct key *key;

	if (standing->standing != SIMPUL__STANDING__STANDING_COMPROMISED) {
		node->standing = standing->standing;
		return;
	}
	if (standing->key_id >= node->member.key_id)
		node->standing = standing->standing;
	key = key_of_node(core, node, standing->key_id);
	if (!key || (key->compromised && key->compromised_since <= standing->since))
		return;
	key->revoked = key->compromised = true;
	key->compromised_since = standing->since;
}

static void subscription_apply(struct core *core, struct node *node, const Simpul__Subscription *subscription)
{
	buffer_clear(&node->subscription);
	if (subscription)
		wire_pack(subscription, &node->subscription);
	if (!operation_runs(core, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBSCRIPTION, node)) { /* no newer one */
		buffer_clear(&node->wanted);
		buffer_bytes(&node->wanted, buffer_view(&node->subscription));
	}
	if (node->wants)
		simpul__subscription__free_unpacked(node->wants, NULL);
	node->wants = simpul__subscription__unpack(NULL, node->subscription.size, node->subscription.data);
}

static void policy_apply(struct core *core, const Simpul__PolicyVersion *version)
{
	struct policy *policy = NULL;

	if (policy_parse(BYTES(version->text.data, version->text.len), POLICY_FILE, &policy, NULL) != E_OK)
		policy = NULL; /* another program's: nobody is admitted, and no broker serves with it */
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
			standing_apply(core, node, standing);
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
			subscription_apply(core, node, subscription->subscription);
	} else if (type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GRANT) {
		const Simpul__FetchGrant *grant = simpul__fetch_grant__unpack(memory, content.size, content.data);

		node = grant ? node_find(core, grant->node) : NULL;
		if (node) {
			node->reseeded = grant->from_entry != RESEED_USED_UP;
			node->reseeded_from = grant->from_entry;
		}
	}
}
