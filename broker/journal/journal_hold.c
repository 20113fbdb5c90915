/* journal_hold - orders by which a body is kept though it is due: placed and lifted by the writer, and no tombstone
 * buries what one keeps. */
#include "broker/journal/journal_sqlite.h"
#include "common/hold.h"
#include <string.h>

static enum error refuse(struct draft *draft, enum error code, const char *field)
{
	fault_at(&draft->append->result, code, "%s", field);
	return E_OK;
}

/* ---------------------------------------------------------------------------- what is erased already */

static enum error slot_look(struct journal *journal, uint64_t entry, uint64_t place, bool *erased, struct fault *fault)
{
	sqlite3_stmt *get = journal_statement(journal, SQL_NONCE_GET);
	struct vault_slot *slot = NULL;
	enum error error;

	bind_number(get, 1, entry);
	error = journal_row_step(get, fault);
	if (error == E_NOT_FOUND || (error == E_OK && column_bytes(get, 0).size != VAULT_NONCE_SIZE))
		error = fault_at(fault, E_CORRUPT, "journal.db: nonce");
	if (error == E_OK)
		error = vault_slot_open(journal->vault, entry, column_bytes(get, 0).data, &slot, fault);
	if (error == E_OK)
		*erased = vault_is_erased(slot, place);
	vault_slot_close(slot);
	sqlite3_reset(get);
	return error;
}

/* Under a tombstone, whether its key is destroyed yet or not. */
enum error journal_erased_look(struct journal *journal, uint64_t entry, uint64_t place, bool *erased,
			       struct fault *fault)
{
	sqlite3_stmt *find = journal_statement(journal, SQL_ERASING_FIND);
	uint64_t found;
	enum error error;

	bind_number(find, 1, entry);
	bind_number(find, 2, place);
	error = journal_number(find, 0, &found, fault);
	*erased = found != 0;
	return error == E_OK && !*erased ? slot_look(journal, entry, place, erased, fault) : error;
}

/* ---------------------------------------------------------------------------- placing and lifting */

/* The clock was set back since the first of them signed: by that time the order is over, and would be damage for ever.
 * They sign again. */
static bool is_signed_ahead(const Simpul__Hold *hold)
{
	return hold_signed_check(hold->until, hold->signed_at, NULL) == E_CLOCK;
}

static enum error place_compare(struct draft *draft, const Simpul__Hold *hold)
{
	bool erased;
	enum error error;

	if (is_signed_ahead(hold))
		return refuse(draft, E_CLOCK, "signed_at");
	error = journal_erased_look(draft->journal, draft->held, draft->place, &erased, draft->fault);
	draft->until = hold->until;
	return error == E_OK && erased ? refuse(draft, E_ERASED, "report") : error;
}

static void bind_hold(sqlite3_stmt *statement, const struct draft *draft, uint64_t hold)
{
	bind_number(statement, 1, draft->held);
	bind_number(statement, 2, draft->place);
	bind_number(statement, 3, hold);
}

/* One whose time is over is none any more. */
static enum error lift_compare(struct draft *draft, const Simpul__Hold *hold)
{
	sqlite3_stmt *get = journal_statement(draft->journal, SQL_HOLD_UNTIL);
	uint64_t until;
	enum error error;

	draft->lifts = true;
	bind_hold(get, draft, hold->lifts);
	error = journal_number(get, 0, &until, draft->fault);
	return error == E_OK && until <= draft->now ? refuse(draft, E_NOT_FOUND, "hold") : error;
}

static enum error report_compare(struct draft *draft, const Simpul__Hold *hold)
{
	struct report_name name = {
		.epoch = hold->report->epoch, .stream = (uint32_t)hold->report->stream, .number = hold->report->number};
	struct entry_row row;
	bool found = false;
	enum error error;

	strncpy(name.origin, hold->report->origin, LIMIT_NODE_NAME);
	error = draft_report_find(draft, &name, &row, &found);
	if (error != E_OK)
		return error;
	if (!found || row.audience_id == 0)
		return refuse(draft, E_NOT_FOUND, "report");
	draft->held = row.entry;
	draft->place = name.number - row.first;
	return hold->lifts != 0 ? lift_compare(draft, hold) : place_compare(draft, hold);
}

enum error draft_hold_compare(struct draft *draft)
{
	const Simpul__Hold *hold;
	struct arena arena;
	enum error error;

	arena_init(&arena);
	hold = stored_unpack(&simpul__hold__descriptor, buffer_view(&draft->append->content), &arena);
	error = hold == NULL || hold->report == NULL ? refuse(draft, E_INVALID, "hold") : report_compare(draft, hold);
	arena_fini(&arena);
	return error;
}

enum error draft_hold_write(struct draft *draft)
{
	sqlite3_stmt *statement = journal_statement(draft->journal, draft->lifts ? SQL_HOLD_LIFT : SQL_HOLD_ADD);
	const Simpul__Hold *hold;
	struct arena arena;
	enum error error;

	arena_init(&arena);
	hold = stored_unpack(&simpul__hold__descriptor, buffer_view(&draft->append->content), &arena);
	bind_hold(statement, draft, draft->lifts ? hold->lifts : draft->written->row.entry);
	if (!draft->lifts)
		bind_number(statement, 4, draft->until);
	error = database_step(statement, draft->fault);
	arena_fini(&arena);
	return error;
}

/* ---------------------------------------------------------------------------- tombstones */

/* Its own tombstone was lost with a history that is over, and this stands where the next one begins: what is gone is
 * gone, whatever keeps it. Anywhere else it would be a way around every hold. */
static enum error former_compare(struct draft *draft)
{
	return draft->begins ? E_OK : refuse(draft, E_INVALID, "rule");
}

/* Between the question what is due and its tombstone a hold may have been placed, or have ended. */
static enum error target_compare(struct draft *draft, const Simpul__TombstoneTarget *target)
{
	sqlite3_stmt *get = journal_statement(draft->journal, target->hold != 0 ? SQL_HOLD_UNTIL : SQL_HOLD_LONGEST);
	uint64_t until;
	enum error error;

	if (target->rule == SIMPUL__PURGE_RULE__PURGE_RULE_FORMER)
		return former_compare(draft);
	draft->begins = false;
	bind_number(get, 1, target->entry);
	bind_number(get, 2, target->index);
	bind_number(get, 3, target->hold != 0 ? target->hold : target->count);
	error = journal_number(get, 0, &until, draft->fault);
	if (error == E_OK && (target->hold != 0 ? until == 0 : until > draft->now))
		refuse(draft, E_BUSY, "hold");
	return error;
}

/* The clock was set back since it was asked what is due: by this one some of that may not have expired, and the
 * tombstone would be damage for ever. */
static bool is_early(const struct draft *draft, const Simpul__Tombstone *tombstone)
{
	return tombstone->final_at > draft->now + LIMIT_BACKUP_DAYS * DAY_MS;
}

enum error draft_tombstone_compare(struct draft *draft)
{
	const Simpul__Tombstone *tombstone;
	struct arena arena;
	enum error error = E_OK;

	draft->begins = draft->journal->state.begins;
	arena_init(&arena);
	tombstone = stored_unpack(&simpul__tombstone__descriptor, buffer_view(&draft->append->content), &arena);
	if (tombstone != NULL && is_early(draft, tombstone))
		error = refuse(draft, E_BUSY, "final_at");
	for (size_t i = 0; error == E_OK && tombstone != NULL && i < tombstone->n_targets; i++)
		error = target_compare(draft, tombstone->targets[i]);
	arena_fini(&arena);
	return error;
}
