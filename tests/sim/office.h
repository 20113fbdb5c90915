/* office - an agent's process in a simulated world: the real store, outbox, inbox and uplink over a simulated network.
 */
#ifndef SIMPUL_SIM_OFFICE_H
#define SIMPUL_SIM_OFFICE_H

#include "agents/serve/feeder.h"
#include "tests/sim/account.h"
#include "tests/sim/machine.h"
#include "tests/sim/network.h"
#include "tests/support/agent_world.h"

/* Frames that have arrived and wait to be read. */
struct arrived {
	struct frame **list;
	size_t first, count;
};

struct sim_office {
	size_t index;
	struct network *network;
	struct account *account;
	const struct agent_office *selves, *self; /* with each of its keys; as the process runs now */
	size_t key;				  /* that it starts with next time */
	struct wish wish;			  /* that it starts with next time */
	struct wish_memory wish_memory;
	Simpul__Subscription subscription; /* as the process runs now */
	const struct join *join;
	struct chance chance;
	struct machine machine;
	uint64_t now, step_at;
	uint32_t beat; /* milliseconds between steps when nothing arrives */

	bool up;
	struct store store;
	struct inbox *inbox;
	struct feeder feeder;
	struct uplink *uplink;
	struct arrived arrived[2]; /* by enum uplink_channel */
	struct frame *reading;	   /* whose bytes the uplink may be looking at */
	enum uplink_state state;   /* that was traced last */
	struct item taking;	   /* was it taken when the power went? */
	bool was_taking;
	uint64_t crashes;
};

bool office_start(struct sim_office *office, uint64_t now);
/* The process is gone, and with `how` what its disk had not synced. */
void office_crash(struct sim_office *office, enum disk_loss how);
/* An orderly stop: BYE. */
void office_stop(struct sim_office *office);

uint64_t office_next(const struct sim_office *office);
void office_turn(struct sim_office *office, uint64_t now);
/* Takes the frame over. */
void office_receive(struct sim_office *office, struct frame *frame, uint64_t now);
/* Somebody in the office says something. */
void office_say(struct sim_office *office, uint64_t now);
void office_status(const struct sim_office *office, struct uplink_status *status);
/* Nothing waits, nothing is under way, nothing that is meant for it is missing. */
bool office_settled(struct sim_office *office);

#endif
