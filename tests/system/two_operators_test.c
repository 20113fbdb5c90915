/* two_operators_test - one operator alone puts no policy, no member and no reseed through, whatever he tries; two do. */
#include "common/memory.h"
#include "tests/support/doctors.h"
#include "tests/support/operate.h"
#include "tests/support/terminal.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const char policy[] = "purposes: [law-enforcement, immigration-oversight]\n"
			     "categories: [public-order]\n"
			     "agencies:\n"
			     "  - agency: police\n"
			     "    ceiling: AMBER\n"
			     "    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
			     "nodes:\n"
			     "  - {node: police.oku, regions: [\"16.01\"]}\n";

static char *ani, *budi; /* their keys */

static void operator_make(struct exchange *x, const char *name, const char *key, struct buffer *lines)
{
	assert_int_equal(exchange_ctl(x, lines, "operator", "new", name, "-o", key, "--no-passphrase", NULL), 0);
}

/* A broker with an office, started anew so that some things take two from now on. */
static int set_up(void **state)
{
	static struct exchange x;
	struct buffer lines = {0};
	char *yaml, *operators;
	FILE *file;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", NULL});
	ani = broker_path(&x, "ani.operator");
	budi = broker_path(&x, "budi.operator");
	operators = broker_path(&x, "operators");
	yaml = broker_path(&x, "broker.yaml");
	operator_make(&x, "ani", ani, &lines);
	assert_int_equal(process_end(x.broker, SIGTERM, 20), 0);
	file = fopen(yaml, "a");
	assert_non_null(file);
	fputs("two_operators: [policy, enroll, reseed]\n", file);
	fclose(file);
	buffer_u8(&lines, 0);
	file_put(operators, (const char *)lines.data); /* one is too few to start with */
	assert_int_equal(operate_run(&x, NULL, "simpul-broker", "-t", "-c", yaml, NULL), 78);
	lines.size--;
	operator_make(&x, "budi", budi, &lines);
	buffer_u8(&lines, 0);
	file_put(operators, (const char *)lines.data);
	exchange_start_broker(&x);
	buffer_free(&lines);
	free(operators);
	free(yaml);
	*state = &x;
	return 0;
}

static int tear_down(void **state)
{
	free(ani);
	free(budi);
	return exchange_tear_down(state);
}

/* The number of the only proposal, as text; "" when there is none. */
static const char *proposed(struct exchange *x)
{
	static char text[24];
	json_t *answer = ctl_json(x, "proposals");
	const json_t *list = json_object_get(answer, "proposals");

	text[0] = '\0';
	if (json_array_size(list) == 1)
		snprintf(text, sizeof text, "%lld",
			 (long long)json_integer_value(json_object_get(json_array_get(list, 0), "proposal")));
	json_decref(answer);
	return text;
}

static void assert_recorded(struct exchange *x, const char *expected)
{
	struct buffer out = {0};

	assert_int_equal(exchange_ctl(x, &out, "acts", NULL), 0);
	buffer_u8(&out, 0);
	if (strstr((const char *)out.data, expected) == NULL)
		fail_msg("no \"%s\" in:\n%s", expected, (const char *)out.data);
	buffer_free(&out);
}

static void assert_status_says(struct exchange *x, const char *expected)
{
	struct buffer out = {0};

	assert_int_equal(exchange_ctl(x, &out, "status", NULL), 0);
	buffer_u8(&out, 0);
	assert_non_null(strstr((const char *)out.data, expected));
	buffer_free(&out);
}

#define RESEED "reseed", "police.oku", "--from", "1", "--reason", "inbox lost", NULL

/* simpulctl approve at a terminal with a key and what is typed there; the status, and what was shown as text. */
static int approve_at_terminal(struct exchange *x, const char *key, const struct terminal_line *lines, struct buffer *shown)
{
	char program[300], *config = broker_path(x, "broker.yaml");
	const char *const argv[] = {
		process_program("simpulctl", program, sizeof program), "-c", config, "--key", key, "approve", proposed(x), NULL};
	const int status = terminal_run(argv, lines, shown, 20);

	buffer_u8(shown, 0);
	free(config);
	return status;
}

static bool shows(const struct buffer *shown, const char *text)
{
	return strstr((const char *)shown->data, text) != NULL;
}

