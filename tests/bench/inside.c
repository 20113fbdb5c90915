/* inside - sets up core and journal in a folder of their own and carries out nothing but appends. */
#include "tests/bench/inside.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/bench/workload.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RECEIVER "army.r%zu"

static void must(enum error error, const struct fault *fault, const char *what)
{
	if (error == E_OK)
		return;
	fprintf(stderr, "simpul-bench: %s: %s %s\n", what, error_name(error), fault ? fault->field : "");
	exit(error_exit(error));
}

/* Whatever is refused is a mistake of the benchmark's. */
static void refusal_find(const struct core_action *action)
{
	const Simpul__Down *down;
	struct arena arena;

	if (action->type != ACTION_SEND)
		return;
	arena_init(&arena);
	down = wire_unpack(&simpul__down__descriptor, action->send.frame, &arena, NULL);
	if (down && down->message_case == SIMPUL__DOWN__MESSAGE_REFUSAL) {
		fprintf(stderr, "simpul-bench: refused: %s at %s\n", error_name(error_of_code(down->refusal->code)),
			down->refusal->field);
		exit(1);
	}
	arena_fini(&arena);
}

struct core_actions inside_step(struct inside *inside, const struct core_event *event)
{
	const struct now now = clock_now();
	uint8_t random[CORE_RANDOM_SIZE];
	struct core_actions actions;

	randombytes_buf(random, sizeof random);
	actions = core_step(inside->core, event, &now, random);
	for (size_t i = 0; i < actions.count; i++) {
		refusal_find(&actions.list[i]);
		if (actions.list[i].type != ACTION_APPEND)
			continue;
		actions.list[i].append->letter.next = NULL;
		*inside->last = actions.list[i].append;
		inside->last = (struct journal_append **)(void *)&actions.list[i].append->letter.next;
	}
	return actions;
}

struct journal_append *inside_commit(struct inside *inside)
{
	struct journal_append *appends = inside->first;

	inside->first = NULL;
	inside->last = &inside->first;
	must(journal_commit(inside->journal, appends, clock_now().wall), NULL, "commit");
	return appends;
}

/* What an operator does at the start, and the commit that it needs. */
static void settle(struct inside *inside, const struct core_event *event)
{
	struct core_event committed = {.type = CORE_COMMITTED};

	inside_step(inside, event);
	committed.committed = inside_commit(inside);
	inside_step(inside, &committed);
}

struct core_actions inside_say(struct inside *inside, size_t index, struct bytes frame)
{
	const struct core_event event = {
		.type = CORE_MESSAGE,
		.message = {.peer = {.id = {(uint8_t)(index + 1)}, .size = 1},
			    .curve_key = inside->keys[index].curve_public,
			    .frame = frame},
	};

	return inside_step(inside, &event);
}

static void up_say(struct inside *inside, size_t index, Simpul__Up *up)
{
	struct buffer frame = {0};

	up->seq = 1;
	wire_pack(up, &frame);
	inside_say(inside, index, buffer_view(&frame));
	buffer_free(&frame);
}

static void position_now(const struct inside *inside, struct position *position, Simpul__Position *message)
{
	struct core_status status;

	core_status(inside->core, &status);
	*position = status.position;
	position_to_message(position, message);
}

static const char *name_of(size_t index, char name[LIMIT_NODE_NAME + 1])
{
	if (index == 0)
		strcpy(name, WORKLOAD_SENDER);
	else
		snprintf(name, LIMIT_NODE_NAME + 1, RECEIVER, index - 1);
	return name;
}

static void hello(struct inside *inside, size_t index)
{
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Hello message = SIMPUL__HELLO__INIT;
	Simpul__Position cursor;
	struct position position;
	char name[LIMIT_NODE_NAME + 1];

	position_now(inside, &position, &cursor);
	message.version = LINK_VERSION;
	message.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, inside->options.exchange};
	message.node = (char *)(uintptr_t)name_of(index, name);
	message.key_id = 1;
	message.cursor = &cursor;
	message.epoch = 1;
	up.message_case = SIMPUL__UP__MESSAGE_HELLO;
	up.hello = &message;
	up_say(inside, index, &up);
}

void inside_acknowledge(struct inside *inside)
{
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Ack ack = SIMPUL__ACK__INIT;
	Simpul__Position cursor;
	struct position position;

	position_now(inside, &position, &cursor);
	ack.cursor = &cursor;
	up.message_case = SIMPUL__UP__MESSAGE_ACK;
	up.ack = &ack;
	for (size_t i = 1; i < inside->members; i++)
		up_say(inside, i, &up);
}

static void enroll(struct inside *inside, size_t index)
{
	char name[LIMIT_NODE_NAME + 1];
	struct member member;
	const struct core_event event = {.type = CORE_ENROLL, .enroll = &member};

	node_keys_generate(&inside->keys[index], 1);
	member_request(&member, inside->options.exchange, name_of(index, name), &inside->keys[index],
		       clock_now().wall);
	member_countersign(&member, &inside->authority);
	if (index == 0)
		inside->sender = member;
	settle(inside, &event);
}

static void policy_set(struct inside *inside)
{
	struct core_event event = {.type = CORE_POLICY};
	struct buffer yaml = {0};
	struct fault fault;

	bench_policy(inside->members - 1, &yaml);
	must(policy_parse(BYTES(yaml.data, strlen((const char *)yaml.data)), "policy", &event.policy, &fault), &fault,
	     "policy");
	settle(inside, &event);
	buffer_free(&yaml);
}

static void journal_start(struct inside *inside)
{
	struct fault fault;
	struct journal_visitor visitor;

	snprintf(inside->folder, sizeof inside->folder, "/tmp/simpul-bench-XXXXXX");
	if (!mkdtemp(inside->folder))
		must(E_IO, NULL, inside->folder);
	inside->journal_options = (struct journal_options){.path = inside->folder, .broker = inside->options.broker};
	must(journal_create(&inside->journal_options, inside->options.exchange, inside->options.authority,
			    clock_now().wall, &fault),
	     &fault, "journal");
	must(journal_open(&inside->journal, &inside->journal_options, &fault), &fault, "journal");
	inside->core = core_new(&inside->options);
	visitor = core_visitor(inside->core);
	must(journal_load(inside->journal, &visitor, &fault), &fault, "journal");
}

void inside_open(struct inside *inside, size_t receivers)
{
	memset(inside, 0, sizeof *inside);
	inside->last = &inside->first;
	inside->members = receivers + 1;
	inside->options = (struct core_options){.rate_reports = UINT32_MAX,
						.rate_bytes = UINT32_MAX,
						.heartbeat_ms = LIMIT_HEARTBEAT_MS,
						.silence_ms = LIMIT_SILENCE_MS};
	randombytes_buf(inside->options.exchange, EXCHANGE_SIZE);
	signing_key_generate(&inside->options.broker);
	signing_key_generate(&inside->authority);
	memcpy(inside->options.authority, inside->authority.public_key, KEY_SIZE);
	journal_start(inside);
	policy_set(inside);
	for (size_t i = 0; i < inside->members; i++)
		enroll(inside, i);
	for (size_t i = 0; i < inside->members; i++)
		hello(inside, i);
}

void inside_close(struct inside *inside)
{
	static const char *const files[] = {"journal.db", "journal.db-wal", "journal.db-shm", "keys.db",
					    "keys.db-wal", "keys.db-shm",   "ballast"};

	core_free(inside->core);
	journal_close(inside->journal);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char *path = memory_format("%s/%s", inside->folder, files[i]);

		unlink(path);
		free(path);
	}
	rmdir(inside->folder);
}
