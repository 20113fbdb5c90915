/* Tries to break what journal.h promises about writing, reading and restarting; journal_verify_test.c about checking.
 */
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include "common/submission.h"
#include "tests/support/ledger.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TO(node) (1u << (node))

static int setup(void **state)
{
	struct ledger *ledger = memory_zero(1, sizeof(*ledger));

	ledger_open(ledger);
	*state = ledger;
	return 0;
}

static int teardown(void **state)
{
	ledger_close(*state);
	free(*state);
	return 0;
}

static struct journal_reader *reader_of(const struct ledger *ledger)
{
	struct journal_reader *reader;

	assert_int_equal(journal_reader_open(&reader, &ledger->options, NULL), E_OK);
	return reader;
}

static struct journal_page page_of(struct journal_reader *reader, int node, uint64_t after, size_t limit)
{
	struct journal_page page;

	assert_int_equal(journal_read_page(reader, ledger_nodes[node], after, limit, &page, NULL), E_OK);
	return page;
}

static void assert_verifies(const struct ledger *ledger)
{
	struct journal_verdict verdict;

	assert_int_equal(journal_verify(&ledger->options, NULL, &verdict, NULL), E_OK);
	assert_string_equal(verdict.what, "");
	assert_int_equal(verdict.bad_entry, 0);
}

/* Commits one append that must be refused alone. */
static void assert_refused(struct ledger *ledger, const struct saying *saying, enum error expected, uint64_t number)
{
	struct journal_append *append = ledger_append(ledger, saying);

	assert_int_equal(ledger_commit(ledger, append, NULL), E_OK);
	assert_int_equal(append->result.code, expected);
	assert_int_equal(append->result.expected, number);
	assert_int_equal(append->entry, 0);
	journal_append_free(append);
}

/* ---------------------------------------------------------------------------- creating and opening */

static void a_journal_is_never_made_over_another(void **state)
{
	struct ledger *ledger = *state;

	assert_int_equal(
		journal_create(&ledger->options, ledger->exchange, ledger->authority.public_key, LEDGER_START, NULL),
		E_EXISTS);
	assert_verifies(ledger);
}

static void opening_nothing_makes_nothing(void **state)
{
	struct ledger *ledger = *state;
	struct journal_options options = ledger->options;
	struct journal *journal;

	options.path = "/tmp";
	assert_int_equal(journal_open(&journal, &options, NULL), E_NOT_FOUND);
	assert_null(journal);
}

static void another_brokers_key_does_not_open_it(void **state)
{
	struct ledger *ledger = *state;
	struct journal_options options = ledger->options;
	struct journal *journal;

	signing_key_generate(&options.broker);
	assert_int_equal(journal_open(&journal, &options, NULL), E_INVALID);
}

static void an_edited_tail_is_not_opened(void **state)
{
	struct ledger *ledger = *state;
	struct journal *journal;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	assert_int_equal(database_run(ledger->journal->db,
				      "UPDATE entry SET accepted_at = accepted_at + 1 WHERE entry = 3", NULL),
			 E_OK);
	assert_int_equal(journal_open(&journal, &ledger->options, NULL), E_CORRUPT);
}

/* ---------------------------------------------------------------------------- numbering */

static void keys_that_are_missing_or_older_are_not_made_anew(void **state)
{
	struct ledger *ledger = *state;
	struct journal *journal;
	struct fault fault;
	sqlite3 *keys;
	char *file = memory_format("%s/keys.db", ledger->options.path);

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	journal_close(ledger->journal);
	ledger->journal = NULL;
	assert_int_equal(sqlite3_open(file, &keys), SQLITE_OK);
	assert_int_equal(database_run(keys, "DELETE FROM slot WHERE entry > 2", NULL), E_OK);
	sqlite3_close(keys);
	assert_int_equal(journal_open(&journal, &ledger->options, &fault), E_CORRUPT);
	assert_string_equal(fault.field, "keys.db: older than journal.db");
	assert_int_equal(unlink(file), 0);
	assert_int_equal(journal_open(&journal, &ledger->options, &fault), E_CORRUPT);
	assert_string_equal(fault.field, "keys.db: missing");
	assert_int_not_equal(access(file, F_OK), 0);
	free(file);
}

static void a_gap_is_refused_with_the_number_expected(void **state)
{
	struct ledger *ledger = *state;

	assert_refused(ledger, &(struct saying){.origin = POLICE, .first = 2, .audience = TO(ARMY)}, E_GAP, 1);
	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .count = 3, .audience = TO(ARMY)});
	assert_refused(ledger, &(struct saying){.origin = POLICE, .first = 5, .audience = TO(ARMY)}, E_GAP, 4);
	/* streams and origins are numbered apart */
	ledger_say(ledger, &(struct saying){.origin = POLICE, .stream = 1, .first = 1, .audience = TO(ARMY)});
	ledger_say(ledger, &(struct saying){.origin = ARMY, .first = 1, .audience = TO(POLICE)});
}

static void a_number_is_not_used_twice(void **state)
{
	struct ledger *ledger = *state;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .count = 3, .audience = TO(ARMY)});
	assert_refused(ledger, &(struct saying){.origin = POLICE, .first = 3, .audience = TO(ARMY)}, E_NUMBER_REUSED,
		       4);
	ledger_reopen(ledger);
	assert_refused(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)}, E_NUMBER_REUSED,
		       4);
}

