/* outbox - takes reports in with their numbers, compares and counts them.
 *
 * How submissions are made of them stands in outbox_submission.c, what the broker answers in outbox_answer.c. */
#include "agents/reports/outbox.h"
#include "agents/store/reference.h"
#include "agents/store/store_stream.h"
#include "common/content.h"
#include "common/wire.h"

#include <sodium.h>
#include <string.h>

#define ROUTING_KEY_TAG "simpul/outbox-routing/1"
/* At most so many bytes more than the plain parts: of a SealedBody, and of a KeyWrap with its node's name. */
#define SEAL_OVERHEAD 64
#define WRAP_OVERHEAD 168

/* ---- taking */

/* A report in its three strings, as the outbox keeps them. */
struct packed {
	struct buffer routing, header, body;
	struct hash routing_key;
};

static void text_put(struct buffer *out, const char *text)
{
	buffer_u16(out, (uint16_t)strlen(text));
	buffer_text(out, text);
}

/* Hash of all that must be equal in a submission: the routing, and what of the header decides an audience. */
static struct hash routing_key_of(const Simpul__Header *header, struct bytes routing)
{
	struct buffer layout = {0};
	struct hash key;

	buffer_bytes(&layout, routing);
	buffer_u32(&layout, (uint32_t)routing.size);
	buffer_u32(&layout, header->status);
	buffer_u32(&layout, header->kind);
	buffer_u32(&layout, header->about);
	buffer_u32(&layout, header->label);
	buffer_u32(&layout, header->form);
	text_put(&layout, header->category);
	text_put(&layout, header->region);
	for (size_t i = 0; i < header->n_protection; i++)
		buffer_u32(&layout, header->protection[i]);
	key = hash_tagged(ROUTING_KEY_TAG, buffer_view(&layout));
	buffer_free(&layout);
	return key;
}

static bool is_sealed(const Simpul__Header *header)
{
	return header->form == SIMPUL__BODY_FORM__BODY_FORM_SEALED;
}

static enum error sizes_check(const struct prepared *prepared, const struct packed *packed, struct fault *fault)
{
	const bool sealed = is_sealed(prepared->header);
	const size_t wraps = sealed ? (prepared->routing->n_to + 1) * WRAP_OVERHEAD : 0;

	if (packed->header.size > LIMIT_HEADER)
		return fault_at(fault, E_TOO_LARGE, "header");
	if (packed->header.size + packed->body.size + (sealed ? SEAL_OVERHEAD : 0) > LIMIT_REPORT)
		return fault_at(fault, E_TOO_LARGE, "body");
	if (packed->routing.size + wraps + 2 * SALT_SIZE > LIMIT_ROUTING)
		return fault_at(fault, E_TOO_LARGE, "routing");
	return E_OK;
}

/* Sets name and salts for the time of packing only: the prepared report stays as it was. */
static void report_pack(const struct prepared *prepared, const struct report_name *name, struct packed *packed)
{
	Simpul__Name message = SIMPUL__NAME__INIT;
	uint8_t salts[2 * SALT_SIZE];
	Simpul__Header header = *prepared->header;
	Simpul__Body body = *prepared->body;

	message.origin = (char *)(uintptr_t)name->origin;
	message.epoch = name->epoch;
	message.stream = (Simpul__Stream)name->stream;
	message.number = name->number;
	randombytes_buf(salts, sizeof salts);
	header.name = &message;
	header.salt = (ProtobufCBinaryData){SALT_SIZE, salts};
	body.salt = (ProtobufCBinaryData){SALT_SIZE, salts + SALT_SIZE};
	buffer_clear(&packed->routing);
	buffer_clear(&packed->header);
	buffer_clear(&packed->body);
	wire_pack(prepared->routing, &packed->routing);
	wire_pack(&header, &packed->header);
	wire_pack(&body, &packed->body);
	packed->routing_key = routing_key_of(prepared->header, buffer_view(&packed->routing));
}

/* Nobody can be sealed to without a key; better heard of now than when it is sent. */
static enum error recipients_check(struct store *store, const struct prepared *prepared, struct fault *fault)
{
	struct member_key key;

