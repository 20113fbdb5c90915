/* outbox_erase - empties rows of the outbox and the messages that they were sent in. */
#include "agents/reports/outbox_erase.h"
#include "agents/reports/erase.h"
#include "agents/reports/hold_keep.h"
#include "agents/store/reference.h"
#include "common/memory.h"
#include "common/wire.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_ROWS = 256 };

/* ---- holes */

/* Empties the bodies of a message whose rows are erased. */
static enum error bodies_empty(struct store *store, const struct report_name *first, Simpul__Submission *message,
			       struct fault *fault)
{
	static const char sql[] = "SELECT number FROM outbox_report WHERE epoch = ?1 AND stream = ?2 AND number >= ?3"
				  " AND number < ?3 + ?4 AND erased_at > 0";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	own_name_bind(get, 1, first);
	bind_number(get, 4, message->n_reports);
	while ((error = store_ask(store, get, fault)) == E_OK)
		message->reports[column_number(get, 0) - first->number]->body = (ProtobufCBinaryData){0};
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error hole_store(struct store *store, const struct report_name *first, const Simpul__Submission *message,
			     struct fault *fault)
{
	static const char sql[] = "UPDATE submission SET message = ?4, holed = 1"
				  " WHERE epoch = ?1 AND stream = ?2 AND first = ?3";
	sqlite3_stmt *put = store_statement(store, sql);
	struct buffer encoded = {0};
	enum error error;

	wire_pack(message, &encoded);
	own_name_bind(put, 1, first);
	bind_bytes(put, 4, buffer_view(&encoded));
	error = database_step(put, fault);
	buffer_free(&encoded);
	return error;
}

/* The submission that a report went in, with `first` its first number; E_NOT_FOUND when it was in none, or a VOID
 * stood in for it. */
static enum error submission_read(struct store *store, struct report_name *first, struct arena *arena,
				  Simpul__Submission **message, struct fault *fault)
{
	static const char sql[] = "SELECT first, count, void, message FROM submission WHERE epoch = ?1 AND stream = ?2"
				  " AND first <= ?3 ORDER BY first DESC LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	own_name_bind(get, 1, first);
	error = store_ask(store, get, fault);
	if (error == E_OK &&
	    (column_number(get, 2) != 0 || first->number >= column_number(get, 0) + column_number(get, 1)))
		error = E_NOT_FOUND;
	if (error == E_OK) {
		first->number = column_number(get, 0);
		*message = wire_unpack(&simpul__submission__descriptor, column_bytes(get, 3), arena, fault);
		if (*message == NULL || (*message)->n_reports != column_number(get, 1))
			error = fault_at(fault, E_CORRUPT, "submission");
	}
	sqlite3_reset(get);
	return error;
}

/* The same for a submission that is broken, and of which other pieces are still to be sent. */
static enum error broken_empty(struct store *store, const struct report_name *name, struct arena *arena,
			       struct fault *fault)
{
	static const char sql[] = "UPDATE broken SET message = ?4 WHERE epoch = ?1 AND stream = ?2 AND first = ?3";
	sqlite3_stmt *put = store_statement(store, sql);
	struct report_name first = *name;
	struct buffer encoded = {0};
	Simpul__Submission *message;
	uint64_t index;
	enum error error = outbox_broken(store, name, arena, &message, &index, fault);

	if (error != E_OK)
		return error == E_NOT_FOUND ? E_OK : error;
	first.number -= index;
	error = bodies_empty(store, &first, message, fault);
	if (error == E_OK) {
		wire_pack(message, &encoded);
		own_name_bind(put, 1, &first);
		bind_bytes(put, 4, buffer_view(&encoded));
		error = database_step(put, fault);
		buffer_free(&encoded);
	}
	return error;
}

/* Makes the hole in the submission of `name`, for everything in it that is erased; `end` receives the number after it.
 */
static enum error hole_make(struct store *store, const struct report_name *name, uint64_t *end, struct fault *fault)
{
	struct report_name first = *name;
	Simpul__Submission *message;
	struct arena arena;
	enum error error;

