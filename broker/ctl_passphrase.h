/* ctl_passphrase - asks for the authority key's passphrase, and other questions that only a person may answer. */
#ifndef SIMPUL_CTL_PASSPHRASE_H
#define SIMPUL_CTL_PASSPHRASE_H

#include "common/authority.h"
#include "common/succession.h"

struct passphrase {
	char text[PASSPHRASE_MOST + 1];
};

/* The passphrase that opens a key: the first line of `file`; without one of the systemd credential simpul.passphrase;
 * without that from the terminal, without echo. E_MISSING when there is no terminal either; E_INVALID when it is empty
 * or longer than PASSPHRASE_MOST; as secret_read for the file. Wipe it with keys_wipe. */
enum error passphrase_old(const char *file, struct passphrase *passphrase, struct fault *fault);
/* The same for a new key: of PASSPHRASE_LEAST bytes at least, and typed twice at the terminal. */
enum error passphrase_new(const char *file, struct passphrase *passphrase, struct fault *fault);
/* Loads the authority's key; asks for the passphrase when the key is locked. */
enum error authority_open(struct signing_key *key, const char *path, const char *passphrase_file, struct fault *fault);

/* How this key came to be the authority's: "<path>.successions", none without such a file. */
enum error authority_successions(const char *path, struct successions *successions, struct fault *fault);

/* Asks at the terminal; true for "yes". E_MISSING when there is none. */
enum error terminal_confirm(const char *question, bool *yes, struct fault *fault);

#endif
