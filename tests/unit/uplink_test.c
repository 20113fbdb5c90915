/* Tries to break what uplink.h promises of receiving and of sessions. */
#include "tests/support/uplinked.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- receiving */

static void what_was_missed_is_fetched_and_what_is_pushed_arrives(void **state)
{
	struct uplinked *f = *state;

	f->broker.entries[f->broker.entry_count++] = uplinked_sighting(f);
	uplinked_live(f);
	assert_int_equal(uplinked_received(f), 1);
	scripted_publish(&f->broker, f->world.head.entry, NULL);
	Simpul__Entry *entry = uplinked_sighting(f);

	scripted_publish(&f->broker, entry->entry - 1, entry);
	UNTIL(f, uplinked_received(f) == 2);
	UNTIL(f, f->broker.acked == entry->entry);
	assert_int_equal(uplinked_state(f), UPLINK_LIVE);
}

static void welcome_tells_how_far_the_clocks_are_apart(void **state)
{
	struct uplinked *f = *state;
	struct uplink_status status;

	f->broker.time = clock_now().wall - 60000;
	uplink_status(f->uplink, &status);
	assert_false(status.clock_known);
	uplinked_live(f);
	uplink_status(f->uplink, &status);
	assert_true(status.clock_known);
	assert_in_range(status.clock_ahead, 60000, 90000);
}

static void a_lost_push_is_fetched(void **state)
{
	struct uplinked *f = *state;
	Simpul__Entry *lost, *entry;

	uplinked_live(f);
	lost = f->broker.entries[f->broker.entry_count++] = uplinked_sighting(f);
	entry = f->broker.entries[f->broker.entry_count++] = uplinked_sighting(f);
	scripted_publish(&f->broker, lost->entry, entry);
	UNTIL(f, uplinked_received(f) == 2);
	uplinked_live(f);
	assert_int_equal(agent_number(&f->store, "SELECT count(DISTINCT number) FROM inbox"), 2);
}

static void an_answer_that_the_feed_overtook_is_not_the_last(void **state)
{
	struct uplinked *f = *state;
	Simpul__Entry *first;

	uplinked_live(f);
	first = f->broker.entries[f->broker.entry_count++] = uplinked_sighting(f);
	f->broker.holds_answer = f->broker.has_more = true;
	scripted_publish(&f->broker, first->entry, NULL);
	UNTIL(f, f->broker.held != NULL);
	scripted_publish(&f->broker, first->entry - 1, first);
	UNTIL(f, uplinked_received(f) == 1);
	f->broker.entries[f->broker.entry_count++] = uplinked_sighting(f);
	f->broker.has_more = false;
	scripted_let_go(&f->broker);
	UNTIL(f, uplinked_received(f) == 2);
	uplinked_live(f);
}

static void what_the_feed_brought_before_the_last_answer_is_fetched(void **state)
{
	struct uplinked *f = *state;
	Simpul__Entry *withheld, *entry;

	uplinked_live(f);
	withheld = uplinked_sighting(f);
	f->broker.holds_answer = true;
	scripted_publish(&f->broker, withheld->entry, NULL);
	UNTIL(f, f->broker.held != NULL);
	entry = f->broker.entries[f->broker.entry_count++] = uplinked_sighting(f);
	scripted_publish(&f->broker, withheld->entry, entry);
	uplinked_turns(f, 50);
	scripted_let_go(&f->broker);
	UNTIL(f, uplinked_received(f) == 1);
	uplinked_live(f);
}

/* As under traffic that never rests: there is no answer without entries. */
static void an_office_that_catches_up_while_others_speak_becomes_live(void **state)
{
	struct uplinked *f = *state;

	f->broker.entries[f->broker.entry_count++] = uplinked_sighting(f);
	uplinked_live(f);
	assert_int_equal(f->broker.fetches, 1);
	assert_int_equal(uplinked_received(f), 1);
}

