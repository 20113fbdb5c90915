/* submission - computes the digest that an origin signs, from what it sends and from what a recipient gets. */
#include "common/submission.h"
#include "common/wire.h"

#include <sodium.h>
#include <string.h>

#define LEAF_TAG "simpul/leaf/1"

struct hash leaf_of(const struct hash *routing, const struct hash *header, const struct hash *body)
{
	uint8_t data[3 * HASH_SIZE];

	memcpy(data, routing->bytes, HASH_SIZE);
	memcpy(data + HASH_SIZE, header->bytes, HASH_SIZE);
	memcpy(data + 2 * HASH_SIZE, body->bytes, HASH_SIZE);
	return hash_tagged(LEAF_TAG, BYTES(data, sizeof data));
}

/* Everything before the leaves. */
static void statement_write(const struct statement *statement, size_t count, struct buffer *out)
{
	buffer_text(out, SIGN_TAG_SUBMISSION);
	buffer_append(out, statement->exchange, EXCHANGE_SIZE);
	buffer_name(out, statement->origin);
	buffer_u32(out, statement->key_id);
	buffer_u32(out, statement->epoch);
	buffer_u8(out, (uint8_t)statement->stream);
	buffer_u64(out, statement->first);
	buffer_u16(out, (uint16_t)count);
	buffer_u64(out, statement->seen_entry);
	buffer_append(out, statement->seen_head, HASH_SIZE);
}

struct hash statement_digest(const struct statement *statement, const struct hash *leaves, size_t count)
{
	struct buffer prefix = {0};
	crypto_generichash_state state;
	struct hash digest;

	statement_write(statement, count, &prefix);
	crypto_generichash_init(&state, NULL, 0, HASH_SIZE);
	crypto_generichash_update(&state, prefix.data, prefix.size);
	for (size_t i = 0; i < count; i++)
		crypto_generichash_update(&state, leaves[i].bytes, HASH_SIZE);
	crypto_generichash_final(&state, digest.bytes, HASH_SIZE);
	buffer_free(&prefix);
	return digest;
}

/* The parts that have one fixed size or range in the signed layout. */
static enum error layout_check(const char *origin, uint32_t stream, size_t seen_head_size, size_t count,
			       struct fault *fault)
{
	if (strlen(origin) > LIMIT_NODE_NAME)
		return fault_at(fault, E_INVALID, "origin");
	if (stream > SIMPUL__STREAM__STREAM_EXERCISE_RED)
		return fault_at(fault, E_INVALID, "stream");
	if (seen_head_size != HASH_SIZE)
		return fault_at(fault, E_INVALID, "seen_head");
	if (count == 0 || count > LIMIT_SUBMISSION_REPORTS)
		return fault_at(fault, E_INVALID, "reports");
	return E_OK;
}

enum error submission_digest(const Simpul__Submission *submission, const uint8_t exchange[EXCHANGE_SIZE],
			     struct hash *leaves, struct hash *body_hashes, struct hash *digest, struct fault *fault)
{
	const struct statement statement = {.exchange = exchange,
					    .origin = submission->origin,
					    .key_id = submission->key_id,
					    .epoch = submission->epoch,
					    .stream = submission->stream,
					    .first = submission->first,
					    .seen_entry = submission->seen_entry,
					    .seen_head = submission->seen_head.data};
	enum error error = layout_check(submission->origin, submission->stream, submission->seen_head.len,
					submission->n_reports, fault);

	if (error != E_OK)
		return error;
	const struct hash routing = hash_of(of_binary(submission->routing));
	for (size_t i = 0; i < submission->n_reports; i++) {
		const struct hash header = hash_of(of_binary(submission->reports[i]->header));
		const struct hash body = hash_of(of_binary(submission->reports[i]->body));

		leaves[i] = leaf_of(&routing, &header, &body);
		if (body_hashes)
			body_hashes[i] = body;
	}
	*digest = statement_digest(&statement, leaves, submission->n_reports);
	return E_OK;
}

/* The leaf of a whole, an erased or a refused report; false for anything between. */
static bool delivered_leaf(const Simpul__DeliveredReport *report, const struct hash *routing, struct hash *leaf)
{
	const bool has_body = report->body.len > 0;
	struct hash header, body;

	if (report->leaf.len > 0)
		return report->header.len == 0 && !has_body && report->body_hash.len == 0 &&
		       hash_load(leaf, of_binary(report->leaf));
	if (report->header.len == 0 || has_body == (report->body_hash.len > 0))
		return false;
	header = hash_of(of_binary(report->header));
	if (has_body)
		body = hash_of(of_binary(report->body));
	else if (!hash_load(&body, of_binary(report->body_hash)))
		return false;
	*leaf = leaf_of(routing, &header, &body);
	return true;
}

enum error delivery_leaves(const Simpul__Delivery *delivery, const uint8_t exchange[EXCHANGE_SIZE], struct hash *leaves,
			   struct hash *digest, struct fault *fault)
{
	const struct statement statement = {.exchange = exchange,
					    .origin = delivery->origin,
					    .key_id = delivery->key_id,
					    .epoch = delivery->epoch,
					    .stream = delivery->stream,
					    .first = delivery->first,
					    .seen_entry = delivery->seen_entry,
					    .seen_head = delivery->seen_head.data};
	struct hash routing;
	enum error error =
		layout_check(delivery->origin, delivery->stream, delivery->seen_head.len, delivery->n_reports, fault);

	if (error != E_OK)
		return error;
	if (!hash_load(&routing, of_binary(delivery->routing_hash)))
		return fault_at(fault, E_INVALID, "routing_hash");
	for (size_t i = 0; i < delivery->n_reports; i++)
		if (!delivered_leaf(delivery->reports[i], &routing, &leaves[i]))
			return fault_at(fault, E_INVALID, "reports[%zu]", i);
	*digest = statement_digest(&statement, leaves, delivery->n_reports);
	return E_OK;
}

enum error delivery_digest(const Simpul__Delivery *delivery, const uint8_t exchange[EXCHANGE_SIZE], struct hash *digest,
			   struct fault *fault)
{
	struct hash leaves[LIMIT_SUBMISSION_REPORTS];

	return delivery_leaves(delivery, exchange, leaves, digest, fault);
}
