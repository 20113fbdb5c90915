/* Tries to lose a report, or to give one number to two, when a history ends: the broker's or the office's own. */
#include "agents/reports/copies.h"
#include "agents/reports/outbox_erase.h"
#include "tests/support/agent_world.h"
#include "common/wire.h"
#include "tests/support/reports.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define MAIN SIMPUL__STREAM__STREAM_MAIN
#define AMBER SIMPUL__LABEL__LABEL_AMBER

struct fixture {
	struct agent_world world;
	struct store store;
	struct agent_office police;
	struct position seen;
	struct outbox_submission next;
	struct fault fault;
};

static int start(void **state)
{
	struct fixture *f = *state = test_calloc(1, sizeof *f);

	agent_world_start(&f->world);
	agent_store_open(&f->world, "police.oku", &f->store);
	agent_office_make(&f->world, "police.oku", 1, &f->police);
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	buffer_free(&f->next.message);
	store_close(&f->store);
	agent_world_end(&f->world);
	test_free(f);
	return 0;
}

static void take(struct fixture *f, struct prepared *prepared)
{
	struct report_name name;

	assert_int_equal(outbox_take(&f->store, &prepared, NULL, 1, false, &name, &f->fault), E_OK);
}

static size_t next(struct fixture *f, uint64_t after)
{
	assert_int_equal(outbox_next(&f->store, &f->police.keys, MAIN, after, &f->seen, &f->next, &f->fault), E_OK);
	return f->next.count;
}

/* The next one that waits is sent and receipted; refused when there is a verdict. */
static void receipted(struct fixture *f, Simpul__Verdict *verdict)
{
	struct buffer encoded = {0};
	Simpul__Receipt *receipt;

	assert_int_equal(next(f, outbox_receipted(&f->store, MAIN)), 1);
	receipt = agent_receipt(&f->world, &f->next.digest, verdict, &encoded);
	assert_int_equal(outbox_receipt(&f->store, receipt, buffer_view(&encoded), &f->next.first, &f->fault), E_OK);
	buffer_free(&encoded);
}

static void judged(struct fixture *f, struct prepared *prepared, Simpul__Verdict *verdict)
{
	take(f, prepared);
	receipted(f, verdict);
}

static void accepted(struct fixture *f, Simpul__Verdict *verdict)
{
	judged(f, agent_sighting(&f->world, AMBER, "a car at the market"), verdict);
}

static Simpul__Header *header_of(struct fixture *f, uint64_t index)
{
	const Simpul__Submission *submission = agent_submission(&f->world, buffer_view(&f->next.message));

	return wire_unpack(&simpul__header__descriptor,
			   BYTES(submission->reports[index]->header.data, submission->reports[index]->header.len),
			   &f->world.arena, &f->fault);
}

static struct recovery kept(uint32_t incarnation, uint64_t entry)
{
	return (struct recovery){.incarnation = incarnation, .from = {.incarnation = incarnation - 1, .entry = entry}};
}

static struct outbox_counts counts_of(struct fixture *f)
{
	struct outbox_counts counts;

	outbox_count(&f->store, &counts);
	return counts;
}

/* ------------------------------------------------------------------ the broker's history */

static void receipts_that_the_broker_lost_are_void_and_the_same_bytes_go_again(void **state)
{
	struct fixture *f = *state;
	uint64_t entry;
	struct recovery recovery;
	struct hash digest;

	accepted(f, NULL);
	entry = f->world.head.entry;
	accepted(f, NULL);
	digest = f->next.digest;
	accepted(f, NULL);
	recovery = kept(2, entry);
	for (int times = 0; times < 2; times++) {
		assert_int_equal(outbox_recover(&f->store, &recovery, 1, &f->fault), E_OK);
		assert_int_equal(outbox_receipted(&f->store, MAIN), 1);
		assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM former_receipt"), 2);
	}
	assert_int_equal(next(f, 1), 1);
	assert_memory_equal(f->next.digest.bytes, digest.bytes, HASH_SIZE);
	assert_int_equal(counts_of(f).accepted, 1);
	assert_int_equal(counts_of(f).sent, 2);
}

static void receipts_of_the_new_incarnation_stand(void **state)
{
	struct fixture *f = *state;
	const struct recovery recovery = kept(2, 0);

	f->world.head.incarnation = 2;
	accepted(f, NULL);
	assert_int_equal(outbox_recover(&f->store, &recovery, 1, &f->fault), E_OK);
	assert_int_equal(outbox_receipted(&f->store, MAIN), 1);
}

