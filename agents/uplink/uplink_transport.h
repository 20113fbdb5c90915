/* uplink_transport - what carries the frames of an uplink: ZeroMQ in the agent, a network in memory in the simulator.
 *
 * One session at a time: open, subscribe once WELCOME has told the topic, send and receive, close. Whatever was under
 * way when a session was closed never reaches the next one. */
#ifndef SIMPUL_UPLINK_TRANSPORT_H
#define SIMPUL_UPLINK_TRANSPORT_H

#include "common/member.h"
#include "common/seal.h"
#include <zmq.h>

enum uplink_channel { UPLINK_LINK, UPLINK_FEED };

struct uplink_transport {
	void *context;
	/* A new link to the broker; nothing has been said on it yet. E_CONFIG for an endpoint that makes no sense. */
	enum error (*open)(void *context, const struct join *join, const struct node_keys *keys);
	/* What is published under `topic`, from now on. */
	bool (*subscribe)(void *context, const char *endpoint, const uint8_t topic[FEED_TOPIC_SIZE]);
	/* One frame from two parts. Never waits: E_BUSY when nothing more can be queued. That it returned E_OK does not
	 * mean that it arrives. */
	enum error (*send)(void *context, struct bytes prefix, struct bytes rest);
	/* The next frame that has arrived (of a publication: without its topic). It stays valid until the next call,
	 * also when the session is closed meanwhile. */
	bool (*receive)(void *context, enum uplink_channel channel, struct bytes *frame);
	/* True when the broker would not shake hands since this was asked last. */
	bool (*handshake_failed)(void *context);
	/* What to poll (room for 2); the number of items. They change with the session. */
	int (*poll_items)(void *context, zmq_pollitem_t *items);
	/* Ends the session, also one that was never opened; what was sent has `linger_ms` to leave. */
	void (*close)(void *context, int linger_ms);
	void (*release)(void *context);
};

/* Sockets with CURVE: DEALER for the link with a monitor, SUB for the feed; new ones for each session. */
struct uplink_transport uplink_sockets_new(void *zmq_context);

#endif
