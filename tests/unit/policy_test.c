/* Tries to break what policy.h promises: bad files are refused at their line, and every story has its audience. */
#include "broker/policy/policy.h"
#include "common/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define EXAMPLE "deploy/example/oku-raya/policy.yaml"
#define CHILD (1u << SIMPUL__PROTECTION__PROTECTION_CHILD)
#define TRAFFICKING (1u << SIMPUL__PROTECTION__PROTECTION_TRAFFICKING)
#define HEALTH (1u << SIMPUL__PROTECTION__PROTECTION_HEALTH)

static struct policy *example(void)
{
	struct policy *policy;
	struct fault fault = {0};

	if (policy_load(EXAMPLE, &policy, &fault) != E_OK)
		fail_msg("%s", fault.field);
	return policy;
}

/* The examples are what operators begin with: as many offices as stand in each one's head. */
static void the_examples_of_all_regions_are_good(void **state)
{
	static const struct {
		const char *path;
		size_t nodes;
	} examples[] = {
		{EXAMPLE, 12},
		{"deploy/example/pagar-alam/policy.yaml", 31},
		{"deploy/example/lubuklinggau/policy.yaml", 41},
		{"deploy/example/parepare/policy.yaml", 30},
	};

	(void)state;
	for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
		struct policy *policy;
		struct fault fault = {0};

		if (policy_load(examples[i].path, &policy, &fault) != E_OK)
			fail_msg("%s", fault.field);
		assert_int_equal(policy_node_count(policy), examples[i].nodes);
		policy_free(policy);
	}
}

static struct policy *parse(const char *text)
{
	struct policy *policy;
	struct fault fault = {0};

	if (policy_parse(BYTES(text, strlen(text)), "policy.yaml", &policy, &fault) != E_OK)
		fail_msg("%s", fault.field);
	return policy;
}

static struct routing_class class_of(Simpul__Kind kind, const char *category, const char *region, Simpul__Label label,
				     unsigned protection)
{
	struct routing_class class = {.kind = kind, .label = label, .protection = protection};

	snprintf(class.category, sizeof(class.category), "%s", category);
	snprintf(class.region, sizeof(class.region), "%s", region);
	return class;
}

static struct routing_class sighting(const char *category, const char *region, unsigned protection)
{
	return class_of(SIMPUL__KIND__KIND_SIGHTING, category, region, SIMPUL__LABEL__LABEL_AMBER, protection);
}

static struct routing_class alert(const char *category, const char *region)
{
	return class_of(SIMPUL__KIND__KIND_ALERT, category, region, SIMPUL__LABEL__LABEL_AMBER, 0);
}

/* The admitted nodes, in order, each followed by a space. */
static void assert_audience(const struct policy *policy, struct routing_class class, const char *expected)
{
	char audience[1024] = "";

	for (size_t i = 0; i < policy_node_count(policy); i++) {
		if (policy_admits(policy, policy_node_name(policy, i), &class) != ADMITTED)
			continue;
		strcat(audience, policy_node_name(policy, i));
		strcat(audience, " ");
	}
	assert_string_equal(audience, expected);
}

/* ---- stories */

static void guests_of_a_lodging_are_told_to_immigration_alone(void **state)
{
	struct policy *policy = example();
	struct routing_class guests = sighting("lodging", "16.01.14", 0);

	(void)state;
	assert_int_equal(policy_may_publish(policy, "district.baturaja-timur", &guests), E_OK);
	assert_audience(policy, guests, "immigration.muara-enim ");
	policy_free(policy);
}

static void a_van_that_the_army_sees_is_told_to_police_and_district(void **state)
{
	struct policy *policy = example();
	struct routing_class van = sighting("tppm", "16.01.14", 0);

	(void)state;
	assert_int_equal(policy_may_publish(policy, "army.oku", &van), E_OK);
	assert_audience(policy, van, "district.baturaja-timur immigration.muara-enim police.oku ");
	assert_audience(policy, sighting("tppm", "16.08.07", 0), "immigration.muara-enim police.oku-timur ");
	policy_free(policy);
}

static void an_overstayer_is_told_to_police_and_army_not_to_health(void **state)
{
	static const char *const categories[] = {"overstay", "wanted", "permit-misuse"};
	struct policy *policy = example();

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct routing_class class = alert(categories[i], "16");

		assert_int_equal(policy_may_publish(policy, "immigration.muara-enim", &class), E_OK);
		assert_int_equal(policy_admits(policy, "health.oku", &class), DENIED_NOT_GRANTED);
		assert_audience(policy, class,
				"army.oku immigration.muara-enim police.oku police.oku-selatan police.oku-timur ");
	}
	policy_free(policy);
}

