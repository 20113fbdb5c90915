/* examiner - takes bodies off a journal as they stand there, and tries everything at hand as what opens them. */
#include "tests/support/examiner.h"
#include "common/file.h"
#include "common/memory.h"
#include "tests/support/must.h"

#include <sodium.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW = 32, TAG = 16, LENGTH = 4, FILE_MOST = 256 << 20 };

/* ------------------------------------------------------------------ what is taken */

static void bytes_put(struct buffer *out, sqlite3_stmt *row, int column)
{
	buffer_append(out, sqlite3_column_blob(row, column), (size_t)sqlite3_column_bytes(row, column));
}

static void exhibit_add(struct examiner *examiner, sqlite3_stmt *row, size_t index, const uint8_t *body, size_t size)
{
	struct exhibit exhibit = {.entry = (uint64_t)sqlite3_column_int64(row, 0),
				  .number = (uint64_t)sqlite3_column_int64(row, 4) + index,
				  .stream = (uint32_t)sqlite3_column_int64(row, 3),
				  .index = index};

	bytes_put(&exhibit.nonce, row, 1);
	buffer_append(&exhibit.ciphertext, body, size);
	examiner->exhibits = memory_grow(examiner->exhibits, examiner->count + 1, sizeof(exhibit));
	examiner->exhibits[examiner->count++] = exhibit;
}

/* u32 length || ciphertext of each report. */
static void bodies_take(struct examiner *examiner, sqlite3_stmt *row)
{
	struct buffer bodies = {0};
	size_t at = 0;

	bytes_put(&bodies, row, 2);
	for (size_t index = 0; at + LENGTH <= bodies.size; index++) {
		const uint8_t *length = bodies.data + at;
		const size_t size =
			(size_t)length[0] << 24 | (size_t)length[1] << 16 | (size_t)length[2] << 8 | length[3];

		must(size <= bodies.size - at - LENGTH, "a body in the journal");
		if (size >= TAG)
			exhibit_add(examiner, row, index, length + LENGTH, size);
		at += LENGTH + size;
	}
	buffer_free(&bodies);
}

