/* vault - keys.db: slots in blocks, keys derived from them, some at a time, bodies encrypted one by one. */
#include "broker/journal/vault.h"
#include "common/clock.h"
#include "common/database.h"
#include "common/memory.h"
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VAULT_SCHEMA "CREATE TABLE slot(entry INTEGER PRIMARY KEY, value BLOB NOT NULL);"

enum {
	SLOT_SIZE = 32,
	PART_SIZE = 32,
	LISTED_SIZE = 2 + PART_SIZE, /* u16 index || part, of an entry that was erased in part */
	BLOCK = 4096,		     /* slots laid in by one transaction */
	WINDOW = 16,		     /* keys derived at a time: eight blocks of a stream, as many as are made at once */
	NO_WINDOW = -1,
	SETTLE_PATIENCE_MS = 20, /* of the first attempt; commits wait meanwhile */
	SETTLE_PATIENCE_MOST_MS = 1000,
	SETTLE_LOOK_MS = 2,
	SETTLE_RESTS = 9, /* times as long as an attempt waited in vain, the next ones wait for nobody */
};

struct vault {
	sqlite3 *db;
	sqlite3_stmt *find, *add, *replace; /* the last two NULL when read only */
	uint8_t master[KEY_SIZE];
	uint64_t top;	      /* slots exist up to this entry; writer only, as the rest */
	int patience_ms;      /* of the next attempt to settle */
	steady_ms settles_at; /* which is not before then */
};

/* What keys.db says of one entry: its slot, or the parts that are left; and what was derived from it so far. */
struct vault_slot {
	uint64_t entry;
	uint8_t parts[KEY_SIZE], masks[KEY_SIZE]; /* seeds of key streams */
	uint8_t keys[WINDOW][KEY_SIZE];		  /* of the reports from `window` * WINDOW on */
	bool there[WINDOW];			  /* not erased */
	ptrdiff_t window;
	size_t next, next_at; /* the report after the one that was found last, and where it begins */
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
	v->patience_ms = SETTLE_PATIENCE_MS;
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

/* Commits, or takes back what an error came of. */
static enum error transaction_end(struct vault *vault, enum error error, struct fault *fault)
{
	if (error == E_OK)
		error = database_run(vault->db, "COMMIT", fault);
	if (error != E_OK && !sqlite3_get_autocommit(vault->db))
		database_run(vault->db, "ROLLBACK", NULL);
	return error;
}

static enum error block_lay_in(struct vault *vault, struct fault *fault)
{
	uint8_t *slots = memory_alloc(BLOCK * SLOT_SIZE);
	enum error error = database_run(vault->db, "BEGIN IMMEDIATE", fault);

	randombytes_buf(slots, BLOCK * SLOT_SIZE);
	if (error == E_OK)
		error = slots_insert(vault, slots, fault);
	error = transaction_end(vault, error, fault);
	if (error == E_OK)
		vault->top += BLOCK;
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

static bool is_whole(const struct vault_slot *slot)
{
	return slot->size == SLOT_SIZE;
}

static void seed_derive(const uint8_t *key, const char *tag, struct bytes input, const uint8_t nonce[VAULT_NONCE_SIZE],
			uint8_t seed[KEY_SIZE])
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, key, key != NULL ? KEY_SIZE : 0, KEY_SIZE);
	crypto_generichash_update(&state, (const uint8_t *)tag, strlen(tag));
	crypto_generichash_update(&state, input.data, input.size);
	crypto_generichash_update(&state, nonce, VAULT_NONCE_SIZE);
	crypto_generichash_final(&state, seed, KEY_SIZE);
	sodium_memzero(&state, sizeof(state));
}

static struct vault_slot *slot_new(const struct vault *vault, uint64_t entry, const uint8_t nonce[VAULT_NONCE_SIZE],
				   struct bytes value)
{
	struct vault_slot *slot = memory_alloc(sizeof(*slot) + value.size);
	uint8_t number[8];

	slot->entry = entry;
	slot->window = NO_WINDOW;
	slot->next = slot->next_at = 0;
	slot->size = value.size;
	if (value.size > 0)
		memcpy(slot->value, value.data, value.size);
	store_u64(number, entry);
	seed_derive(vault->master, "simpul/mask/1", BYTES(number, sizeof(number)), nonce, slot->masks);
	if (is_whole(slot))
		seed_derive(NULL, "simpul/part/1", value, nonce, slot->parts);
	return slot;
}

enum error vault_read_begin(struct vault *vault, struct fault *fault)
{
	return database_run(vault->db, "BEGIN", fault);
}

void vault_read_end(struct vault *vault)
{
	database_run(vault->db, "ROLLBACK", NULL);
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

/* XORs the stream of `seed` from report `first` on over the keys of `count` reports; two of them take one block. */
static void stream_add(const uint8_t seed[KEY_SIZE], size_t first, size_t count, uint8_t (*keys)[KEY_SIZE])
{
	static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];

	crypto_stream_chacha20_ietf_xor_ic(keys[0], keys[0], count * KEY_SIZE, nonce, (uint32_t)(first / 2), seed);
}

