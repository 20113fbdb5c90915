/* watch_file - the one file that a watcher needs: where a broker's log can be followed, its key, and the watcher's own.
 *
 *   endpoint = tcp://192.0.2.1:7403
 *   server = 64 hexadecimal digits
 *   secret = 64 hexadecimal digits
 *
 * Mode 0600: whoever has it can read the log until the watcher is removed at the broker. */
#ifndef SIMPUL_WATCH_FILE_H
#define SIMPUL_WATCH_FILE_H

#include "common/keys.h"

struct watch_file {
	char endpoint[128];
	uint8_t server[KEY_SIZE]; /* the public key of the broker's log socket */
	struct curve_key key;
};

/* E_EXISTS when the file is there. */
enum error watch_file_save(const struct watch_file *file, const char *path, struct fault *fault);
/* E_NOT_FOUND, E_CONFIG when others may read it, E_INVALID. Wipe the result with keys_wipe. */
enum error watch_file_load(struct watch_file *file, const char *path, struct fault *fault);

#endif
