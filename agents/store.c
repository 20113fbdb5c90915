/* store - opens the agent's database, holds its schema, and answers questions about members and the cursor. */
#include "agents/store.h"
#include "common/wire.h"

#include <stdlib.h>
#include <string.h>

/* What is in which table. Numbers are milliseconds where they are times; blobs are the bytes as signed or received.
 *
 *   meta              exchange (blob), node (text), epoch (of the outbox, integer); 'epoch 2' and so on: why it began;
 *                     'epoch told': the highest that a broker had and this store had not; in a backup its mark
 *                     (backup.h); 'broker keys': an encoded BrokerTerms (broker_ring.h)
 *
 *   outbox_report     one row a report of this office, from the moment that it was taken. Nothing in a row changes
 *                     later but code and field (why it was refused), cut, and what erasure takes, so that accepting 256
 * reports does not write 256 rows. body is the plain Body, also for RED: the sealed form stands in the submission.
 *                     routing is a Routing without salt and wraps; routing_key the hash of all that must be equal
 *                     within a submission, alone is 1 for kinds that travel alone; sealed 1 when the body leaves this
 *                     machine sealed; cut 1: a submission ends with this report (it was part of a split one). A row
 *                     with a code and no submission awaits its VOID. reference: the name of the own report that an
 *                     update or cancel is about, or ''. expires: of the header, 0 for kinds without. erased_at and
 *                     rule (PurgeRule), 0 until body was emptied
 *   submission        frozen: bounds, digest and bytes as they are sent, signed with key_id. void 1: stands in for a
 *                     report that was refused. holed 1: bodies were erased from the message, which can never be sent
 *                     again as it was
 *   broken            holed submissions that a restored broker lost: what is left of each goes again, in pieces, with
 *                     the routing and the strings that it had (or who has the report would take it for another one)
 *   receipt           of a submission; apart from it because updating a row rewrites its message too
 *   former_receipt    given by a broker that lost it and was restored from a backup: evidence; the submission goes
 *                     again
 *   stream            last: number of the newest report; frozen: of the newest that was ever part of a submission;
 *                     receipted: up to here every number has a receipt
 *   outbox (view)     outbox_report with state (enum outbox_state) and the entry of its receipt; a cross join keeps
 *                     SQLite from sorting a million reports by stream first
 *   taken_file        drop-folder files that were taken, for the intake
 *
 *   inbox             one row a report received. body: the plain Body, opened where it travelled sealed; empty when it
 *                     was erased or could not be opened. trust: enum inbox_trust. expires: of the header, 0 for kinds
 *                     without. erased_at and rule, 0 until then; body_hash: of the body string as it was signed, once
 *                     it is erased. notice 1: no report, but the origin's word that the one of this name says
 *                     something else by now, which this office may not have: its header is a cancel's, made here
 *                     (inbox_notice.h); proof of its delivery is a Superseded
 *   inbox_delivery    the submission that a row came in: proof is the Delivery with each report reduced to its leaf
 *                     (those marked bad are kept whole, as evidence); content_key opens and seals its bodies (empty
 *                     when plain): sealing the row's body again gives the very bytes that were signed. wrap: that
 *                     key as it came, where none of this office's keys opened it: those of wrap_key_id may
 *   quarantine        what could not be applied or handed on, why, and what became of it (quarantine.h): cause and
 *                     state as there; row 0 and entry for what was withheld
 *   mark              the inbox.row of each update, cancel and notice (kind 0) under the name of the report that it is
 *                     about, whether that one came before, comes later or never: what it means for a reader stands in
 *                     view_rows.c
 *   retraction        reports whose origin took them back for good, this office's own among them: what they said, and
 *                     what their updates said, is erased as soon as it is there
 *   purge             what was erased in the inbox, in that order, for the sinks and for the origin. row 0: it never
 *                     came. answer: 0 none is due, 1 due, 2 in the outbox
 *   purged            what the recipients of this office's reports answered; sinks is a Purged with nothing but these
 *   withheld          entries that were meant for this node and may not be delivered to it; each waits in quarantine, or
 *                     has left a notice in the inbox
 *   member, standing  records of keys and decisions about them, as the feed told of them
 *   head              signed positions of the broker, the newest of each day: evidence against a changed history
 *   cursor            one row: everything up to here is stored
 *   sink              how far each sink has been served, by inbox.row, and told of what was erased, by purge.id; up to
 *                     `unsure` it may have rows that failed. ceiling and statuses: the widest under which it was served
 *   purge_sink        what became of the copy of each sink that had one (PurgeOutcome; code, number and until when it
 *                     is held) */

