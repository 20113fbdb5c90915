/* fixed - keys and ids that never change, for tests that compare bytes with known ones. */
#ifndef SIMPUL_TESTS_FIXED_H
#define SIMPUL_TESTS_FIXED_H

#include "common/keys.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* `size` bytes that count up from `first`. */
static inline void fixed_fill(uint8_t *out, size_t size, uint8_t first)
{
	for (size_t i = 0; i < size; i++)
		out[i] = (uint8_t)(first + i);
}

/* a0 a1 .. af */
static inline const uint8_t *fixed_exchange(void)
{
	static const uint8_t exchange[EXCHANGE_SIZE] = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7,
							0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf};

	return exchange;
}

/* The Ed25519 pair whose seed counts up from `first`. */
static inline struct signing_key fixed_signing_key(uint8_t first)
{
	struct signing_key key;
	uint8_t seed[KEY_SIZE];

	fixed_fill(seed, sizeof seed, first);
	crypto_sign_seed_keypair(key.public_key, key.secret, seed);
	return key;
}

/* Signing seed 01.., CURVE secret 21.., sealing secret 41.. */
static inline struct node_keys fixed_node_keys(void)
{
	struct node_keys keys = {.key_id = 1, .signing = fixed_signing_key(0x01)};

	fixed_fill(keys.curve_secret, KEY_SIZE, 0x21);
	crypto_scalarmult_base(keys.curve_public, keys.curve_secret);
	fixed_fill(keys.sealing_secret, KEY_SIZE, 0x41);
	crypto_scalarmult_base(keys.sealing_public, keys.sealing_secret);
	return keys;
}

static inline void assert_hex(const void *data, size_t size, const char *expected)
{
	char *text = malloc(2 * size + 1);

	assert_non_null(text);
	assert_string_equal(hex_of(text, BYTES(data, size)), expected);
	free(text);
}

#define ASSERT_HASH(hash, expected) assert_hex((hash).bytes, HASH_SIZE, expected)

#endif
