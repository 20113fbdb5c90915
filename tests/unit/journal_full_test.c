/* journal_full_test - tries to get at a body that is buried, and to keep its key, while the disk has no room for
 * keys.db to lose it. */
#include "broker/journal/journal_sqlite.h"
#include "common/log.h"
#include "common/memory.h"
#include "tests/support/disk.h"
#include "tests/support/holding.h"
#include "tests/support/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define EXPIRES (LEDGER_START + 3600 * 1000)
#define ENTRY 7 /* three reports of the police for the army */

struct place {
	struct disk *disk;
	struct ledger ledger;
	char *keys, *journal, *ballast;
	struct disk_fault full, notes_full; /* of keys.db; of journal.db */
};

static size_t alarms, notices; /* about the keys */

static void line_count(void *context, enum log_level level, const char *line)
{
	(void)context;
	alarms += level == LOG_LEVEL_ALARM && strstr(line, "event=keys.undestroyed") != NULL;
	notices += level == LOG_LEVEL_NOTICE && strstr(line, "event=keys.destroyed") != NULL;
}

static int setup(void **state)
{
	struct place *place = *state = memory_zero(1, sizeof(*place));

	alarms = notices = 0;
	log_copy(line_count, NULL);
	place->disk = disk_start(1);
	ledger_open(&place->ledger);
	place->keys = memory_format("%s/%s", place->ledger.path, VAULT_FILE);
	place->journal = memory_format("%s/%s", place->ledger.path, JOURNAL_FILE);
	place->ballast = memory_format("%s/%s", place->ledger.path, JOURNAL_BALLAST);
	place->full = (struct disk_fault){.prefix = place->keys, .call = DISK_WRITE, .nth = 1, .code = SQLITE_FULL};
	place->notes_full = place->full;
	place->notes_full.prefix = place->journal;
	assert_int_equal(ledger_say(&place->ledger, &(struct saying){.origin = POLICE,
								     .first = 1,
								     .count = 3,
								     .audience = 1u << ARMY,
								     .expires = EXPIRES}),
			 ENTRY);
	assert_int_equal(journal_flush(place->ledger.journal), E_OK);
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	ledger_close(&place->ledger);
	disk_stop(place->disk);
	log_copy(NULL, NULL);
	free(place->keys);
	free(place->journal);
	free(place->ballast);
	free(place);
	return 0;
}

static void bury_what_is_due(struct ledger *ledger)
{
	const struct journal_due due = ledger_due(&ledger->options, EXPIRES + 5000);

	assert_true(due.count > 0);
	ledger->now = EXPIRES + 5000;
	ledger_bury(ledger, due.list, due.count);
}

static void assert_bodies(const struct ledger *ledger, size_t whole, size_t erased)
{
	const struct ledger_bodies sent = ledger_sent(ledger, ARMY, ENTRY);

	assert_int_equal(sent.whole, whole);
	assert_int_equal(sent.erased, erased);
	assert_int_equal(ledger_held(ledger, ARMY, ENTRY).whole, whole);
}

static void what_is_buried_goes_to_nobody_while_its_key_cannot_be_destroyed(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = &place->ledger;

	disk_fault_add(place->disk, &place->full);
	bury_what_is_due(ledger);
	assert_int_equal(ledger->journal->erasing, ERASING_KEYS);
	assert_bodies(ledger, 0, 3);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_int_equal(ledger->journal->erasing, ERASING_KEYS);
	disk_fault_remove(place->disk, &place->full);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_int_equal(ledger->journal->erasing, ERASING_NOTHING);
	assert_bodies(ledger, 0, 3);
}

static void keys_that_wait_for_room_are_said_to_once_and_that_they_are_gone(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = &place->ledger;

	disk_fault_add(place->disk, &place->full);
	bury_what_is_due(ledger);
	for (int i = 0; i < 3; i++)
		assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_int_equal(alarms, 1);
	assert_int_equal(notices, 0);
	disk_fault_remove(place->disk, &place->full);
	for (int i = 0; i < 3; i++)
		assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_int_equal(alarms, 1);
	assert_int_equal(notices, 1);
}

/* Without that nothing would let the ballast go: it is no commit that fails. */
static void keys_get_the_room_of_the_ballast(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = &place->ledger;

	ledger->options.reserve_bytes = 1 << 20;
	ledger_reopen(ledger);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_int_equal(access(place->ballast, F_OK), 0);
	place->full.once = true; /* there is room once it is gone */
	disk_fault_add(place->disk, &place->full);
	bury_what_is_due(ledger);
	disk_fault_remove(place->disk, &place->full);
	assert_int_not_equal(access(place->ballast, F_OK), 0);
	assert_int_equal(ledger->journal->erasing, ERASING_NOTHING);
	assert_int_equal(alarms, 0);
}

/* What nodes were sent cannot be noted; that is no reason to keep what was to die. */
static void keys_do_not_wait_for_the_notes_that_find_no_room(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = &place->ledger;

	disk_fault_add(place->disk, &place->full);
	bury_what_is_due(ledger);
	disk_fault_remove(place->disk, &place->full);
	disk_fault_add(place->disk, &place->notes_full);
	journal_note_cursor(ledger->journal, ledger_nodes[ARMY], ENTRY);
	assert_int_equal(journal_flush(ledger->journal), E_DISK_FULL);
	assert_int_equal(ledger->journal->erasing, ERASING_LOG);
	disk_fault_remove(place->disk, &place->notes_full);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_int_equal(ledger->journal->erasing, ERASING_NOTHING);
}

static void hold_the_second(struct ledger *ledger)
{
	struct journal_append *append = journal_append_new();

	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_HOLD;
	holding_pack(&(struct holding){.origin = ledger_nodes[POLICE], .number = 2, .until = EXPIRES + DAY_MS},
		     ledger->exchange, ledger->now, &append->content);
	assert_int_equal(ledger_commit(ledger, append, NULL), E_OK);
	assert_int_equal(append->result.code, E_OK);
	journal_append_free(append);
}

/* Its neighbour is held, so the entry stays due: as fast as the broker asks it would get a tombstone. */
static void what_waits_for_room_is_not_buried_again_and_again(void **state)
{
	struct place *place = *state;
	struct ledger *ledger = &place->ledger;

	hold_the_second(ledger);
	disk_fault_add(place->disk, &place->full);
	bury_what_is_due(ledger);
	assert_int_equal(ledger_sent(ledger, ARMY, ENTRY).erased, 3);
	assert_int_equal(ledger_held(ledger, ARMY, ENTRY).whole, 1);
	assert_int_equal(ledger_due(&ledger->options, EXPIRES + 5000).count, 0);
	disk_fault_remove(place->disk, &place->full);
	assert_int_equal(journal_flush(ledger->journal), E_OK);
	assert_int_equal(ledger_due(&ledger->options, EXPIRES + 5000).count, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_buried_goes_to_nobody_while_its_key_cannot_be_destroyed),
		TEST(keys_that_wait_for_room_are_said_to_once_and_that_they_are_gone),
		TEST(keys_get_the_room_of_the_ballast),
		TEST(keys_do_not_wait_for_the_notes_that_find_no_room),
		TEST(what_waits_for_room_is_not_buried_again_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
