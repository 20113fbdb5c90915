/* Tries to break what database.h promises. */
#include "common/database.h"
#include "tests/support/disk.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define SCHEMA "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, data BLOB NOT NULL) STRICT;" \
	       "CREATE TABLE u (t INTEGER NOT NULL REFERENCES t(id)) STRICT"

/* Every test runs in a new folder, with the database x.db. */
static char folder[64];

static int folder_make(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/database_test.XXXXXX");
	return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int folder_remove(void **state)
{
	(void)state;
	unlink("x.db");
	unlink("x.db-wal");
	unlink("x.db-shm");
	return chdir("/") != 0 || rmdir(folder) != 0;
}

static sqlite3 *open_writer(void)
{
	struct fault fault;
	sqlite3 *db;

	assert_int_equal(database_open(&db, "x.db", DATABASE_WRITE, 3, SCHEMA, &fault), E_OK);
	return db;
}

static uint64_t number_of(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *statement = database_prepare(db, sql);
	uint64_t number;

	assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
	number = column_number(statement, 0);
	sqlite3_finalize(statement);
	return number;
}

static void assert_private(const char *path)
{
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0600);
}

static void a_new_database_is_private_and_durable(void **state)
{
	mode_t mask = umask(0);
	sqlite3 *db = open_writer();

	(void)state;
	umask(mask);
	assert_private("x.db");
	assert_private("x.db-wal");
	assert_private("x.db-shm");
	assert_int_equal(number_of(db, "PRAGMA synchronous"), 2);
	assert_int_equal(number_of(db, "PRAGMA secure_delete"), 1);
	assert_int_equal(number_of(db, "PRAGMA foreign_keys"), 1);
	assert_int_equal(number_of(db, "PRAGMA busy_timeout"), 5000);
	assert_int_equal(number_of(db, "PRAGMA user_version"), 3);
	database_close(db);
}

static void the_schema_is_made_once(void **state)
{
	struct fault fault;
	sqlite3 *db = open_writer();

	(void)state;
	assert_int_equal(database_run(db, "INSERT INTO t VALUES (1, 'a', x'00')", &fault), E_OK);
	database_close(db);
	db = open_writer();
	assert_int_equal(number_of(db, "SELECT count(*) FROM t"), 1);
	database_close(db);
}