static const char schema_outbox[] =
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
	"CREATE TABLE outbox_report("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, number INTEGER NOT NULL,"
	" routing_key BLOB NOT NULL, alone INTEGER NOT NULL, sealed INTEGER NOT NULL, cut INTEGER NOT NULL DEFAULT 0,"
	" kind INTEGER NOT NULL, label INTEGER NOT NULL, category TEXT NOT NULL, region TEXT NOT NULL,"
	" taken_at INTEGER NOT NULL, source TEXT NOT NULL,"
	" code INTEGER NOT NULL DEFAULT 0, field TEXT NOT NULL DEFAULT '', reference TEXT NOT NULL DEFAULT '',"
	" expires INTEGER NOT NULL DEFAULT 0, erased_at INTEGER NOT NULL DEFAULT 0, rule INTEGER NOT NULL DEFAULT 0,"
	" routing BLOB NOT NULL, header BLOB NOT NULL, body BLOB NOT NULL,"
	" PRIMARY KEY(epoch, stream, number));"
	"CREATE INDEX outbox_refused ON outbox_report(code) WHERE code <> 0;"
	"CREATE INDEX outbox_reference ON outbox_report(reference) WHERE reference <> '';"
	"CREATE INDEX outbox_expires ON outbox_report(expires) WHERE erased_at = 0 AND expires > 0;"
	"CREATE TABLE submission("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,"
	" digest BLOB NOT NULL, void INTEGER NOT NULL, key_id INTEGER NOT NULL, holed INTEGER NOT NULL DEFAULT 0,"
	" message BLOB NOT NULL, PRIMARY KEY(epoch, stream, first));"
	"CREATE TABLE broken("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, first INTEGER NOT NULL, count INTEGER NOT NULL,"
	" message BLOB NOT NULL, PRIMARY KEY(epoch, stream, first));"
	"CREATE TABLE receipt("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, first INTEGER NOT NULL,"
	" entry INTEGER NOT NULL, accepted_at INTEGER NOT NULL, receipt BLOB NOT NULL,"
	" PRIMARY KEY(epoch, stream, first)) WITHOUT ROWID;"
	"CREATE TABLE former_receipt("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, first INTEGER NOT NULL,"
	" entry INTEGER NOT NULL, accepted_at INTEGER NOT NULL, receipt BLOB NOT NULL,"
	" PRIMARY KEY(epoch, stream, first, receipt)) WITHOUT ROWID;"
	"CREATE TABLE stream("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, last INTEGER NOT NULL, frozen INTEGER NOT NULL,"
	" receipted INTEGER NOT NULL, PRIMARY KEY(epoch, stream)) WITHOUT ROWID;"
	"CREATE VIEW outbox AS SELECT o.epoch, o.stream, o.number,"
	" CASE WHEN o.code <> 0 THEN 3 WHEN o.number <= s.receipted THEN 2 WHEN o.number <= s.frozen THEN 1 ELSE 0 END"
	" AS state, o.routing_key, o.routing, o.header, o.body, o.kind, o.label, o.category, o.region, o.taken_at, o.source,"
	" o.code, o.field, o.reference, o.expires, o.erased_at, o.rule, (SELECT r.entry FROM receipt r"
	" WHERE o.number <= s.receipted AND r.epoch = o.epoch AND r.stream = o.stream AND r.first <= o.number"
	" ORDER BY r.first DESC LIMIT 1) AS entry"
	" FROM outbox_report o CROSS JOIN stream s ON s.epoch = o.epoch AND s.stream = o.stream;"
	"CREATE TABLE taken_file(identity BLOB PRIMARY KEY, name TEXT NOT NULL, taken_at INTEGER NOT NULL,"
	" lines INTEGER NOT NULL, rejected INTEGER NOT NULL) WITHOUT ROWID;";

