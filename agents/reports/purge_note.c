/* purge_note - the tables purge and purge_sink of the store. */
#include "agents/reports/purge_note.h"

#include <string.h>

enum error purge_note_add(struct store *store, const struct purge_note *note, wall_ms now, uint64_t *id,
			  struct fault *fault)
{
	static const char sql[] =
		"INSERT INTO purge(row, origin, epoch, stream, number, rule, at, identifies, answer)"
		" SELECT ?5, ?1, ?2, ?3, ?4, ?6, ?7, ?8, ?9 AND NOT EXISTS(SELECT 1 FROM purge p WHERE p.origin = ?1"
		" AND p.epoch = ?2 AND p.stream = ?3 AND p.number = ?4 AND p.answer > 0)";
	sqlite3_stmt *put = store_statement(store, sql);
	enum error error;

	name_bind(put, 1, &note->name);
	bind_number(put, 5, note->row);
	bind_number(put, 6, note->rule);
	bind_number(put, 7, now);
	bind_number(put, 8, note->identifies);
	bind_number(put, 9, note->told);
	error = database_step(put, fault);
	*id = (uint64_t)sqlite3_last_insert_rowid(store->db);
	return error;
}

/* ---- what a sink says */

/* The first note of the name that `purge` is about: under it stands what became of the copies. */
static enum error first_find(struct store *store, uint64_t purge, uint64_t *first, struct fault *fault)
{
	static const char sql[] = "SELECT f.id FROM purge p JOIN purge f USING(origin, epoch, stream, number)"
				  " WHERE p.id = ?1 ORDER BY f.id LIMIT 1";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_number(get, 1, purge);
	error = store_ask(store, get, fault);
	if (error == E_OK)
		*first = column_number(get, 0);
	sqlite3_reset(get);
	return error;
}

/* Whether that is not what the origin hears of this sink so far; of a sink that said nothing it hears UNKNOWN. */
static enum error news_find(struct store *store, uint64_t first, const char *sink, const struct sink_outcome *outcome,
			    bool *is_news, struct fault *fault)
{
	static const char sql[] = "SELECT outcome, code, number, until FROM purge_sink WHERE purge = ?1 AND sink = ?2";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_number(get, 1, first);
	bind_text(get, 2, sink);
	error = store_ask(store, get, fault);
	*is_news = outcome->outcome != SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNKNOWN;
	if (error == E_OK)
		*is_news = column_number(get, 0) != (uint64_t)outcome->outcome ||
			   strcmp(column_text(get, 1), outcome->code) != 0 ||
			   strcmp(column_text(get, 2), outcome->number) != 0 || column_number(get, 3) != outcome->until;
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error outcome_put(struct store *store, uint64_t first, const char *sink, const struct sink_outcome *outcome,
			      struct fault *fault)
{
	static const char sql[] = "INSERT OR REPLACE INTO purge_sink(purge, sink, outcome, code, number, until)"
				  " VALUES(?1, ?2, ?3, ?4, ?5, ?6)";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, first);
	bind_text(put, 2, sink);
	bind_number(put, 3, outcome->outcome);
	bind_text(put, 4, outcome->code);
	bind_text(put, 5, outcome->number);
	bind_number(put, 6, outcome->until);
	return database_step(put, fault);
}

/* Nothing where an answer is due anyhow, or none ever was. */
static enum error answer_again(struct store *store, uint64_t first, wall_ms now, struct fault *fault)
{
	static const char sql[] =
		"INSERT INTO purge(row, origin, epoch, stream, number, rule, at, answer, alone)"
		" SELECT 0, p.origin, p.epoch, p.stream, p.number, p.rule, ?2, 1, p.alone FROM purge f"
		" JOIN purge p USING(origin, epoch, stream, number) WHERE f.id = ?1 AND p.answer = 2"
		" AND NOT EXISTS(SELECT 1 FROM purge d WHERE d.origin = p.origin AND d.epoch = p.epoch"
		" AND d.stream = p.stream AND d.number = p.number AND d.answer = 1) ORDER BY p.id DESC LIMIT 1";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, first);
	bind_number(put, 2, now);
	return database_step(put, fault);
}

enum error purge_note_said(struct store *store, uint64_t purge, const char *sink, const struct sink_outcome *outcome,
			   wall_ms now, struct fault *fault)
{
	uint64_t first = 0;
	bool is_news = false;
	enum error error = first_find(store, purge, &first, fault);

	if (error == E_OK)
		error = news_find(store, first, sink, outcome, &is_news, fault);
	if (error == E_OK)
		error = outcome_put(store, first, sink, outcome, fault);
	if (error == E_OK && is_news)
		error = answer_again(store, first, now, fault);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* ---- what did not arrive */

/* The one of a name and time, if it is the last that was given under the name and no other is due. */
#define GIVEN_LAST \
	"id = (SELECT max(id) FROM purge WHERE origin = ?1 AND epoch = ?2 AND stream = ?3 AND number = ?4" \
	" AND answer = 2) AND at = ?5 AND NOT EXISTS(SELECT 1 FROM purge d WHERE d.origin = ?1 AND d.epoch = ?2" \
	" AND d.stream = ?3 AND d.number = ?4 AND d.answer = 1)"

enum error purge_note_unheard(struct store *store, const struct report_name *name, wall_ms at, wall_ms due, bool alone,
			      struct fault *fault)
{
	static const char sql[] = "UPDATE purge SET answer = 1, due = ?6, alone = max(alone, ?7) WHERE " GIVEN_LAST;
	sqlite3_stmt *put = store_statement(store, sql);

	name_bind(put, 1, name);
	bind_number(put, 5, at);
	bind_number(put, 6, due);
	bind_number(put, 7, alone);
	return database_step(put, fault);
}

enum error purge_note_refused(struct store *store, const struct report_name *name, wall_ms at, wall_ms now,
			      struct fault *fault)
{
	sqlite3_stmt *put = store_statement(store, "UPDATE purge SET refused_at = ?6 WHERE " GIVEN_LAST);

	name_bind(put, 1, name);
	bind_number(put, 5, at);
	bind_number(put, 6, now);
	return database_step(put, fault);
}

enum error purge_notes_refused(struct store *store, wall_ms since, uint64_t *count, struct fault *fault)
{
	static const char sql[] =
		"SELECT count(*) FROM purge p WHERE p.refused_at > 0 AND p.refused_at >= ?1"
		" AND NOT EXISTS(SELECT 1 FROM purge d WHERE d.origin = p.origin AND d.epoch = p.epoch"
		" AND d.stream = p.stream AND d.number = p.number AND d.id > p.id AND d.answer > 0)";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_number(get, 1, since);
	error = store_ask(store, get, fault);
	*count = error == E_OK ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return error;
}