static void a_schema_that_fails_leaves_no_version(void **state)
{
	struct fault fault;
	sqlite3 *db;

	(void)state;
	assert_int_not_equal(database_open(&db, "x.db", DATABASE_WRITE, 3, "CREATE TABLE t (a); NONSENSE", &fault),
			     E_OK);
	assert_null(db);
	db = open_writer();
	assert_int_equal(number_of(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"), 2);
	database_close(db);
}

static void another_version_is_refused(void **state)
{
	struct fault fault;
	sqlite3 *db = open_writer();

	(void)state;
	database_close(db);
	assert_int_equal(database_open(&db, "x.db", DATABASE_WRITE, 4, SCHEMA, &fault), E_VERSION);
	assert_null(db);
	assert_int_equal(database_open(&db, "x.db", DATABASE_READ, 2, NULL, &fault), E_VERSION);
}

static void a_reader_neither_makes_nor_changes_a_file(void **state)
{
	struct fault fault;
	struct stat status;
	sqlite3 *db, *reader;

	(void)state;
	assert_int_equal(database_open(&reader, "x.db", DATABASE_READ, 3, NULL, &fault), E_NOT_FOUND);
	assert_int_equal(stat("x.db", &status), -1);
	db = open_writer();
	assert_int_equal(database_open(&reader, "x.db", DATABASE_READ, 3, NULL, &fault), E_OK);
	assert_int_equal(number_of(reader, "PRAGMA wal_autocheckpoint"), 0);
	assert_int_equal(database_run(reader, "INSERT INTO t VALUES (1, 'a', x'00')", &fault), E_IO);
	assert_int_equal(database_run(db, "INSERT INTO t VALUES (1, 'a', x'00')", &fault), E_OK);
	assert_int_equal(number_of(reader, "SELECT count(*) FROM t"), 1);
	database_close(reader);
	database_close(db);
}

/* The writer is killed, so to say: its files are copied aside while it is open, and put back. */
/* Who confirms a hold may not read the store, and asks the agent then; of one that is not there no agent knows more. */
static void a_closed_folder_is_not_taken_for_a_missing_file(void **state)
{
	const bool root = geteuid() == 0;
	struct fault fault;
	sqlite3 *reader;
	enum error error;

	(void)state;
	database_close(open_writer());
	assert_int_equal(chmod(".", 0), 0);
	assert_int_equal(root ? seteuid(65534) : 0, 0);
	error = database_open(&reader, "x.db", DATABASE_READ, 3, NULL, &fault);
	assert_int_equal(root ? seteuid(0) : 0, 0);
	assert_int_equal(chmod(folder, 0700), 0);
	assert_int_equal(error, E_PERMISSION);
}

static void a_reader_that_closes_last_does_not_checkpoint(void **state)
{
	struct fault fault;
	struct stat before, after;
	sqlite3 *reader, *db = open_writer();

	(void)state;
	assert_int_equal(database_run(db, "INSERT INTO t VALUES (1, 'a', x'00')", &fault), E_OK);
	assert_int_equal(system("cp x.db y.db && cp x.db-wal y.db-wal"), 0);
	database_close(db);
	assert_int_equal(system("mv y.db x.db && mv y.db-wal x.db-wal"), 0);
	assert_int_equal(stat("x.db-wal", &before), 0);
	assert_int_equal(database_open(&reader, "x.db", DATABASE_READ, 3, NULL, &fault), E_OK);
	assert_int_equal(number_of(reader, "SELECT count(*) FROM t"), 1);
	database_close(reader);
	assert_int_equal(stat("x.db-wal", &after), 0);
	assert_int_equal(after.st_size, before.st_size);
}

static void what_is_bound_comes_back(void **state)
{
	struct fault fault;
	sqlite3 *db = open_writer();
	sqlite3_stmt *insert = database_prepare(db, "INSERT INTO t VALUES (?1, ?2, ?3)");
	sqlite3_stmt *select = database_prepare(db, "SELECT id, name, data, NULL FROM t ORDER BY name");

	(void)state;
	bind_number(insert, 1, UINT64_MAX);
	bind_text(insert, 2, "a");
	bind_bytes(insert, 3, (struct bytes){0});
	assert_int_equal(database_step(insert, &fault), E_OK);
	bind_number(insert, 1, 2);
	bind_text(insert, 2, "b");
	bind_bytes(insert, 3, BYTES("x\0y", 3));
	assert_int_equal(database_step(insert, &fault), E_OK);
	assert_int_equal(sqlite3_step(select), SQLITE_ROW);
	assert_true(column_number(select, 0) == UINT64_MAX);
	assert_int_equal(column_bytes(select, 2).size, 0);
	assert_string_equal(column_text(select, 3), "");
	assert_int_equal(column_bytes(select, 3).size, 0);
	assert_int_equal(sqlite3_step(select), SQLITE_ROW);
	assert_string_equal(column_text(select, 1), "b");
	assert_true(bytes_equal(column_bytes(select, 2), BYTES("x\0y", 3)));
	database_close(db);
}

static void an_error_is_named_without_a_value(void **state)
{
	struct fault fault;
	sqlite3 *db = open_writer();
	sqlite3_stmt *insert = database_prepare(db, "INSERT INTO t VALUES (NULL, 'secret', x'00')");

	(void)state;
	assert_int_equal(database_step(insert, &fault), E_OK);
	assert_int_equal(database_step(insert, &fault), E_EXISTS);
	assert_int_equal(fault.code, E_EXISTS);
	assert_string_equal(fault.field, "sqlite 2067");
	assert_int_equal(database_run(db, "INSERT INTO u VALUES (99)", NULL), E_EXISTS);
	assert_int_equal(database_step(database_prepare(db, "SELECT 1"), &fault), E_INTERNAL);
	database_close(db);
}

static void each_result_has_its_code(void **state)
{
	(void)state;
	assert_int_equal(database_error(SQLITE_OK), E_OK);
	assert_int_equal(database_error(SQLITE_DONE), E_OK);
	assert_int_equal(database_error(SQLITE_FULL), E_DISK_FULL);
	assert_int_equal(database_error(SQLITE_CORRUPT_INDEX), E_CORRUPT);
	assert_int_equal(database_error(SQLITE_NOTADB), E_CORRUPT);
	assert_int_equal(database_error(SQLITE_BUSY_SNAPSHOT), E_BUSY);
	assert_int_equal(database_error(SQLITE_IOERR_FSYNC), E_IO);
	assert_int_equal(database_error(SQLITE_CONSTRAINT_UNIQUE), E_EXISTS);
}

static void what_is_no_database_is_corrupt(void **state)
{
	struct fault fault;
	sqlite3 *db;
	FILE *file = fopen("x.db", "w");

	(void)state;
	for (int i = 0; i < 1000; i++)
		fputs("this is no database\n", file);
	fclose(file);
	assert_int_equal(database_open(&db, "x.db", DATABASE_WRITE, 3, SCHEMA, &fault), E_CORRUPT);
	assert_null(db);
	assert_int_equal(database_open(&db, "x.db", DATABASE_READ, 3, NULL, &fault), E_CORRUPT);
}

static void a_place_that_cannot_be_written_is_an_error(void **state)
{
	struct fault fault;
	sqlite3 *db;

	(void)state;
	assert_int_equal(database_open(&db, "none/x.db", DATABASE_WRITE, 3, SCHEMA, &fault), E_IO);
	assert_null(db);
	assert_int_equal(mkdir("x.db", 0700), 0);
	assert_int_equal(database_open(&db, "x.db", DATABASE_WRITE, 3, SCHEMA, &fault), E_IO);
	assert_int_equal(rmdir("x.db"), 0);
}

/* The commit was written and its sync failed, or never came: readers see it, the disk does not have it yet. */
static void what_is_read_after_a_kill_survives_the_power(void **state)
{
	struct disk *disk = disk_start(1);
	struct disk_fault killed = {.prefix = folder, .call = DISK_SYNC, .nth = 1};
	char path[sizeof(folder) + 8];
	struct fault fault;
	sqlite3 *db;

	(void)state;
	snprintf(path, sizeof(path), "%s/x.db", folder);
	assert_int_equal(database_open(&db, path, DATABASE_WRITE, 3, SCHEMA, &fault), E_OK);
	assert_int_equal(database_run(db, "INSERT INTO t VALUES(1, 'a', x'00')", &fault), E_OK); /* begins the log */
	disk_fault_add(disk, &killed);
	assert_int_equal(database_run(db, "INSERT INTO t VALUES(2, 'b', x'00')", &fault), E_IO);
	disk_fault_remove(disk, &killed);
	disk_cut(disk, folder);
	database_close(db);
	disk_restore(disk, folder, DISK_KEPT, 1);
	assert_int_equal(database_open(&db, path, DATABASE_WRITE, 3, SCHEMA, &fault), E_OK);
	assert_int_equal(number_of(db, "SELECT count(*) FROM t"), 2);
	disk_cut(disk, folder);
	database_close(db);
	disk_restore(disk, folder, DISK_DROPPED, 1);
	assert_int_equal(database_open(&db, path, DATABASE_WRITE, 3, SCHEMA, &fault), E_OK);
	assert_int_equal(number_of(db, "SELECT count(*) FROM t"), 2);
	database_close(db);
	disk_stop(disk);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_make, folder_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(a_new_database_is_private_and_durable),
		IN_FOLDER(the_schema_is_made_once),
		IN_FOLDER(a_schema_that_fails_leaves_no_version),
		IN_FOLDER(another_version_is_refused),
		IN_FOLDER(a_reader_neither_makes_nor_changes_a_file),
		IN_FOLDER(a_closed_folder_is_not_taken_for_a_missing_file),
		IN_FOLDER(a_reader_that_closes_last_does_not_checkpoint),
		IN_FOLDER(what_is_bound_comes_back),
		IN_FOLDER(an_error_is_named_without_a_value),
		cmocka_unit_test(each_result_has_its_code),
		IN_FOLDER(what_is_no_database_is_corrupt),
		IN_FOLDER(a_place_that_cannot_be_written_is_an_error),
		IN_FOLDER(what_is_read_after_a_kill_survives_the_power),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
