/* Tries to lose what an authority ordered to be kept, to keep it longer or by one person, and to read it in secret. */
#include "agents/reports/hold_keep.h"
#include "agents/reports/legal_hold.h"
#include "agents/reports/proof.h"
#include "common/wire.h"
#include "tests/support/offices.h"
#include "tests/support/reports.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MAIN SIMPUL__STREAM__STREAM_MAIN
#define AMBER SIMPUL__LABEL__LABEL_AMBER
#define CANARY "ERIKSSON<<ANNA<MARIA"

static const struct hold_person ani = {1001, "ani"}, budi = {1002, "budi"};

static enum error hold_place(struct offices *f, struct store *store, uint64_t number, uint64_t hours, uint64_t *id)
{
	const struct hold_order order = {.report = {"police.oku", 1, 0, number},
					 .authority = "PN-BATURAJA",
					 .order = "12/Pid.Sus/2026",
					 .reason = "investigation",
					 .until = f->now.wall + hours * HOUR_MS};

	return legal_hold_place(store, &order, &ani, f->now.wall, id, &f->fault);
}

static uint64_t hold(struct offices *f, struct store *store, uint64_t number, uint64_t hours)
{
	uint64_t id;

	assert_int_equal(hold_place(f, store, number, hours, &id), E_OK);
	assert_int_equal(legal_hold_confirm(store, id, &budi, f->now.wall, &f->fault), E_OK);
	return id;
}

static void assert_kept(struct offices *f, struct store *store, const char *summary, bool proven)
{
	const struct report_name name = {"police.oku", 1, 0, 1};
	struct proof_finding finding;
	struct kept kept;

	assert_int_equal(hold_keep_read(store, &name, &f->world.arena, &kept, &f->fault), E_OK);
	assert_string_equal(kept.body->sighting->summary, summary);
	assert_true((kept.proof != NULL) == proven);
	if (proven)
		assert_int_equal(proof_check(kept.proof, f->world.join.exchange, f->world.join.authority,
					     &f->world.arena, &finding, &f->fault),
				 E_OK);
}

static uint64_t kept_count(struct offices *f)
{
	return agent_number(&f->store, "SELECT count(*) FROM kept");
}

/* What the army's newest answer says of its own copy; answers from number `first` on were not sent yet. */
static const Simpul__SinkPurge *own_copy(struct offices *f, uint64_t first, struct buffer *body)
{
	const struct position seen = {0};
	struct outbox_submission answer = {0};
	const Simpul__Submission *submission;
	const Simpul__PurgeReceipt *receipt;

	assert_int_equal(outbox_next(&f->store, &f->army.keys, MAIN, first - 1, &seen, &answer, &f->fault), E_OK);
	assert_in_range(answer.count, 1, OFFICES_MOST);
	submission = agent_submission(&f->world, buffer_view(&answer.message));
	buffer_clear(body);
	buffer_bytes(body, of_binary(submission->reports[answer.count - 1]->body));
	receipt = offices_purge_receipt(f, body);
	assert_int_equal(receipt->n_purged, 1);
	assert_int_equal(receipt->purged[0]->n_sinks, 1);
	assert_string_equal(receipt->purged[0]->sinks[0]->sink, HOLD_KEEP_SINK);
	buffer_free(&answer.message);
	return receipt->purged[0]->sinks[0];
}

