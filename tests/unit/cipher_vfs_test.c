/* cipher_vfs_test - of what a sealed database holds nothing is on the disk, and what was done to its pages there is
 * found. */
#include "common/backup.h"
#include "common/file.h"
#include "common/database.h"
#include "common/memory.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SCHEMA \
	"CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID; CREATE TABLE t(id INTEGER PRIMARY KEY, text " \
	"BLOB)"
#define NAME "ERIKSSON ANNA MARIA"
#define ROWS 400
#define LIMIT (64 * 1024 * 1024)

static const uint8_t key_bytes[CIPHER_KEY_SIZE] = {1, 2, 3}, other_bytes[CIPHER_KEY_SIZE] = {3, 2, 1};

static char folder[] = "/tmp/simpul-cipher-XXXXXX";
static struct cipher *cipher, *other;

/* Each test in an empty folder, with files x.db... */
static int set_up(void **state)
{
	(void)state;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	cipher = cipher_new(key_bytes);
	other = cipher_new(other_bytes);
	return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int tear_down(void **state)
{
	char command[80];

	(void)state;
	cipher_free(cipher);
	cipher_free(other);
	snprintf(command, sizeof command, "rm -rf '%s'", folder);
	return chdir("/") != 0 || system(command) != 0;
}

/* ---- what the tests do */

static enum error open_with(sqlite3 **db, const char *path, enum database_mode mode, const struct cipher *with)
{
	return database_open_store(db, path, mode, with, 1, SCHEMA, NULL);
}

static void rows_write(sqlite3 *db)
{
	static const char sql[] = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
				  " INSERT INTO t(text) SELECT '" NAME " ' || i || hex(zeroblob(300)) FROM n";

	assert_int_equal(database_run(db, sql, NULL), E_OK);
}

static sqlite3 *filled(const char *path, const struct cipher *with)
{
	sqlite3 *db;

	assert_int_equal(open_with(&db, path, DATABASE_WRITE, with), E_OK);
	rows_write(db);
	return db;
}

static int rows_of(sqlite3 *db)
{
	sqlite3_stmt *ask = database_prepare(db, "SELECT count(*) FROM t WHERE text LIKE '" NAME "%'");
	int rows = sqlite3_step(ask) == SQLITE_ROW ? (int)column_number(ask, 0) : -1;

	sqlite3_finalize(ask);
	return rows;
}

static int rows_in(const char *path, const struct cipher *with)
{
	sqlite3 *db;
	int rows;

	if (open_with(&db, path, DATABASE_READ, with) != E_OK)
		return -1;
	rows = rows_of(db);
	database_close(db);
	return rows;
}

/* What anything comes to that is asked of the whole database. */
static enum error read_all(const char *path)
{
	sqlite3 *db;
	enum error error = open_with(&db, path, DATABASE_READ, cipher);

	if (error != E_OK)
		return error;
	error = database_run(db, "SELECT sum(length(text)), count(DISTINCT text) FROM t; SELECT value FROM meta", NULL);
	database_close(db);
	return error;
}

static struct buffer content(const char *path)
{
	struct buffer text = {0};

	assert_int_equal(file_read(path, LIMIT, &text, NULL), E_OK);
	return text;
}

static void put(const char *path, struct bytes data)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(data.data, 1, data.size, file), data.size);
	fclose(file);
}

static void copy(const char *from, const char *to)
{
	struct buffer text = content(from);

	put(to, buffer_view(&text));
	buffer_free(&text);
}

static bool holds(const char *path, const char *text)
{
	struct buffer all = content(path);
	const bool found = memmem(all.data, all.size, text, strlen(text)) != NULL;

	buffer_free(&all);
	return found;
}

static void assert_dark(const char *path)
{
	static const char *const words[] = {NAME,   "ANNA",	 "SQLite format", "CREATE TABLE",
					    "meta", "text BLOB", "00000000"};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (holds(path, words[i]))
			fail_msg("%s holds %s", path, words[i]);
}

/* ---- the tests */