static void receipts_of_an_incarnation_that_was_left_out_are_void(void **state)
{
	struct fixture *f = *state;
	struct recovery recovery = {.incarnation = 3, .from = {.incarnation = 1, .entry = 1000}};

	accepted(f, NULL);
	f->world.head.incarnation = 2;
	accepted(f, NULL);
	assert_int_equal(outbox_recover(&f->store, &recovery, 1, &f->fault), E_OK);
	assert_int_equal(outbox_receipted(&f->store, MAIN), 1);
}

static void a_verdict_goes_with_its_receipt(void **state)
{
	struct fixture *f = *state;
	const struct recovery recovery = kept(2, 0);
	Simpul__Verdict verdict = SIMPUL__VERDICT__INIT;

	verdict.number = 1;
	verdict.code = E_EMPTY_AUDIENCE;
	accepted(f, &verdict);
	assert_int_equal(counts_of(f).refused, 1);
	assert_int_equal(outbox_recover(&f->store, &recovery, 1, &f->fault), E_OK);
	assert_int_equal(counts_of(f).refused, 0);
	assert_int_equal(counts_of(f).sent, 1);
}

/* ------------------------------------------------------------------ both */

/* The office's disk was lost after its first report, and a new epoch began. */
static void new_epoch(struct fixture *f)
{
	uint64_t moved;

	assert_int_equal(outbox_begin_epoch(&f->store, 2, "disk lost", &moved, &f->fault), E_OK);
	assert_int_equal(moved, 0);
}

/* Now the broker's, which is put back as it was at this entry. */
static void broker_lost(struct fixture *f, uint64_t entry)
{
	const struct recovery recovery = kept(2, entry);

	for (int times = 0; times < 2; times++)
		assert_int_equal(outbox_recover(&f->store, &recovery, 1, &f->fault), E_OK);
	f->world.head.incarnation = 2;
}

/* What goes under police.oku#2.NUMBER, alone. */
static Simpul__Header *goes(struct fixture *f, uint64_t number)
{
	assert_int_equal(next(f, number - 1), 1);
	return header_of(f, 0);
}

static void assert_void(struct fixture *f, uint64_t number)
{
	assert_int_equal(goes(f, number)->kind, SIMPUL__KIND__KIND_VOID);
	assert_true(f->next.is_void);
}

static void what_was_cancelled_does_not_come_back_under_another_number(void **state)
{
	struct fixture *f = *state;
	struct hash cancel;

	accepted(f, NULL);
	judged(f, agent_update(&f->world, "police.oku", 1, "two cars"), NULL);
	new_epoch(f);
	judged(f, agent_cancel(&f->world, "police.oku", 1), NULL);
	cancel = f->next.digest;
	broker_lost(f, 0);
	goes(f, 1);
	assert_memory_equal(f->next.digest.bytes, cancel.bytes, HASH_SIZE);
	assert_void(f, 2);
	assert_void(f, 3);
	assert_int_equal(next(f, 3), 0);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM outbox WHERE code = 95 AND number > 1"
						 " AND field = 'police.oku#2.1'"),
			 2);
}

/* ... nor does an update whose report the broker has kept, to those who got it with the update alone. */
static void an_update_of_what_was_cancelled_does_not_come_back(void **state)
{
	struct fixture *f = *state;
	uint64_t entry;

	accepted(f, NULL);
	entry = f->world.head.entry;
	judged(f, agent_update(&f->world, "police.oku", 1, "two cars"), NULL);
	new_epoch(f);
	take(f, agent_cancel(&f->world, "police.oku", 1)); /* it was not even sent */
	broker_lost(f, entry);
	assert_int_equal(goes(f, 1)->kind, SIMPUL__KIND__KIND_CANCEL);
	assert_void(f, 2);
}

