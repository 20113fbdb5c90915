/* keys_test - key files are private and complete, signatures are bound to their tag. */
#include "common/keys.h"
#include "tests/support/fixed.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder of its own for each test, removed at the end. */
struct folder {
	char path[64];
	char file[80];
};

static int setup(void **state)
{
	struct folder *folder = calloc(1, sizeof *folder);

	strcpy(folder->path, "/tmp/simpul-keys-XXXXXX");
	if (!mkdtemp(folder->path))
		return -1;
	snprintf(folder->file, sizeof folder->file, "%s/file", folder->path);
	*state = folder;
	return 0;
}

static int teardown(void **state)
{
	struct folder *folder = *state;

	unlink(folder->file);
	rmdir(folder->path);
	free(folder);
	return 0;
}

static void write_file(const char *path, const void *data, size_t size, mode_t mode)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, size, file), size);
	fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static void keys_come_back_from_their_file(void **state)
{
	const struct folder *folder = *state;
	struct node_keys keys, back;
	struct stat status;
	struct fault fault;

	node_keys_generate(&keys, 0x01020304);
	assert_int_equal(node_keys_save(&keys, NULL, folder->file, &fault), E_OK);
	assert_int_equal(stat(folder->file, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(node_keys_load(&back, NULL, folder->file, &fault), E_OK);
	assert_int_equal(back.key_id, keys.key_id);
	assert_memory_equal(back.curve_public, keys.curve_public, KEY_SIZE);
	assert_memory_equal(back.curve_secret, keys.curve_secret, KEY_SIZE);
	assert_memory_equal(&back.signing, &keys.signing, sizeof keys.signing);
	assert_memory_equal(back.sealing_public, keys.sealing_public, KEY_SIZE);
	assert_memory_equal(back.sealing_secret, keys.sealing_secret, KEY_SIZE);
}

static void brokers_and_authorities_have_files_too(void **state)
{
	const struct folder *folder = *state;
	struct broker_keys broker, broker_back;
	struct signing_key authority, authority_back;
	struct fault fault;

	broker_keys_generate(&broker);
	assert_int_equal(broker_keys_save(&broker, NULL, folder->file, &fault), E_OK);
	assert_int_equal(broker_keys_load(&broker_back, NULL, folder->file, &fault), E_OK);
	assert_memory_equal(&broker_back, &broker, sizeof broker);
	/* One kind of file is not taken for another. */
	assert_int_equal(signing_key_load(&authority_back, NULL, folder->file, &fault), E_INVALID);
	unlink(folder->file);
	signing_key_generate(&authority);
	assert_int_equal(signing_key_save(&authority, "authority", NULL, folder->file, &fault), E_OK);
	assert_int_equal(signing_key_load(&authority_back, NULL, folder->file, &fault), E_OK);
	assert_memory_equal(&authority_back, &authority, sizeof authority);
	assert_int_equal(broker_keys_load(&broker_back, NULL, folder->file, &fault), E_INVALID);
}

static void a_key_is_never_overwritten(void **state)
{
	const struct folder *folder = *state;
	struct signing_key first, second, back;
	struct fault fault;

	signing_key_generate(&first);
	signing_key_generate(&second);
	assert_int_equal(signing_key_save(&first, "authority", NULL, folder->file, &fault), E_OK);
	assert_int_equal(signing_key_save(&second, "authority", NULL, folder->file, &fault), E_EXISTS);
	assert_int_equal(signing_key_load(&back, NULL, folder->file, &fault), E_OK);
	assert_memory_equal(&back, &first, sizeof first);
}

static void a_file_that_others_can_read_is_refused(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0660, 0602, 0644};
	const struct folder *folder = *state;
	struct signing_key key;
	struct fault fault;

	signing_key_generate(&key);
	assert_int_equal(signing_key_save(&key, "authority", NULL, folder->file, &fault), E_OK);
	for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
		assert_int_equal(chmod(folder->file, modes[i]), 0);
		assert_int_equal(signing_key_load(&key, NULL, folder->file, &fault), E_CONFIG);
		assert_non_null(strstr(fault.field, folder->file));
	}
	assert_int_equal(chmod(folder->file, 0400), 0);
	assert_int_equal(signing_key_load(&key, NULL, folder->file, &fault), E_OK);
}

