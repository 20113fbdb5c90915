/* journal_succeed - the broker's own keys as the journal has them: announced, put in force, in force at an entry. */
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include "common/wire.h"
#include <stdlib.h>
#include <string.h>

/* Entries of type BROKER_KEY after ?1. */
#define KEYS_AFTER \
	"SELECT content FROM entry INDEXED BY entry_other JOIN content USING(entry) " \
	"WHERE type = 10 AND type <> 2 AND entry > ?1 ORDER BY entry"

/* Steps to the next one: E_NOT_FOUND at the end. The message lives until the arena is reset. */
static enum error key_next(sqlite3_stmt *rows, struct arena *arena, const Simpul__BrokerKey **key, struct fault *fault)
{
	const enum error error = journal_row_step(rows, fault);

	if (error != E_OK)
		return error;
	*key = stored_unpack(&simpul__broker_key__descriptor, column_bytes(rows, 0), arena);
	if (*key == NULL || (*key)->succession == NULL || (*key)->succession->former_key.len != KEY_SIZE)
		return fault_at(fault, E_CORRUPT, "journal.db: broker key");
	return E_OK;
}

enum error journal_broker_key_at(struct journal *journal, uint64_t entry, uint8_t key[KEY_SIZE], struct fault *fault)
{
	sqlite3_stmt *rows = database_prepare(journal->db, KEYS_AFTER);
	const Simpul__BrokerKey *next = NULL;
	struct arena arena;
	enum error error = E_OK;

	arena_init(&arena);
	memcpy(key, journal->options.broker.public_key, KEY_SIZE);
	bind_number(rows, 1, entry);
	do
		error = key_next(rows, &arena, &next, fault);
	while (error == E_OK && !next->in_force);
	/* The first that came in force after the entry says what was in force until then. */
	if (error == E_OK)
		memcpy(key, next->succession->former_key.data, KEY_SIZE);
	sqlite3_finalize(rows);
	arena_fini(&arena);
	return error == E_NOT_FOUND ? E_OK : error;
}

static bool is_of(const Simpul__BrokerSuccession *succession, const struct broker_keys *keys)
{
	return bytes_equal(BYTES(succession->signing_key.data, succession->signing_key.len),
			   BYTES(keys->signing.public_key, KEY_SIZE)) &&
	       bytes_equal(BYTES(succession->curve_key.data, succession->curve_key.len),
			   BYTES(keys->curve_public, KEY_SIZE));
}

/* The newest announcement since the keys changed last, if it is of these. E_NOT_FOUND. */
static enum error announced_find(struct journal *journal, const struct broker_keys *keys, struct arena *arena,
				 const Simpul__BrokerKey **announced, struct fault *fault)
{
	sqlite3_stmt *rows = database_prepare(journal->db, KEYS_AFTER);
	const Simpul__BrokerKey *key;
	enum error error;

	*announced = NULL;
	bind_number(rows, 1, 0);
	while ((error = key_next(rows, arena, &key, fault)) == E_OK)
		*announced = key->in_force ? NULL : key;
	sqlite3_finalize(rows);
	if (error != E_NOT_FOUND)
		return error;
	return *announced != NULL && is_of((*announced)->succession, keys)
		       ? E_OK
		       : fault_at(fault, E_NOT_FOUND, "the newer keys were not announced");
}

static void audience_fill(struct audience *everyone)
{
	everyone->count = 1;
	everyone->nodes = memory_zero(1, sizeof(*everyone->nodes));
	strcpy(everyone->nodes[0], "*");
}

/* One commit of its own, the first under the newer key. */
static enum error in_force_append(struct journal *journal, const Simpul__BrokerKey *announced,
				  const struct broker_keys *next, wall_ms now, struct fault *fault)
{
	Simpul__BrokerKey in_force = SIMPUL__BROKER_KEY__INIT;
	struct journal_append *append = journal_append_new();
	enum error error;

	in_force.succession = announced->succession;
	in_force.in_force = true;
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY;
	audience_fill(&append->audience);
	wire_pack(&in_force, &append->content);
	append->newer = memory_alloc(sizeof(*append->newer));
	*append->newer = *next;
	error = journal_commit_told(journal, append, now, fault);
	journal_append_free(append);
	return error;
}

enum error journal_succeed(struct journal *journal, const struct broker_keys *next, wall_ms now, struct fault *fault)
{
	const Simpul__BrokerKey *announced;
	struct arena arena;
	enum error error;

	arena_init(&arena);
	error = announced_find(journal, next, &arena, &announced, fault);
	if (error == E_OK)
		error = in_force_append(journal, announced, next, now, fault);
	arena_fini(&arena);
	return error;
}
