/* purge - the agent's clockwork of erasure: what expired goes, the log is wiped after everything that went, and only
 * then the origins are told.
 *
 * A kill at any point loses nothing: rows are erased in one transaction with what is to be told of them, the log is
 * wiped again after every start, and a receipt is taken in one transaction with the note that it was. */
#ifndef SIMPUL_PURGE_H
#define SIMPUL_PURGE_H

#include "agents/sink/sink.h"
#include "agents/store/store.h"
#include "agents/uplink/uplink.h"

#define PURGE_EVERY_MS 60000
/* Until the broker's time is known nothing expires, for so long after the start. */
#define PURGE_BROKER_WAIT_MS 60000
/* A clock that differs more from the broker's is in doubt: nothing expires by it. */
#define PURGE_CLOCK_APART_MS (3600 * 1000)
/* Without a session since the start nothing expires by a clock that is further ahead of the newest time of the broker in
 * the store: a machine may come up in another year, and what is erased does not come back. */
#define PURGE_OFFLINE_MS (14 * DAY_MS)
/* An origin hears so long before that what it said is going to expire. */
#define PURGE_NOTICE_MS (7 * DAY_MS)

struct purge {
	struct store *store;
	steady_ms started_at;
	steady_ms expire_at, wipe_at, answer_at; /* not before */
	steady_ms wiping_since;			 /* 0: no reader is in the way */
	wall_ms holds_told;			 /* when orders that end soon were last told of; 0: never */
	bool doubted;				 /* the clock, and it was said */
	const struct sink_options *sinks;
	size_t sink_count;
	bool inbox_changed; /* set by what expires; whoever wakes the sinks clears it */
};

/* The sinks are borrowed. */
void purge_init(struct purge *purge, struct store *store, const struct sink_options *sinks, size_t sink_count,
		const struct now *now);
/* A sink told what became of its copy: what waited for that is answered, at once if it was the last that did, or with what
 * else is told in the next seconds. */
void purge_soon(struct purge *purge, const struct now *now);
/* A bounded part of what is due, at most some hundred rows; call with every turn of the loop. True when a receipt was
 * put into the outbox. */
bool purge_step(struct purge *purge, const struct uplink_status *status, const struct now *now);

/* Whether a clock is so far ahead of all that the store knows of the broker's time that nothing is removed by it; true,
 * too, when that cannot be read. For readers too. */
bool purge_clock_far(struct store *store, wall_ms now);

/* More are not counted: whoever asks does not wait for a million. */
#define PURGE_COUNTED_MOST 10000
/* Accepted reports of this office that expire within PURGE_NOTICE_MS. For readers too. */
uint64_t purge_expiring(struct store *store, wall_ms now);

#endif
