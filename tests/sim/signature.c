/* signature - remembers signatures that verified. Six offices and a broker in one process check the same ones again and
 * again, which was half of all the time that a simulated world took. The program is linked with --wrap=digest_verify.
 */
#include "tests/sim/signature.h"

#include <string.h>

enum { REMEMBERED = 4096 };

bool __wrap_digest_verify(const uint8_t public_key[KEY_SIZE], const char *tag, const struct hash *digest,
			  struct bytes signature)
{
	static struct good {
		uint8_t key[KEY_SIZE], signature[SIGNATURE_SIZE];
		char tag[24];
		struct hash digest;
	} remembered[REMEMBERED];
	struct good this = {.digest = *digest}, *place;

	if (signature.size != SIGNATURE_SIZE || strlen(tag) >= sizeof this.tag)
		return __real_digest_verify(public_key, tag, digest, signature);
	memcpy(this.key, public_key, KEY_SIZE);
	memcpy(this.signature, signature.data, SIGNATURE_SIZE);
	strcpy(this.tag, tag);
	place = &remembered[load_u64(this.signature) % REMEMBERED];
	if (memcmp(place, &this, sizeof this) == 0)
		return true;
	if (!__real_digest_verify(public_key, tag, digest, signature))
		return false;
	*place = this;
	return true;
}
