/* database - opens SQLite files the one way that Simpul allows, and wraps the calls that everybody repeats. */
#include "common/database.h"
#include "common/file.h"
#include "common/leftover.h"
#include "common/log.h"
#include "common/memory.h"
#include "common/user.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A pragma and what it must say when it is asked afterwards. */
struct pragma {
	const char *set;
	const char *ask;
	const char *expected;
	enum error differs; /* what it is when it says something else */
};

#define DIGITS_OF(number) #number
#define DIGITS(number) DIGITS_OF(number)
#define BUSY_TIMEOUT \
	{ \
		"PRAGMA busy_timeout=" DIGITS(DATABASE_PATIENCE_MS), "PRAGMA busy_timeout", \
			DIGITS(DATABASE_PATIENCE_MS), E_IO \
	}

#define PAGE_SIZE DIGITS(DATABASE_PAGE)
#define PAGES_MOST DIGITS(LEFTOVER_PAGES_MOST)
#define LOG_PAGES DIGITS(DATABASE_LOG_PAGES)

static const struct pragma write_pragmas[] = {
	BUSY_TIMEOUT,
	{"PRAGMA page_size=" PAGE_SIZE, "PRAGMA page_size", PAGE_SIZE, E_VERSION}, /* of a new file, before it has a log */
	{"PRAGMA auto_vacuum=NONE", "PRAGMA auto_vacuum", "0", E_VERSION},
	{"PRAGMA journal_mode=WAL", "PRAGMA journal_mode", "wal", E_IO},
	{"PRAGMA synchronous=FULL", "PRAGMA synchronous", "2", E_IO},
	{"PRAGMA wal_autocheckpoint=" LOG_PAGES, "PRAGMA wal_autocheckpoint", LOG_PAGES, E_IO},
	{"PRAGMA secure_delete=ON", "PRAGMA secure_delete", "1", E_IO},
	{"PRAGMA max_page_count=" PAGES_MOST, "PRAGMA max_page_count", PAGES_MOST, E_IO},
	{"PRAGMA foreign_keys=ON", "PRAGMA foreign_keys", "1", E_IO},
	/* A page that a statement may have to put back goes nowhere but into memory. */
	{"PRAGMA temp_store=MEMORY", "PRAGMA temp_store", "2", E_IO},
	{NULL, NULL, NULL, E_OK},
};

static const struct pragma read_pragmas[] = {
	BUSY_TIMEOUT,
	{"PRAGMA query_only=ON", "PRAGMA query_only", "1", E_IO},
	{"PRAGMA wal_autocheckpoint=0", "PRAGMA wal_autocheckpoint", "0", E_IO},
	{"PRAGMA temp_store=MEMORY", "PRAGMA temp_store", "2", E_IO}, /* what is sorted goes to no file */
	{NULL, NULL, NULL, E_OK},
};

enum error database_error(int result)
{
	if (result == SQLITE_IOERR_DATA) /* a page whose seal is broken */
		return E_CORRUPT;
	switch (result & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return E_OK;
	case SQLITE_FULL:
		return E_DISK_FULL;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return E_CORRUPT;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return E_BUSY;
	case SQLITE_CONSTRAINT:
		return E_EXISTS;
	default:
		return E_IO;
	}
}

enum error database_fault(sqlite3 *db, struct fault *fault)
{
	int result = sqlite3_extended_errcode(db);
	enum error code = database_error(result);

	if (code == E_OK)
		return E_OK;
	/* Shared memory that finds no room is reported as an I/O error. A sync that fails is never a full disk,
	 * whatever errno says: its pages may be lost though a retry would succeed. */
	if (code == E_IO && result != SQLITE_IOERR_FSYNC && result != SQLITE_IOERR_DIR_FSYNC &&
	    sqlite3_system_errno(db) == ENOSPC)
		code = E_DISK_FULL;
	return fault_at(fault, code, "sqlite %d", result);
}

/* Makes an empty file that only its owner may read; SQLite gives its -wal and -shm the same mode. A file that
 * exists is not even opened: closing it again would drop the locks of this process' other connections. */
