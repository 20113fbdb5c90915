/* guard_door - has the kernel drop requests to connect (SYN) from addresses that knock too often, before they cost
 * libzmq a connection each: a filter on the listening sockets (socket(7), SO_ATTACH_FILTER; classic BPF as in the
 * kernel's Documentation/networking/filter.rst).
 *
 * Connections that are there are not touched, and who is dropped tries again by itself: TCP repeats a SYN after 1, 3, 7
 * seconds. Nothing here decides who knocks too often. */
#ifndef SIMPUL_GUARD_DOOR_H
#define SIMPUL_GUARD_DOOR_H

#include "broker/serve/guard_peer.h"
#include "common/clock.h"

/* So many connections turned away within a second close the door to their address: for a second, and each time it is
 * so again when it opens for twice as long, up to 8. One that had to be cut for what it did counts as many of them. */
#define DOOR_KNOCKS 64
#define DOOR_KNOCKS_OF_OFFENCE 32
#define DOOR_SHUT_MS 1000
#define DOOR_SHUT_MOST_MS 8000
/* Addresses at a time; when there are more, the others are turned away one by one. */
#define DOOR_ADDRESSES 64
/* Two for each socket: libzmq tells that it closed one after it did, and the next may be told before. */
#define DOOR_LISTENERS 8

/* An address that knocked lately. */
struct door_address {
	char address[PEER_ADDRESS_SIZE];
	unsigned knocks;  /* since `since` */
	steady_ms since;
	steady_ms until;  /* it is shut till then; 0: it is open */
	uint64_t shut_ms; /* for how long it was shut last; 0: not yet */
};

struct door {
	int listeners[DOOR_LISTENERS];
	size_t listener_count;
	struct door_address addresses[DOOR_ADDRESSES];
	size_t count;
};

/* A socket listens by this descriptor, or does no longer. Each has its end told once, maybe after the next of the same
 * descriptor was told. */
void door_listener(struct door *door, int fd);
void door_closed(struct door *door, int fd);
/* Connections from this address were turned away, as many as `knocks`. */
void door_knocked(struct door *door, const char *address, unsigned knocks, steady_ms now);
/* Opens to those whose time is over, and forgets who was quiet since. */
void door_tick(struct door *door, steady_ms now);

#endif
