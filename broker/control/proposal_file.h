/* proposal_file - what waits for a second operator, and what was done, kept over a restart of the broker: a file of JSON in
 * the journal's folder.
 *
 *   {"waiting": [{"proposal", "command", "at", "content", "signature", "request"}], "done": [{"digest", "at"}]}
 *
 * Each proposal stands there with the first operator's signature before he is told its number, and is among what was done
 * before it is carried out, so that none is carried out twice. What is read is worth what its signature is: by an operator
 * of today, for exactly this, and not older than a day. */
#ifndef SIMPUL_PROPOSAL_FILE_H
#define SIMPUL_PROPOSAL_FILE_H

#include "broker/control/control_state.h"

#define PROPOSAL_FILE "proposals.json"

/* As it is now. E_IO, E_DISK_FULL: the file is as it was. */
enum error proposals_save(const struct control *control, struct fault *fault);
/* At the start; says in the log how many wait, and how many were dropped or could not be read. */
void proposals_load(struct control *control);

#endif
