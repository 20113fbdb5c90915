/* officer_person - a person of a draft as an officer tells of him: by question and answer, in lines, or, as far as every
 * user of the machine may see it, in an argument.
 *
 * Each answer is checked when it is given. NULL is after a message, which names key and line, never a value. */
#ifndef SIMPUL_OFFICER_PERSON_H
#define SIMPUL_OFFICER_PERSON_H

#include "agents/officer/officer.h"

/* Whether a report tells of the person, or a question looks for what is held of him, which takes less. */
enum person_use { PERSON_REPORTED, PERSON_SOUGHT };

/* "capacity=seen,identity=claimed,age=adult"; no other key. */
json_t *officer_person_of_argument(const struct officer *officer, const char *spec);
/* Question by question where somebody types, and once more where an answer is wrong; else "key=value" lines of standard
 * input up to an empty one. */
json_t *officer_person_asked(const struct officer *officer, enum person_use use);
/* "key=value" lines, all of a file. */
json_t *officer_person_of_file(const struct officer *officer, const char *path);
/* The lists of words that a person's keys take, for help. */
void officer_person_help(void);

#endif
