/* member - makes, signs and checks member records, and keeps them and join files as JSON text. */
#include "common/member.h"
#include "common/file.h"
#include "common/json.h"
#include "common/wire.h"

#include <limits.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER_FILE_LIMIT (16 * 1024)
#define FINGERPRINT_GROUPS 6
#define FINGERPRINT_BYTES 5 /* a group; the remainder by 100,000 of so large a number is as good as evenly spread */

struct hash member_digest(const struct member *member)
{
	struct buffer layout = {0};
	struct hash digest;

	buffer_append(&layout, member->exchange, EXCHANGE_SIZE);
	buffer_name(&layout, member->node);
	buffer_u32(&layout, member->key_id);
	buffer_append(&layout, member->curve_key, KEY_SIZE);
	buffer_append(&layout, member->signing_key, KEY_SIZE);
	buffer_append(&layout, member->sealing_key, KEY_SIZE);
	buffer_u64(&layout, member->created_at);
	digest = hash_tagged(SIGN_TAG_MEMBER, buffer_view(&layout));
	buffer_free(&layout);
	return digest;
}

char *member_fingerprint(const struct member *member, char text[FINGERPRINT_SIZE])
{
	const struct hash digest = member_digest(member);
	char *end = text;

	for (size_t group = 0; group < FINGERPRINT_GROUPS; group++) {
		uint64_t number = 0;

		for (size_t i = 0; i < FINGERPRINT_BYTES; i++)
			number = number << 8 | digest.bytes[group * FINGERPRINT_BYTES + i];
		end += sprintf(end, group > 0 ? " %05u" : "%05u", (unsigned)(number % 100000));
	}
	return text;
}

bool member_fingerprint_is(const struct member *member, const char *text)
{
	char fingerprint[FINGERPRINT_SIZE];
	const char *expected = member_fingerprint(member, fingerprint);

	for (; *text != '\0'; text++) {
		if (*text == ' ' || *text == '-')
			continue;
		if (*expected == ' ')
			expected++;
		if (*expected == '\0' || *text != *expected++)
			return false;
	}
	return *expected == '\0';
}

void member_request(struct member *member, const uint8_t exchange[EXCHANGE_SIZE], const char *node,
		    const struct node_keys *keys, wall_ms created_at)
{
	struct hash digest;

	memset(member, 0, sizeof *member);
	memcpy(member->exchange, exchange, EXCHANGE_SIZE);
	strncpy(member->node, node, LIMIT_NODE_NAME);
	member->key_id = keys->key_id;
	memcpy(member->curve_key, keys->curve_public, KEY_SIZE);
	memcpy(member->signing_key, keys->signing.public_key, KEY_SIZE);
	memcpy(member->sealing_key, keys->sealing_public, KEY_SIZE);
	member->created_at = created_at;
	digest = member_digest(member);
	digest_sign(&keys->signing, SIGN_TAG_MEMBER, &digest, member->node_signature);
}

void member_sign_former(struct member *member, const struct signing_key *former)
{
	const struct hash digest = member_digest(member);

	digest_sign(former, SIGN_TAG_RENEW, &digest, member->former_signature);
	member->former_signed = true;
}

enum error member_check_former(const struct member *member, const uint8_t former[KEY_SIZE], struct fault *fault)
{
	const struct hash digest = member_digest(member);

	if (!member->former_signed)
		return fault_at(fault, E_MISSING, "former_signature");
	if (!digest_verify(former, SIGN_TAG_RENEW, &digest, BYTES(member->former_signature, SIGNATURE_SIZE)))
		return fault_at(fault, E_BAD_SIGNATURE, "former_signature");
	return E_OK;
}

