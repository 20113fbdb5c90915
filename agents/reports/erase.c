/* erase - empties rows of the inbox, and the proofs that hold a body whole. */
#include "agents/reports/erase.h"
#include "agents/reports/hold_keep.h"
#include "agents/reports/inbox.h"
#include "agents/reports/purge_note.h"
#include "agents/reports/quarantine.h"
#include "agents/sink/sink_limit.h"
#include "common/limit.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/seal.h"
#include "common/wire.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 256 };

/* ---- one row */

/* What is to be known of a row before its body goes. */
struct doomed {
	uint64_t row, delivery_id, index;
	struct report_name name;
	bool is_bad;
	uint8_t content_key[KEY_SIZE];
	bool sealed, wrapped;
	bool has_hash;	 /* it came without a body */
	bool identifies; /* its body does */
	struct hash hash;
	struct bytes body;
	Simpul__Delivery *proof; /* NULL: it is damaged */
};

/* E_NOT_FOUND when it is erased already. */
static enum error doomed_read(struct store *store, uint64_t row, struct arena *arena, struct doomed *doomed,
			      struct fault *fault)
{
	static const char sql[] =
		"SELECT i.delivery_id, i.idx, i.origin, i.epoch, i.stream, i.number, i.trust, i.body, d.content_key,"
		" d.proof, i.body_hash, length(d.wrap) > 0 FROM inbox i JOIN inbox_delivery d USING(delivery_id)"
		" WHERE i.row = ?1 AND i.erased_at = 0 AND i.notice = 0";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	memset(doomed, 0, sizeof *doomed);
	bind_number(get, 1, row);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		doomed->row = row;
		doomed->delivery_id = column_number(get, 0);
		doomed->index = column_number(get, 1);
		doomed->name = name_column(get, 2);
		doomed->is_bad = column_number(get, 6) == TRUST_BAD;
		doomed->body = arena_bytes(arena, column_bytes(get, 7));
		doomed->identifies = sink_body_identifies(doomed->body, arena);
		doomed->sealed = column_bytes(get, 8).size == KEY_SIZE;
		if (doomed->sealed)
			memcpy(doomed->content_key, column_bytes(get, 8).data, KEY_SIZE);
		doomed->has_hash = hash_load(&doomed->hash, column_bytes(get, 10));
		doomed->wrapped = column_number(get, 11) != 0;
		doomed->proof = wire_unpack(&simpul__delivery__descriptor, column_bytes(get, 9), arena, NULL);
		if (doomed->proof != NULL && doomed->index >= doomed->proof->n_reports)
			doomed->proof = NULL;
	}
	sqlite3_reset(get);
	return error;
}

/* H of the body string as it was signed. */
static struct hash body_hash_of(const struct store *store, const struct doomed *doomed)
{
	const struct body_place place = {.exchange = store->exchange, .name = doomed->name};
	struct buffer sealed = {0};
	struct hash hash;

	if (doomed->has_hash)
		return doomed->hash;
	if (!doomed->sealed)
		return hash_of(doomed->body);
	body_seal(doomed->content_key, &place, doomed->body, &sealed);
	hash = hash_of(buffer_view(&sealed));
	buffer_free(&sealed);
	return hash;
}

/* It proves nothing any more, and keeps no other row from being erased; what was kept whole may be in it. */
static enum error proof_damaged(struct store *store, const struct doomed *doomed, struct fault *fault)
{
	sqlite3_stmt *put = store_statement(store, "UPDATE inbox_delivery SET proof = x'' WHERE delivery_id = ?1");

	log_event(LOG_LEVEL_ERROR, "store.failed", F_TEXT("code", error_name(E_CORRUPT)),
		  F_TEXT("field", "inbox_delivery.proof"));
	if (!doomed->is_bad)
		return E_OK;
	bind_number(put, 1, doomed->delivery_id);
	return database_step(put, fault);
}

/* A report that is kept whole as evidence is kept without its body from now on; `hash` receives that of the body. */
static enum error proof_empty(struct store *store, const struct doomed *doomed, struct hash *hash, struct fault *fault)
{
	sqlite3_stmt *put = store_statement(store, "UPDATE inbox_delivery SET proof = ?2 WHERE delivery_id = ?1");
	Simpul__DeliveredReport *report;
	struct buffer proof = {0};
	enum error error;

	if (doomed->proof == NULL)
		return proof_damaged(store, doomed, fault);
	report = doomed->proof->reports[doomed->index];
	if (report->body.len == 0)
		return E_OK;
	*hash = hash_of(of_binary(report->body));
	report->body = (ProtobufCBinaryData){0};
	report->body_hash = (ProtobufCBinaryData){HASH_SIZE, hash->bytes};
	wire_pack(doomed->proof, &proof);
	bind_number(put, 1, doomed->delivery_id);
	bind_bytes(put, 2, buffer_view(&proof));
	error = database_step(put, fault);
	buffer_free(&proof);
	return error;
}

