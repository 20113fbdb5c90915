/* vectors - the steps of the golden vectors, each a few calls of the code that the programs use. */
#include "tests/support/vectors.h"
#include "common/broker_succession.h"
#include "common/chain.h"
#include "common/json.h"
#include "common/member.h"
#include "common/memory.h"
#include "common/seal.h"
#include "common/submission.h"
#include "common/superseded.h"
#include "common/wire.h"
#include "proto/journal.pb-c.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* One step on its way; everything that was read lives in the arena. */
struct work {
	json_t *step;
	vector_files *files;
	struct arena arena;
	struct fault *fault;
};

/* ------------------------------------------------------------------ inputs and results */

bool vector_bytes(const char *hex, struct buffer *out)
{
	const size_t size = hex ? strlen(hex) / 2 : 0;

	return hex && hex_parse(hex, buffer_room(out, size), size);
}

/* NULL, with the fault noted, when the step has no such text. */
static const char *text_of(struct work *work, const char *key)
{
	const char *text = json_string_value(json_object_get(work->step, key));

	if (!text)
		fault_at(work->fault, E_MISSING, "%s", key);
	return text;
}

/* Exactly `size` bytes of hexadecimal text. */
static bool bytes_of(struct work *work, const char *key, uint8_t *out, size_t size)
{
	const char *text = text_of(work, key);

	if (!text)
		return false;
	if (!hex_parse(text, out, size)) {
		fault_at(work->fault, E_INVALID, "%s", key);
		return false;
	}
	return true;
}

/* Numbers above 2^63 - 1 stand as text, as everywhere in the JSON mapping. */
static uint64_t number_of(struct work *work, const char *key)
{
	const json_t *value = json_object_get(work->step, key);

	if (json_is_string(value))
		return strtoull(json_string_value(value), NULL, 10);
	return (uint64_t)json_integer_value(value);
}

/* The bytes of the file that the step names under `key`, in memory of the arena. */
static bool file_of(struct work *work, const char *key, struct bytes *out)
{
	const char *name = text_of(work, key);
	const char *hex = name ? json_string_value(json_object_get(work->files, name)) : NULL;
	uint8_t *data;

	if (!hex) {
		fault_at(work->fault, E_NOT_FOUND, "%s", key);
		return false;
	}
	data = arena_alloc(&work->arena, strlen(hex) / 2 + 1);
	*out = BYTES(data, strlen(hex) / 2);
	return hex_parse(hex, data, out->size);
}

static json_t *hex_json(struct bytes data)
{
	char *text = memory_alloc(2 * data.size + 1);
	json_t *json = json_string(hex_of(text, data));

	free(text);
	return json;
}

static void result(struct work *work, const char *key, const void *data, size_t size)
{
	json_object_set_new(work->step, key, hex_json(BYTES(data, size)));
}

/* The step's file, "<name>.bin", with its size and hash as results. */
static bool result_file(struct work *work, struct bytes content)
{
	const struct hash hash = hash_of(content);
	char *name;

	if (!text_of(work, "name"))
		return false;
	name = memory_format("%s.bin", text_of(work, "name"));
	json_object_set_new(work->step, "file", json_string(name));
	json_object_set_new(work->step, "size", json_integer((json_int_t)content.size));
	result(work, "hash", hash.bytes, HASH_SIZE);
	json_object_set_new(work->files, name, hex_json(content));
	free(name);
	return true;
}

/* ------------------------------------------------------------------ keys */

static bool signing_key_of(struct work *work, const char *key, struct signing_key *out)
{
	uint8_t seed[KEY_SIZE];

	return bytes_of(work, key, seed, KEY_SIZE) && crypto_sign_seed_keypair(out->public_key, out->secret, seed) == 0;
}

static bool signing_key_step(struct work *work)
{
	struct signing_key key;

	if (!signing_key_of(work, "seed", &key))
		return false;
	result(work, "public", key.public_key, KEY_SIZE);
	return true;
}

static bool exchange_key_step(struct work *work)
{
	uint8_t secret[KEY_SIZE], public[KEY_SIZE];

	if (!bytes_of(work, "secret", secret, KEY_SIZE) || crypto_scalarmult_base(public, secret) != 0)
		return false;
	result(work, "public", public, KEY_SIZE);
	return true;
}

