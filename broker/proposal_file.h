/* proposal_file - what waits for a second operator, kept over a restart of the broker: a file of JSON in the journal's
 * folder.
 *
 * Each proposal stands there with the first operator's signature before he is told its number, and is taken out before
 * it is carried out, so that none is carried out twice. What is read is worth what its signature is: by an operator of
 * today, for exactly this, and not older than a day. */
#ifndef SIMPUL_PROPOSAL_FILE_H
#define SIMPUL_PROPOSAL_FILE_H

#include "broker/control_state.h"

#define PROPOSAL_FILE "proposals.json"

/* Those that wait now. E_IO, E_DISK_FULL: the file is as it was. */
enum error proposals_save(const struct control *control, struct fault *fault);
/* At the start; says in the log how many wait, and how many were dropped or could not be read. */
void proposals_load(struct control *control);

#endif
