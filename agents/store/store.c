/* store - opens the agent's database and answers questions about members and the cursor. */
#include "agents/store/store.h"
#include "agents/store/store_schema.h"
#include "common/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void own_name_bind(sqlite3_stmt *statement, int column, const struct report_name *name)
{
	bind_number(statement, column, name->epoch);
	bind_number(statement, column + 1, name->stream);
	bind_number(statement, column + 2, name->number);
}

void name_bind(sqlite3_stmt *statement, int column, const struct report_name *name)
{
	bind_text(statement, column, name->origin);
	own_name_bind(statement, column + 1, name);
}

struct report_name own_name_column(sqlite3_stmt *row, int column, const char *node)
{
	struct report_name name = {.epoch = (uint32_t)column_number(row, column),
				   .stream = (uint32_t)column_number(row, column + 1),
				   .number = column_number(row, column + 2)};

	snprintf(name.origin, sizeof name.origin, "%s", node);
	return name;
}

struct report_name name_column(sqlite3_stmt *row, int column)
{
	return own_name_column(row, column + 1, column_text(row, column));
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

enum error store_put(struct store *store, sqlite3_stmt *put, struct fault *fault)
{
	struct fault own = {0};

	fault = fault ? fault : &own;
	if (store->failure.code != E_OK)
		return fault_at(fault, store->failure.code, "%s", store->failure.field);
	return failed(store, database_step(put, fault), fault);
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

static enum error owner_check(const struct store *store, const char *path, const uint8_t exchange[EXCHANGE_SIZE],
			      const char *node, struct fault *fault)
{
	if (memcmp(store->exchange, exchange, EXCHANGE_SIZE) != 0)
		return fault_at(fault, E_EXCHANGE, "%s", path);
	if (strcmp(store->node, node) != 0)
		return fault_at(fault, E_CONFIG, "%s was made for %s", path, store->node);
	return E_OK;
}

enum error store_open_marked(struct store *store, const char *path, const struct cipher *cipher,
			     const uint8_t exchange[EXCHANGE_SIZE], const char *node, struct fault *fault)
{
	struct buffer schema = {0};
	enum error error;

	memset(store, 0, sizeof *store);
	store->wipe_due = true;
	store_schema(&schema);
	error = database_open_store(&store->db, path, DATABASE_WRITE, cipher, STORE_VERSION, (const char *)schema.data, fault);
	buffer_free(&schema);
	if (error != E_OK)
		return error;
	error = meta_get(store, fault);
	if (error == E_NOT_FOUND) {
		error = meta_put(store, exchange, node, fault);
		if (error == E_OK)
			error = meta_get(store, fault);
	}
	if (error == E_OK)
		error = owner_check(store, path, exchange, node, fault);
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

enum error store_open(struct store *store, const char *path, const struct cipher *cipher,
		      const uint8_t exchange[EXCHANGE_SIZE], const char *node, struct fault *fault)
{
	enum error error = store_open_marked(store, path, cipher, exchange, node, fault);

	if (error != E_OK)
		return error;
	error = mark_check(store, fault);
	if (error != E_OK)
		store_close(store);
	return error;
}

static enum error reader_open(struct store *store, const char *path, enum database_mode mode,
			      const struct cipher *cipher, struct fault *fault)
{
	enum error error;

	memset(store, 0, sizeof *store);
	error = database_open_store(&store->db, path, mode, cipher, STORE_VERSION, NULL, fault);
	if (error != E_OK)
		return error;
	error = meta_get(store, fault);
	if (error == E_NOT_FOUND)
		fault_at(fault, error, "%s", path);
	if (error != E_OK)
		store_close(store);
	return error;
}

enum error store_open_reader(struct store *store, const char *path, const struct cipher *cipher, struct fault *fault)
{
	return reader_open(store, path, DATABASE_READ, cipher, fault);
}

enum error store_open_copy(struct store *store, const char *path, const struct cipher *cipher,
			   const uint8_t exchange[EXCHANGE_SIZE], const char *node, struct fault *fault)
{
	enum error error = reader_open(store, path, DATABASE_COPY, cipher, fault);

	if (error != E_OK)
		return error;
	error = owner_check(store, path, exchange, node, fault);
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
