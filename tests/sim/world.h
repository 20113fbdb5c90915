/* world - a whole exchange in one process under one seed: a broker, offices, their disks and clocks, the network
 * between them, what people say and do, and what goes wrong. The same seed is the same world, to the byte.
 *
 *   world.c     time: whatever is due next is done
 *   weather.c   faults and operators' acts, at random moments
 *   seed.c      one seed from beginning to end */
#ifndef SIMPUL_SIM_WORLD_H
#define SIMPUL_SIM_WORLD_H

#include "tests/sim/broker.h"
#include "tests/sim/office.h"

/* Who takes part in every world: made once, for keys cost more than a world. */
struct cast {
	struct agent_world world;		    /* its folder is where the machines' folders are */
	struct agent_office offices[OFFICES][KEYS]; /* with each of their keys in turn */
	char broker_folder[96], office_folders[OFFICES][96];
};

struct world {
	struct cast *cast;
	struct chance chance;
	uint64_t now;
	size_t count;		/* offices */
	uint64_t hostile_until; /* the link loses, repeats and disorders: agents may halt over that */
	struct disk *disk;
	struct network network;
	struct account account;
	struct sim_broker broker;
	struct sim_office offices[OFFICES];
	struct rules rules;

	/* When things happen next; UINT64_MAX: not. */
	uint64_t say_at, fault_at;
	uint32_t say_most, fault_most; /* milliseconds between two at most */
	uint64_t broker_back, office_back[OFFICES], reopen_at[OFFICES][LANES];
	offices was_cut; /* not a member at some moment since it was started: it may halt over that */
	uint64_t halts;	 /* that a person had to look after */
};

void cast_make(struct cast *cast);
void cast_end(struct cast *cast);

void world_start(struct world *world, struct cast *cast, uint64_t seed);
void world_end(struct world *world);
/* Lets time go on until then. */
void world_run(struct world *world, uint64_t until);

/* weather.c: something happens. */
void weather_strike(struct world *world);
/* Every lane is open, everything that is down starts, every office is a member. To be repeated: some of it takes time.
 */
void weather_clear(struct world *world);

#endif
