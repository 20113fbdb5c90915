/* Tries to break what broker/core/core.h promises of receipts, numbers and stopping. */
#include "common/submission.h"
#include "tests/support/core_expect.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---------------------------------------------------------------------------- receipts mean on disk */

static void nothing_is_answered_pushed_or_logged_before_the_commit(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	assert_int_equal(world_queued(world), 1);
	assert_int_equal(world->seen_count, 1); /* the append alone */
	world_tick(world, 10);
	assert_int_equal(world->seen_count, 1);
}

static void a_receipt_comes_before_the_push_and_both_after_the_commit(void **state)
{
	struct world *world = *state;
	const struct event_seen *push;

	world_accepts(world, (struct speech){.node = POLICE, .count = 3});
	assert_int_equal(world->seen[1].type, ACTION_SEND);
	assert_int_equal(world_receipt(world)->entry, FIRST_ENTRY);
	assert_int_equal(world_pushes(world, ARMY), 1);
	assert_int_equal(world_pushes(world, IMMIGRATION), 1);
	assert_int_equal(world_pushes(world, POLICE), 0);
	assert_int_equal(world_pushes(world, HEALTH), 0);
	push = world_find(world, ACTION_PUBLISH, 0);
	assert_int_equal(push->head.after, FIRST_ENTRY - 1);
	assert_int_equal(push->head.upto, FIRST_ENTRY);
	assert_int_equal(push->head.counter, 1);
	assert_int_equal(push->batch->entries[0]->delivery->n_reports, 3);
	assert_true(world_logged(world, "report.accepted node=police.oku report=police.oku#1 count=3"));
	assert_ptr_equal(push->data, world_find(world, ACTION_PUBLISH, 1)->data);
}

static void what_is_delivered_proves_its_origin(void **state)
{
	struct world *world = *state;
	struct hash digest;
	const Simpul__Delivery *delivery;
	struct fault fault;

	world_accepts(world, (struct speech){.node = POLICE, .count = 5});
	delivery = world_find(world, ACTION_PUBLISH, 0)->batch->entries[0]->delivery;
	assert_int_equal(delivery_digest(delivery, world->options.exchange, &digest, &fault), E_OK);
	assert_true(digest_verify(world->members[POLICE].signing_key, SIGN_TAG_SUBMISSION, &digest,
				  BYTES(delivery->signature.data, delivery->signature.len)));
}

static void a_receipt_goes_only_to_the_session_that_asked(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE});
	world_say(world, &(struct speech){.node = POLICE});
	world_hello(world, POLICE, FIRST_ENTRY - 1);
	world_forget(world);
	world_read(world);
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT));
}

/* ---------------------------------------------------------------------------- what WELCOME lists is all that there is */

static void assert_hello_busy(struct world *world)
{
	assert_int_equal(world_refusal(world), E_BUSY);
	assert_string_equal(world_refusal_field(world), "hello");
	assert_true(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->refusal->expected > 0);
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
	assert_false(world_node(world, POLICE).connected);
}

static void an_office_is_not_greeted_while_its_submission_is_under_way(void **state)
{
	struct world *world = *state;
	const Simpul__Down *welcome;

	world_say(world, &(struct speech){.node = POLICE, .count = 3});
	world_forget(world);
	world_hello(world, POLICE, FIRST_ENTRY - 1);
	assert_hello_busy(world);
	world_forget(world);
	world_commit(world, E_OK);
	assert_int_equal(world_count(world, ACTION_SEND), 0); /* nobody listens */
	world_hello(world, POLICE, FIRST_ENTRY - 1);
	welcome = world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME);
	assert_non_null(welcome);
	assert_int_equal(welcome->welcome->streams[0]->last, 3);
}

/* The head at its cursor is read, and its former session submits meanwhile. */
static void nor_while_one_came_under_way_behind_its_hello(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = ARMY});
	world_restart(world);
	for (int i = 0; i < 2; i++) {
		world_hello(world, POLICE, FIRST_ENTRY - 1);
		if (i == 0)
			world_read(world);
	}
	world_say(world, &(struct speech){.node = POLICE});
	assert_int_equal(world_queued(world), 1);
	world_forget(world);
	world_read(world);
	assert_hello_busy(world);
	world_commit(world, E_OK);
	world_hello(world, POLICE, FIRST_ENTRY - 1);
	world_read(world);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
}

