/* journal_wal - keeps the write-ahead log of journal.db short, also while readers never rest.
 *
 * A log that has grown is copied into the file between two commits, after the first was answered: no receipt waits for
 * it. The log begins anew only at a moment when all of it was copied and nobody reads from it, which may not come by
 * itself while nodes fetch without pause; so a log that has grown further is waited for, a little at a time, because a
 * check of the whole journal may read for long. */
#include "broker/journal/journal_sqlite.h"

#define MIB_PAGES (1024 * 1024 / DATABASE_PAGE)

/* From so many pages on readers are waited for, so long, and not again before a pause. Short waits come first. The last
 * stage comes at 48 MiB, less than the smallest ballast, and knows no pause: from there on commits are slow rather than the
 * log long. */
static const struct stage {
	int pages;
	int patience_ms;
	steady_ms pause_ms;
} stages[] = {{48 * MIB_PAGES, 1000, 0}, {32 * MIB_PAGES, 500, 1000}, {16 * MIB_PAGES, 100, 500}, {0, 0, 0}};

static enum error log_copy(struct journal *journal, int mode, struct fault *fault)
{
	return sqlite3_wal_checkpoint_v2(journal->db, "main", mode, NULL, NULL) == SQLITE_OK
		       ? E_OK
		       : database_fault(journal->db, fault);
}

static enum error log_restart(struct journal *journal, const struct stage *stage, struct fault *fault)
{
	enum error error;

	sqlite3_busy_timeout(journal->db, stage->patience_ms);
	error = log_copy(journal, SQLITE_CHECKPOINT_RESTART, fault);
	sqlite3_busy_timeout(journal->db, DATABASE_PATIENCE_MS);
	journal->log_waited = clock_now().steady;
	return error;
}

void journal_tend(struct journal *journal)
{
	const int pages = journal->log_pages;
	const struct stage *stage = stages;
	struct fault fault = {0};
	enum error error = E_OK;

	if (journal->dead || pages < DATABASE_LOG_PAGES)
		return;
	journal->log_pages = 0; /* until the next commit says how long it is now */
	while (pages < stage->pages)
		stage++;
	if (stage->pages > 0 && clock_now().steady - journal->log_waited >= stage->pause_ms)
		error = log_restart(journal, stage, &fault);
	else
		error = log_copy(journal, SQLITE_CHECKPOINT_PASSIVE, &fault);
	/* What was committed stands in the log and is synced. But a copy that failed to reach the disk may seem to
	 * succeed the next time, and the log would be given up: nothing more is written until a restart has looked. */
	if (error != E_OK && error != E_BUSY && error != E_DISK_FULL)
		journal_die(journal, &fault);
}

static int after_commit(void *context, sqlite3 *db, const char *name, int pages)
{
	struct journal *journal = context;

	(void)db;
	(void)name;
	journal->log_pages = pages;
	return SQLITE_OK;
}

void journal_log_watch(struct journal *journal)
{
	sqlite3_wal_hook(journal->db, after_commit, journal);
}
