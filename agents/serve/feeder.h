/* feeder - joins the uplink to the store: submissions come from the outbox, batches go to the inbox. */
#ifndef SIMPUL_FEEDER_H
#define SIMPUL_FEEDER_H

#include "agents/reports/inbox.h"
#include "agents/reports/outbox.h"
#include "agents/uplink/uplink.h"

struct feeder {
	struct store *store;
	const struct node_keys *keys;
	struct inbox *inbox;
	struct outbox_submission held[STREAMS]; /* what the uplink sends now, of each stream */
	struct outbox_heard heard;		/* in the session */
	bool thawed;				/* in the session, what was sealed to former keys */
	bool inbox_changed;	/* set by each batch that was applied; whoever wakes the sinks clears it */
	struct fault failure;	/* the store failed while a receipt was applied: the agent must start anew */
};

void feeder_init(struct feeder *feeder, struct store *store, const struct node_keys *keys, struct inbox *inbox);
struct uplink_source feeder_source(struct feeder *feeder);
struct uplink_target feeder_target(struct feeder *feeder);
void feeder_fini(struct feeder *feeder);

#endif
