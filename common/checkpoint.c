/* checkpoint - reads, writes and signs the file. */
#include "common/checkpoint.h"

#include "common/file.h"
#include "common/name.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "simpul checkpoint 1"
#define FILE_LIMIT (64u * 1024)

/* ---- signing */

static struct hash statement_of(const struct checkpoint *checkpoint, const char *node, uint32_t key_id)
{
	struct buffer statement = {0};
	struct hash digest;

	buffer_append(&statement, checkpoint->exchange, EXCHANGE_SIZE);
	buffer_u32(&statement, checkpoint->position.incarnation);
	buffer_u64(&statement, checkpoint->position.entry);
	buffer_append(&statement, checkpoint->position.head.bytes, HASH_SIZE);
	buffer_name(&statement, node);
	buffer_u32(&statement, key_id);
	digest = hash_tagged(SIGN_TAG_CHECKPOINT, buffer_view(&statement));
	buffer_free(&statement);
	return digest;
}

enum error checkpoint_countersign(struct checkpoint *checkpoint, const char *node, uint32_t key_id,
				  const struct signing_key *key, struct fault *fault)
{
	const struct hash digest = statement_of(checkpoint, node, key_id);
	struct countersignature *mine = checkpoint->signers;

	while (mine < checkpoint->signers + checkpoint->count && strcmp(mine->node, node) != 0)
		mine++;
	if (mine == checkpoint->signers + CHECKPOINT_SIGNERS)
		return fault_at(fault, E_TOO_LARGE, "countersigned");
	if (mine == checkpoint->signers + checkpoint->count)
		checkpoint->count++;
	*mine = (struct countersignature){.key_id = key_id};
	snprintf(mine->node, sizeof(mine->node), "%s", node);
	digest_sign(key, SIGN_TAG_CHECKPOINT, &digest, mine->signature);
	return E_OK;
}

bool checkpoint_verify(const struct checkpoint *checkpoint, size_t signer, const uint8_t key[KEY_SIZE])
{
	const struct countersignature *one = &checkpoint->signers[signer];
	const struct hash digest = statement_of(checkpoint, one->node, one->key_id);

	return digest_verify(key, SIGN_TAG_CHECKPOINT, &digest, BYTES(one->signature, SIGNATURE_SIZE));
}

/* ---- reading */

static bool signer_parse(json_t *json, struct countersignature *signer)
{
	const char *node, *signature;
	json_int_t key_id;

	if (json_unpack_ex(json, NULL, JSON_STRICT, "{s:s, s:I, s:s}", "node", &node, "key_id", &key_id, "signature",
			   &signature) != 0 ||
	    !node_name_valid(node) || key_id < 1 || key_id > UINT32_MAX)
		return false;
	snprintf(signer->node, sizeof(signer->node), "%s", node);
	signer->key_id = (uint32_t)key_id;
	return hex_parse(signature, signer->signature, SIGNATURE_SIZE);
}

static bool checkpoint_parse(json_t *json, struct checkpoint *checkpoint)
{
	const char *format, *exchange, *head, *signature;
	json_int_t incarnation, entry;
	json_t *signers;

	if (json_unpack_ex(json, NULL, JSON_STRICT, "{s:s, s:s, s:I, s:I, s:s, s:s, s:o}", "format", &format, "exchange",
			   &exchange, "incarnation", &incarnation, "entry", &entry, "head", &head, "signature",
			   &signature, "countersigned", &signers) != 0 ||
	    strcmp(format, FORMAT) != 0 || incarnation < 1 || incarnation > UINT32_MAX || entry < 1 ||
	    !json_is_array(signers) || json_array_size(signers) > CHECKPOINT_SIGNERS)
		return false;
	checkpoint->position.incarnation = (uint32_t)incarnation;
	checkpoint->position.entry = (uint64_t)entry;
	for (size_t i = 0; i < json_array_size(signers); i++)
		if (!signer_parse(json_array_get(signers, i), &checkpoint->signers[checkpoint->count++]))
			return false;
	return hex_parse(exchange, checkpoint->exchange, EXCHANGE_SIZE) &&
	       hex_parse(head, checkpoint->position.head.bytes, HASH_SIZE) &&
	       hex_parse(signature, checkpoint->signature, SIGNATURE_SIZE);
}

enum error checkpoint_load(struct checkpoint *checkpoint, const char *path, struct fault *fault)
{
	struct buffer text = {0};
	json_t *json;
	enum error error = file_read(path, FILE_LIMIT, &text, fault);

	*checkpoint = (struct checkpoint){.count = 0};
	if (error != E_OK)
		return error;
	json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
	if (!checkpoint_parse(json, checkpoint))
		error = fault_at(fault, E_INVALID, "%s", path);
	json_decref(json);
	buffer_free(&text);
	return error;
}

/* ---- writing */

static json_t *checkpoint_json(const struct checkpoint *checkpoint)
{
	char exchange[2 * EXCHANGE_SIZE + 1], head[2 * HASH_SIZE + 1], signature[2 * SIGNATURE_SIZE + 1];
	json_t *signers = json_array();

	for (size_t i = 0; i < checkpoint->count; i++) {
		const struct countersignature *one = &checkpoint->signers[i];

		json_array_append_new(signers, json_pack("{s:s, s:I, s:s}", "node", one->node, "key_id",
							 (json_int_t)one->key_id, "signature",
							 hex_of(signature, BYTES(one->signature, SIGNATURE_SIZE))));
	}
	hex_of(exchange, BYTES(checkpoint->exchange, EXCHANGE_SIZE));
	hex_of(head, BYTES(checkpoint->position.head.bytes, HASH_SIZE));
	hex_of(signature, BYTES(checkpoint->signature, SIGNATURE_SIZE));
	return json_pack("{s:s, s:s, s:I, s:I, s:s, s:s, s:o}", "format", FORMAT, "exchange", exchange, "incarnation",
			 (json_int_t)checkpoint->position.incarnation, "entry", (json_int_t)checkpoint->position.entry,
			 "head", head, "signature", signature, "countersigned", signers);
}

enum error checkpoint_save(const struct checkpoint *checkpoint, const char *path, struct fault *fault)
{
	json_t *json = checkpoint_json(checkpoint);
	char *text = json_dumps(json, JSON_INDENT(2));
	enum error error = file_write(path, BYTES(text, strlen(text)), 0644, fault);

	free(text);
	json_decref(json);
	return error;
}
