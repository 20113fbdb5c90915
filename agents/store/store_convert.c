/* store_convert - copies a store under another key and puts the copy in its place. */
#include "agents/store/store_convert.h"

#include "agents/store/store.h"
#include "common/memory.h"
#include "common/overwrite.h"
#include <stdlib.h>
#include <unistd.h>

enum error store_fits(const char *path, const struct cipher *cipher, bool *there, bool *fits, struct fault *fault)
{
	sqlite3 *db = NULL;
	enum error error = database_open_store(&db, path, DATABASE_READ, cipher, STORE_VERSION, NULL, fault);

	database_close(db);
	*there = error != E_NOT_FOUND;
	*fits = error == E_OK;
	return error == E_NOT_FOUND || error == E_STORE_LOCKED || error == E_STORE_PLAIN || error == E_STORE_KEY
		       ? E_OK
		       : error;
}

/* What the log holds would be read into the copy: it must be in the file, and gone. */
static enum error log_remove(const char *path, const struct cipher *cipher, struct fault *fault)
{
	char *log = memory_format("%s-wal", path);
	sqlite3 *db = NULL;
	enum error error = database_open_store(&db, path, DATABASE_WRITE, cipher, STORE_VERSION, NULL, fault);

	if (error == E_OK)
		error = database_wipe_log(db, DATABASE_PATIENCE_MS, fault);
	database_close(db);
	/* The last connection removes it. */
	if (error == E_OK && access(log, F_OK) == 0)
		error = fault_at(fault, E_BUSY, "%s: something else has it open", path);
	free(log);
	return error;
}

enum error store_convert(const char *path, const struct cipher *from, const struct cipher *to, struct fault *fault)
{
	char *fresh = memory_format("%s" OVERWRITE_FRESH, path);
	enum error error = log_remove(path, from, fault);

	if (error == E_OK)
		error = overwrite_file(fresh, fault);
	if (error == E_OK)
		error = backup_store(path, from, fresh, to, STORE_VERSION, false, fault);
	/* SQLite has closed it by now: what opens and closes it drops no locks of this process. */
	if (error == E_OK)
		error = overwrite_replace(fresh, path, fault);
	free(fresh);
	return error;
}
