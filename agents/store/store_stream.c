/* store_stream - the table `stream`, one row of it at a time. */
#include "agents/store/store_stream.h"

enum error store_stream(struct store *store, uint32_t stream, enum stream_place place, uint64_t *number,
			struct fault *fault)
{
	static const char sql[] = "SELECT last, frozen, receipted FROM stream WHERE epoch = ?1 AND stream = ?2";
	sqlite3_stmt *get = store_statement(store, sql);
	enum error error;

	bind_number(get, 1, store->epoch);
	bind_number(get, 2, stream);
	error = store_ask(store, get, fault);
	*number = error == E_OK ? column_number(get, (int)place) : 0;
	sqlite3_reset(get);
	return error == E_NOT_FOUND ? E_OK : error;
}

enum error store_set_stream_last(struct store *store, uint32_t stream, uint64_t last, struct fault *fault)
{
	static const char sql[] = "INSERT INTO stream(epoch, stream, last, frozen, receipted) VALUES(?1, ?2, ?3, 0, 0)"
				  " ON CONFLICT(epoch, stream) DO UPDATE SET last = excluded.last";
	sqlite3_stmt *put = store_statement(store, sql);

	bind_number(put, 1, store->epoch);
	bind_number(put, 2, stream);
	bind_number(put, 3, last);
	return database_step(put, fault);
}
