/* Tries to break what bytes.h promises. */
#include "common/bytes.h"
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void numbers_are_big_endian(void **state)
{
	static const uint8_t expected[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
	struct buffer b = {0};

	(void)state;
	buffer_u8(&b, 0x01);
	buffer_u16(&b, 0x0203);
	buffer_u32(&b, 0x04050607);
	buffer_u64(&b, 0x08090a0b0c0d0e0f);
	assert_true(bytes_equal(buffer_view(&b), BYTES(expected, sizeof(expected))));
	buffer_free(&b);
}

static void u64_survives_store_and_load(void **state)
{
	static const uint64_t values[] = {0, 1, UINT64_C(0x8000000000000001), UINT64_MAX};
	uint8_t out[8];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		store_u64(out, values[i]);
		assert_true(load_u64(out) == values[i]);
	}
	store_u64(out, 1);
	assert_int_equal(out[7], 1);
}

static void a_buffer_keeps_all_it_was_given(void **state)
{
	struct buffer b = {0};
	uint8_t chunk[777];

	(void)state;
	for (int i = 0; i < 100; i++) {
		memset(chunk, i, sizeof(chunk));
		buffer_append(&b, chunk, sizeof(chunk));
	}
	assert_int_equal(b.size, 77700);
	for (size_t i = 0; i < b.size; i++)
		assert_int_equal(b.data[i], i / 777);
	buffer_clear(&b);
	assert_int_equal(b.size, 0);
	assert_true(b.capacity >= 77700);
	buffer_free(&b);
	assert_null(b.data);
}

static void nothing_can_be_appended_from_nowhere(void **state)
{
	struct buffer b = {0};

	(void)state;
	buffer_append(&b, NULL, 0);
	buffer_bytes(&b, (struct bytes){0});
	buffer_text(&b, "");
	assert_int_equal(b.size, 0);
	assert_non_null(buffer_room(&b, 0));
	assert_int_equal(b.size, 0);
	buffer_free(&b);
}

static void a_name_carries_its_length(void **state)
{
	struct buffer b = {0};
	char longest[256];

	(void)state;
	buffer_name(&b, "police.oku");
	assert_int_equal(b.size, 11);
	assert_memory_equal(b.data, "\x0apolice.oku", 11);
	buffer_clear(&b);
	memset(longest, 'a', 255);
	longest[255] = '\0';
	buffer_name(&b, longest);
	assert_int_equal(b.size, 256);
	assert_int_equal(b.data[0], 255);
	buffer_free(&b);
}

static void equality_looks_at_size_and_bytes(void **state)
{
	static const uint8_t zeros[4] = {0}, last[4] = {0, 0, 0, 1};

	(void)state;
	assert_true(bytes_equal(BYTES("ab", 2), BYTES("ab", 2)));
	assert_false(bytes_equal(BYTES("ab", 2), BYTES("abc", 3)));
	assert_false(bytes_equal(BYTES("ab", 2), BYTES("ac", 2)));
	assert_true(bytes_equal((struct bytes){0}, BYTES("x", 0)));
	assert_true(bytes_all_zero(BYTES(zeros, 4)));
	assert_false(bytes_all_zero(BYTES(last, 4)));
	assert_true(bytes_all_zero((struct bytes){0}));
}

static void hexadecimal_goes_there_and_back(void **state)
{
	static const uint8_t data[] = {0x00, 0x7f, 0xab, 0xff};
	char text[9];
	uint8_t back[4];

	(void)state;
	assert_string_equal(hex_of(text, BYTES(data, 4)), "007fabff");
	assert_true(hex_parse("007FabFF", back, 4));
	assert_memory_equal(back, data, 4);
	assert_string_equal(hex_of(text, (struct bytes){0}), "");
	assert_true(hex_parse("", back, 0));
}

static void hexadecimal_of_another_length_or_alphabet_is_refused(void **state)
{
	static const char *const wrong[] = {"", "0", "00", "000", "00000", "00 0", "0x00", "00g0",
					    "-100", "+100", "0\xff" "00"};
	uint8_t out[2];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(hex_parse(wrong[i], out, 2));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_big_endian),
		cmocka_unit_test(u64_survives_store_and_load),
		cmocka_unit_test(a_buffer_keeps_all_it_was_given),
		cmocka_unit_test(nothing_can_be_appended_from_nowhere),
		cmocka_unit_test(a_name_carries_its_length),
		cmocka_unit_test(equality_looks_at_size_and_bytes),
		cmocka_unit_test(hexadecimal_goes_there_and_back),
		cmocka_unit_test(hexadecimal_of_another_length_or_alphabet_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
