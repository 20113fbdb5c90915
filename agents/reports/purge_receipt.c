/* purge_receipt - makes purge receipts of the table `purge`, and keeps those of others in the table `purged`. */
#include "agents/reports/purge_receipt.h"
#include "agents/reports/hold_keep.h"
#include "agents/reports/purge_note.h"
#include "agents/reports/store_progress.h"
#include "agents/sink/sink_limit.h"
#include "agents/store/reference.h"
#include "common/content.h"
#include "common/log.h"
#include "common/wire.h"

#include <string.h>

/* Of a receipt's body, so that it stays well below LIMIT_REPORT. */
#define BODY_MOST (LIMIT_REPORT / 2)

/* As limit.h has it for simpul.Purged; an office may have more, and every former name counts. */
enum { SINKS_MOST = 16 };

/* ---- making */

/* What goes into one receipt; all of it in the arena. */
struct making {
	struct arena *arena;
	char *origin;
	bool is_exercise; /* streams X and XR are answered in X, the others in the main one */
	bool is_alone;	  /* what it has is to go with nothing else */
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

/* More than fit are told of as one, last: that they erased is said of all or of none. */
static void sink_add(Simpul__Purged *purged, Simpul__SinkPurge *sink, struct arena *arena)
{
	Simpul__SinkPurge *last;

	if (purged->n_sinks < SINKS_MOST) {
		purged->sinks[purged->n_sinks++] = sink;
		return;
	}
	last = purged->sinks[SINKS_MOST - 1];
	if (last->outcome != SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED ||
	    sink->outcome != SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED)
		last->outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNKNOWN;
	last->sink = arena_text(arena, PURGE_OTHER_SINKS);
	last->basis = NULL;
	last->until = 0;
}

#define FIRST_OF_NAME "(SELECT min(id) FROM purge WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4)"

/* Those that were given what was erased, or may have it from an attempt that failed, and said nothing: they fail, or
 * are no longer there. */
static enum error silent_read(struct store *store, struct arena *arena, const struct report_name *name,
			      Simpul__Purged *purged, struct fault *fault)
{
	static const char sql[] =
		"SELECT s.name, 0, '', '', 0, s.ceiling, s.statuses, s.persons, i.header, max(p.identifies)"
		" FROM purge p JOIN inbox i ON i.row = p.row JOIN sink s ON s.purged < p.id"
		" AND max(s.row, s.unsure) >= p.row WHERE p.origin = ?1 AND p.epoch = ?2 AND p.stream = ?3"
		" AND p.number = ?4 AND i.trust <> 2 AND NOT EXISTS(SELECT 1 FROM purge_sink t"
		" WHERE t.purge = " FIRST_OF_NAME " AND t.sink = s.name) GROUP BY s.name ORDER BY s.name";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	name_bind(get, 1, name);
	while ((error = store_ask(store, get, fault)) == E_OK) {
		const struct sink_limits widest = {.ceiling = (Simpul__Label)column_number(get, 5),
						   .statuses = (unsigned)column_number(get, 6),
						   .persons = column_number(get, 7) != 0};

		if (sink_had(&widest, column_bytes(get, 8), column_number(get, 9) != 0, arena))
			sink_add(purged, sink_read(arena, get), arena);
	}
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Those that said what became of their copy, this store where an order keeps what it had; what was erased last, so that
 * it is what finds no place. */
static enum error outcomes_read(struct store *store, struct arena *arena, const struct report_name *name,
				Simpul__Purged *purged, struct fault *fault)
{
	static const char sql[] =
		"SELECT sink, outcome, code, number, until FROM purge_sink WHERE purge = " FIRST_OF_NAME
		" ORDER BY outcome = 1, sink <> '" HOLD_KEEP_SINK "', sink";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	name_bind(get, 1, name);
	while ((error = store_ask(store, get, fault)) == E_OK)
		sink_add(purged, sink_read(arena, get), arena);
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* What is known by now of every sink that had a copy, whichever note it is that is answered. */
static enum error sinks_read(struct store *store, struct arena *arena, const struct report_name *name,
			     Simpul__Purged *purged, struct fault *fault)
{
	enum error error;

	purged->sinks = arena_alloc(arena, SINKS_MOST * sizeof(Simpul__SinkPurge *));
	error = silent_read(store, arena, name, purged, fault);
	return error == E_OK ? outcomes_read(store, arena, name, purged, fault) : error;
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

/* Due is what sinks were told of, or were waited for long enough; what has no row is nothing to them. */
#define DUE "answer = 1 AND due <= ?1 AND (row = 0 OR id <= ?2 OR at <= ?3)"

static void due_bind(sqlite3_stmt *statement, uint64_t told, wall_ms now)
{
	bind_number(statement, 1, now);
	bind_number(statement, 2, told);
	bind_number(statement, 3, now > PURGE_PATIENCE_MS ? now - PURGE_PATIENCE_MS : 0);
}

/* Whom the oldest that is due goes to; E_NOT_FOUND. */
static enum error origin_find(struct store *store, uint64_t told, wall_ms now, struct making *making,
			      struct fault *fault)
{
	static const char sql[] = "SELECT origin, stream FROM purge WHERE " DUE " ORDER BY id LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	due_bind(get, told, now);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		making->origin = arena_text(making->arena, column_text(get, 0));
		making->is_exercise = is_exercise(column_number(get, 1));
	}
	sqlite3_reset(get);
	return error;
}

/* An origin that is suspended, or no member any more, gets nothing: the broker would refuse it. */
static enum error origin_wait(struct store *store, const char *origin, wall_ms now, struct fault *fault)
{
	sqlite3_stmt *put =
		store_statement(store, "UPDATE purge SET due = ?2 WHERE origin = ?1 AND answer = 1 AND due < ?2");

	bind_text(put, 1, origin);
	bind_number(put, 2, now + PURGE_REFUSED_MS);
	return store_put(store, put, fault);
}

/* The first origin that can be told; E_NOT_FOUND. */
static enum error origin_choose(struct store *store, uint64_t told, wall_ms now, struct making *making,
				struct fault *fault)
{
	struct member_key key;
	enum error error;

	while ((error = origin_find(store, told, now, making, fault)) == E_OK) {
		error = store_current_key(store, making->origin, &key, fault);
		if (error != E_KEY_UNKNOWN)
			return error;
		error = origin_wait(store, making->origin, now, fault);
		if (error != E_OK)
			return error;
	}
	return error;
}

/* Adds what a row says. False when it is to go alone and others are there. */
static bool making_add(struct making *making, sqlite3_stmt *row, Simpul__Purged **purged)
{
	making->is_alone = column_number(row, 7) != 0;
	if (making->is_alone && making->count > 0)
		return false;
	*purged = purged_read(making->arena, row);
	making->id[making->count] = column_number(row, 0);
	making->purged[making->count++] = *purged;
	return true;
}

/* Gathers what is due to the origin that was chosen. */
static enum error making_gather(struct store *store, uint64_t told, wall_ms now, struct making *making,
				struct fault *fault)
{
	static const char sql[] = "SELECT id, origin, epoch, stream, number, rule, at, alone FROM purge WHERE " DUE
				  " AND origin = ?4 AND (stream & 1) = ?5 ORDER BY id LIMIT 64";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error = E_OK;

	due_bind(get, told, now);
	bind_text(get, 4, making->origin);
	bind_number(get, 5, making->is_exercise);
	while (making->count < LIMIT_PURGED && making->size < BODY_MOST && !making->is_alone &&
	       (error = store_ask(store, get, fault)) == E_OK) {
		const struct report_name name = name_column(get, 1);
		Simpul__Purged *purged;

		if (!making_add(making, get, &purged))
			break;
		error = sinks_read(store, making->arena, &name, purged, fault);
		if (error != E_OK)
			break;
		making->size += protobuf_c_message_get_packed_size(&purged->base);
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
	uint64_t told;
	enum error error;

	arena_init(&arena);
	making.arena = &arena;
	error = told_upto(store, sinks, &told, fault);
	if (error == E_OK)
		error = origin_choose(store, told, now, &making, fault);
	if (error == E_OK)
		error = making_gather(store, told, now, &making, fault);
	error = error == E_NOT_FOUND ? E_OK : error;
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

/* ---- refused */

/* The body of a purge receipt of this office's outbox, in the arena; E_NOT_FOUND when it is another kind. */
static enum error own_receipt_read(struct store *store, const struct report_name *name, struct arena *arena,
				   const Simpul__PurgeReceipt **receipt, struct fault *fault)
{
	static const char sql[] = "SELECT body FROM outbox_report WHERE epoch = ?1 AND stream = ?2 AND number = ?3"
				  " AND kind = 6";
	sqlite3_stmt *get = store_statement(store, sql);
	const Simpul__Body *body;
	enum error error;

	own_name_bind(get, 1, name);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		body = wire_unpack(&simpul__body__descriptor, column_bytes(get, 0), arena, fault);
		*receipt = body != NULL ? body->purge_receipt : NULL;
		error = *receipt != NULL ? E_OK : fault_at(fault, E_CORRUPT, "outbox_report.body");
	}
	sqlite3_reset(get);
	return error;
}

/* What hangs on others, on who is in the exchange and in its policy, or on a clock; anything else is what it says. */
static bool refusal_passes(enum error code)
{
	return error_remedy(code) != REMEDY_CORRECT || code == E_EMPTY_AUDIENCE || code == E_RECIPIENT_UNKNOWN ||
	       code == E_MAY_NOT_PUBLISH || code == E_CLOCK;
}

/* Of one answer; `among`: the receipt had others. */
static enum error answer_refused(struct store *store, const Simpul__Purged *purged, bool among, enum error code,
				 wall_ms now, struct fault *fault)
{
	struct report_name meant;

	if (!name_read(purged->name, &meant))
		return E_OK;
	if (refusal_passes(code))
		return purge_note_unheard(store, &meant, purged->at, now + PURGE_REFUSED_MS, false, fault);
	return among ? purge_note_unheard(store, &meant, purged->at, now, true, fault)
		     : purge_note_refused(store, &meant, purged->at, now, fault);
}

enum error purge_receipt_refused(struct store *store, const struct report_name *name, enum error code, wall_ms now,
				 struct fault *fault)
{
	const Simpul__PurgeReceipt *receipt = NULL;
	struct arena arena;
	enum error error;

	arena_init(&arena);
	error = own_receipt_read(store, name, &arena, &receipt, fault);
	for (size_t i = 0; error == E_OK && i < receipt->n_purged; i++)
		error = answer_refused(store, receipt->purged[i], receipt->n_purged > 1, code, now, fault);
	arena_fini(&arena);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* ---- taking */

/* The newest of a node counts, in the order of the broker's journal: one that verifies late comes after it. Entries
 * alone are no order, for a broker that was restored gives their numbers once more, and times alone are none within
 * one. */
static enum error purged_store(struct store *store, const Simpul__Entry *entry, const Simpul__Purged *purged,
			       struct fault *fault)
{
	static const char sql[] =
		"INSERT INTO purged(epoch, stream, number, node, key_id, accepted_at, entry, rule, at, sinks)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO UPDATE SET key_id = excluded.key_id,"
		" accepted_at = excluded.accepted_at, entry = excluded.entry, rule = excluded.rule, at = excluded.at,"
		" sinks = excluded.sinks WHERE (excluded.accepted_at, excluded.entry) >= (accepted_at, entry)";
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
	bind_number(put, 7, entry->entry);
	bind_number(put, 8, purged->rule);
	bind_number(put, 9, purged->at <= INT64_MAX ? purged->at : INT64_MAX);
	bind_bytes(put, 10, buffer_view(&encoded));
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
