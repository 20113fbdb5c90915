/* clock - the clocks of the simulated machines. The program is linked with --wrap=clock_now, so that whatever looks at a
 * clock sees that of the machine whose turn it is. */
#ifndef SIMPUL_SIM_CLOCK_H
#define SIMPUL_SIM_CLOCK_H

#include "common/clock.h"

/* Of one machine: wall and steady are the world's time and what this clock is off, in milliseconds. The steady one
 * begins anew with each start. */
struct machine_clock {
	int64_t wall_off;
	steady_ms started;
};

/* Milliseconds since the world began to what a machine shows. */
struct now machine_now(const struct machine_clock *clock, uint64_t world);
/* From now on clock_now says this. */
void clock_show(const struct now *now);

struct now __wrap_clock_now(void);

#endif
