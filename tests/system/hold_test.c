/* hold_test - an authority orders that a report is kept, and its origin takes it back, with real processes: it is kept
 * for the authority, shown to nobody else, and erased when the order ends. */
#include "common/memory.h"
#include "tests/support/doctors.h"
#include "tests/support/operate.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { POLICE, ARMY, IMMIGRATION };

#define CANARY "ERIKSSON-canary"
#define SETPRIV "/usr/bin/setpriv"

static const char policy[] = "purposes: [law-enforcement, immigration-oversight]\n"
			     "categories: [wanted]\n"
			     "agencies:\n"
			     "  - agency: police\n"
			     "    ceiling: RED\n"
			     "    publish: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
			     "  - agency: army\n"
			     "    ceiling: RED\n"
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
	assert_int_equal(exchange_ctl(x, lines, "operator", "new", name, "-o", key, "--no-passphrase", NULL), 0);
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

/* The newest proposal, as text: one that was refused when it was approved still waits. */
static char *proposed(struct exchange *x)
{
	json_t *answer = ctl_json(x, "proposals"), *proposal;
	long long newest = 0;
	size_t i;

	json_array_foreach(json_object_get(answer, "proposals"), i, proposal)
	{
		const long long id = (long long)json_integer_value(json_object_get(proposal, "proposal"));

		newest = id > newest ? id : newest;
	}
	json_decref(answer);
	return memory_format("%lld", newest);
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
	struct buffer doctor = {0};

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
	assert_told(TOLD(x, "hold", "list", "--json"), "\"signed_by\":[\"ani\",\"budi\"]");
	assert_int_equal(exchange_ctl(x, NULL, "-a", "hold", "list", NULL), 0);
	exchange_ctl(x, &doctor, "doctor", NULL);
	buffer_u8(&doctor, 0);
	assert_told((char *)doctor.data, "police.oku#1 is held for 20 more days");
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
	/* What is in the way shows before it counts as opened. */
	assert_int_equal(exchange_ctl(x, NULL, "--key", budi, "approve", id, "-o", "/proc/nowhere/proof.json", NULL),
			 74);
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
	assert_told(TOLD(x, "hold", "list", "--all"), "over");
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

/* And the operators are told so before they sign. */
static void what_is_sealed_the_broker_keeps_and_cannot_open(void **state)
{
	static const char draft[] =
		"{\"category\": \"wanted\", \"label\": \"RED\", \"region\": \"16.01\", \"purpose\": "
		"\"law-enforcement\", "
		"\"to\": [\"army.oku\"], \"sighting\": {\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": "
		"\"fact\", \"summary\": \"" CANARY "\"}}";
	struct exchange *x = *state;
	char until[TIME_TEXT_SIZE], *id;

	assert_int_equal(exchange_simpul(x, POLICE, draft, NULL, "report", "--json", "-", NULL), 0);
	assert_true(exchange_settled(x, 20));
	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, "hold", "place", "police.oku#R1", "--authority",
				      "PN-BATURAJA", "--order", "13/Pid.Sus/2026", "--until", days_ahead(20, until),
				      "--reason", "investigation", NULL),
			 0);
	assert_true(exchange_logged(x, "it is sealed: the broker keeps the ciphertext"));
	id = proposed(x);
	assert_int_equal(exchange_ctl(x, NULL, "--key", budi, "approve", id, NULL), 0);
	free(id);
	assert_int_equal(
		exchange_ctl(x, NULL, "--key", ani, "hold", "open", "police.oku#R1", "--reason", "for the court", NULL),
		65);
}

/* ------------------------------------------------------------------ at an office */

/* As another Unix user, of the group that may write to the agent's socket: the store is closed to him. */
static int confirm_as_nobody(struct exchange *x, size_t office, const char *id)
{
	char program[300], *config = office_path(x, office, "agent.yaml"), *above = office_path(x, office, "..");
	const char *argv[] = {SETPRIV,
			      "--reuid=65534",
			      "--regid=0",
			      "--clear-groups",
			      process_program("simpul", program, sizeof(program)),
			      "-c",
			      config,
			      "hold",
			      "confirm",
			      id,
			      NULL};
	int status;

	assert_int_equal(chmod(above, 0711), 0);
	assert_int_equal(chmod(x->offices[office].folder, 0711), 0);
	assert_int_equal(chmod(config, 0644), 0);
	status = process_run(argv, NULL, NULL, x->log, 20);
	free(config);
	free(above);
	return status;
}

