/* vault - keys.db: slots in blocks, keys derived from them, bodies encrypted one by one. */
#include "broker/vault.h"
#include "common/database.h"
#include "common/memory.h"
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VAULT_VERSION 1
#define VAULT_SCHEMA "CREATE TABLE slot(entry INTEGER PRIMARY KEY, value BLOB NOT NULL);"

enum {
	SLOT_SIZE = 32,
	PART_SIZE = 32,
	LISTED_SIZE = 2 + PART_SIZE, /* u16 index || part, of an entry that was erased in part */
	BLOCK = 4096,		     /* slots laid in by one transaction */
};

struct vault {
	sqlite3 *db;
	sqlite3_stmt *find, *add, *replace; /* the last two NULL when read only */
	uint8_t master[KEY_SIZE];
	uint64_t top; /* slots exist up to this entry; writer only */
};

/* What keys.db says of one entry: its slot, or the parts that are left; and the place that it belongs to. */
struct vault_slot {
	const struct vault *vault;
	uint64_t entry;
	uint8_t nonce[VAULT_NONCE_SIZE];
	size_t size;
	uint8_t value[];
};

/* ---------------------------------------------------------------------------- life */

static enum error top_find(struct vault *vault, struct fault *fault)
{
	sqlite3_stmt *last = database_prepare(vault->db, "SELECT max(entry) FROM slot");
	enum error error = E_OK;

	if (sqlite3_step(last) == SQLITE_ROW)
		vault->top = column_number(last, 0);
	else
		error = database_fault(vault->db, fault);
	sqlite3_finalize(last);
	return error;
}

enum error vault_open(struct vault **vault, const char *path, const uint8_t master[KEY_SIZE], bool writable,
		      struct fault *fault)
{
	struct vault *v = memory_zero(1, sizeof(*v));
	char *file = memory_format("%s/%s", path, VAULT_FILE);
	enum error error;

	*vault = NULL;
	memcpy(v->master, master, KEY_SIZE);
	error = database_open(&v->db, file, writable ? DATABASE_WRITE : DATABASE_READ, VAULT_VERSION, VAULT_SCHEMA,
			      fault);
	free(file);
	if (error != E_OK)
		goto failed;
	v->find = database_prepare(v->db, "SELECT value FROM slot WHERE entry = ?1");
	if (writable) {
		v->add = database_prepare(v->db, "INSERT INTO slot(entry, value) VALUES(?1, ?2)");
		v->replace = database_prepare(v->db, "UPDATE slot SET value = ?2 WHERE entry = ?1");
		error = top_find(v, fault);
	}
	if (error != E_OK)
		goto failed;
	*vault = v;
	return E_OK;
failed:
	vault_close(v);
	return error;
}

void vault_close(struct vault *vault)
{
	if (vault == NULL)
		return;
	sqlite3_finalize(vault->find);
	sqlite3_finalize(vault->add);
	sqlite3_finalize(vault->replace);
	if (vault->db != NULL)
		database_close(vault->db);
	sodium_memzero(vault, sizeof(*vault));
	free(vault);
}

/* ---------------------------------------------------------------------------- slots */

static enum error slots_insert(struct vault *vault, const uint8_t *slots, struct fault *fault)
{
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < BLOCK; i++) {
		bind_number(vault->add, 1, vault->top + 1 + i);
		bind_bytes(vault->add, 2, BYTES(slots + i * SLOT_SIZE, SLOT_SIZE));
		error = database_step(vault->add, fault);
	}
	sqlite3_clear_bindings(vault->add);
	return error;
}

static enum error block_lay_in(struct vault *vault, struct fault *fault)
{
	uint8_t *slots = memory_alloc(BLOCK * SLOT_SIZE);
	enum error error = database_run(vault->db, "BEGIN IMMEDIATE", fault);

	randombytes_buf(slots, BLOCK * SLOT_SIZE);
	if (error == E_OK)
		error = slots_insert(vault, slots, fault);
	if (error == E_OK)
		error = database_run(vault->db, "COMMIT", fault);
	if (error == E_OK)
		vault->top += BLOCK;
	else if (!sqlite3_get_autocommit(vault->db))
		database_run(vault->db, "ROLLBACK", NULL);
	sodium_memzero(slots, BLOCK * SLOT_SIZE);
	free(slots);
	return error;
}

enum error vault_reserve(struct vault *vault, uint64_t entry, struct fault *fault)
{
	enum error error = E_OK;

	while (error == E_OK && vault->top < entry)
		error = block_lay_in(vault, fault);
	return error;
}

uint64_t vault_top(const struct vault *vault)
{
	return vault->top;
}

