/* core_state - what the files of the broker's core share: nodes, sessions, numbering, audiences, and the actions of a
 * step. */
#ifndef SIMPUL_CORE_STATE_H
#define SIMPUL_CORE_STATE_H

#include "broker/core/bucket.h"
#include "broker/core/core.h"
#include "broker/core/erased.h"
#include "broker/core/tail.h"
#include "broker/core/turn.h"

#define WINDOW_MARKS 64 /* publications remembered one by one until acknowledged; more share a mark */
#define OLD_PEERS 4	/* superseded connections remembered, to tell them so */
#define SIGNATURE_CACHE 16
#define ALARM_BOTH_ALIVE_MS 2000
#define RETRY_SOON_MS 100 /* told with BUSY */
#define REFETCH_MS 1000	  /* before what was answered is answered once more ... */
#define REFETCH_DOUBLED 6 /* ... then twice that, and so on, up to a minute */
#define REREAD_MS 5000	  /* before what could not be read is asked for again */

/* ---------------------------------------------------------------------------- numbering */

/* What the journal has of one stream of an origin, in its newest epoch. */
struct stream {
	uint32_t epoch, stream;
	uint64_t last;
	struct hash digest; /* of the submission that carried it */
};

/* A submission on its way to disk. Until it is there, or refused, its session is the node's last one. */
struct pending {
	uint64_t ticket;
	struct report_name first;
	size_t count;
	size_t size; /* of its frame */
	struct hash digest;
	uint64_t seq; /* of the latest that asked */
	bool rewound;	       /* one before it failed, so it will come back with E_GAP */
};

/* A repeated submission whose receipt is being read. */
struct asked {
	uint64_t ticket; /* 0: free */
	uint64_t session, seq;
};

/* ---------------------------------------------------------------------------- what a node may do */

/* Every HELLO costs a page of journal at worst, every new audience memory for good. One token comes back a second. */
#define HELLO_BUCKET ((struct bucket_size){.rate = 2, .most = 20})
#define SUBSCRIPTION_COST 60 /* of one that differs from the last */
#define SUBSCRIPTION_BUCKET ((struct bucket_size){.rate = 1, .most = 8 * SUBSCRIPTION_COST})
#define AUDIENCE_COST 30 /* of one with up to AUDIENCE_PART names; of a larger one for each part */
#define AUDIENCE_PART 256
#define AUDIENCE_BUCKET ((struct bucket_size){.rate = 1, .most = 2048 * AUDIENCE_COST})
/* Subscriptions that the feed socket sees begin or end: no connection comes back so often. */
#define TOPIC_BUCKET ((struct bucket_size){.rate = 10, .most = 600})
/* Messages that are refused, whatever for. An honest agent has a few a second, and asks later when it is told to. */
#define PATIENCE_BUCKET ((struct bucket_size){.rate = 200, .most = 2000})
/* Messages under a key that is not in force, which are told so; the others are dropped. */
#define REFUSED_KEY_BUCKET ((struct bucket_size){.rate = 1, .most = 10})
#define SUBSCRIPTION_LARGEST (16 * 1024) /* encoded */
#define REFUSALS_LOGGED 20		 /* a second and node; more are counted */
#define PRESSED_LOGGED 100		 /* the same of those that ask for patience: an honest agent has a few */

/* How much a node has filled of the log in this second. */
struct throttle {
	steady_ms second; /* when it began */
	unsigned logged, unlogged;
	unsigned pressed; /* refusals that only ask for patience: not logged one by one */
};

/* ---------------------------------------------------------------------------- sessions */

enum session_state {
	SESSION_NONE,	/* no session */
	SESSION_BEHIND, /* gets no pushes until it has fetched up to the head */
	SESSION_LIVE,	/* everything for the node up to `upto` was handed over */
};

struct mark {
	uint64_t upto;
	size_t bytes;
};

struct session {
	enum session_state state;
	struct peer peer;
	uint8_t topic[FEED_TOPIC_SIZE];
	struct feed feed;
	uint64_t counter; /* of publications */
	uint64_t upto;	  /* SESSION_LIVE only */
	uint64_t handed;  /* the furthest that a batch of this session led; nothing beyond can be acknowledged */
	steady_ms heard, published;
	bool behind_logged;
	struct mark marks[WINDOW_MARKS];
	size_t mark_first, mark_count;
	size_t queued;	       /* bytes pushed and not acknowledged: the sum of the marks */
	uint64_t fetch_ticket; /* 0: no read under way */
	uint64_t fetch_seq, fetch_after;
	uint64_t answered_after; /* where the last answer to FETCH began */
};