/* The key that opens the bodies of a delivery goes with the last of them, and so does the wrap that a former key of
 * this office may open. */
static enum error content_key_drop(struct store *store, const struct doomed *doomed, struct fault *fault)
{
	static const char sql[] =
		"UPDATE inbox_delivery SET content_key = x'', wrap = x'', wrap_key_id = 0"
		" WHERE delivery_id = ?1 AND NOT EXISTS(SELECT 1 FROM inbox WHERE origin = ?2 AND epoch = ?3 AND stream"
		" = ?4 AND number BETWEEN ?5 AND ?6 AND delivery_id = ?1 AND erased_at = 0)";
	const size_t count = doomed->proof != NULL ? doomed->proof->n_reports : LIMIT_SUBMISSION_REPORTS;
	sqlite3_stmt *put = store_statement(store, sql);

	if (!doomed->sealed && !doomed->wrapped)
		return E_OK;
	bind_number(put, 1, doomed->delivery_id);
	name_bind(put, 2, &doomed->name);
	bind_number(put, 5, doomed->name.number - doomed->index);
	bind_number(put, 6, doomed->name.number - doomed->index + count - 1);
	return database_step(put, fault);
}

static enum error row_empty(struct store *store, const struct doomed *doomed, const struct hash *hash,
			    Simpul__PurgeRule rule, wall_ms now, struct fault *fault)
{
	static const char sql[] =
		"UPDATE inbox SET body = x'', body_hash = ?2, erased_at = ?3, rule = ?4 WHERE row = ?1";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, doomed->row);
	bind_bytes(put, 2, BYTES(hash->bytes, HASH_SIZE));
	bind_number(put, 3, now);
	bind_number(put, 4, rule);
	store->wipe_due = true;
	return database_step(put, fault);
}

/* ---- what is told of it */

/* The origin hears of it unless somebody else may have made the row up: only a retraction holds for whatever bears the
 * name. */
static enum error erased_note(struct store *store, const struct doomed *doomed, Simpul__PurgeRule rule, wall_ms now,
			      struct fault *fault)
{
	const struct purge_note note = {.name = doomed->name,
					.row = doomed->row,
					.identifies = doomed->identifies,
					.told = !doomed->is_bad || rule == SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED,
					.rule = rule};
	uint64_t purge;
	enum error error = purge_note_add(store, &note, now, &purge, fault);

	return error == E_OK ? hold_keep_told(store, &doomed->name, purge, now, fault) : error;
}

/* Nothing of it is here: the origin may know. */
static enum error absence_note(struct store *store, const struct report_name *name, wall_ms now, struct fault *fault)
{
	const struct purge_note note = {.name = *name, .told = true, .rule = SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED};
	uint64_t purge;

	return purge_note_add(store, &note, now, &purge, fault);
}

enum error erase_row(struct store *store, uint64_t row, Simpul__PurgeRule rule, wall_ms now, struct fault *fault)
{
	struct doomed doomed;
	struct arena arena;
	struct hash hash;
	enum error error;

	arena_init(&arena);
	error = doomed_read(store, row, &arena, &doomed, fault);
	if (error == E_OK) {
		hash = body_hash_of(store, &doomed);
		error = doomed.is_bad ? E_OK : hold_keep_row(store, row, &doomed.name, rule, now, fault);
		if (error == E_OK)
			error = proof_empty(store, &doomed, &hash, fault);
		if (error == E_OK)
			error = row_empty(store, &doomed, &hash, rule, now, fault);
		if (error == E_OK)
			error = content_key_drop(store, &doomed, fault);
		if (error == E_OK)
			error = erased_note(store, &doomed, rule, now, fault);
		if (error == E_OK)
			error = quarantine_erased(store, row, now, fault);
		sodium_memzero(doomed.content_key, sizeof doomed.content_key);
	}
	arena_fini(&arena);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* ---- retraction */

enum error retraction_find(struct store *store, const struct report_name *name, struct fault *fault)
{
	static const char sql[] = "SELECT 1 FROM retraction WHERE origin = ?1 AND epoch = ?2 AND stream = ?3"
				  " AND number = ?4";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	name_bind(get, 1, name);
	error = store_ask(store, get, fault);
	sqlite3_reset(get);
	return error;
}

enum error retraction_note(struct store *store, const struct report_name *name, bool *is_new, struct fault *fault)
{
	static const char sql[] = "INSERT OR IGNORE INTO retraction(origin, epoch, stream, number)"
				  " VALUES(?1, ?2, ?3, ?4)";
	sqlite3_stmt *put = store_statement(store, sql);
	enum error error;

