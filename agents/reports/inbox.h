/* inbox - what the office received: verified, stored with the cursor in one transaction, in the order of the journal.
 *
 * Rule for every batch, pushed or fetched: applied when after <= cursor < upto, ignoring entries <= cursor; after >
 * cursor means fetch. A report whose signature fails is stored as such, shown as such, and alarmed: it is never dropped
 * silently. */
#ifndef SIMPUL_INBOX_H
#define SIMPUL_INBOX_H

#include "agents/reports/broker_ring.h"
#include "agents/store/keyring.h"
#include "agents/store/store.h"
#include "common/keys.h"
#include "proto/link.pb-c.h"

enum inbox_trust {
	TRUST_GOOD,	/* signature verified with a key in force at the entry */
	TRUST_DOUBTFUL, /* the key was compromised at the time */
	TRUST_BAD,	/* signature, key or sealed body fails: the broker or the origin is broken or hostile */
};

struct inbox;

/* Store and keys are borrowed. A cursor that cannot be read lets every inbox_apply fail: it must not pass for the
 * beginning. */
struct inbox *inbox_new(struct store *store, const struct node_keys *keys, const struct join *join);
void inbox_free(struct inbox *inbox);
/* Opens what was sealed to former keys too; `ring` is borrowed. */
void inbox_former_keys(struct inbox *inbox, const struct keyring *ring);
/* Follows the broker's keys, which are then those of the ring's join; `broker` is borrowed. */
void inbox_broker(struct inbox *inbox, struct broker_ring *broker);

enum inbox_result {
	INBOX_APPLIED, /* cursor moved */
	INBOX_IGNORED, /* nothing new */
	INBOX_BEHIND,  /* after > cursor: fetch */
	INBOX_FAILED,  /* see fault: E_DISK_FULL (try again), E_HISTORY_DIFFERS, E_BAD_SIGNATURE, E_IO (stop) */
};
/* Applies an encoded Batch in one transaction. */
enum inbox_result inbox_apply(struct inbox *inbox, struct bytes batch, struct fault *fault);
struct position inbox_cursor(const struct inbox *inbox);
/* The broker was restored and the feed goes on in `incarnation` at `place`, not after the cursor. Members' standings
 * and withheld entries of the history that is over are forgotten, unless a key was compromised: that is for good. */
enum error inbox_recover(struct inbox *inbox, uint32_t incarnation, const struct position *place, struct fault *fault);
/* A session begins: what came after the cursor will come again. */
void inbox_begin(struct inbox *inbox);

#endif
