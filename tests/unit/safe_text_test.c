/* Tries to get past common/safe_text.h what steers a terminal, and to have it take away what is no harm. */
#include "common/safe_text.h"
#include "common/memory.h"
#include "common/user.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void cleaned(const char *text, const char *expected)
{
	char *copy = memory_string(text);

	safe_text_clean(copy);
	assert_string_equal(copy, expected);
	free(copy);
}

static void nothing_that_steers_a_terminal_is_shown(void **state)
{
	static const struct {
		const char *text, *shown;
	} texts[] = {
		{"\x1b[2J", "?[2J"},	 {"\n\r\t\x7f", "????"},  {"\xc2\x80", "??"},
		{"\xc2\x9b", "??"},	 {"\xd8\x9c", "??"},	  {"\xe2\x80\x8f", "???"},
		{"\xe2\x80\xa8", "???"}, {"\xe2\x81\xa9", "???"}, {"\xef\xbb\xbf", "???"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		cleaned(texts[i].text, texts[i].shown);
}

/* Truncated, overlong, a surrogate, out of range, or begun in the middle: each byte alone. */
static void what_is_no_utf_8_is_not_shown(void **state)
{
	(void)state;
	cleaned("\xc3", "?");
	cleaned("\xe2\x82", "??");
	cleaned("\xc1\x9b", "??");
	cleaned("\xe0\x82\x9b", "???");
	cleaned("\xed\xa0\x80", "???");
	cleaned("\xf4\x90\x80\x80", "????");
	cleaned("\x9b", "?");
	cleaned("\xffx", "?x");
}

static void words_of_any_language_stay(void **state)
{
	static const char *const texts[] = {"",
					    "Ogan Komering Ulu",
					    "P\xc3\xa9"
					    "dro \xe2\x82\xac",
					    "\xd8\xb9\xd9\x84\xd9\x8a",
					    "\xe7\x8e\x8b",
					    "\xf0\x9f\x9a\x93",
					    "Muara\xc2\xa0"
					    "Enim"};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cleaned(texts[i], texts[i]);
		assert_true(user_text_valid(texts[i]));
	}
}

/* Another operator reads it before he approves. */
static void a_reason_that_steers_a_terminal_is_none(void **state)
{
	static const char *const reasons[] = {"disk lost\napproved",
					      "disk lost\xc2\x9b"
					      "2K",
					      "\xe2\x80\xae"
					      "tsol ksid",
					      "\xff"};

	(void)state;
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		assert_false(user_text_valid(reasons[i]));
	assert_false(user_text_valid(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_that_steers_a_terminal_is_shown),
		cmocka_unit_test(what_is_no_utf_8_is_not_shown),
		cmocka_unit_test(words_of_any_language_stay),
		cmocka_unit_test(a_reason_that_steers_a_terminal_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