static void an_older_epoch_is_refused_and_a_new_one_starts_at_one(void **state)
{
	struct ledger *ledger = *state;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	assert_refused(ledger, &(struct saying){.origin = POLICE, .epoch = 2, .first = 2, .audience = TO(ARMY)}, E_GAP,
		       1);
	ledger_say(ledger, &(struct saying){.origin = POLICE, .epoch = 2, .first = 1, .audience = TO(ARMY)});
	assert_refused(ledger, &(struct saying){.origin = POLICE, .first = 2, .audience = TO(ARMY)}, E_EPOCH, 0);
	assert_refused(ledger, &(struct saying){.origin = POLICE, .stream = 2, .first = 1, .audience = TO(ARMY)},
		       E_EPOCH, 0);
}

static void a_decision_under_an_old_policy_is_refused(void **state)
{
	struct ledger *ledger = *state;
	struct journal_append *old =
		ledger_append(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	struct journal_append *fresh =
		ledger_append(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	struct journal_append *policy = ledger_policy(2), *again = ledger_policy(2);

	old->policy_version = 1;
	fresh->policy_version = 2;
	/* also when the policy changed in the same commit */
	assert_int_equal(ledger_commit(ledger, policy, old, fresh, again, NULL), E_OK);
	assert_int_equal(policy->result.code, E_OK);
	assert_int_equal(old->result.code, E_STALE_POLICY);
	assert_int_equal(fresh->result.code, E_OK);
	assert_int_equal(again->result.code, E_STALE_POLICY);
	journal_append_free(old);
	journal_append_free(fresh);
	journal_append_free(policy);
	journal_append_free(again);
	assert_verifies(ledger);
}

static void one_refused_append_leaves_the_others_standing(void **state)
{
	struct ledger *ledger = *state;
	struct journal_append *a =
		ledger_append(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	struct journal_append *gap =
		ledger_append(ledger, &(struct saying){.origin = POLICE, .first = 3, .audience = TO(ARMY)});
	struct journal_append *b =
		ledger_append(ledger, &(struct saying){.origin = POLICE, .first = 2, .audience = TO(ARMY)});

	assert_int_equal(ledger_commit(ledger, a, gap, b, NULL), E_OK);
	assert_int_equal(a->result.code, E_OK);
	assert_int_equal(gap->result.code, E_GAP);
	assert_int_equal(b->result.code, E_OK);
	assert_int_equal(a->entry, LEDGER_FIRST_ENTRIES + 1);
	assert_int_equal(b->entry, LEDGER_FIRST_ENTRIES + 2);
	assert_int_equal(gap->receipt.size, 0);
	journal_append_free(a);
	journal_append_free(gap);
	journal_append_free(b);
	assert_verifies(ledger);
}

static void accepted_at_never_decreases(void **state)
{
	struct ledger *ledger = *state;
	struct journal_append *append = ledger_append(ledger, &(struct saying){.origin = POLICE, .first = 1});

	assert_int_equal(journal_commit(ledger->journal, append, LEDGER_START - 5), E_OK);
	assert_true(append->accepted_at == ledger->now);
	journal_append_free(append);
	assert_verifies(ledger);
}

/* ---------------------------------------------------------------------------- receipts */

static void assert_receipt_proves(const struct ledger *ledger, const struct journal_append *append)
{
	struct position position;
	Simpul__Receipt *receipt = simpul__receipt__unpack(NULL, append->receipt.size, append->receipt.data);

	assert_non_null(receipt);
	assert_int_equal(receipt_check(receipt, ledger->exchange, ledger->options.broker.public_key, &position, NULL),
			 E_OK);
	assert_true(position.entry >= append->entry);
	assert_true(receipt->entry == append->entry);
	assert_int_equal(receipt->n_audience, append->audience.count);
	assert_memory_equal(receipt->digest.data, append->digest.bytes, HASH_SIZE);
	simpul__receipt__free_unpacked(receipt, NULL);
}

static void assert_repeated(struct journal_reader *reader, const struct journal_append *append)
{
	struct buffer receipt = {0};

	assert_int_equal(journal_read_receipt(reader, &append->first, append->count, &append->digest, &receipt, NULL),
			 E_OK);
	assert_true(bytes_equal(buffer_view(&receipt), buffer_view(&append->receipt)));
	buffer_free(&receipt);
}

static void a_repeat_gets_the_same_receipt_bytes(void **state)
{
	struct ledger *ledger = *state;
	struct journal_append *appends[] = {
		ledger_append(ledger, &(struct saying){.origin = POLICE,
						       .first = 1,
						       .count = 4,
						       .refused = 2,
						       .audience = TO(ARMY) | TO(IMMIGRATION)}),
		ledger_append(
			ledger,
			&(struct saying){.origin = ARMY, .first = 1, .audience = TO(POLICE), .named = "immigration"}),
		ledger_policy(2),
		ledger_append(ledger, &(struct saying){.origin = ARMY, .first = 2, .refused = 1}),
	};
	struct journal_reader *reader;

	assert_int_equal(ledger_commit(ledger, appends[0], appends[1], appends[2], appends[3], NULL), E_OK);
	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 5, .audience = TO(ARMY)});
	ledger_reopen(ledger);
	reader = reader_of(ledger);
	for (size_t i = 0; i < 4; i++) {
		if (i == 2)
			continue;
		assert_int_equal(appends[i]->result.code, E_OK);
		assert_receipt_proves(ledger, appends[i]);
		assert_repeated(reader, appends[i]);
	}
	for (size_t i = 0; i < 4; i++)
		journal_append_free(appends[i]);
	journal_reader_close(reader);
	assert_verifies(ledger);
}

static void a_repeat_with_other_bytes_or_bounds_gets_no_receipt(void **state)
{
	struct ledger *ledger = *state;
	struct journal_append *append =
		ledger_append(ledger, &(struct saying){.origin = POLICE, .first = 1, .count = 2});
	struct journal_reader *reader = reader_of(ledger);
	struct report_name name = append->first;
	struct buffer receipt = {0};
	struct hash other = append->digest;

	assert_int_equal(ledger_commit(ledger, append, NULL), E_OK);
	other.bytes[0] ^= 1;
	assert_int_equal(journal_read_receipt(reader, &name, 2, &other, &receipt, NULL), E_NUMBER_REUSED);
	assert_int_equal(journal_read_receipt(reader, &name, 1, &append->digest, &receipt, NULL), E_NUMBER_REUSED);
	name.number = 2;
	assert_int_equal(journal_read_receipt(reader, &name, 1, &append->digest, &receipt, NULL), E_NUMBER_REUSED);
	name.number = 3;
	assert_int_equal(journal_read_receipt(reader, &name, 1, &append->digest, &receipt, NULL), E_NOT_FOUND);
	name = append->first;
	name.stream = 1;
	assert_int_equal(journal_read_receipt(reader, &name, 2, &append->digest, &receipt, NULL), E_NOT_FOUND);
	assert_int_equal(receipt.size, 0);
	journal_append_free(append);
	journal_reader_close(reader);
}

/* ---------------------------------------------------------------------------- inheriting audiences */

static void assert_audience(const struct journal_append *append, unsigned expected)
{
	size_t count = 0;

	for (int i = 0; i < LEDGER_NODES; i++) {
		if (!(expected & 1u << i))
			continue;
		assert_true(count < append->audience.count);
		assert_string_equal(append->audience.nodes[count++], ledger_nodes[i]);
	}
	assert_int_equal(append->audience.count, count);
}

static struct journal_append *say_and_keep(struct ledger *ledger, const struct saying *saying)
{
	struct journal_append *append = ledger_append(ledger, saying);

	assert_int_equal(ledger_commit(ledger, append, NULL), E_OK);
	assert_int_equal(append->result.code, E_OK);
	return append;
}

static int step_count(void *count)
{
	++*(size_t *)count;
	return 0;
}

/* What the journal's thread does for one more update, in hundreds of SQLite's steps. */
static size_t update_cost(struct ledger *ledger, uint64_t number)
{
	size_t steps = 0;

	sqlite3_progress_handler(ledger->journal->db, 100, step_count, &steps);
	ledger_say(ledger, &(struct saying){.origin = POLICE,
					    .first = number,
					    .kind = SIMPUL__KIND__KIND_UPDATE,
					    .reference = 1,
					    .audience = TO(ARMY)});
	sqlite3_progress_handler(ledger->journal->db, 0, NULL, NULL);
	return steps;
}

static void very_many_updates_of_a_report_cost_no_more_than_few(void **state)
{
	struct ledger *ledger = *state;
	size_t early, late = 0;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	update_cost(ledger, 2);
	early = update_cost(ledger, 3);
	for (uint64_t number = 4; number < 304; number++)
		late = update_cost(ledger, number);
	assert_true(late <= early + 5);
}

static void a_cancel_reaches_exactly_those_who_got_the_original(void **state)
{
	struct ledger *ledger = *state;
	struct journal_append *cancel, *update;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .count = 2, .audience = TO(ARMY)});
	/* an update of the neighbour in the same submission must not widen it */
	ledger_say(ledger, &(struct saying){.origin = POLICE,
					    .first = 3,
					    .kind = SIMPUL__KIND__KIND_UPDATE,
					    .reference = 2,
					    .audience = TO(OTHER_POLICE)});
	cancel = say_and_keep(ledger, &(struct saying){.origin = POLICE,
						       .first = 4,
						       .kind = SIMPUL__KIND__KIND_CANCEL,
						       .reference = 1,
						       .audience = TO(IMMIGRATION)});
	assert_audience(cancel, TO(ARMY));
	journal_append_free(cancel);
	update = say_and_keep(ledger, &(struct saying){.origin = POLICE,
						       .first = 5,
						       .kind = SIMPUL__KIND__KIND_UPDATE,
						       .reference = 2,
						       .audience = TO(IMMIGRATION)});
	assert_audience(update, TO(ARMY) | TO(IMMIGRATION) | TO(OTHER_POLICE));
	journal_append_free(update);
	ledger_reopen(ledger);
	cancel = say_and_keep(
		ledger,
		&(struct saying){.origin = POLICE, .first = 6, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 2});
	assert_audience(cancel, TO(ARMY) | TO(IMMIGRATION) | TO(OTHER_POLICE));
	journal_append_free(cancel);
	assert_verifies(ledger);
}

