/* subject_due - requests of persons that are to be answered, in what time, or should have been: for the agent's log,
 * status and doctor. */
#ifndef SIMPUL_SUBJECT_DUE_H
#define SIMPUL_SUBJECT_DUE_H

#include "agents/store/store.h"
#include "common/name.h"

struct subject_due {
	uint64_t open, urgent, overdue; /* each one of these; urgent: within a day */
	char first[REPORT_NAME_SIZE];	/* of the one that was or is due first; "" when there is none */
};

/* The agent asks each minute: it costs a look at each query that is neither answered nor erased. */
enum error subject_due_count(struct store *store, wall_ms now, struct subject_due *due, struct fault *fault);

/* Start with {0}. */
struct subject_watch {
	steady_ms asked; /* when the store was last asked; 0: never */
	wall_ms told;	 /* when it was last said; 0: never */
	struct subject_due said;
};

/* Says it in the log: once a day, and when there are more. Call it as often as you like: it asks the store once a
 * minute. */
void subject_due_step(struct subject_watch *watch, struct store *store, const struct now *now);

#endif
