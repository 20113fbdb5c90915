/* Tries to break what vault.h promises. */
#include "broker/journal/vault.h"
#include "common/clock.h"
#include "common/database.h"
#include "common/memory.h"
#include "tests/support/disk.h"
#include "tests/support/process.h"
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

static const uint8_t master[KEY_SIZE] = {1, 2, 3};
static const uint8_t nonce[VAULT_NONCE_SIZE] = {9};
static const struct bytes bodies[3] = {
	{(const uint8_t *)"first body", 10}, {(const uint8_t *)"second", 6}, {(const uint8_t *)"", 0}};

static int setup(void **state)
{
	char path[] = "/tmp/vault_test.XXXXXX";

	keys_init();
	assert_non_null(mkdtemp(path));
	*state = memory_string(path);
	return 0;
}

static int teardown(void **state)
{
	tree_remove(*state);
	free(*state);
	return 0;
}

static struct vault *open_with(const char *path, const uint8_t key[KEY_SIZE], bool writable)
{
	struct vault *vault;

	assert_int_equal(vault_open(&vault, path, key, writable, NULL), E_OK);
	return vault;
}

static void erase(struct vault *vault, size_t index, size_t count)
{
	assert_int_equal(vault_erase_begin(vault, NULL), E_OK);
	assert_int_equal(vault_erase_end(vault, vault_erase(vault, 7, nonce, index, 1, count, NULL), NULL), E_OK);
	assert_int_equal(vault_settle(vault, NULL), E_OK);
}

static struct vault *open_new(const char *path)
{
	struct vault *vault = open_with(path, master, true);

	assert_int_equal(vault_reserve(vault, 10, NULL), E_OK);
	return vault;
}

/* Opens the slot anew each time, as readers do. */
static enum error decrypt(struct vault *vault, uint64_t entry, struct bytes stored, size_t index, struct buffer *out)
{
	struct vault_slot *slot;
	enum error error = vault_slot_open(vault, entry, nonce, &slot, NULL);

	if (error == E_OK)
		error = vault_decrypt(slot, stored, index, out, NULL);
	vault_slot_close(slot);
	return error;
}

static void assert_body(struct vault *vault, const struct buffer *stored, size_t index)
{
	struct buffer body = {0};

	assert_int_equal(decrypt(vault, 7, buffer_view(stored), index, &body), E_OK);
	assert_true(bytes_equal(buffer_view(&body), bodies[index]));
	buffer_free(&body);
}

static void assert_no_body(struct vault *vault, const struct buffer *stored, size_t index, enum error expected)
{
	struct buffer body = {0};

	assert_int_equal(decrypt(vault, 7, buffer_view(stored), index, &body), expected);
	assert_int_equal(body.size, 0);
	buffer_free(&body);
}

static void what_was_encrypted_is_read_by_another_connection(void **state)
{
	struct vault *vault = open_new(*state), *reader = open_with(*state, master, false);
	struct buffer stored = {0};

	assert_int_equal(vault_encrypt(vault, 7, nonce, bodies, 3, &stored, NULL), E_OK);
	assert_int_equal(stored.size, 10 + 6 + 3 * (4 + VAULT_OVERHEAD));
	for (size_t i = 0; i < 3; i++)
		assert_body(reader, &stored, i);
	buffer_free(&stored);
	vault_close(reader);
	vault_close(vault);
}

static void an_erased_body_cannot_be_read_again(void **state)
{
	struct vault *vault = open_new(*state);
	struct buffer stored = {0};

	vault_encrypt(vault, 7, nonce, bodies, 3, &stored, NULL);
	erase(vault, 0, 3);
	assert_no_body(vault, &stored, 0, E_NOT_FOUND);
	assert_body(vault, &stored, 1);
	assert_body(vault, &stored, 2);
	erase(vault, 2, 3);
	erase(vault, 1, 3);
	for (size_t i = 0; i < 3; i++)
		assert_no_body(vault, &stored, i, E_NOT_FOUND);
	buffer_free(&stored);
	vault_close(vault);
}

static void a_read_in_one_go_ends_before_what_was_erased_counts_as_gone(void **state)
{
	struct vault *vault = open_new(*state), *reader = open_with(*state, master, false);
	struct buffer stored = {0};

	vault_encrypt(vault, 7, nonce, bodies, 3, &stored, NULL);
	assert_int_equal(vault_read_begin(reader, NULL), E_OK);
	assert_body(reader, &stored, 0);
	assert_int_equal(vault_erase_begin(vault, NULL), E_OK);
	assert_int_equal(vault_erase_end(vault, vault_erase(vault, 7, nonce, 0, 1, 3, NULL), NULL), E_OK);
	assert_body(reader, &stored, 0);
	assert_int_equal(vault_settle(vault, NULL), E_BUSY);
	vault_read_end(reader);
	assert_no_body(reader, &stored, 0, E_NOT_FOUND);
	assert_int_equal(vault_settle(vault, NULL), E_OK);
	buffer_free(&stored);
	vault_close(reader);
	vault_close(vault);
}

