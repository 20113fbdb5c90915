/* core_world - runs the core against a journal in memory and keeps a copy of every action. */
#include "tests/support/core_world.h"
#include "broker/journal_row.h"
#include "broker/reader.h"
#include "common/memory.h"
#include "common/content.h"
#include "common/submission.h"
#include "common/superseded.h"
#include "common/wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define START_WALL UINT64_C(1795000000000)
#define DAY UINT64_C(86400000)

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

/* ---------------------------------------------------------------------------- what was seen */

void world_forget(struct world *world)
{
	world->seen_count = 0;
	arena_reset(&world->arena);
}

static void see_log(struct event_seen *seen, const struct core_action *action)
{
	size_t used = (size_t)snprintf(seen->text, sizeof(seen->text), "%s", action->log.event);

	seen->level = action->log.level;
	for (const struct log_field *field = action->log.fields; field->type != LOG_END; field++) {
		char *out = seen->text + used;
		const size_t room = sizeof(seen->text) - used;

		if (field->type == LOG_TEXT)
			used += (size_t)snprintf(out, room, " %s=%s", field->key, field->text);
		else
			used += (size_t)snprintf(out, room, " %s=%llu", field->key, (unsigned long long)field->number);
	}
}

static const Simpul__Batch *see_batch(struct world *world, struct bytes data)
{
	struct fault fault = {0};
	const Simpul__Batch *batch = wire_unpack(&simpul__batch__descriptor, data, &world->arena, &fault);
	struct position upto;

	if (!batch) {
		fprintf(stderr, "a batch that is not canonical: %s %s\n", error_name(fault.code), fault.field);
		abort();
	}
	if (data.size > LIMIT_BATCH || position_of_message(&upto, batch->upto) != E_OK ||
	    !chain_verify(world->options.broker.public_key, world->options.exchange, &upto,
			  BYTES(batch->signature.data, batch->signature.len)))
		abort();
	return batch;
}

static void see_send(struct world *world, struct event_seen *seen, const struct core_action *action)
{
	struct fault fault = {0};

	seen->peer = action->send.peer;
	seen->down = wire_unpack(&simpul__down__descriptor, action->send.frame, &world->arena, &fault);
	if (!seen->down) {
		fprintf(stderr, "a message that is not canonical: %s %s\n", error_name(fault.code), fault.field);
		abort();
	}
	if (seen->down->message_case == SIMPUL__DOWN__MESSAGE_BATCH)
		seen->batch = seen->down->batch;
}

static void queue_add(struct letter **list, struct letter *letter)
{
	while (*list)
		list = &(*list)->next;
	letter->next = NULL;
	*list = letter;
}

static void see(struct world *world, const struct core_action *action)
{
	struct event_seen *seen;

	if (action->type == ACTION_READ && action->read->type == READ_DUE) { /* it asks by itself from time to time */
		queue_add((struct letter **)&world->reads, &action->read->letter);
		return;
	}
	world->seen = memory_grow(world->seen, world->seen_count + 1, sizeof(*world->seen));
	seen = &world->seen[world->seen_count++];
	memset(seen, 0, sizeof(*seen));
	seen->type = action->type;
	switch (action->type) {
	case ACTION_SEND:
		see_send(world, seen, action);
		break;
	case ACTION_PUBLISH:
		seen->head = action->publish.head;
		seen->size = action->publish.batch.size;
		seen->data = action->publish.batch.data;
		strcpy(seen->node, action->publish.feed->node);
		seen->batch = see_batch(world, action->publish.batch);
		break;
	case ACTION_BULLETIN:
		strcpy(seen->text, action->bulletin.topic);
		seen->bulletin = wire_unpack(&simpul__bulletin__descriptor, action->bulletin.message, &world->arena, NULL);
		break;
	case ACTION_APPEND:
		queue_add((struct letter **)&world->queue, &action->append->letter);
		break;
	case ACTION_READ:
		queue_add((struct letter **)&world->reads, &action->read->letter);
		break;
	case ACTION_CURSOR:
	case ACTION_WITHHELD:
		strcpy(seen->node, action->note.node);
		seen->entry = action->note.entry;
		if (world->journal && action->type == ACTION_CURSOR)
			journal_note_cursor(world->journal, seen->node, seen->entry);
		else if (world->journal)
			journal_note_withheld(world->journal, seen->node, seen->entry, action->note.policy_version);
		for (size_t i = 0; i < WORLD_NODES && action->type == ACTION_CURSOR; i++)
			if (strcmp(world_names[i], seen->node) == 0)
				world->cursors[i].entry = seen->entry;
		break;
	case ACTION_LOG:
		see_log(seen, action);
		break;
	case ACTION_ANSWER:
		seen->fault = action->answer.fault;
		seen->entry = action->answer.entry;
		break;
	default:
		break;
	}
}

