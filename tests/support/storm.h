/* storm - very many members in one process: each has its keys, its two sockets and its session, comes back as an agent
 * does, and counts what is delivered to it. */
#ifndef SIMPUL_TEST_STORM_H
#define SIMPUL_TEST_STORM_H

#include "tests/support/client.h"

enum storm_state { STORM_OFFLINE, STORM_GREETING, STORM_CATCHING_UP, STORM_LIVE };

struct storm_node {
	struct client client; /* unless it is offline */
	struct node_keys keys;
	char node[32];
	enum storm_state state;
	struct position cursor;
	steady_ms until;   /* offline: when it tries again; greeting, catching up: when it gives up */
	unsigned back_off; /* ms, with jitter on top */
	size_t reports;	   /* delivered, each counted as often as it came */
};

struct storm {
	void *context;
	struct join join;
	struct storm_node *nodes;
	size_t count;
	steady_ms acked; /* when all last showed a sign of life */
};

/* Appends "<prefix><number>" for each node to a policy's list of nodes. */
void storm_policy(struct buffer *policy, const char *prefix, size_t count);
/* Makes keys and enrols them, with the authority's key, over the broker's control socket. `office` is one that has a
 * join file. */
void storm_enroll(struct storm *storm, const struct exchange *x, size_t office, const char *prefix, size_t count);
/* Lets all go on for at least `ms`. */
void storm_run(struct storm *storm, unsigned ms);
/* All at once are offline and want to come back. */
void storm_break(struct storm *storm);
/* Runs until all are live and have `reports`; false when that takes longer than so many seconds. */
bool storm_settles(struct storm *storm, size_t reports, int seconds);
void storm_free(struct storm *storm);

#endif
