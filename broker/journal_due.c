/* journal_due - which bodies have to die now, asked by a reader: expired ones, and those that their origin took back. */
#include "broker/journal_reader.h"
#include "common/wire.h"

/* The list, and whether it has room for more. */
struct list {
	struct erasure *erasures;
	size_t count;
};

static bool add(struct list *list, const struct erasure *erasure)
{
	if (list->count == LIMIT_ERASURES)
		return false;
	list->erasures[list->count++] = *erasure;
	return true;
}

/* Neighbours that have expired are one. An entry is listed whole or not at all. */
static enum error expired_add(const Simpul__StoredSubmission *stored, uint64_t entry, wall_ms now, struct list *list,
			      struct arena *arena, struct fault *fault)
{
	const size_t before = list->count;
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
			list->erasures[list->count - 1].count++;
		} else if (!add(list, &one)) {
			list->count = before;
			return E_TOO_LARGE;
		} else {
			open = true;
		}
	}
	return E_OK;
}

static enum error expired_read(struct journal_reader *reader, uint64_t entry, wall_ms now, struct list *list,
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
		error = expired_add(stored, entry, now, list, &arena, fault);
	sqlite3_reset(reader->content);
	arena_fini(&arena);
	return error;
}

static enum error row_take(struct journal_reader *reader, wall_ms now, struct list *list, struct fault *fault)
{
	const uint64_t entry = column_number(reader->due, 0);
	const int64_t place = sqlite3_column_int64(reader->due, 1);
	const struct erasure retracted = {entry, (uint32_t)place, 1, SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED,
					  column_number(reader->due, 2)};

	if (place == DUE_EXPIRES)
		return expired_read(reader, entry, now, list, fault);
	return add(list, &retracted) ? E_OK : E_TOO_LARGE;
}

enum error journal_read_due(struct journal_reader *reader, wall_ms now, struct erasure erasures[LIMIT_ERASURES],
			    size_t *count, struct fault *fault)
{
	struct list list = {.erasures = erasures};
	enum error error = E_OK;

	bind_number(reader->due, 1, now);
	while (error == E_OK && (error = journal_row_step(reader->due, fault)) == E_OK)
		error = row_take(reader, now, &list, fault);
	sqlite3_reset(reader->due);
	*count = list.count;
	return error == E_NOT_FOUND || error == E_TOO_LARGE ? E_OK : error;
}
