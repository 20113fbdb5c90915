/* officer_passphrase - simpul keys passphrase: gives the keys of an office a passphrase, another one or none, and
 * encrypts its store or decrypts it, for that goes with them.
 *
 * Every step leaves a state that the same command, given once more, brings to its end: the store's key is there before
 * the store needs it and goes after it did, and police.oku.keys, by which the old passphrase is checked, is written
 * last. */
#include "agents/officer/officer.h"
#include "agents/officer/officer_passphrase.h"
#include "agents/reports/remains.h"
#include "agents/store/keyring.h"
#include "agents/store/store_convert.h"
#include "common/file.h"
#include "common/key_file.h"
#include "common/key_hold.h"
#include "common/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct change {
	const struct passphrase_wish *wish;
	const char *keys, *store;
	char *store_key, *store_key_next;
	struct key_lock *from, to;	/* `to` without a key: they are to lie open */
	struct cipher *former, *cipher; /* what the store had, NULL: it was plain; what it gets */
	bool encrypted, decrypted;
};

/* ------------------------------------------------------------------ the key of the store */

/* What the keys were opened with; NULL when they lay open: then nobody is asked for an old passphrase, unless none is
 * to be left of an attempt to give them their first. */
static struct key_lock *opener(const struct change *change)
{
	return change->from->has_key || change->wish->open ? change->from : NULL;
}

/* Opens it with the old passphrase or, where an attempt before came so far, with the new one. None: *cipher is NULL. */
static enum error key_open(const struct change *change, const char *path, const struct passphrase *newer,
			   struct cipher **cipher, struct fault *fault)
{
	struct key_lock after = {.has_passphrase = true, .passphrase = *newer};
	enum error error = store_key_open(path, opener(change), cipher, fault);

	if (error == E_PASSPHRASE && !change->wish->open)
		error = store_key_open(path, &after, cipher, fault);
	key_lock_wipe(&after);
	return error == E_NOT_FOUND ? E_OK : error;
}

/* Another key was made, and an attempt before ended between the store and the key's name. */
static enum error next_settle(const struct change *change, const struct passphrase *newer, struct fault *fault)
{
	struct cipher *next;
	bool there, fits = false;
	enum error error = key_open(change, change->store_key_next, newer, &next, fault);

	if (error == E_OK && next == NULL)
		return E_OK;
	if (error == E_OK)
		error = store_fits(change->store, next, &there, &fits, fault);
	cipher_free(next);
	if (error == E_OK && fits)
		return file_rename(change->store_key_next, change->store_key, fault);
	/* Which of the two opens it nobody can say now. */
	if (error == E_OK && !there)
		return fault_at(fault, E_NOT_FOUND, "%s", change->store);
	if (error == E_OK && unlink(change->store_key_next) != 0)
		error = fault_at(fault, E_IO, "%s: %s", change->store_key_next, strerror(errno));
	return error;
}

/* ------------------------------------------------------------------ the store */

/* Brings it under `to`, from whatever of the two it has. */
static enum error store_bring(struct change *change, const struct cipher *from, const struct cipher *to,
			      struct fault *fault)
{
	bool there, fits;
	enum error error = store_fits(change->store, to, &there, &fits, fault);

	if (error != E_OK || !there || fits)
		return error;
	error = store_convert(change->store, from, to, fault);
	if (error == E_OK) {
		change->encrypted = from == NULL;
		change->decrypted = to == NULL;
	}
	return error;
}

/* Whether there is nothing that the store's key opens. */
static enum error store_keyless(const struct change *change, bool *keyless, struct fault *fault)
{
	bool there, plain;
	enum error error = store_fits(change->store, NULL, &there, &plain, fault);

	*keyless = !there || plain;
	return error;
}

/* Beside keys that lie open, the key of a store that stayed plain would keep the agent from starting. */
static enum error store_first(struct change *change, const struct cipher *to, struct fault *fault)
{
	enum error error = store_bring(change, NULL, to, fault);
	bool keyless;

	if (error != E_OK && !change->from->has_key && store_keyless(change, &keyless, NULL) == E_OK && keyless)
		unlink(change->store_key);
	return error;
}

static enum error store_encrypt(struct change *change, const struct passphrase *newer, struct fault *fault)
{
	bool keyless;
	enum error error;

