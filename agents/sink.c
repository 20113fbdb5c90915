/* sink - one thread for each sink reads the inbox from its position on, writes, syncs, and reports how far it has come.
 *
 * A failure is waited out (1 s doubling to 60 s) and the same row is tried again: nothing is left out and nothing
 * overtakes. */
#include "agents/sink.h"
#include "agents/store_progress.h"
#include "agents/view.h"
#include "common/config.h"
#include "common/log.h"
#include "common/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ROWS_AT_ONCE = 64, FIRST_PAUSE_S = 1, LONGEST_PAUSE_S = 60 };

struct sinks;

/* One sink. Everything but `thread` belongs to its thread. */
struct sink {
	struct sinks *all;
	struct sink_options options;
	pthread_t thread;
	struct store store;
	bool store_open;
	int fd;		  /* of the file (jsonl), -1 when it is not open */
	uint64_t row;	  /* handed on */
	unsigned pause_s; /* before the next attempt; 0: it works */
	struct arena arena;
};

struct sinks {
	struct mailbox *to_loop;
	char *store_path;
	struct sink *sinks;
	size_t count;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t wakes; /* calls of sinks_wake; under the lock, as the next */
	bool stopping;
};

/* ------------------------------------------------------------------ lines in a file */

/* Cuts off a line that a crash left half written; the file then ends where the last whole line ends. */
static bool half_line_cut(int fd)
{
	char block[4096];
	off_t end = lseek(fd, 0, SEEK_END);
	off_t keep = end;

	while (keep > 0) {
		size_t size = keep < (off_t)sizeof(block) ? (size_t)keep : sizeof(block);
		ssize_t n = pread(fd, block, size, keep - (off_t)size);
		const char *newline;

		if (n != (ssize_t)size)
			return false;
		newline = memrchr(block, '\n', size);
		keep -= (off_t)size;
		if (newline != NULL) {
			keep += newline - block + 1;
			break;
		}
	}
	return end >= 0 && (keep == end || (ftruncate(fd, keep) == 0 && fdatasync(fd) == 0));
}

