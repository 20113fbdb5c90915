/* journal_held - reads holds in journal.db, and what became of them. */
#include "broker/journal/journal_held.h"

#include "broker/journal/journal_case_state.h"
#include "broker/journal/journal_sqlite.h"
#include <stdio.h>
#include <string.h>

/* One search. */
struct search {
	struct journal_case *c;
	const struct report_name *report; /* NULL: of all */
	wall_ms now;
	held_visit *visit;
	void *context;
	struct fault *fault;
};

static bool is_asked_for(const struct search *search, const struct report_name *name)
{
	const struct report_name *asked = search->report;

	return asked == NULL || (strcmp(asked->origin, name->origin) == 0 && asked->epoch == name->epoch &&
				 asked->stream == name->stream && asked->number == name->number);
}

/* Whether its row is still there, and whether it is all that keeps the report. */
static enum error state_read(const struct search *search, const struct case_report *report, struct held *held)
{
	sqlite3_stmt *get = database_prepare(search->c->db, "SELECT until, kept.entry IS NOT NULL FROM hold "
							    "LEFT JOIN kept USING(entry, place) "
							    "WHERE entry = ?1 AND place = ?2 AND hold = ?3");
	enum error error;

	bind_number(get, 1, report->entry);
	bind_number(get, 2, report->place);
	bind_number(get, 3, held->hold);
	error = journal_row_step(get, search->fault);
	held->in_force = error == E_OK && column_number(get, 0) > search->now;
	held->kept = held->in_force && column_number(get, 1) != 0;
	sqlite3_finalize(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error hold_take(const struct search *search, struct held *held)
{
	const Simpul__Name *name = held->order->report;
	struct case_report report;
	enum error error;

	memset(&held->report, 0, sizeof(held->report)); /* to be compared as bytes */
	held->report.epoch = name->epoch;
	held->report.stream = (uint32_t)name->stream;
	held->report.number = name->number;
	snprintf(held->report.origin, sizeof(held->report.origin), "%s", name->origin);
	if (!is_asked_for(search, &held->report))
		return E_OK;
	error = journal_case_report(search->c, &held->report, &report, search->fault);
	if (error == E_OK)
		error = state_read(search, &report, held);
	if (error != E_OK)
		return error;
	held->form = report.header->form;
	search->visit(search->context, held);
	return E_OK;
}

static enum error row_take(const struct search *search, sqlite3_stmt *row)
{
	struct held held = {.hold = column_number(row, 0), .placed_at = column_number(row, 1)};

	held.order =
		stored_unpack(&simpul__hold__descriptor, case_keep(search->c, column_bytes(row, 2)), &search->c->arena);
	if (held.order == NULL || held.order->report == NULL || held.order->n_signatures != 2)
		return entry_corrupt(held.hold, search->fault);
	return held.order->lifts != 0 ? E_OK : hold_take(search, &held);
}

enum error journal_held_each(struct journal_case *c, const struct report_name *report, wall_ms now, held_visit *visit,
			     void *context, struct fault *fault)
{
	const struct search search = {c, report, now, visit, context, fault};
	sqlite3_stmt *rows =
		database_prepare(c->db, "SELECT entry, accepted_at, content FROM entry INDEXED BY entry_other "
					"JOIN content USING(entry) WHERE type = 11 AND type <> 2 ORDER BY entry");
	enum error error = E_OK;

	while (error == E_OK && (error = journal_row_step(rows, fault)) == E_OK)
		error = row_take(&search, rows);
	sqlite3_finalize(rows);
	return error == E_NOT_FOUND ? E_OK : error;
}
