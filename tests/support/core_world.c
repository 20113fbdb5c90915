/* core_world - the life of a world, and what reaches its core. */
#include "tests/support/core_world.h"
#include "common/memory.h"
#include "common/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const world_names[WORLD_NODES] = {"police.oku", "army.oku", "immigration.muara-enim", "health.oku"};

const char *const world_policy = "purposes: [law-enforcement, immigration-oversight, state-security]\n"
				 "categories: [wanted, missing]\n"
				 "agencies:\n"
				 "  - agency: police\n    ceiling: RED\n    protection: [child]\n"
				 "    publish:\n      - {kinds: [sighting, alert], categories: ['*']}\n"
				 "    receive:\n      - {kinds: [sighting, alert], categories: ['*']}\n"
				 "  - agency: army\n    ceiling: AMBER\n"
				 "    publish:\n      - {kinds: [sighting], categories: [wanted]}\n"
				 "    receive:\n      - {kinds: [sighting, alert], categories: [wanted]}\n"
				 "  - agency: immigration\n    ceiling: RED\n    protection: [child]\n"
				 "    publish:\n      - {kinds: [sighting, alert], categories: ['*']}\n"
				 "    receive:\n      - {kinds: [sighting, alert], categories: ['*']}\n"
				 "  - agency: health\n    ceiling: AMBER\n"
				 "    receive:\n      - {kinds: [sighting], categories: [wanted]}\n"
				 "nodes:\n"
				 "  - {node: police.oku, regions: ['16.01']}\n"
				 "  - {node: army.oku, regions: ['16.01']}\n"
				 "  - {node: immigration.muara-enim, regions: ['16']}\n"
				 "  - {node: health.oku, regions: ['16.08']}\n"
				 "  - {node: police.timur, regions: ['16.08']}\n";

void world_step(struct world *world, const struct core_event *event)
{
	struct core_actions actions;

	for (size_t i = 0; i < sizeof(world->random); i++)
		world->random[i] = (uint8_t)(world->random[i] * 7 + i + 1);
	actions = core_step(world->core, event, &world->now, world->random);
	for (size_t i = 0; i < actions.count; i++)
		world_see(world, &actions.list[i]);
}

static void enroll_all(struct world *world)
{
	struct core_event event = {.type = CORE_ENROLL};

	for (size_t i = 0; i < WORLD_NODES; i++) {
		node_keys_generate(&world->keys[i], 1);
		member_request(&world->members[i], world->options.exchange, world_names[i], &world->keys[i],
			       WORLD_START);
		member_countersign(&world->members[i], &world->authority);
		event.enroll = &world->members[i];
		world_step(world, &event);
		world_commit(world, E_OK);
	}
}

static struct world *world_empty(void)
{
	struct world *world = memory_zero(1, sizeof(*world));

	keys_init();
	arena_init(&world->arena);
	signing_key_generate(&world->authority);
	signing_key_generate(&world->options.broker);
	memset(world->options.exchange, 7, EXCHANGE_SIZE);
	memcpy(world->options.authority, world->authority.public_key, KEY_SIZE);
	world->options.rate_reports = 100000;
	world->options.rate_bytes = 100 * 1000 * 1000;
	world->options.heartbeat_ms = LIMIT_HEARTBEAT_MS;
	world->options.silence_ms = LIMIT_SILENCE_MS;
	world->options.bulletins = true;
	world->now = (struct now){WORLD_START, 1000000};
	world->position.incarnation = 1;
	world->core = core_new(&world->options);
	return world;
}

static void populate(struct world *world)
{
	enroll_all(world);
	world_load_policy(world, world_policy);
	world_commit(world, E_OK);
	world_forget(world);
}

struct world *world_new(void)
{
	struct world *world = world_empty();
	const struct journal_visitor visitor = core_visitor(world->core);

	visitor.position(visitor.context, &world->position, NULL);
	populate(world);
	return world;
}

static void must(enum error error, const struct fault *fault)
{
	if (error == E_OK)
		return;
	fprintf(stderr, "journal: %s %s\n", error_name(error), fault->field);
	abort();
}

static void journal_bring_up(struct world *world)
{
	struct journal_visitor visitor = core_visitor(world->core);
	struct core_status status;
	struct fault fault = {0};

	must(journal_open(&world->journal, &world->journal_options, &fault), &fault);
	must(journal_reader_open(&world->reader, &world->journal_options, &fault), &fault);
	must(journal_load(world->journal, &visitor, &fault), &fault);
	core_status(world->core, &status);
	world->position = status.position;
	world->records[status.position.entry].head = status.position.head;
}

static void journal_shut(struct world *world)
{
	if (!world->journal)
		return;
	journal_reader_close(world->reader);
	journal_close(world->journal);
}

struct world *world_on_journal(const char *path)
{
	struct world *world = world_empty();
	struct fault fault = {0};

	world->journal_options.path = path;
	world->journal_options.broker = world->options.broker;
	must(journal_create(&world->journal_options, world->options.exchange, world->options.authority, WORLD_START,
			    &fault),
	     &fault);
	journal_bring_up(world);
	populate(world);
	return world;
}

static void drop_all(struct world *world)
{
	while (world->queue) {
		struct journal_append *append = world->queue;

		world->queue = (struct journal_append *)append->letter.next;
		journal_append_free(append);
	}
	while (world->reads) {
		struct core_read *read = world->reads;

		world->reads = (struct core_read *)read->letter.next;
		core_read_free(read);
	}
}

