/* grounds_test - what an officer reads who says something without the grounds that the exchange demands: which field is missing, in
 * the words of its policy; and that nobody hears of it before he has given them. */
#include "common/memory.h"
#include "tests/support/doctors.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { POLICE, ARMY };

static const char policy[] = "purposes: [wanted]\n"
			     "categories: [wanted, health]\n"
			     "demands:\n"
			     "  - {kinds: [sighting], categories: [\"*\"], grading: true}\n"
			     "  - {kinds: [sighting], categories: [wanted], legal_basis: true}\n"
			     "  - {kinds: [sighting], categories: [health], protection: [health]}\n"
			     "expires_days: {sighting: 90}\n"
			     "agencies:\n"
			     "  - agency: police\n"
			     "    ceiling: AMBER\n" POLICY_SENDS
			     "  - agency: army\n"
			     "    ceiling: AMBER\n" POLICY_RECEIVES POLICY_NODES POLICY_NODE("police.oku", "16.01")
				     POLICY_NODE("army.oku", "16.01");

static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", NULL});
	*state = &x;
	return exchange_serve(&x);
}

/* Hands in a sighting of a person with these fields more. */
static void report(struct exchange *x, const char *category, const char *fields)
{
	char *draft = memory_format("{\"category\": \"%s\", \"label\": \"AMBER\", \"region\": \"16.01\", %s, \"sighting\": {"
				    "\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", \"summary\":"
				    " \"At the bus station\", \"persons\": [{\"capacity\": \"seen\", \"identity\": \"claimed\","
				    " \"age\": \"adult\", \"primary_identifier\": \"ERIKSSON\"}]}}",
				    category, fields);

	assert_int_equal(exchange_simpul(x, POLICE, draft, NULL, "report", "--json", "-", NULL), 0);
	assert_true(exchange_settled(x, 20));
	free(draft);
}

/* This report came back, and in its line stands why. */
static void assert_refused(struct exchange *x, const char *name, enum error code, const char *field)
{
	char *expected = memory_format("REFUSED: %s: %s", field, error_sentence(code)), *line;
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(x, POLICE, NULL, &out, "outbox", "list", "--refused", NULL), 0);
	buffer_u8(&out, 0);
	line = strstr((char *)out.data, name);
	if (line == NULL)
		fail_msg("%s is not among the refused:\n%s", name, (char *)out.data);
	line[strcspn(line, "\n")] = '\0';
	if (strstr(line, expected) == NULL)
		fail_msg("no \"%s\" in:\n%s", expected, line);
	buffer_free(&out);
	free(expected);
}

#define GRADES "\"source_grade\": \"B\", \"information_grade\": \"2\""
#define PURPOSE "\"purpose\": \"wanted\""
#define BASIS "\"legal_basis\": {\"code\": \"UU-6-2011-75\", \"number\": \"W.12/2026\"}"

static void what_is_missing_comes_back_with_the_fields_name(void **state)
{
	struct exchange *x = *state;
	char time[TIME_TEXT_SIZE];
	char *late = memory_format(PURPOSE ", " GRADES ", " BASIS ", \"expires\": \"%s\"", days_ahead(120, time));

	report(x, "wanted", PURPOSE ", " GRADES);
	assert_refused(x, "police.oku#1", E_MISSING, "header.legal_basis");
	report(x, "wanted", PURPOSE ", " BASIS);
	assert_refused(x, "police.oku#2", E_MISSING, "header.source_grade");
	report(x, "health", PURPOSE ", " GRADES);
	assert_refused(x, "police.oku#3", E_MISSING, "header.protection");
	report(x, "wanted", "\"purpose\": \"curiosity\", " GRADES ", " BASIS);
	assert_refused(x, "police.oku#4", E_PURPOSE_UNKNOWN, "header.purpose");
	report(x, "wanted", late);
	assert_refused(x, "police.oku#5", E_EXPIRES_TOO_LATE, "header.expires");
	assert_doctor_says(x, POLICE, "warn", "5 reports of the last 7 days were refused");
	assert_int_equal(office_inbox(x, ARMY, NULL, NULL), 0);
	free(late);
}

static void what_has_its_grounds_arrives(void **state)
{
	struct exchange *x = *state;

	report(x, "wanted", PURPOSE ", " GRADES ", " BASIS);
	assert_true(office_received(x, ARMY, 1, 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_missing_comes_back_with_the_fields_name),
		cmocka_unit_test(what_has_its_grounds_arrives),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
