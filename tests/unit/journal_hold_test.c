/* journal_hold_test - tries to destroy what an authority ordered to be kept, to hand it on, to keep it beyond the
 * order, and to forge an order. */
#include "broker/journal/journal_held.h"
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/support/holding.h"
#include "tests/support/ledger.h"
#include "tests/support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TO(node) (1u << (node))
#define EXPIRES (LEDGER_START + 3600 * 1000)
#define UNTIL (EXPIRES + 48 * 3600 * 1000)
#define CANARY "Eriksson, Anna Maria, L898902C3"
#define EXPIRED SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED
#define RETRACTED SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED
#define FORMER SIMPUL__PURGE_RULE__PURGE_RULE_FORMER

static const struct saying three = {
	.origin = POLICE, .first = 1, .count = 3, .audience = TO(ARMY), .body = CANARY, .expires = EXPIRES};

/* Entry 7 are three reports of the police. */
static int setup(void **state)
{
	struct ledger *ledger = *state = memory_zero(1, sizeof(*ledger));

	ledger_open(ledger);
	assert_int_equal(ledger_say(ledger, &three), 7);
	return 0;
}

static int teardown(void **state)
{
	ledger_close(*state);
	free(*state);
	return 0;
}

/* ---------------------------------------------------------------------------- what people and the core do */

static enum error hold_try(struct ledger *ledger, const struct holding *holding, uint64_t *entry)
{
	struct journal_append *append = journal_append_new();
	enum error error;

	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_HOLD;
	holding_pack(holding, ledger->exchange, ledger->now, &append->content);
	assert_int_equal(ledger_commit(ledger, append, NULL), E_OK);
	error = append->result.code;
	*entry = append->entry;
	journal_append_free(append);
	return error;
}

/* Of report `number` of the police; the entry. */
static uint64_t hold(struct ledger *ledger, uint64_t number, wall_ms until)
{
	uint64_t entry;

	assert_int_equal(
		hold_try(ledger, &(struct holding){ledger_nodes[POLICE], number, until, 0, false, false}, &entry),
		E_OK);
	return entry;
}

static enum error lift(struct ledger *ledger, uint64_t number, uint64_t lifts)
{
	uint64_t entry;

	return hold_try(ledger, &(struct holding){ledger_nodes[POLICE], number, 0, lifts, false, false}, &entry);
}

static uint64_t take_back(struct ledger *ledger, uint64_t first, uint64_t reference)
{
	return ledger_say(ledger, &(struct saying){.origin = POLICE,
						   .first = first,
						   .kind = SIMPUL__KIND__KIND_CANCEL,
						   .reference = reference,
						   .audience = TO(ARMY),
						   .erase = true});
}

static struct journal_due due_at(const struct ledger *ledger, wall_ms now)
{
	return ledger_due(&ledger->options, now);
}

/* What the core does at this time; how many were listed. */
static size_t bury(struct ledger *ledger, wall_ms now)
{
	const struct journal_due due = due_at(ledger, now);

	if (now > ledger->now)
		ledger->now = now;
	if (due.count > 0)
		ledger_bury(ledger, due.list, due.count);
	return due.count;
}

/* ---------------------------------------------------------------------------- what is seen */

/* How many bodies of the first entry the army gets. */
static size_t whole(const struct ledger *ledger)
{
	return ledger_sent(ledger, ARMY, 7).whole;
}

/* How many an authority could be given. */
static size_t there(const struct ledger *ledger)
{
	return ledger_held(ledger, POLICE, 7).whole;
}

static struct journal_verdict verdict_in(const struct journal_options *options)
{
	struct journal_verdict verdict;

	assert_int_equal(journal_verify(options, NULL, &verdict, NULL), E_OK);
	return verdict;
}

static struct journal_verdict verdict_of(const struct ledger *ledger)
{
	const struct journal_verdict verdict = verdict_in(&ledger->options);
	struct journal_verdict alone;
	char *file = memory_format("%s/journal.db", ledger->path);

	assert_int_equal(journal_audit(file, ledger->authority.public_key, NULL, &alone, NULL), E_OK);
	assert_string_equal(alone.what, verdict.what);
	free(file);
	return verdict;
}

static void assert_verifies(const struct ledger *ledger)
{
	assert_string_equal(verdict_of(ledger).what, "");
}