	if (change->former != NULL) {
		error = key_lock_new(&change->to, newer->text, change->wish->cost, fault);
		return error == E_OK ? store_first(change, change->former, fault) : error;
	}
	error = store_keyless(change, &keyless, fault);
	if (error == E_OK && !keyless)
		error = fault_at(fault, E_STORE_LOCKED, "%s", change->store);
	if (error == E_OK)
		error = store_key_ready(change->store_key, newer->text, change->wish->cost, &change->to,
					&change->cipher, fault);
	return error == E_OK ? store_first(change, change->cipher, fault) : error;
}

static enum error file_remove(const char *path, struct fault *fault)
{
	return unlink(path) == 0 || errno == ENOENT ? E_OK : fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
}

/* Of a store that is not there the key stays, and is opened as the others are: its disk may be mounted later. */
static enum error store_decrypt(struct change *change, struct fault *fault)
{
	bool there = true, plain;
	enum error error = store_bring(change, change->former, NULL, fault);

	if (error == E_OK)
		error = store_fits(change->store, NULL, &there, &plain, fault);
	if (!there)
		return error;
	if (error == E_OK)
		error = file_remove(change->store_key_next, fault);
	return error == E_OK ? file_remove(change->store_key, fault) : error;
}

static enum error store_rekey(struct change *change, struct fault *fault)
{
	enum error error = store_key_make(change->store_key_next, &change->to, fault);

	if (error == E_OK)
		error = store_key_open(change->store_key_next, &change->to, &change->cipher, fault);
	if (error == E_OK)
		error = store_bring(change, change->former, change->cipher, fault);
	return error == E_OK ? file_rename(change->store_key_next, change->store_key, fault) : error;
}

/* ------------------------------------------------------------------ the files of keys */

static enum error file_relock(struct change *change, const char *path, struct fault *fault)
{
	const struct key_lock *to = key_lock_same(&change->to);
	struct fault inner = {0};
	enum error error;

	if (access(path, F_OK) != 0)
		return E_OK;
	error = key_file_relock(opener(change), to, path, &inner);
	/* Done by an attempt before, which had another salt. */
	if (error == E_PASSPHRASE && to != NULL) {
		struct key_lock after = change->to;

		error = key_file_relock(&after, to, path, &inner);
		key_lock_wipe(&after);
	}
	return error == E_OK ? E_OK : fault_pass(fault, &inner);
}

/* Of keys that newer ones were about to replace, which gives them a second name first: the agent gives it again. */
static enum error second_name_drop(const struct change *change, uint32_t key_id, struct fault *fault)
{
	char *former = keyring_former_path(change->keys, key_id);
	const enum error error = keyring_one_file(former, change->keys) ? file_remove(former, fault) : E_OK;

	free(former);
	return error;
}

static enum error files_relock(struct change *change, uint32_t key_id, struct fault *fault)
{
	char *next = keyring_next_path(change->keys);
	enum error error = file_relock(change, change->store_key, fault);

	if (error == E_OK)
		error = file_relock(change, next, fault);
	free(next);
	for (uint32_t id = 1; error == E_OK && id < key_id; id++) {
		char *former = keyring_former_path(change->keys, id);

		error = file_relock(change, former, fault);
		free(former);
	}
	if (error == E_OK)
		error = second_name_drop(change, key_id, fault);
	return error == E_OK ? file_relock(change, change->keys, fault) : error;
}

/* ------------------------------------------------------------------ the command */

/* The keys of the store; none where it is plain and is to be: an attempt that never got to it may have left one under
 * a passphrase that nobody remembers. */
static enum error keys_open(struct change *change, const struct passphrase *newer, struct fault *fault)
{
	bool there = false, plain = false;
	enum error error = change->wish->open ? store_fits(change->store, NULL, &there, &plain, fault) : E_OK;

	if (error != E_OK || plain)
		return error;
	error = next_settle(change, newer, fault);
	return error == E_OK ? key_open(change, change->store_key, newer, &change->former, fault) : error;
}

static enum error change_make(struct change *change, const struct passphrase *newer, uint32_t key_id,
			      struct fault *fault)
{
	enum error error = keys_open(change, newer, fault);

