/* authority - the authority's key where a command is given its file. */
#ifndef SIMPUL_BROKER_AUTHORITY_H
#define SIMPUL_BROKER_AUTHORITY_H

#include "common/keys.h"
#include "common/succession.h"

#define AUTHORITY_KEY "the authority's key" /* as a question for its passphrase names it */

/* Loads it; asks for the passphrase when it is locked (passphrase_old). */
enum error authority_open(struct signing_key *key, const char *path, const char *passphrase_file, struct fault *fault);
/* Saves a new one, locked with `passphrase` or, NULL, open. */
enum error authority_save(const struct signing_key *key, const char *passphrase, const char *path, struct fault *fault);
/* How this key came to be the authority's: "<path>.successions", none without such a file. */
enum error authority_successions(const char *path, struct successions *successions, struct fault *fault);

#endif
