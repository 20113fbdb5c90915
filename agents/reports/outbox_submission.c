/* outbox_submission - makes submissions of waiting reports and freezes them: what was signed once never changes. */
#include "agents/reports/outbox.h"
#include "agents/reports/outbox_erase.h"
#include "common/limit.h"
#include "common/log.h"
#include "common/seal.h"
#include "common/submission.h"
#include "common/superseded.h"
#include "common/wire.h"

#include <sodium.h>
#include <string.h>

/* At most so many bytes of a submission beside its reports and routing, of a report beside its strings, and of a
 * sealed body beside the plain one. */
#define SUBMISSION_OVERHEAD 512
#define REPORT_OVERHEAD 16
#define SEAL_OVERHEAD 64

/* Reports that go into one submission; everything lives in the arena. */
struct run {
	struct arena *arena;
	const struct report_name *first;
	size_t count, size;
	bool sealed;
	bool is_piece; /* routing and reports are those of a submission that was sent before */
	enum error refused; /* the only report was refused before: a VOID goes in its place */
	struct hash routing_key;
	struct bytes routing; /* without salt and wraps */
	Simpul__SubmittedReport *reports;
	Simpul__SubmittedReport **pointers; /* to reports, as protobuf-c wants them */
};

/* ---- what goes in */

/* Columns of the rows that a run is gathered from. */
enum column { NUMBER, ROUTING_KEY, ALONE, SEALED, CUT, CODE, ROUTING, HEADER, BODY };

/* Where a run must end at the latest: before the next submission that is frozen already (the second half of a split
 * one may have been frozen before). */
static enum error run_end(struct store *store, const struct report_name *first, uint64_t *end, struct fault *fault)
{
	static const char sql[] = "SELECT min(first) FROM submission WHERE epoch = ?1 AND stream = ?2 AND first > ?3";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	own_name_bind(get, 1, first);
	error = store_ask(store, get, fault);
	*end = error == E_OK && sqlite3_column_type(get, 0) != SQLITE_NULL ? column_number(get, 0) : INT64_MAX;
	sqlite3_reset(get);
	return error;
}

static void run_start(struct run *run, sqlite3_stmt *row)
{
	hash_load(&run->routing_key, column_bytes(row, ROUTING_KEY));
	run->routing = arena_bytes(run->arena, column_bytes(row, ROUTING));
	run->sealed = column_number(row, SEALED) != 0;
	run->refused = (enum error)column_number(row, CODE);
	run->size = SUBMISSION_OVERHEAD + LIMIT_ROUTING;
	run->reports = arena_alloc(run->arena, LIMIT_SUBMISSION_REPORTS * sizeof *run->reports);
	run->pointers = arena_alloc(run->arena, LIMIT_SUBMISSION_REPORTS * sizeof *run->pointers);
}

/* Whether the row may follow the reports that are in the run. Kinds that travel alone need no test: a run that begins
 * with one ends there, and the routing key keeps them out of others. */
static bool run_admits(const struct run *run, sqlite3_stmt *row, size_t size)
{
	if (run->count == 0)
		return true;
	return run->count < LIMIT_SUBMISSION_REPORTS && run->size + size <= LIMIT_SUBMISSION &&
	       column_number(row, CODE) == 0 &&
	       bytes_equal(column_bytes(row, ROUTING_KEY), BYTES(run->routing_key.bytes, HASH_SIZE));
}

/* Adds a row; false when the run ends before it. `more` tells whether another may follow. */
static bool run_add(struct run *run, sqlite3_stmt *row, bool *more)
{
	const struct bytes header = column_bytes(row, HEADER), body = column_bytes(row, BODY);
	const size_t size = header.size + body.size + REPORT_OVERHEAD + SEAL_OVERHEAD;
	Simpul__SubmittedReport *report;

	if (column_number(row, NUMBER) != run->first->number + run->count)
		return false;
	if (run->count == 0)
		run_start(run, row);
	if (!run_admits(run, row, size))
		return false;
	report = &run->reports[run->count];
	simpul__submitted_report__init(report);
	report->header = to_binary(arena_bytes(run->arena, header));
	report->body = to_binary(arena_bytes(run->arena, body));
	run->pointers[run->count++] = report;
	run->size += size;
	*more = column_number(row, CUT) == 0 && column_number(row, ALONE) == 0 && run->refused == E_OK;
	return true;
}