static void assert_refused_report(struct ledger *ledger, const struct saying *saying, enum error verdict)
{
	struct journal_append *append = say_and_keep(ledger, saying);
	struct journal_reader *reader = reader_of(ledger);

	assert_int_equal(append->reports[0].verdict, verdict);
	assert_int_equal(append->audience.count, 0);
	assert_receipt_proves(ledger, append);
	assert_repeated(reader, append);
	journal_reader_close(reader);
	journal_append_free(append);
}

static void a_reference_that_is_not_known_is_the_reports_verdict(void **state)
{
	struct ledger *ledger = *state;

	ledger_say(ledger,
		   &(struct saying){.origin = POLICE, .first = 1, .count = 2, .refused = 1, .audience = TO(ARMY)});
	/* of the future, its own number, refused, and of another origin's sequence */
	assert_refused_report(
		ledger,
		&(struct saying){.origin = POLICE, .first = 3, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 99},
		E_REFERENCE_UNKNOWN);
	assert_refused_report(ledger,
			      &(struct saying){.origin = POLICE,
					       .first = 4,
					       .kind = SIMPUL__KIND__KIND_UPDATE,
					       .reference = 4,
					       .audience = TO(ARMY)},
			      E_REFERENCE_UNKNOWN);
	assert_refused_report(
		ledger,
		&(struct saying){.origin = POLICE, .first = 5, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 1},
		E_REFERENCE_UNKNOWN);
	assert_refused_report(
		ledger, &(struct saying){.origin = ARMY, .first = 1, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 2},
		E_REFERENCE_UNKNOWN);
	assert_verifies(ledger);
}