void world_step(struct world *world, const struct core_event *event)
{
	struct core_actions actions;

	for (size_t i = 0; i < sizeof(world->random); i++)
		world->random[i] = (uint8_t)(world->random[i] * 7 + i + 1);
	actions = core_step(world->core, event, &world->now, world->random);
	for (size_t i = 0; i < actions.count; i++)
		see(world, &actions.list[i]);
}

/* ---------------------------------------------------------------------------- journal in memory */

static uint64_t last_number(const struct world *world, const struct report_name *name)
{
	for (uint64_t entry = world->position.entry; entry > 0; entry--) {
		const struct record *record = &world->records[entry];

		if (record->count > 0 && strcmp(record->first.origin, name->origin) == 0 &&
		    record->first.epoch == name->epoch && record->first.stream == name->stream)
			return record->first.number + record->count - 1;
	}
	return 0;
}

static void receipt_make(struct journal_append *append, struct buffer *out)
{
	Simpul__Receipt receipt = SIMPUL__RECEIPT__INIT;
	Simpul__Verdict verdicts[LIMIT_SUBMISSION_REPORTS], *list[LIMIT_SUBMISSION_REPORTS];
	char *audience[WORLD_NODES + 1], *unreachable[8];

	receipt.entry = append->entry;
	receipt.verdicts = list;
	for (size_t i = 0; i < append->count; i++) {
		if (append->reports[i].verdict == E_OK)
			continue;
		simpul__verdict__init(&verdicts[i]);
		verdicts[i].number = append->first.number + i;
		verdicts[i].code = append->reports[i].verdict;
		verdicts[i].field = append->reports[i].field;
		list[receipt.n_verdicts++] = &verdicts[i];
	}
	receipt.audience = audience;
	for (size_t i = 0; i < append->audience.count; i++)
		audience[receipt.n_audience++] = append->audience.nodes[i];
	receipt.unreachable = unreachable;
	for (size_t i = 0; i < append->unreachable_count; i++)
		unreachable[receipt.n_unreachable++] = append->unreachable[i];
	wire_pack(&receipt, out);
}

/* The audience of the report referred to takes the place of the append's, or joins it. */
static void inherit_audience(struct world *world, struct journal_append *append)
{
	for (uint64_t entry = 1; entry <= world->position.entry; entry++) {
		const struct record *record = &world->records[entry];

		if (record->count == 0 || strcmp(record->first.origin, append->reference.origin) != 0 ||
		    record->first.stream != append->reference.stream ||
		    record->first.number != append->reference.number)
			continue;
		if (append->inherit == INHERIT_HEARD && !audience_reaches(&record->audience, append->first.origin))
			break;
		if (append->inherit == INHERIT_HEARD)
			return;
		const struct routing_class class = append->audience.class;

		audience_clear(&append->audience);
		audience_copy(&append->audience, &record->audience);
		append->audience.class = class;
		return;
	}
	append->reports[0].verdict = E_REFERENCE_UNKNOWN;
	audience_clear(&append->audience);
}

