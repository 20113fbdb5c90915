/* inbox_store - the rows that a batch turns into. */
#include "agents/reports/inbox_store.h"
#include "agents/reports/erase.h"
#include "agents/reports/inbox_notice.h"
#include "agents/reports/quarantine.h"
#include "agents/store/reference.h"
#include "common/log.h"
#include "common/submission.h"
#include "common/wire.h"

#include <string.h>

/* ---- repeats */

/* Leaves of a delivery that was stored before. */
struct known {
	uint64_t delivery_id; /* 0: none read yet */
	size_t count;
	struct hash leaves[LIMIT_SUBMISSION_REPORTS];
};

static enum error known_read(struct store *store, uint64_t delivery_id, struct arena *arena, struct known *known,
			     struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT proof FROM inbox_delivery WHERE delivery_id = ?1");
	const Simpul__Delivery *proof = NULL;
	struct hash digest;
	enum error error;

	if (known->delivery_id == delivery_id)
		return E_OK;
	bind_number(get, 1, delivery_id);
	error = store_ask(store, get, fault);
	if (error == E_OK)
		proof = wire_unpack(&simpul__delivery__descriptor, column_bytes(get, 0), arena, NULL);
	sqlite3_reset(get);
	if (error != E_OK && error != E_NOT_FOUND)
		return error;
	/* A proof that is damaged knows no leaf: what bears its numbers waits for a person, and the agent goes on. */
	if (proof && delivery_leaves(proof, store->exchange, known->leaves, &digest, NULL) != E_OK)
		proof = NULL;
	known->delivery_id = delivery_id;
	known->count = proof ? proof->n_reports : 0;
	return E_OK;
}

static void repeat_judge(const struct known *known, uint64_t index, const struct hash *leaf,
			 struct verified_report *report)
{
	if (!report->is_present)
		return;
	if (index < known->count && hash_equal(&known->leaves[index], leaf)) {
		report->is_present = false;
	} else {
		report->trust = TRUST_BAD;
		report->why = E_NUMBER_REUSED;
	}
}

enum error inbox_unrepeat(struct store *store, const Simpul__Delivery *delivery, const struct hash *leaves,
			  struct verified_report *reports, struct arena *arena, struct fault *fault)
{
	static const char sql[] = "SELECT number, idx, delivery_id FROM inbox WHERE origin = ?1 AND epoch = ?2"
				  " AND stream = ?3 AND number BETWEEN ?4 AND ?5 AND trust <> 2 AND notice = 0"
				  " ORDER BY number";
	sqlite3_stmt *rows = store_statement(store, sql);
	struct known known = {0};
	enum error error;