/* Reads no more rows than it takes, and one: there may be a million. */
static enum error run_gather(struct store *store, struct run *run, struct fault *fault)
{
	static const char sql[] = "SELECT number, routing_key, alone, sealed, cut, code, routing, header, body"
				  " FROM outbox_report WHERE epoch = ?1 AND stream = ?2 AND number >= ?3"
				  " AND number < ?4"
				  " ORDER BY number";
	sqlite3_stmt *rows = store_statement(store, sql);
	uint64_t end;
	enum error error = run_end(store, run->first, &end, fault);
	bool more = true;

	own_name_bind(rows, 1, run->first);
	bind_number(rows, 4, end);
	while (more && error == E_OK) {
		error = store_ask(store, rows, fault);
		more = error == E_OK && run_add(run, rows, &more) && more;
	}
	sqlite3_reset(rows);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* What is left of a submission that the broker lost, from `index` up to its next hole: as it was, or whoever has the
 * reports would take them for others. */
static void run_piece(struct run *run, const Simpul__Submission *broken, uint64_t index)
{
	run->is_piece = true;
	run->routing = of_binary(broken->routing);
	run->pointers = &broken->reports[index];
	while (index + run->count < broken->n_reports && broken->reports[index + run->count]->body.len > 0)
		run->count++;
}

/* E_NOT_FOUND unless the first report of the run is in such a submission, and not erased. */
static enum error run_broken(struct store *store, struct run *run, struct fault *fault)
{
	Simpul__Submission *broken;
	uint64_t index;
	enum error error = outbox_broken(store, run->first, run->arena, &broken, &index, fault);

