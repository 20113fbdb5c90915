/* Tries to lose, to repeat and to misplace what an uplink sends. */
#include "common/limit.h"
#include "tests/support/uplinked.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* The broker answers what it took and did not answer so far. */
static void answer_all(struct uplinked *f)
{
	const unsigned submits = f->broker.submits;

	f->broker.silent_submit = false;
	for (unsigned i = 0; i < submits; i++)
		scripted_receipt(&f->broker, f->broker.submit_seq[i], &f->broker.digests[i]);
}

static void submissions_arrive_in_order_with_no_more_under_way_than_may_be(void **state)
{
	enum { ALL = LIMIT_IN_FLIGHT + 6 };
	struct uplinked *f = *state;

	f->broker.silent_submit = true;
	uplinked_live(f);
	uplinked_take_cancels(f, ALL);
	UNTIL(f, f->broker.submits == LIMIT_IN_FLIGHT);
	uplinked_turns(f, 20);
	assert_int_equal(f->broker.submits, LIMIT_IN_FLIGHT);
	answer_all(f);
	UNTIL(f, outbox_receipted(&f->store, 0) == ALL);
	assert_int_equal(f->broker.submits, ALL);
	for (uint64_t i = 0; i < ALL; i++)
		assert_int_equal(f->broker.firsts[i], i + 1);
}

static void of_large_submissions_fewer_are_under_way_and_all_arrive(void **state)
{
	enum { ALL = 600 };
	struct uplinked *f = *state;

	f->broker.silent_submit = true;
	uplinked_live(f);
	uplinked_take_sightings(f, ALL, 4000);
	UNTIL(f, f->broker.submit_bytes + LIMIT_SUBMIT_FRAME > LIMIT_IN_FLIGHT_BYTES);
	uplinked_turns(f, 20);
	assert_true(f->broker.submit_bytes <= LIMIT_IN_FLIGHT_BYTES);
	assert_true(f->broker.submits < LIMIT_IN_FLIGHT);
	answer_all(f);
	UNTIL(f, outbox_receipted(&f->store, 0) == ALL);
}

/* An alert to named offices has a stream of its own. */
static void a_long_queue_of_one_stream_holds_up_no_other(void **state)
{
	struct uplinked *f = *state;
	struct prepared *other = agent_sighting(&f->world, SIMPUL__LABEL__LABEL_AMBER, "x");
	struct report_name name;

	f->broker.silent_submit = true;
	uplinked_live(f);
	uplinked_take_cancels(f, LIMIT_IN_FLIGHT + 6);
	UNTIL(f, f->broker.submits == LIMIT_IN_FLIGHT);
	other->header->status = SIMPUL__STATUS__STATUS_EXERCISE;
	other->stream = SIMPUL__STREAM__STREAM_EXERCISE;
	assert_int_equal(outbox_take(&f->store, &other, NULL, 1, false, &name, NULL), E_OK);
	uplink_wake(f->uplink);
	uplinked_turns(f, 20);
	scripted_receipt(&f->broker, f->broker.submit_seq[0], &f->broker.digests[0]);
	UNTIL(f, f->broker.submits == LIMIT_IN_FLIGHT + 1);
	assert_int_equal(f->broker.firsts[LIMIT_IN_FLIGHT], name.number);
}

static void a_submission_without_an_answer_is_repeated_unchanged(void **state)
{
	struct uplinked *f = *state;

	f->broker.silent_submit = true;
	uplinked_live(f);
	uplinked_take_cancels(f, 1);
	UNTIL(f, f->broker.submits == 1);
	f->skipped += 10100;
	f->broker.silent_submit = false;
	UNTIL(f, outbox_receipted(&f->store, 0) == 1);
	assert_int_equal(f->broker.submits, 2);
	assert_true(hash_equal(&f->broker.digests[0], &f->broker.digests[1]));
	assert_int_equal(f->broker.hellos, 2);
}

