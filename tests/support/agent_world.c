/* agent_world - makes what an agent meets: offices, reports, entries, batches and receipts, all properly signed. */
#include "tests/support/agent_world.h"
#include "common/content.h"
#include "common/superseded.h"
#include "common/wire.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

void agent_world_start(struct agent_world *world)
{
	memset(world, 0, sizeof *world);
	keys_init();
	strcpy(world->folder, "/tmp/simpul-agent-XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	signing_key_generate(&world->authority);
	broker_keys_generate(&world->broker);
	randombytes_buf(world->join.exchange, EXCHANGE_SIZE);
	memcpy(world->join.broker_curve, world->broker.curve_public, KEY_SIZE);
	memcpy(world->join.broker_signing, world->broker.signing.public_key, KEY_SIZE);
	memcpy(world->join.authority, world->authority.public_key, KEY_SIZE);
	arena_init(&world->arena);
	world->head.incarnation = 1;
}

void agent_world_end(struct agent_world *world)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
	assert_int_equal(system(command), 0);
	arena_fini(&world->arena);
}

char *agent_world_path(struct agent_world *world, const char *name)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s.db", world->folder, name);
	return arena_text(&world->arena, path);
}

void agent_office_make(struct agent_world *world, const char *node, uint32_t key_id, struct agent_office *office)
{
	node_keys_generate(&office->keys, key_id);
	member_request(&office->member, world->join.exchange, node, &office->keys, clock_now().wall);
	member_countersign(&office->member, &world->authority);
}

void agent_store_open(struct agent_world *world, const char *node, struct store *store)
{
	struct fault fault = {0};

	assert_int_equal(store_open(store, agent_world_path(world, node), NULL, world->join.exchange, node, &fault),
			 E_OK);
}

uint64_t agent_number(struct store *store, const char *sql)
{
	sqlite3_stmt *get = database_prepare(store->db, sql);
	uint64_t number = sqlite3_step(get) == SQLITE_ROW ? column_number(get, 0) : 0;

	sqlite3_finalize(get);
	return number;
}

/* ---- reports */

#define NEW(world, variable, type, prefix) \
	type *variable = arena_alloc(&(world)->arena, sizeof *variable); \
	prefix##__init(variable)

static struct prepared *prepared_new(struct agent_world *world, Simpul__Label label, Simpul__Kind kind)
{
	struct prepared *prepared = arena_alloc(&world->arena, sizeof *prepared);
	NEW(world, header, Simpul__Header, simpul__header);
	NEW(world, body, Simpul__Body, simpul__body);
	NEW(world, routing, Simpul__Routing, simpul__routing);
	const bool red = label == SIMPUL__LABEL__LABEL_RED;

	header->created_at = clock_now().wall;
	header->status = SIMPUL__STATUS__STATUS_ACTUAL;
	header->msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_ALERT;
	header->kind = kind;
	header->category = arena_text(&world->arena, "immigration");
	header->region = arena_text(&world->arena, "16.01");
	header->label = label;
	header->purpose = (char *)"immigration-oversight";
	header->expires = header->created_at + 24 * HOUR_MS;
	header->form = red ? SIMPUL__BODY_FORM__BODY_FORM_SEALED : SIMPUL__BODY_FORM__BODY_FORM_PLAIN;
	*prepared = (struct prepared){
		.header = header, .body = body, .routing = routing, .stream = stream_of(header->status, label)};
	return prepared;
}

struct prepared *agent_sighting(struct agent_world *world, Simpul__Label label, const char *summary)
{
	struct prepared *prepared = prepared_new(world, label, SIMPUL__KIND__KIND_SIGHTING);
	NEW(world, sighting, Simpul__Sighting, simpul__sighting);

	sighting->first_seen = prepared->header->created_at - HOUR_MS;
	sighting->summary = arena_text(&world->arena, summary);
	sighting->assertion = SIMPUL__ASSERTION__ASSERTION_FACT;
	prepared->body->content_case = SIMPUL__BODY__CONTENT_SIGHTING;
	prepared->body->sighting = sighting;
	return prepared;
}

struct prepared *agent_cancel(struct agent_world *world, const char *origin, uint64_t number)
{
	struct prepared *prepared = prepared_new(world, SIMPUL__LABEL__LABEL_AMBER, SIMPUL__KIND__KIND_CANCEL);
	Simpul__Name **references = arena_alloc(&world->arena, sizeof *references);
	NEW(world, cancel, Simpul__Cancel, simpul__cancel);
	NEW(world, name, Simpul__Name, simpul__name);