	if (error != E_OK)
		return error;
	run_piece(run, broken, index);
	return run->count > 0 ? E_OK : E_NOT_FOUND;
}

/* ---- sealing */

static void wrap_add(struct run *run, Simpul__Routing *routing, const uint8_t content_key[KEY_SIZE], char *node,
		     uint32_t key_id, const uint8_t sealing_key[KEY_SIZE])
{
	Simpul__KeyWrap *wrap = arena_alloc(run->arena, sizeof *wrap);

	simpul__key_wrap__init(wrap);
	wrap->node = node;
	wrap->key_id = key_id;
	wrap->wrapped.len = WRAP_SIZE;
	wrap->wrapped.data = arena_alloc(run->arena, WRAP_SIZE);
	content_key_wrap(content_key, sealing_key, wrap->wrapped.data);
	routing->wraps[routing->n_wraps++] = wrap;
}

/* Wraps the content key to every recipient and to this node, so that the office can read its own. */
static enum error wraps_make(struct store *store, const struct node_keys *keys, struct run *run,
			     Simpul__Routing *routing, const uint8_t content_key[KEY_SIZE], struct fault *fault)
{
	struct member_key key;

	routing->wraps = arena_alloc(run->arena, (routing->n_to + 1) * sizeof *routing->wraps);
	for (size_t i = 0; i < routing->n_to; i++) {
		enum error error;

		if (strcmp(routing->to[i], store->node) == 0)
			continue;
		error = store_current_key(store, routing->to[i], &key, fault);
		if (error == E_KEY_UNKNOWN)
			return fault_at(fault, E_RECIPIENT_UNKNOWN, "to[%zu]", i);
		if (error != E_OK)
			return error;
		wrap_add(run, routing, content_key, routing->to[i], key.member.key_id, key.member.sealing_key);
	}
	wrap_add(run, routing, content_key, store->node, keys->key_id, keys->sealing_public);
	return E_OK;
}

static void bodies_seal(struct store *store, struct run *run, const uint8_t content_key[KEY_SIZE])
{
	struct body_place place = {.exchange = store->exchange, .name = *run->first};
	struct buffer sealed = {0};

	for (size_t i = 0; i < run->count; i++) {
		ProtobufCBinaryData *body = &run->reports[i].body;

		buffer_clear(&sealed);
		body_seal(content_key, &place, BYTES(body->data, body->len), &sealed);
		*body = to_binary(arena_bytes(run->arena, buffer_view(&sealed)));
		place.name.number++;
	}
	buffer_free(&sealed);
}

/* An UPDATE carries what may be shown of it to those who have the report and may not have the UPDATE. */
static enum error superseded_make(struct store *store, const struct node_keys *keys, struct run *run,
				  Simpul__Routing *routing, struct fault *fault)
{
	const ProtobufCBinaryData *encoded = &run->reports[0].header;
	const Simpul__Header *header =
		wire_unpack(&simpul__header__descriptor, BYTES(encoded->data, encoded->len), run->arena, fault);

	if (header == NULL)
		return fault_at(fault, E_CORRUPT, "outbox_report.header");
	if (header->kind != SIMPUL__KIND__KIND_UPDATE || header->n_references != 1)
		return E_OK;
	routing->superseded.len = SIGNATURE_SIZE;
	routing->superseded.data = arena_alloc(run->arena, SIGNATURE_SIZE);
	superseded_sign(store->exchange, &keys->signing, header->references[0], routing->superseded.data);
	return E_OK;
}

/* The routing as it travels: with a salt of its own, for sealed bodies the wraps of a new content key, and of an UPDATE
 * what stands for it. */
static enum error routing_make(struct store *store, const struct node_keys *keys, struct run *run, struct buffer *out,
			       struct fault *fault)
{
	Simpul__Routing *routing = wire_unpack(&simpul__routing__descriptor, run->routing, run->arena, fault);
	uint8_t salt[SALT_SIZE], content_key[KEY_SIZE];
	enum error error = E_OK;

	if (!routing)
		return fault_at(fault, E_CORRUPT, "outbox_report.routing");
	randombytes_buf(salt, SALT_SIZE);
	routing->salt = (ProtobufCBinaryData){SALT_SIZE, salt};
	error = superseded_make(store, keys, run, routing, fault);
	if (error == E_OK && run->sealed) {
		content_key_generate(content_key);
		error = wraps_make(store, keys, run, routing, content_key, fault);
		if (error == E_OK)
			bodies_seal(store, run, content_key);
		sodium_memzero(content_key, sizeof content_key);
	}
	if (error == E_OK)
		wire_pack(routing, out);
	return error;
}

/* ---- numbers that can carry nothing */

/* Replaces the only report of the run by a VOID under its number, which names nothing but its stream and the refusal.
 */
static enum error run_void(struct run *run, struct fault *fault)
{
	Simpul__Header *header =
		wire_unpack(&simpul__header__descriptor, BYTES(run->reports[0].header.data, run->reports[0].header.len),
			    run->arena, fault);
	Simpul__Header empty = SIMPUL__HEADER__INIT;
	Simpul__Body body = SIMPUL__BODY__INIT;
	Simpul__Void content = SIMPUL__VOID__INIT;
	struct buffer encoded = {0};
	uint8_t salt[SALT_SIZE];

