/* Tries to break what agents/intake/mrz.h promises, with the specimens of ICAO Doc 9303 and one character of them changed. */
#include "agents/intake/mrz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NOW UINT64_C(1795300000000) /* 2026-11-21T22:26:40Z: in Jakarta it is the 22nd */

/* Parts 4, 5, 6 and 7; the two with a long number from the appendices of parts 5 and 6. */
#define TD3 "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO7408122F1204159ZE184226B<<<<<10"
#define TD1 "I<UTOD231458907<<<<<<<<<<<<<<<\n7408122F1204159UTO<<<<<<<<<<<6\nERIKSSON<<ANNA<MARIA<<<<<<<<<<"
#define TD2 "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nD231458907UTO7408122F1204159<<<<<<<6"
#define MRV_A "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL8988901C4XXX4009078F96121096ZE184226B<<<<<<"
#define MRV_B "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<\nL8988901C4XXX4009078F9612109<<<<<<<<"
#define TD1_LONG "I<UTOD23145890<7349<<<<<<<<<<<\n3407127M9507122UTO<<<<<<<<<<<2\nSTEVENSON<<PETER<JOHN<<<<<<<<<"
#define TD2_LONG "I<UTOSTEVENSON<<PETER<JOHN<<<<<<<<<<\nD23145890<UTO3407127M95071227349<<<8"

/* ------------------------------------------------------------------ helpers */

static struct mrz read_good(const char *text)
{
	struct fault fault = {.code = E_OK};
	struct mrz mrz;

	if (mrz_parse(text, NOW, &mrz, &fault) != E_OK)
		fail_msg("%s", fault.field);
	return mrz;
}

static void refused(const char *text, enum error code, const char *field)
{
	struct fault fault = {.code = E_OK};
	struct mrz mrz;

	assert_int_equal(mrz_parse(text, NOW, &mrz, &fault), code);
	assert_string_equal(fault.field, field);
}

/* The zone with another character; both count from 1. */
static char *changed(const char *zone, size_t line, size_t column, const char *text)
{
	char *copy = strdup(zone), *at = copy;

	assert_non_null(copy);
	while (--line > 0)
		at = strchr(at, '\n') + 1;
	memcpy(at + column - 1, text, strlen(text));
	return copy;
}

static void change_refused(const char *zone, size_t line, size_t column, const char *text, const char *field)
{
	char *copy = changed(zone, line, column, text);

	refused(copy, E_INVALID, field);
	free(copy);
}

/* Writes the check digit that belongs to `size` characters from `column` behind them. */
static void check_write(char *zone, size_t line, size_t column, size_t size)
{
	static const unsigned weights[] = {7, 3, 1};
	unsigned sum = 0;
	char *at = zone;

	while (--line > 0)
		at = strchr(at, '\n') + 1;
	at += column - 1;
	for (size_t i = 0; i < size; i++)
		sum += weights[i % 3] * (at[i] == '<'	? 0
					 : at[i] <= '9' ? (unsigned)(at[i] - '0')
							: (unsigned)(at[i] - 'A' + 10));
	at[size] = (char)('0' + sum % 10);
}

/* MRV-B has no composite, so that one date can be changed alone. */
static char *born(const char *date)
{
	char *zone = changed(MRV_B, 2, 14, date);

	check_write(zone, 2, 14, 6);
	return zone;
}

static void birth_is(const char *date, const char *expected)
{
	char *zone = born(date);

	assert_string_equal(read_good(zone).date_of_birth, expected);
	free(zone);
}

static void birth_refused(const char *date)
{
	char *zone = born(date);

	refused(zone, E_INVALID, "line 2, column 14: date of birth");
	free(zone);
}

/* ------------------------------------------------------------------ specimens */

static void anna_maria(const struct mrz *mrz)
{
	assert_string_equal(mrz->issuing_state, "UTO");
	assert_string_equal(mrz->primary, "ERIKSSON");
	assert_string_equal(mrz->secondary, "ANNA MARIA");
	assert_false(mrz->name_truncated);
	assert_int_equal(mrz->sex, 'F');
}

