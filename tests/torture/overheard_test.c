/* overheard_test - promises 4 and 9: what was said is worth nothing when it is said again, and who listens to
 * everything is cut off. */
#include "common/wire.h"
#include "tests/support/operate.h"
#include "tests/support/siege.h"
#include "tests/support/tap.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define GONE_MS 1000 /* who listens to everything is cut off within that time */

/* ------------------------------------------------------------------ what was said is said again */

/* The last number that the broker has of a node's main stream. */
static uint64_t last_number(const Simpul__Down *welcome)
{
	for (size_t i = 0; welcome && i < welcome->welcome->n_streams; i++)
		if (welcome->welcome->streams[i]->stream == SIMPUL__STREAM__STREAM_MAIN)
			return welcome->welcome->streams[i]->last;
	return 0;
}

static struct client_report report_of(uint64_t number)
{
	return (struct client_report){
		.category = "public-order", .region = "16.01", .summary = "once", .number = number};
}

/* A member's session with some reports, as it passes on the wire. */
static void session_capture(struct exchange *x, struct tap *tap, uint64_t reports)
{
	char *join = office_path(x, REPLAYED, "exchange.join");
	struct client c;

	client_open(&c, x, REPLAYED, false);
	tap_start(tap, c.join.link_endpoint);
	file_swap(join, c.join.link_endpoint, tap->endpoint);
	client_close(&c);
	client_open(&c, x, REPLAYED, false);
	assert_int_equal(client_refused(client_hello(&c, c.node, 5000)), E_OK);
	for (uint64_t number = 1; number <= reports; number++) {
		const struct client_report report = report_of(number);

		client_submit(&c, &report);
		assert_int_equal(client_refused(client_answer(&c, 5000)), E_OK);
	}
	client_close(&c);
	tap_end(tap);
	file_swap(join, tap->endpoint, tap->beyond);
	free(join);
}

static void traffic_that_was_captured_is_worth_nothing(void **state)
{
	enum { REPORTS = 3 };
	struct siege *siege = *state;
	struct exchange *x = &siege->x;
	struct client c;
	struct tap tap;

	session_capture(x, &tap, REPORTS);
	assert_true(tap.said.size > 1000);
	siege_survives(siege, &(struct siege_plan){.what = "captured traffic, replayed",
						   .times = "replays",
						   .run = hostile_replaying,
						   .office = STRANGER,
						   .reach = 4,
						   .event = "connections.failed",
						   .who = "address=" HOSTILE_REPLAYER,
						   .captured = buffer_view(&tap.said)});
	/* Nobody opened a session for it, and nothing was submitted. */
	client_open(&c, x, REPLAYED, false);
	assert_int_equal(last_number(client_hello(&c, c.node, 5000)), REPORTS);
	client_close(&c);
	buffer_free(&tap.said);
}

/* How many deliveries of one report stand on a recipient's feed. */
static size_t deliveries_of(struct client *to, const char *origin, uint64_t number, int ms)
{
	const Simpul__Batch *batch;
	size_t count = 0;

	while ((batch = client_batch(to, ms)))
		for (size_t i = 0; i < batch->n_entries; i++)
			count += batch->entries[i]->content_case == SIMPUL__ENTRY__CONTENT_DELIVERY &&
				 strcmp(batch->entries[i]->delivery->origin, origin) == 0 &&
				 batch->entries[i]->delivery->first == number;
	return count;
}

static void take_receipt(struct client *c, struct buffer *receipt)
{
	const Simpul__Down *down = client_answer(c, 5000);

	assert_non_null(down);
	assert_int_equal(down->message_case, SIMPUL__DOWN__MESSAGE_RECEIPT);
	buffer_clear(receipt);
	wire_pack(down->receipt, receipt);
}

static void an_old_submission_gets_its_old_receipt_and_is_delivered_once(void **state)
{
	const uint64_t repeats = torture_times(200, 5000);
	struct torture_row row = {.what = "old submissions, sent again", .times = "repeats"};
	struct siege *siege = *state;
	struct exchange *x = &siege->x;
	struct buffer frame = {0}, first = {0}, again = {0};
	struct client_report report;
	struct client from;

	probe_open(&siege->probe, x, SENDER, RECIPIENT);
	client_open(&from, x, REPLAYED, false);
	report = report_of(last_number(client_hello(&from, from.node, 5000)) + 1);
	client_submit_keep(&from, &report, &frame);
	take_receipt(&from, &first);
	for (; row.tried < repeats; row.tried++) {
		client_send_frame(&from, buffer_view(&frame));
		take_receipt(&from, &again);
		row.invented += !bytes_equal(buffer_view(&first), buffer_view(&again));
	}
	row.duplicated = deliveries_of(&siege->probe.to, from.node, report.number, 300) - 1;
	client_close(&from);
	probe_close(&siege->probe);
	buffer_free(&frame);
	buffer_free(&first);
	buffer_free(&again);
	torture_row(&row);
	torture_check(&row);
}