	name->origin = arena_text(&world->arena, origin);
	name->epoch = 1;
	name->number = number;
	*references = name;
	cancel->reason = SIMPUL__CANCEL_REASON__CANCEL_REASON_WRONG_PERSON;
	prepared->header->msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_CANCEL;
	prepared->header->about = SIMPUL__KIND__KIND_SIGHTING;
	prepared->header->n_references = 1;
	prepared->header->references = references;
	prepared->body->content_case = SIMPUL__BODY__CONTENT_CANCEL;
	prepared->body->cancel = cancel;
	return prepared;
}

struct prepared *agent_retraction(struct agent_world *world, const char *origin, uint64_t number)
{
	struct prepared *prepared = agent_cancel(world, origin, number);

	prepared->header->erase = true;
	return prepared;
}

struct prepared *agent_update(struct agent_world *world, const char *origin, uint64_t number, const char *summary)
{
	struct prepared *prepared = agent_cancel(world, origin, number);
	Simpul__Sighting *sighting = agent_sighting(world, SIMPUL__LABEL__LABEL_AMBER, summary)->body->sighting;
	NEW(world, update, Simpul__Update, simpul__update);

	update->replacement_case = SIMPUL__UPDATE__REPLACEMENT_SIGHTING;
	update->sighting = sighting;
	prepared->header->kind = SIMPUL__KIND__KIND_UPDATE;
	prepared->header->msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_UPDATE;
	prepared->body->content_case = SIMPUL__BODY__CONTENT_UPDATE;
	prepared->body->update = update;
	return prepared;
}

/* ---- what the broker sends */

void agent_erase(struct agent_world *world, Simpul__Delivery *delivery, size_t index)
{
	Simpul__DeliveredReport *report = delivery->reports[index];
	const struct hash hash = hash_of(BYTES(report->body.data, report->body.len));

	report->body = (ProtobufCBinaryData){0};
	report->body_hash.len = HASH_SIZE;
	report->body_hash.data = memcpy(arena_alloc(&world->arena, HASH_SIZE), hash.bytes, HASH_SIZE);
}

Simpul__Entry *agent_entry(struct agent_world *world, Simpul__EntryType type)
{
	NEW(world, entry, Simpul__Entry, simpul__entry);

	world->head.entry++;
	world->head.head = hash_tagged("test", BYTES(&world->head.entry, sizeof world->head.entry));
	entry->entry = world->head.entry;
	entry->type = type;
	entry->accepted_at = clock_now().wall;
	entry->policy_version = 1;
	return entry;
}

Simpul__Submission *agent_submission(struct agent_world *world, struct bytes message)
{
	Simpul__Submission *submission = wire_unpack(&simpul__submission__descriptor, message, &world->arena, NULL);

	assert_non_null(submission);
	return submission;
}

Simpul__Entry *agent_delivery(struct agent_world *world, const Simpul__Submission *submission)
{
	Simpul__Entry *entry = agent_entry(world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION);
	const struct hash routing = hash_of(BYTES(submission->routing.data, submission->routing.len));
	uint8_t *routing_hash = memcpy(arena_alloc(&world->arena, HASH_SIZE), routing.bytes, HASH_SIZE);
	NEW(world, delivery, Simpul__Delivery, simpul__delivery);

	delivery->origin = submission->origin;
	delivery->key_id = submission->key_id;
	delivery->epoch = submission->epoch;
	delivery->stream = submission->stream;
	delivery->first = submission->first;
	delivery->seen_entry = submission->seen_entry;
	delivery->seen_head = submission->seen_head;
	delivery->routing_hash = (ProtobufCBinaryData){HASH_SIZE, routing_hash};
	delivery->signature = submission->signature;
	delivery->n_reports = submission->n_reports;
	delivery->reports = arena_alloc(&world->arena, submission->n_reports * sizeof *delivery->reports);
	for (size_t i = 0; i < submission->n_reports; i++) {
		NEW(world, report, Simpul__DeliveredReport, simpul__delivered_report);

		report->header = submission->reports[i]->header;
		report->body = submission->reports[i]->body;
		delivery->reports[i] = report;
	}
	entry->content_case = SIMPUL__ENTRY__CONTENT_DELIVERY;
	entry->delivery = delivery;
	return entry;
}

