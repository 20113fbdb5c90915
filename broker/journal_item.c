/* journal_item - encodes entries for recipients: whole reports, erased ones by their hashes, refused ones by their
 * leaves. */
#include "broker/journal_item.h"
#include "common/submission.h"
#include "common/wire.h"
#include <string.h>

/* A submission on its way to a recipient. */
struct unpacked {
	struct vault *vault;
	struct vault_slot *slot;
	const struct item_source *source;
	struct arena *arena;
	Simpul__StoredSubmission *stored;
	Simpul__Receipt *outcome;
	struct hash routing_hash;
	struct fault *fault;
};

static ProtobufCBinaryData arena_binary(struct arena *arena, const void *data, size_t size)
{
	ProtobufCBinaryData copy = {.len = size, .data = arena_alloc(arena, size > 0 ? size : 1)};

	if (size > 0)
		memcpy(copy.data, data, size);
	return copy;
}

static enum error corrupt(const struct unpacked *u, const char *what)
{
	return fault_at(u->fault, E_CORRUPT, "journal.db: entry %llu: %s", (unsigned long long)u->source->row->entry,
			what);
}

/* The body itself, or its hash when it was erased. */
static enum error body_fill(struct unpacked *u, size_t index, const struct hash *hash, Simpul__DeliveredReport *report)
{
	struct buffer body = {0};
	enum error error = vault_decrypt(u->slot, u->source->bodies, index, &body, u->fault);

	if (error == E_OK)
		report->body = arena_binary(u->arena, body.data, body.size);
	else if (error == E_NOT_FOUND)
		report->body_hash = arena_binary(u->arena, hash->bytes, HASH_SIZE);
	buffer_free(&body);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error report_fill(struct unpacked *u, size_t index, Simpul__DeliveredReport *report)
{
	const ProtobufCBinaryData *header = &u->stored->headers[index];
	struct hash body_hash;

	simpul__delivered_report__init(report);
	if (!stored_body_hash(u->stored, index, &body_hash))
		return corrupt(u, "body hashes");
	if (outcome_verdict(u->outcome, u->stored->first + index) != E_OK) {
		const struct hash header_hash = hash_of(BYTES(header->data, header->len));
		const struct hash leaf = leaf_of(&u->routing_hash, &header_hash, &body_hash);

		report->leaf = arena_binary(u->arena, leaf.bytes, HASH_SIZE);
		return E_OK;
	}
	report->header = *header;
	return body_fill(u, index, &body_hash, report);
}

static enum error reports_fill(struct unpacked *u, Simpul__Delivery *delivery)
{
	enum error error = E_OK;

	delivery->n_reports = u->stored->n_headers;
	delivery->reports = arena_alloc(u->arena, delivery->n_reports * sizeof(*delivery->reports) + 1);
	for (size_t i = 0; error == E_OK && i < delivery->n_reports; i++) {
		delivery->reports[i] = arena_alloc(u->arena, sizeof(*delivery->reports[i]));
		error = report_fill(u, i, delivery->reports[i]);
	}
	return error;
}

static enum error delivery_fill(struct unpacked *u, Simpul__Delivery *delivery)
{
	const Simpul__StoredSubmission *stored = u->stored;

	simpul__delivery__init(delivery);
	delivery->origin = stored->origin;
	delivery->key_id = stored->key_id;
	delivery->epoch = stored->epoch;
	delivery->stream = stored->stream;
	delivery->first = stored->first;
	delivery->seen_entry = stored->seen_entry;
	delivery->seen_head = stored->seen_head;
	delivery->signature = stored->signature;
	u->routing_hash = hash_of(BYTES(stored->routing.data, stored->routing.len));
	delivery->routing_hash = arena_binary(u->arena, u->routing_hash.bytes, HASH_SIZE);
	return reports_fill(u, delivery);
}

/* The node's own key wrap, for sealed bodies. */
static enum error wrap_find(struct unpacked *u, const char *node, struct journal_item *item)
{
	const ProtobufCBinaryData *bytes = &u->stored->routing;
	Simpul__Routing *routing =
		stored_unpack(&simpul__routing__descriptor, BYTES(bytes->data, bytes->len), u->arena);

	if (routing == NULL)
		return corrupt(u, "routing");
	for (size_t i = 0; i < routing->n_wraps; i++) {
		const Simpul__KeyWrap *wrap = routing->wraps[i];

		if (strcmp(wrap->node, node) != 0 || wrap->wrapped.len != sizeof(item->wrap))
			continue;
		item->wrap_key_id = wrap->key_id;
		memcpy(item->wrap, wrap->wrapped.data, sizeof(item->wrap));
	}
	return E_OK;
}

static enum error submission_fill(struct unpacked *u, const char *node, Simpul__Entry *entry, struct journal_item *item)
{
	u->stored = stored_unpack(&simpul__stored_submission__descriptor, u->source->content, u->arena);
	u->outcome = outcome_unpack(u->source->row->outcome, u->arena);
	if (u->stored == NULL || u->outcome == NULL || u->source->nonce.size != VAULT_NONCE_SIZE)
		return corrupt(u, "content");
	entry->content_case = SIMPUL__ENTRY__CONTENT_DELIVERY;
	entry->delivery = arena_alloc(u->arena, sizeof(*entry->delivery));
	enum error error = vault_slot_open(u->vault, u->source->row->entry, u->source->nonce.data, &u->slot, u->fault);
	if (error == E_OK)
		error = delivery_fill(u, entry->delivery);
	vault_slot_close(u->slot);
	return error == E_OK ? wrap_find(u, node, item) : error;
}

static enum error content_fill(struct unpacked *u, const char *node, Simpul__Entry *entry, struct journal_item *item)
{
	switch (u->source->row->type) {
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION:
		return submission_fill(u, node, entry, item);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER:
		entry->content_case = SIMPUL__ENTRY__CONTENT_MEMBER;
		entry->member = stored_unpack(&simpul__member_record__descriptor, u->source->content, u->arena);
		return entry->member != NULL ? E_OK : corrupt(u, "member");
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING:
		entry->content_case = SIMPUL__ENTRY__CONTENT_STANDING;
		entry->standing = stored_unpack(&simpul__member_standing__descriptor, u->source->content, u->arena);
		return entry->standing != NULL ? E_OK : corrupt(u, "standing");
	default:
		return corrupt(u, "an entry of this type goes to nobody");
	}
}

enum error item_build(struct vault *vault, const struct item_source *source, const char *node,
		      struct journal_item *item, struct fault *fault)
{
	const struct entry_row *row = source->row;
	struct arena arena;
	struct unpacked unpacked = {.vault = vault, .source = source, .arena = &arena, .fault = fault};
	Simpul__Entry entry = SIMPUL__ENTRY__INIT;
	enum error error;

	*item = (struct journal_item){.entry = row->entry, .audience_id = row->audience_id};
	entry.entry = row->entry;
	entry.type = (Simpul__EntryType)row->type;
	entry.accepted_at = row->accepted_at;
	entry.policy_version = row->policy_version;
	arena_init(&arena);
	error = content_fill(&unpacked, node, &entry, item);
	if (error == E_OK)
		wire_pack(&entry, &item->encoded);
	arena_fini(&arena);
	return error;
}
