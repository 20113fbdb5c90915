/* complete - for everything that takes drafts in: fills in what an UPDATE, a CANCEL or an answer takes over from the report
 * that it refers to, so that whoever got that one gets this one. */
#ifndef SIMPUL_COMPLETE_H
#define SIMPUL_COMPLETE_H

#include "agents/store/store.h"
#include <jansson.h>

/* Adds to a draft with `update` or `cancel` what it leaves out: about, status, category, region, label, handling,
 * protection, purpose, legal_basis, in an update the grades, expires (while it lies ahead), operation, case_ref, to, not_to.
 * A flag, a release request, a release and an answer get the status of the report in the inbox that they answer, an answer
 * its expiry too. Leaves other drafts
 * alone.
 * E_NOT_ORIGIN: another office's report; E_INVALID at "status": an exercise about what is in earnest, or the like;
 * E_REFERENCE_UNKNOWN: not in the outbox (what is answered: in the inbox), or refused; field "reference".
 * E_MISSING at "update.note": the update would be kept longer than the report, which somebody has to give a reason for. */
enum error draft_complete(struct store *store, json_t *draft, wall_ms now, struct fault *fault);

#endif
