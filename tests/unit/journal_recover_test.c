/* Tries to go on with a journal that came out of a backup as if nothing had happened since. */
#include "broker/journal/journal_sqlite.h"
#include "broker/journal/vault.h"
#include "common/backup.h"
#include "common/memory.h"
#include "common/recovery.h"
#include "tests/support/disk.h"
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
#include <unistd.h>
#include <cmocka.h>

#define TO(node) (1u << (node))

/* A journal, and the files of its backup. */
struct fixture {
	struct ledger ledger;
	char *journal, *keys, *other; /* `other`: a folder to restore into */
	struct position last;
	struct fault fault;
};

static int setup(void **state)
{
	struct fixture *f = *state = memory_zero(1, sizeof(*f));

	ledger_open(&f->ledger);
	f->journal = memory_format("%s/copy.journal", f->ledger.path);
	f->keys = memory_format("%s/copy.keys", f->ledger.path);
	f->other = memory_format("%s/other", f->ledger.path);
	ledger_say(&f->ledger, &(struct saying){.origin = POLICE, .first = 1, .audience = TO(ARMY)});
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	const char *argv[] = {"/bin/rm", "-rf", f->other, f->journal, f->keys, NULL};

	process_run(argv, NULL, NULL, "/dev/null", 20);
	ledger_close(&f->ledger);
	free(f->journal);
	free(f->keys);
	free(f->other);
	free(f);
	return 0;
}

static void back_up(struct fixture *f)
{
	assert_int_equal(journal_backup(&f->ledger.options, f->journal, f->keys, &f->last, &f->fault), E_OK);
}

static struct journal_options restore(struct fixture *f)
{
	struct journal_options options = f->ledger.options;
	struct journal_verdict verdict;

	options.path = f->other;
	assert_int_equal(journal_restore(&options, f->journal, f->keys, &verdict, &f->fault), E_OK);
	assert_int_equal(verdict.bad_entry, 0);
	assert_int_equal(verdict.last.entry, f->last.entry);
	return options;
}

