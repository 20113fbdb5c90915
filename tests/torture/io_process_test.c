/* io_process_test - the real programs on a disk that fails: they end with the reason, and after a restart nothing is
 * lost or twice; a broker does not serve a journal that is damaged.
 *
 * The disk fails by a limit on the size of files (RLIMIT_FSIZE, SIGXFSZ ignored), set while the program runs: the next
 * write to its log is refused as an I/O error is. */
#include "common/database.h"
#include "common/memory.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"
#include "tests/support/torture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

enum { POLICE, ARMY };

#define FEW 5

static const char policy[] = POLICY_AGENCIES POLICY_AGENCY("police") POLICY_SENDS POLICY_RECEIVES POLICY_AGENCY("army")
	POLICY_SENDS POLICY_RECEIVES POLICY_NODES POLICY_NODE("police.oku", "16.01") POLICY_NODE("army.oku", "16.01");

struct world {
	struct exchange x;
	size_t dropped; /* reports of the police */
	uint64_t failures;
};

static int set_up(void **state)
{
	struct world *world = memory_zero(1, sizeof *world);

	signal(SIGXFSZ, SIG_IGN); /* the programs inherit it */
	exchange_make(&world->x, policy);
	exchange_start_broker(&world->x);
	exchange_add(&world->x, "police.oku", NULL);
	exchange_add(&world->x, "army.oku", NULL);
	for (size_t i = 0; i < world->x.count; i++)
		exchange_start_office(&world->x, i);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	const bool good = exchange_end(&world->x, false);

	free(world);
	return good ? 0 : 1;
}

static void drop_few(struct world *world, size_t office)
{
	char name[32];

	snprintf(name, sizeof name, "few-%zu.jsonl", world->dropped);
	drop_many(&world->x, office, name, "seen", FEW);
	world->dropped += FEW;
}

static void all_arrived(struct world *world)
{
	assert_true(office_settled(&world->x, POLICE, world->dropped, 30));
	assert_true(office_received(&world->x, ARMY, world->dropped, 30));
	assert_true(office_has_run(&world->x, ARMY, "police.oku", 1, world->dropped));
	assert_int_equal(exchange_ctl(&world->x, NULL, "journal", "verify", NULL), 0);
}

/* From now on no file of the process grows beyond the size of this one. */
static void limit_to(pid_t pid, const char *path)
{
	struct rlimit limit;
	struct stat status;

	assert_int_equal(stat(path, &status), 0);
	assert_int_equal(prlimit(pid, RLIMIT_FSIZE, NULL, &limit), 0);
	limit.rlim_cur = (rlim_t)status.st_size;
	assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

/* The exit status of a process that ends by itself. */
static int own_end(pid_t pid)
{
	return process_end(pid, 0, 30);
}

static void a_broker_whose_disk_fails_ends_with_the_reason(void **state)
{
	struct world *world = *state;
	char *log = broker_path(&world->x, "journal/journal.db-wal");

	for (uint64_t i = 0; i < torture_times(2, 20); i++) {
		const size_t failed = log_count(&world->x, "journal.failed");

		drop_few(world, POLICE);
		all_arrived(world);
		limit_to(world->x.broker, log);
		drop_few(world, POLICE);
		assert_int_equal(own_end(world->x.broker), EX_IOERR);
		assert_int_equal(log_count(&world->x, "journal.failed"), failed + 1);
		assert_true(exchange_logged(&world->x, "field=\"sqlite 778\""));
		assert_true(exchange_logged(&world->x, "reading or writing a file failed (IO)"));
		exchange_start_broker(&world->x);
		all_arrived(world);
		world->failures++;
	}
	free(log);
	torture_row(&(struct torture_row){
		.what = "the broker's disk fails, real processes", .tried = world->failures, .times = "failures"});
}

static void an_agent_whose_disk_fails_ends_with_the_reason(void **state)
{
	struct world *world = *state;
	char *log = office_path(&world->x, POLICE, "store/agent.db-wal");
	struct office *police = &world->x.offices[POLICE];

	for (uint64_t i = 0; i < torture_times(2, 20); i++) {
		drop_few(world, POLICE);
		all_arrived(world);
		limit_to(police->pid, log);
		drop_few(world, POLICE);
		assert_int_equal(own_end(police->pid), EX_IOERR);
		police->pid = 0;
		assert_true(
			exchange_logged(&world->x, "simpul-agent: sqlite 778: reading or writing a file failed (IO)"));
		exchange_start_office(&world->x, POLICE);
		all_arrived(world);
		world->failures++;
	}
	free(log);
	torture_row(&(struct torture_row){
		.what = "an agent's disk fails, real processes", .tried = world->failures, .times = "failures"});
}

/* ---------------------------------------------------------------------------- checked before it serves */

static uint8_t *mapped(const char *path, size_t size)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	void *file = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);

	close(fd);
	assert_true(file != MAP_FAILED);
	return file;
}

/* Where the newest entry's head stands in the file of a broker that is stopped. */
static off_t newest_head(const char *path)
{
	struct buffer head = {0};
	sqlite3_stmt *ask;
	sqlite3 *db;
	struct stat status;
	uint8_t *file;
	off_t at;

	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	ask = database_prepare(db, "SELECT head FROM entry ORDER BY entry DESC LIMIT 1");
	assert_int_equal(sqlite3_step(ask), SQLITE_ROW);
	buffer_bytes(&head, column_bytes(ask, 0));
	database_close(db);
	assert_int_equal(stat(path, &status), 0);
	file = mapped(path, (size_t)status.st_size);
	at = (uint8_t *)memmem(file, (size_t)status.st_size, head.data, head.size) - file;
	munmap(file, (size_t)status.st_size);
	buffer_free(&head);
	return at;
}

static void flip(const char *path, off_t at)
{
	const int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x40;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	close(fd);
}

static void a_broker_does_not_serve_a_damaged_journal(void **state)
{
	struct world *world = *state;
	char *path = broker_path(&world->x, "journal/journal.db"), *config = broker_path(&world->x, "broker.yaml");
	const char *const argv[] = {world->x.broker_program, "-c", config, NULL};
	off_t head;

	drop_few(world, POLICE);
	all_arrived(world);
	assert_int_equal(process_end(world->x.broker, SIGTERM, 20), 0);
	head = newest_head(path);
	flip(path, head);
	assert_int_equal(own_end(process_start(argv, world->x.log)), EX_IOERR);
	assert_true(exchange_logged(&world->x, "journal.db: entry"));
	assert_true(exchange_logged(&world->x, "stored data is damaged (CORRUPT)"));
	flip(path, head);
	exchange_start_broker(&world->x);
	drop_few(world, POLICE);
	all_arrived(world);
	free(path);
	free(config);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_broker_whose_disk_fails_ends_with_the_reason, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_agent_whose_disk_fails_ends_with_the_reason, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_broker_does_not_serve_a_damaged_journal, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