static const char schema_inbox[] =
	"CREATE TABLE inbox("
	" row INTEGER PRIMARY KEY, entry INTEGER NOT NULL, idx INTEGER NOT NULL, origin TEXT NOT NULL,"
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, number INTEGER NOT NULL, accepted_at INTEGER NOT NULL,"
	" received_at INTEGER NOT NULL, trust INTEGER NOT NULL, kind INTEGER NOT NULL, label INTEGER NOT NULL,"
	" category TEXT NOT NULL, region TEXT NOT NULL, delivery_id INTEGER NOT NULL,"
	" expires INTEGER NOT NULL DEFAULT 0, erased_at INTEGER NOT NULL DEFAULT 0, rule INTEGER NOT NULL DEFAULT 0,"
	" notice INTEGER NOT NULL DEFAULT 0, body_hash BLOB NOT NULL DEFAULT x'', header BLOB NOT NULL,"
	" body BLOB NOT NULL);"
	"CREATE INDEX inbox_name ON inbox(origin, epoch, stream, number);"
	"CREATE INDEX inbox_expires ON inbox(expires) WHERE erased_at = 0 AND expires > 0;"
	"CREATE TABLE retraction("
	" origin TEXT NOT NULL, epoch INTEGER NOT NULL, stream INTEGER NOT NULL, number INTEGER NOT NULL,"
	" PRIMARY KEY(origin, epoch, stream, number)) WITHOUT ROWID;"
	"CREATE TABLE purge("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, row INTEGER NOT NULL, origin TEXT NOT NULL, epoch INTEGER NOT NULL,"
	" stream INTEGER NOT NULL, number INTEGER NOT NULL, rule INTEGER NOT NULL, at INTEGER NOT NULL,"
	" answer INTEGER NOT NULL);"
	"CREATE INDEX purge_due ON purge(answer) WHERE answer = 1;"
	"CREATE INDEX purge_row ON purge(row);"
	"CREATE INDEX purge_name ON purge(origin, epoch, stream, number);"
	"CREATE TABLE purged("
	" epoch INTEGER NOT NULL, stream INTEGER NOT NULL, number INTEGER NOT NULL, node TEXT NOT NULL,"
	" key_id INTEGER NOT NULL, accepted_at INTEGER NOT NULL, rule INTEGER NOT NULL, at INTEGER NOT NULL,"
	" sinks BLOB NOT NULL, PRIMARY KEY(epoch, stream, number, node)) WITHOUT ROWID;"
	"CREATE TABLE mark("
	" origin TEXT NOT NULL, epoch INTEGER NOT NULL, stream INTEGER NOT NULL, number INTEGER NOT NULL,"
	" kind INTEGER NOT NULL, row INTEGER NOT NULL,"
	" PRIMARY KEY(origin, epoch, stream, number, kind, row)) WITHOUT ROWID;"
	"CREATE TABLE inbox_delivery("
	" delivery_id INTEGER PRIMARY KEY, incarnation INTEGER NOT NULL, entry INTEGER NOT NULL, origin TEXT NOT NULL,"
	" key_id INTEGER NOT NULL, accepted_at INTEGER NOT NULL, policy_version INTEGER NOT NULL,"
	" content_key BLOB NOT NULL, wrap_key_id INTEGER NOT NULL DEFAULT 0, wrap BLOB NOT NULL DEFAULT x'',"
	" proof BLOB NOT NULL);"
	"CREATE TABLE quarantine("
	" id INTEGER PRIMARY KEY AUTOINCREMENT, cause INTEGER NOT NULL, row INTEGER NOT NULL, entry INTEGER NOT NULL,"
	" sink TEXT NOT NULL, code INTEGER NOT NULL, detail TEXT NOT NULL, tries INTEGER NOT NULL, since INTEGER NOT "
	"NULL,"
	" state INTEGER NOT NULL, decided_at INTEGER NOT NULL DEFAULT 0, decided_by TEXT NOT NULL DEFAULT '',"
	" reason TEXT NOT NULL DEFAULT '', UNIQUE(cause, row, entry, sink));"
	"CREATE INDEX quarantine_waits ON quarantine(cause) WHERE state = 0;"
	"CREATE TABLE withheld(entry INTEGER PRIMARY KEY, policy_version INTEGER NOT NULL,"
	" accepted_at INTEGER NOT NULL);"
	"CREATE TABLE member(node TEXT NOT NULL, key_id INTEGER NOT NULL, entry INTEGER NOT NULL, record BLOB NOT NULL,"
	" PRIMARY KEY(node, key_id)) WITHOUT ROWID;"
	"CREATE TABLE standing(node TEXT NOT NULL, key_id INTEGER NOT NULL, entry INTEGER NOT NULL,"
	" standing INTEGER NOT NULL, since INTEGER NOT NULL, code INTEGER NOT NULL, reason TEXT NOT NULL,"
	" PRIMARY KEY(node, key_id, entry)) WITHOUT ROWID;"
	"CREATE TABLE head(day INTEGER PRIMARY KEY, incarnation INTEGER NOT NULL, entry INTEGER NOT NULL,"
	" head BLOB NOT NULL, signature BLOB NOT NULL);"
	"CREATE TABLE cursor(one INTEGER PRIMARY KEY CHECK(one = 1), incarnation INTEGER NOT NULL,"
	" entry INTEGER NOT NULL, head BLOB NOT NULL);"
	"CREATE TABLE sink(name TEXT PRIMARY KEY, row INTEGER NOT NULL, purged INTEGER NOT NULL DEFAULT 0,"
	" unsure INTEGER NOT NULL DEFAULT 0, ceiling INTEGER NOT NULL DEFAULT 0, statuses INTEGER NOT NULL DEFAULT 0)"
	" WITHOUT ROWID;"
	"CREATE TABLE purge_sink(purge INTEGER NOT NULL, sink TEXT NOT NULL, outcome INTEGER NOT NULL, code TEXT NOT NULL,"
	" number TEXT NOT NULL, until INTEGER NOT NULL, PRIMARY KEY(purge, sink)) WITHOUT ROWID;";

