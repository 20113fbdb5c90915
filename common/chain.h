/* chain - the journal's hash chain: entry hashes, heads, their signatures, and the check of a receipt.
 *
 *   e    = H("simpul/entry/1", type, entry, accepted_at, policy version, broker key, digest, verdicts, audience)
 *   head = H("simpul/head/1", previous head, e)
 * Layouts and test vectors: PROTOCOL.md, "Chain". */
#ifndef SIMPUL_CHAIN_H
#define SIMPUL_CHAIN_H

#include "common/clock.h"
#include "common/keys.h"
#include "proto/link.pb-c.h"

#define SIGN_TAG_POSITION "simpul/position/1"

/* A place in one history. */
struct position {
	uint32_t incarnation;
	uint64_t entry;
	struct hash head;
};

/* What an entry's hash covers. Borrowed. */
struct chain_entry {
	uint32_t type; /* Simpul__EntryType */
	uint64_t entry;
	wall_ms accepted_at;
	uint32_t policy_version;
	const uint8_t *broker_key;	     /* Ed25519 public key, KEY_SIZE */
	struct hash digest;		     /* of the submission, or of the entry's content */
	const Simpul__Verdict *const *verdicts; /* refused reports only, ascending */
	size_t verdict_count;
	const char *const *audience; /* sorted node names; the single name "*" means every member, also later ones */
	size_t audience_count;
};

struct hash chain_entry_hash(const struct chain_entry *entry);
struct hash chain_head(const struct hash *previous, const struct hash *entry_hash);
/* H("simpul/content/1", type, content): the digest of entries that are not submissions. */
struct hash chain_content_digest(uint32_t type, struct bytes content);

void chain_sign(const struct signing_key *broker, const uint8_t exchange[EXCHANGE_SIZE], const struct position *position,
		uint8_t signature[SIGNATURE_SIZE]);
bool chain_verify(const uint8_t broker_key[KEY_SIZE], const uint8_t exchange[EXCHANGE_SIZE],
		  const struct position *position, struct bytes signature);

/* Recomputes a receipt's entry hash, follows it to the signed head and checks the signature. `position` (may be NULL)
 * becomes the signed position. E_INVALID, E_BAD_SIGNATURE. */
enum error receipt_check(const Simpul__Receipt *receipt, const uint8_t exchange[EXCHANGE_SIZE],
			 const uint8_t broker_key[KEY_SIZE], struct position *position, struct fault *fault);

/* To and from the message; `message` borrows from `position`. */
void position_to_message(const struct position *position, Simpul__Position *message);
enum error position_of_message(struct position *position, const Simpul__Position *message);

#endif
