/* release - looks through inbox and outbox for requests and answers, and makes an UPDATE of what is to be shared. */
#include "agents/reports/release.h"
#include "agents/reports/copies.h"
#include "agents/reports/view.h"
#include "agents/store/reference.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/wire.h"
#include <stdlib.h>
#include <string.h>

enum { ROWS_AT_ONCE = 256 };

/* What the two passes share. */
struct search {
	json_t *list;	   /* as release_list has it */
	json_t *decisions; /* by decision_key */
	uint64_t last;	   /* row of the inbox */
	struct outbox_place place;
	size_t rows; /* of the page */
	struct arena arena;
};

/* The name of the report that a row is about. */
static const char *reference_in(const json_t *row)
{
	const json_t *names = json_object_get(json_object_get(row, "header"), "references");
	const char *name = json_string_value(json_array_get(names, 0));

	return name == NULL ? "" : name;
}

/* The name of the report that a header refers to, "" for none. */
static const char *meant_text(const Simpul__Header *header, char text[REPORT_NAME_SIZE])
{
	struct report_name name;

	text[0] = '\0';
	return reference_read(header, &name) ? report_name_text(&name, text) : text;
}

/* A request's name and the office that decides on it, of which this is a report. */
static char *decision_key(const char *request, const char *of_office)
{
	return memory_format("%s %.*s", request, (int)strcspn(of_office, "#"), of_office);
}

/* ------------------------------------------------------------------ looking */

static void request_add(struct search *search, const json_t *row, bool own)
{
	const json_t *body = json_object_get(row, "release_request");
	json_t *request = json_object(), *mark = json_object_get(row, "mark");
	const bool unsent = strcmp(json_text(row, "state"), "refused") == 0;

	if (mark != NULL)
		json_object_set(request, "mark", mark);
	json_object_set(request, "request", json_object_get(row, "name"));
	json_object_set_new(request, "report", json_string(reference_in(row)));
	json_object_set(request, "nodes", json_object_get(body, "nodes"));
	json_object_set(request, "reason", json_object_get(body, "reason"));
	json_object_set_new(request, "decision", json_string(unsent ? "unsent" : "open"));
	json_object_set_new(request, "own", json_boolean(own));
	json_array_append_new(search->list, request);
}

/* What was refused by the broker was not said, and on a report decides its origin alone. */
static void row_note(struct search *search, const json_t *row, bool own)
{
	const json_t *decision = json_object_get(json_object_get(row, "release"), "decision");
	char *key;

	if (json_object_get(row, "release_request") != NULL) {
		request_add(search, row, own);
	} else if (decision != NULL && strcmp(json_text(row, "state"), "refused") != 0) {
		key = decision_key(reference_in(row), json_text(row, "name"));
		json_object_set(search->decisions, key, (json_t *)(uintptr_t)decision);
		free(key);
	}
}

static bool inbox_note(void *context, const struct inbox_row *row)
{
	struct search *search = context;

	search->rows++;
	search->last = row->row;
	if (row->trust != TRUST_BAD) {
		json_t *json = view_json(row, &search->arena);

		row_note(search, json, false);
		json_decref(json);
		arena_reset(&search->arena);
	}
	return true;
}

static bool outbox_note(void *context, const struct outbox_row *row)
{
	struct search *search = context;
	json_t *json = view_outbox_json(row, &search->arena);

	search->rows++;
	search->place = (struct outbox_place){row->name.epoch, row->name.stream, row->name.number};
	row_note(search, json, true);
	json_decref(json);
	arena_reset(&search->arena);
	return true;
}

static enum error rows_search(struct store *store, struct search *search, struct fault *fault)
{
	enum error error;

	do {
		search->rows = 0;
		error = view_inbox_releases(store, search->last, ROWS_AT_ONCE, inbox_note, search, fault);
	} while (error == E_OK && search->rows == ROWS_AT_ONCE);
	do {
		search->rows = 0;
		if (error == E_OK)
			error = view_outbox_releases(store, &search->place, ROWS_AT_ONCE, outbox_note, search, fault);
	} while (error == E_OK && search->rows == ROWS_AT_ONCE);
	return error;
}

