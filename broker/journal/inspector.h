/* inspector - checks the whole journal once, from the first entry on, while the broker serves.
 *
 * At the start only the newest entries are checked, or a long journal would keep the broker from serving. The rest is
 * checked by a thread of low priority with a connection of its own. What it finds is an event of the log
 * (`journal.verified`, `journal.damaged`, `journal.unverified`) and stands in simpulctl status. */
#ifndef SIMPUL_INSPECTOR_H
#define SIMPUL_INSPECTOR_H

#include "broker/journal/journal.h"

struct inspector;

enum inspection { INSPECTION_RUNS, INSPECTION_GOOD, INSPECTION_DAMAGED, INSPECTION_FAILED };

struct inspection_status {
	enum inspection state;
	struct journal_verdict verdict; /* of GOOD and DAMAGED */
	struct fault fault;		/* FAILED: what kept it from going on */
	uint64_t seconds;		/* that it took */
};

/* Copies the options. */
struct inspector *inspector_start(const struct journal_options *options);
/* From any thread. `inspector` may be NULL: it runs, or will. */
void inspector_look(struct inspector *inspector, struct inspection_status *status);
/* Soon, whether it has finished or not. */
void inspector_stop(struct inspector *inspector);

#endif
