/* probe - submits at one office, waits at the other, sorts the times. */
#include "tests/support/probe.h"
#include "common/clock.h"
#include "common/memory.h"
#include "tests/support/must.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOST_MS patient_ms(5000)
#define FETCH_AFTER_MS 2200 /* a heartbeat has come by then and would have told an agent */
#define GIVEN_UP 3	    /* so many of a window were lost: what follows would be as well */
#define PAUSE_MS 2	    /* between two reports: an office's own rhythm is far slower */

/* From where it was: an earlier cursor is refused. */
static const Simpul__Down *session_open(struct client *c, const struct exchange *x, size_t office)
{
	const struct position cursor = c->cursor;
	const Simpul__Down *down;

	client_open(c, x, office, false);
	c->cursor = cursor;
	down = client_hello(c, c->node, LOST_MS);
	must(client_refused(down) == E_OK, "HELLO");
	return down;
}

void probe_open(struct probe *p, const struct exchange *x, size_t from, size_t to)
{
	const Simpul__Down *down;

	probe_close(p);
	down = session_open(&p->from, x, from);
	p->number = 0;
	for (size_t i = 0; i < down->welcome->n_streams; i++)
		if (down->welcome->streams[i]->stream == SIMPUL__STREAM__STREAM_MAIN)
			p->number = down->welcome->streams[i]->last;
	session_open(&p->to, x, to);
	client_subscribe(&p->to, BYTES(p->to.topic, FEED_TOPIC_SIZE));
	must(client_fetch_all(&p->to, LOST_MS) && client_fetch_all(&p->from, LOST_MS), "FETCH");
	p->open = true;
}

void probe_close(struct probe *p)
{
	if (!p->open)
		return;
	client_close(&p->from);
	client_close(&p->to);
	p->open = false;
}

void probe_live(struct probe *p)
{
	client_ack(&p->from);
	client_ack(&p->to);
}

static bool carries(const Simpul__Batch *batch, const char *origin, uint64_t number)
{
	for (size_t i = 0; batch && i < batch->n_entries; i++) {
		const Simpul__Entry *entry = batch->entries[i];

		if (entry->content_case == SIMPUL__ENTRY__CONTENT_DELIVERY &&
		    strcmp(entry->delivery->origin, origin) == 0 && entry->delivery->first == number)
			return true;
	}
	return false;
}

static bool fetched(struct probe *p)
{
	const Simpul__Down *down = client_fetch(&p->to, &p->to.cursor, 1000);
	bool came;

	if (!down || down->message_case != SIMPUL__DOWN__MESSAGE_BATCH)
		return false;
	came = carries(down->batch, p->from.node, p->number + 1);
	position_of_message(&p->to.cursor, down->batch->upto);
	return came;
}

/* From the feed, or by FETCH when that says nothing. */
static bool arrives(struct probe *p)
{
	const steady_ms begin = clock_now().steady;

	while (clock_now().steady - begin < FETCH_AFTER_MS)
		if (carries(client_batch(&p->to, 100), p->from.node, p->number + 1))
			return true;
	while (clock_now().steady - begin < (steady_ms)LOST_MS) {
		if (fetched(p))
			return true;
		sleep_ms(50);
	}
	return false;
}

bool probe_once(struct probe *p, uint64_t *us)
{
	const struct client_report report = {.category = "public-order",
					     .region = "16.01",
					     .summary = p->summary ? p->summary : "probe",
					     .number = p->number + 1};
	const uint64_t begin = clock_steady_us();
	enum error refused;
	bool came;

	client_submit(&p->from, &report);
	came = arrives(p);
	*us = clock_steady_us() - begin;
	refused = client_refused(client_answer(&p->from, LOST_MS));
	if (refused != E_OK)
		fprintf(stderr, "probe: %s: %s\n", p->from.node, error_name(refused));
	else
		p->number++;
	client_ack(&p->to);
	return came && refused == E_OK;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return (one > other) - (one < other);
}

struct latency probe_window(struct probe *p, size_t samples)
{
	uint64_t *times = memory_zero(samples, sizeof *times);
	struct latency window = {.samples = samples};

	for (size_t i = 0; i < samples; i++) {
		if (window.lost < GIVEN_UP) {
			window.lost += !probe_once(p, &times[i]);
			sleep_ms(PAUSE_MS);
		} else {
			window.lost++;
			times[i] = (uint64_t)LOST_MS * 1000;
		}
	}
	qsort(times, samples, sizeof *times, by_size);
	window.p50 = times[samples / 2];
	window.p99 = times[samples - 1 - samples / 100];
	free(times);
	return window;
}
