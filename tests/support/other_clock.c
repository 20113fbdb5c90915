/* other_clock - the file that the clocks are read from, and the environment that has programs read it. */
#include "tests/support/other_clock.h"
#include "common/memory.h"
#include "tests/support/process.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

enum { WALL, STEADY, CLOCKS };

static char *file_of(const char *folder)
{
	return memory_format("%s/clock", folder);
}

void other_clock_open(struct other_clock *clock, const char *folder)
{
	char *path = file_of(folder);
	const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	assert_true(file >= 0);
	assert_int_equal(ftruncate(file, CLOCKS * sizeof(*clock->ahead)), 0);
	clock->ahead = mmap(NULL, CLOCKS * sizeof(*clock->ahead), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	assert_true(clock->ahead != MAP_FAILED);
	close(file);
	free(path);
}

void other_clock_close(struct other_clock *clock)
{
	munmap(clock->ahead, CLOCKS * sizeof(*clock->ahead));
}

/* AddressSanitizer wants to be loaded first and need not be: nothing here is among what it replaces but the clock. */
void other_clock_begin(const char *folder)
{
	char library[300], *path = file_of(folder);
	const char *options = getenv("ASAN_OPTIONS");
	char *more = memory_format("%s:verify_asan_link_order=0", options ? options : "");

	setenv("SIMPUL_TEST_CLOCK", path, true);
	setenv("ASAN_OPTIONS", more, true);
	setenv("LD_PRELOAD", process_program("tests/preload/clock.so", library, sizeof library), true);
	free(more);
	free(path);
}

void other_clock_end(void)
{
	unsetenv("LD_PRELOAD");
	unsetenv("SIMPUL_TEST_CLOCK");
}

void other_clock_set(const struct other_clock *clock, int64_t wall, int64_t steady)
{
	clock->ahead[WALL] = wall;
	clock->ahead[STEADY] = steady;
}