/* Whoever holds the key and submits without end would keep the office out. */
static void a_former_session_brings_nothing_more_under_way_then(void **state)
{
	enum { OTHER = 99 };
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	world_greet(world, POLICE, OTHER, NULL);
	assert_hello_busy(world);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE)->goodbye->code, E_SUPERSEDED);
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .first = 2});
	assert_int_equal(world_refusal(world), E_SUPERSEDED);
	assert_int_equal(world_queued(world), 1);
	world_commit(world, E_OK);
	world_greet(world, POLICE, OTHER, NULL);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME));
}

static void what_welcome_does_not_list_may_be_said_in_other_bytes(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	world_hello(world, POLICE, FIRST_ENTRY - 1);
	world_commit(world, E_DISK_FULL);
	world_forget(world);
	world_hello(world, POLICE, FIRST_ENTRY - 1);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME)->welcome->n_streams, 0);
	world_accepts(world, (struct speech){.node = POLICE, .salt = 1});
}

/* ---------------------------------------------------------------------------- numbering */

static void a_gap_is_refused_with_the_number_expected(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE, .count = 4});
	world_refuses(world, (struct speech){.node = POLICE, .first = 6}, E_GAP);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->refusal->expected, 5);
}

static void a_repeat_gets_the_same_receipt_and_no_second_entry(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE, .count = 2});
	for (int i = 0; i < 2; i++) {
		world_forget(world);
		world_say(world, &(struct speech){.node = POLICE, .count = 2, .seq = 40});
		assert_int_equal(world_queued(world), 0);
		assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT));
		world_read(world);
		assert_int_equal(world_receipt(world)->entry, FIRST_ENTRY);
		assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->seq, 40);
		assert_int_equal(world_count(world, ACTION_PUBLISH), 0);
	}
}

static void assert_reused(struct world *world, struct speech speech)
{
	world_forget(world);
	world_say(world, &speech);
	world_read(world);
	assert_int_equal(world_refusal(world), E_NUMBER_REUSED);
	assert_true(world_alarmed(world, "NUMBER_REUSED"));
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT));
}

static void a_number_used_for_other_bytes_is_refused_and_alarmed(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE, .count = 3});
	assert_reused(world, (struct speech){.node = POLICE, .count = 3, .salt = 1});
	assert_reused(world, (struct speech){.node = POLICE, .count = 2});
	assert_reused(world, (struct speech){.node = POLICE, .first = 2, .count = 2});
	assert_reused(world, (struct speech){.node = POLICE, .first = 3, .count = 2});
	world_say(world, &(struct speech){.node = POLICE, .first = 4, .count = 3});
	assert_reused(world, (struct speech){.node = POLICE, .first = 4, .count = 3, .salt = 1});
	assert_reused(world, (struct speech){.node = POLICE, .first = 5});
	assert_reused(world, (struct speech){.node = POLICE, .first = 3, .count = 3});
}

static void a_repeat_of_something_under_way_gets_no_answer_yet(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .seq = 31});
	assert_int_equal(world->seen_count, 0);
	world_commit(world, E_OK);
	assert_int_equal(world_count(world, ACTION_SEND), 1);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->seq, 31);
}

static void more_submissions_than_may_be_under_way_are_busy(void **state)
{
	struct world *world = *state;

	for (uint64_t first = 1; first <= LIMIT_IN_FLIGHT; first++)
		world_say(world, &(struct speech){.node = POLICE, .first = first});
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .first = LIMIT_IN_FLIGHT + 1});
	assert_int_equal(world_refusal(world), E_BUSY);
	world_commit(world, E_OK);
	world_accepts(world, (struct speech){.node = POLICE, .first = LIMIT_IN_FLIGHT + 1});
}