static void a_damaged_file_is_refused_without_its_content(void **state)
{
#define SEED "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
	static const char *const damaged[] = {
		"",
		"# nothing\n",
		"signing-seed\n",
		"signing-seed = \n",
		"signing-seed = " SEED "00\n",
		"signing-seed = zz02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20\n",
		"signing-seed = " SEED "\nsigning-seed = " SEED "\n",
		"signing-seed = " SEED "\ncurve-secret = " SEED "\n"};
	const struct folder *folder = *state;
	struct signing_key key;
	struct fault fault;

	for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
		write_file(folder->file, damaged[i], strlen(damaged[i]), 0600);
		assert_int_equal(signing_key_load(&key, NULL, folder->file, &fault), E_INVALID);
		assert_string_equal(fault.field, folder->file);
	}
	write_file(folder->file, "signing-seed = " SEED "\n", strlen(SEED) + 16, 0600);
	assert_int_equal(signing_key_load(&key, NULL, folder->file, &fault), E_OK);
	assert_hex(key.public_key, KEY_SIZE, "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664");
	unlink(folder->file);
	assert_int_equal(signing_key_load(&key, NULL, folder->file, &fault), E_NOT_FOUND);
}

static void a_master_key_is_32_bytes_or_64_digits(void **state)
{
	const struct folder *folder = *state;
	uint8_t raw[KEY_SIZE], key[KEY_SIZE];
	struct fault fault;

	fixed_fill(raw, KEY_SIZE, 1);
	write_file(folder->file, raw, KEY_SIZE, 0400);
	assert_int_equal(master_key_load(key, folder->file, &fault), E_OK);
	assert_memory_equal(key, raw, KEY_SIZE);
	unlink(folder->file);
	write_file(folder->file, SEED "\n", 65, 0440);
	assert_int_equal(master_key_load(key, folder->file, &fault), E_OK);
	assert_memory_equal(key, raw, KEY_SIZE);
	assert_int_equal(chmod(folder->file, 0604), 0);
	assert_int_equal(master_key_load(key, folder->file, &fault), E_CONFIG);
	unlink(folder->file);
	write_file(folder->file, raw, KEY_SIZE - 1, 0600);
	assert_int_equal(master_key_load(key, folder->file, &fault), E_INVALID);
	write_file(folder->file, SEED "0", 65, 0600);
	assert_int_equal(master_key_load(key, folder->file, &fault), E_INVALID);
}

static void a_signature_is_for_one_key_tag_and_digest(void **state)
{
	const struct signing_key key = fixed_signing_key(1), other = fixed_signing_key(2);
	struct hash digest = hash_of(BYTES("x", 1));
	uint8_t signature[SIGNATURE_SIZE + 1] = {0};

	(void)state;
	digest_sign(&key, "simpul/a/1", &digest, signature);
	assert_true(digest_verify(key.public_key, "simpul/a/1", &digest, BYTES(signature, SIGNATURE_SIZE)));
	assert_false(digest_verify(key.public_key, "simpul/b/1", &digest, BYTES(signature, SIGNATURE_SIZE)));
	assert_false(digest_verify(other.public_key, "simpul/a/1", &digest, BYTES(signature, SIGNATURE_SIZE)));
	assert_false(digest_verify(key.public_key, "simpul/a/1", &digest, BYTES(signature, SIGNATURE_SIZE - 1)));
	assert_false(digest_verify(key.public_key, "simpul/a/1", &digest, BYTES(signature, SIGNATURE_SIZE + 1)));
	assert_false(digest_verify(key.public_key, "simpul/a/1", &digest, BYTES(NULL, 0)));
	digest.bytes[0] ^= 1;
	assert_false(digest_verify(key.public_key, "simpul/a/1", &digest, BYTES(signature, SIGNATURE_SIZE)));
}

static void wiped_keys_are_gone(void **state)
{
	struct node_keys keys = fixed_node_keys();

	(void)state;
	keys_wipe(&keys, sizeof keys);
	assert_true(bytes_all_zero(BYTES(&keys, sizeof keys)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keys_come_back_from_their_file, setup, teardown),
		cmocka_unit_test_setup_teardown(brokers_and_authorities_have_files_too, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_is_never_overwritten, setup, teardown),
		cmocka_unit_test_setup_teardown(a_file_that_others_can_read_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(a_damaged_file_is_refused_without_its_content, setup, teardown),
		cmocka_unit_test_setup_teardown(a_master_key_is_32_bytes_or_64_digits, setup, teardown),
		cmocka_unit_test(a_signature_is_for_one_key_tag_and_digest),
		cmocka_unit_test(wiped_keys_are_gone),
	};

	keys_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
