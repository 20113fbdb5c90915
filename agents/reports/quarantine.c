/* quarantine - the table of what waits for somebody to look at it. */
#include "agents/reports/quarantine.h"
#include "common/arena.h"
#include "common/log.h"
#include "common/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ITEMS = 256 };

/* ---- words */

const char *quarantine_cause_text(enum quarantine_cause cause)
{
	static const char *const texts[QUARANTINE_CAUSES] = {[QUARANTINE_UNVERIFIED] = "unverified",
							     [QUARANTINE_UNREFERENCED] = "unreferenced",
							     [QUARANTINE_UNDELIVERED] = "undelivered",
							     [QUARANTINE_WITHHELD] = "withheld",
							     [QUARANTINE_NOTICE] = "notice"};

	return cause < QUARANTINE_CAUSES && texts[cause] != NULL ? texts[cause] : "unknown";
}

const char *quarantine_state_text(enum quarantine_state state)
{
	return state == QUARANTINE_WAITS ? "waits" : state == QUARANTINE_SOLVED ? "solved" : "closed";
}

/* ---- changing */

void quarantine_log(const struct quarantine_item *first, uint64_t count)
{
	char text[REPORT_NAME_SIZE];

	log_event(LOG_LEVEL_WARNING, "quarantine.waits", F_TEXT("cause", quarantine_cause_text(first->cause)),
		  F_TEXT("name", first->name.number > 0 ? report_name_text(&first->name, text) : ""),
		  F_NUM("entry", first->entry), F_TEXT("sink", first->sink), F_TEXT("code", error_name(first->code)),
		  F_NUM("items", count));
}

enum error quarantine_put(struct store *store, const struct quarantine_item *item, wall_ms now, struct fault *fault)
{
	static const char sql[] =
		"INSERT INTO quarantine(cause, row, entry, sink, code, detail, tries, since, state)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0) ON CONFLICT(cause, row, entry, sink) DO UPDATE SET"
		" code = excluded.code, detail = excluded.detail, tries = excluded.tries, since = excluded.since,"
		" state = 0, decided_at = 0, decided_by = '', reason = ''";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, item->cause);
	bind_number(put, 2, item->row);
	bind_number(put, 3, item->entry);
	bind_text(put, 4, item->sink);
	bind_number(put, 5, item->code);
	bind_text(put, 6, item->detail);
	bind_number(put, 7, item->tries);
	bind_number(put, 8, now);
	return database_step(put, fault);
}

enum error quarantine_add(struct store *store, const struct quarantine_item *item, wall_ms now, struct fault *fault)
{
	quarantine_log(item, 1);
	return quarantine_put(store, item, now, fault);
}

enum error quarantine_failed(struct store *store, uint64_t id, enum error code, const char *detail, struct fault *fault)
{
	static const char sql[] = "UPDATE quarantine SET code = ?2, detail = ?3, tries = tries + 1"
				  " WHERE id = ?1 AND state <> 1";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, id);
	bind_number(put, 2, code);
	bind_text(put, 3, detail);
	return database_step(put, fault);
}

static void solved_log(struct store *store)
{
	const int count = sqlite3_changes(store->db);

	if (count > 0)
		log_event(LOG_LEVEL_NOTICE, "quarantine.solved", F_NUM("count", (uint64_t)count));
}

/* A statement about items of one number that are settled now. */
static sqlite3_stmt *settling(struct store *store, const char *sql, uint64_t number, wall_ms now)
{
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, number);
	bind_number(put, 2, now);
	return put;
}

/* Runs a statement that solves items. */
static enum error solve(struct store *store, sqlite3_stmt *put, struct fault *fault)
{
	const enum error error = database_step(put, fault);

	if (error == E_OK)
		solved_log(store);
	return error;
}

enum error quarantine_solve(struct store *store, uint64_t id, wall_ms now, struct fault *fault)
{
	static const char sql[] = "UPDATE quarantine SET state = 1, decided_at = ?2 WHERE id = ?1 AND state <> 1";

	return solve(store, settling(store, sql, id, now), fault);
}

enum error quarantine_close(struct store *store, uint64_t id, const char *user, const char *reason, wall_ms now,
			    struct fault *fault)
{
	static const char sql[] = "UPDATE quarantine SET state = 2, decided_at = ?2, decided_by = ?3, reason = ?4"
				  " WHERE id = ?1";
	sqlite3_stmt *put;
	struct quarantine_item item;
	enum error error = quarantine_find(store, id, &item, fault);

	if (error == E_OK && item.state != QUARANTINE_WAITS)
		error = fault_at(fault, E_UNEXPECTED, "%s", quarantine_state_text(item.state));
	if (error != E_OK)
		return error;
	put = settling(store, sql, id, now);
	bind_text(put, 3, user);
	bind_text(put, 4, reason);
	error = database_step(put, fault);
	if (error == E_OK)
		log_event(LOG_LEVEL_NOTICE, "quarantine.closed", F_NUM("item", id), F_TEXT("user", user));
	return error;
}

enum error quarantine_arrived(struct store *store, const struct report_name *name, wall_ms now, struct fault *fault)
{
	static const char sql[] =
		"UPDATE quarantine SET state = 1, decided_at = ?5 WHERE cause = 2 AND state = 0 AND row"
		" IN (SELECT m.row FROM mark m WHERE m.origin = ?1 AND m.epoch = ?2 AND m.stream = ?3"
		" AND m.number = ?4)";
	sqlite3_stmt *put = store_statement(store, sql);