static void more_bytes_than_may_be_under_way_are_busy(void **state)
{
	enum { REPORTS = 50 };
	struct world *world = *state;
	const struct speech large = {.node = POLICE, .count = REPORTS, .summary = 4000};
	const size_t frame = REPORTS * large.summary;
	struct speech next = large;

	for (next.first = 1; world_refusal(world) == E_OK; next.first += REPORTS)
		world_say(world, &next);
	assert_int_equal(world_refusal(world), E_BUSY);
	next.first -= REPORTS;
	assert_true(next.first / REPORTS * frame <= LIMIT_IN_FLIGHT_BYTES);
	assert_true((next.first / REPORTS + 2) * frame + LIMIT_SUBMIT_FRAME > LIMIT_IN_FLIGHT_BYTES);
	world_commit(world, E_OK);
	world_accepts(world, next);
}

static void repeats_without_end_are_busy_too(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE});
	for (int i = 0; i < LIMIT_IN_FLIGHT; i++)
		world_say(world, &(struct speech){.node = POLICE});
	world_refuses(world, (struct speech){.node = POLICE}, E_BUSY);
	world_read(world);
	world_say(world, &(struct speech){.node = POLICE});
	world_read(world);
	world_receipt(world);
}

static void an_aborted_commit_leaves_numbering_as_if_never_tried(void **state)
{
	struct world *world = *state;
	struct core_status status;

	world_say(world, &(struct speech){.node = POLICE, .epoch = 2});
	world_say(world, &(struct speech){.node = POLICE, .epoch = 2, .first = 2});
	world_forget(world);
	world_commit(world, E_DISK_FULL);
	assert_int_equal(world_count(world, ACTION_SEND), 2);
	assert_int_equal(world_refusal(world), E_DISK_FULL);
	assert_int_equal(world_count(world, ACTION_PUBLISH), 0);
	assert_false(world_logged(world, "report.accepted"));
	core_status(world->core, &status);
	assert_int_equal(status.position.entry, FIRST_ENTRY - 1);
	assert_int_equal(status.under_way, 0);
	world_refuses(world, (struct speech){.node = POLICE, .epoch = 2, .first = 2}, E_GAP);
	world_accepts(world, (struct speech){.node = POLICE, .epoch = 1, .salt = 3}); /* the epoch was never opened */
	assert_int_equal(world_receipt(world)->entry, FIRST_ENTRY);
}

static void what_follows_a_failed_number_comes_back_as_busy(void **state)
{
	struct world *world = *state;

	for (uint64_t first = 1; first <= 3; first++)
		world_say(world, &(struct speech){.node = POLICE, .first = first, .seq = first + 20});
	world_commit_some(world, 1, E_STALE_POLICY);
	assert_int_equal(world_refusal(world), E_STALE_POLICY);
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .seq = 30}); /* again, while the others are still under way */
	assert_int_equal(world_queued(world), 3);
	world_commit(world, E_OK);
	assert_int_equal(world_refusal(world), E_BUSY);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->seq, 30);
	world_accepts(world, (struct speech){.node = POLICE, .first = 2});
	world_accepts(world, (struct speech){.node = POLICE, .first = 3});
}

static void what_was_said_again_since_does_not_fail_with_what_came_back(void **state)
{
	struct world *world = *state;

	for (uint64_t first = 1; first <= 3; first++)
		world_say(world, &(struct speech){.node = POLICE, .first = first});
	world_commit_some(world, 1, E_STALE_POLICY);
	for (uint64_t first = 1; first <= 3; first++)
		world_say(world, &(struct speech){.node = POLICE, .first = first});
	world_commit_some(world, 2, E_OK); /* the second and third, which were sent before */
	assert_int_equal(world_refusal(world), E_BUSY);
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .first = 4, .seq = 40});
	assert_int_equal(world_queued(world), 4);
	world_commit(world, E_OK);
	assert_int_equal(world_refusal(world), E_OK);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->seq, 40);
}

static void an_older_epoch_is_refused(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE, .epoch = 2});
	world_refuses(world, (struct speech){.node = POLICE, .epoch = 1}, E_EPOCH);
}

