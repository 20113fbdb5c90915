/* sink - one thread for each sink reads the inbox from its position on, hands on what the sink may have, and reports
 * how far it has come.
 *
 * A failure is waited out (1 s doubling to 60 s) and the same row is tried again: nothing is left out, and nothing
 * overtakes but what shows that a report alone is at fault. */
#include "agents/sink/sink.h"
#include "agents/reports/store_progress.h"
#include "agents/reports/view.h"
#include "agents/sink/sink_begin.h"
#include "agents/sink/sink_erase.h"
#include "agents/sink/sink_kind.h"
#include "agents/sink/sink_state.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/memory.h"
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	ROWS_AT_ONCE = 64,
	SLOW_ROWS_AT_ONCE = 4,
	FIRST_PAUSE_S = 1,
	LONGEST_PAUSE_S = 60,
	EVENTS_AT_ONCE = 64,
	SLOW_EVENTS_AT_ONCE = 4,
	PASSED_OVER_SAID_EACH_MS = 3600 * 1000
};

/* ------------------------------------------------------------------ kinds */

static const struct sink_kind *const kinds[] = {[SINK_JSONL] = &sink_jsonl,
						[SINK_FOLDER] = &sink_folder,
						[SINK_PROGRAM] = &sink_program,
						[SINK_HTTP] = &sink_http};

bool sink_fails(struct sink_reason *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	return false;
}

bool sink_is_away(struct sink_reason *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why->text, sizeof(why->text), format, args);
	va_end(args);
	why->is_away = true;
	return false;
}

bool sink_able(const struct sink_options *options, char reason[SINK_REASON_SIZE])
{
	struct sink_reason why = {.is_away = false};
	bool able = kinds[options->type]->able(options, &why);

	memcpy(reason, why.text, SINK_REASON_SIZE);
	return able;
}

bool sinks_stopping(struct sinks *all)
{
	bool answer;

	pthread_mutex_lock(&all->lock);
	answer = all->stopping;
	pthread_mutex_unlock(&all->lock);
	return answer;
}

/* ------------------------------------------------------------------ what may not be had */

static void passed_over_log(struct sink *sink, steady_ms now)
{
	sink->passed_over_said = now;
	log_event(LOG_LEVEL_NOTICE, "sink.passed_over", F_TEXT("sink", sink->options.name),
		  F_NUM("label", sink->passed_over[SINK_ABOVE_CEILING]),
		  F_NUM("status", sink->passed_over[SINK_OTHER_STATUS]),
		  F_NUM("erasure", sink->passed_over[SINK_CANNOT_ERASE]));
	memset(sink->passed_over, 0, sizeof(sink->passed_over));
}

/* The first time, and then once an hour at most. */
static void passed_over_say(struct sink *sink, bool last)
{
	steady_ms now = clock_now().steady;
	uint64_t count = 0;

	for (size_t i = 0; i < SINK_VERDICTS; i++)
		count += sink->passed_over[i];
	if (count > 0 &&
	    (last || sink->passed_over_said == 0 || now - sink->passed_over_said >= PASSED_OVER_SAID_EACH_MS))
		passed_over_log(sink, now);
}

/* ------------------------------------------------------------------ handing on */

/* The row as JSON; a new reference. First the mark, if there is one, then the label, then what kind it is of. */
static json_t *document_of(const struct inbox_row *row, struct arena *arena)
{
	json_t *view = view_json(row, arena);
	json_t *mark = json_object_get(view, "mark"), *document = json_object();

	if (mark != NULL)
		json_object_set(document, "mark", mark);
	json_object_set(document, "label", json_object_get(view, "label"));
	json_object_set_new(document, "event", json_string("report"));
	json_object_update(document, view);
	json_decref(view);
	return document;
}

static void key_put(const struct inbox_row *row, char key[SINK_KEY_SIZE])
{
	char name[REPORT_NAME_SIZE];

	report_name_text(&row->name, name);
	if (row->is_notice)
		snprintf(key, SINK_KEY_SIZE, "%s.superseded-%" PRIu64, name, row->entry);
	else
		snprintf(key, SINK_KEY_SIZE, "%s", name);
}

void sink_document_begin(struct sink_document *document, const struct inbox_row *row, json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_PRESERVE_ORDER);

	document->json = json;
	document->line = memory_format("%s\n", text);
	free(text);
	key_put(row, document->key);
	document->report = (struct sink_report){.key = document->key,
						.mark = json_string_value(json_object_get(json, "mark")),
						.label = json_string_value(json_object_get(json, "label")),
						.json = BYTES(document->line, strlen(document->line))};
}