sqlite3_stmt *store_statement(struct store *store, const char *sql)
{
	struct store_statement *slot = store->statements;

	while (slot < store->statements + STORE_STATEMENTS && slot->sql && slot->sql != sql)
		slot++;
	if (slot == store->statements + STORE_STATEMENTS)
		abort(); /* every statement of the agent is a constant, and there are fewer */
	if (!slot->sql)
		*slot = (struct store_statement){.sql = sql, .statement = database_prepare(store->db, sql)};
	return slot->statement;
}

/* Notes a failure that no repetition mends. */
static enum error failed(struct store *store, enum error error, const struct fault *fault)
{
	if (error != E_OK && error_remedy(error) != REMEDY_RETRY && store->failure.code == E_OK)
		store->failure = *fault;
	return error;
}

enum error store_ask(struct store *store, sqlite3_stmt *question, struct fault *fault)
{
	struct fault own = {0};

	fault = fault ? fault : &own;
	switch (sqlite3_step(question)) {
	case SQLITE_ROW:
		return E_OK;
	case SQLITE_DONE:
		return E_NOT_FOUND;
	default:
		return failed(store, database_fault(store->db, fault), fault);
	}
}

/* ---- opening */

static enum error meta_put(struct store *store, const uint8_t exchange[EXCHANGE_SIZE], const char *node,
			   struct fault *fault)
{
	static const char sql[] = "INSERT INTO meta(key, value) VALUES('exchange', ?1), ('node', ?2), ('epoch', 1)";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_bytes(put, 1, BYTES(exchange, EXCHANGE_SIZE));
	bind_text(put, 2, node);
	return database_step(put, fault);
}

