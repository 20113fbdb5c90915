/* hash - the one hash function of Simpul, BLAKE2b-256 without a key (libsodium). */
#include "common/hash.h"

#include <sodium.h>
#include <string.h>

struct hash hash_of(struct bytes data)
{
	struct hash hash;

	crypto_generichash(hash.bytes, HASH_SIZE, data.data, data.size, NULL, 0);
	return hash;
}

struct hash hash_tagged(const char *tag, struct bytes data)
{
	crypto_generichash_state state;
	struct hash hash;

	crypto_generichash_init(&state, NULL, 0, HASH_SIZE);
	crypto_generichash_update(&state, (const unsigned char *)tag, strlen(tag));
	crypto_generichash_update(&state, data.data, data.size);
	crypto_generichash_final(&state, hash.bytes, HASH_SIZE);
	return hash;
}

bool hash_equal(const struct hash *a, const struct hash *b)
{
	return memcmp(a->bytes, b->bytes, HASH_SIZE) == 0;
}

bool hash_load(struct hash *out, struct bytes data)
{
	if (data.size != HASH_SIZE)
		return false;
	memcpy(out->bytes, data.data, HASH_SIZE);
	return true;
}
