/* journal_load - what a journal on disk says at start: a check of its newest entries, then everything the core must
 * know. */
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

enum { TAIL = 1000 }; /* entries checked when a journal is opened */

/* ---------------------------------------------------------------------------- meta and policy */

enum error journal_meta_get(sqlite3 *db, const char *key, void *value, size_t size, struct fault *fault)
{
	sqlite3_stmt *get = database_prepare(db, "SELECT value FROM meta WHERE key = ?1");
	enum error error;

	bind_text(get, 1, key);
	error = journal_row_step(get, fault);
	if (error == E_NOT_FOUND || (error == E_OK && column_bytes(get, 0).size != size))
		error = fault_at(fault, E_CORRUPT, "journal.db: meta: %s", key);
	if (error == E_OK)
		memcpy(value, column_bytes(get, 0).data, size);
	sqlite3_finalize(get);
	return error;
}

static enum error meta_load(struct journal *journal, struct fault *fault)
{
	uint8_t broker[KEY_SIZE], incarnation[4];
	enum error error = journal_meta_get(journal->db, "exchange", journal->exchange, EXCHANGE_SIZE, fault);

	if (error == E_OK)
		error = journal_meta_get(journal->db, "authority", journal->authority, KEY_SIZE, fault);
	if (error == E_OK)
		error = journal_meta_get(journal->db, "broker", broker, KEY_SIZE, fault);
	if (error == E_OK)
		error = journal_meta_get(journal->db, "incarnation", incarnation, sizeof(incarnation), fault);
	if (error == E_OK && memcmp(broker, journal->options.broker.public_key, KEY_SIZE) != 0)
		error = fault_at(fault, E_INVALID, "journal.db: another broker's key");
	if (error == E_OK)
		journal->state.position.incarnation = (uint32_t)incarnation[0] << 24 | (uint32_t)incarnation[1] << 16 |
						      (uint32_t)incarnation[2] << 8 | incarnation[3];
	return error;
}

static bool policy_parse_content(struct bytes content, uint32_t *version, struct hash *hash)
{
	struct arena arena;
	Simpul__PolicyVersion *policy;
	bool good;

	arena_init(&arena);
	policy = stored_unpack(&simpul__policy_version__descriptor, content, &arena);
	good = policy != NULL && hash_load(hash, BYTES(policy->hash.data, policy->hash.len));
	if (good)
		*version = policy->version;
	arena_fini(&arena);
	return good;
}

enum error journal_policy_at(sqlite3 *db, uint64_t entry, uint32_t *version, struct hash *hash, struct fault *fault)
{
	sqlite3_stmt *get =
		database_prepare(db, "SELECT content FROM entry INDEXED BY entry_other JOIN content USING(entry) "
				     "WHERE type = 5 AND type <> 2 AND entry <= ?1 ORDER BY entry DESC LIMIT 1");
	enum error error;