static void what_is_about_a_number_without_a_report_is_refused(void **state)
{
	struct ledger *ledger = *state;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1}); /* as a VOID: to nobody */
	assert_refused_report(
		ledger,
		&(struct saying){.origin = POLICE, .first = 2, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 1},
		E_REFERENCE_UNKNOWN);
	assert_refused_report(ledger,
			      &(struct saying){.origin = POLICE,
					       .first = 3,
					       .kind = SIMPUL__KIND__KIND_UPDATE,
					       .reference = 1,
					       .audience = TO(ARMY)},
			      E_REFERENCE_UNKNOWN);
	assert_verifies(ledger);
}

/* The broker was restored and lost report and retraction; its origin has the body no more, so a VOID is in its place. */
static void a_retraction_of_what_was_lost_goes_to_whom_the_core_decides(void **state)
{
	struct ledger *ledger = *state;
	const struct saying retraction = {.origin = POLICE,
					  .first = 2,
					  .kind = SIMPUL__KIND__KIND_CANCEL,
					  .reference = 1,
					  .erase = true,
					  .audience = TO(ARMY) | TO(IMMIGRATION)};
	struct saying to_nobody = retraction;
	struct journal_append *cancel;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1}); /* as a VOID: to nobody */
	cancel = say_and_keep(ledger, &retraction);
	assert_int_equal(cancel->reports[0].verdict, E_OK);
	assert_audience(cancel, TO(ARMY) | TO(IMMIGRATION));
	journal_append_free(cancel);
	to_nobody.first = 3;
	to_nobody.audience = 0;
	assert_refused_report(ledger, &to_nobody, E_REFERENCE_UNKNOWN);
	assert_verifies(ledger);
}

/* Where the journal knows who got the report it does not ask the core. */
static void a_retraction_reaches_exactly_those_who_got_the_original(void **state)
{
	struct ledger *ledger = *state;
	struct journal_append *cancel;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	cancel = say_and_keep(ledger, &(struct saying){.origin = POLICE,
						       .first = 2,
						       .kind = SIMPUL__KIND__KIND_CANCEL,
						       .reference = 1,
						       .erase = true,
						       .audience = TO(IMMIGRATION)});
	assert_audience(cancel, TO(ARMY));
	journal_append_free(cancel);
	assert_verifies(ledger);
}

static void whoever_inherits_a_report_is_not_called_unreachable(void **state)
{
	struct ledger *ledger = *state;
	struct journal_append *update;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	update = say_and_keep(ledger, &(struct saying){.origin = POLICE,
						       .first = 2,
						       .kind = SIMPUL__KIND__KIND_UPDATE,
						       .reference = 1,
						       .audience = TO(IMMIGRATION),
						       .named = "army"});
	assert_int_equal(update->unreachable_count, 0);
	journal_append_free(update);
	assert_verifies(ledger);
}

/* ---------------------------------------------------------------------------- commits that fail */

static uint64_t pages_of(const struct ledger *ledger)
{
	sqlite3_stmt *count = database_prepare(ledger->journal->db, "PRAGMA page_count");
	uint64_t pages = 0;

	journal_number(count, 0, &pages, NULL);
	sqlite3_finalize(count);
	return pages;
}

static void most_pages(const struct ledger *ledger, uint64_t pages)
{
	char *pragma = memory_format("PRAGMA max_page_count=%llu", (unsigned long long)pages);

	assert_int_equal(database_run(ledger->journal->db, pragma, NULL), E_OK);
	free(pragma);
}

static void an_aborted_commit_leaves_no_trace(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t before =
		ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	const struct journal_state state_before = ledger->journal->state;
	char *body = memory_zero(60001, 1);
	struct journal_append *a, *policy, *b;

	memset(body, 'x', 60000);
	a = ledger_append(ledger, &(struct saying){.origin = IMMIGRATION, .first = 1, .audience = TO(OTHER_POLICE)});
	policy = ledger_policy(2);
	b = ledger_append(ledger, &(struct saying){.origin = POLICE, .first = 2, .body = body, .audience = TO(ARMY)});
	most_pages(ledger, pages_of(ledger) + 2); /* the body alone takes more */
	journal_note_cursor(ledger->journal, "police.oku", 3);
	assert_int_equal(ledger_commit(ledger, a, policy, b, NULL), E_DISK_FULL);
	assert_int_equal(a->result.code, E_DISK_FULL);
	assert_int_equal(policy->result.code, E_DISK_FULL);
	assert_int_equal(b->result.code, E_DISK_FULL);
	assert_int_equal(a->receipt.size, 0);
	assert_memory_equal(&ledger->journal->state, &state_before, sizeof(state_before));
	assert_int_equal(ledger->journal->audiences.count, 2);
	most_pages(ledger, 1000000);
	assert_verifies(ledger);
	/* and all of it can be said again */
	assert_int_equal(ledger_commit(ledger, a, b, NULL), E_OK);
	assert_int_equal(a->entry, before + 1);
	assert_int_equal(b->entry, before + 2);
	assert_int_equal(a->audience.id, 3);
	ledger_reopen(ledger);
	assert_verifies(ledger);
	journal_append_free(a);
	journal_append_free(policy);
	journal_append_free(b);
	free(body);
}

