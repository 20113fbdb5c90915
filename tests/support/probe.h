/* probe - what two honest offices notice: how long one report takes from one to the other while something else goes on.
 */
#ifndef SIMPUL_TEST_PROBE_H
#define SIMPUL_TEST_PROBE_H

#include "tests/support/client.h"

struct probe {
	struct client from, to;
	uint64_t number;     /* of the last report that was sent */
	const char *summary; /* what its reports say; NULL: a word */
	bool open;
};

/* Half and 99 of 100 reports were no slower, microseconds; `lost` did not arrive within five seconds (with patience). */
struct latency {
	uint64_t p50, p99;
	size_t samples, lost;
};

/* The two offices open sessions, the recipient becomes live. An office's session ends when its probe is silent for ten
 * seconds. */
void probe_open(struct probe *p, const struct exchange *x, size_t from, size_t to);
void probe_close(struct probe *p);
/* A sign of life of both, while there is nothing to measure. */
void probe_live(struct probe *p);
/* Sends one report and waits until it stands at the recipient: false when it does not come. A recipient that finds
 * nothing on its feed fetches, as an agent does. */
bool probe_once(struct probe *p, uint64_t *us);
/* One window of so many reports, one after the other. */
struct latency probe_window(struct probe *p, size_t samples);

#endif
