/* seed - one simulated world from its beginning until everything has settled, and what was found wrong. */
#ifndef SIMPUL_SIM_SEED_H
#define SIMPUL_SIM_SEED_H

#include "tests/sim/world.h"

struct seed_result {
	uint64_t wrongs[WRONGS];
	char first_wrong[240];
	uint64_t milliseconds; /* simulated */
	struct hash head;      /* of the journal: it depends on every byte that was accepted */
	uint64_t reports, entries, frames, broker_crashes, office_crashes, halts;
};

void seed_run(struct cast *cast, uint64_t seed, struct seed_result *result);

#endif