/* ---------------------------------------------------------------------------- tests */

static void what_is_held_outlives_its_expiry_goes_to_nobody_and_dies_with_the_hold(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = hold(ledger, 2, UNTIL);
	struct journal_due due;

	assert_int_equal(whole(ledger), 3); /* as ever, before it is due */
	due = due_at(ledger, EXPIRES + 10000);
	assert_int_equal(due.count, 3);
	assert_int_equal(due.list[1].hold, entry);
	assert_int_equal(due.held_until, UNTIL);
	assert_int_equal(bury(ledger, EXPIRES + 10000), 3);
	assert_int_equal(whole(ledger), 0);
	assert_int_equal(there(ledger), 1);
	assert_int_equal(bury(ledger, UNTIL - 1), 0); /* once is enough */
	assert_int_equal(there(ledger), 1);
	assert_verifies(ledger);
	due = due_at(ledger, UNTIL);
	assert_int_equal(due.count, 1);
	assert_int_equal(due.list[0].rule, EXPIRED);
	assert_int_equal(due.list[0].hold, 0);
	assert_int_equal(bury(ledger, UNTIL), 1);
	assert_int_equal(there(ledger), 0);
	assert_int_equal(due_at(ledger, UINT64_MAX >> 1).count, 0);
	assert_verifies(ledger);
}

static void what_is_held_outlives_its_retraction_and_dies_by_that_rule_when_it_is_lifted(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = hold(ledger, 1, UNTIL), cancel = take_back(ledger, 4, 1);
	struct journal_due due;

	assert_int_equal(bury(ledger, ledger->now), 1);
	assert_int_equal(whole(ledger), 2);
	assert_int_equal(there(ledger), 3);
	assert_int_equal(due_at(ledger, 0).count, 0);
	assert_verifies(ledger);
	assert_int_equal(lift(ledger, 1, entry), E_OK);
	assert_int_equal(lift(ledger, 1, entry), E_NOT_FOUND); /* again */
	due = due_at(ledger, 0);
	assert_int_equal(due.count, 1);
	assert_int_equal(due.list[0].rule, RETRACTED);
	assert_int_equal(due.list[0].cause, cancel);
	assert_int_equal(bury(ledger, ledger->now), 1);
	assert_int_equal(there(ledger), 2);
	assert_verifies(ledger);
}

static void a_second_order_keeps_it_when_the_first_ends(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t first = hold(ledger, 1, UNTIL);

	hold(ledger, 1, UNTIL + 1000000);
	assert_int_equal(lift(ledger, 1, first), E_OK);
	bury(ledger, EXPIRES + 10000);
	assert_int_equal(bury(ledger, UNTIL + 999999), 0);
	assert_int_equal(there(ledger), 1);
	assert_int_equal(bury(ledger, UNTIL + 1000000), 1);
	assert_int_equal(there(ledger), 0);
	assert_verifies(ledger);
}

static void what_is_erased_or_never_was_cannot_be_held(void **state)
{
	struct ledger *ledger = *state;
	struct holding holding = {ledger_nodes[POLICE], 1, UNTIL, 0, false, false};
	uint64_t entry;

	bury(ledger, EXPIRES); /* the first of the three */
	assert_int_equal(hold_try(ledger, &holding, &entry), E_ERASED);
	holding.number = 4;
	assert_int_equal(hold_try(ledger, &holding, &entry), E_NOT_FOUND);
	holding.origin = ledger_nodes[ARMY];
	assert_int_equal(hold_try(ledger, &holding, &entry), E_NOT_FOUND);
	assert_int_equal(lift(ledger, 2, 7), E_NOT_FOUND);
	assert_verifies(ledger);
}

static enum error bury_try(struct ledger *ledger, const struct erasure *erasures, size_t count)
{
	struct journal_append *append = journal_append_new();
	enum error error;

	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_TOMBSTONE;
	tombstone_pack(erasures, count, ledger->now, &append->content);
	assert_int_equal(ledger_commit(ledger, append, NULL), E_OK);
	error = append->result.code;
	journal_append_free(append);
	return error;
}

/* A reader had said that it is due before the hold was there. */
static void a_tombstone_that_comes_after_the_hold_is_refused(void **state)
{
	struct ledger *ledger = *state;
	const struct journal_due due = due_at(ledger, EXPIRES + 10000);

	ledger->now = EXPIRES + 10000;
	hold(ledger, 3, UNTIL);
	assert_int_equal(bury_try(ledger, due.list, due.count), E_BUSY);
	assert_int_equal(there(ledger), 3);
}

