/* chain - computes entry hashes and heads, signs and verifies positions, and checks receipts. */
#include "common/chain.h"

#include <string.h>

#define ENTRY_TAG "simpul/entry/1"
#define HEAD_TAG "simpul/head/1"
#define CONTENT_TAG "simpul/content/1"
#define NAME_LIMIT 255 /* a name has one length byte */

static void verdicts_write(const struct chain_entry *entry, struct buffer *out)
{
	buffer_u16(out, (uint16_t)entry->verdict_count);
	for (size_t i = 0; i < entry->verdict_count; i++) {
		buffer_u64(out, entry->verdicts[i]->number);
		buffer_u16(out, (uint16_t)entry->verdicts[i]->code);
		buffer_name(out, entry->verdicts[i]->field);
	}
}

struct hash chain_entry_hash(const struct chain_entry *entry)
{
	struct buffer layout = {0};
	struct hash hash;

	buffer_u8(&layout, (uint8_t)entry->type);
	buffer_u64(&layout, entry->entry);
	buffer_u64(&layout, entry->accepted_at);
	buffer_u32(&layout, entry->policy_version);
	buffer_append(&layout, entry->broker_key, KEY_SIZE);
	buffer_append(&layout, entry->digest.bytes, HASH_SIZE);
	verdicts_write(entry, &layout);
	buffer_u16(&layout, (uint16_t)entry->audience_count);
	for (size_t i = 0; i < entry->audience_count; i++)
		buffer_name(&layout, entry->audience[i]);
	hash = hash_tagged(ENTRY_TAG, buffer_view(&layout));
	buffer_free(&layout);
	return hash;
}

struct hash chain_head(const struct hash *previous, const struct hash *entry_hash)
{
	uint8_t data[2 * HASH_SIZE];

	memcpy(data, previous->bytes, HASH_SIZE);
	memcpy(data + HASH_SIZE, entry_hash->bytes, HASH_SIZE);
	return hash_tagged(HEAD_TAG, BYTES(data, sizeof data));
}

struct hash chain_content_digest(uint32_t type, struct bytes content)
{
	struct buffer layout = {0};
	struct hash hash;

	buffer_u8(&layout, (uint8_t)type);
	buffer_bytes(&layout, content);
	hash = hash_tagged(CONTENT_TAG, buffer_view(&layout));
	buffer_free(&layout);
	return hash;
}

/* ---- signed positions */

static struct hash position_digest(const uint8_t exchange[EXCHANGE_SIZE], const struct position *position)
{
	struct buffer layout = {0};
	struct hash hash;

	buffer_append(&layout, exchange, EXCHANGE_SIZE);
	buffer_u32(&layout, position->incarnation);
	buffer_u64(&layout, position->entry);
	buffer_append(&layout, position->head.bytes, HASH_SIZE);
	hash = hash_tagged(SIGN_TAG_POSITION, buffer_view(&layout));
	buffer_free(&layout);
	return hash;
}

void chain_sign(const struct signing_key *broker, const uint8_t exchange[EXCHANGE_SIZE],
		const struct position *position, uint8_t signature[SIGNATURE_SIZE])
{
	const struct hash digest = position_digest(exchange, position);

	digest_sign(broker, SIGN_TAG_POSITION, &digest, signature);
}

bool chain_verify(const uint8_t broker_key[KEY_SIZE], const uint8_t exchange[EXCHANGE_SIZE],
		  const struct position *position, struct bytes signature)
{
	const struct hash digest = position_digest(exchange, position);

	return digest_verify(broker_key, SIGN_TAG_POSITION, &digest, signature);
}

/* ---- receipts */

/* What the entry's layout can hold: counts of 16 bits, names of one length byte. */
static enum error receipt_layout_check(const Simpul__Receipt *receipt, struct fault *fault)
{
	if (receipt->n_verdicts > UINT16_MAX)
		return fault_at(fault, E_INVALID, "verdicts");
	for (size_t i = 0; i < receipt->n_verdicts; i++)
		if (strlen(receipt->verdicts[i]->field) > NAME_LIMIT || receipt->verdicts[i]->code > UINT16_MAX)
			return fault_at(fault, E_INVALID, "verdicts[%zu]", i);
	if (receipt->n_audience > UINT16_MAX)
		return fault_at(fault, E_INVALID, "audience");
	for (size_t i = 0; i < receipt->n_audience; i++)
		if (strlen(receipt->audience[i]) > NAME_LIMIT)
			return fault_at(fault, E_INVALID, "audience[%zu]", i);
	return E_OK;
}

/* The head after the receipt's entry. */
static enum error receipt_head(const Simpul__Receipt *receipt, const uint8_t broker_key[KEY_SIZE], struct hash *head,
			       struct fault *fault)
{
	struct chain_entry entry = {.type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION,
				    .entry = receipt->entry,
				    .accepted_at = receipt->accepted_at,
				    .policy_version = receipt->policy_version,
				    .broker_key = broker_key,
				    .verdicts = (const Simpul__Verdict *const *)receipt->verdicts,
				    .verdict_count = receipt->n_verdicts,
				    .audience = (const char *const *)receipt->audience,
				    .audience_count = receipt->n_audience};
	struct hash previous, hash;

	if (!hash_load(&entry.digest, BYTES(receipt->digest.data, receipt->digest.len)))
		return fault_at(fault, E_INVALID, "digest");
	if (!hash_load(&previous, BYTES(receipt->previous_head.data, receipt->previous_head.len)))
		return fault_at(fault, E_INVALID, "previous_head");
	hash = chain_entry_hash(&entry);
	*head = chain_head(&previous, &hash);
	return E_OK;
}

enum error receipt_check(const Simpul__Receipt *receipt, const uint8_t exchange[EXCHANGE_SIZE],
			 const uint8_t broker_key[KEY_SIZE], struct position *position, struct fault *fault)
{
	struct position signed_position = {.incarnation = receipt->incarnation,
					   .entry = receipt->entry + receipt->n_later};
	enum error error = receipt_layout_check(receipt, fault);
	struct hash later;

	if (error == E_OK)
		error = receipt_head(receipt, broker_key, &signed_position.head, fault);
	if (error != E_OK)
		return error;
	for (size_t i = 0; i < receipt->n_later; i++) {
		if (!hash_load(&later, BYTES(receipt->later[i].data, receipt->later[i].len)))
			return fault_at(fault, E_INVALID, "later[%zu]", i);
		signed_position.head = chain_head(&signed_position.head, &later);
	}
	if (!chain_verify(broker_key, exchange, &signed_position,
			  BYTES(receipt->signature.data, receipt->signature.len)))
		return fault_at(fault, E_BAD_SIGNATURE, "signature");
	if (position)
		*position = signed_position;
	return E_OK;
}

/* ---- messages */

void position_to_message(const struct position *position, Simpul__Position *message)
{
	simpul__position__init(message);
	message->incarnation = position->incarnation;
	message->entry = position->entry;
	/* protobuf-c has no const; nobody writes through a message that is packed. */
	message->head.data = (uint8_t *)(uintptr_t)position->head.bytes;
	message->head.len = HASH_SIZE;
}

enum error position_of_message(struct position *position, const Simpul__Position *message)
{
	if (!message)
		return E_MISSING;
	if (!hash_load(&position->head, BYTES(message->head.data, message->head.len)))
		return E_INVALID;
	position->incarnation = message->incarnation;
	position->entry = message->entry;
	return E_OK;
}
