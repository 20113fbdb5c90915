/* receipt_before_commit - a bug put into a broker on purpose: after the first commits seven of eight are left open, so that
 * receipts go out for what is not on disk. Linked with --wrap. */
#include "common/database.h"

#include <string.h>

#define COMMITS_GOOD 6 /* the exchange is set up */
#define COMMITS_SKIPPED 8

enum error __real_database_run(sqlite3 *db, const char *sql, struct fault *fault);
enum error __wrap_database_run(sqlite3 *db, const char *sql, struct fault *fault);

enum error __wrap_database_run(sqlite3 *db, const char *sql, struct fault *fault)
{
	static int commits;

	if (strncmp(sql, "BEGIN", 5) == 0 && !sqlite3_get_autocommit(db))
		return E_OK;
	if (strcmp(sql, "COMMIT") == 0 && ++commits > COMMITS_GOOD && commits % COMMITS_SKIPPED != 0)
		return E_OK;
	return __real_database_run(db, sql, fault);
}
