/* view_rows - reads rows of inbox and outbox out of the store, with the state that they have for a reader. */
#include "agents/view.h"
#include "common/memory.h"
#include "common/wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 1024 };

static struct bytes bytes_copy(struct arena *arena, struct bytes data)
{
	uint8_t *copy = arena_alloc(arena, data.size + 1);

	if (data.size > 0)
		memcpy(copy, data.data, data.size);
	return BYTES(copy, data.size);
}

static void name_read(sqlite3_stmt *row, int column, const char *origin, struct report_name *name)
{
	snprintf(name->origin, sizeof(name->origin), "%s", origin);
	name->epoch = (uint32_t)column_number(row, column);
	name->stream = (uint32_t)column_number(row, column + 1);
	name->number = column_number(row, column + 2);
}

#define INBOX_COLUMNS \
	"row, entry, accepted_at, received_at, trust, cancelled_by, updated_by, header, body, epoch, stream, number, " \
	"origin, kind"

static void inbox_row_read(sqlite3_stmt *from, struct arena *arena, struct inbox_row *row)
{
	row->row = column_number(from, 0);
	row->entry = column_number(from, 1);
	row->accepted_at = column_number(from, 2);
	row->received_at = column_number(from, 3);
	row->trust = (enum inbox_trust)column_number(from, 4);
	snprintf(row->cancelled_by, sizeof(row->cancelled_by), "%s", column_text(from, 5));
	snprintf(row->updated_by, sizeof(row->updated_by), "%s", column_text(from, 6));
	row->header = bytes_copy(arena, column_bytes(from, 7));
	row->body = bytes_copy(arena, column_bytes(from, 8));
	name_read(from, 9, column_text(from, 12), &row->name);
	row->kind = (Simpul__Kind)column_number(from, 13);
}

/* ------------------------------------------------------------------ updates */

/* An update stands and falls with the report that it is about: takes over what the row of that report says. False when
 * this office did not get that report. */
static bool state_of_original(struct store *store, const Simpul__Name *original, const char *own, struct inbox_row *row)
{
	static const char sql[] = "SELECT cancelled_by, updated_by FROM inbox"
				  " WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4 ORDER BY row LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	bool found;

	bind_text(get, 1, original->origin);
	bind_number(get, 2, original->epoch);
	bind_number(get, 3, original->stream);
	bind_number(get, 4, original->number);
	found = sqlite3_step(get) == SQLITE_ROW;
	if (found) {
		snprintf(row->cancelled_by, sizeof(row->cancelled_by), "%s", column_text(get, 0));
		if (strcmp(column_text(get, 1), own) != 0)
			snprintf(row->updated_by, sizeof(row->updated_by), "%s", column_text(get, 1));
	}
	sqlite3_reset(get);
	return found;
}

static bool same_name(const Simpul__Name *a, const Simpul__Name *b)
{
	return strcmp(a->origin, b->origin) == 0 && a->epoch == b->epoch && a->stream == b->stream &&
	       a->number == b->number;
}

/* Looks through the later updates and cancels of the origin for those that are about the same report. */
static void state_of_later(struct store *store, const Simpul__Name *original, struct arena *arena,
			   struct inbox_row *row)
{
	static const char sql[] = "SELECT kind, header, epoch, stream, number FROM inbox"
				  " WHERE origin = ?1 AND row > ?2 AND kind IN (3, 4) AND trust = 0 ORDER BY row";
	sqlite3_stmt *later = store_statement(store, sql);

	bind_text(later, 1, row->name.origin);
	bind_number(later, 2, row->row);
	while (sqlite3_step(later) == SQLITE_ROW) {
		const Simpul__Header *header =
			wire_unpack(&simpul__header__descriptor, column_bytes(later, 1), arena, NULL);
		bool cancel = column_number(later, 0) == SIMPUL__KIND__KIND_CANCEL;
		struct report_name name;

		if (header == NULL || header->n_references != 1 || !same_name(header->references[0], original))
			continue;
		name_read(later, 2, row->name.origin, &name);
		report_name_text(&name, cancel ? row->cancelled_by : row->updated_by);
	}
	sqlite3_reset(later);
}

static void update_state(struct store *store, struct arena *arena, struct inbox_row *row)
{
	const Simpul__Header *header;
	char own[REPORT_NAME_SIZE];

	if (row->kind != SIMPUL__KIND__KIND_UPDATE || row->cancelled_by[0] != '\0')
		return;
	header = wire_unpack(&simpul__header__descriptor, row->header, arena, NULL);
	if (header == NULL || header->n_references != 1)
		return;
	if (!state_of_original(store, header->references[0], report_name_text(&row->name, own), row))
		state_of_later(store, header->references[0], arena, row);
}

/* ------------------------------------------------------------------ inbox */

/* Copies what the statement gives, ends it, and then shows the rows. */
static enum error inbox_show(struct store *store, sqlite3_stmt *from, size_t limit, inbox_each *each, void *context,
			     struct fault *fault)
{
	struct inbox_row *rows = memory_alloc(limit * sizeof(*rows));
	enum error error = E_OK;
	struct arena arena;
	size_t count = 0;
	int result = SQLITE_DONE;

