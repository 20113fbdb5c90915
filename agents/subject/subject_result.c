/* subject_result - gathers queries of one number, their replies and the office's own reports. */
#include "agents/subject/subject_result.h"
#include "agents/subject/subject_offices.h"
#include "common/json.h"
#include "common/name.h"
#include <string.h>

/* ------------------------------------------------------------------ what was asked */

/* Own queries that ask the same of the same person under the same number, and stand: a number that was given twice by
 * mistake mixes nobody's data. */
static json_t *queries_of(const struct subject_book *book, const json_t *asked)
{
	json_t *queries = json_array(), *request;
	size_t i;

	json_array_foreach(book->requests, i, request)
		if (json_is_true(json_object_get(request, "own")) &&
		    strcmp(json_text(request, "state"), "refused") != 0 &&
		    strcmp(json_text(request, "state"), "cancelled") != 0 &&
		    strcmp(json_text(request, "mark"), json_text(asked, "mark")) == 0 &&
		    json_equal(json_object_get(request, "query"), json_object_get(asked, "query")))
			json_array_append(queries, request);
	return queries;
}

static bool was_asked(const json_t *queries, const char *node)
{
	json_t *query;
	size_t i;

	json_array_foreach(queries, i, query)
		if (json_list_holds(json_object_get(query, "asked"), node))
			return true;
	return false;
}

/* Whether one of them is not at the broker yet: whom it reaches is known when its receipt comes. */
static bool any_waits(const json_t *queries)
{
	json_t *query;
	size_t i;

	json_array_foreach(queries, i, query)
		if (strcmp(json_text(query, "state"), "accepted") != 0)
			return true;
	return false;
}

/* ------------------------------------------------------------------ what was answered */

/* One office's replies to all queries, the oldest first. */
static json_t *replies_of(const struct subject_book *book, const json_t *queries, const char *node)
{
	json_t *replies = json_array(), *query, *reply;
	size_t i, k;

	json_array_foreach(queries, i, query)
		json_array_foreach(json_object_get(book->replies, json_text(query, "request")), k, reply)
			if (strcmp(json_text(reply, "node"), node) == 0)
				json_array_append(replies, reply);
	return replies;
}

/* Which answer a reply is a part of: that with this number of its first part, for parts follow each other. */
static bool first_of(const json_t *each, struct report_name *first)
{
	const json_int_t part = json_integer_value(json_object_get(json_object_get(each, "reply"), "part"));

	if (!report_name_parse(json_text(each, "name"), first))
		return false;
	first->number -= part > 1 && (uint64_t)part <= first->number ? (uint64_t)part - 1 : 0;
	return true;
}

static bool is_newer(const struct report_name *a, const struct report_name *b)
{
	return a->epoch != b->epoch ? a->epoch > b->epoch : a->number > b->number;
}

/* The parts of the newest answer that are here: it takes the place of all that was answered before, so that nothing
 * stays told that was taken back. A new reference. */
static json_t *newest_of(const json_t *replies)
{
	struct report_name newest = {.number = 0}, first;
	json_t *parts = json_array(), *each;
	size_t i;

	json_array_foreach(replies, i, each)
		if (first_of(each, &first) && is_newer(&first, &newest))
			newest = first;
	json_array_foreach(replies, i, each)
		if (first_of(each, &first) && first.epoch == newest.epoch && first.number == newest.number)
			json_array_append(parts, each);
	return parts;
}

/* Whether every part of an answer is here; a reply that was erased counts as none. */
static bool all_parts(const json_t *replies)
{
	const json_t *last = json_array_get(replies, json_array_size(replies) - 1);
	const json_int_t parts = json_integer_value(json_object_get(json_object_get(last, "reply"), "parts"));
	uint64_t seen = 0;
	json_t *each;
	size_t i;

	json_array_foreach(replies, i, each) {
		const json_t *reply = json_object_get(each, "reply");
		const json_int_t part = json_integer_value(json_object_get(reply, "part"));

		if (json_integer_value(json_object_get(reply, "parts")) == parts && part >= 1 && part <= 64)
			seen |= UINT64_C(1) << (part - 1);
	}
	return parts >= 1 && parts <= 64 && seen == UINT64_MAX >> (64 - parts);
}

static void answer_fill(json_t *office, const json_t *replies)
{
	json_t *reports = json_array(), *parts = newest_of(replies), *each;
	size_t i;

	json_array_foreach(parts, i, each) {
		json_object_set(office, "answered_at", json_object_get(each, "at"));
		json_array_extend(reports, json_object_get(json_object_get(each, "reply"), "reports"));
	}
	json_object_set_new(office, "reports", reports);
	json_object_set_new(office, "state", json_string(all_parts(parts) ? "answered" : "incomplete"));
	json_decref(parts);
}