static void after_another_error_nothing_is_taken_any_more(void **state)
{
	struct ledger *ledger = *state;
	struct journal_append *append = ledger_append(ledger, &(struct saying){.origin = POLICE, .first = 1});

	/* what a constraint stops has no business with the disk: it is a program error, and nothing is certain */
	assert_int_equal(
		database_run(ledger->journal->db, "INSERT INTO content(entry, content) VALUES(7, x'00')", NULL), E_OK);
	assert_int_equal(ledger_commit(ledger, append, NULL), E_IO);
	assert_int_equal(append->result.code, E_IO);
	assert_int_equal(ledger_commit(ledger, append, NULL), E_IO);
	assert_int_equal(journal_flush(ledger->journal), E_IO);
	journal_append_free(append);
}

static int commit_refused(void *context)
{
	(void)context;
	return 1; /* SQLite makes a rollback of it */
}

static void a_commit_that_fails_at_its_last_step_gives_no_receipt(void **state)
{
	struct ledger *ledger = *state;
	struct journal_append *append = ledger_append(ledger, &(struct saying){.origin = POLICE, .first = 1});
	const struct journal_state before = ledger->journal->state;

	sqlite3_commit_hook(ledger->journal->db, commit_refused, NULL);
	assert_int_equal(ledger_commit(ledger, append, NULL), E_IO);
	assert_int_equal(append->result.code, E_IO);
	assert_int_equal(append->receipt.size, 0);
	assert_memory_equal(&ledger->journal->state, &before, sizeof(before));
	/* and the next one after a restart has its number */
	ledger_reopen(ledger);
	assert_int_equal(ledger_commit(ledger, append, NULL), E_OK);
	assert_verifies(ledger);
	journal_append_free(append);
}

static void ballast_is_let_go_on_a_full_disk_and_laid_in_again(void **state)
{
	struct ledger *ledger = *state;

	ledger->options.reserve_bytes = 1 << 20;
	ledger_reopen(ledger);
	assert_false(journal_disk_low(ledger->journal));
	journal_ballast_release(ledger->journal);
	ledger->journal->options.reserve_bytes = UINT64_MAX / 4;
	journal_disk_watch(ledger->journal);
	assert_true(journal_disk_low(ledger->journal));
	ledger->journal->options.reserve_bytes = 1 << 20;
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_false(journal_disk_low(ledger->journal));
}

/* ---------------------------------------------------------------------------- bodies */

static const char canary[] = "canary: a name that must not be found on disk";

static bool file_holds(const struct ledger *ledger, const char *name, const char *what)
{
	char *file = memory_format("%s/%s", ledger->path, name);
	FILE *f = fopen(file, "rb");
	struct buffer data = {0};
	uint8_t part[4096];
	size_t got;
	bool found;

	free(file);
	if (f == NULL)
		return false;
	while ((got = fread(part, 1, sizeof(part), f)) > 0)
		buffer_append(&data, part, got);
	fclose(f);
	found = data.size > 0 && memmem(data.data, data.size, what, strlen(what)) != NULL;
	buffer_free(&data);
	return found;
}

static void a_disk_around_its_limit_does_not_open_and_close_intake(void **state)
{
	struct ledger *ledger = *state;
	struct statvfs status;
	uint64_t space;
	char *ballast;

	ledger->options.reserve_bytes = 1 << 20;
	ledger_reopen(ledger);
	ballast = memory_format("%s/ballast", ledger->options.path);
	assert_int_equal(statvfs(ledger->options.path, &status), 0);
	space = (uint64_t)status.f_bavail * status.f_frsize;
	assert_int_equal(truncate(ballast, (off_t)(space / 10 * 9)), 0); /* sparse: as if so much were laid in */
	ledger->journal->options.reserve_bytes = space / 10 * 9;
	journal_disk_watch(ledger->journal);
	assert_false(journal_disk_low(ledger->journal));
	atomic_store(&ledger->journal->disk_low, true);
	journal_disk_watch(ledger->journal);
	assert_true(journal_disk_low(ledger->journal)); /* with as much free as before */
	assert_int_equal(truncate(ballast, (off_t)(space / 10 * 7)), 0);
	ledger->journal->options.reserve_bytes = space / 10 * 7;
	journal_disk_watch(ledger->journal);
	assert_false(journal_disk_low(ledger->journal));
	free(ballast);
}

static void bodies_are_not_in_the_file(void **state)
{
	struct ledger *ledger = *state;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY), .body = canary});
	assert_true(
		file_holds(ledger, "journal.db-wal", "overstay")); /* what is not secret is found: the search works */
	assert_false(file_holds(ledger, "journal.db-wal", canary));
	assert_false(file_holds(ledger, "keys.db-wal", canary));
	ledger_reopen(ledger);
	assert_true(file_holds(ledger, "journal.db", "overstay"));
	assert_false(file_holds(ledger, "journal.db", canary));
	assert_false(file_holds(ledger, "keys.db", canary));
}

