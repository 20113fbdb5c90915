/* journal_case - what a journal says about one report, one node and the policy at some entry: to explain why a node got
 * a report or did not. Read-only, also beside a running broker; needs no keys, and reads no body. */
#ifndef SIMPUL_JOURNAL_CASE_H
#define SIMPUL_JOURNAL_CASE_H

#include "broker/journal/journal.h"

struct journal_case;

/* Everything that it gives is of one state of the journal and lives until it is closed. */
enum error journal_case_open(struct journal_case **opened, const char *folder, struct fault *fault);
void journal_case_close(struct journal_case *c);

/* Asks `ended` while it looks things up from now on, often; once it says yes they end with E_STOPPING. `context` must
 * outlive the case. */
typedef bool case_ended(void *context);
void journal_case_watch(struct journal_case *c, case_ended *ended, void *context);

/* The last entry. */
uint64_t journal_case_end(const struct journal_case *c);

/* The policy in force at an entry; NULL and version 0 before the first. Owned by the case. */
enum error journal_case_policy(struct journal_case *c, uint64_t at, const struct policy **policy, uint32_t *version,
			       struct fault *fault);

/* A node as of an entry. */
struct case_node {
	bool member;
	uint32_t key_id; /* of its newest key */
	Simpul__Standing standing;
	wall_ms expires_at; /* of its newest key; 0: never */
	const Simpul__Subscription *wants; /* NULL: all */
};
enum error journal_case_node(struct journal_case *c, const char *node, uint64_t at, struct case_node *out,
			     struct fault *fault);

/* The record of this key, as it was at an entry, where it stands, and what was said of the key since (NULL: nothing, or
 * that it is good): that it was compromised since the earliest time given, else the newest. E_KEY_UNKNOWN. */
enum error journal_case_member(struct journal_case *c, const char *node, uint32_t key_id, uint64_t at,
			       const Simpul__MemberRecord **record, uint64_t *entry,
			       const Simpul__MemberStanding **standing, struct fault *fault);

struct case_report {
	uint64_t entry;
	uint32_t place; /* within the entry, from 0 */
	wall_ms accepted_at;
	uint32_t policy_version;
	const Simpul__Header *header;
	const Simpul__Routing *routing;
	enum error verdict; /* E_OK, or why it was refused */
	const char *field;  /* at fault then */
	const struct audience *audience;
};
/* What the broker did to a body. */
struct burial {
	uint64_t entry; /* of the tombstone; 0: the body is there */
	wall_ms at, final_at;
	Simpul__PurgeRule rule;
	uint64_t cause; /* RETRACTED: the entry of the CANCEL */
};
/* E_NOT_FOUND when no report of this name came in. */
enum error journal_case_report(struct journal_case *c, const struct report_name *name, struct case_report *out,
			       struct fault *fault);
/* Whether the node has acknowledged all up to the entry, and under which policy version it was withheld from it (0: it
 * was not). */
enum error journal_case_delivery(struct journal_case *c, const char *node, uint64_t entry, bool *acknowledged,
				 uint32_t *withheld, struct fault *fault);

#endif