void sink_document_end(struct sink_document *document)
{
	free(document->line);
	json_decref(document->json);
}

struct sink_letter *sink_letter_new(const struct sink *sink)
{
	struct sink_letter *letter = memory_zero(1, sizeof(*letter));

	snprintf(letter->name, sizeof(letter->name), "%s", sink->options.name);
	letter->row = sink->row;
	letter->unsure = sink->unsure;
	letter->limits = (struct sink_limits){.ceiling = sink->options.ceiling,
					      .statuses = sink->options.statuses,
					      .persons = sink->options.erases != SINK_ERASES_NO};
	return letter;
}

static void report_progress(struct sink *sink)
{
	mailbox_put(sink->all->to_loop, &sink_letter_new(sink)->letter);
}

/* Before a row leaves: whoever takes it may keep it, and fail all the same. */
static void attempt_note(struct sink *sink, uint64_t row)
{
	if (row <= sink->unsure)
		return;
	sink->unsure = row;
	report_progress(sink);
}

/* Whose rows go one by one has each noted: what is erased before its turn must not be asked back. A page that is over
 * in a moment is noted whole, for each note is a commit of the agent's. */
static uint64_t attempt_until(struct sink *sink, uint64_t row)
{
	uint64_t last = row;

	if (sink->kind->slow || view_inbox_last(&sink->store, &last, NULL) != E_OK)
		return row;
	return last < row + ROWS_AT_ONCE - 1 ? last : row + ROWS_AT_ONCE - 1;
}

bool sink_row_put(struct page *page, const struct inbox_row *row)
{
	struct sink *sink = page->sink;
	struct sink_document document;
	bool put;

	sink_document_begin(&document, row, document_of(row, &sink->arena));
	page->put = row->row;
	if (sink->kind->settle == NULL && row->row > sink->unsure)
		attempt_note(sink, attempt_until(sink, row->row));
	put = sink->kind->put(sink->self, &document.report, &page->why);
	if (!put) {
		page->report = (struct failed_report){.row = row->row, .entry = row->entry, .name = row->name};
		memcpy(page->report.key, document.key, sizeof(document.key));
	}
	sink_document_end(&document);
	return put;
}

static bool row_take(void *context, const struct inbox_row *row)
{
	struct page *page = context;
	struct sink *sink = page->sink;
	enum sink_verdict verdict;

	if (row->trust == TRUST_BAD || ahead_take(&sink->suspect, row->row)) {
		page->last = row->row;
		return true;
	}
	/* Nothing of an erased report is handed on. Its event comes first, while it is known that this did not. */
	if (row->erased_at > 0) {
		page->more = sink_event_of(&sink->store, row->row) > sink->purge;
		page->last = page->more ? page->last : row->row;
		return !page->more;
	}
	verdict = sink_verdict(&sink->options, row->header, row->body, &sink->arena);
	if (verdict != SINK_MAY_HAVE)
		page->passed_over[verdict] += verdict != SINK_QUESTION; /* nobody meant it to have that */
	else
		page->failed = !sink_row_put(page, row);
	arena_reset(&sink->arena);
	if (page->failed)
		return false;
	page->last = row->row;
	/* What takes its time ends the page: the next row is as it is by then. */
	return verdict != SINK_MAY_HAVE || !sink->kind->slow;
}

static bool limits_read(struct sink *sink)
{
	const struct sink_options *now = &sink->options;
	struct sink_limits ever;

	if (store_sink_limits(&sink->store, now->name, &ever, NULL) != E_OK)
		return false;
	sink->widest = (struct sink_limits){.ceiling = ever.ceiling > now->ceiling ? ever.ceiling : now->ceiling,
					    .statuses = ever.statuses | now->statuses,
					    .persons = ever.persons || now->erases != SINK_ERASES_NO};
	return true;
}

bool sink_store_ready(struct sink *sink)
{
	if (sink->store_open)
		return true;
	if (store_open_reader(&sink->store, sink->all->store_path, sink->all->cipher, NULL) != E_OK)
		return false;
	sink->store_open =
		store_sink_position(&sink->store, sink->options.name, &sink->row, &sink->unsure, NULL) == E_OK &&
		limits_read(sink) && store_sink_purged(&sink->store, sink->options.name, &sink->purge, NULL) == E_OK &&
		sink_home_read(&sink->store, sink->options.name, &sink->home, &sink->moved, NULL) == E_OK;
	if (!sink->store_open)
		store_close(&sink->store);
	return sink->store_open;
}

