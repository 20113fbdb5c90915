/* submission - computes the digest that an origin signs, from what it sends and from what a recipient gets. */
#include "common/submission.h"
#include "common/wire.h"

#include <sodium.h>
#include <string.h>

#define LEAF_TAG "simpul/leaf/1"

struct hash leaf_of(const struct hash *routing, const struct hash *header, const struct hash *body)
{
	struct hash leaf;

	leaves_of(routing, header, body, 1, &leaf);
	return leaf;
}

/* What is hashed into a leaf. */
enum { TAG_SIZE = sizeof LEAF_TAG - 1, LEAF_INPUT = TAG_SIZE + 3 * HASH_SIZE, SIDE_BY_SIDE = 64 };

static void leaf_input(const struct hash *routing, const struct hash *header, const struct hash *body,
		       uint8_t out[LEAF_INPUT])
{
	memcpy(out, LEAF_TAG, TAG_SIZE);
	memcpy(out + TAG_SIZE, routing->bytes, HASH_SIZE);
	memcpy(out + TAG_SIZE + HASH_SIZE, header->bytes, HASH_SIZE);
	memcpy(out + TAG_SIZE + 2 * HASH_SIZE, body->bytes, HASH_SIZE);
}

void leaves_of(const struct hash *routing, const struct hash *headers, const struct hash *bodies, size_t count,
	       struct hash *leaves)
{
	uint8_t inputs[SIDE_BY_SIDE][LEAF_INPUT];
	struct bytes views[SIDE_BY_SIDE];

	for (size_t done = 0, some; done < count; done += some) {
		some = count - done < SIDE_BY_SIDE ? count - done : SIDE_BY_SIDE;
		for (size_t i = 0; i < some; i++) {
			leaf_input(routing, &headers[done + i], &bodies[done + i], inputs[i]);
			views[i] = BYTES(inputs[i], LEAF_INPUT);
		}
		hash_each(views, some, leaves + done);
	}
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
	struct bytes parts[2 * LIMIT_SUBMISSION_REPORTS] = {0}; /* all headers, then all bodies */
	struct hash hashes[2 * LIMIT_SUBMISSION_REPORTS], routing;
	enum error error = layout_check(submission->origin, submission->stream, submission->seen_head.len,
					submission->n_reports, fault);

	if (error != E_OK)
		return error;
	routing = hash_of(of_binary(submission->routing));
	for (size_t i = 0; i < submission->n_reports; i++) {
		parts[i] = of_binary(submission->reports[i]->header);
		parts[submission->n_reports + i] = of_binary(submission->reports[i]->body);
	}
	hash_each(parts, 2 * submission->n_reports, hashes);
	leaves_of(&routing, hashes, hashes + submission->n_reports, submission->n_reports, leaves);
	if (body_hashes)
		memcpy(body_hashes, hashes + submission->n_reports, submission->n_reports * sizeof *body_hashes);
	*digest = statement_digest(&statement, leaves, submission->n_reports);
	return E_OK;
}

enum { REFUSED_FORM, ERASED_FORM, WHOLE_FORM, NO_FORM };

/* A report is whole, erased or refused; anything between is no delivery. */
static int form_of(const Simpul__DeliveredReport *report)
{
	const bool has_header = report->header.len > 0, has_body = report->body.len > 0;
	const bool has_hash = report->body_hash.len > 0;

	if (report->leaf.len > 0)
		return report->leaf.len == HASH_SIZE && !has_header && !has_body && !has_hash ? REFUSED_FORM : NO_FORM;
	if (!has_header || has_body == has_hash)
		return NO_FORM;
	if (has_hash)
		return report->body_hash.len == HASH_SIZE ? ERASED_FORM : NO_FORM;
	return WHOLE_FORM;
}

/* Erased bodies hash to what took their place; a refused report is its leaf. */
static enum error reports_leaves(const Simpul__Delivery *delivery, const struct hash *routing, struct hash *leaves,
				 struct fault *fault)
{
	const size_t count = delivery->n_reports;
	struct bytes parts[2 * LIMIT_SUBMISSION_REPORTS] = {0}; /* all headers, then all bodies */
	struct hash hashes[2 * LIMIT_SUBMISSION_REPORTS];

	for (size_t i = 0; i < count; i++) {
		if (form_of(delivery->reports[i]) == NO_FORM)
			return fault_at(fault, E_INVALID, "reports[%zu]", i);
		parts[i] = of_binary(delivery->reports[i]->header);
		parts[count + i] = of_binary(delivery->reports[i]->body);
	}
	hash_each(parts, 2 * count, hashes);
	for (size_t i = 0; i < count; i++)
		if (form_of(delivery->reports[i]) == ERASED_FORM)
			hash_load(&hashes[count + i], of_binary(delivery->reports[i]->body_hash));
	leaves_of(routing, hashes, hashes + count, count, leaves);
	for (size_t i = 0; i < count; i++)
		if (form_of(delivery->reports[i]) == REFUSED_FORM)
			hash_load(&leaves[i], of_binary(delivery->reports[i]->leaf));
	return E_OK;
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
	error = reports_leaves(delivery, &routing, leaves, fault);
	if (error != E_OK)
		return error;
	*digest = statement_digest(&statement, leaves, delivery->n_reports);
	return E_OK;
}

enum error delivery_digest(const Simpul__Delivery *delivery, const uint8_t exchange[EXCHANGE_SIZE], struct hash *digest,
			   struct fault *fault)
{
	struct hash leaves[LIMIT_SUBMISSION_REPORTS];

	return delivery_leaves(delivery, exchange, leaves, digest, fault);
}
