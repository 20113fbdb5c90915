/* proof_fuzz - exported reports, for `simpul verify`: with the authority's key at hand only what police.oku once signed
 * passes, whatever else stands in the file and whoever signed it. */
#include "agents/reports/proof.h"
#include "common/file.h"
#include "common/json.h"
#include "common/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/story.h"
#include <string.h>

enum { LARGEST_HEADER = 4096 };

/* The header that is in the corpus, as it was signed: the only one that there is a proof of. */
static struct bytes header_known(void)
{
	static uint8_t known[LARGEST_HEADER];
	static size_t size;
	struct buffer file = {0};

	if (size == 0) {
		PROMISE(file_read("proto/vectors/v1/header-sealed.bin", sizeof known, &file, NULL) == E_OK);
		size = file.size;
		memcpy(known, file.data, size);
		buffer_free(&file);
	}
	return BYTES(known, size);
}

static void finding_good(const struct proof_finding *finding)
{
	struct buffer header = {0}, body = {0};

	PROMISE(finding->header != NULL && finding->body != NULL && finding->countersigned);
	PROMISE(strcmp(finding->member.node, "police.oku") == 0 && strcmp(finding->name.origin, "police.oku") == 0);
	PROMISE(finding->name.number == 17 && finding->name.epoch == 1);
	wire_pack(finding->header, &header);
	PROMISE(bytes_equal(buffer_view(&header), header_known()));
	wire_pack(finding->body, &body);
	PROMISE(body.size > 0);
	buffer_free(&header);
	buffer_free(&body);
}

static void proof_try(const Simpul__Proof *proof, struct arena *arena)
{
	const struct join *join = &story_get()->join;
	struct proof_finding finding;
	struct fault fault = {.code = E_OK};

	if (proof_check(proof, join->exchange, join->authority, arena, &finding, &fault) == E_OK)
		finding_good(&finding);
	else
		PROMISE(fault.code != E_OK);
	/* Without a join file the file's own word is taken for the exchange, not for the origin. */
	if (proof_check(proof, NULL, NULL, arena, &finding, NULL) == E_OK)
		PROMISE(!finding.countersigned && finding.member.node[0] != '\0');
}

/* A record and a delivery under another key, each with its signature: all but the authority's word. */
static void impostor_sign(Simpul__Proof *proof, struct arena *arena)
{
	const struct signing_key *key = &story_get()->army.signing;
	uint8_t *signature = arena_alloc(arena, SIGNATURE_SIZE);
	struct member *member = arena_alloc(arena, sizeof *member);
	struct hash digest;

	if (proof->member == NULL || proof->delivery == NULL || member_of_message(member, proof->member, NULL) != E_OK)
		return;
	memcpy(member->signing_key, key->public_key, KEY_SIZE);
	digest = member_digest(member);
	digest_sign(key, SIGN_TAG_MEMBER, &digest, member->node_signature);
	member_to_message(member, proof->member);
	if (delivery_digest(proof->delivery, member->exchange, &digest, NULL) != E_OK)
		return;
	digest_sign(key, SIGN_TAG_SUBMISSION, &digest, signature);
	proof->delivery->signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
}

static void impostor_refused(Simpul__Proof *proof, struct arena *arena)
{
	const struct join *join = &story_get()->join;
	struct proof_finding finding;

	impostor_sign(proof, arena);
	if (proof_check(proof, join->exchange, NULL, arena, &finding, NULL) == E_OK)
		PROMISE(!finding.countersigned);
	PROMISE(proof_check(proof, join->exchange, join->authority, arena, &finding, NULL) != E_OK);
}

/* The first byte says whether the rest is JSON, as exported, or the message, which is mutated field by field. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	if (size < 2 || most < 2 || !(data[0] & 1))
		return LLVMFuzzerMutate(data, size, most);
	return 1 + mutate_message(&simpul__proof__descriptor, data + 1, size - 1, most - 1, seed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = BYTES(data, size);
	const bool binary = take_u8(&rest) & 1;
	Simpul__Proof *proof = NULL;
	struct arena arena;
	json_t *json = NULL;

	arena_init(&arena);
	if (binary)
		proof = wire_unpack(&simpul__proof__descriptor, rest, &arena, NULL);
	else
		json = json_loadb((const char *)rest.data, rest.size, JSON_REJECT_DUPLICATES, NULL);
	if (json != NULL)
		proof = json_to_message(&simpul__proof__descriptor, json, &arena, NULL);
	if (proof != NULL) {
		proof_try(proof, &arena);
		impostor_refused(proof, &arena);
	}
	json_decref(json);
	arena_fini(&arena);
	return 0;
}
