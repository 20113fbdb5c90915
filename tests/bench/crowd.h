/* crowd - a process with thousands of members: each has its two sockets, its session and its signs of life, and no more.
 *
 * They verify nothing and store nothing, so that what is measured is the broker. */
#ifndef SIMPUL_BENCH_CROWD_H
#define SIMPUL_BENCH_CROWD_H

#include "tests/bench/laid.h"

/* Memory that parent and crowd share. */
struct crowd_shared {
	_Atomic uint64_t wanted;       /* so many members shall be connected */
	_Atomic uint64_t live;	       /* so many have fetched all there is */
	_Atomic uint64_t heard_since;  /* so many got a publication since crowd_listen_anew */
	_Atomic uint64_t listen_since; /* when that was */
	_Atomic uint64_t publications; /* so far, to all */
	atomic_bool stop, failed;
};

struct crowd {
	struct crowd_shared *shared;
	pid_t pid;
};

/* The receivers `first` and following, as many as shared->wanted says, up to `most`. */
void crowd_start(struct crowd *crowd, const struct laid *laid, size_t first, size_t most);
/* Waits until so many are live; ends the program when they are not in time. */
void crowd_wait(const struct crowd *crowd, const struct laid *laid, uint64_t wanted, int seconds);
/* From now on it counts anew who hears its feed. */
void crowd_listen_anew(struct crowd *crowd);
void crowd_stop(struct crowd *crowd);

#endif