Simpul__Entry *agent_member(struct agent_world *world, const struct agent_office *office)
{
	Simpul__Entry *entry = agent_entry(world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER);

	entry->content_case = SIMPUL__ENTRY__CONTENT_MEMBER;
	entry->member = arena_alloc(&world->arena, sizeof *entry->member);
	member_to_message(&office->member, entry->member);
	return entry;
}

Simpul__Entry *agent_standing(struct agent_world *world, const char *node, uint32_t key_id, Simpul__Standing value,
			      wall_ms since)
{
	Simpul__Entry *entry = agent_entry(world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING);
	NEW(world, standing, Simpul__MemberStanding, simpul__member_standing);

	standing->node = arena_text(&world->arena, node);
	standing->key_id = key_id;
	standing->standing = value;
	standing->since = since;
	entry->content_case = SIMPUL__ENTRY__CONTENT_STANDING;
	entry->standing = standing;
	return entry;
}

Simpul__Entry *agent_superseded(struct agent_world *world, uint64_t number, const struct node_keys *keys)
{
	Simpul__Entry *entry = agent_entry(world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION);
	NEW(world, stub, Simpul__Stub, simpul__stub);
	NEW(world, said, Simpul__Superseded, simpul__superseded);
	NEW(world, name, Simpul__Name, simpul__name);

	name->origin = arena_text(&world->arena, "police.oku");
	name->epoch = 1;
	name->number = number;
	said->report = name;
	said->key_id = 1;
	said->signature = (ProtobufCBinaryData){SIGNATURE_SIZE, arena_alloc(&world->arena, SIGNATURE_SIZE)};
	superseded_sign(world->join.exchange, &keys->signing, name, said->signature.data);
	stub->policy_version = 7;
	stub->superseded = said;
	entry->content_case = SIMPUL__ENTRY__CONTENT_STUB;
	entry->stub = stub;
	return entry;
}

void agent_batch(struct agent_world *world, uint64_t after, Simpul__Entry *const *entries, size_t count,
		 const Simpul__EntryWrap *wrap, struct buffer *out)
{
	uint8_t signature[SIGNATURE_SIZE];
	Simpul__Position upto;
	Simpul__Batch batch = SIMPUL__BATCH__INIT;

	chain_sign(&world->broker.signing, world->join.exchange, &world->head, signature);
	position_to_message(&world->head, &upto);
	batch.after = after;
	batch.upto = &upto;
	batch.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
	batch.n_entries = count;
	batch.entries = (Simpul__Entry **)(uintptr_t)entries;
	batch.n_wraps = wrap ? 1 : 0;
	batch.wraps = (Simpul__EntryWrap **)(uintptr_t)&wrap;
	buffer_clear(out);
	wire_pack(&batch, out);
}

Simpul__Receipt *agent_receipt(struct agent_world *world, const struct hash *digest, Simpul__Verdict *verdict,
			       struct buffer *encoded)
{
	static const char *const audience[] = {"army.oku"};
	struct chain_entry entry = {.type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION,
				    .entry = world->head.entry + 1,
				    .accepted_at = clock_now().wall,
				    .policy_version = 1,
				    .broker_key = world->broker.signing.public_key,
				    .digest = *digest,
				    .audience = audience,
				    .audience_count = 1};
	const struct hash previous = world->head.head;
	uint8_t signature[SIGNATURE_SIZE];
	Simpul__Receipt receipt = SIMPUL__RECEIPT__INIT;
	struct hash hash;

	entry.verdicts = (const Simpul__Verdict *const *)&verdict;
	entry.verdict_count = verdict ? 1 : 0;
	hash = chain_entry_hash(&entry);
	world->head.head = chain_head(&previous, &hash);
	world->head.entry++;
	chain_sign(&world->broker.signing, world->join.exchange, &world->head, signature);
	receipt.incarnation = world->head.incarnation;
	receipt.entry = entry.entry;
	receipt.accepted_at = entry.accepted_at;
	receipt.policy_version = 1;
	receipt.digest = (ProtobufCBinaryData){HASH_SIZE, (uint8_t *)(uintptr_t)digest->bytes};
	receipt.n_verdicts = entry.verdict_count;
	receipt.verdicts = &verdict;
	receipt.n_audience = 1;
	receipt.audience = (char **)(uintptr_t)audience;
	receipt.previous_head = (ProtobufCBinaryData){HASH_SIZE, (uint8_t *)(uintptr_t)previous.bytes};
	receipt.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
	buffer_clear(encoded);
	wire_pack(&receipt, encoded);
	return wire_unpack(&simpul__receipt__descriptor, buffer_view(encoded), &world->arena, NULL);
}