static struct vault_slot *slot_new(const struct vault *vault, uint64_t entry, const uint8_t nonce[VAULT_NONCE_SIZE],
				   struct bytes value)
{
	struct vault_slot *slot = memory_alloc(sizeof(*slot) + value.size);

	slot->vault = vault;
	slot->entry = entry;
	slot->size = value.size;
	memcpy(slot->nonce, nonce, VAULT_NONCE_SIZE);
	if (value.size > 0)
		memcpy(slot->value, value.data, value.size);
	return slot;
}

enum error vault_slot_open(struct vault *vault, uint64_t entry, const uint8_t nonce[VAULT_NONCE_SIZE],
			   struct vault_slot **slot, struct fault *fault)
{
	enum error error = E_OK;
	int result;

	*slot = NULL;
	bind_number(vault->find, 1, entry);
	result = sqlite3_step(vault->find);
	if (result == SQLITE_ROW) {
		struct bytes value = column_bytes(vault->find, 0);

		if (value.size == SLOT_SIZE || value.size % LISTED_SIZE == 0)
			*slot = slot_new(vault, entry, nonce, value);
		else
			error = fault_at(fault, E_CORRUPT, "keys.db: slot");
	} else if (result == SQLITE_DONE) {
		error = fault_at(fault, E_CORRUPT, "keys.db: no slot");
	} else {
		error = database_fault(vault->db, fault);
	}
	sqlite3_reset(vault->find);
	return error;
}

void vault_slot_close(struct vault_slot *slot)
{
	if (slot == NULL)
		return;
	sodium_memzero(slot, sizeof(*slot) + slot->size);
	free(slot);
}

/* ---------------------------------------------------------------------------- keys */

static void part_derive(const uint8_t slot[SLOT_SIZE], const uint8_t nonce[VAULT_NONCE_SIZE], size_t index,
			uint8_t part[PART_SIZE])
{
	static const char tag[] = "simpul/part/1";
	const uint8_t number[2] = {(uint8_t)(index >> 8), (uint8_t)index};
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, PART_SIZE);
	crypto_generichash_update(&state, (const uint8_t *)tag, sizeof(tag) - 1);
	crypto_generichash_update(&state, slot, SLOT_SIZE);
	crypto_generichash_update(&state, nonce, VAULT_NONCE_SIZE);
	crypto_generichash_update(&state, number, sizeof(number));
	crypto_generichash_final(&state, part, PART_SIZE);
	sodium_memzero(&state, sizeof(state));
}

/* False when the part of this report was erased. */
static bool part_find(const struct vault_slot *slot, size_t index, uint8_t part[PART_SIZE])
{
	if (slot->size == SLOT_SIZE) {
		part_derive(slot->value, slot->nonce, index, part);
		return true;
	}
	for (size_t at = 0; at < slot->size; at += LISTED_SIZE) {
		if (((size_t)slot->value[at] << 8 | slot->value[at + 1]) == index) {
			memcpy(part, slot->value + at + 2, PART_SIZE);
			return true;
		}
	}
	return false;
}

static void key_derive(const struct vault *vault, const uint8_t part[PART_SIZE], uint8_t key[KEY_SIZE])
{
	static const char tag[] = "simpul/rest/1";
	crypto_generichash_state state;

	crypto_generichash_init(&state, vault->master, KEY_SIZE, KEY_SIZE);
	crypto_generichash_update(&state, (const uint8_t *)tag, sizeof(tag) - 1);
	crypto_generichash_update(&state, part, PART_SIZE);
	crypto_generichash_final(&state, key, KEY_SIZE);
	sodium_memzero(&state, sizeof(state));
}

static bool key_find(const struct vault_slot *slot, size_t index, uint8_t key[KEY_SIZE])
{
	uint8_t part[PART_SIZE];
	bool found = part_find(slot, index, part);

	if (found)
		key_derive(slot->vault, part, key);
	sodium_memzero(part, sizeof(part));
	return found;
}

/* ---------------------------------------------------------------------------- bodies */

#define PLACE_SIZE 10

static const uint8_t *place_of(uint8_t place[PLACE_SIZE], uint64_t entry, size_t index)
{
	store_u64(place, entry);
	place[8] = (uint8_t)(index >> 8);
	place[9] = (uint8_t)index;
	return place;
}

static const uint8_t zero_nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES];

static void body_encrypt(const uint8_t key[KEY_SIZE], uint64_t entry, size_t index, struct bytes body,
			 struct buffer *out)
{
	uint8_t place[PLACE_SIZE];

	buffer_u32(out, (uint32_t)(body.size + VAULT_OVERHEAD));
	crypto_aead_xchacha20poly1305_ietf_encrypt(buffer_room(out, body.size + VAULT_OVERHEAD), NULL, body.data,
						   body.size, place_of(place, entry, index), PLACE_SIZE, NULL,
						   zero_nonce, key);
}

