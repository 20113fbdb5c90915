/* Tries to change a journal behind the broker's back without journal_verify finding it. */
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include "tests/support/disk.h"
#include "tests/support/ledger.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TO(node) (1u << (node))

/* A closed journal with some of everything. */
struct closed {
	struct ledger ledger;
	struct position last;
};

static void fill(struct ledger *ledger)
{
	struct journal_append *a = ledger_append(ledger, &(struct saying){.origin = POLICE,
									  .first = 1,
									  .count = 3,
									  .refused = 1,
									  .audience = TO(ARMY),
									  .named = "immigration.oku"});
	struct journal_append *b =
		ledger_append(ledger, &(struct saying){.origin = ARMY, .first = 1, .audience = TO(POLICE)});

	assert_int_equal(ledger_commit(ledger, a, b, NULL), E_OK); /* entries 7 and 8 */
	journal_append_free(a);
	journal_append_free(b);
	ledger_say(ledger, &(struct saying){.origin = POLICE,
					    .first = 4,
					    .kind = SIMPUL__KIND__KIND_UPDATE,
					    .reference = 2,
					    .audience = TO(IMMIGRATION)}); /* 9 */
	ledger_say(ledger,
		   &(struct saying){.origin = POLICE, .first = 5, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 2});
	ledger_say(ledger, &(struct saying){.origin = ARMY, .first = 2, .audience = TO(POLICE)}); /* 11 */
}

static struct journal_verdict audit_of(const struct closed *closed, const struct position *held);

static int setup(void **state)
{
	struct closed *closed = memory_zero(1, sizeof(*closed));
	struct journal_verdict verdict;

	ledger_open(&closed->ledger);
	fill(&closed->ledger);
	closed->last = closed->ledger.journal->state.position;
	journal_close(closed->ledger.journal);
	closed->ledger.journal = NULL;
	assert_int_equal(journal_verify(&closed->ledger.options, &closed->last, &verdict, NULL), E_OK);
	assert_string_equal(verdict.what, "");
	assert_int_equal(verdict.entries, 11);
	assert_int_equal(verdict.submissions, 5);
	assert_int_equal(verdict.reports, 7);
	verdict = audit_of(closed, &closed->last);
	assert_string_equal(verdict.what, "");
	assert_int_equal(verdict.reports, 7);
	*state = closed;
	return 0;
}

static int teardown(void **state)
{
	struct closed *closed = *state;

	ledger_close(&closed->ledger);
	free(closed);
	return 0;
}

static void edit(const struct closed *closed, const char *file, const char *sql)
{
	char *path = memory_format("%s/%s", closed->ledger.path, file);
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_true(sqlite3_total_changes(db) > 0);
	sqlite3_close(db);
	free(path);
}

static struct journal_verdict verdict_of(const struct closed *closed, const struct position *held)
{
	struct journal_verdict verdict;

	assert_int_equal(journal_verify(&closed->ledger.options, held, &verdict, NULL), E_OK);
	return verdict;
}

/* What an auditor finds who has the file alone. */
static struct journal_verdict audit_of(const struct closed *closed, const struct position *held)
{
	char *file = memory_format("%s/%s", closed->ledger.path, JOURNAL_FILE);
	struct journal_verdict verdict;

	assert_int_equal(journal_audit(file, closed->ledger.authority.public_key, held, &verdict, NULL), E_OK);
	free(file);
	return verdict;
}

/* Bodies, which only their keys open. */
static bool is_for_keys_alone(const char *file, const char *edit)
{
	return strcmp(file, JOURNAL_FILE) != 0 || strstr(edit, "bodies") != NULL || strstr(edit, "nonce") != NULL;
}

/* An edit, the edit that takes it back, and the entry at which it must be found (0: at any). */
struct tampering {
	const char *edit, *undo;
	uint64_t entry;
};

