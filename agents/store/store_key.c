/* store_key - makes and reads the file with the key of an office's store. */
#include "agents/store/store_key.h"

#include "common/key_file.h"
#include "common/keys.h"
#include "common/memory.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

char *store_key_path(const char *keys)
{
	return memory_format("%s.store", keys);
}

enum error store_key_make(const char *path, const struct key_lock *lock, struct fault *fault)
{
	uint8_t key[CIPHER_KEY_SIZE];
	const struct key_line line = {"store-key", key, sizeof(key)};
	enum error error;

	randombytes_buf(key, sizeof(key));
	error = key_file_save("# Key of a Simpul office's store: secret\n", &line, 1, lock, path, fault);
	keys_wipe(key, sizeof(key));
	return error;
}

enum error store_key_open(const char *path, struct key_lock *lock, struct cipher **cipher, struct fault *fault)
{
	uint8_t key[CIPHER_KEY_SIZE];
	const struct key_line line = {"store-key", key, sizeof(key)};
	const enum error error = key_file_load(&line, 1, lock, path, fault);

	*cipher = error == E_OK ? cipher_new(key) : NULL;
	keys_wipe(key, sizeof(key));
	return error;
}

/* Whoever can write to the disk, and knows no passphrase, could put a key of his own there for the store to come. */
static enum error open_refuse(const char *path, struct cipher **cipher, struct fault *fault)
{
	cipher_free(*cipher);
	*cipher = NULL;
	return fault_at(fault, E_CONFIG, "%s: it lies open, though the keys have a passphrase", path);
}

enum error store_key_ready(const char *path, const char *passphrase, const struct lock_cost *cost,
			   struct key_lock *lock, struct cipher **cipher, struct fault *fault)
{
	enum error error;

	*lock = (struct key_lock){.has_passphrase = true};
	strcpy(lock->passphrase.text, passphrase);
	error = store_key_open(path, lock, cipher, fault);
	if (error == E_OK && !lock->has_key)
		error = open_refuse(path, cipher, fault);
	if (error != E_NOT_FOUND)
		return error;
	error = key_lock_new(lock, passphrase, cost, fault);
	if (error == E_OK)
		error = store_key_make(path, lock, fault);
	return error == E_OK ? store_key_open(path, lock, cipher, fault) : error;
}

static bool is_locked(const char *path)
{
	bool locked;

	return key_file_locked(path, &locked, NULL) == E_OK && locked;
}

enum error store_key_load(const char *keys, struct key_lock *lock, struct cipher **cipher, struct fault *fault)
{
	char *path = store_key_path(keys);
	struct fault inner = {0};
	enum error error = store_key_open(path, lock, cipher, &inner);

	if (error == E_NOT_FOUND)
		error = is_locked(keys) ? fault_at(fault, E_NOT_FOUND, "%s", path) : E_OK;
	else if (error != E_OK)
		error = fault_pass(fault, &inner);
	else if (is_locked(keys) && !is_locked(path))
		error = open_refuse(path, cipher, fault);
	free(path);
	return error;
}