static void no_hold_ends_by_a_clock_that_is_in_doubt(void **state)
{
	struct ledger *ledger = *state;

	hold(ledger, 1, ledger->now + 5000);
	take_back(ledger, 4, 1);
	ledger->now += 3600 * 1000;
	assert_int_equal(due_at(ledger, 0).list[0].hold, 8);
	assert_int_equal(bury(ledger, 0), 1);
	assert_int_equal(there(ledger), 3);
}

static void a_hold_survives_a_restart(void **state)
{
	struct ledger *ledger = *state;

	hold(ledger, 1, UNTIL);
	bury(ledger, EXPIRES + 10000);
	ledger_reopen(ledger);
	assert_int_equal(bury(ledger, UNTIL - 1), 0);
	assert_int_equal(whole(ledger), 0);
	assert_int_equal(there(ledger), 1);
	assert_int_equal(bury(ledger, UNTIL), 1);
}

static void who_can_still_extend_a_hold_is_told_and_no_other(void **state)
{
	struct ledger *ledger = *state;
	const wall_ms until = EXPIRES + 100 * DAY_MS;
	const uint64_t ending = hold(ledger, 1, until);
	struct journal_due due;

	hold(ledger, 2, until);
	hold(ledger, 2, until + 200 * DAY_MS); /* the new order */
	assert_int_equal(due_at(ledger, until - 31 * DAY_MS).ending_count, 0);
	due = due_at(ledger, until - 29 * DAY_MS);
	assert_int_equal(due.ending_count, 1);
	assert_int_equal(due.ending[0].hold, ending);
	assert_int_equal(due.ending[0].report.number, 1);
	assert_string_equal(due.ending[0].report.origin, ledger_nodes[POLICE]);
}

/* ---------------------------------------------------------------------------- backups */

/* The journal as of the backup, the data keys as of now. */
static struct journal_options recover(struct ledger *ledger, const char *journal, const char *keys, const char *folder)
{
	struct journal_options options = ledger->options;
	struct journal_recovery recovery;
	struct journal_verdict verdict;
	struct fault fault = {0};

	options.path = folder;
	assert_int_equal(journal_restore(&options, journal, keys, &verdict, &fault), E_OK);
	assert_int_equal(journal_recover(&options, 0, "disk lost", ledger->now, &recovery, &fault), E_OK);
	assert_int_equal(journal_verify(&options, NULL, &verdict, &fault), E_OK);
	assert_string_equal(verdict.what, "");
	return options;
}

static void a_hold_survives_a_recovery_unless_it_is_newer_than_the_backup(void **state)
{
	struct ledger *ledger = *state;
	char *journal = memory_format("%s/copy.journal", ledger->path),
	     *keys = memory_format("%s/copy.keys", ledger->path);
	char *unused = memory_format("%s/newer.journal", ledger->path),
	     *other = memory_format("%s/other", ledger->path);
	const char *argv[] = {"/bin/rm", "-rf", other, journal, unused, keys, NULL};
	struct journal_options options;
	struct journal_due due;
	struct position last;

	hold(ledger, 1, UNTIL);
	assert_int_equal(journal_backup(&ledger->options, journal, keys, &last, NULL), E_OK);
	hold(ledger, 2, UNTIL); /* lost, and its operators' to place again */
	bury(ledger, EXPIRES + 10000);
	assert_int_equal(remove(keys), 0);
	assert_int_equal(journal_backup(&ledger->options, unused, keys, &last, NULL), E_OK);
	options = recover(ledger, journal, keys, other);
	due = ledger_due(&options, EXPIRES + 10000);
	assert_int_equal(due.count, 2);
	assert_int_not_equal(due.list[0].hold, 0);
	assert_int_equal(due.list[1].first, 1);
	assert_int_equal(due.list[1].hold, 0);
	assert_int_equal(process_run(argv, NULL, NULL, "/dev/null", 20), 0);
	free(journal);
	free(keys);
	free(unused);
	free(other);
}