static void a_possible_victim_is_told_to_social_affairs_never_to_the_army(void **state)
{
	struct policy *policy = example();
	struct routing_class victim = sighting("tppo", "16.01.14", TRAFFICKING);

	(void)state;
	assert_int_equal(policy_may_publish(policy, "police.oku", &victim), E_OK);
	assert_audience(policy, victim, "immigration.muara-enim police.oku social.oku ");
	assert_int_equal(policy_admits(policy, "army.oku", &victim), DENIED_PROTECTION);
	victim.protection = 0;
	assert_int_equal(policy_admits(policy, "army.oku", &victim), ADMITTED);
	policy_free(policy);
}

static void a_cancel_goes_by_what_it_is_about(void **state)
{
	struct policy *policy = example();
	Simpul__Header header = SIMPUL__HEADER__INIT;
	struct routing_class class, original = alert("overstay", "16.01");

	(void)state;
	header.kind = SIMPUL__KIND__KIND_CANCEL;
	header.about = SIMPUL__KIND__KIND_ALERT;
	header.category = (char *)"overstay";
	header.region = (char *)"16.01";
	header.label = SIMPUL__LABEL__LABEL_AMBER;
	class = routing_class_of(&header);
	assert_true(routing_class_equal(&class, &original));
	assert_int_equal(policy_may_publish(policy, "immigration.muara-enim", &class), E_OK);
	assert_audience(policy, class, "army.oku immigration.muara-enim police.oku ");
	policy_free(policy);
}

static void medical_matters_stay_with_health_and_immigration(void **state)
{
	struct policy *policy = example();

	(void)state;
	assert_audience(policy, sighting("health", "16.01", HEALTH), "health.oku immigration.muara-enim ");
	assert_audience(policy, sighting("health", "16.01", 0), "health.oku immigration.muara-enim ");
	policy_free(policy);
}

/* ---- decisions */

static void what_is_not_granted_is_denied(void **state)
{
	struct policy *policy = example();
	struct routing_class class = sighting("overstay", "16.01", 0);

	(void)state;
	assert_int_equal(policy_admits(policy, "police.lahat", &class), DENIED_NOT_IN_POLICY);
	assert_int_equal(policy_may_publish(policy, "police.lahat", &class), E_MAY_NOT_PUBLISH);
	assert_int_equal(policy_may_publish(policy, "health.oku", &class), E_MAY_NOT_PUBLISH);
	assert_int_equal(policy_admits(policy, "police.oku-timur", &class), DENIED_REGION);
	class = sighting("no-such-category", "16.01", 0);
	assert_int_equal(policy_admits(policy, "immigration.muara-enim", &class), DENIED_NOT_GRANTED);
	class = sighting("overstay", "", 0);
	assert_int_equal(policy_admits(policy, "immigration.muara-enim", &class), DENIED_REGION);
	for (int kind = 0; kind <= SIMPUL__KIND__KIND_VOID; kind++) {
		class = class_of((Simpul__Kind)kind, "overstay", "16.01", SIMPUL__LABEL__LABEL_AMBER, 0);
		assert_int_equal(policy_admits(policy, "police.oku", &class) == ADMITTED, kind == 1 || kind == 2);
	}
	policy_free(policy);
}

static void a_ceiling_binds_sender_and_recipient(void **state)
{
	struct policy *policy = example();
	struct routing_class class = sighting("espionage", "16.01", 0);

	(void)state;
	class.label = SIMPUL__LABEL__LABEL_AMBER_STRICT;
	assert_int_equal(policy_may_publish(policy, "army.oku", &class), E_OK);
	assert_int_equal(policy_admits(policy, "army.oku", &class), ADMITTED);
	class.label = SIMPUL__LABEL__LABEL_RED;
	assert_int_equal(policy_may_publish(policy, "army.oku", &class), E_LABEL_ABOVE_CEILING);
	assert_int_equal(policy_admits(policy, "army.oku", &class), DENIED_LABEL);
	assert_int_equal(policy_admits(policy, "police.oku", &class), ADMITTED);
	class.label = SIMPUL__LABEL__LABEL_UNSPECIFIED;
	assert_int_equal(policy_admits(policy, "police.oku", &class), DENIED_LABEL);
	policy_free(policy);
}