static enum error create_file(const char *path, struct fault *fault)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd >= 0) {
		close(fd);
		return E_OK;
	}
	if (errno == EEXIST)
		return E_OK;
	if (errno == EACCES)
		return permission_fault(fault, path);
	return fault_at(fault, errno == ENOSPC || errno == EDQUOT ? E_DISK_FULL : E_IO, "%s: %s", path,
			strerror(errno));
}

/* The first column of the first row of `sql`. */
static enum error ask(sqlite3 *db, const char *sql, char *answer, size_t size, struct fault *fault)
{
	sqlite3_stmt *statement = NULL;
	enum error error = E_OK;

	answer[0] = '\0';
	if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW)
		error = database_fault(db, fault);
	else
		snprintf(answer, size, "%s", column_text(statement, 0));
	sqlite3_finalize(statement);
	return error;
}

static enum error pragmas_set(sqlite3 *db, const struct pragma *pragmas, struct fault *fault)
{
	char answer[32];

	for (const struct pragma *p = pragmas; p->set != NULL; p++) {
		enum error error = database_run(db, p->set, fault);

		if (error == E_OK)
			error = ask(db, p->ask, answer, sizeof(answer), fault);
		if (error != E_OK)
			return error;
		if (strcmp(answer, p->expected) != 0)
			return fault_at(fault, p->differs, "%s", p->set);
	}
	return E_OK;
}

static enum error version_check(sqlite3 *db, int version, int *found, struct fault *fault)
{
	char answer[32];
	enum error error = ask(db, "PRAGMA user_version", answer, sizeof(answer), fault);

	if (error != E_OK)
		return error;
	*found = atoi(answer);
	return *found == version ? E_OK : fault_at(fault, E_VERSION, "user_version %d", *found);
}

/* Inside a transaction, so that two first starts at once make one schema. */
static enum error schema_make(sqlite3 *db, int version, const char *schema, struct fault *fault)
{
	char stamp[64];
	int found = version;
	enum error error = database_run(db, "BEGIN IMMEDIATE", fault);

	if (error != E_OK)
		return error;
	error = version_check(db, version, &found, fault);
	if (error == E_VERSION && found == 0 && schema != NULL) {
		snprintf(stamp, sizeof(stamp), "PRAGMA user_version=%d", version);
		error = database_run(db, schema, fault);
		if (error == E_OK)
			error = database_run(db, stamp, fault);
	}
	if (error == E_OK)
		error = database_run(db, "COMMIT", fault);
	return error;
}

/* A process that was killed in its commit, or ended over a sync that failed, may leave a log that is whole to readers
 * while the disk does not have it: what was built on it would be gone with the power. The checkpoint syncs the log and
 * copies it, which brings even what a failed sync left behind to the disk; the write begins the log anew, for what is
 * left of the old one would hide the copy. Readers in the way keep this from more than the sync, and a full disk keeps
 * nobody from starting. */
static enum error log_begin_anew(sqlite3 *db, int version, struct fault *fault)
{
	char stamp[64];
	enum error error = E_OK;

	snprintf(stamp, sizeof(stamp), "PRAGMA user_version=%d", version);
	if (sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) != SQLITE_OK)
		error = database_fault(db, fault);
	if (error == E_OK)
		error = database_run(db, stamp, fault);
	return error == E_BUSY || error == E_DISK_FULL ? E_OK : error;
}

static enum error open_write(sqlite3 *db, int version, const char *schema, struct fault *fault)
{
	enum error error = pragmas_set(db, write_pragmas, fault);

	if (error == E_OK)
		error = schema_make(db, version, schema, fault);
	return error == E_OK ? log_begin_anew(db, version, fault) : error;
}

static enum error open_read(sqlite3 *db, int version, struct fault *fault)
{
	enum error error;
	int found;

