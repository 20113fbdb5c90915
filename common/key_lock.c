/* key_lock - turns a passphrase into a key, once for each salt, and locks the text of a key file with it. */
#include "common/key_lock.h"
#include "common/memory.h"

#include <libgen.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define LOCK_TAG "simpul/key-file/1"
/* What is on a stick that somebody found must not make this machine work for hours. */
#define PASSES_MOST 16
#define MEMORY_KIB_MOST (1024 * 1024)

_Static_assert(KEY_LOCK_SALT_SIZE == crypto_pwhash_argon2id_SALTBYTES, "the salt is Argon2id's");

const struct lock_cost KEY_LOCK_COST = {crypto_pwhash_argon2id_OPSLIMIT_MODERATE,
					crypto_pwhash_argon2id_MEMLIMIT_MODERATE / 1024};

/* What stands in a locked file, with "sealed", which is as long as the text and a tag. */
struct lid {
	uint8_t passes[4], memory_kib[4], salt[KEY_LOCK_SALT_SIZE], nonce[AEAD_NONCE_SIZE];
};

#define LID_LINES 4
#define LID_LINES_OF(lid) \
	{ \
		{"argon2id-passes", (lid).passes, sizeof (lid).passes}, \
		{"argon2id-memory-kib", (lid).memory_kib, sizeof (lid).memory_kib}, \
		{"argon2id-salt", (lid).salt, sizeof (lid).salt}, {"nonce", (lid).nonce, sizeof (lid).nonce}, \
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

/* ---- the key */

static enum error key_make(struct key_lock *lock, const struct lock_cost *cost, const uint8_t salt[KEY_LOCK_SALT_SIZE],
			   struct fault *fault)
{
	const size_t memory = (size_t)cost->memory_kib * 1024;

	lock->has_key = false;
	if (crypto_pwhash(lock->key, sizeof lock->key, lock->passphrase.text, strlen(lock->passphrase.text), salt,
			  cost->passes, memory, crypto_pwhash_ALG_ARGON2ID13) != 0)
		return fault_at(fault, E_NO_MEMORY, "passphrase: %zu MiB are needed", memory / (1024 * 1024));
	lock->cost = *cost;
	memcpy(lock->salt, salt, sizeof lock->salt);
	lock->has_key = true;
	return E_OK;
}

enum error key_lock_new(struct key_lock *lock, const char *passphrase, const struct lock_cost *cost,
			struct fault *fault)
{
	uint8_t salt[KEY_LOCK_SALT_SIZE];

	*lock = (struct key_lock){.has_passphrase = true};
	if (strlen(passphrase) > PASSPHRASE_MOST)
		return fault_at(fault, E_INVALID, "passphrase");
	strcpy(lock->passphrase.text, passphrase);
	randombytes_buf(salt, sizeof salt);
	return key_make(lock, cost, salt, fault);
}

void key_lock_wipe(struct key_lock *lock)
{
	sodium_memzero(lock, sizeof *lock);
}

void key_lock_forget(struct key_lock *lock)
{
	sodium_memzero(&lock->passphrase, sizeof lock->passphrase);
	lock->has_passphrase = false;
	lock->forgetful = true;
}

const struct key_lock *key_lock_same(const struct key_lock *lock)
{
	return lock != NULL && lock->has_key ? lock : NULL;
}

static enum error passphrase_ask(struct key_lock *lock, const char *path, struct fault *fault)
{
	struct fault inner = {0};
	char *copy;
	enum error error;

	if (lock->has_passphrase)
		return E_OK;
	copy = memory_string(path);
	error = passphrase_old(lock->file, lock->what != NULL ? lock->what : basename(copy), &lock->passphrase, &inner);
	lock->has_passphrase = error == E_OK;
	free(copy);
	if (error == E_MISSING)
		return fault_say(fault, error,
				 "%s: no passphrase was given (passphrase_file, credential simpul.passphrase, terminal)",
				 path);
	return error == E_OK ? E_OK : fault_pass(fault, &inner);
}

static enum error key_ready(struct key_lock *lock, const struct lid *lid, const char *path, struct fault *fault)
{
	const struct lock_cost cost = {number_get(lid->passes), number_get(lid->memory_kib)};
	enum error error;

	if (lock == NULL)
		return fault_at(fault, E_PASSPHRASE, "%s", path);
	if (lock->has_key && lock->cost.passes == cost.passes && lock->cost.memory_kib == cost.memory_kib &&
	    memcmp(lock->salt, lid->salt, sizeof lock->salt) == 0)
		return E_OK;
	if (lock->forgetful)
		return fault_at(fault, E_PASSPHRASE, "%s", path);
	error = passphrase_ask(lock, path, fault);
	return error == E_OK ? key_make(lock, &cost, lid->salt, fault) : error;
}

/* ---- the text */

/* All but the nonce. */
static void lid_associate(const struct lid *lid, struct buffer *out)
{
	buffer_text(out, LOCK_TAG);
	buffer_append(out, lid->passes, sizeof lid->passes);
	buffer_append(out, lid->memory_kib, sizeof lid->memory_kib);
	buffer_append(out, lid->salt, sizeof lid->salt);
}

static void line_put(struct buffer *out, const char *name, struct bytes value)
{
	char *hex = memory_alloc(2 * value.size + 1);

	buffer_text(out, name);
	buffer_text(out, " = ");
	buffer_text(out, hex_of(hex, value));
	buffer_text(out, "\n");
	free(hex);
}

void key_lock_close(const struct key_lock *lock, struct bytes plain, struct buffer *out)
{
	const char *end = memchr(plain.data, '\n', plain.size);
	struct buffer associated = {0};
	uint8_t *sealed = memory_alloc(plain.size + AEAD_TAG_SIZE);
	struct lid lid;
	const struct key_line lines[LID_LINES] = LID_LINES_OF(lid);

	number_put(lid.passes, lock->cost.passes);
	number_put(lid.memory_kib, lock->cost.memory_kib);
	memcpy(lid.salt, lock->salt, sizeof lid.salt);
	randombytes_buf(lid.nonce, sizeof lid.nonce);
	lid_associate(&lid, &associated);
	aead_seal(lock->key, lid.nonce, buffer_view(&associated), plain, sealed);
	/* The first line is a comment that says what the file is. */
	buffer_append(out, plain.data, end != NULL ? (size_t)((const uint8_t *)end - plain.data) : 0);
	buffer_text(out, ", locked with a passphrase\n");
	for (size_t i = 0; i < LID_LINES; i++)
		line_put(out, lines[i].name, BYTES(lines[i].value, lines[i].size));
	line_put(out, "locked", BYTES(sealed, plain.size + AEAD_TAG_SIZE));
	buffer_free(&associated);
	free(sealed);
}

/* The hexadecimal digits of a line, without its end; NULL when there is none of this name. */
static const char *line_find(const char *text, const char *name, size_t *digits)
{
	char *start = memory_format("\n%s = ", name);
	const char *line = strstr(text, start);

	if (line != NULL)
		line += strlen(start);
	*digits = line != NULL ? strcspn(line, "\n") : 0;
	free(start);
	return line;
}

static bool line_get(const char *text, const char *name, uint8_t *value, size_t size)
{
	size_t digits;
	const char *line = line_find(text, name, &digits);
	char *hex;
	bool good;

	if (line == NULL || digits != 2 * size)
		return false;
	hex = memory_format("%.*s", (int)digits, line);
	good = hex_parse(hex, value, size);
	free(hex);
	return good;
}

/* `sealed` is as large as the text. */
static bool lid_parse(const char *text, struct lid *lid, uint8_t *sealed, size_t *size)
{
	const struct key_line lines[LID_LINES] = LID_LINES_OF(*lid);
	size_t digits;

	for (size_t i = 0; i < LID_LINES; i++)
		if (!line_get(text, lines[i].name, lines[i].value, lines[i].size))
			return false;
	line_find(text, "locked", &digits);
	*size = digits / 2;
	return *size > AEAD_TAG_SIZE && line_get(text, "locked", sealed, *size);
}

static bool lid_bearable(const struct lid *lid)
{
	const uint32_t passes = number_get(lid->passes), memory_kib = number_get(lid->memory_kib);

	return passes >= crypto_pwhash_argon2id_OPSLIMIT_MIN && passes <= PASSES_MOST &&
	       memory_kib >= crypto_pwhash_argon2id_MEMLIMIT_MIN / 1024 && memory_kib <= MEMORY_KIB_MOST;
}

bool key_lock_closed(struct bytes text)
{
	static const char line[] = "\nlocked = ";

	return memmem(text.data, text.size, line, sizeof line - 1) != NULL;
}

enum error key_lock_open(struct key_lock *lock, struct bytes text, const char *path, struct buffer *plain,
			 struct fault *fault)
{
	char *copy = memory_format("%.*s", (int)text.size, (const char *)text.data);
	uint8_t *sealed = memory_alloc(text.size), *out = memory_alloc(text.size);
	struct buffer associated = {0};
	struct lid lid;
	size_t size = 0;
	enum error error = E_OK;

	if (!lid_parse(copy, &lid, sealed, &size) || !lid_bearable(&lid))
		error = fault_at(fault, E_INVALID, "%s", path);
	if (error == E_OK)
		error = key_ready(lock, &lid, path, fault);
	if (error == E_OK) {
		lid_associate(&lid, &associated);
		if (aead_open(lock->key, lid.nonce, buffer_view(&associated), BYTES(sealed, size), out))
			buffer_append(plain, out, size - AEAD_TAG_SIZE);
		else
			error = fault_at(fault, E_PASSPHRASE, "%s", path);
	}
	buffer_free(&associated);
	sodium_memzero(out, text.size);
	free(out);
	free(sealed);
	free(copy);
	return error;
}
