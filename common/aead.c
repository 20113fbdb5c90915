/* aead - one cipher, two libraries: by length. */
#include "common/aead.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <string.h>

_Static_assert(AEAD_KEY_SIZE == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the key is the cipher's");
_Static_assert(AEAD_NONCE_SIZE == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "the nonce is the cipher's");
_Static_assert(AEAD_TAG_SIZE == crypto_aead_xchacha20poly1305_ietf_ABYTES, "the tag is the cipher's");

enum {
	LONG = 16384,	    /* bytes from which on OpenSSL is faster, cold as well */
	LONGEST = 1 << 30,  /* its lengths are int */
	HEAD_OF_NONCE = 16, /* goes into the subkey; the rest is the nonce of the inner cipher */
	INNER_NONCE = 12,
};

/* XChaCha20-Poly1305 is ChaCha20-Poly1305 (RFC 8439) under HChaCha20 of the key and the nonce's first 16 bytes. NULL
 * where OpenSSL does not offer that (a FIPS provider alone): libsodium does it then. */
static EVP_CIPHER_CTX *cipher_new(const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_NONCE_SIZE], bool seals)
{
	EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
	uint8_t subkey[AEAD_KEY_SIZE], inner[INNER_NONCE] = {0};
	int ready;

	crypto_core_hchacha20(subkey, nonce, key, NULL);
	memcpy(inner + INNER_NONCE - (AEAD_NONCE_SIZE - HEAD_OF_NONCE), nonce + HEAD_OF_NONCE,
	       AEAD_NONCE_SIZE - HEAD_OF_NONCE);
	ready = cipher && EVP_CipherInit_ex(cipher, EVP_chacha20_poly1305(), NULL, subkey, inner, seals);
	sodium_memzero(subkey, sizeof subkey);
	if (ready)
		return cipher;
	EVP_CIPHER_CTX_free(cipher);
	return NULL;
}

/* `out` NULL: associated data. */
static bool cipher_update(EVP_CIPHER_CTX *cipher, struct bytes data, uint8_t *out)
{
	int written;

	return data.size == 0 || EVP_CipherUpdate(cipher, out, &written, data.data, (int)data.size);
}

static bool cipher_end(EVP_CIPHER_CTX *cipher)
{
	uint8_t nothing[AEAD_TAG_SIZE];
	int written;

	return EVP_CipherFinal_ex(cipher, nothing, &written);
}

static bool is_long(size_t size)
{
	return size >= LONG && size <= LONGEST;
}

void aead_seal(const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_NONCE_SIZE], struct bytes associated,
	       struct bytes plain, uint8_t *out)
{
	EVP_CIPHER_CTX *cipher = is_long(plain.size) ? cipher_new(key, nonce, true) : NULL;
	const bool sealed = cipher && cipher_update(cipher, associated, NULL) && cipher_update(cipher, plain, out) &&
			    cipher_end(cipher) &&
			    EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE, out + plain.size);

	EVP_CIPHER_CTX_free(cipher);
	if (!sealed)
		crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, plain.data, plain.size, associated.data,
							   associated.size, NULL, nonce, key);
}

bool aead_open(const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_NONCE_SIZE], struct bytes associated,
	       struct bytes sealed, uint8_t *out)
{
	const struct bytes text = BYTES(sealed.data, sealed.size - AEAD_TAG_SIZE);
	EVP_CIPHER_CTX *cipher = is_long(sealed.size) ? cipher_new(key, nonce, false) : NULL;
	uint8_t tag[AEAD_TAG_SIZE];
	bool ready = false, opened;

	if (cipher) {
		memcpy(tag, text.data + text.size, sizeof tag);
		ready = EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_SIZE, tag) &&
			cipher_update(cipher, associated, NULL) && cipher_update(cipher, text, out);
	}
	/* Only the last step tells a forgery; before it a library may be out of memory. */
	if (ready)
		opened = cipher_end(cipher);
	else
		opened = crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.data, sealed.size,
								    associated.data, associated.size, nonce, key) == 0;
	EVP_CIPHER_CTX_free(cipher);
	return opened;
}
