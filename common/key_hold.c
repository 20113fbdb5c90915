/* key_hold - a lock on the folder, so that nothing is left lying beside the keys. */
#include "common/key_hold.h"
#include "common/clock.h"
#include "common/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

/* False when another one has it all the time. */
static bool locked(int folder)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000000L};
	const steady_ms until = clock_now().steady + KEY_HOLD_PATIENCE_MS;

	while (flock(folder, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return true;
		if (clock_now().steady >= until)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

enum error key_hold(const char *path, int *hold, struct fault *fault)
{
	char *copy = memory_string(path);
	enum error error = E_OK;

	*hold = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (*hold >= 0 && !locked(*hold)) {
		error = fault_at(fault, E_EXISTS, "%s: another program changes the keys beside it", path);
		key_hold_end(*hold);
		*hold = -1;
	}
	return error;
}

void key_hold_end(int hold)
{
	if (hold >= 0)
		close(hold);
}
