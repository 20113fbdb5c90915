/* bulletin - reports of the core that are published in the open to all members: PROTOCOL.md, "Bulletins". */
#ifndef SIMPUL_BROKER_BULLETIN_H
#define SIMPUL_BROKER_BULLETIN_H

#include "broker/core/submit_state.h"

/* Puts into the append what is to be published of an accepted submission, if anything is. */
void bulletin_prepare(struct core *core, const struct submit *submit, struct journal_append *append);
/* It is on disk: publishes that. An update or cancel only when what it is about was published since the start. */
void bulletin_publish(struct core *core, const struct journal_append *append);
void bulletins_free(struct core *core);

#endif
