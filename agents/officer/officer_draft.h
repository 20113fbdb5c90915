/* officer_draft - a draft from the options of an officer. */
#ifndef SIMPUL_OFFICER_DRAFT_H
#define SIMPUL_OFFICER_DRAFT_H

#include "agents/officer/officer_wait.h"

/* `kind` is "sighting" or "alert", argv[0] the kind. NULL after a message, with the exit status in `status`; `wait` becomes what
 * --wait says. */
json_t *officer_draft(const struct officer *officer, const char *kind, int argc, char **argv,
		      struct officer_wait *wait, int *status);

/* Prints the lists of words that the options take. */
void officer_draft_help(void);

#endif
