/* reading - notes reads, those of an hour together, and lists them with those for persons' requests. */
#include "agents/store/reading.h"
#include "common/json.h"
#include "common/user.h"
#include <string.h>

#define TOGETHER_MS (3600 * 1000)

static bool command_known(const char *command)
{
	static const char *const commands[] = READING_COMMANDS;

	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i], command) == 0)
			return true;
	return false;
}

static void bind_reading(sqlite3_stmt *statement, const char *command, const char *about, const char *user, wall_ms now)
{
	bind_text(statement, 1, user);
	bind_text(statement, 2, command);
	bind_text(statement, 3, about);
	bind_number(statement, 4, now);
}

enum error reading_add(struct store *store, const char *command, const char *about, const char *user, wall_ms now,
		       struct fault *fault)
{
	static const char again[] = "UPDATE reading SET until = ?4, times = times + 1 WHERE user = ?1 AND command = ?2"
				    " AND about = ?3 AND at > ?5 AND at <= ?4";
	static const char anew[] = "INSERT INTO reading(user, command, about, at, until, times)"
				   " VALUES(?1, ?2, ?3, ?4, ?4, 1)";
	sqlite3_stmt *statement = store_statement(store, again);
	enum error error;

	bind_reading(statement, command, about, user, now);
	bind_number(statement, 5, now > TOGETHER_MS ? now - TOGETHER_MS : 0);
	error = database_step(statement, fault);
	if (error != E_OK || sqlite3_changes(store->db) > 0)
		return error;
	statement = store_statement(store, anew);
	bind_reading(statement, command, about, user, now);
	return database_step(statement, fault);
}

enum error reading_note(struct store *store, const char *command, const char *about, const char *user, wall_ms now,
			struct fault *fault)
{
	enum error error;

	if (!command_known(command))
		return fault_at(fault, E_INVALID, "what");
	if (!user_text_valid(about))
		return fault_at(fault, E_INVALID, "about");
	error = store_begin(store, fault);
	if (error != E_OK)
		return error;
	return store_end(store, reading_add(store, command, about, user, now, fault), fault);
}

enum error reading_take(struct store *store, const json_t *request, const char *user, wall_ms now, struct fault *fault)
{
	return reading_note(store, json_text(request, "what"), json_text(request, "about"), user, now, fault);
}

/* ------------------------------------------------------------------ listing */

static json_t *reading_json(sqlite3_stmt *row)
{
	const uint64_t times = column_number(row, 2);
	char time[TIME_TEXT_SIZE];
	json_t *reading = json_pack("{s:s}", "at", time_text(time, column_number(row, 0), 0));

	if (times > 1) {
		json_object_set_new(reading, "until", json_string(time_text(time, column_number(row, 1), 0)));
		json_object_set_new(reading, "times", json_integer((json_int_t)times));
	}
	json_object_set_new(reading, "user", json_string(column_text(row, 3)));
	json_object_set_new(reading, "command", json_string(column_text(row, 4)));
	json_object_set_new(reading, "about", json_string(column_text(row, 5)));
	return reading;
}

enum error reading_list(struct store *store, wall_ms since, json_t **list, struct fault *fault)
{
	static const char sql[] =
		"SELECT at, until, times, user, command, about FROM reading WHERE until >= ?1"
		" UNION ALL SELECT at, at, 1, user, 'subject ' || action,"
		"  CASE reports WHEN '' THEN query ELSE query || ': ' || reports END FROM subject_read WHERE at >= ?1"
		" ORDER BY 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	*list = json_array();
	bind_number(get, 1, since);
	while ((error = store_ask(store, get, fault)) == E_OK)
		json_array_append_new(*list, reading_json(get));
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}
