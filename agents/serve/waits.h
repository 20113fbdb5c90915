/* waits - what waits for a person of this office to do something about it: for simpul status and simpul doctor.
 *
 * Requests of persons are counted by subject_due.h, and what is in quarantine by quarantine.h. */
#ifndef SIMPUL_WAITS_H
#define SIMPUL_WAITS_H

#include "agents/store/store.h"
#include "common/clock.h"

enum wait {
	WAIT_REFUSED, /* reports of the last WAIT_REFUSED_DAYS that the broker refused */
	WAIT_RELEASE, /* requests of other offices to share a report of this one */
	WAIT_HOLD,    /* orders that another user has to confirm */
	WAIT_ERASURE, /* copies that have to be removed by hand */
	WAIT_UNHEARD, /* erasures of which the origin did not hear, refused within the last WAIT_REFUSED_DAYS */
	WAITS
};

#define WAIT_REFUSED_DAYS 7

/* How many of each. */
enum error waits_count(struct store *store, wall_ms now, uint64_t counts[WAITS], struct fault *fault);

/* How it is called in JSON and by the doctor, what so many of it are, and the command to run. */
struct wait_text {
	const char *key, *what, *advice;
};
const struct wait_text *wait_text(enum wait wait);

#endif
