/* file - opens, reads, writes, syncs and renames; what went wrong is told in one word and with the path. */
#include "common/file.h"
#include "common/memory.h"
#include "common/user.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	READ_STEP = 64 * 1024,
	/* Not waiting for the writer of a pipe that somebody put in a file's place. */
	READ_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC,
};

/* ------------------------------------------------------------------ reading */

static enum error file_fault(struct fault *fault, const char *path)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		return fault_at(fault, E_NOT_FOUND, "%s", path);
	case ENOSPC:
	case EDQUOT:
		return fault_at(fault, E_DISK_FULL, "%s", path);
	case EACCES:
		return permission_fault(fault, path);
	default:
		return fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
	}
}

/* Reads on until the end; one byte above the limit is enough to know that the file is too large. */
static enum error read_rest(int fd, const char *path, size_t limit, struct buffer *out, struct fault *fault)
{
	while (out->size <= limit) {
		size_t step = limit + 1 - out->size < READ_STEP ? limit + 1 - out->size : READ_STEP;
		ssize_t n = read(fd, buffer_room(out, step), step);

		out->size -= n < 0 ? step : step - (size_t)n;
		if (n == 0)
			return E_OK;
		if (n < 0 && errno != EINTR)
			return file_fault(fault, path);
	}
	return fault_at(fault, E_TOO_LARGE, "%s", path);
}

/* The file that was opened as `fd`, which is closed; -1: errno says why it was not. */
static enum error read_whole(int fd, const char *path, size_t limit, struct buffer *out, struct fault *fault)
{
	struct stat status;
	enum error error;

	buffer_clear(out);
	if (fd < 0)
		return file_fault(fault, path);
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
		error = fault_at(fault, E_IO, "%s: it is not a file", path);
	} else {
		/* Room for all of it, or a key would stay behind where it was read first. */
		buffer_reserve(out, ((size_t)status.st_size < limit ? (size_t)status.st_size : limit) + READ_STEP);
		error = read_rest(fd, path, limit, out, fault);
	}
	close(fd);
	if (error != E_OK)
		buffer_free(out);
	return error;
}

enum error file_read(const char *path, size_t limit, struct buffer *out, struct fault *fault)
{
	return read_whole(open(path, READ_FLAGS), path, limit, out, fault);
}

enum error file_read_at(int folder, const char *name, size_t limit, struct buffer *out, struct fault *fault)
{
	return read_whole(openat(folder, name, READ_FLAGS | O_NOFOLLOW), name, limit, out, fault);
}

bool file_same(const char *one, const char *other, size_t limit)
{
	struct buffer texts[2] = {{0}, {0}};
	const bool same = file_read(one, limit, &texts[0], NULL) == E_OK &&
			  file_read(other, limit, &texts[1], NULL) == E_OK &&
			  bytes_equal(buffer_view(&texts[0]), buffer_view(&texts[1]));

	for (size_t i = 0; i < 2; i++) {
		if (texts[i].data != NULL)
			explicit_bzero(texts[i].data, texts[i].capacity);
		buffer_free(&texts[i]);
	}
	return same;
}

/* ------------------------------------------------------------------ writing */

static bool write_all(int fd, struct bytes content)
{
	while (content.size > 0) {
		ssize_t n = write(fd, content.data, content.size);

		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			content = BYTES(content.data + n, content.size - (size_t)n);
	}
	return fsync(fd) == 0;
}

static int folder_open(const char *folder)
{
	return open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

bool folder_sync(const char *folder)
{
	const int fd = folder_open(folder);
	const bool synced = fd >= 0 && fsync(fd) == 0;
	const int cause = errno;

	if (fd >= 0)
		close(fd);
	errno = cause;
	return synced;
}

/* The file itself never holds less than the whole content: only its temporary name does. */
static bool replace(int folder, const char *temporary, const char *name, struct bytes content, unsigned mode)
{
	int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
	bool written;
	int cause;

	if (fd < 0)
		return false;
	written = write_all(fd, content);
	cause = errno;
	if (close(fd) != 0 && written) {
		written = false;
		cause = errno;
	}
	if (written && renameat(folder, temporary, folder, name) == 0)
		return fsync(folder) == 0;
	if (written)
		cause = errno;
	unlinkat(folder, temporary, 0);
	errno = cause;
	return false;
}

/* What is missing here is the folder: a cause as any other, and not NOT_FOUND. */
static enum error file_write_fault(struct fault *fault, const char *path)
{
	if (errno == ENOSPC || errno == EDQUOT)
		return fault_at(fault, E_DISK_FULL, "%s", path);
	return fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
}

static enum error write_named(int folder, const char *name, const char *path, struct bytes content, unsigned mode,
			      struct fault *fault)
{
	char *temporary;
	enum error error = E_OK;
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return file_write_fault(fault, path);
	temporary = memory_format(".%s.%016" PRIx64, name, random);
	if (!replace(folder, temporary, name, content, mode))
		error = file_write_fault(fault, path);
	free(temporary);
	return error;
}

enum error file_write_at(int folder, const char *name, struct bytes content, unsigned mode, struct fault *fault)
{
	return write_named(folder, name, name, content, mode, fault);
}

enum error file_write(const char *path, struct bytes content, unsigned mode, struct fault *fault)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? memory_string(".") : memory_format("%.*s", (int)(slash - path + 1), path);
	const int fd = folder_open(folder);
	enum error error;

	if (fd >= 0) {
		error = write_named(fd, slash == NULL ? path : slash + 1, path, content, mode, fault);
		close(fd);
	} else {
		error = file_write_fault(fault, path);
	}
	free(folder);
	return error;
}

/* ------------------------------------------------------------------ names */

enum error file_settle(const char *path, struct fault *fault)
{
	char *copy = memory_string(path);
	const bool synced = folder_sync(dirname(copy));

	free(copy);
	return synced ? E_OK : fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
}

enum error file_rename(const char *part, const char *name, struct fault *fault)
{
	if (rename(part, name) != 0)
		return fault_at(fault, E_IO, "%s: %s", name, strerror(errno));
	return file_settle(name, fault);
}
