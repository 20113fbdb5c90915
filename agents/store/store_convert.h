/* store_convert - writes a store that nobody uses anew under another key, or none. */
#ifndef SIMPUL_STORE_CONVERT_H
#define SIMPUL_STORE_CONVERT_H

#include "common/cipher_vfs.h"

/* Whether the store can be read with this cipher (NULL: is plain); `there` false: there is no store. E_CORRUPT,
 * E_VERSION, E_IO: it cannot be read at all. */
enum error store_fits(const char *path, const struct cipher *cipher, bool *there, bool *fits, struct fault *fault);
/* Copies it, checks and syncs the copy and gives it the store's name; what was the file before is overwritten with
 * zeros. At every moment there is a whole store under its name. store_lock must be held. E_BUSY: somebody reads it. */
enum error store_convert(const char *path, const struct cipher *from, const struct cipher *to, struct fault *fault);

#endif
