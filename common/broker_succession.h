/* broker_succession - the statement by which a broker's keys hand on to others, and which of them were in force when.
 *
 * The former signing key and the authority sign it: neither a thief of the broker's keys nor one of the authority's can
 * make one alone. PROTOCOL.md, "The broker's keys". */
#ifndef SIMPUL_BROKER_SUCCESSION_H
#define SIMPUL_BROKER_SUCCESSION_H

#include "common/clock.h"
#include "common/keys.h"
#include "common/succession.h"
#include "proto/member.pb-c.h"

#define SIGN_TAG_BROKER_SUCCESSION "simpul/broker-succession/1"
#define SIGN_TAG_BROKER_COUNTERSIGN "simpul/broker-countersign/1"
#define BROKER_TERMS_MOST 64

struct broker_succession {
	uint8_t exchange[EXCHANGE_SIZE];
	uint8_t former_key[KEY_SIZE], signing_key[KEY_SIZE], curve_key[KEY_SIZE];
	wall_ms created_at;
	uint8_t former_signature[SIGNATURE_SIZE], authority_signature[SIGNATURE_SIZE];
	struct successions successions; /* from the authority's first key to the one that signed */
};

/* From `former` to the public halves of `next`, signed by both; `successions` are the authority's. */
void broker_succession_sign(struct broker_succession *succession, const uint8_t exchange[EXCHANGE_SIZE],
			    const struct signing_key *former, const struct broker_keys *next, wall_ms created_at,
			    const struct signing_key *authority, const struct successions *successions);
/* Both signatures; the authority's as of a member record. E_EXCHANGE, E_INVALID, E_BAD_SIGNATURE. */
enum error broker_succession_check(const struct broker_succession *succession, const uint8_t exchange[EXCHANGE_SIZE],
				   const uint8_t authority[KEY_SIZE], struct fault *fault);

/* To and from the message, which borrows from `succession`. E_MISSING, E_INVALID, E_TOO_LARGE. */
void broker_succession_to_message(const struct broker_succession *succession, Simpul__BrokerSuccession *message);
enum error broker_succession_of_message(struct broker_succession *succession, const Simpul__BrokerSuccession *message,
					struct fault *fault);

/* ---- which key was in force when */

struct broker_term {
	uint64_t entry; /* from this one on */
	uint8_t signing_key[KEY_SIZE], curve_key[KEY_SIZE];
	wall_ms created_at;
};

/* {0}: the broker never had other keys than those of the join file. */
struct broker_terms {
	uint8_t first[KEY_SIZE]; /* the signing key before the first term */
	struct broker_term list[BROKER_TERMS_MOST];
	size_t count;
	bool is_announced;	      /* keys that are not in force yet */
	struct broker_term announced; /* its entry is 0 */
};

/* Checks every statement, that each takes up where the one before ended, and that entries ascend. NULL for `message`:
 * there are none. E_MISSING, E_INVALID, E_TOO_LARGE, E_BAD_SIGNATURE. */
enum error broker_terms_of_message(struct broker_terms *terms, const Simpul__BrokerTerms *message,
				   const uint8_t exchange[EXCHANGE_SIZE], const uint8_t authority[KEY_SIZE],
				   struct fault *fault);
/* The newest; NULL when there was none. */
const struct broker_term *broker_terms_last(const struct broker_terms *terms);
/* The signing key of this entry; `present` where there are no terms. */
const uint8_t *broker_terms_key(const struct broker_terms *terms, uint64_t entry, const uint8_t present[KEY_SIZE]);
/* Whether this signing key is or was the broker's. */
bool broker_terms_know(const struct broker_terms *terms, const uint8_t key[KEY_SIZE]);

#endif