	arena_init(&arena);
	*end = name->number + 1;
	error = submission_read(store, &first, &arena, &message, fault);
	if (error == E_OK) {
		*end = first.number + message->n_reports;
		error = bodies_empty(store, &first, message, fault);
		if (error == E_OK)
			error = hole_store(store, &first, message, fault);
	}
	if (error == E_OK || error == E_NOT_FOUND)
		error = broken_empty(store, name, &arena, fault);
	arena_fini(&arena);
	return error;
}

/* ---- rows */

/* The name of the file that it came from may be that of a person. */
static enum error row_empty(struct store *store, const struct report_name *name, Simpul__PurgeRule rule, wall_ms now,
			    struct fault *fault)
{
	static const char sql[] = "UPDATE outbox_report SET body = x'', source = '', erased_at = ?4, rule = ?5"
				  " WHERE epoch = ?1 AND stream = ?2 AND number = ?3 AND erased_at = 0";
	sqlite3_stmt *put = store_statement(store, sql);
	const enum error error = hold_keep_own(store, name, rule, now, fault);

	if (error != E_OK)
		return error;
	own_name_bind(put, 1, name);
	bind_number(put, 4, now);
	bind_number(put, 5, rule);
	store->wipe_due = true;
	return database_step(put, fault);
}

static enum error report_erase(struct store *store, const struct report_name *name, Simpul__PurgeRule rule, wall_ms now,
			       struct fault *fault)
{
	uint64_t end;
	enum error error = row_empty(store, name, rule, now, fault);

	return error == E_OK ? hole_make(store, name, &end, fault) : error;
}

/* E_NOT_FOUND unless the broker has the report, or never will. */
static enum error settled_find(struct store *store, const struct report_name *name, struct fault *fault)
{
	static const char sql[] =
		"SELECT 1 FROM outbox_report o WHERE o.epoch = ?1 AND o.stream = ?2 AND o.number = ?3 AND"
		" o.erased_at = 0 AND (o.code <> 0 OR EXISTS(SELECT 1 FROM submission n JOIN receipt r"
		" USING(epoch, stream, first) WHERE n.epoch = ?1 AND n.stream = ?2 AND n.first = (SELECT max(first)"
		" FROM submission WHERE epoch = ?1 AND stream = ?2 AND first <= ?3) AND n.first + n.count > ?3))";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	own_name_bind(get, 1, name);
	error = store_ask(store, get, fault);
	sqlite3_reset(get);
	return error;
}

/* ---- retraction */

/* The next of this office's reports after `after` that refers to `name`; E_NOT_FOUND at the end. */
static enum error update_next(struct store *store, const struct report_name *name, sqlite3_int64 *after,
			      struct report_name *found, struct fault *fault)
{
	static const char sql[] = "SELECT rowid, epoch, stream, number FROM outbox_report WHERE reference = ?1"
				  " AND reference <> '' AND kind = 3 AND rowid > ?2 ORDER BY rowid LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	char text[REPORT_NAME_SIZE];
	enum error error;

	bind_text(get, 1, report_name_text(name, text));
	bind_number(get, 2, (uint64_t)*after);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		*after = (sqlite3_int64)column_number(get, 0);
		*found = own_name_column(get, 1, name->origin);
	}
	sqlite3_reset(get);
	return error;
}

/* Notes that a report was taken back, and erases it where it is settled. */
static enum error own_retract(struct store *store, const struct report_name *name, wall_ms now, bool *is_new,
			      struct fault *fault)
{
	enum error error = retraction_note(store, name, is_new, fault);

	if (error == E_OK)
		error = settled_find(store, name, fault);
	if (error == E_OK)
		error = report_erase(store, name, SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED, now, fault);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* With every update of it, and every update of those. */
static enum error all_retract(struct store *store, const struct report_name *name, wall_ms now, struct fault *fault)
{
	struct report_name *names = memory_alloc(sizeof *names), found;
	size_t count = 1, capacity = 1;
	enum error error = E_OK;