void world_free(struct world *world)
{
	core_free(world->core);
	drop_all(world);
	journal_shut(world);
	for (uint64_t entry = 1; entry <= world->position.entry; entry++) {
		buffer_free(&world->records[entry].content);
		buffer_free(&world->records[entry].encoded);
		buffer_free(&world->records[entry].receipt);
		audience_clear(&world->records[entry].audience);
	}
	arena_fini(&world->arena);
	buffer_free(&world->said);
	free(world->seen);
	free(world);
}

int world_tear_down(void **state)
{
	world_free(*state);
	return 0;
}

static void records_replay(struct world *world)
{
	const struct journal_visitor visitor = core_visitor(world->core);

	for (uint64_t entry = 1; entry <= world->position.entry; entry++)
		if (world->records[entry].count == 0)
			visitor.entry(visitor.context, world->records[entry].type, entry, WORLD_START,
				      buffer_view(&world->records[entry].content));
	for (uint64_t entry = 1; entry <= world->position.entry; entry++)
		if (world->records[entry].audience.id)
			visitor.audience(visitor.context, &world->records[entry].audience);
	for (uint64_t entry = 1; entry <= world->position.entry; entry++) {
		struct report_name last = world->records[entry].first;

		if (world->records[entry].count == 0)
			continue;
		last.number += world->records[entry].count - 1;
		visitor.origin(visitor.context, &last, &world->records[entry].digest);
	}
	for (size_t i = 0; i < WORLD_NODES; i++)
		visitor.cursor(visitor.context, world_names[i], world->cursors[i].entry);
	visitor.position(visitor.context, &world->position, NULL);
}

void world_restart(struct world *world)
{
	core_free(world->core);
	drop_all(world);
	world->core = core_new(&world->options);
	if (world->journal) {
		journal_shut(world);
		journal_bring_up(world);
	} else {
		records_replay(world);
	}
	world_forget(world);
}

/* ---- what reaches the core */

void world_send(struct world *world, size_t node, uint8_t peer, struct bytes frame)
{
	struct core_event event = {.type = CORE_MESSAGE};

	event.message.peer = (struct peer){.id = {peer ? peer : (uint8_t)(10 + node)}, .size = 5};
	event.message.curve_key = world->keys[node].curve_public;
	event.message.frame = frame;
	world_step(world, &event);
}

void world_up(struct world *world, size_t node, uint8_t peer, const Simpul__Up *up)
{
	buffer_clear(&world->said);
	wire_pack(up, &world->said);
	world_send(world, node, peer, buffer_view(&world->said));
}

void world_tick(struct world *world, uint64_t ms)
{
	const struct core_event event = {.type = CORE_TICK};

	world->now.steady += ms;
	world->now.wall += ms;
	world_step(world, &event);
}

void world_load_policy(struct world *world, const char *text)
{
	struct core_event event = {.type = CORE_POLICY};
	struct fault fault = {0};

	if (policy_parse(BYTES(text, strlen(text)), "policy.yaml", &event.policy, &fault) != E_OK) {
		fprintf(stderr, "%s\n", fault.field);
		abort();
	}
	world_step(world, &event);
}

void world_standing(struct world *world, size_t node, Simpul__Standing standing)
{
	struct core_event event = {.type = CORE_STANDING};

	event.standing.node = world_names[node];
	event.standing.standing = standing;
	event.standing.reason = "test";
	world_step(world, &event);
}

void world_position(const struct world *world, uint64_t entry, struct position *position)
{
	*position = (struct position){.incarnation = 1, .entry = entry};
	if (entry > 0)
		position->head = world->records[entry].head;
}

static void greet(struct world *world, size_t node, uint8_t peer, uint64_t cursor, uint32_t epoch,
		  void (*spoil)(Simpul__Hello *hello))
{
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Hello hello = SIMPUL__HELLO__INIT;
	Simpul__Position message;
	struct position position;

	world_position(world, cursor, &position);
	position_to_message(&position, &message);
	hello.version = LINK_VERSION;
	hello.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, world->options.exchange};
	hello.node = (char *)(uintptr_t)world_names[node];
	hello.key_id = world->members[node].key_id;
	hello.cursor = &message;
	hello.epoch = epoch;
	if (spoil)
		spoil(&hello);
	up.seq = 3;
	up.message_case = SIMPUL__UP__MESSAGE_HELLO;
	up.hello = &hello;
	world_up(world, node, peer, &up);
}

void world_hello(struct world *world, size_t node, uint64_t cursor)
{
	greet(world, node, 0, cursor, 1, NULL);
}

void world_greet(struct world *world, size_t node, uint8_t peer, void (*spoil)(Simpul__Hello *hello))
{
	world_forget(world);
	greet(world, node, peer, world->position.entry, 2, spoil);
}

void world_ack(struct world *world, size_t node, uint64_t entry)
{
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Ack ack = SIMPUL__ACK__INIT;
	Simpul__Position message;
	struct position position;

	world_position(world, entry, &position);
	position_to_message(&position, &message);
	ack.cursor = &message;
	up.message_case = SIMPUL__UP__MESSAGE_ACK;
	up.ack = &ack;
	world_up(world, node, 0, &up);
}

void world_fetch(struct world *world, size_t node, uint64_t entry)
{
	world_fetch_ahead(world, node, entry, 0);
}

void world_fetch_ahead(struct world *world, size_t node, uint64_t entry, uint64_t after)
{
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Fetch fetch = SIMPUL__FETCH__INIT;
	Simpul__Position message;
	struct position position;

	world_position(world, entry, &position);
	position_to_message(&position, &message);
	fetch.cursor = &message;
	fetch.after = after;
	up.seq = 5;
	up.message_case = SIMPUL__UP__MESSAGE_FETCH;
	up.fetch = &fetch;
	world_up(world, node, 0, &up);
}
