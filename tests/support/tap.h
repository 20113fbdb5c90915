/* tap - a TCP relay that keeps what one client says, to say it again later: what somebody on the wire could do. */
#ifndef SIMPUL_TEST_TAP_H
#define SIMPUL_TEST_TAP_H

#include "common/bytes.h"
#include <pthread.h>

struct tap {
	char endpoint[64]; /* where clients connect */
	char beyond[128];  /* where it passes them on */
	int listener;
	pthread_t thread;
	struct buffer said; /* by the first client, after tap_end */
};

/* Relays one connection at a time from a port of its own to `endpoint`. */
void tap_start(struct tap *tap, const char *endpoint);
/* Once the client has closed its connection. */
void tap_end(struct tap *tap);

#endif
