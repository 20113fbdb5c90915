/* ctl_watch - follows a broker's log from afar: asks for the lines after the last one seen, again and again. */
#ifndef SIMPUL_CTL_WATCH_H
#define SIMPUL_CTL_WATCH_H

#include "common/clock.h"
#include <stdbool.h>

struct ctl_watch {
	bool follow; /* goes on after what the broker has now */
	bool json;
	int least;     /* enum log_level */
	wall_ms since; /* 0: everything that the broker has */
};

/* Prints lines on standard output, and on standard error (with `json` on standard output as well) what is missing and that
 * the broker was started anew. Follows over breaks of broker and network until the user ends the program; EX_NOPERM when
 * the broker does not admit the key of the file. */
int ctl_watch(const struct ctl_watch *options, const char *file);

#endif
