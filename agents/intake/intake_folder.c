/* intake_folder - notes what comes into a drop folder and when it has settled. */
#include "agents/intake/intake_folder.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

enum {
	RESCAN_MS = 30000,
	POLL_MS = 2000,		 /* the same in a folder of which the kernel tells nothing */
	SETTLE_CLOSED_MS = 200,	 /* a file that was closed or moved in has been still for so long */
	SETTLE_FOUND_MS = 2000,	 /* the same for one that was found there */
	SETTLE_REMOTE_MS = 5000, /* in a network folder, whose sizes and times may be some seconds old */
};

const char *folder_label(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL && slash[1] != '\0' ? slash + 1 : path;
}

/* ------------------------------------------------------------------ candidates */

static void candidate_free(void **item)
{
	struct candidate *candidate = *item;

	free(candidate->name);
	free(candidate);
	*item = NULL;
}

static struct candidate *candidate_add(struct folder *folder, const char *name)
{
	struct candidate *candidate = memory_zero(1, sizeof(*candidate));

	candidate->name = memory_string(name);
	if (zhashx_insert(folder->by_name, name, candidate) != 0)
		abort(); /* none of this name was found */
	if (folder->count == folder->capacity) {
		folder->capacity = folder->capacity > 0 ? 2 * folder->capacity : 64;
		folder->candidates = memory_grow(folder->candidates, folder->capacity, sizeof(folder->candidates[0]));
	}
	folder->candidates[folder->count++] = candidate;
	return candidate;
}

void folder_forget(struct folder *folder, size_t index)
{
	zhashx_delete(folder->by_name, folder->candidates[index]->name);
	folder->count--;
	memmove(&folder->candidates[index], &folder->candidates[index + 1],
		(folder->count - index) * sizeof(folder->candidates[0]));
}

void folder_note(struct folder *folder, const char *name, bool closed, steady_ms now)
{
	char *path = memory_format("%s/%s", folder->path, name);
	struct candidate *candidate;
	struct file_mark mark;

	if (!file_name_eligible(name) || !file_look(path, &mark))
		goto out;
	candidate = zhashx_lookup(folder->by_name, name);
	if (candidate == NULL) {
		candidate = candidate_add(folder, name);
		candidate->mark = mark;
		candidate->since = now;
	} else if (!file_mark_equal(&candidate->mark, &mark)) {
		/* While it is with the loop the old mark stands: it tells that the file is another one by now. */
		if (folder->under_way && candidate == folder->candidates[0])
			goto out;
		candidate->mark = mark;
		candidate->since = now;
		candidate->closed = false;
		candidate->not_before = 0;
	}
	candidate->closed = candidate->closed || closed;
out:
	free(path);
}

static steady_ms candidate_ready_at(const struct folder *folder, const struct candidate *candidate)
{
	if (candidate->not_before > 0)
		return candidate->not_before;
	if (candidate->closed)
		return candidate->since + SETTLE_CLOSED_MS;
	if (folder->settle_ms > 0)
		return candidate->since + folder->settle_ms;
	return candidate->since + (folder->polled ? SETTLE_REMOTE_MS : SETTLE_FOUND_MS);
}

/* ------------------------------------------------------------------ folders */

static int every_name(const struct dirent *entry)
{
	return file_name_eligible(entry->d_name);
}

/* Has the kernel tell of a folder, or looks at it more often. False when it is not there. */
static bool folder_watch(struct folder *folder, int notify)
{
	const bool polled = folder->poll || folder_remote(folder->path);

	if (polled && folder->watch >= 0)
		inotify_rm_watch(notify, folder->watch);
	folder->watch = -1;
	folder->polled = polled;
	if (!polled)
		folder->watch = inotify_add_watch(notify, folder->path, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR);
	return polled || folder->watch >= 0;
}

/* After one that took so long: at least as much time goes to reading files as to looking at them. */
static steady_ms scan_pause(const struct folder *folder, steady_ms took)
{
	const steady_ms pause = folder->polled ? POLL_MS : RESCAN_MS;

	return took > pause ? took : pause;
}

static steady_ms ms_since(uint64_t began_us)
{
	return (clock_steady_us() - began_us) / 1000;
}

void folder_scan(struct folder *folder, int notify, steady_ms now)
{
	const uint64_t began_us = clock_steady_us();
	struct dirent **entries;
	steady_ms took;
	int count;

	count = folder_watch(folder, notify) ? scandir(folder->path, &entries, every_name, alphasort) : -1;
	if (count < 0 || !folder_make(folder->path, DONE) || !folder_make(folder->path, REJECTED)) {
		if (!folder->missed)
			log_event(LOG_LEVEL_ERROR, "intake.folder_missing",
				  F_TEXT("folder", folder_label(folder->path)));
		folder->missed = true;
	} else {
		folder->missed = false;
	}
	for (int i = 0; i < count; i++) {
		if (!folder->missed)
			folder_note(folder, entries[i]->d_name, false, now + ms_since(began_us));
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	took = ms_since(began_us);
	folder->scan_at = now + took + scan_pause(folder, took);
}

void folder_clear(const struct folder *folder, wall_ms now)
{
	const wall_ms kept = (wall_ms)folder->keep_days * DAY_MS;
	size_t removed;

	if (kept == 0 || now < kept)
		return;
	removed = folder_expire(folder->path, DONE, now - kept) + folder_expire(folder->path, REJECTED, now - kept);
	if (removed > 0)
		log_event(LOG_LEVEL_INFO, "intake.expired", F_TEXT("folder", folder_label(folder->path)),
			  F_NUM("removed", removed));
}

bool folder_still(const struct folder *folder)
{
	const struct candidate *candidate = folder->candidates[0];
	char *path = memory_format("%s/%s", folder->path, candidate->name);
	struct file_mark mark;
	bool same = file_look(path, &mark) && file_mark_equal(&mark, &candidate->mark);

	free(path);
	return same;
}

bool folder_settled(struct folder *folder, steady_ms now)
{
	for (size_t i = 0; i < folder->count; i++) {
		struct candidate *found = folder->candidates[i];

		if (candidate_ready_at(folder, found) > now)
			continue;
		memmove(&folder->candidates[1], &folder->candidates[0], i * sizeof(found));
		folder->candidates[0] = found;
		return true;
	}
	return false;
}

steady_ms folder_due(const struct folder *folder)
{
	steady_ms due = folder->scan_at;

	for (size_t i = 0; i < folder->count && !folder->under_way; i++) {
		steady_ms ready = candidate_ready_at(folder, folder->candidates[i]);

		if (ready < folder->not_before)
			ready = folder->not_before;
		due = ready < due ? ready : due;
	}
	return due;
}

void folder_init(struct folder *folder)
{
	folder->by_name = zhashx_new();
	if (folder->by_name == NULL)
		memory_exhausted();
	zhashx_set_destructor(folder->by_name, candidate_free);
}

void folder_free(struct folder *folder)
{
	zhashx_destroy(&folder->by_name);
	free(folder->candidates);
	free(folder->path);
}
