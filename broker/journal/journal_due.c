/* journal_due - which bodies have to die now, asked by a reader: expired ones, and those that their origin took back.
 * One that an order keeps is listed with it, once: from then on nobody gets it. */
#include "broker/journal/journal_reader.h"
#include "common/hold.h"
#include "common/wire.h"
#include <stdio.h>

/* One search. */
struct search {
	struct journal_reader *reader;
	wall_ms now; /* 0: the clock is in doubt */
	struct journal_due *due;
	struct fault *fault;
};

static bool add(struct journal_due *due, const struct erasure *erasure)
{
	if (due->count == LIMIT_ERASURES)
		return false;
	due->list[due->count++] = *erasure;
	return true;
}

/* The order that keeps a report the longest, and that it is kept already. */
static enum error hold_look(const struct search *search, struct erasure *one, bool *kept)
{
	struct journal_reader *reader = search->reader;
	struct journal_due *due = search->due;
	wall_ms until = 0;
	enum error error;

	*kept = false;
	bind_number(reader->hold, 1, one->entry);
	bind_number(reader->hold, 2, one->first);
	bind_number(reader->hold, 3, search->now);
	error = journal_row_step(reader->hold, search->fault);
	if (error == E_OK) {
		one->hold = column_number(reader->hold, 0);
		until = column_number(reader->hold, 1);
		*kept = column_number(reader->hold, 2) != 0;
	}
	sqlite3_reset(reader->hold);
	if (until != 0 && (due->held_until == 0 || until < due->held_until))
		due->held_until = until;
	return error == E_NOT_FOUND ? E_OK : error;
}

/* What is erased already of an entry that stays due: its key is destroyed, or it is buried and the key will be. */
struct erased_parts {
	struct vault_slot *slot; /* NULL: nothing is */
	bool buried[LIMIT_SUBMISSION_REPORTS];
};

/* Neighbours that have expired, and that no order keeps, are one. */
static enum error expired_one(const struct search *search, const struct erased_parts *erased, uint64_t entry,
			      size_t place, bool *open)
{
	struct journal_due *due = search->due;
	struct erasure one = {entry, (uint32_t)place, 1, SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED, 0, 0};
	bool kept;
	const enum error error = hold_look(search, &one, &kept);

	if (error != E_OK)
		return error;
	kept = kept || (erased->slot != NULL && (erased->buried[place] || vault_is_erased(erased->slot, place)));
	if (*open && one.hold == 0 && !kept)
		due->list[due->count - 1].count++;
	else if (!kept && !add(due, &one))
		return E_TOO_LARGE;
	*open = one.hold == 0 && !kept;
	return E_OK;
}

/* An entry is listed whole or not at all. */
static enum error expired_add(const struct search *search, const Simpul__StoredSubmission *stored,
			      const struct erased_parts *erased, uint64_t entry, struct arena *arena)
{
	const size_t before = search->due->count;
	bool open = false;
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < stored->n_headers; i++) {
		const Simpul__Header *header =
			stored_unpack(&simpul__header__descriptor, of_binary(stored->headers[i]), arena);

		if (header == NULL)
			return fault_at(search->fault, E_CORRUPT, "journal.db: header");
		if (header->expires > search->now)
			open = false;
		else
			error = expired_one(search, erased, entry, i, &open);
	}
	if (error == E_TOO_LARGE)
		search->due->count = before;
	return error;
}

/* An entry of which something is held stays due, also when all else in it is erased. Others do not. */
static enum error erased_of_held(const struct search *search, uint64_t entry, struct bytes nonce,
				 struct erased_parts *erased)
{
	struct journal_reader *reader = search->reader;
	enum error error;

	erased->slot = NULL;
	bind_number(reader->any_held, 1, entry);
	error = journal_row_step(reader->any_held, search->fault);
	sqlite3_reset(reader->any_held);
	if (error != E_OK)
		return error == E_NOT_FOUND ? E_OK : error;
	if (nonce.size != VAULT_NONCE_SIZE)
		return fault_at(search->fault, E_CORRUPT, "journal.db: nonce");
	error = reader_hidden_read(reader, entry, HIDING_BURIED, erased->buried, search->fault);
	return error == E_OK ? vault_slot_open(reader->vault, entry, nonce.data, &erased->slot, search->fault) : error;
}