static bool member_step(struct work *work)
{
	char fingerprint[FINGERPRINT_SIZE];
	struct node_keys keys = {.key_id = (uint32_t)number_of(work, "key_id")};
	uint8_t exchange[EXCHANGE_SIZE];
	struct signing_key authority;
	struct member member;
	struct hash digest;

	if (!bytes_of(work, "exchange", exchange, EXCHANGE_SIZE) || !text_of(work, "node") ||
	    !bytes_of(work, "curve_key", keys.curve_public, KEY_SIZE) ||
	    !bytes_of(work, "sealing_key", keys.sealing_public, KEY_SIZE) ||
	    !signing_key_of(work, "node_seed", &keys.signing) || !signing_key_of(work, "authority_seed", &authority))
		return false;
	member_request(&member, exchange, text_of(work, "node"), &keys, number_of(work, "created_at"));
	if (json_object_get(work->step, "expires_at"))
		member.expires_at = number_of(work, "expires_at");
	member_countersign(&member, &authority);
	digest = member_digest(&member);
	result(work, "digest", digest.bytes, HASH_SIZE);
	json_object_set_new(work->step, "fingerprint", json_string(member_fingerprint(&member, fingerprint)));
	result(work, "node_signature", member.node_signature, SIGNATURE_SIZE);
	result(work, "authority_signature", member.authority_signature, SIGNATURE_SIZE);
	return true;
}

static bool broker_succession_step(struct work *work)
{
	static const struct successions none;
	struct broker_succession succession;
	struct broker_keys next = {.signing = {.public_key = {0}}};
	struct signing_key former, authority;
	uint8_t exchange[EXCHANGE_SIZE];

	if (!bytes_of(work, "exchange", exchange, EXCHANGE_SIZE) || !signing_key_of(work, "former_seed", &former) ||
	    !bytes_of(work, "signing_key", next.signing.public_key, KEY_SIZE) ||
	    !bytes_of(work, "curve_key", next.curve_public, KEY_SIZE) ||
	    !signing_key_of(work, "authority_seed", &authority))
		return false;
	broker_succession_sign(&succession, exchange, &former, &next, number_of(work, "created_at"), &authority, &none);
	result(work, "former_signature", succession.former_signature, SIGNATURE_SIZE);
	result(work, "authority_signature", succession.authority_signature, SIGNATURE_SIZE);
	return true;
}

static bool superseded_step(struct work *work)
{
	uint8_t exchange[EXCHANGE_SIZE], signature[SIGNATURE_SIZE];
	Simpul__Name report = SIMPUL__NAME__INIT;
	struct signing_key key;

	if (!bytes_of(work, "exchange", exchange, EXCHANGE_SIZE) || !text_of(work, "origin") ||
	    !signing_key_of(work, "seed", &key))
		return false;
	report.origin = (char *)(uintptr_t)text_of(work, "origin");
	report.epoch = (uint32_t)number_of(work, "epoch");
	report.stream = (Simpul__Stream)number_of(work, "stream");
	report.number = number_of(work, "number");
	superseded_sign(exchange, &key, &report, signature);
	result(work, "signature", signature, SIGNATURE_SIZE);
	return true;
}

/* ------------------------------------------------------------------ messages and leaves */

const ProtobufCMessageDescriptor *vector_message(const char *name)
{
	static const ProtobufCMessageDescriptor *const types[] = {
		&simpul__routing__descriptor,	    &simpul__header__descriptor,
		&simpul__body__descriptor,	    &simpul__sealed_body__descriptor,
		&simpul__submission__descriptor,    &simpul__delivery__descriptor,
		&simpul__batch__descriptor,	    &simpul__up__descriptor,
		&simpul__down__descriptor,	    &simpul__receipt__descriptor,
		&simpul__member_record__descriptor, &simpul__member_standing__descriptor,
		&simpul__genesis__descriptor,	    &simpul__policy_version__descriptor,
		&simpul__broker_key__descriptor,
		&simpul__proof__descriptor};

	for (size_t i = 0; name && i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i]->short_name, name) == 0)
			return types[i];
	return NULL;
}

static bool message_step(struct work *work)
{
	const ProtobufCMessageDescriptor *type = vector_message(text_of(work, "message"));
	struct buffer encoded = {0};
	const void *message;
	bool done;

	if (!type) {
		fault_at(work->fault, E_INVALID, "message");
		return false;
	}
	message = json_to_message(type, json_object_get(work->step, "value"), &work->arena, work->fault);
	if (!message)
		return false;
	wire_pack(message, &encoded);
	done = result_file(work, buffer_view(&encoded));
	buffer_free(&encoded);
	return done;
}

