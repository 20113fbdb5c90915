/* journal_due - which bodies have to die now, asked by a reader: expired ones, and those that their origin took back. */
#include "broker/journal_reader.h"
#include "common/wire.h"

static bool add(struct journal_due *due, const struct erasure *erasure)
{
	if (due->count == LIMIT_ERASURES)
		return false;
	due->list[due->count++] = *erasure;
	return true;
}

/* Neighbours that have expired are one. An entry is listed whole or not at all. */
static enum error expired_add(const Simpul__StoredSubmission *stored, uint64_t entry, wall_ms now, struct journal_due *due,
			      struct arena *arena, struct fault *fault)
{
	const size_t before = due->count;
	bool open = false;

	for (size_t i = 0; i < stored->n_headers; i++) {
		const Simpul__Header *header =
			stored_unpack(&simpul__header__descriptor, of_binary(stored->headers[i]), arena);
		const struct erasure one = {entry, (uint32_t)i, 1, SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED, 0};

		if (header == NULL)
			return fault_at(fault, E_CORRUPT, "journal.db: header");
		if (header->expires > now) {
			open = false;
		} else if (open) {
			due->list[due->count - 1].count++;
		} else if (!add(due, &one)) {
			due->count = before;
			return E_TOO_LARGE;
		} else {
			open = true;
		}
	}
	return E_OK;
}

static enum error expired_read(struct journal_reader *reader, uint64_t entry, wall_ms now, struct journal_due *due,
			       struct fault *fault)
{
	Simpul__StoredSubmission *stored;
	struct arena arena;
	enum error error;

	bind_number(reader->content, 1, entry);
	error = journal_row_step(reader->content, fault);
	arena_init(&arena);
	stored = error != E_OK ? NULL
			       : stored_unpack(&simpul__stored_submission__descriptor,
					       column_bytes(reader->content, 0), &arena);
	if (stored == NULL && (error == E_OK || error == E_NOT_FOUND))
		error = fault_at(fault, E_CORRUPT, "journal.db: content");
	if (error == E_OK)
		error = expired_add(stored, entry, now, due, &arena, fault);
	sqlite3_reset(reader->content);
	arena_fini(&arena);
	return error;
}

/* One that cannot be read must not keep the others alive. */
static enum error row_take(struct journal_reader *reader, wall_ms now, struct journal_due *due, struct fault *fault)
{
	const uint64_t entry = column_number(reader->due, 0);
	const int64_t place = sqlite3_column_int64(reader->due, 1);
	const struct erasure retracted = {entry, (uint32_t)place, 1, SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED,
					  column_number(reader->due, 2)};
	enum error error;

	if (place != DUE_EXPIRES)
		return add(due, &retracted) ? E_OK : E_TOO_LARGE;
	error = expired_read(reader, entry, now, due, fault);
	if (error != E_CORRUPT)
		return error;
	due->damaged = entry;
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

enum error journal_read_due(struct journal_reader *reader, wall_ms now, struct journal_due *due, struct fault *fault)
{
	enum error error;

	due->count = 0;
	due->damaged = 0;
	error = newest_read(reader, &due->newest, fault);
	bind_number(reader->due, 1, now);
	while (error == E_OK && (error = journal_row_step(reader->due, fault)) == E_OK)
		error = row_take(reader, now, due, fault);
	sqlite3_reset(reader->due);
	return error == E_NOT_FOUND || error == E_TOO_LARGE ? E_OK : error;
}
