/* keys - key pairs of nodes, brokers and the authority, and the files that hold them.
 *
 * A key file is text: a comment line, then "name = hex" lines. Files with secrets are created with
 * mode 0600 and refused when others can read them, and may be locked with a passphrase (key_lock.h); secrets are wiped from
 * memory after use. */
#ifndef SIMPUL_KEYS_H
#define SIMPUL_KEYS_H

#include "common/bytes.h"
#include "common/error.h"
#include "common/hash.h"
#include "common/key_lock.h"
#include <sys/types.h>

#define KEY_SIZE 32
#define SIGNATURE_SIZE 64
#define SIGNING_SECRET_SIZE 64
#define EXCHANGE_SIZE 16
#define Z85_KEY_SIZE 41

/* An Ed25519 pair. */
struct signing_key {
	uint8_t public_key[KEY_SIZE];
	uint8_t secret[SIGNING_SECRET_SIZE];
};

/* The three pairs of a node. */
struct node_keys {
	uint32_t key_id;
	uint8_t curve_public[KEY_SIZE], curve_secret[KEY_SIZE];
	struct signing_key signing;
	uint8_t sealing_public[KEY_SIZE], sealing_secret[KEY_SIZE];
};

/* The two pairs of a broker. */
struct broker_keys {
	uint8_t curve_public[KEY_SIZE], curve_secret[KEY_SIZE];
	struct signing_key signing;
};

/* A CURVE pair alone: of the broker's log socket, or of who follows it. */
struct curve_key {
	uint8_t public_key[KEY_SIZE], secret[KEY_SIZE];
};

/* Call once before anything else here: sodium_init. */
void keys_init(void);

void signing_key_generate(struct signing_key *key);
void node_keys_generate(struct node_keys *keys, uint32_t key_id);
void broker_keys_generate(struct broker_keys *keys);
void curve_key_generate(struct curve_key *key);
/* The public key follows from the secret. */
void curve_key_complete(struct curve_key *key);

/* E_EXISTS when the file is there: a key is never overwritten. `lock` NULL: saved open, and only an open file is
 * loaded. A CURVE pair alone is always open: it signs nothing and opens nothing that is stored. */
enum error node_keys_save(const struct node_keys *keys, const struct key_lock *lock, const char *path, struct fault *fault);
enum error broker_keys_save(const struct broker_keys *keys, const struct key_lock *lock, const char *path,
			    struct fault *fault);
enum error curve_key_save(const struct curve_key *key, const char *path, struct fault *fault);
/* `whose`: "operator", "authority", as the file's comment says. */
enum error signing_key_save(const struct signing_key *key, const char *whose, const struct key_lock *lock, const char *path,
			    struct fault *fault);
enum error node_keys_load(struct node_keys *keys, struct key_lock *lock, const char *path, struct fault *fault);
enum error broker_keys_load(struct broker_keys *keys, struct key_lock *lock, const char *path, struct fault *fault);
enum error curve_key_load(struct curve_key *key, const char *path, struct fault *fault);
enum error signing_key_load(struct signing_key *key, struct key_lock *lock, const char *path, struct fault *fault);
/* 32 secret bytes as a file of exactly that size or as 64 hexadecimal digits: a systemd credential. */
enum error master_key_load(uint8_t key[KEY_SIZE], const char *path, struct fault *fault);

/* Keys that are held for long: zero, in pages of their own that are kept out of swap and core files. */
struct node_keys *node_keys_new(void);
/* Wipes and frees; NULL is fine. */
void node_keys_free(struct node_keys *keys);

void keys_wipe(void *keys, size_t size);
/* Wipes and frees; NULL is fine. */
void broker_keys_free(struct broker_keys *keys);
/* Keeps what is held for long out of swap, until keys_unpin, which wipes it. That the system does not let this process
 * hold so much in memory (RLIMIT_MEMLOCK) is no error. Whole pages, and no count: not for two that may share one. */
void keys_pin(void *keys, size_t size);
void keys_unpin(void *keys, size_t size);

/* Ed25519 over tag || digest; the tag keeps one kind of signature from passing as another. */
void digest_sign(const struct signing_key *key, const char *tag, const struct hash *digest,
		 uint8_t signature[SIGNATURE_SIZE]);
bool digest_verify(const uint8_t public_key[KEY_SIZE], const char *tag, const struct hash *digest,
		   struct bytes signature);

#endif
