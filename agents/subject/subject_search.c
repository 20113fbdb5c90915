/* subject_search - matches every person in inbox, outbox and what is kept by order, and makes of hits and decisions
 * what is answered. */
#include "agents/subject/subject_search.h"
#include "agents/reports/copies.h"
#include "agents/reports/view.h"
#include "agents/subject/subject_match.h"
#include "common/content.h"
#include "common/json.h"
#include "common/wire.h"
#include <string.h>

enum { ROWS_AT_ONCE = 256 };

struct search {
	const Simpul__Person *subject;
	const char *mark; /* of the query; "" in earnest */
	json_t *hits;
	uint64_t last; /* row of the inbox */
	struct outbox_place place;
	size_t rows; /* of the page */
	struct arena arena;
};

/* ------------------------------------------------------------------ one report */

static const char *how_text(enum subject_match match)
{
	return match == SUBJECT_BY_DOCUMENT ? "document" : match == SUBJECT_BY_NAME ? "name" : "likeness";
}

static json_t *found_new(const struct search *search, const Simpul__Body *body)
{
	enum subject_match best = SUBJECT_OTHER;
	json_t *persons = json_array();
	size_t count;
	Simpul__Person *const *list = body_persons(body, &count);

	for (size_t i = 0; i < count; i++) {
		const enum subject_match match = subject_match(search->subject, list[i]);

		best = match > best ? match : best;
		if (match != SUBJECT_OTHER)
			json_array_append_new(persons, json_of_message(list[i], 0));
	}
	if (best != SUBJECT_OTHER)
		return json_pack("{s:s, s:I, s:o}", "how", how_text(best), "others",
				 (json_int_t)(count - json_array_size(persons)), "persons", persons);
	json_decref(persons);
	return NULL;
}

static void copy_member(json_t *to, const char *key, const json_t *from, const char *other)
{
	json_t *value = json_object_get(from, key);

	value = value != NULL ? value : json_object_get(from, other);
	if (value != NULL)
		json_object_set(to, key, value);
}

/* Adds what the report says beside its persons; `row` as view_json has it. */
static void found_fill(json_t *found, const json_t *row, bool own)
{
	const json_t *header = json_object_get(row, "header"), *update = json_object_get(row, "update");
	const json_t *content = update != NULL ? update : row;
	const json_t *sighting = json_object_get(content, "sighting");
	const json_t *said = sighting != NULL ? sighting : json_object_get(content, "alert");

	json_object_set_new(found, "own", json_boolean(own));
	json_object_set(found, "name", json_object_get(row, "name"));
	json_object_set(found, "label", json_object_get(row, "label"));
	json_object_set(found, "state", json_object_get(row, "state"));
	json_object_set(found, "at", json_object_get(row, own ? "taken_at" : "received_at"));
	copy_member(found, "kind", header, "");
	copy_member(found, "category", header, "");
	copy_member(found, "expires", header, "");
	if (json_object_get(said, "first_seen") != NULL)
		json_object_set(found, "seen_at", json_object_get(said, "first_seen"));
	else if (json_object_get(said, "effective") != NULL)
		json_object_set(found, "seen_at", json_object_get(said, "effective"));
	if (json_object_get(said, sighting != NULL ? "where_sighted" : "area") != NULL)
		json_object_set(found, "place", json_object_get(said, sighting != NULL ? "where_sighted" : "area"));
	copy_member(found, "summary", said, "headline");
}

/* A hit, or NULL. An exercise tells nobody what is held of him, and is told to nobody as if it were in earnest. */
static json_t *body_search(struct search *search, struct bytes header_bytes, struct bytes bytes)
{
	const Simpul__Header *header = wire_unpack(&simpul__header__descriptor, header_bytes, &search->arena, NULL);
	const Simpul__Body *body;

	if (bytes.size == 0 || header == NULL || strcmp(status_mark((int)header->status), search->mark) != 0)
		return NULL;
	body = wire_unpack(&simpul__body__descriptor, bytes, &search->arena, NULL);
	return body == NULL ? NULL : found_new(search, body);
}

static void hit_add(struct search *search, json_t *found, json_t *row, bool own)
{
	found_fill(found, row, own);
	json_array_append_new(search->hits, found);
	json_decref(row);
}

/* Of what has a bad signature nobody knows whose it is. */
static bool inbox_look(void *context, const struct inbox_row *row)
{
	struct search *search = context;
	json_t *found = row->trust == TRUST_BAD ? NULL : body_search(search, row->header, row->body);

	search->rows++;
	search->last = row->row;
	if (found != NULL)
		hit_add(search, found, view_json(row, &search->arena), false);
	arena_reset(&search->arena);
	return true;
}

