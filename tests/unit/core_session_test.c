/* Tries to get into the core as somebody else, below a cursor, or onto a foreign feed; and to stay there. */
#include "tests/support/core_expect.h"

#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define ALARM_AFTER_MS 2001

/* ---------------------------------------------------------------------------- identity */

static void spoil_origin(Simpul__Submission *message)
{
	message->origin = (char *)(uintptr_t)world_names[ARMY];
}

static void a_submission_in_the_name_of_another_node_is_refused_and_alarmed(void **state)
{
	world_refuses(*state, (struct speech){.node = POLICE, .spoil_message = spoil_origin}, E_WRONG_ORIGIN);
	assert_true(world_alarmed(*state, "submission.refused node=police.oku code=WRONG_ORIGIN"));
}

static void an_unknown_key_gets_nothing_but_a_refusal(void **state)
{
	struct world *world = *state;
	const char *name = "x";

	world->keys[HEALTH].curve_public[0] ^= 1;
	world_hello(world, HEALTH, 0);
	assert_int_equal(world_refusal(world), E_KEY_UNKNOWN);
	assert_string_equal(world_refusal_field(world), "key");
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
	assert_int_equal(core_key_status(world->core, world->keys[HEALTH].curve_public, &name), E_KEY_UNKNOWN);
	assert_null(name);
}

static void without_a_session_nothing_but_hello_is_taken(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = HEALTH});
	assert_int_equal(world_refusal(world), E_UNEXPECTED);
	world_forget(world);
	world_ack(world, HEALTH, 0);
	assert_int_equal(world_refusal(world), E_UNEXPECTED);
}

static uint8_t other_bytes[HASH_SIZE] = {1, 2, 3};

static void hello_older_version(Simpul__Hello *hello)
{
	hello->version = LINK_VERSION - 1;
}
static void hello_newer_version(Simpul__Hello *hello)
{
	hello->version = LINK_VERSION + 1;
}
static void hello_exchange(Simpul__Hello *hello)
{
	hello->exchange.data = other_bytes;
}
static void hello_node(Simpul__Hello *hello)
{
	hello->node = (char *)(uintptr_t)world_names[POLICE];
}
static void hello_key(Simpul__Hello *hello)
{
	hello->key_id = 2;
}
static void hello_no_epoch(Simpul__Hello *hello)
{
	hello->epoch = 0;
}
static void hello_old_epoch(Simpul__Hello *hello)
{
	hello->epoch = 1;
}
static void hello_no_cursor(Simpul__Hello *hello)
{
	hello->cursor = NULL;
}
static void hello_short_head(Simpul__Hello *hello)
{
	hello->cursor->head.len = 31;
}
static void hello_incarnation(Simpul__Hello *hello)
{
	hello->cursor->incarnation = 2;
}
static void hello_beyond(Simpul__Hello *hello)
{
	hello->cursor->entry++;
}
static void hello_head(Simpul__Hello *hello)
{
	hello->cursor->head.data = other_bytes;
}

static void a_wrong_hello_is_refused_with_its_reason(void **state)
{
	static const struct {
		void (*spoil)(Simpul__Hello *hello);
		enum error code;
		bool alarm;
	} cases[] = {
		{hello_older_version, E_VERSION, false},
		{hello_newer_version, E_VERSION, false},
		{hello_exchange, E_EXCHANGE, false},
		{hello_node, E_WRONG_ORIGIN, true},
		{hello_key, E_KEY_EXPIRED, false},
		{hello_no_epoch, E_MISSING, false},
		{hello_old_epoch, E_EPOCH, false},
		{hello_no_cursor, E_MISSING, false},
		{hello_short_head, E_INVALID, false},
		{hello_incarnation, E_HISTORY_DIFFERS, true},
		{hello_beyond, E_HISTORY_DIFFERS, true},
		{hello_head, E_HISTORY_DIFFERS, true},
	};
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = ARMY, .epoch = 2});
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		world_greet(world, ARMY, 99, cases[i].spoil);
		if (world_refusal(world) != cases[i].code)
			fail_msg("case %zu: %s", i, error_name(world_refusal(world)));
		assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->seq, 3);
		assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
		assert_int_equal(world_alarmed(world, "session.refused"), cases[i].alarm);
	}
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->refusal->position);
}

static void a_newer_session_takes_over_and_the_older_hears_of_it(void **state)
{
	struct world *world = *state;

	world_greet(world, ARMY, 99, NULL);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE)->goodbye->code, E_SUPERSEDED);
	assert_true(world_alarmed(world, "session.superseded node=army.oku"));
	world_forget(world);
	world_ack(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_SUPERSEDED);
	world_tick(world, ALARM_AFTER_MS);
	world_greet(world, ARMY, 98, NULL);
	assert_true(world_logged(world, "session.superseded"));
	assert_false(world_alarmed(world, "session.superseded"));
}

