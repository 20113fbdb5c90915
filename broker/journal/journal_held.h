/* journal_held - which reports an authority's order keeps, as the journal has it. On top of a journal_case; needs no
 * keys, and reads no body. */
#ifndef SIMPUL_JOURNAL_HELD_H
#define SIMPUL_JOURNAL_HELD_H

#include "broker/journal/journal_case.h"

/* A hold that was placed. */
struct held {
	uint64_t hold; /* the entry of the order */
	wall_ms placed_at;
	const Simpul__Hold *order; /* with a report and two signatures, which nobody has checked */
	struct report_name report;
	Simpul__BodyForm form; /* of the report: what is sealed the broker cannot read */
	bool in_force;	       /* neither lifted, nor over, nor buried */
	bool kept;	       /* the report is due: only an order keeps it, and nobody gets it any more */
};
/* What is visited lives until the visit returns. */
typedef void held_visit(void *context, const struct held *held);

/* Every hold that was ever placed, in order, as of `now`; of one report, or of all (NULL). */
enum error journal_held_each(struct journal_case *c, const struct report_name *report, wall_ms now, held_visit *visit,
			     void *context, struct fault *fault);

#endif
