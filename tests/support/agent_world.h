/* agent_world - an exchange in memory for tests of the agent: keys, reports, and the batches and receipts that a
 * broker would send. */
#ifndef SIMPUL_TEST_AGENT_WORLD_H
#define SIMPUL_TEST_AGENT_WORLD_H

#include "agents/reports/inbox.h"
#include "agents/reports/outbox.h"
#include "common/submission.h"

struct agent_office {
	struct node_keys keys;
	struct member member; /* countersigned */
};

struct agent_world {
	char folder[64]; /* of the test's files */
	struct signing_key authority;
	struct broker_keys broker;
	struct join join;
	struct arena arena; /* everything that is made lives here until the end */
	struct position head; /* of the journal that the batches pretend */
};

void agent_world_start(struct agent_world *world);
void agent_world_end(struct agent_world *world); /* deletes the folder */
char *agent_world_path(struct agent_world *world, const char *name);
void agent_office_make(struct agent_world *world, const char *node, uint32_t key_id, struct agent_office *office);
/* Opens (or creates) <folder>/<node>.db; asserts. */
void agent_store_open(struct agent_world *world, const char *node, struct store *store);
uint64_t agent_number(struct store *store, const char *sql); /* the one number that a query gives; 0 for no row */

/* A valid sighting with `summary`; change what the test needs. RED is sealed and in its stream. */
struct prepared *agent_sighting(struct agent_world *world, Simpul__Label label, const char *summary);
/* The same as a CANCEL of a report of `origin`. */
struct prepared *agent_cancel(struct agent_world *world, const char *origin, uint64_t number);

/* The same as an UPDATE with this summary; and a CANCEL that is a retraction. */
struct prepared *agent_update(struct agent_world *world, const char *origin, uint64_t number, const char *summary);
struct prepared *agent_retraction(struct agent_world *world, const char *origin, uint64_t number);
/* Report `index` of a delivery as a broker gives it out that has erased the body. */
void agent_erase(struct agent_world *world, Simpul__Delivery *delivery, size_t index);

/* What the broker makes of a submission: an entry that goes on after world->head, and moves it. */
Simpul__Entry *agent_entry(struct agent_world *world, Simpul__EntryType type);
Simpul__Submission *agent_submission(struct agent_world *world, struct bytes message);
Simpul__Entry *agent_delivery(struct agent_world *world, const Simpul__Submission *submission);
Simpul__Entry *agent_member(struct agent_world *world, const struct agent_office *office);
Simpul__Entry *agent_standing(struct agent_world *world, const char *node, uint32_t key_id, Simpul__Standing standing,
			      wall_ms since);
/* The stub of an update of police.oku#NUMBER, with what its origin lets others know of it by these keys. */
Simpul__Entry *agent_superseded(struct agent_world *world, uint64_t number, const struct node_keys *keys);
/* The signed batch (after, world->head] with `count` entries and a key wrap (may be NULL); `out` is cleared first. */
void agent_batch(struct agent_world *world, uint64_t after, Simpul__Entry *const *entries, size_t count,
		 const Simpul__EntryWrap *wrap, struct buffer *out);
/* The receipt of a submission as the next entry, signed; `verdict` (may be NULL) refuses one report. */
Simpul__Receipt *agent_receipt(struct agent_world *world, const struct hash *digest, Simpul__Verdict *verdict,
			       struct buffer *encoded);

#endif