static bool leaf_step(struct work *work)
{
	struct bytes routing, header, body;
	struct hash hashes[3], leaf;

	if (!file_of(work, "routing", &routing) || !file_of(work, "header", &header) || !file_of(work, "body", &body))
		return false;
	hashes[0] = hash_of(routing);
	hashes[1] = hash_of(header);
	hashes[2] = hash_of(body);
	leaf = leaf_of(&hashes[0], &hashes[1], &hashes[2]);
	result(work, "leaf", leaf.bytes, HASH_SIZE);
	return true;
}

static bool submission_step(struct work *work)
{
	const json_t *list = json_object_get(work->step, "leaves");
	struct hash leaves[LIMIT_SUBMISSION_REPORTS], digest;
	uint8_t exchange[EXCHANGE_SIZE], seen[HASH_SIZE], signature[SIGNATURE_SIZE];
	const struct statement statement = {.exchange = exchange,
					    .origin = text_of(work, "origin"),
					    .key_id = (uint32_t)number_of(work, "key_id"),
					    .epoch = (uint32_t)number_of(work, "epoch"),
					    .stream = (uint32_t)number_of(work, "stream"),
					    .first = number_of(work, "first"),
					    .seen_entry = number_of(work, "seen_entry"),
					    .seen_head = seen};
	const size_t count = json_array_size(list);
	struct signing_key key;

	if (!statement.origin || !bytes_of(work, "exchange", exchange, EXCHANGE_SIZE) ||
	    !bytes_of(work, "seen_head", seen, HASH_SIZE) || !signing_key_of(work, "seed", &key) ||
	    count > LIMIT_SUBMISSION_REPORTS)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!hex_parse(json_string_value(json_array_get(list, i)), leaves[i].bytes, HASH_SIZE))
			return false;
	digest = statement_digest(&statement, leaves, count);
	digest_sign(&key, SIGN_TAG_SUBMISSION, &digest, signature);
	result(work, "digest", digest.bytes, HASH_SIZE);
	result(work, "signature", signature, SIGNATURE_SIZE);
	return true;
}

/* ------------------------------------------------------------------ sealed bodies and feeds */

static bool seal_body_step(struct work *work)
{
	uint8_t exchange[EXCHANGE_SIZE], key[KEY_SIZE];
	struct body_place place = {.exchange = exchange};
	struct buffer sealed = {0};
	struct bytes plain;
	bool done;

	if (!bytes_of(work, "exchange", exchange, EXCHANGE_SIZE) || !bytes_of(work, "content_key", key, KEY_SIZE) ||
	    !file_of(work, "plain", &plain) || !text_of(work, "report") ||
	    !report_name_parse(text_of(work, "report"), &place.name))
		return false;
	body_seal(key, &place, plain, &sealed);
	done = result_file(work, buffer_view(&sealed));
	buffer_free(&sealed);
	return done;
}

/* What crypto_box_seal does, with an ephemeral key that is known: its result cannot be told from a random one's. */
static bool wrap_step(struct work *work)
{
	uint8_t key[KEY_SIZE], recipient[KEY_SIZE], secret[KEY_SIZE], wrapped[WRAP_SIZE], nonce[crypto_box_NONCEBYTES];
	uint8_t both[2 * KEY_SIZE];

	if (!bytes_of(work, "content_key", key, KEY_SIZE) || !bytes_of(work, "sealing_key", recipient, KEY_SIZE) ||
	    !bytes_of(work, "ephemeral_secret", secret, KEY_SIZE) || crypto_scalarmult_base(wrapped, secret) != 0)
		return false;
	memcpy(both, wrapped, KEY_SIZE);
	memcpy(both + KEY_SIZE, recipient, KEY_SIZE);
	crypto_generichash(nonce, sizeof nonce, both, sizeof both, NULL, 0);
	if (crypto_box_easy(wrapped + KEY_SIZE, key, KEY_SIZE, nonce, recipient, secret) != 0)
		return false;
	result(work, "wrapped", wrapped, WRAP_SIZE);
	return true;
}

static bool publication_step(struct work *work)
{
	const struct feed_head head = {.incarnation = number_of(work, "incarnation"),
				       .after = number_of(work, "after"),
				       .upto = number_of(work, "upto"),
				       .counter = number_of(work, "counter")};
	struct feed feed = {.session = number_of(work, "session")};
	struct buffer out = {0};
	uint8_t key[KEY_SIZE], *publication;
	struct bytes batch;
	bool done;

	if (!bytes_of(work, "exchange", feed.exchange, EXCHANGE_SIZE) || !bytes_of(work, "key", feed.key, KEY_SIZE) ||
	    !bytes_of(work, "batch_key", key, KEY_SIZE) || !text_of(work, "node") || !file_of(work, "batch", &batch))
		return false;
	strncpy(feed.node, text_of(work, "node"), LIMIT_NODE_NAME);
	publication = buffer_room(&out, FEED_SIZE(batch.size));
	feed_lead(&feed, &head, key, publication);
	batch_seal(key, batch, publication + FEED_LEAD_SIZE);
	done = result_file(work, buffer_view(&out));
	buffer_free(&out);
	return done;
}

