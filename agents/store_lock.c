/* store_lock - keeps a second agent, and a recovery beside a running one, from a store. */
#include "agents/store.h"
#include "common/memory.h"
#include "common/user.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

enum error store_lock(const char *store, int *lock, struct fault *fault)
{
	char *copy = memory_string(store);
	char *path = memory_format("%s.lock", store);
	enum error error = E_OK;

	mkdir(dirname(copy), 0700); /* where it cannot be made, opening the lock fails */
	*lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*lock < 0)
		error = errno == EACCES ? permission_fault(fault, path) : fault_at(fault, E_IO, "%s", path);
	else if (flock(*lock, LOCK_EX | LOCK_NB) != 0)
		error = fault_at(fault, E_EXISTS, "%s: another agent runs with this store", store);
	free(copy);
	free(path);
	return error;
}
