/* journal_copy - looks up in journal.db who has which reports. */
#include "broker/journal/journal_copy.h"

#include "broker/journal/journal_case_state.h"
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>

/* ---------------------------------------------------------------------------- at a node */

enum error journal_copy_of(struct journal_case *c, const char *node, uint64_t entry, uint32_t place, struct copy *copy,
			   struct fault *fault)
{
	sqlite3_stmt *purged;
	enum error error = case_goes_on(c, fault);

	*copy = (struct copy){0};
	if (error != E_OK)
		return error;
	purged = case_statement(c, &c->purged,
				"SELECT receipt, at FROM purged WHERE entry = ?1 AND place = ?2 AND node = ?3");
	bind_number(purged, 1, entry);
	bind_number(purged, 2, place);
	bind_text(purged, 3, node);
	error = journal_row_step(purged, fault);
	if (error == E_OK) {
		copy->receipt = column_number(purged, 0);
		copy->purged_at = column_number(purged, 1);
	}
	sqlite3_reset(purged);
	if (error != E_OK && error != E_NOT_FOUND)
		return error;
	return journal_case_delivery(c, node, entry, &copy->acknowledged, &copy->withheld, fault);
}

/* ---------------------------------------------------------------------------- at the broker */

static void grave_add(struct journal_case *c, const struct burial *burial, const Simpul__TombstoneTarget *target)
{
	struct grave *grave;

	if (c->grave_count == c->grave_capacity) {
		c->grave_capacity = c->grave_capacity * 2 + 64;
		c->graves = memory_grow(c->graves, c->grave_capacity, sizeof(*c->graves));
	}
	grave = &c->graves[c->grave_count++];
	*grave = (struct grave){target->entry, target->index, target->count, *burial};
	grave->burial.rule = target->rule;
	grave->burial.cause = target->cause;
}

static enum error tombstone_take(struct journal_case *c, sqlite3_stmt *row, struct fault *fault)
{
	struct burial burial = {.entry = column_number(row, 0), .at = column_number(row, 1)};
	const Simpul__Tombstone *tombstone;
	struct arena arena;

	arena_init(&arena);
	tombstone = stored_unpack(&simpul__tombstone__descriptor, column_bytes(row, 2), &arena);
	burial.final_at = tombstone == NULL ? 0 : tombstone->final_at;
	for (size_t i = 0; tombstone != NULL && i < tombstone->n_targets; i++)
		if (tombstone->targets[i]->hold == 0) /* else it is kept */
			grave_add(c, &burial, tombstone->targets[i]);
	arena_fini(&arena);
	return tombstone == NULL ? entry_corrupt(burial.entry, fault) : E_OK;
}

static int by_entry(const void *a, const void *b)
{
	const struct grave *x = a, *y = b;

	if (x->entry != y->entry)
		return x->entry < y->entry ? -1 : 1;
	return (x->burial.entry > y->burial.entry) - (x->burial.entry < y->burial.entry);
}

static enum error graves_read(struct journal_case *c, struct fault *fault)
{
	sqlite3_stmt *rows;
	enum error error = E_OK;

	if (c->graves_read)
		return E_OK;
	rows = database_prepare(c->db, "SELECT entry, accepted_at, content FROM entry INDEXED BY entry_other "
				       "JOIN content USING(entry) WHERE type = 8 AND type <> 2");
	while (error == E_OK && (error = journal_row_step(rows, fault)) == E_OK)
		error = tombstone_take(c, rows, fault);
	sqlite3_finalize(rows);
	if (error != E_NOT_FOUND)
		return error;
	if (c->grave_count > 0)
		qsort(c->graves, c->grave_count, sizeof(*c->graves), by_entry);
	c->graves_read = true;
	return E_OK;
}

