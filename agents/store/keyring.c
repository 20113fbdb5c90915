/* keyring - reads the key files of an office and lets newer keys take the place of older ones. */
#include "agents/store/keyring.h"

#include "common/backup.h"
#include "common/file.h"
#include "common/key_file.h"
#include "common/key_hold.h"
#include "common/log.h"
#include "common/memory.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *keyring_next_path(const char *path)
{
	return memory_format("%s.next", path);
}

char *keyring_former_path(const char *path, uint32_t key_id)
{
	return memory_format("%s.%u", path, (unsigned)key_id);
}

/* ---- reading */

/* Nobody is asked for a passphrase beside keys that have none. */
static struct key_lock *opener(struct key_lock *lock)
{
	return lock->has_key ? lock : NULL;
}

static void former_load(struct keyring *ring, uint32_t key_id, struct key_lock *lock)
{
	struct node_keys *former = &ring->former[ring->former_count];
	char *path = keyring_former_path(ring->path, key_id);
	struct fault fault = {0};

	if (node_keys_load(former, opener(lock), path, &fault) == E_OK && former->key_id == key_id)
		ring->former_count++;
	else if (fault.code != E_NOT_FOUND)
		log_event(LOG_LEVEL_WARNING, "key.unreadable", F_NUM("key_id", key_id),
			  F_TEXT("code", error_name(fault.code)));
	free(path);
}

static void next_load(struct keyring *ring, struct key_lock *lock)
{
	char *path = keyring_next_path(ring->path);
	struct fault fault = {0};

	ring->has_next = node_keys_load(&ring->next, opener(lock), path, &fault) == E_OK &&
			 ring->next.key_id > ring->keys.key_id;
	free(path);
	if (!ring->has_next && fault.code != E_OK && fault.code != E_NOT_FOUND && fault.code != ring->next_said)
		log_event(LOG_LEVEL_WARNING, "key.unreadable", F_TEXT("code", error_name(fault.code)));
	ring->next_said = fault.code;
}

/* What lies beside the keys may have been locked apart from them, as after files of a backup were put back. The ring's
 * own lock stays as the keys left it: what `simpul keys rotate` makes later is locked like them. */
static enum error rest_load(struct keyring *ring, struct fault *fault)
{
	const uint32_t key_id = ring->keys.key_id;
	enum error error;

	ring->rest = ring->lock;
	for (uint32_t id = key_id - 1; id > 0 && key_id - id <= KEYRING_FORMER; id--)
		former_load(ring, id, &ring->rest);
	next_load(ring, &ring->rest);
	error = store_key_load(ring->path, &ring->rest, &ring->cipher, fault);
	key_lock_wipe(&ring->rest);
	return error;
}

enum error keyring_load(struct keyring *ring, const char *path, const char *passphrase_file, struct fault *fault)
{
	enum error error;

	*ring = (struct keyring){.path = memory_string(path), .lock = {.file = passphrase_file}};
	keys_pin(ring, sizeof(*ring));
	error = node_keys_load(&ring->keys, &ring->lock, path, fault);
	if (error == E_OK)
		error = rest_load(ring, fault);
	/* What it was turned into opens newer keys as well. */
	key_lock_forget(&ring->lock);
	return error;
}

void keyring_free(struct keyring *ring)
{
	cipher_free(ring->cipher);
	free(ring->path);
	keys_unpin(ring, sizeof(*ring));
}

const struct node_keys *keyring_find(const struct keyring *ring, uint32_t key_id)
{
	if (ring->keys.key_id == key_id)
		return &ring->keys;
	for (size_t i = 0; i < ring->former_count; i++)
		if (ring->former[i].key_id == key_id)
			return &ring->former[i];
	return NULL;
}

/* ---- newer keys */

const struct node_keys *keyring_next(struct keyring *ring)
{
	if (!ring->has_next)
		next_load(ring, &ring->lock);
	return ring->has_next ? &ring->next : NULL;
}

bool keyring_newer(const char *path, struct key_lock *lock, struct node_keys *keys)
{
	char *next = keyring_next_path(path);
	const char *const places[] = {path, next};
	struct node_keys *found = node_keys_new();
	bool newer = false;

	for (size_t i = 0; i < 2 && !newer; i++)
		newer = node_keys_load(found, opener(lock), places[i], NULL) == E_OK && found->key_id > keys->key_id;
	if (newer)
		*keys = *found;
	node_keys_free(found);
	free(next);
	return newer;
}

bool keyring_one_file(const char *one, const char *other)
{
	struct stat a, b;

	return stat(one, &a) == 0 && stat(other, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* A second name; where a file can have one only (FAT, on a stick) a copy. An earlier attempt may have made either. */
static bool former_keep(const char *path, const char *former)
{
	if (link(path, former) == 0)
		return true;
	if (errno == EPERM || errno == EOPNOTSUPP)
		return backup_file(path, former, NULL) == E_OK;
	return errno == EEXIST && (keyring_one_file(path, former) || file_same(path, former, KEY_FILE_LIMIT));
}

/* The old file is kept before the new one takes its name. */
static bool files_renew(const struct keyring *ring)
{
	char *next = keyring_next_path(ring->path), *former = keyring_former_path(ring->path, ring->keys.key_id);
	int hold;
	const bool held = key_hold(ring->path, &hold, NULL) == E_OK;
	const bool done = held && former_keep(ring->path, former) && rename(next, ring->path) == 0;

	if (!done)
		log_event(LOG_LEVEL_ERROR, "key.unfiled", F_NUM("key_id", ring->next.key_id),
			  F_NUM("errno", held ? errno : EWOULDBLOCK));
	key_hold_end(hold);
	free(former);
	free(next);
	return done;
}

void keyring_renew(struct keyring *ring)
{
	if (files_renew(ring))
		log_event(LOG_LEVEL_NOTICE, "key.renewed", F_NUM("key_id", ring->next.key_id));
	if (ring->former_count == KEYRING_FORMER)
		ring->former_count--;
	memmove(&ring->former[1], &ring->former[0], ring->former_count * sizeof(ring->former[0]));
	ring->former[0] = ring->keys;
	ring->former_count++;
	ring->keys = ring->next;
	ring->has_next = false;
	keys_wipe(&ring->next, sizeof(ring->next));
}
