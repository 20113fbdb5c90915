/* officer_hand - what the commands share that make drafts: handing them to the agent, and the name that they are about. */
#ifndef SIMPUL_OFFICER_HAND_H
#define SIMPUL_OFFICER_HAND_H

#include "agents/officer.h"
#include "common/name.h"

/* Takes the draft or the list of drafts over, hands them to the agent, which takes all or none, and prints the names that it
 * gave. Returns the exit status. */
int officer_hand_in(const struct officer *officer, json_t *drafts);
/* The same of questions about persons, and answers to them. */
int officer_hand_in_subject(const struct officer *officer, json_t *drafts);
/* The name of a report that stands alone among the arguments; NULL after a message. */
const char *officer_name_of(const struct officer *officer, int argc, char **argv);
/* Prints `usage` when help is asked for anywhere. */
bool officer_helped(int argc, char **argv, const char *usage);

#endif
