/* Tries to lead an uplink into another history, and to bring it under keys that are not its broker's. */
#include "tests/support/uplinked.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---- a broker that was restored */

static void a_broker_that_was_restored_is_followed_back(void **state)
{
	struct uplinked *f = *state;
	const struct position none = {.incarnation = 1};

	uplinked_live(f);
	f->broker.cursor = &none;
	f->broker.acked = 0;
	scripted_recover(&f->broker, &none, &f->world.broker.signing);
	f->broker.entries[f->broker.entry_count++] = agent_member(&f->world, &f->police);
	UNTIL(f, f->broker.hellos == 2 && uplinked_state(f) == UPLINK_LIVE);
	assert_int_equal(inbox_cursor(f->inbox).incarnation, 2);
	assert_int_equal(inbox_cursor(f->inbox).entry, 2);
}

static void a_recovery_that_the_broker_did_not_sign_halts(void **state)
{
	struct uplinked *f = *state;
	const struct position none = {.incarnation = 1};
	struct signing_key other;

	signing_key_generate(&other);
	uplinked_live(f);
	f->broker.cursor = &none;
	scripted_recover(&f->broker, &none, &other);
	UNTIL(f, uplinked_state(f) == UPLINK_HALTED);
	assert_int_equal(uplinked_fault(f), E_BAD_SIGNATURE);
}

static void a_cursor_after_what_was_kept_halts(void **state)
{
	struct uplinked *f = *state;
	const struct position none = {.incarnation = 1};
	struct position ours;

	uplinked_live(f);
	ours = inbox_cursor(f->inbox);
	f->broker.cursor = &ours;
	scripted_recover(&f->broker, &none, &f->world.broker.signing);
	UNTIL(f, uplinked_state(f) == UPLINK_HALTED);
	assert_int_equal(uplinked_fault(f), E_HISTORY_DIFFERS);
}

static void another_history_halts(void **state)
{
	struct uplinked *f = *state;

	uplinked_live(f);
	f->world.head.head.bytes[0] ^= 1;
	scripted_goodbye(&f->broker, E_STOPPING);
	UNTIL(f, uplinked_state(f) == UPLINK_HALTED);
	assert_int_equal(uplinked_fault(f), E_HISTORY_DIFFERS);
}

/* ---- keys of the broker */

static void a_receipt_from_before_the_brokers_key_changed_is_taken(void **state)
{
	struct uplinked *f = *state;
	const struct signing_key former = f->world.broker.signing;
	struct broker_keys newer;

	f->broker.silent_submit = true;
	uplinked_live(f);
	uplinked_take_cancels(f, 1);
	UNTIL(f, f->broker.submits == 1);
	scripted_renew(&f->broker, &newer, f->world.head.entry + 2);
	f->world.broker.signing = newer.signing;
	f->broker.silent_submit = false;
	f->broker.receipts_by = &former; /* of the entry before that from which the newer one is in force */
	scripted_goodbye(&f->broker, E_STOPPING);
	UNTIL(f, outbox_receipted(&f->store, 0) == 1);
	assert_int_equal(f->broker.hellos, 2);
	assert_memory_equal(f->world.join.broker_signing, newer.signing.public_key, KEY_SIZE);
	/* And what comes after it under the newer one. */
	f->broker.receipts_by = NULL;
	uplinked_take_cancels(f, 1);
	UNTIL(f, outbox_receipted(&f->store, 0) == 2);
}

static void a_receipt_under_the_former_key_after_the_change_is_not_believed(void **state)
{
	struct uplinked *f = *state;
	const struct signing_key former = f->world.broker.signing;
	struct broker_keys newer;

	uplinked_live(f);
	scripted_renew(&f->broker, &newer, 1);
	f->world.broker.signing = newer.signing;
	f->broker.receipts_by = &former;
	scripted_goodbye(&f->broker, E_STOPPING);
	uplinked_take_cancels(f, 1);
	UNTIL(f, uplinked_state(f) == UPLINK_HALTED);
	assert_int_equal(uplinked_fault(f), E_BAD_SIGNATURE);
	assert_int_equal(outbox_receipted(&f->store, 0), 0);
}

static void a_recovery_from_before_the_brokers_key_changed_is_followed(void **state)
{
	struct uplinked *f = *state;
	const struct position none = {.incarnation = 1};
	const struct signing_key former = f->world.broker.signing;
	struct broker_keys newer;

	uplinked_live(f);
	f->broker.cursor = &none;
	f->broker.acked = 0;
	scripted_renew(&f->broker, &newer, 3);
	scripted_recover(&f->broker, &none, &former);
	f->world.broker.signing = newer.signing;
	f->broker.entries[f->broker.entry_count++] = agent_member(&f->world, &f->police);
	UNTIL(f, f->broker.hellos == 2 && uplinked_state(f) == UPLINK_LIVE);
	assert_int_equal(inbox_cursor(f->inbox).incarnation, 2);
}

static void newer_keys_that_the_authority_did_not_sign_halt(void **state)
{
	struct uplinked *f = *state;
	struct broker_keys newer;

	uplinked_live(f);
	scripted_renew(&f->broker, &newer, 1);
	f->broker.terms->terms[0]->succession->authority_signature.data[0] ^= 1;
	f->world.broker.signing = newer.signing;
	scripted_goodbye(&f->broker, E_STOPPING);
	UNTIL(f, uplinked_state(f) == UPLINK_HALTED);
	assert_int_equal(uplinked_fault(f), E_BAD_SIGNATURE);
}

/* The present keys and those that were announced go in turn, so the office comes in when it is the present ones after
 * all. */
static void keys_that_are_announced_and_not_in_force_keep_nobody_out(void **state)
{
	struct uplinked *f = *state;

	f->ring.terms.is_announced = true;
	memset(f->ring.terms.announced.curve_key, 7, KEY_SIZE);
	f->broker.refuses_keys = true;
	UNTIL(f, uplinked_fault(f) == E_KEY_UNKNOWN && uplinked_state(f) == UPLINK_OFFLINE);
	assert_int_equal(f->handshake_alarms, 0); /* the other ones come first */
	UNTIL(f, f->broker.refused_keys >= 1);
	f->broker.refuses_keys = false;
	for (int tries = 0; tries < 6 && uplinked_state(f) != UPLINK_LIVE; tries++) {
		f->skipped += 6000;
		uplinked_turns(f, 200);
	}
	uplinked_live(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, uplinked_start, uplinked_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_broker_that_was_restored_is_followed_back),
		TEST(a_recovery_that_the_broker_did_not_sign_halts),
		TEST(a_cursor_after_what_was_kept_halts),
		TEST(another_history_halts),
		TEST(a_receipt_from_before_the_brokers_key_changed_is_taken),
		TEST(a_receipt_under_the_former_key_after_the_change_is_not_believed),
		TEST(a_recovery_from_before_the_brokers_key_changed_is_followed),
		TEST(newer_keys_that_the_authority_did_not_sign_halt),
		TEST(keys_that_are_announced_and_not_in_force_keep_nobody_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