/* ------------------------------------------------------------------ offices */

/* An office as the result has it; NULL when it was neither asked nor is a member. */
static json_t *office_new(const struct subject_book *book, const json_t *queries, const json_t *member)
{
	const char *node = json_text(member, "node");
	const bool open = json_is_true(json_object_get(member, "open")), asked = was_asked(queries, node);
	json_t *replies = replies_of(book, queries, node), *office = NULL;

	if (asked || open)
		office = json_pack("{s:s, s:s}", "node", node, "state",
				   asked                ? (open ? "silent" : "left")
				   : any_waits(queries) ? "to-be-asked"
							: "not-asked");
	if (office != NULL && json_array_size(replies) > 0)
		answer_fill(office, replies);
	json_decref(replies);
	return office;
}

static json_t *own_new(const char *node, json_t *reports, json_t *undecided)
{
	json_t *office = json_pack("{s:s, s:s, s:o}", "node", node, "state", "own", "reports", reports);

	if (json_array_size(undecided) > 0)
		json_object_set(office, "undecided", undecided);
	return office;
}

static bool is_missing(const json_t *office)
{
	const char *state = json_text(office, "state");

	return strcmp(state, "silent") == 0 || strcmp(state, "incomplete") == 0 || strcmp(state, "to-be-asked") == 0 ||
	       json_object_get(office, "undecided") != NULL;
}

static enum error offices_add(struct store *store, const struct subject_book *book, const json_t *queries, wall_ms now,
			      json_t *offices, struct fault *fault)
{
	json_t *members, *member, *office;
	enum error error = subject_offices(store, now, &members, fault);
	size_t i;

	json_array_foreach(members, i, member) {
		office = strcmp(json_text(member, "node"), store->node) == 0 ? NULL : office_new(book, queries, member);
		if (office != NULL)
			json_array_append_new(offices, office);
	}
	json_decref(members);
	return error;
}

static enum error own_add(struct store *store, const json_t *request, const struct subject_decisions *decisions,
			  json_t *offices, struct fault *fault)
{
	json_t *hits, *reports, *undecided;
	enum error error = subject_search(store, request, &hits, fault);

	if (error == E_OK) {
		error = subject_holdings(store, hits, decisions, &reports, &undecided, fault);
		json_array_append_new(offices, own_new(store->node, reports, undecided));
		json_decref(undecided);
	}
	json_decref(hits);
	return error;
}

/* ------------------------------------------------------------------ the whole */

static json_t *result_new(const json_t *request, const json_t *queries, wall_ms now)
{
	const json_t *query = json_object_get(request, "query");
	json_t *result = json_object(), *names = json_array(), *each;
	char time[TIME_TEXT_SIZE];
	size_t i;

	json_array_foreach(queries, i, each)
		json_array_append(names, json_object_get(each, "request"));
	if (json_object_get(request, "mark") != NULL)
		json_object_set(result, "mark", json_object_get(request, "mark"));
	json_object_set(result, "request_number", json_object_get(query, "request_number"));
	json_object_set(result, "office", json_object_get(request, "office"));
	json_object_set_new(result, "queries", names);
	json_object_set(result, "received_at", json_object_get(query, "received_at"));
	json_object_set(result, "due", json_object_get(request, "due"));
	json_object_set(result, "expires", json_object_get(request, "expires"));
	json_object_set_new(result, "made_at", json_string(time_text(time, now, 0)));
	json_object_set(result, "subject", json_object_get(query, "subject"));
	return result;
}

enum error subject_result(struct store *store, const struct subject_book *book, const json_t *request,
			  const struct subject_decisions *decisions, wall_ms now, json_t **result, struct fault *fault)
{
	const json_t *query = json_object_get(request, "query");
	json_t *queries, *offices = json_array(), *office;
	json_int_t missing = 0;
	enum error error;
	size_t i;

	*result = NULL;
	if (query == NULL) {
		json_decref(offices);
		return fault_at(fault, E_NOT_FOUND, "%s", json_text(request, "request"));
	}
	queries = queries_of(book, request);
	error = own_add(store, request, decisions, offices, fault);
	if (error == E_OK)
		error = offices_add(store, book, queries, now, offices, fault);
	json_array_foreach(offices, i, office)
		missing += is_missing(office);
	*result = result_new(request, queries, now);
	json_object_set_new(*result, "missing", json_integer(missing));
	json_object_set_new(*result, "offices", offices);
	json_decref(queries);
	return error;
}