/* What the authority signs, and the tag that it does so with: the node's statement alone, or with its end. */
static const char *countersigned(const struct member *member, struct hash *digest)
{
	struct buffer layout = {0};

	*digest = member_digest(member);
	if (member->expires_at == 0)
		return SIGN_TAG_COUNTERSIGN;
	buffer_append(&layout, digest->bytes, HASH_SIZE);
	buffer_u64(&layout, member->expires_at);
	*digest = hash_tagged(SIGN_TAG_COUNTERSIGN_UNTIL, buffer_view(&layout));
	buffer_free(&layout);
	return SIGN_TAG_COUNTERSIGN_UNTIL;
}

void member_countersign(struct member *member, const struct signing_key *authority)
{
	struct hash digest;
	const char *tag = countersigned(member, &digest);

	digest_sign(authority, tag, &digest, member->authority_signature);
	member->authority_signed = true;
}

bool member_lapsed(const struct member *member, wall_ms now)
{
	return member->expires_at != 0 && now >= member->expires_at;
}

unsigned member_days_left(const struct member *member, wall_ms now)
{
	uint64_t days;

	if (member->expires_at == 0)
		return UINT_MAX;
	days = member_lapsed(member, now) ? 0 : (member->expires_at - now) / DAY_MS;
	return days < UINT_MAX ? (unsigned)days : UINT_MAX - 1;
}

/* False for a public key of low order: whatever is encrypted to it, anybody can read. */
static bool curve_key_sound(const uint8_t key[KEY_SIZE])
{
	static const uint8_t any_secret[KEY_SIZE] = {1};
	uint8_t shared[KEY_SIZE];

	return crypto_scalarmult(shared, any_secret, key) == 0;
}

static enum error form_check(const struct member *member, struct fault *fault)
{
	if (!node_name_valid(member->node))
		return fault_at(fault, E_INVALID, "node");
	if (member->key_id == 0)
		return fault_at(fault, E_INVALID, "key_id");
	if (!curve_key_sound(member->curve_key))
		return fault_at(fault, E_INVALID, "curve_key");
	if (!curve_key_sound(member->sealing_key))
		return fault_at(fault, E_INVALID, "sealing_key");
	if (member->created_at == 0)
		return fault_at(fault, E_INVALID, "created_at");
	if (member->expires_at != 0 && member->expires_at <= member->created_at)
		return fault_at(fault, E_INVALID, "expires_at");
	return E_OK;
}

enum error member_check(const struct member *member, const uint8_t *exchange, const uint8_t *authority,
			struct fault *fault)
{
	enum error error = form_check(member, fault);
	uint8_t last[KEY_SIZE];
	struct hash digest;
	const char *tag;

	if (error != E_OK)
		return error;
	if (exchange && memcmp(member->exchange, exchange, EXCHANGE_SIZE) != 0)
		return fault_at(fault, E_EXCHANGE, "exchange");
	digest = member_digest(member);
	if (!digest_verify(member->signing_key, SIGN_TAG_MEMBER, &digest,
			   BYTES(member->node_signature, SIGNATURE_SIZE)))
		return fault_at(fault, E_BAD_SIGNATURE, "node_signature");
	if (!authority)
		return E_OK;
	error = successions_follow(&member->successions, member->exchange, authority, last, fault);
	if (error != E_OK)
		return error;
	tag = countersigned(member, &digest);
	if (!member->authority_signed ||
	    !digest_verify(last, tag, &digest, BYTES(member->authority_signature, SIGNATURE_SIZE)))
		return fault_at(fault, E_BAD_SIGNATURE, "authority_signature");
	return E_OK;
}

/* ---- messages */