/* ------------------------------------------------------------------ who listens to everything */

/* One foreign subscription while others report; the milliseconds until the thief is told and until nothing more comes.
 */
static void thief_run(struct siege *siege, struct torture_row *row, uint64_t *told_ms, uint64_t *last_ms)
{
	struct attack thief = {.x = &siege->x, .office = EVERYTHING, .has_priority = true};
	steady_ms end = clock_now().steady + (steady_ms)patient_ms(20000);
	uint64_t us;

	attack_start(&thief, hostile_everything);
	while (thief.marks[MARK_BEGAN] == 0 && clock_now().steady < end)
		row->lost += !probe_once(&siege->probe, &us);
	for (end = clock_now().steady + 2500; clock_now().steady < end;)
		row->lost += !probe_once(&siege->probe, &us);
	*told_ms = thief.marks[MARK_TOLD] ? (thief.marks[MARK_TOLD] - thief.marks[MARK_BEGAN]) / 1000 : UINT32_MAX;
	*last_ms = (thief.marks[MARK_LAST] - thief.marks[MARK_BEGAN]) / 1000;
	attack_end(&thief);
	exchange_ctl(&siege->x, NULL, "restore", siege_nodes[EVERYTHING], NULL);
	row->tried++;
}

/* The shortest of some runs: a machine that others use too delays one or the other, a broker that looks the other way
 * every one. */
static void thief_measure(struct siege *siege, struct torture_row *row, uint64_t *told_ms, uint64_t *last_ms)
{
	*told_ms = *last_ms = UINT32_MAX;
	for (int attempt = 0; attempt < SIEGE_ATTEMPTS && (*told_ms >= GONE_MS || *last_ms >= GONE_MS); attempt++) {
		uint64_t told, last;

		thief_run(siege, row, &told, &last);
		*told_ms = told < *told_ms ? told : *told_ms;
		*last_ms = last < *last_ms ? last : *last_ms;
	}
}

static void who_subscribes_to_everything_is_gone_within_a_second(void **state)
{
	const uint64_t thieves = torture_times(1, 10);
	struct torture_row row = {.what = "a member that subscribes to everything", .times = "thieves"};
	struct siege *siege = *state;
	struct exchange *x = &siege->x;
	uint64_t told_most = 0, last_most = 0, told, last;
	char note[120];

	probe_open(&siege->probe, x, SENDER, RECIPIENT);
	while (row.tried < thieves) {
		thief_measure(siege, &row, &told, &last);
		told_most = told > told_most ? told : told_most;
		last_most = last > last_most ? last : last_most;
	}
	probe_close(&siege->probe);
	snprintf(note, sizeof note, "told after %" PRIu64 " ms, nothing came after %" PRIu64 " ms; log: alarm",
		 told_most, last_most);
	row.note = note;
	torture_row(&row);
	torture_check(&row);
	assert_true(log_has(x, "feed.foreign_subscription node=army.everything", 5));
	assert_true(told_most < GONE_MS && last_most < GONE_MS);
}

/* ------------------------------------------------------------------ a bug that these tests must find */

static void a_broker_that_keeps_eavesdroppers_is_found(void **state)
{
	struct torture_row row = {0};
	static struct siege siege;
	uint64_t told, last;

	(void)state;
	siege_lay(&siege, "seeded/eavesdropper-kept/simpul-broker", EVERYTHING + 1);
	probe_open(&siege.probe, &siege.x, SENDER, RECIPIENT);
	thief_measure(&siege, &row, &told, &last);
	probe_close(&siege.probe);
	assert_true(exchange_end(&siege.x, false));
	assert_true(told >= GONE_MS && last >= GONE_MS);
}

int main(void)
{
	const struct CMUnitTest seeded[] = {cmocka_unit_test(a_broker_that_keeps_eavesdroppers_is_found)};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_subscribes_to_everything_is_gone_within_a_second),
		cmocka_unit_test(traffic_that_was_captured_is_worth_nothing),
		cmocka_unit_test(an_old_submission_gets_its_old_receipt_and_is_delivered_once),
		cmocka_unit_test(siege_journal_verifies),
	};

	return siege_run(tests, sizeof(tests) / sizeof(*tests), seeded, sizeof(seeded) / sizeof(*seeded));
}
