/* inbox_verify - how far a delivery and each report in it can be trusted. Reads keys from the store, changes nothing.
 */
#ifndef SIMPUL_INBOX_VERIFY_H
#define SIMPUL_INBOX_VERIFY_H

#include "agents/reports/inbox.h"
#include "common/arena.h"
#include "common/limit.h"

/* What the signature says of a delivery as a whole. */
struct verified_delivery {
	enum inbox_trust trust;
	enum error why; /* E_OK when GOOD */
	struct hash leaves[LIMIT_SUBMISSION_REPORTS];
};

/* The key to a delivery's sealed bodies. Wipe it. */
struct delivery_key {
	bool is_open; /* `content` is it */
	uint8_t content[KEY_SIZE];
	uint32_t wrap_key_id; /* what came for this office, whether or not it can be opened; 0: nothing did */
	struct bytes wrap;
};

struct verified_report {
	bool is_present; /* false: refused inside its submission, a leaf only */
	enum inbox_trust trust;
	enum error why;
	const Simpul__Header *header; /* NULL when it cannot be read */
	struct bytes header_bytes;
	struct bytes body; /* opened; empty when erased or not to be opened */
	struct bytes body_hash; /* in the place of a body that was erased; else empty */
};

/* E_OK with the trust filled in; E_INVALID when the delivery is none: then the broker is at fault, for it let it
 * pass. */
enum error delivery_verify(struct store *store, const Simpul__Entry *entry, struct verified_delivery *verified,
			   struct fault *fault);
/* Report `index` of the delivery. `content_key` opens sealed bodies; NULL when there is none for this node. */
void report_verify(struct store *store, const Simpul__Delivery *delivery, size_t index,
		   const struct verified_delivery *whole, const uint8_t *content_key, struct arena *arena,
		   struct verified_report *verified);

/* Opens the wrap with the office's keys that it is for, former ones too (`ring` may be NULL), where they are here. */
void delivery_key_open(struct delivery_key *key, const struct node_keys *keys, const struct keyring *ring);

#endif