enum error vault_encrypt(struct vault *vault, uint64_t entry, const uint8_t nonce[VAULT_NONCE_SIZE],
			 const struct bytes *bodies, size_t count, struct buffer *out, struct fault *fault)
{
	struct vault_slot *slot;
	uint8_t key[KEY_SIZE];
	enum error error = vault_slot_open(vault, entry, nonce, &slot, fault);

	if (error == E_OK && slot->size != SLOT_SIZE)
		error = fault_at(fault, E_CORRUPT, "keys.db: slot used before");
	for (size_t i = 0; error == E_OK && i < count; i++) {
		if (bodies[i].data == NULL) {
			buffer_u32(out, 0);
			continue;
		}
		key_find(slot, i, key);
		body_encrypt(key, entry, i, bodies[i], out);
	}
	sodium_memzero(key, sizeof(key));
	vault_slot_close(slot);
	return error;
}

/* The ciphertext of report `index`; false when `stored` does not hold one so far. */
static bool stored_find(struct bytes stored, size_t index, struct bytes *body)
{
	for (size_t i = 0;; i++) {
		size_t size;

		if (stored.size < 4)
			return false;
		size = (size_t)stored.data[0] << 24 | (size_t)stored.data[1] << 16 | (size_t)stored.data[2] << 8 |
		       stored.data[3];
		stored = BYTES(stored.data + 4, stored.size - 4);
		if (size > stored.size)
			return false;
		*body = BYTES(stored.data, size);
		if (i == index)
			return true;
		stored = BYTES(stored.data + size, stored.size - size);
	}
}

static bool body_decrypt(const uint8_t key[KEY_SIZE], uint64_t entry, size_t index, struct bytes body,
			 struct buffer *out)
{
	size_t before = out->size;
	uint8_t place[PLACE_SIZE];
	int result;

	if (body.size < VAULT_OVERHEAD)
		return false;
	result = crypto_aead_xchacha20poly1305_ietf_decrypt(buffer_room(out, body.size - VAULT_OVERHEAD), NULL, NULL,
							    body.data, body.size, place_of(place, entry, index),
							    PLACE_SIZE, zero_nonce, key);
	if (result != 0)
		out->size = before;
	return result == 0;
}

enum error vault_decrypt(const struct vault_slot *slot, struct bytes stored, size_t index, struct buffer *out,
			 struct fault *fault)
{
	struct bytes body;
	uint8_t key[KEY_SIZE];
	enum error error = E_OK;

	if (!stored_find(stored, index, &body))
		return fault_at(fault, E_CORRUPT, "bodies");
	if (!key_find(slot, index, key))
		error = fault_at(fault, E_NOT_FOUND, "body");
	else if (!body_decrypt(key, slot->entry, index, body, out))
		error = fault_at(fault, E_CORRUPT, "body");
	sodium_memzero(key, sizeof(key));
	return error;
}

/* ---------------------------------------------------------------------------- erasing */

/* The parts of all reports but `index` that are still there; `room` holds `count` of them. */
static size_t parts_without(const struct vault_slot *slot, size_t index, size_t count, uint8_t *room)
{
	size_t used = 0;

	for (size_t i = 0; i < count; i++) {
		if (i == index || !part_find(slot, i, room + used + 2))
			continue;
		room[used] = (uint8_t)(i >> 8);
		room[used + 1] = (uint8_t)i;
		used += LISTED_SIZE;
	}
	return used;
}

/* secure_delete overwrites the page in the database file; the old one still stands in the WAL until it is cut off. */
static enum error wal_truncate(struct vault *vault, struct fault *fault)
{
	int result = sqlite3_wal_checkpoint_v2(vault->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	return result == SQLITE_OK ? E_OK : database_fault(vault->db, fault);
}

enum error vault_erase(struct vault *vault, uint64_t entry, const uint8_t nonce[VAULT_NONCE_SIZE], size_t index,
		       size_t count, struct fault *fault)
{
	struct vault_slot *slot;
	uint8_t *rest;
	size_t size;
	enum error error = vault_slot_open(vault, entry, nonce, &slot, fault);

	if (error != E_OK)
		return error;
	rest = memory_zero(count, LISTED_SIZE);
	size = parts_without(slot, index, count, rest);
	bind_number(vault->replace, 1, entry);
	sqlite3_bind_blob(vault->replace, 2, rest, (int)size, SQLITE_STATIC);
	error = database_step(vault->replace, fault);
	sqlite3_clear_bindings(vault->replace);
	if (error == E_OK)
		error = wal_truncate(vault, fault);
	sodium_memzero(rest, count * LISTED_SIZE);
	free(rest);
	vault_slot_close(slot);
	return error;
}
