/* explain_test - why an office got a report or did not, and what a new policy would change, as operators are told. */
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

static const char policy[] = "purposes: [law-enforcement, immigration-oversight, state-security]\n"
			     "categories: [public-order, lodging, health]\n"
			     "agencies:\n"
			     "  - agency: police\n"
			     "    ceiling: AMBER\n"
			     "    publish: [{kinds: [sighting, alert], categories: [public-order, lodging]}]\n"
			     "    receive: [{kinds: [sighting, alert], categories: [lodging]}]\n"
			     "  - agency: army\n"
			     "    ceiling: AMBER\n"
			     "    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
			     "    receive: [{kinds: [sighting], categories: [public-order]}] # army\n"
			     "  - agency: immigration\n"
			     "    ceiling: AMBER\n"
			     "    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
			     "    receive: [{kinds: [sighting, alert], categories: [\"*\"]}]\n"
			     "nodes:\n"
			     "  - {node: police.oku, regions: [\"16.01\"]}\n"
			     "  - {node: army.oku, regions: [\"16.01\"]}\n"
			     "  - {node: immigration.muara-enim, regions: [\"16.01\", \"16.03\"]}\n"
			     "  - {node: police.pali, regions: [\"16.01\"]}\n";

static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", NULL});
	exchange_add(&x, "immigration.muara-enim", "subscribe: {categories: [public-order, health]}\n");
	*state = &x;
	return exchange_serve(&x);
}

/* ------------------------------------------------------------------ reporting and asking */

/* Hands in one sighting of the police with more fields, and waits for what comes of it; its name, to be freed. */
static char *sighting(struct exchange *x, const char *category, const char *region, const char *more)
{
	struct buffer draft = {0}, out = {0};
	char fields[256];
	int status;

	snprintf(fields, sizeof fields,
		 "\"label\": \"AMBER\", \"purpose\": \"law-enforcement\", %s", more);
	draft_line(&draft, category, region, "canary-explained", fields);
	buffer_u8(&draft, 0);
	status = exchange_simpul(x, POLICE, (const char *)draft.data, &out, "report", "--json", "-", NULL);
	buffer_u8(&out, 0);
	buffer_free(&draft);
	assert_int_equal(status, 0);
	out.data[strcspn((const char *)out.data, "\n")] = '\0';
	assert_true(exchange_settled(x, 20));
	return (char *)out.data;
}

static void assert_printed(int status, struct buffer *out, const char *expected)
{
	buffer_u8(out, 0);
	if (status != 0 || !strstr((const char *)out->data, expected))
		fail_msg("status %d, no \"%s\" in:\n%s", status, expected, (const char *)out->data);
	assert_null(strstr((const char *)out->data, "canary-explained"));
	buffer_free(out);
}

static void assert_report_explained(struct exchange *x, const char *node, const char *name, const char *expected)
{
	struct buffer out = {0};
	const int status = exchange_ctl(x, &out, "policy", "explain", node, "--report", name, NULL);

	assert_printed(status, &out, expected);
}

static void assert_class_explained(struct exchange *x, const char *node, const char *category, const char *region,
				   const char *expected)
{
	struct buffer out = {0};
	const int status =
		exchange_ctl(x, &out, "policy", "explain", node, "--category", category, "--region", region, NULL);

	assert_printed(status, &out, expected);
}

static bool army_has_acknowledged(void *context)
{
	json_t *node = ctl_node(context, "army.oku");
	const bool all = json_integer_value(json_object_get(node, "lag")) == 0;

	json_decref(node);
	return all;
}

/* ------------------------------------------------------------------ explaining */

static void what_a_node_would_get_is_explained(void **state)
{
	struct exchange *x = *state;

	assert_class_explained(x, "army.oku", "public-order", "16.01.14", "army.oku would get it\n");
	assert_class_explained(x, "army.oku", "lodging", "16.01",
			       "would not get it: no grant for this kind and category");
	assert_class_explained(x, "army.oku", "lodging", "16.01",
			       "NO   kind and category: sighting, lodging; of this kind it "
			       "may receive public-order");
	assert_class_explained(x, "army.oku", "public-order", "16.08",
			       "NO   region: 16.08; it is responsible for 16.01");
	assert_class_explained(x, "army.oku", "public-order", "16.01",
			       "(the policy's lines 18, army.oku, and 8, army)");
	assert_class_explained(x, "immigration.muara-enim", "lodging", "16.01", "not subscribed to such reports");
	assert_class_explained(x, "police.nowhere", "lodging", "16.01", "no member of the exchange");
}

