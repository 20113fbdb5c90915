/* batch - makes batches: what each entry is to a node, the encoding, the signature of the position it leads to. */
#include "broker/core/batch.h"
#include "broker/journal/encode.h"
#include "common/wire.h"
#include <string.h>

enum {
	BATCH_HEAD = 256,   /* more than all of a batch but its entries and wraps */
	WRAP_LARGEST = 128, /* an encoded EntryWrap with its head */
};

/* Field numbers of link.proto that are written or read one by one. */
enum {
	BATCH_ENTRIES = 4,
	BATCH_WRAPS = 5,
	BATCH_LAST = 6,
	DELIVERY_REPORTS = 9,
	DELIVERED_HEADER = 1,
	DELIVERY_KEY_ID = 2,
	HEADER_FORM = 23, /* of report.proto */
};

/* ---------------------------------------------------------------------------- entries */

static void entry_head(struct buffer *out, const struct tail_item *item)
{
	put_entry_head(out, item->entry, item->type, item->accepted_at, item->policy_version);
}

static void content_take(struct tail_item *item, uint32_t field, struct buffer *content)
{
	entry_head(&item->lead, item);
	put_head(&item->lead, field, content->size);
	item->content = *content;
	*content = (struct buffer){0};
}

void item_encode(struct tail_item *item, struct journal_append *append)
{
	switch (append->type) {
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION:
		content_take(item, ENTRY_DELIVERY, &append->delivery);
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER:
		content_take(item, ENTRY_MEMBER, &append->content);
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY:
		content_take(item, ENTRY_BROKER_KEY, &append->content);
		break;
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING:
		content_take(item, ENTRY_STANDING, &append->content);
		break;
	default:
		break; /* for the journal alone */
	}
}

struct tail_item item_of(const struct journal_item *item)
{
	struct tail_item result = {.entry = item->entry,
				   .audience_id = item->audience_id,
				   .content = item->encoded,
				   .updated = item->updated,
				   .read = item};
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

void position_at(const struct core *core, const struct tail_item *item, struct position *position)
{
	position->incarnation = core->position.incarnation;
	position->entry = item->entry;
	position->head = item->head;
}

/* ---------------------------------------------------------------------------- parts */

/* The delivery of an entry, and the header of its first report; false when it has none. */
static bool header_find(const struct tail_item *item, struct bytes *delivery, struct bytes *header)
{
	struct bytes report;

	*delivery = buffer_view(&item->content);
	if (item->lead.size == 0 && !field_find(*delivery, ENTRY_DELIVERY, delivery))
		return false;
	return field_find(*delivery, DELIVERY_REPORTS, &report) && field_find(report, DELIVERED_HEADER, header);
}

/* The header of an UPDATE, and which key signed it; NULL when the entry is something else. */
static const Simpul__Header *update_header(struct core *core, const struct tail_item *item, uint32_t *key_id)
{
	struct bytes delivery, encoded;
	struct encoded_field field;
	const Simpul__Header *header;

	if (!header_find(item, &delivery, &encoded))
		return NULL;
	*key_id = 0;
	while (*key_id == 0 && next_field(&delivery, &field))
		*key_id = field.field == DELIVERY_KEY_ID ? (uint32_t)field.number : 0;
	header = wire_unpack(&simpul__header__descriptor, encoded, &core->arena, NULL);
	return header != NULL && header->kind == SIMPUL__KIND__KIND_UPDATE && header->n_references == 1 ? header : NULL;
}

static bool is_sealed(const struct tail_item *item)
{
	struct bytes delivery, header;
	struct encoded_field field = {0};

	if (!header_find(item, &delivery, &header))
		return false;
	while (field.field != HEADER_FORM && next_field(&header, &field))
		;
	return field.field == HEADER_FORM && field.number == SIMPUL__BODY_FORM__BODY_FORM_SEALED;
}

static struct routing_share share_of(const struct tail_item *item, const struct node *node)
{
	const struct journal_item *read = item->read;

	if (read == NULL)
		return routing_share(buffer_view(&item->routing), node->name);
	return (struct routing_share){.wrap_key_id = read->wrap_key_id,
				      .wrap = BYTES(read->wrap, sizeof(read->wrap)),
				      .left_out = read->left_out,
				      .superseded = BYTES(read->superseded, read->superseded_size)};
}

/* Whether the node may learn the name of what the UPDATE is about: it got that. Of an UPDATE that is itself about one,
 * it may have got a stub alone. */
static bool may_name(struct core *core, const struct node *node, const struct updated *updated)
{
	return audience_has(core, updated->audience_id, node) &&
	       (!updated->is_update || audience_denial(core, updated->audience_id, node) == ADMITTED);
}

/* Of an UPDATE the stub says which report says something else by now, in its origin's own words and no more of them. */
static struct bytes stub_make(struct core *core, const struct node *node, const struct tail_item *item,
			      struct bytes statement)
{
	const bool may = statement.size > 0 && may_name(core, node, &item->updated);
	Simpul__Superseded superseded = SIMPUL__SUPERSEDED__INIT;
	const Simpul__Header *header = may ? update_header(core, item, &superseded.key_id) : NULL;
	struct buffer *out = scratch(core), *encoded = scratch(core);
	Simpul__Stub stub = SIMPUL__STUB__INIT;