	name_bind(put, 1, name);
	bind_number(put, 5, now);
	return solve(store, put, fault);
}

enum error quarantine_erased(struct store *store, uint64_t row, wall_ms now, struct fault *fault)
{
	static const char sql[] = "UPDATE quarantine SET state = 1, decided_at = ?2"
				  " WHERE row = ?1 AND cause IN (1, 2, 3) AND state = 0";

	return database_step(settling(store, sql, row, now),
			     fault); /* not one line in the log for each row that expires */
}

enum error quarantine_rewind(struct store *store, uint64_t entry, wall_ms now, struct fault *fault)
{
	static const char sql[] = "UPDATE quarantine SET state = 1, decided_at = ?2"
				  " WHERE cause IN (4, 5) AND state = 0 AND entry > ?1";

	return solve(store, settling(store, sql, entry, now), fault);
}

enum error quarantine_move(struct store *store, uint64_t from, uint64_t to, struct fault *fault)
{
	sqlite3_stmt *put =
		store_statement(store, "UPDATE quarantine SET row = ?2 WHERE cause IN (1, 2, 3, 5) AND row = ?1");

	bind_number(put, 1, from);
	bind_number(put, 2, to);
	return database_step(put, fault);
}

/* ---- reading */

bool quarantine_waits(struct store *store, enum quarantine_cause cause)
{
	sqlite3_stmt *get = store_statement(store, "SELECT 1 FROM quarantine WHERE cause = ?1 AND state = 0 LIMIT 1");
	enum error error;

	bind_number(get, 1, cause);
	error = store_ask(store, get, NULL);
	sqlite3_reset(get);
	return error != E_NOT_FOUND;
}

enum error quarantine_count(struct store *store, uint64_t counts[QUARANTINE_CAUSES], struct fault *fault)
{
	sqlite3_stmt *get =
		store_statement(store, "SELECT cause, count(*) FROM quarantine WHERE state = 0 GROUP BY cause");
	enum error error;

	memset(counts, 0, QUARANTINE_CAUSES * sizeof *counts);
	while ((error = store_ask(store, get, fault)) == E_OK)
		if (column_number(get, 0) < QUARANTINE_CAUSES)
			counts[column_number(get, 0)] = column_number(get, 1);
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

#define ITEM_COLUMNS \
	"q.id, q.cause, q.state, q.row, q.entry, q.sink, q.code, q.detail, q.tries, q.since, q.decided_at," \
	" q.decided_by, q.reason, i.origin, i.epoch, i.stream, i.number, i.kind, i.erased_at, i.header" \
	" FROM quarantine q LEFT JOIN inbox i ON i.row = q.row"

static void item_read(sqlite3_stmt *from, struct quarantine_item *item)
{
	*item = (struct quarantine_item){.id = column_number(from, 0),
					 .cause = (enum quarantine_cause)column_number(from, 1),
					 .state = (enum quarantine_state)column_number(from, 2),
					 .row = column_number(from, 3),
					 .entry = column_number(from, 4),
					 .code = error_of_code((uint32_t)column_number(from, 6)),
					 .tries = column_number(from, 8),
					 .since = column_number(from, 9),
					 .decided_at = column_number(from, 10),
					 .kind = (Simpul__Kind)column_number(from, 17),
					 .erased_at = column_number(from, 18),
					 .header = column_bytes(from, 19)};
	snprintf(item->sink, sizeof item->sink, "%s", column_text(from, 5));
	snprintf(item->detail, sizeof item->detail, "%s", column_text(from, 7));
	snprintf(item->decided_by, sizeof item->decided_by, "%s", column_text(from, 11));
	snprintf(item->reason, sizeof item->reason, "%s", column_text(from, 12));
	item->name = name_column(from, 13);
}

enum error quarantine_find(struct store *store, uint64_t id, struct quarantine_item *item, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT " ITEM_COLUMNS " WHERE q.id = ?1");
	enum error error;

	bind_number(get, 1, id);
	error = store_ask(store, get, fault);
	if (error == E_OK)
		item_read(get, item);
	else if (error == E_NOT_FOUND)
		fault_at(fault, error, "item");
	if (error == E_OK)
		item->header = (struct bytes){0};
	sqlite3_reset(get);
	return error;
}

enum error quarantine_list(struct store *store, uint64_t after, size_t limit, bool all, quarantine_each *each,
			   void *context, struct fault *fault)
{
	static const char sql[] =
		"SELECT " ITEM_COLUMNS " WHERE q.id > ?1 AND (q.state = 0 OR ?3) ORDER BY q.id LIMIT ?2";
	sqlite3_stmt *from = store_statement(store, sql);
	struct quarantine_item *items;
	struct arena arena;
	size_t count = 0;
	enum error error;

	limit = limit > MOST_ITEMS ? MOST_ITEMS : limit;
	items = memory_alloc(limit * sizeof *items);
	arena_init(&arena);
	bind_number(from, 1, after);
	bind_number(from, 2, limit);
	bind_number(from, 3, all);
	while ((error = count < limit ? store_ask(store, from, fault) : E_NOT_FOUND) == E_OK) {
		item_read(from, &items[count]);
		items[count].header = arena_bytes(&arena, items[count].header);
		count++;
	}
	sqlite3_reset(from);
	error = error == E_NOT_FOUND ? E_OK : error;
	for (size_t i = 0; error == E_OK && i < count && each(context, &items[i]); i++)
		;
	arena_fini(&arena);
	free(items);
	return error;
}
