/* sink_again - tells a report that a sink cannot take from a sink that takes nothing, and tries again what somebody
 * wants tried. */
#include "agents/reports/view.h"
#include "agents/sink/sink_begin.h"
#include "agents/sink/sink_erase.h"
#include "agents/sink/sink_state.h"
#include "common/log.h"
#include <stdio.h>
#include <string.h>

#define STORE_UNREADABLE "the store cannot be read"

enum {
	PROBED_AT_ONCE = 64,
	PROBE_MS = 60 * 1000, /* the one that fails is tried again then, though fewer were */
};

/* ------------------------------------------------------------------ before their turn */

bool ahead_take(struct suspect *suspect, uint64_t row)
{
	for (size_t i = 0; i < AHEAD_MOST; i++) {
		if (suspect->ahead[i] != row)
			continue;
		suspect->ahead[i] = 0;
		return true;
	}
	return false;
}

static bool is_ahead(const struct suspect *suspect, uint64_t row)
{
	for (size_t i = 0; i < AHEAD_MOST; i++)
		if (suspect->ahead[i] == row)
			return true;
	return false;
}

/* Forgets those whose turn is over: they were erased since. */
static void ahead_note(struct sink *sink, uint64_t row)
{
	struct suspect *suspect = &sink->suspect;

	for (size_t i = 0; i < AHEAD_MOST; i++) {
		if (suspect->ahead[i] > sink->row)
			continue;
		suspect->ahead[i] = row;
		return;
	}
}

/* ------------------------------------------------------------------ probing */

/* What a look at rows out of their turn came to. */
struct probe {
	struct page page;
	uint64_t only;		     /* this row alone; 0: the first that is taken */
	uint64_t taken;		     /* that row; 0: none was */
	bool put;		     /* one was tried */
	uint64_t event;		     /* 0: rows; else this erase event */
	struct sink_outcome outcome; /* of that */
	/* Of a look for the first that is taken: */
	steady_ms deadline;
	uint64_t last; /* row up to which all were looked at */
	size_t count;  /* of those */
	bool over;     /* no other is wanted */
};

static bool may_have(struct probe *probe, const struct inbox_row *row)
{
	struct sink *sink = probe->page.sink;

	if (probe->only != 0 ? row->row != probe->only : is_ahead(&sink->suspect, row->row))
		return false;
	if (row->erased_at > 0)
		return sink_fails(&probe->page.why, "it was erased");
	return (row->trust != TRUST_BAD &&
		sink_verdict(&sink->options, row->header, row->body, &sink->arena) == SINK_MAY_HAVE) ||
	       sink_fails(&probe->page.why, "the sink may not have it");
}

static bool settle(struct probe *probe)
{
	struct sink *sink = probe->page.sink;

	return sink->kind->settle == NULL || sink->kind->settle(sink->self, &probe->page.why);
}

static bool row_probe(void *context, const struct inbox_row *row)
{
	struct probe *probe = context;
	struct sink *sink = probe->page.sink;

	if (may_have(probe, row)) {
		probe->put = true;
		probe->taken = sink_row_put(&probe->page, row) && settle(probe) ? row->row : 0;
	}
	arena_reset(&sink->arena);
	probe->over = probe->only != 0 || probe->taken != 0 || probe->page.why.is_away || sinks_stopping(sink->all) ||
		      clock_now().steady >= probe->deadline;
	if (!probe->page.why.is_away) {
		probe->last = row->row;
		probe->count++;
	}
	return !probe->over;
}

static struct probe probe_row(struct sink *sink, uint64_t row)
{
	struct probe probe = {.page = {.sink = sink}, .only = row};

	sink_fails(&probe.page.why, "it is not in the inbox any more"); /* unless it is, and something else is said */
	if (view_inbox(&sink->store, row - 1, 1, row_probe, &probe, NULL) != E_OK)
		sink_is_away(&probe.page.why, STORE_UNREADABLE);
	return probe;
}

/* The word that a report was erased; `taken` is the row. */
static struct probe probe_event(struct sink *sink, uint64_t id)
{
	struct probe probe = {.page = {.sink = sink}, .event = id};
	struct sink_event event;

	probe.put = sink_event_next(&sink->store, id - 1, &event, NULL) == E_OK && event.id == id;
	event.moved = event.row <= sink->moved;
	if (!probe.put)
		sink_is_away(&probe.page.why, STORE_UNREADABLE);
	else if (sink_event_tell(&sink->widest, sink->kind, sink->self, &sink->store, &event, &probe.outcome,
				 &probe.page.why))
		probe.taken = event.row;
	database_wipe_memory(sink->store.db);
	return probe;
}

/* Has the sink take one behind the one that fails, of those that were not tried yet: a run of reports that all fail
 * comes to its end so. A part of them at a time, for a sink that is down. */
static bool other_take(struct sink *sink)
{
	struct suspect *suspect = &sink->suspect;
	const uint64_t from = suspect->event > 0 ? sink->row : suspect->row;
	const uint64_t after = suspect->looked > from ? suspect->looked : from;
	struct probe probe = {.page = {.sink = sink}, .last = after, .deadline = clock_now().steady + PROBE_MS};
	const enum error error = view_inbox(&sink->store, after, PROBED_AT_ONCE, row_probe, &probe, NULL);
	const bool at_end = error == E_OK && !probe.over && probe.count < PROBED_AT_ONCE;

	if (probe.taken != 0)
		ahead_note(sink, probe.taken);
	suspect->looked = at_end ? 0 : probe.last;
	return probe.taken != 0;
}

/* ------------------------------------------------------------------ a report that fails */

