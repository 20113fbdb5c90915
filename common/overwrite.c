/* overwrite - zeros over what a file held, before its name goes. */
#include "common/overwrite.h"
#include "common/backup.h"
#include "common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 64 * 1024 };

/* Synced before the name goes: blocks that are free by then need not be written. */
static bool zeros_write(const char *path, off_t size)
{
	static const uint8_t zeros[BLOCK];
	const int fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	bool good = fd >= 0;

	for (off_t at = 0; good && at < size; at += BLOCK) {
		const size_t some = size - at < BLOCK ? (size_t)(size - at) : BLOCK;

		good = pwrite(fd, zeros, some, at) == (ssize_t)some;
	}
	good = good && fsync(fd) == 0;
	if (fd >= 0)
		close(fd);
	return good;
}

enum error overwrite_file(const char *path, struct fault *fault)
{
	struct stat status;
	bool good = lstat(path, &status) == 0;

	if (!good && errno == ENOENT)
		return E_OK;
	if (good && S_ISREG(status.st_mode) && status.st_nlink == 1)
		good = zeros_write(path, status.st_size);
	good = good && unlink(path) == 0;
	return good ? E_OK : fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
}

/* A second name from before the first is taken away: at no moment has the file none by which it is found. */
enum error overwrite_replace(const char *fresh, const char *path, struct fault *fault)
{
	char *former = memory_format("%s" OVERWRITE_FORMER, path);
	enum error error = overwrite_file(former, fault);

	if (error == E_OK && link(path, former) != 0)
		error = fault_at(fault, E_IO, "%s: %s", former, strerror(errno));
	if (error == E_OK)
		error = backup_name(fresh, path, fault);
	if (error == E_OK)
		error = overwrite_file(former, fault);
	free(former);
	return error;
}