	bind_text(rows, 1, delivery->origin);
	bind_number(rows, 2, delivery->epoch);
	bind_number(rows, 3, delivery->stream);
	bind_number(rows, 4, delivery->first);
	bind_number(rows, 5, delivery->first + delivery->n_reports - 1);
	while ((error = store_ask(store, rows, fault)) == E_OK) {
		const size_t place = column_number(rows, 0) - delivery->first;

		error = known_read(store, column_number(rows, 2), arena, &known, fault);
		if (error != E_OK)
			break;
		repeat_judge(&known, column_number(rows, 1), &leaves[place], &reports[place]);
	}
	sqlite3_reset(rows);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* ---- deliveries */

void inbox_proof_pack(const Simpul__Delivery *delivery, const struct hash *leaves,
		      const struct verified_report *reports, struct arena *arena, struct buffer *out)
{
	Simpul__Delivery proof = *delivery;
	Simpul__DeliveredReport *reduced = arena_alloc(arena, delivery->n_reports * sizeof *reduced);

	proof.reports = arena_alloc(arena, delivery->n_reports * sizeof *proof.reports);
	for (size_t i = 0; i < delivery->n_reports; i++) {
		proof.reports[i] = delivery->reports[i];
		if (reports[i].is_present && reports[i].trust == TRUST_BAD)
			continue;
		simpul__delivered_report__init(&reduced[i]);
		reduced[i].leaf = (ProtobufCBinaryData){HASH_SIZE, (uint8_t *)(uintptr_t)leaves[i].bytes};
		proof.reports[i] = &reduced[i];
	}
	wire_pack(&proof, out);
}

static enum error proof_store(struct store *store, const Simpul__Entry *entry, uint32_t incarnation, struct bytes proof,
			      const struct delivery_key *key, struct fault *fault)
{
	static const char sql[] =
		"INSERT INTO inbox_delivery(incarnation, entry, origin, key_id, accepted_at, policy_version,"
		" content_key, proof, wrap_key_id, wrap)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, incarnation);
	bind_number(put, 2, entry->entry);
	bind_text(put, 3, entry->delivery->origin);
	bind_number(put, 4, entry->delivery->key_id);
	bind_number(put, 5, entry->accepted_at);
	bind_number(put, 6, entry->policy_version);
	bind_bytes(put, 7, BYTES(key->content, key->is_open ? KEY_SIZE : 0));
	bind_bytes(put, 8, proof);
	bind_number(put, 9, key->is_open ? 0 : key->wrap_key_id);
	bind_bytes(put, 10, key->is_open ? (struct bytes){0} : key->wrap);
	return database_step(put, fault);
}

/* A statement for several rows opens table and indexes once. */
#define ROWS_AT_ONCE 8
#define ROW_SQL "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
#define ROWS_SQL \
	"INSERT INTO inbox(entry, origin, epoch, stream, accepted_at, received_at, delivery_id," \
	" idx, number, trust, kind, label, category, region, expires, header, body, body_hash) VALUES" ROW_SQL

enum { ROW_FIRST = 8, ROW_FIELDS = 11 }; /* parameters of the first row that are its own, and how many each row has */

/* What all rows of a delivery have in common is bound once. */
static sqlite3_stmt *rows_begin(struct store *store, const char *sql, const Simpul__Entry *entry, uint64_t delivery_id)
{
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, entry->entry);
	bind_text(put, 2, entry->delivery->origin);
	bind_number(put, 3, entry->delivery->epoch);
	bind_number(put, 4, entry->delivery->stream);
	bind_number(put, 5, entry->accepted_at);
	bind_number(put, 6, clock_now().wall);
	bind_number(put, 7, delivery_id);
	return put;
}

/* What nobody can read has a body all the same, and may not stay for ever. */
static wall_ms expires_of(const Simpul__Header *header, wall_ms accepted_at)
{
	if (header && header->expires <= INT64_MAX)
		return header->expires;
	return accepted_at + LIMIT_PROTECTED_LIFE_DAYS * DAY_MS;
}

/* The parameters of one row, from `at` on. */
static void row_bind(sqlite3_stmt *put, int at, const Simpul__Entry *entry, size_t index,
		     const struct verified_report *report)
{
	const Simpul__Header *header = report->header;

	bind_number(put, at, index);
	bind_number(put, at + 1, entry->delivery->first + index);
	bind_number(put, at + 2, report->trust);
	bind_number(put, at + 3, header ? header->kind : 0);
	bind_number(put, at + 4, header ? header->label : 0);
	bind_text(put, at + 5, header ? header->category : "");
	bind_text(put, at + 6, header ? header->region : "");
	bind_number(put, at + 7, expires_of(header, entry->accepted_at));
	bind_bytes(put, at + 8, report->header_bytes);
	bind_bytes(put, at + 9, report->body);
	bind_bytes(put, at + 10, report->body_hash);
}

/* Those reports of a delivery that are there, and their rows. */
struct rows {
	size_t count;
	size_t index[LIMIT_SUBMISSION_REPORTS];
	uint64_t row[LIMIT_SUBMISSION_REPORTS];
};

static void rows_list(const Simpul__Delivery *delivery, const struct verified_report *reports, struct rows *rows)
{
	rows->count = 0;
	for (size_t i = 0; i < delivery->n_reports; i++) {
		if (reports[i].is_present)
			rows->index[rows->count++] = i;
	}
}

/* Those from `*at` on, so many with each execution of `sql`, as long as there are that many. Rows of one statement have
 * numbers that follow each other. */
static enum error rows_put(struct store *store, const char *sql, size_t at_once, uint64_t delivery_id,
			   const Simpul__Entry *entry, const struct verified_report *reports, struct rows *rows,
			   size_t *at, struct fault *fault)
{
	sqlite3_stmt *put;
	enum error error = E_OK;

	if (rows->count - *at < at_once)
		return E_OK;
	put = rows_begin(store, sql, entry, delivery_id);
	while (error == E_OK && rows->count - *at >= at_once) {
		for (size_t i = 0; i < at_once; i++)
			row_bind(put, ROW_FIRST + (int)i * ROW_FIELDS, entry, rows->index[*at + i],
				 &reports[rows->index[*at + i]]);
		error = database_step(put, fault);
		for (size_t i = at_once; i-- > 0; ++*at)
			rows->row[*at] = (uint64_t)sqlite3_last_insert_rowid(store->db) - i;
	}
	return error;
}

