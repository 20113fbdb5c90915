/* ledger - a journal in a folder of its own, with four members and a policy, and things for them to say. */
#ifndef SIMPUL_TESTS_LEDGER_H
#define SIMPUL_TESTS_LEDGER_H

#include "broker/journal/journal.h"
#include "common/member.h"

enum { ARMY, IMMIGRATION, OTHER_POLICE, POLICE, LEDGER_NODES };

#define LEDGER_START UINT64_C(1800000000000) /* the first commit's time; each is a second after the one before */
#define LEDGER_FIRST_ENTRIES 6		     /* genesis, members, policy */

struct ledger {
	char path[64];
	struct journal_options options;
	struct signing_key authority;
	uint8_t exchange[EXCHANGE_SIZE];
	struct node_keys keys[LEDGER_NODES];
	struct journal *journal;
	wall_ms now;
};

extern const char *const ledger_nodes[LEDGER_NODES]; /* sorted */

/* What a member says; zeros mean: a sighting, the main stream, epoch 1, one report, everything accepted. */
struct saying {
	int origin;
	uint32_t epoch, stream;
	uint64_t first;
	size_t count;
	Simpul__Kind kind;
	unsigned audience;  /* bit 1 << node */
	uint64_t reference; /* UPDATE, CANCEL: the number referred to */
	const char *body;   /* of all reports; or: */
	struct bytes encoded;
	size_t refused;	    /* so many of the first reports are refused */
	const char *named;  /* a name in the routing's `to` */
	const char *left_out; /* one in its `not_to` */
	wall_ms expires;    /* of the first report; each next one has a second more */
	bool never;	    /* all but the first say that they never expire */
	bool erase;	    /* CANCEL: a retraction */
	bool superseded;    /* UPDATE: the routing says so of what it is about */
	bool wraps;	    /* the routing holds a key wrap for each node of the audience */
};

/* A folder and keys, but no journal yet. */
void ledger_prepare(struct ledger *ledger);
void ledger_open(struct ledger *ledger);
/* Closes and opens the journal. */
void ledger_reopen(struct ledger *ledger);
/* Also removes the folder. */
void ledger_close(struct ledger *ledger);

struct journal_append *ledger_append(struct ledger *ledger, const struct saying *saying);
struct journal_append *ledger_policy(uint32_t version);
/* A record with new keys, which the member has from now on; its reports go on saying key id 1. */
struct journal_append *ledger_member(struct ledger *ledger, int node, uint32_t key_id);
/* Commits a list that ends with NULL. */
enum error ledger_commit(struct ledger *ledger, struct journal_append *first, ...) __attribute__((sentinel));
/* Buries reports under a tombstone; returns its entry. */
uint64_t ledger_bury(struct ledger *ledger, const struct erasure *erasures, size_t count);
/* The body of a purge receipt of two reports of the police; `sink` may be NULL. Free with buffer_free. */
void ledger_purge_receipt(struct buffer *out, uint64_t first_number, uint64_t second_number, Simpul__SinkPurge *sink);
/* Writes broker.yaml and what it names into the ledger's folder, for simpulctl; "<path>/broker.yaml" into `config`. */
void ledger_configure(const struct ledger *ledger, char config[96]);
/* Commits one append, which must be stored, and frees it; returns its entry. */
uint64_t ledger_say(struct ledger *ledger, const struct saying *saying);

/* How many bodies of an entry are there, and how many hashes in their place. */
struct ledger_bodies {
	size_t whole, erased;
};
/* As a recipient gets it. */
struct ledger_bodies ledger_sent(const struct ledger *ledger, int node, uint64_t entry);
/* As who ordered to keep it could be given it. */
struct ledger_bodies ledger_held(const struct ledger *ledger, int node, uint64_t entry);
/* What a reader finds that has to be erased. */
struct journal_due ledger_due(const struct journal_options *options, wall_ms now);

#endif
