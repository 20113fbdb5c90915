/* clock - shows simulated time to the code under test. */
#include "tests/sim/clock.h"

#define WORLD_BEGAN UINT64_C(1795000000000) /* a day in November 2026 */
#define SINCE_BOOT 5000			    /* no steady clock begins at 0 when a program looks at it first */

static struct now shown = {.wall = WORLD_BEGAN, .steady = SINCE_BOOT};

struct now machine_now(const struct machine_clock *clock, uint64_t world)
{
	return (struct now){.wall = WORLD_BEGAN + world + (uint64_t)clock->wall_off,
			    .steady = SINCE_BOOT + world - clock->started};
}

void clock_show(const struct now *now)
{
	shown = *now;
}

struct now __wrap_clock_now(void)
{
	return shown;
}
