/* store_key - the key under which an office's store is encrypted: whenever the office's keys have a passphrase.
 *
 *   police.oku.keys.store   beside the keys, locked with the same passphrase
 *
 * A file of its own, not a line in police.oku.keys: newer keys take the place of older ones and are made anew when they
 * were lost, and the store must open all the same; and whoever has a copy of the store's folder alone, or a backup of
 * it, has no key at all, not even a locked one. Random, not made of the passphrase: so that can be changed without
 * writing the store anew. */
#ifndef SIMPUL_STORE_KEY_H
#define SIMPUL_STORE_KEY_H

#include "common/cipher_vfs.h"
#include "common/key_lock.h"

/* "police.oku.keys.store"; free it. */
char *store_key_path(const char *keys);
/* Makes a key in the file `path`. E_EXISTS: it is never overwritten. */
enum error store_key_make(const char *path, const struct key_lock *lock, struct fault *fault);
/* The cipher of the key in the file `path`. E_NOT_FOUND; as key_lock_open. */
enum error store_key_open(const char *path, struct key_lock *lock, struct cipher **cipher, struct fault *fault);
/* A lock with this passphrase for the files of the office, and its store's key: the one that is there, which keeps its
 * salt and must have this passphrase, or a new one at this cost. E_CONFIG: one that lies open is there. */
enum error store_key_ready(const char *path, const char *passphrase, const struct lock_cost *cost,
			   struct key_lock *lock, struct cipher **cipher, struct fault *fault);
/* The cipher of the store that belongs to these keys: *cipher is NULL where keys and store have no passphrase.
 * E_NOT_FOUND: they have one, and the store's key is not there; E_CONFIG: it lies open. As store_key_open. */
enum error store_key_load(const char *keys, struct key_lock *lock, struct cipher **cipher, struct fault *fault);

#endif
