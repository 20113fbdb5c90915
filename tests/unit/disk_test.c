/* disk_test - the disk in memory loses what it must lose and nothing else; without that the suites on it prove nothing.
 */
#include "tests/support/disk.h"
#include "common/database.h"
#include "common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SCHEMA "CREATE TABLE t(n INTEGER PRIMARY KEY, text BLOB);"

struct world {
	struct disk *disk;
	char folder[64], file[80];
};

static int setup(void **state)
{
	struct world *world = memory_zero(1, sizeof *world);

	strcpy(world->folder, "/tmp/disk_test.XXXXXX");
	assert_non_null(mkdtemp(world->folder));
	snprintf(world->file, sizeof world->file, "%s/t.db", world->folder);
	world->disk = disk_start(1);
	*state = world;
	return 0;
}

static int teardown(void **state)
{
	struct world *world = *state;

	disk_stop(world->disk);
	unlink(world->file);
	assert_int_equal(rmdir(world->folder), 0);
	free(world);
	return 0;
}

static sqlite3 *open_file(const struct world *world)
{
	sqlite3 *db;

	assert_int_equal(database_open(&db, world->file, DATABASE_WRITE, 1, SCHEMA, NULL), E_OK);
	return db;
}

/* As SQLite opens it by itself: database_open would sync what the log holds. */
static sqlite3 *open_without_sync(const struct world *world)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(world->file, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(database_run(db, "PRAGMA synchronous=OFF", NULL), E_OK);
	return db;
}

static enum error add(sqlite3 *db, const char *blob)
{
	char sql[128];

	snprintf(sql, sizeof sql, "INSERT INTO t(text) VALUES(%s)", blob);
	return database_run(db, sql, NULL);
}

static int count(sqlite3 *db)
{
	sqlite3_stmt *ask = database_prepare(db, "SELECT count(*), max(length(text)) FROM t");
	int rows = sqlite3_step(ask) == SQLITE_ROW ? sqlite3_column_int(ask, 0) : -1;

	sqlite3_finalize(ask);
	return rows;
}

static void check_integrity(sqlite3 *db)
{
	sqlite3_stmt *ask = database_prepare(db, "PRAGMA integrity_check");

	assert_int_equal(sqlite3_step(ask), SQLITE_ROW);
	assert_string_equal(sqlite3_column_text(ask, 0), "ok");
	sqlite3_finalize(ask);
}

/* ---------------------------------------------------------------------------- the power */

static void committed_rows_survive_every_loss(void **state)
{
	const struct world *world = *state;

	for (int how = 0; how < DISK_LOSSES; how++) {
		sqlite3 *db = open_file(world);
		const int before = count(db);

		assert_int_equal(add(db, "zeroblob(9000)"), E_OK);
		disk_restore(world->disk, world->folder, (enum disk_loss)how, 7);
		database_close(db);
		db = open_file(world);
		assert_int_equal(count(db), before + 1);
		check_integrity(db);
		database_close(db);
	}
}

static void rows_that_were_not_synced_are_lost(void **state)
{
	const struct world *world = *state;
	sqlite3 *db = open_file(world);

	assert_int_equal(database_run(db, "PRAGMA synchronous=OFF", NULL), E_OK);
	assert_int_equal(add(db, "1"), E_OK);
	disk_restore(world->disk, world->folder, DISK_KEPT, 1);
	database_close(db);
	db = open_without_sync(world);
	assert_int_equal(count(db), 1);
	/* A kill loses nothing, but the power may still. */
	disk_restore(world->disk, world->folder, DISK_DROPPED, 1);
	database_close(db);
	db = open_file(world);
	assert_int_equal(count(db), 0);
	database_close(db);
}

static void a_machine_that_is_off_changes_nothing_and_answers_nothing(void **state)
{
	const struct world *world = *state;
	sqlite3 *db = open_file(world), *other;
	size_t before;

	assert_int_equal(add(db, "1"), E_OK);
	before = disk_content(world->disk, world->file).size;
	disk_cut(world->disk, world->folder);
	assert_int_equal(add(db, "2"), E_IO);
	assert_int_equal(database_open(&other, world->file, DATABASE_READ, 1, NULL, NULL), E_IO);
	database_close(db);
	disk_restore(world->disk, world->folder, DISK_KEPT, 1);
	assert_int_equal(disk_content(world->disk, world->file).size, before);
	db = open_file(world);
	assert_int_equal(count(db), 1);
	database_close(db);
}

