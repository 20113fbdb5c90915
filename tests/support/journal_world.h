/* journal_world - a journal in a folder of its own, with four members and a policy, and things for them to say. */
#ifndef SIMPUL_TESTS_JOURNAL_WORLD_H
#define SIMPUL_TESTS_JOURNAL_WORLD_H

#include "broker/journal.h"
#include "common/member.h"

enum { ARMY, IMMIGRATION, OTHER_POLICE, POLICE, WORLD_NODES };

#define WORLD_START UINT64_C(1800000000000) /* the first commit's time; each is a second after the one before */
#define WORLD_FIRST_ENTRIES 6		     /* genesis, members, policy */

struct world {
	char path[64];
	struct journal_options options;
	struct signing_key authority;
	uint8_t exchange[EXCHANGE_SIZE];
	struct node_keys keys[WORLD_NODES];
	struct journal *journal;
	wall_ms now;
};

extern const char *const world_nodes[WORLD_NODES]; /* sorted */

/* What a member says; zeros mean: a sighting, the main stream, epoch 1, one report, everything accepted. */
struct saying {
	int origin;
	uint32_t epoch, stream;
	uint64_t first;
	size_t count;
	Simpul__Kind kind;
	unsigned audience;     /* bit 1 << node */
	uint64_t reference;    /* UPDATE, CANCEL: the number referred to */
	const char *body;      /* of all reports */
	size_t refused;	       /* so many of the first reports are refused */
	const char *named;     /* a name in the routing's `to` */
	bool wraps;	       /* the routing holds a key wrap for each node of the audience */
};

void world_open(struct world *world);
/* Closes and opens the journal. */
void world_reopen(struct world *world);
/* Also removes the folder. */
void world_close(struct world *world);

struct journal_append *world_append(struct world *world, const struct saying *saying);
struct journal_append *world_policy(uint32_t version);
/* Commits a list that ends with NULL. */
enum error world_commit(struct world *world, struct journal_append *first, ...) __attribute__((sentinel));
/* Commits one append, which must be stored, and frees it; returns its entry. */
uint64_t world_say(struct world *world, const struct saying *saying);

#endif