	name_bind(put, 1, name);
	error = database_step(put, fault);
	*is_new = error == E_OK && sqlite3_changes(store->db) > 0;
	return error;
}

/* Names that are still to be gone through. A list and no recursion: an origin may update an update a thousand times. */
struct names {
	struct report_name *list;
	size_t count, capacity, done;
};

static void names_add(struct names *names, const struct report_name *name)
{
	if (names->count == names->capacity) {
		names->capacity = names->capacity > 0 ? 2 * names->capacity : 16;
		names->list = memory_grow(names->list, names->capacity, sizeof *names->list);
	}
	names->list[names->count++] = *name;
}

/* The next row whose number or place is after `after` under a name, or marked as an update of it; E_NOT_FOUND at the
 * end. */
static enum error row_next(struct store *store, const char *sql, const struct report_name *name, uint64_t *after,
			   uint64_t *row, bool *is_bad, struct report_name *found, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	name_bind(get, 1, name);
	bind_number(get, 5, *after);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		*after = column_number(get, 0);
		*is_bad = column_number(get, 1) == TRUST_BAD;
		*found = own_name_column(get, 2, name->origin);
		*row = column_number(get, 5);
	}
	sqlite3_reset(get);
	return error;
}

static enum error named_erase(struct store *store, const struct report_name *name, wall_ms now, size_t *count,
			      struct fault *fault)
{
	static const char sql[] =
		"SELECT row, trust, epoch, stream, number, row FROM inbox WHERE origin = ?1 AND epoch = ?2"
		" AND stream = ?3 AND number = ?4 AND row > ?5 AND notice = 0 ORDER BY row LIMIT 1";
	struct report_name found;
	uint64_t after = 0, row;
	bool is_bad;
	enum error error;

	*count = 0;
	while ((error = row_next(store, sql, name, &after, &row, &is_bad, &found, fault)) == E_OK) {
		error = erase_row(store, row, SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED, now, fault);
		if (error != E_OK)
			return error;
		++*count;
	}
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Updates of a report that its origin signed are retracted under their own names, for they may have updates too; of
 * others only the row goes. */
static enum error updates_find(struct store *store, const struct report_name *name, wall_ms now, struct names *names,
			       struct fault *fault)
{
	static const char sql[] =
		"SELECT m.place, i.trust, i.epoch, i.stream, i.number, i.row FROM mark m CROSS JOIN inbox i"
		" ON i.row = m.row WHERE m.origin = ?1 AND m.epoch = ?2 AND m.stream = ?3 AND m.number = ?4"
		" AND m.kind = 3 AND m.place > ?5 ORDER BY m.place LIMIT 1";
	struct report_name found;
	uint64_t after = 0, row;
	bool is_bad;
	enum error error;

	while ((error = row_next(store, sql, name, &after, &row, &is_bad, &found, fault)) == E_OK) {
		if (!is_bad)
			names_add(names, &found);
		else
			error = erase_row(store, row, SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED, now, fault);
		if (error != E_OK)
			return error;
	}
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Every name is noted once, so that updates of each other come to an end. */
static enum error name_retract(struct store *store, const struct report_name *name, wall_ms now, struct names *names,
			       struct fault *fault)
{
	size_t count = 0;
	bool is_new;
	enum error error = retraction_note(store, name, &is_new, fault);

	if (error == E_OK)
		error = named_erase(store, name, now, &count, fault);
	if (error != E_OK || !is_new)
		return error;
	if (count == 0)
		error = absence_note(store, name, now, fault);
	return error == E_OK ? updates_find(store, name, now, names, fault) : error;
}

enum error erase_retracted(struct store *store, const struct report_name *name, wall_ms now, struct fault *fault)
{
	struct names names = {0};
	enum error error = E_OK;

	names_add(&names, name);
	while (error == E_OK && names.done < names.count) {
		const struct report_name next = names.list[names.done++];

		error = name_retract(store, &next, now, &names, fault);
	}
	free(names.list);
	return error;
}

/* ---- expiry */

enum error erase_expired(struct store *store, wall_ms now, size_t limit, size_t *count, struct fault *fault)
{
	static const char sql[] = "SELECT row FROM inbox WHERE erased_at = 0 AND expires > 0 AND expires <= ?1"
				  " ORDER BY expires LIMIT ?2";
	sqlite3_stmt *get = store_statement(store, sql);
	uint64_t rows[MOST_ROWS];
	enum error error = E_OK;

	*count = 0;
	bind_number(get, 1, now);
	bind_number(get, 2, limit < MOST_ROWS ? limit : MOST_ROWS);
	while (*count < MOST_ROWS && (error = store_ask(store, get, fault)) == E_OK)
		rows[(*count)++] = column_number(get, 0);
	sqlite3_reset(get);
	error = error == E_NOT_FOUND ? E_OK : error;
	for (size_t i = 0; error == E_OK && i < *count; i++)
		error = erase_row(store, rows[i], SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED, now, fault);
	return error;
}
