/* uplink_state - what the files of the uplink share: the session and what is under way in it.
 *
 *   uplink.c             states, messages sent, timers
 *   uplink_sockets.c     frames over ZeroMQ
 *   uplink_message.c     what the broker says
 *   uplink_submission.c  what is sent and waits for a receipt
 *   uplink_frame.c       bytes of a frame, without decoding what is inside */
#ifndef SIMPUL_UPLINK_STATE_H
#define SIMPUL_UPLINK_STATE_H

#include "agents/uplink/uplink.h"
#include "common/arena.h"
#include "common/limit.h"

#define ANSWER_MS 10000 /* a submission or fetch without an answer ends the session */

/* A submission that waits for its answer. */
struct flight {
	uint64_t seq; /* 0: free */
	struct report_name first;
	size_t count, size; /* reports; bytes of its frame */
	struct hash digest;
	bool is_void;
	steady_ms sent_at;
};

struct uplink {
	struct uplink_options options;
	struct uplink_transport transport;
	enum uplink_state state;
	wall_ms since;
	struct now now; /* of the step under way */
	struct fault last_fault;
	unsigned failures; /* sessions in a row that did not become live */
	steady_ms retry_at;
	bool handshake_logged;
	bool tries_announced;	       /* the same with keys that the broker announced */
	struct join session_join;      /* with the broker's key that the session was opened with */
	bool tries_next;	       /* this session, or the next one, is under the newer key */
	struct node_keys *session_keys; /* those that the session was opened with */
	steady_ms looked_at;	       /* HALTED: when a newer key was last looked for */
	bool clock_known; /* a WELCOME came, and said how far our clock is ahead of the broker's */
	int64_t clock_ahead;
	uint64_t broker_ahead; /* of the steady clock, when clock_known */
	struct arena arena; /* for one message */
	struct buffer frame;

	/* ---- the session; all zero while OFFLINE or HALTED */
	struct session {
		steady_ms opened_at;
		uint64_t seq; /* of the last message sent */
		uint64_t hello_seq;
		uint64_t fetch_seq; /* 0: none under way */
		steady_ms fetch_at; /* when it was sent, or may be sent at the earliest */
		bool fetch_more;    /* the feed was ahead of the answer that is under way: it is not the last */
		steady_ms feed_at;  /* when the feed was last heard */
		steady_ms ack_at;
		uint64_t acked;
		uint32_t incarnation;
		uint32_t heartbeat_ms;
		struct feed feed;
		uint64_t counter; /* of the last publication */
		bool unopened_logged;

		struct flight flights[LIMIT_IN_FLIGHT];
		uint32_t turn;		 /* the stream of which a submission is sent first */
		uint64_t after[STREAMS]; /* last number sent */
		bool idle[STREAMS];	 /* nothing more to send, until woken */
		steady_ms idle_until;
		steady_ms pause_until;
		struct hash rejected; /* digest of the last one that the broker would not take */
	} session;
};

/* ---- uplink.c */
void uplink_enter(struct uplink *uplink, enum uplink_state state);
/* Ends the session; a new one follows after the back-off, at the earliest after `pause` ms. */
void uplink_offline(struct uplink *uplink, enum error code, const char *field, uint64_t pause);
void uplink_halt(struct uplink *uplink, const struct fault *fault);
void uplink_halt_at(struct uplink *uplink, enum error code, const char *field);
/* Packs and sends; `up->seq` is filled in and returned. 0 when the session ended over it. */
uint64_t uplink_send(struct uplink *uplink, Simpul__Up *up);
/* Asks for what follows the cursor, or with `after` what follows a batch that is about to be stored. */
void uplink_fetch(struct uplink *uplink, uint64_t after);
/* The target's cursor, in this session's incarnation where it has none yet. */
struct position uplink_cursor(const struct uplink *uplink);

/* The broker's key at this entry. */
const uint8_t *uplink_broker_key(const struct uplink *uplink, uint64_t entry);
/* The broker greeted us: the key that we came under is the office's. */
void uplink_key_taken(struct uplink *uplink);

/* ---- uplink_message.c; each may end the session */
void uplink_take_message(struct uplink *uplink, struct bytes frame);
void uplink_take_publication(struct uplink *uplink, struct bytes frame);

/* How long to wait after a refusal: what it says, but no broker can send the office to sleep for good. */
uint64_t refusal_pause(const struct fault *fault);

/* ---- uplink_submission.c */
void flights_start(struct uplink *uplink);
void flights_wake(struct uplink *uplink);
void flights_send(struct uplink *uplink);
/* True when a submission has waited too long. */
bool flights_overdue(const struct uplink *uplink);
size_t flights_count(const struct uplink *uplink);
struct flight *flight_find(struct uplink *uplink, uint64_t seq);
void flight_receipt(struct uplink *uplink, struct flight *flight, const Simpul__Receipt *receipt, struct bytes encoded);
void flight_refused(struct uplink *uplink, struct flight *flight, const struct fault *fault);

/* ---- uplink_frame.c */
/* The first field with this number at the top level of an encoded message, when it is length-delimited. */
bool frame_part(struct bytes message, uint32_t number, struct bytes *part);
/* The same for a number; 0 when there is none. */
uint64_t frame_number(struct bytes message, uint32_t number);
/* Writes the encoding of an Up that holds an already encoded part before `size` bytes of it; returns the prefix's
 * length. */
#define FRAME_PREFIX_SIZE 32
size_t frame_prefix(uint8_t prefix[FRAME_PREFIX_SIZE], uint64_t seq, uint32_t number, size_t size);

#endif
