/* Tries to break what error.h promises. */
#include "common/error.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const enum error all[] = {
#define X(name, code, status, remedy, sentence) E_##name,
	ERROR_TABLE(X)
#undef X
};

#define COUNT (sizeof(all) / sizeof(all[0]))

static void no_code_and_no_name_is_given_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		for (size_t k = 0; k < i; k++) {
			assert_int_not_equal(all[i], all[k]);
			assert_string_not_equal(error_name(all[i]), error_name(all[k]));
		}
	}
}

static void a_code_finds_its_own_row(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		assert_int_equal(error_of_code((uint32_t)all[i]), all[i]);
	assert_string_equal(error_name(E_GAP), "GAP");
	assert_string_equal(error_sentence(E_GAP), "a number before this one is missing");
	assert_int_equal(error_exit(E_GAP), EX_TEMPFAIL);
	assert_int_equal(error_remedy(E_GAP), REMEDY_RESYNC);
	assert_int_equal(error_exit(E_OK), 0);
}

static void a_code_of_a_newer_version_is_internal(void **state)
{
	(void)state;
	assert_int_equal(error_of_code(19), E_INTERNAL);
	assert_int_equal(error_of_code(UINT32_MAX), E_INTERNAL);
}

static void a_fault_names_its_place(void **state)
{
	struct fault fault = {.expected = 9};
	char text[200];

	(void)state;
	assert_int_equal(fault_at(&fault, E_MISSING, "header.%s", "region"), E_MISSING);
	assert_string_equal(fault.field, "header.region");
	assert_int_equal(fault.expected, 0);
	fault_within(&fault, "reports[%d]", 3);
	assert_string_equal(fault_text(&fault, text, sizeof(text)),
			    "reports[3].header.region: a required field is missing (MISSING)");
	assert_int_equal(fault_at(NULL, E_GAP, "x"), E_GAP);
	fault_within(NULL, "x");
}

static void an_index_is_joined_without_a_dot(void **state)
{
	struct fault fault;
	char text[100];

	(void)state;
	fault_at(&fault, E_TOO_LARGE, "[2].age");
	fault_within(&fault, "persons");
	assert_string_equal(fault.field, "persons[2].age");
	fault_at(&fault, E_TOO_LARGE, "%s", "");
	assert_string_equal(fault_text(&fault, text, sizeof(text)),
			    "a size, length or count is above its limit (TOO_LARGE)");
	fault_within(&fault, "body");
	assert_string_equal(fault.field, "body");
}

static void a_sentence_that_is_whole_is_not_followed_by_another(void **state)
{
	struct fault fault;
	char text[100];

	(void)state;
	fault_say(&fault, E_MISSING, "a.keys: no passphrase was given");
	assert_string_equal(fault_text(&fault, text, sizeof(text)), "a.keys: no passphrase was given (MISSING)");
	fault_at(&fault, E_CONFIG, "broker.yaml:3: there is no such key");
	assert_string_equal(fault_text(&fault, text, sizeof(text)), "broker.yaml:3: there is no such key (CONFIG)");
	fault_at(&fault, E_MISSING, "header.region");
	assert_string_equal(fault_text(&fault, text, sizeof(text)), "header.region: a required field is missing (MISSING)");
}

static void the_name_of_the_file_is_kept_of_a_long_path(void **state)
{
	struct fault fault;

	(void)state;
	fault_at(&fault, E_IO, "/%0200d/police.oku.keys.store", 1);
	assert_int_equal(strlen(fault.field), sizeof(fault.field) - 1);
	assert_memory_equal(fault.field, "...0", 4);
	assert_string_equal(strrchr(fault.field, '/'), "/police.oku.keys.store");
	fault_at(&fault, E_IO, "\xc3\xa9\xc3\xa9\xc3\xa9%0114d/", 1); /* within a letter */
	assert_memory_equal(fault.field, "...0", 4);
	fault_at(&fault, E_CONFIG, "/etc/simpul/policy.yaml:9: %0200d", 1);
	assert_memory_equal(fault.field, ".../policy.yaml:9: 000", 22);
	fault_at(&fault, E_CONFIG, "policy.yaml:9: a/b %0200d", 1);
	assert_memory_equal(fault.field, "policy.yaml:9: a/b 000", 22);
}

static void a_long_place_is_cut_not_overrun(void **state)
{
	struct fault fault;
	char small[10];

	(void)state;
	fault_at(&fault, E_INVALID, "%0200d", 1);
	assert_int_equal(strlen(fault.field), sizeof(fault.field) - 1);
	fault_within(&fault, "%0118d", 1);
	assert_int_equal(strlen(fault.field), sizeof(fault.field) - 1);
	assert_int_equal(strlen(fault_text(&fault, small, sizeof(small))), sizeof(small) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_code_and_no_name_is_given_twice),
		cmocka_unit_test(a_code_finds_its_own_row),
		cmocka_unit_test(a_code_of_a_newer_version_is_internal),
		cmocka_unit_test(a_fault_names_its_place),
		cmocka_unit_test(an_index_is_joined_without_a_dot),
		cmocka_unit_test(a_sentence_that_is_whole_is_not_followed_by_another),
		cmocka_unit_test(the_name_of_the_file_is_kept_of_a_long_path),
		cmocka_unit_test(a_long_place_is_cut_not_overrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
