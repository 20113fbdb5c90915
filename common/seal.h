/* seal - encryption of what the network or the broker may not read: feeds and bodies.
 *
 * All is XChaCha20-Poly1305 (aead.h); nonces and associated data stand in PROTOCOL.md. */
#ifndef SIMPUL_SEAL_H
#define SIMPUL_SEAL_H

#include "common/arena.h"
#include "common/hash.h"
#include "common/keys.h"
#include "common/name.h"
#include "proto/report.pb-c.h"

/* ---- feeds
 *
 * A batch is sealed once under a key of its own, however many nodes get it; each node's publication is a head in clear,
 * that key wrapped for the node's session, and the sealed batch. */

#define FEED_TOPIC_SIZE 16
#define FEED_HEAD_SIZE 32 /* incarnation, after, upto, counter: 8 bytes each, big-endian */
#define FEED_TAG_SIZE 16
#define FEED_WRAP_SIZE (KEY_SIZE + FEED_TAG_SIZE)

/* What a feed's seal binds beside the head of the publication. */
struct feed {
	uint8_t exchange[EXCHANGE_SIZE];
	char node[LIMIT_NODE_NAME + 1];
	uint64_t session;
	uint8_t key[KEY_SIZE];
};

struct feed_head {
	uint64_t incarnation, after, upto;
	uint64_t counter; /* grows by one with each publication of a session, from 1: it is the nonce */
};

/* What all nodes share: writes batch.size + FEED_TAG_SIZE bytes. `key` is random and for this batch alone. */
void batch_seal(const uint8_t key[KEY_SIZE], struct bytes batch, uint8_t *out);

/* What stands before it for one node: the head, and the batch's key under the session's. */
#define FEED_LEAD_SIZE (FEED_HEAD_SIZE + FEED_WRAP_SIZE)
void feed_lead(const struct feed *feed, const struct feed_head *head, const uint8_t key[KEY_SIZE],
	       uint8_t out[FEED_LEAD_SIZE]);

/* Size of the publication of a batch of `size` bytes: lead and sealed batch, one after the other. */
#define FEED_SIZE(size) (FEED_LEAD_SIZE + (size) + FEED_TAG_SIZE)
/* Opens a publication; `out` has room for frame.size bytes. E_MALFORMED, E_CANNOT_OPEN (then `out` holds rubbish). */
enum error feed_open(const struct feed *feed, struct bytes frame, struct feed_head *head, uint8_t *out, size_t *size);

/* ---- bodies */

#define WRAP_SIZE 80

/* Binds a sealed body to its place. */
struct body_place {
	const uint8_t *exchange; /* EXCHANGE_SIZE */
	struct report_name name;
};

void content_key_generate(uint8_t key[KEY_SIZE]);
/* Appends the encoding of the SealedBody that holds `body` (an encoded Body). */
void body_seal(const uint8_t key[KEY_SIZE], const struct body_place *place, struct bytes body, struct buffer *out);
/* Opens an encoded SealedBody into memory of `arena`. E_CANNOT_OPEN, and what wire_check finds. */
enum error body_open(const uint8_t key[KEY_SIZE], const struct body_place *place, struct bytes sealed,
		     struct arena *arena, struct bytes *body, struct fault *fault);
/* crypto_box_seal of a content key to a node's sealing key, and back. */
void content_key_wrap(const uint8_t key[KEY_SIZE], const uint8_t sealing_public[KEY_SIZE], uint8_t wrapped[WRAP_SIZE]);
bool content_key_unwrap(struct bytes wrapped, const struct node_keys *keys, uint8_t key[KEY_SIZE]);

#endif
