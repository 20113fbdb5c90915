/* sink_begin - notes each sink in the table `sink`, what it may have been given before a kill, and of which rows the
 * copies may lie in another folder. */
#include "agents/sink/sink_begin.h"
#include "common/log.h"
#include "common/memory.h"
#include <stdlib.h>

/* As the kernel names it, for two spellings are one folder. Of the other types there is no file to look for. */
static char *place_of(const struct sink_options *sink)
{
	char *place = sink->type == SINK_FOLDER ? realpath(sink->path, NULL) : memory_string("");

	return place == NULL ? memory_string(sink->path) : place;
}

static enum error place_put(struct store *store, const char *sink, const char *place, struct fault *fault)
{
	static const char sql[] = "INSERT INTO sink(name, row, place) VALUES(?1, 0, ?2) ON CONFLICT(name) DO UPDATE"
				  " SET moved = max(row, unsure), place = ?2 WHERE place <> ?2";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_text(put, 1, sink);
	bind_text(put, 2, place);
	return database_step(put, fault);
}

/* Names the folder of before, in which somebody has to look for what was erased since. */
static enum error place_compare(struct store *store, const char *sink, const char *place, struct fault *fault)
{
	static const char sql[] = "SELECT place FROM sink WHERE name = ?1 AND max(row, unsure) > 0 AND place <> ''"
				  " AND place <> ?2";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_text(get, 1, sink);
	bind_text(get, 2, place);
	error = store_ask(store, get, fault);
	if (error == E_OK)
		log_event(LOG_LEVEL_WARNING, "sink.moved", F_TEXT("sink", sink), F_TEXT("from", column_text(get, 0)),
			  F_TEXT("to", place));
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* What was tried when the agent was killed may be newer than what is noted of it. A new sink was given nothing. */
static enum error unsure_put(struct store *store, const char *sink, struct fault *fault)
{
	static const char sql[] = "UPDATE sink SET unsure = newest FROM (SELECT max(row) AS newest FROM inbox)"
				  " WHERE name = ?1 AND unsure < newest";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_text(put, 1, sink);
	return database_step(put, fault);
}

static enum error sink_begin(struct store *store, const struct sink_options *sink, struct fault *fault)
{
	char *place = place_of(sink);
	enum error error = place_compare(store, sink->name, place, fault);

	if (error == E_OK)
		error = unsure_put(store, sink->name, fault);
	if (error == E_OK)
		error = place_put(store, sink->name, place, fault);
	free(place);
	return error;
}

enum error sinks_begin(struct store *store, const struct sink_options *sinks, size_t count, struct fault *fault)
{
	enum error error = store_begin(store, fault);

	if (error != E_OK)
		return error;
	for (size_t i = 0; error == E_OK && i < count; i++)
		error = sink_begin(store, &sinks[i], fault);
	return store_end(store, error, fault);
}

enum error sink_moved(struct store *store, const char *sink, uint64_t *row, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT moved FROM sink WHERE name = ?1");
	enum error error;

	bind_text(get, 1, sink);
	error = store_ask(store, get, fault);
	*row = error == E_OK ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}
