/* backup - copies of what is in use: databases by SQLite's own backup, marked and verified; folders that are there
 * whole or not at all.
 *
 * A database that comes out of a backup says so (BACKUP_MARK in its table meta), however it was put back: whoever opens
 * it must not go on where it ends, for the others may have seen more. */
#ifndef SIMPUL_BACKUP_H
#define SIMPUL_BACKUP_H

#include "common/cipher_vfs.h"
#include "common/error.h"
#include <stdbool.h>

#define BACKUP_MARK "backup"

/* Copies a database that others may be writing into a new file (0600), as of one moment; `marked` adds BACKUP_MARK. The
 * copy is one file without a log, checked as a whole and synced. E_EXISTS, E_CORRUPT, E_DISK_FULL, E_IO, E_NOT_FOUND.
 */
enum error backup_database(const char *from, const char *to, int version, bool marked, struct fault *fault);
/* Likewise an agent's store (database_open_store); `to_cipher` NULL: the copy is plain, whatever `from_cipher`. */
enum error backup_store(const char *from, const struct cipher *from_cipher, const char *to,
			const struct cipher *to_cipher, int version, bool marked, struct fault *fault);
/* Puts a marked copy of a store back, from where nothing need be writable; as backup_store. */
enum error backup_put_back(const char *from, const char *to, const struct cipher *cipher, int version,
			   struct fault *fault);
/* A small file (4 MiB at most), synced, 0600. E_EXISTS when `to` is there. */
enum error backup_file(const char *from, const char *to, struct fault *fault);

/* Makes "<folder>.part" (0700) to work in, without what an attempt before left there; free() it. NULL with E_EXISTS
 * when `folder` is there, or E_IO. */
char *backup_begin(const char *folder, struct fault *fault);
/* Gives the folder its name when `error` is E_OK, which is synced, or removes it; returns what came of it. Frees
 * `part`. */
enum error backup_end(char *part, const char *folder, enum error error, struct fault *fault);

#endif