static void a_cancel_holds_when_it_expired_and_not_when_it_was_refused(void **state)
{
	struct fixture *f = *state;
	const wall_ms now = clock_now().wall;
	struct prepared *cancel = agent_cancel(&f->world, "police.oku", 1);
	size_t erased;

	accepted(f, NULL);
	accepted(f, NULL);
	new_epoch(f);
	cancel->header->expires = now + 1;
	judged(f, cancel, NULL);
	assert_int_equal(store_begin(&f->store, &f->fault), E_OK);
	assert_int_equal(outbox_erase_expired(&f->store, now + 1, 1, &erased, &f->fault), E_OK);
	assert_int_equal(store_commit(&f->store, &f->fault), E_OK);
	assert_int_equal(erased, 1);
	take(f, agent_cancel(&f->world, "police.oku", 2));
	assert_int_equal(next(f, 1), 1);
	assert_int_equal(outbox_reject(&f->store, &f->next.first, E_INVALID, "header", &f->fault), E_OK);
	broker_lost(f, 0);
	assert_void(f, 1);
	assert_void(f, 2);
	assert_void(f, 3);
	assert_int_equal(goes(f, 4)->kind, SIMPUL__KIND__KIND_SIGHTING);
}

static void an_update_comes_after_the_report_that_got_another_number(void **state)
{
	struct fixture *f = *state;
	const Simpul__Header *header;

	accepted(f, NULL);
	new_epoch(f);
	judged(f, agent_update(&f->world, "police.oku", 1, "two cars"), NULL);
	accepted(f, NULL);
	broker_lost(f, 0);
	assert_void(f, 1);
	assert_int_equal(goes(f, 2)->kind, SIMPUL__KIND__KIND_SIGHTING);
	assert_int_equal(goes(f, 3)->kind, SIMPUL__KIND__KIND_SIGHTING);
	header = goes(f, 4);
	assert_int_equal(header->kind, SIMPUL__KIND__KIND_UPDATE);
	assert_int_equal(header->name->number, 4);
	assert_int_equal(header->references[0]->epoch, 2);
	assert_int_equal(header->references[0]->number, 3);
	assert_int_equal(counts_of(f).sent, 3);
	assert_int_equal(counts_of(f).refused, 1);
}

/* The broker has the report and neither update. */
static void an_older_update_does_not_take_the_place_of_a_newer_one(void **state)
{
	struct fixture *f = *state;
	uint64_t entry;

	accepted(f, NULL);
	entry = f->world.head.entry;
	judged(f, agent_update(&f->world, "police.oku", 1, "two cars"), NULL);
	new_epoch(f);
	judged(f, agent_update(&f->world, "police.oku", 1, "three cars"), NULL);
	broker_lost(f, entry);
	assert_void(f, 1);
	assert_int_equal(goes(f, 2)->references[0]->epoch, 1);
	assert_int_equal(goes(f, 3)->references[0]->epoch, 1);
	assert_int_equal(agent_number(&f->store, "SELECT number FROM outbox_report WHERE epoch = 2"
						 " AND instr(body, CAST('two cars' AS BLOB)) > 0"),
			 2);
}

static void who_erased_a_report_is_known_under_its_other_number(void **state)
{
	const struct report_name now = {"police.oku", 2, MAIN, 1};
	struct fixture *f = *state;
	json_t *copies = json_array();

	accepted(f, NULL);
	test_sql(&f->store, "INSERT INTO purged VALUES(1, 0, 1, 'army.oku', 1, 1, 7, 2, 1, x'')");
	new_epoch(f);
	broker_lost(f, 0);
	assert_int_equal(copies_answered(&f->store, &now, copies, &f->fault), E_OK);
	assert_int_equal(json_array_size(copies), 1);
	json_decref(copies);
}

/* Both rows of it go with what they are about. */
static void what_got_another_number_is_erased_under_both(void **state)
{
	struct fixture *f = *state;
	struct prepared *retraction = agent_retraction(&f->world, "police.oku", 2);

	accepted(f, NULL);
	new_epoch(f);
	judged(f, agent_update(&f->world, "police.oku", 1, "two cars"), NULL);
	broker_lost(f, 0);
	for (int i = 0; i < 3; i++)
		receipted(f, NULL);
	retraction->header->references[0]->epoch = 2;
	judged(f, retraction, NULL);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM outbox_report WHERE length(body) > 0"), 1);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM submission"
						 " WHERE instr(message, CAST('two cars' AS BLOB)) > 0"),
			 0);
}

/* ------------------------------------------------------------------ the office's own */