static void a_refused_body_is_not_kept(void **state)
{
	struct ledger *ledger = *state;
	uint64_t entry = ledger_say(
		ledger,
		&(struct saying){
			.origin = POLICE, .first = 1, .count = 2, .refused = 1, .audience = TO(ARMY), .body = canary});
	sqlite3_stmt *size =
		database_prepare(ledger->journal->db, "SELECT length(bodies) FROM content WHERE entry = ?1");
	uint64_t bytes;

	bind_number(size, 1, entry);
	assert_int_equal(journal_number(size, 0, &bytes, NULL), E_OK);
	assert_int_equal(bytes, 4 + 4 + strlen(canary) + VAULT_OVERHEAD);
	sqlite3_finalize(size);
}

static Simpul__Entry *entry_of(const struct journal_item *item)
{
	Simpul__Entry *entry = simpul__entry__unpack(NULL, item->encoded.size, item->encoded.data);

	assert_non_null(entry);
	return entry;
}

static void assert_delivery_proves(const struct ledger *ledger, int origin, const Simpul__Delivery *delivery)
{
	struct hash digest;

	assert_int_equal(delivery_digest(delivery, ledger->exchange, &digest, NULL), E_OK);
	assert_true(digest_verify(ledger->keys[origin].signing.public_key, SIGN_TAG_SUBMISSION, &digest,
				  BYTES(delivery->signature.data, delivery->signature.len)));
}

static void an_erased_body_cannot_be_read_again(void **state)
{
	struct ledger *ledger = *state;
	uint64_t entry = ledger_say(
		ledger,
		&(struct saying){
			.origin = POLICE, .first = 1, .count = 3, .refused = 1, .audience = TO(ARMY), .body = canary});
	struct journal_reader *reader = reader_of(ledger);
	struct journal_page page;
	Simpul__Entry *got;

	ledger_bury(ledger, &(struct erasure){entry, 1, 1, SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED, 0, 0}, 1);
	page = page_of(reader, ARMY, LEDGER_FIRST_ENTRIES, LIMIT_BATCH);
	assert_int_equal(page.count, 1);
	got = entry_of(&page.items[0]);
	assert_int_equal(got->delivery->n_reports, 3);
	assert_int_equal(got->delivery->reports[0]->leaf.len, HASH_SIZE);
	assert_int_equal(got->delivery->reports[1]->body.len, 0);
	assert_int_equal(got->delivery->reports[1]->body_hash.len, HASH_SIZE);
	assert_int_equal(got->delivery->reports[2]->body.len, strlen(canary));
	assert_delivery_proves(ledger, POLICE, got->delivery);
	simpul__entry__free_unpacked(got, NULL);
	journal_page_free(&page);
	journal_reader_close(reader);
	assert_verifies(ledger);
}

/* ---------------------------------------------------------------------------- pages */

static void a_node_sees_only_entries_it_is_in_the_audience_of(void **state)
{
	struct ledger *ledger = *state;
	struct journal_reader *reader = reader_of(ledger);
	struct journal_page page;
	uint64_t both, last;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	both = ledger_say(ledger,
			  &(struct saying){.origin = POLICE, .first = 2, .audience = TO(ARMY) | TO(IMMIGRATION)});
	last = ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 3, .audience = TO(OTHER_POLICE)});
	page = page_of(reader, IMMIGRATION, 0, LIMIT_BATCH);
	assert_int_equal(page.count,
			 LEDGER_NODES + 1); /* the members' records are for everybody, the policy for nobody */
	for (size_t i = 0; i < LEDGER_NODES; i++) {
		Simpul__Entry *got = entry_of(&page.items[i]);

		assert_int_equal(got->type, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_MEMBER);
		assert_string_equal(got->member->node, ledger_nodes[i]);
		simpul__entry__free_unpacked(got, NULL);
	}
	assert_int_equal(page.items[LEDGER_NODES].entry, both);
	/* the page says that there is nothing more, up to an entry that is not for the node */
	assert_true(page.upto.entry == last);
	assert_true(hash_equal(&page.upto.head, &ledger->journal->state.position.head));
	journal_page_free(&page);
	page = page_of(reader, POLICE, LEDGER_FIRST_ENTRIES, LIMIT_BATCH);
	assert_int_equal(page.count, 0);
	assert_true(page.upto.entry == last);
	journal_page_free(&page);
	journal_reader_close(reader);
}

static void a_node_gets_its_own_key_wrap_alone(void **state)
{
	struct ledger *ledger = *state;
	struct journal_reader *reader = reader_of(ledger);
	struct journal_page page;

	ledger_say(
		ledger,
		&(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY) | TO(IMMIGRATION), .wraps = true});
	for (int node = ARMY; node <= IMMIGRATION; node++) {
		page = page_of(reader, node, LEDGER_FIRST_ENTRIES, LIMIT_BATCH);
		assert_int_equal(page.count, 1);
		assert_int_equal(page.items[0].wrap_key_id, 1 + node);
		assert_int_equal(page.items[0].wrap[0], 7);
		journal_page_free(&page);
	}
	journal_reader_close(reader);
}

