/* bench - what the parts of the benchmark share: options, memory through which processes tell how far they are, teams.
 *
 * The parent starts a team (real exchange or floor), each member a process of its own, and sets goals; the sender sends
 * up to the goal, each receiver says how many reports it has safely got. Nothing of that is on the path that is
 * measured. */
#ifndef SIMPUL_BENCH_H
#define SIMPUL_BENCH_H

#include "common/error.h"
#include "common/keys.h"
#include "common/member.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define RECEIVERS_MOST 36
#define LATENCIES_MOST 100000

enum bench_path { PATH_WIRE, PATH_FULL };

struct bench_options {
	bool latency; /* one report at a time */
	enum bench_path path;
	size_t receivers;
	size_t reports; /* a round */
	size_t size;	/* bytes of header and body together */
	size_t per_submission;
	size_t rounds;
	size_t background; /* reports a second that another office says meanwhile */
	bool profile; /* steps, not paths */
	bool encrypted; /* the stores of the full path */
	bool json;
};

/* One receiver, as the others see it. */
struct seat {
	atomic_bool ready;
	_Atomic uint64_t delivered;   /* verified, and the cursor that says so is on disk */
	_Atomic uint64_t finished_us; /* when `delivered` last grew */
};

struct bench_shared {
	_Atomic uint64_t prepare; /* the sender shall have so many reports ready; all numbers count from the start */
	_Atomic uint64_t prepared;
	_Atomic uint64_t goal; /* and send so many */
	_Atomic uint64_t receipted;
	atomic_bool sender_ready, stop, failed;
	char why[200]; /* of `failed` */
	struct seat seats[RECEIVERS_MOST];
	/* one report at a time: when it was submitted, and how long it took */
	_Atomic uint64_t sent_us;
	uint32_t latency_us[LATENCIES_MOST];
};

/* Ends the process after noting why; the parent sees it and exits non-zero. */
_Noreturn void bench_fail(struct bench_shared *shared, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define TEAM_MOST (RECEIVERS_MOST + 2)

/* Who works for one measurement. */
struct team {
	const struct bench_options *options;
	struct bench_shared *shared;
	int wake[2]; /* a pipe: wakes the sender */
	pid_t sender, other, broker, receivers[RECEIVERS_MOST]; /* `other` makes the background load; 0: nobody does */
	bool ends_broker; /* otherwise somebody else does */
	const char *log;  /* where the processes' standard error goes; NULL: stays */
};

/* Shared memory and pipe. */
void team_init(struct team *team, const struct bench_options *options);
/* What one process does. */
typedef void team_work(struct team *team, size_t index, void *context);
/* Forks a process that runs `work` and ends; it dies with the parent. */
pid_t team_fork(struct team *team, team_work *work, size_t index, void *context);
/* Waits until everybody is connected. */
void team_wait_ready(struct team *team);
/* Ends the processes. */
void team_stop(struct team *team);
/* Exits non-zero with the reason when anybody failed or died. */
void team_check(struct team *team);
void team_wake(struct team *team);

/* CPU time of the three kinds of processes so far. */
struct cpu {
	uint64_t sender_us, broker_us, receivers_us;
};
struct cpu team_cpu(const struct team *team);

/* Of one process; 0 when there is none. */
uint64_t process_cpu_us(pid_t pid);

/* The sender polls team->wake[0]; this takes what was written. */
void wake_drain(const struct team *team);

/* One round: everything that is new in `prepare` goes from the sender to the last receiver. */
struct round {
	uint64_t elapsed_us;
	struct cpu cpu;
};
struct round team_round(struct team *team, uint64_t total);

/* ---- floor.c: bare libzmq in the same topology */
void floor_start(struct team *team);

/* ---- real.c: a whole exchange */
struct exchange;
/* The text of policy.yaml, with its zero: the sender, and so many receivers army.r0, army.r1 ... */
void bench_policy(size_t receivers, struct buffer *yaml);
void real_start(struct team *team, struct exchange *exchange);
/* The members' processes, when broker and offices are there; waits until they are connected. Numbers go on from what the
 * team's shared memory says is prepared. */
void real_members_start(struct team *team, struct exchange *exchange);
/* What one receiver does: the office after the one with its index, the seat of its index. */
void real_receiver(struct team *team, size_t index, void *context);
/* Compares what the receivers stored with what was sent (full path); exits non-zero when it differs. */
void real_check(struct team *team, struct exchange *exchange, uint64_t total);

#endif