/* A HELLO, kept while the head at its cursor is read. */
struct greeting {
	uint64_t ticket; /* 0: none waits */
	struct peer peer;
	uint64_t seq;
	uint32_t epoch;
	uint32_t incarnation;	/* that HELLO said; 0: a new agent */
	struct position cursor; /* where it goes on */
	struct buffer subscription;
};

/* ---------------------------------------------------------------------------- nodes */

/* Queues that a tick looks at, the longest untouched node first. */
enum turn_kind {
	TURN_PUBLISHED, /* sessions, by when something was last published to them */
	TURN_HEARD,	/* sessions, by when they were last heard */
	TURN_UNLOGGED,	/* nodes of which something was not logged in this second */
	TURNS
};

struct node {
	size_t index; /* in order of enrolment; bit number in audiences */
	char name[LIMIT_NODE_NAME + 1];
	struct member member;
	Simpul__Standing standing;
	bool lapsed; /* its key's time is over */
	Simpul__Standing leaving; /* decided by an operator, not on disk yet: nothing more is handed to its socket */

	struct buffer subscription; /* encoded, as in the journal */
	struct buffer wanted;	    /* the newest asked for; differs from the above while its entry is under way */
	Simpul__Subscription *wants; /* owned; NULL: all */

	/* What is to be recorded and nobody waits for, until it is on disk; a subscription is when it is `wanted`. */
	struct {
		enum error suspension; /* its code; E_OK: none */
		bool reseed_end;
	} owed;

	uint64_t acked;
	bool reseeded;
	uint64_t reseeded_from; /* RESEED_USED_UP: nothing */

	struct stream *streams;
	size_t stream_count;
	struct pending pending[LIMIT_IN_FLIGHT];
	size_t pending_count;
	struct asked asked[LIMIT_IN_FLIGHT];
	struct bucket reports, bytes, hellos, subscriptions, audiences, topics_seen, patience;
	/* Of the node and not of a session: a new HELLO does not empty the socket's queue. */
	uint64_t fetched; /* where the last answer to FETCH led */
	steady_ms fetched_at;
	unsigned refetches; /* how often it asked below that */
	struct throttle throttle;
	struct turn turns[TURNS]; /* in the core's queues of that name */

	struct session session;
	struct greeting greeting;
	struct peer old_peers[OLD_PEERS];
	size_t old_peer_count;
	size_t topic_count; /* in core->topics */
	uint8_t strange[LIMIT_SESSION_TOPICS][FEED_TOPIC_SIZE]; /* nobody's: of a session before the broker's restart */
	size_t strange_count;
	wall_ms last_seen;
};

/* Every transport key that was ever enrolled. */
struct key {
	uint8_t curve[KEY_SIZE];
	uint32_t key_id;
	struct node *node;
	bool revoked;		  /* retired before it was replaced, or compromised */
	bool compromised;	  /* for good */
	wall_ms compromised_since; /* the earliest time that was given */
	struct bucket refusals; /* its own: whoever holds it when it is no longer in force must not use up the node's */
};

/* ---------------------------------------------------------------------------- audiences, operators */

/* Kept for good, and there may be many: nodes as bits, no names, and no more words than its last node needs. */
struct audience_state {
	struct routing_class class;
	bool everyone;
	size_t words;	 /* of each set */
	uint64_t bits[]; /* who is in it; then who of them the policy in force was asked about and admits */
};

/* An entry under way that is no submission. */
struct operation {
	uint64_t ticket;
	Simpul__EntryType type;
	struct node *node; /* NULL: none, or not enrolled yet */
	bool answer;	   /* an operator waits */
	uint64_t operator_ticket;
	struct buffer act; /* what is recorded behind it; empty: nothing */
	uint64_t made;	   /* of an act: the entry that it is about */
};

/* An incarnation of the journal. */
struct opening {
	uint64_t entry; /* of its genesis */
	uint32_t incarnation;
	struct position from; /* the last position kept; of the first incarnation zeros */
	struct buffer genesis;
};

/* Keys of the broker itself. */
struct term {
	uint64_t entry; /* that announced them, or from which on they are in force; 0: none */
	struct broker_succession succession;
};

