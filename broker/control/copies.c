/* copies - gathers what journal, purge receipts and a running broker know about the copies of reports. */
#include "broker/control/copies.h"
#include "broker/journal/journal_held.h"
#include "broker/journal/journal_row.h"

#include "common/json.h"
#include "common/wire.h"
#include <string.h>

const char *copy_state_text(const struct copy *copy)
{
	if (copy->purged_at != 0)
		return "erased";
	if (copy->withheld > 0)
		return "withheld";
	return copy->acknowledged ? "acknowledged" : "maybe";
}

struct gathering {
	struct journal_case *c;
	struct journal_reader *reader;
	const json_t *status, *nodes;
	size_t left; /* may still be gathered */
	struct fault *fault;
};

/* Much was said about some reports: how much of it fits into an answer shows before all of it is in memory. */
static enum error take_from(struct gathering *g, size_t count)
{
	if (count > g->left)
		return fault_at(g->fault, E_TOO_LARGE, "answer");
	g->left -= count;
	return E_OK;
}

static json_t *time_json(wall_ms time)
{
	char text[TIME_TEXT_SIZE];

	return time == 0 ? json_null() : json_string(time_text(text, time, 0));
}

/* ---- what recipients say about their sinks */

static json_t *sink_json(const Simpul__SinkPurge *sink)
{
	json_t *object = json_pack("{s:s, s:s}", "sink", sink->sink, "outcome",
				   enum_text(&simpul__purge_outcome__descriptor, (int)sink->outcome));

	if (sink->basis != NULL)
		json_object_set_new(object, "basis", json_sprintf("%s %s", sink->basis->code, sink->basis->number));
	if (sink->until != 0)
		json_object_set_new(object, "until", time_json(sink->until));
	return object;
}

static bool is_of(const Simpul__Purged *purged, const struct report_name *name)
{
	return purged->name != NULL && strcmp(purged->name->origin, name->origin) == 0 &&
	       purged->name->epoch == name->epoch && (uint32_t)purged->name->stream == name->stream &&
	       purged->name->number == name->number;
}

/* Of a name that is there twice the newest word counts, the last. */
static json_t *sinks_of_body(struct bytes encoded, const struct report_name *name, struct arena *arena)
{
	const Simpul__Body *body = simpul__body__unpack(&arena->protobuf, encoded.size, encoded.data);
	json_t *sinks = NULL;

	if (body == NULL || body->content_case != SIMPUL__BODY__CONTENT_PURGE_RECEIPT)
		return NULL;
	for (size_t i = body->purge_receipt->n_purged; i-- > 0 && sinks == NULL;) {
		const Simpul__Purged *purged = body->purge_receipt->purged[i];

		if (!is_of(purged, name))
			continue;
		sinks = json_array();
		for (size_t s = 0; s < purged->n_sinks; s++)
			json_array_append_new(sinks, sink_json(purged->sinks[s]));
	}
	return sinks;
}

/* A purge receipt goes to the origin of what was erased, so it is the first of that node's page. */
static json_t *sinks_json(const struct gathering *g, const struct report_name *name, uint64_t receipt)
{
	struct journal_page page;
	struct arena arena;
	const Simpul__Entry *entry = NULL;
	json_t *sinks = NULL;

	if (g->reader == NULL || journal_read_page(g->reader, name->origin, receipt - 1, 1, &page, NULL) != E_OK)
		return NULL;
	arena_init(&arena);
	if (page.count > 0 && page.items[0].entry == receipt)
		entry = simpul__entry__unpack(&arena.protobuf, page.items[0].encoded.size, page.items[0].encoded.data);
	if (entry != NULL && entry->content_case == SIMPUL__ENTRY__CONTENT_DELIVERY)
		for (size_t i = entry->delivery->n_reports; i-- > 0 && sinks == NULL;)
			sinks = sinks_of_body(of_binary(entry->delivery->reports[i]->body), name, &arena);
	arena_fini(&arena);
	journal_page_free(&page);
	return sinks;
}

/* ---- one copy */

/* True when the node was not there since a time, as far as the broker that runs knows. */
static bool was_absent(const struct gathering *g, const char *node, wall_ms since)
{
	const json_t *nodes = json_object_get(g->nodes, "nodes");
	wall_ms started, seen = 0;

	if (g->nodes == NULL || !time_parse(json_text(g->status, "started_at"), &started))
		return false;
	for (size_t i = 0; i < json_array_size(nodes); i++) {
		const json_t *one = json_array_get(nodes, i);

		if (strcmp(json_text(one, "node"), node) != 0 || json_is_true(json_object_get(one, "connected")))
			continue;
		return time_parse(json_text(one, "last_seen"), &seen) ? seen < since : started <= since;
	}
	return false;
}

