/* terms - the broker's own keys: which were in force from when on, which are announced, and what WELCOME tells of them.
 */
#ifndef SIMPUL_BROKER_TERMS_H
#define SIMPUL_BROKER_TERMS_H

#include "broker/core/core_state.h"

/* An entry of type BROKER_KEY that is in the journal. */
void terms_take(struct core *core, uint64_t entry, struct bytes content);
void terms_free(struct core *core);
/* How the authority came to the key that signed something: the newest such key counts as the one in use. */
void authority_seen(struct core *core, const struct successions *successions);
/* All of them; the message borrows. Nothing when the keys never changed and none are announced. */
void terms_tell(struct core *core, Simpul__Welcome *welcome);
/* Newer keys, from an operator: announced to everybody by an entry. */
void terms_offer(struct core *core, const struct core_event *event);
/* The keys that are announced, from an operator: put in force by an entry. */
void terms_take_up(struct core *core, const struct core_event *event);
/* They are: that entry is on disk. */
void terms_change(struct core *core, struct journal_append *append);

#endif