/* The topic that the last HELLO was given. */
static void topic_of(const struct world *world, uint8_t topic[FEED_TOPIC_SIZE])
{
	memcpy(topic, world->options.exchange, FEED_TOPIC_SIZE - 4);
	memcpy(topic + FEED_TOPIC_SIZE - 4, world->random + 8, 4);
}

static void welcome_tells_where_both_sides_stand(void **state)
{
	struct world *world = *state;
	const Simpul__Welcome *welcome;
	uint8_t topic[FEED_TOPIC_SIZE];

	world_accepts(world, (struct speech){.node = ARMY, .count = 7});
	world_greet(world, ARMY, 99, NULL);
	welcome = world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME)->welcome;
	assert_int_equal(welcome->head->entry, FIRST_ENTRY);
	assert_int_equal(welcome->policy_version, 1);
	assert_int_equal(welcome->n_streams, 1);
	assert_int_equal(welcome->streams[0]->last, 7);
	assert_int_equal(welcome->streams[0]->epoch, 1);
	assert_int_equal(welcome->feed_topic.len, FEED_TOPIC_SIZE);
	topic_of(world, topic);
	assert_memory_equal(welcome->feed_topic.data, topic, FEED_TOPIC_SIZE);
	assert_memory_equal(welcome->feed_key.data, world->random + 24, KEY_SIZE);
	assert_int_equal(welcome->limits->submission_reports, LIMIT_SUBMISSION_REPORTS);
}

static void hello_speaks_for_all_that_is_stored(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = ARMY});
	world_forget(world);
	world_hello(world, POLICE, FIRST_ENTRY);
	assert_int_equal(world_find(world, ACTION_CURSOR, 0)->entry, FIRST_ENTRY);
	assert_true(world_node(world, POLICE).live);
}

/* ---------------------------------------------------------------------------- below the cursor */

static void reseed(struct world *world, size_t node, uint64_t from)
{
	struct core_event event = {.type = CORE_RESEED};

	event.reseed.node = world_names[node];
	event.reseed.from_entry = from;
	event.reseed.reason = "inbox lost";
	world_forget(world);
	world_step(world, &event);
	world_commit(world, E_OK);
}

static void a_stolen_key_does_not_open_the_past(void **state)
{
	struct world *world = *state;

	world_hello(world, ARMY, 2);
	assert_int_equal(world_refusal(world), E_BELOW_CURSOR);
	assert_true(world_alarmed(world, "session.refused node=army.oku code=BELOW_CURSOR"));
	world_forget(world);
	world_fetch(world, ARMY, 2);
	assert_int_equal(world_refusal(world), E_BELOW_CURSOR);
	reseed(world, ARMY, 4);
	world_hello(world, ARMY, 2); /* the reseed does not reach so far */
	assert_int_equal(world_refusal(world), E_BELOW_CURSOR);
}

static void a_reseed_opens_the_past_once_even_over_a_restart(void **state)
{
	struct world *world = *state;
	const uint64_t end = world->position.entry;

	reseed(world, ARMY, 2);
	assert_int_equal(world_answer(world), E_OK);
	assert_true(world_logged(world, "reseed.recorded node=army.oku from_entry=2"));
	world_forget(world);
	world_hello(world, ARMY, 2);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
	assert_int_equal(world_node(world, ARMY).cursor, 2);
	world_fetch(world, ARMY, 2);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->n_entries, 2); /* members 3 and 4 */
	world_ack(world, ARMY, end);
	world_commit(world, E_OK);
	world_forget(world);
	world_hello(world, ARMY, 2);
	assert_int_equal(world_refusal(world), E_BELOW_CURSOR);
	world_restart(world);
	world_hello(world, ARMY, 2);
	assert_int_equal(world_refusal(world), E_BELOW_CURSOR);
}

/* ---------------------------------------------------------------------------- foreign subscriptions */

/* What a node may subscribe to before it is too much. */
enum { TOPICS_AT_ONCE = 600 };

static void subscribe(struct world *world, size_t node, struct bytes topic)
{
	struct core_event event = {.type = CORE_SUBSCRIBED};

	event.subscribed.curve_key = world->keys[node].curve_public;
	event.subscribed.topic = topic;
	event.subscribed.added = true;
	world_forget(world);
	world_step(world, &event);
}

static void assert_cut_off(struct world *world, size_t node)
{
	assert_true(world_alarmed(world, "feed.foreign_subscription"));
	assert_int_equal(world_count(world, ACTION_REBIND_FEED), 1);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE)->goodbye->code, E_FOREIGN_FEED);
	assert_int_equal(core_key_status(world->core, world->keys[node].curve_public, NULL), E_KEY_SUSPENDED);
	world_commit(world, E_OK);
	assert_int_equal(world_node(world, node).standing, SIMPUL__STANDING__STANDING_SUSPENDED);
	assert_int_equal(world_count(world, ACTION_ANSWER), 0);
}

