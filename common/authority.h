/* authority - the file of the exchange's authority key, locked with a passphrase or, when that is said, open.
 *
 * Locked, it holds the public key, what the passphrase is turned into a key with (Argon2id: passes, memory, salt), and
 * the seed under XChaCha20-Poly1305, with everything else in the file as associated data. */
#ifndef SIMPUL_AUTHORITY_H
#define SIMPUL_AUTHORITY_H

#include "common/keys.h"

#define PASSPHRASE_LEAST 12 /* bytes of a new one */
#define PASSPHRASE_MOST 1024

/* What one guess costs. */
struct authority_cost {
	uint32_t passes, memory_kib;
};
/* libsodium's MODERATE: 3 passes over 256 MiB, about a second. */
extern const struct authority_cost AUTHORITY_COST;

/* NULL for `passphrase`: the key lies open. E_EXISTS, E_NO_MEMORY, E_IO. */
enum error authority_save(const struct signing_key *key, const char *passphrase, const struct authority_cost *cost,
			  const char *path, struct fault *fault);
/* Whether the file asks for a passphrase. E_NOT_FOUND, E_CONFIG when others may read it, E_INVALID. */
enum error authority_locked(const char *path, bool *locked, struct fault *fault);
/* `passphrase` is not looked at when the file is open. E_PASSPHRASE when it is wrong, NULL, or the file was changed;
 * otherwise as authority_locked. */
enum error authority_load(struct signing_key *key, const char *passphrase, const char *path, struct fault *fault);

#endif
