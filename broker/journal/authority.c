/* authority - opens and saves the authority's key, and reads what lies beside it. */
#include "broker/journal/authority.h"

#include "common/memory.h"
#include <stdlib.h>

enum error authority_open(struct signing_key *key, const char *path, const char *passphrase_file, struct fault *fault)
{
	struct key_lock lock = {.file = passphrase_file, .what = AUTHORITY_KEY};
	const enum error error = signing_key_load(key, &lock, path, fault);

	key_lock_wipe(&lock);
	return error;
}

enum error authority_save(const struct signing_key *key, const char *passphrase, const char *path, struct fault *fault)
{
	struct key_lock lock = {.file = NULL};
	enum error error = passphrase != NULL ? key_lock_new(&lock, passphrase, &KEY_LOCK_COST, fault) : E_OK;

	if (error == E_OK)
		error = signing_key_save(key, "authority", key_lock_same(&lock), path, fault);
	key_lock_wipe(&lock);
	return error;
}

enum error authority_successions(const char *path, struct successions *successions, struct fault *fault)
{
	char *beside = memory_format("%s.successions", path);
	struct fault inner = {0};
	const enum error error = successions_load(successions, beside, &inner);

	free(beside);
	return error == E_OK || error == E_NOT_FOUND ? E_OK : fault_pass(fault, &inner);
}
