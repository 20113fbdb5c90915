/* inbox_again - verifies a report of the inbox once more, with the member records and keys that are here by now. */
#ifndef SIMPUL_INBOX_AGAIN_H
#define SIMPUL_INBOX_AGAIN_H

#include "agents/reports/inbox_store.h"

/* Of a row that did not verify. Where it does by now, *why is E_OK, and the report is as one that has just come: what
 * it takes back, updates or answers is seen to, and it gets a new number behind all others, so that whoever reads the
 * inbox in order, every sink among them, has it now. Where it does not, *why says so and nothing changes. Inside a
 * transaction. E_NOT_FOUND: there is no such row, or it did verify. */
enum error inbox_verify_again(struct store *store, const struct node_keys *keys, const struct keyring *ring,
			      uint64_t row, enum error *why, struct fault *fault);

#endif
