/* other_clock - real programs whose clocks are not those of this machine: fast, slow, or jumping while they run.
 *
 * What a program waits for by the kernel's own clock it waits for as ever: timers of poll and epoll, and
 * pthread_cond_timedwait, which with a steady clock that is ahead waits for that much longer. */
#ifndef SIMPUL_TEST_OTHER_CLOCK_H
#define SIMPUL_TEST_OTHER_CLOCK_H

#include <stdint.h>

struct other_clock {
	int64_t *ahead; /* shared with the programs */
};

/* As this machine's at first. The file lies in `folder`. Ends the test on failure. */
void other_clock_open(struct other_clock *clock, const char *folder);
void other_clock_close(struct other_clock *clock);
/* Programs that are started from here to other_clock_end have it. One at a time. */
void other_clock_begin(const char *folder);
void other_clock_end(void);
/* How far they are ahead from now on, milliseconds; behind: negative. */
void other_clock_set(const struct other_clock *clock, int64_t wall, int64_t steady);

#endif