static void a_backup_is_taken_beside_the_writer_and_is_secret(void **state)
{
	struct fixture *f = *state;
	struct stat status;

	back_up(f);
	assert_int_equal(f->last.entry, f->ledger.journal->state.position.entry);
	assert_int_equal(stat(f->journal, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	assert_int_equal(stat(f->keys, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
	ledger_say(&f->ledger, &(struct saying){.origin = POLICE, .first = 2, .audience = TO(ARMY)});
	assert_int_equal(journal_backup(&f->ledger.options, f->journal, f->keys, &f->last, &f->fault), E_EXISTS);
}

static void a_backup_of_a_damaged_journal_is_none(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(database_run(f->ledger.journal->db, "UPDATE entry SET signature = NULL", NULL), E_OK);
	assert_int_equal(journal_backup(&f->ledger.options, f->journal, f->keys, &f->last, &f->fault), E_CORRUPT);
}

static void slots_change(const char *path, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(database_open(&db, path, DATABASE_WRITE, VAULT_VERSION, NULL, NULL), E_OK);
	assert_int_equal(database_run(db, sql, NULL), E_OK);
	database_close(db);
}

/* The parts of reports 0 and 1 of an entry, as a list has them; and of another entry. */
#define REST "00000000000000000000000000000000000000000000000000000000000000"
#define PART_0 "0000aa" REST
#define PART_1 "0001bb" REST
#define OTHER_0 "0000cc" REST
#define OTHER_1 "0001dd" REST
#define LIST(parts) "x'" parts "'"

static void data_keys_take_the_place_of_earlier_ones_only_when_they_open_the_same_and_no_more(void **state)
{
	struct fixture *f = *state;
	const char *earlier = f->other;

	back_up(f);
	assert_int_equal(journal_keys_follow(f->keys, earlier, &f->fault), E_OK);
	assert_int_equal(backup_database(f->keys, earlier, VAULT_VERSION, false, &f->fault), E_OK);
	assert_int_equal(journal_keys_follow(f->keys, earlier, &f->fault), E_OK);
	slots_change(f->keys, "UPDATE slot SET value = x'' WHERE entry = 2"); /* erased since */
	assert_int_equal(journal_keys_follow(f->keys, earlier, &f->fault), E_OK);
	assert_int_equal(journal_keys_follow(earlier, f->keys, &f->fault), E_EXISTS); /* comes back */
	slots_change(f->keys, "UPDATE slot SET value = " LIST(PART_0 PART_1) " WHERE entry = 4"); /* one of three was erased ... */
	assert_int_equal(journal_keys_follow(f->keys, earlier, &f->fault), E_OK);
	slots_change(earlier, "UPDATE slot SET value = " LIST(PART_1) " WHERE entry = 4"); /* ... and then another */
	assert_int_equal(journal_keys_follow(f->keys, earlier, &f->fault), E_EXISTS);
	slots_change(f->keys, "UPDATE slot SET value = " LIST(OTHER_0 OTHER_1) " WHERE entry = 4"); /* after a recovery */
	assert_int_equal(journal_keys_follow(f->keys, earlier, &f->fault), E_OK);
	slots_change(f->keys, "DELETE FROM slot WHERE entry = (SELECT max(entry) FROM slot)");
	assert_int_equal(journal_keys_follow(f->keys, earlier, &f->fault), E_EXISTS); /* older */
	slots_change(earlier, "DELETE FROM slot WHERE entry = (SELECT max(entry) FROM slot)");
	slots_change(earlier, "UPDATE slot SET value = zeroblob(32) WHERE entry = 3"); /* of another history */
	assert_int_equal(journal_keys_follow(f->keys, earlier, &f->fault), E_EXISTS);
}

static void keys_that_are_older_than_the_journal_are_found(void **state)
{
	struct fixture *f = *state;
	struct journal_verdict verdict;
	struct journal_options options = f->ledger.options;
	sqlite3 *db;

	back_up(f);
	assert_int_equal(database_open(&db, f->keys, DATABASE_WRITE, VAULT_VERSION, NULL, NULL), E_OK);
	assert_int_equal(database_run(db, "DELETE FROM slot WHERE entry > 3", NULL), E_OK);
	database_close(db);
	options.path = f->other;
	assert_true(journal_restore(&options, f->journal, f->keys, &verdict, &f->fault) == E_CORRUPT ||
		    verdict.bad_entry != 0);
}

static void what_came_out_of_a_backup_does_not_go_on(void **state)
{
	struct fixture *f = *state;
	struct journal *journal = NULL;

	back_up(f);
	const struct journal_options options = restore(f);

	assert_int_equal(journal_open(&journal, &options, &f->fault), E_HISTORY_DIFFERS);
	assert_null(journal);
}

static void a_recovery_is_an_entry_that_can_be_checked(void **state)
{
	struct fixture *f = *state;
	struct journal_recovery recovery;
	struct journal_verdict verdict;
	struct journal *journal;

	back_up(f);
	const struct journal_options options = restore(f);

	assert_int_equal(journal_recover(&options, 0, "disk lost", f->ledger.now, &recovery, &f->fault), E_OK);
	assert_int_equal(recovery.from.entry, f->last.entry);
	assert_int_equal(recovery.begins.entry, f->last.entry + 1);
	assert_int_equal(recovery.begins.incarnation, f->ledger.now / 1000);
	assert_int_equal(journal_verify(&options, &f->last, &verdict, NULL), E_OK);
	assert_string_equal(verdict.what, "");
	assert_int_equal(verdict.last.incarnation, recovery.begins.incarnation);
	assert_int_equal(journal_open(&journal, &options, &f->fault), E_OK);
	assert_int_equal(journal->state.position.incarnation, recovery.begins.incarnation);
	journal_close(journal);
}

static void an_incarnation_is_above_all_before(void **state)
{
	struct fixture *f = *state;
	struct journal_recovery recovery;
	struct journal_verdict verdict;

	back_up(f);
	const struct journal_options options = restore(f);

	assert_int_equal(journal_recover(&options, 1, "x", f->ledger.now, &recovery, &f->fault), E_INVALID);
	assert_int_equal(journal_recover(&options, UINT32_MAX - 7, "x", f->ledger.now, &recovery, &f->fault), E_OK);
	assert_int_equal(journal_recover(&options, 0, "x", f->ledger.now, &recovery, &f->fault), E_OK);
	assert_int_equal(recovery.begins.incarnation, UINT32_MAX - 6);
	assert_int_equal(journal_verify(&options, NULL, &verdict, NULL), E_OK);
	assert_string_equal(verdict.what, "");
}

/* Twice from one backup, neither recovery knows of the other. */
static void two_recoveries_of_one_backup_have_different_numbers(void **state)
{
	struct fixture *f = *state;
	struct journal_recovery first, second;
	const char *argv[] = {"/bin/rm", "-rf", f->other, NULL};

	back_up(f);
	struct journal_options options = restore(f);

	assert_int_equal(journal_recover(&options, 0, "x", f->ledger.now, &first, &f->fault), E_OK);
	process_run(argv, NULL, NULL, "/dev/null", 20);
	options = restore(f);
	assert_int_equal(journal_recover(&options, 0, "x", f->ledger.now + 5000, &second, &f->fault), E_OK);
	assert_int_equal(first.from.entry, second.from.entry);
	assert_true(second.begins.incarnation > first.begins.incarnation);
}

/* The data keys are copied more often than the journal. */
static void keys_back_up(struct fixture *f)
{
	char *unused = memory_format("%s/unused.journal", f->ledger.path);
	struct position last;

	assert_int_equal(remove(f->keys), 0);
	assert_int_equal(journal_backup(&f->ledger.options, unused, f->keys, &last, &f->fault), E_OK);
	assert_int_equal(remove(unused), 0);
	free(unused);
}

/* The data keys are of today, the journal is older than the tombstone. */
static void what_was_erased_since_the_backup_stays_so_and_gets_its_tombstone(void **state)
{
	struct fixture *f = *state;
	const uint64_t entry = ledger_say(&f->ledger, &(struct saying){.origin = POLICE, .first = 2, .count = 3,
								     .audience = TO(ARMY)});
	const struct erasure erasure = {entry, 1, 1, SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED, 0, 0};
	struct journal_recovery recovery;
	struct journal_verdict verdict;

	back_up(f);
	ledger_bury(&f->ledger, &erasure, 1);
	keys_back_up(f);
	const struct journal_options options = restore(f);

	assert_int_equal(journal_verify(&options, NULL, &verdict, NULL), E_OK);
	assert_int_equal(verdict.bad_entry, entry);
	assert_int_equal(journal_recover(&options, 0, "x", f->ledger.now, &recovery, &f->fault), E_OK);
	assert_int_equal(journal_verify(&options, NULL, &verdict, NULL), E_OK);
	assert_string_equal(verdict.what, "");
	assert_int_equal(verdict.last.entry, recovery.begins.entry + 1);
}

/* It had not expired, and nothing that is left says who took it back. */
static void what_was_taken_back_since_the_backup_is_no_damage_either(void **state)
{
	struct fixture *f = *state;
	struct ledger *ledger = &f->ledger;
	const uint64_t entry = ledger_say(
		ledger,
		&(struct saying){.origin = POLICE, .first = 2, .audience = TO(ARMY), .expires = ledger->now + DAY_MS});
	struct journal_recovery recovery;
	struct journal_verdict verdict;
	uint64_t cancel;

	back_up(f);
	cancel = ledger_say(ledger, &(struct saying){.origin = POLICE,
						     .first = 3,
						     .kind = SIMPUL__KIND__KIND_CANCEL,
						     .reference = 2,
						     .audience = TO(ARMY),
						     .erase = true});
	ledger_bury(ledger, &(struct erasure){entry, 0, 1, SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED, cancel, 0}, 1);
	keys_back_up(f);
	const struct journal_options options = restore(f);

	for (int again = 0; again < 2; again++) {
		assert_int_equal(journal_recover(&options, 0, "x", ledger->now, &recovery, &f->fault), E_OK);
		assert_int_equal(journal_verify(&options, NULL, &verdict, NULL), E_OK);
		assert_string_equal(verdict.what, "");
	}
	assert_int_equal(verdict.last.entry, recovery.begins.entry); /* one tombstone is enough */
}

static void a_recovery_of_somebody_else_is_refused(void **state)
{
	struct fixture *f = *state;
	struct signing_key key = f->ledger.options.broker;
	struct position from = {.incarnation = 1, .entry = 9};
	Simpul__Genesis genesis = SIMPUL__GENESIS__INIT;
	Simpul__Position position;
	struct recovery recovery;
	uint8_t signature[SIGNATURE_SIZE], authority[KEY_SIZE] = {1};
	char reason[LIMIT_TEXT + 1] = "";

	position_to_message(&from, &position);
	genesis.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, f->ledger.exchange};
	genesis.authority_key = (ProtobufCBinaryData){KEY_SIZE, authority};
	genesis.broker_key = (ProtobufCBinaryData){KEY_SIZE, key.public_key};
	genesis.incarnation = 2;
	genesis.recovered_from = &position;
	recovery_sign(&genesis, &key, signature);
	genesis.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
#define CHECK() recovery_of_genesis(&recovery, &genesis, f->ledger.exchange, key.public_key, NULL)
	assert_int_equal(CHECK(), E_OK);
	genesis.incarnation = 3;
	assert_int_equal(CHECK(), E_BAD_SIGNATURE);
	genesis.incarnation = 1;
	assert_int_equal(CHECK(), E_INVALID);
	genesis.incarnation = 2;
	position.entry = 10;
	assert_int_equal(CHECK(), E_BAD_SIGNATURE);
	position.entry = 9;
	genesis.reason = (char *)(uintptr_t) "another";
	assert_int_equal(CHECK(), E_BAD_SIGNATURE);
	memset(reason, 'x', LIMIT_TEXT); /* the longest text that gets so far */
	genesis.reason = reason;
	assert_int_equal(CHECK(), E_INVALID);
	genesis.reason = (char *)(uintptr_t) "";
	genesis.recovered_from = NULL;
	assert_int_equal(CHECK(), E_INVALID);
#undef CHECK
}

/* The tombstone is on disk and the key it speaks of is not destroyed: a program that waits for it must not end well. */
static void a_commit_whose_keys_cannot_be_destroyed_says_why(void **state)
{
	struct disk *disk = disk_start(1);
	struct ledger *ledger = memory_zero(1, sizeof(*ledger));
	struct journal_append *tombstone = journal_append_new();
	struct erasure erasure = {.count = 1, .rule = SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED};
	struct disk_fault lost = {.call = DISK_WRITE, .nth = 1};
	struct fault fault = {0};
	char *keys;

	(void)state;
	ledger_open(ledger);
	erasure.entry = ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 1, .expires = LEDGER_START + 1});
	tombstone->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_TOMBSTONE;
	tombstone_pack(&erasure, 1, ledger->now, &tombstone->content);
	keys = memory_format("%s/" VAULT_FILE, ledger->options.path);
	lost.prefix = keys;
	disk_fault_add(disk, &lost);
	assert_int_equal(journal_commit_told(ledger->journal, tombstone, ledger->now, &fault), E_IO);
	disk_fault_remove(disk, &lost);
	assert_int_not_equal(lost.failed, 0);
	assert_int_equal(tombstone->result.code, E_OK);
	assert_int_equal(fault.code, E_IO);
	assert_int_not_equal(fault.field[0], '\0');
	journal_append_free(tombstone);
	ledger_close(ledger);
	disk_stop(disk);
	free(keys);
	free(ledger);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_backup_is_taken_beside_the_writer_and_is_secret, setup, teardown),
		cmocka_unit_test_setup_teardown(a_backup_of_a_damaged_journal_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(data_keys_take_the_place_of_earlier_ones_only_when_they_open_the_same_and_no_more, setup, teardown),
		cmocka_unit_test_setup_teardown(keys_that_are_older_than_the_journal_are_found, setup, teardown),
		cmocka_unit_test_setup_teardown(what_came_out_of_a_backup_does_not_go_on, setup, teardown),
		cmocka_unit_test_setup_teardown(a_recovery_is_an_entry_that_can_be_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(an_incarnation_is_above_all_before, setup, teardown),
		cmocka_unit_test_setup_teardown(two_recoveries_of_one_backup_have_different_numbers, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_erased_since_the_backup_stays_so_and_gets_its_tombstone, setup,
						teardown),
		cmocka_unit_test_setup_teardown(what_was_taken_back_since_the_backup_is_no_damage_either, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_recovery_of_somebody_else_is_refused, setup, teardown),
		cmocka_unit_test(a_commit_whose_keys_cannot_be_destroyed_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
