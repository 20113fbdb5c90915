/* loop_state - what loop.c (events in), loop_action.c (actions out) and loop_door.c (sockets) share. */
#ifndef SIMPUL_LOOP_STATE_H
#define SIMPUL_LOOP_STATE_H

#include "broker/control/control.h"
#include "broker/serve/guard.h"
#include "broker/serve/log_feed.h"
#include "broker/serve/loop.h"
#include "broker/serve/pollset.h"
#include "broker/serve/reader.h"
#include "broker/serve/watch.h"
#include "broker/serve/writer.h"
#include "broker/serve/zap.h"
#include <czmq.h>

/* Tickets of the loop's own; control gives out small ones. */
#define TICKET_START (UINT64_MAX - 1)  /* loop_policy */
#define TICKET_SIGNAL (UINT64_MAX - 2) /* SIGHUP */

/* Batches that were sealed in the step under way, so that each is sealed once; known by where the core holds them. */
#define STEP_SEALS 8
struct step_seal {
	struct bytes batch; /* NULL: free */
	size_t used;	    /* when it served last */
	uint8_t key[KEY_SIZE];
	zmq_msg_t sealed;
};
struct step_seals {
	struct step_seal list[STEP_SEALS];
	size_t uses;
};

struct loop {
	struct loop_parts parts;
	void *context, *link, *feed;
	void *log;							/* NULL: nobody follows it from afar */
	void *bulletin;							/* NULL: nothing is published in the open */
	char feed_bound[256], link_bound[256], log_bound[256], bulletin_bound[256]; /* endpoints as they were bound */
	bool link_unbound, feed_unbound, bulletin_unbound; /* their connections were ended; until they are bound again */
	steady_ms shut_at;	/* newer keys are in force since, and not yet at all of these doors; 0: they are */
	bool shut_told;		/* that it takes long */
	struct zap *zap;
	struct guard *guard;
	struct control *control;
	struct control_port port;
	struct log_feed *log_feed;
	struct watch *watch;
	struct writer *writer;
	struct reader *reader;
	struct inspector *inspector;
	struct archivist *archivist;
	struct step_seals seals;
	struct mailbox *commits, *reads, *told; /* what writer, reader and archivist hand back */
	struct pollset *pollset;
	steady_ms tick_at; /* the next one is due */
	unsigned ticks;	   /* since the disk was looked at */

	bool start_answered; /* loop_policy's answer is there */
	struct fault start_fault;
	bool disk_low;
	bool stopping, drained;
	steady_ms stop_at;	/* when waiting for the drain ends */
	struct fault failure;	/* E_IO: the journal is no more */
	uint64_t sessions;	/* that were opened when last looked at */
	bool zap_is_new;	/* since the last of them */
	steady_ms trim_at;	/* when what they left behind is given back next; 0: all was */
	steady_ms progress;	/* when the writer last showed a sign of life, or had nothing to do */
	uint64_t watchdog_ms;	/* of the service manager; 0: none */
	steady_ms watchdog_at;	/* when the next sign of life is due */
	steady_ms drops_logged; /* when dropped frames were last logged */
	uint64_t drops;		/* since then */
};

/* Steps the core and carries out what follows. */
void loop_step(struct loop *loop, const struct core_event *event);
/* Binds link and feed, log and bulletin where the configuration has them, and makes sure that a stranger is refused at each. */
enum error loop_doors_open(struct loop *loop, struct fault *fault);
/* Watchers are told the last lines. */
void loop_doors_close(struct loop *loop);
/* Carries out one action. */
void loop_action(struct loop *loop, const struct core_action *action);
/* The step is over: its sealed batches are let go. */
void loop_seals_end(struct loop *loop);
/* Ends every connection of the feed socket, and binds it anew. */
void loop_feed_rebind(struct loop *loop);
/* The same of link, feed and bulletin, which have the identity's keys from then on. */
void loop_doors_change(struct loop *loop);
/* Binds what is not bound; the ports may take a moment to be free. */
void loop_doors_bind(struct loop *loop);
/* Logs how many frames were dropped, at most once a second. */
void loop_drops_log(struct loop *loop, steady_ms now);

#endif