static void the_passport_specimen_is_read(void **state)
{
	const struct mrz mrz = read_good(TD3);

	(void)state;
	anna_maria(&mrz);
	assert_int_equal(mrz.format, MRZ_TD3);
	assert_string_equal(mrz.type, "P");
	assert_string_equal(mrz.number, "L898902C3");
	assert_string_equal(mrz.nationality, "UTO");
	assert_string_equal(mrz.date_of_birth, "1974-08-12");
	assert_string_equal(mrz.expiry_date, "2012-04-15");
	assert_string_equal(mrz.optional[0], "ZE184226B");
}

static void the_card_specimens_are_read(void **state)
{
	static const char *const zones[] = {TD1, TD2};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct mrz mrz = read_good(zones[i]);

		anna_maria(&mrz);
		assert_int_equal(mrz.format, i == 0 ? MRZ_TD1 : MRZ_TD2);
		assert_string_equal(mrz.type, "I");
		assert_string_equal(mrz.number, "D23145890");
		assert_string_equal(mrz.nationality, "UTO");
		assert_string_equal(mrz.date_of_birth, "1974-08-12");
		assert_string_equal(mrz.optional[0], "");
		assert_string_equal(mrz.optional[1], "");
	}
}

static void the_visa_specimens_are_read(void **state)
{
	const struct mrz a = read_good(MRV_A), b = read_good(MRV_B);

	(void)state;
	anna_maria(&a);
	anna_maria(&b);
	assert_int_equal(a.format, MRZ_MRV_A);
	assert_int_equal(b.format, MRZ_MRV_B);
	assert_string_equal(a.type, "V");
	assert_string_equal(b.number, "L8988901C");
	assert_string_equal(b.nationality, "XXX");
	assert_string_equal(b.date_of_birth, "1940-09-07");
	assert_string_equal(b.expiry_date, "1996-12-10");
	assert_string_equal(a.optional[0], "6ZE184226B");
}

static void a_long_number_goes_on_in_the_optional_data(void **state)
{
	const struct mrz one = read_good(TD1_LONG), two = read_good(TD2_LONG);

	(void)state;
	assert_string_equal(one.number, "D23145890734");
	assert_string_equal(two.number, "D23145890734");
	assert_string_equal(one.optional[0], "");
	assert_string_equal(one.primary, "STEVENSON");
	assert_string_equal(two.secondary, "PETER JOHN");
	change_refused(TD1_LONG, 1, 19, "8", "line 1, column 19: check digit of the document number");
	change_refused(TD2_LONG, 2, 32, "8", "line 2, column 32: check digit of the document number");
	/* Nothing in the optional data: then a digit is missing where it stands. */
	change_refused(TD1_LONG, 1, 16, "<<<<", "line 1, column 15: check digit of the document number");
	change_refused(TD1_LONG, 1, 16, "734999999999999", "line 1, column 15: check digit of the document number");
}

static void what_stands_between_the_lines_does_not_matter(void **state)
{
	char text[128] = TD3;

	(void)state;
	*strchr(text, '\n') = ' ';
	assert_string_equal(read_good(text).number, "L898902C3");
	memmove(strchr(text, ' '), strchr(text, ' ') + 1, strlen(strchr(text, ' ')));
	assert_string_equal(read_good(text).number, "L898902C3");
	assert_string_equal(read_good("  P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\r\n"
				      "L898902C36UTO7408122F1204159ZE184226B<<<<<10\r\n")
				    .number,
			    "L898902C3");
}

/* ------------------------------------------------------------------ check digits */

