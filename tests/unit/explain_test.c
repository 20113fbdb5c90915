/* explain_test - tries to have an operator told that an office heard what it did not hear. */
#include "broker/control/explain.h"

#include "common/memory.h"
#include "tests/support/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TO(node) (1u << (node))

static int setup(void **state)
{
	struct ledger *ledger = *state = memory_zero(1, sizeof(*ledger));

	ledger_open(ledger);
	return 0;
}

static int teardown(void **state)
{
	ledger_close(*state);
	free(*state);
	return 0;
}

/* Report `number` of the police's; with a reference, an update that the army is in the audience of, and that is
 * withheld from it. */
static uint64_t say(struct ledger *ledger, uint64_t number, uint64_t reference, unsigned audience, bool superseded)
{
	const uint64_t entry =
		ledger_say(ledger, &(struct saying){.origin = POLICE,
						    .first = number,
						    .kind = reference > 0 ? SIMPUL__KIND__KIND_UPDATE : 0,
						    .reference = reference,
						    .superseded = superseded,
						    .audience = audience});

	if (reference > 0)
		journal_note_withheld(ledger->journal, ledger_nodes[ARMY], entry, 1);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	return entry;
}

static void assert_explained(const struct ledger *ledger, const char *name, const char *expected)
{
	struct journal_case *c;
	struct buffer text = {0};
	struct fault fault = {0};

	assert_int_equal(journal_case_open(&c, ledger->options.path, &fault), E_OK);
	if (explain_report(c, ledger_nodes[ARMY], name, &text, &fault) != E_OK)
		fail_msg("%s at %s", error_name(fault.code), fault.field);
	buffer_u8(&text, 0);
	if (strstr((const char *)text.data, expected) == NULL)
		fail_msg("%s", (const char *)text.data);
	buffer_free(&text);
	journal_case_close(c);
}

static void an_office_was_told_when_it_has_acknowledged(void **state)
{
	struct ledger *ledger = *state;
	uint64_t update;

	say(ledger, 1, 0, TO(ARMY), false);
	update = say(ledger, 2, 1, TO(IMMIGRATION), true);
	assert_explained(ledger, "police.oku#2", "instead of it, the office is to be told that");
	journal_note_cursor(ledger->journal, ledger_nodes[ARMY], update);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_explained(ledger, "police.oku#2", "instead of it, the office was told that");
}

/* As those of before there was one. */
static void nobody_is_told_by_an_update_without_a_statement(void **state)
{
	struct ledger *ledger = *state;

	say(ledger, 1, 0, TO(ARMY), false);
	say(ledger, 2, 1, TO(IMMIGRATION), false);
	assert_explained(ledger, "police.oku#2", "the office is not told");
}

static void who_did_not_have_the_report_is_not_told(void **state)
{
	struct ledger *ledger = *state;

	say(ledger, 1, 0, TO(IMMIGRATION), false);
	say(ledger, 2, 1, TO(ARMY), true);
	assert_explained(ledger, "police.oku#2", "the office is not told");
}

static void of_an_update_of_an_update_it_depends(void **state)
{
	struct ledger *ledger = *state;

	say(ledger, 1, 0, TO(ARMY), false);
	say(ledger, 2, 1, TO(ARMY), true);
	say(ledger, 3, 2, TO(ARMY), true);
	assert_explained(ledger, "police.oku#3", "is superseded, if it might have that one\n");
}

static void an_update_that_its_origin_kept_from_the_office_is_not_called_the_policy_s_doing(void **state)
{
	struct ledger *ledger = *state;
	uint64_t entry;

	say(ledger, 1, 0, TO(ARMY), false);
	entry = ledger_say(ledger, &(struct saying){.origin = POLICE,
						    .first = 2,
						    .kind = SIMPUL__KIND__KIND_UPDATE,
						    .reference = 1,
						    .superseded = true,
						    .left_out = "army",
						    .audience = TO(ARMY)});
	assert_explained(ledger, "police.oku#2", "will be withheld: excluded by its origin (not_to)\n");
	journal_note_withheld(ledger->journal, ledger_nodes[ARMY], entry, 1);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_explained(ledger, "police.oku#2",
			 "it was withheld: excluded by its origin (not_to)\ninstead of it, the office is to");
}

static void a_name_that_is_none_is_the_report_s_fault(void **state)
{
	const struct ledger *ledger = *state;
	struct journal_case *c;
	struct buffer text = {0};
	struct fault fault = {0};

	assert_int_equal(journal_case_open(&c, ledger->options.path, NULL), E_OK);
	assert_int_equal(explain_report(c, ledger_nodes[ARMY], "police", &text, &fault), E_INVALID);
	assert_string_equal(fault.field, "report");
	journal_case_close(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_office_was_told_when_it_has_acknowledged),
		TEST(nobody_is_told_by_an_update_without_a_statement),
		TEST(who_did_not_have_the_report_is_not_told),
		TEST(of_an_update_of_an_update_it_depends),
		TEST(an_update_that_its_origin_kept_from_the_office_is_not_called_the_policy_s_doing),
		TEST(a_name_that_is_none_is_the_report_s_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
