/* hostile_test - promise 9: while strangers and members do their worst, two honest offices hardly notice, the broker's
 * memory is bounded, and the operator's log says who it was. */
#include "tests/support/siege.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

/* ------------------------------------------------------------------ strangers */

static void silent_connections_cost_the_others_nothing(void **state)
{
	const uint64_t connections = torture_times(2000, 10000);

	siege_survives(*state, &(struct siege_plan){.what = "silent connections",
						    .times = "connections",
						    .run = hostile_silent,
						    .office = STRANGER,
						    .amount = connections,
						    .reach = connections,
						    .event = "event=connections.",
						    .who = "address=" HOSTILE_STRANGER});
}

static void handshakes_that_stall_cost_the_others_nothing(void **state)
{
	const uint64_t connections = torture_times(200, 2000);

	siege_survives(*state, &(struct siege_plan){.what = "handshakes that stall at each step",
						    .times = "connections",
						    .run = hostile_stalled,
						    .office = STRANGER,
						    .amount = connections,
						    .reach = connections,
						    .event = "connections.failed",
						    .who = "address=" HOSTILE_STRANGER});
}

static void garbage_before_the_handshake_costs_the_others_nothing(void **state)
{
	siege_survives(*state, &(struct siege_plan){.what = "garbage and giant lengths of strangers",
						    .times = "connections",
						    .run = hostile_garbage,
						    .office = STRANGER,
						    .amount = 100,
						    .reach = 100,
						    .event = "connections.failed",
						    .who = "address=" HOSTILE_STRANGER});
}

static void strangers_that_knock_without_a_pause_cost_the_others_nothing(void **state)
{
	siege_survives(*state, &(struct siege_plan){.what = "handshakes with an unknown key",
						    .times = "handshakes",
						    .run = hostile_knocking,
						    .office = STRANGER,
						    .reach = 10,
						    .event = "zap.refused",
						    .who = "address=" HOSTILE_STRANGER});
}

/* ------------------------------------------------------------------ members */

static void malformed_messages_of_a_member_cost_the_others_nothing(void **state)
{
	siege_survives(*state, &(struct siege_plan){.what = "malformed and giant frames of a member",
						    .times = "connections",
						    .run = hostile_malformed,
						    .office = MALFORMED,
						    .reach = 20,
						    .event = "session.refused",
						    .who = "node=army.malformed"});
}

static void a_member_that_resets_full_connections_costs_the_others_nothing(void **state)
{
	siege_survives(*state, &(struct siege_plan){.what = "a member that resets full connections",
						    .times = "connections",
						    .run = hostile_resetting,
						    .office = RESETTING,
						    .reach = 256,
						    .event = "session.refused",
						    .who = "node=army.reset"});
}

static void a_message_without_an_end_costs_the_others_nothing(void **state)
{
	siege_survives(*state, &(struct siege_plan){.what = "a message whose parts never end",
						    .times = "parts",
						    .run = hostile_endless,
						    .office = ENDLESS,
						    .reach = 10,
						    .event = "connections.cut address=" HOSTILE_MEMBER,
						    .who = "node=army.endless"});
}

static void a_member_that_floods_costs_the_others_nothing(void **state)
{
	siege_survives(*state, &(struct siege_plan){.what = "a member that floods",
						    .times = "messages",
						    .run = hostile_flood,
						    .office = FLOOD,
						    .reach = 2000,
						    .event = ".refused",
						    .who = "node=army.flood"});
}

static void a_member_with_300000_topics_costs_the_others_nothing(void **state)
{
	const uint64_t topics = torture_times(100000, 300000);

	siege_survives(*state, &(struct siege_plan){.what = "a member that subscribes to very many topics",
						    .times = "topics",
						    .run = hostile_topics,
						    .office = TOPICS,
						    .amount = topics,
						    .reach = topics,
						    .event = "feed.foreign_subscription",
						    .who = "node=army.topics"});
}

static void a_member_that_stops_reading_costs_the_others_nothing(void **state)
{
	static char words[4001];

	memset(words, 'w', sizeof words - 1);
	siege_survives(*state, &(struct siege_plan){.what = "a member that stops reading",
						    .times = "signs of life",
						    .run = hostile_deaf,
						    .office = DEAF,
						    .reach = 1,
						    .event = "feed.behind",
						    .who = "node=army.deaf",
						    .summary = words});
}