static bool original_name(void *context, const struct outbox_row *row)
{
	char *original = context;
	const Simpul__Header *header;
	struct arena arena;

	arena_init(&arena);
	header = wire_unpack(&simpul__header__descriptor, row->header, &arena, NULL);
	report_name_text(&row->name, original);
	if (header != NULL && header->kind == SIMPUL__KIND__KIND_UPDATE && header->n_references == 1)
		meant_text(header, original);
	arena_fini(&arena);
	return false;
}

/* Of an update the report that it is about. "" when this office has no such report. */
static enum error original_find(struct store *store, const char *report, char original[REPORT_NAME_SIZE],
				struct fault *fault)
{
	struct report_name name;

	original[0] = '\0';
	if (!report_name_parse(report, &name) || strcmp(name.origin, store->node) != 0)
		return E_OK;
	return view_outbox_by_name(store, &name, original_name, original, fault);
}

/* Those of `nodes` who are not among the nodes of `copies`; a new reference. */
static json_t *nodes_without(const json_t *nodes, const json_t *copies)
{
	json_t *missed = json_array(), *node, *copy;
	size_t i, k;

	json_array_foreach((json_t *)(uintptr_t)nodes, i, node) {
		bool given = false;

		json_array_foreach((json_t *)(uintptr_t)copies, k, copy)
			given = given || json_equal(json_object_get(copy, "node"), node);
		if (!given)
			json_array_append(missed, node);
	}
	return missed;
}

/* Whom the update that carried out a grant did not reach. */
static enum error missed_note(struct store *store, json_t *request, struct fault *fault)
{
	json_t *copies = json_array(), *named = json_array(), *missed;
	char original[REPORT_NAME_SIZE];
	struct report_name name;
	bool under_way = false;
	enum error error = original_find(store, json_text(request, "report"), original, fault);
	const bool here = error == E_OK && report_name_parse(original, &name);

	if (here)
		error = copies_given(store, &name, copies, fault);
	if (here && error == E_OK)
		error = copies_of_updates(store, &name, copies, named, &under_way, fault);
	if (here && error == E_OK && !under_way) {
		missed = nodes_without(json_object_get(request, "nodes"), copies);
		if (json_array_size(missed) > 0)
			json_object_set(request, "not_reached", missed);
		json_decref(missed);
	}
	json_decref(copies);
	json_decref(named);
	return error;
}

enum error release_list(struct store *store, json_t **list, struct fault *fault)
{
	struct search search = {.list = json_array(), .decisions = json_object()};
	enum error error;
	json_t *request;
	size_t i;

	arena_init(&search.arena);
	error = rows_search(store, &search, fault);
	json_array_foreach(search.list, i, request) {
		char *key = decision_key(json_text(request, "request"), json_text(request, "report"));
		json_t *decision = json_object_get(search.decisions, key);

		free(key);
		if (decision != NULL)
			json_object_set(request, "decision", decision);
		if (error == E_OK && strcmp(json_text(request, "decision"), "granted") == 0 &&
		    !json_is_true(json_object_get(request, "own")))
			error = missed_note(store, request, fault);
	}
	arena_fini(&search.arena);
	json_decref(search.decisions);
	*list = search.list;
	return error;
}

/* ------------------------------------------------------------------ counting */

/* Requests that this office answered, by name, each true. */
static enum error answered_read(struct store *store, json_t *answered, struct fault *fault)
{
	static const char sql[] = "SELECT header FROM outbox_report WHERE kind IN (8, 9) AND kind = 9 AND code = 0";
	sqlite3_stmt *get = store_statement(store, sql);
	const Simpul__Header *header;
	char name[REPORT_NAME_SIZE];
	struct arena arena;
	enum error error;