	stub.policy_version = core->policy_version;
	if (header != NULL) {
		superseded.report = header->references[0];
		superseded.signature = (ProtobufCBinaryData){statement.size, (uint8_t *)(uintptr_t)statement.data};
		stub.superseded = &superseded;
	}
	wire_pack(&stub, encoded);
	entry_head(out, item);
	put_bytes(out, ENTRY_STUB, buffer_view(encoded));
	return buffer_view(out);
}

/* An UPDATE goes to whoever has the report, also to whom its origin did not give what is new: by `not_to`, or because
 * it is sealed to others. */
static enum denial part_denial(struct core *core, const struct node *node, const struct tail_item *item,
			       const struct routing_share *share)
{
	const enum denial denial = audience_denial(core, item->audience_id, node);

	if (denial != ADMITTED || share->superseded.size == 0)
		return denial;
	if (share->left_out)
		return DENIED_LEFT_OUT;
	return share->wrap_key_id == 0 && is_sealed(item) ? DENIED_NO_KEY : ADMITTED;
}

bool part_make(struct core *core, const struct node *node, const struct tail_item *item, struct part *part)
{
	struct routing_share share;

	if (item->audience_id == 0 || !audience_has(core, item->audience_id, node))
		return false;
	share = share_of(item, node);
	*part = (struct part){.entry = item->entry, .denial = part_denial(core, node, item, &share)};
	if (part->denial != ADMITTED) {
		part->content = stub_make(core, node, item, share.superseded);
		return true;
	}
	part->lead = buffer_view(&item->lead);
	part->content = buffer_view(&item->content);
	part->wrap_key_id = share.wrap_key_id;
	part->wrap = share.wrap;
	return true;
}

static size_t part_bytes(const struct part *part)
{
	return ENCODE_HEAD + part->lead.size + part->content.size + (part->wrap_key_id ? WRAP_LARGEST : 0);
}

void batch_start(struct batch *batch, uint64_t after)
{
	*batch = (struct batch){.after = after, .bytes = BATCH_HEAD};
}

void batch_add(struct core *core, struct batch *batch, const struct part *part)
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

bool batch_has_room(const struct batch *batch, const struct part *part)
{
	return batch->bytes + part_bytes(part) <= LIMIT_BATCH;
}

/* ---------------------------------------------------------------------------- encoding */

static struct signed_position *signature_place(struct core *core, uint64_t entry)
{
	struct signed_position *place = &core->signatures[core->next_signature++ % SIGNATURE_CACHE];

	place->entry = entry;
	place->known = true;
	return place;
}

void signature_keep(struct core *core, uint64_t entry, const uint8_t signature[SIGNATURE_SIZE])
{
	memcpy(signature_place(core, entry)->signature, signature, SIGNATURE_SIZE);
}

void signatures_forget(struct core *core)
{
	memset(core->signatures, 0, sizeof(core->signatures));
}

/* Signing is deterministic, so a signature made before serves again. */
static const uint8_t *position_sign(struct core *core, const struct position *position)
{
	struct signed_position *place;

	for (size_t i = 0; i < SIGNATURE_CACHE; i++)
		if (core->signatures[i].entry == position->entry && core->signatures[i].known)
			return core->signatures[i].signature;
	place = signature_place(core, position->entry);
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

void batch_encode(struct core *core, struct batch *batch)
{
	struct buffer *out = scratch(core);
	Simpul__Batch head = SIMPUL__BATCH__INIT;
	Simpul__Position upto;

	buffer_reserve(out, batch->bytes);
	position_to_message(&batch->upto, &upto);
	head.after = batch->after;
	head.upto = &upto;
	head.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, (uint8_t *)(uintptr_t)position_sign(core, &batch->upto)};
	wire_pack(&head, out);
	for (size_t i = 0; i < batch->count; i++) {
		put_head(out, BATCH_ENTRIES, batch->parts[i].lead.size + batch->parts[i].content.size);
		buffer_bytes(out, batch->parts[i].lead);
		buffer_bytes(out, batch->parts[i].content);
	}
	for (size_t i = 0; i < batch->count; i++)
		if (batch->parts[i].wrap_key_id != 0)
			wrap_encode(&batch->parts[i], out);
	put_number(out, BATCH_LAST, batch->last);
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

void batch_encode_once(struct core *core, struct shared *shared, struct batch *batch)
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

/* ---------------------------------------------------------------------------- the record of what was handed over */

void batch_record(struct core *core, struct node *node, const struct batch *batch)
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
