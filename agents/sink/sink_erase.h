/* sink_erase - tells a sink that a report which it may have been given must go, and what it answers.
 *
 * Events stand in the table `purge` in the order in which the inbox was erased; a sink gets each after the report
 * itself. The document is one line of JSON, "event": "erase":
 *   {"label": "AMBER", "event": "erase", "name": "police.oku#12", "trust": "good", "rule": "expired", "erased_at": ...}
 */
#ifndef SIMPUL_SINK_ERASE_H
#define SIMPUL_SINK_ERASE_H

#include "agents/sink/sink_kind.h"
#include "agents/store/store.h"
#include "common/arena.h"
#include "common/clock.h"

struct sink_event {
	uint64_t id, row; /* row 0: it never came */
	uint64_t entry;	  /* in which the row came */
	bool moved;	  /* as in sink_report; for whoever tells the sink to fill in */
	struct report_name name;
	bool identifies; /* its body did */
	Simpul__PurgeRule rule;
	wall_ms at;
};

/* The first event after `after`, for readers; E_NOT_FOUND. */
enum error sink_event_next(struct store *store, uint64_t after, struct sink_event *event, struct fault *fault);
/* The event by which a row was erased; 0: it was not. */
uint64_t sink_event_of(struct store *store, uint64_t row);

/* Tells the sink. False when it did not take the event: it has to be told again. The outcome is UNSPECIFIED when the
 * sink never had the report, by the widest limits that it ever had. */
bool sink_event_tell(const struct sink_limits *widest, const struct sink_kind *kind, void *self, struct store *store,
		     const struct sink_event *event, struct sink_outcome *outcome, struct sink_reason *why);

/* What a program says of a copy that it must keep, in its standard output:
 *   {"held": {"code": "UU-6-2011-72", "number": "...", "until": "2027-01-01T00:00:00+07:00"}}
 * False when it says nothing of the kind. */
bool sink_held_read(struct bytes text, struct sink_outcome *outcome);

#endif