/* The page is done, or a part of it. */
static void page_take(struct sink *sink, const struct page *page)
{
	sink->row = page->last;
	pthread_mutex_lock(&sink->all->lock);
	for (size_t i = 0; i < SINK_VERDICTS; i++) {
		sink->passed_over[i] += page->passed_over[i];
		sink->shown.passed_over += page->passed_over[i];
	}
	pthread_mutex_unlock(&sink->all->lock);
	report_progress(sink);
	passed_over_say(sink, false);
}

void sink_event_report(struct sink *sink, const struct sink_outcome *outcome)
{
	struct sink_letter *letter = sink_letter_new(sink);

	letter->purge = sink->purge;
	letter->outcome = *outcome;
	mailbox_put(sink->all->to_loop, &letter->letter);
}

/* False when the sink did not take it. */
static bool event_tell(struct page *page, struct sink_event *event, struct sink_outcome *outcome)
{
	struct sink *sink = page->sink;

	memset(outcome, 0, sizeof(*outcome));
	event->moved = event->row <= sink->moved;
	if (event->row == 0 || (event->row > sink->row && event->row > sink->unsure) ||
	    sink_event_tell(&sink->widest, sink->kind, sink->self, &sink->store, event, outcome, &page->why))
		return true;
	page->report = (struct failed_report){
		.row = event->row, .entry = event->entry, .event = event->id, .name = event->name};
	report_name_text(&event->name, page->report.key);
	return false;
}

/* Tells the sink of some of what was erased, where it was given that, or may have been. False when it failed. */
static bool events_tell(struct sink *sink, struct page *page)
{
	const int most = sink->kind->slow ? SLOW_EVENTS_AT_ONCE : EVENTS_AT_ONCE;
	const uint64_t before = sink->purge;
	uint64_t reported = before;
	struct sink_outcome outcome;
	struct sink_event event;
	bool taken = true;
	enum error error = E_OK;

	for (int i = 0; i < most; i++) {
		error = sink_event_next(&sink->store, sink->purge, &event, NULL);
		taken = error != E_OK || event_tell(page, &event, &outcome);
		if (error != E_OK || !taken)
			break;
		sink->purge = event.id;
		if (outcome.outcome == SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNSPECIFIED)
			continue;
		sink_event_report(sink, &outcome);
		reported = event.id;
	}
	/* Of what it never had one letter says enough: nobody has to wait for it, though the next event fails. */
	if (sink->purge > reported)
		sink_event_report(sink, &(struct sink_outcome){.until = 0});
	if (sink->purge > before)
		database_wipe_memory(sink->store.db);
	page->more = error == E_OK && taken;
	return taken && (error == E_OK || error == E_NOT_FOUND || sink_fails(&page->why, "the store cannot be read"));
}

static bool page_settle(struct sink *sink, struct page *page)
{
	if (sink->kind->settle == NULL)
		return true;
	attempt_note(sink, page->put);
	return sink->kind->settle(sink->self, &page->why);
}

static void rows_hand_on(struct sink *sink, struct page *page, bool read)
{
	size_t most = sink->kind->slow ? SLOW_ROWS_AT_ONCE : ROWS_AT_ONCE;

	if (!read || view_inbox(&sink->store, sink->row, most, row_take, page, NULL) != E_OK)
		page->failed = !sink_fails(&page->why, "the store cannot be read");
	if (read && !page_settle(sink, page)) {
		page->failed = true;
		page->last = sink->row;
	}
	if (page->last > sink->row) {
		page_take(sink, page);
		page->more = true;
	}
	page->more = page->more && !page->failed;
}

/* A report that fails holds up no erasure. */
static void events_finish(struct sink *sink)
{
	struct page page;

	do
		page = (struct page){.sink = sink};
	while (!sinks_stopping(sink->all) && events_tell(sink, &page) && page.more);
}

/* Hands on one page, after some of what has to be told of earlier ones: nor do many erasures hold up an alert. */
static void hand_on(struct sink *sink, struct page *page)
{
	bool read = sink_store_ready(sink), events;

	page->last = sink->row;
	if (read && !sink_arrive(sink, &page->why)) {
		page->failed = true;
		return;
	}
	if (read && !events_tell(sink, page)) {
		page->failed = true;
		return;
	}
	events = page->more;
	rows_hand_on(sink, page, read);
	if (page->failed && events)
		events_finish(sink);
}

/* ------------------------------------------------------------------ how it goes */

static void show(struct sink *sink, const struct page *page)
{
	pthread_mutex_lock(&sink->all->lock);
	sink->shown.failing = page->failed;
	snprintf(sink->shown.reason, sizeof(sink->shown.reason), "%s", page->failed ? page->why.text : "");
	pthread_mutex_unlock(&sink->all->lock);
}

