/* intake - the thread that brings the files of drop folders into the outbox, and what becomes of each. */
#include "agents/intake/intake.h"
#include "agents/intake/intake_folder.h"
#include "agents/intake/intake_parse.h"
#include "agents/intake/intake_refuse.h"
#include "agents/reports/purge.h"
#include "agents/reports/store_progress.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

#define TAKEN_BEFORE \
	"taken before, with this name and this content: nothing of it is taken again.\n" \
	"Lines that came back then: %" PRIu64 ". Drop the file in rejected/ that holds them, corrected, or as it is\n" \
	"where they are right by now; when that file is gone, these lines alone in a file of their own.\n"

enum {
	EXPIRE_MS = 3600000,
	RETRY_MS = 5000,
	EVENTS_SIZE = 64 * 1024,
};

struct intake {
	struct folder *folders;
	size_t count;
	char *node;
	char *store_path;   /* NULL: none */
	const struct cipher *cipher; /* of the store; NULL: it is plain */
	struct store store; /* for reading; opened when it is first needed */
	struct mailbox *to_loop, *answers;
	int notify, stop;
	steady_ms expire_at;
	uint64_t files; /* that were read since the start */
	size_t turn;	/* the folder of which a file is taken first */
	bool runs;	/* on its thread */
	pthread_t thread;
};

/* ------------------------------------------------------------------ log */

/* The first that came back; 0: none did. */
static uint64_t bad_line(const struct parsed_file *file)
{
	for (size_t i = 0; i < file->count; i++)
		if (file->lines[i].prepared == NULL)
			return file->lines[i].line;
	return 0;
}

/* Names of files may hold names of persons: a file is known by its number. */
static void log_taken(const struct intake_letter *letter)
{
	const struct parsed_file *file = &letter->file;

	log_event(LOG_LEVEL_INFO, "intake.file", F_TEXT("folder", folder_label(letter->folder)),
		  F_NUM("file", letter->number), F_NUM("good", file->count - file->rejected),
		  F_NUM("rejected", file->rejected), F_NUM("line", bad_line(file)));
}

static void log_failure(const struct folder *folder, enum error error)
{
	log_event(error == E_DISK_FULL ? LOG_LEVEL_ALARM : LOG_LEVEL_ERROR,
		  error == E_DISK_FULL ? "intake.disk_full" : "intake.failed",
		  F_TEXT("folder", folder_label(folder->path)), F_TEXT("error", error_name(error)));
}

/* ------------------------------------------------------------------ folders */

/* A folder on a network may take its time, and the next is then looked at later. */
static void rescan(struct intake *intake, steady_ms now)
{
	const uint64_t began_us = clock_steady_us();

	for (size_t i = 0; i < intake->count; i++)
		if (now >= intake->folders[i].scan_at)
			folder_scan(&intake->folders[i], intake->notify, now + (clock_steady_us() - began_us) / 1000);
}

/* The store to complete drafts from and to know the broker's time by, NULL where there is none. */
static enum error outbox_open(struct intake *intake, struct store **outbox)
{
	enum error error = E_OK;

	*outbox = intake->store_path != NULL ? &intake->store : NULL;
	if (*outbox != NULL && intake->store.db == NULL)
		error = store_open_reader(&intake->store, intake->store_path, intake->cipher, NULL);
	return error;
}

/* A clock that came up in another year removes nothing: what was rejected is nowhere else. */
static void clear(struct intake *intake, const struct now *now)
{
	struct store *outbox;

	if (now->steady < intake->expire_at)
		return;
	intake->expire_at = now->steady + EXPIRE_MS;
	if (outbox_open(intake, &outbox) != E_OK || (outbox != NULL && purge_clock_far(outbox, now->wall)))
		return;
	for (size_t i = 0; i < intake->count; i++)
		folder_clear(&intake->folders[i], now->wall);
}

/* ------------------------------------------------------------------ one file */

/* Of folder, name and content, each with its length before it. */
static struct hash identity_of(const struct folder *folder, const char *name, struct bytes content)
{
	struct buffer all = {0};
	struct hash inner = hash_of(content), identity;

	buffer_u32(&all, (uint32_t)strlen(folder->path));
	buffer_text(&all, folder->path);
	buffer_u32(&all, (uint32_t)strlen(name));
	buffer_text(&all, name);
	buffer_append(&all, inner.bytes, sizeof(inner.bytes));
	identity = hash_tagged("simpul/intake/1", buffer_view(&all));
	buffer_free(&all);
	return identity;
}

/* The first candidate was dealt with: away with it, unless another file has taken its place meanwhile. */
static enum error first_put_away(struct folder *folder, const char *sub, const char *reason, steady_ms now)
{
	char *name = memory_string(folder->candidates[0]->name);
	enum error error = E_OK;

