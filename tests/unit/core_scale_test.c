/* Tries to make the broker's core lose, confuse or forget one of as many nodes as an exchange may have. */
#include "broker/core/core_state.h"
#include "common/memory.h"
#include "common/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { MANY = LIMIT_NODES, ENTRY = 5000, TICK = 50 };

/* A core with as many members as there may be, and the policy that names them all. */
struct crowd {
	struct core *core;
	struct journal_visitor load;
	struct now now;
	uint64_t steps;
	bool same_draw; /* of a topic, at the first attempt */
	struct arena arena;
};

static void name_of(size_t node, char name[LIMIT_NODE_NAME + 1])
{
	/* Not in the order of enrolment. */
	snprintf(name, LIMIT_NODE_NAME + 1, "%s.n%04zu", node % 2 ? "army" : "police", (node * 1009) % MANY);
}

/* Nobody checks signatures while a journal is loaded. */
static void key_of(size_t node, uint8_t key[KEY_SIZE])
{
	const struct hash hash = hash_tagged("crowd", BYTES(&node, sizeof node));

	memcpy(key, hash.bytes, KEY_SIZE);
}

static void lay_in(struct crowd *crowd, Simpul__EntryType type, const void *message)
{
	struct buffer content = {0};

	wire_pack(message, &content);
	crowd->load.entry(crowd->load.context, type, 1, 1, buffer_view(&content));
	buffer_free(&content);
}

static void member_lay_in(struct crowd *crowd, size_t node, uint32_t key_id, const uint8_t curve[KEY_SIZE])
{
	static const uint8_t nothing[SIGNATURE_SIZE];
	struct member member = {.key_id = key_id};
	Simpul__MemberRecord record;

	name_of(node, member.node);
	memcpy(member.curve_key, curve, KEY_SIZE);
	memcpy(member.node_signature, nothing, SIGNATURE_SIZE);
	member_to_message(&member, &record);
	lay_in(crowd, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER, &record);
}

static void policy_lay_in(struct crowd *crowd)
{
	Simpul__PolicyVersion version = SIMPUL__POLICY_VERSION__INIT;
	struct buffer text = {0};
	struct hash hash;

	buffer_text(&text, "purposes: [law-enforcement, immigration-oversight, state-security]\n"
			   "categories: [overstay]\nagencies:\n"
			   "  - {agency: police, ceiling: AMBER, receive: [{kinds: [sighting], categories: [\"*\"]}]}\n"
			   "  - {agency: army, ceiling: GREEN, receive: [{kinds: [sighting], categories: [\"*\"]}]}\n"
			   "nodes:\n");
	for (size_t i = 0; i < MANY; i++) {
		char name[LIMIT_NODE_NAME + 1], line[LIMIT_NODE_NAME + 40];

		name_of(i, name);
		snprintf(line, sizeof line, "  - {node: %s, regions: [\"16\"]}\n", name);
		buffer_text(&text, line);
	}
	hash = hash_of(buffer_view(&text));
	version.version = 1;
	version.hash = (ProtobufCBinaryData){HASH_SIZE, hash.bytes};
	version.text = (ProtobufCBinaryData){text.size, text.data};
	lay_in(crowd, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY, &version);
	buffer_free(&text);
}

static int setup(void **state)
{
	struct crowd *crowd = memory_zero(1, sizeof *crowd);
	struct core_options options = {
		.rate_reports = 1000, .rate_bytes = 1 << 20, .heartbeat_ms = 1000, .silence_ms = 10000};
	struct position position = {.incarnation = 1, .entry = ENTRY};
	uint8_t key[KEY_SIZE];

	keys_init();
	signing_key_generate(&options.broker);
	crowd->core = core_new(&options);
	crowd->load = core_visitor(crowd->core);
	crowd->now = (struct now){.wall = 1700000000000, .steady = 100000};
	arena_init(&crowd->arena);
	for (size_t i = 0; i < MANY; i++) {
		key_of(i, key);
		member_lay_in(crowd, i, 1, key);
	}
	crowd->load.position(crowd->load.context, &position, NULL);
	*state = crowd;
	return 0;
}

static int teardown(void **state)
{
	struct crowd *crowd = *state;

	core_free(crowd->core);
	arena_fini(&crowd->arena);
	free(crowd);
	return 0;
}

/* There is no journal here. */
static struct core_actions reads_drop(struct core_actions actions)
{
	for (size_t i = 0; i < actions.count; i++)
		if (actions.list[i].type == ACTION_READ && actions.list[i].read->type == READ_DUE)
			core_read_free(actions.list[i].read);
	return actions;
}

static struct core_actions step(struct crowd *crowd, const struct core_event *event)
{
	uint8_t random[CORE_RANDOM_SIZE];
	struct hash hash;

