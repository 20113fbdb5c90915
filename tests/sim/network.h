/* network - carries frames between offices and broker with delay, loss, repetition, disorder and partitions.
 *
 * Each office has three lanes: link up, link down, feed. An honest link is TCP as ZeroMQ uses it: frames arrive in
 * order and once, and are lost only with their connection; a lane that is shut for long ends it, and what was said
 * since then goes out on the next. A hostile link loses, repeats and disorders any frame. The feed may do so always. */
#ifndef SIMPUL_SIM_NETWORK_H
#define SIMPUL_SIM_NETWORK_H

#include "tests/sim/frame.h"
#include "tests/sim/rules.h"

struct lane_state {
	uint32_t delay_least, delay_most;  /* milliseconds */
	unsigned lost, repeated, disorder; /* of a thousand frames */
	bool shut;
	uint64_t shut_at, last_at;
};

/* An office's connections, as both ends see them. */
struct wire {
	bool open;	     /* the agent has a session */
	uint64_t connection; /* of the link: a new number whenever it was lost */
	size_t key;	     /* which of its keys the session is under */
	bool subscribed;     /* the agent has a feed socket for `topic` */
	bool at_broker;	     /* and the broker knows of it */
	bool refused;	     /* the broker would not shake hands */
	bool dead;	     /* the process is gone: nothing more leaves it */
	uint8_t topic[FEED_TOPIC_SIZE];
	struct lane_state lanes[LANES];
	/* Frames that wait while the lane up is shut, oldest first. */
	struct frame **held;
	size_t held_count;
};

struct network {
	struct chance chance;
	uint64_t now;
	uint64_t connections, order;
	struct heap under_way;
	bool broker_down;
	struct wire wires[OFFICES];
	uint64_t carried, lost; /* frames */
};

void network_start(struct network *network, uint64_t seed);
void network_end(struct network *network);
/* Draws how good each lane is. `hostile`: the link too. */
void network_weather(struct network *network, bool hostile);
/* Every lane is open, quick and faithful again. */
void network_heal(struct network *network);

/* When the next frame arrives; UINT64_MAX when none is under way. */
uint64_t network_next(const struct network *network);
/* The next frame that has arrived by now; NULL when there is none, or it is for a connection that is gone. */
struct frame *network_take(struct network *network);

/* The agent's end. */
void network_open(struct network *network, size_t office, size_t key);
void network_close(struct network *network, size_t office);
void network_subscribe(struct network *network, size_t office, const uint8_t topic[FEED_TOPIC_SIZE]);
void network_up(struct network *network, size_t office, struct bytes prefix, struct bytes rest);
/* The broker's end. */
void network_down(struct network *network, size_t office, uint64_t connection, struct bytes data);
void network_publish(struct network *network, const uint8_t topic[FEED_TOPIC_SIZE], struct bytes lead,
		     struct bytes rest);
/* Every subscriber loses its connection to the feed and comes back. */
void network_rebind(struct network *network);

/* Faults. */
void network_shut(struct network *network, size_t office, enum lane lane);
void network_reopen(struct network *network, size_t office, enum lane lane);
void network_break(struct network *network, size_t office); /* the link's connection is lost */
void network_broker_down(struct network *network);
void network_broker_up(struct network *network);

#endif
