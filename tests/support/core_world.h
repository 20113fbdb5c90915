/* core_world - a broker's core with real keys, a journal in memory and everything that it did written down, for tests.
 */
#ifndef SIMPUL_CORE_WORLD_H
#define SIMPUL_CORE_WORLD_H

#include "broker/core/core.h"
#include "proto/bulletin.pb-c.h"

enum { POLICE, ARMY, IMMIGRATION, HEALTH, WORLD_NODES };
enum { WORLD_RECORDS = 4096, WORLD_TEXT = 400 };
enum { FIRST_ENTRY = 6 };		    /* after four members and a policy, in memory */
#define WORLD_START UINT64_C(1795000000000) /* when its time begins */

/* What the world's journal keeps of an entry. */
struct record {
	Simpul__EntryType type;
	struct buffer content, encoded, receipt;
	struct audience audience;
	struct report_name first;
	size_t count;
	struct hash digest, head;
};

/* One action, as a copy that outlives the step. */
struct event_seen {
	enum core_action_type type;
	struct peer peer;
	const Simpul__Down *down;   /* SEND */
	const Simpul__Batch *batch; /* PUBLISH, and SEND of a batch */
	const Simpul__Bulletin *bulletin;
	size_t size;	       /* PUBLISH: bytes of the batch */
	const void *data;      /* PUBLISH: where they were, to see who shares them */
	struct feed_head head; /* PUBLISH */
	char node[LIMIT_NODE_NAME + 1];
	uint64_t entry; /* CURSOR, WITHHELD, ANSWER */
	enum log_level level;
	char text[WORLD_TEXT]; /* LOG: "event key=value ..."; BULLETIN: its topic */
	struct fault fault;    /* ANSWER */
};

struct world {
	struct core *core;
	struct journal *journal; /* NULL: in memory, in `records` */
	struct journal_reader *reader;
	struct journal_options journal_options;
	struct core_options options;
	struct signing_key authority;
	struct node_keys keys[WORLD_NODES];
	struct member members[WORLD_NODES];
	struct now now;
	uint8_t random[CORE_RANDOM_SIZE];
	struct buffer said;	 /* the last frame of world_up */
	struct arena arena;	 /* of what was seen */
	struct event_seen *seen; /* since the last world_forget */
	size_t seen_count;
	struct journal_append *queue; /* handed to the journal, oldest first */
	struct core_read *reads;
	struct record records[WORLD_RECORDS]; /* by entry, from 1 */
	struct position position;
	uint32_t policy_version;
	uint32_t audiences;
	struct {
		char node[LIMIT_NODE_NAME + 1];
		uint64_t entry;
	} cursors[WORLD_NODES];
};

/* The names of the nodes, in the order of the enumeration. */
extern const char *const world_names[WORLD_NODES];
/* The policy: police and immigration exchange everything up to RED, the army gets up to AMBER, health may only receive.
 */
extern const char *const world_policy;

struct world *world_new(void); /* members enrolled, policy in force */
/* The same on a real journal in the folder `path`; its entry 1 is the genesis. */
struct world *world_on_journal(const char *path);
void world_free(struct world *world);
int world_tear_down(void **state); /* for cmocka: the state is a world */
/* A new core from what the journal holds. */
void world_restart(struct world *world);
void world_forget(struct world *world);

void world_see(struct world *world, const struct core_action *action); /* keeps a copy, and queues what is for others */
void world_step(struct world *world, const struct core_event *event);
void world_send(struct world *world, size_t node, uint8_t peer, struct bytes frame);
void world_up(struct world *world, size_t node, uint8_t peer, const Simpul__Up *up);
void world_tick(struct world *world, uint64_t ms);
void world_load_policy(struct world *world, const char *text);
void world_standing(struct world *world, size_t node, Simpul__Standing standing);
/* The journal commits what it has; with another code than E_OK it fails all of it. */
void world_commit(struct world *world, enum error code);
/* The journal commits the first `count` alone. */
void world_commit_some(struct world *world, size_t count, enum error code);
/* The journal commits one that was taken off the queue, and the core does not hear of it. */
void world_store(struct world *world, struct journal_append *append);
size_t world_queued(const struct world *world);
/* The readers answer. */
void world_read(struct world *world);

/* HELLO with a cursor that the node really has; peer = 10 + node. */
void world_hello(struct world *world, size_t node, uint64_t cursor);
/* The same from any peer, at the head and in epoch 2, after what `spoil` (may be NULL) does to it; forgets first. */
void world_greet(struct world *world, size_t node, uint8_t peer, void (*spoil)(Simpul__Hello *hello));
void world_position(const struct world *world, uint64_t entry, struct position *position);
void world_ack(struct world *world, size_t node, uint64_t entry);
void world_fetch(struct world *world, size_t node, uint64_t entry);
/* FETCH of what follows `after`, while no more than `entry` is stored. */
void world_fetch_ahead(struct world *world, size_t node, uint64_t entry, uint64_t after);

/* A submission: what is zero gets a value that is fine. */
struct speech {
	size_t node;
	uint64_t seq;
	uint32_t epoch;
	uint64_t first;
	size_t count;
	Simpul__Stream stream;
	Simpul__Kind kind;
	Simpul__Label label;
	const char *category, *region;
	const char *to[4], *not_to[4];
	const char *wraps[4];
	uint64_t reference; /* number, for UPDATE and CANCEL */
	size_t summary;	    /* its size */
	uint8_t salt;	    /* another value makes other bytes */
	uint8_t peer;
	bool sealed;
	void (*spoil_header)(Simpul__Header *header, size_t index);
	void (*spoil_body)(Simpul__Body *body);
	void (*spoil_routing)(Simpul__Routing *routing);
	void (*spoil_message)(Simpul__Submission *message); /* before it is signed */
	void (*spoil_signed)(Simpul__Submission *message);
};
void world_say(struct world *world, const struct speech *speech);

/* Looking at what was seen. */
size_t world_count(const struct world *world, enum core_action_type type);
const struct event_seen *world_find(const struct world *world, enum core_action_type type, size_t index);
/* The last refusal, 0 when there was none; its field. */
enum error world_refusal(const struct world *world);
const char *world_refusal_field(const struct world *world);
const Simpul__Down *world_down(const struct world *world, Simpul__Down__MessageCase kind);
/* Publications with at least one entry to a node. */
size_t world_pushes(const struct world *world, size_t node);
bool world_logged(const struct world *world, const char *text);
bool world_alarmed(const struct world *world, const char *text);
enum error world_answer(const struct world *world);
struct core_node world_node(const struct world *world, size_t node); /* as the operators see it */

#endif