	if (!is_sealed(prepared->header))
		return E_OK;
	for (size_t i = 0; i < prepared->routing->n_to; i++) {
		enum error error = store_current_key(store, prepared->routing->to[i], &key, fault);

		if (error == E_KEY_UNKNOWN)
			return fault_at(fault, E_RECIPIENT_UNKNOWN, "to[%zu]", i);
		if (error != E_OK)
			return error;
	}
	return E_OK;
}

/* The report that a header refers to, "" when it refers to none. */
static const char *reference_text(const Simpul__Header *header, const char *origin, char text[REPORT_NAME_SIZE])
{
	struct report_name meant;

	return reference_of(header, origin, &meant) ? report_name_text(&meant, text) : "";
}

static enum error report_store(struct store *store, const struct report_name *name, const struct prepared *prepared,
			       const struct packed *packed, const char *source, wall_ms now, struct fault *fault)
{
	static const char sql[] =
		"INSERT INTO outbox_report(epoch, stream, number, routing_key, alone, sealed, kind, label, category,"
		" region, taken_at, source, routing, header, body, reference, expires)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
	sqlite3_stmt *put = store_statement(store, sql);
	char reference[REPORT_NAME_SIZE];

	own_name_bind(put, 1, name);
	bind_bytes(put, 4, BYTES(packed->routing_key.bytes, HASH_SIZE));
	bind_number(put, 5, kind_travels_alone(prepared->header->kind));
	bind_number(put, 6, is_sealed(prepared->header));
	bind_number(put, 7, prepared->header->kind);
	bind_number(put, 8, prepared->header->label);
	bind_text(put, 9, prepared->header->category);
	bind_text(put, 10, prepared->header->region);
	bind_number(put, 11, now);
	bind_text(put, 12, source ? source : "");
	bind_bytes(put, 13, buffer_view(&packed->routing));
	bind_bytes(put, 14, buffer_view(&packed->header));
	bind_bytes(put, 15, buffer_view(&packed->body));
	bind_text(put, 16, reference_text(prepared->header, name->origin, reference));
	bind_number(put, 17, prepared->header->expires);
	return database_step(put, fault);
}

/* Numbers and stores all; `last` are the streams' newest numbers and are moved on. */
static enum error reports_store(struct store *store, struct prepared *const *prepared, const char *const *sources,
				size_t count, uint64_t last[STREAMS], struct report_name *names, struct fault *fault)
{
	const wall_ms now = clock_now().wall;
	struct packed packed = {0};
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < count; i++) {
		struct report_name *name = &names[i];

		memset(name, 0, sizeof *name);
		strcpy(name->origin, store->node);
		name->epoch = store->epoch;
		name->stream = prepared[i]->stream;
		name->number = ++last[name->stream];
		report_pack(prepared[i], name, &packed);
		error = sizes_check(prepared[i], &packed, fault);
		if (error == E_OK)
			error = recipients_check(store, prepared[i], fault);
		if (error == E_OK)
			error = report_store(store, name, prepared[i], &packed, sources ? sources[i] : NULL, now,
					     fault);
		if (error != E_OK && count > 1)
			fault_within(fault, "reports[%zu]", i);
	}
	buffer_free(&packed.routing);
	buffer_free(&packed.header);
	buffer_free(&packed.body);
	return error;
}

static enum error take_joined(struct store *store, struct prepared *const *prepared, const char *const *sources,
			      size_t count, struct report_name *names, struct fault *fault)
{
	uint64_t before[STREAMS], last[STREAMS];
	enum error error = E_OK;

	for (uint32_t i = 0; error == E_OK && i < STREAMS; i++) {
		error = store_stream(store, i, STREAM_LAST, &before[i], fault);
		last[i] = before[i];
	}
	if (error == E_OK)
		error = reports_store(store, prepared, sources, count, last, names, fault);
	for (uint32_t i = 0; error == E_OK && i < STREAMS; i++)
		if (last[i] > before[i])
			error = store_set_stream_last(store, i, last[i], fault);
	return error;
}