static void each_broken_check_digit_is_named(void **state)
{
	(void)state;
	change_refused(TD3, 2, 10, "7", "line 2, column 10: check digit of the document number");
	change_refused(TD3, 2, 20, "3", "line 2, column 20: check digit of the date of birth");
	change_refused(TD3, 2, 28, "8", "line 2, column 28: check digit of the date of expiry");
	change_refused(TD3, 2, 43, "2", "line 2, column 43: check digit of the personal number");
	change_refused(TD3, 2, 44, "1", "line 2, column 44: composite check digit");
	change_refused(TD1, 1, 15, "8", "line 1, column 15: check digit of the document number");
	change_refused(TD1, 2, 7, "3", "line 2, column 7: check digit of the date of birth");
	change_refused(TD1, 2, 15, "8", "line 2, column 15: check digit of the date of expiry");
	change_refused(TD1, 2, 30, "7", "line 2, column 30: composite check digit");
	change_refused(TD2, 2, 10, "8", "line 2, column 10: check digit of the document number");
	change_refused(TD2, 2, 20, "3", "line 2, column 20: check digit of the date of birth");
	change_refused(TD2, 2, 28, "8", "line 2, column 28: check digit of the date of expiry");
	change_refused(TD2, 2, 36, "7", "line 2, column 36: composite check digit");
	change_refused(MRV_A, 2, 10, "5", "line 2, column 10: check digit of the document number");
	change_refused(MRV_A, 2, 20, "9", "line 2, column 20: check digit of the date of birth");
	change_refused(MRV_B, 2, 28, "8", "line 2, column 28: check digit of the date of expiry");
}

/* Every weight has an inverse modulo 10, so no single wrong character of what is covered can pass. */
static void no_single_wrong_digit_passes(void **state)
{
	static const size_t columns[] = {2, 3, 4, 9, 14, 15, 16, 17, 18, 19, 22, 23, 24, 25, 26, 27, 31, 36};

	(void)state;
	for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++)
		for (char digit = '0'; digit <= '9'; digit++) {
			char *copy = changed(TD3, 2, columns[i], (char[]){digit, '\0'});
			struct mrz mrz;

			if (strcmp(copy, TD3) != 0)
				assert_int_equal(mrz_parse(copy, NOW, &mrz, NULL), E_INVALID);
			free(copy);
		}
}

static void no_personal_number_may_have_a_filler_for_its_check_digit(void **state)
{
	char *zone = changed(TD3, 2, 29, "<<<<<<<<<<<<<<<8");

	(void)state;
	read_good(zone);
	free(zone);
	zone = changed(TD3, 2, 29, "<<<<<<<<<<<<<<08");
	read_good(zone);
	free(zone);
}

/* ------------------------------------------------------------------ names */

static void name_is(const char *name, const char *primary, const char *secondary, bool truncated)
{
	char *zone = changed(TD1, 3, 1, name);
	const struct mrz mrz = read_good(zone);

	assert_string_equal(mrz.primary, primary);
	assert_string_equal(mrz.secondary, secondary);
	assert_int_equal(mrz.name_truncated, truncated);
	free(zone);
}

static void names_follow_the_rules_of_fillers(void **state)
{
	(void)state;
	name_is("ARKFREITHAUSER<<MARIA<ELISABET", "ARKFREITHAUSER", "MARIA ELISABET", true);
	name_is("VAN<DER<MUELLEN<<JAN<<<<<<<<<<", "VAN DER MUELLEN", "JAN", false);
	name_is("SUKARNO<<<<<<<<<<<<<<<<<<<<<<<", "SUKARNO", "", false);
	change_refused(TD1, 3, 1, "<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<", "line 3, column 1: name");
	change_refused(TD1, 3, 1, "<ERIKSSO", "line 3, column 1: filler in a name");
	change_refused(TD1, 3, 1, "<<RIKSSO", "line 3, column 1: filler in a name");
	change_refused(TD1, 3, 11, "<", "line 3, column 11: filler in a name");
	change_refused(TD1, 3, 16, "<", "line 3, column 16: filler in a name");
	change_refused(TD1, 3, 2, "2", "line 3, column 2: not a letter of a name");
}

/* ------------------------------------------------------------------ dates */