static bool outbox_look(void *context, const struct outbox_row *row)
{
	struct search *search = context;
	json_t *found = body_search(search, row->header, row->body);

	search->rows++;
	search->place = (struct outbox_place){row->name.epoch, row->name.stream, row->name.number};
	if (found != NULL)
		hit_add(search, found, view_outbox_json(row, &search->arena), true);
	arena_reset(&search->arena);
	return true;
}

static bool is_kept(const json_t *hit)
{
	return strcmp(json_text(hit, "state"), "kept") == 0;
}

/* What expired or was taken back, and an order of an authority keeps: it is held all the same. */
static enum error kept_look(struct store *store, struct search *search, struct fault *fault)
{
	static const char sql[] = "SELECT origin, epoch, stream, number, at, header, body FROM kept ORDER BY at";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	while ((error = store_ask(store, get, fault)) == E_OK) {
		struct inbox_row row = {.received_at = column_number(get, 4),
					.header = column_bytes(get, 5),
					.body = column_bytes(get, 6)};
		json_t *found = body_search(search, row.header, row.body);

		if (found != NULL) {
			row.name = name_column(get, 0);
			hit_add(search, found, view_json(&row, &search->arena), false);
			json_object_set_new(found, "own", json_boolean(strcmp(row.name.origin, store->node) == 0));
			json_object_set_new(found, "state", json_string("kept"));
		}
		arena_reset(&search->arena);
	}
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error subject_search(struct store *store, const json_t *request, json_t **hits, struct fault *fault)
{
	const json_t *subject = json_object_get(json_object_get(request, "query"), "subject");
	struct search search = {.hits = json_array(), .mark = json_text(request, "mark")};
	enum error error = E_OK;
	struct arena asked;

	*hits = search.hits;
	arena_init(&asked);
	arena_init(&search.arena);
	search.subject = json_to_message(&simpul__person__descriptor, subject, &asked, fault);
	if (search.subject == NULL)
		error = fault_at(fault, E_INVALID, "subject");
	do {
		search.rows = 0;
		if (error == E_OK)
			error = view_inbox(store, search.last, ROWS_AT_ONCE, inbox_look, &search, fault);
	} while (error == E_OK && search.rows == ROWS_AT_ONCE);
	do {
		search.rows = 0;
		if (error == E_OK)
			error = view_outbox(store, &search.place, ROWS_AT_ONCE, outbox_look, &search, fault);
	} while (error == E_OK && search.rows == ROWS_AT_ONCE);
	if (error == E_OK)
		error = kept_look(store, &search, fault);
	arena_fini(&search.arena);
	arena_fini(&asked);
	return error;
}

/* ------------------------------------------------------------------ deciding */

static const json_t *hit_find(const json_t *hits, const char *name)
{
	json_t *hit;
	size_t i;

	json_array_foreach(hits, i, hit)
		if (strcmp(json_text(hit, "name"), name) == 0)
			return hit;
	return NULL;
}

/* Of a decision that is there whether it can be. */
static enum error decision_check(const json_t *hits, const struct subject_decisions *decisions, const char *name,
				 struct fault *fault)
{
	const bool disclosed = json_list_holds(decisions->disclose, name);
	const char *reason = json_string_value(json_object_get(decisions->withhold, name));
	const json_t *hit = hit_find(hits, name);
	bool own;
	int value;

	if (hit == NULL)
		return fault_at(fault, E_NOT_FOUND, "%s", name);
	own = json_is_true(json_object_get(hit, "own"));
	if (disclosed + (reason != NULL) + json_list_holds(decisions->other, name) > 1)
		return fault_at(fault, E_EXISTS, "%s", name);
	if (is_kept(hit) && (disclosed || (reason != NULL && strcmp(reason, "law-enforcement") != 0)))
		return fault_at(fault, E_ERASED, "%s", name);
	if (disclosed && !own)
		return fault_at(fault, E_NOT_ORIGIN, "%s", name);
	if (reason == NULL)
		return E_OK;
	if (!enum_parse(&simpul__withhold_reason__descriptor, reason, &value) || value == 0)
		return fault_at(fault, E_INVALID, "%s", name);
	if (!is_kept(hit) && own == (value == SIMPUL__WITHHOLD_REASON__WITHHOLD_REASON_ORIGIN_DECIDES))
		return fault_at(fault, own ? E_INVALID : E_NOT_ORIGIN, "%s", name);
	return E_OK;
}

static enum error decisions_check(const json_t *hits, const struct subject_decisions *decisions, struct fault *fault)
{
	enum error error = E_OK;
	const char *name;
	json_t *each;
	size_t i;