static void a_member_that_repeats_itself_costs_the_others_nothing(void **state)
{
	siege_survives(*state, &(struct siege_plan){.what = "a member that repeats its submissions",
						    .times = "repeats",
						    .run = hostile_repeating,
						    .office = REPEATING,
						    .reach = 1000,
						    .event = "node.slowed",
						    .who = "node=army.repeat"});
}

/* ------------------------------------------------------------------ bugs that these tests must find */

struct growth {
	struct siege *siege;
	struct siege_outcome *outcome;
};

static bool has_outgrown(void *context)
{
	const struct growth *growth = context;

	siege_look(growth->siege, growth->outcome);
	return !siege_is_bounded(growth->outcome);
}

/* By the same bound that the attacks above must keep. */
static void a_broker_that_cuts_nobody_is_found_by_its_memory(void **state)
{
	enum { SECONDS = 60 };
	struct attack attack = {.office = ENDLESS, .has_priority = true};
	struct siege_outcome outcome = {0};
	static struct siege siege;
	struct growth growth = {&siege, &outcome};
	bool found;

	(void)state;
	siege_lay(&siege, "seeded/nobody-cut/simpul-broker", ENDLESS + 1);
	outcome.kib_before = process_rss(siege.x.broker);
	attack.x = &siege.x;
	attack_start(&attack, hostile_endless);
	found = wait_for(has_outgrown, &growth, SECONDS);
	attack_end(&attack);
	assert_true(exchange_end(&siege.x, false));
	assert_true(found);
}

/* By what the two honest offices notice of it: measured and judged as every attack is. */
static void a_broker_that_stands_still_is_found_by_its_times(void **state)
{
	enum { NORMAL_MOST_US = 20000 };
	struct siege_outcome outcome = {0};
	struct siege *siege = *state;
	struct attack attack = {.x = &siege->x, .has_priority = true};

	siege->probe.summary = NULL;
	probe_open(&siege->probe, &siege->x, SENDER, RECIPIENT);
	siege_normal(siege, &outcome);
	/* On a machine that others use now it may be slow by itself: that would hide any stop that one can wait for. */
	if (outcome.normal > NORMAL_MOST_US)
		outcome.normal = NORMAL_MOST_US;
	attack.amount = 2 * (uint64_t)(SIEGE_RATIO_MOST * (double)outcome.normal / 1000) + 100;
	attack_start(&attack, hostile_halting);
	siege_attacked(siege, &attack, &outcome);
	attack_end(&attack);
	kill(siege->x.broker, SIGCONT);
	probe_close(&siege->probe);
	assert_false(siege_is_quick(&outcome));
}

int main(void)
{
	const struct CMUnitTest seeded[] = {
		cmocka_unit_test(a_broker_that_cuts_nobody_is_found_by_its_memory),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_connections_cost_the_others_nothing),
		cmocka_unit_test(handshakes_that_stall_cost_the_others_nothing),
		cmocka_unit_test(garbage_before_the_handshake_costs_the_others_nothing),
		cmocka_unit_test(strangers_that_knock_without_a_pause_cost_the_others_nothing),
		cmocka_unit_test(malformed_messages_of_a_member_cost_the_others_nothing),
		cmocka_unit_test(a_member_that_resets_full_connections_costs_the_others_nothing),
		cmocka_unit_test(a_message_without_an_end_costs_the_others_nothing),
		cmocka_unit_test(a_member_that_floods_costs_the_others_nothing),
		cmocka_unit_test(a_member_with_300000_topics_costs_the_others_nothing),
		cmocka_unit_test(a_member_that_stops_reading_costs_the_others_nothing),
		cmocka_unit_test(a_member_that_repeats_itself_costs_the_others_nothing),
		cmocka_unit_test(a_broker_that_stands_still_is_found_by_its_times),
		cmocka_unit_test(siege_journal_verifies),
	};

	return siege_run(tests, sizeof(tests) / sizeof(*tests), seeded, sizeof(seeded) / sizeof(*seeded));
}