/* E_NOT_FOUND when the store is new. */
static enum error meta_get(struct store *store, struct fault *fault)
{
	static const char sql[] = "SELECT e.value, n.value, p.value FROM meta e, meta n, meta p"
				  " WHERE e.key = 'exchange' AND n.key = 'node' AND p.key = 'epoch'";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error = store_ask(store, get, fault);

	if (error == E_OK && (column_bytes(get, 0).size != EXCHANGE_SIZE || strlen(column_text(get, 1)) > LIMIT_NODE_NAME)) {
		error = fault_at(fault, E_CORRUPT, "meta");
	} else if (error == E_OK) {
		memcpy(store->exchange, column_bytes(get, 0).data, EXCHANGE_SIZE);
		strcpy(store->node, column_text(get, 1));
		store->epoch = (uint32_t)column_number(get, 2);
	}
	sqlite3_reset(get);
	return error;
}

enum error store_open_marked(struct store *store, const char *path, const uint8_t exchange[EXCHANGE_SIZE],
			     const char *node, struct fault *fault)
{
	struct buffer schema = {0};
	enum error error;

	memset(store, 0, sizeof *store);
	store->wipe_due = true;
	buffer_text(&schema, schema_outbox);
	buffer_append(&schema, schema_inbox, sizeof schema_inbox);
	error = database_open(&store->db, path, DATABASE_WRITE, STORE_VERSION, (const char *)schema.data, fault);
	buffer_free(&schema);
	if (error != E_OK)
		return error;
	error = meta_get(store, fault);
	if (error == E_NOT_FOUND) {
		error = meta_put(store, exchange, node, fault);
		if (error == E_OK)
			error = meta_get(store, fault);
	}
	if (error == E_OK && memcmp(store->exchange, exchange, EXCHANGE_SIZE) != 0)
		error = fault_at(fault, E_EXCHANGE, "%s", path);
	if (error == E_OK && strcmp(store->node, node) != 0)
		error = fault_at(fault, E_CONFIG, "%s was made for %s", path, store->node);
	if (error != E_OK)
		store_close(store);
	return error;
}

