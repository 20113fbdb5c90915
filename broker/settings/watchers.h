/* watchers - the file of those who may follow the broker's log from afar: a name and a CURVE public key a line.
 *
 *   duty-officer = 4f1c...        64 hexadecimal digits; lines that begin with # say nothing
 *
 * simpulctl watcher writes it; the broker reads it at its start and when it is told to. A key that is or was a member's is
 * no watcher's, whatever the file says. */
#ifndef SIMPUL_WATCHERS_H
#define SIMPUL_WATCHERS_H

#include "common/error.h"
#include "common/keys.h"
#include "common/limit.h"

#define WATCHER_NAME_SIZE 33

struct core;

struct watchers {
	size_t count;
	struct {
		char name[WATCHER_NAME_SIZE];
		uint8_t key[KEY_SIZE];
	} list[LIMIT_WATCHERS];
};

/* [a-z0-9-]{1,32} */
bool watcher_name_valid(const char *name);
/* Replaces what is there; a file that is not there has nobody in it. E_CONFIG with "watchers:3: what", E_IO: as it was. */
enum error watchers_load(struct watchers *watchers, const char *path, struct fault *fault);
/* E_OK and the name, or E_KEY_UNKNOWN. `name` may be NULL; it is valid until the next load. */
enum error watchers_key_status(const struct watchers *watchers, const struct core *core, const uint8_t key[KEY_SIZE],
			       const char **name);

/* Changes of the file, for simpulctl. E_EXISTS, E_NOT_FOUND at the name, E_TOO_LARGE, and as watchers_load. */
enum error watchers_add(const char *path, const char *name, const uint8_t key[KEY_SIZE], struct fault *fault);
enum error watchers_remove(const char *path, const char *name, struct fault *fault);

#endif
