/* memory_test - what a dump of a program's memory would show: nothing that the broker must not read, and after a retraction
 * nothing of what was taken back, neither at the broker nor at an office. */
#include "common/memory.h"
#include "tests/support/dump.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { POLICE, ARMY, OFFICES };

/* Long enough that no half of it is taken for it, and nowhere else. */
#define SEALED "sealed-canary-for-the-named-office-alone"
#define TAKEN_BACK "open-canary-that-is-going-to-be-taken-back"

static const char policy[] = POLICY_WANTED_UP_TO_RED;

static int set_up(void **state)
{
	static struct exchange x;

	dump_prepare();
	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", NULL});
	*state = &x;
	return exchange_serve(&x);
}

static struct bytes bytes_of(const char *text)
{
	return BYTES(text, strlen(text));
}

/* ------------------------------------------------------------------ tests */

/* By standard input, so that it stands in no argument. */
static void say(struct exchange *x, const char *summary, const char *label, const char *more)
{
	char *draft = memory_format("{\"category\": \"wanted\", \"region\": \"16.01\", \"label\": \"%s\", \"purpose\": "
				    "\"law-enforcement\"%s, \"sighting\": "
				    "{\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", "
				    "\"summary\": \"%s\"}}",
				    label, more, summary);

	assert_int_equal(exchange_simpul(x, POLICE, draft, NULL, "report", "--json", "-", NULL), 0);
	free(draft);
}

static void a_sealed_report_is_nowhere_at_the_broker(void **state)
{
	struct exchange *x = *state;

	if (!dump_permitted())
		skip();
	say(x, SEALED, "RED", ", \"to\": [\"army.oku\"]");
	assert_true(office_received(x, ARMY, 1, 20));
	assert_true(office_holds(x, ARMY, SEALED));
	assert_false(dump_holds(x->broker, bytes_of(SEALED)));
}

static void what_was_taken_back_is_in_nobodys_memory(void **state)
{
	struct exchange *x = *state;

	if (!dump_permitted() || !dump_overwritten())
		skip();
	say(x, TAKEN_BACK, "AMBER", "");
	assert_true(office_received(x, ARMY, 2, 20));
	assert_true(dump_holds(x->broker, bytes_of(TAKEN_BACK))); /* or the search would find nothing anywhere */
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", "police.oku#1", "--reason", "wrong-person",
					 "--erase", NULL),
			 0);
	assert_true(log_has(x, "bodies.erased", 20));
	assert_true(dump_forgets(x->broker, bytes_of(TAKEN_BACK)));
	assert_true(dump_forgets(x->offices[ARMY].pid, bytes_of(TAKEN_BACK)));
	assert_true(dump_forgets(x->offices[POLICE].pid, bytes_of(TAKEN_BACK)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sealed_report_is_nowhere_at_the_broker),
		cmocka_unit_test(what_was_taken_back_is_in_nobodys_memory),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