static void a_date_of_birth_lies_in_the_past(void **state)
{
	(void)state;
	birth_is("261122", "2026-11-22");
	birth_is("261123", "1926-11-23");
	birth_is("000229", "2000-02-29");
	birth_is("990101", "1999-01-01");
	birth_refused("990229");
	birth_refused("991301");
	birth_refused("990100");
	birth_refused("9A0101");
}

static void parts_of_a_date_of_birth_may_be_unknown(void **state)
{
	(void)state;
	birth_is("74<<<<", "1974");
	birth_is("7408<<", "1974-08");
	birth_is("<<<<<<", "");
	birth_is("<<0812", "");
	birth_is("74<<12", "1974");
	birth_refused("7408<1");
	birth_refused("74<<32");
	birth_refused("<<13<<");
}

static void expiry_is(const char *date, const char *expected)
{
	char *zone = changed(MRV_B, 2, 22, date);

	check_write(zone, 2, 22, 6);
	assert_string_equal(read_good(zone).expiry_date, expected);
	free(zone);
}

static void an_expiry_is_in_the_nearest_year(void **state)
{
	(void)state;
	expiry_is("761231", "2076-12-31");
	expiry_is("770101", "1977-01-01");
	expiry_is("280229", "2028-02-29");
	expiry_is("<<<<<<", "");
	change_refused(MRV_B, 2, 22, "2701<<", "line 2, column 22: date of expiry");
	change_refused(MRV_B, 2, 22, "270229", "line 2, column 22: date of expiry");
}

/* ------------------------------------------------------------------ what is no zone */

static void what_is_no_zone_is_refused(void **state)
{
	static const char lengths[] = "not 3 lines of 30 characters, nor 2 of 36 or 44";
	char huge[4096];

	(void)state;
	refused("", E_MALFORMED, lengths);
	refused("P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<", E_MALFORMED, lengths);
	memset(huge, '<', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	refused(huge, E_MALFORMED, lengths);
	change_refused(TD3, 1, 1, "X", "line 1, column 1: document type");
	change_refused(TD3, 1, 2, "1", "line 1, column 2: document type");
	change_refused(TD1, 1, 3, "U1O", "line 1, column 4: issuing state");
	change_refused(TD1, 1, 3, "<<<", "line 1, column 3: issuing state");
	change_refused(TD1, 2, 16, "UT<", "line 2, column 18: nationality");
	change_refused(TD3, 2, 21, "X", "line 2, column 21: sex");
	change_refused(TD3, 2, 1, "<", "line 2, column 1: document number");
	change_refused(TD3, 1, 8, "i", "line 1, column 8: not a capital letter, a digit or <");
	change_refused(TD3, 2, 44, "\xe9", "line 2, column 44: not a capital letter, a digit or <");
}

static void germany_is_one_letter(void **state)
{
	char *zone = changed(MRV_B, 2, 11, "D<<");

	(void)state;
	assert_string_equal(read_good(zone).nationality, "D");
	free(zone);
	zone = changed(MRV_B, 2, 21, "<");
	assert_int_equal(read_good(zone).sex, 'X');
	free(zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_passport_specimen_is_read),
		cmocka_unit_test(the_card_specimens_are_read),
		cmocka_unit_test(the_visa_specimens_are_read),
		cmocka_unit_test(a_long_number_goes_on_in_the_optional_data),
		cmocka_unit_test(what_stands_between_the_lines_does_not_matter),
		cmocka_unit_test(each_broken_check_digit_is_named),
		cmocka_unit_test(no_single_wrong_digit_passes),
		cmocka_unit_test(no_personal_number_may_have_a_filler_for_its_check_digit),
		cmocka_unit_test(names_follow_the_rules_of_fillers),
		cmocka_unit_test(a_date_of_birth_lies_in_the_past),
		cmocka_unit_test(parts_of_a_date_of_birth_may_be_unknown),
		cmocka_unit_test(an_expiry_is_in_the_nearest_year),
		cmocka_unit_test(what_is_no_zone_is_refused),
		cmocka_unit_test(germany_is_one_letter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
