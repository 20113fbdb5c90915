/* subject_book - goes through queries and answers of inbox and outbox, and judges how urgent they are. */
#include "agents/subject/subject_book.h"
#include "agents/reports/copies.h"
#include "agents/reports/view.h"
#include "agents/subject/subject_record.h"
#include "common/content.h"
#include "common/json.h"
#include "common/memory.h"
#include "common/wire.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_AT_ONCE = 256 };

/* What the passes share. */
struct reading {
	struct store *store;
	struct subject_book *book;
	bool open_only;
	wall_ms now;
	uint64_t last; /* row of the inbox */
	struct outbox_place place;
	struct subject_parts parts; /* of the own answer that is gone through */
	json_t *said;		    /* those of its parts, as replies */
	size_t rows; /* of the page */
	struct arena arena;
};

static wall_ms time_in(const json_t *json, const char *key)
{
	wall_ms time = 0;

	time_parse(json_text(json, key), &time);
	return time;
}

/* ------------------------------------------------------------------ reading */

/* Takes `row` as view_json has it. */
static void request_add(struct reading *reading, const json_t *row, bool own)
{
	const json_t *header = json_object_get(row, "header");
	json_t *access = json_object_get(json_object_get(row, "query"), "subject_access"), *request = json_object();
	static const char *const kept[] = {"mark", "state", "code", "field", "erased_at"};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (json_object_get(row, kept[i]) != NULL)
			json_object_set(request, kept[i], json_object_get(row, kept[i]));
	json_object_set(request, "request", json_object_get(row, "name"));
	json_object_set_new(request, "own", json_boolean(own));
	json_object_set_new(request, "office",
			    json_stringn(json_text(row, "name"), strcspn(json_text(row, "name"), "#")));
	json_object_set(request, "due", json_object_get(header, "deadline"));
	json_object_set(request, "expires", json_object_get(header, "expires"));
	json_object_set_new(request, "asked", json_array());
	json_object_set_new(request, "answered", json_array());
	if (access != NULL)
		json_object_set(request, "query", access);
	json_array_append_new(reading->book->requests, request);
}

static const char *query_of(const json_t *row)
{
	return json_string_value(json_array_get(json_object_get(json_object_get(row, "header"), "references"), 0));
}

/* A new reference. */
static json_t *reply_of(const json_t *row, const char *at)
{
	const char *name = json_text(row, "name");
	json_t *reply = json_object();

	json_object_set_new(reply, "node", json_stringn(name, strcspn(name, "#")));
	json_object_set_new(reply, "name", json_string(name));
	json_object_set(reply, "at", json_object_get(row, at));
	if (json_object_get(row, "answer") != NULL)
		json_object_set(reply, "reply", json_object_get(json_object_get(row, "answer"), "subject_access"));
	return reply;
}

static json_t *replies_to(struct reading *reading, const char *query)
{
	json_t *list = json_object_get(reading->book->replies, query);

	if (list == NULL) {
		list = json_array();
		json_object_set_new(reading->book->replies, query, list);
	}
	return list;
}

static bool is_request(const Simpul__Header *header)
{
	return header != NULL && header->kind == SIMPUL__KIND__KIND_QUERY &&
	       strcmp(header->category, CATEGORY_SUBJECT_ACCESS) == 0;
}

bool subject_is_sound(const Simpul__Header *header, struct bytes bytes, struct arena *arena)
{
	const Simpul__Body *body;

	if (bytes.size == 0)
		return true;
	body = wire_unpack(&simpul__body__descriptor, bytes, arena, NULL);
	return body != NULL && body_check(header, body, NULL) == E_OK;
}

static bool is_reply(const Simpul__Header *header)
{
	return header != NULL && header->kind == SIMPUL__KIND__KIND_ANSWER && header->n_references == 1;
}

