/* journal_item - encodes entries for recipients: whole reports, erased ones by their hashes, refused ones by their
 * leaves.
 *
 * What was stored is walked and not decoded, its length is known before it is written, and bodies are decrypted where
 * they are to stand: a node that was away for long fetches hundreds of thousands of reports a second. */
#include "broker/journal/journal_item.h"
#include "broker/journal/encode.h"
#include "common/submission.h"
#include <string.h>

/* Field numbers of link.proto and journal.proto. */
enum {
	STORED_ROUTING = 8,
	STORED_HEADER = 9,
	STORED_BODY_HASHES = 10,
	STORED_SIGNATURE = 11,
	DELIVERY_ROUTING_HASH = 8,
	DELIVERY_REPORT = 9,
	DELIVERY_SIGNATURE = 10,
	REPORT_HEADER = 1,
	REPORT_BODY = 2,
	REPORT_BODY_HASH = 3,
	REPORT_LEAF = 4,
};

enum { ENTRY_HEAD = 64 }; /* more than all of an entry but its content */

/* How a report goes out. */
enum form { FORM_WHOLE, FORM_ERASED, FORM_REFUSED };

/* One report of a submission on its way to a recipient. */
struct piece {
	struct bytes header;
	size_t body_size; /* WHOLE: in clear */
	enum form form;
};

/* A submission on its way to a recipient; borrowed from the row. */
struct walked {
	const struct item_source *source;
	struct bytes named; /* fields 1 to 7, which a Delivery has too */
	struct bytes routing, body_hashes, signature;
	uint64_t first;
	size_t count;
	struct piece pieces[LIMIT_SUBMISSION_REPORTS];
	struct hash routing_hash;
	struct vault_slot *slot;
	struct fault *fault;
};

static enum error corrupt(const struct item_source *source, const char *what, struct fault *fault)
{
	return fault_at(fault, E_CORRUPT, "journal.db: entry %llu: %s", (unsigned long long)source->row->entry, what);
}

/* ---------------------------------------------------------------------------- what was stored */

/* True when it has the form of a StoredSubmission with as many reports as the row says. */
static bool content_walk(struct walked *walked)
{
	const struct bytes content = walked->source->content;
	struct bytes rest = content;
	struct encoded_field field;
	size_t headers = 0, size = 0;

	while (rest.size > 0) {
		if (!next_field(&rest, &field))
			return false;
		if (field.field < STORED_ROUTING)
			size = content.size - rest.size;
		else if (field.field == STORED_ROUTING)
			walked->routing = field.data;
		else if (field.field == STORED_HEADER && headers < walked->count)
			walked->pieces[headers++].header = field.data;
		else if (field.field == STORED_BODY_HASHES)
			walked->body_hashes = field.data;
		else if (field.field == STORED_SIGNATURE)
			walked->signature = field.data;
		else
			return false; /* more headers than the row says, or no field of ours */
	}
	walked->named = BYTES(content.data, size);
	return headers == walked->count && walked->body_hashes.size == headers * HASH_SIZE &&
	       walked->signature.size == SIGNATURE_SIZE;
}

static struct bytes body_hash_of(const struct walked *walked, size_t index)
{
	return BYTES(walked->body_hashes.data + index * HASH_SIZE, HASH_SIZE);
}

/* How long each body is in clear; false when there are not so many. */
static bool bodies_walk(struct walked *walked)
{
	struct bytes rest = walked->source->bodies;

	for (size_t i = 0; i < walked->count; i++) {
		size_t size;

		if (rest.size < 4)
			return false;
		size = (size_t)rest.data[0] << 24 | (size_t)rest.data[1] << 16 | (size_t)rest.data[2] << 8 | rest.data[3];
		if (size > rest.size - 4)
			return false;
		walked->pieces[i].body_size = size >= VAULT_OVERHEAD ? size - VAULT_OVERHEAD : 0;
		rest = BYTES(rest.data + 4 + size, rest.size - 4 - size);
	}
	return true;
}

static bool is_hidden(const struct item_source *source, size_t index)
{
	return source->hidden != NULL && source->hidden[index];
}

/* Which reports were refused, and which erased since. */
static enum error forms_find(struct walked *walked)
{
	const struct bytes outcome = walked->source->row->outcome;
	struct arena arena;
	const Simpul__Receipt *receipt;

	arena_init(&arena);
	receipt = outcome_unpack(outcome, &arena);
	for (size_t i = 0; receipt != NULL && i < walked->count; i++)
		if (outcome_verdict(receipt, walked->first + i) != E_OK)
			walked->pieces[i].form = FORM_REFUSED;
		else if (vault_is_erased(walked->slot, i) || is_hidden(walked->source, i))
			walked->pieces[i].form = FORM_ERASED;
		else
			walked->pieces[i].form = FORM_WHOLE;
	arena_fini(&arena);
	return receipt != NULL ? E_OK : corrupt(walked->source, "verdicts", walked->fault);
}

/* ---------------------------------------------------------------------------- what goes out */

static size_t piece_size(const struct piece *piece)
{
	switch (piece->form) {
	case FORM_WHOLE:
		return field_size(piece->header.size) + field_size(piece->body_size);
	case FORM_ERASED:
		return field_size(piece->header.size) + field_size(HASH_SIZE);
	default:
		return field_size(HASH_SIZE);
	}
}

