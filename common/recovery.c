/* recovery - what the signature of a new incarnation covers, and its check. */
#include "common/recovery.h"
#include "common/wire.h"
#include <string.h>

static struct hash digest_of(const Simpul__Genesis *genesis)
{
	struct buffer layout = {0};
	struct hash digest;

	buffer_append(&layout, genesis->exchange.data, genesis->exchange.len);
	buffer_u32(&layout, genesis->incarnation);
	buffer_append(&layout, genesis->authority_key.data, genesis->authority_key.len);
	buffer_append(&layout, genesis->broker_key.data, genesis->broker_key.len);
	buffer_u32(&layout, genesis->recovered_from->incarnation);
	buffer_u64(&layout, genesis->recovered_from->entry);
	buffer_append(&layout, genesis->recovered_from->head.data, genesis->recovered_from->head.len);
	buffer_name(&layout, genesis->reason);
	digest = hash_tagged(SIGN_TAG_RECOVERY, buffer_view(&layout));
	buffer_free(&layout);
	return digest;
}

void recovery_sign(const Simpul__Genesis *genesis, const struct signing_key *broker, uint8_t signature[SIGNATURE_SIZE])
{
	const struct hash digest = digest_of(genesis);

	digest_sign(broker, SIGN_TAG_RECOVERY, &digest, signature);
}

enum error recovery_of_genesis(struct recovery *recovery, const Simpul__Genesis *genesis,
			       const uint8_t exchange[EXCHANGE_SIZE], const uint8_t broker_key[KEY_SIZE],
			       struct fault *fault)
{
	struct hash digest;

	if (!bytes_equal(BYTES(genesis->exchange.data, genesis->exchange.len), BYTES(exchange, EXCHANGE_SIZE)) ||
	    !bytes_equal(BYTES(genesis->broker_key.data, genesis->broker_key.len), BYTES(broker_key, KEY_SIZE)) ||
	    genesis->authority_key.len != KEY_SIZE)
		return fault_at(fault, E_INVALID, "genesis");
	if (position_of_message(&recovery->from, genesis->recovered_from) != E_OK ||
	    genesis->incarnation <= recovery->from.incarnation)
		return fault_at(fault, E_INVALID, "genesis.recovered_from");
	if (strlen(genesis->reason) > RECOVERY_REASON_MOST)
		return fault_at(fault, E_INVALID, "genesis.reason");
	recovery->incarnation = genesis->incarnation;
	digest = digest_of(genesis);
	if (!digest_verify(broker_key, SIGN_TAG_RECOVERY, &digest,
			   BYTES(genesis->signature.data, genesis->signature.len)))
		return fault_at(fault, E_BAD_SIGNATURE, "genesis.signature");
	return E_OK;
}

enum error recovery_read(struct recovery *recovery, struct bytes genesis, const uint8_t exchange[EXCHANGE_SIZE],
			 const uint8_t broker_key[KEY_SIZE], struct fault *fault)
{
	const Simpul__Genesis *message;
	struct arena arena;
	enum error error;

	arena_init(&arena);
	message = wire_unpack(&simpul__genesis__descriptor, genesis, &arena, fault);
	error = message == NULL ? fault_at(fault, E_INVALID, "genesis")
				: recovery_of_genesis(recovery, message, exchange, broker_key, fault);
	arena_fini(&arena);
	return error;
}
