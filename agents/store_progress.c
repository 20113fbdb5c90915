/* store_progress - the tables taken_file and sink of the store. */
#include "agents/store_progress.h"

enum error store_take_file(struct store *store, const struct taken_file *file, wall_ms now, struct fault *fault)
{
	static const char sql[] = "INSERT INTO taken_file(identity, name, taken_at, lines, rejected)"
				  " VALUES(?1, ?2, ?3, ?4, ?5)";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_bytes(put, 1, BYTES(file->identity.bytes, HASH_SIZE));
	bind_text(put, 2, file->name);
	bind_number(put, 3, now);
	bind_number(put, 4, file->lines);
	bind_number(put, 5, file->rejected);
	return database_step(put, fault);
}

enum error store_sink_position(struct store *store, const char *sink, uint64_t *row, struct fault *fault)
{
	sqlite3_stmt *get = store_statement(store, "SELECT row FROM sink WHERE name = ?1");
	enum error error;

	bind_text(get, 1, sink);
	error = store_ask(store, get, fault);
	*row = error == E_OK ? column_number(get, 0) : 0;
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error store_set_sink_position(struct store *store, const char *sink, uint64_t row, struct fault *fault)
{
	sqlite3_stmt *put = store_statement(store, "INSERT OR REPLACE INTO sink(name, row) VALUES(?1, ?2)");
	enum error error = store_begin(store, fault);

	if (error != E_OK)
		return error;
	bind_text(put, 1, sink);
	bind_number(put, 2, row);
	error = database_step(put, fault);
	return store_end(store, error, fault);
}