static void why_a_report_went_to_one_and_not_to_the_other_is_explained(void **state)
{
	struct exchange *x = *state;
	char *name = sighting(x, "public-order", "16.01", "");

	assert_true(wait_for(army_has_acknowledged, x, 20));
	free(sighting(x, "public-order", "16.01",
		      "\"not_to\": [\"immigration\"],")); /* cursors are written with a commit */
	assert_report_explained(x, "army.oku", name, "army.oku is to get it\n");
	assert_report_explained(x, "army.oku", name, "it was delivered");
	assert_report_explained(x, "police.oku", name, "police.oku sent it itself");
	assert_report_explained(x, "health.oku", name,
				"health.oku is not to get it: no member of the exchange");
	free(name);
}

static void who_was_named_excluded_or_unreachable_is_explained(void **state)
{
	struct exchange *x = *state;
	char *name = sighting(x, "public-order", "16.01", "\"not_to\": [\"immigration\"],");

	assert_report_explained(x, "immigration.muara-enim", name, "excluded by its origin (not_to)");
	free(name);
	name = sighting(x, "public-order", "16.01", "\"to\": [\"immigration.muara-enim\"],");
	assert_report_explained(x, "army.oku", name, "its origin named others (to)");
	free(name);
	name = sighting(x, "lodging", "16.01", "\"to\": [\"immigration\", \"army.oku\"],");
	assert_report_explained(x, "army.oku", name, "no grant for this kind and category");
	assert_report_explained(x, "army.oku", name, "its origin named it, and was told that it was not reached");
	assert_report_explained(x, "immigration.muara-enim", name, "immigration.muara-enim is to get it\n");
	free(name);
}

static void a_refused_report_is_explained_to_nobodys_name(void **state)
{
	struct exchange *x = *state;
	char *name = sighting(x, "health", "16.01", "");

	assert_report_explained(x, "army.oku", name,
				"nobody gets it, it was refused: the policy does not let this node publish "
				"this (MAY_NOT_PUBLISH)");
	assert_report_explained(x, "army.oku", name, "police.oku sent it; rules of policy version");
	assert_report_explained(x, "army.oku", name, "may publish public-order, lodging");
	free(name);
	name = sighting(x, "public-order", "16.03", "\"to\": [\"army.oku\"],");
	assert_report_explained(x, "army.oku", name, "(EMPTY_AUDIENCE)");
	assert_report_explained(x, "army.oku", name, "NO   region: 16.03");
	free(name);
}

static void a_grant_that_is_gone_before_the_delivery_is_explained(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "policy.yaml"), *name;

	assert_int_equal(process_end(x->offices[ARMY].pid, SIGTERM, 20), 0);
	name = sighting(x, "public-order", "16.01", "");
	assert_report_explained(x, "army.oku", name, "it is not delivered yet\n");
	file_swap(path, "categories: [public-order]}] # army", "categories: [lodging]}] # army");
	assert_int_equal(exchange_ctl(x, NULL, "policy", "reload", NULL), 0);
	assert_report_explained(x, "army.oku", name, "army.oku is to get it\n");
	assert_report_explained(x, "army.oku", name, "would be withheld now: no grant for this kind and category");
	exchange_start_office(x, ARMY);
	assert_true(office_caught_up(x, ARMY, 20));
	free(sighting(x, "lodging", "16.01", "")); /* what was withheld is written with a commit */
	assert_report_explained(x, "army.oku", name, "it was withheld under policy version");
	file_swap(path, "categories: [lodging]}] # army", "categories: [public-order]}] # army");
	assert_int_equal(exchange_ctl(x, NULL, "policy", "reload", NULL), 0);
	free(name);
	free(path);
}

static void a_cancel_is_explained_by_what_it_is_about(void **state)
{
	struct exchange *x = *state;
	char *name = sighting(x, "public-order", "16.01", "\"not_to\": [\"immigration\"],");
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(x, POLICE, NULL, &out, "cancel", name, "--reason", "resolved", NULL), 0);
	buffer_u8(&out, 0);
	out.data[strcspn((const char *)out.data, "\n")] = '\0';
	assert_true(exchange_settled(x, 20));
	assert_report_explained(x, "army.oku", (const char *)out.data, "cancel of sighting, public-order");
	assert_report_explained(x, "army.oku", (const char *)out.data,
				"army.oku is to get it: a cancel goes to those who had");
	assert_report_explained(x, "immigration.muara-enim", (const char *)out.data,
				"is not to get it: a cancel goes to");
	buffer_free(&out);
	free(name);
}

static void what_cannot_be_explained_is_said(void **state)
{
	struct exchange *x = *state;

	assert_int_equal(exchange_ctl(x, NULL, "policy", "explain", "army.oku", "--report", "police.oku#999999", NULL),
			 66);
	assert_int_equal(exchange_ctl(x, NULL, "policy", "explain", "army.oku", "--report", "army.oku#999999", NULL),
			 66);
	assert_int_equal(exchange_ctl(x, NULL, "policy", "explain", "army.oku", "--report", "nonsense", NULL), 65);
	assert_int_equal(exchange_ctl(x, NULL, "policy", "explain", "army.oku", NULL), 64);
	assert_int_equal(exchange_ctl(x, NULL, "policy", "explain", "Army", "--report", "police.oku#1", NULL), 64);
	assert_int_equal(
		exchange_ctl(x, NULL, "policy", "explain", "army.oku", "--category", "rumour", "--region", "16", NULL),
		65);
}

