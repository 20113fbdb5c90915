/* workload - makes sightings of a given size and submissions of them. */
#include "tests/bench/workload.h"
#include "common/memory.h"
#include "common/submission.h"
#include "common/wire.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* One report with what it points to. */
struct sample {
	Simpul__Name name;
	Simpul__Header header;
	Simpul__Sighting sighting;
	Simpul__Body body;
	uint8_t header_salt[SALT_SIZE], body_salt[SALT_SIZE];
};

static void sample_make(struct sample *sample, const char *origin, uint64_t number, wall_ms made_at, char *summary)
{
	simpul__name__init(&sample->name);
	sample->name.origin = (char *)(uintptr_t)origin;
	sample->name.epoch = 1;
	sample->name.number = number;
	simpul__header__init(&sample->header);
	sample->header.salt = (ProtobufCBinaryData){SALT_SIZE, sample->header_salt};
	sample->header.name = &sample->name;
	sample->header.created_at = made_at;
	sample->header.status = SIMPUL__STATUS__STATUS_ACTUAL;
	sample->header.msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_ALERT;
	sample->header.kind = SIMPUL__KIND__KIND_SIGHTING;
	sample->header.category = (char *)(uintptr_t) "overstay";
	sample->header.region = (char *)(uintptr_t) "16.01";
	sample->header.label = SIMPUL__LABEL__LABEL_AMBER;
	sample->header.purpose = (char *)"immigration-oversight";
	sample->header.expires = made_at + 30 * DAY_MS;
	sample->header.form = SIMPUL__BODY_FORM__BODY_FORM_PLAIN;
	simpul__sighting__init(&sample->sighting);
	sample->sighting.first_seen = made_at - 1000;
	sample->sighting.assertion = SIMPUL__ASSERTION__ASSERTION_FACT;
	sample->sighting.summary = summary;
	simpul__body__init(&sample->body);
	sample->body.salt = (ProtobufCBinaryData){SALT_SIZE, sample->body_salt};
	sample->body.content_case = SIMPUL__BODY__CONTENT_SIGHTING;
	sample->body.sighting = &sample->sighting;
	randombytes_buf(sample->header_salt, SALT_SIZE);
	randombytes_buf(sample->body_salt, SALT_SIZE);
}

static char *summary_make(size_t size)
{
	char *text = memory_alloc(size + 1);

	memset(text, 'x', size);
	text[size] = '\0';
	return text;
}

static size_t sample_size(const struct workload *workload, size_t summary_size)
{
	char *summary = summary_make(summary_size);
	struct sample sample;
	size_t size;

	sample_make(&sample, workload->origin, 1, workload->made_at, summary);
	size = simpul__header__get_packed_size(&sample.header) + simpul__body__get_packed_size(&sample.body);
	free(summary);
	return size;
}

static void routing_make(struct workload *workload)
{
	Simpul__Routing routing = SIMPUL__ROUTING__INIT;
	uint8_t salt[SALT_SIZE];

	randombytes_buf(salt, SALT_SIZE);
	routing.salt = (ProtobufCBinaryData){SALT_SIZE, salt};
	wire_pack(&routing, &workload->routing_data);
	workload->routing = buffer_view(&workload->routing_data);
}

void workload_init(struct workload *workload, const char *origin, const struct node_keys *keys,
		   const uint8_t exchange[EXCHANGE_SIZE], size_t size, size_t per_submission)
{
	memset(workload, 0, sizeof *workload);
	workload->origin = origin;
	workload->keys = keys;
	workload->per_submission = per_submission;
	workload->made_at = clock_now().wall;
	memcpy(workload->exchange, exchange, EXCHANGE_SIZE);
	workload->first = 1;
	while (workload->summary_size < 4000 && sample_size(workload, workload->summary_size + 1) <= size)
		workload->summary_size++;
	routing_make(workload);
}

void workload_prepare(struct workload *workload, uint64_t last)
{
	char *summary = summary_make(workload->summary_size);

	workload->first = workload->last + 1;
	workload->last = last;
	workload->reports = memory_grow(workload->reports, last - workload->first + 1, sizeof *workload->reports);
	buffer_clear(&workload->data);
	for (uint64_t number = workload->first; number <= last; number++) {
		struct workload_report *report = &workload->reports[number - workload->first];
		struct sample sample;

		sample_make(&sample, workload->origin, number, workload->made_at, summary);
		report->header = workload->data.size;
		wire_pack(&sample.header, &workload->data);
		report->body = workload->data.size;
		wire_pack(&sample.body, &workload->data);
		report->end = workload->data.size;
	}
	free(summary);
}