enum error outbox_take(struct store *store, struct prepared *const *prepared, const char *const *sources, size_t count,
		       bool joined, struct report_name *names, struct fault *fault)
{
	enum error error;

	for (size_t i = 0; i < count; i++)
		if (prepared[i]->stream >= STREAMS)
			return fault_at(fault, E_STREAM, "reports[%zu]", i);
	if (joined)
		return take_joined(store, prepared, sources, count, names, fault);
	error = store_begin(store, fault);
	if (error != E_OK)
		return error;
	error = take_joined(store, prepared, sources, count, names, fault);
	return store_end(store, error, fault);
}

/* ---- comparing and counting */

/* E_NOT_FOUND unless `state` is one that this outbox brought about. */
static enum error state_find(struct store *store, const Simpul__StreamState *state, struct fault *fault)
{
	static const char sql[] = "SELECT first + count - 1, digest FROM submission"
				  " WHERE epoch = ?1 AND stream = ?2 AND first <= ?3 ORDER BY first DESC LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_number(get, 1, state->epoch);
	bind_number(get, 2, state->stream);
	bind_number(get, 3, state->last);
	error = store_ask(store, get, fault);
	if (error == E_OK && (column_number(get, 0) != state->last ||
			      !bytes_equal(column_bytes(get, 1), BYTES(state->digest.data, state->digest.len))))
		error = E_NOT_FOUND;
	sqlite3_reset(get);
	return error;
}

enum error outbox_compare(struct store *store, const Simpul__Welcome *welcome, struct fault *fault)
{
	uint64_t at_broker[STREAMS] = {0}, receipted;
	enum error error;

	for (size_t i = 0; i < welcome->n_streams; i++) {
		const Simpul__StreamState *state = welcome->streams[i];

		if (state->epoch > store->epoch)
			return fault_at(fault, E_HISTORY_DIFFERS, "streams[%zu].epoch", i);
		if (state->epoch < store->epoch || state->last == 0)
			continue;
		error = (uint32_t)state->stream < STREAMS ? state_find(store, state, fault) : E_NOT_FOUND;
		if (error == E_NOT_FOUND)
			return fault_at(fault, E_HISTORY_DIFFERS, "streams[%zu]", i);
		if (error != E_OK)
			return error;
		at_broker[state->stream] = state->last;
	}
	for (uint32_t i = 0; i < STREAMS; i++) {
		error = store_stream(store, i, STREAM_RECEIPTED, &receipted, fault);
		if (error != E_OK)
			return error;
		if (receipted > at_broker[i]) /* a receipt means on disk: the broker lost it */
			return fault_at(fault, E_HISTORY_DIFFERS, "streams: receipted");
	}
	return E_OK;
}

uint64_t outbox_receipted(struct store *store, uint32_t stream)
{
	uint64_t number;

	store_stream(store, stream, STREAM_RECEIPTED, &number, NULL);
	return number;
}

void outbox_count(struct store *store, struct outbox_counts *counts)
{
	/* By streams rather than by rows: there may be a million. A refused report whose VOID is under way counts as
	 * refused. */
	static const char sql[] = "SELECT coalesce(sum(last - frozen), 0), coalesce(sum(frozen - receipted), 0),"
				  " coalesce(sum(receipted), 0) FROM stream";
	static const char refused_sql[] =
		"SELECT count(*), coalesce(sum(o.number <= s.receipted), 0), coalesce(sum(o.number > s.frozen), 0)"
		" FROM outbox_report o CROSS JOIN stream s ON s.epoch = o.epoch AND s.stream = o.stream"
		" WHERE o.code <> 0";
	sqlite3_stmt *get = store_statement(store, sql), *refused = store_statement(store, refused_sql);

	*counts = (struct outbox_counts){0};
	if (store_ask(store, get, NULL) == E_OK)
		*counts = (struct outbox_counts){.waiting = column_number(get, 0),
						 .sent = column_number(get, 1),
						 .accepted = column_number(get, 2)};
	if (store_ask(store, refused, NULL) == E_OK) {
		const uint64_t receipted = column_number(refused, 1), waiting = column_number(refused, 2);

		counts->refused = column_number(refused, 0);
		counts->accepted -= receipted;
		counts->waiting -= waiting;
		counts->sent -= counts->refused - receipted - waiting;
	}
	sqlite3_reset(get);
	sqlite3_reset(refused);
}