static void an_answer_is_not_the_last_until_it_says_so(void **state)
{
	struct uplinked *f = *state;

	f->broker.has_more = true;
	UNTIL(f, f->broker.fetches > 1);
	assert_int_equal(uplinked_state(f), UPLINK_CATCHING_UP);
	f->broker.has_more = false;
	uplinked_live(f);
}

static void a_publication_that_does_not_open_leads_to_a_fetch(void **state)
{
	struct uplinked *f = *state;
	uint8_t key[KEY_SIZE];
	unsigned fetches;

	uplinked_live(f);
	fetches = f->broker.fetches;
	memcpy(key, f->broker.session.key, KEY_SIZE);
	f->broker.session.key[0] ^= 1;
	scripted_publish(&f->broker, f->world.head.entry, NULL);
	UNTIL(f, f->broker.fetches > fetches);
	memcpy(f->broker.session.key, key, KEY_SIZE);
	uplinked_live(f);
}

static void a_replayed_publication_is_not_taken_for_a_sign_of_life(void **state)
{
	struct uplinked *f = *state;
	unsigned fetches;

	uplinked_live(f);
	scripted_publish(&f->broker, f->world.head.entry, NULL);
	uplinked_turns(f, 20);
	fetches = f->broker.fetches;
	f->broker.counter = 0;
	scripted_publish(&f->broker, f->world.head.entry, NULL);
	UNTIL(f, f->broker.fetches > fetches);
}

static void a_silent_feed_ends_the_session(void **state)
{
	struct uplinked *f = *state;

	uplinked_live(f);
	f->skipped += 3500;
	uplinked_turns(f, 3);
	assert_int_equal(uplinked_state(f), UPLINK_LIVE);
	f->skipped += 1000;
	uplinked_turns(f, 1);
	assert_int_equal(uplinked_state(f), UPLINK_OFFLINE);
	uplinked_live(f);
	assert_int_equal(f->broker.hellos, 2);
}

/* One of them may come late: the broker ends the session without any for so long. */
static void two_signs_of_life_come_before_silence_ends_a_session(void **state)
{
	enum { STEPS = 20, BEAT = 6 }; /* heartbeats fall on no sign of life */
	struct uplinked *f = *state;
	unsigned acks;

	uplinked_live(f);
	acks = f->broker.acks;
	for (int i = 1; i <= STEPS; i++) {
		f->skipped += LIMIT_SILENCE_MS / STEPS;
		if (i % BEAT == 0)
			scripted_publish(&f->broker, f->world.head.entry, NULL);
		uplinked_turns(f, 3);
	}
	assert_int_equal(uplinked_state(f), UPLINK_LIVE);
	assert_in_range(f->broker.acks - acks, 2, 3);
}

static void a_bad_head_signature_halts(void **state)
{
	struct uplinked *f = *state;
	Simpul__Entry *entry;

	uplinked_live(f);
	entry = uplinked_sighting(f);
	signing_key_generate(&f->world.broker.signing);
	scripted_publish(&f->broker, entry->entry - 1, entry);
	UNTIL(f, uplinked_state(f) == UPLINK_HALTED);
	assert_int_equal(uplinked_fault(f), E_BAD_SIGNATURE);
	f->skipped += 60000;
	uplinked_turns(f, 20);
	assert_int_equal(f->broker.hellos, 1);
}

/* ---- sessions */

static void a_superseded_session_halts(void **state)
{
	struct uplinked *f = *state;

	uplinked_live(f);
	scripted_goodbye(&f->broker, E_SUPERSEDED);
	UNTIL(f, uplinked_state(f) == UPLINK_HALTED);
	assert_int_equal(uplinked_fault(f), E_SUPERSEDED);
}

static void a_broker_that_stops_is_waited_for(void **state)
{
	struct uplinked *f = *state;

	uplinked_live(f);
	f->broker.hello_answer = E_STOPPING;
	scripted_goodbye(&f->broker, E_STOPPING);
	UNTIL(f, f->broker.hellos == 3);
	f->broker.hello_answer = E_OK;
	uplinked_live(f);
}

