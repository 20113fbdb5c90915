/* broker_succession - signs and checks how a broker's keys hand on to others. */
#include "common/broker_succession.h"
#include "common/wire.h"

#include <string.h>

static struct hash digest_of(const struct broker_succession *succession)
{
	struct buffer layout = {0};
	struct hash digest;

	buffer_append(&layout, succession->exchange, EXCHANGE_SIZE);
	buffer_append(&layout, succession->former_key, KEY_SIZE);
	buffer_append(&layout, succession->signing_key, KEY_SIZE);
	buffer_append(&layout, succession->curve_key, KEY_SIZE);
	buffer_u64(&layout, succession->created_at);
	digest = hash_tagged(SIGN_TAG_BROKER_SUCCESSION, buffer_view(&layout));
	buffer_free(&layout);
	return digest;
}

void broker_succession_sign(struct broker_succession *succession, const uint8_t exchange[EXCHANGE_SIZE],
			    const struct signing_key *former, const struct broker_keys *next, wall_ms created_at,
			    const struct signing_key *authority, const struct successions *successions)
{
	struct hash digest;

	*succession = (struct broker_succession){.created_at = created_at, .successions = *successions};
	memcpy(succession->exchange, exchange, EXCHANGE_SIZE);
	memcpy(succession->former_key, former->public_key, KEY_SIZE);
	memcpy(succession->signing_key, next->signing.public_key, KEY_SIZE);
	memcpy(succession->curve_key, next->curve_public, KEY_SIZE);
	digest = digest_of(succession);
	digest_sign(former, SIGN_TAG_BROKER_SUCCESSION, &digest, succession->former_signature);
	digest_sign(authority, SIGN_TAG_BROKER_COUNTERSIGN, &digest, succession->authority_signature);
}

enum error broker_succession_check(const struct broker_succession *succession, const uint8_t exchange[EXCHANGE_SIZE],
				   const uint8_t authority[KEY_SIZE], struct fault *fault)
{
	const struct hash digest = digest_of(succession);
	uint8_t last[KEY_SIZE];
	enum error error;

	if (memcmp(succession->exchange, exchange, EXCHANGE_SIZE) != 0)
		return fault_at(fault, E_EXCHANGE, "exchange");
	if (memcmp(succession->former_key, succession->signing_key, KEY_SIZE) == 0)
		return fault_at(fault, E_INVALID, "signing_key");
	error = successions_follow(&succession->successions, exchange, authority, last, fault);
	if (error != E_OK)
		return error;
	if (!digest_verify(succession->former_key, SIGN_TAG_BROKER_SUCCESSION, &digest,
			   BYTES(succession->former_signature, SIGNATURE_SIZE)))
		return fault_at(fault, E_BAD_SIGNATURE, "former_signature");
	if (!digest_verify(last, SIGN_TAG_BROKER_COUNTERSIGN, &digest,
			   BYTES(succession->authority_signature, SIGNATURE_SIZE)))
		return fault_at(fault, E_BAD_SIGNATURE, "authority_signature");
	return E_OK;
}

/* ---- messages */

void broker_succession_to_message(const struct broker_succession *succession, Simpul__BrokerSuccession *message)
{
	simpul__broker_succession__init(message);
	message->exchange = to_binary(BYTES(succession->exchange, EXCHANGE_SIZE));
	message->former_key = to_binary(BYTES(succession->former_key, KEY_SIZE));
	message->signing_key = to_binary(BYTES(succession->signing_key, KEY_SIZE));
	message->curve_key = to_binary(BYTES(succession->curve_key, KEY_SIZE));
	message->created_at = succession->created_at;
	message->former_signature = to_binary(BYTES(succession->former_signature, SIGNATURE_SIZE));
	message->authority_signature = to_binary(BYTES(succession->authority_signature, SIGNATURE_SIZE));
	message->successions = to_binary(BYTES(succession->successions.bytes, succession->successions.size));
}

enum error broker_succession_of_message(struct broker_succession *succession, const Simpul__BrokerSuccession *message,
					struct fault *fault)
{
	*succession = (struct broker_succession){.created_at = 0};
	if (message == NULL)
		return fault_at(fault, E_MISSING, "succession");
	const struct {
		const char *field;
		const ProtobufCBinaryData *data;
		uint8_t *out;
		size_t size;
	} parts[] = {
		{"exchange", &message->exchange, succession->exchange, EXCHANGE_SIZE},
		{"former_key", &message->former_key, succession->former_key, KEY_SIZE},
		{"signing_key", &message->signing_key, succession->signing_key, KEY_SIZE},
		{"curve_key", &message->curve_key, succession->curve_key, KEY_SIZE},
		{"former_signature", &message->former_signature, succession->former_signature, SIGNATURE_SIZE},
		{"authority_signature", &message->authority_signature, succession->authority_signature, SIGNATURE_SIZE},
	};

	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		if (parts[i].data->len != parts[i].size)
			return fault_at(fault, parts[i].data->len == 0 ? E_MISSING : E_INVALID, "%s", parts[i].field);
		memcpy(parts[i].out, parts[i].data->data, parts[i].size);
	}
	succession->created_at = message->created_at;
	if (message->successions.len > sizeof succession->successions.bytes)
		return fault_at(fault, E_TOO_LARGE, "successions");
	if (message->successions.len > 0)
		memcpy(succession->successions.bytes, message->successions.data, message->successions.len);
	succession->successions.size = message->successions.len;
	return E_OK;
}