	arena_init(&arena);
	while ((error = store_ask(store, get, fault)) == E_OK) {
		header = wire_unpack(&simpul__header__descriptor, column_bytes(get, 0), &arena, NULL);
		if (header != NULL)
			json_object_set_new(answered, meant_text(header, name), json_true());
		arena_reset(&arena);
	}
	sqlite3_reset(get);
	arena_fini(&arena);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* By kind, which has an index, for the agent is asked this at any time: there may be a million reports. */
enum error release_open_count(struct store *store, uint64_t *count, struct fault *fault)
{
	static const char sql[] = "SELECT origin, epoch, stream, number FROM inbox WHERE kind IN (8, 9)"
				  " AND kind = 8 AND trust <> 2 AND erased_at = 0";
	sqlite3_stmt *get = store_statement(store, sql);
	json_t *answered = json_object();
	char text[REPORT_NAME_SIZE];
	enum error error = answered_read(store, answered, fault);

	*count = 0;
	while (error == E_OK && (error = store_ask(store, get, fault)) == E_OK) {
		const struct report_name name = name_column(get, 0);

		*count += json_object_get(answered, report_name_text(&name, text)) == NULL;
	}
	sqlite3_reset(get);
	json_decref(answered);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* ------------------------------------------------------------------ answering */

/* A request of another office that is open; a new reference. */
static enum error request_find(struct store *store, const char *name, json_t **found, struct fault *fault)
{
	json_t *list, *request;
	enum error error = release_list(store, &list, fault);
	size_t i;

	*found = NULL;
	json_array_foreach(list, i, request) if (!json_is_true(json_object_get(request, "own")) &&
						 strcmp(json_text(request, "request"), name) == 0) *found =
		json_incref(request);
	json_decref(list);
	if (error != E_OK)
		return error;
	if (*found == NULL)
		return fault_at(fault, E_NOT_FOUND, "%s", name);
	if (strcmp(json_text(*found, "decision"), "open") == 0)
		return E_OK;
	json_decref(*found);
	*found = NULL;
	return fault_at(fault, E_EXISTS, "%s is answered", name);
}

static json_t *answer_draft(const char *request, const char *decision)
{
	return json_pack("{s:s, s:{s:s}}", "reference", request, "release", "decision", decision);
}

enum error release_refuse(struct store *store, const char *request, json_t **draft, struct fault *fault)
{
	json_t *found;
	enum error error = request_find(store, request, &found, fault);

	*draft = error == E_OK ? answer_draft(request, "refused") : NULL;
	json_decref(found);
	return error;
}

/* ------------------------------------------------------------------ granting */

/* What this office said last about a report: the report itself or the newest update of it. */
struct statement {
	const char *original; /* the report's name */
	json_t *row, *routing;
	bool cancelled;
	struct outbox_place place;
	size_t rows;
	struct arena arena;
};

static void statement_take(struct statement *statement, const struct outbox_row *row)
{
	const Simpul__Routing *routing =
		wire_unpack(&simpul__routing__descriptor, row->routing, &statement->arena, NULL);

	json_decref(statement->row);
	json_decref(statement->routing);
	statement->row = view_outbox_json(row, &statement->arena);
	statement->routing = routing == NULL ? json_object() : json_of_message(routing, 0);
}

/* Rows come by stream and number: of two updates in different streams (one RED) the later one counts. */
static bool is_newer(const struct statement *statement, const struct outbox_row *row)
{
	wall_ms before = 0;

	return statement->row == NULL || !time_parse(json_text(statement->row, "taken_at"), &before) ||
	       row->taken_at >= before;
}

static bool statement_look(void *context, const struct outbox_row *row)
{
	struct statement *statement = context;
	const Simpul__Header *header = wire_unpack(&simpul__header__descriptor, row->header, &statement->arena, NULL);
	char name[REPORT_NAME_SIZE];
	bool about;

	statement->rows++;
	statement->place = (struct outbox_place){row->name.epoch, row->name.stream, row->name.number};
	if (header == NULL || row->state == OUTBOX_REFUSED)
		return true;
	about = strcmp(meant_text(header, name), statement->original) == 0;
	if (about && header->kind == SIMPUL__KIND__KIND_CANCEL)
		statement->cancelled = true;
	if ((strcmp(report_name_text(&row->name, name), statement->original) == 0 ||
	     (about && header->kind == SIMPUL__KIND__KIND_UPDATE)) &&
	    is_newer(statement, row))
		statement_take(statement, row);
	arena_reset(&statement->arena);
	return true;
}

static enum error statement_find(struct store *store, struct statement *statement, struct fault *fault)
{
	struct report_name name;
	enum error error;