	if (!header)
		return fault_at(fault, E_CORRUPT, "outbox_report.header");
	randombytes_buf(salt, SALT_SIZE);
	empty.salt = header->salt;
	empty.name = header->name;
	empty.created_at = clock_now().wall;
	empty.status = header->status;
	empty.msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_ALERT;
	empty.kind = SIMPUL__KIND__KIND_VOID;
	empty.form = SIMPUL__BODY_FORM__BODY_FORM_PLAIN;
	content.code = (uint32_t)run->refused;
	body.salt = (ProtobufCBinaryData){SALT_SIZE, salt};
	body.content_case = SIMPUL__BODY__CONTENT_VOID;
	body.void_ = &content;
	wire_pack(&empty, &encoded);
	run->reports[0].header = to_binary(arena_bytes(run->arena, buffer_view(&encoded)));
	buffer_clear(&encoded);
	wire_pack(&body, &encoded);
	run->reports[0].body = to_binary(arena_bytes(run->arena, buffer_view(&encoded)));
	buffer_free(&encoded);
	run->sealed = false;
	run->routing = (struct bytes){0};
	return E_OK;
}

/* The first report of a run whose recipient has gone is refused here, as the broker would. */
static enum error run_refuse(struct store *store, struct run *run, enum error code, const char *field,
			     struct fault *fault)
{
	static const char sql[] = "UPDATE outbox_report SET code = ?4, field = ?5"
				  " WHERE epoch = ?1 AND stream = ?2 AND number = ?3";
	sqlite3_stmt *put = store_statement(store, sql);
	char text[REPORT_NAME_SIZE];
	enum error error;

	own_name_bind(put, 1, run->first);
	bind_number(put, 4, code);
	bind_text(put, 5, field);
	error = database_step(put, fault);
	log_event(LOG_LEVEL_WARNING, "report.refused", F_TEXT("name", report_name_text(run->first, text)),
		  F_TEXT("code", error_name(code)), F_TEXT("field", field));
	run->refused = code;
	run->count = 1;
	return error;
}

/* ---- freezing */

static enum error submission_sign(struct store *store, const struct node_keys *keys, const struct position *seen,
				  struct run *run, struct bytes routing, struct outbox_submission *submission,
				  struct fault *fault)
{
	Simpul__Submission message = SIMPUL__SUBMISSION__INIT;
	struct hash leaves[LIMIT_SUBMISSION_REPORTS];
	uint8_t signature[SIGNATURE_SIZE];
	enum error error;

	message.origin = store->node;
	message.key_id = keys->key_id;
	message.epoch = run->first->epoch;
	message.stream = (Simpul__Stream)run->first->stream;
	message.first = run->first->number;
	message.seen_entry = seen->entry;
	message.seen_head = (ProtobufCBinaryData){HASH_SIZE, (uint8_t *)(uintptr_t)seen->head.bytes};
	message.routing = (ProtobufCBinaryData){routing.size, (uint8_t *)(uintptr_t)routing.data};
	message.n_reports = run->count;
	message.reports = run->pointers;
	error = submission_digest(&message, store->exchange, leaves, NULL, &submission->digest, fault);
	if (error != E_OK)
		return error;
	digest_sign(&keys->signing, SIGN_TAG_SUBMISSION, &submission->digest, signature);
	message.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
	wire_pack(&message, &submission->message);
	submission->count = run->count;
	submission->is_void = run->refused != E_OK;
	return E_OK;
}

static enum error submission_store(struct store *store, uint32_t key_id, const struct run *run,
				   const struct outbox_submission *submission, struct fault *fault)
{
	static const char put_sql[] =
		"INSERT INTO submission(epoch, stream, first, count, digest, void, message, key_id)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
	static const char mark_sql[] = "UPDATE stream SET frozen = max(frozen, ?3) WHERE epoch = ?1 AND stream = ?2";
	sqlite3_stmt *put = store_statement(store, put_sql), *mark = store_statement(store, mark_sql);
	enum error error;

	own_name_bind(put, 1, run->first);
	bind_number(put, 4, run->count);
	bind_bytes(put, 5, BYTES(submission->digest.bytes, HASH_SIZE));
	bind_number(put, 6, run->refused != E_OK);
	bind_bytes(put, 7, buffer_view(&submission->message));
	bind_number(put, 8, key_id);
	error = database_step(put, fault);
	bind_number(mark, 1, run->first->epoch);
	bind_number(mark, 2, run->first->stream);
	bind_number(mark, 3, run->first->number + run->count - 1);
	return error == E_OK ? database_step(mark, fault) : error;
}

/* Inside a transaction: gathers, seals, signs and stores what comes first. count 0 when nothing waits. */
static enum error freeze(struct store *store, const struct node_keys *keys, const struct position *seen,
			 struct run *run, struct outbox_submission *submission, struct fault *fault)
{
	struct fault refusal = {0};
	struct buffer routing = {0};
	enum error error = run_broken(store, run, fault);