static size_t delivery_size(const struct walked *walked)
{
	size_t size = walked->named.size + field_size(HASH_SIZE) + field_size(SIGNATURE_SIZE);

	for (size_t i = 0; i < walked->count; i++)
		size += field_size(piece_size(&walked->pieces[i]));
	return size;
}

static void leaf_put(const struct walked *walked, size_t index, struct buffer *out)
{
	const struct hash header = hash_of(walked->pieces[index].header);
	struct hash body, leaf;

	hash_load(&body, body_hash_of(walked, index));
	leaf = leaf_of(&walked->routing_hash, &header, &body);
	put_bytes(out, REPORT_LEAF, BYTES(leaf.bytes, HASH_SIZE));
}

static enum error piece_put(const struct walked *walked, size_t index, struct buffer *out)
{
	const struct piece *piece = &walked->pieces[index];
	enum error error = E_OK;

	put_head(out, DELIVERY_REPORT, piece_size(piece));
	if (piece->form == FORM_REFUSED) {
		leaf_put(walked, index, out);
		return E_OK;
	}
	put_bytes(out, REPORT_HEADER, piece->header);
	if (piece->form == FORM_ERASED) {
		put_bytes(out, REPORT_BODY_HASH, body_hash_of(walked, index));
	} else {
		put_head(out, REPORT_BODY, piece->body_size);
		error = vault_decrypt(walked->slot, walked->source->bodies, index, out, walked->fault);
	}
	return error;
}

static enum error delivery_put(const struct walked *walked, struct buffer *out)
{
	enum error error = E_OK;

	buffer_bytes(out, walked->named);
	put_bytes(out, DELIVERY_ROUTING_HASH, BYTES(walked->routing_hash.bytes, HASH_SIZE));
	for (size_t i = 0; error == E_OK && i < walked->count; i++)
		error = piece_put(walked, i, out);
	put_bytes(out, DELIVERY_SIGNATURE, walked->signature);
	return error;
}

static void entry_head_put(const struct entry_row *row, struct buffer *out)
{
	put_entry_head(out, row->entry, row->type, row->accepted_at, row->policy_version);
}

/* What the routing holds for the node: its own key wrap, and what it needs when it may not have an UPDATE. */
static void share_copy(struct bytes routing, const char *node, struct journal_item *item)
{
	const struct routing_share share = routing_share(routing, node);

	item->left_out = share.left_out;
	if (share.wrap.size == sizeof(item->wrap)) {
		item->wrap_key_id = share.wrap_key_id;
		memcpy(item->wrap, share.wrap.data, sizeof(item->wrap));
	}
	if (share.superseded.size == sizeof(item->superseded)) {
		item->superseded_size = share.superseded.size;
		memcpy(item->superseded, share.superseded.data, sizeof(item->superseded));
	}
}

static enum error submission_build(struct vault *vault, struct walked *walked, const char *node,
				   struct journal_item *item)
{
	const struct item_source *source = walked->source;
	const struct entry_row *row = source->row;
	enum error error;
	size_t size;

	if (row->count == 0 || row->count > LIMIT_SUBMISSION_REPORTS || source->nonce.size != VAULT_NONCE_SIZE ||
	    !content_walk(walked) || !bodies_walk(walked))
		return corrupt(source, "content", walked->fault);
	error = vault_slot_open(vault, row->entry, source->nonce.data, &walked->slot, walked->fault);
	if (error == E_OK)
		error = forms_find(walked);
	if (error == E_OK) {
		walked->routing_hash = hash_of(walked->routing);
		size = delivery_size(walked);
		buffer_reserve(&item->encoded, ENTRY_HEAD + size);
		entry_head_put(row, &item->encoded);
		put_head(&item->encoded, ENTRY_DELIVERY, size);
		error = delivery_put(walked, &item->encoded);
		share_copy(walked->routing, node, item);
	}
	vault_slot_close(walked->slot);
	return error;
}

/* Members and standings decide whom recipients believe, so they are compared with the chain each time. */
static enum error content_build(const struct item_source *source, uint32_t field, struct journal_item *item,
				struct fault *fault)
{
	const struct hash digest = chain_content_digest(source->row->type, source->content);

	if (!hash_equal(&digest, &source->row->digest))
		return corrupt(source, "content", fault);
	entry_head_put(source->row, &item->encoded);
	put_bytes(&item->encoded, field, source->content);
	return E_OK;
}

enum error item_build(struct vault *vault, const struct item_source *source, const char *node,
		      struct journal_item *item, struct fault *fault)
{
	const struct entry_row *row = source->row;
	struct walked walked;

	*item = (struct journal_item){.entry = row->entry, .audience_id = row->audience_id};
	switch (row->type) {
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION:
		walked.source = source;
		walked.first = row->first;
		walked.count = row->count;
		walked.routing = walked.body_hashes = walked.signature = (struct bytes){0};
		walked.slot = NULL;
		walked.fault = fault;
		return submission_build(vault, &walked, node, item);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER:
		return content_build(source, ENTRY_MEMBER, item, fault);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY:
		return content_build(source, ENTRY_BROKER_KEY, item, fault);
	case SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING:
		return content_build(source, ENTRY_STANDING, item, fault);
	default:
		return corrupt(source, "an entry of this type goes to nobody", fault);
	}
}