static void who_subscribes_to_more_than_its_own_feed_is_cut_off(void **state)
{
	struct world *world = *state;
	uint8_t topic[FEED_TOPIC_SIZE], army[FEED_TOPIC_SIZE];

	world_greet(world, POLICE, 0, NULL);
	topic_of(world, topic);
	world_greet(world, ARMY, 0, NULL);
	topic_of(world, army);
	subscribe(world, ARMY, BYTES(army, sizeof(army)));
	assert_int_equal(world->seen_count, 0);
	subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
	assert_cut_off(world, ARMY);
	subscribe(world, IMMIGRATION, BYTES("", 0));
	assert_cut_off(world, IMMIGRATION);
	subscribe(world, POLICE, BYTES(topic, 8));
	assert_cut_off(world, POLICE);
	world_forget(world);
	world_standing(world, POLICE, SIMPUL__STANDING__STANDING_ACTIVE);
	world_commit(world, E_OK);
	assert_int_equal(world_answer(world), E_OK);
	assert_int_equal(core_key_status(world->core, world->keys[POLICE].curve_public, NULL), E_OK);
}

static void a_topic_from_before_a_restart_is_no_crime_but_many_are(void **state)
{
	struct world *world = *state;
	uint8_t topic[FEED_TOPIC_SIZE] = {0};

	for (topic[0] = 1; topic[0] <= LIMIT_SESSION_TOPICS; topic[0]++) {
		subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
		subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
		assert_int_equal(world->seen_count, 0);
	}
	subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
	assert_cut_off(world, ARMY);
}

static void who_floods_with_its_own_topic_is_cut_off(void **state)
{
	struct world *world = *state;
	uint8_t topic[FEED_TOPIC_SIZE];

	world_greet(world, ARMY, 0, NULL);
	topic_of(world, topic);
	for (size_t i = 0; i < TOPICS_AT_ONCE; i++) {
		subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
		assert_int_equal(world->seen_count, 0);
	}
	world_tick(world, 100);
	subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
	assert_int_equal(world_count(world, ACTION_REBIND_FEED), 0);
	subscribe(world, ARMY, BYTES(topic, sizeof(topic)));
	assert_cut_off(world, ARMY);
}

static void a_suspension_outlives_a_new_key(void **state)
{
	struct world *world = *state;

	subscribe(world, ARMY, BYTES("", 0));
	world_commit(world, E_OK);
	world_rekeys(world, ARMY, 2);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_KEY_SUSPENDED);
}

/* ---------------------------------------------------------------------------- the end of a session */

static void a_silent_session_ends(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 10; i++) {
		world_tick(world, 1000);
		world_ack(world, POLICE, FIRST_ENTRY - 1);
	}
	world_tick(world, 1);
	assert_true(world_logged(world, "session.lost node=army.oku"));
	assert_false(world_node(world, ARMY).connected);
	assert_true(world_node(world, POLICE).connected);
}

static void bye_ends_a_session(void **state)
{
	struct world *world = *state;
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Bye bye = SIMPUL__BYE__INIT;

	up.message_case = SIMPUL__UP__MESSAGE_BYE;
	up.bye = &bye;
	world_up(world, ARMY, 0, &up);
	assert_int_equal(world_count(world, ACTION_SEND), 0);
	assert_false(world_node(world, ARMY).connected);
	world_accepts(world, (struct speech){.node = POLICE});
	assert_int_equal(world_pushes(world, ARMY), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_submission_in_the_name_of_another_node_is_refused_and_alarmed),
		TEST(an_unknown_key_gets_nothing_but_a_refusal),
		TEST(without_a_session_nothing_but_hello_is_taken),
		TEST(a_wrong_hello_is_refused_with_its_reason),
		TEST(a_newer_session_takes_over_and_the_older_hears_of_it),
		TEST(welcome_tells_where_both_sides_stand),
		TEST(hello_speaks_for_all_that_is_stored),
		TEST(a_stolen_key_does_not_open_the_past),
		TEST(a_reseed_opens_the_past_once_even_over_a_restart),
		TEST(a_silent_session_ends),
		TEST(bye_ends_a_session),
		TEST(who_subscribes_to_more_than_its_own_feed_is_cut_off),
		TEST(a_topic_from_before_a_restart_is_no_crime_but_many_are),
		TEST(who_floods_with_its_own_topic_is_cut_off),
		TEST(a_suspension_outlives_a_new_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
