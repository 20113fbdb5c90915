/* release_test - a recipient tells an origin that it cannot act, or that others should know; the origin decides, and the
 * policy about it. */
#include "common/memory.h"
#include "tests/support/doctors.h"
#include "tests/support/operate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <cmocka.h>

enum { POLICE, ARMY, IMMIGRATION, HEALTH };

/* Health has no grant of public order, whoever wants it to know. */
static const char policy[] =
	"purposes: [immigration-oversight]\n"
	"categories: [public-order, other]\n"
	"agencies:\n"
	"  - agency: police\n    ceiling: RED\n    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"  - agency: army\n    ceiling: RED\n    receive: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"  - agency: immigration\n    ceiling: RED\n    receive: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"  - agency: health\n    ceiling: AMBER\n    receive: [{kinds: [sighting], categories: [other]}]\n"
	"nodes:\n"
	"  - {node: police.oku, regions: [\"16.01\"]}\n"
	"  - {node: army.oku, regions: [\"16.01\"]}\n"
	"  - {node: immigration.muara-enim, regions: [\"16\"]}\n"
	"  - {node: health.oku, regions: [\"16.01\"]}\n";

static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy,
		     (const char *const[]){"police.oku", "army.oku", "immigration.muara-enim", "health.oku", NULL});
	*state = &x;
	return exchange_serve(&x);
}

/* ------------------------------------------------------------------ saying */

/* A sighting for the army alone; its name. */
static char *tell_labelled(struct exchange *x, const char *label, const char *words, const char *more)
{
	struct buffer draft = {0};
	char *fields = memory_format("\"label\": \"%s\", \"purpose\": \"immigration-oversight\", "
				     "\"to\": [\"army.oku\"], %s",
				     label, more),
	     *name;

	draft_line(&draft, "public-order", "16.01", words, fields);
	buffer_u8(&draft, 0);
	name = office_reports(x, POLICE, (const char *)draft.data);
	buffer_free(&draft);
	free(fields);
	return name;
}

static bool holds(struct buffer *out, const char *text)
{
	bool found;

	buffer_u8(out, 0);
	found = strstr((const char *)out->data, text) != NULL;
	buffer_free(out);
	return found;
}

static char *tell_the_army(struct exchange *x, const char *words, const char *more)
{
	return tell_labelled(x, "AMBER", words, more);
}

struct awaited {
	struct exchange *x;
	size_t office;
	const char *text;
};

static bool is_listed(void *context)
{
	const struct awaited *awaited = context;
	struct buffer out = {0};

	exchange_simpul(awaited->x, awaited->office, NULL, &out, "inbox", "list", NULL);
	return holds(&out, awaited->text);
}

/* Waits until the inbox list of the office has this text. */
static bool lists(struct exchange *x, size_t office, const char *text)
{
	struct awaited awaited = {x, office, text};

	return wait_for(is_listed, &awaited, 20);
}

static bool lists_now(struct exchange *x, size_t office, const char *text)
{
	struct awaited awaited = {x, office, text};

	return is_listed(&awaited);
}

static bool shows(struct exchange *x, size_t office, const char *name, const char *text)
{
	struct buffer out = {0};

	exchange_simpul(x, office, NULL, &out, "inbox", "show", name, NULL);
	return holds(&out, text);
}

static bool releases_hold(struct exchange *x, size_t office, const char *text)
{
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(x, office, NULL, &out, "release", "list", NULL), 0);
	return holds(&out, text);
}

static bool status_says(struct exchange *x, size_t office, const char *text)
{
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(x, office, NULL, &out, "status", NULL), 0);
	return holds(&out, text);
}

static bool outbox_shows(struct exchange *x, size_t office, const char *name, const char *text)
{
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(x, office, NULL, &out, "outbox", "show", name, NULL), 0);
	return holds(&out, text);
}

/* Waits until the office has what was said to all after everything else. */
static bool has_all(struct exchange *x, size_t office)
{
	struct buffer draft = {0};
	char *name;
	bool has;

	draft_line(&draft, "other", "16.01", "afterwards",
		   "\"label\": \"AMBER\", \"purpose\": \"immigration-oversight\", ");
	buffer_u8(&draft, 0);
	name = office_reports(x, POLICE, (const char *)draft.data);
	has = lists(x, office, name);
	buffer_free(&draft);
	free(name);
	return has;
}

/* ------------------------------------------------------------------ promises */