/* The broker may have more reports under this office's name than a backup holds. */
static enum error mark_check(struct store *store, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT 1 FROM meta WHERE key = '" BACKUP_MARK "'");
	enum error error = store_ask(store, get, fault);

	sqlite3_reset(get);
	if (error == E_OK)
		return fault_at(fault, E_HISTORY_DIFFERS,
				"the store is from a backup; simpul outbox recover begins a new epoch");
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error store_open(struct store *store, const char *path, const uint8_t exchange[EXCHANGE_SIZE], const char *node,
		      struct fault *fault)
{
	enum error error = store_open_marked(store, path, exchange, node, fault);

	if (error != E_OK)
		return error;
	error = mark_check(store, fault);
	if (error != E_OK)
		store_close(store);
	return error;
}

enum error store_open_reader(struct store *store, const char *path, struct fault *fault)
{
	enum error error;

	memset(store, 0, sizeof *store);
	error = database_open(&store->db, path, DATABASE_READ, STORE_VERSION, NULL, fault);
	if (error != E_OK)
		return error;
	error = meta_get(store, fault);
	if (error == E_NOT_FOUND)
		fault_at(fault, error, "%s", path);
	if (error != E_OK)
		store_close(store);
	return error;
}

void store_close(struct store *store)
{
	database_close(store->db); /* and with it every statement */
	memset(store, 0, sizeof *store);
}

/* ---- transactions */

enum error store_begin(struct store *store, struct fault *fault)
{
	struct fault own = {0};

	fault = fault ? fault : &own;
	if (store->failure.code != E_OK)
		return fault_at(fault, store->failure.code, "%s", store->failure.field);
	return failed(store, database_step(store_statement(store, "BEGIN IMMEDIATE"), fault), fault);
}

enum error store_commit(struct store *store, struct fault *fault)
{
	struct fault own = {0};
	enum error error;

	fault = fault ? fault : &own;
	error = failed(store, database_step(store_statement(store, "COMMIT"), fault), fault);
	if (error != E_OK)
		store_rollback(store);
	return error;
}

void store_rollback(struct store *store)
{
	/* SQLite rolls back by itself after some errors. */
	if (!sqlite3_get_autocommit(store->db))
		database_step(store_statement(store, "ROLLBACK"), NULL);
}

enum error store_end(struct store *store, enum error error, struct fault *fault)
{
	if (error == E_OK)
		return store_commit(store, fault);
	store_rollback(store);
	return error;
}

/* ---- members */

/* The record that the store has already under this node and key id: E_OK when it is the same, E_EXISTS when it is not,
 * E_NOT_FOUND. */
static enum error member_known(struct store *store, const struct member *member, struct bytes record,
			       struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT record FROM member WHERE node = ?1 AND key_id = ?2");
	enum error error;

	bind_text(get, 1, member->node);
	bind_number(get, 2, member->key_id);
	error = store_ask(store, get, fault);
	if (error == E_OK && !bytes_equal(column_bytes(get, 0), record))
		error = fault_at(fault, E_EXISTS, "member.key_id");
	sqlite3_reset(get);
	return error;
}

enum error store_member(struct store *store, uint64_t entry, const struct member *member, struct fault *fault)
{
	static const char sql[] = "INSERT INTO member(node, key_id, entry, record) VALUES(?1, ?2, ?3, ?4)";
	Simpul__MemberRecord message;
	struct buffer record = {0};
	enum error error;

	member_to_message(member, &message);
	wire_pack(&message, &record);
	error = member_known(store, member, buffer_view(&record), fault);
	if (error == E_NOT_FOUND) {
		sqlite3_stmt *put = store_statement(store, sql);

		bind_text(put, 1, member->node);
		bind_number(put, 2, member->key_id);
		bind_number(put, 3, entry);
		bind_bytes(put, 4, buffer_view(&record));
		error = database_step(put, fault);
	}
	buffer_free(&record);
	return error;
}

enum error store_standing(struct store *store, uint64_t entry, const Simpul__MemberStanding *standing,
			  struct fault *fault)
{
	static const char sql[] = "INSERT OR REPLACE INTO standing(node, key_id, entry, standing, since, code, reason)"
				  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_text(put, 1, standing->node);
	bind_number(put, 2, standing->key_id);
	bind_number(put, 3, entry);
	bind_number(put, 4, standing->standing);
	bind_number(put, 5, standing->since);
	bind_number(put, 6, standing->code);
	bind_text(put, 7, standing->reason);
	return database_step(put, fault);
}

/* The decision about a key that held at `entry`: that it is compromised, which is for good and since the earliest time
 * given, whatever a broker says later; else the newest; ACTIVE when there was none. */
static enum error standing_at(struct store *store, const char *node, uint32_t key_id, uint64_t entry,
			      Simpul__Standing *standing, wall_ms *since, struct fault *fault)
{
	static const char sql[] = "SELECT standing, since FROM standing WHERE node = ?1 AND key_id = ?2 AND entry <= ?3"
				  " ORDER BY standing = 4 DESC, CASE standing WHEN 4 THEN since ELSE -entry END LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	*standing = SIMPUL__STANDING__STANDING_ACTIVE;
	*since = 0;
	bind_text(get, 1, node);
	bind_number(get, 2, key_id);
	bind_number(get, 3, entry);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		*standing = (Simpul__Standing)column_number(get, 0);
		*since = column_number(get, 1);
	}
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Reads (record, entry, next record's entry or NULL) from a statement that stands on a row. */
static enum error key_read(sqlite3_stmt *row, struct member_key *key, struct fault *fault)
{
	const Simpul__MemberRecord *record;
	enum error error = E_CORRUPT;
	struct arena arena;

	arena_init(&arena);
	record = wire_unpack(&simpul__member_record__descriptor, column_bytes(row, 0), &arena, fault);
	if (record)
		error = member_of_message(&key->member, record, fault);
	arena_fini(&arena);
	key->valid_from = column_number(row, 1);
	key->valid_until = sqlite3_column_type(row, 2) == SQLITE_NULL ? UINT64_MAX : column_number(row, 2);
	return error == E_OK ? E_OK : fault_at(fault, E_CORRUPT, "member");
}

/* The key that a question of this form asks for; E_KEY_UNKNOWN when there is none. */
static enum error key_answer(struct store *store, sqlite3_stmt *question, struct member_key *key, struct fault *fault)
{
	enum error error = store_ask(store, question, fault);

	if (error == E_OK)
		error = key_read(question, key, fault);
	else if (error == E_NOT_FOUND)
		error = fault_at(fault, E_KEY_UNKNOWN, "key_id");
	sqlite3_reset(question);
	return error;
}

#define NEXT_RECORD "(SELECT min(n.entry) FROM member n WHERE n.node = m.node AND n.entry > m.entry)"

enum error store_key(struct store *store, const char *node, uint32_t key_id, uint64_t entry, struct member_key *key,
		     struct fault *fault)
{
	static const char sql[] = "SELECT m.record, m.entry, " NEXT_RECORD " FROM member m WHERE m.node = ?1"
				  " AND m.key_id = ?2";
	sqlite3_stmt *get = store_statement(store, sql);
	Simpul__Standing then;
	wall_ms since;
	enum error error;

	bind_text(get, 1, node);
	bind_number(get, 2, key_id);
	error = key_answer(store, get, key, fault);
	if (error == E_OK)
		error = standing_at(store, node, key_id, entry, &then, &since, fault);
	if (error == E_OK)
		error = standing_at(store, node, key_id, INT64_MAX, &key->standing, &since, fault);
	if (error != E_OK)
		return error;
	key->doubtful_since = key->standing == SIMPUL__STANDING__STANDING_COMPROMISED ? since : 0;
	if (entry < key->valid_from || entry >= key->valid_until || then == SIMPUL__STANDING__STANDING_RETIRED ||
	    then == SIMPUL__STANDING__STANDING_SUSPENDED)
		return fault_at(fault, E_KEY_EXPIRED, "key_id");
	return E_OK;
}

enum error store_current_key(struct store *store, const char *node, struct member_key *key, struct fault *fault)
{
	static const char sql[] = "SELECT m.record, m.entry, NULL FROM member m WHERE m.node = ?1"
				  " ORDER BY m.entry DESC LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	wall_ms since;
	enum error error;

	bind_text(get, 1, node);
	error = key_answer(store, get, key, fault);
	if (error == E_OK)
		error = standing_at(store, node, key->member.key_id, INT64_MAX, &key->standing, &since, fault);
	key->doubtful_since = 0;
	if (error == E_OK && key->standing != SIMPUL__STANDING__STANDING_ACTIVE)
		error = fault_at(fault, E_KEY_UNKNOWN, "key_id");
	return error;
}

/* ---- cursor */

enum error store_cursor(struct store *store, struct position *cursor, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT incarnation, entry, head FROM cursor");
	enum error error = store_ask(store, get, fault);

	memset(cursor, 0, sizeof *cursor);
	if (error == E_OK) {
		cursor->incarnation = (uint32_t)column_number(get, 0);
		cursor->entry = column_number(get, 1);
		if (!hash_load(&cursor->head, column_bytes(get, 2)))
			error = fault_at(fault, E_CORRUPT, "cursor");
	}
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}