static void every_protection_needs_its_own_grant(void **state)
{
	struct policy *policy = example();
	struct routing_class class = sighting("tppo", "16.01", CHILD | TRAFFICKING);

	(void)state;
	assert_int_equal(policy_admits(policy, "social.oku", &class), ADMITTED);
	class.protection |= HEALTH;
	assert_int_equal(policy_admits(policy, "social.oku", &class), DENIED_PROTECTION);
	assert_int_equal(policy_admits(policy, "immigration.muara-enim", &class), ADMITTED);
	class.protection |= 1u; /* not a protection that anybody could be granted */
	assert_int_equal(policy_admits(policy, "immigration.muara-enim", &class), DENIED_PROTECTION);
	policy_free(policy);
}

static void a_text_too_long_for_a_class_matches_nothing(void **state)
{
	Simpul__Header header = SIMPUL__HEADER__INIT;
	struct routing_class class;

	(void)state;
	header.category = (char *)"overstay-overstay-overstay-overstay-overstay";
	header.region = (char *)"16.01.14.2001.99";
	class = routing_class_of(&header);
	assert_string_equal(class.category, "");
	assert_string_equal(class.region, "");
}

static void a_subscription_narrows_and_an_empty_one_does_not(void **state)
{
	Simpul__Subscription subscription = SIMPUL__SUBSCRIPTION__INIT;
	Simpul__Kind kinds[] = {SIMPUL__KIND__KIND_ALERT};
	char *categories[] = {(char *)"overstay"}, *regions[] = {(char *)"16.01"};
	struct routing_class class = alert("overstay", "16.01.14"), other;

	(void)state;
	assert_true(subscription_wants(&subscription, &class));
	subscription.kinds = kinds;
	subscription.categories = categories;
	subscription.regions = regions;
	subscription.n_kinds = subscription.n_categories = subscription.n_regions = 1;
	assert_true(subscription_wants(&subscription, &class));
	other = sighting("overstay", "16.01.14", 0);
	assert_false(subscription_wants(&subscription, &other));
	other = alert("wanted", "16.01.14");
	assert_false(subscription_wants(&subscription, &other));
	other = alert("overstay", "16.08");
	assert_false(subscription_wants(&subscription, &other));
}

/* ---- loading */

#define HEAD "categories: [lodging, wanted]\nagencies:\n"
#define POLICE "  - agency: police\n    ceiling: AMBER\n    receive: [{kinds: [alert], categories: [wanted]}]\n"
#define NODES "nodes:\n"
#define PURPOSES "purposes: [law-enforcement]\n"
#define NO_NODES "nodes: []\n" PURPOSES
#define OKU "  - node: police.oku\n    regions: [\"16.01\"]\n"

static void a_node_overrides_its_agency(void **state)
{
	struct policy *policy = parse(HEAD POLICE NODES OKU "    ceiling: GREEN\n"
							    "  - node: police.a\n    regions: [16.01]\n"
							    "    receive: [{kinds: [none], categories: [\"*\"]}]\n" PURPOSES);
	struct routing_class class = alert("wanted", "16.01");

	(void)state;
	assert_int_equal(policy_admits(policy, "police.a", &class), DENIED_NOT_GRANTED);
	assert_int_equal(policy_admits(policy, "police.oku", &class), DENIED_LABEL);
	class.label = SIMPUL__LABEL__LABEL_GREEN;
	assert_int_equal(policy_admits(policy, "police.oku", &class), ADMITTED);
	assert_string_equal(policy_node_name(policy, 0), "police.a");
	policy_free(policy);
}

/* A policy, and how the fault begins that is found in it. */
struct mistake {
	const char *text, *fault;
};

static void assert_named(const struct mistake *mistakes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct mistake *one = &mistakes[i];
		struct policy *policy;
		struct fault fault = {0};
		enum error error = policy_parse(BYTES(one->text, strlen(one->text)), "policy.yaml", &policy, &fault);

		if (error != E_CONFIG || strncmp(fault.field, one->fault, strlen(one->fault)) != 0)
			fail_msg("case %zu: %s \"%s\", expected \"%s\"", i, error_name(error), fault.field, one->fault);
		assert_null(policy);
	}
}

