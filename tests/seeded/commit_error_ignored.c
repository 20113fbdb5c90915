/* commit_error_ignored - a bug put in on purpose: a COMMIT that failed is answered as if it had not. Linked with
 * --wrap. */
#include "common/database.h"

#include <string.h>

enum error __real_database_run(sqlite3 *db, const char *sql, struct fault *fault);
enum error __wrap_database_run(sqlite3 *db, const char *sql, struct fault *fault);

enum error __wrap_database_run(sqlite3 *db, const char *sql, struct fault *fault)
{
	const enum error error = __real_database_run(db, sql, fault);

	return strcmp(sql, "COMMIT") == 0 ? E_OK : error;
}