static enum error rows_insert(struct store *store, const Simpul__Entry *entry, const struct verified_report *reports,
			      struct rows *rows, struct fault *fault)
{
	static const char one_sql[] = ROWS_SQL;
	static const char several_sql[] =
		ROWS_SQL "," ROW_SQL "," ROW_SQL "," ROW_SQL "," ROW_SQL "," ROW_SQL "," ROW_SQL "," ROW_SQL;
	const uint64_t delivery_id = (uint64_t)sqlite3_last_insert_rowid(store->db);
	size_t at = 0;
	enum error error = rows_put(store, several_sql, ROWS_AT_ONCE, delivery_id, entry, reports, rows, &at, fault);

	return error == E_OK ? rows_put(store, one_sql, 1, delivery_id, entry, reports, rows, &at, fault) : error;
}

/* Notes what a row is about, when it is an UPDATE or CANCEL; only the origin itself can do that. A bad UPDATE is noted
 * too, though it means nothing for a reader: what it says goes with the report that it bears on. */
static enum error mark_store(struct store *store, uint64_t row, const struct verified_report *report,
			     const struct report_name *meant, struct fault *fault)
{
	static const char sql[] = "INSERT OR IGNORE INTO mark(origin, epoch, stream, number, kind, place, row)"
				  " SELECT ?1, ?2, ?3, ?4, ?5, place, row FROM inbox WHERE row = ?6";
	const Simpul__Kind kind = report->header->kind;
	sqlite3_stmt *put = store_statement(store, sql);

	if (kind != SIMPUL__KIND__KIND_UPDATE && (kind != SIMPUL__KIND__KIND_CANCEL || report->trust == TRUST_BAD))
		return E_OK;
	name_bind(put, 1, meant);
	bind_number(put, 5, kind);
	bind_number(put, 6, row);
	return database_step(put, fault);
}

/* Clocks need not agree: so much earlier than by ours a report may have expired at the broker. */
#define CLOCKS_APART_MS HOUR_MS

/* Why the broker erased what it delivers without a body: there are two rules, and one of them anybody can see. */
static Simpul__PurgeRule rule_of(const Simpul__Header *header, wall_ms now)
{
	return header && header->expires != 0 && header->expires <= now + CLOCKS_APART_MS ? SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED
									: SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED;
}

/* What has to go at once: a report that came without its body, that was taken back before it came, or that updates one
 * that was. */
static enum error row_erase(struct store *store, uint64_t row, const struct report_name *name,
			    const struct verified_report *report, const struct report_name *meant, wall_ms now,
			    struct fault *fault)
{
	const bool is_update = meant && report->header->kind == SIMPUL__KIND__KIND_UPDATE;
	enum error error = retraction_find(store, name, fault);
	const bool is_gone = error == E_OK;

	if (error == E_NOT_FOUND && is_update)
		error = retraction_find(store, meant, fault);
	if (error == E_NOT_FOUND)
		return report->body_hash.size > 0 ? erase_row(store, row, rule_of(report->header, now), now, fault) : E_OK;
	if (error != E_OK)
		return error;
	/* A bad one may not drag what else bears its name along. */
	return is_gone || report->trust != TRUST_BAD
		       ? erase_retracted(store, name, now, fault)
		       : erase_row(store, row, SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED, now, fault);
}

/* What a row that was just stored means for others, and others for it. */
static enum error row_apply(struct store *store, uint64_t row, uint64_t entry, const struct report_name *name,
			    const struct verified_report *report, struct fault *fault)
{
	char text[REPORT_NAME_SIZE];
	const Simpul__Header *header = report->header;
	const wall_ms now = clock_now().wall;
	struct report_name meant;
	const bool refers = header && reference_of(header, name->origin, &meant);
	enum error error = refers ? mark_store(store, row, report, &meant, fault) : E_OK;

	if (error == E_OK)
		error = row_erase(store, row, name, report, refers ? &meant : NULL, now, fault);
	if (error != E_OK || !refers || header->kind != SIMPUL__KIND__KIND_CANCEL || !header->erase ||
	    report->trust != TRUST_GOOD)
		return error;
	log_event(LOG_LEVEL_NOTICE, "inbox.retracted", F_TEXT("name", report_name_text(&meant, text)),
		  F_NUM("entry", entry));
	return erase_retracted(store, &meant, now, fault);
}

