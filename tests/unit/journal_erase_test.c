/* journal_erase_test - tries to keep a body alive beyond its time, to lose one before it, and to hide that it is gone. */
#include "broker/journal/journal_sqlite.h"
#include "common/file.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/support/ledger.h"
#include "tests/support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#define TO(node) (1u << (node))
#define EXPIRES (LEDGER_START + 3600 * 1000)
#define CANARY "Eriksson, Anna Maria, L898902C3"

static int setup(void **state)
{
	struct ledger *ledger = *state = memory_zero(1, sizeof(*ledger));

	ledger_open(ledger);
	return 0;
}

static int teardown(void **state)
{
	ledger_close(*state);
	free(*state);
	return 0;
}

static struct journal_due due_at(const struct ledger *ledger, wall_ms now)
{
	return ledger_due(&ledger->options, now);
}

static void assert_due(const struct journal_due *due, size_t i, uint64_t entry, uint32_t first, uint32_t count,
		       Simpul__PurgeRule rule, uint64_t cause)
{
	assert_in_range(i, 0, due->count - 1);
	assert_int_equal(due->list[i].entry, entry);
	assert_int_equal(due->list[i].first, first);
	assert_int_equal(due->list[i].count, count);
	assert_int_equal(due->list[i].rule, rule);
	assert_int_equal(due->list[i].cause, cause);
}

#define EXPIRED SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED
#define RETRACTED SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED

/* How many bodies of an entry a recipient still gets, and how many hashes in their place. */
static void assert_bodies(const struct ledger *ledger, int node, uint64_t entry, size_t whole, size_t erased)
{
	const struct ledger_bodies bodies = ledger_sent(ledger, node, entry);

	assert_int_equal(bodies.whole, whole);
	assert_int_equal(bodies.erased, erased);
}

static void assert_verifies(const struct ledger *ledger)
{
	struct journal_verdict verdict;

	assert_int_equal(journal_verify(&ledger->options, NULL, &verdict, NULL), E_OK);
	assert_string_equal(verdict.what, "");
}

static void time_passes(struct ledger *ledger)
{
	if (ledger->now < EXPIRES + 100000)
		ledger->now = EXPIRES + 100000;
}

/* What the core does when it is told so. */
static void bury(struct ledger *ledger, const struct journal_due *due)
{
	time_passes(ledger);
	ledger_bury(ledger, due->list, due->count);
}

static const struct saying three = {
	.origin = POLICE, .first = 1, .count = 3, .audience = TO(ARMY), .body = CANARY, .expires = EXPIRES};

/* ---------------------------------------------------------------------------- expiry */

static void nothing_is_due_before_its_time(void **state)
{
	struct ledger *ledger = *state;

	ledger_say(ledger, &three);
	assert_int_equal(due_at(ledger, EXPIRES - 1).count, 0);
	assert_int_equal(due_at(ledger, 0).count, 0);
	assert_int_equal(due_at(ledger, EXPIRES).count, 1);
}

/* Each of the three a second after the one before. */
static void each_report_of_a_submission_dies_at_its_own_time(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = ledger_say(ledger, &three);
	struct journal_due due = due_at(ledger, EXPIRES);

	assert_due(&due, 0, entry, 0, 1, EXPIRED, 0);
	bury(ledger, &due);
	assert_bodies(ledger, ARMY, entry, 2, 1);
	assert_int_equal(due_at(ledger, EXPIRES + 999).count, 0);
	due = due_at(ledger, EXPIRES + 5000);
	assert_int_equal(due.count, 1);
	assert_due(&due, 0, entry, 0, 3, EXPIRED, 0);
	bury(ledger, &due);
	assert_bodies(ledger, ARMY, entry, 0, 3);
	assert_int_equal(due_at(ledger, EXPIRES + 5000).count, 0);
	assert_int_equal(due_at(ledger, UINT64_MAX >> 1).count, 0);
	assert_verifies(ledger);
}

