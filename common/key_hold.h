/* key_hold - lets one program at a time change the key files of a folder.
 *
 * What one reads before another changes it would come back under the former passphrase, and of newer keys that two make
 * at once one would be lost. Whoever only reads needs no hold: a whole file is there at every moment. */
#ifndef SIMPUL_KEY_HOLD_H
#define SIMPUL_KEY_HOLD_H

#include "common/error.h"

#define KEY_HOLD_PATIENCE_MS 3000

/* *hold is an open file that is closed when all is written, and ends with the process; -1: there is none. Nobody is
 * asked anything while it is open: others wait for it. E_EXISTS: another one has it, and did not end within the
 * patience. A file system that knows no such locks keeps nobody from his keys. */
enum error key_hold(const char *path, int *hold, struct fault *fault);
void key_hold_end(int hold);

#endif
