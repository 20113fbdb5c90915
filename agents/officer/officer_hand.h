/* officer_hand - what the commands share that make drafts: handing them to the agent. */
#ifndef SIMPUL_OFFICER_HAND_H
#define SIMPUL_OFFICER_HAND_H

#include "agents/officer/officer.h"
#include "agents/officer/officer_wait.h"

/* Takes the draft or the list of drafts over, hands them to the agent, which takes all or none, and prints the names that it
 * gave; at a terminal, what the broker answered as well. Returns the exit status. */
int officer_hand_in(const struct officer *officer, json_t *drafts);
/* The same, waiting as the officer asks. */
int officer_hand_in_wait(const struct officer *officer, json_t *drafts, const struct officer_wait *wait);
/* The same of questions about persons, and answers to them. */
int officer_hand_in_subject(const struct officer *officer, json_t *drafts);

#endif