static void nothing_of_it_is_in_file_log_or_copy_and_all_of_it_comes_back(void **state)
{
	sqlite3 *db = filled("x.db", cipher), *plain;

	(void)state;
	/* The log now has every page, and so has the file after the copy. */
	assert_dark("x.db-wal");
	assert_int_equal(database_wipe_log(db, 0, NULL), E_OK);
	assert_int_equal(rows_of(db), ROWS);
	assert_int_equal(backup_store("x.db", cipher, "copy.db", cipher, 1, true, NULL), E_OK);
	database_close(db);
	assert_dark("x.db");
	assert_dark("copy.db");
	assert_int_not_equal(access("copy.db-wal", F_OK), 0);
	assert_int_equal(rows_in("x.db", cipher), ROWS);
	assert_int_equal(rows_in("copy.db", cipher), ROWS);
	/* A search that finds nothing must be able to find something. */
	plain = filled("plain.db", NULL);
	assert_true(holds("plain.db-wal", NAME) && holds("plain.db-wal", "CREATE TABLE"));
	database_close(plain);
}

/* SQLite's checksum of a frame is one of the page in the clear: with it a guess of the page could be tried. */
static void the_checksums_of_the_log_lie_in_the_dark(void **state)
{
	enum { SALT = 16, FRAME_SALT = 32 + 8 };
	sqlite3 *db = filled("x.db", cipher), *plain = filled("plain.db", NULL);
	struct buffer log = content("x.db-wal"), open = content("plain.db-wal");

	(void)state;
	assert_memory_not_equal(log.data + SALT, log.data + FRAME_SALT, 8);
	assert_memory_equal(open.data + SALT, open.data + FRAME_SALT, 8);
	buffer_free(&log);
	buffer_free(&open);
	database_close(db);
	database_close(plain);
}

static void the_same_page_is_never_sealed_the_same_way_twice(void **state)
{
	struct buffer before, after;
	size_t same = 0;

	(void)state;
	database_close(filled("x.db", cipher));
	assert_int_equal(backup_store("x.db", cipher, "copy.db", cipher, 1, false, NULL), E_OK);
	before = content("x.db");
	after = content("copy.db");
	assert_int_equal(before.size, after.size);
	for (size_t i = 16; i < before.size; i++)
		same += before.data[i] == after.data[i];
	assert_true(same < before.size / 128); /* 1 in 256 by chance */
	buffer_free(&before);
	buffer_free(&after);
}

static void another_key_none_and_a_plain_file_are_told_apart(void **state)
{
	sqlite3 *db;

	(void)state;
	database_close(filled("sealed.db", cipher));
	database_close(filled("plain.db", NULL));
	for (enum database_mode mode = DATABASE_WRITE; mode <= DATABASE_COPY; mode++) {
		assert_int_equal(open_with(&db, "sealed.db", mode, other), E_STORE_KEY);
		assert_int_equal(open_with(&db, "sealed.db", mode, NULL), E_STORE_LOCKED);
		assert_int_equal(open_with(&db, "plain.db", mode, cipher), E_STORE_PLAIN);
		assert_int_equal(open_with(&db, "sealed.db", mode, cipher), E_OK);
		database_close(db);
	}
	assert_int_equal(rows_in("sealed.db", cipher), ROWS);
	assert_int_equal(rows_in("plain.db", NULL), ROWS);
}

/* Turns one bit of each page in turn, now here and now there. */
static void a_bit_that_was_turned_on_the_disk_is_corrupt(void **state)
{
	struct buffer text;

	(void)state;
	database_close(filled("x.db", cipher));
	text = content("x.db");
	for (size_t page = 0; page < text.size / DATABASE_PAGE; page++) {
		const size_t at = page * DATABASE_PAGE + 16 + (page * 2003) % (DATABASE_PAGE - 16);

		text.data[at] ^= 1u << page % 8;
		put("x.db", buffer_view(&text));
		if (read_all("x.db") != E_CORRUPT)
			fail_msg("byte %zu", at);
		text.data[at] ^= 1u << page % 8;
	}
	put("x.db", buffer_view(&text));
	assert_int_equal(read_all("x.db"), E_OK);
	buffer_free(&text);
}

static void pages_that_changed_places_are_corrupt(void **state)
{
	uint8_t page[DATABASE_PAGE];
	struct buffer text;
	uint8_t *third, *fifth;

	(void)state;
	database_close(filled("x.db", cipher));
	text = content("x.db");
	assert_true(text.size > 5 * DATABASE_PAGE);
	third = text.data + 2 * DATABASE_PAGE;
	fifth = text.data + 4 * DATABASE_PAGE;
	memcpy(page, third, DATABASE_PAGE);
	memcpy(third, fifth, DATABASE_PAGE);
	memcpy(fifth, page, DATABASE_PAGE);
	put("x.db", buffer_view(&text));
	assert_int_equal(read_all("x.db"), E_CORRUPT);
	/* Nor does a page pass that was never written. */
	memset(third, 0, DATABASE_PAGE);
	put("x.db", buffer_view(&text));
	assert_int_equal(read_all("x.db"), E_CORRUPT);
	buffer_free(&text);
}

