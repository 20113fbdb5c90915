/* reporting_test - what an officer hears who reports by hand: which words there are, what is wrong with an answer, what
 * the broker said, and what became of a report since. */
#include "common/memory.h"
#include "tests/support/operate.h"
#include "tests/support/terminal.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { POLICE, IMMIGRATION };

static const char policy[] =
	"purposes: [law-enforcement, immigration-oversight]\n"
	"categories: [public-order, wanted]\n"
	"agencies:\n"
	"  - agency: police\n    ceiling: AMBER\n    publish: [{kinds: [sighting, alert], categories: "
	"[public-order]}]\n"
	"  - agency: immigration\n    ceiling: AMBER\n    receive: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
	"nodes:\n"
	"  - {node: police.oku, regions: [\"16.01\"]}\n"
	"  - {node: immigration.oku, regions: [\"16.01\"]}\n";

static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "immigration.oku", NULL});
	*state = &x;
	return exchange_serve(&x);
}

/* `simpul` as the police with these words after it, at a terminal; free `shown`. */
static int at_terminal(struct exchange *x, const char *words, const struct terminal_line *lines, char **shown)
{
	char *config = office_path(x, POLICE, "agent.yaml"), program[300];
	char *line = memory_format("exec '%s' -c '%s' %s", process_program("simpul", program, sizeof program), config,
				   words);
	const char *argv[] = {"/bin/sh", "-c", line, NULL};
	struct buffer out = {0};
	const int status = terminal_run(argv, lines, &out, 20);

	buffer_u8(&out, 0);
	*shown = (char *)out.data;
	free(line);
	free(config);
	return status;
}

#define SIGHTING \
	"report sighting --category public-order --region 16.01 --label AMBER --purpose law-enforcement --first-seen " \
	"now "

static void assert_shown(const char *shown, const char *text)
{
	if (strstr(shown, text) == NULL)
		fail_msg("\"%s\" is not in: %s", text, shown);
}

/* ------------------------------------------------------------------ words and answers */

static void a_word_that_is_in_no_list_is_answered_with_the_list(void **state)
{
	struct exchange *x = *state;
	const char *draft = "{\"category\": \"public-order\", \"alert\": {\"headline\": \"h\", \"urgency\": \"now\"}}";
	char *shown;

	assert_int_equal(at_terminal(x, "report alert --urgency now", NULL, &shown), 64);
	assert_shown(shown, "--urgency takes one of Immediate, Expected, Future, Past, Unknown");
	free(shown);
	assert_int_equal(at_terminal(x, "report alert --person capacity=spotted", NULL, &shown), 64);
	assert_shown(shown, "capacity takes one of seen, guest");
	free(shown);
	assert_int_equal(exchange_simpul(x, POLICE, draft, NULL, "report", "--json", "-", NULL), 65);
	assert_true(exchange_logged(x, "give one of Immediate, Expected, Future, Past, Unknown"));
}

static void a_region_that_does_not_exist_is_answered_with_those_near_it(void **state)
{
	struct exchange *x = *state;
	const char *drafts =
		"[{\"category\": \"public-order\", \"region\": \"16.01\", \"label\": \"AMBER\", \"purpose\":"
		" \"law-enforcement\", \"sighting\": {\"first_seen\": \"2026-01-01T10:00Z\", \"assertion\":"
		" \"fact\"}}, {\"category\": \"public-order\", \"region\": \"Baturaja\", \"sighting\": {}}]";
	char *shown;

	assert_int_equal(at_terminal(x, "report sighting --category public-order --region Lubuklinggau", NULL, &shown),
			 65);
	assert_shown(shown, "perhaps Kota Lubuk Linggau 16.73, Lubuk Linggau Timur I 16.73.01, ");
	free(shown);
	assert_int_equal(exchange_simpul(x, POLICE, drafts, NULL, "report", "--json", "-", NULL), 65);
	assert_true(exchange_logged(x,
				    "drafts[1].region: the region does not exist (REGION_UNKNOWN); nothing was taken: "
				    "perhaps Baturaja Barat 16.01.13 or Baturaja Timur 16.01.14"));
}

static void nobody_has_seen_what_is_still_to_come(void **state)
{
	struct exchange *x = *state;
	char *shown;

	assert_int_equal(at_terminal(x,
				     "report sighting --category public-order --region 16.01 --label AMBER --purpose "
				     "law-enforcement --assertion fact --first-seen 2099-01-01T10:00:00Z",
				     NULL, &shown),
			 65);
	assert_shown(shown, "sighting.first_seen: a time that must have passed is still to come (CLOCK)");
	free(shown);
}

