/* officer_wait - waits until the broker has answered to what was handed in, so that a refusal is heard by who reported. */
#ifndef SIMPUL_OFFICER_WAIT_H
#define SIMPUL_OFFICER_WAIT_H

#include "agents/officer/officer.h"

/* Zeros: nothing was said. Then it is waited for some seconds at a terminal, and elsewhere not at all: programs count on the
 * names alone. */
struct officer_wait {
	bool asked;
	unsigned seconds; /* at most; WAIT_FOR_EVER */
};

#define WAIT_FOR_EVER 0xffffffffu
#define WAIT_OPTION {"wait", optional_argument, NULL, 'w'}
#define WAIT_USAGE \
	"  --wait[=SECONDS]           waits until the broker has answered, prints ACCEPTED or REFUSED and why, and ends with\n" \
	"                             a status of 0 only if all is accepted (75: no answer in time). At a terminal some\n" \
	"                             seconds are waited anyway; --wait=0 does not\n"

/* Takes the option's value, which may be NULL; false after a message. */
bool officer_wait_take(const struct officer *officer, const char *seconds, struct officer_wait *wait);
/* Waits for the answers to reports with these names and prints each. Returns the exit status. */
int officer_wait(const struct officer *officer, const json_t *names, const struct officer_wait *wait);

#endif
