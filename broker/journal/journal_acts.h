/* journal_acts - the record of what operators and auditors did and looked at, with what changed without one of them. On
 * top of a journal_case. */
#ifndef SIMPUL_JOURNAL_ACTS_H
#define SIMPUL_JOURNAL_ACTS_H

#include "broker/journal/journal_case.h"

/* One line of the record. */
struct recorded {
	uint64_t entry;
	wall_ms at;
	const Simpul__Act *act; /* NULL: the entry is a change that names no operator ... */
	Simpul__EntryType type; /* ... of this type: by a signal, at a start, by hand, or its act was lost in a crash */
};
typedef void recorded_visit(void *context, const struct recorded *recorded);
/* In order, since a time; what is visited lives until the visit returns. */
enum error journal_acts_each(struct journal_case *c, wall_ms since, recorded_visit *visit, void *context,
			     struct fault *fault);

#endif