/* ---- which key was in force when */

/* One step from `before`, the signing key so far; NULL: whichever it was. */
static enum error term_read(struct broker_term *term, const Simpul__BrokerSuccession *message, const uint8_t *before,
			    const uint8_t exchange[EXCHANGE_SIZE], const uint8_t authority[KEY_SIZE], uint8_t *former,
			    struct fault *fault)
{
	struct broker_succession succession;
	enum error error = broker_succession_of_message(&succession, message, fault);

	if (error == E_OK)
		error = broker_succession_check(&succession, exchange, authority, fault);
	if (error != E_OK)
		return error;
	if (before != NULL && memcmp(succession.former_key, before, KEY_SIZE) != 0)
		return fault_at(fault, E_INVALID, "former_key");
	memcpy(term->signing_key, succession.signing_key, KEY_SIZE);
	memcpy(term->curve_key, succession.curve_key, KEY_SIZE);
	term->created_at = succession.created_at;
	if (former != NULL)
		memcpy(former, succession.former_key, KEY_SIZE);
	return E_OK;
}

static enum error terms_read(struct broker_terms *terms, const Simpul__BrokerTerms *message,
			     const uint8_t exchange[EXCHANGE_SIZE], const uint8_t authority[KEY_SIZE],
			     struct fault *fault)
{
	for (; terms->count < message->n_terms; terms->count++) {
		const Simpul__BrokerTerm *from = message->terms[terms->count];
		const struct broker_term *last = broker_terms_last(terms);
		struct broker_term *term = &terms->list[terms->count];

		if (from->entry == 0 || from->entry > INT64_MAX || (last != NULL && from->entry <= last->entry))
			return fault_at(fault, E_INVALID, "terms[%zu].entry", terms->count);
		term->entry = from->entry;
		if (term_read(term, from->succession, last != NULL ? last->signing_key : NULL, exchange, authority,
			      last == NULL ? terms->first : NULL, fault) != E_OK) {
			fault_within(fault, "terms[%zu].succession", terms->count);
			return fault->code;
		}
	}
	return E_OK;
}

enum error broker_terms_of_message(struct broker_terms *terms, const Simpul__BrokerTerms *message,
				   const uint8_t exchange[EXCHANGE_SIZE], const uint8_t authority[KEY_SIZE],
				   struct fault *fault)
{
	struct fault own = {0};
	const struct broker_term *last;
	enum error error;

	fault = fault != NULL ? fault : &own;
	memset(terms, 0, sizeof *terms);
	if (message == NULL)
		return E_OK;
	if (message->n_terms > BROKER_TERMS_MOST)
		return fault_at(fault, E_TOO_LARGE, "terms");
	error = terms_read(terms, message, exchange, authority, fault);
	if (error != E_OK || message->announced == NULL)
		return error;
	last = broker_terms_last(terms);
	if (term_read(&terms->announced, message->announced, last != NULL ? last->signing_key : NULL, exchange,
		      authority, last == NULL ? terms->first : NULL, fault) != E_OK) {
		fault_within(fault, "announced");
		return fault->code;
	}
	terms->is_announced = true;
	return E_OK;
}

const struct broker_term *broker_terms_last(const struct broker_terms *terms)
{
	return terms->count > 0 ? &terms->list[terms->count - 1] : NULL;
}

const uint8_t *broker_terms_key(const struct broker_terms *terms, uint64_t entry, const uint8_t present[KEY_SIZE])
{
	for (size_t i = terms->count; i-- > 0;)
		if (entry >= terms->list[i].entry)
			return terms->list[i].signing_key;
	return terms->count > 0 ? terms->first : present;
}

bool broker_terms_know(const struct broker_terms *terms, const uint8_t key[KEY_SIZE])
{
	if ((terms->count > 0 || terms->is_announced) && memcmp(terms->first, key, KEY_SIZE) == 0)
		return true;
	for (size_t i = 0; i < terms->count; i++)
		if (memcmp(terms->list[i].signing_key, key, KEY_SIZE) == 0)
			return true;
	return false;
}
