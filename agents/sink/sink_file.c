/* sink_file - hands reports on to files: lines appended to one, or one each in a folder. */
#include "agents/sink/sink_kind.h"
#include "agents/sink/sink_mark.h"
#include "agents/store/place.h"
#include "common/file.h"
#include "common/memory.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Of the agent's user alone by its umask, but where the folder has a default ACL: that says who else may read, and this
 * how far. */
#define FILE_MODE 0640

/* ------------------------------------------------------------------ lines in a file */

struct lines {
	const char *path;
	enum sink_erases erases;
	int fd; /* -1 when it is not open */
	struct buffer waiting;
};

/* Longer than any line that is written here. */
#define LINE_MOST (4 * 1024 * 1024)

/* Where the last line begins that has no end; the size of the file where there is none. -1: it cannot be read. */
static off_t open_line(int fd, off_t size)
{
	char block[4096];

	for (off_t at = size; at > 0;) {
		const size_t some = at < (off_t)sizeof(block) ? (size_t)at : sizeof(block);
		const char *newline;

		if (pread(fd, block, some, at - (off_t)some) != (ssize_t)some)
			return -1;
		newline = memrchr(block, '\n', some);
		at -= (off_t)some;
		if (newline != NULL)
			return at + (newline - block) + 1;
	}
	return 0;
}

/* Whether this is a line of ours that was never whole. Editors leave the last line of a file without its end, and so
 * does a crash: what is whole is a report as good as any, and what does not begin as ours do is somebody else's. */
static bool is_torn(const uint8_t *line, size_t size)
{
	json_t *whole = json_loadb((const char *)line, size, 0, NULL);
	const bool torn = whole == NULL && memcmp(line, "{\"", size < 2 ? size : 2) == 0;

	json_decref(whole);
	return torn;
}

/* The file then ends where its last line ends. */
static bool line_end(int fd)
{
	const off_t size = lseek(fd, 0, SEEK_END), begin = open_line(fd, size);
	const size_t rest = begin < 0 ? 0 : (size_t)(size - begin);
	struct buffer line = {0};
	bool done = begin >= 0;

	if (done && rest > 0 && rest <= LINE_MOST)
		done = pread(fd, buffer_room(&line, rest), rest, begin) == (ssize_t)rest;
	if (done && rest > 0)
		done = (line.size > 0 && is_torn(line.data, line.size) ? ftruncate(fd, begin) == 0
								       : write(fd, "\n", 1) == 1) &&
		       fdatasync(fd) == 0;
	buffer_free(&line);
	return done;
}

static bool file_open(struct lines *lines)
{
	struct stat opened, named;

	/* Whoever rotates the file moves it away: the path decides, not the descriptor. */
	if (lines->fd >= 0 && (stat(lines->path, &named) != 0 || fstat(lines->fd, &opened) != 0 ||
			       named.st_ino != opened.st_ino || named.st_dev != opened.st_dev)) {
		close(lines->fd);
		lines->fd = -1;
	}
	if (lines->fd >= 0)
		return true;
	lines->fd = open(lines->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, FILE_MODE);
	if (lines->fd < 0)
		return false;
	/* An empty one may be new: that it has this name must be on the disk before anything in it counts. */
	if (fstat(lines->fd, &opened) == 0 && S_ISREG(opened.st_mode) && line_end(lines->fd) &&
	    (opened.st_size > 0 || file_settle(lines->path, NULL) == E_OK))
		return true;
	errno = errno == 0 ? EINVAL : errno;
	return false;
}

