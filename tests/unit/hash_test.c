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

static void same_as_alone(const struct bytes *strings, size_t count, const struct hash *hashes)
{
	for (size_t i = 0; i < count; i++) {
		const struct hash alone = hash_of(strings[i]);

		assert_true(hash_equal(&hashes[i], &alone));
	}
}

/* Lengths around every edge of a block, more strings than lanes, and lanes that end at different times. */
static void hashes_side_by_side_are_the_same(void **state)
{
	enum { MOST = 300 };
	static uint8_t data[2 * MOST];
	static struct bytes strings[MOST];
	static struct hash hashes[MOST];

	(void)state;
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	for (size_t i = 0; i < MOST; i++)
		strings[i] = BYTES(data + i, i * 37 % MOST);
	strings[5] = BYTES(NULL, 0);
	for (size_t count = 0; count <= MOST; count += count < 10 ? 1 : 29) {
		hash_each(strings, count, hashes);
		same_as_alone(strings, count, hashes);
		for (enum hash_width width = HASH_PLAIN; width <= HASH_AVX512; width++) {
			memset(hashes, 0, sizeof hashes);
			if (!hash_each_by(width, strings, count, hashes)) {
				assert_int_not_equal(width, HASH_PLAIN);
				continue;
			}
			same_as_alone(strings, count, hashes);
			assert_true(count == MOST || bytes_all_zero(BYTES(hashes[count].bytes, HASH_SIZE)));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hash_is_blake2b_of_256_bits),
		cmocka_unit_test(a_tag_comes_before_the_data),
		cmocka_unit_test(hashes_side_by_side_are_the_same),
		cmocka_unit_test(one_changed_bit_is_another_hash),
		cmocka_unit_test(a_hash_of_another_size_is_not_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