	names[0] = *name;
	for (size_t i = 0; error == E_OK && i < count; i++) {
		const struct report_name next = names[i];
		sqlite3_int64 after = 0;
		bool is_new;

		error = own_retract(store, &next, now, &is_new, fault);
		while (error == E_OK && is_new && (error = update_next(store, &next, &after, &found, fault)) == E_OK) {
			if (count == capacity)
				names = memory_grow(names, capacity *= 2, sizeof *names);
			names[count++] = found;
		}
		error = error == E_NOT_FOUND ? E_OK : error;
	}
	free(names);
	return error;
}

/* What the only report of a submission means for others; `meant` is what it refers to, when `takes_back` is true. */
static enum error sole_read(struct store *store, const struct report_name *name, struct report_name *meant,
			    bool *refers, bool *takes_back, struct fault *fault)
{
	static const char sql[] = "SELECT header, kind FROM outbox_report WHERE epoch = ?1 AND stream = ?2"
				  " AND number = ?3 AND reference <> '' AND code = 0";
	sqlite3_stmt *get = store_statement(store, sql);
	const Simpul__Header *header;
	struct arena arena;
	enum error error;

	arena_init(&arena);
	*refers = *takes_back = false;
	own_name_bind(get, 1, name);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		header = wire_unpack(&simpul__header__descriptor, column_bytes(get, 0), &arena, fault);
		if (header == NULL)
			error = fault_at(fault, E_CORRUPT, "outbox_report.header");
		else
			*refers = reference_of(header, store->node, meant);
		*takes_back = *refers && header->kind == SIMPUL__KIND__KIND_CANCEL && header->erase;
		*refers = *refers && header->kind == SIMPUL__KIND__KIND_UPDATE;
	}
	sqlite3_reset(get);
	arena_fini(&arena);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* What was taken back before its receipt came. */
static enum error late_erase(struct store *store, const struct report_name *first, uint64_t count, wall_ms now,
			     struct fault *fault)
{
	static const char sql[] = "SELECT min(number) FROM retraction WHERE origin = ?1 AND epoch = ?2 AND stream = ?3"
				  " AND number >= ?4 AND number < ?5";
	sqlite3_stmt *get = store_statement(store, sql);
	struct report_name name = *first;
	enum error error = E_OK;
	bool found = true, is_new;

	while (error == E_OK && found) {
		name_bind(get, 1, &name);
		bind_number(get, 5, first->number + count);
		error = store_ask(store, get, fault);
		found = error == E_OK && sqlite3_column_type(get, 0) != SQLITE_NULL;
		name.number = found ? column_number(get, 0) : 0;
		sqlite3_reset(get);
		if (found)
			error = own_retract(store, &name, now, &is_new, fault);
		name.number++;
	}
	return error;
}

/* A broken submission is no longer needed once all that was left of it has its receipts. */
static enum error broken_end(struct store *store, const struct report_name *first, struct fault *fault)
{
	static const char sql[] = "DELETE FROM broken WHERE epoch = ?1 AND stream = ?2 AND first + count - 1 <="
				  " (SELECT receipted FROM stream WHERE epoch = ?1 AND stream = ?2)";
	sqlite3_stmt *drop = store_statement(store, sql);

	bind_number(drop, 1, first->epoch);
	bind_number(drop, 2, first->stream);
	return database_step(drop, fault);
}

enum error outbox_erase_receipted(struct store *store, const struct report_name *first, uint64_t count, wall_ms now,
				  struct fault *fault)
{
	struct report_name meant;
	bool refers = false, takes_back = false;
	enum error error = E_OK;

	if (count == 1)
		error = sole_read(store, first, &meant, &refers, &takes_back, fault);
	if (error == E_OK && refers) {
		error = retraction_find(store, &meant, fault);
		if (error == E_OK)
			error = all_retract(store, first, now, fault);
		error = error == E_NOT_FOUND ? E_OK : error;
	}
	if (error == E_OK && takes_back)
		error = all_retract(store, &meant, now, fault);
	if (error == E_OK)
		error = late_erase(store, first, count, now, fault);
	return error == E_OK ? broken_end(store, first, fault) : error;
}

/* ---- expiry */

/* Ascending by place, so that each submission is written once. */
static enum error expired_find(struct store *store, wall_ms now, size_t limit, struct report_name *names, size_t *count,
			       struct fault *fault)
{
	static const char sql[] =
		"SELECT epoch, stream, number FROM (SELECT o.epoch, o.stream, o.number FROM outbox_report o"
		" WHERE o.erased_at = 0 AND o.expires > 0 AND o.expires <= ?1 AND (o.code <> 0 OR o.number <="
		" (SELECT s.receipted FROM stream s WHERE s.epoch = o.epoch AND s.stream = o.stream))"
		" ORDER BY o.expires LIMIT ?2) ORDER BY epoch, stream, number";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error = E_OK;