static void one_operator_alone_is_refused(void **state)
{
	struct exchange *x = *state;
	const long long before = journal_entry(x);
	char *stranger = broker_path(x, "stranger.operator");
	struct buffer unused = {0};

	assert_int_equal(exchange_ctl(x, NULL, RESEED), 77);
	assert_int_equal(exchange_ctl(x, NULL, "policy", "reload", NULL), 77);
	operator_make(x, "stranger", stranger, &unused);
	assert_int_equal(exchange_ctl(x, NULL, "--key", stranger, RESEED), 65);
	assert_string_equal(proposed(x), "");
	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, RESEED), 0);
	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, "approve", proposed(x), NULL), 77); /* the same once more */
	assert_int_equal(exchange_ctl(x, NULL, "--key", stranger, "approve", proposed(x), NULL), 65);
	assert_int_equal(exchange_ctl(x, NULL, "approve", proposed(x), NULL), 64);
	assert_int_equal(exchange_ctl(x, NULL, "-a", "--key", budi, "approve", proposed(x), NULL), 77);
	assert_int_equal(journal_entry(x), before);
	buffer_free(&unused);
	free(stranger);
}

/* After the test above: a reseed waits. */
static void two_put_it_through_once(void **state)
{
	struct exchange *x = *state;
	char *id = memory_string(proposed(x));
	struct buffer out = {0};

	assert_string_not_equal(id, "");
	assert_int_equal(exchange_ctl(x, &out, "proposals", NULL), 0);
	buffer_u8(&out, 0);
	assert_non_null(strstr((const char *)out.data, "reseed by ani"));
	assert_broker_doctor_says(x, "warn", "1 wait for a second operator");
	assert_status_says(x, "1 wait for a second operator");
	assert_non_null(strstr((const char *)out.data, "police.oku from entry 1, \"inbox lost\""));
	assert_int_equal(exchange_ctl(x, NULL, "--key", budi, "approve", id, NULL), 0);
	assert_recorded(x, "reseed police.oku (entry ");
	assert_recorded(x, ", signed by ani and budi: inbox lost\n");
	assert_int_equal(exchange_ctl(x, NULL, "--key", budi, "approve", id, NULL), 66);
	assert_string_equal(proposed(x), "");
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	buffer_free(&out);
	free(id);
}

/* A policy of ani's waits. */
static void who_approves_reads_first_what_changes(struct exchange *x)
{
	const struct terminal_line no[] = {{"Type yes when it is: ", "no"}, {NULL, NULL}}, nothing[] = {{NULL, NULL}};
	struct buffer shown = {0}, own = {0};

	assert_int_equal(approve_at_terminal(x, budi, no, &shown), 77);
	assert_true(shows(&shown, "police.oku                       gains  publishing sightings: health"));
	assert_true(shows(&shown, "not approved; it still waits"));
	assert_false(shows(&shown, "TWO_OPERATORS"));
	assert_int_equal(approve_at_terminal(x, ani, nothing, &own), 77);
	assert_true(shows(&own, "ani proposed it"));
	assert_false(shows(&own, "Type yes"));
	assert_string_not_equal(proposed(x), "");
	buffer_free(&shown);
	buffer_free(&own);
}

static void a_policy_is_the_file_that_both_have_read(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "policy.yaml");
	const long long before = journal_entry(x);

	file_swap(path, "[public-order]", "[public-order, health]");
	kill(x->broker, SIGHUP);
	assert_true(log_has(x, "policy.rejected code=TWO_OPERATORS place=signal", 10));
	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, "policy", "reload", NULL), 0);
	file_swap(path, "[public-order, health]", "[public-order, lodging]");
	assert_int_equal(exchange_ctl(x, NULL, "--key", budi, "approve", proposed(x), NULL), 65);
	assert_int_equal(journal_entry(x), before);
	file_swap(path, "[public-order, lodging]", "[public-order, health]");
	who_approves_reads_first_what_changes(x);
	assert_int_equal(exchange_ctl(x, NULL, "--key", budi, "approve", proposed(x), NULL), 0);
	assert_recorded(x, "policy reload (entry ");
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	free(path);
}