static void a_busy_broker_is_asked_again_after_the_pause_it_names(void **state)
{
	struct uplinked *f = *state;

	f->broker.submit_answer = E_BUSY;
	f->broker.expected = 5000;
	uplinked_live(f);
	uplinked_take_cancels(f, 1);
	UNTIL(f, f->broker.submits == 1);
	f->broker.submit_answer = E_OK;
	uplinked_turns(f, 50);
	assert_int_equal(f->broker.submits, 1);
	scripted_publish(&f->broker, f->world.head.entry, NULL);
	f->skipped += 3000;
	uplinked_turns(f, 5);
	scripted_publish(&f->broker, f->world.head.entry, NULL);
	uplinked_turns(f, 20);
	f->skipped += 2100;
	UNTIL(f, outbox_receipted(&f->store, 0) == 1);
	assert_true(hash_equal(&f->broker.digests[0], &f->broker.digests[1]));
	assert_int_equal(f->broker.hellos, 1);
}

/* Whatever is under way comes back, and a broker drops unread what comes from who is refused more than 200 times a
 * second. */
static void a_limited_rate_does_not_use_up_the_patience_of_the_broker(void **state)
{
	enum { STEP_MS = 5, PAUSE_MS = 100 };
	struct uplinked *f = *state;
	steady_ms began;
	uint64_t pauses;

	f->broker.submit_answer = E_RATE;
	f->broker.expected = 1;
	uplinked_live(f);
	uplinked_take_cancels(f, 2 * LIMIT_IN_FLIGHT);
	began = clock_now().steady;
	for (int ms = 0; ms < 5 * PAUSE_MS; ms += STEP_MS) {
		f->skipped += STEP_MS;
		uplinked_turns(f, 3);
	}
	pauses = (clock_now().steady - began) / PAUSE_MS + 5;
	assert_in_range(f->broker.submits, LIMIT_IN_FLIGHT, (pauses + 2) * LIMIT_IN_FLIGHT);
	f->broker.submit_answer = E_OK;
	UNTIL(f, outbox_receipted(&f->store, 0) == 2 * LIMIT_IN_FLIGHT);
	assert_int_equal(f->broker.hellos, 1);
}

static void a_receipt_that_finds_no_room_is_asked_for_again(void **state)
{
	struct uplinked *f = *state;

	f->full_disks = 2;
	uplinked_live(f);
	uplinked_take_cancels(f, 1);
	UNTIL(f, f->full_disks == 1);
	uplinked_turns(f, 50);
	assert_int_equal(f->broker.submits, 1);
	f->skipped += 600;
	UNTIL(f, f->full_disks == 0);
	f->skipped += 600;
	UNTIL(f, outbox_receipted(&f->store, 0) == 1);
	assert_int_equal(f->broker.submits, 3);
	assert_true(hash_equal(&f->broker.digests[0], &f->broker.digests[2]));
	assert_int_equal(uplinked_state(f), UPLINK_LIVE);
}

static void what_waits_until_the_office_has_caught_up_goes_out_then(void **state)
{
	struct uplinked *f = *state;

	f->waits = true;
	f->broker.holds_answer = true;
	uplinked_take_cancels(f, 1);
	UNTIL(f, f->broker.held != NULL && f->asked_early > 0);
	uplinked_turns(f, 20);
	assert_int_equal(f->broker.submits, 0);
	scripted_let_go(&f->broker);
	uplinked_live(f);
	uplinked_turns(f, 20); /* at once, not when the next timer is due */
	assert_int_equal(f->broker.submits, 1);
}

static void a_gap_starts_again_after_what_was_receipted(void **state)
{
	struct uplinked *f = *state;

	uplinked_live(f);
	uplinked_take_cancels(f, 2);
	UNTIL(f, outbox_receipted(&f->store, 0) == 2);
	f->broker.submit_answer = E_GAP;
	f->broker.expected = 3;
	uplinked_take_cancels(f, 2);
	UNTIL(f, f->broker.submits == 4);
	f->broker.submit_answer = E_OK;
	UNTIL(f, outbox_receipted(&f->store, 0) == 4);
	assert_int_equal(f->broker.firsts[4], 3);
}

static void a_broker_that_lost_what_it_receipted_halts(void **state)
{
	struct uplinked *f = *state;

	uplinked_live(f);
	uplinked_take_cancels(f, 2);
	UNTIL(f, outbox_receipted(&f->store, 0) == 2);
	f->broker.submit_answer = E_GAP;
	f->broker.expected = 1;
	uplinked_take_cancels(f, 1);
	UNTIL(f, uplinked_state(f) == UPLINK_HALTED);
	assert_int_equal(uplinked_fault(f), E_HISTORY_DIFFERS);
}

