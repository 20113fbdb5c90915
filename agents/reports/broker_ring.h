/* broker_ring - the broker's keys as this office knows them: in force, before, announced. Kept in the store.
 *
 * The join file says which keys the broker had when it was written. From there the successions lead on: what the broker
 * announces in the feed and what WELCOME tells, each signed by the key before and by the authority. A join file whose
 * keys are not on that way is a newer one, from the operators' hand, and counts. */
#ifndef SIMPUL_BROKER_RING_H
#define SIMPUL_BROKER_RING_H

#include "agents/store/store.h"
#include "common/broker_succession.h"

struct broker_ring {
	struct store *store;
	struct join *join; /* whose broker keys are always those in force */
	struct broker_terms terms;
};

/* Both are borrowed; `join` as the file has it. E_CORRUPT, and what the database says. */
enum error broker_ring_open(struct broker_ring *ring, struct store *store, struct join *join, struct fault *fault);
/* WELCOME says what is in force, over a session with this CURVE key; NULL for `told`: the broker never had other keys.
 * For good before it returns. E_BAD_SIGNATURE and others when it does not follow from what is known, E_HISTORY_DIFFERS
 * when it denies what is known. */
enum error broker_ring_told(struct broker_ring *ring, const Simpul__BrokerTerms *told, const uint8_t curve[KEY_SIZE],
			    struct fault *fault);
/* An entry of the feed; inside a transaction. E_BAD_SIGNATURE and others when it is none. */
enum error broker_ring_heard(struct broker_ring *ring, uint64_t entry, const Simpul__BrokerKey *heard,
			     struct fault *fault);
/* For other programs than the agent: the broker's keys in `join` become those that the store at `path` knows to be in
 * force. Without a store that can be read they are left as they are. */
void broker_ring_follow(const char *path, const struct cipher *cipher, struct join *join);

#endif
