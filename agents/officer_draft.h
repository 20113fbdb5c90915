/* officer_draft - a draft from the options and answers of an officer. */
#ifndef SIMPUL_OFFICER_DRAFT_H
#define SIMPUL_OFFICER_DRAFT_H

#include "agents/officer.h"

/* `kind` is "sighting" or "alert", argv[0] the kind. NULL after a message, with the exit status in `status`. */
json_t *officer_draft(const struct officer *officer, const char *kind, int argc, char **argv, int *status);


/* A person by question and answer where somebody types, else "key=value" lines of standard input up to an empty one; NULL when
 * one is wrong. */
json_t *officer_person_asked(void);
/* The same of all lines of a file; NULL with `fault`, which names no value. */
json_t *officer_person_of_file(const char *path, struct fault *fault);

#endif
