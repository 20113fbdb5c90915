/* keys - makes key pairs, keeps them in text files that only their owner can read, signs and verifies.
 *
 * A file holds secrets only, for a public key follows from its secret: so the two can never disagree. */
#include "common/keys.h"
#include "common/key_file.h"
#include "common/memory.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SIGN_TAG_LIMIT 64

void keys_init(void)
{
	/* Without a working random source nothing here is safe to use. */
	if (sodium_init() < 0)
		abort();
}

void keys_wipe(void *keys, size_t size)
{
	sodium_memzero(keys, size);
}

void broker_keys_free(struct broker_keys *keys)
{
	if (keys != NULL)
		keys_wipe(keys, sizeof *keys);
	free(keys);
}

struct node_keys *node_keys_new(void)
{
	struct node_keys *keys;

	if (sodium_init() < 0 || (keys = sodium_malloc(sizeof *keys)) == NULL)
		memory_exhausted();
	*keys = (struct node_keys){.key_id = 0};
	return keys;
}

void node_keys_free(struct node_keys *keys)
{
	sodium_free(keys);
}

void keys_pin(void *keys, size_t size)
{
	sodium_mlock(keys, size);
}

void keys_unpin(void *keys, size_t size)
{
	sodium_munlock(keys, size);
}

/* ---- making */

void signing_key_generate(struct signing_key *key)
{
	crypto_sign_keypair(key->public_key, key->secret);
}

void node_keys_generate(struct node_keys *keys, uint32_t key_id)
{
	keys->key_id = key_id;
	crypto_box_keypair(keys->curve_public, keys->curve_secret);
	signing_key_generate(&keys->signing);
	crypto_box_keypair(keys->sealing_public, keys->sealing_secret);
}

void broker_keys_generate(struct broker_keys *keys)
{
	crypto_box_keypair(keys->curve_public, keys->curve_secret);
	signing_key_generate(&keys->signing);
}

void curve_key_generate(struct curve_key *key)
{
	crypto_box_keypair(key->public_key, key->secret);
}

void curve_key_complete(struct curve_key *key)
{
	crypto_scalarmult_base(key->public_key, key->secret);
}

/* ---- files */

/* An Ed25519 secret is kept as its seed. */
static void signing_key_of_seed(struct signing_key *key, uint8_t seed[KEY_SIZE])
{
	crypto_sign_seed_keypair(key->public_key, key->secret, seed);
	sodium_memzero(seed, KEY_SIZE);
}

enum error node_keys_save(const struct node_keys *keys, const struct key_lock *lock, const char *path,
			  struct fault *fault)
{
	uint8_t key_id[4] = {keys->key_id >> 24 & 0xff, keys->key_id >> 16 & 0xff, keys->key_id >> 8 & 0xff,
			     keys->key_id & 0xff};
	struct node_keys copy = *keys;
	uint8_t seed[KEY_SIZE];
	const struct key_line lines[] = {{"key-id", key_id, sizeof key_id},
					 {"curve-secret", copy.curve_secret, KEY_SIZE},
					 {"signing-seed", seed, KEY_SIZE},
					 {"sealing-secret", copy.sealing_secret, KEY_SIZE}};
	enum error error;

	crypto_sign_ed25519_sk_to_seed(seed, keys->signing.secret);
	error = key_file_save("# Keys of a Simpul node: secret\n", lines, 4, lock, path, fault);
	sodium_memzero(seed, sizeof seed);
	sodium_memzero(&copy, sizeof copy);
	return error;
}

enum error node_keys_load(struct node_keys *keys, struct key_lock *lock, const char *path, struct fault *fault)
{
	uint8_t key_id[4], seed[KEY_SIZE];
	const struct key_line lines[] = {{"key-id", key_id, sizeof key_id},
					 {"curve-secret", keys->curve_secret, KEY_SIZE},
					 {"signing-seed", seed, KEY_SIZE},
					 {"sealing-secret", keys->sealing_secret, KEY_SIZE}};
	enum error error = key_file_load(lines, 4, lock, path, fault);

	if (error != E_OK) {
		sodium_memzero(seed, sizeof seed);
		sodium_memzero(keys, sizeof *keys);
		return error;
	}
	keys->key_id = (uint32_t)key_id[0] << 24 | (uint32_t)key_id[1] << 16 | (uint32_t)key_id[2] << 8 | key_id[3];
	crypto_scalarmult_base(keys->curve_public, keys->curve_secret);
	crypto_scalarmult_base(keys->sealing_public, keys->sealing_secret);
	signing_key_of_seed(&keys->signing, seed);
	return E_OK;
}

enum error broker_keys_save(const struct broker_keys *keys, const struct key_lock *lock, const char *path,
			    struct fault *fault)
{
	struct broker_keys copy = *keys;
	uint8_t seed[KEY_SIZE];
	const struct key_line lines[] = {{"curve-secret", copy.curve_secret, KEY_SIZE},
					 {"signing-seed", seed, KEY_SIZE}};
	enum error error;