/* What the police hears of the army's own copy. */
struct awaited {
	struct exchange *x;
	const char *name, *outcome;
};

static bool copy_says(const json_t *copy, const struct awaited *awaited)
{
	json_t *sink;
	size_t i;

	if (strcmp(json_string_value(json_object_get(copy, "node")), "army.oku") != 0 ||
	    strcmp(json_string_value(json_object_get(copy, "name")), awaited->name) != 0)
		return false;
	json_array_foreach(json_object_get(copy, "sinks"), i, sink)
	{
		if (strcmp(json_string_value(json_object_get(sink, "sink")), "office-store") == 0)
			return strcmp(json_string_value(json_object_get(sink, "outcome")), awaited->outcome) == 0;
	}
	return false;
}

static bool is_heard(void *context)
{
	const struct awaited *awaited = context;
	struct buffer out = {0};
	json_t *json, *copy;
	bool heard = false;
	size_t i;

	assert_int_equal(
		exchange_simpul(awaited->x, POLICE, NULL, &out, "outbox", "show", awaited->name, "--json", NULL), 0);
	json = json_loadb((const char *)out.data, out.size, 0, NULL);
	json_array_foreach(json_object_get(json, "copies"), i, copy)
	{
		heard = heard || copy_says(copy, awaited);
	}
	json_decref(json);
	buffer_free(&out);
	return heard;
}

static bool hears(struct exchange *x, const char *name, const char *outcome)
{
	struct awaited awaited = {x, name, outcome};

	return wait_for(is_heard, &awaited, 20);
}

static void what_an_office_holds_is_told_as_held_and_after_the_end_as_erased(void **state)
{
	struct exchange *x = *state;
	char until[TIME_TEXT_SIZE], *proof = office_path(x, ARMY, "kept.json");
	struct buffer shown = {0};
	json_t *row;

	/* Typed at a terminal of another encoding. */
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "hold", "lift", "1", "--reason", "\xe9tape", NULL), 65);
	if (geteuid() != 0 || access(SETPRIV, X_OK) != 0)
		skip(); /* only root becomes somebody else */
	hand_in(x);	/* police.oku#3 */
	assert_true(office_received(x, ARMY, 4, 20));
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "hold", "place", "police.oku#3", "--authority",
					 "PN-BATURAJA", "--order", "12/Pid.Sus/2026", "--until", days_ahead(20, until),
					 "--reason", "investigation", NULL),
			 0);
	assert_doctor_says(x, ARMY, "warn", "1 orders to keep a report wait for a second user");
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "hold", "confirm", "1", NULL), 77);
	assert_int_equal(confirm_as_nobody(x, ARMY, "1"), 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "hold", "confirm", "1", NULL), 65);
	assert_true(log_has(x, "1: it is in force already", 1));
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", "police.oku#3", "--reason", "wrong-person",
					 "--erase", NULL),
			 0);
	assert_true(hears(x, "police.oku#3", "held"));
	row = inbox_find(x, ARMY, "police.oku#3");
	assert_string_equal(json_string_value(json_object_get(row, "erased_by")), "retracted");
	json_decref(row);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, &shown, "hold", "open", "police.oku#3", "--reason",
					 "for the court", "-o", proof, NULL),
			 0);
	buffer_u8(&shown, 0);
	assert_told((char *)shown.data, CANARY);
	shown = (struct buffer){0};
	assert_int_equal(operate_run(x, &shown, "simpul", "verify", proof, "--content", NULL), 0);
	buffer_u8(&shown, 0);
	assert_told((char *)shown.data, CANARY);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "hold", "lift", "1", "--reason", "order withdrawn", NULL),
			 0);
	assert_int_equal(confirm_as_nobody(x, ARMY, "2"), 0);
	process_end(x->offices[ARMY].pid, SIGTERM, 20);
	exchange_start_office(x, ARMY); /* which looks at once what is over, and not within a minute */
	assert_true(hears(x, "police.oku#3", "erased"));
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "hold", "open", "police.oku#3", "--reason", "late", NULL),
			 66);
	free(proof);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_operator_is_not_enough_and_two_are),
		cmocka_unit_test(what_is_held_is_taken_back_as_any_other_and_kept_for_the_authority_alone),
		cmocka_unit_test(a_restart_ends_no_hold_and_its_end_erases),
		cmocka_unit_test(what_is_sealed_the_broker_keeps_and_cannot_open),
		cmocka_unit_test(what_an_office_holds_is_told_as_held_and_after_the_end_as_erased),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