static void a_report_that_cannot_be_taken_is_voided_and_the_next_goes_on(void **state)
{
	struct uplinked *f = *state;

	f->broker.submit_answer = E_MALFORMED;
	uplinked_live(f);
	uplinked_take_cancels(f, 1);
	UNTIL(f, f->broker.submits == 1);
	f->broker.submit_answer = E_OK;
	UNTIL(f, f->broker.submits == 2); /* before there is another report, which could overtake the refusal */
	uplinked_take_cancels(f, 1);
	UNTIL(f, outbox_receipted(&f->store, 0) == 2);
	assert_int_equal(f->broker.firsts[1], 1);
	assert_false(hash_equal(&f->broker.digests[0], &f->broker.digests[1]));
	assert_int_equal(agent_number(&f->store, "SELECT code FROM outbox WHERE number = 1"), E_MALFORMED);
	assert_int_equal(agent_number(&f->store, "SELECT state FROM outbox WHERE number = 2"), OUTBOX_ACCEPTED);
}

static void a_void_that_is_refused_halts(void **state)
{
	struct uplinked *f = *state;

	f->broker.submit_answer = E_MALFORMED;
	uplinked_live(f);
	uplinked_take_cancels(f, 1);
	UNTIL(f, uplinked_state(f) == UPLINK_HALTED);
	assert_int_equal(f->broker.submits, 2);
}

static void a_void_that_is_refused_halts_in_a_later_session_too(void **state)
{
	struct uplinked *f = *state;
	const struct position seen = {0};
	struct outbox_submission *next = &f->next[0];

	f->broker.submit_answer = E_MALFORMED;
	uplinked_take_cancels(f, 1);
	assert_int_equal(outbox_next(&f->store, &f->army.keys, 0, 0, &seen, next, &f->fault), E_OK);
	assert_int_equal(outbox_reject(&f->store, &next->first, E_MALFORMED, "", &f->fault), E_OK);
	UNTIL(f, uplinked_state(f) == UPLINK_HALTED);
	assert_int_equal(f->broker.submits, 1);
	assert_int_equal(f->store.failure.code, E_OK);
}

static void a_signature_that_is_refused_voids_nothing(void **state)
{
	struct uplinked *f = *state;

	f->broker.submit_answer = E_BAD_SIGNATURE;
	uplinked_live(f);
	uplinked_take_cancels(f, 3);
	UNTIL(f, uplinked_state(f) == UPLINK_HALTED);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM outbox WHERE code <> 0"), 0);
}

static void a_forged_receipt_is_not_believed(void **state)
{
	struct uplinked *f = *state;

	f->broker.forge_receipts = true;
	uplinked_live(f);
	uplinked_take_cancels(f, 1);
	UNTIL(f, uplinked_state(f) == UPLINK_HALTED);
	assert_int_equal(uplinked_fault(f), E_BAD_SIGNATURE);
	assert_int_equal(outbox_receipted(&f->store, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, uplinked_start, uplinked_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(submissions_arrive_in_order_with_no_more_under_way_than_may_be),
		TEST(of_large_submissions_fewer_are_under_way_and_all_arrive),
		TEST(a_long_queue_of_one_stream_holds_up_no_other),
		TEST(a_submission_without_an_answer_is_repeated_unchanged),
		TEST(a_busy_broker_is_asked_again_after_the_pause_it_names),
		TEST(a_limited_rate_does_not_use_up_the_patience_of_the_broker),
		TEST(a_receipt_that_finds_no_room_is_asked_for_again),
		TEST(what_waits_until_the_office_has_caught_up_goes_out_then),
		TEST(a_gap_starts_again_after_what_was_receipted),
		TEST(a_broker_that_lost_what_it_receipted_halts),
		TEST(a_report_that_cannot_be_taken_is_voided_and_the_next_goes_on),
		TEST(a_void_that_is_refused_halts),
		TEST(a_void_that_is_refused_halts_in_a_later_session_too),
		TEST(a_signature_that_is_refused_voids_nothing),
		TEST(a_forged_receipt_is_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