/* It was lifted and erased in the history that is over: the body is gone, whatever the restored hold says. */
static void what_is_gone_under_a_hold_that_comes_back_gets_its_tombstone(void **state)
{
	struct ledger *ledger = *state;
	char *journal = memory_format("%s/copy.journal", ledger->path),
	     *keys = memory_format("%s/copy.keys", ledger->path);
	char *unused = memory_format("%s/newer.journal", ledger->path),
	     *other = memory_format("%s/other", ledger->path);
	const char *argv[] = {"/bin/rm", "-rf", other, journal, unused, keys, NULL};
	const uint64_t entry = hold(ledger, 1, UNTIL);
	struct position last;

	assert_int_equal(journal_backup(&ledger->options, journal, keys, &last, NULL), E_OK);
	assert_int_equal(lift(ledger, 1, entry), E_OK);
	bury(ledger, EXPIRES + 10000);
	assert_int_equal(remove(keys), 0);
	assert_int_equal(journal_backup(&ledger->options, unused, keys, &last, NULL), E_OK);
	recover(ledger, journal, keys, other);
	assert_int_equal(process_run(argv, NULL, NULL, "/dev/null", 20), 0);
	free(journal);
	free(keys);
	free(unused);
	free(other);
}

/* ---------------------------------------------------------------------------- forgeries */

static struct journal_verdict verdict_of_order(struct ledger *ledger, const struct holding *holding)
{
	uint64_t entry;

	assert_int_equal(hold_try(ledger, holding, &entry), E_OK);
	return verdict_of(ledger);
}

static void an_order_that_one_operator_signed_is_found(void **state)
{
	const struct holding holding = {ledger_nodes[POLICE], 1, UNTIL, 0, true, false};

	assert_string_equal(verdict_of_order(*state, &holding).what, "two operators did not sign the hold");
}

static void an_order_that_they_signed_otherwise_is_found(void **state)
{
	const struct holding holding = {ledger_nodes[POLICE], 1, UNTIL, 0, false, true};

	assert_string_equal(verdict_of_order(*state, &holding).what, "two operators did not sign the hold");
}

static void an_order_without_a_near_end_is_found(void **state)
{
	const struct holding holding = {ledger_nodes[POLICE], 1, UNTIL + 400 * DAY_MS, 0, false, false};

	assert_string_equal(verdict_of_order(*state, &holding).what, "the hold has not the form it must have");
}

static const char not_former[] = "the tombstone speaks of a history that is over where none ended";

/* By somebody who can write the file and has the broker's key. */
static void a_tombstone_against_a_hold_is_found(void **state)
{
	struct ledger *ledger = *state;
	struct journal_verdict verdict;

	hold(ledger, 1, UNTIL);
	database_run(ledger->journal->db, "DELETE FROM hold", NULL);
	bury(ledger, EXPIRES + 10000);
	verdict = verdict_of(ledger);
	assert_string_equal(verdict.what, "the tombstone buries what is held");
	assert_int_equal(verdict.bad_entry, 9);
}

/* As if its own tombstone had been lost with a history that is over, and there was never another. */
static void a_tombstone_of_a_former_history_where_none_ended_is_refused_and_found(void **state)
{
	struct ledger *ledger = *state;
	const struct erasure erasure = {7, 0, 1, FORMER, 0, 0};
	struct journal_verdict verdict;

	hold(ledger, 1, UNTIL);
	assert_int_equal(bury_try(ledger, &erasure, 1), E_INVALID);
	assert_int_equal(there(ledger), 3);
	ledger->journal->state.begins = true;
	assert_int_equal(bury_try(ledger, &erasure, 1), E_OK);
	verdict = verdict_of(ledger);
	assert_string_equal(verdict.what, not_former);
	assert_int_equal(verdict.bad_entry, 9);
}

