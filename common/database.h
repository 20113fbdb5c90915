/* database - SQLite as Simpul uses it: opened with pragmas that are read back, statements that are
 * prepared once, errors as codes.
 *
 * One connection of a process writes and checkpoints a file (SQLite 3.40 has a bug when two do);
 * readers open with DATABASE_READ. After an error of a commit the connection is not used again.
 * A connection and its statements belong to one thread at a time. */
#ifndef SIMPUL_DATABASE_H
#define SIMPUL_DATABASE_H

#include "common/bytes.h"
#include "common/cipher_vfs.h"
#include "common/error.h"
#include <sqlite3.h>

/* How long a file that another connection keeps busy is waited for. */
#define DATABASE_PATIENCE_MS 5000

/* Of the log, from which on a commit copies it into the file: 4 MiB. */
#define DATABASE_LOG_PAGES 512

enum database_mode {
	/* creates the file (0600) and syncs its folder; pages of DATABASE_PAGE (another size is E_VERSION), WAL, synchronous=FULL,
	 * secure_delete=ON (and what that leaves behind, leftover.h), foreign_keys=ON, temp_store=MEMORY; at most 256 GiB; what is
	 * read from it is on disk, whatever became of the process that wrote it */
	DATABASE_WRITE,
	/* query_only, wal_autocheckpoint=0, temp_store=MEMORY */
	DATABASE_READ,
	/* the same of a copy that nobody writes, also where nothing may be written: no file is made beside it, and no
	 * lock taken */
	DATABASE_COPY,
};

/* `schema` (DATABASE_WRITE) is run inside one transaction when user_version is 0, and user_version becomes `version`;
 * another version than `version` is E_VERSION. Each pragma is read back: E_IO when it did not take.
 * DATABASE_READ and DATABASE_COPY never create the file (E_NOT_FOUND, E_PERMISSION) and check the version only. On an error *db is NULL. */
enum error database_open(sqlite3 **db, const char *path, enum database_mode mode, int version, const char *schema,
			 struct fault *fault);
/* As database_open, of an agent's store: its pages have CIPHER_ROOM bytes free, and with `cipher` (NULL: none) everything in its
 * files is sealed. E_STORE_LOCKED, E_STORE_PLAIN, E_STORE_KEY when the file is not as `cipher` says. */
enum error database_open_store(sqlite3 **db, const char *path, enum database_mode mode, const struct cipher *cipher,
			       int version, const char *schema, struct fault *fault);
void database_close(sqlite3 *db); /* finalises every statement that was prepared on it; NULL is allowed */

/* E_OK, E_DISK_FULL, E_CORRUPT, E_BUSY, E_IO, E_EXISTS (constraint) for an SQLite result code. */
enum error database_error(int result);
/* The error of the connection's last call, with its extended result code in the field (never a value). */
enum error database_fault(sqlite3 *db, struct fault *fault);

/* Prepares once; aborts on SQL that does not compile, which is a program error, and ends the program without memory. */
sqlite3_stmt *database_prepare(sqlite3 *db, const char *sql);
/* Runs one statement without results. */
enum error database_run(sqlite3 *db, const char *sql, struct fault *fault);
/* Steps a statement that gives no rows and resets it. */
enum error database_step(sqlite3_stmt *statement, struct fault *fault);

/* After what must not be read any more was deleted: secure_delete and leftover.h see to the file, but its old pages stand
 * in the log until that is cut off, and on the disk until the cut is synced; and in this connection's memory, from where
 * they would come into the next log. E_BUSY: a reader is in the way, try again; waits `patience_ms` for it at most. */
enum error database_wipe_log(sqlite3 *db, int patience_ms, struct fault *fault);
/* Of what was erased nothing stays in the memory of a connection that reads either (common/forgetful.c). */
void database_wipe_memory(sqlite3 *db);
/* The same of the connection that writes: SQLite puts a row together in a page apart, where the one that was longest
 * stays behind those that came later. */
void database_wipe_scratch(sqlite3 *db);

/* Shorthands; the bytes must live until the statement is reset. */
void bind_bytes(sqlite3_stmt *statement, int index, struct bytes data);
void bind_text(sqlite3_stmt *statement, int index, const char *text);
void bind_number(sqlite3_stmt *statement, int index, uint64_t value);
struct bytes column_bytes(sqlite3_stmt *statement, int index); /* valid until the next step or reset */
uint64_t column_number(sqlite3_stmt *statement, int index);
const char *column_text(sqlite3_stmt *statement, int index); /* "" for NULL */

#endif
