/* journal_erase - what the writer notes of bodies that will have to die, and how they do: rows of `due`, tombstones, keys.
 *
 * A tombstone and the note that keys are to be destroyed are one transaction; the keys follow at once, after a crash
 * when the journal is opened again, and on a full disk when there is room. So a body is never gone without a tombstone,
 * nor one there with its key for long; and readers give nobody what is noted. */
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include "common/wire.h"
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------------- what will have to die */

static enum error due_add(struct draft *draft, wall_ms at, uint64_t entry, int64_t place, uint64_t cause)
{
	sqlite3_stmt *add = journal_statement(draft->journal, SQL_DUE_ADD);

	bind_number(add, 1, at);
	bind_number(add, 2, entry);
	sqlite3_bind_int64(add, 3, place);
	bind_number(add, 4, cause);
	return database_step(add, draft->fault);
}

/* The place of a report within its entry. */
static enum error place_of(struct draft *draft, uint64_t entry, uint64_t number, int64_t *place)
{
	sqlite3_stmt *get = journal_statement(draft->journal, SQL_ENTRY_FIRST);
	uint64_t first;
	enum error error;

	bind_number(get, 1, entry);
	error = journal_number(get, 0, &first, draft->fault);
	*place = (int64_t)(number - first);
	return error;
}

static enum error retracted_add(struct draft *draft, uint64_t entry, uint64_t number)
{
	sqlite3_stmt *add = journal_statement(draft->journal, SQL_RETRACTED_ADD);
	int64_t place;
	enum error error;

	bind_number(add, 1, entry);
	bind_number(add, 2, number);
	error = database_step(add, draft->fault);
	if (error == E_OK)
		error = place_of(draft, entry, number, &place);
	return error == E_OK ? due_add(draft, 0, entry, place, draft->written->row.entry) : error;
}

/* The report that a CANCEL takes back, every update of it, and theirs. */
static enum error retraction_note(struct draft *draft)
{
	sqlite3_stmt *family = journal_statement(draft->journal, SQL_FAMILY);
	enum error error;

	bind_number(family, 1, draft->target);
	bind_number(family, 2, draft->append->reference.number);
	while ((error = journal_row_step(family, draft->fault)) == E_OK) {
		error = retracted_add(draft, column_number(family, 0), column_number(family, 1));
		if (error != E_OK)
			break;
	}
	sqlite3_reset(family);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error draft_due_write(struct draft *draft)
{
	const struct journal_append *append = draft->append;
	enum error error = E_OK;

	if (append->due != 0)
		error = due_add(draft, append->due, draft->written->row.entry, DUE_EXPIRES, 0);
	if (error == E_OK && append->effect == EFFECT_RETRACT && draft->target != 0)
		error = retraction_note(draft);
	return error;
}

/* ---------------------------------------------------------------------------- tombstones */

void tombstone_pack(const struct erasure *erasures, size_t count, wall_ms now, struct buffer *out)
{
	Simpul__Tombstone tombstone = SIMPUL__TOMBSTONE__INIT;
	Simpul__TombstoneTarget *targets = memory_alloc(count * sizeof(*targets));

	tombstone.targets = memory_alloc(count * sizeof(*tombstone.targets));
	tombstone.n_targets = count;
	tombstone.final_at = now + LIMIT_BACKUP_DAYS * DAY_MS;
	for (size_t i = 0; i < count; i++) {
		simpul__tombstone_target__init(&targets[i]);
		targets[i].entry = erasures[i].entry;
		targets[i].index = erasures[i].first;
		targets[i].count = erasures[i].count;
		targets[i].rule = erasures[i].rule;
		targets[i].cause = erasures[i].cause;
		targets[i].hold = erasures[i].hold;
		tombstone.targets[i] = &targets[i];
	}
	wire_pack(&tombstone, out);
	free(tombstone.targets);
	free(targets);
}

static enum error due_remove(struct draft *draft, wall_ms at, uint64_t entry, int64_t place)
{
	sqlite3_stmt *remove = journal_statement(draft->journal, SQL_DUE_REMOVE);