	json_array_foreach(decisions->disclose, i, each)
		if (error == E_OK)
			error = decision_check(hits, decisions, json_string_value(each), fault);
	json_array_foreach(decisions->other, i, each)
		if (error == E_OK)
			error = decision_check(hits, decisions, json_string_value(each), fault);
	json_object_foreach(decisions->withhold, name, each)
		if (error == E_OK)
			error = decision_check(hits, decisions, name, fault);
	return error;
}

/* Why a hit is withheld, borrowed; NULL when that was not decided. */
static json_t *reason_of(const struct subject_decisions *decisions, const json_t *hit)
{
	return json_object_get(decisions->withhold, json_text(hit, "name"));
}

static bool is_left_to_origin(const struct subject_decisions *decisions, const json_t *hit)
{
	return decisions->origins && !json_is_true(json_object_get(hit, "own")) && !is_kept(hit) &&
	       reason_of(decisions, hit) == NULL;
}

/* ------------------------------------------------------------------ telling */

/* Whether every place at that office where it was has said that it is gone: not a sink that keeps it under another law,
 * waits for a person or does not answer. */
static bool copy_is_gone(const json_t *copy)
{
	json_t *sink;
	size_t i;

	json_array_foreach(json_object_get(copy, "sinks"), i, sink)
		if (strcmp(json_text(sink, "outcome"), "erased") != 0)
			return false;
	return true;
}

/* Nobody has what was never accepted. */
static enum error holders_add(struct store *store, const json_t *hit, json_t *report, struct fault *fault)
{
	const bool accepted = strcmp(json_text(hit, "state"), "accepted") == 0;
	json_t *copies = json_array(), *holders = json_array(), *copy;
	struct report_name name;
	enum error error = E_OK;
	size_t i;

	if (accepted && report_name_parse(json_text(hit, "name"), &name))
		error = copies_given(store, &name, copies, fault);
	json_array_foreach(copies, i, copy) {
		json_t *holder = json_object();

		copy_member(holder, "node", copy, "");
		if (copy_is_gone(copy))
			copy_member(holder, "erased_at", copy, "");
		json_array_append_new(holders, holder);
	}
	json_decref(copies);
	json_object_set_new(report, "holders", holders);
	return error;
}

/* A person without what may be about somebody else: the sponsor always, and words where the report names others. Whether
 * anything was left out goes to `less`. A new reference. */
static json_t *person_told(const json_t *person, bool others, bool *less)
{
	static const char *const fields[] = {"sponsor", "remark", "telephone", "address"};
	json_t *told = json_copy((json_t *)(uintptr_t)person);

	for (size_t i = 0; i < (others ? sizeof(fields) / sizeof(fields[0]) : 1); i++)
		*less = json_object_del(told, fields[i]) == 0 || *less;
	return told;
}

/* What names others is told without what may be theirs. */
static void disclose(json_t *report, const json_t *hit)
{
	const bool others = json_integer_value(json_object_get(hit, "others")) > 0;
	json_t *persons = json_array(), *person;
	bool less = others;
	size_t i;

	json_array_foreach(json_object_get(hit, "persons"), i, person)
		json_array_append_new(persons, person_told(person, others, &less));
	json_object_set_new(report, "persons", persons);
	copy_member(report, "seen_at", hit, "");
	if (!others) {
		copy_member(report, "place", hit, "");
		copy_member(report, "summary", hit, "");
	}
	if (less)
		json_object_set_new(report, "withheld", json_string("rights-of-others"));
}

/* What is withheld whole is named, with the reason, and no more. */
static enum error report_tell(struct store *store, const json_t *hit, const struct subject_decisions *decisions,
			      json_t *reports, struct fault *fault)
{
	static const char *const fields[] = {"kind", "category", "at", "expires"};
	json_t *report = json_object();

	json_array_append_new(reports, report);
	copy_member(report, "name", hit, "");
	if (is_left_to_origin(decisions, hit))
		json_object_set_new(report, "withheld", json_string("origin-decides"));
	else if (reason_of(decisions, hit) != NULL)
		json_object_set(report, "withheld", reason_of(decisions, hit));
	else {
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
			copy_member(report, fields[i], hit, "");
		disclose(report, hit);
		return holders_add(store, hit, report, fault);
	}
	return E_OK;
}

enum error subject_holdings(struct store *store, const json_t *hits, const struct subject_decisions *decisions,
			    json_t **reports, json_t **undecided, struct fault *fault)
{
	enum error error = decisions_check(hits, decisions, fault);
	json_t *hit;
	size_t i;

	*reports = json_array();
	*undecided = json_array();
	json_array_foreach(hits, i, hit) {
		const char *name = json_text(hit, "name");

		if (error != E_OK || json_list_holds(decisions->other, name))
			continue;
		if (json_list_holds(decisions->disclose, name) || reason_of(decisions, hit) != NULL ||
		    is_left_to_origin(decisions, hit))
			error = report_tell(store, hit, decisions, *reports, fault);
		else
			json_array_append(*undecided, json_object_get(hit, "name"));
	}
	return error;
}
