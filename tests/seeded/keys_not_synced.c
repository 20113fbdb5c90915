/* keys_not_synced - a bug put in on purpose: keys.db is opened without its syncs: entries outlive the keys of their
 * bodies. Linked with --wrap. */
#include "common/database.h"

#include <string.h>

enum error __real_database_open(sqlite3 **db, const char *path, enum database_mode mode, int version,
				const char *schema, struct fault *fault);
enum error __wrap_database_open(sqlite3 **db, const char *path, enum database_mode mode, int version,
				const char *schema, struct fault *fault);

enum error __wrap_database_open(sqlite3 **db, const char *path, enum database_mode mode, int version,
				const char *schema, struct fault *fault)
{
	enum error error = __real_database_open(db, path, mode, version, schema, fault);
	const char *end = strrchr(path, '/'), *name = end != NULL ? end + 1 : path;

	if (error == E_OK && mode == DATABASE_WRITE && strcmp(name, "keys.db") == 0)
		error = database_run(*db, "PRAGMA synchronous=OFF", fault);
	return error;
}