/* Reads a slot's bytes straight from its row. */
static void slot_of(const char *path, uint8_t slot[32])
{
	char *file = memory_format("%s/keys.db", path);
	sqlite3 *db;
	sqlite3_stmt *get;

	assert_int_equal(database_open(&db, file, DATABASE_READ, 2, NULL, NULL), E_OK);
	get = database_prepare(db, "SELECT value FROM slot WHERE entry = 7");
	assert_int_equal(sqlite3_step(get), SQLITE_ROW);
	memcpy(slot, column_bytes(get, 0).data, 32);
	database_close(db);
	free(file);
}

static bool file_holds(const char *path, const char *name, struct bytes what)
{
	char file[128];
	uint8_t *data;
	size_t size;
	FILE *f;
	bool found;

	snprintf(file, sizeof(file), "%s/%s", path, name);
	f = fopen(file, "rb");
	if (!f)
		return false;
	fseek(f, 0, SEEK_END);
	size = (size_t)ftell(f);
	rewind(f);
	data = memory_alloc(size);
	assert_int_equal(fread(data, 1, size, f), size);
	fclose(f);
	found = memmem(data, size, what.data, what.size) != NULL;
	free(data);
	return found;
}

static void an_erased_slot_stands_in_no_file(void **state)
{
	struct vault *vault = open_new(*state);
	uint8_t slot[32];

	slot_of(*state, slot);
	assert_true(file_holds(*state, "keys.db", BYTES(slot, 32)) ||
		    file_holds(*state, "keys.db-wal", BYTES(slot, 32)));
	erase(vault, 0, 2);
	assert_false(file_holds(*state, "keys.db", BYTES(slot, 32)));
	assert_false(file_holds(*state, "keys.db-wal", BYTES(slot, 32)));
	vault_close(vault);
}

static bool disk_holds(struct disk *disk, const char *path, const char *name, struct bytes wanted)
{
	char *file = memory_format("%s/%s", path, name);
	const struct bytes content = disk_content(disk, file);
	bool there = content.size > 0 && memmem(content.data, content.size, wanted.data, wanted.size) != NULL;

	free(file);
	return there;
}

static void an_erased_slot_does_not_come_back_with_the_power(void **state)
{
	struct disk *disk = disk_start(1);
	struct vault *vault = open_new(*state);
	uint8_t slot[32];

	slot_of(*state, slot);
	erase(vault, 0, 2);
	disk_restore(disk, *state, DISK_DROPPED, 1);
	vault_close(vault);
	assert_false(disk_holds(disk, *state, "keys.db", BYTES(slot, 32)));
	assert_false(disk_holds(disk, *state, "keys.db-wal", BYTES(slot, 32)));
	disk_stop(disk);
}

static void another_master_key_opens_nothing(void **state)
{
	static const uint8_t other[KEY_SIZE] = {1, 2, 4};
	struct vault *vault = open_new(*state), *thief = open_with(*state, other, false);
	struct buffer stored = {0};

	vault_encrypt(vault, 7, nonce, bodies, 3, &stored, NULL);
	assert_no_body(thief, &stored, 1, E_CORRUPT);
	/* nor the parts that an erasure leaves in the file */
	erase(vault, 0, 3);
	assert_no_body(thief, &stored, 1, E_CORRUPT);
	assert_body(vault, &stored, 1);
	buffer_free(&stored);
	vault_close(thief);
	vault_close(vault);
}

static void two_appends_that_take_the_same_number_share_no_key(void **state)
{
	static const uint8_t other[VAULT_NONCE_SIZE] = {10};
	struct vault *vault = open_new(*state);
	struct buffer a = {0}, b = {0};

	vault_encrypt(vault, 7, nonce, bodies, 1, &a, NULL);
	vault_encrypt(vault, 7, other, bodies, 1, &b, NULL);
	assert_false(bytes_equal(buffer_view(&a), buffer_view(&b)));
	buffer_free(&a);
	buffer_free(&b);
	vault_close(vault);
}