/* ------------------------------------------------------------------ differences */

static void what_a_reload_would_change_is_told_before_it(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "policy.yaml"), *good = file_text(path), *other = broker_path(x, "other.yaml");
	struct buffer out = {0};
	int status = exchange_ctl(x, &out, "policy", "diff", NULL);

	assert_printed(status, &out, "nothing changes for any node");
	file_swap(path, "categories: [public-order]}] # army", "categories: [lodging]}] # army");
	out = (struct buffer){0};
	status = exchange_ctl(x, &out, "policy", "diff", NULL);
	buffer_u8(&out, 0);
	assert_int_equal(status, 0);
	assert_string_equal((const char *)out.data,
			    "army.oku                         gains  receiving sightings: lodging\n"
			    "army.oku                         loses  receiving sightings: public-order\n");
	buffer_free(&out);
	file_put(other, good);
	out = (struct buffer){0};
	status = exchange_ctl(x, &out, "policy", "diff", other, NULL);
	assert_printed(status, &out, "nothing changes for any node");
	file_swap(other, "ceiling: AMBER", "ceiling: AMBRE");
	assert_int_equal(exchange_ctl(x, NULL, "policy", "diff", other, NULL), 78);
	assert_int_equal(exchange_ctl(x, NULL, "policy", "diff", "no-such.yaml", NULL), 66);
	file_put(path, good);
	free(other);
	free(good);
	free(path);
}

/* ------------------------------------------------------------------ who may have it */

static void assert_who(struct exchange *x, const char *expected)
{
	struct buffer out = {0};
	const int status =
		exchange_ctl(x, &out, "policy", "who", "--category", "public-order", "--region", "16.01", NULL);

	assert_printed(status, &out, expected);
}

#define ARMY_REVOKED "army.oku                         no   its key is revoked\n"
#define PALI_MISSING "police.pali                      no   it was never enrolled\n"

/* The policy names it as ever. */
static void who_is_not_said_of_a_key_that_is_revoked_or_was_never_enrolled(void **state)
{
	struct exchange *x = *state;

	assert_who(x, "army.oku                         yes  \n");
	assert_who(x, PALI_MISSING);
	assert_int_equal(exchange_ctl(x, NULL, "revoke", "army.oku", "--compromised-since", "yesterday", NULL), 64);
	assert_int_equal(exchange_ctl(x, NULL, "revoke", "army.oku", "--compromised-since", "2020-01-26 09:00",
				      "--reason", "stolen", NULL),
			 0);
	assert_true(log_has(x, "2020-01-26 09:00 is understood as 2020-01-26T09:00:00", 1));
	assert_who(x, ARMY_REVOKED);
	assert_who(x, "immigration.muara-enim           yes  \n");
}

/* The last tests: the broker is stopped. */
static void without_a_broker_the_journal_still_explains(void **state)
{
	struct exchange *x = *state;

	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	x->broker = 0;
	assert_class_explained(x, "immigration.muara-enim", "public-order", "16.01.14", "would get it\n");
	assert_int_equal(exchange_ctl(x, NULL, "policy", "diff", NULL), 69);
	assert_who(x, ARMY_REVOKED);
	assert_who(x, PALI_MISSING);
}

static void without_the_journal_who_says_that_it_read_the_policy_alone(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "broker.yaml");

	file_swap(path, "journal: journal", "journal: elsewhere");
	assert_who(x, "army.oku                         yes  \n");
	assert_true(log_has(x, "whose key is revoked, retired, expired or was never enrolled gets nothing", 1));
	free(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_node_would_get_is_explained),
		cmocka_unit_test(why_a_report_went_to_one_and_not_to_the_other_is_explained),
		cmocka_unit_test(who_was_named_excluded_or_unreachable_is_explained),
		cmocka_unit_test(a_refused_report_is_explained_to_nobodys_name),
		cmocka_unit_test(a_grant_that_is_gone_before_the_delivery_is_explained),
		cmocka_unit_test(a_cancel_is_explained_by_what_it_is_about),
		cmocka_unit_test(what_cannot_be_explained_is_said),
		cmocka_unit_test(what_a_reload_would_change_is_told_before_it),
		cmocka_unit_test(who_is_not_said_of_a_key_that_is_revoked_or_was_never_enrolled),
		cmocka_unit_test(without_a_broker_the_journal_still_explains),
		cmocka_unit_test(without_the_journal_who_says_that_it_read_the_policy_alone),
	};

	return cmocka_run_group_tests(tests, set_up, exchange_tear_down);
}
