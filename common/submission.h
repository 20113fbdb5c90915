/* submission - leaves, the statement that an origin signs, its digest and signature.
 *
 *   leaf      = H("simpul/leaf/1", H(routing), H(header), H(body))
 *   statement = tag, exchange, origin, key id, epoch, stream, first, count, seen entry, seen head, leaves
 *   digest    = H(statement);  signature = Ed25519("simpul/submission/1", digest)
 * The fixed layout stands in PROTOCOL.md, "Submissions", with test vectors. */
#ifndef SIMPUL_SUBMISSION_H
#define SIMPUL_SUBMISSION_H

#include "common/keys.h"
#include "proto/link.pb-c.h"
#include "common/name.h"

#define SIGN_TAG_SUBMISSION "simpul/submission/1"

/* What is signed beside the leaves. Strings and heads are borrowed. */
struct statement {
	const uint8_t *exchange; /* EXCHANGE_SIZE */
	const char *origin;
	uint32_t key_id;
	uint32_t epoch;
	uint32_t stream;
	uint64_t first;
	uint64_t seen_entry;
	const uint8_t *seen_head; /* HASH_SIZE */
};

struct hash leaf_of(const struct hash *routing, const struct hash *header, const struct hash *body);
/* Those of `count` reports of one submission at once. */
void leaves_of(const struct hash *routing, const struct hash *headers, const struct hash *bodies, size_t count,
	       struct hash *leaves);
/* Digest of the statement with `count` leaves, 1..LIMIT_SUBMISSION_REPORTS. */
struct hash statement_digest(const struct statement *statement, const struct hash *leaves, size_t count);

/* Leaves and digest of a submission as an origin sends it. `leaves` and `body_hashes` hold as many elements as
 * there are reports; `body_hashes` may be NULL. E_INVALID when seen_head has not 32 bytes. */
enum error submission_digest(const Simpul__Submission *submission, const uint8_t exchange[EXCHANGE_SIZE],
			     struct hash *leaves, struct hash *body_hashes, struct hash *digest, struct fault *fault);
/* The same for a submission as a recipient gets it: whole, erased and refused reports. */
enum error delivery_leaves(const Simpul__Delivery *delivery, const uint8_t exchange[EXCHANGE_SIZE], struct hash *leaves,
			   struct hash *digest, struct fault *fault);
enum error delivery_digest(const Simpul__Delivery *delivery, const uint8_t exchange[EXCHANGE_SIZE],
			   struct hash *digest, struct fault *fault);

#endif
