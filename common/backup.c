/* backup - SQLite's backup in one step, the mark, the check, and folders by their second name. */
#include "common/backup.h"
#include "common/database.h"
#include "common/file.h"
#include "common/keys.h"
#include "common/leftover.h"
#include "common/memory.h"
#include "common/overwrite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_LIMIT (4 * 1024 * 1024)

/* ---- databases */

/* All in one step: in several, each commit of the one who writes would begin the copy anew. */
static enum error pages_copy(sqlite3 *from, sqlite3 *to, struct fault *fault)
{
	sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
	int result = backup == NULL ? SQLITE_ERROR : sqlite3_backup_step(backup, -1);

	sqlite3_backup_finish(backup);
	if (result == SQLITE_DONE)
		return E_OK;
	return fault_at(fault, result == SQLITE_OK ? E_IO : database_error(result), "sqlite %d", result);
}

/* The schema is read first, which a full disk may forbid: of a statement that is not prepared the program would die. */
static enum error integrity_check(sqlite3 *db, struct fault *fault)
{
	const enum error error = database_run(db, "SELECT 1 FROM sqlite_schema LIMIT 1", fault);
	sqlite3_stmt *check;
	bool whole;

	if (error != E_OK)
		return error;
	check = database_prepare(db, "PRAGMA integrity_check(1)");
	whole = sqlite3_step(check) == SQLITE_ROW && strcmp(column_text(check, 0), "ok") == 0;
	sqlite3_finalize(check);
	return whole ? E_OK : fault_at(fault, E_CORRUPT, "integrity_check");
}

/* What is in the log is in the file and synced; the log is removed with the last connection. */
static enum error log_end(sqlite3 *db, struct fault *fault)
{
	const int result = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);

	return result == SQLITE_OK ? E_OK : database_fault(db, fault);
}

/* Without a log the copy is one file, and the change of mode is synced like any other. A sealed one keeps the mode, for
 * the change would put a page into a journal. */
static enum error copy_finish(sqlite3 *db, bool sealed, bool marked, struct fault *fault)
{
	static const char mark[] = "INSERT OR REPLACE INTO meta(key, value) VALUES('" BACKUP_MARK "', 1)";
	enum error error = sealed ? E_OK : database_run(db, "PRAGMA journal_mode=DELETE", fault);

	if (error == E_OK && marked)
		error = database_run(db, mark, fault);
	if (error == E_OK)
		error = integrity_check(db, fault);
	return error == E_OK && sealed ? log_end(db, fault) : error;
}

static enum error file_make(const char *path, struct fault *fault)
{
	const int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return fault_at(fault, errno == EEXIST ? E_EXISTS : E_IO, "%s", path);
	close(fd);
	return E_OK;
}

/* Of one that failed, with what SQLite has left beside it. */
static void copy_remove(const char *path)
{
	static const char *const ends[] = {"", "-journal", "-wal", "-shm"};

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		char *file = memory_format("%s%s", path, ends[i]);

		overwrite_file(file, NULL);
		free(file);
	}
}

static enum error copy_make(sqlite3 *from, const char *path, const struct cipher *cipher, bool marked,
			    struct fault *fault)
{
	sqlite3 *to = NULL;
	enum error error = file_make(path, fault);

	if (error != E_OK)
		return error;
	if (sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, cipher_vfs(cipher)) != SQLITE_OK)
		error = fault_at(fault, E_IO, "%s", path);
	if (error == E_OK)
		error = leftover_stop(to, path, fault);
	/* No journal file: what is larger than the cache would be written to it, and a cipher refuses that; the copy is
	 * removed when it fails. */
	if (error == E_OK)
		error = database_run(
			to, "PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY; PRAGMA journal_mode=MEMORY", fault);
	if (error == E_OK)
		error = pages_copy(from, to, fault);
	if (error == E_OK)
		error = copy_finish(to, cipher != NULL, marked, fault);
	sqlite3_close(to);
	if (error != E_OK)
		copy_remove(path);
	return error;
}

enum error backup_database(const char *from, const char *to, int version, bool marked, struct fault *fault)
{
	sqlite3 *source;
	enum error error = database_open(&source, from, DATABASE_READ, version, NULL, fault);

	if (error != E_OK)
		return error;
	error = copy_make(source, to, NULL, marked, fault);
	database_close(source);
	return error;
}

enum error backup_store(const char *from, const struct cipher *from_cipher, const char *to,
			const struct cipher *to_cipher, int version, bool marked, struct fault *fault)
{
	sqlite3 *source;
	enum error error = database_open_store(&source, from, DATABASE_READ, from_cipher, version, NULL, fault);

	if (error != E_OK)
		return error;
	error = copy_make(source, to, to_cipher, marked, fault);
	database_close(source);
	return error;
}

enum error backup_put_back(const char *from, const char *to, const struct cipher *cipher, int version,
			   struct fault *fault)
{
	sqlite3 *source;
	enum error error = database_open_store(&source, from, DATABASE_COPY, cipher, version, NULL, fault);

	if (error != E_OK)
		return error;
	error = copy_make(source, to, cipher, true, fault);
	database_close(source);
	return error;
}

/* ---- files and folders */

/* Keys are copied so too. */
enum error backup_file(const char *from, const char *to, struct fault *fault)
{
	struct buffer content = {0};
	enum error error = access(to, F_OK) == 0 ? fault_at(fault, E_EXISTS, "%s", to) : E_OK;

	if (error == E_OK)
		error = file_read(from, FILE_LIMIT, &content, fault);
	if (error == E_OK)
		error = file_write(to, buffer_view(&content), 0600, fault);
	keys_wipe(content.data, content.size);
	buffer_free(&content);
	return error;
}

/* Not through a link that somebody left under this name. */
static void folder_remove(const char *folder)
{
	const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		char *path = memory_format("%s/%s", folder, entry->d_name);

		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 && unlink(path) != 0)
			folder_remove(path);
		free(path);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(folder);
}

char *backup_begin(const char *folder, struct fault *fault)
{
	char *part;

	if (access(folder, F_OK) == 0) {
		fault_at(fault, E_EXISTS, "%s", folder);
		return NULL;
	}
	part = memory_format("%s.part", folder);
	folder_remove(part);
	if (mkdir(part, 0700) == 0)
		return part;
	fault_at(fault, E_IO, "%s: %s", part, strerror(errno));
	free(part);
	return NULL;
}

static enum error folder_name(const char *part, const char *folder, struct fault *fault)
{
	if (!folder_sync(part))
		return fault_at(fault, E_IO, "%s: %s", part, strerror(errno));
	return file_rename(part, folder, fault);
}

enum error backup_end(char *part, const char *folder, enum error error, struct fault *fault)
{
	if (error == E_OK)
		error = folder_name(part, folder, fault);
	if (error != E_OK)
		folder_remove(part);
	free(part);
	return error;
}
