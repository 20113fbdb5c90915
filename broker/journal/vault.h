/* vault - keys.db: the data keys of bodies at rest, in a file apart from the journal.
 *
 * A slot of 32 random bytes exists for each entry before the entry does: slots are laid in ahead in blocks and synced,
 * so that a commit of the journal needs one sync and not two. Report i of an entry is encrypted under a key of its own
 * (ChaCha20-Poly1305, RFC 8439, nonce 0 because no key is used twice, associated data u64 entry || u16 i):
 *
 *   key[i]  = part[i] XOR mask[i]
 *   part[i] = bytes 32 i .. 32 i + 31 of the ChaCha20 stream under BLAKE2b-256("simpul/part/1" || slot || nonce[16])
 *   mask[i] = the same under BLAKE2b-256(key = master key, "simpul/mask/1" || u64 entry || nonce)
 *
 * where the nonce is drawn for each append and kept beside the bodies, so that an aborted append never shares a key
 * with the one that takes its number. Erasing one report of an entry replaces its slot by the other reports' parts: u16
 * i || part, 34 bytes each, so that 32 bytes are always a slot and no bytes an entry of which everything is erased.
 * After a recovery an entry may have the number of one of which something was erased: it gets such a list from the
 * beginning. Without a master key (all zeros) whoever has both files reads everything; README.md says so.
 */
#ifndef SIMPUL_VAULT_H
#define SIMPUL_VAULT_H

#include "common/bytes.h"
#include "common/error.h"
#include "common/keys.h"

#define VAULT_FILE "keys.db"
#define VAULT_VERSION 2
#define VAULT_NONCE_SIZE 16
#define VAULT_OVERHEAD 16 /* bytes that encryption adds to a body */

struct vault;

/* One writer (the journal's thread) and any number of readers, each with a vault of its own. */
enum error vault_open(struct vault **vault, const char *path, const uint8_t master[KEY_SIZE], bool writable,
		      struct fault *fault);
void vault_close(struct vault *vault);

/* Makes sure that slots exist and are synced up to `entry`, in blocks. Writer only; in idle time with an entry well
 * ahead. */
enum error vault_reserve(struct vault *vault, uint64_t entry, struct fault *fault);
/* The last entry that has a slot. Writer only. */
uint64_t vault_top(const struct vault *vault);
/* Appends u32 length || ciphertext for each body; a body without data (NULL) is not stored: length 0. */
enum error vault_encrypt(struct vault *vault, uint64_t entry, const uint8_t nonce[VAULT_NONCE_SIZE],
			 const struct bytes *bodies, size_t count, struct buffer *out, struct fault *fault);
/* What is read between these two is read from one state of keys.db, and each slot costs a fraction of what it costs
 * alone; an erasure meanwhile is not seen. Never for long: vault_settle cannot work until then. */
enum error vault_read_begin(struct vault *vault, struct fault *fault);
void vault_read_end(struct vault *vault);
/* What opens the bodies of one entry, best in their order, and all out of the same `stored`. To be closed at once, for
 * an erasure does not reach it. E_CORRUPT. */
struct vault_slot;
enum error vault_slot_open(struct vault *vault, uint64_t entry, const uint8_t nonce[VAULT_NONCE_SIZE],
			   struct vault_slot **slot, struct fault *fault);
void vault_slot_close(struct vault_slot *slot);
/* True when the key of this report was erased. */
bool vault_is_erased(struct vault_slot *slot, size_t index);
/* The body of report `index`, decrypted into `out` (appended). E_NOT_FOUND when it was erased, E_CORRUPT (also
 * when it was never stored). */
enum error vault_decrypt(struct vault_slot *slot, struct bytes stored, size_t index, struct buffer *out,
			 struct fault *fault);
/* Erases the keys of `erased` reports from `first` on (of `count`), so that no copy of the journal can bring their
 * bodies back. Again does no harm. Only between vault_erase_begin and vault_erase_end, which syncs all that was erased
 * between them once; nothing was where `error` is not E_OK or the end fails. What was erased still stands in keys.db's
 * log until vault_settle. */
enum error vault_erase_begin(struct vault *vault, struct fault *fault);
enum error vault_erase(struct vault *vault, uint64_t entry, const uint8_t nonce[VAULT_NONCE_SIZE], size_t first,
		       size_t erased, size_t count, struct fault *fault);
enum error vault_erase_end(struct vault *vault, enum error error, struct fault *fault);
/* Cuts the log off, and syncs that: now what was erased is gone for good. E_BUSY: somebody reads in it; later, then.
 * It waits for readers for 20 ms at first, and for up to a second when that was often in vain, but for a tenth of the
 * time at most: so it comes to its end within seconds, however many read and never rest, unless one reads for half a
 * second on end. */
enum error vault_settle(struct vault *vault, struct fault *fault);

#endif
