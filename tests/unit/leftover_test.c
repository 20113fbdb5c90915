/* leftover_test - rows move from page to page while others grow and go; what was erased is in the file nowhere. */
#include "agents/store/store.h"
#include "agents/store/store_schema.h"
#include "broker/journal/vault.h"
#include "common/memory.h"
#include "tests/support/disk.h"
#include "tests/support/disk_image.h"
#include "tests/support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum {
	ROWS = 5000,
	SHORT_ONE_IN = 10, /* shorter than the hash that takes the place of its body */
	HUGE_ONE_IN = 199, /* so long that most of it stands in pages that hold no rows */
	STAYS_ONE_IN = 10,
	GROWS_ONE_IN = 4,
	TOGETHER = 50, /* rows that one transaction writes, about */
	/* canaries of a body */
	LONGEST = 50,
	HUGE = 1500,
};

#define KEPT_ROW "origin = 'police.oku' AND epoch = 1 AND stream = 0 AND number = ?1 * 7919 % 100003"
#define MARK "canary-"
#define CANARY MARK "%08u!" /* 16 bytes, and again and again until a body is long enough */
#define CANARY_SIZE 16
#define DIGITS 8
/* That a body says what it said, to its end. */
#define IS_WHOLE(body) \
	"instr(" body ", '" MARK "') = 1 AND replace(CAST(" body " AS TEXT), substr(CAST(" body \
	" AS TEXT), 1, 16), '') = ''"

static char folder[] = "/tmp/leftover_test.XXXXXX";
static struct disk *disk; /* whose syncs cost nothing */
static uint64_t random_state;