	*count = 0;
	bind_number(get, 1, now);
	bind_number(get, 2, limit);
	while (*count < limit && (error = store_ask(store, get, fault)) == E_OK)
		names[(*count)++] = own_name_column(get, 0, store->node);
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error outbox_erase_expired(struct store *store, wall_ms now, size_t limit, size_t *count, struct fault *fault)
{
	struct report_name *names = memory_alloc(MOST_ROWS * sizeof *names);
	struct report_name last = {.number = 0};
	uint64_t end = 0;
	enum error error = expired_find(store, now, limit < MOST_ROWS ? limit : MOST_ROWS, names, count, fault);

	for (size_t i = 0; error == E_OK && i < *count; i++)
		error = row_empty(store, &names[i], SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED, now, fault);
	for (size_t i = 0; error == E_OK && i < *count; i++) {
		if (names[i].epoch == last.epoch && names[i].stream == last.stream && names[i].number < end)
			continue;
		last = names[i];
		error = hole_make(store, &last, &end, fault);
	}
	free(names);
	return error;
}

/* ---- a broker that was restored */

enum error outbox_break(struct store *store, const struct report_name *first, struct fault *fault)
{
	static const char keep_sql[] =
		"INSERT OR REPLACE INTO broken(epoch, stream, first, count, message) SELECT epoch, stream, first, "
		"count,"
		" message FROM submission WHERE epoch = ?1 AND stream = ?2 AND first = ?3 AND holed = 1";
	static const char drop_sql[] =
		"DELETE FROM submission WHERE epoch = ?1 AND stream = ?2 AND first = ?3 AND holed = 1";
	/* Nothing after the first gap is frozen: what follows in line is found by its number all the same. */
	static const char mark_sql[] =
		"UPDATE stream SET frozen = coalesce((SELECT first + count - 1 FROM submission WHERE epoch = ?1"
		" AND stream = ?2 ORDER BY first DESC LIMIT 1), 0) WHERE epoch = ?1 AND stream = ?2 AND frozen >= ?3";
	const char *const steps[] = {keep_sql, drop_sql, mark_sql};
	enum error error = E_OK;

	for (size_t i = 0; error == E_OK && i < sizeof steps / sizeof steps[0]; i++) {
		sqlite3_stmt *step = store_statement(store, steps[i]);

		own_name_bind(step, 1, first);
		error = database_step(step, fault);
	}
	return error;
}

enum error outbox_broken_drop(struct store *store, const struct report_name *name, struct fault *fault)
{
	static const char sql[] = "DELETE FROM broken WHERE epoch = ?1 AND stream = ?2 AND first <= ?3"
				  " AND first + count > ?3";
	sqlite3_stmt *drop = store_statement(store, sql);

	own_name_bind(drop, 1, name);
	return database_step(drop, fault);
}

enum error outbox_void_erased(struct store *store, struct fault *fault)
{
	static const char sql[] =
		"UPDATE outbox_report SET code = ?1, field = 'expires' WHERE code = 0 AND erased_at > 0 AND number >"
		" (SELECT s.receipted FROM stream s WHERE s.epoch = outbox_report.epoch"
		" AND s.stream = outbox_report.stream) AND NOT EXISTS(SELECT 1 FROM submission n JOIN receipt r"
		" USING(epoch, stream, first) WHERE n.epoch = outbox_report.epoch AND n.stream = outbox_report.stream"
		" AND n.first = (SELECT max(m.first) FROM submission m WHERE m.epoch = outbox_report.epoch"
		" AND m.stream = outbox_report.stream AND m.first <= outbox_report.number)"
		" AND n.first + n.count > outbox_report.number)";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, E_EXPIRED);
	return database_step(put, fault);
}

enum error outbox_broken(struct store *store, const struct report_name *name, struct arena *arena,
			 Simpul__Submission **submission, uint64_t *index, struct fault *fault)
{
	static const char sql[] = "SELECT first, count, message FROM broken WHERE epoch = ?1 AND stream = ?2"
				  " AND first <= ?3 ORDER BY first DESC LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	own_name_bind(get, 1, name);
	error = store_ask(store, get, fault);
	if (error == E_OK && name->number >= column_number(get, 0) + column_number(get, 1))
		error = E_NOT_FOUND;
	if (error == E_OK) {
		*index = name->number - column_number(get, 0);
		*submission = wire_unpack(&simpul__submission__descriptor, column_bytes(get, 2), arena, fault);
		if (*submission == NULL || *index >= (*submission)->n_reports)
			error = fault_at(fault, E_CORRUPT, "broken.message");
	}
	sqlite3_reset(get);
	return error;
}