/* Notes whether the sink works, and says so once when that changes. */
static void outcome(struct sink *sink, const struct page *page)
{
	if (!page->failed && sink->pause_s > 0)
		log_event(LOG_LEVEL_NOTICE, "sink.recovered", F_TEXT("sink", sink->options.name));
	if (page->failed && sink->pause_s == 0)
		log_event(LOG_LEVEL_ERROR, "sink.failing", F_TEXT("sink", sink->options.name),
			  F_TEXT("reason", page->why.text), F_TEXT("report", page->report.key));
	if (!page->failed)
		sink->pause_s = 0;
	else
		sink->pause_s = sink->pause_s == 0		      ? FIRST_PAUSE_S
				: sink->pause_s * 2 < LONGEST_PAUSE_S ? sink->pause_s * 2
								      : LONGEST_PAUSE_S;
	show(sink, page);
}

bool sinks_status(struct sinks *sinks, size_t index, struct sink_status *status)
{
	if (sinks == NULL || index >= sinks->count)
		return false;
	pthread_mutex_lock(&sinks->lock);
	*status = sinks->sinks[index].shown;
	pthread_mutex_unlock(&sinks->lock);
	return true;
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
		while (!all->stopping && sink->retry_count == 0 &&
		       pthread_cond_timedwait(&all->changed, &all->lock, &until) != ETIMEDOUT)
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

/* Pages, until there is no other, one fails or the agent stops: what fails then says nothing about the sink. */
static void pages_run(struct sink *sink)
{
	struct page page;

	do {
		page = (struct page){.sink = sink};
		retries_run(sink);
		hand_on(sink, &page);
		if (page.failed && !sinks_stopping(sink->all))
			suspect_judge(sink, &page);
		if (!page.failed || !sinks_stopping(sink->all))
			outcome(sink, &page);
		if (!page.failed && !page.more)
			suspect_rest(sink);
	} while (page.more && !sinks_stopping(sink->all));
}

/* Nothing is handed on by a sink that the store does not know of. False: stop. */
static bool wait_for_note(struct sink *sink)
{
	struct sinks *all = sink->all;
	bool go_on;

	pthread_mutex_lock(&all->lock);
	while (!all->stopping && !sink->noted)
		pthread_cond_wait(&all->changed, &all->lock);
	go_on = !all->stopping;
	pthread_mutex_unlock(&all->lock);
	return go_on;
}

static void *sink_run(void *argument)
{
	struct sink *sink = argument;
	uint64_t seen = 0;

	arena_init(&sink->arena);
	sink->self = sink->kind->open(&sink->options, sink->all->stop);
	if (wait_for_note(sink)) {
		do
			pages_run(sink);
		while (wait_for_work(sink, &seen));
	}
	passed_over_say(sink, true);
	sink->kind->close(sink->self);
	free(sink->home.path);
	if (sink->store_open)
		store_close(&sink->store);
	arena_fini(&sink->arena);
	return NULL;
}

static void sink_start(struct sinks *sinks, const struct sink_options *options)
{
	struct sink *sink = &sinks->sinks[sinks->count];

	*sink = (struct sink){
		.all = sinks, .options = *options, .kind = kinds[options->type], .shown = {.name = options->name}};
	if (pthread_create(&sink->thread, NULL, sink_run, sink) != 0)
		abort(); /* made at the start of a program only, when threads cannot have run out */
	sinks->count++;
}

struct sinks *sinks_start(const char *store_path, const struct cipher *cipher, const struct sink_options *options,
			  size_t count, struct mailbox *to_loop)
{
	struct sinks *sinks = memory_zero(1, sizeof(*sinks));
	pthread_condattr_t attributes;

	sinks->to_loop = to_loop;
	sinks->store_path = memory_string(store_path);
	sinks->cipher = cipher;
	sinks->sinks = memory_zero(count + 1, sizeof(*sinks->sinks));
	sinks->stop = eventfd(0, EFD_CLOEXEC);
	if (sinks->stop < 0)
		abort(); /* as below */
	pthread_mutex_init(&sinks->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&sinks->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	for (size_t i = 0; i < count; i++)
		sink_start(sinks, &options[i]);
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
	eventfd_write(sinks->stop, 1);
	pthread_cond_broadcast(&sinks->changed);
	pthread_mutex_unlock(&sinks->lock);
	for (size_t i = 0; i < sinks->count; i++)
		pthread_join(sinks->sinks[i].thread, NULL);
	close(sinks->stop);
	pthread_cond_destroy(&sinks->changed);
	pthread_mutex_destroy(&sinks->lock);
	free(sinks->sinks);
	free(sinks->store_path);
	free(sinks);
}
