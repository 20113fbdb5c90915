/* take_up - opens the journal with the keys that are in force, or puts the newer ones in force; and the files of keys.
 */
#include "broker/serve/take_up.h"

#include "common/clock.h"
#include "common/key_hold.h"
#include "common/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

char *newer_keys_path(const struct broker_settings *settings)
{
	return memory_format("%s.next", settings->keys);
}

/* Open files lie beside an open one. */
static struct key_lock *lock_of(struct key_lock *lock)
{
	return lock->has_key ? lock : NULL;
}

enum error newer_keys_load(const struct broker_settings *settings, const struct broker_identity *identity,
			   struct broker_keys **newer, struct fault *fault)
{
	struct broker_keys *keys = memory_zero(1, sizeof(*keys));
	struct key_lock lock = identity->lock;
	char *path = newer_keys_path(settings);
	enum error error;

	key_lock_forget(&lock); /* to ask for another passphrase, or to turn it into a key, takes too long */
	error = broker_keys_load(keys, lock_of(&lock), path, fault);
	if (error != E_OK) {
		broker_keys_free(keys);
		keys = NULL;
	}
	*newer = keys;
	key_lock_wipe(&lock);
	free(path);
	return error;
}

void newer_keys_file(const struct broker_settings *settings)
{
	char *path = newer_keys_path(settings);
	int hold;

	if (key_hold(settings->keys, &hold, NULL) != E_OK)
		log_event(LOG_LEVEL_ERROR, "keys.unfiled", F_NUM("errno", EWOULDBLOCK));
	else if (rename(path, settings->keys) != 0)
		log_event(LOG_LEVEL_ERROR, "keys.unfiled", F_NUM("errno", errno));
	else
		log_event(LOG_LEVEL_NOTICE, "keys.taken_up", F_TEXT("file", settings->keys));
	key_hold_end(hold);
	free(path);
}

/* ---- at the start */

/* What cannot be read does not keep the broker from going on with what it has. */
static bool newer_load(const char *path, struct broker_identity *identity, struct broker_keys *newer)
{
	struct fault fault = {0};
	const enum error error = broker_keys_load(newer, lock_of(&identity->lock), path, &fault);

	if (error != E_OK && error != E_NOT_FOUND)
		log_event(LOG_LEVEL_ERROR, "keys.unreadable", F_TEXT("code", error_name(error)));
	return error == E_OK;
}

static enum error journal_open_with(const struct broker_settings *settings, const struct broker_identity *identity,
				    struct journal **journal, struct fault *fault)
{
	struct journal_options options = broker_journal_options(settings, identity);
	const enum error error = journal_open(journal, &options, fault);

	keys_wipe(&options, sizeof(options));
	return error;
}

static enum error take_up(const struct broker_settings *settings, struct broker_identity *identity,
			  const struct broker_keys *newer, struct journal **journal, bool *taken, struct fault *fault)
{
	const struct broker_keys present = identity->keys;
	enum error error = journal_open_with(settings, identity, journal, fault);

	*taken = true;
	if (error == E_OK) {
		error = journal_succeed(*journal, newer, clock_now().wall, fault);
		*taken = error == E_OK;
		if (error == E_NOT_FOUND) {
			log_event(LOG_LEVEL_WARNING, "keys.unannounced", F_TEXT("file", settings->keys));
			error = E_OK;
		}
	} else if (error == E_INVALID) {
		identity->keys = *newer;
		error = journal_open_with(settings, identity, journal, fault);
	}
	identity->keys = error == E_OK && *taken ? *newer : present;
	return error;
}

enum error keys_take_up(const struct broker_settings *settings, struct broker_identity *identity,
			struct journal **journal, struct fault *fault)
{
	char *path = newer_keys_path(settings);
	struct broker_keys newer;
	bool taken = false;
	enum error error;

	if (newer_load(path, identity, &newer))
		error = take_up(settings, identity, &newer, journal, &taken, fault);
	else
		error = journal_open_with(settings, identity, journal, fault);
	if (error == E_OK && taken)
		newer_keys_file(settings);
	keys_wipe(&newer, sizeof(newer));
	free(path);
	return error;
}