	if (folder_still(folder))
		error = file_put_away(folder->path, name, sub, reason);
	if (error == E_OK) {
		folder_forget(folder, 0);
		folder_note(folder, name, false, now);
	}
	free(name);
	return error;
}

/* The file stays, and the others of the folder come before it next time. */
static void try_later(struct folder *folder, enum error error, steady_ms now)
{
	struct candidate *first = folder->candidates[0];

	if (error == E_STOPPING)
		return; /* nothing is wrong: it is read at the next start */
	log_failure(folder, error);
	folder->not_before = now + RETRY_MS;
	if (error == E_DISK_FULL)
		return;
	memmove(&folder->candidates[0], &folder->candidates[1], (folder->count - 1) * sizeof(first));
	folder->candidates[folder->count - 1] = first;
}

/* One that cannot be read must not stop the others, however many there are. */
static void read_later(struct folder *folder, enum error error, steady_ms now)
{
	struct candidate *first = folder->candidates[0];

	if (first->not_before == 0)
		log_failure(folder, error);
	first->not_before = now + RETRY_MS;
}

static void whole_reject(struct folder *folder, uint64_t number, const struct fault *fault, steady_ms now)
{
	char text[256];
	char *reason = memory_format("%s\n", fault_text(fault, text, sizeof(text)));
	enum error error = first_put_away(folder, REJECTED, reason, now);

	if (error == E_OK)
		log_event(LOG_LEVEL_WARNING, "intake.rejected", F_TEXT("folder", folder_label(folder->path)),
			  F_NUM("file", number), F_TEXT("error", error_name(fault->code)));
	else
		try_later(folder, error, now);
	free(reason);
}

/* Writes the bad lines, in place of the file that was written when there were fewer of them. */
static enum error rejects_write(const struct folder *folder, struct intake_letter *letter)
{
	struct buffer rejects = {0};
	enum error error;
	char *name;

	if (letter->file.rejected == 0)
		return E_OK;
	name = intake_rejects_name(folder->profile, letter->name);
	profile_rejects(folder->profile, &letter->file, letter->name, &rejects);
	error = file_put_beside(folder->path, name, REJECTED, buffer_view(&rejects), &letter->rejects);
	free(name);
	buffer_free(&rejects);
	return error;
}

static struct intake_letter *letter_new(struct intake *intake, const struct folder *folder, const char *name,
					struct bytes content)
{
	struct intake_letter *letter = memory_zero(1, sizeof(*letter));

	letter->folder = memory_string(folder->path);
	letter->name = memory_string(name);
	letter->identity = identity_of(folder, name, content);
	letter->number = ++intake->files;
	letter->place = (size_t)(folder - intake->folders);
	return letter;
}

void intake_letter_free(struct intake_letter *letter)
{
	parsed_file_free(&letter->file);
	free(letter->folder);
	free(letter->name);
	free(letter->rejects);
	free(letter);
}

/* It was dropped again, or the agent ended before it was put away: in either case the lines that came back were written
 * to rejected/ before the others were taken. What they are by now is not asked: who has corrected them since, or sees
 * one there that was sent, would have it sent twice. Takes the letter. */
static void repeated_put_away(struct folder *folder, struct intake_letter *letter, uint64_t rejected, steady_ms now)
{
	char *reason = rejected > 0 ? memory_format(TAKEN_BEFORE, rejected) : NULL;
	const enum error error = first_put_away(folder, DONE, reason, now);

	if (error == E_OK)
		log_event(rejected > 0 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, "intake.repeated",
			  F_TEXT("folder", folder_label(letter->folder)), F_NUM("file", letter->number),
			  F_NUM("rejected", rejected));
	else
		try_later(folder, error, now);
	free(reason);
	intake_letter_free(letter);
}

/* Writes the bad lines and hands the good ones to the loop; a file without good lines is done. Takes the letter. */
static void lines_offer(struct intake *intake, struct folder *folder, struct intake_letter *letter, steady_ms now)
{
	enum error error = rejects_write(folder, letter);

	folder->under_way = error == E_OK && letter->file.count > letter->file.rejected;
	if (folder->under_way) {
		mailbox_put(intake->to_loop, &letter->letter);
		return;
	}
	if (error == E_OK)
		error = first_put_away(folder, DONE, NULL, now);
	if (error == E_OK)
		log_taken(letter);
	else
		try_later(folder, error, now);
	intake_letter_free(letter);
}

static void content_parse(const struct intake *intake, struct folder *folder, struct bytes content, wall_ms now,
			  struct store *outbox, struct intake_letter *letter)
{
	const struct intake_source source = {.profile = folder->profile,
					     .file_name = letter->name,
					     .node = intake->node,
					     .outbox = outbox,
					     .now = now,
					     .stop = intake->stop};