static void what_is_held_leaves_the_inbox_and_its_origin_hears_held_and_at_the_end_erased(void **state)
{
	struct offices *f = *state;
	const Simpul__SinkPurge *copy;
	struct buffer body = {0};

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	hold(f, &f->store, 1, 48);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(offices_rows(f, "number = 1 AND erased_at > 0 AND length(body) = 0"), 1);
	assert_true(offices_purge(f));
	assert_kept(f, &f->store, CANARY, true);
	copy = own_copy(f, 1, &body);
	assert_int_equal(copy->outcome, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD);
	assert_string_equal(copy->basis->code, "PN-BATURAJA");
	assert_string_equal(copy->basis->number, "12/Pid.Sus/2026");
	assert_true(copy->until == f->now.wall + 48 * HOUR_MS);
	f->now.wall += 47 * HOUR_MS;
	offices_reopen(f);
	offices_purge(f);
	assert_true(offices_files_hold(f, "army.oku", CANARY));
	f->now.wall += 2 * HOUR_MS;
	offices_purge(f);
	offices_purge(f);
	assert_false(offices_files_hold(f, "army.oku", CANARY));
	assert_int_equal(own_copy(f, 2, &body)->outcome, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	buffer_free(&body);
}

/* It could not be verified when it came, and could when it came again: both rows bear the name. */
static void an_origin_hears_held_though_another_row_of_the_name_is_bad(void **state)
{
	struct offices *f = *state;
	struct buffer body = {0};

	offices_apply(f, agent_delivery(&f->world, offices_send(f, agent_sighting(&f->world, AMBER, CANARY))));
	test_sql(&f->store, "UPDATE inbox SET trust = 2");
	offices_apply(f, agent_delivery(&f->world, agent_submission(&f->world, buffer_view(&f->sent.message))));
	assert_int_equal(offices_rows(f, "number = 1"), 2);
	hold(f, &f->store, 1, 48);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_true(offices_purge(f));
	assert_kept(f, &f->store, CANARY, true);
	assert_int_equal(own_copy(f, 1, &body)->outcome, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_HELD);
	f->now.wall += 25 * HOUR_MS; /* the retraction expires */
	offices_purge(f);
	f->now.wall += 24 * HOUR_MS;
	offices_purge(f);
	offices_purge(f);
	assert_int_equal(own_copy(f, 2, &body)->outcome, SIMPUL__PURGE_OUTCOME__PURGE_OUTCOME_ERASED);
	buffer_free(&body);
}

static void one_person_is_not_enough_to_keep_anything(void **state)
{
	struct offices *f = *state;
	uint64_t id;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	assert_int_equal(hold_place(f, &f->store, 1, 48, &id), E_OK);
	assert_int_equal(legal_hold_confirm(&f->store, id, &ani, f->now.wall, &f->fault), E_TWO_OPERATORS);
	assert_int_equal(legal_hold_confirm(&f->store, id, &budi, f->now.wall + 25 * HOUR_MS, &f->fault), E_NOT_FOUND);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	offices_purge(f);
	assert_false(offices_files_hold(f, "army.oku", CANARY));
	assert_int_equal(legal_hold_confirm(&f->store, id, &budi, f->now.wall, &f->fault), E_ERASED); /* too late */
	assert_int_equal(hold_place(f, &f->store, 1, 48, &id), E_ERASED);
	assert_int_equal(hold_place(f, &f->store, 9, 48, &id), E_NOT_FOUND);
	assert_int_equal(hold_place(f, &f->store, 1, 367 * 24, &id), E_EXPIRES_TOO_LATE);
}

static void what_is_lifted_goes_unless_another_order_keeps_it(void **state)
{
	struct offices *f = *state;
	uint64_t first, second, id;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	first = hold(f, &f->store, 1, 48);
	second = hold(f, &f->store, 1, 72);
	f->now.wall += 25 * HOUR_MS; /* it has expired */
	offices_purge(f);
	assert_kept(f, &f->store, CANARY, true);
	assert_int_equal(legal_hold_lift(&f->store, first, "order withdrawn", &ani, f->now.wall, &id, &f->fault), E_OK);
	assert_int_equal(legal_hold_confirm(&f->store, id, &budi, f->now.wall, &f->fault), E_OK);
	offices_purge(f);
	assert_kept(f, &f->store, CANARY, true);
	assert_int_equal(legal_hold_lift(&f->store, second, "order withdrawn", &budi, f->now.wall, &id, &f->fault),
			 E_OK);
	assert_int_equal(legal_hold_confirm(&f->store, id, &budi, f->now.wall, &f->fault), E_TWO_OPERATORS);
	assert_int_equal(legal_hold_confirm(&f->store, id, &ani, f->now.wall, &f->fault), E_OK);
	offices_purge(f);
	assert_false(offices_files_hold(f, "army.oku", CANARY));
}

static void a_proof_that_cannot_be_made_keeps_nothing_from_being_erased_or_kept(void **state)
{
	struct offices *f = *state;

	for (uint64_t number = 1; number <= 3; number++)
		offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	hold(f, &f->store, 1, 48);
	hold(f, &f->store, 2, 48);
	test_sql(&f->store, "UPDATE inbox_delivery SET proof = x'ff' WHERE delivery_id < 3");
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(offices_rows(f, "number = 1 AND erased_at > 0 AND rule = 2"), 1);
	assert_kept(f, &f->store, CANARY, false);
	f->now.wall += 25 * HOUR_MS;
	offices_purge(f);
	assert_int_equal(offices_rows(f, "number IN (2, 3) AND erased_at > 0 AND rule = 1"), 2);
	assert_int_equal(kept_count(f), 2);
}

/* Retractions need no clock: what is over by one that is wrong is not over. */
static void no_order_ends_by_a_clock_that_is_in_doubt(void **state)
{
	struct offices *f = *state;
	struct uplink_status status;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	hold(f, &f->store, 1, 1);
	f->now.wall += 90 * 24 * HOUR_MS;
	f->now.steady += PURGE_EVERY_MS;
	status = (struct uplink_status){.broker_time = f->now.wall - 80 * 24 * HOUR_MS};
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	purge_step(&f->purge, &status, &f->now);
	assert_kept(f, &f->store, CANARY, true);
}

/* The army's loop comes round so much later. */
static void later(struct offices *f, uint64_t ms)
{
	struct uplink_status status;

	f->now.wall += ms;
	f->now.steady += ms;
	status = (struct uplink_status){.broker_time = f->now.wall};
	purge_step(&f->purge, &status, &f->now);
}

static void each_order_ends_in_time_though_another_ended_just_before(void **state)
{
	enum { APART_MS = 20000, TURN_MS = 100 };
	struct offices *f = *state;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	hold(f, &f->store, 1, 1);
	f->now.wall += APART_MS;
	hold(f, &f->store, 2, 1);
	for (uint64_t number = 1; number <= 2; number++)
		offices_deliver(f, agent_retraction(&f->world, "police.oku", number));
	later(f, HOUR_MS - APART_MS - 1);
	assert_int_equal(kept_count(f), 2);
	later(f, TURN_MS);
	assert_int_equal(kept_count(f), 1);
	later(f, TURN_MS);
	later(f, APART_MS - TURN_MS);
	assert_int_equal(kept_count(f), 0);
}

/* As while somebody writes a copy of the store for long. */
static void what_an_order_kept_goes_once_the_store_can_be_written_again(void **state)
{
	struct offices *f = *state;
	sqlite3 *other;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	hold(f, &f->store, 1, 1);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	sqlite3_busy_timeout(f->store.db, 1);
	assert_int_equal(sqlite3_open(agent_world_path(&f->world, "army.oku"), &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	later(f, 2 * HOUR_MS);
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_int_equal(kept_count(f), 1);
	later(f, 5000);
	assert_int_equal(kept_count(f), 0);
}

static void an_own_report_is_kept_too(void **state)
{
	struct offices *f = *state;

	offices_send_sighting(f, CANARY);
	offices_receipted(f);
	hold(f, &f->sender, 1, 48);
	assert_int_equal(store_member(&f->sender, 1, &f->police.member, NULL), E_OK);
	offices_send(f, agent_retraction(&f->world, "police.oku", 1));
	offices_receipted(f);
	offices_sender_purge(f);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM outbox WHERE erased_at > 0"), 1);
	assert_kept(f, &f->sender, CANARY, true);
	f->now.wall += 49 * HOUR_MS;
	offices_sender_purge(f);
	offices_sender_purge(f);
	assert_false(offices_files_hold(f, "police.oku", CANARY));
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM outbox_report"), 2); /* nobody is told */
}

/* As after a backup of the store was put back. */
static void an_order_goes_with_an_own_report_that_gets_another_number(void **state)
{
	const struct report_name before = {"police.oku", 1, 0, 1}, now = {"police.oku", 2, 0, 1};
	struct offices *f = *state;
	struct hold_basis basis;
	uint64_t moved;

	offices_send_sighting(f, CANARY);
	hold(f, &f->sender, 1, 48);
	assert_int_equal(outbox_begin_epoch(&f->sender, 2, "disk lost", &moved, &f->fault), E_OK);
	assert_int_equal(moved, 1);
	assert_int_equal(legal_hold_find(&f->sender, &now, &basis, &f->fault), E_OK);
	assert_string_equal(basis.order, "12/Pid.Sus/2026");
	assert_int_equal(legal_hold_find(&f->sender, &before, &basis, &f->fault), E_NOT_FOUND);
}

/* As after the disk of the office was lost, and then that of the broker. */
static void what_is_kept_goes_with_an_own_report_that_gets_another_number(void **state)
{
	const struct report_name now = {"police.oku", 2, 0, 1};
	struct offices *f = *state;
	const struct recovery recovery = {.incarnation = 2, .from = {1, f->world.head.entry, {{0}}}};
	struct kept kept;
	uint64_t moved;

	offices_send_sighting(f, CANARY);
	offices_receipted(f);
	hold(f, &f->sender, 1, 48);
	f->now.wall += 25 * HOUR_MS;
	offices_sender_purge(f);
	assert_int_equal(legal_hold_note_opening(&f->sender, &(struct report_name){"police.oku", 1, 0, 1},
						 "for the court", &ani, f->now.wall, &f->fault),
			 E_OK);
	assert_int_equal(outbox_begin_epoch(&f->sender, 2, "disk lost", &moved, &f->fault), E_OK);
	assert_int_equal(moved, 0);
	assert_int_equal(outbox_recover(&f->sender, &recovery, 1, &f->fault), E_OK);
	offices_sender_purge(f);
	offices_sender_purge(f);
	assert_int_equal(hold_keep_read(&f->sender, &now, &f->world.arena, &kept, &f->fault), E_OK);
	assert_string_equal(kept.body->sighting->summary, CANARY);
	assert_int_equal(agent_number(&f->sender, "SELECT epoch FROM opening"), 2);
	f->now.wall += 24 * HOUR_MS;
	offices_sender_purge(f);
	offices_sender_purge(f);
	assert_false(offices_files_hold(f, "police.oku", CANARY));
}

/* Inside the transaction that erases it. */
static void the_proof_of_an_own_report_is_found_without_going_through_the_outbox(void **state)
{
	enum { BEFORE = 40 };
	const struct report_name last = {"police.oku", 1, MAIN, BEFORE + 1};
	struct offices *f = *state;
	uint64_t number = 1;

	for (; number <= BEFORE + 1; number++) {
		offices_send_sighting(f, CANARY);
		offices_receipted(f);
	}
	hold(f, &f->sender, last.number, 48);
	test_steps(&f->sender);
	assert_int_equal(
		hold_keep_own(&f->sender, &last, SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED, f->now.wall, &f->fault), E_OK);
	assert_int_equal(agent_number(&f->sender, "SELECT count(*) FROM kept"), 1);
	assert_in_range(test_steps(&f->sender), 1, 300);
}

static void who_reads_what_is_kept_is_recorded(void **state)
{
	const struct report_name name = {"police.oku", 1, 0, 1};
	struct offices *f = *state;
	json_t *list;

	offices_deliver(f, agent_sighting(&f->world, AMBER, CANARY));
	hold(f, &f->store, 1, 48);
	assert_int_equal(legal_hold_note_opening(&f->store, &name, "for the court", &ani, f->now.wall, &f->fault),
			 E_NOT_FOUND);
	offices_deliver(f, agent_retraction(&f->world, "police.oku", 1));
	assert_int_equal(legal_hold_note_opening(&f->store, &name, "Anna, Maria", &ani, f->now.wall, &f->fault),
			 E_INVALID);
	assert_int_equal(legal_hold_note_opening(&f->store, &name, "for the court", &ani, f->now.wall, &f->fault),
			 E_OK);
	assert_int_equal(legal_hold_list(&f->store, f->now.wall, &list, &f->fault), E_OK);
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "state")), "kept");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 0), "confirmed_by")), "budi");
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "opened_by")), "ani");
	json_decref(list);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, offices_start, offices_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_held_leaves_the_inbox_and_its_origin_hears_held_and_at_the_end_erased),
		TEST(an_origin_hears_held_though_another_row_of_the_name_is_bad),
		TEST(one_person_is_not_enough_to_keep_anything),
		TEST(what_is_lifted_goes_unless_another_order_keeps_it),
		TEST(a_proof_that_cannot_be_made_keeps_nothing_from_being_erased_or_kept),
		TEST(no_order_ends_by_a_clock_that_is_in_doubt),
		TEST(each_order_ends_in_time_though_another_ended_just_before),
		TEST(what_an_order_kept_goes_once_the_store_can_be_written_again),
		TEST(an_own_report_is_kept_too),
		TEST(an_order_goes_with_an_own_report_that_gets_another_number),
		TEST(what_is_kept_goes_with_an_own_report_that_gets_another_number),
		TEST(the_proof_of_an_own_report_is_found_without_going_through_the_outbox),
		TEST(who_reads_what_is_kept_is_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