/* As after a crash: the files as they are while the writer has them open. */
static sqlite3 *crashed(const char *path)
{
	char *log = memory_format("%s-wal", path);
	sqlite3 *db;

	assert_int_equal(open_with(&db, "x.db", DATABASE_WRITE, cipher), E_OK);
	assert_int_equal(database_run(db, "CREATE INDEX i ON t(text)", NULL), E_OK);
	assert_int_equal(database_wipe_log(db, 0, NULL), E_OK);
	rows_write(db);
	assert_int_equal(database_run(db, "UPDATE t SET text = text || '!' WHERE id <= 200", NULL), E_OK);
	copy("x.db", path);
	copy("x.db-wal", log);
	free(log);
	return db;
}

static void a_log_is_read_again_after_a_crash_also_over_a_torn_first_page(void **state)
{
	sqlite3 *db = crashed("y.db");
	struct buffer text;

	(void)state;
	text = content("y.db");
	memset(text.data + 512, 0x55, 2048);
	put("y.db", buffer_view(&text));
	buffer_free(&text);
	database_close(db);
	assert_int_equal(open_with(&db, "y.db", DATABASE_WRITE, cipher), E_OK);
	assert_int_equal(rows_of(db), ROWS);
	assert_int_equal(database_run(db, "PRAGMA integrity_check", NULL), E_OK);
	database_close(db);
	assert_int_equal(rows_in("y.db", cipher), ROWS);
}

/* A frame that is damaged or in another's place ends the log there, as one does that was not written to its end. */
static void a_log_ends_where_it_was_changed(void **state)
{
	enum { FRAME = DATABASE_PAGE + 24 };
	sqlite3 *db = crashed("y.db"), *after;
	struct buffer log = content("y.db-wal"), file = content("y.db");
	uint8_t frame[FRAME];

	(void)state;
	database_close(db);
	assert_true(log.size > 32 + 3 * FRAME);
	for (int how = 0; how < 3; how++) {
		struct buffer changed = {0};
		uint8_t *second;

		buffer_bytes(&changed, buffer_view(&log));
		second = changed.data + 32 + FRAME;
		if (how == 0) {
			second[24 + 100] ^= 1;
		} else if (how == 1) {
			second[16] ^= 1;
		} else {
			memcpy(frame, second, FRAME);
			memcpy(second, second + FRAME, FRAME);
			memcpy(second + FRAME, frame, FRAME);
		}
		put("y.db", buffer_view(&file));
		put("y.db-wal", buffer_view(&changed));
		unlink("y.db-shm");
		assert_int_equal(open_with(&after, "y.db", DATABASE_WRITE, cipher), E_OK);
		assert_int_equal(rows_of(after), 0); /* the first commit is longer than one frame */
		database_close(after);
		buffer_free(&changed);
	}
	buffer_free(&log);
	buffer_free(&file);
}

static void no_page_goes_into_a_journal_or_a_temporary_file(void **state)
{
	sqlite3 *db = filled("x.db", cipher);

	(void)state;
	database_close(db);
	assert_int_equal(open_with(&db, "x.db", DATABASE_WRITE, cipher), E_OK);
	assert_int_not_equal(database_run(db, "PRAGMA journal_mode=DELETE", NULL), E_OK);
	database_close(db);
	assert_int_equal(rows_in("x.db", cipher), ROWS);
	assert_int_equal(open_with(&db, "x.db", DATABASE_READ, cipher), E_OK);
	sqlite3_exec(db, "PRAGMA query_only=OFF; PRAGMA cache_size=1; PRAGMA temp_store=FILE", NULL, NULL, NULL);
	sqlite3_exec(db, "CREATE TEMP TABLE s(text)", NULL, NULL, NULL);
	assert_int_not_equal(
		sqlite3_exec(db, "INSERT INTO s SELECT a.text FROM t a, t b LIMIT 20000", NULL, NULL, NULL), SQLITE_OK);
	database_close(db);
}