/* Of an entry that was erased in part: the parts from report `first` on that are still listed. */
static void parts_listed(struct vault_slot *slot, size_t first)
{
	for (size_t at = 0; at < slot->size; at += LISTED_SIZE) {
		const size_t index = (size_t)slot->value[at] << 8 | slot->value[at + 1];

		if (index < first || index >= first + WINDOW)
			continue;
		memcpy(slot->keys[index - first], slot->value + at + 2, PART_SIZE);
		slot->there[index - first] = true;
	}
}

static void window_derive(struct vault_slot *slot, size_t window)
{
	const size_t first = window * WINDOW;

	memset(slot->keys, 0, sizeof(slot->keys));
	memset(slot->there, is_whole(slot), sizeof(slot->there));
	if (is_whole(slot))
		stream_add(slot->parts, first, WINDOW, slot->keys);
	else
		parts_listed(slot, first);
	stream_add(slot->masks, first, WINDOW, slot->keys);
	slot->window = (ptrdiff_t)window;
}

/* NULL when the part of this report was erased. */
static const uint8_t *key_find(struct vault_slot *slot, size_t index)
{
	if (slot->window != (ptrdiff_t)(index / WINDOW))
		window_derive(slot, index / WINDOW);
	return slot->there[index % WINDOW] ? slot->keys[index % WINDOW] : NULL;
}

