/* away_test - an office that was away for a week comes back to a million entries: it gets them all, in order, once,
 * within its window, and the others notice nothing. */
#include "agents/store/store.h"
#include "common/file.h"
#include "common/json.h"
#include "common/memory.h"
#include "tests/bench/laid.h"
#include "tests/support/probe.h"
#include "tests/support/torture.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { SENDER, AWAY, OTHER, OFFICES }; /* as laid_offices makes them */

#define MISSED torture_times(10000, 1000000) /* entries, of one report each */
#define REPORT_BYTES 512
#define PER_COMMIT 64
#define SAMPLES 50
#define BEFORE torture_times(5, 30) /* windows */
#define SECONDS 1200
#define RATIO_MOST 2.0

/* ------------------------------------------------------------------ the exchange */

static void away_configure(struct laid *laid)
{
	struct office *office = &laid->exchange.offices[AWAY];
	char path[300];
	char *yaml = memory_format("node: %s\nkeys: %s.keys\njoin: exchange.join\nstore: store\n", office->node,
				   office->node);

	snprintf(path, sizeof path, "%s/agent.yaml", office->folder);
	assert_int_equal(file_write(path, BYTES(yaml, strlen(yaml)), 0600, NULL), E_OK);
	free(yaml);
}

static int setup(void **state)
{
	struct laid *laid = *state = memory_zero(1, sizeof *laid);

	laid_make(laid, OFFICES - 1, REPORT_BYTES, 1);
	laid_open(laid, false);
	laid_reports(laid, MISSED, PER_COMMIT);
	laid_close(laid);
	laid_offices(laid, OFFICES - 1);
	away_configure(laid);
	laid_start_us(laid);
	return 0;
}

static int teardown(void **state)
{
	laid_end(*state);
	free(*state);
	return 0;
}

/* ------------------------------------------------------------------ while it catches up */

/* What the broker has pushed to it and not seen acknowledged, bytes. */
static uint64_t queued_of(struct laid *laid, const char *node)
{
	struct buffer out = {0};
	json_t *answer, *one;
	uint64_t queued = 0;
	bool found = false;
	size_t i;

	assert_int_equal(exchange_ctl(&laid->exchange, &out, "nodes", "--json", NULL), 0);
	answer = json_loadb((const char *)out.data, out.size, 0, NULL);
	json_array_foreach(json_object_get(answer, "nodes"), i, one)
		if (strcmp(json_string_value(json_object_get(one, "node")), node) == 0) {
			found = json_is_integer(json_object_get(one, "queued_bytes"));
			queued = (uint64_t)json_integer_value(json_object_get(one, "queued_bytes"));
		}
	assert_true(found);
	json_decref(answer);
	buffer_free(&out);
	return queued;
}

static uint64_t rows_of(struct laid *laid)
{
	struct store store;
	sqlite3_stmt *count;
	uint64_t rows = 0;
	char path[300];

	snprintf(path, sizeof path, "%s/store/agent.db", laid->exchange.offices[AWAY].folder);
	if (store_open_reader(&store, path, NULL, NULL) != E_OK)
		return 0;
	count = database_prepare(store.db, "SELECT count(*) FROM inbox");
	if (sqlite3_step(count) == SQLITE_ROW)
		rows = column_number(count, 0);
	sqlite3_finalize(count);
	store_close(&store);
	return rows;
}

/* Windows of the others until it is back; the middle of their p99. */
struct noticed {
	uint64_t p99[SECONDS], queued_most;
	size_t windows, lost;
};

static void window_note(struct noticed *noticed, struct probe *probe)
{
	const struct latency window = probe_window(probe, SAMPLES);

	noticed->lost += window.lost;
	if (noticed->windows < SECONDS)
		noticed->p99[noticed->windows++] = window.p99;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

	return (one > other) - (one < other);
}

static uint64_t middle(struct noticed *noticed)
{
	qsort(noticed->p99, noticed->windows, sizeof *noticed->p99, by_size);
	return noticed->p99[noticed->windows / 2];
}

/* ------------------------------------------------------------------ afterwards */

/* Each report of the sender once, and their numbers ascend. What the probe said meanwhile is among them. */
static void order_check(struct laid *laid, uint64_t expected, struct torture_row *row)
{
	struct store store;
	sqlite3_stmt *rows;
	uint64_t last = 0;
	char path[300];

	snprintf(path, sizeof path, "%s/store/agent.db", laid->exchange.offices[AWAY].folder);
	assert_int_equal(store_open_reader(&store, path, NULL, NULL), E_OK);
	rows = database_prepare(store.db, "SELECT number FROM inbox ORDER BY row");
	while (sqlite3_step(rows) == SQLITE_ROW) {
		const uint64_t number = column_number(rows, 0);

		row->duplicated += number <= last;
		row->lost += number > last + 1 ? number - last - 1 : 0;
		last = number > last ? number : last;
	}
	row->lost += last < expected ? expected - last : 0;
	row->invented += last > expected ? last - expected : 0;
	sqlite3_finalize(rows);
	store_close(&store);
}

static void who_was_away_gets_it_all_in_order_and_the_others_notice_nothing(void **state)
{
	struct laid *laid = *state;
	static struct noticed before, during;
	struct probe probe = {.from = {.cursor = laid->position}, .to = {.cursor = laid->position}};
	struct torture_row row = {.what = "an office back after a week", .tried = MISSED, .times = "entries missed"};
	char note[160];

	laid_inspected_s(laid, SECONDS); /* or that would end in the midst of what is compared */
	probe_open(&probe, &laid->exchange, SENDER, OTHER);
	for (uint64_t i = 0; i < BEFORE; i++)
		window_note(&before, &probe);
	exchange_start_office(&laid->exchange, AWAY);
	while (rows_of(laid) < MISSED && during.windows < SECONDS) {
		const uint64_t queued = queued_of(laid, laid->exchange.offices[AWAY].node);

		window_note(&during, &probe);
		during.queued_most = queued > during.queued_most ? queued : during.queued_most;
	}
	for (int tries = 0; tries < 100 && rows_of(laid) < probe.number; tries++) {
		probe_live(&probe);
		sleep_ms(100);
	}
	order_check(laid, probe.number, &row);
	row.lost += before.lost + during.lost;
	snprintf(note, sizeof note, "at most %" PRIu64 " KiB ahead; the others' p99 %.1f ms, before %.1f ms",
		 during.queued_most / 1024, (double)middle(&during) / 1000, (double)middle(&before) / 1000);
	row.note = note;
	torture_row(&row);
	probe_close(&probe);
	torture_check(&row);
	assert_true(during.windows > 0);
	assert_in_range(during.queued_most, 0, LIMIT_WINDOW);
	if (torture_long())
		assert_true((double)middle(&during) < RATIO_MOST * (double)middle(&before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_was_away_gets_it_all_in_order_and_the_others_notice_nothing),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