/* What a reader saw may be less than what is due when the tombstone is written. */
static void what_a_tombstone_does_not_name_stays_due(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = ledger_say(ledger, &three);
	const struct journal_due due = due_at(ledger, EXPIRES);

	ledger->now = EXPIRES + 60 * 1000;
	bury(ledger, &due);
	assert_bodies(ledger, ARMY, entry, 2, 1);
	assert_int_equal(due_at(ledger, ledger->now).count, 1);
}

static void a_refused_report_has_nothing_that_could_die(void **state)
{
	struct ledger *ledger = *state;
	const struct saying saying = {.origin = POLICE, .first = 1, .count = 2, .refused = 1, .audience = TO(ARMY),
				      .body = CANARY, .expires = EXPIRES};

	ledger_say(ledger, &saying);
	assert_int_equal(due_at(ledger, EXPIRES + 999).count, 0);
	assert_int_equal(due_at(ledger, EXPIRES + 1000).count, 1);
}

/* It would live for ever, was refused for that, and must not be looked at for ever. */
static void a_time_that_no_report_may_have_is_never_due(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = ledger_say(ledger, &(struct saying){.origin = POLICE,
								   .first = 1,
								   .count = 2,
								   .audience = TO(ARMY),
								   .expires = EXPIRES,
								   .never = true});
	struct journal_due due = due_at(ledger, EXPIRES);

	assert_due(&due, 0, entry, 0, 1, EXPIRED, 0);
	bury(ledger, &due);
	assert_int_equal(due_at(ledger, EXPIRES * 2).count, 0);
}

static void more_than_a_tombstone_holds_comes_in_turns(void **state)
{
	enum { MANY = LIMIT_ERASURES + 10 };
	struct ledger *ledger = *state;
	struct journal_due due;

	for (uint64_t i = 1; i <= MANY; i++)
		ledger_say(ledger, &(struct saying){.origin = POLICE, .first = i, .audience = TO(ARMY), .expires = EXPIRES});
	due = due_at(ledger, EXPIRES);
	assert_int_equal(due.count, LIMIT_ERASURES);
	bury(ledger, &due);
	due = due_at(ledger, EXPIRES);
	assert_int_equal(due.count, MANY - LIMIT_ERASURES);
	bury(ledger, &due);
	assert_int_equal(due_at(ledger, EXPIRES).count, 0);
	assert_verifies(ledger);
}

/* ---------------------------------------------------------------------------- retraction */

static uint64_t say_about(struct ledger *ledger, uint64_t first, uint64_t reference, Simpul__Kind kind, bool erase)
{
	return ledger_say(ledger, &(struct saying){.origin = POLICE,
						   .first = first,
						   .kind = kind,
						   .reference = reference,
						   .audience = TO(ARMY),
						   .body = CANARY,
						   .expires = EXPIRES,
						   .erase = erase});
}

static void a_retraction_takes_the_report_and_its_updates_and_no_other(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = ledger_say(ledger, &three);
	const uint64_t update = say_about(ledger, 4, 2, SIMPUL__KIND__KIND_UPDATE, false);
	const uint64_t other = say_about(ledger, 5, 3, SIMPUL__KIND__KIND_UPDATE, false);
	const uint64_t cancel = say_about(ledger, 6, 2, SIMPUL__KIND__KIND_CANCEL, true);
	struct journal_due due = due_at(ledger, 0);

	assert_int_equal(due.count, 2);
	assert_due(&due, 0, entry, 1, 1, RETRACTED, cancel);
	assert_due(&due, 1, update, 0, 1, RETRACTED, cancel);
	bury(ledger, &due);
	assert_int_equal(due_at(ledger, 0).count, 0);
	assert_bodies(ledger, ARMY, entry, 2, 1);
	assert_bodies(ledger, ARMY, update, 0, 1);
	assert_bodies(ledger, ARMY, other, 1, 0);
	assert_bodies(ledger, ARMY, cancel, 1, 0);
	assert_verifies(ledger);
}