static void help_has_every_list(void **state)
{
	struct exchange *x = *state;
	char *shown;

	assert_int_equal(at_terminal(x, "report --help", NULL, &shown), 0);
	assert_shown(shown, "Immediate, Expected, Future, Past, Unknown");
	assert_shown(shown, "possible-victim, missing");
	assert_shown(shown, "detain-under-own-law");
	free(shown);
}

static void a_wrong_option_is_heard_of_before_any_question(void **state)
{
	struct exchange *x = *state;
	char *shown;

	assert_int_equal(at_terminal(x, "report sighting --person - --assertion maybe", NULL, &shown), 64);
	assert_shown(shown, "--assertion takes one of fact, assessment");
	assert_null(strstr(shown, "capacity"));
	free(shown);
}

static void a_wrong_answer_about_a_person_is_asked_for_again_and_nothing_is_lost(void **state)
{
	static const struct terminal_line lines[] = {
		{"capacity (one of seen, guest", "spotted"},
		{"once more", ""},
		{"needed", "seen"},
		{"identity (one of", "claimed"},
		{"age (one of adult, child, unknown)", "adult"},
		{"surname", "ERIKSSON"},
		{"given", "ANNA MARIA"},
		{"born (", "12/08/1974"},
		{"once more", "1974-08-12"},
		{"sex (one of F, M, X)", "F"},
		{"nationality (", "UTO"},
		{"document (", "L898902C3"},
		{"once more", "P/UTO/L898902C3"},
		{"permit (", ""},
		{"permit-number", ""},
		{"permit-until", ""},
		{"telephone", ""},
		{"address", ""},
		{"sponsor", ""},
		{"remark", ""},
		{NULL, NULL},
	};
	struct exchange *x = *state;
	const size_t before = office_inbox(x, IMMIGRATION, NULL, NULL);
	char *shown;

	assert_int_equal(at_terminal(x, SIGHTING "--assertion fact --person -", lines, &shown), 0);
	assert_shown(shown, "  ACCEPTED");
	free(shown);
	assert_true(office_received(x, IMMIGRATION, before + 1, 20));
}

static void a_wrong_line_about_a_person_is_named_without_what_it_says(void **state)
{
	struct exchange *x = *state;

	assert_int_equal(exchange_simpul(x, POLICE, "capacity=seen\nborn=12/08/1974\n", NULL, "report", "sighting",
					 "--person", "-", NULL),
			 64);
	assert_true(exchange_logged(x, "line 2 of the person: born"));
	assert_false(exchange_logged(x, "12/08/1974"));
}

/* ------------------------------------------------------------------ what the broker says */

#define REPORT_AS(category) \
	"report", "sighting", "--category", category, "--region", "16.01", "--label", "AMBER", "--purpose", \
		"law-enforcement", "--first-seen", "now", "--assertion", "fact"

static void a_refusal_is_heard_by_who_waits_and_does_not_look_like_success(void **state)
{
	struct exchange *x = *state;
	struct buffer out = {0};
	char *shown;

	assert_int_equal(exchange_simpul(x, POLICE, NULL, &out, REPORT_AS("wanted"), "--wait", NULL), 77);
	buffer_u8(&out, 0);
	assert_shown((char *)out.data, "  REFUSED: ");
	assert_shown((char *)out.data, "the policy does not let this node publish this (MAY_NOT_PUBLISH)");
	buffer_clear(&out);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, &out, REPORT_AS("public-order"), "--wait=20", NULL), 0);
	buffer_u8(&out, 0);
	assert_shown((char *)out.data, "  ACCEPTED\n");
	buffer_free(&out);
	assert_int_equal(at_terminal(x,
				     "report sighting --category wanted --region 16.01 --label AMBER --purpose "
				     "law-enforcement --first-seen now --assertion fact",
				     NULL, &shown),
			 77);
	assert_shown(shown, "MAY_NOT_PUBLISH");
	free(shown);
}

static void a_program_gets_the_name_alone_and_does_not_wait(void **state)
{
	struct exchange *x = *state;
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(x, POLICE, NULL, &out, REPORT_AS("wanted"), NULL), 0);
	buffer_u8(&out, 0);
	assert_non_null(strchr((char *)out.data, '#'));
	assert_string_equal(strchr((char *)out.data, '#') + strspn(strchr((char *)out.data, '#'), "#0123456789"), "\n");
	buffer_free(&out);
}

/* ------------------------------------------------------------------ what became of it */

