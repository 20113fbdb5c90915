/* sync_error_retried - a bug put in on purpose: a COMMIT that failed to sync passes for a full disk, after which
 * everybody goes on and tries again. Linked with --wrap. */
#include "common/database.h"

#include <string.h>

enum error __real_database_run(sqlite3 *db, const char *sql, struct fault *fault);
enum error __wrap_database_run(sqlite3 *db, const char *sql, struct fault *fault);

enum error __wrap_database_run(sqlite3 *db, const char *sql, struct fault *fault)
{
	const enum error error = __real_database_run(db, sql, fault);

	if (error == E_IO && strcmp(sql, "COMMIT") == 0)
		return fault_at(fault, E_DISK_FULL, "sync");
	return error;
}
