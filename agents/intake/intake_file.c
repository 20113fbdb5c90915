/* intake_file - looks at, reads and moves files that others write, without following links and without overwriting any.
 */
#include "agents/intake/intake_file.h"
#include "common/bytes.h"
#include "common/file.h"
#include "common/hash.h"
#include "common/memory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef VBOXSF_SUPER_MAGIC
#define VBOXSF_SUPER_MAGIC 0x786f4256 /* folders shared with a virtual machine; not in the headers of Debian 12 */
#endif

enum {
	LONGEST_STEM = 200, /* bytes of a name that are kept: a number and ".reason.txt" must fit behind them */
	NUMBERED_COPIES = 100,
	MOST_COPIES = NUMBERED_COPIES + 1000,
	COPY_MARK_SIZE = 32,
	DIGEST_SIZE = 8, /* bytes of a content's hash that stand in a name */
};

bool file_name_eligible(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && name[0] != '~' && !text_ends_with(name, "~") &&
	       !text_ends_with(name, ".tmp") && !text_ends_with(name, ".part");
}

static struct file_mark mark_of(const struct stat *status)
{
	return (struct file_mark){.inode = status->st_ino, .size = status->st_size, .modified = status->st_mtim};
}

bool file_look(const char *path, struct file_mark *mark)
{
	struct stat status;

	if (lstat(path, &status) != 0 || !S_ISREG(status.st_mode))
		return false;
	*mark = mark_of(&status);
	return true;
}

bool file_mark_equal(const struct file_mark *a, const struct file_mark *b)
{
	return a->inode == b->inode && a->size == b->size && a->modified.tv_sec == b->modified.tv_sec &&
	       a->modified.tv_nsec == b->modified.tv_nsec;
}

bool file_system_remote(long type)
{
	static const uint32_t types[] = {
		NFS_SUPER_MAGIC,  SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,	 FUSE_SUPER_MAGIC,
		CEPH_SUPER_MAGIC, AFS_SUPER_MAGIC, V9FS_MAGIC,	     VBOXSF_SUPER_MAGIC,
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i] == (uint32_t)type)
			return true;
	return false;
}

bool folder_remote(const char *path)
{
	struct statfs status;

	return statfs(path, &status) == 0 && file_system_remote((long)status.f_type);
}

/* ------------------------------------------------------------------ reading */

static bool still(int fd, const struct file_mark *mark)
{
	struct stat status;
	struct file_mark now;

	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
		return false;
	now = mark_of(&status);
	return file_mark_equal(&now, mark);
}

/* The kernel grants a read lease only when nobody has the file open for writing. Where it knows no leases (a file of
 * another user), the mark alone must do. A network file system without a delegation answers as if there were a writer.
 */
static bool has_writer(int fd)
{
	/* Who opens it in this very moment makes the kernel send a signal; the usual one would end the process. */
	fcntl(fd, F_SETSIG, SIGURG);
	if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
		fcntl(fd, F_SETLEASE, F_UNLCK);
		return false;
	}
	return errno == EAGAIN;
}

static enum error read_all(int fd, size_t size, struct buffer *content)
{
	uint8_t *out = buffer_room(content, size);
	size_t done = 0;

	while (done < size) {
		ssize_t n = read(fd, out + done, size - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0 ? E_BUSY : E_IO;
		done += (size_t)n;
	}
	return E_OK;
}

enum error file_take(const char *path, const struct file_mark *mark, bool remote, size_t limit, struct buffer *content)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	enum error error = E_OK;

	if (fd < 0)
		return errno == ENOENT || errno == ELOOP ? E_NOT_FOUND : E_IO;
	if (!still(fd, mark) || (!remote && has_writer(fd)))
		error = E_BUSY;
	else if ((uint64_t)mark->size > limit)
		error = E_TOO_LARGE;
	else
		error = read_all(fd, (size_t)mark->size, content);
	if (error == E_OK && (!still(fd, mark) || (!remote && has_writer(fd))))
		error = E_BUSY;
	close(fd);
	return error;
}

/* ------------------------------------------------------------------ putting away */

