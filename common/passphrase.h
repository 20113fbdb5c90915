/* passphrase - asks for the passphrase of a key file, and other questions that only a person may answer. */
#ifndef SIMPUL_PASSPHRASE_H
#define SIMPUL_PASSPHRASE_H

#include "common/error.h"

#include <stdbool.h>

#define PASSPHRASE_LEAST 12 /* bytes of a new one */
#define PASSPHRASE_MOST 1024

struct passphrase {
	char text[PASSPHRASE_MOST + 1];
};

/* The passphrase that opens `what` ("police.oku.keys", as the question names it): the first line of `file`; without one
 * of the systemd credential simpul.passphrase; without that from the terminal, without echo. E_MISSING when there is no
 * terminal either, or this process is in its background; E_INVALID when it is empty or longer than PASSPHRASE_MOST; as
 * secret_read for the file. Wipe it with keys_wipe. */
enum error passphrase_old(const char *file, const char *what, struct passphrase *passphrase, struct fault *fault);
/* The same for a new one: of PASSPHRASE_LEAST bytes at least, and typed twice at the terminal. */
enum error passphrase_new(const char *file, const char *what, struct passphrase *passphrase, struct fault *fault);

/* Asks at the terminal; true for "yes". E_MISSING when there is none. */
enum error terminal_confirm(const char *question, bool *yes, struct fault *fault);

#endif
