/* key_lock - a passphrase and the key that it is turned into (Argon2id), under which the secrets of key files lie.
 *
 * Argon2id is paid once for all files that were locked together: they have one salt, and each a nonce of its own. So an
 * agent that reads its keys, its former keys and the key of its store works for about a second, not for one a file. */
#ifndef SIMPUL_KEY_LOCK_H
#define SIMPUL_KEY_LOCK_H

#include "common/aead.h"
#include "common/passphrase.h"

#define KEY_LOCK_SALT_SIZE 16

/* One "name = hex" line of a key file. */
struct key_line {
	const char *name;
	uint8_t *value;
	size_t size;
};

/* What one guess costs. */
struct lock_cost {
	uint32_t passes, memory_kib;
};
/* libsodium's MODERATE: 3 passes over 256 MiB, about a second. */
extern const struct lock_cost KEY_LOCK_COST;

/* Zero but for the first two members it asks for the passphrase when the first locked file is read, and keeps it for
 * the others; wipe it with key_lock_wipe. Of one thread at a time. */
struct key_lock {
	const char *file; /* that holds the passphrase (passphrase_old); NULL: credential or terminal. Borrowed */
	const char *what; /* as the terminal's question names it; NULL: the name of the file that is read */
	bool has_passphrase, has_key, forgetful;
	struct passphrase passphrase;
	struct lock_cost cost; /* what `key` was made with */
	uint8_t salt[KEY_LOCK_SALT_SIZE], key[AEAD_KEY_SIZE];
};

/* Ready to lock files with a passphrase, under a salt of its own. E_NO_MEMORY. */
enum error key_lock_new(struct key_lock *lock, const char *passphrase, const struct lock_cost *cost,
			struct fault *fault);
void key_lock_wipe(struct key_lock *lock);
/* Wipes the passphrase, for good. The key stays: it opens what was locked together with what was opened last, and
 * anything else is E_PASSPHRASE at once. */
void key_lock_forget(struct key_lock *lock);
/* The lock to save other files with that go with those that it opened: itself, or NULL when they lay open. */
const struct key_lock *key_lock_same(const struct key_lock *lock);

/* Appends what stands in the locked file in place of `plain`. */
void key_lock_close(const struct key_lock *lock, struct bytes plain, struct buffer *out);
/* Whether the text of a key file is a locked one. */
bool key_lock_closed(struct bytes text);
/* Appends what was locked in `text`, the content of `path`, to `plain`, which has room (a buffer that grew would leave
 * secrets behind). `lock` NULL: E_PASSPHRASE. E_PASSPHRASE also when it is wrong or the file was changed; E_INVALID;
 * E_NO_MEMORY; as passphrase_old. */
enum error key_lock_open(struct key_lock *lock, struct bytes text, const char *path, struct buffer *plain,
			 struct fault *fault);

#endif