static void a_file_whose_folder_was_not_synced_is_lost(void **state)
{
	const struct world *world = *state;
	sqlite3 *db;
	int fd = open(world->file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	close(fd);
	assert_int_equal(sqlite3_open_v2(world->file, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	/* The sync of a journal would sync the folder. */
	assert_int_equal(database_run(db, "PRAGMA journal_mode=OFF", NULL), E_OK);
	assert_int_equal(database_run(db, SCHEMA, NULL), E_OK);
	disk_restore(world->disk, world->folder, DISK_DROPPED, 1);
	database_close(db);
	assert_int_not_equal(access(world->file, F_OK), 0);
	db = open_file(world);
	assert_int_equal(count(db), 0);
	disk_restore(world->disk, world->folder, DISK_DROPPED, 1);
	database_close(db);
	assert_int_equal(access(world->file, F_OK), 0);
}

/* ---------------------------------------------------------------------------- prefixes */

#define ROWS 12

/* Each row is of several pages; the log is copied once on the way. */
static uint64_t run(const struct world *world, uint64_t acknowledged[ROWS])
{
	sqlite3 *db;

	disk_record(world->disk, world->folder);
	db = open_file(world);
	for (int i = 0; i < ROWS; i++) {
		assert_int_equal(add(db, "randomblob(9000)"), E_OK);
		acknowledged[i] = disk_recorded(world->disk);
		if (i == ROWS / 2)
			assert_int_equal(database_run(db, "PRAGMA wal_checkpoint", NULL), E_OK);
	}
	database_close(db);
	return disk_recorded(world->disk);
}

static int acknowledged_at(const uint64_t acknowledged[ROWS], uint64_t at)
{
	int rows = 0;

	while (rows < ROWS && acknowledged[rows] <= at)
		rows++;
	return rows;
}

static void every_prefix_has_what_was_acknowledged(void **state)
{
	const struct world *world = *state;
	uint64_t acknowledged[ROWS];
	const uint64_t all = run(world, acknowledged);

	for (uint64_t at = 0; at <= all; at++) {
		for (int how = 0; how < DISK_LOSSES; how++) {
			const int expected = acknowledged_at(acknowledged, at);
			sqlite3 *db;

			disk_rewind(world->disk, at, (enum disk_loss)how, at);
			db = open_file(world);
			assert_in_range(count(db), expected, expected + 1);
			check_integrity(db);
			database_close(db);
		}
	}
}

static void a_rewound_state_is_the_same_each_time(void **state)
{
	const struct world *world = *state;
	uint64_t acknowledged[ROWS];
	const uint64_t at = run(world, acknowledged) / 2;
	struct buffer first = {0};

	disk_rewind(world->disk, at, DISK_REORDERED, 5);
	buffer_bytes(&first, disk_content(world->disk, world->file));
	disk_rewind(world->disk, 0, DISK_KEPT, 0);
	disk_rewind(world->disk, at, DISK_REORDERED, 5);
	assert_true(bytes_equal(buffer_view(&first), disk_content(world->disk, world->file)));
	buffer_free(&first);
}

/* ---------------------------------------------------------------------------- faults */

static void a_sync_that_failed_is_not_made_good_by_the_next(void **state)
{
	const struct world *world = *state;
	struct disk_fault fault = {.prefix = world->folder, .call = DISK_SYNC, .nth = 1, .once = true};
	sqlite3 *db = open_file(world);
	int rows;

	assert_int_equal(add(db, "zeroblob(20000)"), E_OK);
	disk_fault_add(world->disk, &fault);
	assert_int_equal(add(db, "zeroblob(20000)"), E_IO);
	disk_fault_remove(world->disk, &fault);
	assert_int_equal(fault.failed, 1);
	assert_int_equal(add(db, "zeroblob(20000)"), E_OK);
	disk_restore(world->disk, world->folder, DISK_DROPPED, 3);
	database_close(db);
	db = open_file(world);
	rows = count(db);
	assert_in_range(rows, 1, 2);
	database_close(db);
}

/* Opens and adds a row with the first call of a kind failing. */
static enum error open_and_add(const struct world *world, enum disk_call call, uint64_t *failed)
{
	struct disk_fault fault = {.prefix = world->folder, .call = call, .nth = 1, .once = true};
	sqlite3 *db = NULL;
	enum error error;

	disk_fault_add(world->disk, &fault);
	error = database_open(&db, world->file, DATABASE_WRITE, 1, SCHEMA, NULL);
	if (error == E_OK)
		error = add(db, "1");
	database_close(db);
	disk_fault_remove(world->disk, &fault);
	*failed = fault.failed;
	return error;
}

static void a_call_that_fails_is_heard_of(void **state)
{
	static const enum disk_call calls[] = {DISK_FOLDER, DISK_OPEN, DISK_READ, DISK_WRITE, DISK_SYNC};
	const struct world *world = *state;
	uint64_t failed;

	database_close(open_file(world));
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
		assert_int_equal(open_and_add(world, calls[i], &failed), E_IO);
		assert_int_equal(failed, 1);
	}
}

static void calls_are_counted_without_failing(void **state)
{
	const struct world *world = *state;
	struct disk_fault fault = {.prefix = world->folder, .call = DISK_SYNC};
	sqlite3 *db = open_file(world);

	disk_fault_add(world->disk, &fault);
	assert_int_equal(add(db, "1"), E_OK);
	disk_fault_remove(world->disk, &fault);
	assert_int_equal(fault.seen, 1);
	assert_int_equal(fault.failed, 0);
	database_close(db);
}

static void a_full_disk_says_so_and_can_be_used_again(void **state)
{
	const struct world *world = *state;
	sqlite3 *db = open_file(world);

	disk_capacity(world->disk, world->folder, 200 * 1024);
	while (count(db) < 20 && add(db, "zeroblob(20000)") == E_OK)
		;
	assert_in_range(count(db), 1, 10);
	assert_int_equal(add(db, "zeroblob(20000)"), E_DISK_FULL);
	disk_capacity(world->disk, world->folder, 0);
	assert_int_equal(add(db, "zeroblob(20000)"), E_OK);
	database_close(db);
}

/* ---------------------------------------------------------------------------- several connections */

static void readers_and_writers_see_each_other(void **state)
{
	const struct world *world = *state;
	sqlite3 *writer = open_file(world), *reader;

	assert_int_equal(database_open(&reader, world->file, DATABASE_READ, 1, NULL, NULL), E_OK);
	assert_int_equal(add(writer, "1"), E_OK);
	assert_int_equal(count(reader), 1);
	assert_int_equal(database_run(reader, "BEGIN", NULL), E_OK);
	assert_int_equal(count(reader), 1);
	assert_int_equal(add(writer, "2"), E_OK);
	assert_int_equal(count(reader), 1);
	assert_int_equal(database_run(reader, "COMMIT", NULL), E_OK);
	assert_int_equal(count(reader), 2);
	database_close(writer);
	database_close(reader);
}

static void two_writers_take_turns(void **state)
{
	const struct world *world = *state;
	sqlite3 *one = open_file(world), *other = open_file(world);

	sqlite3_busy_timeout(other, 0);
	assert_int_equal(database_run(one, "BEGIN IMMEDIATE", NULL), E_OK);
	assert_int_equal(database_run(other, "BEGIN IMMEDIATE", NULL), E_BUSY);
	assert_int_equal(database_run(one, "COMMIT", NULL), E_OK);
	assert_int_equal(database_run(other, "BEGIN IMMEDIATE", NULL), E_OK);
	assert_int_equal(database_run(other, "COMMIT", NULL), E_OK);
	database_close(one);
	database_close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(committed_rows_survive_every_loss),
		TEST(rows_that_were_not_synced_are_lost),
		TEST(a_machine_that_is_off_changes_nothing_and_answers_nothing),
		TEST(a_file_whose_folder_was_not_synced_is_lost),
		TEST(every_prefix_has_what_was_acknowledged),
		TEST(a_rewound_state_is_the_same_each_time),
		TEST(a_sync_that_failed_is_not_made_good_by_the_next),
		TEST(a_call_that_fails_is_heard_of),
		TEST(calls_are_counted_without_failing),
		TEST(a_full_disk_says_so_and_can_be_used_again),
		TEST(readers_and_writers_see_each_other),
		TEST(two_writers_take_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