static void what_does_not_belong_or_is_missing_is_named_with_its_line(void **state)
{
	static const struct mistake mistakes[] = {
		{"categories: [a]\nagencies: []\nnodes: []\nsurprise: 1\n", "policy.yaml:4: "},
		{"categories: [a\nagencies: []\nnodes: []\n", "policy.yaml:2: "},
		{"categories: [a]\nagencies: []\n", "policy.yaml:"},
		{"categories: [a]\nagencies: []\nnodes: []\n", "policy.yaml:"},
		{HEAD POLICE NODES "  - node: police.oku\n    regions: []\n", "policy.yaml:8: "},
		{HEAD POLICE NODES OKU "    receive: []\n", "policy.yaml:9: "},
		{HEAD POLICE NODES OKU "    ceiling: GREEN\n    ceiling: RED\n", "policy.yaml:"},
	};

	(void)state;
	assert_named(mistakes, sizeof(mistakes) / sizeof(mistakes[0]));
}

static void what_is_wrong_in_a_list_or_demand_is_named_with_its_line(void **state)
{
	static const struct mistake mistakes[] = {
		{"categories: [a,\n  b, a]\nagencies: []\n" NO_NODES, "policy.yaml:2: the category 'a' is named twice"},
		{"categories: [Bad]\nagencies: []\n" NO_NODES, "policy.yaml:1: 'Bad' is no category"},
		{HEAD POLICE "nodes: []\npurposes: [tppo,\n  wanted, Tppo]\n", "policy.yaml:8: 'Tppo' is no purpose"},
		{HEAD POLICE "nodes: []\npurposes: [tppo,\n  wanted, tppo]\n",
		 "policy.yaml:8: the purpose 'tppo' is named twice"},
		{HEAD POLICE NO_NODES "demands:\n  - {kinds: [alert], categories: [wanted], grading: true}\n"
				      "  - {kinds: [alert], categories: [overstay], grading: true}\n",
		 "policy.yaml:10: 'overstay' is not in the list"},
		{HEAD POLICE NO_NODES "demands:\n  - {kinds: [alert], categories: [wanted], protection: [poor]}\n",
		 "policy.yaml:9: 'poor' is no protection"},
		{HEAD POLICE NO_NODES "expires_days:\n  sighting: 90\n  alert: 1831\n",
		 "policy.yaml:10: expires_days: no report is kept longer"},
		{HEAD POLICE NO_NODES "expires_days:\n  query: 32\n",
		 "policy.yaml:9: expires_days: no query or answer is kept longer than 31 days"},
	};

	(void)state;
	assert_named(mistakes, sizeof(mistakes) / sizeof(mistakes[0]));
}

static void what_is_wrong_of_an_agency_is_named_with_its_line(void **state)
{
	static const struct mistake mistakes[] = {
		{HEAD POLICE POLICE NO_NODES, "policy.yaml:6: the agency 'police' is named twice"},
		{HEAD "  - agency: Police\n    ceiling: RED\n" NO_NODES,
		 "policy.yaml:3: 'Police' is no name of an agency"},
		{HEAD "  - agency: police\n    ceiling: AMBER-STRICT\n" NO_NODES,
		 "policy.yaml:4: 'AMBER-STRICT' is no label"},
		{HEAD "  - agency: police\n    ceiling: amber\n" NO_NODES, "policy.yaml:4: 'amber' is no label"},
		{HEAD "  - agency: police\n    ceiling: RED\n    protection: [child,\n      Health]\n" NO_NODES,
		 "policy.yaml:6: 'Health' is no protection"},
		{HEAD "  - agency: police\n    ceiling: RED\n    receive: [{kinds: [lodging], categories: "
		      "[wanted]}]\n" NO_NODES,
		 "policy.yaml:5: 'lodging' is no kind"},
		{HEAD "  - agency: police\n    ceiling: RED\n    receive: [{kinds: [cancel], categories: "
		      "[wanted]}]\n" NO_NODES,
		 "policy.yaml:5: 'cancel' is no kind"},
		{HEAD POLICE "    publish:\n      - kinds: [alert]\n        categories: [wanted, overstay]\n" NO_NODES,
		 "policy.yaml:8: 'overstay' is not in the list of categories"},
		{HEAD POLICE "    ask: [overstay]\n" NO_NODES, "policy.yaml:6: 'overstay' is not in the list"},
	};

	(void)state;
	assert_named(mistakes, sizeof(mistakes) / sizeof(mistakes[0]));
}

