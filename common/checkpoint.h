/* checkpoint - a position of a journal as a file that can be handed round: signed by the broker, countersigned by members
 * who hold the same head. Whoever keeps one can prove later that a journal is another history. PROTOCOL.md, "Histories".
 *
 *   {"format": "simpul checkpoint 1", "exchange", "incarnation", "entry", "head", "signature",
 *    "countersigned": [{"node", "key_id", "signature"}]}                              bytes in hexadecimal */
#ifndef SIMPUL_CHECKPOINT_H
#define SIMPUL_CHECKPOINT_H

#include "common/chain.h"
#include "common/limit.h"

#define SIGN_TAG_CHECKPOINT "simpul/checkpoint/1"
#define CHECKPOINT_SIGNERS 64

struct countersignature {
	char node[LIMIT_NODE_NAME + 1];
	uint32_t key_id;
	uint8_t signature[SIGNATURE_SIZE];
};

struct checkpoint {
	uint8_t exchange[EXCHANGE_SIZE];
	struct position position;
	uint8_t signature[SIGNATURE_SIZE]; /* the broker's, of the position */
	size_t count;
	struct countersignature signers[CHECKPOINT_SIGNERS];
};

/* E_NOT_FOUND, E_INVALID. */
enum error checkpoint_load(struct checkpoint *checkpoint, const char *path, struct fault *fault);
/* Takes the place of a file that is there, whole or not at all. */
enum error checkpoint_save(const struct checkpoint *checkpoint, const char *path, struct fault *fault);
/* In the place of an earlier one of this node. E_TOO_LARGE. */
enum error checkpoint_countersign(struct checkpoint *checkpoint, const char *node, uint32_t key_id,
				  const struct signing_key *key, struct fault *fault);
bool checkpoint_verify(const struct checkpoint *checkpoint, size_t signer, const uint8_t key[KEY_SIZE]);

#endif