	intake_parse(&source, content, &letter->file);
}

/* What was parsed: its lines, or none of them. Takes the letter. */
static void parsed_take(struct intake *intake, struct folder *folder, struct intake_letter *letter, steady_ms now)
{
	const enum error error = letter->file.fault.code;

	if (error == E_OK) {
		lines_offer(intake, folder, letter, now);
		return;
	}
	if (error_remedy(error) == REMEDY_CORRECT)
		whole_reject(folder, letter->number, &letter->file.fault, now);
	else
		try_later(folder, error, now);
	intake_letter_free(letter);
}

/* The steps of intake.h for the first candidate, up to the loop. */
static void content_take(struct intake *intake, struct folder *folder, struct bytes content, const struct now *now)
{
	struct intake_letter *letter = letter_new(intake, folder, folder->candidates[0]->name, content);
	struct store *outbox;
	uint64_t rejected = 0;
	bool taken = false;
	enum error error = outbox_open(intake, &outbox);

	if (error == E_OK && outbox != NULL)
		error = store_file_taken(outbox, &letter->identity, &taken, &rejected, NULL);
	if (error != E_OK) {
		try_later(folder, error, now->steady);
		intake_letter_free(letter);
	} else if (taken) {
		repeated_put_away(folder, letter, rejected, now->steady);
	} else {
		content_parse(intake, folder, content, now->wall, outbox, letter);
		parsed_take(intake, folder, letter, now->steady);
	}
}

/* Reads the first candidate, which has settled. */
static void first_take(struct intake *intake, struct folder *folder, const struct now *now)
{
	const struct candidate *first = folder->candidates[0];
	char *path = memory_format("%s/%s", folder->path, first->name);
	const struct fault too_large = {.code = E_TOO_LARGE, .field = "file"};
	struct buffer content = {0};
	enum error error = file_take(path, &first->mark, folder->polled, PROFILE_LARGEST_FILE, &content);

	switch (error) {
	case E_OK:
		content_take(intake, folder, buffer_view(&content), now);
		break;
	case E_TOO_LARGE:
		whole_reject(folder, ++intake->files, &too_large, now->steady);
		break;
	case E_NOT_FOUND:
		folder_forget(folder, 0);
		break;
	case E_BUSY:
		/* Somebody writes: looked at anew, behind the others, until it is still. */
		folder_forget(folder, 0);
		folder_note(folder, folder_label(path), false, now->steady);
		break;
	default:
		read_later(folder, error, now->steady);
	}
	buffer_free(&content);
	free(path);
}

/* Takes one file, however many have settled. False when there is none to take. */
static bool folder_step(struct intake *intake, struct folder *folder, const struct now *now)
{
	if (folder->under_way || folder->not_before > now->steady || !folder_settled(folder, now->steady))
		return false;
	first_take(intake, folder, now);
	return true;
}

/* The same of one folder, of each in turn: no file waits for all that stand in another folder. */
static bool folders_step(struct intake *intake, const struct now *now)
{
	for (size_t i = 0; i < intake->count; i++) {
		const size_t place = (intake->turn + i) % intake->count;

		if (folder_step(intake, &intake->folders[place], now)) {
			intake->turn = place + 1;
			return true;
		}
	}
	return false;
}

/* ------------------------------------------------------------------ answers */

/* The outbox will not have it, however often it is asked: without the lines that it blames, or not at all. */
static void answer_refused(struct intake *intake, struct folder *folder, struct intake_letter *letter, steady_ms now)
{
	if (lines_refuse(letter)) {
		lines_offer(intake, folder, letter, now);
		return;
	}
	whole_reject(folder, letter->number, &letter->fault, now);
	intake_letter_free(letter);
}

static void answer_take(struct intake *intake, struct intake_letter *letter, steady_ms now)
{
	struct folder *folder = &intake->folders[letter->place];
	enum error error = letter->result;

	if (error != E_EXISTS && error_remedy(error) == REMEDY_CORRECT) {
		folder->under_way = false;
		answer_refused(intake, folder, letter, now);
		return;
	}
	if (error == E_EXISTS) { /* taken since the store was asked, or there is none to ask */
		repeated_put_away(folder, letter, letter->file.rejected, now);
		folder->under_way = false;
		return;
	}
	if (error == E_OK)
		error = first_put_away(folder, DONE, NULL, now);
	/* After first_put_away: until then the first candidate is the file that was answered for. */
	folder->under_way = false;
	if (error != E_OK)
		try_later(folder, error, now);
	else
		log_taken(letter);
	intake_letter_free(letter);
}

static void answers_take(struct intake *intake, steady_ms now)
{
	struct letter *letter = mailbox_take_all(intake->answers);

	while (letter != NULL) {
		struct letter *next = letter->next;

		answer_take(intake, (struct intake_letter *)letter, now);
		letter = next;
	}
}