/* A copy in the clear has every page that the file has, also those that nothing uses any more. */
static void what_was_erased_is_gone_also_for_who_has_the_key(void **state)
{
	sqlite3 *db = filled("x.db", cipher);
	struct buffer log;

	(void)state;
	assert_int_equal(backup_store("x.db", cipher, "before.db", NULL, 1, false, NULL), E_OK);
	assert_true(holds("before.db", NAME));
	assert_int_equal(database_run(db, "DELETE FROM t", NULL), E_OK);
	assert_int_equal(database_wipe_log(db, 0, NULL), E_OK);
	log = content("x.db-wal");
	assert_int_equal(log.size, 0);
	assert_int_equal(backup_store("x.db", cipher, "after.db", NULL, 1, false, NULL), E_OK);
	assert_false(holds("after.db", NAME));
	buffer_free(&log);
	database_close(db);
}

/* Plain to sealed, under another key, and back: how a store gets its key, another one, and loses it. */
static void a_copy_takes_any_key_or_none(void **state)
{
	(void)state;
	database_close(filled("a.db", NULL));
	assert_int_equal(backup_store("a.db", NULL, "b.db", cipher, 1, false, NULL), E_OK);
	assert_int_equal(backup_store("b.db", cipher, "c.db", other, 1, false, NULL), E_OK);
	assert_int_equal(backup_store("c.db", other, "d.db", NULL, 1, false, NULL), E_OK);
	assert_dark("b.db");
	assert_dark("c.db");
	assert_int_equal(rows_in("b.db", cipher), ROWS);
	assert_int_equal(rows_in("c.db", other), ROWS);
	assert_int_equal(rows_in("d.db", NULL), ROWS);
	assert_int_equal(rows_in("c.db", cipher), -1);
	assert_int_equal(backup_store("c.db", cipher, "e.db", cipher, 1, false, NULL), E_STORE_KEY);
	assert_int_not_equal(access("e.db", F_OK), 0);
}

/* More than SQLite's cache holds, so that it is written out while it is copied. */
static void a_large_store_is_copied_under_any_key_or_none(void **state)
{
	sqlite3 *db = filled("a.db", NULL);

	(void)state;
	assert_int_equal(database_run(db, "INSERT INTO t(text) VALUES(zeroblob(12 * 1024 * 1024))", NULL), E_OK);
	database_close(db);
	assert_int_equal(backup_store("a.db", NULL, "b.db", cipher, 1, true, NULL), E_OK);
	assert_int_equal(backup_store("b.db", cipher, "c.db", other, 1, false, NULL), E_OK);
	assert_int_equal(backup_store("c.db", other, "d.db", NULL, 1, false, NULL), E_OK);
	assert_false(holds("b.db", NAME));
	assert_int_equal(rows_in("b.db", cipher), ROWS);
	assert_int_equal(rows_in("c.db", other), ROWS);
	assert_int_equal(rows_in("d.db", NULL), ROWS);
}

/* As on a full disk: a name so long that none is left for the files beside it. */
static void a_copy_whose_log_cannot_be_made_is_an_error_and_leaves_nothing(void **state)
{
	char name[NAME_MAX - 2];

	(void)state;
	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = '\0';
	database_close(filled("a.db", cipher));
	assert_int_equal(backup_store("a.db", cipher, name, cipher, 1, false, NULL), E_IO);
	assert_int_not_equal(access(name, F_OK), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(nothing_of_it_is_in_file_log_or_copy_and_all_of_it_comes_back),
		TEST(the_checksums_of_the_log_lie_in_the_dark),
		TEST(the_same_page_is_never_sealed_the_same_way_twice),
		TEST(another_key_none_and_a_plain_file_are_told_apart),
		TEST(a_bit_that_was_turned_on_the_disk_is_corrupt),
		TEST(pages_that_changed_places_are_corrupt),
		TEST(a_log_is_read_again_after_a_crash_also_over_a_torn_first_page),
		TEST(a_log_ends_where_it_was_changed),
		TEST(no_page_goes_into_a_journal_or_a_temporary_file),
		TEST(what_was_erased_is_gone_also_for_who_has_the_key),
		TEST(a_copy_takes_any_key_or_none),
		TEST(a_large_store_is_copied_under_any_key_or_none),
		TEST(a_copy_whose_log_cannot_be_made_is_an_error_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
