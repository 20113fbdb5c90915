/* view_rows - reads rows of inbox and outbox out of the store, with the state that they have for a reader. */
#include "agents/reports/view.h"
#include "agents/store/reference.h"
#include "common/memory.h"
#include "common/wire.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 1024 };

#define INBOX_COLUMNS \
	"row, entry, accepted_at, received_at, trust, header, body, origin, epoch, stream, number, kind," \
	" erased_at, rule, notice, place"

static void inbox_row_read(sqlite3_stmt *from, struct arena *arena, struct inbox_row *row)
{
	row->row = column_number(from, 0);
	row->entry = column_number(from, 1);
	row->accepted_at = column_number(from, 2);
	row->received_at = column_number(from, 3);
	row->trust = (enum inbox_trust)column_number(from, 4);
	row->cancelled_by[0] = row->updated_by[0] = '\0';
	row->header = arena_bytes(arena, column_bytes(from, 5));
	row->body = arena_bytes(arena, column_bytes(from, 6));
	row->name = name_column(from, 7);
	row->kind = (Simpul__Kind)column_number(from, 11);
	row->erased_at = column_number(from, 12);
	row->rule = (Simpul__PurgeRule)column_number(from, 13);
	row->is_notice = column_number(from, 14) != 0;
	row->superseded_by = 0;
	row->place = column_number(from, 15);
}

/* ------------------------------------------------------------------ updates and cancels */

/* One row at most: the name of an update or cancel of `about`, after place `after`; `text` stays "" when there is none.
 * What came under a key that is no longer trusted says nothing. */
static enum error mark_take(struct store *store, sqlite3_stmt *marks, const struct report_name *about, uint64_t after,
			    char *text, struct fault *fault)
{
	struct report_name name;
	enum error error;

	name_bind(marks, 1, about);
	bind_number(marks, 5, after);
	error = store_ask(store, marks, fault);
	if (error == E_OK) {
		name = own_name_column(marks, 0, about->origin);
		report_name_text(&name, text);
	}
	sqlite3_reset(marks);
	return error == E_NOT_FOUND ? E_OK : error;
}

#define MARK_OF \
	"SELECT i.epoch, i.stream, i.number FROM mark m CROSS JOIN inbox i ON i.row = m.row" \
	" WHERE m.origin = ?1 AND m.epoch = ?2 AND m.stream = ?3 AND m.number = ?4 AND m.place > ?5 AND i.trust = 0"

/* A notice holds for what came before it, until an update comes that is for this office. */
static enum error notice_take(struct store *store, const struct report_name *about, struct inbox_row *row,
			      struct fault *fault)
{
	static const char sql[] =
		"SELECT i.entry FROM mark m CROSS JOIN inbox i ON i.row = m.row WHERE m.origin = ?1"
		" AND m.epoch = ?2 AND m.stream = ?3 AND m.number = ?4 AND m.kind = 0 AND m.place > ?5"
		" AND i.trust = 0 AND NOT EXISTS(SELECT 1 FROM mark u CROSS JOIN inbox j ON j.row = u.row"
		" WHERE u.origin = ?1 AND u.epoch = ?2 AND u.stream = ?3 AND u.number = ?4 AND u.kind = 3"
		" AND u.place > m.place AND j.trust = 0) ORDER BY m.place DESC LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	name_bind(get, 1, about);
	bind_number(get, 5, row->place);
	error = store_ask(store, get, fault);
	if (error == E_OK)
		row->superseded_by = column_number(get, 0);
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Takes what was said later about the report `about`: the first cancel and the newest update, however many there are.
 */
static enum error marks_take(struct store *store, const struct report_name *about, struct inbox_row *row,
			     struct fault *fault)
{
	static const char cancels[] = MARK_OF " AND m.kind = 4 ORDER BY m.place LIMIT 1";
	static const char updates[] = MARK_OF " AND m.kind = 3 ORDER BY m.place DESC LIMIT 1";
	/* An update replaces those before it; the report that all are about may come after them. */
	const uint64_t after = row->kind == SIMPUL__KIND__KIND_UPDATE ? row->place : 0;
	enum error error = E_OK;

	if (row->cancelled_by[0] == '\0')
		error = mark_take(store, store_statement(store, cancels), about, 0, row->cancelled_by, fault);
	if (error == E_OK)
		error = mark_take(store, store_statement(store, updates), about, after, row->updated_by, fault);
	return error == E_OK && row->superseded_by == 0 ? notice_take(store, about, row, fault) : error;
}

/* Fills in cancelled_by and updated_by. An update stands and falls with the report that it is about, also where this
 * office never got that one. */
static enum error state_take(struct store *store, struct arena *arena, struct inbox_row *row, struct fault *fault)
{
	enum error error = row->is_notice ? E_OK : marks_take(store, &row->name, row, fault);
	const Simpul__Header *header;
	struct report_name original;

