/* copies - reads receipts and purge receipts out of the store. */
#include "agents/reports/copies.h"
#include "agents/reports/outbox.h"
#include "common/json.h"
#include "common/wire.h"
#include <string.h>

/* What a node answered about a report is added to `copy`; without an answer nothing is. */
static enum error answer_add(struct store *store, const struct report_name *name, const char *node, json_t *copy,
			     struct fault *fault)
{
	static const char sql[] = "SELECT at, rule, sinks FROM purged WHERE epoch = ?1 AND stream = ?2 AND number = ?3"
				  " AND node = ?4";
	sqlite3_stmt *get = store_statement(store, sql);
	const Simpul__Purged *purged;
	char time[TIME_TEXT_SIZE];
	struct arena arena;
	enum error error;
	json_t *sinks;

	own_name_bind(get, 1, name);
	bind_text(get, 4, node);
	arena_init(&arena);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		json_object_set_new(copy, "erased_at", json_string(time_text(time, column_number(get, 0), 0)));
		json_object_set_new(
			copy, "erased_by",
			json_string(enum_text(&simpul__purge_rule__descriptor, (int)column_number(get, 1))));
		purged = wire_unpack(&simpul__purged__descriptor, column_bytes(get, 2), &arena, fault);
		if (purged != NULL && purged->n_sinks > 0) {
			sinks = json_of_message(purged, 0);
			json_object_update(copy, sinks);
			json_decref(sinks);
		}
	}
	sqlite3_reset(get);
	arena_fini(&arena);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error copy_add(struct store *store, const struct report_name *name, const char *node, json_t *copies,
			   struct fault *fault)
{
	char text[REPORT_NAME_SIZE];
	json_t *copy = json_pack("{s:s, s:s}", "node", node, "name", report_name_text(name, text));

	json_array_append_new(copies, copy);
	return answer_add(store, name, node, copy, fault);
}

/* Who answered about a report that the broker has lost: there is a VOID in its place, whose receipt names nobody. */
enum error copies_answered(struct store *store, const struct report_name *name, json_t *copies, struct fault *fault)
{
	static const char sql[] = "SELECT node FROM purged WHERE epoch = ?1 AND stream = ?2 AND number = ?3";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	own_name_bind(get, 1, name);
	while ((error = store_ask(store, get, fault)) == E_OK)
		if ((error = copy_add(store, name, column_text(get, 0), copies, fault)) != E_OK)
			break;
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Whom this office kept an update of its own from, who was only told that there is one. Its receipt names them too. */
struct keeping {
	const Simpul__Routing *routing; /* NULL: it is no update */
	bool sealed;
};

static enum error keeping_read(struct store *store, const struct report_name *name, struct arena *arena,
			       struct keeping *keeping, struct fault *fault)
{
	static const char sql[] = "SELECT routing, sealed FROM outbox_report WHERE epoch = ?1 AND stream = ?2"
				  " AND number = ?3 AND kind = 3";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	*keeping = (struct keeping){0};
	own_name_bind(get, 1, name);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		keeping->routing = wire_unpack(&simpul__routing__descriptor, column_bytes(get, 0), arena, NULL);
		keeping->sealed = column_number(get, 1) != 0;
	}
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

static bool was_kept_from(const struct keeping *keeping, const char *node)
{
	const Simpul__Routing *routing = keeping->routing;

	return routing != NULL && (routing_names(routing->not_to, routing->n_not_to, node) ||
				   (keeping->sealed && !routing_names(routing->to, routing->n_to, node)));
}

/* Every node that the broker gave this report to, as its receipt says. */
enum error copies_given(struct store *store, const struct report_name *name, json_t *copies, struct fault *fault)
{
	static const char sql[] = "SELECT receipt FROM receipt WHERE epoch = ?1 AND stream = ?2 AND first <= ?3"
				  " ORDER BY first DESC LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	const Simpul__Receipt *receipt = NULL;
	struct keeping keeping = {0};
	struct arena arena;
	enum error error;

	own_name_bind(get, 1, name);
	arena_init(&arena);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		receipt = wire_unpack(&simpul__receipt__descriptor, column_bytes(get, 0), &arena, fault);
		error = receipt == NULL ? fault_at(fault, E_CORRUPT, "receipt") : E_OK;
	}
	sqlite3_reset(get);
	if (error == E_OK)
		error = keeping_read(store, name, &arena, &keeping, fault);
	for (size_t i = 0; error == E_OK && i < receipt->n_audience; i++)
		if (!was_kept_from(&keeping, receipt->audience[i]))
			error = copy_add(store, name, receipt->audience[i], copies, fault);
	arena_fini(&arena);
	return error == E_NOT_FOUND ? E_OK : error;
}

static bool has_node(const json_t *copies, const char *node)
{
	const json_t *copy;
	size_t i;

	json_array_foreach((json_t *)(uintptr_t)copies, i,
			   copy) if (strcmp(json_string_value(json_object_get(copy, "node")), node) == 0) return true;
	return false;
}

static void missed_add(const Simpul__Routing *routing, const struct report_name *name, const json_t *given,
		       json_t *missed)
{
	char text[REPORT_NAME_SIZE];

	for (size_t i = 0; routing != NULL && i < routing->n_to; i++)
		if (strchr(routing->to[i], '.') != NULL && strcmp(routing->to[i], name->origin) != 0 &&
		    !has_node(given, routing->to[i]))
			json_array_append_new(missed, json_pack("{s:s, s:s}", "node", routing->to[i], "name",
								report_name_text(name, text)));
}

enum error copies_missed(struct store *store, const struct report_name *name, json_t *missed, struct fault *fault)
{
	static const char sql[] =
		"SELECT routing FROM outbox WHERE epoch = ?1 AND stream = ?2 AND number = ?3 AND state = 2";
	sqlite3_stmt *get = store_statement(store, sql);
	json_t *given = json_array();
	struct arena arena;
	enum error error;

	bind_number(get, 1, name->epoch);
	bind_number(get, 2, name->stream);
	bind_number(get, 3, name->number);
	arena_init(&arena);
	error = store_ask(store, get, fault);
	if (error == E_OK)
		error = copies_given(store, name, given, fault);
	if (error == E_OK)
		missed_add(wire_unpack(&simpul__routing__descriptor, column_bytes(get, 0), &arena, NULL), name, given,
			   missed);
	sqlite3_reset(get);
	arena_fini(&arena);
	json_decref(given);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error copies_of_updates(struct store *store, const struct report_name *name, json_t *copies, json_t *missed,
			     bool *under_way, struct fault *fault)
{
	static const char sql[] =
		"SELECT epoch, stream, number, state FROM outbox WHERE reference = ?1 AND reference <> ''"
		" AND kind = 3 AND state < 3 ORDER BY epoch, stream, number";
	sqlite3_stmt *get = store_statement(store, sql);
	struct report_name update;
	char text[REPORT_NAME_SIZE];
	enum error error;

	*under_way = false;
	bind_text(get, 1, report_name_text(name, text));
	while ((error = store_ask(store, get, fault)) == E_OK) {
		update = own_name_column(get, 0, name->origin);
		if (column_number(get, 3) != OUTBOX_ACCEPTED) {
			*under_way = true;
			continue;
		}
		error = copies_given(store, &update, copies, fault);
		if (error == E_OK)
			error = copies_missed(store, &update, missed, fault);
		if (error != E_OK)
			break;
	}
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}
