/* store_lock - keeps a second agent, and a recovery beside a running one, from a store. */
#include "agents/store.h"
#include "common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum error store_lock(const char *store, int *lock, struct fault *fault)
{
	char *copy = memory_string(store);
	char *path = memory_format("%s.lock", store);
	const char *folder = dirname(copy);
	enum error error = E_OK;

	*lock = -1;
	if (mkdir(folder, 0700) != 0 && errno != EEXIST)
		error = fault_at(fault, E_IO, "%s: %s", folder, strerror(errno));
	else if ((*lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0)
		error = fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
	else if (flock(*lock, LOCK_EX | LOCK_NB) != 0)
		error = fault_at(fault, E_EXISTS, "%s: another agent runs with this store", store);
	free(copy);
	free(path);
	return error;
}
