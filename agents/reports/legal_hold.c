/* legal_hold - places, confirms, lifts and lists the orders of the table `hold`. */
#include "agents/reports/legal_hold.h"

#include "common/hold.h"
#include "common/json.h"

#include <stdio.h>
#include <string.h>

/* ---- what is there */

/* E_OK when it says something, E_ERASED when it does not any more and nothing is kept of it, E_NOT_FOUND. */
static enum error said_find(struct store *store, const char *sql, const struct report_name *report, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	name_bind(get, 1, report);
	error = store_ask(store, get, fault);
	if (error == E_OK && column_number(get, 0) != 0)
		error = fault_at(fault, E_ERASED, "report");
	sqlite3_reset(get);
	return error;
}

static enum error report_find(struct store *store, const struct report_name *report, struct fault *fault)
{
	static const char received[] =
		"SELECT erased_at > 0 AND NOT EXISTS(SELECT 1 FROM kept k WHERE k.origin = ?1 AND k.epoch = ?2"
		" AND k.stream = ?3 AND k.number = ?4) FROM inbox WHERE origin = ?1 AND epoch = ?2 AND stream = ?3"
		" AND number = ?4 AND trust <> 2 AND notice = 0 ORDER BY row LIMIT 1";
	static const char own[] =
		"SELECT erased_at > 0 AND NOT EXISTS(SELECT 1 FROM kept k WHERE k.origin = ?1 AND k.epoch = ?2"
		" AND k.stream = ?3 AND k.number = ?4) FROM outbox_report WHERE epoch = ?2 AND stream = ?3 AND number "
		"= ?4";
	const enum error error =
		said_find(store, strcmp(report->origin, store->node) == 0 ? own : received, report, fault);

	return error == E_NOT_FOUND ? fault_at(fault, E_NOT_FOUND, "report") : error;
}

/* One that is confirmed, not lifted and not over. */
static enum error in_force_find(struct store *store, uint64_t id, struct report_name *report, struct fault *fault)
{
	static const char sql[] = "SELECT origin, epoch, stream, number FROM hold WHERE id = ?1 AND lifts = 0"
				  " AND confirmed_at > 0 AND ended_at = 0";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_number(get, 1, id);
	error = store_ask(store, get, fault);
	if (error == E_OK)
		*report = name_column(get, 0);
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? fault_at(fault, E_NOT_FOUND, "hold") : error;
}

/* ---- the first person */

static enum error order_add(struct store *store, const struct hold_order *order, uint64_t lifts,
			    const struct hold_person *by, wall_ms now, uint64_t *id, struct fault *fault)
{
	static const char sql[] =
		"INSERT INTO hold(origin, epoch, stream, number, authority, order_number, until, reason,"
		" lifts, placed_by, placed_uid, placed_at) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,"
		" ?10, ?11, ?12)";
	sqlite3_stmt *put = store_statement(store, sql);
	enum error error = store_begin(store, fault);

	if (error != E_OK)
		return error;
	name_bind(put, 1, &order->report);
	bind_text(put, 5, order->authority);
	bind_text(put, 6, order->order);
	bind_number(put, 7, order->until);
	bind_text(put, 8, order->reason);
	bind_number(put, 9, lifts);
	bind_text(put, 10, by->name);
	bind_number(put, 11, by->uid);
	bind_number(put, 12, now);
	error = database_step(put, fault);
	*id = (uint64_t)sqlite3_last_insert_rowid(store->db);
	return store_end(store, error, fault);
}

enum error legal_hold_place(struct store *store, const struct hold_order *order, const struct hold_person *by,
			    wall_ms now, uint64_t *id, struct fault *fault)
{
	enum error error = hold_order_check(order->authority, order->order, fault);

	if (error == E_OK)
		error = hold_reason_check(order->reason, fault);
	if (error == E_OK)
		error = hold_until_check(order->until, now, fault);
	if (error == E_OK)
		error = report_find(store, &order->report, fault);
	return error == E_OK ? order_add(store, order, 0, by, now, id, fault) : error;
}

enum error legal_hold_lift(struct store *store, uint64_t lifts, const char *reason, const struct hold_person *by,
			   wall_ms now, uint64_t *id, struct fault *fault)
{
	struct hold_order order = {.authority = "", .order = "", .reason = reason};
	enum error error = hold_reason_check(reason, fault);

	if (error == E_OK)
		error = in_force_find(store, lifts, &order.report, fault);
	return error == E_OK ? order_add(store, &order, lifts, by, now, id, fault) : error;
}

/* ---- the second */

/* What waits to be confirmed. */
struct waiting {
	struct report_name report;
	uint64_t lifts;
};

#define TO_CONFIRM " confirmed_at = 0 AND placed_at > ?2 AND (lifts > 0 OR until > ?3)"