/* The broker says more than the recovery found, later. */
static void a_tombstone_of_a_former_history_counts_only_where_the_new_one_begins(void **state)
{
	struct ledger *ledger = *state;
	char *journal = memory_format("%s/copy.journal", ledger->path),
	     *keys = memory_format("%s/copy.keys", ledger->path), *other = memory_format("%s/other", ledger->path);
	const char *argv[] = {"/bin/rm", "-rf", other, journal, keys, NULL};
	struct ledger recovered = *ledger;
	struct position last;

	hold(ledger, 2, UNTIL);
	bury(ledger, EXPIRES);
	assert_int_equal(journal_backup(&ledger->options, journal, keys, &last, NULL), E_OK);
	recovered.options = recover(ledger, journal, keys, other);
	assert_int_equal(journal_open(&recovered.journal, &recovered.options, NULL), E_OK);
	assert_int_equal(bury_try(&recovered, &(struct erasure){7, 1, 1, FORMER, 0, 0}, 1), E_INVALID);
	recovered.journal->state.begins = true; /* as it is only while it recovers */
	ledger_bury(&recovered, &(struct erasure){7, 2, 1, FORMER, 0, 0}, 1);
	ledger_bury(&recovered, &(struct erasure){7, 2, 1, FORMER, 0, 0}, 1);
	assert_string_equal(verdict_in(&recovered.options).what, "");
	ledger_bury(&recovered, &(struct erasure){7, 0, 1, EXPIRED, 0, 0}, 1);
	assert_int_equal(bury_try(&recovered, &(struct erasure){7, 1, 1, FORMER, 0, 0}, 1), E_INVALID);
	recovered.journal->state.begins = true;
	ledger_bury(&recovered, &(struct erasure){7, 1, 1, FORMER, 0, 0}, 1);
	journal_close(recovered.journal);
	assert_string_equal(verdict_in(&recovered.options).what, not_former);
	assert_int_equal(process_run(argv, NULL, NULL, "/dev/null", 20), 0);
	free(journal);
	free(keys);
	free(other);
}

static void a_tombstone_that_names_a_hold_of_something_else_is_found(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = hold(ledger, 1, UNTIL);

	ledger->now = EXPIRES + 10000;
	database_run(ledger->journal->db, "UPDATE hold SET place = 1", NULL);
	ledger_bury(ledger, &(struct erasure){7, 1, 1, EXPIRED, 0, entry}, 1);
	assert_string_equal(verdict_of(ledger).what, "the tombstone names a hold that does not keep the report");
}

static void a_hold_that_was_taken_out_of_its_table_is_found(void **state)
{
	struct ledger *ledger = *state;

	hold(ledger, 1, UNTIL);
	bury(ledger, EXPIRES + 10000);
	database_run(ledger->journal->db, "DELETE FROM kept", NULL);
	assert_string_equal(verdict_of(ledger).what, "table kept does not agree with the tombstones");
	database_run(ledger->journal->db, "DELETE FROM hold", NULL);
	assert_string_equal(verdict_of(ledger).what, "table hold does not agree with the entries");
}

/* ---------------------------------------------------------------------------- a clock that once ran ahead */

/* An entry was accepted a year from now, and every one after it is, until then. */
static void clock_ran_ahead(struct ledger *ledger)
{
	ledger->now += 366 * DAY_MS;
	ledger_say(ledger, &(struct saying){.origin = ARMY, .first = 1, .audience = TO(POLICE)});
	ledger->now -= 366 * DAY_MS;
}

static void a_hold_after_the_clock_ran_ahead_is_no_damage(void **state)
{
	struct ledger *ledger = *state;

	clock_ran_ahead(ledger);
	hold(ledger, 1, ledger->now + 90 * DAY_MS);
	assert_string_equal(verdict_of(ledger).what, "");
	hold(ledger, 2, ledger->now + LIMIT_HOLD_DAYS * DAY_MS);
	assert_string_equal(verdict_of(ledger).what, "");
}

/* A proposal lives for a day: the first signed before the clock was set right, the second after that. */
static void a_hold_that_was_signed_while_the_clock_ran_ahead_is_refused(void **state)
{
	struct ledger *ledger = *state;
	struct journal_append *append = journal_append_new();

	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_HOLD;
	holding_pack(&(struct holding){.origin = ledger_nodes[POLICE], .number = 1, .until = UNTIL}, ledger->exchange,
		     ledger->now + 366 * DAY_MS, &append->content);
	assert_int_equal(ledger_commit(ledger, append, NULL), E_OK);
	assert_int_equal(append->result.code, E_CLOCK);
	journal_append_free(append);
	assert_string_equal(verdict_of(ledger).what, "");
}