static void a_retraction_takes_updates_of_updates_and_reaches_who_got_only_those(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	const uint64_t update = say_about(ledger, 2, 1, SIMPUL__KIND__KIND_UPDATE, false);
	const uint64_t deep = ledger_say(ledger, &(struct saying){.origin = POLICE,
								  .first = 3,
								  .kind = SIMPUL__KIND__KIND_UPDATE,
								  .reference = 2,
								  .audience = TO(ARMY) | TO(IMMIGRATION)});
	const uint64_t cancel = say_about(ledger, 4, 1, SIMPUL__KIND__KIND_CANCEL, true);
	const struct journal_due due = due_at(ledger, 0);
	struct journal_reader *reader;
	struct journal_page page;

	assert_int_equal(due.count, 3);
	assert_due(&due, 0, entry, 0, 1, RETRACTED, cancel);
	assert_due(&due, 1, update, 0, 1, RETRACTED, cancel);
	assert_due(&due, 2, deep, 0, 1, RETRACTED, cancel);
	assert_int_equal(journal_reader_open(&reader, &ledger->options, NULL), E_OK);
	assert_int_equal(journal_read_page(reader, ledger_nodes[IMMIGRATION], deep, LIMIT_BATCH, &page, NULL), E_OK);
	assert_int_equal(page.count, 1);
	assert_int_equal(page.items[0].entry, cancel);
	journal_page_free(&page);
	journal_reader_close(reader);
	bury(ledger, &due);
	assert_verifies(ledger);
}

static void nothing_is_added_to_what_was_taken_back(void **state)
{
	struct ledger *ledger = *state;
	struct journal_append *late;

	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	say_about(ledger, 2, 1, SIMPUL__KIND__KIND_UPDATE, false);
	say_about(ledger, 3, 1, SIMPUL__KIND__KIND_CANCEL, true);
	for (uint64_t reference = 1; reference <= 2; reference++) {
		late = ledger_append(ledger, &(struct saying){.origin = POLICE,
							      .first = 3 + reference,
							      .kind = SIMPUL__KIND__KIND_UPDATE,
							      .reference = reference,
							      .audience = TO(ARMY)});
		assert_int_equal(ledger_commit(ledger, late, NULL), E_OK);
		assert_int_equal(late->reports[0].verdict, E_REFERENCE_UNKNOWN);
		assert_int_equal(late->audience.count, 0);
		journal_append_free(late);
	}
}

static void a_cancel_that_is_no_retraction_erases_nothing(void **state)
{
	struct ledger *ledger = *state;

	ledger_say(ledger, &three);
	say_about(ledger, 4, 2, SIMPUL__KIND__KIND_CANCEL, false);
	assert_int_equal(due_at(ledger, 0).count, 0);
}

static void a_retraction_of_what_is_not_there_erases_nothing(void **state)
{
	struct ledger *ledger = *state;

	ledger_say(ledger, &three);
	say_about(ledger, 4, 9, SIMPUL__KIND__KIND_CANCEL, true);
	assert_int_equal(due_at(ledger, 0).count, 0);
}

static void what_was_taken_back_can_expire_as_well(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = ledger_say(ledger, &three);
	struct journal_due due;

	say_about(ledger, 4, 1, SIMPUL__KIND__KIND_CANCEL, true);
	due = due_at(ledger, 0);
	bury(ledger, &due);
	due = due_at(ledger, EXPIRES + 10000);
	bury(ledger, &due);
	assert_bodies(ledger, ARMY, entry, 0, 3);
	assert_int_equal(due_at(ledger, EXPIRES + 10000).count, 0);
	assert_verifies(ledger);
}

/* ---------------------------------------------------------------------------- crashes, readers, backups */

/* The tombstone was committed, and then the power went. */
static void keys_under_a_tombstone_die_at_the_next_start(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = ledger_say(ledger, &three);
	struct fault fault = {0};

	database_run(ledger->journal->db, "INSERT INTO erasing(entry, place, count) VALUES(7, 0, 2)", &fault);
	assert_int_equal(fault.code, E_OK);
	assert_int_equal(entry, 7);
	ledger_reopen(ledger);
	assert_bodies(ledger, ARMY, entry, 1, 2); /* before they die, too */
	assert_int_equal(ledger_held(ledger, ARMY, entry).whole, 1);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_int_equal(ledger->journal->erasing, ERASING_NOTHING);
	assert_bodies(ledger, ARMY, entry, 1, 2);
}

