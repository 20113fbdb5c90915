/* update_test - an update reaches everybody who has the report: those who may not have it are told that what they have
 * is superseded, and so are their sinks. */
#include "common/memory.h"
#include "tests/support/operate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { POLICE, ARMY, IMMIGRATION };

/* Health matters are not for the army. */
static const char policy[] =
	"purposes: [law-enforcement, immigration-oversight]\n"
	"categories: [public-order, other]\n"
	"agencies:\n"
	"  - agency: police\n    ceiling: AMBER\n    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"  - agency: army\n    ceiling: AMBER\n    receive: [{kinds: [sighting], categories: [public-order]}]\n"
	"  - agency: immigration\n    ceiling: AMBER\n    receive: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"nodes:\n"
	"  - {node: police.oku, regions: [\"16.01\"]}\n"
	"  - {node: army.oku, regions: [\"16.01\"]}\n"
	"  - {node: immigration.oku, regions: [\"16.01\"]}\n";

static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", "immigration.oku", NULL});
	exchange_start_offices(&x);
	*state = &x;
	for (size_t office = 0; office < x.count; office++)
		if (!office_caught_up(&x, office, 20))
			return 1;
	return 0;
}

static void assert_state(struct exchange *x, size_t office, const char *state)
{
	json_t *row = inbox_find(x, office, "police.oku#1");

	assert_non_null(row);
	assert_string_equal(json_string_value(json_object_get(row, "state")), state);
	json_decref(row);
}

static bool sink_has(void *context)
{
	char *path = office_path(context, ARMY, "inbox.jsonl"), *text = file_text(path);
	const bool has = strstr(text, "\"notice\":\"superseded\"") != NULL;

	free(path);
	free(text);
	return has;
}

static void who_may_not_have_the_update_has_the_report_superseded(void **state)
{
	struct exchange *x = *state;
	char *proof = office_path(x, ARMY, "proof.json");
	const char *update = "{\"category\": \"other\", \"sighting\": {\"first_seen\": \"2026-01-01T10:00:00+07:00\","
			     " \"assertion\": \"fact\", \"summary\": \"RAHASIA\"}}";

	drop_many(x, POLICE, "one.jsonl", "seen", 1);
	assert_true(office_received(x, ARMY, 1, 20));
	assert_int_equal(exchange_simpul(x, POLICE, update, NULL, "update", "police.oku#1", "--json", "-", NULL), 0);
	assert_true(office_received(x, IMMIGRATION, 2, 20));
	assert_true(office_received(x, ARMY, 2, 20));
	assert_state(x, IMMIGRATION, "updated");
	assert_state(x, ARMY, "superseded");
	assert_true(wait_for(sink_has, x, 10));
	assert_false(office_holds(x, ARMY, "RAHASIA"));
	assert_true(office_holds(x, IMMIGRATION, "RAHASIA"));
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "show", "police.oku#1", NULL), 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "export", "police.oku#1", "-o", proof, NULL), 0);
	free(proof);
}

/* After the test above. The update of the update, whose name this office was never told. */
static void who_may_have_the_next_update_has_the_report_updated(void **state)
{
	struct exchange *x = *state;
	const char *update = "{\"category\": \"public-order\", \"sighting\": {\"first_seen\": "
			     "\"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", \"summary\": \"TERBUKA\"}}";

	assert_int_equal(exchange_simpul(x, POLICE, update, NULL, "update", "police.oku#2", "--json", "-", NULL), 0);
	assert_true(office_received(x, IMMIGRATION, 3, 20));
	assert_true(office_received(x, ARMY, 3, 20));
	assert_state(x, IMMIGRATION, "updated");
	assert_state(x, ARMY, "updated");
	assert_true(office_holds(x, ARMY, "TERBUKA"));
	assert_false(office_holds(x, ARMY, "police.oku#2"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_may_not_have_the_update_has_the_report_superseded),
		cmocka_unit_test(who_may_have_the_next_update_has_the_report_updated),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