/* The first grave of an entry, or where it would stand. */
static size_t grave_place(const struct journal_case *c, uint64_t entry)
{
	size_t low = 0, high = c->grave_count;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (c->graves[middle].entry < entry)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The earliest tombstone counts. */
enum error journal_copy_burial(struct journal_case *c, uint64_t entry, uint32_t place, struct burial *burial,
			       struct fault *fault)
{
	enum error error = graves_read(c, fault);

	*burial = (struct burial){0};
	if (error != E_OK)
		return error;
	for (size_t i = grave_place(c, entry); i < c->grave_count && c->graves[i].entry == entry; i++) {
		const struct grave *grave = &c->graves[i];

		if (place < grave->first || place - grave->first >= grave->count)
			continue;
		*burial = grave->burial;
		return E_OK;
	}
	return E_OK;
}

/* ---------------------------------------------------------------------------- updates and cancels */

static void name_load(sqlite3_stmt *row, int column, struct report_name *name)
{
	snprintf(name->origin, sizeof(name->origin), "%s", column_text(row, column));
	name->epoch = (uint32_t)column_number(row, column + 1);
	name->stream = (uint32_t)column_number(row, column + 2);
	name->number = column_number(row, column + 3);
}

enum error journal_copy_references(struct journal_case *c, const struct case_report *report, uint64_t number,
				   const struct report_name **names, size_t *count, struct fault *fault)
{
	sqlite3_stmt *rows = database_prepare(
		c->db, "SELECT node, epoch, stream, first FROM reference JOIN entry USING(entry) "
		       "JOIN origin ON id = origin_id WHERE target = ?1 AND number = ?2 ORDER BY entry.entry");
	struct report_name *list = NULL;
	struct bytes kept;
	enum error error;

	*count = 0;
	bind_number(rows, 1, report->entry);
	bind_number(rows, 2, number);
	while ((error = journal_row_step(rows, fault)) == E_OK) {
		list = memory_grow(list, *count + 1, sizeof(*list));
		name_load(rows, 0, &list[(*count)++]);
	}
	sqlite3_finalize(rows);
	kept = case_keep(c, BYTES(list, *count * sizeof(*list)));
	free(list);
	*names = (const struct report_name *)(const void *)kept.data;
	return error == E_NOT_FOUND ? E_OK : error;
}

/* ---------------------------------------------------------------------------- all reports of a node */

enum { PART = 16384 }; /* entries of the journal, that are looked through at once */

#define FOUND_COLUMNS "entry.entry, accepted_at, outcome, content, origin.node, epoch, stream, first"

/* One search. */
struct search {
	struct journal_case *c;
	const char *receiver; /* NULL: of what the node sent itself */
	found_visit *visit;
	void *context;
	struct fault *fault;
};

static enum error report_visit(const struct search *search, struct found_report *found, uint32_t place)
{
	enum error error = journal_copy_burial(search->c, found->entry, place, &found->burial, search->fault);

	found->copy = (struct copy){0};
	if (error == E_OK && search->receiver != NULL)
		error = journal_copy_of(search->c, search->receiver, found->entry, place, &found->copy, search->fault);
	return error == E_OK ? search->visit(search->context, found, search->fault) : error;
}

/* A refused report went to nobody. */
static enum error row_visit(const struct search *search, sqlite3_stmt *row, struct arena *arena)
{
	struct found_report found = {.entry = column_number(row, 0), .accepted_at = column_number(row, 1)};
	const Simpul__Receipt *outcome = outcome_unpack(column_bytes(row, 2), arena);
	const Simpul__StoredSubmission *stored =
		stored_unpack(&simpul__stored_submission__descriptor, column_bytes(row, 3), arena);
	enum error error = E_OK;

	if (outcome == NULL || stored == NULL)
		return entry_corrupt(found.entry, search->fault);
	name_load(row, 4, &found.name);
	for (size_t i = 0; error == E_OK && i < stored->n_headers; i++) {
		found.name.number = stored->first + i;
		if (outcome_verdict(outcome, found.name.number) != E_OK)
			continue;
		found.header = stored_unpack(&simpul__header__descriptor,
					     BYTES(stored->headers[i].data, stored->headers[i].len), arena);
		error = found.header == NULL ? entry_corrupt(found.entry, search->fault)
					     : report_visit(search, &found, (uint32_t)i);
	}
	return error;
}

/* Finalizes the statement. */
static enum error rows_visit(const struct search *search, sqlite3_stmt *rows)
{
	struct arena arena;
	enum error error = E_OK;

	arena_init(&arena);
	while (error == E_OK && (error = journal_row_step(rows, search->fault)) == E_OK) {
		error = row_visit(search, rows, &arena);
		arena_reset(&arena);
	}
	sqlite3_finalize(rows);
	arena_fini(&arena);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Accepted then or later; accepted_at never decreases. */
static enum error entry_since(const struct journal_case *c, wall_ms since, uint64_t *first, struct fault *fault)
{
	sqlite3_stmt *get = database_prepare(c->db, "SELECT accepted_at FROM entry WHERE entry = ?1");
	uint64_t low = 1, high = c->end + 1, at;
	enum error error = E_OK;

	while (error == E_OK && low < high) {
		const uint64_t middle = low + (high - low) / 2;

		bind_number(get, 1, middle);
		error = journal_number(get, 0, &at, fault);
		if (at < since)
			low = middle + 1;
		else
			high = middle;
	}
	sqlite3_finalize(get);
	*first = low;
	return error;
}

/* Of the entries from `first` to `last`. Their numbers are sorted before what is long is looked at; without LIMIT SQLite
 * would leave out the order of what is only joined. */
static enum error due_visit(const struct search *search, uint64_t first, uint64_t last)
{
	sqlite3_stmt *rows = database_prepare(
		search->c->db,
		"WITH due AS MATERIALIZED (SELECT entry FROM entry INDEXED BY entry_audience WHERE audience_id IN "
		"(SELECT audience_id FROM member_of WHERE node = ?1) AND entry BETWEEN ?2 AND ?3 ORDER BY entry LIMIT -1) "
		"SELECT " FOUND_COLUMNS " FROM due CROSS JOIN entry USING(entry) CROSS JOIN content USING(entry) "
		"CROSS JOIN origin ON origin.id = origin_id");

	bind_text(rows, 1, search->receiver);
	bind_number(rows, 2, first);
	bind_number(rows, 3, last);
	return rows_visit(search, rows);
}

/* In the order of entries, by which pages go on (copies_sent): a part of the journal after the other, so that a page does
 * not first gather all that comes after it. */
enum error journal_copy_each_due(struct journal_case *c, const char *node, wall_ms since, uint64_t after,
				 found_visit *visit, void *context, struct fault *fault)
{
	const struct search search = {c, node, visit, context, fault};
	uint64_t first;
	enum error error = entry_since(c, since, &first, fault);

	if (first <= after)
		first = after + 1;
	for (; error == E_OK && first <= c->end; first += PART)
		error = due_visit(&search, first, first + PART - 1);
	return error;
}

enum error journal_copy_each_sent(struct journal_case *c, const char *node, found_visit *visit, void *context,
				  struct fault *fault)
{
	const struct search search = {c, NULL, visit, context, fault};
	sqlite3_stmt *rows = database_prepare(
		c->db, "WITH sent AS MATERIALIZED (SELECT submission_of.entry AS entry FROM submission_of "
		       "JOIN origin ON id = origin_id WHERE node = ?1 ORDER BY entry LIMIT -1) "
		       "SELECT " FOUND_COLUMNS " FROM sent CROSS JOIN entry USING(entry) CROSS JOIN content USING(entry) "
		       "CROSS JOIN origin ON origin.id = origin_id");

	bind_text(rows, 1, node);
	return rows_visit(&search, rows);
}