static void to_confirm_bind(sqlite3_stmt *get, wall_ms now)
{
	bind_number(get, 2, now > HOLD_CONFIRM_MS ? now - HOLD_CONFIRM_MS : 0);
	bind_number(get, 3, now);
}

static enum error waiting_find(struct store *store, uint64_t id, const struct hold_person *by, wall_ms now,
			       struct waiting *waiting, struct fault *fault)
{
	static const char sql[] = "SELECT origin, epoch, stream, number, lifts, placed_uid FROM hold WHERE id = ?1"
				  " AND" TO_CONFIRM;
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	memset(waiting, 0, sizeof *waiting);
	bind_number(get, 1, id);
	to_confirm_bind(get, now);
	error = store_ask(store, get, fault);
	if (error == E_NOT_FOUND)
		fault_at(fault, error, "hold");
	if (error == E_OK && column_number(get, 5) == by->uid)
		error = fault_at(fault, E_TWO_OPERATORS, "user");
	if (error == E_OK) {
		waiting->report = name_column(get, 0);
		waiting->lifts = column_number(get, 4);
	}
	sqlite3_reset(get);
	return error;
}

static enum error confirmed_write(struct store *store, uint64_t id, const struct waiting *waiting,
				  const struct hold_person *by, wall_ms now, struct fault *fault)
{
	sqlite3_stmt *put =
		store_statement(store, "UPDATE hold SET confirmed_by = ?2, confirmed_uid = ?3, confirmed_at = ?4"
				       " WHERE id = ?1");
	sqlite3_stmt *end = store_statement(store, "UPDATE hold SET ended_at = ?2 WHERE id = ?1");
	enum error error;

	bind_number(put, 1, id);
	bind_text(put, 2, by->name);
	bind_number(put, 3, by->uid);
	bind_number(put, 4, now);
	error = database_step(put, fault);
	if (error != E_OK || waiting->lifts == 0)
		return error;
	bind_number(end, 1, waiting->lifts);
	bind_number(end, 2, now);
	return database_step(end, fault);
}

enum error legal_hold_confirm(struct store *store, uint64_t id, const struct hold_person *by, wall_ms now,
			      struct fault *fault)
{
	struct waiting waiting;
	struct report_name lifted;
	enum error error = waiting_find(store, id, by, now, &waiting, fault);

	/* What was said may have been erased, and what is lifted may be over, since the first person was there. */
	if (error == E_OK)
		error = waiting.lifts > 0 ? in_force_find(store, waiting.lifts, &lifted, fault)
					  : report_find(store, &waiting.report, fault);
	if (error == E_OK)
		error = store_begin(store, fault);
	if (error != E_OK)
		return error;
	return store_end(store, confirmed_write(store, id, &waiting, by, now, fault), fault);
}

/* ---- reading */

enum error legal_hold_note_opening(struct store *store, const struct report_name *report, const char *reason,
				   const struct hold_person *by, wall_ms now, struct fault *fault)
{
	static const char find_sql[] =
		"SELECT 1 FROM kept WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4";
	static const char sql[] = "INSERT INTO opening(origin, epoch, stream, number, opened_by, at, reason)"
				  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)";
	sqlite3_stmt *find = store_statement(store, find_sql), *put = store_statement(store, sql);
	enum error error = hold_reason_check(reason, fault);

	if (error != E_OK)
		return error;
	name_bind(find, 1, report);
	error = store_ask(store, find, fault);
	sqlite3_reset(find);
	if (error == E_OK)
		error = store_begin(store, fault);
	if (error != E_OK)
		return error == E_NOT_FOUND ? fault_at(fault, E_NOT_FOUND, "report") : error;
	name_bind(put, 1, report);
	bind_text(put, 5, by->name);
	bind_number(put, 6, now);
	bind_text(put, 7, reason);
	return store_end(store, database_step(put, fault), fault);
}

enum error legal_hold_find(struct store *store, const struct report_name *report, struct hold_basis *basis,
			   struct fault *fault)
{
	static const char sql[] = "SELECT id, authority, order_number, until FROM hold WHERE origin = ?1 AND epoch = ?2"
				  " AND stream = ?3 AND number = ?4 AND lifts = 0 AND confirmed_at > 0 AND ended_at = 0"
				  " ORDER BY until DESC LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	name_bind(get, 1, report);
	error = store_ask(store, get, fault);
	if (error == E_OK) {
		basis->id = column_number(get, 0);
		snprintf(basis->authority, sizeof basis->authority, "%s", column_text(get, 1));
		snprintf(basis->order, sizeof basis->order, "%s", column_text(get, 2));
		basis->until = column_number(get, 3);
	}
	sqlite3_reset(get);
	return error;
}

