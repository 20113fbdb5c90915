/* aead_test - whichever library does it, it is the same cipher, and nothing that was changed opens. */
#include "common/aead.h"
#include "tests/support/fixed.h"

#include <sodium.h>

enum { MOST = 40000 };

static uint8_t plain[MOST], sealed[MOST + AEAD_TAG_SIZE], opened[MOST + AEAD_TAG_SIZE];

static void keys_make(uint8_t key[AEAD_KEY_SIZE], uint8_t nonce[AEAD_NONCE_SIZE])
{
	fixed_fill(key, AEAD_KEY_SIZE, 0x21);
	fixed_fill(nonce, AEAD_NONCE_SIZE, 0x44);
	fixed_fill(plain, MOST, 0x0a);
}

/* Sizes on both sides of where the library changes. */
static const size_t sizes[] = {0, 1, 16, 4097, 16367, 16368, 16383, 16384, 16385, MOST};

static void short_and_long_texts_are_sealed_by_the_same_cipher(void **state)
{
	uint8_t key[AEAD_KEY_SIZE], nonce[AEAD_NONCE_SIZE], reference[MOST + AEAD_TAG_SIZE];

	(void)state;
	keys_make(key, nonce);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		for (size_t bound = 0; bound <= 37; bound += 37) {
			aead_seal(key, nonce, BYTES(plain, bound), BYTES(plain, sizes[i]), sealed);
			crypto_aead_xchacha20poly1305_ietf_encrypt(reference, NULL, plain, sizes[i], plain, bound, NULL,
								   nonce, key);
			assert_memory_equal(sealed, reference, sizes[i] + AEAD_TAG_SIZE);
			assert_true(aead_open(key, nonce, BYTES(plain, bound), BYTES(sealed, sizes[i] + AEAD_TAG_SIZE),
					      opened));
			assert_memory_equal(opened, plain, sizes[i]);
		}
	}
}

static void nothing_that_was_changed_opens(void **state)
{
	uint8_t key[AEAD_KEY_SIZE], nonce[AEAD_NONCE_SIZE];
	const struct bytes bound = BYTES("place", 5);

	(void)state;
	keys_make(key, nonce);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		const struct bytes all = BYTES(sealed, sizes[i] + AEAD_TAG_SIZE);

		aead_seal(key, nonce, bound, BYTES(plain, sizes[i]), sealed);
		for (size_t at = 0; at < all.size; at += 1 + all.size / 13) {
			sealed[at] ^= 0x80;
			assert_false(aead_open(key, nonce, bound, all, opened));
			sealed[at] ^= 0x80;
		}
		assert_false(aead_open(key, nonce, BYTES("Place", 5), all, opened));
		assert_false(aead_open(key, nonce, bound, BYTES(sealed, all.size - 1), opened));
		nonce[0] ^= 1; /* the half that goes into the subkey */
		assert_false(aead_open(key, nonce, bound, all, opened));
		nonce[0] ^= 1;
		nonce[23] ^= 1;
		assert_false(aead_open(key, nonce, bound, all, opened));
		nonce[23] ^= 1;
		key[31] ^= 1;
		assert_false(aead_open(key, nonce, bound, all, opened));
		key[31] ^= 1;
	}
	assert_false(aead_open(key, nonce, bound, BYTES(sealed, AEAD_TAG_SIZE - 1), opened));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_and_long_texts_are_sealed_by_the_same_cipher),
		cmocka_unit_test(nothing_that_was_changed_opens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
