/* core - the broker's decisions: sessions, validation, authorisation, audience, numbering, windows, members, policy.
 *
 * Pure: an event, the time and random bytes go in, actions come out; no socket, no clock, no disk, no globals. The
 * shell (loop.c) carries the actions out. Everything in an action lives until the next call of core_step.
 *
 * Invariants, each with tests that try to break it in tests/unit/core_*.c:
 *   - a receipt, a delivery or a log line about acceptance follows CORE_COMMITTED, never SUBMIT
 *   - identity is the key that ZAP authenticated, never what a message says
 *   - an entry is handed to a node only if it is in the entry's audience and the policy of this moment admits it
 *   - what is pushed and not acknowledged is at most LIMIT_WINDOW bytes a node
 *   - an aborted commit leaves numbering as if it had never been tried
 *   - a session hears one key of the broker: those that are open end when newer keys come in force */
#ifndef SIMPUL_CORE_H
#define SIMPUL_CORE_H

#include "broker/journal/journal.h"
#include "broker/policy/policy.h"
#include "common/broker_succession.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/member.h"
#include "common/seal.h"

struct core;

/* A connection of the ROUTER socket: its routing id. */
struct peer {
	uint8_t id[16];
	uint8_t size;
};

struct core_options {
	uint8_t exchange[EXCHANGE_SIZE];
	uint8_t authority[KEY_SIZE];
	struct signing_key broker;
	char feed_endpoint[128];	   /* told in WELCOME; "" for the one in the join file */
	uint32_t rate_reports, rate_bytes; /* per second and node */
	uint32_t heartbeat_ms, silence_ms;
	bool bulletins; /* what may be published in the open is */
};

/* ---------------------------------------------------------------------------- events */

enum core_event_type {
	CORE_MESSAGE,	 /* a frame from a peer */
	CORE_SUBSCRIBED, /* the feed socket saw a subscription */
	CORE_COMMITTED,	 /* the journal hands appends back */
	CORE_READ_DONE,	 /* a reader answers */
	CORE_POLICY,	 /* a policy that was loaded and checked; becomes an entry, then the current one */
	CORE_ENROLL,	 /* a countersigned member record from an operator */
	CORE_STANDING,	 /* retire, compromise, restore: from an operator */
	CORE_RESEED,	 /* fetch below the cursor: from an operator */
	CORE_BROKER_KEY, /* newer keys of the broker, countersigned: from an operator */
	CORE_TAKE_UP,	 /* those keys come in force: from an operator */
	CORE_HOLD,	 /* a body is kept by order of an authority, or no longer: from two operators */
	CORE_CLOCK,	 /* the clock is right: from an operator */
	CORE_ACT,	 /* an operator or auditor looks at something */
	CORE_DISK,	 /* free space fell below the reserve, or is back */
	CORE_TICK,	 /* at least every 100 ms */
	CORE_STOP,	 /* take nothing new; what is under way is finished */
};

enum core_read_type { READ_PAGE, READ_RECEIPT, READ_POSITION, READ_DUE };

/* A question to a reader; handed over whole, handed back whole. core_read_free releases it. */
struct core_read {
	struct letter letter;
	enum core_read_type type;
	uint64_t ticket;
	char node[LIMIT_NODE_NAME + 1];
	uint64_t after; /* READ_PAGE; READ_POSITION: the entry */
	size_t limit;
	uint64_t erased; /* READ_PAGE: how many erasures the core had heard of */
	struct report_name first; /* READ_RECEIPT */
	size_t count;
	struct hash digest;
	wall_ms now; /* READ_DUE: 0 for what was taken back alone */
	/* answers */
	struct fault result;
	struct journal_page page;
	uint64_t page_as_of; /* the erasure up to which the page is true at least: `erased`, or one before it */
	struct buffer receipt;
	struct position position;
	struct journal_due *due; /* owned */
};
struct core_read *core_read_new(void);
void core_read_free(struct core_read *read);

struct core_event {
	enum core_event_type type;
	union {
		struct {
			struct peer peer;
			const uint8_t *curve_key; /* KEY_SIZE: as ZAP authenticated it */
			struct bytes frame;
		} message;
		struct {
			const uint8_t *curve_key;
			struct bytes topic;
			bool added;
		} subscribed;
		struct journal_append *committed; /* list; the core takes it over */
		struct core_read *read;		  /* the core takes it over */
		struct policy *policy;		  /* the core takes it over */
		const struct member *enroll;
		struct {
			const char *node;
			uint32_t key_id; /* COMPROMISED: of which key; 0: the present one */
			Simpul__Standing standing;
			wall_ms since; /* COMPROMISED */
			const char *reason;
		} standing;
		struct {
			const char *node;
			uint64_t from_entry;
			const char *reason;
		} reseed;
		const struct broker_succession *broker_key;
		struct broker_keys *take_up; /* owned; the core takes them over */
		struct bytes hold; /* an encoded Hold */
		bool disk_low;
	};
	/* ENROLL, STANDING, RESEED, BROKER_KEY, TAKE_UP, HOLD, CLOCK, POLICY, ACT: repeated in ACTION_ANSWER */
	uint64_t operator_ticket;
	/* The same: an encoded Act (broker/journal/act.h), to be recorded behind what it made; empty: it is not recorded. */
	struct bytes act;
};

