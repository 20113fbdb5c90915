/* broker - the broker's process in a simulated world: the real core and the real journal, with the writer, the readers
 * and the sockets of the shell done by turns in simulated time.
 *
 *   broker.c         founding, coming up, going down
 *   broker_shell.c   events in, actions out, commits, reads */
#ifndef SIMPUL_SIM_BROKER_H
#define SIMPUL_SIM_BROKER_H

#include "tests/sim/account.h"
#include "tests/sim/machine.h"
#include "tests/sim/network.h"
#include "tests/support/agent_world.h"

enum { BROKER_READS = 64 };

struct sim_broker {
	struct network *network;
	struct account *account;
	struct agent_office (*members)[KEYS]; /* of the exchange, with each of their keys */
	struct core_options options;
	struct journal_options journal_options;
	struct chance chance;
	struct machine machine;
	uint64_t now;

	struct journal *journal; /* NULL: the broker is down */
	struct journal_reader *reader;
	struct core *core;
	struct journal_append *queue;	/* handed to the writer, oldest first */
	struct journal_append *written; /* a commit that the core has not heard of */
	struct waiting_read {
		struct core_read *read;
		uint64_t at;
	} reads[BROKER_READS];
	size_t read_count;
	uint64_t commit_at, heard_at, tick_at, flush_at;
	uint64_t accepted[OFFICES]; /* connections that shook hands */
	uint32_t sync_most;	    /* milliseconds of a commit at most */
	bool drained;
	struct bytes sealing; /* the batch that `sealed` is of, in this step */
	struct buffer sealed;
	uint8_t sealing_key[KEY_SIZE];

	struct buffer policy; /* policy.yaml */
	uint64_t crashes, restarts;
};

/* A new exchange on a new journal; the broker is up with its members and its first policy. */
void broker_found(struct sim_broker *broker, const struct agent_world *world);
void broker_end(struct sim_broker *broker);

bool broker_up(const struct sim_broker *broker);
bool broker_start(struct sim_broker *broker, uint64_t now);
/* The process is gone at this instant, and with `how` what its disk had not synced. */
void broker_crash(struct sim_broker *broker, enum disk_loss how);

/* When it has something to do. */
uint64_t broker_next(const struct sim_broker *broker);
void broker_turn(struct sim_broker *broker, uint64_t now);
void broker_receive(struct sim_broker *broker, const struct frame *frame, uint64_t now);
/* What an operator does: a member's standing, its next key, a policy (which stays the file's), an orderly stop. */
void broker_standing(struct sim_broker *broker, size_t office, Simpul__Standing standing);
void broker_enroll(struct sim_broker *broker, size_t office, size_t key);
void broker_policy(struct sim_broker *broker, const struct rules *rules);
void broker_stop(struct sim_broker *broker);
/* Nothing is under way. */
bool broker_idle(const struct sim_broker *broker);

/* broker_shell.c for broker.c: one event; what waits for a commit is written, then told; policy.yaml is loaded. */
void broker_step(struct sim_broker *broker, const struct core_event *event);
void broker_commit(struct sim_broker *broker);
void broker_hear(struct sim_broker *broker);
void broker_policy_give(struct sim_broker *broker);

#endif
