/* store_lock - keeps a second agent, and a recovery beside a running one, from a store. */
#include "agents/store/store.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/user.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

/* What does one thing alone in the store, such as a read that is put on record while no agent runs, is over in a
 * moment; another agent is not. */
static bool locked(int lock, int patience_ms)
{
	const struct timespec pause = {.tv_nsec = 20 * 1000000L};
	const steady_ms until = clock_now().steady + (steady_ms)patience_ms;

	while (flock(lock, LOCK_EX | LOCK_NB) != 0) {
		if (clock_now().steady >= until)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

enum error store_lock(const char *store, int patience_ms, int *lock, struct fault *fault)
{
	char *copy = memory_string(store);
	char *path = memory_format("%s.lock", store);
	const char *folder = dirname(copy);
	enum error error = E_OK;

	*lock = -1;
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		error = fault_at(fault, E_IO, "%s: %s", folder, strerror(errno));
	else if ((*lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0)
		error = errno == EACCES ? permission_fault(fault, path)
					: fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
	else if (!locked(*lock, patience_ms))
		error = fault_at(fault, E_EXISTS, "%s: another agent runs with this store", store);
	free(copy);
	free(path);
	return error;
}
