/* guard_source - what the guard knows of an address: its connections, what they left behind, whom it cut and why. */
#ifndef SIMPUL_GUARD_SOURCE_H
#define SIMPUL_GUARD_SOURCE_H

#include "broker/core/bucket.h"
#include "broker/serve/guard_peer.h"
#include "common/limit.h"
#include <czmq.h>

#define GUARD_SOCKETS 4 /* link, feed, log, bulletin */

enum cut { CUT_MANY, CUT_PACE, CUT_SILENT, CUT_KEY, CUT_UNREAD, CUT_TALK, CUT_TOPICS, CUTS };

/* Everything that came from one address. */
struct source {
	char address[PEER_ADDRESS_SIZE];
	size_t open, silent; /* connections; those of them by which nothing was said yet */
	struct bucket pace;
	uint64_t unread;		 /* by those by which nothing was said yet, as far as looked at */
	size_t left[GUARD_SOCKETS];	 /* connections that ended; what they said may not be read yet */
	uint64_t emptied[GUARD_SOCKETS]; /* the sockets' `emptied` when those were counted */
	uint64_t cut[CUTS];		 /* since they were logged */
	uint64_t failed;		 /* the same: ended without one message */
	uint64_t few;			 /* of those, that were told as nothing to look at since `few_since` */
	steady_ms few_since;
	char node[LIMIT_NODE_NAME + 1];	 /* who was let in last, or spoke by a connection that was cut; "": nobody */
};

struct sources {
	zhashx_t *by_address;
	struct bucket_size pace;	 /* of new connections of one address */
	uint64_t emptied[GUARD_SOCKETS]; /* how often everything that had come by a socket was read */
};

void sources_init(struct sources *sources, const struct bucket_size *pace);
void sources_clear(struct sources *sources);
/* The one of this address, made when it is new. */
struct source *sources_of(struct sources *sources, const char *address);
/* NULL: nothing is known of it. */
struct source *sources_find(struct sources *sources, const char *address);

/* Messages of a connection that ended are still in memory until its socket was emptied. */
void source_leaves(struct sources *sources, struct source *source, size_t socket);
/* Whether messages of so many connections that ended may wait at one socket. */
bool source_has_left(const struct sources *sources, const struct source *source, size_t most);

/* Tells the operators what was cut since, and forgets addresses of which there is nothing to know. */
void sources_log(struct sources *sources, steady_ms now);

#endif