bool vault_is_erased(struct vault_slot *slot, size_t index)
{
	return !is_whole(slot) && key_find(slot, index) == NULL;
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

static const uint8_t zero_nonce[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];

static void body_encrypt(const uint8_t key[KEY_SIZE], uint64_t entry, size_t index, struct bytes body,
			 struct buffer *out)
{
	uint8_t place[PLACE_SIZE];

	buffer_u32(out, (uint32_t)(body.size + VAULT_OVERHEAD));
	crypto_aead_chacha20poly1305_ietf_encrypt(buffer_room(out, body.size + VAULT_OVERHEAD), NULL, body.data,
						  body.size, place_of(place, entry, index), PLACE_SIZE, NULL,
						  zero_nonce, key);
}

static enum error slot_replace(struct vault *vault, uint64_t entry, const uint8_t *value, size_t size,
			       struct fault *fault)
{
	enum error error;

	bind_number(vault->replace, 1, entry);
	sqlite3_bind_blob(vault->replace, 2, value, (int)size, SQLITE_STATIC);
	error = database_step(vault->replace, fault);
	sqlite3_clear_bindings(vault->replace);
	return error;
}

/* In a history that is over this entry was another one, of which something was erased: parts of its own for each
 * report, as a list, so that nobody takes it for a slot that is as it was. */
static enum error slot_anew(struct vault *vault, uint64_t entry, size_t count, struct fault *fault)
{
	uint8_t *parts = memory_zero(count, LISTED_SIZE);
	enum error error;

	randombytes_buf(parts, count * LISTED_SIZE);
	for (size_t i = 0; i < count; i++) {
		parts[i * LISTED_SIZE] = (uint8_t)(i >> 8);
		parts[i * LISTED_SIZE + 1] = (uint8_t)i;
	}
	error = slot_replace(vault, entry, parts, count * LISTED_SIZE, fault);
	sodium_memzero(parts, count * LISTED_SIZE);
	free(parts);
	return error;
}

enum error vault_encrypt(struct vault *vault, uint64_t entry, const uint8_t nonce[VAULT_NONCE_SIZE],
			 const struct bytes *bodies, size_t count, struct buffer *out, struct fault *fault)
{
	struct vault_slot *slot;
	enum error error = vault_slot_open(vault, entry, nonce, &slot, fault);

	if (error == E_OK && !is_whole(slot)) {
		vault_slot_close(slot);
		slot = NULL;
		error = slot_anew(vault, entry, count, fault);
		if (error == E_OK)
			error = vault_slot_open(vault, entry, nonce, &slot, fault);
	}
	for (size_t i = 0; error == E_OK && i < count; i++)
		if (bodies[i].data == NULL)
			buffer_u32(out, 0);
		else
			body_encrypt(key_find(slot, i), entry, i, bodies[i], out);
	vault_slot_close(slot);
	return error;
}

/* The ciphertext of report `index`; false when `stored` does not hold one so far. The search goes on where it ended
 * last. */
static bool stored_find(struct vault_slot *slot, struct bytes stored, size_t index, struct bytes *body)
{
	if (index < slot->next)
		slot->next = slot->next_at = 0;
	for (;;) {
		const uint8_t *length;
		size_t size;

		if (stored.size < slot->next_at + 4)
			return false;
		length = stored.data + slot->next_at;
		size = (size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];
		if (size > stored.size - slot->next_at - 4)
			return false;
		slot->next_at += 4 + size;
		*body = BYTES(length + 4, size);
		if (slot->next++ == index)
			return true;
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
	result = crypto_aead_chacha20poly1305_ietf_decrypt(buffer_room(out, body.size - VAULT_OVERHEAD), NULL, NULL,
							   body.data, body.size, place_of(place, entry, index),
							   PLACE_SIZE, zero_nonce, key);
	if (result != 0)
		out->size = before;
	return result == 0;
}

enum error vault_decrypt(struct vault_slot *slot, struct bytes stored, size_t index, struct buffer *out,
			 struct fault *fault)
{
	struct bytes body;
	const uint8_t *key;

	if (!stored_find(slot, stored, index, &body))
		return fault_at(fault, E_CORRUPT, "bodies");
	key = key_find(slot, index);
	if (key == NULL)
		return fault_at(fault, E_NOT_FOUND, "body");
	return body_decrypt(key, slot->entry, index, body, out) ? E_OK : fault_at(fault, E_CORRUPT, "body");
}

/* ---------------------------------------------------------------------------- erasing */

/* The parts of all reports but `erased` of them from `first` on that are still there: their keys without the masks.
 * `room` holds `count` of them. */
static size_t parts_without(struct vault_slot *slot, size_t first, size_t erased, size_t count, uint8_t *room)
{
	uint8_t(*masks)[KEY_SIZE] = memory_zero(count, KEY_SIZE);
	size_t used = 0;

	stream_add(slot->masks, 0, count, masks);
	for (size_t i = 0; i < count; i++) {
		const uint8_t *key = i >= first && i - first < erased ? NULL : key_find(slot, i);
		uint8_t *listed = room + used;

		if (key == NULL)
			continue;
		listed[0] = (uint8_t)(i >> 8);
		listed[1] = (uint8_t)i;
		for (size_t byte = 0; byte < PART_SIZE; byte++)
			listed[2 + byte] = key[byte] ^ masks[i][byte];
		used += LISTED_SIZE;
	}
	sodium_memzero(masks, count * KEY_SIZE);
	free(masks);
	return used;
}

/* Somebody read on: longer patience next time, but commits get nine tenths of the time. */
static void settle_later(struct vault *vault)
{
	vault->settles_at = clock_now().steady + (steady_ms)(SETTLE_RESTS * vault->patience_ms);
	vault->patience_ms =
		4 * vault->patience_ms < SETTLE_PATIENCE_MOST_MS ? 4 * vault->patience_ms : SETTLE_PATIENCE_MOST_MS;
}

/* SQLite waits for whoever has one of four places, and another may have taken that by then: with enough readers it
 * waits in vain for ever. Asked anew it sees where they read: while nothing is written, each that begins is in nobody's
 * way, and the last that is ends after twice the time that one reads for. */
static enum error settle_wait(struct vault *vault, int patience_ms, struct fault *fault)
{
	const struct timespec pause = {.tv_nsec = SETTLE_LOOK_MS * 1000000L};
	const steady_ms until = clock_now().steady + (steady_ms)patience_ms;
	enum error error;

	while ((error = database_wipe_log(vault->db, 0, fault)) == E_BUSY && clock_now().steady < until)
		nanosleep(&pause, NULL);
	return error;
}

/* The old pages still stand in the log until it is cut off. */
enum error vault_settle(struct vault *vault, struct fault *fault)
{
	const bool patient = clock_now().steady >= vault->settles_at;
	enum error error = settle_wait(vault, patient ? vault->patience_ms : 0, fault);

	if (error == E_OK)
		vault->patience_ms = SETTLE_PATIENCE_MS;
	else if (error == E_BUSY && patient)
		settle_later(vault);
	if (error != E_OK)
		fault_within(fault, "keys.db");
	return error;
}

enum error vault_erase(struct vault *vault, uint64_t entry, const uint8_t nonce[VAULT_NONCE_SIZE], size_t first,
		       size_t erased, size_t count, struct fault *fault)
{
	struct vault_slot *slot;
	uint8_t *rest;
	size_t size;
	enum error error = vault_slot_open(vault, entry, nonce, &slot, fault);

	if (error != E_OK)
		return error;
	rest = memory_zero(count, LISTED_SIZE);
	size = parts_without(slot, first, erased, count, rest);
	error = slot_replace(vault, entry, rest, size, fault);
	sodium_memzero(rest, count * LISTED_SIZE);
	free(rest);
	vault_slot_close(slot);
	return error;
}

enum error vault_erase_begin(struct vault *vault, struct fault *fault)
{
	return database_run(vault->db, "BEGIN IMMEDIATE", fault);
}

enum error vault_erase_end(struct vault *vault, enum error error, struct fault *fault)
{
	return transaction_end(vault, error, fault);
}