/* Counts a failure that may be the report's own; true when it has had its attempts. Once the others have waited for one
 * that went to quarantine they do not wait for the next, until the sink has caught up. */
static bool suspect_note(struct sink *sink, const struct page *page)
{
	struct suspect *suspect = &sink->suspect;

	if (page->report.row == 0 || page->why.is_away)
		return false;
	if (suspect->row != page->report.row || suspect->event != page->report.event)
		suspect->failures = 0;
	suspect->row = page->report.row;
	suspect->event = page->report.event;
	suspect->failures++;
	return suspect->hurry || suspect->failures >= sink->options.attempts;
}

/* Why it failed; "" when it was taken. */
static void reason_say(struct sink_letter *letter, const struct probe *probe)
{
	if (probe->taken == 0)
		snprintf(letter->reason, sizeof(letter->reason), "%s%.100s", probe->event > 0 ? "its erasure: " : "",
			 probe->page.why.text);
}

/* The sink goes on behind the report or its erasure, which the loop has wait in quarantine. */
static void suspect_leave(struct sink *sink, const struct page *page, const struct probe *probe)
{
	struct suspect *suspect = &sink->suspect;
	struct sink_letter *letter;

	suspect->hurry = true;
	if (probe->event > 0)
		sink->purge = probe->event;
	else
		sink->row = suspect->row;
	letter = sink_letter_new(sink);
	letter->purge = probe->event;
	letter->outcome.outcome = SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_UNKNOWN;
	letter->tries = suspect->failures;
	letter->refused = suspect->row;
	letter->report = page->report.name;
	letter->entry = page->report.entry;
	reason_say(letter, probe);
	mailbox_put(sink->all->to_loop, &letter->letter);
}

/* It failed because the sink was down, and so did what is behind it. */
static void suspect_taken(struct sink *sink, const struct probe *probe)
{
	sink->suspect.looked = 0;
	if (probe->event == 0) {
		ahead_note(sink, probe->taken);
		return;
	}
	sink->purge = probe->event;
	sink_event_report(sink, &probe->outcome);
}

void suspect_judge(struct sink *sink, struct page *page)
{
	struct suspect *suspect = &sink->suspect;
	struct probe same;

	if (!suspect_note(sink, page) || !other_take(sink))
		return;
	same = suspect->event > 0 ? probe_event(sink, suspect->event) : probe_row(sink, suspect->row);
	if (same.put && same.taken == 0 && (same.page.why.is_away || sinks_stopping(sink->all)))
		return;
	if (same.put && same.taken == 0) {
		suspect->failures++;
		suspect_leave(sink, page, &same);
	} else if (same.taken != 0) {
		suspect_taken(sink, &same);
	}
	page->failed = false;
	page->more = true;
}

void suspect_rest(struct sink *sink)
{
	sink->suspect.hurry = false;
}

/* ------------------------------------------------------------------ once more */

enum error sinks_retry(struct sinks *sinks, const char *name, uint64_t item, uint64_t row)
{
	struct sink *sink = NULL;
	enum error error = E_OK;

	for (size_t i = 0; i < sinks->count; i++)
		if (strcmp(sinks->sinks[i].options.name, name) == 0)
			sink = &sinks->sinks[i];
	if (sink == NULL)
		return E_NOT_FOUND;
	pthread_mutex_lock(&sinks->lock);
	for (size_t i = 0; i < sink->retry_count; i++)
		if (sink->retries[i].item == item)
			error = E_EXISTS;
	if (error == E_OK && sink->retry_count == RETRIES_MOST)
		error = E_BUSY;
	if (error == E_OK) {
		sink->retries[sink->retry_count++] = (struct retry){item, row};
		sinks->wakes++;
		pthread_cond_broadcast(&sinks->changed);
	}
	pthread_mutex_unlock(&sinks->lock);
	return error;
}

/* The oldest; it stays in the list until it is done. */
static bool retry_first(struct sink *sink, struct retry *retry)
{
	bool any;

	pthread_mutex_lock(&sink->all->lock);
	any = sink->retry_count > 0;
	if (any)
		*retry = sink->retries[0];
	pthread_mutex_unlock(&sink->all->lock);
	return any;
}

static void retry_done(struct sink *sink)
{
	pthread_mutex_lock(&sink->all->lock);
	memmove(&sink->retries[0], &sink->retries[1], --sink->retry_count * sizeof(sink->retries[0]));
	pthread_mutex_unlock(&sink->all->lock);
}

static void retry_report(struct sink *sink, const struct retry *retry, const struct probe *probe)
{
	struct sink_letter *letter = sink_letter_new(sink);

	letter->item = retry->item;
	reason_say(letter, probe);
	if (probe->taken != 0) {
		letter->purge = probe->event;
		letter->outcome = probe->outcome;
	}
	mailbox_put(sink->all->to_loop, &letter->letter);
}

/* Of what was erased the erasure, once the sink was told of it in its turn. */
static struct probe retry_probe(struct sink *sink, uint64_t row)
{
	const uint64_t event = sink_event_of(&sink->store, row);

	return event > 0 && event <= sink->purge ? probe_event(sink, event) : probe_row(sink, row);
}

void retries_run(struct sink *sink)
{
	struct retry retry;

	while (!sinks_stopping(sink->all) && retry_first(sink, &retry)) {
		struct probe probe = {.put = false};

		if (!sink_store_ready(sink))
			sink_is_away(&probe.page.why, STORE_UNREADABLE);
		else if (sink_arrive(sink, &probe.page.why))
			probe = retry_probe(sink, retry.row);
		if (!sinks_stopping(sink->all))
			retry_report(sink, &retry, &probe);
		retry_done(sink);
	}
}