	*version = 0;
	*hash = (struct hash){0};
	bind_number(get, 1, entry);
	error = journal_row_step(get, fault);
	if (error == E_OK && !policy_parse_content(column_bytes(get, 0), version, hash))
		error = fault_at(fault, E_CORRUPT, "journal.db: policy");
	sqlite3_finalize(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* ---------------------------------------------------------------------------- the newest entries */

/* The head before the newest TAIL entries: of the entry there, or zeros at the beginning. */
static enum error tail_start(sqlite3 *db, struct position *position, struct fault *fault)
{
	sqlite3_stmt *get = database_prepare(db, "SELECT entry, head FROM entry ORDER BY entry DESC LIMIT 1 OFFSET ?1");
	enum error error;

	bind_number(get, 1, TAIL);
	error = journal_row_step(get, fault);
	if (error == E_OK && !hash_load(&position->head, column_bytes(get, 1)))
		error = fault_at(fault, E_CORRUPT, "journal.db: entry");
	if (error == E_OK)
		position->entry = column_number(get, 0);
	sqlite3_finalize(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Whether the row, in the name of this key of the broker, follows `state`, which it then becomes. */
static bool tail_row_check(struct journal *journal, const struct entry_row *row, const uint8_t broker_key[KEY_SIZE])
{
	struct journal_state *state = &journal->state;
	const struct audience *audience = audience_set_get(&journal->audiences, row->audience_id);
	struct arena arena;
	Simpul__Receipt *outcome;
	struct hash hash = {0}, head;

	if (audience == NULL || row->entry != state->position.entry + 1 || row->accepted_at < state->accepted_at)
		return false;
	arena_init(&arena);
	outcome = outcome_unpack(row->outcome, &arena);
	if (outcome != NULL)
		hash = row_hash(row, broker_key, outcome, audience);
	arena_fini(&arena);
	head = chain_head(&state->position.head, &hash);
	if (outcome == NULL || !hash_equal(&hash, &row->entry_hash) || !hash_equal(&head, &row->head))
		return false;
	state->position.entry = row->entry;
	state->position.head = row->head;
	state->accepted_at = row->accepted_at;
	return true;
}

static enum error tail_end_check(struct journal *journal, const struct entry_row *last, struct fault *fault)
{
	struct journal_state *state = &journal->state;

	if (!last->is_signed || !chain_verify(journal->options.broker.public_key, journal->exchange, &state->position,
					      BYTES(last->signature, SIGNATURE_SIZE)))
		return fault_at(fault, E_CORRUPT, "journal.db: signature of the last entry");
	memcpy(state->signature, last->signature, SIGNATURE_SIZE);
	return E_OK;
}

static enum error tail_check(struct journal *journal, struct fault *fault)
{
	sqlite3_stmt *rows;
	struct entry_row row = {0};
	uint8_t broker_key[KEY_SIZE];
	enum error error = tail_start(journal->db, &journal->state.position, fault);

	if (error == E_OK)
		error = journal_broker_key_at(journal, journal->state.position.entry, broker_key, fault);
	if (error != E_OK)
		return error;
	rows = database_prepare(journal->db, "SELECT " ENTRY_COLUMNS " FROM entry WHERE entry > ?1 ORDER BY entry");
	bind_number(rows, 1, journal->state.position.entry);
	while (error == E_OK && (error = journal_row_step(rows, fault)) == E_OK) {
		const bool whole = row_load(rows, &row);

		if (whole && row.type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY)
			error = journal_broker_key_at(journal, row.entry, broker_key, fault);
		if (error == E_OK && (!whole || !tail_row_check(journal, &row, broker_key)))
			error = entry_corrupt(row.entry, fault);
	}
	sqlite3_finalize(rows);
	if (error != E_NOT_FOUND)
		return error;
	if (row.entry == 0)
		return fault_at(fault, E_NOT_FOUND, "journal.db: no entry");
	return tail_end_check(journal, &row, fault);
}

enum error journal_state_load(struct journal *journal, struct fault *fault)
{
	struct journal_state *state = &journal->state;
	enum error error = meta_load(journal, fault);

	if (error == E_OK)
		error = audience_set_load(&journal->audiences, journal->db, fault);
	if (error == E_OK)
		error = tail_check(journal, fault);
	if (error == E_OK)
		error = journal_policy_at(journal->db, state->position.entry, &state->policy_version,
					  &state->policy_hash, fault);
	return error;
}

/* The keys of the last entry's bodies are laid in before it is written. */
static enum error slot_find(struct journal *journal, struct fault *fault)
{
	static const uint8_t nonce[VAULT_NONCE_SIZE];
	struct vault_slot *slot;
	enum error error = vault_slot_open(journal->vault, journal->state.position.entry, nonce, &slot, fault);

	vault_slot_close(slot);
	return error;
}

enum error journal_tail_verify(const struct journal_options *options, struct position *last, struct fault *fault)
{
	struct journal journal = {.options = *options};
	char *file = memory_format("%s/%s", options->path, JOURNAL_FILE);
	enum error error = database_open(&journal.db, file, DATABASE_READ, JOURNAL_VERSION, NULL, fault);

	free(file);
	if (error == E_OK)
		error = vault_open(&journal.vault, options->path, options->master, false, fault);
	/* One state of a journal that grows meanwhile. */
	if (error == E_OK)
		error = database_run(journal.db, "BEGIN", fault);
	if (error == E_OK)
		error = journal_state_load(&journal, fault);
	if (error == E_OK)
		error = slot_find(&journal, fault);
	*last = journal.state.position;
	vault_close(journal.vault);
	database_close(journal.db);
	audience_set_free(&journal.audiences);
	keys_wipe(&journal, sizeof(journal));
	return error;
}

/* ---------------------------------------------------------------------------- visiting */

/* Calls `visit` for every row of `sql`. */
static enum error rows_visit(struct journal *journal, const char *sql, const struct journal_visitor *visitor,
			     bool (*visit)(sqlite3_stmt *row, const struct journal_visitor *visitor),
			     struct fault *fault)
{
	sqlite3_stmt *rows = database_prepare(journal->db, sql);
	enum error error = E_OK;

	while (error == E_OK && (error = journal_row_step(rows, fault)) == E_OK)
		if (!visit(rows, visitor))
			error = fault_at(fault, E_CORRUPT, "journal.db");
	sqlite3_finalize(rows);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* These decide who is a member and who may see what, so they are compared with the chain each time. */
static bool entry_visit(sqlite3_stmt *row, const struct journal_visitor *visitor)
{
	const struct hash digest = chain_content_digest((uint32_t)column_number(row, 1), column_bytes(row, 3));

	if (!bytes_equal(column_bytes(row, 4), BYTES(digest.bytes, HASH_SIZE)))
		return false;
	visitor->entry(visitor->context, (Simpul__EntryType)column_number(row, 1), column_number(row, 0),
		       column_number(row, 2), column_bytes(row, 3));
	return true;
}

static bool origin_visit(sqlite3_stmt *row, const struct journal_visitor *visitor)
{
	struct report_name last = {.epoch = (uint32_t)column_number(row, 1),
				   .stream = (uint32_t)column_number(row, 2),
				   .number = column_number(row, 3)};
	struct hash digest;

	strncpy(last.origin, column_text(row, 0), LIMIT_NODE_NAME);
	if (!hash_load(&digest, column_bytes(row, 4)))
		return false;
	visitor->origin(visitor->context, &last, &digest);
	return true;
}

static bool cursor_visit(sqlite3_stmt *row, const struct journal_visitor *visitor)
{
	visitor->cursor(visitor->context, column_text(row, 0), column_number(row, 1));
	return true;
}

enum error journal_load(struct journal *journal, const struct journal_visitor *visitor, struct fault *fault)
{
	enum error error = rows_visit(
		journal,
		"SELECT entry, type, accepted_at, content, digest FROM entry INDEXED BY entry_other "
		"JOIN content USING(entry) WHERE type <> 2 AND type IN (1, 3, 4, 5, 6, 7, 10) ORDER BY entry",
		visitor, entry_visit, fault);

	for (size_t i = 0; error == E_OK && i < journal->audiences.count; i++)
		visitor->audience(visitor->context, &journal->audiences.list[i]);
	if (error == E_OK)
		error = rows_visit(journal,
				   "SELECT node, epoch, stream, last, digest FROM stream "
				   "JOIN origin ON id = origin_id ORDER BY origin_id, epoch, stream",
				   visitor, origin_visit, fault);
	if (error == E_OK)
		error = rows_visit(journal, "SELECT node, entry FROM cursor ORDER BY node", visitor, cursor_visit,
				   fault);
	if (error == E_OK)
		visitor->position(visitor->context, &journal->state.position, journal->state.signature);
	return error;
}