static void a_new_epoch_takes_along_what_has_no_receipt(void **state)
{
	struct fixture *f = *state;
	uint64_t moved;

	accepted(f, NULL);
	take(f, agent_sighting(&f->world, AMBER, "frozen"));
	assert_int_equal(next(f, 1), 1);
	take(f, agent_cancel(&f->world, "police.oku", 2));
	assert_int_equal(outbox_begin_epoch(&f->store, 0, "disk lost", &moved, &f->fault), E_OK);
	assert_int_equal(f->store.epoch, 2);
	assert_int_equal(moved, 2);
	assert_int_equal(next(f, 0), 1);
	assert_int_equal(header_of(f, 0)->name->epoch, 2);
	assert_int_equal(header_of(f, 0)->name->number, 1);
	assert_int_equal(next(f, 1), 1);
	assert_int_equal(header_of(f, 0)->references[0]->epoch, 2);
	assert_int_equal(header_of(f, 0)->references[0]->number, 1);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM outbox_report WHERE epoch = 1"), 1);
	assert_int_equal(counts_of(f).accepted, 1);
	assert_int_equal(counts_of(f).sent, 2);
	assert_int_equal(counts_of(f).waiting, 0);
}

static void an_epoch_is_above_all_that_were_told_of(void **state)
{
	struct fixture *f = *state;
	Simpul__StreamState stream = SIMPUL__STREAM_STATE__INIT, *streams[] = {&stream};
	Simpul__Welcome welcome = SIMPUL__WELCOME__INIT;
	uint64_t moved;

	stream.epoch = 4;
	welcome.n_streams = 1;
	welcome.streams = streams;
	outbox_note_epochs(&f->store, &welcome);
	stream.epoch = 2; /* by a broker that was put back in between */
	outbox_note_epochs(&f->store, &welcome);
	assert_int_equal(outbox_begin_epoch(&f->store, 4, "x", &moved, &f->fault), E_EPOCH);
	assert_int_equal(f->store.epoch, 1);
	assert_int_equal(outbox_begin_epoch(&f->store, 0, "x", &moved, &f->fault), E_OK);
	assert_int_equal(f->store.epoch, 5);
	assert_int_equal(outbox_begin_epoch(&f->store, 0, "y", &moved, &f->fault), E_OK);
	assert_int_equal(f->store.epoch, 6);
}

static void a_store_out_of_a_backup_is_refused_until_then(void **state)
{
	struct fixture *f = *state;
	char *from = agent_world_path(&f->world, "police.oku"), *to = agent_world_path(&f->world, "copy");
	struct store copy;
	uint64_t moved;

	accepted(f, NULL);
	assert_int_equal(backup_database(from, to, STORE_VERSION, true, &f->fault), E_OK);
	assert_int_equal(store_open(&copy, to, NULL, f->world.join.exchange, "police.oku", &f->fault), E_HISTORY_DIFFERS);
	assert_int_equal(store_open_marked(&copy, to, NULL, f->world.join.exchange, "police.oku", &f->fault), E_OK);
	assert_int_equal(outbox_begin_epoch(&copy, 0, "x", &moved, &f->fault), E_OK);
	store_close(&copy);
	assert_int_equal(store_open(&copy, to, NULL, f->world.join.exchange, "police.oku", &f->fault), E_OK);
	assert_int_equal(copy.epoch, 2);
	store_close(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(receipts_that_the_broker_lost_are_void_and_the_same_bytes_go_again,
						start, end),
		cmocka_unit_test_setup_teardown(receipts_of_the_new_incarnation_stand, start, end),
		cmocka_unit_test_setup_teardown(receipts_of_an_incarnation_that_was_left_out_are_void, start, end),
		cmocka_unit_test_setup_teardown(a_verdict_goes_with_its_receipt, start, end),
		cmocka_unit_test_setup_teardown(what_was_cancelled_does_not_come_back_under_another_number, start, end),
		cmocka_unit_test_setup_teardown(an_update_of_what_was_cancelled_does_not_come_back, start, end),
		cmocka_unit_test_setup_teardown(a_cancel_holds_when_it_expired_and_not_when_it_was_refused, start, end),
		cmocka_unit_test_setup_teardown(an_update_comes_after_the_report_that_got_another_number, start, end),
		cmocka_unit_test_setup_teardown(an_older_update_does_not_take_the_place_of_a_newer_one, start, end),
		cmocka_unit_test_setup_teardown(who_erased_a_report_is_known_under_its_other_number, start, end),
		cmocka_unit_test_setup_teardown(what_got_another_number_is_erased_under_both, start, end),
		cmocka_unit_test_setup_teardown(a_new_epoch_takes_along_what_has_no_receipt, start, end),
		cmocka_unit_test_setup_teardown(an_epoch_is_above_all_that_were_told_of, start, end),
		cmocka_unit_test_setup_teardown(a_store_out_of_a_backup_is_refused_until_then, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