/* A reader that stands in keys.db keeps its log from being cut: that waits, and nothing else does. */
static void a_reader_in_the_way_only_delays_the_end(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = ledger_say(ledger, &three);
	char *file = memory_format("%s/%s", ledger->path, VAULT_FILE);
	const struct journal_due due = due_at(ledger, EXPIRES + 10000);
	sqlite3 *thief = NULL;
	sqlite3_stmt *rows;
	uint64_t waiting;

	assert_int_equal(sqlite3_open(file, &thief), SQLITE_OK);
	rows = database_prepare(thief, "SELECT value FROM slot");
	assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
	bury(ledger, &due);
	assert_bodies(ledger, ARMY, entry, 0, 3);
	assert_int_equal(ledger->journal->erasing, ERASING_LOG);
	sqlite3_finalize(rows);
	sqlite3_close(thief);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_int_equal(ledger->journal->erasing, ERASING_NOTHING);
	rows = database_prepare(ledger->journal->db, "SELECT count(*) FROM erasing");
	assert_int_equal(journal_number(rows, 9, &waiting, NULL), E_OK);
	assert_int_equal(waiting, 0);
	sqlite3_finalize(rows);
	free(file);
}

/* Transactions in the log of keys.db: frames that say how large the file is then (https://sqlite.org/fileformat2.html).
 */
static size_t vault_commits(const struct ledger *ledger)
{
	enum { HEADER = 32, FRAME = 24 + DATABASE_PAGE, COMMIT_AT = 4 };
	static const uint8_t none[4];
	char *file = memory_format("%s/%s-wal", ledger->path, VAULT_FILE);
	struct buffer log = {0};
	size_t commits = 0;

	assert_int_equal(file_read(file, 16 << 20, &log, NULL), E_OK);
	for (size_t at = HEADER; at + FRAME <= log.size; at += FRAME)
		commits += memcmp(log.data + at + COMMIT_AT, none, sizeof(none)) != 0;
	buffer_free(&log);
	free(file);
	return commits;
}

/* Each commit is a sync, for which every office waits. */
static void all_keys_under_a_tombstone_die_by_one_sync_and_once(void **state)
{
	struct ledger *ledger = *state;
	char *file = memory_format("%s/%s", ledger->path, VAULT_FILE);
	struct journal_due due;
	sqlite3 *reader;
	sqlite3_stmt *rows;
	size_t before;

	for (uint64_t first = 1; first < 30; first += 3)
		ledger_say(ledger, &(struct saying){.origin = POLICE,
						    .first = first,
						    .count = 3,
						    .audience = TO(ARMY),
						    .body = CANARY,
						    .expires = EXPIRES});
	due = due_at(ledger, EXPIRES + 10000);
	assert_int_equal(due.count, 10);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_int_equal(sqlite3_open(file, &reader), SQLITE_OK);
	rows = database_prepare(reader, "SELECT value FROM slot");
	assert_int_equal(sqlite3_step(rows), SQLITE_ROW); /* so that the log is not cut off, and can be looked at */
	before = vault_commits(ledger);
	bury(ledger, &due);
	assert_int_equal(vault_commits(ledger), before + 1);
	ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 31, .count = 1, .audience = TO(ARMY)});
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_int_equal(vault_commits(ledger), before + 1);
	sqlite3_finalize(rows);
	sqlite3_close(reader);
	free(file);
}