static enum error expired_read(const struct search *search, uint64_t entry)
{
	struct journal_reader *reader = search->reader;
	Simpul__StoredSubmission *stored;
	struct erased_parts erased = {0};
	struct arena arena;
	enum error error;

	bind_number(reader->content, 1, entry);
	error = journal_row_step(reader->content, search->fault);
	arena_init(&arena);
	stored = error != E_OK ? NULL
			       : stored_unpack(&simpul__stored_submission__descriptor,
					       column_bytes(reader->content, 0), &arena);
	if ((stored == NULL || stored->n_headers > LIMIT_SUBMISSION_REPORTS) && (error == E_OK || error == E_NOT_FOUND))
		error = fault_at(search->fault, E_CORRUPT, "journal.db: content");
	if (error == E_OK)
		error = erased_of_held(search, entry, column_bytes(reader->content, 1), &erased);
	if (error == E_OK)
		error = expired_add(search, stored, &erased, entry, &arena);
	vault_slot_close(erased.slot);
	sqlite3_reset(reader->content);
	arena_fini(&arena);
	return error;
}

static enum error retracted_add(const struct search *search, struct erasure *one)
{
	bool kept;
	const enum error error = hold_look(search, one, &kept);

	return error != E_OK || kept || add(search->due, one) ? error : E_TOO_LARGE;
}

/* One that cannot be read must not keep the others alive. */
static enum error row_take(const struct search *search)
{
	sqlite3_stmt *row = search->reader->due;
	const uint64_t entry = column_number(row, 0);
	const int64_t place = sqlite3_column_int64(row, 1);
	struct erasure retracted = {
		entry, (uint32_t)place, 1, SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED, column_number(row, 2), 0};
	enum error error;

	if (place != DUE_EXPIRES)
		return retracted_add(search, &retracted);
	error = expired_read(search, entry);
	if (error != E_CORRUPT)
		return error;
	search->due->damaged = entry;
	return E_OK;
}

static enum error newest_read(struct journal_reader *reader, wall_ms *newest, struct fault *fault)
{
	enum error error = journal_row_step(reader->newest, fault);

	if (error == E_OK)
		*newest = column_number(reader->newest, 0);
	sqlite3_reset(reader->newest);
	return error;
}

static void ending_take(sqlite3_stmt *row, struct ending_hold *ending)
{
	*ending = (struct ending_hold){.report = {.epoch = (uint32_t)column_number(row, 1),
						  .stream = (uint32_t)column_number(row, 2),
						  .number = column_number(row, 3)},
				       .hold = column_number(row, 4),
				       .until = column_number(row, 5)};
	snprintf(ending->report.origin, sizeof(ending->report.origin), "%s", column_text(row, 0));
}

static enum error ending_read(const struct search *search)
{
	sqlite3_stmt *rows = search->reader->ending;
	struct journal_due *due = search->due;
	enum error error = E_OK;

	due->ending_count = 0;
	if (search->now == 0)
		return E_OK;
	bind_number(rows, 1, search->now);
	bind_number(rows, 2, search->now + HOLD_NOTICE_DAYS * DAY_MS);
	while (due->ending_count < LIMIT_ENDING && (error = journal_row_step(rows, search->fault)) == E_OK)
		ending_take(rows, &due->ending[due->ending_count++]);
	sqlite3_reset(rows);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error journal_read_due(struct journal_reader *reader, wall_ms now, struct journal_due *due, struct fault *fault)
{
	const struct search search = {reader, now, due, fault};
	enum error error;

	due->count = 0;
	due->damaged = 0;
	due->held_until = 0;
	error = newest_read(reader, &due->newest, fault);
	if (error == E_OK)
		error = ending_read(&search);
	bind_number(reader->due, 1, now);
	while (error == E_OK && (error = journal_row_step(reader->due, fault)) == E_OK)
		error = row_take(&search);
	sqlite3_reset(reader->due);
	return error == E_NOT_FOUND || error == E_TOO_LARGE ? E_OK : error;
}