void examiner_take(struct examiner *examiner, const char *journal)
{
	static const char sql[] = "SELECT entry, nonce, bodies, stream, first FROM content JOIN entry USING(entry)"
				  " WHERE bodies IS NOT NULL ORDER BY entry";
	sqlite3_stmt *rows = NULL;
	sqlite3 *db = NULL;

	must(sqlite3_open_v2(journal, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK, journal);
	must(sqlite3_prepare_v2(db, sql, -1, &rows, NULL) == SQLITE_OK, "the bodies of a journal");
	while (sqlite3_step(rows) == SQLITE_ROW)
		bodies_take(examiner, rows);
	sqlite3_finalize(rows);
	sqlite3_close(db);
}

void examiner_material(struct examiner *examiner, const char *path)
{
	struct buffer content = {0};

	if (file_read(path, FILE_MOST, &content, NULL) == E_OK)
		buffer_bytes(&examiner->material, buffer_view(&content));
	buffer_free(&content);
}

void examiner_material_drop(struct examiner *examiner)
{
	buffer_clear(&examiner->material);
}

/* ------------------------------------------------------------------ what is tried */

/* The part of the ChaCha20 stream under the hash that belongs to this report, XORed over `key`. */
static void stream_over(const struct exhibit *exhibit, const uint8_t *master, const char *tag, const void *input,
			size_t size, uint8_t key[KEY_SIZE])
{
	static const uint8_t zeros[crypto_stream_chacha20_ietf_NONCEBYTES];
	crypto_generichash_state state;
	uint8_t seed[KEY_SIZE], block[2 * KEY_SIZE] = {0};

	crypto_generichash_init(&state, master, master != NULL ? KEY_SIZE : 0, KEY_SIZE);
	crypto_generichash_update(&state, (const uint8_t *)tag, strlen(tag));
	crypto_generichash_update(&state, input, size);
	crypto_generichash_update(&state, exhibit->nonce.data, exhibit->nonce.size);
	crypto_generichash_final(&state, seed, KEY_SIZE);
	crypto_stream_chacha20_ietf_xor_ic(block, block, sizeof(block), zeros, (uint32_t)(exhibit->index / 2), seed);
	for (size_t i = 0; i < KEY_SIZE; i++)
		key[i] ^= block[exhibit->index % 2 * KEY_SIZE + i];
}

/* A body begins with its first field, which holds bytes: one look at that spares nearly all the work. */
static bool key_may_open(const struct exhibit *exhibit, const uint8_t key[KEY_SIZE])
{
	enum { FIRST_FIELD = 1 << 3 | 2, FIRST_BLOCK = 1 };
	static const uint8_t zeros[crypto_stream_chacha20_ietf_NONCEBYTES];
	uint8_t begin;

	crypto_stream_chacha20_ietf_xor_ic(&begin, exhibit->ciphertext.data, 1, zeros, FIRST_BLOCK, key);
	return begin == FIRST_FIELD;
}

static bool key_opens(struct exhibit *exhibit, const uint8_t key[KEY_SIZE])
{
	static const uint8_t zeros[crypto_aead_chacha20poly1305_ietf_NPUBBYTES];
	uint8_t place[10], *plain;

	if (!key_may_open(exhibit, key))
		return false;
	store_u64(place, exhibit->entry);
	place[8] = (uint8_t)(exhibit->index >> 8);
	place[9] = (uint8_t)exhibit->index;
	buffer_clear(&exhibit->plain);
	plain = buffer_room(&exhibit->plain, exhibit->ciphertext.size - TAG);
	return crypto_aead_chacha20poly1305_ietf_decrypt(plain, NULL, NULL, exhibit->ciphertext.data,
							 exhibit->ciphertext.size, place, sizeof(place), zeros,
							 key) == 0;
}

/* As the slot of the entry, and as the part that is left of this report where another one of the entry was erased. */
static bool secret_opens(struct exhibit *exhibit, const uint8_t mask[KEY_SIZE], const uint8_t *secret)
{
	memcpy(exhibit->key, mask, KEY_SIZE);
	stream_over(exhibit, NULL, "simpul/part/1", secret, WINDOW, exhibit->key);
	if (key_opens(exhibit, exhibit->key))
		return true;
	for (size_t i = 0; i < KEY_SIZE; i++)
		exhibit->key[i] = mask[i] ^ secret[i];
	return key_opens(exhibit, exhibit->key);
}

bool examiner_opens(const struct examiner *examiner, struct exhibit *exhibit)
{
	static const uint8_t no_master[KEY_SIZE];
	const uint8_t *material = examiner->material.data;
	uint8_t mask[KEY_SIZE] = {0}, entry[8];

	store_u64(entry, exhibit->entry);
	stream_over(exhibit, no_master, "simpul/mask/1", entry, sizeof(entry), mask);
	for (size_t at = 0; at + WINDOW <= examiner->material.size; at++) {
		if (!secret_opens(exhibit, mask, material + at))
			continue;
		memcpy(exhibit->secret, material + at, WINDOW);
		return true;
	}
	return false;
}

size_t examiner_open_all(struct examiner *examiner)
{
	size_t opened = 0;

	for (size_t i = 0; i < examiner->count; i++)
		opened += examiner_opens(examiner, &examiner->exhibits[i]);
	return opened;
}

struct exhibit *examiner_find(struct examiner *examiner, uint32_t stream, uint64_t number)
{
	for (size_t i = 0; i < examiner->count; i++)
		if (examiner->exhibits[i].stream == stream && examiner->exhibits[i].number == number)
			return &examiner->exhibits[i];
	return NULL;
}

void examiner_free(struct examiner *examiner)
{
	for (size_t i = 0; i < examiner->count; i++) {
		buffer_free(&examiner->exhibits[i].nonce);
		buffer_free(&examiner->exhibits[i].ciphertext);
		buffer_free(&examiner->exhibits[i].plain);
	}
	free(examiner->exhibits);
	buffer_free(&examiner->material);
	*examiner = (struct examiner){0};
}