	crypto_sign_ed25519_sk_to_seed(seed, keys->signing.secret);
	error = key_file_save("# Keys of a Simpul broker: secret\n", lines, 2, lock, path, fault);
	sodium_memzero(seed, sizeof seed);
	sodium_memzero(&copy, sizeof copy);
	return error;
}

enum error broker_keys_load(struct broker_keys *keys, struct key_lock *lock, const char *path, struct fault *fault)
{
	uint8_t seed[KEY_SIZE];
	const struct key_line lines[] = {{"curve-secret", keys->curve_secret, KEY_SIZE},
					 {"signing-seed", seed, KEY_SIZE}};
	enum error error = key_file_load(lines, 2, lock, path, fault);

	if (error != E_OK) {
		sodium_memzero(seed, sizeof seed);
		sodium_memzero(keys, sizeof *keys);
		return error;
	}
	crypto_scalarmult_base(keys->curve_public, keys->curve_secret);
	signing_key_of_seed(&keys->signing, seed);
	return E_OK;
}

enum error curve_key_save(const struct curve_key *key, const char *path, struct fault *fault)
{
	struct curve_key copy = *key;
	const struct key_line line = {"curve-secret", copy.secret, KEY_SIZE};
	enum error error =
		key_file_save("# Key of a Simpul broker's log socket: secret\n", &line, 1, NULL, path, fault);

	sodium_memzero(&copy, sizeof copy);
	return error;
}

enum error curve_key_load(struct curve_key *key, const char *path, struct fault *fault)
{
	const struct key_line line = {"curve-secret", key->secret, KEY_SIZE};
	enum error error = key_file_load(&line, 1, NULL, path, fault);

	if (error == E_OK)
		curve_key_complete(key);
	else
		sodium_memzero(key, sizeof *key);
	return error;
}

enum error signing_key_save(const struct signing_key *key, const char *whose, const struct key_lock *lock,
			    const char *path, struct fault *fault)
{
	uint8_t seed[KEY_SIZE];
	const struct key_line line = {"signing-seed", seed, KEY_SIZE};
	char *comment;
	enum error error;

	crypto_sign_ed25519_sk_to_seed(seed, key->secret);
	comment = memory_format("# Signing key of a Simpul %s: secret\n", whose);
	error = key_file_save(comment, &line, 1, lock, path, fault);
	sodium_memzero(seed, sizeof seed);
	free(comment);
	return error;
}

enum error signing_key_load(struct signing_key *key, struct key_lock *lock, const char *path, struct fault *fault)
{
	uint8_t seed[KEY_SIZE];
	const struct key_line line = {"signing-seed", seed, KEY_SIZE};
	enum error error = key_file_load(&line, 1, lock, path, fault);

	if (error == E_OK)
		signing_key_of_seed(key, seed);
	sodium_memzero(seed, sizeof seed);
	return error;
}

/* The key in `text`: 32 bytes as they are, or 64 digits with or without a line end. */
static bool master_key_parse(struct buffer *text, uint8_t key[KEY_SIZE])
{
	if (text->size == KEY_SIZE) {
		memcpy(key, text->data, KEY_SIZE);
		return true;
	}
	if (text->size > 0 && text->data[text->size - 1] == '\n')
		text->size--;
	buffer_u8(text, 0);
	return text->size == 2 * KEY_SIZE + 1 && hex_parse((const char *)text->data, key, KEY_SIZE);
}

enum error master_key_load(uint8_t key[KEY_SIZE], const char *path, struct fault *fault)
{
	struct buffer text = {0};
	/* systemd lets the service's user read a credential by an ACL, whose mask shows as the group's read bit. */
	enum error error = secret_read(path, S_IWGRP | S_IXGRP | S_IRWXO, &text, fault);

	if (error == E_OK && !master_key_parse(&text, key))
		error = fault_at(fault, E_INVALID, "%s", path);
	if (text.data)
		sodium_memzero(text.data, text.capacity);
	buffer_free(&text);
	return error;
}

/* ---- signatures */

/* Writes tag || digest to `message` and returns its size. */
static size_t signed_message(uint8_t message[SIGN_TAG_LIMIT + HASH_SIZE], const char *tag, const struct hash *digest)
{
	size_t size = strlen(tag);

	if (size > SIGN_TAG_LIMIT)
		abort(); /* tags are constants of the program */
	memcpy(message, tag, size);
	memcpy(message + size, digest->bytes, HASH_SIZE);
	return size + HASH_SIZE;
}

void digest_sign(const struct signing_key *key, const char *tag, const struct hash *digest,
		 uint8_t signature[SIGNATURE_SIZE])
{
	uint8_t message[SIGN_TAG_LIMIT + HASH_SIZE];
	size_t size = signed_message(message, tag, digest);

	crypto_sign_detached(signature, NULL, message, size, key->secret);
}

bool digest_verify(const uint8_t public_key[KEY_SIZE], const char *tag, const struct hash *digest,
		   struct bytes signature)
{
	uint8_t message[SIGN_TAG_LIMIT + HASH_SIZE];

	if (signature.size != SIGNATURE_SIZE)
		return false;
	return crypto_sign_verify_detached(signature.data, message, signed_message(message, tag, digest), public_key) ==
	       0;
}