bool folder_make(const char *folder, const char *sub)
{
	char *path = memory_format("%s/%s", folder, sub);
	struct stat status;
	bool made = mkdir(path, 0700) == 0 && folder_sync(folder);

	if (!made)
		made = lstat(path, &status) == 0 && S_ISDIR(status.st_mode);
	free(path);
	return made;
}

/* What sets a copy apart: a number; where so many are there that to count on takes longer and longer, as of a program
 * that drops one name every minute, the digest of its content (NULL: not asked), under which the same is found again;
 * and at last the time. */
static void copy_mark(unsigned copy, const char *digest, char mark[COPY_MARK_SIZE])
{
	const wall_ms now = clock_now().wall + copy;
	const time_t seconds = (time_t)(now / 1000);
	char text[20];
	struct tm t;

	mark[0] = '\0';
	if (copy > 0 && copy < NUMBERED_COPIES) {
		snprintf(mark, COPY_MARK_SIZE, "-%u", copy);
	} else if (copy == NUMBERED_COPIES && digest != NULL) {
		snprintf(mark, COPY_MARK_SIZE, "-%s", digest);
	} else if (copy > 0) {
		strftime(text, sizeof(text), "%Y%m%d-%H%M%S", gmtime_r(&seconds, &t));
		snprintf(mark, COPY_MARK_SIZE, "-%s-%03u", text, (unsigned)(now % 1000));
	}
}

/* "x.csv", then "x-1.csv", "x-2.csv" ... "x-99.csv", with a digest "x-1f0c5d2a9b3e4c6d.csv",
 * "x-20261120-101500-042.csv". */
static char *copy_name(const char *name, unsigned copy, const char *digest)
{
	const char *dot = strrchr(name, '.');
	const char *end = dot != NULL && dot != name && strlen(dot) < 16 ? dot : name + strlen(name);
	int stem = (int)(end - name) > LONGEST_STEM ? LONGEST_STEM : (int)(end - name);
	char mark[COPY_MARK_SIZE];

	copy_mark(copy, digest, mark);
	return memory_format("%.*s%s%s", stem, name, mark, end);
}

/* Whoever drops files may put a link in its place, which would lead out of the drop folder: -1 then. All that is done
 * in it goes by this descriptor, for the link may come at any time. */
static int sub_open(const char *folder, const char *sub)
{
	char *path = memory_format("%s/%s", folder, sub);
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	free(path);
	return fd;
}

static enum error errno_error(void)
{
	return errno == ENOSPC || errno == EDQUOT ? E_DISK_FULL : E_IO;
}

/* How long a file is kept counts from the day on which it was put away, not from that on which somebody wrote it. */
static void time_renew(int folder, const char *name)
{
	utimensat(folder, name, NULL, AT_SYMLINK_NOFOLLOW);
}

/* E_EXISTS when the target is taken. */
static enum error move_to(const char *from, int into, const char *to)
{
	struct stat status;