static void assert_found(const struct closed *closed, const char *file, const struct tampering *tampering)
{
	struct journal_verdict verdict;

	edit(closed, file, tampering->edit);
	verdict = verdict_of(closed, NULL);
	if (verdict.bad_entry == 0)
		fail_msg("not found: %s", tampering->edit);
	assert_true(verdict.what[0] != '\0');
	if (tampering->entry != 0 && verdict.bad_entry != tampering->entry)
		fail_msg("%s: found at %d: %s", tampering->edit, (int)verdict.bad_entry, verdict.what);
	if (!is_for_keys_alone(file, tampering->edit))
		assert_string_equal(audit_of(closed, NULL).what, verdict.what);
	edit(closed, file, tampering->undo);
	verdict = verdict_of(closed, NULL);
	assert_string_equal(verdict.what, "");
}

#define NUMBER(column, entry) \
	{ \
		"UPDATE entry SET " column " = " column " + 1 WHERE entry = " #entry, \
			"UPDATE entry SET " column " = " column " - 1 WHERE entry = " #entry, entry \
	}
/* One byte becomes another; the old ones are kept beside meanwhile. */
#define BYTES_OF(table, column, entry) \
	{ \
		"CREATE TABLE aside AS SELECT " column " AS v FROM " table " WHERE entry = " #entry ";" \
		"UPDATE " table " SET " column " = CAST(substr(" column ", 1, 10) || CASE substr(" column \
		", 11, 1) WHEN x'5a' " \
		"THEN x'5b' ELSE x'5a' END || substr(" column ", 12) AS BLOB) WHERE entry = " #entry, \
			"UPDATE " table " SET " column " = (SELECT v FROM aside) WHERE entry = " #entry \
			"; DROP TABLE aside", \
			entry \
	}

static void an_edit_of_any_column_of_an_entry_is_found(void **state)
{
	static const struct tampering all[] = {
		NUMBER("type", 7),
		NUMBER("type", 3),
		NUMBER("accepted_at", 7),
		NUMBER("accepted_at", 11),
		NUMBER("policy_version", 7),
		NUMBER("policy_version", 11),
		NUMBER("audience_id", 7),
		NUMBER("audience_id", 3),
		NUMBER("origin_id", 7),
		NUMBER("epoch", 7),
		NUMBER("stream", 7),
		NUMBER("first", 7),
		NUMBER("count", 7),
		BYTES_OF("entry", "digest", 7),
		BYTES_OF("entry", "digest", 6),
		BYTES_OF("entry", "entry_hash", 7),
		BYTES_OF("entry", "head", 7),
		BYTES_OF("entry", "head", 11),
		BYTES_OF("entry", "signature", 8),
		BYTES_OF("entry", "outcome", 7),
		BYTES_OF("content", "content", 1),
		BYTES_OF("content", "content", 3),
		BYTES_OF("content", "content", 6),
		BYTES_OF("content", "content", 7),
		BYTES_OF("content", "nonce", 8),
		BYTES_OF("content", "bodies", 8),
		{"UPDATE entry SET entry = 99 WHERE entry = 8", "UPDATE entry SET entry = 8 WHERE entry = 99", 8},
		{"UPDATE content SET entry = 99 WHERE entry = 8", "UPDATE content SET entry = 8 WHERE entry = 99", 8},
		{"UPDATE entry SET audience_id = 77 WHERE entry = 8",
		 "UPDATE entry SET audience_id = "
		 "(SELECT audience_id FROM entry WHERE entry = 11) WHERE entry = 8",
		 8},
		{"UPDATE entry SET head = x'00' WHERE entry = 8", "UPDATE entry SET head = x'00' WHERE entry = 8", 8},
	};
	const struct closed *closed = *state;

	for (size_t i = 0; i + 1 < sizeof(all) / sizeof(all[0]); i++)
		assert_found(closed, JOURNAL_FILE, &all[i]);
	edit(closed, JOURNAL_FILE, all[sizeof(all) / sizeof(all[0]) - 1].edit);
	assert_int_equal(verdict_of(closed, NULL).bad_entry, 8);
}

