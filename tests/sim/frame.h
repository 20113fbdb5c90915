/* frame - what travels in a simulated network, and a heap of all that is under way. */
#ifndef SIMPUL_SIM_FRAME_H
#define SIMPUL_SIM_FRAME_H

#include "agents/uplink/uplink_transport.h"

enum lane { LANE_UP, LANE_DOWN, LANE_FEED, LANES };

/* What travels; released by free(). */
struct frame {
	uint64_t at, order;
	enum lane lane;
	bool subscribes; /* LANE_UP: no frame of the link but a subscription to `topic` */
	bool stranded;	 /* its connection has ended */
	size_t office;
	uint64_t connection; /* that it was sent on */
	size_t key;	     /* LANE_UP: of the office, under which */
	uint8_t topic[FEED_TOPIC_SIZE];
	size_t size;
	uint8_t data[];
};

struct frame *frame_new(size_t office, enum lane lane, struct bytes prefix, struct bytes rest);

/* The earliest is the first. */
struct heap {
	struct frame **frames;
	size_t count, capacity;
};
void heap_put(struct heap *heap, struct frame *frame);
struct frame *heap_take(struct heap *heap);
void heap_free(struct heap *heap);

#endif