static void a_hold_after_the_clock_ran_ahead_can_be_lifted_while_it_is_in_force(void **state)
{
	struct ledger *ledger = *state;
	uint64_t entry;

	clock_ran_ahead(ledger);
	entry = hold(ledger, 1, UNTIL);
	assert_int_equal(lift(ledger, 1, entry), E_OK);
	entry = hold(ledger, 1, UNTIL);
	ledger->now = UNTIL;
	assert_int_equal(lift(ledger, 1, entry), E_NOT_FOUND);
	assert_string_equal(verdict_of(ledger).what, "");
}

static void a_hold_after_the_clock_ran_ahead_keeps_what_a_tombstone_comes_for(void **state)
{
	struct ledger *ledger = *state;
	const struct journal_due due = due_at(ledger, EXPIRES);

	ledger->now = EXPIRES;
	clock_ran_ahead(ledger);
	hold(ledger, 1, UNTIL);
	assert_int_equal(due.count, 1);
	assert_int_equal(bury_try(ledger, due.list, due.count), E_BUSY);
	assert_int_equal(there(ledger), 3);
	assert_int_equal(bury(ledger, UNTIL + 1000), 1);
	assert_int_equal(there(ledger), 0);
	assert_string_equal(verdict_of(ledger).what, "");
}

/* ---------------------------------------------------------------------------- lists */

static void nobody_visits(void *context, const struct held *held)
{
	(void)context;
	fail_msg("the order of %s is shown", held->order->signatures[0]->operator_);
}

/* Whoever lists the orders of a damaged journal, or of one that somebody wrote into, is told so. */
static void an_order_without_signatures_is_not_listed(void **state)
{
	struct ledger *ledger = *state;
	Simpul__Name name = SIMPUL__NAME__INIT;
	Simpul__Hold bare = SIMPUL__HOLD__INIT;
	struct buffer content = {0};
	struct journal_case *c;
	sqlite3_stmt *put;
	const uint64_t entry = hold(ledger, 1, UNTIL);

	name.origin = (char *)(uintptr_t)ledger_nodes[POLICE];
	name.epoch = name.number = 1;
	bare.report = &name;
	wire_pack(&bare, &content);
	put = database_prepare(ledger->journal->db, "UPDATE content SET content = ?2 WHERE entry = ?1");
	bind_number(put, 1, entry);
	bind_bytes(put, 2, buffer_view(&content));
	assert_int_equal(database_step(put, NULL), E_OK);
	sqlite3_finalize(put);
	buffer_free(&content);
	assert_int_equal(journal_case_open(&c, ledger->path, NULL), E_OK);
	assert_int_equal(journal_held_each(c, NULL, ledger->now, nobody_visits, NULL, NULL), E_CORRUPT);
	journal_case_close(c);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_held_outlives_its_expiry_goes_to_nobody_and_dies_with_the_hold),
		TEST(what_is_held_outlives_its_retraction_and_dies_by_that_rule_when_it_is_lifted),
		TEST(a_second_order_keeps_it_when_the_first_ends),
		TEST(what_is_erased_or_never_was_cannot_be_held),
		TEST(a_tombstone_that_comes_after_the_hold_is_refused),
		TEST(no_hold_ends_by_a_clock_that_is_in_doubt),
		TEST(a_hold_survives_a_restart),
		TEST(who_can_still_extend_a_hold_is_told_and_no_other),
		TEST(a_hold_survives_a_recovery_unless_it_is_newer_than_the_backup),
		TEST(what_is_gone_under_a_hold_that_comes_back_gets_its_tombstone),
		TEST(an_order_that_one_operator_signed_is_found),
		TEST(an_order_that_they_signed_otherwise_is_found),
		TEST(an_order_without_a_near_end_is_found),
		TEST(a_tombstone_against_a_hold_is_found),
		TEST(a_tombstone_of_a_former_history_where_none_ended_is_refused_and_found),
		TEST(a_tombstone_of_a_former_history_counts_only_where_the_new_one_begins),
		TEST(a_tombstone_that_names_a_hold_of_something_else_is_found),
		TEST(a_hold_that_was_taken_out_of_its_table_is_found),
		TEST(a_hold_after_the_clock_ran_ahead_is_no_damage),
		TEST(a_hold_that_was_signed_while_the_clock_ran_ahead_is_refused),
		TEST(a_hold_after_the_clock_ran_ahead_can_be_lifted_while_it_is_in_force),
		TEST(a_hold_after_the_clock_ran_ahead_keeps_what_a_tombstone_comes_for),
		TEST(an_order_without_signatures_is_not_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