static void record_keep(struct world *world, struct journal_append *append)
{
	struct record *record = &world->records[append->entry];
	Simpul__Entry entry = SIMPUL__ENTRY__INIT;

	record->type = append->type;
	record->first = append->first;
	record->count = append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION ? append->count : 0;
	record->digest = append->digest;
	record->head = append->head;
	audience_copy(&record->audience, &append->audience);
	record->audience.id = append->audience.id;
	buffer_bytes(&record->content, buffer_view(&append->content));
	buffer_bytes(&record->receipt, buffer_view(&append->receipt));
	if (record->count == 0)
		return;
	entry.entry = append->entry;
	entry.type = append->type;
	entry.accepted_at = append->accepted_at;
	entry.policy_version = append->policy_version;
	entry.content_case = SIMPUL__ENTRY__CONTENT_DELIVERY;
	entry.delivery = simpul__delivery__unpack(NULL, append->delivery.size, append->delivery.data);
	wire_pack(&entry, &record->encoded);
	simpul__delivery__free_unpacked(entry.delivery, NULL);
}

static void append_store(struct world *world, struct journal_append *append)
{
	struct chain_entry entry = {.type = append->type, .broker_key = world->options.broker.public_key};

	if (append->inherit != INHERIT_NONE && append->reports[0].verdict == E_OK)
		inherit_audience(world, append);
	append->entry = entry.entry = world->position.entry + 1;
	append->accepted_at = world->now.wall;
	append->audience.id = append->audience.count ? ++world->audiences : 0;
	entry.digest = append->digest;
	append->entry_hash = chain_entry_hash(&entry);
	append->head = chain_head(&world->position.head, &append->entry_hash);
	if (append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION)
		receipt_make(append, &append->receipt);
	else if (append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_POLICY)
		world->policy_version++;
	record_keep(world, append);
	world->position.entry = append->entry;
	world->position.head = append->head;
}

static void append_try(struct world *world, struct journal_append *append, enum error code)
{
	uint64_t last;

	if (code != E_OK) {
		append->result.code = code;
		return;
	}
	if (append->policy_version != 0 && append->policy_version != world->policy_version) {
		append->result.code = E_STALE_POLICY;
		return;
	}
	if (append->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION) {
		last = last_number(world, &append->first);
		if (append->first.number != last + 1) {
			append->result.code = append->first.number > last ? E_GAP : E_NUMBER_REUSED;
			return;
		}
	}
	append_store(world, append);
}

void world_store(struct world *world, struct journal_append *append)
{
	append_try(world, append, E_OK);
}

/* Only heads are kept of what the real journal has. */
static void journal_try(struct world *world, struct journal_append *list)
{
	journal_commit(world->journal, list, world->now.wall);
	for (; list; list = (struct journal_append *)list->letter.next)
		if (list->result.code == E_OK) {
			world->position.entry = list->entry;
			world->position.head = world->records[list->entry].head = list->head;
		}
}

void world_commit_some(struct world *world, size_t count, enum error code)
{
	struct journal_append *list = world->queue, **end = &world->queue;
	struct core_event event = {.type = CORE_COMMITTED, .committed = list};

	for (; count > 0 && *end; count--) {
		if (!world->journal)
			append_try(world, *end, code);
		end = (struct journal_append **)&(*end)->letter.next;
	}
	world->queue = *end;
	*end = NULL;
	if (world->journal)
		journal_try(world, list);
	if (end != &world->queue)
		world_step(world, &event);
}

void world_commit(struct world *world, enum error code)
{
	if (world->queue)
		world_commit_some(world, SIZE_MAX, code);
}

size_t world_queued(const struct world *world)
{
	size_t count = 0;

	for (const struct journal_append *append = world->queue; append;
	     append = (const struct journal_append *)append->letter.next)
		count++;
	return count;
}

static void read_page(struct world *world, struct core_read *read)
{
	read->page.items = memory_zero(world->position.entry + 1, sizeof(*read->page.items));
	for (uint64_t entry = read->after + 1; entry <= world->position.entry; entry++) {
		const struct record *record = &world->records[entry];
		bool meant = false;

		for (size_t i = 0; i < record->audience.count; i++)
			meant = meant || strcmp(record->audience.nodes[i], read->node) == 0;
		if (!meant)
			continue;
		struct journal_item *item = &read->page.items[read->page.count++];

		item->entry = entry;
		item->audience_id = record->audience.id;
		buffer_bytes(&item->encoded, buffer_view(&record->encoded));
	}
	read->page.upto = world->position;
}