static void a_flag_reaches_the_origin_with_its_reason(void **state)
{
	struct exchange *x = *state;
	char *name = tell_the_army(x, "canary-flagged", ""), *about = memory_format("of %s", name), *flag;
	struct buffer out = {0}, said = {0};

	assert_true(lists(x, ARMY, name));
	flag = printed_line(&out, exchange_simpul(x, ARMY, NULL, &out, "flag", name, "--reason", "wrong-region", NULL));
	assert_true(lists(x, POLICE, about));
	assert_true(lists(x, POLICE, ": wrong-region"));
	assert_true(shows(x, POLICE, flag, "wrong-region"));
	assert_int_equal(exchange_ctl(x, &said, "policy", "explain", "army.oku", "--report", flag, NULL), 0);
	assert_true(holds(&said, "army.oku sent it itself"));
	assert_int_equal(exchange_ctl(x, &said, "policy", "explain", "health.oku", "--report", flag, NULL), 0);
	assert_true(holds(&said, ": flag; entry "));
	/* Nobody else hears of it, and who did not get the report cannot flag it. */
	assert_int_equal(exchange_simpul(x, IMMIGRATION, NULL, NULL, "flag", name, "--reason", "no-capacity", NULL),
			 EX_DATAERR);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "flag", name, "--reason", "no-time", NULL), EX_DATAERR);
	free(flag);
	free(about);
	free(name);
}

static void an_exercise_is_flagged_as_one(void **state)
{
	struct exchange *x = *state;
	char *name = tell_the_army(x, "canary-exercise", "\"status\": \"exercise\","), *flag;
	struct buffer out = {0};

	assert_true(lists(x, ARMY, name));
	flag = printed_line(&out, exchange_simpul(x, ARMY, NULL, &out, "flag", name, "--reason", "no-capacity", NULL));
	assert_true(lists(x, POLICE, flag));
	assert_true(shows(x, POLICE, flag, "=== EXERCISE"));
	free(flag);
	free(name);
}

static void what_is_granted_goes_to_whom_the_policy_lets_have_it(void **state)
{
	struct exchange *x = *state;
	char *name = tell_the_army(x, "canary-shared", ""), *request, *granted;
	struct buffer out = {0}, second = {0};

	assert_true(lists(x, ARMY, name));
	request = printed_line(&out, exchange_simpul(x, ARMY, NULL, &out, "release", "request", name, "--for",
						     "immigration.muara-enim", "--for", "health.oku", "--reason",
						     "other-competence", NULL));
	assert_true(lists(x, POLICE, request));
	assert_true(releases_hold(x, POLICE, ": open\n"));
	assert_doctor_says(x, POLICE, "warn", "1 requests to share a report of this office are not answered");
	assert_true(status_says(x, POLICE, "to do: 1 requests to share"));
	assert_true(releases_hold(x, ARMY, " for immigration.muara-enim, health.oku, other-competence: open\n"));
	granted = printed_line(&second, exchange_simpul(x, POLICE, NULL, &second, "release", "grant", request, NULL));
	assert_true(lists(x, IMMIGRATION, granted));
	assert_true(shows(x, IMMIGRATION, granted, "canary-shared"));
	assert_true(lists(x, ARMY, request)); /* "release of army.oku#..." */
	assert_true(releases_hold(x, ARMY, ": granted\n"));
	assert_false(status_says(x, POLICE, "to do: 1 requests to share"));
	assert_true(releases_hold(x, POLICE, ": granted, not reached: health.oku\n"));
	assert_true(outbox_shows(x, POLICE, name, "not reached"));
	assert_true(outbox_shows(x, POLICE, granted, "not reached"));
	assert_true(has_all(x, HEALTH));
	assert_false(office_holds(x, HEALTH, "canary-shared"));
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "release", "refuse", request, NULL), EX_CANTCREAT);
	/* What is taken back is taken back everywhere. */
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", name, "--reason", "wrong-facts", NULL), 0);
	assert_true(lists(x, IMMIGRATION, "CANCELLED"));
	/* Who got nothing but the update misses nothing. */
	assert_doctor_says(x, IMMIGRATION, "ok", "nothing waits");
	free(granted);
	free(request);
	free(name);
}