/* The broker writes cursors with its next commit. */
static bool has_acknowledged(const struct gathering *g, const char *node, uint64_t entry)
{
	const json_t *nodes = json_object_get(g->nodes, "nodes");

	for (size_t i = 0; i < json_array_size(nodes); i++)
		if (strcmp(json_text(json_array_get(nodes, i), "node"), node) == 0)
			return json_integer_value(json_object_get(json_array_get(nodes, i), "cursor")) >=
			       (json_int_t)entry;
	return false;
}

static const char *state_of(const struct gathering *g, const char *node, const struct case_report *report,
			    const struct copy *copy)
{
	const char *state = copy_state_text(copy);

	if (copy->purged_at == 0 && update_denial(report->header, report->routing, node) != ADMITTED)
		return "stub";
	return strcmp(state, "maybe") == 0 && was_absent(g, node, report->accepted_at) ? "waiting" : state;
}

static enum error copy_json(struct gathering *g, const char *node, const struct report_name *name,
			    const struct case_report *report, json_t *copies)
{
	struct copy copy;
	struct case_node as;
	json_t *object, *sinks;
	enum error error = take_from(g, 1);

	if (error == E_OK)
		error = journal_copy_of(g->c, node, report->entry, report->place, &copy, g->fault);
	if (error == E_OK)
		error = journal_case_node(g->c, node, journal_case_end(g->c), &as, g->fault);
	if (error != E_OK)
		return error;
	copy.acknowledged = copy.acknowledged || has_acknowledged(g, node, report->entry);
	object = json_pack("{s:s, s:s, s:s, s:o}", "node", node, "state", state_of(g, node, report, &copy), "standing",
			   enum_text(&simpul__standing__descriptor, (int)as.standing), "erased_at",
			   time_json(copy.purged_at));
	json_array_append_new(copies, object);
	if (copy.receipt == 0)
		return E_OK;
	sinks = sinks_json(g, name, copy.receipt);
	json_object_set_new(object, "sinks", sinks);
	return take_from(g, json_array_size(sinks));
}

/* ---- one report */

static json_t *burial_json(const struct burial *burial)
{
	return burial->entry == 0 ? json_null()
				  : json_pack("{s:I, s:o, s:s, s:I, s:o}", "entry", (json_int_t)burial->entry, "at",
					      time_json(burial->at), "rule",
					      enum_text(&simpul__purge_rule__descriptor, (int)burial->rule), "cause",
					      (json_int_t)burial->cause, "final_at", time_json(burial->final_at));
}

static void hold_take(void *context, const struct held *held)
{
	const Simpul__Hold *order = held->order;

	if (held->in_force)
		json_array_append_new(context, json_pack("{s:I, s:s, s:s, s:o, s:b}", "entry", (json_int_t)held->hold,
							 "authority", order->authority, "order", order->order, "until",
							 time_json(order->until), "kept", held->kept));
}

static json_t *header_json(const struct case_report *report, const char *name)
{
	const Simpul__Header *header = report->header;
	json_t *object =
		json_pack("{s:s, s:I, s:o, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:b}", "name", name, "entry",
			  (json_int_t)report->entry, "accepted_at", time_json(report->accepted_at), "kind",
			  enum_text(&simpul__kind__descriptor, (int)header->kind), "category", header->category,
			  "region", header->region, "label", enum_text(&simpul__label__descriptor, (int)header->label),
			  "status", enum_text(&simpul__status__descriptor, (int)header->status), "form",
			  enum_text(&simpul__body_form__descriptor, (int)header->form), "expires",
			  time_json(header->expires), "erase", header->erase);

	json_object_set_new(object, "refused",
			    report->verdict == E_OK ? json_null()
						    : json_pack("{s:s, s:s}", "code", error_name(report->verdict),
								"field", report->field));
	return object;
}

/* A report without what refers to it; takes `*report` along for that. */
static enum error one_json(struct gathering *g, const struct report_name *name, struct case_report *report,
			   json_t **out)
{
	char text[REPORT_NAME_SIZE];
	struct burial burial;
	json_t *copies;
	enum error error = journal_case_report(g->c, name, report, g->fault);

	if (error == E_OK)
		error = journal_copy_burial(g->c, report->entry, report->place, &burial, g->fault);
	if (error != E_OK)
		return error;
	*out = header_json(report, report_name_text(name, text));
	copies = json_array();
	json_object_set_new(*out, "erased", burial_json(&burial));
	json_object_set_new(*out, "holds", json_array());
	error = journal_held_each(g->c, name, clock_now().wall, hold_take, json_object_get(*out, "holds"), g->fault);
	json_object_set_new(*out, "copies", copies);
	for (size_t i = 0; report->verdict == E_OK && error == E_OK && i < report->audience->count; i++)
		error = copy_json(g, report->audience->nodes[i], name, report, copies);
	return error;
}

/* ---- who holds a copy */

