/* key_file - the text files that hold keys: a comment line, then "name = hex" lines, each name once and none missing;
 * locked with a passphrase (key_lock.h) or, when that is said, open.
 *
 * What is read is wiped from memory; the caller wipes the values. */
#ifndef SIMPUL_KEY_FILE_H
#define SIMPUL_KEY_FILE_H

#include "common/bytes.h"
#include "common/error.h"
#include "common/key_lock.h"

#include <sys/types.h>

#define KEY_FILE_LIMIT 4096
#define KEY_LINE_SIZE 64 /* most bytes of a value */

/* With mode 0600; `lock` NULL: the keys lie open. E_EXISTS when the file is there: a key is never overwritten. */
enum error key_file_save(const char *comment, const struct key_line *lines, size_t count, const struct key_lock *lock,
			 const char *path, struct fault *fault);
/* Fills the values; `lock` is not looked at when the file is open. E_NOT_FOUND; E_CONFIG when others may read it;
 * E_INVALID for other lines than these; as key_lock_open. */
enum error key_file_load(const struct key_line *lines, size_t count, struct key_lock *lock, const char *path,
			 struct fault *fault);
/* Opens a key file of any kind and forgets it: whether `lock` fits. */
enum error key_file_check(struct key_lock *lock, const char *path, struct fault *fault);
/* Whether the file asks for a passphrase; as key_file_load, but whatever lines it has. */
enum error key_file_locked(const char *path, bool *locked, struct fault *fault);
/* Locks a key file of any kind with another passphrase, or none (`to` NULL). There is a whole file at every moment;
 * what it was before is overwritten (overwrite.h). E_INVALID when it holds no keys; as file_own. */
enum error key_file_relock(struct key_lock *from, const struct key_lock *to, const char *path, struct fault *fault);
/* Reads a file of secrets; `forbidden` are the permission bits that it must not have. */
enum error secret_read(const char *path, mode_t forbidden, struct buffer *text, struct fault *fault);
/* Whether another file can be put in its place. E_CONFIG when it belongs to another user: that would belong to who runs
 * this (root), and be closed to that user; and when it is a link: that would stand beside it, as of keys on a stick.
 * E_OK when there is none. */
enum error file_own(const char *path, struct fault *fault);

#endif
