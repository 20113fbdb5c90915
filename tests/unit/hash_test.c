/* hash_test - hashes are the published function over exactly tag and data. */
#include "common/hash.h"
#include "tests/support/fixed.h"

static void a_hash_is_blake2b_of_256_bits(void **state)
{
	(void)state;
	ASSERT_HASH(hash_of(BYTES("abc", 3)), "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
	ASSERT_HASH(hash_of(BYTES("", 0)), "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
}

static void a_tag_comes_before_the_data(void **state)
{
	const struct hash tagged = hash_tagged("simpul/leaf/1", BYTES("abc", 3));
	const struct hash joined = hash_of(BYTES("simpul/leaf/1abc", 16));

	(void)state;
	ASSERT_HASH(tagged, "57de6b7b08335547794bc0e74a07220a1aac2cb22267082a3e675c0f23480770");
	assert_true(hash_equal(&tagged, &joined));
}

static void one_changed_bit_is_another_hash(void **state)
{
	struct hash a = hash_of(BYTES("abc", 3)), b = a;

	(void)state;
	for (size_t i = 0; i < HASH_SIZE; i++) {
		b.bytes[i] ^= 1;
		assert_false(hash_equal(&a, &b));
		b.bytes[i] ^= 1;
	}
	assert_true(hash_equal(&a, &b));
}

static void a_hash_of_another_size_is_not_loaded(void **state)
{
	uint8_t data[HASH_SIZE + 1] = {7};
	struct hash hash;

	(void)state;
	assert_false(hash_load(&hash, BYTES(data, HASH_SIZE - 1)));
	assert_false(hash_load(&hash, BYTES(data, HASH_SIZE + 1)));
	assert_false(hash_load(&hash, BYTES(NULL, 0)));
	assert_true(hash_load(&hash, BYTES(data, HASH_SIZE)));
	assert_memory_equal(hash.bytes, data, HASH_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_is_blake2b_of_256_bits),
		cmocka_unit_test(a_tag_comes_before_the_data),
		cmocka_unit_test(one_changed_bit_is_another_hash),
		cmocka_unit_test(a_hash_of_another_size_is_not_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