/* A sink that has not erased its own is a copy as well. */
static bool holds(const json_t *copy)
{
	const char *state = json_text(copy, "state");
	const json_t *sinks = json_object_get(copy, "sinks");

	if (strcmp(state, "erased") != 0)
		return strcmp(state, "waiting") != 0 && strcmp(state, "stub") != 0;
	for (size_t i = 0; i < json_array_size(sinks); i++)
		if (strcmp(json_text(json_array_get(sinks, i), "outcome"), "erased") != 0)
			return true;
	return false;
}

static void names_add(json_t *names, const char *name)
{
	for (size_t i = 0; i < json_array_size(names); i++)
		if (strcmp(json_string_value(json_array_get(names, i)), name) == 0)
			return;
	json_array_append_new(names, json_string(name));
}

static void holders_add(json_t *report, const json_t *one)
{
	const json_t *copies = json_object_get(one, "copies");

	if (strcmp(json_text(one, "kind"), "cancel") == 0)
		return;
	for (size_t i = 0; i < json_array_size(copies); i++) {
		const json_t *copy = json_array_get(copies, i);
		const char *standing = json_text(copy, "standing");
		const bool gone = strcmp(standing, "retired") == 0 || strcmp(standing, "compromised") == 0;

		if (holds(copy))
			names_add(json_object_get(report, gone ? "by_letter" : "held_by"), json_text(copy, "node"));
	}
}

/* ---- all of it */

static enum error references_json(struct gathering *g, const struct report_name *name, json_t *report,
				  const struct case_report *about)
{
	const struct report_name *names;
	json_t *references = json_object_get(report, "references"), *one = NULL;
	struct case_report unused;
	size_t count;
	enum error error = journal_copy_references(g->c, about, name->number, &names, &count, g->fault);

	if (error == E_OK)
		error = take_from(g, count);
	for (size_t i = 0; error == E_OK && i < count; i++) {
		one = NULL;
		error = one_json(g, &names[i], &unused, &one);
		if (one == NULL)
			break;
		holders_add(report, one);
		json_array_append_new(references, one);
	}
	return error;
}

enum error copies_report(const struct copies_source *source, const struct report_name *name, json_t **report,
			 struct fault *fault)
{
	const size_t most = source->most > 0 ? source->most : SIZE_MAX;
	struct gathering g = {source->c, source->reader, source->status, source->nodes, most, fault};
	struct case_report about;
	enum error error;

	*report = NULL;
	error = one_json(&g, name, &about, report);
	if (error == E_OK) {
		json_object_set_new(*report, "references", json_array());
		json_object_set_new(*report, "held_by", json_array());
		json_object_set_new(*report, "by_letter", json_array());
		holders_add(*report, *report);
		error = references_json(&g, name, *report, &about);
	}
	if (error != E_OK) {
		json_decref(*report);
		*report = NULL;
	}
	return error;
}

/* ---- what a node was sent */

struct sent_page {
	json_t *reports;
	uint64_t last; /* entry of the newest that is in it */
	size_t limit;
	bool more;
};

static json_t *sent_json(const struct found_report *report)
{
	const Simpul__Header *header = report->header;
	const char *mark = status_mark((int)header->status);
	char name[REPORT_NAME_SIZE], time[TIME_TEXT_SIZE];

	return json_pack("{s:s*, s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s}", "mark", mark[0] == '\0' ? NULL : mark,
			 "state", copy_state_text(&report->copy), "name", report_name_text(&report->name, name),
			 "entry", (json_int_t)report->entry, "accepted_at", time_text(time, report->accepted_at, 0),
			 "label", enum_text(&simpul__label__descriptor, (int)header->label), "kind",
			 enum_text(&simpul__kind__descriptor, (int)header->kind), "category", header->category,
			 "region", header->region);
}

/* A page ends between two entries. */
static enum error sent_take(void *context, const struct found_report *report, struct fault *fault)
{
	struct sent_page *page = context;

	(void)fault;
	if (json_array_size(page->reports) >= page->limit && report->entry != page->last) {
		page->more = true;
		return E_EXISTS; /* enough */
	}
	page->last = report->entry;
	json_array_append_new(page->reports, sent_json(report));
	return E_OK;
}

enum error copies_sent(struct journal_case *c, const char *node, wall_ms since, uint64_t after, size_t limit,
		       json_t **answer, struct fault *fault)
{
	struct sent_page page = {.reports = json_array(), .last = after, .limit = limit};
	enum error error = journal_copy_each_due(c, node, since, after, sent_take, &page, fault);

	if (page.more)
		error = E_OK;
	*answer = NULL;
	if (error == E_OK)
		*answer = json_pack("{s:O, s:I, s:b}", "reports", page.reports, "last", (json_int_t)page.last, "more",
				    page.more);
	json_decref(page.reports);
	return error;
}