/* After the test above: the file is the policy in force. */
static void a_policy_that_changes_nothing_troubles_nobody(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "policy.yaml");
	struct buffer out = {0};

	assert_int_equal(exchange_ctl(x, &out, "--key", ani, "policy", "reload", NULL), 0);
	file_swap(path, "purposes:", "# of TIMPORA\npurposes:");
	assert_int_equal(exchange_ctl(x, &out, "policy", "diff", NULL), 0);
	exchange_ctl(x, &out, "doctor", NULL);
	buffer_u8(&out, 0);
	assert_true(shows(&out, "as it was: nothing is proposed"));
	assert_true(shows(&out, "nothing changes for any node: only its text differs"));
	assert_true(shows(&out, "only its text differs from the policy in force"));
	assert_string_equal(proposed(x), "");
	kill(x->broker, SIGHUP);
	assert_true(log_has(x, "policy.kept", 10));
	file_swap(path, "# of TIMPORA\n", "");
	buffer_free(&out);
	free(path);
}

static void shutting_somebody_out_takes_one(void **state)
{
	struct exchange *x = *state;

	assert_int_equal(exchange_ctl(x, NULL, "revoke", "police.oku", "--reason", "stolen", NULL), 0);
	assert_recorded(x, "revoke police.oku (entry ");
}

/* A restart keeps what waits, and puts no changed policy in force. */
static void a_restart_is_no_second_operator_and_keeps_what_the_first_signed(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "policy.yaml"), *id;
	json_t *before = ctl_json(x, "status"), *after;

	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, "reseed", "police.oku", "--from", "1", "--reason", "x", NULL), 0);
	id = memory_string(proposed(x));
	file_swap(path, "[public-order, health]", "[public-order, election]");
	process_end(x->broker, SIGKILL, 20);
	exchange_start_broker(x);
	after = ctl_json(x, "status");
	assert_int_equal(json_integer_value(json_object_get(before, "policy_version")),
			 json_integer_value(json_object_get(after, "policy_version")));
	assert_string_equal(proposed(x), id);
	assert_int_equal(exchange_ctl(x, NULL, "--key", budi, "approve", id, NULL), 0);
	assert_recorded(x, ", signed by ani and budi: x\n");
	assert_string_equal(proposed(x), "");
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	json_decref(before);
	json_decref(after);
	free(path);
	free(id);
}

static void what_was_proposed_is_withdrawn_by_one_and_on_record(void **state)
{
	struct exchange *x = *state;
	char *id;

	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, RESEED), 0);
	id = memory_string(proposed(x));
	assert_int_equal(exchange_ctl(x, NULL, "-a", "withdraw", id, NULL), 77);
	assert_int_equal(exchange_ctl(x, NULL, "withdraw", id, "--reason", "the wrong office", NULL), 0);
	assert_recorded(x, "withdraw reseed police.oku: the wrong office\n");
	assert_string_equal(proposed(x), "");
	assert_int_equal(exchange_ctl(x, NULL, "--key", budi, "approve", id, NULL), 66);
	free(id);
}

/* The last test. Where no terminal is to be asked: in a script, over a line to another machine. */
static void a_locked_key_signs_with_the_file_of_its_passphrase_and_with_no_other(void **state)
{
	struct exchange *x = *state;
	char *right = broker_path(x, "words"), *wrong = broker_path(x, "other-words");

	file_put(right, "the words of the first operator\n");
	file_put(wrong, "the words of somebody else\n");
	assert_int_equal(exchange_ctl(x, NULL, "keys", "passphrase", ani, "--new-passphrase-file", right, NULL), 0);
	assert_int_not_equal(exchange_ctl(x, NULL, "--key", ani, "--key-passphrase-file", wrong, RESEED), 0);
	assert_string_equal(proposed(x), "");
	assert_int_equal(exchange_ctl(x, NULL, "--key", ani, "--key-passphrase-file", right, RESEED), 0);
	assert_string_not_equal(proposed(x), "");
	free(wrong);
	free(right);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_operator_alone_is_refused),
		cmocka_unit_test(two_put_it_through_once),
		cmocka_unit_test(a_policy_is_the_file_that_both_have_read),
		cmocka_unit_test(a_policy_that_changes_nothing_troubles_nobody),
		cmocka_unit_test(shutting_somebody_out_takes_one),
		cmocka_unit_test(what_was_proposed_is_withdrawn_by_one_and_on_record),
		cmocka_unit_test(a_restart_is_no_second_operator_and_keeps_what_the_first_signed),
		cmocka_unit_test(a_locked_key_signs_with_the_file_of_its_passphrase_and_with_no_other),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
