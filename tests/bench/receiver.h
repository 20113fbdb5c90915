/* receiver - what takes batches in the benchmark: a target that verifies everything and keeps a durable cursor, or the
 * agent's inbox. */
#ifndef SIMPUL_BENCH_RECEIVER_H
#define SIMPUL_BENCH_RECEIVER_H

#include "agents/serve/feeder.h"
#include "tests/bench/bench.h"

/* Verifies as an inbox does, and keeps nothing but the cursor in a file. */
struct checker {
	struct team *team;
	struct seat *seat; /* NULL: the sender's own feed, which brings no reports */
	const struct join *join;
	const char *node;
	struct member origin, other; /* who speaks, from their member records */
	bool origin_known, other_known;
	struct position cursor;
	struct position durable;
	int file;
	uint64_t verified;
	struct arena arena;
};

void checker_init(struct checker *checker, struct team *team, struct seat *seat, const struct join *join,
		  const char *node, const char *path);
struct uplink_target checker_target(struct checker *checker);

/* The agent's own inbox; counts its rows. */
struct counter {
	struct team *team;
	struct seat *seat;
	struct store store;
	struct inbox *inbox;
	struct feeder feeder;
	struct uplink_target feeder_target;
};

/* What the stores are encrypted with; NULL unless the options say so. */
struct cipher *counter_cipher(const struct bench_options *options);
void counter_init(struct counter *counter, struct team *team, struct seat *seat, const struct join *join,
		  const struct node_keys *keys, const char *node, const char *path);
struct uplink_target counter_target(struct counter *counter);

#endif