	bind_number(remove, 1, at);
	bind_number(remove, 2, entry);
	sqlite3_bind_int64(remove, 3, place);
	return database_step(remove, draft->fault);
}

static bool is_covered(const Simpul__Tombstone *tombstone, uint64_t entry, size_t place)
{
	for (size_t i = 0; i < tombstone->n_targets; i++) {
		const Simpul__TombstoneTarget *target = tombstone->targets[i];

		if (target->entry == entry && target->hold == 0 &&
		    target->rule == SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED && place >= target->index &&
		    place - target->index < target->count)
			return true;
	}
	return false;
}

/* Nothing lives longer: a report that says so was refused, and has no body. */
static bool can_expire(const struct draft *draft, const Simpul__Header *header)
{
	return header->expires != 0 &&
	       header->expires <= draft->written->row.accepted_at + (LIMIT_LIFE_DAYS + 1) * DAY_MS;
}

/* While an order keeps one report of an entry, the entry stays due, and not every tombstone covers what one before it
 * did. */
static bool is_gone(struct draft *draft, uint64_t entry, const Simpul__Header *header, size_t place)
{
	bool gone = false;

	return header->expires <= draft->accepted_at &&
	       journal_erased_look(draft->journal, entry, place, &gone, draft->fault) == E_OK && gone;
}

/* What the tombstone covers is no longer due; the first of what is left is. */
static enum error expiry_move(struct draft *draft, const Simpul__Tombstone *tombstone, uint64_t entry,
			      const Simpul__StoredSubmission *stored, struct arena *arena)
{
	wall_ms next = 0;
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < stored->n_headers; i++) {
		const Simpul__Header *header =
			stored_unpack(&simpul__header__descriptor, of_binary(stored->headers[i]), arena);

		if (header == NULL)
			return fault_at(draft->fault, E_CORRUPT, "journal.db: header");
		if (is_covered(tombstone, entry, i))
			error = due_remove(draft, header->expires, entry, DUE_EXPIRES);
		else if (can_expire(draft, header) && (next == 0 || header->expires < next) &&
			 !is_gone(draft, entry, header, i))
			next = header->expires;
	}
	return error == E_OK && next != 0 ? due_add(draft, next, entry, DUE_EXPIRES, 0) : error;
}

static enum error expiry_settle(struct draft *draft, const Simpul__Tombstone *tombstone, uint64_t entry)
{
	sqlite3_stmt *get = journal_statement(draft->journal, SQL_CONTENT_GET);
	Simpul__StoredSubmission *stored;
	struct arena arena;
	enum error error;

	bind_number(get, 1, entry);
	error = journal_row_step(get, draft->fault);
	if (error != E_OK)
		return error == E_NOT_FOUND ? fault_at(draft->fault, E_CORRUPT, "journal.db: content") : error;
	arena_init(&arena);
	stored = stored_unpack(&simpul__stored_submission__descriptor, column_bytes(get, 0), &arena);
	error = stored == NULL ? fault_at(draft->fault, E_CORRUPT, "journal.db: content")
			       : expiry_move(draft, tombstone, entry, stored, &arena);
	sqlite3_reset(get);
	arena_fini(&arena);
	return error;
}

/* It stays due, for the time when no order keeps it any more. */
static enum error target_keep(struct draft *draft, const Simpul__TombstoneTarget *target)
{
	sqlite3_stmt *add = journal_statement(draft->journal, SQL_KEPT_ADD);

	bind_number(add, 1, target->entry);
	bind_number(add, 2, target->index);
	return database_step(add, draft->fault);
}

static enum error target_run(struct draft *draft, enum journal_statement which, const Simpul__TombstoneTarget *target)
{
	sqlite3_stmt *statement = journal_statement(draft->journal, which);

	bind_number(statement, 1, target->entry);
	bind_number(statement, 2, target->index);
	bind_number(statement, 3, target->count);
	return database_step(statement, draft->fault);
}

static enum error target_bury(struct draft *draft, const Simpul__Tombstone *tombstone, size_t index)
{
	const Simpul__TombstoneTarget *target = tombstone->targets[index];
	const Simpul__TombstoneTarget *before = index > 0 ? tombstone->targets[index - 1] : NULL;
	const bool again =
		before != NULL && before->hold == 0 && before->entry == target->entry && before->rule == target->rule;
	enum error error;

	if (target->hold != 0)
		return target_keep(draft, target);
	error = target_run(draft, SQL_ERASING_ADD, target);
	if (error == E_OK)
		error = target_run(draft, SQL_HOLD_BURY, target);
	if (error == E_OK)
		error = target_run(draft, SQL_KEPT_BURY, target);
	if (error == E_OK && target->rule == SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED)
		error = due_remove(draft, 0, target->entry, target->index);
	else if (error == E_OK && !again)
		error = expiry_settle(draft, tombstone, target->entry);
	return error;
}

enum error draft_tombstone_write(struct draft *draft)
{
	const Simpul__Tombstone *tombstone;
	struct arena arena;
	enum error error = E_OK;

	arena_init(&arena);
	tombstone = stored_unpack(&simpul__tombstone__descriptor, buffer_view(&draft->append->content), &arena);
	if (tombstone == NULL)
		error = fault_at(draft->fault, E_INVALID, "tombstone");
	for (size_t i = 0; error == E_OK && i < tombstone->n_targets; i++)
		error = target_bury(draft, tombstone, i);
	arena_fini(&arena);
	draft->journal->erasing = ERASING_KEYS;
	return error;
}

