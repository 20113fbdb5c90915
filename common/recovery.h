/* recovery - the statement by which a broker that was restored from a backup begins a new incarnation: a Genesis with
 * the position that was kept, signed. PROTOCOL.md, "Histories". */
#ifndef SIMPUL_RECOVERY_H
#define SIMPUL_RECOVERY_H

#include "common/arena.h"
#include "common/chain.h"
#include "proto/journal.pb-c.h"

#define SIGN_TAG_RECOVERY "simpul/recovery/1"
#define RECOVERY_REASON_MOST 200 /* bytes */

struct recovery {
	uint32_t incarnation; /* that begins; above that of `from` */
	struct position from; /* the last position kept: what anybody saw after it is of a history that is over */
};

/* Signs the other fields of a Genesis that has a `recovered_from`. */
void recovery_sign(const Simpul__Genesis *genesis, const struct signing_key *broker, uint8_t signature[SIGNATURE_SIZE]);
/* E_INVALID when it is not one of this exchange, E_BAD_SIGNATURE when it is not this broker's. */
enum error recovery_of_genesis(struct recovery *recovery, const Simpul__Genesis *genesis,
			       const uint8_t exchange[EXCHANGE_SIZE], const uint8_t broker_key[KEY_SIZE],
			       struct fault *fault);
/* The same from an encoded Genesis. */
enum error recovery_read(struct recovery *recovery, struct bytes genesis, const uint8_t exchange[EXCHANGE_SIZE],
			 const uint8_t broker_key[KEY_SIZE], struct fault *fault);

#endif