/* What came to wait of one delivery, for one line of the log. */
struct arrivals {
	struct quarantine_item first;
	uint64_t count;
};

static enum error arrivals_add(struct store *store, const struct quarantine_item *item, struct arrivals *arrivals,
			       struct fault *fault)
{
	if (arrivals->count++ == 0)
		arrivals->first = *item;
	return quarantine_put(store, item, clock_now().wall, fault);
}

static void arrivals_log(const struct arrivals *arrivals)
{
	if (arrivals->count > 0)
		quarantine_log(&arrivals->first, arrivals->count);
}

/* E_NOT_FOUND when nothing is left of what the row said. */
static enum error row_said(struct store *store, uint64_t row, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT 1 FROM inbox WHERE row = ?1 AND erased_at = 0");
	enum error error;

	bind_number(get, 1, row);
	error = store_ask(store, get, fault);
	sqlite3_reset(get);
	return error;
}

/* Has what cannot be applied wait, and ends the wait of what this report is about. */
static enum error row_judge(struct store *store, uint64_t row, uint64_t entry, const struct report_name *name,
			    const struct verified_report *report, bool awaited, struct arrivals *arrivals,
			    struct fault *fault)
{
	struct quarantine_item item = {.row = row, .entry = entry, .name = *name, .code = report->why};
	enum error error;

	if (report->trust == TRUST_BAD) {
		item.cause = QUARANTINE_UNVERIFIED;
		return arrivals_add(store, &item, arrivals, fault);
	}
	error = awaited ? quarantine_arrived(store, name, clock_now().wall, fault) : E_OK;
	if (error == E_OK)
		error = reference_find(store, name->origin, report->header, fault);
	if (error != E_NOT_FOUND)
		return error;
	error = row_said(store, row, fault);
	if (error != E_OK)
		return error == E_NOT_FOUND ? E_OK : error;
	item.cause = QUARANTINE_UNREFERENCED;
	item.code = E_REFERENCE_UNKNOWN;
	return arrivals_add(store, &item, arrivals, fault);
}

static enum error row_settle(struct store *store, uint64_t row, uint64_t entry, const struct report_name *name,
			     const struct verified_report *report, bool awaited, struct arrivals *arrivals,
			     struct fault *fault)
{
	enum error error = row_apply(store, row, entry, name, report, fault);

	return error == E_OK ? row_judge(store, row, entry, name, report, awaited, arrivals, fault) : error;
}

enum error inbox_settle(struct store *store, uint64_t row, uint64_t entry, const struct report_name *name,
			const struct verified_report *report, bool awaited, struct fault *fault)
{
	struct arrivals arrivals = {.count = 0};
	enum error error = row_settle(store, row, entry, name, report, awaited, &arrivals, fault);

	arrivals_log(&arrivals);
	return error;
}

static enum error rows_store(struct store *store, const Simpul__Entry *entry, const struct verified_report *reports,
			     struct fault *fault)
{
	const bool awaited = quarantine_waits(store, QUARANTINE_UNREFERENCED);
	const Simpul__Delivery *delivery = entry->delivery;
	struct report_name name = {.epoch = delivery->epoch, .stream = (uint32_t)delivery->stream};
	struct arrivals arrivals = {.count = 0};
	struct rows rows;
	enum error error;

	strcpy(name.origin, delivery->origin);
	rows_list(delivery, reports, &rows);
	error = rows_insert(store, entry, reports, &rows, fault);
	/* Once all are there: with the last that says anything goes the key that opens them. */
	for (size_t i = 0; error == E_OK && i < rows.count; i++) {
		name.number = delivery->first + rows.index[i];
		error = row_settle(store, rows.row[i], entry->entry, &name, &reports[rows.index[i]], awaited, &arrivals,
				   fault);
	}
	arrivals_log(&arrivals);
	return error;
}

enum error inbox_store_delivery(struct store *store, const Simpul__Entry *entry, uint32_t incarnation,
				const struct hash *leaves, const struct verified_report *reports,
				const struct delivery_key *key, struct arena *arena, struct fault *fault)
{
	struct buffer proof = {0};
	size_t present = 0;
	enum error error;

	for (size_t i = 0; i < entry->delivery->n_reports; i++)
		present += reports[i].is_present;
	if (present == 0)
		return E_OK;
	inbox_proof_pack(entry->delivery, leaves, reports, arena, &proof);
	error = proof_store(store, entry, incarnation, buffer_view(&proof), key, fault);
	if (error == E_OK)
		error = rows_store(store, entry, reports, fault);
	buffer_free(&proof);
	return error;
}

