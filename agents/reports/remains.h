/* remains - what a change of the passphrase that was broken off left beside an office's store and keys: copies of them,
 * which may lie open while the store is encrypted. */
#ifndef SIMPUL_REMAINS_H
#define SIMPUL_REMAINS_H

#include "common/error.h"

/* The path of one of them; NULL when there is none. free() it. */
char *remains_find(const char *store, const char *keys);
/* Overwrites and removes all of them. store_lock must be held, or they are those of a change under way. */
enum error remains_clear(const char *store, const char *keys, struct fault *fault);

#endif