/* ------------------------------------------------------------------ chain */

static bool content_step(struct work *work)
{
	struct bytes content;
	struct hash digest;

	if (!file_of(work, "content", &content))
		return false;
	digest = chain_content_digest((uint32_t)number_of(work, "type"), content);
	result(work, "digest", digest.bytes, HASH_SIZE);
	return true;
}

/* The step holds what a Receipt holds, under the same names. */
static bool entry_lists(struct work *work, struct chain_entry *entry)
{
	json_t *lists = json_pack("{s:O, s:O}", "verdicts", json_object_get(work->step, "verdicts"), "audience",
				  json_object_get(work->step, "audience"));
	const Simpul__Receipt *receipt =
		json_to_message(&simpul__receipt__descriptor, lists, &work->arena, work->fault);

	json_decref(lists);
	if (!receipt)
		return false;
	entry->verdicts = (const Simpul__Verdict *const *)receipt->verdicts;
	entry->verdict_count = receipt->n_verdicts;
	entry->audience = (const char *const *)receipt->audience;
	entry->audience_count = receipt->n_audience;
	return true;
}

static bool entry_step(struct work *work)
{
	uint8_t broker_key[KEY_SIZE];
	struct chain_entry entry = {.type = (uint32_t)number_of(work, "type"),
				    .entry = number_of(work, "entry"),
				    .accepted_at = number_of(work, "accepted_at"),
				    .broker_key = broker_key,
				    .policy_version = (uint32_t)number_of(work, "policy_version")};
	struct hash previous, hash, head;

	if (!bytes_of(work, "broker_key", broker_key, KEY_SIZE) ||
	    !bytes_of(work, "digest", entry.digest.bytes, HASH_SIZE) ||
	    !bytes_of(work, "previous_head", previous.bytes, HASH_SIZE) || !entry_lists(work, &entry))
		return false;
	hash = chain_entry_hash(&entry);
	head = chain_head(&previous, &hash);
	result(work, "entry_hash", hash.bytes, HASH_SIZE);
	result(work, "head", head.bytes, HASH_SIZE);
	return true;
}

static bool position_step(struct work *work)
{
	struct position position = {.incarnation = (uint32_t)number_of(work, "incarnation"),
				    .entry = number_of(work, "entry")};
	uint8_t exchange[EXCHANGE_SIZE], signature[SIGNATURE_SIZE];
	struct signing_key broker;

	if (!bytes_of(work, "exchange", exchange, EXCHANGE_SIZE) ||
	    !bytes_of(work, "head", position.head.bytes, HASH_SIZE) || !signing_key_of(work, "seed", &broker))
		return false;
	chain_sign(&broker, exchange, &position, signature);
	result(work, "signature", signature, SIGNATURE_SIZE);
	return true;
}

/* ------------------------------------------------------------------ all steps */

bool vector_run(json_t *step, vector_files *files, struct fault *fault)
{
	static const struct {
		const char *step;
		bool (*run)(struct work *work);
	} steps[] = {{"signing-key", signing_key_step},
		     {"exchange-key", exchange_key_step},
		     {"member", member_step},
		     {"broker-succession", broker_succession_step},
		     {"superseded", superseded_step},
		     {"message", message_step},
		     {"leaf", leaf_step},
		     {"submission", submission_step},
		     {"seal-body", seal_body_step},
		     {"wrap", wrap_step},
		     {"publication", publication_step},
		     {"content", content_step},
		     {"entry", entry_step},
		     {"position", position_step}};
	struct work work = {.step = step, .files = files, .fault = fault};
	const char *kind;
	bool done = false;

	fault_at(fault, E_INVALID, "step"); /* unless something better is known */
	kind = text_of(&work, "step");
	arena_init(&work.arena);
	for (size_t i = 0; kind && i < sizeof steps / sizeof steps[0]; i++)
		if (strcmp(steps[i].step, kind) == 0)
			done = steps[i].run(&work);
	arena_fini(&work.arena);
	return done;
}