/* ---------------------------------------------------------------------------- actions */

enum core_action_type {
	ACTION_SEND,	    /* a frame to a peer of the ROUTER socket */
	ACTION_PUBLISH,	    /* seal and publish on the feed socket */
	ACTION_BULLETIN,    /* publish in the open to all members */
	ACTION_APPEND,	    /* to the journal's thread, which takes it over */
	ACTION_READ,	    /* to a reader, which takes it over */
	ACTION_CURSOR,	    /* journal_note_cursor */
	ACTION_WITHHELD,    /* journal_note_withheld */
	ACTION_REBIND_FEED, /* unbind and bind the feed socket: cuts every subscriber; honest ones come back */
	ACTION_TAKE_UP,	    /* newer keys of the broker are in force: their file, and the doors of offices, follow */
	ACTION_LOG,	    /* one event for operators */
	ACTION_ANSWER,	    /* to an operator's command */
	ACTION_DRAINED,	    /* after CORE_STOP: nothing is under way any more */
};

#define CORE_LOG_FIELDS 10

struct core_action {
	enum core_action_type type;
	union {
		struct {
			struct peer peer;
			struct bytes frame;
		} send;
		struct {
			const uint8_t *topic; /* FEED_TOPIC_SIZE */
			const struct feed *feed;
			struct feed_head head;
			struct bytes batch; /* an encoded Batch; several publications may share it */
		} publish;
		struct {
			char topic[BULLETIN_TOPIC_SIZE];
			struct bytes message; /* an encoded Bulletin */
		} bulletin;
		struct journal_append *append;
		struct core_read *read;
		const struct broker_keys *take_up;
		struct {
			char node[LIMIT_NODE_NAME + 1];
			uint64_t entry;
			uint32_t policy_version;
		} note; /* CURSOR, WITHHELD */
		struct {
			enum log_level level;
			const char *event;
			struct log_field fields[CORE_LOG_FIELDS + 1];
		} log;
		struct {
			uint64_t ticket;
			struct fault fault;
			uint64_t entry;
		} answer;
	};
};

struct core_actions {
	const struct core_action *list;
	size_t count;
};

/* ---------------------------------------------------------------------------- life */

/* Random bytes for one step: a session's id, topic and key. */
#define CORE_RANDOM_SIZE 64

struct core *core_new(const struct core_options *options);
void core_free(struct core *core);
/* The visitor that brings the core up from a journal; call journal_load with it before the first step. */
struct journal_visitor core_visitor(struct core *core);
/* The policy in force after loading; NULL when the journal has none yet, or (its version is not 0) one that cannot be
 * read. */
const struct policy *core_policy(const struct core *core);

struct core_actions core_step(struct core *core, const struct core_event *event, const struct now *now,
			      const uint8_t random[CORE_RANDOM_SIZE]);

/* ---------------------------------------------------------------------------- looking */

/* Whether ZAP lets this key in: E_OK and the node's name, E_KEY_UNKNOWN, E_KEY_EXPIRED, E_KEY_REVOKED, E_KEY_SUSPENDED,
 * E_KEY_LAPSED.
 */
enum error core_key_status(const struct core *core, const uint8_t curve_key[KEY_SIZE], const char **node);

struct core_status {
	struct position position;
	wall_ms broker_made, authority_made; /* when their keys were made, as far as the journal tells; 0: it does not */
	uint64_t announced; /* entry of newer keys of the broker that are not in force yet; 0: none */
	uint32_t policy_version;
	struct hash policy_hash;
	size_t members, connected;
	uint64_t accepted, refused_reports, refused_messages, delivered; /* since start */
	uint64_t sessions;						 /* that were opened, since start */
	size_t under_way;						 /* appends not yet committed */
	size_t tail_entries, tail_bytes;
	bool disk_low, clock_doubted, stopping;
};
void core_status(const struct core *core, struct core_status *status);

struct core_node {
	char node[LIMIT_NODE_NAME + 1];
	uint32_t key_id;
	wall_ms key_made; /* as its owner says */
	wall_ms expires_at; /* 0: never */
	Simpul__Standing standing;
	bool connected;
	bool live;	     /* gets pushes; otherwise it fetches */
	wall_ms last_seen;   /* 0: not since start */
	uint64_t cursor;     /* acknowledged */
	uint64_t lag;	     /* entries of the journal behind */
	size_t queued_bytes; /* pushed and not acknowledged */
	bool in_policy;
};
/* Members in ascending order of name; false beyond the last. */
bool core_node_at(const struct core *core, size_t index, struct core_node *node);

#endif
