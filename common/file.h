/* file - whole files, and names that are on the disk. */
#ifndef SIMPUL_FILE_H
#define SIMPUL_FILE_H

#include "common/bytes.h"
#include "common/error.h"

/* The whole of a regular file, at most `limit` bytes, in place of what `out` held; free with buffer_free.
 * E_NOT_FOUND, E_PERMISSION, E_IO, E_TOO_LARGE. */
enum error file_read(const char *path, size_t limit, struct buffer *out, struct fault *fault);
/* The same of the file of this name in an open folder, and of no file elsewhere to which a link leads: E_IO. */
enum error file_read_at(int folder, const char *name, size_t limit, struct buffer *out, struct fault *fault);
/* Whether both can be read, have at most `limit` bytes and hold the same; what was read is wiped, for keys are compared
 * so. */
bool file_same(const char *one, const char *other, size_t limit);
/* Writes a file so that either the old or the new content is there after a crash: temporary name, fsync, rename,
 * fsync of the folder. `mode` as for open(2). E_IO, E_DISK_FULL. */
enum error file_write(const char *path, struct bytes content, unsigned mode, struct fault *fault);
/* The same under this name in an open folder. */
enum error file_write_at(int folder, const char *name, struct bytes content, unsigned mode, struct fault *fault);
/* What was made, renamed or removed in the folder is on disk; errno says why it is not. */
bool folder_sync(const char *folder);
/* Gives `part` (a file or a folder that is synced) its name, in place of a file that has it; synced. E_IO. */
enum error file_rename(const char *part, const char *name, struct fault *fault);
/* Which file has the name `path`, or that none has it, is on the disk. E_IO. */
enum error file_settle(const char *path, struct fault *fault);

#endif