static void what_is_wrong_of_a_node_is_named_with_its_line(void **state)
{
	static const struct mistake mistakes[] = {
		{HEAD POLICE NODES OKU "  # police.oku once more\n" OKU PURPOSES,
		 "policy.yaml:10: the node 'police.oku' is named twice"},
		{HEAD POLICE NODES "  - node: army.oku\n    regions: [16.01]\n" PURPOSES,
		 "policy.yaml:7: there is no agency 'army'"},
		{HEAD POLICE NODES "  - node: police\n    regions: [16.01]\n" PURPOSES,
		 "policy.yaml:7: 'police' is no name of a node"},
		{HEAD POLICE NODES OKU "  - node: police.b\n    regions: [16.01,\n     16.99]\n" PURPOSES,
		 "policy.yaml:11: the region '16.99' does not exist"},
	};

	(void)state;
	assert_named(mistakes, sizeof(mistakes) / sizeof(mistakes[0]));
}

static void no_cut_of_a_good_file_is_harmful(void **state)
{
	struct policy *whole = example();
	struct bytes text = policy_text(whole);

	(void)state;
	for (size_t size = 0; size < text.size; size += 97) {
		struct policy *policy;
		uint8_t *exact = malloc(size + 1);

		assert_non_null(exact);
		memcpy(exact, text.data, size);
		policy_parse(BYTES(exact, size), "policy.yaml", &policy, NULL);
		policy_free(policy);
		free(exact);
	}
	policy_free(whole);
}

static void the_text_and_its_hash_are_kept(void **state)
{
	struct policy *policy = example();
	struct hash hash = hash_of(policy_text(policy)), kept = policy_hash(policy);
	struct buffer out = {0};

	(void)state;
	assert_true(hash_equal(&hash, &kept));
	assert_true(policy_knows_agency(policy, "army"));
	assert_false(policy_knows_agency(policy, "navy"));
	assert_true(policy_knows_category(policy, "tppo"));
	assert_false(policy_knows_category(policy, "*"));
	policy_describe(policy, "army.oku", &out);
	policy_describe(policy, "navy.oku", &out);
	buffer_u8(&out, 0);
	assert_non_null(strstr((char *)out.data, "AMBER+STRICT"));
	assert_non_null(strstr((char *)out.data, "not in the policy"));
	buffer_free(&out);
	policy_free(policy);
}

static void a_file_that_is_not_there_is_said_to_be_missing(void **state)
{
	struct policy *policy;
	struct fault fault = {0};

	(void)state;
	assert_int_equal(policy_load("no/such/policy.yaml", &policy, &fault), E_NOT_FOUND);
	assert_null(policy);
}

/* Two operators signed what they had read; the file may be another one by the time it is loaded. */
static void a_file_that_was_changed_since_it_was_approved_is_not_loaded(void **state)
{
	char path[] = "/tmp/simpul-policy-XXXXXX";
	struct policy *policy = example();
	const struct hash approved = policy_hash(policy);
	struct buffer text = {0};
	struct fault fault = {0};

	(void)state;
	buffer_bytes(&text, policy_text(policy));
	policy_free(policy);
	close(mkstemp(path));
	assert_int_equal(file_write(path, buffer_view(&text), 0600, NULL), E_OK);
	assert_int_equal(policy_load_approved(path, &approved, &policy, &fault), E_OK);
	policy_free(policy);
	buffer_text(&text, "# one line more\n");
	assert_int_equal(file_write(path, buffer_view(&text), 0600, NULL), E_OK);
	assert_int_equal(policy_load_approved(path, NULL, &policy, &fault), E_OK);
	policy_free(policy);
	assert_int_equal(policy_load_approved(path, &approved, &policy, &fault), E_INVALID);
	assert_null(policy);
	assert_string_equal(fault.field, "policy: the file was changed since");
	buffer_free(&text);
	unlink(path);
}

/* ---- explaining */

/* What policy_explain says; its last line with "NO" or "yes" decides. */
static void assert_explained(struct routing_class class, const char *node, bool publish, const char *expected)
{
	struct policy *policy = example();
	struct buffer out = {0};

	policy_explain(policy, node, &class, publish, &out);
	buffer_u8(&out, 0);
	if (!strstr((char *)out.data, expected))
		fail_msg("no \"%s\" in:\n%s", expected, (char *)out.data);
	buffer_free(&out);
	policy_free(policy);
}