/* What `simpul outbox` prints for the police; `name` and `option` may be NULL; free it. */
static char *outbox_printed(struct exchange *x, const char *command, const char *name, const char *option)
{
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(x, POLICE, NULL, &out, "outbox", command, name, option, NULL), 0);
	buffer_u8(&out, 0);
	return (char *)out.data;
}

/* Reports and gives the name of what was accepted; free it. */
static char *reported(struct exchange *x)
{
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(x, POLICE, NULL, &out, REPORT_AS("public-order"), "--summary", "a first word",
					 "--wait", NULL),
			 0);
	buffer_u8(&out, 0);
	out.data[strcspn((char *)out.data, "\n")] = '\0';
	return (char *)out.data;
}

/* The line of a report in `outbox list`; free it. */
static char *line_of(struct exchange *x, const char *name)
{
	char *list = outbox_printed(x, "list", NULL, NULL), *with = memory_format("%s ", name),
	     *at = strstr(list, with), *line;

	assert_non_null(at);
	line = memory_format("%.*s", (int)strcspn(at, "\n"), at);
	free(list);
	free(with);
	return line;
}

static void its_origin_sees_that_a_report_was_cancelled(void **state)
{
	struct exchange *x = *state;
	char *name = reported(x), *line, *page, *json;

	assert_int_equal(
		exchange_simpul(x, POLICE, NULL, NULL, "cancel", name, "--reason", "wrong-person", "--wait", NULL), 0);
	line = line_of(x, name);
	page = outbox_printed(x, "show", name, NULL);
	json = outbox_printed(x, "show", name, "--json");
	assert_shown(line, "  CANCELLED by police.oku#");
	assert_shown(page, "  CANCELLED by police.oku#");
	assert_shown(json, "\"cancelled_by\": \"police.oku#");
	free(line);
	free(page);
	free(json);
	free(name);
}

static void what_show_prints_can_be_edited_and_given_to_update(void **state)
{
	struct exchange *x = *state;
	char *name = reported(x), *other = reported(x), *file = office_path(x, POLICE, "it.json");
	char *json = outbox_printed(x, "show", name, "--json"), *line, *untouched, *update;

	file_put(file, json);
	file_swap(file, "a first word", "a second word");
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "update", other, "--json", file, NULL), 64);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "update", name, "--json", file, "--wait", NULL), 0);
	line = line_of(x, name);
	assert_shown(line, "  UPDATED by police.oku#");
	untouched = line_of(x, other);
	assert_null(strstr(untouched, "UPDATED"));
	assert_true(office_caught_up(x, IMMIGRATION, 20));
	assert_true(office_holds(x, IMMIGRATION, "a second word"));
	/* The update falls with what it is about. */
	update = memory_string(strstr(line, "UPDATED by ") + strlen("UPDATED by "));
	free(line);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", name, "--reason", "resolved", "--wait", NULL),
			 0);
	line = line_of(x, update);
	assert_shown(line, "  CANCELLED by police.oku#");
	free(update);
	free(untouched);
	free(line);
	free(json);
	free(file);
	free(other);
	free(name);
}

/* The last test: the broker is gone. */
static void without_a_connection_it_is_said_that_the_report_waits(void **state)
{
	struct exchange *x = *state;
	char *shown;

	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	x->broker = 0;
	assert_true(office_in_state(x, POLICE, "offline", 20));
	assert_int_equal(at_terminal(x, SIGHTING "--assertion fact", NULL, &shown), 0);
	assert_shown(shown, "waits for the broker: there is no connection now");
	free(shown);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, REPORT_AS("public-order"), "--wait=1", NULL), 75);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_that_is_in_no_list_is_answered_with_the_list),
		cmocka_unit_test(a_region_that_does_not_exist_is_answered_with_those_near_it),
		cmocka_unit_test(nobody_has_seen_what_is_still_to_come),
		cmocka_unit_test(help_has_every_list),
		cmocka_unit_test(a_wrong_option_is_heard_of_before_any_question),
		cmocka_unit_test(a_wrong_answer_about_a_person_is_asked_for_again_and_nothing_is_lost),
		cmocka_unit_test(a_wrong_line_about_a_person_is_named_without_what_it_says),
		cmocka_unit_test(a_refusal_is_heard_by_who_waits_and_does_not_look_like_success),
		cmocka_unit_test(a_program_gets_the_name_alone_and_does_not_wait),
		cmocka_unit_test(its_origin_sees_that_a_report_was_cancelled),
		cmocka_unit_test(what_show_prints_can_be_edited_and_given_to_update),
		cmocka_unit_test(without_a_connection_it_is_said_that_the_report_waits),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
