/* hold_test - an authority orders that a report is kept, and its origin takes it back, with real processes: it is kept
 * for the authority, shown to nobody else, and erased when the order ends. */
#include "common/memory.h"
#include "tests/support/operate.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { POLICE, ARMY, IMMIGRATION };

#define CANARY "ERIKSSON-canary"

static const char policy[] = "purposes: [law-enforcement, immigration-oversight]\n"
			     "categories: [wanted]\n"
			     "agencies:\n"
			     "  - agency: police\n"
			     "    ceiling: AMBER+STRICT\n"
			     "    publish: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
			     "  - agency: army\n"
			     "    ceiling: AMBER+STRICT\n"
			     "    receive: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
			     "  - agency: immigration\n"
			     "    ceiling: AMBER+STRICT\n"
			     "    receive: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
			     "nodes:\n"
			     "  - {node: police.oku, regions: [\"16.01\"]}\n"
			     "  - {node: army.oku, regions: [\"16.01\"]}\n"
			     "  - {node: immigration.muara-enim, regions: [\"16.01\"]}\n";

static char *ani, *budi; /* the keys of two operators */

static void operator_make(struct exchange *x, const char *name, const char *key, struct buffer *lines)
{
	assert_int_equal(exchange_ctl(x, lines, "operator", "new", name, "-o", key, NULL), 0);
}

/* The immigration's agent is away. */
static int set_up(void **state)
{
	static struct exchange x;
	struct buffer lines = {0};
	char *operators;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", "immigration.muara-enim", NULL});
	ani = broker_path(&x, "ani.operator");
	budi = broker_path(&x, "budi.operator");
	operators = broker_path(&x, "operators");
	operator_make(&x, "ani", ani, &lines);
	operator_make(&x, "budi", budi, &lines);
	buffer_u8(&lines, 0);
	assert_int_equal(process_end(x.broker, SIGTERM, 20), 0);
	file_put(operators, (const char *)lines.data);
	exchange_start_broker(&x);
	exchange_start_office(&x, POLICE);
	exchange_start_office(&x, ARMY);
	buffer_free(&lines);
	free(operators);
	*state = &x;
	return office_caught_up(&x, POLICE, 20) && office_caught_up(&x, ARMY, 20) ? 0 : 1;
}

static int tear_down(void **state)
{
	free(ani);
	free(budi);
	return exchange_tear_down(state);
}

static void hand_in(struct exchange *x)
{
	static const char draft[] = "{\"category\": \"wanted\", \"label\": \"AMBER\", \"region\": \"16.01\", "
				    "\"purpose\": \"law-enforcement\", "
				    "\"sighting\": {\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": "
				    "\"fact\", \"summary\": \"" CANARY "\"}}";

	assert_int_equal(exchange_simpul(x, POLICE, draft, NULL, "report", "--json", "-", NULL), 0);
}

/* The only proposal, as text. */
static char *proposed(struct exchange *x)
{
	json_t *answer = ctl_json(x, "proposals"), *list = json_object_get(answer, "proposals");
	char *text;

	assert_int_equal(json_array_size(list), 1);
	text = memory_format("%lld",
			     (long long)json_integer_value(json_object_get(json_array_get(list, 0), "proposal")));
	json_decref(answer);
	return text;
}

/* What simpulctl prints; free it. */
#define TOLD(x, ...) told((x), (const char *const[]){__VA_ARGS__, NULL})

static char *told(struct exchange *x, const char *const words[])
{
	struct buffer out = {0};

	assert_int_equal(exchange_ctl(x, &out, words[0], words[1], words[1] == NULL ? NULL : words[2], NULL), 0);
	buffer_u8(&out, 0);
	return (char *)out.data;
}

static void assert_told(char *text, const char *expected)
{
	if (strstr(text, expected) == NULL)
		fail_msg("no \"%s\" in:\n%s", expected, text);
	free(text);
}

/* ------------------------------------------------------------------ tests */

#define PLACE(until) \
	"hold", "place", "police.oku#1", "--authority", "PN-BATURAJA", "--order", "12/Pid.Sus/2026", "--until", \
		(until), "--reason", "investigation", NULL

