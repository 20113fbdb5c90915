/* purge_receipt - makes purge receipts of the table `purge`, and keeps those of others in the table `purged`. */
#include "agents/purge_receipt.h"
#include "agents/hold_keep.h"
#include "agents/reference.h"
#include "agents/store_progress.h"
#include "common/content.h"
#include "common/log.h"
#include "common/wire.h"

#include <string.h>

/* Of a receipt's body, so that it stays well below LIMIT_REPORT. */
#define BODY_MOST (LIMIT_REPORT / 2)

enum { SINKS_MOST = 16 }; /* as limit.h has it for simpul.Purged */

/* ---- making */

/* What goes into one receipt; all of it in the arena. */
struct making {
	struct arena *arena;
	char *origin;
	bool is_exercise; /* streams X and XR are answered in X, the others in the main one */
	size_t count, size;
	Simpul__Purged *purged[LIMIT_PURGED];
	uint64_t id[LIMIT_PURGED];
};

static Simpul__Purged *purged_read(struct arena *arena, sqlite3_stmt *row)
{
	Simpul__Purged *purged = arena_alloc(arena, sizeof *purged);
	Simpul__Name *name = arena_alloc(arena, sizeof *name);

	simpul__purged__init(purged);
	simpul__name__init(name);
	name->origin = arena_text(arena, column_text(row, 1));
	name->epoch = (uint32_t)column_number(row, 2);
	name->stream = (Simpul__Stream)column_number(row, 3);
	name->number = column_number(row, 4);
	purged->name = name;
	purged->rule = (Simpul__PurgeRule)column_number(row, 5);
	purged->at = column_number(row, 6);
	return purged;
}

/* One sink of a row (name, outcome, code, number, until); what said nothing is UNKNOWN. */
static Simpul__SinkPurge *sink_read(struct arena *arena, sqlite3_stmt *row)
{
	Simpul__SinkPurge *sink = arena_alloc(arena, sizeof *sink);

	simpul__sink_purge__init(sink);
	sink->sink = arena_text(arena, column_text(row, 0));
	sink->outcome = (Simpul__PurgeOutcome)column_number(row, 1);
	if (sink->outcome == SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNSPECIFIED)
		sink->outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNKNOWN;
	if (sink->outcome != SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD)
		return sink;
	sink->basis = arena_alloc(arena, sizeof *sink->basis);
	simpul__legal_basis__init(sink->basis);
	sink->basis->code = arena_text(arena, column_text(row, 2));
	sink->basis->number = arena_text(arena, column_text(row, 3));
	sink->until = column_number(row, 4);
	return sink;
}

/* Those that said what became of their copy, this store where an order keeps what it had, and those that were given the
 * report, or may have it from an attempt that failed, and did not: they fail, or are no longer there. */