static void the_rule_that_decides_is_named(void **state)
{
	(void)state;
	assert_explained(alert("overstay", "16"), "health.oku", false, "NO   kind and category: alert, overstay");
	assert_explained(sighting("tppm", "16.08.07", 0), "police.oku", false, "NO   region: 16.08.07");
	assert_explained(sighting("tppo", "16.01.14", TRAFFICKING), "army.oku", false, "NO   protection: trafficking");
	assert_explained(class_of(SIMPUL__KIND__KIND_SIGHTING, "tppm", "16.01.14", SIMPUL__LABEL__LABEL_RED, 0),
			 "district.baturaja-timur", false, "NO   label: RED");
	assert_explained(sighting("tppm", "16.01.14", 0), "police.oku", false, "yes  protection: none");
	assert_explained(alert("overstay", "16"), "health.oku", true,
			 "NO   kind and category: alert, overstay; of this kind it may "
			 "publish");
	assert_explained(sighting("tppm", "16.01.14", 0), "police.nowhere", false, "the policy does not name it");
}

/* For every node and many classes: the explanation ends as the decision does. */
static void an_explanation_never_disagrees_with_the_decision(void **state)
{
	static const char *const regions[] = {"16", "16.01", "16.08.07", "73.72"};
	static const char *const categories[] = {"tppo", "overstay", "health", "lodging", "no-such"};
	struct policy *policy = example();

	(void)state;
	for (size_t n = 0; n < policy_node_count(policy); n++)
		for (size_t i = 0; i < 4 * 5 * 5 * 2; i++) {
			struct routing_class class =
				class_of(SIMPUL__KIND__KIND_SIGHTING + i % 2, categories[i / 2 % 5],
					 regions[i / 10 % 4], (Simpul__Label)(1 + i / 40 % 5), i % 3 == 0 ? CHILD : 0);
			const char *node = policy_node_name(policy, n);
			struct buffer out = {0};

			policy_explain(policy, node, &class, false, &out);
			buffer_u8(&out, 0);
			assert_int_equal(strstr((char *)out.data, "  NO ") != NULL,
					 policy_admits(policy, node, &class) != ADMITTED);
			buffer_clear(&out);
			policy_explain(policy, node, &class, true, &out);
			buffer_u8(&out, 0);
			assert_int_equal(strstr((char *)out.data, "  NO ") != NULL,
					 policy_may_publish(policy, node, &class) != E_OK);
			buffer_free(&out);
		}
	policy_free(policy);
}

/* ---- questions */

static struct routing_class question(const char *category, const char *region)
{
	return class_of(SIMPUL__KIND__KIND_QUERY, category, region, SIMPUL__LABEL__LABEL_AMBER, 0);
}

/* Also where the ceiling is GREEN: nobody who has to answer is left out. */
static void a_person_who_asks_is_answered_by_every_office_of_the_region(void **state)
{
	static const char *const paths[] = {EXAMPLE, "deploy/example/pagar-alam/policy.yaml",
					    "deploy/example/lubuklinggau/policy.yaml", "deploy/example/parepare/policy.yaml"};

	(void)state;
	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		struct routing_class asked = question("subject-access", i == 3 ? "73" : "16");
		struct policy *policy;
		struct fault fault = {0};

		assert_int_equal(policy_load(paths[i], &policy, &fault), E_OK);
		for (size_t n = 0; n < policy_node_count(policy); n++) {
			const char *node = policy_node_name(policy, n);
			const bool immigration = strncmp(node, "immigration.", 12) == 0;

			assert_int_equal(policy_admits(policy, node, &asked), ADMITTED);
			assert_int_equal(policy_may_publish(policy, node, &asked), immigration ? E_OK : E_MAY_NOT_ASK);
		}
		policy_free(policy);
	}
}

static void to_receive_is_not_to_answer_and_to_publish_not_to_ask(void **state)
{
	struct policy *policy = example();
	struct routing_class wanted = question("wanted", "16.01"), lodging = question("lodging", "16.01");

	(void)state;
	assert_int_equal(policy_may_publish(policy, "police.oku", &lodging), E_OK);
	assert_int_equal(policy_admits(policy, "police.oku", &lodging), DENIED_NOT_GRANTED);
	assert_int_equal(policy_admits(policy, "police.oku", &wanted), ADMITTED);
	assert_int_equal(policy_admits(policy, "police.oku-timur", &wanted), DENIED_REGION);
	assert_int_equal(policy_may_publish(policy, "army.oku", &wanted), E_MAY_NOT_ASK);
	assert_int_equal(policy_admits(policy, "army.oku", &wanted), DENIED_NOT_GRANTED);
	assert_int_equal(policy_may_publish(policy, "police.lahat", &wanted), E_MAY_NOT_ASK);
	policy_free(policy);
}

