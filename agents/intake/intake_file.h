/* intake_file - one file of a drop folder: is it whole, read it, put it away. */
#ifndef SIMPUL_INTAKE_FILE_H
#define SIMPUL_INTAKE_FILE_H

#include "common/bytes.h"
#include "common/clock.h"
#include "common/error.h"
#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

/* Which bytes a name stood for when it was looked at. */
struct file_mark {
	ino_t inode;
	off_t size;
	struct timespec modified;
};

/* Whether a file of this name may be meant for the intake at all. */
bool file_name_eligible(const char *name);
/* False when there is no regular file at `path`. */
bool file_look(const char *path, struct file_mark *mark);
bool file_mark_equal(const struct file_mark *a, const struct file_mark *b);
/* Whether a file system (statfs) is that of another machine or program, whose changes the kernel does not hear of. */
bool file_system_remote(long type);
/* Whether a folder lies on such a file system. */
bool folder_remote(const char *path);
/* Reads the whole file when it is the one of `mark` before and after, and nobody has it open for writing as far as the
 * kernel knows; `remote`: not asked, for it does not. E_BUSY: look again later; E_TOO_LARGE: above `limit`;
 * E_NOT_FOUND, E_IO. */
enum error file_take(const char *path, const struct file_mark *mark, bool remote, size_t limit, struct buffer *content);
/* Makes <folder>/<sub> (0700) unless it is there. */
bool folder_make(const char *folder, const char *sub);
/* Removes the files that lie directly in <folder>/<sub> and were last changed before a time; gives how many. */
size_t folder_expire(const char *folder, const char *sub, wall_ms before);
/* What is meant for the intake and lies in a drop folder: files that this user may not read, and of the others those
 * that nobody has changed or moved since before a time. */
struct files_left {
	size_t closed, old;
};
struct files_left folder_left(const char *folder, wall_ms before);
/* Moves <folder>/<name> to <folder>/<sub>/<name>, or name-1 ... name-99 when that is taken, or then to one with the
 * time in it; both folders are synced. From then on its time of change is that of the moving, where the file's owner
 * lets it be set. With a `reason` (may be NULL), a file <name>.reason.txt is written beside it first. E_OK,
 * E_DISK_FULL, E_IO: among others when <folder>/<sub> is not there, or is a link. */
enum error file_put_away(const char *folder, const char *name, const char *sub, const char *reason);
/* Writes <folder>/<sub>/<name>, or name-1 ... name-99, or then one with the hash of the content in it, unless one of
 * these has this very content already: however often the same is written, there is one of it. `*written` becomes the
 * name of the file that has it, free() it; the file that it named before (NULL: none) goes, and stays on an error.
 * Errors as before. */
enum error file_put_beside(const char *folder, const char *name, const char *sub, struct bytes content, char **written);

#endif