/* ------------------------------------------------------------------ a turn */

static void event_take(struct intake *intake, const struct inotify_event *event, steady_ms now)
{
	for (size_t i = 0; i < intake->count && (event->mask & IN_Q_OVERFLOW); i++)
		intake->folders[i].scan_at = now;
	for (size_t i = 0; i < intake->count && event->len > 0; i++)
		if (intake->folders[i].watch == event->wd && !intake->folders[i].missed)
			folder_note(&intake->folders[i], event->name, true, now);
}

static void events_take(struct intake *intake, steady_ms now)
{
	_Alignas(struct inotify_event) char events[EVENTS_SIZE];
	ssize_t size = read(intake->notify, events, sizeof(events));

	for (ssize_t at = 0; at < size;) {
		const struct inotify_event *event = (const void *)(events + at);

		event_take(intake, event, now);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
}

static steady_ms next_due(const struct intake *intake)
{
	steady_ms due = intake->expire_at;

	for (size_t i = 0; i < intake->count; i++) {
		const steady_ms folder = folder_due(&intake->folders[i]);

		due = folder < due ? folder : due;
	}
	return due;
}

steady_ms intake_turn(struct intake *intake, const struct now *now)
{
	events_take(intake, now->steady);
	answers_take(intake, now->steady);
	clear(intake, now);
	rescan(intake, now->steady);
	return folders_step(intake, now) ? now->steady : next_due(intake);
}

/* ------------------------------------------------------------------ thread */

static int wait_ms(steady_ms due)
{
	const steady_ms now = clock_now().steady;

	return due <= now ? 0 : (int)(due - now);
}

static void *intake_run(void *argument)
{
	struct intake *intake = argument;
	struct pollfd polled[] = {{.fd = intake->stop, .events = POLLIN},
				  {.fd = mailbox_fd(intake->answers), .events = POLLIN},
				  {.fd = intake->notify, .events = POLLIN}};

	do {
		const struct now now = clock_now();
		const steady_ms due = intake_turn(intake, &now);

		poll(polled, sizeof(polled) / sizeof(polled[0]), wait_ms(due));
	} while (polled[0].revents == 0);
	return NULL;
}

static void intake_free(struct intake *intake)
{
	for (size_t i = 0; i < intake->count; i++)
		folder_free(&intake->folders[i]);
	if (intake->notify >= 0)
		close(intake->notify);
	if (intake->stop >= 0)
		close(intake->stop);
	mailbox_free(intake->answers);
	store_close(&intake->store);
	free(intake->store_path);
	free(intake->folders);
	free(intake->node);
	free(intake);
}

struct intake *intake_new(const struct intake_folder *folders, size_t count, const char *node, const char *store_path,
			  const struct cipher *cipher, struct mailbox *to_loop)
{
	struct intake *intake = memory_zero(1, sizeof(*intake));
	int failure;

	intake->folders = memory_zero(count + 1, sizeof(*intake->folders));
	intake->count = count;
	for (size_t i = 0; i < count; i++) {
		intake->folders[i] = (struct folder){
			.path = memory_string(folders[i].path),
			.profile = folders[i].profile,
			.keep_days = folders[i].keep_days,
			.settle_ms = folders[i].settle_ms,
			.poll = folders[i].poll,
			.watch = -1,
		};
		folder_init(&intake->folders[i]);
	}
	intake->node = memory_string(node);
	intake->store_path = store_path != NULL ? memory_string(store_path) : NULL;
	intake->cipher = cipher;
	intake->to_loop = to_loop;
	intake->answers = mailbox_new();
	intake->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	intake->stop = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (intake->notify >= 0 && intake->stop >= 0)
		return intake;
	failure = errno;
	intake_free(intake);
	errno = failure;
	return NULL;
}

struct intake *intake_start(const struct intake_folder *folders, size_t count, const char *node, const char *store_path,
			    const struct cipher *cipher, struct mailbox *to_loop)
{
	struct intake *intake = intake_new(folders, count, node, store_path, cipher, to_loop);
	int failure;

	if (intake == NULL)
		return NULL;
	failure = pthread_create(&intake->thread, NULL, intake_run, intake);
	intake->runs = failure == 0;
	if (intake->runs)
		return intake;
	intake_free(intake);
	errno = failure;
	return NULL;
}

void intake_answer(struct intake *intake, struct intake_letter *letter)
{
	mailbox_put(intake->answers, &letter->letter);
}

void intake_stop(struct intake *intake)
{
	const uint64_t one = 1;

	if (intake == NULL)
		return;
	while (write(intake->stop, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	if (intake->runs)
		pthread_join(intake->thread, NULL);
	answers_take(intake, clock_now().steady); /* what came while the thread ended */
	intake_free(intake);
}