static enum error sinks_read(struct store *store, struct arena *arena, uint64_t id, uint64_t row,
			     Simpul__Purged *purged, struct fault *fault)
{
	static const char sql[] =
		"SELECT * FROM (SELECT sink, outcome, code, number, until FROM purge_sink WHERE purge = ?1 UNION ALL"
		" SELECT s.name, 0, '', '', 0 FROM sink s WHERE s.purged < ?1 AND ?2 > 0 AND max(s.row, s.unsure) >= ?2"
		" AND NOT EXISTS(SELECT 1 FROM purge_sink p WHERE p.purge = ?1 AND p.sink = s.name))"
		" ORDER BY sink <> '" HOLD_KEEP_SINK "', sink LIMIT 16";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	purged->sinks = arena_alloc(arena, SINKS_MOST * sizeof(Simpul__SinkPurge *));
	bind_number(get, 1, id);
	bind_number(get, 2, row);
	while ((error = store_ask(store, get, fault)) == E_OK)
		purged->sinks[purged->n_sinks++] = sink_read(arena, get);
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

static bool is_exercise(uint64_t stream)
{
	return stream == SIMPUL__STREAM__STREAM_EXERCISE || stream == SIMPUL__STREAM__STREAM_EXERCISE_RED;
}

/* Events up to this one every sink has been told of. */
static enum error told_upto(struct store *store, const struct purge_sinks *sinks, uint64_t *told, struct fault *fault)
{
	enum error error = E_OK;
	uint64_t purge;

	*told = INT64_MAX;
	for (size_t i = 0; error == E_OK && i < sinks->count; i++) {
		error = store_sink_purged(store, sinks->list[i].name, &purge, fault);
		*told = purge < *told ? purge : *told;
	}
	return error;
}

bool purge_receipts_told(struct store *store, const struct purge_sinks *sinks)
{
	sqlite3_stmt *get = store_statement(store, "SELECT id FROM purge WHERE answer = 1 ORDER BY id DESC LIMIT 1");
	uint64_t told = 0, last = 0;

	if (told_upto(store, sinks, &told, NULL) == E_OK && store_ask(store, get, NULL) == E_OK)
		last = column_number(get, 0);
	sqlite3_reset(get);
	return told >= last;
}

/* Gathers what goes to the origin of the oldest that is due: its sinks are told, or were waited for long enough. */
static enum error making_gather(struct store *store, const struct purge_sinks *sinks, wall_ms now,
				struct making *making, struct fault *fault)
{
	static const char sql[] =
		"SELECT id, origin, epoch, stream, number, rule, at, row FROM purge WHERE answer = 1 AND (id <= ?1 OR"
		" at <= ?2) AND (origin, stream & 1) = (SELECT p.origin, p.stream & 1 FROM purge p WHERE p.answer = 1"
		" AND (p.id <= ?1 OR p.at <= ?2) ORDER BY p.id LIMIT 1) ORDER BY id LIMIT 64";
	sqlite3_stmt *get = store_statement(store, sql);
	uint64_t told;
	enum error error = told_upto(store, sinks, &told, fault);

	if (error != E_OK)
		return error;
	bind_number(get, 1, told);
	bind_number(get, 2, now > PURGE_PATIENCE_MS ? now - PURGE_PATIENCE_MS : 0);

	while (making->count < LIMIT_PURGED && making->size < BODY_MOST &&
	       (error = store_ask(store, get, fault)) == E_OK) {
		Simpul__Purged *purged = purged_read(making->arena, get);

		error = sinks_read(store, making->arena, column_number(get, 0), column_number(get, 7), purged, fault);
		if (error != E_OK)
			break;
		making->id[making->count] = column_number(get, 0);
		making->purged[making->count++] = purged;
		making->size += protobuf_c_message_get_packed_size(&purged->base);
		making->origin = purged->name->origin;
		making->is_exercise = is_exercise(purged->name->stream);
	}
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error answered_note(struct store *store, const struct making *making, struct fault *fault)
{
	sqlite3_stmt *put = store_statement(store, "UPDATE purge SET answer = 2 WHERE id = ?1");
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < making->count; i++) {
		bind_number(put, 1, making->id[i]);
		error = database_step(put, fault);
	}
	return error;
}

static enum error receipt_take(struct store *store, struct making *making, wall_ms now, struct fault *fault)
{
	Simpul__PurgeReceipt receipt = SIMPUL__PURGE_RECEIPT__INIT;
	Simpul__Routing routing = SIMPUL__ROUTING__INIT;
	Simpul__Header header = SIMPUL__HEADER__INIT;
	Simpul__Body body = SIMPUL__BODY__INIT;
	struct prepared prepared = {.header = &header, .body = &body, .routing = &routing}, *list = &prepared;
	const char *source = "purge";
	struct report_name name;

	header.created_at = now;
	header.status = making->is_exercise ? SIMPUL__STATUS__STATUS_EXERCISE : SIMPUL__STATUS__STATUS_ACTUAL;
	header.kind = SIMPUL__KIND__KIND_PURGE_RECEIPT;
	header.msg_type = msg_type_of(header.kind);
	header.form = SIMPUL__BODY_FORM__BODY_FORM_PLAIN;
	routing.n_to = 1;
	routing.to = &making->origin;
	receipt.n_purged = making->count;
	receipt.purged = making->purged;
	body.content_case = SIMPUL__BODY__CONTENT_PURGE_RECEIPT;
	body.purge_receipt = &receipt;
	prepared.stream = stream_of(header.status, header.label);
	return outbox_take(store, &list, &source, 1, true, &name, fault);
}

enum error purge_receipt_make(struct store *store, const struct purge_sinks *sinks, wall_ms now, bool *made,
			      struct fault *fault)
{
	struct making making = {0};
	struct arena arena;
	enum error error;

	arena_init(&arena);
	making.arena = &arena;
	error = making_gather(store, sinks, now, &making, fault);
	*made = error == E_OK && making.count > 0;
	if (*made) {
		error = store_begin(store, fault);
		if (error == E_OK) {
			error = receipt_take(store, &making, now, fault);
			if (error == E_OK)
				error = answered_note(store, &making, fault);
			error = store_end(store, error, fault);
		}
	}
	arena_fini(&arena);
	return error;
}

/* ---- taking */

static enum error purged_store(struct store *store, const Simpul__Entry *entry, const Simpul__Purged *purged,
			       struct fault *fault)
{
	static const char sql[] =
		"INSERT OR REPLACE INTO purged(epoch, stream, number, node, key_id, accepted_at, rule, at, sinks)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
	sqlite3_stmt *put = store_statement(store, sql);
	Simpul__Purged sinks = SIMPUL__PURGED__INIT;
	struct buffer encoded = {0};
	enum error error;

	sinks.n_sinks = purged->n_sinks;
	sinks.sinks = purged->sinks;
	wire_pack(&sinks, &encoded);
	bind_number(put, 1, purged->name->epoch);
	bind_number(put, 2, purged->name->stream);
	bind_number(put, 3, purged->name->number);
	bind_text(put, 4, entry->delivery->origin);
	bind_number(put, 5, entry->delivery->key_id);
	bind_number(put, 6, entry->accepted_at);
	bind_number(put, 7, purged->rule);
	bind_number(put, 8, purged->at <= INT64_MAX ? purged->at : INT64_MAX);
	bind_bytes(put, 9, buffer_view(&encoded));
	error = database_step(put, fault);
	buffer_free(&encoded);
	return error;
}

static enum error receipt_keep(struct store *store, const Simpul__Entry *entry, const Simpul__PurgeReceipt *receipt,
			       struct fault *fault)
{
	uint64_t ignored = 0;
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < receipt->n_purged; i++) {
		error = own_report_find(store, receipt->purged[i]->name, fault);
		ignored += error == E_NOT_FOUND;
		error = error == E_OK	       ? purged_store(store, entry, receipt->purged[i], fault)
			: error == E_NOT_FOUND ? E_OK
					       : error;
	}
	if (ignored > 0)
		log_event(LOG_LEVEL_WARNING, "inbox.purge_ignored", F_TEXT("node", entry->delivery->origin),
			  F_NUM("entry", entry->entry), F_NUM("reports", ignored));
	return error;
}

