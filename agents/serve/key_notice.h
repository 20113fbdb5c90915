/* key_notice - says in the agent's log, once a day, that this office's key ends soon. */
#ifndef SIMPUL_KEY_NOTICE_H
#define SIMPUL_KEY_NOTICE_H

#include "agents/store/store.h"

/* Start with {0}. */
struct key_notice {
	steady_ms asked; /* when the store was last asked; 0: never */
	wall_ms told;	 /* when it was last said; 0: never */
};

/* Call it as often as you like: it asks the store once a minute. */
void key_notice_step(struct key_notice *notice, struct store *store, const struct now *now);

#endif
