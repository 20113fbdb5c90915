/* netns - a network of its own for an exchange: the broker and each office in a namespace, a cable (veth) from each
 * office to the broker, and what can be done to a cable. Needs root, iproute2, nftables and a kernel with their parts;
 * net_make tries each once and says what is missing. Namespaces end with the test, however it ends. */
#ifndef SIMPUL_TEST_NETNS_H
#define SIMPUL_TEST_NETNS_H

#include <stdbool.h>
#include <stddef.h>

#define NET_BROKER "10.77.0.1" /* the broker's address, for every office */
#define NET_OFFICES 8

struct net {
	char broker[32], offices[NET_OFFICES][32]; /* names of the namespaces */
	size_t count;
	int home; /* the namespace of the test itself */
};

/* What happens to the packets of one office's cable. */
enum net_fault {
	NET_GOOD,
	NET_CUT,   /* nothing passes */
	NET_MUTE,  /* nothing of what the office sends */
	NET_DEAF,  /* nothing of what is sent to it */
	NET_LOSSY, /* three of ten are lost, either way */
	NET_SLOW,  /* 64 kbit/s, either way */
};

/* False, with a line on standard output, where it cannot be made. */
bool net_make(struct net *net, size_t offices);
void net_end(struct net *net);

/* What the test starts from now on runs in the broker's namespace, in that of an office, or in the test's own. */
void net_enter_broker(const struct net *net);
void net_enter_office(const struct net *net, size_t office);
void net_leave(const struct net *net);

/* Takes the place of the fault before. */
void net_fault(const struct net *net, size_t office, enum net_fault fault);
/* Packets that the office's faults have dropped so far: a fault that drops none was none. */
size_t net_dropped(const struct net *net, size_t office);

#endif