/* NULL when the body is none that this kind may have. */
static const Simpul__PurgeReceipt *receipt_read(const struct verified_report *report, struct arena *arena)
{
	const Simpul__Body *body = wire_unpack(&simpul__body__descriptor, report->body, arena, NULL);
	struct fault fault;

	return body != NULL && body_check(report->header, body, &fault) == E_OK ? body->purge_receipt : NULL;
}

enum error purge_receipts_take(struct store *store, const Simpul__Entry *entry, struct verified_report *reports,
			       struct arena *arena, struct fault *fault)
{
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < entry->delivery->n_reports; i++) {
		struct verified_report *report = &reports[i];
		const Simpul__PurgeReceipt *receipt;

		if (!report->is_present || report->trust == TRUST_BAD ||
		    report->header->kind != SIMPUL__KIND__KIND_PURGE_RECEIPT)
			continue;
		receipt = receipt_read(report, arena);
		if (receipt == NULL) {
			report->trust = TRUST_BAD;
			report->why = E_INVALID;
			continue;
		}
		if (report->trust == TRUST_GOOD)
			error = receipt_keep(store, entry, receipt, fault);
	}
	return error;
}

void purge_receipts_hide(const Simpul__Delivery *delivery, struct verified_report *reports)
{
	for (size_t i = 0; i < delivery->n_reports; i++)
		if (reports[i].is_present && reports[i].trust != TRUST_BAD &&
		    reports[i].header->kind == SIMPUL__KIND__KIND_PURGE_RECEIPT)
			reports[i].is_present = false;
}

enum error purge_receipts_doubt(struct store *store, const Simpul__MemberStanding *standing, struct fault *fault)
{
	sqlite3_stmt *drop =
		store_statement(store, "DELETE FROM purged WHERE node = ?1 AND key_id = ?2 AND accepted_at >= ?3");

	bind_text(drop, 1, standing->node);
	bind_number(drop, 2, standing->key_id);
	bind_number(drop, 3, standing->since);
	return database_step(drop, fault);
}
