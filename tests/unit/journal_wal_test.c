/* Tries to make the journal's write-ahead log grow, and to have it given up before its copy is on disk. */
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include "tests/support/ledger.h"
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define REPORTS 20
#define MIB (1024 * 1024)

struct fixture {
	struct ledger ledger;
	uint64_t said;
	char body[4001];
	atomic_bool stop;
	atomic_ulong pages;
};

static int setup(void **state)
{
	struct fixture *fixture = memory_zero(1, sizeof(*fixture));

	ledger_open(&fixture->ledger);
	memset(fixture->body, 'a', sizeof(fixture->body) - 1);
	*state = fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	ledger_close(&fixture->ledger);
	free(fixture);
	return 0;
}

/* 80 KiB. */
static enum error say(struct fixture *fixture)
{
	struct journal_append *append =
		ledger_append(&fixture->ledger, &(struct saying){.origin = 1,
								 .first = 1 + REPORTS * fixture->said++,
								 .count = REPORTS,
								 .audience = 1,
								 .body = fixture->body});
	enum error error = ledger_commit(&fixture->ledger, append, NULL);

	journal_append_free(append);
	return error;
}

static off_t size_of(const struct fixture *fixture, const char *name)
{
	char *file = memory_format("%s/%s", fixture->ledger.options.path, name);
	struct stat status;

	assert_int_equal(stat(file, &status), 0);
	free(file);
	return status.st_size;
}

/* A node that fetches from the beginning, again and again. */
static void *fetch(void *context)
{
	struct fixture *fixture = context;
	struct journal_reader *reader;
	struct journal_page page;

	if (journal_reader_open(&reader, &fixture->ledger.options, NULL) != E_OK)
		abort();
	while (!fixture->stop) {
		if (journal_read_page(reader, ledger_nodes[0], 0, LIMIT_BATCH, &page, NULL) != E_OK)
			abort();
		journal_page_free(&page);
		fixture->pages++;
	}
	journal_reader_close(reader);
	return NULL;
}

static void readers_that_never_rest_do_not_make_the_log_grow(void **state)
{
	struct fixture *fixture = *state;
	pthread_t readers[2];

	for (size_t i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&readers[i], NULL, fetch, fixture), 0);
	for (unsigned i = 0; i < 700; i++)
		assert_int_equal(say(fixture), E_OK);
	fixture->stop = true;
	for (size_t i = 0; i < 2; i++)
		pthread_join(readers[i], NULL);
	assert_true(fixture->pages > 0);
	assert_in_range(size_of(fixture, "journal.db-wal"), 4 * MIB, 49 * MIB); /* of 72 that were written */
}

static void a_copy_that_fails_is_the_end(void **state)
{
	struct fixture *fixture = *state;
	struct rlimit before, limit;
	unsigned said = 0;

	while (size_of(fixture, "journal.db") < 8 * MIB)
		assert_int_equal(say(fixture), E_OK);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	limit = before;
	limit.rlim_cur = (rlim_t)size_of(fixture, "journal.db"); /* the log has room, the file has not */
	setrlimit(RLIMIT_FSIZE, &limit);
	while (said < 200 && say(fixture) == E_OK)
		said++;
	setrlimit(RLIMIT_FSIZE, &before);
	assert_in_range(said, 1, 199);
	assert_int_equal(say(fixture), E_IO); /* though there is room again */
	assert_int_equal(journal_flush(fixture->ledger.journal), E_IO);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(readers_that_never_rest_do_not_make_the_log_grow),
		TEST(a_copy_that_fails_is_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
