/* store_progress - the tables taken_file and sink of the store. */
#include "agents/reports/store_progress.h"
#include "agents/reports/purge_note.h"
#include "agents/reports/quarantine.h"

#include <string.h>

enum error store_take_file(struct store *store, const struct hash *identity, uint64_t rejected, wall_ms now,
			   struct fault *fault)
{
	static const char sql[] = "INSERT INTO taken_file(identity, taken_at, rejected) VALUES(?1, ?2, ?3)";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_bytes(put, 1, BYTES(identity->bytes, HASH_SIZE));
	bind_number(put, 2, now);
	bind_number(put, 3, rejected);
	return database_step(put, fault);
}

enum error store_file_taken(struct store *store, const struct hash *identity, bool *taken, uint64_t *rejected,
			    struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT rejected FROM taken_file WHERE identity = ?1");
	enum error error;

	bind_bytes(get, 1, BYTES(identity->bytes, HASH_SIZE));
	error = store_ask(store, get, fault);
	*taken = error == E_OK;
	*rejected = *taken ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error store_sink_position(struct store *store, const char *sink, uint64_t *row, uint64_t *unsure,
			       struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT row, max(row, unsure) FROM sink WHERE name = ?1");
	enum error error;

	bind_text(get, 1, sink);
	error = store_ask(store, get, fault);
	*row = error == E_OK ? column_number(get, 0) : 0;
	if (unsure != NULL)
		*unsure = error == E_OK ? column_number(get, 1) : 0;
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error store_sink_limits(struct store *store, const char *sink, struct sink_limits *limits, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT ceiling, statuses, persons FROM sink WHERE name = ?1");
	enum error error;

	bind_text(get, 1, sink);
	error = store_ask(store, get, fault);
	*limits = (struct sink_limits){0};
	if (error == E_OK)
		*limits = (struct sink_limits){.ceiling = (Simpul__Label)column_number(get, 0),
					       .statuses = (unsigned)column_number(get, 1),
					       .persons = column_number(get, 2) != 0};
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error store_sink_purged(struct store *store, const char *sink, uint64_t *purge, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT purged FROM sink WHERE name = ?1");
	enum error error;

	bind_text(get, 1, sink);
	error = store_ask(store, get, fault);
	*purge = error == E_OK ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

static enum error position_store(struct store *store, const struct sink_letter *position, struct fault *fault)
{
	static const char sql[] =
		"INSERT INTO sink(name, row, unsure, ceiling, statuses, persons) VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
		" ON CONFLICT(name) DO UPDATE SET row = excluded.row, unsure = excluded.unsure, ceiling = max(ceiling,"
		" excluded.ceiling), statuses = statuses | excluded.statuses, persons = persons | excluded.persons";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_text(put, 1, position->name);
	bind_number(put, 2, position->row);
	bind_number(put, 3, position->unsure);
	bind_number(put, 4, position->limits.ceiling);
	bind_number(put, 5, position->limits.statuses);
	bind_number(put, 6, position->limits.persons);
	return database_step(put, fault);
}

static enum error home_store(struct store *store, const struct sink_letter *arrival, struct fault *fault)
{
	static const char sql[] = "UPDATE sink SET place = ?2, mark = ?3, moved = ?4 WHERE name = ?1";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_text(put, 1, arrival->name);
	bind_text(put, 2, arrival->place);
	bind_text(put, 3, arrival->mark);
	bind_number(put, 4, arrival->moved);
	return database_step(put, fault);
}

/* Of the copy of what was erased by the event, when it is told or, the first time in vain, once more. */
static enum error outcome_store(struct store *store, const struct sink_letter *event, struct fault *fault)
{
	if (event->outcome.outcome == SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNSPECIFIED)
		return E_OK;
	return purge_note_said(store, event->purge, event->name, &event->outcome, clock_now().wall, fault);
}

static enum error event_store(struct store *store, const struct sink_letter *event, struct fault *fault)
{
	sqlite3_stmt *put = store_statement(store, "INSERT INTO sink(name, row, purged) VALUES(?1, 0, ?2)"
						   " ON CONFLICT(name) DO UPDATE SET purged = excluded.purged");
	enum error error;

	bind_text(put, 1, event->name);
	bind_number(put, 2, event->purge);
	error = database_step(put, fault);
	return error == E_OK ? outcome_store(store, event, fault) : error;
}

/* Nothing of a row is left to be handed on. */
static bool is_erased(struct store *store, uint64_t row)
{
	sqlite3_stmt *get = store_statement(store, "SELECT 1 FROM inbox WHERE row = ?1 AND erased_at > 0");
	bool erased;

	bind_number(get, 1, row);
	erased = store_ask(store, get, NULL) == E_OK;
	sqlite3_reset(get);
	return erased;
}

/* What became of a report or an erasure that was tried again, or that the sink went on without. A report that was
 * erased since the sink refused it waits for nothing any more. */
static enum error failure_store(struct store *store, const struct sink_letter *letter, struct fault *fault)
{
	struct quarantine_item item = {.cause = QUARANTINE_UNDELIVERED,
				       .row = letter->refused,
				       .entry = letter->entry,
				       .tries = letter->tries,
				       .name = letter->report};
	const wall_ms now = clock_now().wall;

	if (letter->item > 0 && letter->reason[0] == '\0')
		return quarantine_solve(store, letter->item, now, fault);
	if (letter->item > 0)
		return quarantine_failed(store, letter->item, E_OK, letter->reason, fault);
	if (letter->purge == 0 && is_erased(store, letter->refused))
		return E_OK;
	memcpy(item.sink, letter->name, sizeof item.sink);
	memcpy(item.detail, letter->reason, sizeof item.detail);
	return quarantine_add(store, &item, now, fault);
}

static enum error letter_store(struct store *store, const struct sink_letter *letter, struct fault *fault)
{
	enum error error = E_OK;

	if (letter->item > 0 || letter->tries > 0)
		error = failure_store(store, letter, fault);
	if (error != E_OK)
		return error;
	if (letter->item > 0)
		return outcome_store(store, letter, fault);
	if (letter->purge > 0)
		return event_store(store, letter, fault);
	error = position_store(store, letter, fault);
	return error == E_OK && letter->place != NULL ? home_store(store, letter, fault) : error;
}

enum error store_sink_letters(struct store *store, const struct letter *letters, struct fault *fault)
{
	enum error error = store_begin(store, fault);

	if (error != E_OK)
		return error;
	for (; error == E_OK && letters != NULL; letters = letters->next) {
		const struct sink_letter *letter = (const struct sink_letter *)letters;

		error = letter_store(store, letter, fault);
	}
	return store_end(store, error, fault);
}