static void a_body_moved_or_changed_is_found(void **state)
{
	struct vault *vault = open_new(*state);
	struct buffer stored = {0}, body = {0};

	vault_encrypt(vault, 7, nonce, bodies, 3, &stored, NULL);
	assert_int_equal(decrypt(vault, 8, buffer_view(&stored), 0, &body), E_CORRUPT);
	for (size_t i = 0; i < stored.size; i++) {
		bool good = true;

		stored.data[i] ^= 1;
		for (size_t n = 0; n < 3; n++)
			good = decrypt(vault, 7, buffer_view(&stored), n, &body) == E_OK && good;
		assert_false(good);
		stored.data[i] ^= 1;
	}
	for (size_t size = 0; size < stored.size; size++)
		assert_int_equal(decrypt(vault, 7, BYTES(stored.data, size), 2, &body), E_CORRUPT);
	buffer_free(&body);
	buffer_free(&stored);
	vault_close(vault);
}

static void a_body_not_given_is_not_stored(void **state)
{
	static const struct bytes some[2] = {{NULL, 0}, {(const uint8_t *)"second", 6}};
	struct vault *vault = open_new(*state);
	struct buffer stored = {0};

	vault_encrypt(vault, 7, nonce, some, 2, &stored, NULL);
	assert_int_equal(stored.size, 4 + 4 + 6 + VAULT_OVERHEAD);
	assert_no_body(vault, &stored, 0, E_CORRUPT);
	assert_body(vault, &stored, 1);
	buffer_free(&stored);
	vault_close(vault);
}

static void an_entry_without_a_slot_is_an_error_and_no_key(void **state)
{
	struct vault *vault = open_new(*state);
	struct buffer stored = {0};

	assert_int_equal(vault_encrypt(vault, 4097, nonce, bodies, 1, &stored, NULL), E_CORRUPT);
	assert_int_equal(vault_reserve(vault, 4097, NULL), E_OK);
	assert_int_equal(vault_encrypt(vault, 4097, nonce, bodies, 1, &stored, NULL), E_OK);
	buffer_free(&stored);
	vault_close(vault);
}

static void generic(uint8_t out[32], const uint8_t *key, const char *tag, const struct bytes *parts, size_t count)
{
	crypto_generichash_state hash;

	crypto_generichash_init(&hash, key, key ? KEY_SIZE : 0, 32);
	crypto_generichash_update(&hash, (const uint8_t *)tag, strlen(tag));
	for (size_t i = 0; i < count; i++)
		crypto_generichash_update(&hash, parts[i].data, parts[i].size);
	crypto_generichash_final(&hash, out, 32);
}

/* As the header says it, so that another program could read the files. */
static void the_bytes_are_those_that_the_header_describes(void **state)
{
	static const uint8_t place[10] = {0, 0, 0, 0, 0, 0, 0, 7, 0, 1}, number[8] = {0, 0, 0, 0, 0, 0, 0, 7},
			     zeros[12];
	struct vault *vault = open_new(*state);
	struct buffer stored = {0};
	uint8_t slot[32], seed[32], part[64], mask[64], key[32], body[6];
	const size_t at = 4 + 10 + VAULT_OVERHEAD + 4;

	slot_of(*state, slot);
	generic(seed, NULL, "simpul/part/1", (const struct bytes[]){{slot, 32}, {nonce, 16}}, 2);
	crypto_stream_chacha20_ietf(part, sizeof(part), zeros, seed);
	generic(seed, master, "simpul/mask/1", (const struct bytes[]){{number, 8}, {nonce, 16}}, 2);
	crypto_stream_chacha20_ietf(mask, sizeof(mask), zeros, seed);
	for (size_t i = 0; i < 32; i++)
		key[i] = part[32 + i] ^ mask[32 + i];
	vault_encrypt(vault, 7, nonce, bodies, 2, &stored, NULL);
	assert_int_equal(crypto_aead_chacha20poly1305_ietf_decrypt(body, NULL, NULL, stored.data + at,
								   6 + VAULT_OVERHEAD, place, sizeof(place), zeros,
								   key),
			 0);
	assert_memory_equal(body, "second", 6);
	buffer_free(&stored);
	vault_close(vault);
}