static bool inbox_note(void *context, const struct inbox_row *row)
{
	struct reading *reading = context;
	const Simpul__Header *header = wire_unpack(&simpul__header__descriptor, row->header, &reading->arena, NULL);
	json_t *json;

	reading->rows++;
	reading->last = row->row;
	if (row->trust == TRUST_GOOD && (is_request(header) || is_reply(header)) &&
	    (row->erased_at == 0 || !reading->open_only) && subject_is_sound(header, row->body, &reading->arena)) {
		json = view_json(row, &reading->arena);
		if (is_request(header))
			request_add(reading, json, false);
		else
			json_array_append_new(replies_to(reading, query_of(json)), reply_of(json, "accepted_at"));
		json_decref(json);
	}
	arena_reset(&reading->arena);
	return true;
}

bool subject_parts_end(struct subject_parts *parts, const char *query, uint64_t part, uint64_t of, bool refused)
{
	if (part <= 1) {
		snprintf(parts->query, sizeof(parts->query), "%s", query);
		parts->whole = true;
	}
	parts->whole = parts->whole && !refused && strcmp(parts->query, query) == 0;
	return parts->whole && part >= of;
}

/* What was refused by the broker was not said, nor are the parts of the same answer one; those before it stand. */
static void own_reply_add(struct reading *reading, const json_t *row, bool refused)
{
	const json_t *said = json_object_get(json_object_get(row, "answer"), "subject_access");
	const uint64_t part = (uint64_t)json_integer_value(json_object_get(said, "part"));
	const uint64_t of = (uint64_t)json_integer_value(json_object_get(said, "parts"));

	if (part <= 1)
		json_array_clear(reading->said);
	json_array_append_new(reading->said, reply_of(row, "taken_at"));
	if (subject_parts_end(&reading->parts, query_of(row), part, of, refused))
		json_array_extend(replies_to(reading, query_of(row)), reading->said);
}

static bool outbox_note(void *context, const struct outbox_row *row)
{
	struct reading *reading = context;
	const Simpul__Header *header = wire_unpack(&simpul__header__descriptor, row->header, &reading->arena, NULL);
	json_t *json;

	reading->rows++;
	reading->place = (struct outbox_place){row->name.epoch, row->name.stream, row->name.number};
	if ((is_request(header) || is_reply(header)) && (row->erased_at == 0 || !reading->open_only)) {
		json = view_outbox_json(row, &reading->arena);
		if (is_request(header))
			request_add(reading, json, true);
		else
			own_reply_add(reading, json, row->state == OUTBOX_REFUSED);
		json_decref(json);
	}
	arena_reset(&reading->arena);
	return true;
}

static enum error rows_read(struct reading *reading, struct fault *fault)
{
	enum error error;

	do {
		reading->rows = 0;
		error = view_inbox_questions(reading->store, reading->last, ROWS_AT_ONCE, inbox_note, reading, fault);
	} while (error == E_OK && reading->rows == ROWS_AT_ONCE);
	do {
		reading->rows = 0;
		if (error == E_OK)
			error = view_outbox_questions(reading->store, &reading->place, ROWS_AT_ONCE, outbox_note,
						      reading, fault);
	} while (error == E_OK && reading->rows == ROWS_AT_ONCE);
	return error;
}

/* ------------------------------------------------------------------ judging */

static void name_add(json_t *names, const char *name)
{
	json_t *there;
	size_t i;

	json_array_foreach(names, i, there)
		if (strcmp(json_string_value(there), name) == 0)
			return;
	json_array_append_new(names, json_string(name));
}

/* Whom the broker gave an own query, as its receipt says. */
static enum error asked_fill(struct reading *reading, json_t *request, struct fault *fault)
{
	json_t *copies = json_array(), *copy;
	struct report_name name;
	enum error error = E_OK;
	size_t i;

	if (report_name_parse(json_text(request, "request"), &name))
		error = copies_given(reading->store, &name, copies, fault);
	json_array_foreach(copies, i, copy)
		name_add(json_object_get(request, "asked"), json_text(copy, "node"));
	json_decref(copies);
	return error;
}

static void answered_fill(struct reading *reading, json_t *request)
{
	json_t *reply;
	size_t i;

	json_array_foreach(json_object_get(reading->book->replies, json_text(request, "request")), i, reply)
		name_add(json_object_get(request, "answered"), json_text(reply, "node"));
}