	if (!report_name_parse(statement->original, &name))
		return E_OK;
	error = view_outbox_by_name(store, &name, statement_look, statement, fault);
	statement->place = (struct outbox_place){0};
	statement->rows = ROWS_AT_ONCE;
	while (error == E_OK && statement->rows == ROWS_AT_ONCE) {
		statement->rows = 0;
		error = view_outbox_about(store, statement->original, &statement->place, ROWS_AT_ONCE, statement_look,
					  statement, fault);
	}
	return error;
}

static void names_add(json_t *to, const json_t *names)
{
	json_t *name, *there;
	size_t i, k;

	json_array_foreach(names, i, name) {
		bool twice = false;

		json_array_foreach(to, k, there)
			twice = twice || json_equal(there, name);
		if (!twice)
			json_array_append(to, name);
	}
}

/* Those who were named and those who are to have it; who was left out and is to have it is left out no longer. */
static void recipients_set(json_t *draft, const json_t *routing, const json_t *nodes)
{
	json_t *to = json_array(), *not_to = json_array(), *name, *node;
	size_t i, k;

	names_add(to, json_object_get(routing, "to"));
	names_add(to, nodes);
	json_array_foreach(json_object_get(routing, "not_to"), i, name) {
		bool wanted = false;

		json_array_foreach(nodes, k, node)
			wanted = wanted || json_equal(node, name);
		if (!wanted)
			json_array_append(not_to, name);
	}
	json_object_set_new(draft, "to", to);
	json_object_set_new(draft, "not_to", not_to);
}

/* NULL when nothing is left of what it said. */
static json_t *update_draft(const struct statement *statement, const json_t *nodes)
{
	static const char *const limits[] = {"status",	     "category",     "region",	      "label",
					     "handling",     "protection",   "purpose",	      "legal_basis",
					     "source_grade", "information_grade", "expires", "operation", "case_ref"};
	const json_t *header = json_object_get(statement->row, "header");
	const json_t *said = json_object_get(statement->row, "update");
	const char *kind;
	json_t *content, *draft;

	said = said == NULL ? statement->row : said;
	kind = json_object_get(said, "sighting") != NULL ? "sighting" : "alert";
	content = json_object_get(said, kind);
	if (content == NULL)
		return NULL;
	draft = json_pack("{s:s, s:{s:O}}", "reference", statement->original, "update", kind, content);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		if (json_object_get(header, limits[i]) != NULL)
			json_object_set(draft, limits[i], json_object_get(header, limits[i]));
	recipients_set(draft, statement->routing, nodes);
	return draft;
}

enum error release_grant(struct store *store, const char *request, json_t **drafts, struct fault *fault)
{
	char original[REPORT_NAME_SIZE];
	struct statement statement = {.original = original};
	json_t *found, *update = NULL;
	enum error error = request_find(store, request, &found, fault);

	*drafts = NULL;
	if (error != E_OK)
		return error;
	arena_init(&statement.arena);
	error = original_find(store, json_text(found, "report"), original, fault);
	if (error == E_OK && original[0] != '\0')
		error = statement_find(store, &statement, fault);
	if (error == E_OK && statement.row != NULL && !statement.cancelled)
		update = update_draft(&statement, json_object_get(found, "nodes"));
	if (error == E_OK && update == NULL)
		error = fault_at(fault, E_REFERENCE_UNKNOWN, "%s", json_text(found, "report"));
	if (update != NULL)
		*drafts = json_pack("[o, o]", update, answer_draft(request, "granted"));
	json_decref(statement.row);
	json_decref(statement.routing);
	json_decref(found);
	arena_fini(&statement.arena);
	return error;
}
