/* journal_checkpoint - looks up in a journal the keys under which a checkpoint was signed. */
#include "broker/journal/journal_checkpoint.h"

#include "broker/journal/journal_sqlite.h"
#include "common/member.h"
#include "common/wire.h"
#include <string.h>

struct lookup {
	sqlite3 *db;
	const struct checkpoint *checkpoint;
	struct arena arena;
	struct fault *fault;
};

/* The broker's key from this row's entry on; NULL when it does not change there. */
static const ProtobufCBinaryData *key_of_genesis(struct lookup *lookup, struct bytes content, enum error *error)
{
	const Simpul__Genesis *genesis = stored_unpack(&simpul__genesis__descriptor, content, &lookup->arena);

	if (genesis == NULL) {
		*error = fault_at(lookup->fault, E_CORRUPT, "journal.db: genesis");
		return NULL;
	}
	if (!bytes_equal(of_binary(genesis->exchange), BYTES(lookup->checkpoint->exchange, EXCHANGE_SIZE)))
		*error = fault_at(lookup->fault, E_EXCHANGE, "checkpoint");
	return &genesis->broker_key;
}

static const ProtobufCBinaryData *key_of_succession(struct lookup *lookup, struct bytes content, enum error *error)
{
	const Simpul__BrokerKey *key = stored_unpack(&simpul__broker_key__descriptor, content, &lookup->arena);

	if (key == NULL || key->succession == NULL)
		*error = fault_at(lookup->fault, E_CORRUPT, "journal.db: broker key");
	return *error == E_OK && key->in_force ? &key->succession->signing_key : NULL;
}

static bool is_signed_with(const struct checkpoint *checkpoint, const ProtobufCBinaryData *key)
{
	return key != NULL && key->len == KEY_SIZE &&
	       chain_verify(key->data, checkpoint->exchange, &checkpoint->position,
			    BYTES(checkpoint->signature, SIGNATURE_SIZE));
}

/* By the broker's key of that entry, or by one that it had later: a checkpoint says what was, when it is made. */
static enum error broker_check(struct lookup *lookup)
{
	sqlite3_stmt *rows = database_prepare(
		lookup->db, "SELECT content, type, entry > ?1 FROM entry INDEXED BY entry_other JOIN content USING(entry) "
			    "WHERE type IN (1, 10) AND type <> 2 ORDER BY entry");
	const ProtobufCBinaryData *present = NULL;
	bool is_signed = false;
	enum error error;

	bind_number(rows, 1, lookup->checkpoint->position.entry);
	while (!is_signed && (error = journal_row_step(rows, lookup->fault)) == E_OK) {
		const struct bytes content = column_bytes(rows, 0);
		const ProtobufCBinaryData *key = column_number(rows, 1) == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS
							 ? key_of_genesis(lookup, content, &error)
							 : key_of_succession(lookup, content, &error);
		const bool is_later = column_number(rows, 2) != 0;

		if (error != E_OK)
			break;
		if (is_later)
			is_signed = is_signed_with(lookup->checkpoint, present) || is_signed_with(lookup->checkpoint, key);
		else if (key != NULL)
			present = key;
	}
	sqlite3_finalize(rows);
	if (is_signed)
		return E_OK;
	if (error != E_NOT_FOUND)
		return error;
	return is_signed_with(lookup->checkpoint, present) ? E_OK : fault_at(lookup->fault, E_BAD_SIGNATURE, "signature");
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
