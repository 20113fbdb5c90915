/* overwrite - takes a file off the disk that held something in the clear: first what is in it, then its name.
 *
 * A disk that writes elsewhere what it overwrites (every SSD) may keep the old bytes all the same. A file that has
 * another name too is left whole under that one: it may be a copy that somebody wants, or one that is still in use. */
#ifndef SIMPUL_OVERWRITE_H
#define SIMPUL_OVERWRITE_H

#include "common/error.h"

/* Names that nobody gives to a copy of his own: whatever is left under them is overwritten, and nobody is asked. */
#define OVERWRITE_FRESH ".unfinished"
#define OVERWRITE_FORMER ".overwritten"

/* Zeros, synced; then the name goes. E_OK also when there is no such file; E_IO. */
enum error overwrite_file(const char *path, struct fault *fault);
/* Gives `fresh`, which is synced, the name `path` and overwrites the file that had it. Broken off, that may be left as
 * path + OVERWRITE_FORMER: for overwrite_file, or for the next call. */
enum error overwrite_replace(const char *fresh, const char *path, struct fault *fault);

#endif