/* ------------------------------------------------------------------ submissions */

static ProtobufCBinaryData piece(const struct workload *workload, size_t from, size_t to)
{
	return (ProtobufCBinaryData){.len = to - from, .data = workload->data.data + from};
}

/* What an agent does with every submission: hash, sign, encode. */
static void submission_make(struct workload *workload, struct workload_held *held, const struct position *seen)
{
	Simpul__SubmittedReport reports[LIMIT_SUBMISSION_REPORTS], *list[LIMIT_SUBMISSION_REPORTS];
	Simpul__Submission message = SIMPUL__SUBMISSION__INIT;
	struct hash leaves[LIMIT_SUBMISSION_REPORTS];
	uint8_t signature[SIGNATURE_SIZE];

	for (size_t i = 0; i < held->count; i++) {
		const struct workload_report *report = &workload->reports[held->first.number - workload->first + i];

		simpul__submitted_report__init(&reports[i]);
		reports[i].header = piece(workload, report->header, report->body);
		reports[i].body = piece(workload, report->body, report->end);
		list[i] = &reports[i];
	}
	message.origin = (char *)(uintptr_t)workload->origin;
	message.key_id = workload->keys->key_id;
	message.epoch = 1;
	message.first = held->first.number;
	message.seen_entry = seen->entry;
	message.seen_head = (ProtobufCBinaryData){HASH_SIZE, (uint8_t *)(uintptr_t)seen->head.bytes};
	message.routing = (ProtobufCBinaryData){workload->routing.size, (uint8_t *)(uintptr_t)workload->routing.data};
	message.n_reports = held->count;
	message.reports = list;
	submission_digest(&message, workload->exchange, leaves, NULL, &held->digest, NULL);
	digest_sign(&workload->keys->signing, SIGN_TAG_SUBMISSION, &held->digest, signature);
	message.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
	buffer_clear(&held->message);
	wire_pack(&message, &held->message);
}

static struct workload_held *held_find(struct workload *workload, uint64_t first)
{
	for (size_t i = 0; i < WORKLOAD_HELD; i++)
		if (workload->held[i].count > 0 && workload->held[i].first.number == first)
			return &workload->held[i];
	return NULL;
}

uint64_t workload_last(struct workload *workload, uint64_t first)
{
	const struct workload_held *held = held_find(workload, first);

	return held ? first + held->count - 1 : 0;
}

bool workload_next(struct workload *workload, uint64_t after, uint64_t limit, const struct position *seen,
		   struct uplink_submission *submission)
{
	struct workload_held *held = held_find(workload, after + 1);

	if (!held) {
		if (limit > workload->last)
			limit = workload->last;
		if (after >= limit || after + 1 < workload->first)
			return false;
		held = &workload->held[workload->next_held++ % WORKLOAD_HELD];
		held->first = (struct report_name){.epoch = 1, .number = after + 1};
		strcpy(held->first.origin, workload->origin);
		held->count = limit - after < workload->per_submission ? limit - after : workload->per_submission;
		submission_make(workload, held, seen);
	}
	*submission = (struct uplink_submission){.first = held->first,
						 .count = held->count,
						 .digest = held->digest,
						 .message = buffer_view(&held->message)};
	return true;
}

/* ------------------------------------------------------------------ for the outbox */

void workload_draft(const struct workload *workload, struct arena *arena, struct prepared *prepared)
{
	static uint8_t provisional_salt[SALT_SIZE]; /* equal in all, or no two reports would share a submission */
	Simpul__Routing *routing = arena_alloc(arena, sizeof *routing);
	struct sample *sample = arena_alloc(arena, sizeof *sample);
	char *summary = summary_make(workload->summary_size);

	simpul__routing__init(routing);
	sample_make(sample, workload->origin, 1, workload->made_at, arena_text(arena, summary));
	routing->salt = (ProtobufCBinaryData){SALT_SIZE, provisional_salt};
	*prepared = (struct prepared){.header = &sample->header, .body = &sample->body, .routing = routing};
	free(summary);
}

void workload_fini(struct workload *workload)
{
	for (size_t i = 0; i < WORKLOAD_HELD; i++)
		buffer_free(&workload->held[i].message);
	buffer_free(&workload->data);
	buffer_free(&workload->routing_data);
	free(workload->reports);
}
