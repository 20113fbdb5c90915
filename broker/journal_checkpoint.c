/* journal_checkpoint - looks up in a journal the keys under which a checkpoint was signed. */
#include "broker/journal_checkpoint.h"

#include "broker/journal_sqlite.h"
#include "common/member.h"
#include "common/memory.h"
#include "common/wire.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct lookup {
	sqlite3 *db;
	const struct checkpoint *checkpoint;
	struct arena arena;
	struct fault *fault;
};

/* The key of the incarnation that wrote the entry. */
static enum error broker_check(struct lookup *lookup)
{
	const struct checkpoint *checkpoint = lookup->checkpoint;
	sqlite3_stmt *get = database_prepare(
		lookup->db, "SELECT content FROM entry INDEXED BY entry_other JOIN content USING(entry) "
			    "WHERE type = 1 AND type <> 2 AND entry <= ?1 ORDER BY entry DESC LIMIT 1");
	const Simpul__Genesis *genesis = NULL;
	enum error error;

	bind_number(get, 1, checkpoint->position.entry);
	error = journal_row_step(get, lookup->fault);
	if (error == E_OK)
		genesis = stored_unpack(&simpul__genesis__descriptor, column_bytes(get, 0), &lookup->arena);
	sqlite3_finalize(get);
	if (genesis == NULL || genesis->broker_key.len != KEY_SIZE)
		return fault_at(lookup->fault, E_CORRUPT, "journal.db: genesis");
	if (!bytes_equal(of_binary(genesis->exchange), BYTES(checkpoint->exchange, EXCHANGE_SIZE)))
		return fault_at(lookup->fault, E_EXCHANGE, "checkpoint");
	return chain_verify(genesis->broker_key.data, checkpoint->exchange, &checkpoint->position,
			    BYTES(checkpoint->signature, SIGNATURE_SIZE))
		       ? E_OK
		       : fault_at(lookup->fault, E_BAD_SIGNATURE, "signature");
}

static bool record_is(const Simpul__MemberRecord *record, const struct countersignature *signer)
{
	return record != NULL && strcmp(record->node, signer->node) == 0 && record->key_id == signer->key_id &&
	       record->signing_key.len == KEY_SIZE;
}

static enum error member_check_one(struct lookup *lookup, size_t index)
{
	const struct countersignature *signer = &lookup->checkpoint->signers[index];
	sqlite3_stmt *rows = database_prepare(
		lookup->db, "SELECT content FROM entry INDEXED BY entry_other JOIN content USING(entry) "
			    "WHERE type = 3 AND type <> 2 ORDER BY entry");
	const Simpul__MemberRecord *record = NULL;
	enum error error;

	while ((error = journal_row_step(rows, lookup->fault)) == E_OK && !record_is(record, signer))
		record = stored_unpack(&simpul__member_record__descriptor, column_bytes(rows, 0), &lookup->arena);
	sqlite3_finalize(rows);
	if (error != E_OK && error != E_NOT_FOUND)
		return error;
	if (!record_is(record, signer))
		return fault_at(lookup->fault, E_KEY_UNKNOWN, "countersigned[%zu]", index);
	return checkpoint_verify(lookup->checkpoint, index, record->signing_key.data)
		       ? E_OK
		       : fault_at(lookup->fault, E_BAD_SIGNATURE, "countersigned[%zu]", index);
}

enum error journal_checkpoint_check(const char *file, const struct checkpoint *checkpoint, struct fault *fault)
{
	struct lookup lookup = {.checkpoint = checkpoint, .fault = fault};
	enum error error = journal_file_open(&lookup.db, file, fault);

	if (error != E_OK)
		return error;
	arena_init(&lookup.arena);
	error = broker_check(&lookup);
	for (size_t i = 0; error == E_OK && i < checkpoint->count; i++)
		error = member_check_one(&lookup, i);
	arena_fini(&lookup.arena);
	database_close(lookup.db);
	return error;
}