/* Commits `count` entries, in full commits, to changing audiences; entry LEDGER_FIRST_ENTRIES + n has number n. */
static void say_many(struct ledger *ledger, uint64_t count)
{
	for (uint64_t number = 1; number <= count;) {
		struct journal_append *first = NULL, *append;
		struct letter **end = NULL, *next;

		for (size_t i = 0; i < LIMIT_COMMIT_ENTRIES && number <= count; i++, number++) {
			append = ledger_append(ledger, &(struct saying){.origin = POLICE,
									.first = number,
									.audience = (unsigned)(number % 7) + 1});
			if (first == NULL)
				first = append;
			else
				*end = &append->letter;
			end = &append->letter.next;
		}
		assert_int_equal(journal_commit(ledger->journal, first, ++ledger->now), E_OK);
		for (struct letter *letter = &first->letter; letter != NULL; letter = next) {
			next = letter->next;
			assert_int_equal(((struct journal_append *)letter)->result.code, E_OK);
			journal_append_free((struct journal_append *)letter);
		}
	}
}

static void ten_thousand_entries_page_through_in_order(void **state)
{
	enum { COUNT = 10000 };
	struct ledger *ledger = *state;
	struct journal_reader *reader = reader_of(ledger);
	uint64_t after = LEDGER_FIRST_ENTRIES, number = 0;
	struct journal_page page;
	struct position stands;

	say_many(ledger, COUNT);
	do {
		page = page_of(reader, ARMY, after, 20000);
		size_t bytes = 0;

		for (size_t i = 0; i < page.count; i++) {
			for (number++; !((number % 7 + 1) & TO(ARMY)); number++)
				;
			assert_true(page.items[i].entry == LEDGER_FIRST_ENTRIES + number);
			bytes += page.items[i].encoded.size + 4; /* tag and length in the batch */
		}
		assert_in_range(bytes, page.count > 0, 20000);
		assert_true(page.upto.entry > after);
		after = page.upto.entry;
		assert_int_equal(journal_read_position(reader, after, &stands, NULL), E_OK);
		assert_true(hash_equal(&page.upto.head, &stands.head));
		journal_page_free(&page);
	} while (after < LEDGER_FIRST_ENTRIES + COUNT);
	assert_true(number >= COUNT - 2);
	journal_reader_close(reader);
	ledger_reopen(ledger);
	assert_verifies(ledger);
}

static void one_item_comes_even_when_it_is_larger_than_the_limit(void **state)
{
	struct ledger *ledger = *state;
	struct journal_reader *reader = reader_of(ledger);
	struct journal_page page;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 2, .audience = TO(ARMY)});
	page = page_of(reader, ARMY, LEDGER_FIRST_ENTRIES, 1);
	assert_int_equal(page.count, 1);
	assert_true(page.upto.entry == LEDGER_FIRST_ENTRIES + 1);
	journal_page_free(&page);
	journal_reader_close(reader);
}

static void positions_are_those_of_the_chain(void **state)
{
	struct ledger *ledger = *state;
	struct journal_append *append = say_and_keep(ledger, &(struct saying){.origin = POLICE, .first = 1});
	struct journal_reader *reader = reader_of(ledger);
	struct position position;

	assert_int_equal(journal_read_position(reader, append->entry, &position, NULL), E_OK);
	assert_true(hash_equal(&position.head, &append->head));
	assert_int_equal(position.incarnation, 1);
	assert_int_equal(journal_read_position(reader, append->entry + 1, &position, NULL), E_NOT_FOUND);
	assert_int_equal(journal_read_position(reader, 0, &position, NULL), E_OK);
	assert_true(bytes_all_zero(BYTES(position.head.bytes, HASH_SIZE)));
	journal_append_free(append);
	journal_reader_close(reader);
}

/* ---------------------------------------------------------------------------- loading */

struct seen {
	uint64_t last_entry, entries, audiences, cursor;
	struct report_name last[4];
	struct hash digest[4];
	size_t origins;
	struct position position;
};

static void see_entry(void *context, Simpul__EntryType type, uint64_t entry, wall_ms accepted_at, struct bytes content)
{
	struct seen *seen = context;

	assert_int_equal(seen->audiences, 0);
	assert_true(entry > seen->last_entry && accepted_at >= LEDGER_START && content.size > 0);
	assert_int_not_equal(type, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION);
	seen->last_entry = entry;
	seen->entries++;
}

static void see_audience(void *context, const struct audience *audience)
{
	struct seen *seen = context;

	assert_int_equal(audience->id, ++seen->audiences);
	assert_true(audience->count > 0);
}

static void see_origin(void *context, const struct report_name *last, const struct hash *digest)
{
	struct seen *seen = context;

	assert_in_range(seen->origins, 0, 3);
	seen->last[seen->origins] = *last;
	seen->digest[seen->origins++] = *digest;
}

static void see_cursor(void *context, const char *node, uint64_t entry)
{
	assert_string_equal(node, "army.oku");
	((struct seen *)context)->cursor = entry;
}

static void see_position(void *context, const struct position *position, const uint8_t signature[SIGNATURE_SIZE])
{
	(void)signature;
	((struct seen *)context)->position = *position;
}

