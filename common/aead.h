/* aead - XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha, as libsodium's crypto_aead_xchacha20poly1305_ietf) of what is short or
 * long.
 *
 * Both libraries compute the same function: libsodium has less to set up, OpenSSL is twice as fast from some
 * kilobytes on. A feed seals half a megabyte at a time. */
#ifndef SIMPUL_AEAD_H
#define SIMPUL_AEAD_H

#include "common/bytes.h"

#define AEAD_KEY_SIZE 32
#define AEAD_NONCE_SIZE 24
#define AEAD_TAG_SIZE 16

/* Writes plain.size bytes and the tag to `out`, which does not overlap. */
void aead_seal(const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_NONCE_SIZE], struct bytes associated,
	       struct bytes plain, uint8_t *out);
/* Writes sealed.size - AEAD_TAG_SIZE bytes to `out`; false, and nothing to be used there, when it is too short or the
 * tag does not fit. */
bool aead_open(const uint8_t key[AEAD_KEY_SIZE], const uint8_t nonce[AEAD_NONCE_SIZE], struct bytes associated,
	       struct bytes sealed, uint8_t *out);

#endif