static enum error withheld_store(struct store *store, const Simpul__Entry *entry, struct fault *fault)
{
	static const char sql[] = "INSERT OR REPLACE INTO withheld(entry, policy_version, accepted_at)"
				  " VALUES(?1, ?2, ?3)";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, entry->entry);
	bind_number(put, 2, entry->stub->policy_version);
	bind_number(put, 3, entry->accepted_at);
	return database_step(put, fault);
}

enum error inbox_store_withheld(struct store *store, const Simpul__Entry *entry, uint32_t incarnation,
				struct fault *fault)
{
	const bool says_what = entry->stub->superseded != NULL;
	struct quarantine_item item = {.cause = QUARANTINE_WITHHELD, .entry = entry->entry};
	enum error error = withheld_store(store, entry, fault);

	if (error == E_OK && says_what)
		error = inbox_store_notice(store, entry, incarnation, &item, fault);
	if (says_what && item.code != E_OK && error == E_OK)
		log_event(LOG_LEVEL_ALARM, "inbox.bad_notice", F_NUM("entry", entry->entry),
			  F_TEXT("code", error_name(item.code)));
	if (error != E_OK || (says_what && item.code == E_OK))
		return error;
	return quarantine_add(store, &item, clock_now().wall, fault);
}

enum error inbox_doubt(struct store *store, const Simpul__MemberStanding *standing, struct fault *fault)
{
	static const char sql[] =
		"UPDATE inbox SET trust = 1 WHERE origin = ?1 AND trust = 0 AND accepted_at >= ?3"
		" AND (SELECT d.key_id FROM inbox_delivery d WHERE d.delivery_id = inbox.delivery_id) = ?2";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_text(put, 1, standing->node);
	bind_number(put, 2, standing->key_id);
	bind_number(put, 3, standing->since);
	return database_step(put, fault);
}

/* ---- places */

enum error inbox_store_head(struct store *store, const struct position *position, struct bytes signature,
			    struct fault *fault)
{
	static const char sql[] = "INSERT OR REPLACE INTO head(day, incarnation, entry, head, signature)"
				  " VALUES(?1, ?2, ?3, ?4, ?5)";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, clock_now().wall / DAY_MS);
	bind_number(put, 2, position->incarnation);
	bind_number(put, 3, position->entry);
	bind_bytes(put, 4, BYTES(position->head.bytes, HASH_SIZE));
	bind_bytes(put, 5, signature);
	return database_step(put, fault);
}

enum error inbox_store_cursor(struct store *store, const struct position *cursor, struct fault *fault)
{
	static const char sql[] = "INSERT OR REPLACE INTO cursor(one, incarnation, entry, head) VALUES(1, ?1, ?2, ?3)";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, cursor->incarnation);
	bind_number(put, 2, cursor->entry);
	bind_bytes(put, 3, BYTES(cursor->head.bytes, HASH_SIZE));
	return store_put(store, put, fault);
}

enum error inbox_store_rewind(struct store *store, const struct position *place, struct fault *fault)
{
	/* Keys hold from an entry on: those that the restored broker has come again, under an entry of the new history. */
	static const char *const steps[] = {
		"DELETE FROM standing WHERE entry > ?1 AND standing <> 4",
		"DELETE FROM member WHERE entry > ?1",
		"DELETE FROM withheld WHERE entry > ?1",
		"UPDATE inbox_delivery SET incarnation = 0 WHERE entry > ?1"
		" AND delivery_id IN (SELECT delivery_id FROM inbox WHERE notice = 1)",
		"INSERT OR IGNORE INTO former_head(incarnation, entry, head, signature)"
		" SELECT incarnation, entry, head, signature FROM head WHERE entry > ?1",
		"DELETE FROM head WHERE entry > ?1",
	};
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < sizeof steps / sizeof steps[0]; i++) {
		sqlite3_stmt *step = store_statement(store, steps[i]);

		bind_number(step, 1, place->entry);
		error = database_step(step, fault);
	}
	if (error == E_OK)
		error = quarantine_rewind(store, place->entry, clock_now().wall, fault);
	return error == E_OK ? inbox_store_cursor(store, place, fault) : error;
}