static void questions_are_explained(void **state)
{
	struct policy *policy = example();
	struct routing_class asked = question("lodging", "16.01");
	struct buffer out = {0};

	(void)state;
	policy_explain(policy, "police.oku", &asked, false, &out);
	buffer_u8(&out, 0);
	assert_non_null(strstr((char *)out.data, "NO   kind and category: query, lodging; of this kind it may answer wanted"));
	buffer_clear(&out);
	policy_explain(policy, "immigration.muara-enim", &asked, true, &out);
	buffer_u8(&out, 0);
	assert_non_null(strstr((char *)out.data, "yes  kind and category: query, lodging; of this kind it may ask all categories"));
	buffer_free(&out);
	policy_free(policy);
}

/* ---- differences */

#define BEFORE \
	"categories: [overstay, health, lodging]\n" \
	"agencies:\n" \
	"  - agency: police\n" \
	"    ceiling: AMBER\n" \
	"    publish: [{kinds: [sighting], categories: [overstay]}]\n" \
	"    receive: [{kinds: [sighting, alert], categories: [overstay, lodging]}]\n" \
	"  - agency: health\n" \
	"    ceiling: AMBER\n" \
	"    publish: [{kinds: [sighting], categories: [health]}]\n" \
	"    receive: [{kinds: [sighting], categories: [health]}]\n" \
	PURPOSES "nodes:\n" \
	"  - {node: health.oku, regions: [\"16.01\"]}\n" \
	"  - {node: police.oku, regions: [\"16.01\", \"16.08\"]}\n"

/* Another order of the same categories: masks cannot be compared as they are. */
#define AFTER \
	"categories: [lodging, overstay, health, wanted]\n" \
	"agencies:\n" \
	"  - agency: police\n" \
	"    ceiling: RED\n" \
	"    protection: [child]\n" \
	"    publish: [{kinds: [sighting, alert], categories: [overstay]}]\n" \
	"    receive: [{kinds: [sighting, alert], categories: [overstay, wanted]}]\n" \
	PURPOSES "nodes:\n" \
	"  - {node: police.oku, regions: [\"16.01\"]}\n" \
	"  - {node: police.oku-timur, regions: [\"16.08\"]}\n"

static void assert_differs(const char *from, const char *to, const char *const *lines, size_t count)
{
	struct policy *a = parse(from), *b = parse(to);
	struct buffer out = {0};

	assert_int_equal(policy_diff(a, b, &out), count);
	buffer_u8(&out, 0);
	for (size_t i = 0; i < count; i++)
		if (!strstr((char *)out.data, lines[i]))
			fail_msg("no \"%s\" in:\n%s", lines[i], (char *)out.data);
	buffer_free(&out);
	policy_free(a);
	policy_free(b);
}

static void who_may_ask_and_answer_from_now_on_is_told(void **state)
{
	static const char *const lines[] = {"gains  asking: lodging\n", "loses  answering: wanted\n",
					    "loses  the days that queries and answers are kept: 7, not 31\n"};

	(void)state;
	assert_differs(HEAD POLICE "    answer: [wanted]\n" NODES OKU PURPOSES,
		       HEAD POLICE "    ask: [lodging]\n" NODES OKU PURPOSES "expires_days: {query: 7}\n", lines, 3);
}

static void what_a_node_gains_and_loses_is_told(void **state)
{
	static const char *const lines[] = {
		"health.oku                       loses  its place in the policy",
		"health.oku                       loses  publishing sightings: health\n",
		"health.oku                       loses  receiving sightings: health\n",
		"health.oku                       loses  regions: 16.01\n",
		"health.oku                       loses  labels: CLEAR, GREEN, AMBER\n",
		"police.oku                       gains  publishing alerts: overstay\n",
		"police.oku                       gains  receiving sightings: wanted\n",
		"police.oku                       gains  receiving alerts: wanted\n",
		"police.oku                       gains  labels: AMBER+STRICT, RED\n",
		"police.oku                       gains  protection: child\n",
		"police.oku                       loses  receiving sightings: lodging\n",
		"police.oku                       loses  receiving alerts: lodging\n",
		"police.oku                       loses  regions: 16.08\n",
		"police.oku-timur                 gains  its place in the policy",
		"police.oku-timur                 gains  publishing sightings: overstay\n",
		"police.oku-timur                 gains  publishing alerts: overstay\n",
		"police.oku-timur                 gains  receiving sightings: overstay, wanted\n",
		"police.oku-timur                 gains  receiving alerts: overstay, wanted\n",
		"police.oku-timur                 gains  regions: 16.08\n",
		"police.oku-timur                 gains  labels: CLEAR, GREEN, AMBER, AMBER+STRICT, RED\n",
		"police.oku-timur                 gains  protection: child\n",
	};

	(void)state;
	assert_differs(BEFORE, AFTER, lines, sizeof lines / sizeof lines[0]);
	assert_differs(BEFORE, BEFORE "# a comment\n", NULL, 0);
	assert_differs(AFTER, AFTER, NULL, 0);
}

