/* outbox_recover - what becomes of the outbox when a history ended: at the broker, whose receipts of what it lost are
 * void. */
#include "agents/reports/outbox.h"
#include "agents/reports/outbox_erase.h"
#include "common/wire.h"

/* ---- the broker was restored */

/* Whether a receipt is of an entry that no incarnation has any more. */
static bool receipt_is_void(const Simpul__Receipt *receipt, const struct recovery *recoveries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct recovery *recovery = &recoveries[i];

		if (receipt->incarnation < recovery->incarnation &&
		    (receipt->entry > recovery->from.entry || receipt->incarnation > recovery->from.incarnation))
			return true;
	}
	return false;
}

/* Incarnations that a recovery leaves out are not in the journal at all. */
static bool leaves_out(const struct recovery *recovery)
{
	return recovery->incarnation > recovery->from.incarnation + 1;
}

/* Receipts up to this entry need not be looked at. */
static uint64_t kept_entry(const struct recovery *recoveries, size_t count)
{
	uint64_t kept = UINT64_MAX >> 1;

	for (size_t i = 0; i < count; i++) {
		if (leaves_out(&recoveries[i]))
			return 0;
		if (recoveries[i].from.entry < kept)
			kept = recoveries[i].from.entry;
	}
	return kept;
}

static enum error former_keep(struct store *store, const struct report_name *first, struct fault *fault)
{
	static const char copy_sql[] =
		"INSERT OR IGNORE INTO former_receipt(epoch, stream, first, entry, accepted_at, receipt)"
		" SELECT epoch, stream, first, entry, accepted_at, receipt FROM receipt"
		" WHERE epoch = ?1 AND stream = ?2 AND first = ?3";
	static const char drop_sql[] = "DELETE FROM receipt WHERE epoch = ?1 AND stream = ?2 AND first = ?3";
	/* The verdicts were those of the receipt; what was voided before it was accepted stays refused. */
	static const char clear_sql[] =
		"UPDATE outbox_report SET code = 0, field = '' WHERE epoch = ?1 AND stream = ?2 AND code <> 0 AND"
		" number >= ?3 AND number < ?3 + (SELECT n.count FROM submission n WHERE n.epoch = ?1 AND n.stream = ?2"
		" AND n.first = ?3 AND n.void = 0)";
	static const char back_sql[] = "UPDATE stream SET receipted = min(receipted, ?3 - 1)"
				       " WHERE epoch = ?1 AND stream = ?2";
	const char *const steps[] = {copy_sql, drop_sql, clear_sql, back_sql};
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < sizeof steps / sizeof steps[0]; i++) {
		sqlite3_stmt *step = store_statement(store, steps[i]);

		own_name_bind(step, 1, first);
		error = database_step(step, fault);
	}
	return error == E_OK ? outbox_break(store, first, fault) : error;
}

/* The next receipt after `first` that is beyond `kept`; E_NOT_FOUND at the end. */
static enum error receipt_next(struct store *store, uint64_t kept, const struct recovery *recoveries, size_t count,
			       struct report_name *first, bool *is_void, struct fault *fault)
{
	static const char sql[] = "SELECT epoch, stream, first, receipt FROM receipt WHERE entry > ?1 AND"
				  " (epoch, stream, first) > (?2, ?3, ?4) ORDER BY epoch, stream, first LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	const Simpul__Receipt *receipt = NULL;
	struct arena arena;
	enum error error;

	arena_init(&arena);
	bind_number(get, 1, kept);
	own_name_bind(get, 2, first);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		first->epoch = (uint32_t)column_number(get, 0);
		first->stream = (uint32_t)column_number(get, 1);
		first->number = column_number(get, 2);
		receipt = wire_unpack(&simpul__receipt__descriptor, column_bytes(get, 3), &arena, fault);
		error = receipt == NULL ? fault_at(fault, E_CORRUPT, "receipt") : E_OK;
	}
	*is_void = receipt != NULL && receipt_is_void(receipt, recoveries, count);
	sqlite3_reset(get);
	arena_fini(&arena);
	return error;
}

static enum error receipts_void(struct store *store, const struct recovery *recoveries, size_t count,
				struct fault *fault)
{
	const uint64_t kept = kept_entry(recoveries, count);
	struct report_name first = {.epoch = 0};
	bool is_void;
	enum error error;

	while ((error = receipt_next(store, kept, recoveries, count, &first, &is_void, fault)) == E_OK) {
		if (!is_void)
			continue;
		error = former_keep(store, &first, fault);
		if (error != E_OK)
			return error;
	}
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error outbox_recover(struct store *store, const struct recovery *recoveries, size_t count, struct fault *fault)
{
	enum error error = store_begin(store, fault);
	uint64_t moved;

	if (error != E_OK)
		return error;
	error = receipts_void(store, recoveries, count, fault);
	/* The broker takes nothing more under an epoch that is over. */
	if (error == E_OK)
		error = outbox_move(store, &moved, fault);
	return store_end(store, error, fault);
}