	if (error == E_NOT_FOUND) {
		run->is_piece = false;
		error = run_gather(store, run, fault);
	}
	if (error != E_OK || run->count == 0)
		return error;
	if (run->is_piece) {
		buffer_bytes(&routing, run->routing);
	} else if (run->refused == E_OK) {
		error = routing_make(store, keys, run, &routing, &refusal);
		if (error == E_RECIPIENT_UNKNOWN)
			error = run_refuse(store, run, refusal.code, refusal.field, fault);
		else if (error != E_OK && fault)
			*fault = refusal;
	}
	if (error == E_OK && run->refused != E_OK) {
		error = run_void(run, fault);
		if (error == E_OK)
			error = routing_make(store, keys, run, &routing, fault);
	}
	if (error == E_OK)
		error = submission_sign(store, keys, seen, run, buffer_view(&routing), submission, fault);
	if (error == E_OK)
		error = submission_store(store, keys->key_id, run, submission, fault);
	buffer_free(&routing);
	return error;
}

/* E_NOT_FOUND unless the submission was frozen before. */
static enum error frozen_load(struct store *store, struct outbox_submission *submission, struct fault *fault)
{
	static const char sql[] = "SELECT count, digest, message, void FROM submission WHERE epoch = ?1 AND stream = ?2"
				  " AND first = ?3";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	own_name_bind(get, 1, &submission->first);
	error = store_ask(store, get, fault);
	if (error == E_OK && !hash_load(&submission->digest, column_bytes(get, 1)))
		error = fault_at(fault, E_CORRUPT, "submission");
	if (error == E_OK) {
		submission->count = column_number(get, 0);
		submission->is_void = column_number(get, 3) != 0;
		buffer_bytes(&submission->message, column_bytes(get, 2));
	}
	sqlite3_reset(get);
	return error;
}

/* E_NOT_FOUND spares the writer's lock when there is nothing to do, which is nearly always. */
static enum error anything_after(struct store *store, uint32_t stream, uint64_t after, struct fault *fault)
{
	static const char sql[] = "SELECT 1 FROM stream WHERE epoch = ?1 AND stream = ?2 AND last > ?3";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_number(get, 1, store->epoch);
	bind_number(get, 2, stream);
	bind_number(get, 3, after);
	error = store_ask(store, get, fault);
	sqlite3_reset(get);
	return error;
}

enum error outbox_next(struct store *store, const struct node_keys *keys, uint32_t stream, uint64_t after,
		       const struct position *seen, struct outbox_submission *submission, struct fault *fault)
{
	struct run run = {.first = &submission->first};
	struct arena arena;
	enum error error;

	buffer_clear(&submission->message);
	submission->count = 0;
	submission->is_void = false;
	submission->first = (struct report_name){.epoch = store->epoch, .stream = stream, .number = after + 1};
	strcpy(submission->first.origin, store->node);
	error = frozen_load(store, submission, fault);
	if (error != E_NOT_FOUND)
		return error;
	error = anything_after(store, stream, after, fault);
	if (error == E_OK)
		error = store_begin(store, fault);
	if (error != E_OK)
		return error == E_NOT_FOUND ? E_OK : error;
	arena_init(&arena);
	run.arena = &arena;
	error = freeze(store, keys, seen, &run, submission, fault);
	error = store_end(store, error, fault);
	arena_fini(&arena);
	if (error != E_OK) {
		submission->count = 0;
		buffer_clear(&submission->message);
	}
	return error;
}
