/* outbox - the office's own reports: numbered and durable before the user is told that they are taken, kept until a
 * receipt says that they are on the broker's disk, and then as the office's own record.
 *
 * States of a report, each change in one transaction:
 *   waiting  -> sent      its submission was frozen: bytes and signature never change from now on
 *   sent     -> accepted  receipt, verdict E_OK
 *   sent     -> refused   receipt with a verdict, or a refusal of the message that no repetition mends (then voided)
 *   sent     -> waiting   only when a submission is split after E_CORRECT refusals: no number was used up at the broker
 * A number that can carry nothing is sent as VOID, so that the sequence has no gap. */
#ifndef SIMPUL_OUTBOX_H
#define SIMPUL_OUTBOX_H

#include "agents/reports/draft.h"
#include "agents/store/store.h"
#include "common/keys.h"
#include "common/recovery.h"
#include "proto/link.pb-c.h"

enum outbox_state { OUTBOX_WAITING, OUTBOX_SENT, OUTBOX_ACCEPTED, OUTBOX_REFUSED };

/* Numbers and stores reports in one transaction of their own, or in the one that the caller has begun (`joined`).
 * names[i] receives the name of prepared[i]. E_DISK_FULL: nothing was taken. `source` ("file guests.csv:12", "local")
 * is shown by `simpul outbox`, and is erased with the body: people name files after persons. */
enum error outbox_take(struct store *store, struct prepared *const *prepared, const char *const *sources, size_t count,
		       bool joined, struct report_name *names, struct fault *fault);

/* A submission ready to send. */
struct outbox_submission {
	struct report_name first;
	size_t count;
	struct hash digest;
	struct buffer message; /* an encoded Submission; owned */
	bool is_void;
};
/* The submission that begins after `after` (number; of `stream` in the current epoch): a frozen one, or the longest run
 * of waiting reports with equal routing and class within the limits, frozen now. count 0 when there is none. */
enum error outbox_next(struct store *store, const struct node_keys *keys, uint32_t stream, uint64_t after,
		       const struct position *seen, struct outbox_submission *submission, struct fault *fault);
/* Applies a receipt (already checked with receipt_check): verdicts to reports. A second one changes nothing. */
enum error outbox_receipt(struct store *store, const Simpul__Receipt *receipt, struct bytes encoded,
			  const struct report_name *first, struct fault *fault);
/* A message refused with remedy CORRECT: split the submission in two halves; a single report is marked refused and its
 * number will be sent as VOID. E_HISTORY_DIFFERS: the broker gave its receipt before, which stands. */
enum error outbox_reject(struct store *store, const struct report_name *first, enum error code, const char *field,
			 struct fault *fault);
/* Takes back the submission that begins with this number, if it was frozen, and that the broker does not have: what it
 * held waits again. Inside a transaction. */
enum error outbox_unfreeze(struct store *store, const struct report_name *first, struct fault *fault);
/* What WELCOME says is on the broker's disk. */
struct outbox_heard {
	uint64_t last[STREAMS]; /* of this office's numbers in the present epoch */
	uint64_t entry;		/* the newest */
};
void outbox_hear(const struct store *store, const Simpul__Welcome *welcome, struct outbox_heard *heard);
/* Takes back what was frozen under a former key of the office and is not on the broker's disk (after outbox_compare):
 * the broker takes nothing more under that key. What was taken back is frozen anew under the new one. */
enum error outbox_thaw(struct store *store, uint32_t key_id, const struct outbox_heard *heard, struct fault *fault);
/* Whether the report after `after` leaves this machine sealed. The broker refuses what is sealed to a key that another
 * has taken the place of, and its number is used up: so neither it nor what follows it goes out before this office has
 * caught up, and outbox_thaw_sealed was called. */
enum error outbox_is_sealed(struct store *store, uint32_t stream, uint64_t after, bool *sealed, struct fault *fault);
/* Once caught up: takes back what was sealed to a key that another had taken the place of by WELCOME, and was never on
 * the broker's disk. What was taken back is sealed anew. */
enum error outbox_thaw_sealed(struct store *store, const struct outbox_heard *heard, struct fault *fault);
/* The broker was restored (ascending by incarnation): receipts of entries that it lost become former ones, and what
 * they were for is sent again as it was. The same may be told again. */
enum error outbox_recover(struct store *store, const struct recovery *recoveries, size_t count, struct fault *fault);
/* Begins a new epoch of this office's numbers, `epoch` or the next that nobody used for 0, after its store was lost or
 * put back from a backup; what has no receipt moves there (outbox_move). E_EPOCH when it is not above all before. */
enum error outbox_begin_epoch(struct store *store, uint32_t epoch, const char *reason, uint64_t *moved,
			      struct fault *fault);
/* Gives reports of earlier epochs that have no receipt numbers of the present one, and heeds what was said of them
 * there (outbox_moves.h). Inside a transaction. */
enum error outbox_move(struct store *store, uint64_t *moved, struct fault *fault);
/* Notes the highest epoch that the broker ever had, for outbox_begin_epoch. */
void outbox_note_epochs(struct store *store, const Simpul__Welcome *welcome);
/* What the broker has of each stream, from WELCOME: E_HISTORY_DIFFERS when it is ahead of us or its digest differs. */
enum error outbox_compare(struct store *store, const Simpul__Welcome *welcome, struct fault *fault);
/* The last receipted number of a stream in the current epoch; 0, too, when it cannot be read: then store->failure says
 * so. */
uint64_t outbox_receipted(struct store *store, uint32_t stream);

struct outbox_counts {
	uint64_t waiting, sent, accepted, refused;
};
void outbox_count(struct store *store, struct outbox_counts *counts);

#endif