enum error subject_taken_back(struct store *store, const char *query, bool *cancelled, struct fault *fault)
{
	static const char sql[] = "SELECT 1 FROM outbox_report WHERE reference = ?1 AND reference <> ''"
				  " AND kind = 4 AND code = 0 LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_text(get, 1, query);
	error = store_ask(store, get, fault);
	sqlite3_reset(get);
	*cancelled = error == E_OK;
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error done_find(struct reading *reading, json_t *request, bool *done, struct fault *fault)
{
	const char *state = json_text(request, "state"), *name = json_text(request, "request");
	enum error error;

	*done = strcmp(state, "cancelled") == 0 || strcmp(state, "refused") == 0 ||
		json_object_get(request, "erased_at") != NULL;
	if (*done)
		return E_OK;
	if (!json_is_true(json_object_get(request, "own"))) {
		*done = json_array_size(json_object_get(request, "answered")) > 0;
		return E_OK;
	}
	error = subject_taken_back(reading->store, name, done, fault);
	if (error == E_OK && *done)
		json_object_set_new(request, "state", json_string("cancelled"));
	else if (error == E_OK)
		error = subject_record_done(reading->store, name, time_in(request, "due"), done, fault);
	return error;
}

static enum error request_judge(struct reading *reading, json_t *request, struct fault *fault)
{
	const wall_ms due = time_in(request, "due");
	enum error error = E_OK;
	bool done;

	if (json_is_true(json_object_get(request, "own")) && strcmp(json_text(request, "state"), "accepted") == 0)
		error = asked_fill(reading, request, fault);
	answered_fill(reading, request);
	if (error == E_OK)
		error = done_find(reading, request, &done, fault);
	if (error != E_OK)
		return error;
	json_object_set_new(request, "urgency",
			    json_string(done					  ? "done"
					: reading->now >= due			  ? "overdue"
					: due - reading->now <= SUBJECT_URGENT_MS ? "urgent"
										  : "open"));
	return E_OK;
}

static int request_order(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	const bool x_done = strcmp(json_text(x, "urgency"), "done") == 0,
		   y_done = strcmp(json_text(y, "urgency"), "done") == 0;
	const wall_ms x_due = time_in(x, "due"), y_due = time_in(y, "due");

	if (x_done != y_done)
		return x_done ? 1 : -1;
	return x_due != y_due ? (x_due > y_due) - (x_due < y_due)
			      : strcmp(json_text(x, "request"), json_text(y, "request"));
}

static void requests_sort(struct subject_book *book)
{
	const size_t count = json_array_size(book->requests);
	json_t **list = memory_zero(count + 1, sizeof(*list)), *sorted = json_array();

	for (size_t i = 0; i < count; i++)
		list[i] = json_array_get(book->requests, i);
	qsort(list, count, sizeof(*list), request_order);
	for (size_t i = 0; i < count; i++)
		json_array_append(sorted, list[i]);
	json_decref(book->requests);
	book->requests = sorted;
	free(list);
}

enum error subject_book_read(struct store *store, bool open_only, wall_ms now, struct subject_book *book,
			     struct fault *fault)
{
	struct reading reading = {
		.store = store, .book = book, .open_only = open_only, .now = now, .said = json_array()};
	json_t *request;
	enum error error;
	size_t i;

	*book = (struct subject_book){.requests = json_array(), .replies = json_object()};
	arena_init(&reading.arena);
	error = rows_read(&reading, fault);
	json_array_foreach(book->requests, i, request)
		if (error == E_OK)
			error = request_judge(&reading, request, fault);
	arena_fini(&reading.arena);
	json_decref(reading.said);
	requests_sort(book);
	return error;
}

void subject_book_free(struct subject_book *book)
{
	json_decref(book->requests);
	json_decref(book->replies);
}

json_t *subject_book_find(const struct subject_book *book, const char *name)
{
	json_t *request;
	size_t i;

	json_array_foreach(book->requests, i, request)
		if (strcmp(json_text(request, "request"), name) == 0)
			return request;
	return NULL;
}