static int set_up(void **state)
{
	(void)state;
	keys_init();
	random_state = 1;
	strcpy(folder + strlen(folder) - 6, "XXXXXX");
	disk = disk_start(1);
	return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int tear_down(void **state)
{
	(void)state;
	disk_stop(disk);
	tree_remove(folder);
	return chdir("/") != 0;
}

static size_t below(size_t limit)
{
	return disk_random(&random_state) % limit;
}

/* ---- what is done with a table that holds what reports say: ?1 is a row's key, ?2 the body */

struct table {
	uint64_t seed; /* one with which SQLite leaves something of it behind, if nobody stops it */
	const char *insert;
	const char *grow; /* what may happen to a row before it is erased; NULL: nothing */
	const char *erase;
	const char *live; /* counts what is still there */
};

static const struct table inbox = {
	.seed = 3,
	.insert = "INSERT INTO inbox(row, entry, idx, origin, epoch, stream, number, accepted_at, received_at, trust,"
		  " kind, label, category, region, delivery_id, expires, header, body) VALUES(?1, ?1, 0, 'police.oku',"
		  " 1, 0, ?1, 1764000000000, 1764000000000, 0, 1, 4, 'overstay', '16.01', ?1, 1770000000000,"
		  " zeroblob(110), ?2)",
	.erase = "UPDATE inbox SET body = x'', body_hash = randomblob(32), erased_at = 1770000000000, rule = 1"
		 " WHERE row = ?1",
	.live = "SELECT count(*) FROM inbox WHERE " IS_WHOLE("body"),
};

static const struct table outbox = {
	.seed = 1,
	.insert =
		"INSERT INTO outbox_report(epoch, stream, number, routing_key, alone, sealed, kind, label, category,"
		" region, taken_at, source, expires, routing, header, body) VALUES(1, 0, ?1, zeroblob(32), 0, 0, 1, 4,"
		" 'overstay', '16.01', 1764000000000, 'a.csv:1', 1770000000000, zeroblob(20), zeroblob(110), ?2)",
	.grow = "UPDATE outbox_report SET code = 17, field = 'body.sighting.persons[0].documents[0].number'"
		" WHERE epoch = 1 AND stream = 0 AND number = ?1",
	.erase = "UPDATE outbox_report SET body = x'', source = '', erased_at = 1770000000000, rule = 1"
		 " WHERE epoch = 1 AND stream = 0 AND number = ?1",
	.live = "SELECT count(*) FROM outbox_report WHERE " IS_WHOLE("body"),
};

static const struct table submission = {
	.seed = 1,
	.insert = "INSERT INTO submission(epoch, stream, first, count, digest, void, key_id, message)"
		  " VALUES(1, 0, ?1, 1, zeroblob(32), 0, 1, ?2)",
	.erase = "DELETE FROM submission WHERE epoch = 1 AND stream = 0 AND first = ?1",
	.live = "SELECT count(*) FROM submission WHERE " IS_WHOLE("message"),
};

/* Whatever its number, it comes between others. */
static const struct table kept = {
	.seed = 1,
	.insert = "INSERT INTO kept(origin, epoch, stream, number, rule, at, header, body, proof)"
		  " VALUES('police.oku', 1, 0, ?1 * 7919 % 100003, 1, 1764000000000, zeroblob(110), ?2, zeroblob(100))",
	.grow = "UPDATE kept SET purge = 1000000 WHERE " KEPT_ROW,
	.erase = "DELETE FROM kept WHERE " KEPT_ROW,
	.live = "SELECT count(*) FROM kept WHERE " IS_WHOLE("body"),
};

/* ---- a run */

struct run {
	sqlite3 *db;
	const struct table *table;
	bool erased[ROWS];
	unsigned order[ROWS];
	size_t count;
};

static void run_sql(struct run *run, const char *sql)
{
	assert_int_equal(database_run(run->db, sql, NULL), E_OK);
}

static void row_write(struct run *run, sqlite3_stmt *put, unsigned row)
{
	bind_number(put, 1, row);
	assert_int_equal(database_step(put, NULL), E_OK);
	if (below(TOGETHER) == 0)
		run_sql(run, "COMMIT; BEGIN IMMEDIATE");
}

static void row_add(struct run *run, sqlite3_stmt *put, unsigned row)
{
	const size_t usual = row % SHORT_ONE_IN == 0 ? 1 : 1 + below(LONGEST);
	const size_t count = row % HUGE_ONE_IN == 0 ? HUGE : usual;
	char text[HUGE * CANARY_SIZE + 1];

	for (size_t i = 0; i < count; i++)
		snprintf(text + i * CANARY_SIZE, CANARY_SIZE + 1, CANARY, row);
	bind_bytes(put, 2, BYTES(text, count * CANARY_SIZE));
	row_write(run, put, row);
}

/* Those that are going to be erased, in an order that chance decides. */
static void order_make(struct run *run)
{
	for (unsigned row = 0; row < ROWS; row++)
		if (row % STAYS_ONE_IN != 1)
			run->order[run->count++] = row;
	for (size_t i = run->count - 1; i > 0; i--) {
		const size_t other = below(i + 1);
		const unsigned row = run->order[i];

		run->order[i] = run->order[other];
		run->order[other] = row;
	}
}

static void rows_add(struct run *run)
{
	sqlite3_stmt *put = database_prepare(run->db, run->table->insert);

	for (unsigned row = 0; row < ROWS; row++)
		row_add(run, put, row);
	sqlite3_finalize(put);
}

static void rows_grow(struct run *run)
{
	sqlite3_stmt *put = database_prepare(run->db, run->table->grow);

	for (unsigned row = 0; row < ROWS; row++)
		if (below(GROWS_ONE_IN) == 0)
			row_write(run, put, row);
	sqlite3_finalize(put);
}

static void rows_erase(struct run *run)
{
	sqlite3_stmt *put = database_prepare(run->db, run->table->erase);

	for (size_t i = 0; i < run->count; i++) {
		row_write(run, put, run->order[i]);
		run->erased[run->order[i]] = true;
	}
	sqlite3_finalize(put);
}

static void life_of(struct run *run)
{
	order_make(run);
	run_sql(run, "BEGIN IMMEDIATE");
	rows_add(run);
	if (run->table->grow != NULL)
		rows_grow(run);
	rows_erase(run);
	run_sql(run, "COMMIT");
}

static size_t erased_in(const struct run *run, struct bytes where)
{
	const uint8_t *at = where.data, *end = where.data + where.size - CANARY_SIZE;
	size_t found = 0;

	while ((at = memmem(at, (size_t)(end - at), MARK, strlen(MARK))) != NULL) {
		char number[DIGITS + 1] = "";
		unsigned long row;

		at += strlen(MARK);
		memcpy(number, at, DIGITS);
		row = strspn(number, "0123456789") == DIGITS ? strtoul(number, NULL, 10) : ROWS; /* or cut off */
		found += row < ROWS && run->erased[row];
	}
	return found;
}

/* As the file has it, opened where it is sealed. */
static size_t erased_in_file(struct run *run)
{
	sqlite3_file *file = NULL;
	sqlite3_int64 size = 0;
	uint8_t page[DATABASE_PAGE];
	size_t found = 0;

	assert_int_equal(sqlite3_file_control(run->db, "main", SQLITE_FCNTL_FILE_POINTER, &file), SQLITE_OK);
	assert_int_equal(file->pMethods->xFileSize(file, &size), SQLITE_OK);
	assert_true(size > 0);
	for (sqlite3_int64 at = 0; at < size; at += DATABASE_PAGE) {
		assert_int_equal(file->pMethods->xRead(file, page, DATABASE_PAGE, at), SQLITE_OK);
		found += erased_in(run, BYTES(page, sizeof page));
	}
	return found;
}

static uint64_t number_of(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *ask = database_prepare(db, sql);
	uint64_t number;

	assert_int_equal(sqlite3_step(ask), SQLITE_ROW);
	number = column_number(ask, 0);
	sqlite3_finalize(ask);
	return number;
}

static void assert_whole(const struct run *run)
{
	assert_int_equal(number_of(run->db, run->table->live), ROWS - run->count);
	assert_int_equal(number_of(run->db, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
			 1);
}

static void run_begin(struct run *run, const struct table *table, const struct cipher *cipher)
{
	struct buffer schema = {0};
	char *path = memory_format("%s/agent.db", folder);

	*run = (struct run){.table = table};
	random_state = table->seed;
	store_schema(&schema);
	assert_int_equal(database_open_store(&run->db, path, DATABASE_WRITE, cipher, STORE_VERSION,
					     (const char *)schema.data, NULL),
			 E_OK);
	buffer_free(&schema);
	free(path);
}

static void assert_nothing_left(const struct table *table, const struct cipher *cipher)
{
	struct run run;

	run_begin(&run, table, cipher);
	life_of(&run);
	assert_int_equal(database_wipe_log(run.db, 0, NULL), E_OK);
	assert_whole(&run);
	assert_int_equal(erased_in_file(&run), 0);
	database_close(run.db);
}

/* ---- the broker's keys */

enum { ENTRIES = 1000, REPORTS = 60, SLOT_SIZE = 32 };

static const uint8_t no_master[KEY_SIZE], nonce[VAULT_NONCE_SIZE];

static char *keys_path(void)
{
	return memory_format("%s/" VAULT_FILE, folder);
}

static void slots_read(uint8_t (*slots)[SLOT_SIZE])
{
	char *path = keys_path();
	sqlite3_stmt *get;
	sqlite3 *db;

	assert_int_equal(database_open(&db, path, DATABASE_READ, VAULT_VERSION, NULL, NULL), E_OK);
	get = database_prepare(db, "SELECT value FROM slot ORDER BY entry");
	for (size_t i = 0; i < ENTRIES; i++) {
		assert_int_equal(sqlite3_step(get), SQLITE_ROW);
		assert_int_equal(column_bytes(get, 0).size, SLOT_SIZE);
		memcpy(slots[i], column_bytes(get, 0).data, SLOT_SIZE);
	}
	database_close(db);
	free(path);
}

/* Its row grows when a part of the entry goes, and shrinks with the rest. */
static void entry_erase(struct vault *vault, uint64_t entry, size_t first, size_t count)
{
	assert_int_equal(vault_erase_begin(vault, NULL), E_OK);
	assert_int_equal(vault_erase_end(vault, vault_erase(vault, entry, nonce, first, count, REPORTS, NULL), NULL),
			 E_OK);
}

/* One in three in part; then all of them, in any order. */
static void entries_erase(struct vault *vault)
{
	for (uint64_t entry = 1; entry <= ENTRIES; entry++)
		if (below(3) == 0)
			entry_erase(vault, entry, 1, 1);
	for (uint64_t i = 0; i < ENTRIES; i++)
		entry_erase(vault, 1 + i * 7 % ENTRIES, 0, REPORTS);
	assert_int_equal(vault_settle(vault, NULL), E_OK);
}

static size_t slots_in_file(uint8_t (*slots)[SLOT_SIZE])
{
	char *path = keys_path();
	const struct bytes file = disk_content(disk, path);
	size_t found = 0;

	assert_true(file.size > 0);
	for (size_t i = 0; i < ENTRIES; i++)
		found += memmem(file.data, file.size, slots[i], SLOT_SIZE) != NULL;
	free(path);
	return found;
}

/* ---- tests */

/* With what it opens, an old backup of the journal says everything again. */
static void no_key_that_the_broker_erased_is_left(void **state)
{
	uint8_t(*slots)[SLOT_SIZE] = memory_zero(ENTRIES, SLOT_SIZE);
	struct vault *vault;

	(void)state;
	assert_int_equal(vault_open(&vault, folder, no_master, true, NULL), E_OK);
	assert_int_equal(vault_reserve(vault, ENTRIES, NULL), E_OK);
	slots_read(slots);
	entries_erase(vault);
	assert_int_equal(slots_in_file(slots), 0);
	vault_close(vault);
	free(slots);
}

static void nothing_of_what_the_inbox_erased_is_left(void **state)
{
	(void)state;
	assert_nothing_left(&inbox, NULL);
}

static void nothing_of_what_the_outbox_erased_is_left(void **state)
{
	(void)state;
	assert_nothing_left(&outbox, NULL);
}

static void nothing_of_a_submission_that_went_is_left(void **state)
{
	(void)state;
	assert_nothing_left(&submission, NULL);
}

static void nothing_of_what_an_order_kept_is_left(void **state)
{
	(void)state;
	assert_nothing_left(&kept, NULL);
}

static void nothing_is_left_under_the_seal_of_a_store(void **state)
{
	static const uint8_t key[CIPHER_KEY_SIZE] = {1};
	struct cipher *cipher = cipher_new(key);

	(void)state;
	assert_nothing_left(&inbox, cipher);
	cipher_free(cipher);
}

/* Pages that were read or written before are written again. */
static void nothing_comes_back_with_the_next_log(void **state)
{
	char *log = memory_format("%s/agent.db-wal", folder);
	struct run run;

	(void)state;
	run_begin(&run, &kept, NULL);
	life_of(&run);
	assert_int_equal(database_wipe_log(run.db, 0, NULL), E_OK);
	run_sql(&run, "UPDATE kept SET rule = 2");
	assert_true(disk_content(disk, log).size > 0);
	assert_int_equal(erased_in(&run, disk_content(disk, log)), 0);
	database_close(run.db);
	free(log);
}

/* While it still stands in the log. */
static void nothing_is_left_in_a_backup(void **state)
{
	char *from = memory_format("%s/agent.db", folder), *to = memory_format("%s/copy.db", folder);
	struct run run;

	(void)state;
	run_begin(&run, &inbox, NULL);
	life_of(&run);
	assert_int_equal(backup_store(from, NULL, to, NULL, STORE_VERSION, true, NULL), E_OK);
	database_close(run.db);
	assert_int_equal(database_open_store(&run.db, to, DATABASE_READ, NULL, STORE_VERSION, NULL, NULL), E_OK);
	assert_whole(&run);
	assert_int_equal(erased_in_file(&run), 0);
	database_close(run.db);
	free(from);
	free(to);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_key_that_the_broker_erased_is_left),
		TEST(nothing_of_what_the_inbox_erased_is_left),
		TEST(nothing_of_what_the_outbox_erased_is_left),
		TEST(nothing_of_a_submission_that_went_is_left),
		TEST(nothing_of_what_an_order_kept_is_left),
		TEST(nothing_is_left_under_the_seal_of_a_store),
		TEST(nothing_comes_back_with_the_next_log),
		TEST(nothing_is_left_in_a_backup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
