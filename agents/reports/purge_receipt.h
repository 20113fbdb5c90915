/* purge_receipt - what a recipient tells the origin of reports that it erased, and what the origin keeps of it.
 *
 * PROTOCOL.md, "Erasure": a receipt is a report as all others, in this office's outbox. */
#ifndef SIMPUL_PURGE_RECEIPT_H
#define SIMPUL_PURGE_RECEIPT_H

#include "agents/reports/inbox_verify.h"
#include "agents/reports/outbox.h"
#include "agents/sink/sink.h"

/* The sinks that are to say first what became of their copies, for so long: then it is UNKNOWN. */
struct purge_sinks {
	const struct sink_options *list;
	size_t count;
};
#define PURGE_PATIENCE_MS HOUR_MS
/* What the broker refused for a reason that passes, as that the origin is suspended, is said again after so long. */
#define PURGE_REFUSED_MS DAY_MS
/* How a receipt calls all that is more than it has places for. */
#define PURGE_OTHER_SINKS "others"

/* Whether every sink was told of all that is to be answered. */
bool purge_receipts_told(struct store *store, const struct purge_sinks *sinks);
/* Puts one receipt into the outbox, for up to LIMIT_PURGED reports of one origin whose answer is due, in a transaction of
 * its own in which they are noted as answered. `made` is false when none is due to anybody who can be told. */
enum error purge_receipt_make(struct store *store, const struct purge_sinks *sinks, wall_ms now, bool *made,
			      struct fault *fault);
/* The broker refused a report of this office with this code. Where it is a purge receipt, its answers are due again:
 * later when the reason passes; else at once and each alone, so that one costs no other its hearing; or of one alone
 * never, unless there is something else to say (purge_notes_refused). Inside a transaction. */
enum error purge_receipt_refused(struct store *store, const struct report_name *name, enum error code, wall_ms now,
				 struct fault *fault);

/* Takes good purge receipts out of a delivery, into the table `purged`; one whose body is none becomes bad. Doubtful
 * ones say nothing. Inside a transaction. */
enum error purge_receipts_take(struct store *store, const Simpul__Entry *entry, struct verified_report *reports,
			       struct arena *arena, struct fault *fault);
/* What was taken, and what is doubtful, is no report for a reader: it becomes not present. */
void purge_receipts_hide(const Simpul__Delivery *delivery, struct verified_report *reports);
/* What a node said under a key that was compromised then counts for nothing. */
enum error purge_receipts_doubt(struct store *store, const Simpul__MemberStanding *standing, struct fault *fault);

#endif
