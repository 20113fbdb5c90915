/* journal_lock - keeps a second broker, and a recovery beside a running one, from a journal. */
#include "broker/journal/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>

enum error journal_lock(const char *folder, int *lock, struct fault *fault)
{
	*lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*lock < 0 && errno == ENOENT)
		return fault_at(fault, E_CONFIG, "%s: there is no journal; simpulctl init makes one", folder);
	if (*lock < 0)
		return fault_at(fault, E_IO, "%s: %s", folder, strerror(errno));
	if (flock(*lock, LOCK_EX | LOCK_NB) != 0)
		return fault_at(fault, E_CONFIG, "%s: another broker serves this journal", folder);
	return E_OK;
}
