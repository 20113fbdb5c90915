/* clock - clock_gettime() of a program that has clocks of its own, loaded before it: tests/support/other_clock.h.
 *
 * How far they are ahead stands in the file that SIMPUL_TEST_CLOCK names, which the test changes while the program runs. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Milliseconds: the wall clock, the steady one. */
static const volatile int64_t *ahead;

__attribute__((constructor)) static void ahead_map(void)
{
	const char *path = getenv("SIMPUL_TEST_CLOCK");
	const int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map = file >= 0 ? mmap(NULL, 2 * sizeof(*ahead), PROT_READ, MAP_SHARED, file, 0) : MAP_FAILED;

	if (file >= 0)
		close(file);
	if (map != MAP_FAILED)
		ahead = map;
}

int clock_gettime(clockid_t clock, struct timespec *t)
{
	const int result = (int)syscall(SYS_clock_gettime, clock, t);
	int64_t ns;

	if (result != 0 || !ahead || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC))
		return result;
	ns = t->tv_nsec + ahead[clock == CLOCK_MONOTONIC] * 1000000;
	t->tv_sec += ns / 1000000000;
	t->tv_nsec = ns % 1000000000;
	if (t->tv_nsec < 0) {
		t->tv_nsec += 1000000000;
		t->tv_sec--;
	}
	return 0;
}
