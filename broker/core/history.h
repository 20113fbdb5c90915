/* history - the incarnations of the journal: which position stands in it, where one continues that saw more, and what
 * WELCOME tells of it. */
#ifndef SIMPUL_BROKER_HISTORY_H
#define SIMPUL_BROKER_HISTORY_H

#include "broker/core/core_state.h"

/* A Genesis of the journal, while it is loaded. */
void history_add(struct core *core, uint64_t entry, struct bytes genesis);
void history_free(struct core *core);

/* Whether `position` may be one of this journal, as far as its incarnation says. */
bool history_holds(const struct core *core, const struct position *position);
/* Where the holder of `cursor` goes on: there itself when its incarnation still stood at that entry, else at the last
 * position that was kept. Left alone when its incarnation is newer than the journal's. An incarnation that this journal
 * never had (it was restored twice) leads to the beginning. */
void history_rewind(const struct core *core, struct position *cursor);
/* True for an entry that the journal had in an incarnation that is over: its head says nothing here. */
bool history_is_over(const struct core *core, uint64_t entry);
/* Every incarnation after `incarnation`; the message borrows. */
void history_tell(struct core *core, uint32_t incarnation, Simpul__Welcome *welcome);

#endif