static void read_receipt(struct world *world, struct core_read *read)
{
	read->result.code = E_NOT_FOUND;
	for (uint64_t entry = 1; entry <= world->position.entry; entry++) {
		const struct record *record = &world->records[entry];

		if (record->count == 0 || strcmp(record->first.origin, read->first.origin) != 0 ||
		    record->first.number != read->first.number || record->first.stream != read->first.stream)
			continue;
		read->result.code = E_NUMBER_REUSED;
		if (record->count != read->count || !hash_equal(&record->digest, &read->digest))
			return;
		read->result.code = E_OK;
		buffer_bytes(&read->receipt, buffer_view(&record->receipt));
		return;
	}
}

/* Erasing is for those on a real journal. */
static void nothing_due(const struct world *world, struct core_read *read)
{
	read->due = memory_zero(1, sizeof(*read->due));
	read->due->newest = world->now.wall;
}

void world_read(struct world *world)
{
	struct core_read *read = world->reads;
	struct core_event event = {.type = CORE_READ_DONE};

	world->reads = NULL;
	while (read) {
		struct core_read *next = (struct core_read *)read->letter.next;

		if (world->journal)
			question_answer(read, world->reader);
		else if (read->type == READ_PAGE)
			read_page(world, read);
		else if (read->type == READ_RECEIPT)
			read_receipt(world, read);
		else if (read->type == READ_DUE)
			nothing_due(world, read);
		else
			world_position(world, read->after, &read->position);
		event.read = read;
		world_step(world, &event);
		read = next;
	}
}

/* ---------------------------------------------------------------------------- life */