struct signed_position {
	bool known;
	uint64_t entry;
	uint8_t signature[SIGNATURE_SIZE];
};

/* Looking for bodies that have to be erased. */
struct retention {
	uint64_t ticket; /* of a question or a tombstone under way; 0: none */
	steady_ms look_at;
	bool begun;  /* the clock was compared with the journal */
	bool waits;  /* the day after a recovery is not over */
	wall_ms recovered_at; /* when this incarnation began; 0: it is the first */
	wall_ms holds_told;   /* when those that end soon were last named; 0: never */
	struct erased erased;
	bool forget; /* bodies were erased: memory of earlier steps is not kept for the next */
};

struct core {
	struct core_options options;
	struct position position;
	struct opening *openings; /* ascending */
	size_t opening_count;
	struct term *terms; /* that came in force, ascending */
	size_t term_count;
	struct term announced; /* not in force yet */
	struct broker_keys *taken_up; /* in the step before, for ACTION_TAKE_UP; NULL: none were */
	wall_ms broker_made, authority_made; /* when the keys in use were made; 0: not known */
	struct policy *policy;
	uint32_t policy_version;
	struct buffer loaded_policy; /* while a journal is loaded: the newest PolicyVersion so far */
	struct node *nodes[LIMIT_NODES];  /* by index */
	struct node *sorted[LIMIT_NODES]; /* by name */
	size_t node_count, connected;
	uint8_t (*topics)[LIMIT_SESSION_TOPICS][FEED_TOPIC_SIZE]; /* by index of the node: of its sessions, newest last */
	struct turn queues[TURNS];
	struct key *keys;
	size_t key_count;
	uint32_t *key_slots; /* a hash table, at most half full: index + 1 in `keys`, 0 where it is free */
	size_t key_slot_count;
	struct audience_state **audiences; /* by id */
	size_t audience_limit;
	struct tail tail;

	struct operation *operations;
	size_t operation_count;
	uint64_t last_ticket;
	steady_ms owed_at; /* a full disk kept out what is owed by nodes, and then it is tried again; 0: nothing */
	size_t appends_under_way, reads_under_way;
	struct throttle throttle; /* of keys that belong to nobody */
	bool disk_low, stopping, drained;
	steady_ms beat_at; /* heartbeats were sent last */
	wall_ms lapse_next;  /* when the next key ends; 0: to be looked for */
	wall_ms expiry_told; /* when those that end soon were last named; 0: never */
	wall_ms clock_begin; /* what the wall clock showed when the steady one began; 0: not looked yet */
	bool clock_doubted;  /* it jumped, and no operator has said that it is right now */
	struct retention retention;
	steady_ms rebound;   /* when the feed socket was last bound anew to cut somebody off; 0: never */
	struct signed_position signatures[SIGNATURE_CACHE];
	size_t next_signature;
	uint64_t accepted, refused_reports, refused_messages, delivered, sessions;
	struct bulletins *bulletins; /* that were published since the start; NULL: none */

	/* of the current step */
	const struct now *now;
	const uint8_t *random;
	struct arena arena;
	struct core_action *actions;
	size_t action_count, action_capacity;
	struct buffer **scratch;
	size_t scratch_used, scratch_count;
};

/* ---------------------------------------------------------------------------- actions.c */