	arena_init(&arena);
	while (count < limit && (result = sqlite3_step(from)) == SQLITE_ROW)
		inbox_row_read(from, &arena, &rows[count++]);
	if (result != SQLITE_ROW && result != SQLITE_DONE)
		error = database_fault(store->db, fault);
	sqlite3_reset(from);
	for (size_t i = 0; error == E_OK && i < count; i++) {
		update_state(store, &arena, &rows[i]);
		if (!each(context, &rows[i]))
			break;
	}
	arena_fini(&arena);
	free(rows);
	return error;
}

enum error view_inbox(struct store *store, uint64_t after, size_t limit, inbox_each *each, void *context,
		      struct fault *fault)
{
	static const char sql[] = "SELECT " INBOX_COLUMNS " FROM inbox WHERE row > ?1 ORDER BY row LIMIT ?2";
	sqlite3_stmt *from = store_statement(store, sql);

	limit = limit > MOST_ROWS ? MOST_ROWS : limit;
	bind_number(from, 1, after);
	bind_number(from, 2, limit);
	return inbox_show(store, from, limit, each, context, fault);
}

enum error view_inbox_by_name(struct store *store, const struct report_name *name, inbox_each *each, void *context,
			      struct fault *fault)
{
	static const char sql[] = "SELECT " INBOX_COLUMNS " FROM inbox"
				  " WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4 ORDER BY row";
	sqlite3_stmt *from = store_statement(store, sql);

	bind_text(from, 1, name->origin);
	bind_number(from, 2, name->epoch);
	bind_number(from, 3, name->stream);
	bind_number(from, 4, name->number);
	return inbox_show(store, from, MOST_ROWS, each, context, fault);
}

enum error view_inbox_last(struct store *store, uint64_t *row, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT coalesce(max(row), 0) FROM inbox");
	enum error error = store_ask(store, get, fault);

	*row = error == E_OK ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return error;
}

/* ------------------------------------------------------------------ outbox */

#define OUTBOX_COLUMNS "epoch, stream, number, state, taken_at, entry, code, field, source, header, body, routing"

static void outbox_row_read(sqlite3_stmt *from, const char *node, struct arena *arena, struct outbox_row *row)
{
	name_read(from, 0, node, &row->name);
	row->state = (enum outbox_state)column_number(from, 3);
	row->taken_at = column_number(from, 4);
	row->entry = column_number(from, 5);
	row->refused = error_of_code((uint32_t)column_number(from, 6));
	row->field = arena_text(arena, column_text(from, 7));
	row->source = arena_text(arena, column_text(from, 8));
	row->header = bytes_copy(arena, column_bytes(from, 9));
	row->body = bytes_copy(arena, column_bytes(from, 10));
	row->routing = bytes_copy(arena, column_bytes(from, 11));
}

static enum error outbox_show(struct store *store, sqlite3_stmt *from, size_t limit, outbox_each *each, void *context,
			      struct fault *fault)
{
	struct outbox_row *rows = memory_alloc(limit * sizeof(*rows));
	enum error error = E_OK;
	struct arena arena;
	size_t count = 0;
	int result = SQLITE_DONE;

	arena_init(&arena);
	while (count < limit && (result = sqlite3_step(from)) == SQLITE_ROW)
		outbox_row_read(from, store->node, &arena, &rows[count++]);
	if (result != SQLITE_ROW && result != SQLITE_DONE)
		error = database_fault(store->db, fault);
	sqlite3_reset(from);
	for (size_t i = 0; error == E_OK && i < count && each(context, &rows[i]); i++)
		;
	arena_fini(&arena);
	free(rows);
	return error;
}

enum error view_outbox(struct store *store, const struct outbox_place *after, size_t limit, outbox_each *each,
		       void *context, struct fault *fault)
{
	static const char sql[] = "SELECT " OUTBOX_COLUMNS " FROM outbox WHERE (epoch, stream, number) > (?1, ?2, ?3)"
				  " ORDER BY epoch, stream, number LIMIT ?4";
	sqlite3_stmt *from = store_statement(store, sql);

	limit = limit > MOST_ROWS ? MOST_ROWS : limit;
	bind_number(from, 1, after->epoch);
	bind_number(from, 2, after->stream);
	bind_number(from, 3, after->number);
	bind_number(from, 4, limit);
	return outbox_show(store, from, limit, each, context, fault);
}

enum error view_outbox_by_name(struct store *store, const struct report_name *name, outbox_each *each, void *context,
			       struct fault *fault)
{
	static const char sql[] =
		"SELECT " OUTBOX_COLUMNS " FROM outbox WHERE epoch = ?1 AND stream = ?2 AND number = ?3";
	sqlite3_stmt *from = store_statement(store, sql);

	bind_number(from, 1, name->epoch);
	bind_number(from, 2, name->stream);
	bind_number(from, 3, name->number);
	return outbox_show(store, from, 1, each, context, fault);
}