static void streams_are_numbered_apart(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE, .count = 3});
	world_accepts(world, (struct speech){.node = POLICE,
					     .stream = SIMPUL__STREAM__STREAM_RED,
					     .label = SIMPUL__LABEL__LABEL_RED,
					     .to = {world_names[IMMIGRATION]},
					     .wraps = {world_names[IMMIGRATION]},
					     .sealed = true});
	assert_int_equal(world_receipt(world)->n_verdicts, 0);
}

static void a_policy_that_moved_on_means_try_again(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	world->policy_version++; /* the journal has a newer one */
	world_commit(world, E_OK);
	assert_int_equal(world_refusal(world), E_STALE_POLICY);
	world->policy_version--;
	world_accepts(world, (struct speech){.node = POLICE});
}

/* ---------------------------------------------------------------------------- stopping */

static void stopping_finishes_what_is_under_way_and_takes_nothing_new(void **state)
{
	struct world *world = *state;
	const struct core_event stop = {.type = CORE_STOP};

	world_say(world, &(struct speech){.node = POLICE});
	world_step(world, &stop);
	assert_int_equal(world_count(world, ACTION_DRAINED), 0);
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .first = 2});
	assert_int_equal(world_refusal(world), E_STOPPING);
	world_forget(world);
	world_hello(world, HEALTH, 0);
	assert_int_equal(world_refusal(world), E_STOPPING);
	world_forget(world);
	world_standing(world, HEALTH, SIMPUL__STANDING__STANDING_RETIRED);
	assert_int_equal(world_answer(world), E_STOPPING);
	world_forget(world);
	world_commit(world, E_OK);
	world_receipt(world);
	assert_int_equal(world_count(world, ACTION_DRAINED), 1);
	assert_int_equal(world->seen[world->seen_count - 1].type, ACTION_DRAINED);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE)->goodbye->code, E_STOPPING);
	assert_int_equal(world_count(world, ACTION_SEND), 4);
	world_forget(world);
	world_tick(world, 5000);
	assert_int_equal(world_count(world, ACTION_DRAINED), 0);
}

static void a_failing_disk_is_an_alarm(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	world_forget(world);
	world_commit(world, E_IO);
	assert_int_equal(world_refusal(world), E_STOPPING); /* which makes nobody call a person */
	assert_string_equal(world_refusal_field(world), "journal");
	assert_true(world_logged(world, "submission.refused node=police.oku code=IO"));
	assert_true(world_alarmed(world, "journal.failed"));
	assert_int_equal(world_count(world, ACTION_PUBLISH), 0);
}

static void logs_hold_no_text_of_reports(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE, .summary = 50});
	assert_false(world_logged(world, "xxxxxxxx"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_answered_pushed_or_logged_before_the_commit),
		TEST(a_receipt_comes_before_the_push_and_both_after_the_commit),
		TEST(what_is_delivered_proves_its_origin),
		TEST(a_receipt_goes_only_to_the_session_that_asked),
		TEST(an_office_is_not_greeted_while_its_submission_is_under_way),
		TEST(nor_while_one_came_under_way_behind_its_hello),
		TEST(a_former_session_brings_nothing_more_under_way_then),
		TEST(what_welcome_does_not_list_may_be_said_in_other_bytes),
		TEST(a_gap_is_refused_with_the_number_expected),
		TEST(a_repeat_gets_the_same_receipt_and_no_second_entry),
		TEST(a_number_used_for_other_bytes_is_refused_and_alarmed),
		TEST(a_repeat_of_something_under_way_gets_no_answer_yet),
		TEST(more_submissions_than_may_be_under_way_are_busy),
		TEST(more_bytes_than_may_be_under_way_are_busy),
		TEST(repeats_without_end_are_busy_too),
		TEST(an_aborted_commit_leaves_numbering_as_if_never_tried),
		TEST(what_follows_a_failed_number_comes_back_as_busy),
		TEST(what_was_said_again_since_does_not_fail_with_what_came_back),
		TEST(an_older_epoch_is_refused),
		TEST(streams_are_numbered_apart),
		TEST(a_policy_that_moved_on_means_try_again),
		TEST(stopping_finishes_what_is_under_way_and_takes_nothing_new),
		TEST(a_failing_disk_is_an_alarm),
		TEST(logs_hold_no_text_of_reports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