static void an_edit_of_any_other_table_is_found(void **state)
{
	static const struct tampering all[] = {
		{"UPDATE audience SET nodes = 'police.muara-enim' WHERE id = 2",
		 "UPDATE audience SET nodes = 'army.oku' "
		 "WHERE id = 2",
		 7},
		{"UPDATE audience SET kind = 0 WHERE id = 2", "UPDATE audience SET kind = 1 WHERE id = 2", 7},
		{"UPDATE audience SET category = 'other' WHERE id = 2",
		 "UPDATE audience SET category = 'overstay' WHERE id = 2", 7},
		{"UPDATE audience SET region = '16' WHERE id = 2", "UPDATE audience SET region = '16.01' WHERE id = 2",
		 7},
		{"UPDATE audience SET label = 1 WHERE id = 2", "UPDATE audience SET label = 3 WHERE id = 2", 7},
		{"UPDATE audience SET protection = 2 WHERE id = 2", "UPDATE audience SET protection = 0 WHERE id = 2",
		 7},
		{"UPDATE audience SET id = 99 WHERE id = 4", "UPDATE audience SET id = 4 WHERE id = 99", 0},
		{"INSERT INTO member_of VALUES('police.muara-enim', 2)",
		 "DELETE FROM member_of WHERE node = 'police.muara-enim' "
		 "AND audience_id = 2",
		 0},
		{"UPDATE member_of SET node = 'spy.oku' WHERE node = 'army.oku' AND audience_id = 2",
		 "UPDATE member_of SET node = 'army.oku' WHERE node = 'spy.oku'", 0},
		{"UPDATE origin SET node = 'police.x' WHERE node = 'police.oku'",
		 "UPDATE origin SET node = 'police.oku' "
		 "WHERE node = 'police.x'",
		 7},
		{"UPDATE stream SET last = last + 1 WHERE origin_id = 1",
		 "UPDATE stream SET last = last - 1 WHERE origin_id = 1", 0},
		{"UPDATE stream SET epoch = 2 WHERE origin_id = 1", "UPDATE stream SET epoch = 1 WHERE origin_id = 1",
		 0},
		{"UPDATE submission_of SET entry = 8 WHERE entry = 7",
		 "UPDATE submission_of SET entry = 7 "
		 "WHERE origin_id = 1 AND first = 1",
		 7},
		{"INSERT INTO submission_of VALUES(1, 1, 0, 100, 7)", "DELETE FROM submission_of WHERE first = 100", 0},
		{"UPDATE reference SET number = 3 WHERE entry = 9", "UPDATE reference SET number = 2 WHERE entry = 9",
		 9},
		{"INSERT INTO reference VALUES(7, 2, 11)", "DELETE FROM reference WHERE entry = 11", 0},
		{"UPDATE meta SET value = zeroblob(16) WHERE key = 'exchange'",
		 "UPDATE meta SET value = "
		 "(SELECT substr(content, 3, 16) FROM content WHERE entry = 1) WHERE key = 'exchange'",
		 1},
	};
	const struct closed *closed = *state;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		assert_found(closed, JOURNAL_FILE, &all[i]);
}

static void a_recipient_struck_from_the_outcome_is_found(void **state)
{
	const struct closed *closed = *state;
	struct journal_verdict verdict;
	char *path = memory_format("%s/%s", closed->ledger.path, JOURNAL_FILE);
	sqlite3 *db;
	sqlite3_stmt *set;
	static const char name[] = "immigration.oku";

	/* the last field of the outcome: tag, length, name */
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	set = database_prepare(db,
			       "UPDATE entry SET outcome = substr(outcome, 1, length(outcome) - ?1) WHERE entry = 7");
	bind_number(set, 1, strlen(name) + 2);
	assert_int_equal(database_step(set, NULL), E_OK);
	database_close(db);
	free(path);
	verdict = verdict_of(closed, NULL);
	assert_int_equal(verdict.bad_entry, 7);
	assert_string_equal(verdict.what, "the outcome says that a node was reached that was not");
}

static void keys_of_another_vault_are_found(void **state)
{
	struct closed *closed = *state;

	edit(closed, "keys.db", "UPDATE slot SET value = zeroblob(32) WHERE entry = 8");
	assert_int_equal(verdict_of(closed, NULL).bad_entry, 8);
	edit(closed, "keys.db", "DELETE FROM slot WHERE entry = 7");
	assert_int_equal(verdict_of(closed, NULL).bad_entry, 7);
}

static void a_body_that_is_gone_without_a_tombstone_is_found(void **state)
{
	struct journal_verdict verdict;

	edit(*state, "keys.db", "UPDATE slot SET value = x'' WHERE entry = 8");
	verdict = verdict_of(*state, NULL);
	assert_int_equal(verdict.bad_entry, 8);
	assert_string_equal(verdict.what, "the body of report 0 is gone without a tombstone");
}

