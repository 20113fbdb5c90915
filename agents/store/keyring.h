/* keyring - the keys of an office in its folder: those that it speaks with, newer ones that are not in force yet, and
 * former ones, which open what was sealed to them and not fetched yet.
 *
 *   police.oku.keys        what agent.yaml names
 *   police.oku.keys.next   made by `simpul keys rotate`; takes the first one's place once the broker has taken it
 *   police.oku.keys.1      key 1, when key 2 has taken its place
 *   police.oku.keys.store  the key of the store, where they have a passphrase (store_key.h)
 *
 * At every moment a file of the first name is there, so that a power cut costs nothing. */
#ifndef SIMPUL_KEYRING_H
#define SIMPUL_KEYRING_H

#include "agents/store/store_key.h"
#include "common/keys.h"

#define KEYRING_FORMER 16 /* as many are read, the newest first */

struct keyring {
	char *path;
	struct key_lock lock;  /* that opened them, and opens newer ones */
	struct key_lock rest;  /* while what lies beside them is read */
	struct node_keys keys; /* its address stays the same when it is renewed */
	struct node_keys next;
	bool has_next;
	enum error next_said; /* why newer keys cannot be read, as was logged last */
	struct node_keys former[KEYRING_FORMER];
	size_t former_count;
	struct cipher *cipher; /* of the office's store; NULL: the keys have no passphrase */
};

/* Reads keys, former keys and the store's; locked ones with the passphrase in `passphrase_file` (passphrase_old). A
 * former one that cannot be read is left out, with a line in the log. The ring is pinned (keys_pin). */
enum error keyring_load(struct keyring *ring, const char *path, const char *passphrase_file, struct fault *fault);
void keyring_free(struct keyring *ring);
/* The newer keys, looked for when there were none yet; NULL when there are none. */
const struct node_keys *keyring_next(struct keyring *ring);
/* The newer keys take the others' place, in memory and in the folder. A folder that cannot be written is logged only: after a
 * start the same happens again. */
void keyring_renew(struct keyring *ring);
/* For who has no ring: reads the office's next newer keys, of the file at `path` or, not in force yet perhaps, beside
 * it, with the lock that opened `keys`. False when there are none; `keys` stay as they are then. */
bool keyring_newer(const char *path, struct key_lock *lock, struct node_keys *keys);
/* The keys with this id, former ones too; NULL when they are not there. */
const struct node_keys *keyring_find(const struct keyring *ring, uint32_t key_id);

/* "police.oku.keys.next", "police.oku.keys.1"; free them. */
char *keyring_next_path(const char *path);
char *keyring_former_path(const char *path, uint32_t key_id);
/* Whether both names are those of one file. */
bool keyring_one_file(const char *one, const char *other);

#endif
