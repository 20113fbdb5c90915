/* uplink - the agent's side of the link: session, submissions, feed, back-off. Knows no database: what it sends comes
 * from a source and what it receives goes to a target, so that the benchmark drives the very same code; and no socket: a
 * transport carries its frames.
 *
 * States:          allowed next
 *   OFFLINE          GREETING                 waits for its back-off to pass
 *   GREETING         CATCHING_UP, OFFLINE, HALTED    HELLO sent, waits for WELCOME
 *   CATCHING_UP      LIVE, OFFLINE, HALTED    fetches until a batch is the last
 *   LIVE             CATCHING_UP, OFFLINE, HALTED    pushes arrive; a gap leads back to CATCHING_UP
 *   HALTED           OFFLINE                  a refusal with remedy STOP: a person must look; logged as alarm. Goes on
 *                                             by itself only where the key was at fault and a newer one is there now
 * Submissions are sent in CATCHING_UP and LIVE, those that the source does not hold back until LIVE. Sockets are new
 * for each session. */
#ifndef SIMPUL_UPLINK_H
#define SIMPUL_UPLINK_H

#include "agents/uplink/uplink_transport.h"
#include "common/broker_succession.h"
#include "common/chain.h"
#include "common/clock.h"
#include "common/recovery.h"
#include "proto/link.pb-c.h"
#include <zmq.h>

enum uplink_state { UPLINK_OFFLINE, UPLINK_GREETING, UPLINK_CATCHING_UP, UPLINK_LIVE, UPLINK_HALTED };
/* "offline", "catching-up" and so on, as programs and people read it. */
const char *uplink_state_text(enum uplink_state state);

/* One submission under way. */
struct uplink_submission {
	struct report_name first;
	size_t count;
	struct hash digest;
	/* An encoded Submission; valid until the next call of `next` for this stream, or its receipt. */
	struct bytes message;
	bool is_void; /* stands in for a report that was refused: nothing is left to send under its number */
};

/* Where submissions come from. */
struct uplink_source {
	void *context;
	/* WELCOME arrived: compare streams; E_OK or what to halt with. */
	enum error (*welcome)(void *context, const Simpul__Welcome *welcome, struct fault *fault);
	/* The next one of `stream` after number `after`; false when there is none now. `caught_up`: what the broker
	 * knows of other offices, such as their keys, is known here. */
	bool (*next)(void *context, uint32_t stream, uint64_t after, const struct position *seen, bool caught_up,
		     struct uplink_submission *submission);
	uint64_t (*receipted)(void *context, uint32_t stream);
	/* A receipt that was checked. An error with remedy RETRY (a full disk): the submission is sent again after a
	 * pause, for the same receipt. */
	enum error (*receipt)(void *context, const struct report_name *first, const Simpul__Receipt *receipt,
			      struct bytes encoded);
	/* A refusal with remedy CORRECT, not of a VOID: that halts. What could not be noted is refused once more. */
	void (*reject)(void *context, const struct report_name *first, const struct fault *fault);
};

/* Where batches go. */
struct uplink_target {
	void *context;
	/* As inbox_apply: E_OK applied or nothing new; E_GAP: fetch; E_DISK_FULL and others with remedy RETRY: try
	 * again later; anything else halts. */
	enum error (*apply)(void *context, struct bytes batch, struct fault *fault);
	struct position (*cursor)(void *context);
	/* A session begins. The broker takes it from the cursor that HELLO says, so whatever was applied beyond it and is
	 * not stored for good yet must be forgotten: an ACK of it would be of something that this session did not hand
	 * over. NULL where there is nothing of the kind. */
	void (*begin)(void *context);
	/* The broker was restored, as it proves: positions after those kept are of a history that is over. `place` is
	 * where the feed goes on; `incarnation` the one that it is in now. For good before it returns; the same may be
	 * told again. NULL: halts with E_HISTORY_DIFFERS. */
	enum error (*recover)(void *context, const struct recovery *recoveries, size_t count,
			      const struct position *place, struct fault *fault);
};

/* Where a newer key of the office comes from: one that was made and may be in force at the broker or not yet. It is tried
 * when the broker does not take the present one, in turn with that. NULLs: there is never one. */
struct uplink_renewal {
	void *context;
	/* NULL when there is none now. */
	const struct node_keys *(*next)(void *context);
	/* The broker took it: from now on `options.keys` points to what it was. */
	void (*taken)(void *context);
};

/* How the broker's keys are followed. NULLs: they are those of the join for ever. */
struct uplink_broker {
	void *context;
	const struct broker_terms *terms; /* what is known: keys that were announced are tried where the present ones fail */
	/* WELCOME told what is in force, over a session with this CURVE key; `options.join` has it afterwards. An error halts,
	 * with remedy RETRY it is told again. */
	enum error (*told)(void *context, const Simpul__BrokerTerms *told, const uint8_t curve[KEY_SIZE], struct fault *fault);
};

struct uplink_options {
	const struct join *join; /* its broker keys: those in force */
	struct uplink_broker broker;
	const struct node_keys *keys;
	struct uplink_renewal renewal;
	const char *node;
	uint32_t epoch;
	const Simpul__Subscription *subscription; /* NULL: all */
	struct uplink_source source;
	struct uplink_target target;
};

struct uplink;

struct uplink *uplink_new(void *zmq_context, const struct uplink_options *options);
/* The same over another transport, which it takes over. */
struct uplink *uplink_over(const struct uplink_transport *transport, const struct uplink_options *options);
/* Sends BYE, closes the session. */
void uplink_free(struct uplink *uplink);

/* Fills `items` (room for 2) with what to poll; the number of items. They change with the session: ask before each
 * poll. */
int uplink_poll_items(struct uplink *uplink, zmq_pollitem_t *items);
/* Handles what has arrived (bounded), timers and what is to be sent; call after each poll and at least every 100 ms. */
void uplink_step(struct uplink *uplink, const struct now *now);
/* New reports are in the source: send without waiting for the next timer. */
void uplink_wake(struct uplink *uplink);

struct uplink_status {
	enum uplink_state state;
	struct position cursor;
	wall_ms since; /* of the state */
	size_t in_flight;
	struct fault last_fault;
	bool clock_known;   /* a WELCOME came since the start */
	int64_t clock_ahead; /* ms by which this machine was ahead of the broker then; negative: behind */
	wall_ms broker_time; /* now, by the last WELCOME and this machine's steady clock; 0: unknown */
};
void uplink_status(const struct uplink *uplink, struct uplink_status *status);

#endif