void member_to_message(const struct member *member, Simpul__MemberRecord *record)
{
	simpul__member_record__init(record);
	record->exchange = to_binary(BYTES(member->exchange, EXCHANGE_SIZE));
	record->node = (char *)(uintptr_t)member->node;
	record->key_id = member->key_id;
	record->curve_key = to_binary(BYTES(member->curve_key, KEY_SIZE));
	record->signing_key = to_binary(BYTES(member->signing_key, KEY_SIZE));
	record->sealing_key = to_binary(BYTES(member->sealing_key, KEY_SIZE));
	record->created_at = member->created_at;
	record->expires_at = member->expires_at;
	record->node_signature = to_binary(BYTES(member->node_signature, SIGNATURE_SIZE));
	if (member->authority_signed)
		record->authority_signature = to_binary(BYTES(member->authority_signature, SIGNATURE_SIZE));
	record->successions = to_binary(BYTES(member->successions.bytes, member->successions.size));
	if (member->former_signed)
		record->former_signature = to_binary(BYTES(member->former_signature, SIGNATURE_SIZE));
}

/* Copies exactly `size` bytes; notes the field otherwise. */
static enum error take(uint8_t *out, size_t size, ProtobufCBinaryData data, const char *field, struct fault *fault)
{
	if (data.len != size)
		return fault_at(fault, data.len == 0 ? E_MISSING : E_INVALID, "%s", field);
	memcpy(out, data.data, size);
	return E_OK;
}

enum error member_of_message(struct member *member, const Simpul__MemberRecord *record, struct fault *fault)
{
	enum error error;

	memset(member, 0, sizeof *member);
	if (!node_name_valid(record->node))
		return fault_at(fault, E_INVALID, "node");
	strncpy(member->node, record->node, LIMIT_NODE_NAME);
	member->key_id = record->key_id;
	member->created_at = record->created_at;
	member->expires_at = record->expires_at;
	member->authority_signed = record->authority_signature.len > 0;
	member->former_signed = record->former_signature.len > 0;
	if ((error = take(member->exchange, EXCHANGE_SIZE, record->exchange, "exchange", fault)) != E_OK ||
	    (error = take(member->curve_key, KEY_SIZE, record->curve_key, "curve_key", fault)) != E_OK ||
	    (error = take(member->signing_key, KEY_SIZE, record->signing_key, "signing_key", fault)) != E_OK ||
	    (error = take(member->sealing_key, KEY_SIZE, record->sealing_key, "sealing_key", fault)) != E_OK ||
	    (error = take(member->node_signature, SIGNATURE_SIZE, record->node_signature, "node_signature", fault)) !=
		    E_OK)
		return error;
	if (member->authority_signed)
		error = take(member->authority_signature, SIGNATURE_SIZE, record->authority_signature,
			     "authority_signature", fault);
	if (error == E_OK && member->former_signed)
		error = take(member->former_signature, SIGNATURE_SIZE, record->former_signature, "former_signature", fault);
	if (error == E_OK && record->successions.len > sizeof member->successions.bytes)
		error = fault_at(fault, E_TOO_LARGE, "successions");
	if (error == E_OK && record->successions.len > 0)
		memcpy(member->successions.bytes, record->successions.data, record->successions.len);
	member->successions.size = error == E_OK ? record->successions.len : 0;
	return error;
}

/* ---- files */

/* Writes `json` and gives up its reference. */
static enum error json_save(json_t *json, const char *path, struct fault *fault)
{
	struct buffer text = {0};
	char *dump = json_dumps(json, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	enum error error;

	json_decref(json);
	if (!dump)
		return fault_at(fault, E_INTERNAL, "%s", path);
	buffer_text(&text, dump);
	buffer_text(&text, "\n");
	free(dump);
	error = file_write(path, buffer_view(&text), 0644, fault);
	buffer_free(&text);
	return error;
}

/* A new reference; NULL with `fault` filled. */
static json_t *json_load(const char *path, struct fault *fault)
{
	struct buffer text = {0};
	json_error_t where;
	json_t *json = NULL;

	if (file_read(path, MEMBER_FILE_LIMIT, &text, fault) == E_OK) {
		json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &where);
		if (!json)
			fault_at(fault, E_MALFORMED, "%s:%d", path, where.line);
	}
	buffer_free(&text);
	return json;
}