/* Writes all of it or leaves the file to line_end at the next attempt. */
static bool lines_write(struct lines *lines)
{
	struct bytes text = buffer_view(&lines->waiting);

	while (text.size > 0) {
		ssize_t n = write(lines->fd, text.data, text.size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		text = BYTES(text.data + n, text.size - (size_t)n);
	}
	return lines->waiting.size == 0 || fdatasync(lines->fd) == 0;
}

static void *lines_open(const struct sink_options *options, int stop)
{
	struct lines *lines = memory_zero(1, sizeof(*lines));

	(void)stop;
	lines->path = options->path;
	lines->erases = options->erases;
	lines->fd = -1;
	return lines;
}

static bool lines_put(void *self, const struct sink_report *report, struct sink_reason *why)
{
	struct lines *lines = self;

	(void)why;
	buffer_bytes(&lines->waiting, report->json);
	return true;
}

static bool lines_settle(void *self, struct sink_reason *why)
{
	struct lines *lines = self;
	bool written;

	errno = 0;
	written = file_open(lines) && lines_write(lines);
	buffer_clear(&lines->waiting);
	if (written)
		return true;
	sink_is_away(why, "%s", strerror(errno));
	if (lines->fd >= 0)
		close(lines->fd);
	lines->fd = -1;
	return false;
}

/* Whoever reads the lines sees to it. */
static bool lines_erase(void *self, const struct sink_report *report, struct sink_outcome *outcome,
			struct sink_reason *why)
{
	struct lines *lines = self;

	outcome->outcome = sink_outcome_declared(lines->erases);
	return lines_put(self, report, why) && lines_settle(self, why);
}

static void lines_close(void *self)
{
	struct lines *lines = self;

	if (lines->fd >= 0)
		close(lines->fd);
	buffer_free(&lines->waiting);
	free(lines);
}

static bool lines_able(const struct sink_options *options, struct sink_reason *why)
{
	const char *trouble = place_file_trouble(options->path);

	return trouble == NULL || sink_fails(why, "%s", trouble);
}

const struct sink_kind sink_jsonl = {.open = lines_open,
				     .put = lines_put,
				     .erase = lines_erase,
				     .settle = lines_settle,
				     .close = lines_close,
				     .able = lines_able};

/* ------------------------------------------------------------------ one file a report */

#define FOLDER_LEFT "another folder has come in its place"

struct folder {
	const char *path;
	enum sink_erases erases;
	bool arrived;
	struct stat at; /* what was there when it did last */
	unsigned long disk;
};

static void *folder_open(const struct sink_options *options, int stop)
{
	struct folder *folder = memory_zero(1, sizeof(*folder));

	(void)stop;
	folder->path = options->path;
	folder->erases = options->erases;
	return folder;
}

/* Two disks that come one after the other to one device may give their folders the same numbers; what tells them apart
 * is the number of the file system, where it has one. */
static bool folder_look(const char *path, struct stat *at, unsigned long *disk)
{
	struct statvfs system;

	if (stat(path, at) != 0 || statvfs(path, &system) != 0)
		return false;
	*disk = system.f_fsid;
	return true;
}

/* A disk that was taken away, or mounted, since it arrived leaves another folder in its place. */
static bool folder_stays(const struct folder *folder)
{
	unsigned long disk;
	struct stat now;

	return folder->arrived && folder_look(folder->path, &now, &disk) && now.st_dev == folder->at.st_dev &&
	       now.st_ino == folder->at.st_ino && disk == folder->disk;
}

/* Whoever takes the files out may take the mark along: while the folder stays it is the same one. False when it is not
 * there and cannot be written now. */
static bool mark_put_back(const struct folder *folder, const struct sink_home *home)
{
	char mark[SINK_MARK_SIZE];

	return !folder_stays(folder) || sink_mark_read(folder->path, mark) != E_NOT_FOUND ||
	       sink_mark_write(folder->path, home->mark) == E_OK;
}

static bool folder_arrive(void *self, const struct sink_home *home, char mark[SINK_MARK_SIZE], struct sink_reason *why)
{
	struct folder *folder = self, found = *folder;

	if (!mark_put_back(folder, home))
		return sink_is_away(why, SINK_MARK " cannot be written in it");
	if (!sink_mark_find(folder->path, home, mark, why))
		return false;
	if (!folder_look(folder->path, &found.at, &found.disk))
		return sink_is_away(why, "%s", strerror(errno));
	found.arrived = true;
	*folder = found;
	return true;
}

/* "EXERCISE-AMBER-police.oku-X12.json": what is not in earnest says so first, then the label, or that it is an answer,
 * which has none. Nothing in it is a shell's, and it does not begin as an option does. Free it. */
static char *folder_path(const char *folder, const struct sink_report *report)
{
	char *path = memory_format("%s/%s%s%s-%s.json", folder, report->mark == NULL ? "" : report->mark,
				   report->mark == NULL ? "" : "-",
				   strcmp(report->label, "-") == 0 ? "ANSWER" : report->label, report->key);

	*strrchr(path, '#') = '-';
	return path;
}

static bool folder_put(void *self, const struct sink_report *report, struct sink_reason *why)
{
	const struct folder *folder = self;
	char *path;
	bool written;

	if (!folder_stays(folder))
		return sink_is_away(why, FOLDER_LEFT);
	path = folder_path(folder->path, report);
	errno = 0;
	written = file_write(path, report->json, FILE_MODE, NULL) == E_OK;
	free(path);
	return written || sink_is_away(why, "%s", strerror(errno));
}

/* Halves of it that a kill left behind under another name. */
static bool halves_unlink(const char *folder, const char *path)
{
	char *begin = memory_format(".%s.", path + strlen(folder) + 1);
	DIR *listing = opendir(folder);
	struct dirent *entry;
	bool gone = listing != NULL;

	while (gone && (entry = readdir(listing)) != NULL)
		if (strncmp(entry->d_name, begin, strlen(begin)) == 0)
			gone = unlinkat(dirfd(listing), entry->d_name, 0) == 0;
	if (listing != NULL)
		closedir(listing);
	free(begin);
	return gone;
}

/* As it declares: where others fetch the files, what became of theirs is not known by ours. What was put into another
 * folder and did not move with the sink is for a person to find. */
static Simpul__PurgeOutcome folder_outcome(enum sink_erases erases, bool left_elsewhere)
{
	return left_elsewhere && erases == SINK_ERASES_YES ? SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_REQUESTED
							   : sink_outcome_declared(erases);
}

/* What came with one name has one name here: of an update its own file goes by its own event. */
static bool folder_erase(void *self, const struct sink_report *report, struct sink_outcome *outcome,
			 struct sink_reason *why)
{
	const struct folder *folder = self;
	char *path;
	bool here, gone;

	if (!folder_stays(folder))
		return sink_is_away(why, FOLDER_LEFT);
	path = folder_path(folder->path, report);
	here = unlink(path) == 0;
	gone = (here || errno == ENOENT) && halves_unlink(folder->path, path) && folder_sync(folder->path);
	free(path);
	outcome->outcome = folder_outcome(folder->erases, report->moved && !here);
	return gone || sink_fails(why, "%s", strerror(errno));
}

static bool folder_able(const struct sink_options *options, struct sink_reason *why)
{
	const char *trouble = place_folder_trouble(options->path);

	return trouble == NULL || sink_fails(why, "%s", trouble);
}

const struct sink_kind sink_folder = {.open = folder_open,
				      .arrive = folder_arrive,
				      .put = folder_put,
				      .erase = folder_erase,
				      .close = free,
				      .able = folder_able};