	if (renameat2(AT_FDCWD, from, into, to, RENAME_NOREPLACE) == 0)
		return E_OK;
	if (errno == EEXIST)
		return E_EXISTS;
	if (errno != EINVAL)
		return errno_error();
	/* A file system without RENAME_NOREPLACE; nobody but the intake writes to the target folder. */
	if (fstatat(into, to, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return E_EXISTS;
	return renameat(AT_FDCWD, from, into, to) == 0 ? E_OK : errno_error();
}

static enum error reason_write(int into, const char *name, const char *reason)
{
	char *beside = memory_format("%s.reason.txt", name);
	enum error error = file_write_at(into, beside, BYTES(reason, strlen(reason)), 0600, NULL);

	free(beside);
	return error;
}

/* One try under one name. */
static enum error put_away_as(const char *from, int into, const char *to, const char *reason)
{
	struct stat status;
	enum error error = E_OK;

	if (fstatat(into, to, &status, AT_SYMLINK_NOFOLLOW) == 0)
		return E_EXISTS;
	if (reason != NULL)
		error = reason_write(into, to, reason);
	if (error != E_OK)
		return error;
	time_renew(AT_FDCWD, from);
	return move_to(from, into, to);
}

enum error file_put_away(const char *folder, const char *name, const char *sub, const char *reason)
{
	const int into = sub_open(folder, sub);
	char *from = memory_format("%s/%s", folder, name);
	enum error error = into >= 0 ? E_EXISTS : E_IO;

	for (unsigned copy = 0; error == E_EXISTS && copy < MOST_COPIES; copy++) {
		char *to = copy_name(name, copy, NULL);

		error = put_away_as(from, into, to, reason);
		free(to);
	}
	if (error == E_OK && (fsync(into) != 0 || !folder_sync(folder)))
		error = E_IO;
	if (into >= 0)
		close(into);
	free(from);
	return error == E_EXISTS ? E_IO : error;
}

/* One try under one name. E_EXISTS when something else has it. */
static enum error put_beside_as(int into, const char *name, struct bytes content)
{
	struct buffer there = {0};
	enum error error = file_read_at(into, name, content.size, &there, NULL);

	if (error == E_NOT_FOUND)
		error = file_write_at(into, name, content, 0600, NULL);
	else if (error != E_OK || !bytes_equal(buffer_view(&there), content))
		error = E_EXISTS;
	if (error == E_OK)
		time_renew(into, name);
	buffer_free(&there);
	return error;
}

enum error file_put_beside(const char *folder, const char *name, const char *sub, struct bytes content, char **written)
{
	const struct hash hash = hash_of(content);
	const int into = sub_open(folder, sub);
	char digest[2 * DIGEST_SIZE + 1], *as = NULL;
	enum error error = into >= 0 ? E_EXISTS : E_IO;

	hex_of(digest, BYTES(hash.bytes, DIGEST_SIZE));
	for (unsigned copy = 0; error == E_EXISTS && copy < MOST_COPIES; copy++) {
		free(as);
		as = copy_name(name, copy, digest);
		error = put_beside_as(into, as, content);
	}
	if (error == E_OK && *written != NULL && strcmp(*written, as) != 0)
		unlinkat(into, *written, 0);
	if (into >= 0)
		close(into);
	if (error != E_OK) {
		free(as);
		return error == E_EXISTS ? E_IO : error;
	}
	free(*written);
	*written = as;
	return E_OK;
}

/* ------------------------------------------------------------------ expiry */

/* When it was put away: time_renew's time, or where that was not permitted the file's last change, a new name among
 * them. */
static wall_ms time_put_away(const struct stat *status)
{
	time_t second = status->st_mtim.tv_sec;

	if (status->st_uid != geteuid() && status->st_ctim.tv_sec > second)
		second = status->st_ctim.tv_sec;
	return second < 0 ? 0 : (wall_ms)second * 1000;
}

/* True when there was such a file and it is gone. */
static bool file_expire(int folder, const char *name, wall_ms before)
{
	struct stat status;

	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode) ||
	    time_put_away(&status) >= before)
		return false;
	return unlinkat(folder, name, 0) == 0;
}

struct files_left folder_left(const char *path, wall_ms before)
{
	struct files_left left = {.closed = 0};
	DIR *list = opendir(path);
	const struct dirent *entry;
	struct stat status;

	while (list != NULL && (entry = readdir(list)) != NULL) {
		if (!file_name_eligible(entry->d_name) ||
		    fstatat(dirfd(list), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(status.st_mode))
			continue;
		if (faccessat(dirfd(list), entry->d_name, R_OK, AT_EACCESS) != 0)
			left.closed++;
		else if ((wall_ms)status.st_ctim.tv_sec * 1000 < before)
			left.old++;
	}
	if (list != NULL)
		closedir(list);
	return left;
}

size_t folder_expire(const char *folder, const char *sub, wall_ms before)
{
	const int fd = sub_open(folder, sub);
	DIR *list = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	size_t removed = 0;

	while (list != NULL && (entry = readdir(list)) != NULL)
		removed += file_expire(dirfd(list), entry->d_name, before) ? 1 : 0;
	if (list != NULL)
		closedir(list);
	else if (fd >= 0)
		close(fd);
	return removed;
}
