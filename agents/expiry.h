/* expiry - says in the agent's log, once a day, that this office's key ends soon. */
#ifndef SIMPUL_EXPIRY_H
#define SIMPUL_EXPIRY_H

#include "agents/store.h"

/* Start with {0}. */
struct expiry {
	steady_ms asked; /* when the store was last asked; 0: never */
	wall_ms told;	 /* when it was last said; 0: never */
};

/* Call it as often as you like: it asks the store once a minute. */
void expiry_step(struct expiry *expiry, struct store *store, const struct now *now);

#endif
