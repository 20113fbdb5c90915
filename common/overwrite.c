/* overwrite - zeros over what a file held, before its name goes. */
#include "common/overwrite.h"
#include "common/file.h"
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

/* Of a file that has no other name; synced before this one goes, for blocks that are free by then need not be written.
 */
static bool zeros_write(int fd)
{
	static const uint8_t zeros[BLOCK];
	struct stat status;
	bool good = fstat(fd, &status) == 0;

	if (good && (!S_ISREG(status.st_mode) || status.st_nlink > 1))
		return true;
	for (off_t at = 0; good && at < status.st_size; at += BLOCK) {
		const size_t some = status.st_size - at < BLOCK ? (size_t)(status.st_size - at) : BLOCK;

		good = pwrite(fd, zeros, some, at) == (ssize_t)some;
	}
	return good && fsync(fd) == 0;
}

/* A link is not followed, a pipe that nobody reads not waited for: they just lose their names. Which file has which
 * name is synced first: a process that was killed may have given the former name of this one to another, and after a
 * power cut it would be this one's again. */
enum error overwrite_file(const char *path, struct fault *fault)
{
	const int fd = open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	bool good = fd >= 0 ? file_settle(path, NULL) == E_OK && zeros_write(fd)
			    : errno == ENOENT || errno == ELOOP || errno == ENXIO;

	good = good && (unlink(path) == 0 || errno == ENOENT);
	if (!good)
		fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good ? E_OK : E_IO;
}

/* The second name comes before the first is taken away: at no moment has the file none by which it is found. Where a
 * file can have one only (FAT, on a stick) this goes without. */
static enum error name_second(const char *path, const char *former, struct fault *fault)
{
	if (link(path, former) == 0 || errno == EPERM || errno == EOPNOTSUPP)
		return E_OK;
	return fault_at(fault, E_IO, "%s: %s", former, strerror(errno));
}

/* `former` is a name of the file behind `fd`, or of none. */
static enum error replace(const char *fresh, const char *path, int fd, const char *former, struct fault *fault)
{
	enum error error = name_second(path, former, fault);

	if (error == E_OK)
		error = file_rename(fresh, path, fault);
	if (error == E_OK && (!zeros_write(fd) || (unlink(former) != 0 && errno != ENOENT)))
		error = fault_at(fault, E_IO, "%s: %s", former, strerror(errno));
	return error;
}

enum error overwrite_replace(const char *fresh, const char *path, struct fault *fault)
{
	char *former = memory_format("%s" OVERWRITE_FORMER, path);
	enum error error = overwrite_file(former, fault);
	int fd = -1;

	if (error == E_OK && (fd = open(path, O_WRONLY | O_CLOEXEC)) < 0)
		error = fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
	if (error == E_OK)
		error = replace(fresh, path, fd, former, fault);
	if (fd >= 0)
		close(fd);
	free(former);
	return error;
}