	crowd->steps++;
	hash = hash_tagged("random", BYTES(&crowd->steps, sizeof crowd->steps));
	memcpy(random, hash.bytes, HASH_SIZE);
	memcpy(random + HASH_SIZE, hash.bytes, HASH_SIZE);
	if (crowd->same_draw)
		memset(random + 8, 0x11, 4);
	return reads_drop(core_step(crowd->core, event, &crowd->now, random));
}

static struct core_actions tick(struct crowd *crowd)
{
	const struct core_event event = {.type = CORE_TICK};

	crowd->now.steady += TICK;
	crowd->now.wall += TICK;
	return step(crowd, &event);
}

static void hello(struct crowd *crowd, size_t node)
{
	struct position cursor = {.incarnation = 1, .entry = ENTRY};
	struct core_event event = {.type = CORE_MESSAGE};
	Simpul__Hello message = SIMPUL__HELLO__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Position at;
	static const uint8_t exchange[EXCHANGE_SIZE];
	char name[LIMIT_NODE_NAME + 1];
	uint8_t key[KEY_SIZE];
	struct buffer frame = {0};

	name_of(node, name);
	key_of(node, key);
	position_to_message(&cursor, &at);
	message.version = LINK_VERSION;
	message.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, (uint8_t *)(uintptr_t)exchange};
	message.node = name;
	message.key_id = 1;
	message.cursor = &at;
	message.epoch = 1;
	up.seq = 1;
	up.message_case = SIMPUL__UP__MESSAGE_HELLO;
	up.hello = &message;
	wire_pack(&up, &frame);
	event.message.peer.size = 4;
	memcpy(event.message.peer.id, &node, 4);
	event.message.curve_key = key;
	event.message.frame = buffer_view(&frame);
	step(crowd, &event);
	buffer_free(&frame);
}

/* ---------------------------------------------------------------------------- tests */

static void every_key_leads_to_its_own_node(void **state)
{
	struct crowd *crowd = *state;
	char name[LIMIT_NODE_NAME + 1];
	uint8_t key[KEY_SIZE];
	const char *node;

	for (size_t i = 0; i < MANY; i++) {
		key_of(i, key);
		name_of(i, name);
		assert_int_equal(core_key_status(crowd->core, key, &node), E_OK);
		assert_string_equal(node, name);
	}
	key_of(MANY, key);
	assert_int_equal(core_key_status(crowd->core, key, &node), E_KEY_UNKNOWN);
}

static void a_replaced_key_among_thousands_is_no_key(void **state)
{
	struct crowd *crowd = *state;
	uint8_t old[KEY_SIZE], new[KEY_SIZE];
	const char *node;

	for (size_t i = 0; i < MANY; i += 7) {
		key_of(i, old);
		key_of(MANY + i, new);
		member_lay_in(crowd, i, 2, new);
		assert_int_equal(core_key_status(crowd->core, old, &node), E_KEY_EXPIRED);
		assert_int_equal(core_key_status(crowd->core, new, &node), E_OK);
	}
}

static void one_member_too_many_is_not_taken(void **state)
{
	struct crowd *crowd = *state;
	struct core_status status;
	uint8_t key[KEY_SIZE];
	struct member member = {.key_id = 1, .node = "police.one-too-many"};
	Simpul__MemberRecord record;
	const char *node;

	key_of(MANY, key);
	memcpy(member.curve_key, key, KEY_SIZE);
	member_to_message(&member, &record);
	lay_in(crowd, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER, &record);
	core_status(crowd->core, &status);
	assert_int_equal(status.members, MANY);
	assert_int_equal(core_key_status(crowd->core, key, &node), E_KEY_UNKNOWN);
}

/* The nodes whose index is a multiple of `step`, in order of their names. */
static struct audience every(struct crowd *crowd, size_t step, uint32_t id)
{
	struct audience audience = {.id = id,
				    .class = {.kind = SIMPUL__KIND__KIND_SIGHTING,
					      .category = "overstay",
					      .region = "16.01",
					      .label = SIMPUL__LABEL__LABEL_AMBER},
				    .nodes = memory_zero(MANY, sizeof(*audience.nodes))};

	for (size_t i = 0; i < MANY; i++)
		if (crowd->core->sorted[i]->index % step == 0)
			strcpy(audience.nodes[audience.count++], crowd->core->sorted[i]->name);
	return audience;
}

static void an_audience_holds_whom_it_names_and_nobody_else(void **state)
{
	struct crowd *crowd = *state;
	static const size_t steps[] = {1, 2, 3, 64, 1000, MANY - 1};

	for (uint32_t s = 0; s < sizeof steps / sizeof steps[0]; s++) {
		struct audience audience = every(crowd, steps[s], s + 1);

		crowd->load.audience(crowd->load.context, &audience);
		audience_clear(&audience);
	}
	for (uint32_t s = 0; s < sizeof steps / sizeof steps[0]; s++)
		for (size_t i = 0; i < MANY; i++)
			assert_int_equal(audience_has(crowd->core, s + 1, crowd->core->nodes[i]), i % steps[s] == 0);
}