	if (error != E_OK || row->kind != SIMPUL__KIND__KIND_UPDATE)
		return error;
	header = wire_unpack(&simpul__header__descriptor, row->header, arena, NULL);
	if (header == NULL || !reference_of(header, row->name.origin, &original)) /* or it updates nothing */
		return E_OK;
	return marks_take(store, &original, row, fault);
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
		error = state_take(store, &arena, &rows[i], fault);
		if (error == E_OK && !each(context, &rows[i]))
			break;
	}
	arena_fini(&arena);
	free(rows);
	return error;
}

/* At most `limit` rows of a question whose two parameters are the row before and that number. */
static enum error inbox_page(struct store *store, sqlite3_stmt *from, uint64_t after, size_t limit, inbox_each *each,
			     void *context, struct fault *fault)
{
	limit = limit > MOST_ROWS ? MOST_ROWS : limit;
	bind_number(from, 1, after);
	bind_number(from, 2, limit);
	return inbox_show(store, from, limit, each, context, fault);
}

enum error view_inbox(struct store *store, uint64_t after, size_t limit, inbox_each *each, void *context,
		      struct fault *fault)
{
	static const char sql[] = "SELECT " INBOX_COLUMNS " FROM inbox WHERE row > ?1 ORDER BY row LIMIT ?2";

	return inbox_page(store, store_statement(store, sql), after, limit, each, context, fault);
}

enum error view_inbox_questions(struct store *store, uint64_t after, size_t limit, inbox_each *each, void *context,
				struct fault *fault)
{
	static const char sql[] = "SELECT " INBOX_COLUMNS " FROM inbox WHERE row > ?1 AND kind IN (10, 11)"
				  " ORDER BY row LIMIT ?2";

	return inbox_page(store, store_statement(store, sql), after, limit, each, context, fault);
}

enum error view_inbox_releases(struct store *store, uint64_t after, size_t limit, inbox_each *each, void *context,
			       struct fault *fault)
{
	static const char sql[] = "SELECT " INBOX_COLUMNS " FROM inbox WHERE row > ?1 AND kind IN (8, 9)"
				  " ORDER BY row LIMIT ?2";

	return inbox_page(store, store_statement(store, sql), after, limit, each, context, fault);
}

enum error view_inbox_by_name(struct store *store, const struct report_name *name, inbox_each *each, void *context,
			      struct fault *fault)
{
	static const char sql[] = "SELECT " INBOX_COLUMNS " FROM inbox"
				  " WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4 ORDER BY row";
	sqlite3_stmt *from = store_statement(store, sql);

	name_bind(from, 1, name);
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

#define OUTBOX_COLUMNS \
	"epoch, stream, number, state, taken_at, entry, code, field, source, header, body, routing," \
	" erased_at, rule, kind, reference"

static void outbox_row_read(sqlite3_stmt *from, const char *node, struct arena *arena, struct outbox_row *row)
{
	row->name = own_name_column(from, 0, node);
	row->state = (enum outbox_state)column_number(from, 3);
	row->taken_at = column_number(from, 4);
	row->entry = column_number(from, 5);
	row->refused = error_of_code((uint32_t)column_number(from, 6));
	row->field = arena_text(arena, column_text(from, 7));
	row->source = arena_text(arena, column_text(from, 8));
	row->header = arena_bytes(arena, column_bytes(from, 9));
	row->body = arena_bytes(arena, column_bytes(from, 10));
	row->routing = arena_bytes(arena, column_bytes(from, 11));
	row->erased_at = column_number(from, 12);
	row->rule = (Simpul__PurgeRule)column_number(from, 13);
	row->kind = (Simpul__Kind)column_number(from, 14);
	row->reference = arena_text(arena, column_text(from, 15));
	row->cancelled_by[0] = row->updated_by[0] = '\0';
}

/* Takes what this office said later about its report `about`: the first cancel, and the newest update that came after
 * entry `after`. */
static enum error own_marks_take(struct store *store, const char *about, uint64_t after, struct outbox_row *row,
				 struct fault *fault)
{
	static const char sql[] = "SELECT epoch, stream, number, kind FROM outbox WHERE reference = ?1 AND reference <> ''"
				  " AND kind IN (3, 4) AND state = 2 AND entry > ?2 ORDER BY entry";
	sqlite3_stmt *get = store_statement(store, sql);
	struct report_name name;
	enum error error;