static void everything_the_core_must_know_survives_a_restart(void **state)
{
	struct ledger *ledger = *state;
	struct seen seen = {0};
	const struct journal_visitor visitor = {.context = &seen,
						.entry = see_entry,
						.audience = see_audience,
						.origin = see_origin,
						.cursor = see_cursor,
						.position = see_position};
	struct journal_append *last;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .count = 3, .audience = TO(ARMY)});
	ledger_say(ledger, &(struct saying){.origin = POLICE, .stream = 2, .first = 1, .audience = TO(ARMY)});
	journal_note_cursor(ledger->journal, "army.oku", 5);
	journal_note_cursor(ledger->journal, "army.oku", 7);
	journal_note_withheld(ledger->journal, "army.oku", 8, 1);
	ledger_bury(ledger,
		    &(struct erasure){LEDGER_FIRST_ENTRIES + 1, 0, 1, SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED, 0, 0},
		    1); /* of which the core keeps nothing */
	last = say_and_keep(ledger, &(struct saying){.origin = POLICE, .first = 4, .audience = TO(IMMIGRATION)});
	ledger_reopen(ledger);
	assert_int_equal(journal_load(ledger->journal, &visitor, NULL), E_OK);
	assert_int_equal(seen.entries, LEDGER_FIRST_ENTRIES);
	assert_int_equal(seen.audiences, 3); /* everybody, army, immigration */
	assert_int_equal(seen.origins, 2);
	assert_int_equal(seen.last[0].number, 4);
	assert_true(hash_equal(&seen.digest[0], &last->digest));
	assert_int_equal(seen.last[1].stream, 2);
	assert_int_equal(seen.cursor, 7);
	assert_true(seen.position.entry == last->entry && hash_equal(&seen.position.head, &last->head));
	journal_append_free(last);
}

static void an_edited_member_record_is_not_loaded(void **state)
{
	struct ledger *ledger = *state;
	struct seen seen = {0};
	const struct journal_visitor visitor = {.context = &seen,
						.entry = see_entry,
						.audience = see_audience,
						.origin = see_origin,
						.cursor = see_cursor,
						.position = see_position};

	assert_int_equal(database_run(ledger->journal->db,
				      "UPDATE content SET content = content || x'00' WHERE entry = 2", NULL),
			 E_OK);
	ledger_reopen(ledger);
	assert_int_equal(journal_load(ledger->journal, &visitor, NULL), E_CORRUPT);
}

static void cursors_are_written_without_entries(void **state)
{
	struct ledger *ledger = *state;
	struct seen seen = {0};
	const struct journal_visitor visitor = {.context = &seen,
						.entry = see_entry,
						.audience = see_audience,
						.origin = see_origin,
						.cursor = see_cursor,
						.position = see_position};

	journal_note_cursor(ledger->journal, "army.oku", 4);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	ledger_reopen(ledger);
	assert_int_equal(journal_load(ledger->journal, &visitor, NULL), E_OK);
	assert_int_equal(seen.cursor, 4);
	assert_int_equal(seen.position.entry, LEDGER_FIRST_ENTRIES);
}

/* The notes cannot be written while the disk is full. */
static void who_fetches_for_ever_from_a_full_disk_fills_no_memory(void **state)
{
	enum { ENTRIES = 100 };
	struct ledger *ledger = *state;
	uint64_t rows;
	sqlite3_stmt *count;

	for (uint64_t i = 0; i < 1000 * ENTRIES; i++)
		journal_note_withheld(ledger->journal, i % 2 ? "army.oku" : "police.oku", i % ENTRIES + 1, 1);
	assert_in_range(ledger->journal->withheld.capacity, ENTRIES, 8 * ENTRIES);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	count = database_prepare(ledger->journal->db, "SELECT count(*) FROM withheld");
	assert_int_equal(journal_number(count, 0, &rows, NULL), E_OK);
	sqlite3_finalize(count);
	assert_int_equal(rows, ENTRIES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_journal_is_never_made_over_another),
		TEST(opening_nothing_makes_nothing),
		TEST(another_brokers_key_does_not_open_it),
		TEST(an_edited_tail_is_not_opened),
		TEST(keys_that_are_missing_or_older_are_not_made_anew),
		TEST(a_gap_is_refused_with_the_number_expected),
		TEST(a_number_is_not_used_twice),
		TEST(an_older_epoch_is_refused_and_a_new_one_starts_at_one),
		TEST(a_decision_under_an_old_policy_is_refused),
		TEST(one_refused_append_leaves_the_others_standing),
		TEST(accepted_at_never_decreases),
		TEST(a_repeat_gets_the_same_receipt_bytes),
		TEST(a_repeat_with_other_bytes_or_bounds_gets_no_receipt),
		TEST(very_many_updates_of_a_report_cost_no_more_than_few),
		TEST(a_cancel_reaches_exactly_those_who_got_the_original),
		TEST(a_reference_that_is_not_known_is_the_reports_verdict),
		TEST(what_is_about_a_number_without_a_report_is_refused),
		TEST(a_retraction_of_what_was_lost_goes_to_whom_the_core_decides),
		TEST(a_retraction_reaches_exactly_those_who_got_the_original),
		TEST(whoever_inherits_a_report_is_not_called_unreachable),
		TEST(an_aborted_commit_leaves_no_trace),
		TEST(after_another_error_nothing_is_taken_any_more),
		TEST(a_commit_that_fails_at_its_last_step_gives_no_receipt),
		TEST(ballast_is_let_go_on_a_full_disk_and_laid_in_again),
		TEST(a_disk_around_its_limit_does_not_open_and_close_intake),
		TEST(bodies_are_not_in_the_file),
		TEST(a_refused_body_is_not_kept),
		TEST(an_erased_body_cannot_be_read_again),
		TEST(a_node_sees_only_entries_it_is_in_the_audience_of),
		TEST(a_node_gets_its_own_key_wrap_alone),
		TEST(ten_thousand_entries_page_through_in_order),
		TEST(one_item_comes_even_when_it_is_larger_than_the_limit),
		TEST(positions_are_those_of_the_chain),
		TEST(everything_the_core_must_know_survives_a_restart),
		TEST(an_edited_member_record_is_not_loaded),
		TEST(cursors_are_written_without_entries),
		TEST(who_fetches_for_ever_from_a_full_disk_fills_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