	/* The last connection to close would checkpoint, which is the writer's alone. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	error = pragmas_set(db, read_pragmas, fault);
	return error == E_OK ? version_check(db, version, &found, fault) : error;
}

/* From then on database_prepare reads no file, so that it fails for want of memory or by a program error only. */
static enum error schema_load(sqlite3 *db, struct fault *fault)
{
	return database_run(db, "SELECT 1 FROM sqlite_schema LIMIT 1", fault);
}

/* What has to be true of the file before SQLite opens it. */
static enum error file_prepare(const char *path, enum database_mode mode, struct fault *fault)
{
	enum error error;

	if (mode != DATABASE_WRITE && eaccess(path, R_OK) == 0)
		return E_OK;
	if (mode != DATABASE_WRITE && errno == EACCES)
		return permission_fault(fault, path);
	if (mode != DATABASE_WRITE)
		return fault_at(fault, errno == ENOENT ? E_NOT_FOUND : E_IO, "%s", path);
	error = create_file(path, fault);
	/* Always, for a start that made the file may have died before it synced. */
	return error == E_OK ? file_settle(path, fault) : error;
}

/* As SQLite wants a path within a URI. */
static void uri_write(const char *path, struct buffer *out)
{
	char hex[4];

	buffer_text(out, "file:");
	for (; *path != '\0'; path++) {
		if (strchr("?#%", *path) == NULL) {
			buffer_u8(out, (uint8_t)*path);
			continue;
		}
		snprintf(hex, sizeof(hex), "%%%02x", (unsigned)(unsigned char)*path);
		buffer_text(out, hex);
	}
	buffer_bytes(out, BYTES("?immutable=1", sizeof("?immutable=1"))); /* with its zero */
}

static int file_open(const char *path, enum database_mode mode, const char *vfs, sqlite3 **db)
{
	struct buffer uri = {0};
	int result;

	if (mode != DATABASE_COPY)
		return sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, vfs);
	uri_write(path, &uri);
	result = sqlite3_open_v2((const char *)uri.data, db,
				 SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI, vfs);
	buffer_free(&uri);
	return result;
}

/* How the pages of a file are laid out. */
struct layout {
	int room; /* bytes that SQLite keeps free at the end of each */
	const struct cipher *cipher;
};

/* Takes effect in a new file; in another one it must be so already. */
static enum error room_keep(sqlite3 *db, int room, struct fault *fault)
{
	return sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &room) == SQLITE_OK
		       ? E_OK
		       : database_fault(db, fault);
}

static enum error open_opened(sqlite3 *db, const char *path, enum database_mode mode, const struct layout *layout,
			      int version, const char *schema, struct fault *fault)
{
	enum error error = layout->room > 0 ? cipher_check(db, layout->cipher, path, fault) : E_OK;

	if (error == E_OK && mode == DATABASE_WRITE)
		error = leftover_stop(db, path, fault);
	if (error == E_OK && layout->room > 0 && mode == DATABASE_WRITE)
		error = room_keep(db, layout->room, fault);
	if (error == E_OK)
		error = mode == DATABASE_WRITE ? open_write(db, version, schema, fault) : open_read(db, version, fault);
	return error == E_OK ? schema_load(db, fault) : error;
}

static enum error open_laid_out(sqlite3 **db, const char *path, enum database_mode mode, const struct layout *layout,
				int version, const char *schema, struct fault *fault)
{
	sqlite3 *opened = NULL;
	enum error error = file_prepare(path, mode, fault);

	*db = NULL;
	if (error != E_OK)
		return error;
	if (file_open(path, mode, cipher_vfs(layout->cipher), &opened) != SQLITE_OK) {
		error = database_fault(opened, fault);
	} else {
		sqlite3_extended_result_codes(opened, 1);
		error = open_opened(opened, path, mode, layout, version, schema, fault);
	}
	if (error == E_OK)
		*db = opened;
	else
		database_close(opened);
	return error;
}

enum error database_open(sqlite3 **db, const char *path, enum database_mode mode, int version, const char *schema,
			 struct fault *fault)
{
	return open_laid_out(db, path, mode, &(struct layout){.room = 0}, version, schema, fault);
}

enum error database_open_store(sqlite3 **db, const char *path, enum database_mode mode, const struct cipher *cipher,
			       int version, const char *schema, struct fault *fault)
{
	return open_laid_out(db, path, mode, &(struct layout){CIPHER_ROOM, cipher}, version, schema, fault);
}