/* ---------------------------------------------------------------------------- keys */

static enum error keys_destroy(struct journal *journal, sqlite3_stmt *row, struct fault *fault)
{
	const struct bytes nonce = column_bytes(row, 4);

	if (nonce.size != VAULT_NONCE_SIZE)
		return fault_at(fault, E_CORRUPT, "journal.db: nonce");
	return vault_erase(journal->vault, column_number(row, 0), nonce.data, column_number(row, 1),
			   column_number(row, 2), column_number(row, 3), fault);
}

/* All of them in one transaction: one sync, however many a tombstone names. */
static enum error buried_destroy(struct journal *journal, struct fault *fault)
{
	sqlite3_stmt *rows = journal_statement(journal, SQL_ERASING_ALL);
	enum error error = vault_erase_begin(journal->vault, fault);

	if (error != E_OK)
		return error;
	while (error == E_OK && (error = journal_row_step(rows, fault)) == E_OK)
		error = keys_destroy(journal, rows, fault);
	sqlite3_reset(rows);
	return vault_erase_end(journal->vault, error == E_NOT_FOUND ? E_OK : error, fault);
}

static enum error log_cut(struct journal *journal, struct fault *fault)
{
	enum error error = vault_settle(journal->vault, fault);

	if (error == E_OK)
		error = database_step(journal_statement(journal, SQL_ERASING_CLEAR), fault);
	return error;
}

enum error journal_keys_erase(struct journal *journal, struct fault *fault)
{
	enum error error = E_OK;

	if (journal->erasing == ERASING_KEYS) {
		error = buried_destroy(journal, fault);
		if (error == E_OK)
			journal->erasing = ERASING_LOG;
	}
	if (journal->erasing == ERASING_LOG) {
		error = log_cut(journal, fault);
		if (error == E_OK)
			journal->erasing = ERASING_NOTHING;
	}
	return error == E_BUSY ? E_OK : error; /* somebody reads; at the next flush */
}

/* ---------------------------------------------------------------------------- what recipients say */

static bool was_sent_to(const struct audience *audience, const char *node)
{
	for (size_t i = 0; audience != NULL && i < audience->count; i++)
		if (strcmp(audience->nodes[i], node) == 0)
			return true;
	return false;
}

static enum error purged_add(struct draft *draft, uint64_t entry, uint64_t place)
{
	sqlite3_stmt *add = journal_statement(draft->journal, SQL_PURGED_ADD);
	enum error error;

	bind_number(add, 1, entry);
	bind_number(add, 2, place);
	bind_text(add, 3, draft->append->first.origin);
	bind_number(add, 4, draft->written->row.entry);
	bind_number(add, 5, draft->written->row.accepted_at);
	error = database_step(add, draft->fault);
	sqlite3_clear_bindings(add);
	return error;
}

/* Noted is what somebody says who was sent the report, to its origin. Other names are their mistake, and nobody's loss. */
static enum error purged_note(struct draft *draft, const Simpul__Purged *purged)
{
	const struct journal_append *append = draft->append;
	struct report_name name = {.epoch = purged->name->epoch,
				   .stream = (uint32_t)purged->name->stream,
				   .number = purged->name->number};
	struct entry_row row;
	bool found;
	enum error error;

	if (append->audience.count != 1 || strcmp(append->audience.nodes[0], purged->name->origin) != 0)
		return E_OK;
	strcpy(name.origin, append->audience.nodes[0]);
	error = draft_report_find(draft, &name, &row, &found);
	if (error != E_OK || !found ||
	    !was_sent_to(audience_set_get(&draft->journal->audiences, row.audience_id), append->first.origin))
		return error;
	return purged_add(draft, row.entry, name.number - row.first);
}

static enum error receipt_note(struct draft *draft, struct bytes encoded, struct arena *arena)
{
	const Simpul__Body *body = stored_unpack(&simpul__body__descriptor, encoded, arena);
	enum error error = E_OK;

	if (body == NULL || body->content_case != SIMPUL__BODY__CONTENT_PURGE_RECEIPT)
		return fault_at(draft->fault, E_INVALID, "body");
	for (size_t i = 0; error == E_OK && i < body->purge_receipt->n_purged; i++)
		error = purged_note(draft, body->purge_receipt->purged[i]);
	return error;
}

enum error draft_purges_write(struct draft *draft)
{
	const struct journal_append *append = draft->append;
	struct arena arena;
	enum error error = E_OK;

	if (append->effect != EFFECT_PURGED)
		return E_OK;
	arena_init(&arena);
	for (size_t i = 0; error == E_OK && i < append->count; i++)
		if (append->reports[i].verdict == E_OK)
			error = receipt_note(draft, append->reports[i].body, &arena);
	arena_fini(&arena);
	return error;
}
