/* signature - takes the place of digest_verify in the simulator; keys.h says what that does. */
#ifndef SIMPUL_SIM_SIGNATURE_H
#define SIMPUL_SIM_SIGNATURE_H

#include "common/keys.h"

bool __real_digest_verify(const uint8_t public_key[KEY_SIZE], const char *tag, const struct hash *digest,
			  struct bytes signature);
bool __wrap_digest_verify(const uint8_t public_key[KEY_SIZE], const char *tag, const struct hash *digest,
			  struct bytes signature);

#endif
