/* authority - locks the authority's seed with a passphrase, and opens it again. */
#include "common/authority.h"
#include "common/aead.h"
#include "common/key_file.h"

#include <sodium.h>
#include <string.h>

#define LOCK_TAG "simpul/authority/1"
#define LOCKED_SIZE (KEY_SIZE + AEAD_TAG_SIZE)
/* What is on a stick that somebody found must not make this machine work for hours. */
#define PASSES_MOST 16
#define MEMORY_KIB_MOST (1024 * 1024)

const struct authority_cost AUTHORITY_COST = {crypto_pwhash_argon2id_OPSLIMIT_MODERATE,
					      crypto_pwhash_argon2id_MEMLIMIT_MODERATE / 1024};

/* What stands in a locked file. */
struct lock {
	uint8_t public_key[KEY_SIZE], passes[4], memory_kib[4];
	uint8_t salt[crypto_pwhash_argon2id_SALTBYTES], nonce[AEAD_NONCE_SIZE], seed[LOCKED_SIZE];
};

#define LOCK_LINES 6
#define LOCK_LINES_OF(lock) \
	{ \
		{"public-key", (lock).public_key, sizeof (lock).public_key}, \
		{"argon2id-passes", (lock).passes, sizeof (lock).passes}, \
		{"argon2id-memory-kib", (lock).memory_kib, sizeof (lock).memory_kib}, \
		{"argon2id-salt", (lock).salt, sizeof (lock).salt}, {"nonce", (lock).nonce, sizeof (lock).nonce}, \
		{"locked-seed", (lock).seed, sizeof (lock).seed}, \
	}

static void number_put(uint8_t out[4], uint32_t number)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(number >> (24 - 8 * i));
}

static uint32_t number_get(const uint8_t in[4])
{
	return (uint32_t)in[0] << 24 | (uint32_t)in[1] << 16 | (uint32_t)in[2] << 8 | in[3];
}

/* Everything but nonce and seed. */
static void lock_associate(const struct lock *lock, struct buffer *out)
{
	buffer_text(out, LOCK_TAG);
	buffer_append(out, lock->public_key, sizeof lock->public_key);
	buffer_append(out, lock->passes, sizeof lock->passes);
	buffer_append(out, lock->memory_kib, sizeof lock->memory_kib);
	buffer_append(out, lock->salt, sizeof lock->salt);
}

static enum error lock_key(const struct lock *lock, const char *passphrase, uint8_t key[AEAD_KEY_SIZE],
			   struct fault *fault)
{
	const size_t memory = (size_t)number_get(lock->memory_kib) * 1024;

	if (crypto_pwhash(key, AEAD_KEY_SIZE, passphrase, strlen(passphrase), lock->salt, number_get(lock->passes),
			  memory, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return fault_at(fault, E_NO_MEMORY, "passphrase: %zu MiB are needed", memory / (1024 * 1024));
	return E_OK;
}

static enum error lock_close(struct lock *lock, const struct signing_key *key, const char *passphrase,
			     const struct authority_cost *cost, struct fault *fault)
{
	struct buffer associated = {0};
	uint8_t lock_with[AEAD_KEY_SIZE], seed[KEY_SIZE];
	enum error error;

	memcpy(lock->public_key, key->public_key, KEY_SIZE);
	number_put(lock->passes, cost->passes);
	number_put(lock->memory_kib, cost->memory_kib);
	randombytes_buf(lock->salt, sizeof lock->salt);
	randombytes_buf(lock->nonce, sizeof lock->nonce);
	error = lock_key(lock, passphrase, lock_with, fault);
	if (error == E_OK) {
		lock_associate(lock, &associated);
		crypto_sign_ed25519_sk_to_seed(seed, key->secret);
		aead_seal(lock_with, lock->nonce, buffer_view(&associated), BYTES(seed, sizeof seed), lock->seed);
	}
	buffer_free(&associated);
	sodium_memzero(seed, sizeof seed);
	sodium_memzero(lock_with, sizeof lock_with);
	return error;
}

static enum error lock_open(const struct lock *lock, struct signing_key *key, const char *passphrase, const char *path,
			    struct fault *fault)
{
	struct buffer associated = {0};
	uint8_t lock_with[AEAD_KEY_SIZE], seed[KEY_SIZE];
	enum error error = lock_key(lock, passphrase, lock_with, fault);

	if (error == E_OK) {
		lock_associate(lock, &associated);
		if (aead_open(lock_with, lock->nonce, buffer_view(&associated), BYTES(lock->seed, sizeof lock->seed), seed))
			crypto_sign_seed_keypair(key->public_key, key->secret, seed);
		else
			error = fault_at(fault, E_PASSPHRASE, "%s", path);
	}
	buffer_free(&associated);
	sodium_memzero(seed, sizeof seed);
	sodium_memzero(lock_with, sizeof lock_with);
	return error;
}

static enum error lock_load(struct lock *lock, const char *path, struct fault *fault)
{
	const struct key_line lines[LOCK_LINES] = LOCK_LINES_OF(*lock);
	const enum error error = key_file_load(lines, LOCK_LINES, path, fault);
	uint32_t passes, memory_kib;

	if (error != E_OK)
		return error;
	passes = number_get(lock->passes);
	memory_kib = number_get(lock->memory_kib);
	if (passes < crypto_pwhash_argon2id_OPSLIMIT_MIN || passes > PASSES_MOST ||
	    memory_kib < crypto_pwhash_argon2id_MEMLIMIT_MIN / 1024 || memory_kib > MEMORY_KIB_MOST)
		return fault_at(fault, E_INVALID, "%s", path);
	return E_OK;
}

enum error authority_save(const struct signing_key *key, const char *passphrase, const struct authority_cost *cost,
			  const char *path, struct fault *fault)
{
	struct lock lock;
	const struct key_line lines[LOCK_LINES] = LOCK_LINES_OF(lock);
	enum error error;

	if (!passphrase)
		return signing_key_save(key, path, fault);
	error = lock_close(&lock, key, passphrase, cost, fault);
	if (error != E_OK)
		return error;
	return key_file_save("# Signing key of a Simpul authority: secret, locked with a passphrase\n", lines, LOCK_LINES,
			     path, fault);
}

enum error authority_locked(const char *path, bool *locked, struct fault *fault)
{
	struct signing_key key;
	struct lock lock;
	const enum error error = signing_key_load(&key, path, fault);

	keys_wipe(&key, sizeof key);
	*locked = error == E_INVALID;
	return *locked ? lock_load(&lock, path, fault) : error;
}

enum error authority_load(struct signing_key *key, const char *passphrase, const char *path, struct fault *fault)
{
	struct lock lock;
	enum error error = signing_key_load(key, path, fault);

	if (error != E_INVALID)
		return error;
	error = lock_load(&lock, path, fault);
	if (error == E_OK && !passphrase)
		error = fault_at(fault, E_PASSPHRASE, "%s", path);
	return error == E_OK ? lock_open(&lock, key, passphrase, path, fault) : error;
}