static void no_broker_can_send_an_office_to_sleep_for_good(void **state)
{
	struct uplinked *f = *state;

	f->broker.hello_answer = E_BUSY;
	f->broker.expected = UINT64_MAX / 2;
	UNTIL(f, f->broker.hellos == 1);
	uplinked_turns(f, 20);
	assert_int_equal(f->broker.hellos, 1);
	f->broker.hello_answer = E_OK;
	f->skipped += 61000;
	uplinked_live(f);
}

static void a_broker_that_forgot_the_session_is_greeted_again(void **state)
{
	struct uplinked *f = *state;

	uplinked_live(f);
	f->broker.submit_answer = E_UNEXPECTED;
	uplinked_take_cancels(f, 1);
	UNTIL(f, f->broker.submits == 1);
	f->broker.submit_answer = E_OK;
	UNTIL(f, outbox_receipted(&f->store, 0) == 1);
	assert_int_equal(f->broker.hellos, 2);
}

static void a_greeting_without_an_answer_is_tried_again(void **state)
{
	struct uplinked *f = *state;

	f->broker.silent_hello = true;
	UNTIL(f, f->broker.hellos == 1);
	f->skipped += 5100;
	uplinked_turns(f, 1);
	assert_int_equal(uplinked_state(f), UPLINK_OFFLINE);
	f->broker.silent_hello = false;
	uplinked_live(f);
}

static void a_refusal_that_no_program_can_mend_halts(void **state)
{
	struct uplinked *f = *state;

	f->broker.hello_answer = E_KEY_REVOKED;
	UNTIL(f, uplinked_state(f) == UPLINK_HALTED);
	f->skipped += 60000;
	uplinked_turns(f, 20);
	assert_int_equal(f->broker.hellos, 1);
}

static void a_key_that_is_refused_in_the_handshake_is_told_once(void **state)
{
	struct uplinked *f = *state;

	f->broker.refuses_keys = true;
	UNTIL(f, f->broker.refused_keys == 1);
	f->skipped += 5100; /* until the greeting is given up, for libzmq does not try again by itself */
	UNTIL(f, f->broker.refused_keys == 2);
	uplinked_turns(f, 50);
	assert_int_equal(f->handshake_alarms, 1);
	assert_int_not_equal(uplinked_state(f), UPLINK_HALTED);
	f->broker.refuses_keys = false;
	f->skipped += 6000;
	uplinked_live(f);
}

static void a_bye_ends_the_session(void **state)
{
	struct uplinked *f = *state;

	uplinked_live(f);
	uplink_free(f->uplink);
	f->uplink = NULL;
	for (int i = 0; i < 200 && f->broker.byes == 0; i++)
		scripted_turn(&f->broker);
	assert_int_equal(f->broker.byes, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, uplinked_start, uplinked_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_missed_is_fetched_and_what_is_pushed_arrives),
		TEST(welcome_tells_how_far_the_clocks_are_apart),
		TEST(a_lost_push_is_fetched),
		TEST(an_answer_that_the_feed_overtook_is_not_the_last),
		TEST(what_the_feed_brought_before_the_last_answer_is_fetched),
		TEST(an_office_that_catches_up_while_others_speak_becomes_live),
		TEST(an_answer_is_not_the_last_until_it_says_so),
		TEST(a_publication_that_does_not_open_leads_to_a_fetch),
		TEST(a_replayed_publication_is_not_taken_for_a_sign_of_life),
		TEST(a_silent_feed_ends_the_session),
		TEST(two_signs_of_life_come_before_silence_ends_a_session),
		TEST(a_bad_head_signature_halts),
		TEST(a_superseded_session_halts),
		TEST(a_broker_that_stops_is_waited_for),
		TEST(no_broker_can_send_an_office_to_sleep_for_good),
		TEST(a_broker_that_forgot_the_session_is_greeted_again),
		TEST(a_greeting_without_an_answer_is_tried_again),
		TEST(a_refusal_that_no_program_can_mend_halts),
		TEST(a_key_that_is_refused_in_the_handshake_is_told_once),
		TEST(a_bye_ends_the_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