	if (error == E_OK)
		error = change->wish->open ? store_decrypt(change, fault) : store_encrypt(change, newer, fault);
	if (error == E_OK && change->wish->new_store_key && change->former != NULL)
		error = store_rekey(change, fault);
	return error == E_OK ? files_relock(change, key_id, fault) : error;
}

/* Newer keys are made beside them at no other time. */
static enum error change_held(struct change *change, const struct passphrase *newer, uint32_t key_id,
			      struct fault *fault)
{
	int hold;
	enum error error = key_hold(change->keys, &hold, fault);

	if (error == E_OK)
		error = change_make(change, newer, key_id, fault);
	key_hold_end(hold);
	return error;
}

/* The old passphrase is asked for, and tried, first. */
static enum error change_ask(const struct settings *settings, struct change *change, struct fault *fault)
{
	const char *slash = strrchr(settings->keys, '/');
	struct passphrase newer = {{0}};
	struct node_keys keys = {.key_id = 0};
	enum error error;

	change->from->file = change->wish->old_file != NULL ? change->wish->old_file : settings->passphrase_file;
	error = node_keys_load(&keys, change->from, settings->keys, fault);
	if (error == E_OK && !change->wish->open)
		error = passphrase_new(change->wish->new_file, slash != NULL ? slash + 1 : settings->keys, &newer,
				       fault);
	if (error == E_OK)
		error = change_held(change, &newer, keys.key_id, fault);
	keys_wipe(&keys, sizeof(keys));
	keys_wipe(&newer, sizeof(newer));
	return error;
}

static const char *advice(enum error code)
{
	switch (code) {
	case E_EXISTS:
		return "end it first";
	case E_BUSY:
		return "end what reads it, such as simpul inbox follow";
	case E_MISSING:
		return "--passphrase-file and --new-passphrase-file hold the old and the new one";
	case E_PASSPHRASE:
		return "or the file was changed. When an attempt before was broken off at its very end, the new one "
		       "opens it";
	case E_CONFIG:
		return NULL;
	default:
		return "give the same command once more when that is mended";
	}
}

static void change_say(const struct change *change, const char *passphrase_file)
{
	printf("%s and what is beside it %s\n", change->keys,
	       change->wish->open ? "lie open now: whoever has the files is this office" : "have the new passphrase");
	if (change->encrypted)
		printf("%s is encrypted now. Overwritten is the file that it was; an SSD may keep that all the same, "
		       "and "
		       "so do the places where its log lay, and backups\n",
		       change->store);
	else if (change->decrypted)
		printf("%s is not encrypted any more\n", change->store);
	else if (change->wish->new_store_key)
		printf("%s has another key now\n", change->store);
	if (passphrase_file != NULL && !change->wish->open)
		printf("the agent starts when %s holds it too\n", passphrase_file);
	if (opener(change) == NULL)
		puts("the disk may still hold these keys as they lay open: simpul keys rotate makes new ones");
}

int officer_passphrase(const struct officer *officer, const struct passphrase_wish *wish)
{
	struct settings settings = {.file = NULL};
	struct change change = {.wish = wish, .from = &officer->secrets->lock};
	struct fault fault = {0};
	enum error error = officer_settings(officer, &settings, &fault);
	int lock = -1;

	if (error != E_OK)
		return officer_fail(officer, &fault, NULL);
	change.keys = settings.keys;
	change.store = settings.store;
	change.store_key = store_key_path(settings.keys);
	change.store_key_next = memory_format("%s.next", change.store_key);
	error = file_own(settings.keys, &fault);
	if (error == E_OK)
		error = file_own(settings.store, &fault);
	if (error == E_OK)
		error = store_lock(settings.store, STORE_PATIENCE_MS, &lock, &fault);
	if (error == E_OK)
		error = remains_clear(settings.store, settings.keys, &fault);
	if (error == E_OK)
		error = change_ask(&settings, &change, &fault);
	if (error == E_OK)
		change_say(&change, settings.passphrase_file);
	if (lock >= 0)
		close(lock);
	cipher_free(change.former);
	cipher_free(change.cipher);
	key_lock_wipe(&change.to);
	free(change.store_key);
	free(change.store_key_next);
	settings_free(&settings);
	return error == E_OK ? EX_OK : officer_fail(officer, &fault, advice(error));
}
