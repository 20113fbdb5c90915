/* journal_checkpoint - whether a checkpoint is of a journal: its broker's signature and those of members. The head itself
 * is compared by journal_verify and journal_audit, to which its position is a held one. */
#ifndef SIMPUL_JOURNAL_CHECKPOINT_H
#define SIMPUL_JOURNAL_CHECKPOINT_H

#include "common/checkpoint.h"

/* Against keys that stand in the journal, which was verified. E_EXCHANGE, E_BAD_SIGNATURE at "signature" or
 * "countersigned[1]", E_KEY_UNKNOWN at the latter: no such record. */
enum error journal_checkpoint_check(const char *file, const struct checkpoint *checkpoint, struct fault *fault);

#endif