enum error member_save(const struct member *member, const char *path, struct fault *fault)
{
	Simpul__MemberRecord record;

	member_to_message(member, &record);
	return json_save(json_of_message(&record, 0), path, fault);
}

enum error member_load(struct member *member, const char *path, struct fault *fault)
{
	const Simpul__MemberRecord *record;
	struct fault inner = {0};
	struct arena arena;
	json_t *json;

	json = json_load(path, &inner);
	if (!json) {
		if (fault)
			*fault = inner;
		return inner.code;
	}
	arena_init(&arena);
	record = json_to_message(&simpul__member_record__descriptor, json, &arena, &inner);
	if (record)
		member_of_message(member, record, &inner);
	json_decref(json);
	arena_fini(&arena);
	if (inner.code != E_OK)
		return fault_at(fault, inner.code, "%s: %s", path, inner.field);
	return E_OK;
}

enum error join_save(const struct join *join, const char *path, struct fault *fault)
{
	char exchange[2 * EXCHANGE_SIZE + 1], curve[2 * KEY_SIZE + 1], signing[2 * KEY_SIZE + 1],
		authority[2 * KEY_SIZE + 1];

	return json_save(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s*}", "exchange",
				   hex_of(exchange, BYTES(join->exchange, EXCHANGE_SIZE)), "link_endpoint",
				   join->link_endpoint, "feed_endpoint", join->feed_endpoint, "broker_curve",
				   hex_of(curve, BYTES(join->broker_curve, KEY_SIZE)), "broker_signing",
				   hex_of(signing, BYTES(join->broker_signing, KEY_SIZE)), "authority",
				   hex_of(authority, BYTES(join->authority, KEY_SIZE)), "bulletin_endpoint",
				   join->bulletin_endpoint[0] != '\0' ? join->bulletin_endpoint : NULL),
			 path, fault);
}

/* "tcp://address:port", with room for it. */
static bool endpoint_take(char out[128], const char *text)
{
	if (!strstr(text, "://") || strlen(text) >= 128)
		return false;
	strcpy(out, text);
	return true;
}

/* Names the first field that is missing or wrong; NULL when all are there. */
static const char *join_parse(struct join *join, const json_t *json)
{
	const struct {
		const char *name;
		uint8_t *value;
		size_t size;
	} keys[] = {{"exchange", join->exchange, EXCHANGE_SIZE},
		    {"broker_curve", join->broker_curve, KEY_SIZE},
		    {"broker_signing", join->broker_signing, KEY_SIZE},
		    {"authority", join->authority, KEY_SIZE}};
	const char *link = json_string_value(json_object_get(json, "link_endpoint"));
	const char *feed = json_string_value(json_object_get(json, "feed_endpoint"));
	const char *bulletin = json_string_value(json_object_get(json, "bulletin_endpoint"));

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		const char *text = json_string_value(json_object_get(json, keys[i].name));

		if (!text || !hex_parse(text, keys[i].value, keys[i].size))
			return keys[i].name;
	}
	if (!link || !endpoint_take(join->link_endpoint, link))
		return "link_endpoint";
	if (!feed || !endpoint_take(join->feed_endpoint, feed))
		return "feed_endpoint";
	if (bulletin && !endpoint_take(join->bulletin_endpoint, bulletin))
		return "bulletin_endpoint";
	return json_object_size(json) == (bulletin ? 7 : 6) ? NULL : "unknown field";
}

enum error join_load(struct join *join, const char *path, struct fault *fault)
{
	struct fault inner = {0};
	json_t *json = json_load(path, &inner);
	const char *wrong;

	if (!json) {
		if (fault)
			*fault = inner;
		return inner.code;
	}
	memset(join, 0, sizeof *join);
	wrong = join_parse(join, json);
	json_decref(json);
	return wrong ? fault_at(fault, E_INVALID, "%s: %s", path, wrong) : E_OK;
}
