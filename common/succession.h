/* succession - how an exchange's authority came to the key that it signs with now: each key signed by the one before it.
 *
 * Records carry the whole way from the first key, the one in exchange.id and in every join file, so that whoever holds that
 * one can check them, also offline; PROTOCOL.md, "Member records". */
#ifndef SIMPUL_SUCCESSION_H
#define SIMPUL_SUCCESSION_H

#include "common/clock.h"
#include "common/keys.h"

#define SIGN_TAG_SUCCESSION "simpul/succession/1"
#define SUCCESSION_SIZE (KEY_SIZE + 8 + SIGNATURE_SIZE) /* key || u64 created_at || signature of the key before */
#define SUCCESSIONS_MOST 8

/* In order, as they stand in a record; {0}: the first key still signs. */
struct successions {
	uint8_t bytes[SUCCESSIONS_MOST * SUCCESSION_SIZE];
	size_t size;
};

/* `former`, the last key so far, hands on to `next`. E_TOO_LARGE when there were SUCCESSIONS_MOST. */
enum error succession_add(struct successions *successions, const uint8_t exchange[EXCHANGE_SIZE],
			  const struct signing_key *former, const uint8_t next[KEY_SIZE], wall_ms created_at,
			  struct fault *fault);
/* Where the way leads from `known`, the first key or one on the way. E_INVALID for another size, E_BAD_SIGNATURE. */
enum error successions_follow(const struct successions *successions, const uint8_t exchange[EXCHANGE_SIZE],
			      const uint8_t known[KEY_SIZE], uint8_t last[KEY_SIZE], struct fault *fault);

/* A text file, a succession a line; nothing in it is secret. E_EXISTS. */
enum error successions_save(const struct successions *successions, const char *path, struct fault *fault);
/* E_NOT_FOUND, E_INVALID. */
enum error successions_load(struct successions *successions, const char *path, struct fault *fault);

#endif
