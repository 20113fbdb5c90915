/* inbox_store - writes what a batch brings into the inbox's tables; every function works inside the caller's
 * transaction. */
#ifndef SIMPUL_INBOX_STORE_H
#define SIMPUL_INBOX_STORE_H

#include "agents/reports/inbox_verify.h"

/* Compares the reports with rows of the same name: one with the same leaf was received before (a broker that was
 * restored sends it again) and becomes not present; one with another leaf becomes BAD, E_NUMBER_REUSED. */
enum error inbox_unrepeat(struct store *store, const Simpul__Delivery *delivery, const struct hash *leaves,
			  struct verified_report *reports, struct arena *arena, struct fault *fault);
/* One row for each report that is present, the delivery as their proof, a mark for each that updates or cancels
 * another, and an item in quarantine for each that cannot be applied. Nothing when none is present. */
enum error inbox_store_delivery(struct store *store, const Simpul__Entry *entry, uint32_t incarnation,
				const struct hash *leaves, const struct verified_report *reports,
				const struct delivery_key *key, struct arena *arena, struct fault *fault);
/* The delivery with each report reduced to its leaf; those that are present and bad stay whole, as evidence. */
void inbox_proof_pack(const Simpul__Delivery *delivery, const struct hash *leaves,
		      const struct verified_report *reports, struct arena *arena, struct buffer *out);
/* What one row that was just stored means for others, and others for it: marks, retractions, quarantine. `awaited`:
 * something waits there for a report to come. */
enum error inbox_settle(struct store *store, uint64_t row, uint64_t entry, const struct report_name *name,
			const struct verified_report *report, bool awaited, struct fault *fault);
/* A stub. What says of itself which report it supersedes is kept as a notice; what does not, or cannot be believed,
 * waits in quarantine. */
enum error inbox_store_withheld(struct store *store, const Simpul__Entry *entry, uint32_t incarnation,
				struct fault *fault);
/* Good reports that were accepted under a key after it was compromised become doubtful. */
enum error inbox_doubt(struct store *store, const Simpul__MemberStanding *standing, struct fault *fault);
enum error inbox_store_head(struct store *store, const struct position *position, struct bytes signature,
			    struct fault *fault);
/* What was stored after `place` is of a history that is over: the cursor goes back to it. Inside a transaction. */
enum error inbox_store_rewind(struct store *store, const struct position *place, struct fault *fault);
/* Also without a transaction, where the cursor alone moves; not in a store that has failed. */
enum error inbox_store_cursor(struct store *store, const struct position *cursor, struct fault *fault);

#endif
