/* key_file - the text files that hold keys: a comment line, then "name = hex" lines, each name once and none missing.
 *
 * What is read is wiped from memory; the caller wipes the values. */
#ifndef SIMPUL_KEY_FILE_H
#define SIMPUL_KEY_FILE_H

#include "common/bytes.h"
#include "common/error.h"

#include <sys/types.h>

#define KEY_FILE_LIMIT 4096
#define KEY_LINE_SIZE 64 /* most bytes of a value */

/* One "name = hex" line of a key file. */
struct key_line {
	const char *name;
	uint8_t *value;
	size_t size;
};

/* With mode 0600. E_EXISTS when the file is there: a key is never overwritten. */
enum error key_file_save(const char *comment, const struct key_line *lines, size_t count, const char *path,
			 struct fault *fault);
/* Fills the values. E_NOT_FOUND; E_CONFIG when others may read it; E_INVALID for other lines than these. */
enum error key_file_load(const struct key_line *lines, size_t count, const char *path, struct fault *fault);
/* Reads a file of secrets; `forbidden` are the permission bits that it must not have. */
enum error secret_read(const char *path, mode_t forbidden, struct buffer *text, struct fault *fault);

#endif