static void one_operator_is_not_enough_and_two_are(void **state)
{
	struct exchange *x = *state;
	char until[TIME_TEXT_SIZE], late[TIME_TEXT_SIZE], *id;

	hand_in(x);
	assert_true(office_received(x, ARMY, 1, 20));
	days_ahead(20, until);
	assert_int_equal(exchange_ctl(x, NULL, PLACE(until)), 77);
	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, PLACE(days_ahead(400, late))), 65);
	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, "hold", "place", "police.oku#2", "--authority",
				      "PN-BATURAJA", "--order", "1", "--until", until, "--reason", "investigation",
				      NULL),
			 66);
	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, PLACE(until)), 0);
	id = proposed(x);
	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, "approve", id, NULL), 77);
	assert_int_equal(exchange_ctl(x, NULL, "--key", budi, "approve", id, NULL), 0);
	assert_true(log_has(x, "event=hold.placed report=police.oku#1", 20));
	assert_told(TOLD(x, "hold", "list"), "in-force");
	free(id);
}

static void what_is_held_is_taken_back_as_any_other_and_kept_for_the_authority_alone(void **state)
{
	struct exchange *x = *state;
	char *proof = broker_path(x, "proof.json"), *id;
	struct buffer shown = {0};

	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", "police.oku#1", "--reason", "wrong-person",
					 "--erase", NULL),
			 0);
	assert_true(log_has(x, "event=bodies.held reports=1", 20));
	exchange_start_office(x, IMMIGRATION);
	assert_true(office_received(x, IMMIGRATION, 2, 20));
	assert_false(office_holds(x, IMMIGRATION, CANARY));
	assert_told(TOLD(x, "report", "police.oku#1"),
		    "for nobody to get, by order of PN-BATURAJA, 12/Pid.Sus/2026, until");
	assert_int_equal(
		exchange_ctl(x, NULL, "--key", ani, "hold", "open", "police.oku#1", "--reason", "for the court", NULL),
		0);
	id = proposed(x);
	assert_int_equal(exchange_ctl(x, NULL, "--key", budi, "approve", id, NULL), 64); /* into which file? */
	assert_int_equal(exchange_ctl(x, NULL, "--key", budi, "approve", id, "-o", proof, NULL), 0);
	assert_int_equal(operate_run(x, &shown, "simpul", "verify", proof, NULL), 0);
	buffer_u8(&shown, 0);
	assert_told((char *)shown.data, "exactly this header and this content");
	assert_told(TOLD(x, "acts"), "hold open police.oku#1, signed by ani and budi: for the court");
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	free(proof);
	free(id);
}

static void a_restart_ends_no_hold_and_its_end_erases(void **state)
{
	struct exchange *x = *state;
	char until[TIME_TEXT_SIZE], *id;

	process_end(x->broker, SIGKILL, 20);
	exchange_start_broker(x);
	assert_told(TOLD(x, "hold", "list"), "kept");
	assert_int_equal(log_count(x, "event=bodies.erased"), 0);
	assert_int_equal(exchange_ctl(x, NULL, "--key", budi, "hold", "lift", "police.oku#1", "--reason",
				      "order withdrawn", NULL),
			 0);
	id = proposed(x);
	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, "approve", id, NULL), 0);
	assert_true(log_has(x, "event=bodies.erased", 20));
	assert_told(TOLD(x, "hold", "list"), "no report is held");
	assert_told(TOLD(x, "report", "police.oku#1"), "erased here");
	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, "hold", "open", "police.oku#1", "--reason", "late", NULL),
			 66);
	free(id);
	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, PLACE(days_ahead(20, until))), 0);
	id = proposed(x);
	assert_int_equal(exchange_ctl(x, NULL, "--key", budi, "approve", id, NULL), 65); /* it is gone */
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	free(id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_operator_is_not_enough_and_two_are),
		cmocka_unit_test(what_is_held_is_taken_back_as_any_other_and_kept_for_the_authority_alone),
		cmocka_unit_test(a_restart_ends_no_hold_and_its_end_erases),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