void database_close(sqlite3 *db)
{
	sqlite3_stmt *statement;

	if (db == NULL)
		return;
	while ((statement = sqlite3_next_stmt(db, NULL)) != NULL)
		sqlite3_finalize(statement);
	sqlite3_close(db);
}

sqlite3_stmt *database_prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) {
		if (sqlite3_errcode(db) == SQLITE_NOMEM)
			memory_exhausted();
		log_event(LOG_LEVEL_ALARM, "database.statement", F_TEXT("sql", sql),
			  F_NUM("result", (uint64_t)sqlite3_extended_errcode(db)));
		abort();
	}
	return statement;
}

enum error database_run(sqlite3 *db, const char *sql, struct fault *fault)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? E_OK : database_fault(db, fault);
}

enum error database_step(sqlite3_stmt *statement, struct fault *fault)
{
	int result = sqlite3_step(statement);
	enum error error = E_OK;

	if (result == SQLITE_ROW)
		error = fault_at(fault, E_INTERNAL, "sqlite %d", result);
	else if (result != SQLITE_DONE)
		error = database_fault(sqlite3_db_handle(statement), fault);
	sqlite3_reset(statement);
	return error;
}

/* SQLite does not sync a log that it cuts off: after a power cut the old one would be back. */
static int log_sync(sqlite3 *db)
{
	sqlite3_file *log = NULL;
	int result = sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);

	if (result == SQLITE_OK && log != NULL && log->pMethods != NULL)
		result = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
	return result;
}

enum error database_wipe_log(sqlite3 *db, int patience_ms, struct fault *fault)
{
	int result;

	sqlite3_busy_timeout(db, patience_ms);
	result = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	sqlite3_busy_timeout(db, DATABASE_PATIENCE_MS);
	if (result != SQLITE_OK)
		return database_fault(db, fault);
	/* Pages in there still have what was kept out of the file. */
	database_wipe_memory(db);
	result = log_sync(db);
	return result == SQLITE_OK ? E_OK : fault_at(fault, database_error(result), "sqlite %d", result);
}

void database_wipe_memory(sqlite3 *db)
{
	sqlite3_db_release_memory(db);
}

/* The longest row that fits into one page, of zeros, which is never written to the disk. */
void database_wipe_scratch(sqlite3 *db)
{
	enum { BESIDE_ROW = 38 }; /* a page's and a cell's head, as SQLite's file format has them */
	char sql[160];

	snprintf(sql, sizeof(sql),
		 "BEGIN IMMEDIATE; CREATE TABLE scratch(filler); INSERT INTO scratch VALUES(zeroblob(%d)); ROLLBACK",
		 DATABASE_PAGE - CIPHER_ROOM - BESIDE_ROW);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK && !sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

/* Binding fails only for a parameter that the statement does not have, or while it is being stepped. */
static void must_bind(int result)
{
	if (result != SQLITE_OK)
		abort();
}

void bind_bytes(sqlite3_stmt *statement, int index, struct bytes data)
{
	/* A null pointer would bind NULL rather than an empty value. */
	must_bind(sqlite3_bind_blob64(statement, index, data.data == NULL ? (const void *)"" : data.data, data.size,
				      SQLITE_STATIC));
}

void bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	must_bind(sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC));
}

void bind_number(sqlite3_stmt *statement, int index, uint64_t value)
{
	must_bind(sqlite3_bind_int64(statement, index, (sqlite3_int64)value));
}

struct bytes column_bytes(sqlite3_stmt *statement, int index)
{
	const uint8_t *data = sqlite3_column_blob(statement, index);

	return (struct bytes){data, (size_t)sqlite3_column_bytes(statement, index)};
}

uint64_t column_number(sqlite3_stmt *statement, int index)
{
	return (uint64_t)sqlite3_column_int64(statement, index);
}

const char *column_text(sqlite3_stmt *statement, int index)
{
	const unsigned char *text = sqlite3_column_text(statement, index);

	return text == NULL ? "" : (const char *)text;
}