/* Keys are derived 64 at a time: the reports on both sides of such an edge, in any order, whole and erased in part. */
static void many_bodies_are_read_in_any_order(void **state)
{
	enum { MANY = 256 };
	static const size_t order[] = {0, 255, 63, 64, 65, 1, 127, 128, 64, 200};
	struct vault *vault = open_new(*state);
	struct bytes many[MANY];
	struct buffer stored = {0}, out = {0};
	struct vault_slot *slot;

	for (size_t i = 0; i < MANY; i++)
		many[i] = BYTES("0123456789" + i % 9, 1 + i % 2);
	assert_int_equal(vault_encrypt(vault, 7, nonce, many, MANY, &stored, NULL), E_OK);
	for (int erased = 0; erased < 2; erased++) {
		assert_int_equal(vault_slot_open(vault, 7, nonce, &slot, NULL), E_OK);
		for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
			const bool gone = erased && order[i] == 64;

			buffer_clear(&out);
			assert_int_equal(vault_decrypt(slot, buffer_view(&stored), order[i], &out, NULL),
					 gone ? E_NOT_FOUND : E_OK);
			assert_true(gone || bytes_equal(buffer_view(&out), many[order[i]]));
		}
		vault_slot_close(slot);
		erase(vault, 64, MANY);
	}
	buffer_free(&stored);
	buffer_free(&out);
	vault_close(vault);
}

static void slots_survive_a_restart(void **state)
{
	struct vault *vault = open_new(*state);
	struct buffer stored = {0};

	vault_encrypt(vault, 7, nonce, bodies, 3, &stored, NULL);
	vault_close(vault);
	vault = open_new(*state);
	assert_body(vault, &stored, 0);
	buffer_free(&stored);
	vault_close(vault);
}

enum { READERS = 4, READ_MS = 60, ERASURES = 2, SETTLED_MS = 4000, BETWEEN_MS = 5 };

struct crowd {
	const char *path;
	atomic_bool stop;
};

/* Reads for longer than the first attempts to settle wait, and then at once again. */
static void *read_on(void *context)
{
	struct crowd *crowd = context;
	struct vault *reader = open_with(crowd->path, master, false);
	struct vault_slot *slot;

	while (!atomic_load(&crowd->stop)) {
		if (vault_read_begin(reader, NULL) != E_OK || vault_slot_open(reader, 1, nonce, &slot, NULL) != E_OK)
			abort();
		vault_slot_close(slot);
		sleep_ms(READ_MS);
		vault_read_end(reader);
	}
	vault_close(reader);
	return NULL;
}

static void erase_entry(struct vault *vault, uint64_t entry)
{
	assert_int_equal(vault_erase_begin(vault, NULL), E_OK);
	assert_int_equal(vault_erase_end(vault, vault_erase(vault, entry, nonce, 0, 1, 1, NULL), NULL), E_OK);
}

/* How long it takes while other reports are erased before each attempt. */
static steady_ms settle_among(struct vault *vault, uint64_t *entry)
{
	const steady_ms begun = clock_now().steady;

	do {
		sleep_ms(BETWEEN_MS);
		erase_entry(vault, ++*entry);
	} while (vault_settle(vault, NULL) != E_OK && clock_now().steady - begun < (steady_ms)patient_ms(SETTLED_MS));
	return clock_now().steady - begun;
}

static void readers_that_never_rest_do_not_put_an_erasure_off_for_long(void **state)
{
	struct vault *vault = open_new(*state);
	struct crowd crowd = {.path = *state};
	pthread_t readers[READERS];
	uint64_t entry = 1;

	for (size_t i = 0; i < READERS; i++) {
		assert_int_equal(pthread_create(&readers[i], NULL, read_on, &crowd), 0);
		sleep_ms(READ_MS / READERS);
	}
	for (size_t i = 0; i < ERASURES; i++)
		assert_true(settle_among(vault, &entry) < (steady_ms)patient_ms(SETTLED_MS));
	atomic_store(&crowd.stop, true);
	for (size_t i = 0; i < READERS; i++)
		pthread_join(readers[i], NULL);
	vault_close(vault);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_encrypted_is_read_by_another_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(an_erased_body_cannot_be_read_again, setup, teardown),
		cmocka_unit_test_setup_teardown(a_read_in_one_go_ends_before_what_was_erased_counts_as_gone, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_erased_slot_stands_in_no_file, setup, teardown),
		cmocka_unit_test_setup_teardown(an_erased_slot_does_not_come_back_with_the_power, setup, teardown),
		cmocka_unit_test_setup_teardown(another_master_key_opens_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(two_appends_that_take_the_same_number_share_no_key, setup, teardown),
		cmocka_unit_test_setup_teardown(a_body_moved_or_changed_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(a_body_not_given_is_not_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(an_entry_without_a_slot_is_an_error_and_no_key, setup, teardown),
		cmocka_unit_test_setup_teardown(the_bytes_are_those_that_the_header_describes, setup, teardown),
		cmocka_unit_test_setup_teardown(many_bodies_are_read_in_any_order, setup, teardown),
		cmocka_unit_test_setup_teardown(slots_survive_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(readers_that_never_rest_do_not_put_an_erasure_off_for_long, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