/* The army's ceiling is below the label: asked twice, for the second answer may come from what is remembered. */
static void the_policy_is_asked_about_each_of_thousands(void **state)
{
	struct crowd *crowd = *state;
	struct audience audience = every(crowd, 1, 1);
	struct position position = {.incarnation = 1, .entry = ENTRY};

	policy_lay_in(crowd);
	crowd->load.position(crowd->load.context, &position, NULL);
	crowd->load.audience(crowd->load.context, &audience);
	audience_clear(&audience);
	for (int again = 0; again < 2; again++)
		for (size_t i = 0; i < MANY; i++)
			assert_int_equal(audience_denial(crowd->core, 1, crowd->core->nodes[i]),
					 i % 2 ? DENIED_LABEL : ADMITTED);
	policy_free(crowd->core->policy);
	crowd->core->policy = NULL;
	audiences_recheck(crowd->core);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(audience_denial(crowd->core, 1, crowd->core->nodes[i]), DENIED_NOT_IN_POLICY);
}

/* Two that hear one topic would get each other's batches and be unable to open them. */
static void no_two_nodes_share_a_topic(void **state)
{
	struct crowd *crowd = *state;
	const size_t nodes = 300;

	crowd->same_draw = true;
	for (size_t i = 0; i < nodes; i++)
		hello(crowd, i);
	for (size_t i = 0; i < nodes; i++)
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(crowd->core->topics[i][0], crowd->core->topics[k][0], FEED_TOPIC_SIZE);
}

static size_t publications(const struct core_actions *actions)
{
	size_t count = 0;

	for (size_t i = 0; i < actions->count; i++)
		count += actions->list[i].type == ACTION_PUBLISH;
	return count;
}

/* Everybody greets in one moment: nobody goes without, and no tick is long because of all the others. */
static void heartbeats_reach_all_and_spread_out(void **state)
{
	struct crowd *crowd = *state;
	size_t beats = 0, largest = 0, late = 0;

	for (size_t i = 0; i < MANY; i++)
		hello(crowd, i);
	for (size_t t = 0; t < 10 * 1000 / TICK - 1; t++) {
		struct core_actions actions = tick(crowd);
		const size_t count = publications(&actions);

		beats += count;
		largest = count > largest ? count : largest;
		for (size_t i = 0; i < MANY; i++)
			late += crowd->now.steady - crowd->core->nodes[i]->session.published > 2000;
	}
	assert_true(beats >= (size_t)8 * MANY);
	assert_true(largest <= 32 + MANY / 4);
	assert_int_equal(late, 0);
}

static void nodes_at_the_same_place_share_one_heartbeat(void **state)
{
	struct crowd *crowd = *state;
	struct core_actions actions;
	const uint8_t *batch = NULL;

	for (size_t i = 0; i < 20; i++)
		hello(crowd, i);
	crowd->now.steady += 1000;
	actions = tick(crowd);
	assert_int_equal(publications(&actions), 20);
	for (size_t i = 0; i < actions.count; i++) {
		if (actions.list[i].type != ACTION_PUBLISH)
			continue;
		assert_true(!batch || batch == actions.list[i].publish.batch.data);
		batch = actions.list[i].publish.batch.data;
	}
}

/* All fall silent but every tenth. */
static void only_the_silent_lose_their_sessions(void **state)
{
	struct crowd *crowd = *state;

	for (size_t i = 0; i < MANY; i++)
		hello(crowd, i);
	crowd->now.steady += 6000;
	for (size_t i = 0; i < MANY; i += 10)
		hello(crowd, i);
	crowd->now.steady += 4000;
	tick(crowd);
	for (size_t i = 0; i < MANY; i++) {
		char name[LIMIT_NODE_NAME + 1];

		name_of(i, name);
		assert_int_equal(node_find(crowd->core, name)->session.state != SESSION_NONE, i % 10 == 0);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_key_leads_to_its_own_node),
		TEST(a_replaced_key_among_thousands_is_no_key),
		TEST(one_member_too_many_is_not_taken),
		TEST(an_audience_holds_whom_it_names_and_nobody_else),
		TEST(the_policy_is_asked_about_each_of_thousands),
		TEST(no_two_nodes_share_a_topic),
		TEST(heartbeats_reach_all_and_spread_out),
		TEST(nodes_at_the_same_place_share_one_heartbeat),
		TEST(only_the_silent_lose_their_sessions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
