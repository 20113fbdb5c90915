/* by_hand - reads what sinks left to a person, and writes down what he did. */
#include "agents/reports/by_hand.h"
#include "agents/reports/purge_note.h"
#include "agents/store/reading.h"
#include "common/json.h"
#include "proto/report.pb-c.h"
#include <string.h>

/* 2: REQUESTED. By its index alone, for the agent is asked this at any time and outcomes are kept for good. */
#define TO_DO " FROM purge_sink s CROSS JOIN purge p ON p.id = s.purge WHERE s.outcome = 2"

static json_t *row_json(sqlite3_stmt *row)
{
	const struct report_name name = name_column(row, 0);
	char text[REPORT_NAME_SIZE], time[TIME_TEXT_SIZE];

	return json_pack("{s:s, s:s, s:s, s:s}", "report", report_name_text(&name, text), "sink", column_text(row, 6),
			 "rule", enum_text(&simpul__purge_rule__descriptor, (int)column_number(row, 4)), "at",
			 time_text(time, column_number(row, 5), 0));
}

enum error by_hand_list(struct store *store, json_t **list, struct fault *fault)
{
	static const char sql[] = "SELECT p.origin, p.epoch, p.stream, p.number, p.rule, p.at, s.sink" TO_DO
				  " ORDER BY s.purge, s.sink LIMIT ?1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	*list = json_array();
	bind_number(get, 1, BY_HAND_MOST);
	while ((error = store_ask(store, get, fault)) == E_OK)
		json_array_append_new(*list, row_json(get));
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

uint64_t by_hand_count(struct store *store)
{
	static const char sql[] = "SELECT count(*) FROM (SELECT 1" TO_DO " LIMIT ?1)";
	sqlite3_stmt *get = store_statement(store, sql);
	uint64_t count = 0;

	bind_number(get, 1, BY_HAND_MOST);
	if (store_ask(store, get, NULL) == E_OK)
		count = column_number(get, 0);
	sqlite3_reset(get);
	return count;
}

/* The note under which this sink's REQUESTED stands. */
static enum error asked_find(struct store *store, const struct report_name *name, const char *sink, uint64_t *purge,
			     struct fault *fault)
{
	static const char sql[] =
		"SELECT purge FROM purge_sink WHERE outcome = 2 AND sink = ?5 AND purge = (SELECT min(id) FROM purge"
		" WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4)";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	name_bind(get, 1, name);
	bind_text(get, 5, sink);
	error = store_ask(store, get, fault);
	if (error == E_OK)
		*purge = column_number(get, 0);
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? fault_at(fault, E_NOT_FOUND, "report") : error;
}

/* It is told in the office's name, and is on record as his word. */
static enum error done_record(struct store *store, const struct report_name *name, const char *sink, const char *user,
			      wall_ms now, struct fault *fault)
{
	char about[REPORT_NAME_SIZE + SINK_NAME_SIZE], text[REPORT_NAME_SIZE];

	snprintf(about, sizeof(about), "%s %s", report_name_text(name, text), sink);
	return reading_add(store, "erasures done", about, user, now, fault);
}

enum error by_hand_done(struct store *store, const json_t *request, const char *user, wall_ms now, struct fault *fault)
{
	const struct sink_outcome erased = {.outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED};
	const char *sink = json_string_value(json_object_get(request, "sink"));
	const char *text = json_string_value(json_object_get(request, "report"));
	struct report_name name;
	uint64_t purge = 0;
	enum error error;

	if (text == NULL || !report_name_parse(text, &name))
		return fault_at(fault, E_INVALID, "report");
	if (sink == NULL)
		return fault_at(fault, E_MISSING, "sink");
	error = store_begin(store, fault);
	if (error != E_OK)
		return error;
	error = asked_find(store, &name, sink, &purge, fault);
	if (error == E_OK)
		error = purge_note_said(store, purge, sink, &erased, now, fault);
	if (error == E_OK)
		error = done_record(store, &name, sink, user, now, fault);
	return store_end(store, error, fault);
}