static bool file_open(struct sink *sink)
{
	struct stat opened, named;

	/* Whoever rotates the file moves it away: the path decides, not the descriptor. */
	if (sink->fd >= 0 && (stat(sink->options.path, &named) != 0 || fstat(sink->fd, &opened) != 0 ||
			      named.st_ino != opened.st_ino || named.st_dev != opened.st_dev)) {
		close(sink->fd);
		sink->fd = -1;
	}
	if (sink->fd >= 0)
		return true;
	sink->fd = open(sink->options.path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
	if (sink->fd < 0)
		return false;
	if (fstat(sink->fd, &opened) == 0 && S_ISREG(opened.st_mode) && half_line_cut(sink->fd))
		return true;
	close(sink->fd);
	sink->fd = -1;
	return false;
}

/* Appends all of it or leaves the file to half_line_cut at the next attempt. */
static bool lines_write(struct sink *sink, struct bytes text)
{
	int cause;

	while (text.size > 0) {
		ssize_t n = write(sink->fd, text.data, text.size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		text = BYTES(text.data + n, text.size - (size_t)n);
	}
	if (text.size == 0 && fdatasync(sink->fd) == 0)
		return true;
	cause = errno;
	close(sink->fd);
	sink->fd = -1;
	errno = cause;
	return false;
}

/* ------------------------------------------------------------------ one file a report */

/* "AMBER-police.oku-X12.json": the label first, and nothing that a shell would take for its own. A report that is not
 * what it claims to be gets a name of its own, "AMBER-police.oku-X12.bad-7.json": it must not take the place of the one
 * whose name it bears. */
static char *file_name(const char *folder, const struct inbox_row *row, const char *label)
{
	char name[REPORT_NAME_SIZE];
	char *number;

	report_name_text(&row->name, name);
	number = strchr(name, '#');
	*number = '-';
	if (row->trust == TRUST_BAD)
		return memory_format("%s/%s-%s.bad-%" PRIu64 ".json", folder, label, name, row->row);
	return memory_format("%s/%s-%s.json", folder, label, name);
}

static bool file_put(struct sink *sink, const struct inbox_row *row, const char *label, struct bytes text)
{
	char *path = file_name(sink->options.path, row, label);
	bool written = file_write(path, text, 0640, NULL) == E_OK;

	free(path);
	return written;
}

/* ------------------------------------------------------------------ handing on */

/* What a page of rows is gathered into. */
struct page {
	struct sink *sink;
	struct buffer lines; /* jsonl */
	uint64_t last;	     /* row up to which the page goes */
	bool failed;
};

static bool row_take(void *context, const struct inbox_row *row)
{
	struct page *page = context;
	struct sink *sink = page->sink;
	json_t *json = view_json(row, &sink->arena);
	char *text = json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER);
	const char *label = json_string_value(json_object_get(json, "label"));
	size_t before = page->lines.size;

	buffer_text(&page->lines, text);
	buffer_text(&page->lines, "\n");
	if (sink->options.type == SINK_FOLDER) {
		page->failed = !file_put(sink, row, label, buffer_view(&page->lines));
		page->lines.size = before;
	}
	if (!page->failed)
		page->last = row->row;
	free(text);
	json_decref(json);
	arena_reset(&sink->arena);
	return !page->failed;
}

static void report_progress(struct sink *sink)
{
	struct sink_letter *letter = memory_zero(1, sizeof(*letter));

	snprintf(letter->name, sizeof(letter->name), "%s", sink->options.name);
	letter->row = sink->row;
	mailbox_put(sink->all->to_loop, &letter->letter);
}

static bool store_ready(struct sink *sink)
{
	if (sink->store_open)
		return true;
	if (store_open_reader(&sink->store, sink->all->store_path, NULL) != E_OK)
		return false;
	sink->store_open = store_sink_position(&sink->store, sink->options.name, &sink->row, NULL) == E_OK;
	if (!sink->store_open)
		store_close(&sink->store);
	return sink->store_open;
}

/* Hands on one page. False when it failed; `more` when there may be another one. */
static bool hand_on(struct sink *sink, bool *more)
{
	struct page page = {.sink = sink};

	*more = false;
	if (!store_ready(sink) || (sink->options.type == SINK_JSONL && !file_open(sink)))
		return false;
	page.last = sink->row;
	if (view_inbox(&sink->store, sink->row, ROWS_AT_ONCE, row_take, &page, NULL) != E_OK)
		page.failed = true;
	else if (sink->options.type == SINK_JSONL && page.lines.size > 0)
		page.failed = !lines_write(sink, buffer_view(&page.lines));
	if (sink->options.type == SINK_JSONL && page.failed)
		page.last = sink->row;
	buffer_free(&page.lines);
	if (page.last > sink->row) {
		sink->row = page.last;
		*more = !page.failed;
		report_progress(sink);
	}
	return !page.failed;
}

/* Notes whether the sink works, and says so once when that changes. */
static void outcome(struct sink *sink, bool good)
{
	if (good && sink->pause_s > 0)
		log_event(LOG_LEVEL_NOTICE, "sink.recovered", F_TEXT("sink", sink->options.name));
	if (!good && sink->pause_s == 0)
		log_event(LOG_LEVEL_ERROR, "sink.failing", F_TEXT("sink", sink->options.name),
			  F_TEXT("reason", errno == 0 ? "the store cannot be read" : strerror(errno)));
	if (good)
		sink->pause_s = 0;
	else
		sink->pause_s = sink->pause_s == 0 ? FIRST_PAUSE_S
				: sink->pause_s * 2 < LONGEST_PAUSE_S ? sink->pause_s * 2 : LONGEST_PAUSE_S;
}

/* ------------------------------------------------------------------ threads */

/* Waits for a wake that was not seen yet, or for the pause after a failure. False: stop. */
static bool wait_for_work(struct sink *sink, uint64_t *seen)
{
	struct sinks *all = sink->all;
	struct timespec until;
	bool go_on;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += sink->pause_s;
	pthread_mutex_lock(&all->lock);
	if (sink->pause_s > 0) {
		while (!all->stopping && pthread_cond_timedwait(&all->changed, &all->lock, &until) != ETIMEDOUT)
			;
	} else {
		while (!all->stopping && all->wakes == *seen)
			pthread_cond_wait(&all->changed, &all->lock);
	}
	*seen = all->wakes;
	go_on = !all->stopping;
	pthread_mutex_unlock(&all->lock);
	return go_on;
}

static bool stopping(struct sinks *all)
{
	bool answer;

	pthread_mutex_lock(&all->lock);
	answer = all->stopping;
	pthread_mutex_unlock(&all->lock);
	return answer;
}

static void *sink_run(void *argument)
{
	struct sink *sink = argument;
	uint64_t seen = 0;
	bool more;

	arena_init(&sink->arena);
	do {
		do {
			errno = 0;
			outcome(sink, hand_on(sink, &more));
		} while (more && !stopping(sink->all));
	} while (wait_for_work(sink, &seen));
	if (sink->fd >= 0)
		close(sink->fd);
	if (sink->store_open)
		store_close(&sink->store);
	arena_fini(&sink->arena);
	return NULL;
}

struct sinks *sinks_start(const char *store_path, const struct sink_options *options, size_t count,
			  struct mailbox *to_loop)
{
	struct sinks *sinks = memory_zero(1, sizeof(*sinks));
	pthread_condattr_t attributes;

	sinks->to_loop = to_loop;
	sinks->store_path = memory_string(store_path);
	sinks->sinks = memory_zero(count + 1, sizeof(*sinks->sinks));
	pthread_mutex_init(&sinks->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sinks->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	for (size_t i = 0; i < count; i++) {
		struct sink *sink = &sinks->sinks[i];

		*sink = (struct sink){.all = sinks, .options = options[i], .fd = -1};
		if (pthread_create(&sink->thread, NULL, sink_run, sink) != 0)
			abort(); /* made at the start of a program only, when threads cannot have run out */
		sinks->count = i + 1;
	}
	return sinks;
}

void sinks_wake(struct sinks *sinks)
{
	pthread_mutex_lock(&sinks->lock);
	sinks->wakes++;
	pthread_cond_broadcast(&sinks->changed);
	pthread_mutex_unlock(&sinks->lock);
}

void sinks_stop(struct sinks *sinks)
{
	if (sinks == NULL)
		return;
	pthread_mutex_lock(&sinks->lock);
	sinks->stopping = true;
	pthread_cond_broadcast(&sinks->changed);
	pthread_mutex_unlock(&sinks->lock);
	for (size_t i = 0; i < sinks->count; i++)
		pthread_join(sinks->sinks[i].thread, NULL);
	pthread_cond_destroy(&sinks->changed);
	pthread_mutex_destroy(&sinks->lock);
	free(sinks->sinks);
	free(sinks->store_path);
	free(sinks);
}