#define CUT_BELOW(entry) \
	"DELETE FROM entry WHERE entry >= " #entry "; DELETE FROM content WHERE entry >= " #entry ";" \
	"DELETE FROM submission_of WHERE entry >= " #entry ";" \
	"UPDATE stream SET last = last - 1, digest = (SELECT digest FROM entry e WHERE e.origin_id = " \
	"stream.origin_id " \
	"ORDER BY entry DESC LIMIT 1) WHERE origin_id = 2"

static void a_cut_tail_is_found_against_a_held_head(void **state)
{
	const struct closed *closed = *state;
	struct journal_verdict verdict;

	edit(closed, JOURNAL_FILE, CUT_BELOW(11));
	assert_int_equal(verdict_of(closed, NULL).bad_entry,
			 0); /* whoever cuts with care needs a held head to be caught */
	verdict = verdict_of(closed, &closed->last);
	assert_int_equal(verdict.bad_entry, 11);
	assert_int_equal(audit_of(closed, &closed->last).bad_entry, 11);
}

static void a_tail_cut_within_a_commit_is_found(void **state)
{
	edit(*state, JOURNAL_FILE, "DELETE FROM entry WHERE entry >= 8");
	assert_string_equal(verdict_of(*state, NULL).what, "the last entry is not signed: what followed was cut off");
	assert_int_equal(verdict_of(*state, NULL).bad_entry, 7);
}

static void another_history_is_found_against_a_held_head(void **state)
{
	const struct closed *closed = *state;
	struct position held = closed->last;

	held.head.bytes[5] ^= 1;
	assert_int_equal(verdict_of(closed, &held).bad_entry, 11);
	assert_int_equal(audit_of(closed, &held).bad_entry, 11);
	held = closed->last;
	held.incarnation = 2;
	assert_int_equal(verdict_of(closed, &held).bad_entry, 11);
}

static void a_reordered_pair_is_found(void **state)
{
	edit(*state, JOURNAL_FILE,
	     "UPDATE entry SET entry = -entry WHERE entry IN (10, 11);"
	     "UPDATE entry SET entry = 21 + entry WHERE entry < 0;"
	     "UPDATE content SET entry = -entry WHERE entry IN (10, 11);"
	     "UPDATE content SET entry = 21 + entry WHERE entry < 0;"
	     "UPDATE submission_of SET entry = 21 - entry WHERE entry IN (10, 11)");
	assert_int_equal(verdict_of(*state, NULL).bad_entry, 10);
	assert_int_equal(audit_of(*state, NULL).bad_entry, 10);
}

static void a_removed_entry_is_found(void **state)
{
	edit(*state, JOURNAL_FILE, "DELETE FROM entry WHERE entry = 9");
	assert_int_equal(verdict_of(*state, NULL).bad_entry, 9);
}

/* Opens the journal as a broker that means ill would: everything is hashed and signed as it should be. */
static struct ledger *reopened(struct closed *closed)
{
	assert_int_equal(journal_open(&closed->ledger.journal, &closed->ledger.options, NULL), E_OK);
	return &closed->ledger;
}

static void a_policy_that_was_not_in_force_is_found_though_signed(void **state)
{
	struct ledger *ledger = reopened(*state);

	ledger->journal->state.policy_version = 9;
	ledger_say(ledger, &(struct saying){.origin = IMMIGRATION, .first = 1, .audience = TO(ARMY)});
	assert_string_equal(verdict_of(*state, NULL).what, "another policy was in force");
}

static void a_report_that_its_origin_did_not_sign_is_found(void **state)
{
	struct ledger *ledger = reopened(*state);

	signing_key_generate(&ledger->keys[IMMIGRATION].signing);
	ledger_say(ledger, &(struct saying){.origin = IMMIGRATION, .first = 1, .audience = TO(ARMY)});
	assert_string_equal(verdict_of(*state, NULL).what, "the origin's signature does not verify");
}

