/* core_records - the journal of a world that has none on a disk: what it commits and what readers get. */
#include "broker/journal/journal_row.h"
#include "broker/serve/reader.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/support/core_world.h"

#include <string.h>

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
