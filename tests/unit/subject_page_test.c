/* subject_page_test - nothing that somebody said is markup on the page that a person gets, and every state and reason
 * has its words there. */
#include "agents/subject/subject_page.h"
#include "agents/subject/subject_words.h"
#include "common/json.h"
#include "proto/report.pb-c.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define EVIL "<script>alert('\\\"x\\\"')</script>&amp;\\u001b[31m\\u202e"

/* Every text of a result that an office, a requester or an officer wrote. */
static const char evil[] =
	"{\"request_number\": \"" EVIL "\", \"office\": \"" EVIL "\", \"received_at\": \"" EVIL "\", \"due\": \"" EVIL
	"\","
	" \"expires\": \"" EVIL "\", \"made_at\": \"2026-11-26T03:00:00Z\", \"mark\": \"" EVIL "\", \"missing\": 1,"
	" \"subject\": {\"primary_identifier\": \"" EVIL "\", \"documents\": [{\"number\": \"" EVIL "\"}]},"
	" \"offices\": [{\"node\": \"" EVIL "\", \"state\": \"" EVIL "\", \"undecided\": [\"" EVIL
	"\"], \"reports\": [{"
	"\"name\": \"" EVIL "\", \"kind\": \"" EVIL "\", \"category\": \"" EVIL "\", \"at\": \"" EVIL "\","
	" \"withheld\": \"" EVIL "\", \"summary\": \"" EVIL "\", \"place\": {\"name\": \"" EVIL "\"},"
	" \"persons\": [{\"remark\": \"" EVIL "\"}], \"holders\": [{\"node\": \"" EVIL "\", \"erased_at\": \"" EVIL
	"\"}]}]}]}";

/* The page of a result in JSON; free it. */
static char *page_of(const char *text)
{
	json_t *result = json_loads(text, 0, NULL);
	struct buffer out = {0};

	assert_non_null(result);
	subject_page(result, 7 * 60, &out);
	buffer_u8(&out, 0);
	json_decref(result);
	return (char *)out.data;
}

static size_t count(const char *text, const char *part)
{
	size_t found = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		found++;
	return found;
}

static void what_others_wrote_is_no_markup(void **state)
{
	char *page = page_of(evil);

	(void)state;
	assert_null(strstr(page, "<script"));
	assert_null(strstr(page, "\033"));
	assert_null(strstr(page, "\342\200\256"));
	/* Once for each text above, the office twice, and none was left out. */
	assert_int_equal(count(page, "&lt;script&gt;alert(&#39;&quot;x&quot;&#39;)&lt;/script&gt;&amp;amp;?[31m?"), 22);
	/* All markup is the page's own: nothing opens what is not closed. */
	assert_int_equal(count(page, "<table"), count(page, "</table>"));
	assert_int_equal(count(page, "<td"), count(page, "</td>"));
	assert_null(strstr(page, "src="));
	assert_null(strstr(page, "href="));
	free(page);
}

static void times_are_written_as_people_read_them(void **state)
{
	char *page = page_of("{\"made_at\": \"2026-11-26T20:30:00Z\", \"missing\": 0}");

	(void)state;
	assert_non_null(strstr(page, "27-11-2026 03:30 (UTC+07:00)"));
	free(page);
}

/* Two offices have the report; the one that wrote it decides what is told of it. */
#define OFFICES(withheld) \
	"{\"missing\": 0, \"offices\": [{\"node\": \"immigration.muara-enim\", \"state\": \"own\", \"reports\": [" \
	"{\"name\": \"police.oku#1\", \"withheld\": \"origin-decides\"}]}, {\"node\": \"police.oku\", \"state\": " \
	"\"answered\", \"reports\": [{\"name\": \"police.oku#1\"" withheld "}]}]}"

static void what_its_origin_discloses_is_not_called_withheld(void **state)
{
	char *told = page_of(OFFICES(", \"summary\": \"A river\"")), *kept = page_of(OFFICES(", \"withheld\": \"law-enforcement\""));

	(void)state;
	assert_non_null(strstr(told, "diungkapkan oleh kantor asalnya, lihat police.oku"));
	assert_null(strstr(told, "Tidak diungkapkan"));
	assert_null(strstr(kept, "lihat police.oku"));
	assert_int_equal(count(kept, "Tidak diungkapkan"), 2);
	free(kept);
	free(told);
}

static void words_for_all(const ProtobufCEnumDescriptor *type, const char *of, int from, int most)
{
	char key[64];

	for (int value = from; value <= most; value++) {
		snprintf(key, sizeof(key), "%s.%s", of, enum_text(type, value));
		if (subject_word(key) == NULL)
			fail_msg("no words for %s", key);
	}
}

static void every_value_has_its_words(void **state)
{
	(void)state;
	words_for_all(&simpul__withhold_reason__descriptor, "withheld", 1,
		      (int)simpul__withhold_reason__descriptor.n_values - 1);
	words_for_all(&simpul__capacity__descriptor, "capacity", 1, (int)simpul__capacity__descriptor.n_values - 1);
	words_for_all(&simpul__identity__descriptor, "identity", 1, (int)simpul__identity__descriptor.n_values - 1);
	words_for_all(&simpul__age__descriptor, "age", 1, (int)simpul__age__descriptor.n_values - 1);
	words_for_all(&simpul__sex__descriptor, "sex", 1, (int)simpul__sex__descriptor.n_values - 1);
	words_for_all(&simpul__permit__descriptor, "permit", 1, (int)simpul__permit__descriptor.n_values - 1);
	words_for_all(&simpul__kind__descriptor, "kind", 1, SIMPUL__KIND__KIND_UPDATE);
	for (size_t i = 0; i < simpul__person__descriptor.n_fields; i++) {
		char key[64];

		snprintf(key, sizeof(key), "field.%s", simpul__person__descriptor.fields[i].name);
		if (subject_word(key) == NULL)
			fail_msg("no words for %s", key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_others_wrote_is_no_markup),
		cmocka_unit_test(times_are_written_as_people_read_them),
		cmocka_unit_test(what_its_origin_discloses_is_not_called_withheld),
		cmocka_unit_test(every_value_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
