/* sink_begin - notes each sink in the table `sink`, what it may have been given before a kill, and of which rows the
 * copies may lie in another folder. */
#include "agents/sink/sink_begin.h"
#include "common/log.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

#define NOT_NOTED "the store could not note yet that there is this sink"

/* ------------------------------------------------------------------ what is noted before it begins */

/* Names the folder of before, in which somebody has to look for what was erased since. */
static void moved_log(const char *sink, const char *from, const char *to)
{
	log_event(LOG_LEVEL_WARNING, "sink.moved", F_TEXT("sink", sink), F_TEXT("from", from), F_TEXT("to", to));
}

static enum error home_clear(struct store *store, const char *sink, struct fault *fault)
{
	static const char sql[] = "UPDATE sink SET moved = max(row, unsure), place = '', mark = '' WHERE name = ?1"
				  " AND place <> ''";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_text(put, 1, sink);
	return database_step(put, fault);
}

/* What was tried when the agent was killed may be newer than what is noted of it. A new sink was given nothing. */
static enum error unsure_put(struct store *store, const char *sink, struct fault *fault)
{
	static const char sql[] = "UPDATE sink SET unsure = newest FROM (SELECT max(row) AS newest FROM inbox)"
				  " WHERE name = ?1 AND max(row, unsure) < newest";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_text(put, 1, sink);
	return database_step(put, fault);
}

static enum error name_put(struct store *store, const char *sink, struct fault *fault)
{
	sqlite3_stmt *put = store_statement(store, "INSERT OR IGNORE INTO sink(name, row) VALUES(?1, 0)");

	bind_text(put, 1, sink);
	return database_step(put, fault);
}

/* Writes nothing where nothing changed since the last start. */
static enum error sink_begin(struct store *store, const struct sink *sink, struct fault *fault)
{
	const char *name = sink->options.name;
	enum error error = store_begin(store, fault);

	if (error != E_OK)
		return error;
	error = unsure_put(store, name, fault);
	if (error == E_OK && sink->kind->arrive == NULL)
		error = home_clear(store, name, fault);
	if (error == E_OK)
		error = name_put(store, name, fault);
	return store_end(store, error, fault);
}

static enum error sink_note(struct sink *sink, struct store *store, struct fault *fault)
{
	struct sinks *all = sink->all;
	struct sink_home home;
	uint64_t moved;
	enum error error = sink_home_read(store, sink->options.name, &home, &moved, fault);

	if (error != E_OK)
		return error;
	error = sink_begin(store, sink, fault);
	if (error == E_OK && sink->kind->arrive == NULL && home.path[0] != '\0')
		moved_log(sink->options.name, home.path, "");
	free(home.path);
	pthread_mutex_lock(&all->lock);
	sink->noted = error == E_OK;
	sink->shown.failing = error != E_OK;
	snprintf(sink->shown.reason, sizeof(sink->shown.reason), "%s", error == E_OK ? "" : NOT_NOTED);
	pthread_cond_broadcast(&all->changed);
	pthread_mutex_unlock(&all->lock);
	return error;
}

enum error sinks_note(struct sinks *sinks, struct store *store, struct fault *fault)
{
	enum error first = E_OK;

	for (size_t i = 0; i < sinks->count; i++) {
		struct fault own = {0};
		enum error error = sinks->sinks[i].noted ? E_OK : sink_note(&sinks->sinks[i], store, &own);

		if (error == E_OK || first != E_OK)
			continue;
		first = error;
		if (fault != NULL)
			*fault = own;
	}
	return first;
}

/* ------------------------------------------------------------------ where its files are */

enum error sink_home_read(struct store *store, const char *sink, struct sink_home *home, uint64_t *moved,
			  struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT place, mark, moved FROM sink WHERE name = ?1");
	enum error error;

	bind_text(get, 1, sink);
	error = store_ask(store, get, fault);
	home->path = error == E_OK ? memory_string(column_text(get, 0)) : NULL;
	snprintf(home->mark, sizeof(home->mark), "%s", error == E_OK ? column_text(get, 1) : "");
	*moved = error == E_OK ? column_number(get, 2) : 0;
	sqlite3_reset(get);
	if (error != E_NOT_FOUND)
		return error;
	home->path = memory_string("");
	return E_OK;
}

static void home_report(struct sink *sink)
{
	struct sink_letter *letter = sink_letter_new(sink);

	letter->place = sink->options.path;
	memcpy(letter->mark, sink->home.mark, sizeof(letter->mark));
	letter->moved = sink->moved;
	mailbox_put(sink->all->to_loop, &letter->letter);
}

/* A folder that kept its mark is the same under another path. */
static void home_take(struct sink *sink, const char mark[SINK_MARK_SIZE])
{
	if (strcmp(sink->home.mark, mark) != 0) {
		if (sink->home.mark[0] != '\0' && sink->unsure > 0)
			moved_log(sink->options.name, sink->home.path, sink->options.path);
		sink->moved = sink->unsure;
	}
	memcpy(sink->home.mark, mark, sizeof(sink->home.mark));
	free(sink->home.path);
	sink->home.path = memory_string(sink->options.path);
	home_report(sink);
}

bool sink_arrive(struct sink *sink, struct sink_reason *why)
{
	char mark[SINK_MARK_SIZE];

	if (sink->kind->arrive == NULL)
		return true;
	if (!sink->kind->arrive(sink->self, &sink->home, mark, why))
		return false;
	if (strcmp(sink->home.mark, mark) != 0 || strcmp(sink->home.path, sink->options.path) != 0)
		home_take(sink, mark);
	return true;
}