static void what_reports_must_carry_from_now_on_is_told(void **state)
{
	static const char *const harder[] = {
		"(all)                            gains  purposes: health\n",
		"(all)                            gains  the demand for a legal basis of sightings: overstay, lodging\n",
		"(all)                            gains  the demand for the protection health of alerts: health\n",
		"(all)                            loses  the days that sightings are kept: 90, not 1830\n",
	};
	static const char *const easier[] = {
		"(all)                            loses  purposes: health\n",
		"(all)                            loses  the demand for a legal basis of sightings: overstay, lodging\n",
		"(all)                            loses  the demand for the protection health of alerts: health\n",
		"(all)                            gains  the days that sightings are kept: 1830, not 90\n",
	};
	static const char demanding[] =
		"categories: [overstay, health, lodging]\npurposes: [law-enforcement, health]\nagencies: []\nnodes: []\n"
		"demands:\n  - {kinds: [sighting], categories: [overstay, lodging], legal_basis: true}\n"
		"  - {kinds: [alert], categories: [health], protection: [health]}\nexpires_days: {sighting: 90}\n";
	static const char content[] = "categories: [overstay, health, lodging]\nagencies: []\n" NO_NODES;

	(void)state;
	assert_differs(content, demanding, harder, 4);
	assert_differs(demanding, content, easier, 4);
	assert_differs(demanding, demanding, NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_reports_must_carry_from_now_on_is_told),
		cmocka_unit_test(the_examples_of_all_regions_are_good),
		cmocka_unit_test(guests_of_a_lodging_are_told_to_immigration_alone),
		cmocka_unit_test(a_van_that_the_army_sees_is_told_to_police_and_district),
		cmocka_unit_test(an_overstayer_is_told_to_police_and_army_not_to_health),
		cmocka_unit_test(a_possible_victim_is_told_to_social_affairs_never_to_the_army),
		cmocka_unit_test(a_cancel_goes_by_what_it_is_about),
		cmocka_unit_test(medical_matters_stay_with_health_and_immigration),
		cmocka_unit_test(what_is_not_granted_is_denied),
		cmocka_unit_test(a_ceiling_binds_sender_and_recipient),
		cmocka_unit_test(every_protection_needs_its_own_grant),
		cmocka_unit_test(a_text_too_long_for_a_class_matches_nothing),
		cmocka_unit_test(a_subscription_narrows_and_an_empty_one_does_not),
		cmocka_unit_test(a_node_overrides_its_agency),
		cmocka_unit_test(what_does_not_belong_or_is_missing_is_named_with_its_line),
		cmocka_unit_test(what_is_wrong_in_a_list_or_demand_is_named_with_its_line),
		cmocka_unit_test(what_is_wrong_of_an_agency_is_named_with_its_line),
		cmocka_unit_test(what_is_wrong_of_a_node_is_named_with_its_line),
		cmocka_unit_test(no_cut_of_a_good_file_is_harmful),
		cmocka_unit_test(the_text_and_its_hash_are_kept),
		cmocka_unit_test(a_file_that_is_not_there_is_said_to_be_missing),
		cmocka_unit_test(a_file_that_was_changed_since_it_was_approved_is_not_loaded),
		cmocka_unit_test(the_rule_that_decides_is_named),
		cmocka_unit_test(an_explanation_never_disagrees_with_the_decision),
		cmocka_unit_test(a_person_who_asks_is_answered_by_every_office_of_the_region),
		cmocka_unit_test(to_receive_is_not_to_answer_and_to_publish_not_to_ask),
		cmocka_unit_test(questions_are_explained),
		cmocka_unit_test(who_may_ask_and_answer_from_now_on_is_told),
		cmocka_unit_test(what_a_node_gains_and_loses_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