static void what_is_refused_or_taken_back_goes_nowhere(void **state)
{
	struct exchange *x = *state;
	char *name = tell_the_army(x, "canary-kept", ""), *request, *other;
	struct buffer out = {0}, second = {0};

	assert_true(lists(x, ARMY, name));
	request = printed_line(&out, exchange_simpul(x, ARMY, NULL, &out, "release", "request", name, "--for",
						     "immigration.muara-enim", "--reason", "investigation", NULL));
	assert_true(lists(x, POLICE, request));
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "release", "refuse", request, NULL), 0);
	assert_true(lists(x, ARMY, request));
	assert_true(releases_hold(x, ARMY, ": refused\n"));
	other = printed_line(&second, exchange_simpul(x, ARMY, NULL, &second, "release", "request", name, "--for",
						      "immigration.muara-enim", "--reason", "legal-duty", NULL));
	assert_true(lists(x, POLICE, other));
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "cancel", name, "--reason", "wrong-facts", NULL), 0);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "release", "grant", other, NULL), EX_DATAERR);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "release", "grant", "army.oku#99", NULL), EX_NOINPUT);
	assert_true(has_all(x, IMMIGRATION));
	assert_false(office_holds(x, IMMIGRATION, "canary-kept"));
	free(other);
	free(request);
	free(name);
}

/* Says something else about a report. */
static void update(struct exchange *x, const char *name, const char *more)
{
	char *text = memory_format("{%s\"sighting\": {\"first_seen\": \"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", "
				   "\"summary\": \"canary-newest\"}}",
				   more);

	assert_int_equal(exchange_simpul(x, POLICE, text, NULL, "update", name, "--json", "-", NULL), 0);
	free(text);
}

/* Asks for immigration, and has it granted; the name of what carries it out. */
static char *release(struct exchange *x, const char *name)
{
	struct buffer out = {0}, second = {0};
	char *request =
		printed_line(&out, exchange_simpul(x, ARMY, NULL, &out, "release", "request", name, "--for",
						   "immigration.muara-enim", "--reason", "investigation", NULL));
	char *granted;

	assert_true(lists(x, POLICE, request));
	granted = printed_line(&second, exchange_simpul(x, POLICE, NULL, &second, "release", "grant", request, NULL));
	free(request);
	return granted;
}

static void what_is_shared_is_what_was_said_last(void **state)
{
	struct exchange *x = *state;
	char *name = tell_the_army(x, "canary-first", ""), *granted;

	assert_true(lists(x, ARMY, name));
	update(x, name, "");
	granted = release(x, name);
	assert_true(lists(x, IMMIGRATION, granted));
	assert_true(shows(x, IMMIGRATION, granted, "canary-newest"));
	assert_false(office_holds(x, IMMIGRATION, "canary-first"));
	free(granted);
	free(name);
}

/* Immigration has no grant for children here: what the origin cannot send it cannot release. */
static void what_is_shared_keeps_the_limits_of_what_was_said_last(void **state)
{
	struct exchange *x = *state;
	char *name = tell_the_army(x, "canary-child", ""), *granted, *more, time[TIME_TEXT_SIZE];

	assert_true(lists(x, ARMY, name));
	more = memory_format("\"protection\": [\"child\"], \"expires\": \"%s\", ", days_ahead(20, time));
	update(x, name, more);
	free(more);
	granted = release(x, name);
	assert_true(has_all(x, IMMIGRATION));
	assert_false(lists_now(x, IMMIGRATION, granted));
	free(granted);
	free(name);
}

/* Sealed anew, to those who had it and to those who are to have it. */
static void what_is_red_stays_red(void **state)
{
	struct exchange *x = *state;
	char *name = tell_labelled(x, "RED", "canary-red", ""), *granted;

	assert_true(lists(x, ARMY, name));
	granted = release(x, name);
	assert_true(lists(x, IMMIGRATION, granted));
	assert_true(shows(x, IMMIGRATION, granted, "=== RED ==="));
	assert_true(shows(x, IMMIGRATION, granted, "canary-red"));
	assert_true(lists(x, ARMY, granted));
	free(granted);
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flag_reaches_the_origin_with_its_reason),
		cmocka_unit_test(an_exercise_is_flagged_as_one),
		cmocka_unit_test(what_is_granted_goes_to_whom_the_policy_lets_have_it),
		cmocka_unit_test(what_is_shared_is_what_was_said_last),
		cmocka_unit_test(what_is_shared_keeps_the_limits_of_what_was_said_last),
		cmocka_unit_test(what_is_red_stays_red),
		cmocka_unit_test(what_is_refused_or_taken_back_goes_nowhere),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
