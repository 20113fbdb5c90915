/* subject_record - checks and stores reads, and gives them back. */
#include "agents/subject/subject_record.h"
#include "agents/reports/legal_hold.h"
#include "common/json.h"
#include "common/name.h"
#include <stdio.h>
#include <string.h>

static bool action_known(const char *action)
{
	static const char *const actions[] = {"search", "result"};

	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(actions[i], action) == 0)
			return true;
	return false;
}

/* The names with a blank between them. */
static enum error names_take(const json_t *names, struct buffer *out, struct fault *fault)
{
	struct report_name parsed;
	json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		if (!json_is_string(name) || !report_name_parse(json_string_value(name), &parsed))
			return fault_at(fault, E_INVALID, "reports[%zu]", i);
		buffer_text(out, i > 0 ? " " : "");
		buffer_text(out, json_string_value(name));
	}
	buffer_u8(out, 0);
	return E_OK;
}

static enum error request_check(const json_t *request, struct fault *fault)
{
	struct report_name name;

	if (!action_known(json_text(request, "action")))
		return fault_at(fault, E_INVALID, "action");
	return report_name_parse(json_text(request, "query"), &name) ? E_OK : fault_at(fault, E_INVALID, "query");
}

/* What an order keeps is not looked at without a note of that at the order. */
static enum error openings_note(struct store *store, const json_t *request, const char *user, wall_ms now,
				struct fault *fault)
{
	struct hold_person by = {.uid = 0};
	struct report_name name;
	enum error error = E_OK;
	json_t *each;
	size_t i;

	if (strcmp(json_text(request, "action"), "search") != 0)
		return E_OK;
	snprintf(by.name, sizeof(by.name), "%s", user);
	json_array_foreach(json_object_get(request, "reports"), i, each) {
		if (error == E_OK && json_is_string(each) && report_name_parse(json_string_value(each), &name))
			error = legal_hold_note_opening(store, &name, "as in simpul subject record", &by, now, fault);
		error = error == E_NOT_FOUND ? E_OK : error;
	}
	return error;
}

/* `names` of reports, each with a blank between. In the caller's transaction. */
static enum error read_put(struct store *store, wall_ms now, const char *user, const char *action, const char *query,
			   uint64_t missing, const json_t *names, struct fault *fault)
{
	static const char sql[] = "INSERT INTO subject_read(at, user, action, query, missing, reports)"
				  " VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
	sqlite3_stmt *put = store_statement(store, sql);
	struct buffer reports = {0};
	enum error error = names_take(names, &reports, fault);

	if (error == E_OK) {
		bind_number(put, 1, now);
		bind_text(put, 2, user);
		bind_text(put, 3, action);
		bind_text(put, 4, query);
		bind_number(put, 5, missing);
		bind_text(put, 6, (const char *)reports.data);
		error = database_step(put, fault);
	}
	buffer_free(&reports);
	return error;
}

/* The names of the reports that an answer tells of; a new reference. */
static json_t *answered_names(const json_t *draft)
{
	const json_t *holdings = json_object_get(json_object_get(draft, "answer"), "subject_access");
	json_t *names = json_array(), *report;
	size_t i;

	json_array_foreach(json_object_get(holdings, "reports"), i, report)
		json_array_append(names, json_object_get(report, "name"));
	return names;
}

enum error subject_record_drafts(struct store *store, const json_t *drafts, const struct report_name *names,
				 const char *user, wall_ms now, struct fault *fault)
{
	char text[REPORT_NAME_SIZE];
	enum error error = E_OK;
	json_t *draft;
	size_t i;

	json_array_foreach(drafts, i, draft) {
		const bool asks = json_object_get(draft, "query") != NULL;
		json_t *told = answered_names(draft);

		if (error == E_OK)
			error = read_put(store, now, user, asks ? "ask" : "answer",
					 asks ? report_name_text(&names[i], text) : json_text(draft, "reference"), 0,
					 told, fault);
		json_decref(told);
	}
	return error;
}

enum error subject_record_take(struct store *store, const json_t *request, const char *user, wall_ms now,
			       struct fault *fault)
{
	const json_int_t missing = json_integer_value(json_object_get(request, "missing"));
	enum error error = request_check(request, fault);

	if (error == E_OK)
		error = openings_note(store, request, user, now, fault);
	if (error == E_OK)
		error = store_begin(store, fault);
	if (error != E_OK)
		return error;
	return store_end(store,
			 read_put(store, now, user, json_text(request, "action"), json_text(request, "query"),
				  missing > 0 ? (uint64_t)missing : 0, json_object_get(request, "reports"), fault),
			 fault);
}

/* A new reference. */
static json_t *names_of(const char *text)
{
	json_t *names = json_array();

	while (*text != '\0') {
		const size_t length = strcspn(text, " ");

		json_array_append_new(names, json_stringn(text, length));
		text += length + (text[length] == ' ');
	}
	return names;
}

enum error subject_record_list(struct store *store, json_t **list, struct fault *fault)
{
	static const char sql[] = "SELECT at, user, action, query, missing, reports FROM subject_read ORDER BY id";
	sqlite3_stmt *get = store_statement(store, sql);
	char time[TIME_TEXT_SIZE];
	enum error error;

	*list = json_array();
	while ((error = store_ask(store, get, fault)) == E_OK)
		json_array_append_new(
			*list, json_pack("{s:s, s:s, s:s, s:s, s:I, s:o}", "at",
					 time_text(time, column_number(get, 0), 0), "user", column_text(get, 1),
					 "action", column_text(get, 2), "query", column_text(get, 3), "missing",
					 (json_int_t)column_number(get, 4), "reports", names_of(column_text(get, 5))));
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error subject_record_done(struct store *store, const char *query, wall_ms due, bool *done, struct fault *fault)
{
	static const char sql[] = "SELECT 1 FROM subject_read WHERE action = 'result' AND query = ?1"
				  " AND (missing = 0 OR at >= ?2) LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_text(get, 1, query);
	bind_number(get, 2, due);
	error = store_ask(store, get, fault);
	sqlite3_reset(get);
	*done = error == E_OK;
	return error == E_NOT_FOUND ? E_OK : error;
}