/* The newest data keys open none of what was erased, whichever journal they are put to. */
static void a_backup_from_before_and_the_keys_of_today_bring_nothing_back(void **state)
{
	struct ledger *ledger = *state;
	struct ledger old = *ledger;
	const uint64_t entry = ledger_say(ledger, &three);
	char *journal = memory_format("%s/copy.journal", ledger->path), *keys = memory_format("%s/copy.keys", ledger->path);
	char *other = memory_format("%s/other", ledger->path), *now = memory_format("%s/now.keys", ledger->path);
	const char *const end[] = {"/bin/rm", "-rf", other, journal, keys, now, NULL};
	struct journal_verdict verdict;
	struct position last;
	struct journal_due due;

	assert_int_equal(journal_backup(&ledger->options, journal, keys, &last, NULL), E_OK);
	due = due_at(ledger, EXPIRES + 10000);
	bury(ledger, &due);
	assert_int_equal(remove(journal), 0);
	assert_int_equal(journal_backup(&ledger->options, journal, now, &last, NULL), E_OK);
	old.options.path = other;
	assert_int_equal(mkdir(other, 0700), 0);
	assert_int_equal(journal_restore(&old.options, journal, now, &verdict, NULL), E_OK);
	assert_string_equal(verdict.what, "");
	assert_bodies(&old, ARMY, entry, 0, 3);
	process_run(end, NULL, NULL, "/dev/null", 20);
	free(journal);
	free(keys);
	free(other);
	free(now);
}

/* Its number was that of one that was erased in the history that is over. */
static void an_entry_may_take_a_number_whose_key_was_erased(void **state)
{
	struct ledger *ledger = *state;
	struct vault *vault = ledger->journal->vault;
	const uint64_t next = ledger_say(ledger, &three) + 1;
	uint64_t entry;
	enum error error;

	assert_int_equal(vault_reserve(vault, next, NULL), E_OK);
	assert_int_equal(vault_erase_begin(vault, NULL), E_OK);
	error = vault_erase(vault, next, (const uint8_t[VAULT_NONCE_SIZE]){1}, 0, 1, 1, NULL);
	assert_int_equal(vault_erase_end(vault, error, NULL), E_OK);
	entry = ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 4, .count = 2, .audience = TO(ARMY)});
	assert_int_equal(entry, next);
	assert_bodies(ledger, ARMY, entry, 2, 0);
	ledger_bury(ledger, &(struct erasure){entry, 1, 1, EXPIRED, 0, 0}, 1);
	assert_bodies(ledger, ARMY, entry, 1, 1);
	assert_verifies(ledger);
}

static void one_that_cannot_be_read_keeps_no_other_alive(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t bad = ledger_say(ledger, &three);
	const uint64_t good = ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 4, .audience = TO(ARMY),
								  .expires = EXPIRES});
	struct journal_due due;

	assert_int_equal(database_run(ledger->journal->db, "UPDATE content SET content = x'ff' WHERE entry = 7", NULL), E_OK);
	due = due_at(ledger, EXPIRES);
	assert_int_equal(due.damaged, bad);
	assert_int_equal(due.count, 1);
	assert_due(&due, 0, good, 0, 1, EXPIRED, 0);
}

/* ---------------------------------------------------------------------------- damage */

static struct journal_verdict verdict_after(struct ledger *ledger, const struct erasure *erasure)
{
	struct journal_verdict verdict;

	time_passes(ledger);
	ledger_bury(ledger, erasure, 1);
	assert_int_equal(journal_verify(&ledger->options, NULL, &verdict, NULL), E_OK);
	return verdict;
}

static void a_tombstone_that_cannot_be_is_found(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = ledger_say(ledger, &three);

	assert_string_equal(verdict_after(ledger, &(struct erasure){entry, 0, 1, RETRACTED, 0, 0}).what,
			    "the tombstone gives no good reason");
}

static void a_tombstone_for_other_reports_hides_nothing(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = ledger_say(ledger, &three);
	struct journal_verdict verdict;

	database_run(ledger->journal->db, "INSERT INTO erasing(entry, place, count) VALUES(7, 0, 2)", NULL);
	verdict = verdict_after(ledger, &(struct erasure){entry, 1, 1, EXPIRED, 0, 0});
	assert_int_equal(verdict.bad_entry, entry);
	assert_string_equal(verdict.what, "the body of report 0 is gone without a tombstone");
}

/* ---------------------------------------------------------------------------- who no longer has it */

