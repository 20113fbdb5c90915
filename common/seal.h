/* seal - encryption of what the network or the broker may not read: feeds and bodies.
 *
 * Both are XChaCha20-Poly1305 (libsodium); nonces and associated data stand in PROTOCOL.md. */
#ifndef SIMPUL_SEAL_H
#define SIMPUL_SEAL_H

#include "common/arena.h"
#include "common/hash.h"
#include "common/keys.h"
#include "common/name.h"
#include "proto/report.pb-c.h"

/* ---- feeds: one publication is FEED_HEAD_SIZE bytes in clear, then the sealed batch */

#define FEED_TOPIC_SIZE 16
#define FEED_HEAD_SIZE 32 /* incarnation, after, upto, counter: 8 bytes each, big-endian */
#define FEED_TAG_SIZE 16

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

/* Size of the publication that holds `size` bytes. */
#define FEED_SIZE(size) (FEED_HEAD_SIZE + (size) + FEED_TAG_SIZE)
/* Writes FEED_SIZE(batch.size) bytes to `out`. */
void feed_seal(const struct feed *feed, const struct feed_head *head, struct bytes batch, uint8_t *out);
/* Opens a publication; `out` has room for frame.size bytes. E_MALFORMED, E_CANNOT_OPEN. */
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