void actions_start(struct core *core); /* what the step before handed out becomes invalid */
void actions_free(struct core *core);
struct core_action *action_add(struct core *core, enum core_action_type type);
/* An empty buffer whose content lives until the next step. */
struct buffer *scratch(struct core *core);
void send_down(struct core *core, const struct peer *peer, const Simpul__Down *down);
/* A Down whose one-of `field` is encoded already. */
void send_encoded(struct core *core, const struct peer *peer, uint64_t seq, uint32_t field, struct bytes message);
void send_refusal(struct core *core, const struct peer *peer, uint64_t seq, const struct fault *fault);
void send_goodbye(struct core *core, const struct peer *peer, enum error code);
void answer(struct core *core, uint64_t ticket, const struct fault *fault, uint64_t entry);
void note(struct core *core, enum core_action_type type, const struct node *node, uint64_t entry);
void log_fields(struct core *core, enum log_level level, const char *event, const struct log_field *fields);
#define LOG(core, level, event, ...) \
	log_fields((core), LOG_LEVEL_##level, (event), (const struct log_field[]){__VA_ARGS__, {.type = LOG_END}})
/* One event for a refused message or session; those that no honest agent causes are alarms. `node` is NULL for a key
 * that belongs to nobody. Of many in a second the rest is counted. */
void log_refused(struct core *core, const char *event, struct node *node, const struct fault *fault);
/* False when a node had so much refused that its next message is not looked at. */
bool patience_left(struct core *core, struct node *node);
/* A node that is refused all day must not fill the log: false when it had its share of this second's lines. `node` as
 * above. What is seldom written anyway does not count. */
bool log_has_room(struct core *core, struct node *node, enum log_level level);
/* Logs how many were not, once their second is over. */
void log_unlogged(struct core *core, struct node *node);
/* What a reader could not read is the operators' matter: an alarm, and the office only hears when to ask again. */
void log_unreadable(struct core *core, const struct node *node, struct fault *fault);
/* fault_at with the number expected, or the milliseconds to wait. */
enum error fault_expecting(struct fault *fault, enum error code, uint64_t expected, const char *field);
/* Hands an append to the journal and counts it. */
void append_start(struct core *core, struct journal_append *append);
void read_start(struct core *core, struct core_read *read);
uint64_t next_ticket(struct core *core);

/* ---------------------------------------------------------------------------- members.c */

struct node *node_find(const struct core *core, const char *name);
struct key *key_find(const struct core *core, const uint8_t curve[KEY_SIZE]);
/* Present and former ones. */
struct key *key_of_node(const struct core *core, const struct node *node, uint32_t key_id);
enum error key_status(const struct key *key);
enum error standing_error(Simpul__Standing standing);
struct stream *stream_find(struct node *node, uint32_t epoch, uint32_t stream);
/* Found or new, with last == 0. */
struct stream *stream_make(struct node *node, uint32_t epoch, uint32_t stream);
/* Makes an entry that is no submission part of the state: when loading, and when it is committed. */
void entry_apply(struct core *core, Simpul__EntryType type, struct bytes content);
void node_free(struct node *node);
/* It goes to the end of that queue. */
void node_touch(struct core *core, struct node *node, enum turn_kind kind);
/* Who was not touched for the longest time; NULL: nobody stands in it. */
struct node *node_untouched(const struct core *core, enum turn_kind kind);

/* ---------------------------------------------------------------------------- operations.c */

#define RESEED_USED_UP UINT64_MAX /* as the first entry of a reseed: it covers nothing any more */

void enroll(struct core *core, const struct core_event *event);
/* An entry that is no submission on its way to disk; `node` and the answer to an operator may be none. */
struct operation *operation_start(struct core *core, Simpul__EntryType type, struct node *node, const void *content,
				  bool everyone);
/* The same of an append that is made already: only its ticket is missing. */
struct operation *operation_append(struct core *core, struct journal_append *append, struct node *node);
/* It is done when this operator has his answer, and his act is recorded. */
void answer_to(struct operation *operation, const struct core_event *event);
/* NULL for `node`: of whichever. */
bool operation_runs(const struct core *core, Simpul__EntryType type, const struct node *node);
/* A new key of the node is on its way to disk. */
bool enrolment_runs(const struct core *core, const struct node *node);
void standing_set(struct core *core, const struct core_event *event);
void reseed_add(struct core *core, const struct core_event *event);
void policy_offer(struct core *core, const struct core_event *event);
void suspend(struct core *core, struct node *node, enum error code);
/* An entry that covers nothing: the node's reseed is used up. */
void reseed_close(struct core *core, struct node *node);
void subscription_store(struct core *core, struct node *node, struct bytes subscription);
/* An append that is no submission came back. */
void operation_done(struct core *core, struct journal_append *append);
/* What a full disk kept out, and nobody waits for, is tried again. */
void operations_tick(struct core *core);

/* ---------------------------------------------------------------------------- acts.c */

/* Records a look. */
void act_take(struct core *core, const struct core_event *event);
/* Records the act of a change that is on disk, if it has one; then it is the act that answers. */
bool act_follows(struct core *core, const struct operation *change, const struct journal_append *append);
void act_answer(struct core *core, const struct operation *operation, const struct journal_append *append);
void act_log(struct core *core, const struct journal_append *append);

/* ---------------------------------------------------------------------------- session.c */

void hello_take(struct core *core, struct node *node, const struct peer *peer, uint64_t seq,
		const Simpul__Hello *hello);
void hello_read_done(struct core *core, struct node *node, const struct core_read *read);
void ack_take(struct core *core, struct node *node, const struct position *cursor, uint64_t seq);
/* Checks a cursor that the session's agent says it has and makes it the acknowledged one. */
enum error cursor_take(struct core *core, struct node *node, const struct position *cursor, struct fault *fault);
/* E_OK, E_SUPERSEDED, E_UNEXPECTED: whether `peer` holds the node's session. */
enum error session_check(const struct node *node, const struct peer *peer);
/* Ends it; with a code other than E_OK the peer is told. */
void session_end(struct core *core, struct node *node, enum error code);
/* Ends all of them, and forgets who waits for WELCOME: nobody is told. */
void sessions_drop(struct core *core);
void sessions_tick(struct core *core);
void sessions_stop(struct core *core);
void subscription_seen(struct core *core, const struct core_event *event);

/* ---------------------------------------------------------------------------- lapse.c */

/* Before each event: what ended meanwhile ends before it is looked at. */
void lapse_watch(struct core *core);
/* Names once a day whose key ends soon. */
void lapse_tick(struct core *core);

/* ---------------------------------------------------------------------------- submit.c */

/* What can be said before the frame is decoded. False: refused, and answered. */
bool submit_admit(struct core *core, struct node *node, const struct peer *peer, uint64_t seq, struct bytes frame);
void submit_take(struct core *core, struct node *node, const struct peer *peer, const Simpul__Up *up,
		 struct bytes frame);
void submit_done(struct core *core, struct journal_append *append);
void submit_read_done(struct core *core, struct node *node, const struct core_read *read);
uint32_t epoch_highest(const struct node *node);

/* ---------------------------------------------------------------------------- audience.c */

/* Who is meant by a report of this class; sorted, not the origin. */
void audience_decide(struct core *core, const struct node *origin, const Simpul__Routing *routing,
		     const struct routing_class *class, struct audience *out);
/* Those that `to` names and `audience` lacks. Returns an array to free, NULL when there are none. */
char (*audience_unreachable(const Simpul__Routing *routing, const struct audience *audience,
			    size_t *count))[LIMIT_NODE_NAME + 1];
void audience_everyone(struct audience *out);
/* Remembers a stored audience under its id; true when it is a new one. */
bool audience_intern(struct core *core, const struct audience *audience);
bool audience_has(const struct core *core, uint32_t id, const struct node *node);
/* Asks the current policy again. */
enum denial audience_denial(struct core *core, uint32_t id, const struct node *node);
void audiences_recheck(struct core *core); /* the policy changed */
void audiences_free(struct core *core);

/* ---------------------------------------------------------------------------- batch.c */

/* The journal has signed the head after this entry: batches that lead there need no signature of their own. */
void signature_keep(struct core *core, uint64_t entry, const uint8_t signature[SIGNATURE_SIZE]);
/* Another key signs from now on. */
void signatures_forget(struct core *core);

/* ---------------------------------------------------------------------------- deliver.c */

struct shared;

/* An entry that was committed goes into the tail, with its audience. */
void deliver_keep(struct core *core, struct journal_append *append);
/* Pushes the entries from `first` to the head to every live session that they are for. */
void deliver_push(struct core *core, uint64_t first);
/* The empty batch. Nodes of one step at the same place share its encoding. */
void deliver_heartbeat(struct core *core, struct node *node, struct shared *shared);
/* No pushes until it has fetched; `why` is a short reason for the log, NULL for none. */
void session_behind(struct core *core, struct node *node, const char *why);

/* ---------------------------------------------------------------------------- retention.c */

void retention_tick(struct core *core);
/* Something was taken back. */
void retention_soon(struct core *core);
void retention_read_done(struct core *core, const struct core_read *read);
/* A tombstone came back. */
void retention_done(struct core *core, const struct journal_append *append);
void clock_confirm(struct core *core, const struct core_event *event);

/* ---------------------------------------------------------------------------- holds.c */

void hold_take(struct core *core, const struct core_event *event);
void hold_log(struct core *core, const struct journal_append *append);
/* Names once a day the holds that end soon. */
void holds_tell(struct core *core, const struct journal_due *due);

/* ---------------------------------------------------------------------------- fetch.c */

/* `after` is 0, or an entry beyond the cursor. */
void fetch_take(struct core *core, struct node *node, uint64_t seq, const struct position *cursor, uint64_t after);
void fetch_read_done(struct core *core, struct node *node, const struct core_read *read);

#endif