static void enroll_all(struct world *world)
{
	struct core_event event = {.type = CORE_ENROLL};

	for (size_t i = 0; i < WORLD_NODES; i++) {
		node_keys_generate(&world->keys[i], 1);
		member_request(&world->members[i], world->options.exchange, world_names[i], &world->keys[i],
			       START_WALL);
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
	world->now = (struct now){START_WALL, 1000000};
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
	must(journal_create(&world->journal_options, world->options.exchange, world->options.authority, START_WALL,
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
			visitor.entry(visitor.context, world->records[entry].type, entry, START_WALL,
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

/* ---------------------------------------------------------------------------- events */

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

void world_hello(struct world *world, size_t node, uint64_t cursor)
{
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Hello hello = SIMPUL__HELLO__INIT;
	Simpul__Position message;
	struct position position;

	world_position(world, cursor, &position);
	position_to_message(&position, &message);
	hello.version = 1;
	hello.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, world->options.exchange};
	hello.node = (char *)(uintptr_t)world_names[node];
	hello.key_id = world->members[node].key_id;
	hello.cursor = &message;
	hello.epoch = 1;
	up.seq = 1;
	up.message_case = SIMPUL__UP__MESSAGE_HELLO;
	up.hello = &hello;
	world_up(world, node, 0, &up);
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

/* ---------------------------------------------------------------------------- submissions */

static ProtobufCBinaryData packed(struct world *world, const void *message)
{
	struct buffer out = {0};
	ProtobufCBinaryData data;

	wire_pack(message, &out);
	data.len = out.size;
	data.data = arena_alloc(&world->arena, out.size + 1);
	if (out.size > 0)
		memcpy(data.data, out.data, out.size);
	buffer_free(&out);
	return data;
}

static ProtobufCBinaryData salt_of(struct world *world, uint8_t value)
{
	ProtobufCBinaryData salt = {16, arena_alloc(&world->arena, 16)};

	memset(salt.data, value + 1, 16);
	return salt;
}

/* That the first report of whom it is for was taken back. */
static Simpul__PurgeReceipt *purge_receipt_make(struct world *world, const struct speech *speech)
{
	Simpul__PurgeReceipt *receipt = arena_alloc(&world->arena, sizeof(*receipt));
	Simpul__Purged *purged = arena_alloc(&world->arena, sizeof(*purged));
	Simpul__Name *name = arena_alloc(&world->arena, sizeof(*name));

	simpul__purge_receipt__init(receipt);
	simpul__purged__init(purged);
	simpul__name__init(name);
	name->origin = (char *)(uintptr_t)(speech->to[0] ? speech->to[0] : world_names[speech->node]);
	name->epoch = name->number = 1;
	purged->name = name;
	purged->rule = SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED;
	purged->at = START_WALL;
	receipt->purged = arena_alloc(&world->arena, sizeof(*receipt->purged));
	receipt->purged[receipt->n_purged++] = purged;
	return receipt;
}

static ProtobufCBinaryData body_make(struct world *world, const struct speech *speech, Simpul__Kind kind)
{
	Simpul__Body body = SIMPUL__BODY__INIT;
	Simpul__Sighting sighting = SIMPUL__SIGHTING__INIT;
	Simpul__Update update = SIMPUL__UPDATE__INIT;
	Simpul__Cancel cancel = SIMPUL__CANCEL__INIT;
	Simpul__Void void_ = SIMPUL__VOID__INIT;
	char summary[4001] = "";
	Simpul__SealedBody sealed = SIMPUL__SEALED_BODY__INIT;

	if (speech->sealed) {
		sealed.commitment = (ProtobufCBinaryData){HASH_SIZE, arena_alloc(&world->arena, HASH_SIZE)};
		memset(sealed.commitment.data, 9, HASH_SIZE);
		sealed.ciphertext = sealed.commitment;
		return packed(world, &sealed);
	}
	memset(summary, 'x', speech->summary);
	body.salt = salt_of(world, speech->salt);
	sighting.first_seen = START_WALL;
	sighting.assertion = SIMPUL__ASSERTION__ASSERTION_FACT;
	sighting.summary = summary;
	body.content_case = SIMPUL__BODY__CONTENT_SIGHTING;
	body.sighting = &sighting;
	update.replacement_case = SIMPUL__UPDATE__REPLACEMENT_SIGHTING;
	update.sighting = &sighting;
	cancel.reason = SIMPUL__CANCEL_REASON__CANCEL_REASON_RESOLVED;
	void_.code = E_TOO_LARGE;
	if (kind == SIMPUL__KIND__KIND_UPDATE) {
		body.content_case = SIMPUL__BODY__CONTENT_UPDATE;
		body.update = &update;
	} else if (kind == SIMPUL__KIND__KIND_CANCEL) {
		body.content_case = SIMPUL__BODY__CONTENT_CANCEL;
		body.cancel = &cancel;
	} else if (kind == SIMPUL__KIND__KIND_VOID) {
		body.content_case = SIMPUL__BODY__CONTENT_VOID;
		body.void_ = &void_;
	} else if (kind == SIMPUL__KIND__KIND_PURGE_RECEIPT) {
		body.content_case = SIMPUL__BODY__CONTENT_PURGE_RECEIPT;
		body.purge_receipt = purge_receipt_make(world, speech);
	}
	if (speech->spoil_body)
		speech->spoil_body(&body);
	return packed(world, &body);
}

static void header_say(struct world *world, const struct speech *speech, Simpul__Header *header)
{
	const bool refers = header->kind == SIMPUL__KIND__KIND_UPDATE || header->kind == SIMPUL__KIND__KIND_CANCEL;

	header->category = (char *)(uintptr_t)(speech->category ? speech->category : "wanted");
	header->region = (char *)(uintptr_t)(speech->region ? speech->region : "16.01");
	header->label = speech->label ? speech->label : SIMPUL__LABEL__LABEL_AMBER;
	header->purpose = (char *)"law-enforcement";
	header->expires = START_WALL + 30 * DAY;
	if (!refers)
		return;
	Simpul__Name *reference = arena_alloc(&world->arena, sizeof(*reference));

	simpul__name__init(reference);
	*reference = *header->name;
	reference->number = speech->reference;
	header->about = SIMPUL__KIND__KIND_SIGHTING;
	header->n_references = 1;
	header->references = arena_alloc(&world->arena, sizeof(*header->references));
	header->references[0] = reference;
}

static Simpul__SubmittedReport *report_make(struct world *world, const struct speech *speech,
					    const Simpul__Submission *message, size_t index)
{
	Simpul__SubmittedReport *report = arena_alloc(&world->arena, sizeof(*report));
	Simpul__Header header = SIMPUL__HEADER__INIT;
	Simpul__Name name = SIMPUL__NAME__INIT;

	name.origin = message->origin;
	name.epoch = message->epoch;
	name.stream = message->stream;
	name.number = message->first + index;
	header.salt = salt_of(world, speech->salt);
	header.name = &name;
	header.created_at = START_WALL;
	header.status = SIMPUL__STATUS__STATUS_ACTUAL;
	header.kind = speech->kind ? speech->kind : SIMPUL__KIND__KIND_SIGHTING;
	header.msg_type = msg_type_of(header.kind);
	header.form = speech->sealed ? SIMPUL__BODY_FORM__BODY_FORM_SEALED : SIMPUL__BODY_FORM__BODY_FORM_PLAIN;
	if (!kind_is_bare(header.kind))
		header_say(world, speech, &header);
	if (speech->spoil_header)
		speech->spoil_header(&header, index);
	simpul__submitted_report__init(report);
	report->header = packed(world, &header);
	report->body = body_make(world, speech, header.kind);
	return report;
}

static size_t texts(const char *const from[4], char **to)
{
	size_t count = 0;

	for (; count < 4 && from[count]; count++)
		to[count] = (char *)(uintptr_t)from[count];
	return count;
}

/* What stands for an UPDATE of this speech. */
static ProtobufCBinaryData superseded_of(struct world *world, const struct speech *speech, uint32_t epoch)
{
	ProtobufCBinaryData signature = {SIGNATURE_SIZE, arena_alloc(&world->arena, SIGNATURE_SIZE)};
	Simpul__Name report = SIMPUL__NAME__INIT;

	report.origin = (char *)(uintptr_t)world_names[speech->node];
	report.epoch = epoch;
	report.stream = speech->stream;
	report.number = speech->reference;
	superseded_sign(world->options.exchange, &world->keys[speech->node].signing, &report, signature.data);
	return signature;
}

static ProtobufCBinaryData routing_make(struct world *world, const struct speech *speech, uint32_t epoch)
{
	Simpul__Routing routing = SIMPUL__ROUTING__INIT;
	Simpul__KeyWrap wraps[4], *list[4];
	char *to[4], *not_to[4];

	routing.salt = salt_of(world, speech->salt);
	routing.to = to;
	routing.n_to = texts(speech->to, to);
	routing.not_to = not_to;
	routing.n_not_to = texts(speech->not_to, not_to);
	routing.wraps = list;
	for (; routing.n_wraps < 4 && speech->wraps[routing.n_wraps]; routing.n_wraps++) {
		simpul__key_wrap__init(list[routing.n_wraps] = &wraps[routing.n_wraps]);
		list[routing.n_wraps]->node = (char *)(uintptr_t)speech->wraps[routing.n_wraps];
		list[routing.n_wraps]->key_id = 1;
		list[routing.n_wraps]->wrapped =
			(ProtobufCBinaryData){WRAP_SIZE, arena_alloc(&world->arena, WRAP_SIZE)};
		memset(list[routing.n_wraps]->wrapped.data, (int)routing.n_wraps + 1, WRAP_SIZE);
	}
	if (speech->kind == SIMPUL__KIND__KIND_UPDATE)
		routing.superseded = superseded_of(world, speech, epoch);
	if (speech->spoil_routing)
		speech->spoil_routing(&routing);
	return packed(world, &routing);
}

static void message_sign(struct world *world, const struct speech *speech, Simpul__Submission *message)
{
	struct hash leaves[LIMIT_SUBMISSION_REPORTS + 1], digest = {{0}};

	submission_digest(message, world->options.exchange, leaves, NULL, &digest, NULL);
	message->signature = (ProtobufCBinaryData){SIGNATURE_SIZE, arena_alloc(&world->arena, SIGNATURE_SIZE)};
	digest_sign(&world->keys[speech->node].signing, SIGN_TAG_SUBMISSION, &digest, message->signature.data);
}

void world_say(struct world *world, const struct speech *speech)
{
	const size_t count = speech->count ? speech->count : 1;
	Simpul__Submission message = SIMPUL__SUBMISSION__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;
	struct position seen;

	world_position(world, 0, &seen);
	message.origin = (char *)(uintptr_t)world_names[speech->node];
	message.key_id = world->members[speech->node].key_id;
	message.epoch = speech->epoch ? speech->epoch : 1;
	message.stream = speech->stream;
	message.first = speech->first ? speech->first : 1;
	message.seen_head = (ProtobufCBinaryData){HASH_SIZE, seen.head.bytes};
	message.routing = routing_make(world, speech, message.epoch);
	message.reports = arena_alloc(&world->arena, count * sizeof(*message.reports));
	for (size_t i = 0; i < count; i++)
		message.reports[message.n_reports++] = report_make(world, speech, &message, i);
	if (speech->spoil_message)
		speech->spoil_message(&message);
	message_sign(world, speech, &message);
	if (speech->spoil_signed)
		speech->spoil_signed(&message);
	up.seq = speech->seq ? speech->seq : 9;
	up.message_case = SIMPUL__UP__MESSAGE_SUBMIT;
	up.submit = &message;
	world_up(world, speech->node, speech->peer, &up);
}

/* ---------------------------------------------------------------------------- looking */

const struct event_seen *world_find(const struct world *world, enum core_action_type type, size_t index)
{
	for (size_t i = 0; i < world->seen_count; i++)
		if (world->seen[i].type == type && index-- == 0)
			return &world->seen[i];
	return NULL;
}

size_t world_count(const struct world *world, enum core_action_type type)
{
	size_t count = 0;

	while (world_find(world, type, count))
		count++;
	return count;
}

const Simpul__Down *world_down(const struct world *world, Simpul__Down__MessageCase kind)
{
	for (size_t i = world->seen_count; i-- > 0;)
		if (world->seen[i].down && world->seen[i].down->message_case == kind)
			return world->seen[i].down;
	return NULL;
}

enum error world_refusal(const struct world *world)
{
	const Simpul__Down *down = world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL);

	return down ? error_of_code(down->refusal->code) : E_OK;
}

const char *world_refusal_field(const struct world *world)
{
	const Simpul__Down *down = world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL);

	return down ? down->refusal->field : "";
}

size_t world_pushes(const struct world *world, size_t node)
{
	size_t count = 0;

	for (size_t i = 0; i < world->seen_count; i++)
		if (world->seen[i].type == ACTION_PUBLISH && world->seen[i].batch->n_entries > 0 &&
		    strcmp(world->seen[i].node, world_names[node]) == 0)
			count++;
	return count;
}

static bool logged(const struct world *world, const char *text, enum log_level least)
{
	for (size_t i = 0; i < world->seen_count; i++)
		if (world->seen[i].type == ACTION_LOG && world->seen[i].level >= least &&
		    strstr(world->seen[i].text, text))
			return true;
	return false;
}

bool world_logged(const struct world *world, const char *text)
{
	return logged(world, text, LOG_LEVEL_DEBUG);
}

bool world_alarmed(const struct world *world, const char *text)
{
	return logged(world, text, LOG_LEVEL_ALARM);
}

enum error world_answer(const struct world *world)
{
	const struct event_seen *seen = world_find(world, ACTION_ANSWER, 0);

	return seen ? seen->fault.code : E_INTERNAL;
}

bool world_node(const struct world *world, size_t node, struct core_node *out)
{
	for (size_t i = 0; core_node_at(world->core, i, out); i++)
		if (strcmp(out->node, world_names[node]) == 0)
			return true;
	return false;
}