static void a_report_under_a_replaced_key_is_found(void **state)
{
	struct ledger *ledger = reopened(*state);
	const struct node_keys old = ledger->keys[IMMIGRATION];
	struct journal_append *member = ledger_member(ledger, IMMIGRATION, 2);

	assert_int_equal(ledger_commit(ledger, member, NULL), E_OK);
	journal_append_free(member);
	ledger->keys[IMMIGRATION] = old;
	ledger_say(ledger, &(struct saying){.origin = IMMIGRATION, .first = 1, .audience = TO(ARMY)});
	assert_string_equal(verdict_of(*state, NULL).what, "the origin's key was not valid at this entry");
}

static void a_whole_journal_made_with_another_key_is_found(void **state)
{
	struct closed *closed = *state;
	struct journal_options options = closed->ledger.options;
	struct journal_verdict verdict;

	signing_key_generate(&options.broker);
	assert_int_equal(journal_verify(&options, NULL, &verdict, NULL), E_OK);
	assert_int_not_equal(verdict.bad_entry, 0);
	/* who has no key at all can still check */
	memset(&options.broker, 0, sizeof(options.broker));
	assert_int_equal(journal_verify(&options, NULL, &verdict, NULL), E_OK);
	assert_int_equal(verdict.bad_entry, 0);
}

static void a_journal_is_checked_while_it_is_written(void **state)
{
	struct closed *closed = *state;

	assert_int_equal(journal_open(&closed->ledger.journal, &closed->ledger.options, NULL), E_OK);
	ledger_say(&closed->ledger,
		   &(struct saying){.origin = IMMIGRATION, .first = 1, .audience = TO(ARMY) | TO(OTHER_POLICE)});
	assert_int_equal(verdict_of(closed, &closed->last).bad_entry, 0);
	assert_int_equal(verdict_of(closed, &closed->ledger.journal->state.position).entries, 12);
}

static void nothing_there_is_a_fault_and_no_verdict(void **state)
{
	struct closed *closed = *state;
	struct journal_options options = closed->ledger.options;
	struct journal_verdict verdict;
	struct fault fault;

	options.path = "/tmp";
	assert_int_equal(journal_verify(&options, NULL, &verdict, &fault), E_NOT_FOUND);
	assert_int_equal(fault.code, E_NOT_FOUND);
}

/* Every read fails once, one after the other. */
static void a_read_that_fails_is_a_fault_and_no_damage(void **unused)
{
	struct disk *disk = disk_start(1);
	struct disk_fault failing = {.prefix = "/tmp", .call = DISK_READ, .once = true};
	struct journal_verdict verdict;
	struct closed *closed;
	size_t faults = 0;
	void *state;

	(void)unused;
	setup(&state);
	closed = state;
	do {
		failing.nth++;
		failing.seen = failing.failed = 0;
		disk_fault_add(disk, &failing);
		faults += journal_verify(&closed->ledger.options, &closed->last, &verdict, NULL) != E_OK;
		disk_fault_remove(disk, &failing);
		assert_string_equal(verdict.what, "");
		assert_int_equal(verdict.bad_entry, 0);
	} while (failing.failed > 0);
	assert_true(faults > 10);
	teardown(&state);
	disk_stop(disk);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_edit_of_any_column_of_an_entry_is_found),
		TEST(an_edit_of_any_other_table_is_found),
		TEST(a_recipient_struck_from_the_outcome_is_found),
		TEST(keys_of_another_vault_are_found),
		TEST(a_body_that_is_gone_without_a_tombstone_is_found),
		TEST(a_cut_tail_is_found_against_a_held_head),
		TEST(a_tail_cut_within_a_commit_is_found),
		TEST(another_history_is_found_against_a_held_head),
		TEST(a_reordered_pair_is_found),
		TEST(a_removed_entry_is_found),
		TEST(a_policy_that_was_not_in_force_is_found_though_signed),
		TEST(a_report_that_its_origin_did_not_sign_is_found),
		TEST(a_report_under_a_replaced_key_is_found),
		TEST(a_whole_journal_made_with_another_key_is_found),
		TEST(a_journal_is_checked_while_it_is_written),
		TEST(nothing_there_is_a_fault_and_no_verdict),
		cmocka_unit_test(a_read_that_fails_is_a_fault_and_no_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
