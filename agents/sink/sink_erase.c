/* sink_erase - reads the table `purge`, makes the document of an event, and judges what came of it. */
#include "agents/sink/sink_erase.h"
#include "agents/reports/view.h"
#include "agents/sink/sink_limit.h"
#include "common/content.h"
#include "common/json.h"
#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ events */

enum error sink_event_next(struct store *store, uint64_t after, struct sink_event *event, struct fault *fault)
{
	static const char sql[] =
		"SELECT p.id, p.row, p.rule, p.at, p.origin, p.epoch, p.stream, p.number, coalesce(i.entry, 0),"
		" p.identifies FROM purge p LEFT JOIN inbox i ON i.row = p.row WHERE p.id > ?1 ORDER BY p.id LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_number(get, 1, after);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		*event = (struct sink_event){.id = column_number(get, 0),
					     .row = column_number(get, 1),
					     .rule = (Simpul__PurgeRule)column_number(get, 2),
					     .at = column_number(get, 3),
					     .name = name_column(get, 4),
					     .entry = column_number(get, 8),
					     .identifies = column_number(get, 9) != 0};
	}
	sqlite3_reset(get);
	return error;
}

uint64_t sink_event_of(struct store *store, uint64_t row)
{
	sqlite3_stmt *get = store_statement(store, "SELECT coalesce(max(id), 0) FROM purge WHERE row = ?1");
	uint64_t id;

	bind_number(get, 1, row);
	id = store_ask(store, get, NULL) == E_OK ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return id;
}

/* ------------------------------------------------------------------ telling */

struct telling {
	const struct sink_limits *widest;
	const struct sink_kind *kind;
	void *self;
	const struct sink_event *event;
	struct sink_outcome *outcome;
	struct sink_reason *why;
	bool taken;
};

/* A new reference, of what view_json has, without a word that the report said. */
static json_t *document_of(const struct inbox_row *row, const struct sink_event *event, struct arena *arena)
{
	json_t *view = view_json(row, arena), *document;
	char time[TIME_TEXT_SIZE];

	document = json_pack("{s:O*, s:O, s:s, s:O, s:O, s:s, s:s}", "mark", json_object_get(view, "mark"), "label",
			     json_object_get(view, "label"), "event", "erase", "name", json_object_get(view, "name"),
			     "trust", json_object_get(view, "trust"), "rule",
			     enum_text(&simpul__purge_rule__descriptor, (int)event->rule), "erased_at",
			     time_text(time, event->at, 0));
	json_decref(view);
	return document;
}

/* What was in a folder when the sink had one is for a person to find, whatever it says that has its place now. */
static void moved_settle(struct telling *telling)
{
	if (telling->event->moved && telling->kind != &sink_folder &&
	    telling->outcome->outcome == SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED)
		telling->outcome->outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_REQUESTED;
}

static bool row_tell(void *context, const struct inbox_row *row)
{
	struct telling *telling = context;
	struct sink_document document;
	struct arena arena;

	if (row->row != telling->event->row || row->trust == TRUST_BAD) /* which was never handed on */
		return false;
	arena_init(&arena);
	if (sink_had(telling->widest, row->header, telling->event->identifies, &arena)) {
		sink_document_begin(&document, row, document_of(row, telling->event, &arena));
		document.report.moved = telling->event->moved;
		telling->taken = telling->kind->erase(telling->self, &document.report, telling->outcome, telling->why);
		moved_settle(telling);
		sink_document_end(&document);
	}
	arena_fini(&arena);
	return false;
}

bool sink_event_tell(const struct sink_limits *widest, const struct sink_kind *kind, void *self, struct store *store,
		     const struct sink_event *event, struct sink_outcome *outcome, struct sink_reason *why)
{
	struct telling telling = {.widest = widest,
				  .kind = kind,
				  .self = self,
				  .event = event,
				  .outcome = outcome,
				  .why = why,
				  .taken = true};

	memset(outcome, 0, sizeof(*outcome));
	if (view_inbox(store, event->row - 1, 1, row_tell, &telling, NULL) != E_OK)
		return sink_is_away(why, "the store cannot be read");
	return telling.taken;
}

Simpul__PurgeOutcome sink_outcome_declared(enum sink_erases erases)
{
	switch (erases) {
	case SINK_ERASES_YES:
		return SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED;
	case SINK_ERASES_MANUAL:
		return SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_REQUESTED;
	default:
		return SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNKNOWN;
	}
}

/* ------------------------------------------------------------------ what is held */

/* The same rules as in a purge receipt, in whose words it is put. */
static bool held_take(const json_t *held, struct sink_outcome *outcome)
{
	json_t *json = json_pack("{s:s, s:s, s:{}}", "sink", "x", "outcome", "held", "basis");
	json_t *basis = json_object_get(json, "basis");
	const Simpul__SinkPurge *purge;
	struct arena arena;
	bool good;

	json_object_set(basis, "code", json_object_get(held, "code"));
	json_object_set(basis, "number", json_object_get(held, "number"));
	json_object_set(json, "until", json_object_get(held, "until"));
	arena_init(&arena);
	purge = json_to_message(&simpul__sink_purge__descriptor, json, &arena, NULL);
	good = purge != NULL && sink_purge_check(purge, NULL) == E_OK;
	if (good) {
		outcome->outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD;
		snprintf(outcome->code, sizeof(outcome->code), "%s", purge->basis->code);
		snprintf(outcome->number, sizeof(outcome->number), "%s", purge->basis->number);
		outcome->until = purge->until;
	}
	arena_fini(&arena);
	json_decref(json);
	return good;
}

bool sink_held_read(struct bytes text, struct sink_outcome *outcome)
{
	json_t *json = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *held = json_object_get(json, "held");
	bool good = json_is_object(held) && held_take(held, outcome);

	json_decref(json);
	return good;
}