static uint64_t noted(const struct ledger *ledger)
{
	sqlite3_stmt *rows = database_prepare(ledger->journal->db, "SELECT count(*) FROM purged");
	uint64_t count = 99;

	assert_int_equal(journal_number(rows, 99, &count, NULL), E_OK);
	sqlite3_finalize(rows);
	return count;
}

/* Nor who tells it to somebody else than the origin. */
static void who_was_not_sent_a_report_cannot_say_that_it_is_gone(void **state)
{
	struct ledger *ledger = *state;
	struct buffer body = {0};

	ledger_say(ledger, &three);
	ledger_purge_receipt(&body, 1, 2, NULL);
	ledger_say(ledger, &(struct saying){.origin = IMMIGRATION,
					    .first = 1,
					    .kind = SIMPUL__KIND__KIND_PURGE_RECEIPT,
					    .audience = TO(POLICE),
					    .encoded = buffer_view(&body)});
	assert_int_equal(noted(ledger), 0);
	ledger_say(ledger, &(struct saying){.origin = ARMY,
					    .first = 1,
					    .kind = SIMPUL__KIND__KIND_PURGE_RECEIPT,
					    .audience = TO(IMMIGRATION),
					    .encoded = buffer_view(&body)});
	assert_int_equal(noted(ledger), 0);
	buffer_free(&body);
}

static void a_purge_receipt_is_noted_with_the_report_and_another_name_harms_nobody(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = ledger_say(ledger, &three);
	struct buffer body = {0};
	struct saying receipt = {.origin = ARMY, .first = 1, .kind = SIMPUL__KIND__KIND_PURGE_RECEIPT, .audience = TO(POLICE)};
	sqlite3_stmt *rows;
	uint64_t answered;

	ledger_purge_receipt(&body, 2, 77, NULL);
	receipt.encoded = buffer_view(&body);
	answered = ledger_say(ledger, &receipt);
	rows = database_prepare(ledger->journal->db, "SELECT entry, place, node, receipt FROM purged");
	assert_int_equal(sqlite3_step(rows), SQLITE_ROW);
	assert_int_equal(column_number(rows, 0), entry);
	assert_int_equal(column_number(rows, 1), 1);
	assert_string_equal(sqlite3_column_text(rows, 2), ledger_nodes[ARMY]);
	assert_int_equal(column_number(rows, 3), answered);
	assert_int_equal(sqlite3_step(rows), SQLITE_DONE);
	sqlite3_finalize(rows);
	buffer_free(&body);
	assert_verifies(ledger);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_due_before_its_time),
		TEST(each_report_of_a_submission_dies_at_its_own_time),
		TEST(what_a_tombstone_does_not_name_stays_due),
		TEST(a_refused_report_has_nothing_that_could_die),
		TEST(a_time_that_no_report_may_have_is_never_due),
		TEST(more_than_a_tombstone_holds_comes_in_turns),
		TEST(a_retraction_takes_the_report_and_its_updates_and_no_other),
		TEST(a_retraction_takes_updates_of_updates_and_reaches_who_got_only_those),
		TEST(nothing_is_added_to_what_was_taken_back),
		TEST(a_cancel_that_is_no_retraction_erases_nothing),
		TEST(a_retraction_of_what_is_not_there_erases_nothing),
		TEST(what_was_taken_back_can_expire_as_well),
		TEST(keys_under_a_tombstone_die_at_the_next_start),
		TEST(a_reader_in_the_way_only_delays_the_end),
		TEST(all_keys_under_a_tombstone_die_by_one_sync_and_once),
		TEST(a_backup_from_before_and_the_keys_of_today_bring_nothing_back),
		TEST(an_entry_may_take_a_number_whose_key_was_erased),
		TEST(one_that_cannot_be_read_keeps_no_other_alive),
		TEST(a_tombstone_that_cannot_be_is_found),
		TEST(a_tombstone_for_other_reports_hides_nothing),
		TEST(who_was_not_sent_a_report_cannot_say_that_it_is_gone),
		TEST(a_purge_receipt_is_noted_with_the_report_and_another_name_harms_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