	bind_text(get, 1, about);
	bind_number(get, 2, after);
	while ((error = store_ask(store, get, fault)) == E_OK) {
		name = own_name_column(get, 0, store->node);
		if (column_number(get, 3) == SIMPUL__KIND__KIND_UPDATE)
			report_name_text(&name, row->updated_by);
		else if (row->cancelled_by[0] == '\0')
			report_name_text(&name, row->cancelled_by);
	}
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* As state_take for a report of this office: an update stands and falls with what it is about. */
static enum error own_state_take(struct store *store, struct outbox_row *row, struct fault *fault)
{
	char name[REPORT_NAME_SIZE];

	if (row->state != OUTBOX_ACCEPTED)
		return E_OK;
	if (row->kind == SIMPUL__KIND__KIND_UPDATE)
		return own_marks_take(store, row->reference, row->entry, row, fault);
	return own_marks_take(store, report_name_text(&row->name, name), 0, row, fault);
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
	for (size_t i = 0; error == E_OK && i < count; i++) {
		error = own_state_take(store, &rows[i], fault);
		if (error == E_OK && !each(context, &rows[i]))
			break;
	}
	arena_fini(&arena);
	free(rows);
	return error;
}

/* At most `limit` rows of a question whose first four parameters are the place and that number. */
static enum error outbox_page(struct store *store, sqlite3_stmt *from, const struct outbox_place *after, size_t limit,
			      outbox_each *each, void *context, struct fault *fault)
{
	limit = limit > MOST_ROWS ? MOST_ROWS : limit;
	bind_number(from, 1, after->epoch);
	bind_number(from, 2, after->stream);
	bind_number(from, 3, after->number);
	bind_number(from, 4, limit);
	return outbox_show(store, from, limit, each, context, fault);
}

enum error view_outbox(struct store *store, const struct outbox_place *after, size_t limit, outbox_each *each,
		       void *context, struct fault *fault)
{
	static const char sql[] = "SELECT " OUTBOX_COLUMNS " FROM outbox WHERE (epoch, stream, number) > (?1, ?2, ?3)"
				  " ORDER BY epoch, stream, number LIMIT ?4";

	return outbox_page(store, store_statement(store, sql), after, limit, each, context, fault);
}

enum error view_outbox_about(struct store *store, const char *name, const struct outbox_place *after, size_t limit,
			     outbox_each *each, void *context, struct fault *fault)
{
	static const char sql[] = "SELECT " OUTBOX_COLUMNS " FROM outbox WHERE reference = ?5 AND reference <> ''"
				  " AND (epoch, stream, number) > (?1, ?2, ?3) ORDER BY epoch, stream, number LIMIT ?4";
	sqlite3_stmt *from = store_statement(store, sql);

	bind_text(from, 5, name);
	return outbox_page(store, from, after, limit, each, context, fault);
}

enum error view_outbox_questions(struct store *store, const struct outbox_place *after, size_t limit, outbox_each *each,
				 void *context, struct fault *fault)
{
	static const char sql[] = "SELECT " OUTBOX_COLUMNS " FROM outbox WHERE (epoch, stream, number) > (?1, ?2, ?3)"
				  " AND kind IN (10, 11) ORDER BY epoch, stream, number LIMIT ?4";

	return outbox_page(store, store_statement(store, sql), after, limit, each, context, fault);
}

enum error view_outbox_releases(struct store *store, const struct outbox_place *after, size_t limit, outbox_each *each,
				void *context, struct fault *fault)
{
	static const char sql[] = "SELECT " OUTBOX_COLUMNS " FROM outbox WHERE (epoch, stream, number) > (?1, ?2, ?3)"
				  " AND kind IN (8, 9) ORDER BY epoch, stream, number LIMIT ?4";

	return outbox_page(store, store_statement(store, sql), after, limit, each, context, fault);
}

enum error view_outbox_by_name(struct store *store, const struct report_name *name, outbox_each *each, void *context,
			       struct fault *fault)
{
	static const char sql[] =
		"SELECT " OUTBOX_COLUMNS " FROM outbox WHERE epoch = ?1 AND stream = ?2 AND number = ?3";
	sqlite3_stmt *from = store_statement(store, sql);

	own_name_bind(from, 1, name);
	return outbox_show(store, from, 1, each, context, fault);
}