uint64_t legal_holds_ending(struct store *store, wall_ms now)
{
	static const char sql[] =
		"SELECT count(*) FROM hold h WHERE lifts = 0 AND confirmed_at > 0 AND ended_at = 0 AND until <= ?1"
		" AND NOT EXISTS(SELECT 1 FROM hold l WHERE l.origin = h.origin AND l.epoch = h.epoch AND l.stream = "
		"h.stream"
		" AND l.number = h.number AND l.lifts = 0 AND l.confirmed_at > 0 AND l.ended_at = 0 AND l.until > "
		"h.until)";
	sqlite3_stmt *get = store_statement(store, sql);
	uint64_t count;

	bind_number(get, 1, now + HOLD_NOTICE_DAYS * DAY_MS);
	count = store_ask(store, get, NULL) == E_OK ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return count;
}

enum error legal_holds_waiting(struct store *store, wall_ms now, uint64_t *count, struct fault *fault)
{
	static const char sql[] = "SELECT count(*) FROM hold WHERE" TO_CONFIRM;
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	to_confirm_bind(get, now);
	error = store_ask(store, get, fault);
	*count = error == E_OK ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return error;
}

/* ---- listing */

static void set_text(json_t *object, const char *key, const char *text)
{
	if (text[0] != '\0')
		json_object_set_new(object, key, json_string(text));
}

static void set_time(json_t *object, const char *key, wall_ms time)
{
	char text[TIME_TEXT_SIZE];

	if (time != 0)
		json_object_set_new(object, key, json_string(time_text(text, time, 0)));
}

static void set_name(json_t *object, sqlite3_stmt *row, int column)
{
	const struct report_name name = name_column(row, column);
	char text[REPORT_NAME_SIZE];

	json_object_set_new(object, "report", json_string(report_name_text(&name, text)));
}

static const char *state_of(sqlite3_stmt *row, wall_ms now)
{
	const bool confirmed = column_number(row, 13) != 0;

	if (!confirmed)
		return column_number(row, 11) + HOLD_CONFIRM_MS > now ? "to-confirm" : "unconfirmed";
	if (column_number(row, 8) != 0)
		return "lifts";
	if (column_number(row, 14) != 0)
		return "over";
	return column_number(row, 15) != 0 ? "kept" : "in-force";
}

static json_t *order_json(sqlite3_stmt *row, wall_ms now)
{
	json_t *object =
		json_pack("{s:I, s:s}", "hold", (json_int_t)column_number(row, 0), "state", state_of(row, now));

	set_name(object, row, 1);
	set_text(object, "authority", column_text(row, 5));
	set_text(object, "order", column_text(row, 6));
	set_time(object, "until", column_number(row, 7));
	if (column_number(row, 8) != 0)
		json_object_set_new(object, "lifts", json_integer((json_int_t)column_number(row, 8)));
	set_text(object, "reason", column_text(row, 9));
	set_text(object, "placed_by", column_text(row, 10));
	set_time(object, "placed_at", column_number(row, 11));
	set_text(object, "confirmed_by", column_text(row, 12));
	set_time(object, "confirmed_at", column_number(row, 13));
	set_time(object, "ended_at", column_number(row, 14));
	return object;
}

static json_t *opening_json(sqlite3_stmt *row, wall_ms now)
{
	json_t *object = json_pack("{s:s}", "state", "opened");

	(void)now;
	set_name(object, row, 0);
	set_text(object, "opened_by", column_text(row, 4));
	set_time(object, "opened_at", column_number(row, 5));
	set_text(object, "reason", column_text(row, 6));
	return object;
}

static enum error rows_list(struct store *store, const char *sql, json_t *(*make)(sqlite3_stmt *row, wall_ms now),
			    wall_ms now, json_t *list, struct fault *fault)
{
	sqlite3_stmt *rows = store_statement(store, sql);
	enum error error;

	while ((error = store_ask(store, rows, fault)) == E_OK)
		json_array_append_new(list, make(rows, now));
	sqlite3_reset(rows);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error legal_hold_list(struct store *store, wall_ms now, json_t **list, struct fault *fault)
{
	static const char orders[] =
		"SELECT id, h.origin, h.epoch, h.stream, h.number, authority, order_number, until, lifts, reason, "
		"placed_by,"
		" placed_at, confirmed_by, confirmed_at, ended_at, k.number IS NOT NULL FROM hold h LEFT JOIN kept k"
		" USING(origin, epoch, stream, number) ORDER BY id";
	static const char openings[] =
		"SELECT origin, epoch, stream, number, opened_by, at, reason FROM opening ORDER BY id";
	enum error error;

	*list = json_array();
	error = rows_list(store, orders, order_json, now, *list, fault);
	return error == E_OK ? rows_list(store, openings, opening_json, now, *list, fault) : error;
}
