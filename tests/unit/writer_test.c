/* Tries to break what writer.h and reader.h promise. */
#include "broker/journal/journal_sqlite.h"
#include "broker/serve/reader.h"
#include "broker/serve/writer.h"
#include "common/memory.h"
#include "tests/support/ledger.h"
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#define TO(node) (1u << (node))

struct threads {
	struct ledger ledger;
	struct mailbox *answers;
};

static int setup(void **state)
{
	struct threads *threads = memory_zero(1, sizeof(*threads));

	ledger_open(&threads->ledger);
	threads->answers = mailbox_new();
	*state = threads;
	return 0;
}

static int teardown(void **state)
{
	struct threads *threads = *state;

	mailbox_free(threads->answers);
	ledger_close(&threads->ledger);
	free(threads);
	return 0;
}

static struct journal_append *report(struct threads *threads, uint64_t number)
{
	struct journal_append *append = ledger_append(
		&threads->ledger, &(struct saying){.origin = POLICE, .first = number, .audience = TO(ARMY)});

	append->ticket = number;
	return append;
}

/* Takes all answers, which must all have `error`; counts commits and checks that tickets go on from `*ticket`. */
static size_t answers_take(struct threads *threads, enum error error, uint64_t *ticket, size_t *largest)
{
	struct letter *letter = mailbox_take_all(threads->answers), *next;
	size_t commits = 0;

	for (; letter != NULL; letter = next, commits++) {
		struct writer_answer *answer = (struct writer_answer *)letter;
		size_t size = 0;

		next = letter->next;
		assert_int_equal(answer->error, error);
		for (struct journal_append *a = answer->appends; a;
		     a = (struct journal_append *)a->letter.next, size++) {
			assert_true(a->ticket == ++*ticket);
			assert_int_equal(a->result.code, error);
			assert_int_equal(a->receipt.size > 0, error == E_OK);
		}
		*largest = size > *largest ? size : *largest;
		writer_answer_free(answer);
	}
	return commits;
}

static void everything_handed_over_before_the_stop_comes_back_in_order(void **state)
{
	enum { COUNT = 1000 };
	struct threads *threads = *state;
	struct journal_append *appends[COUNT];
	struct writer *writer = writer_start(threads->ledger.journal, threads->answers);
	uint64_t ticket = 0;
	size_t largest = 0;

	for (uint64_t i = 0; i < COUNT; i++)
		appends[i] = report(threads, i + 1);
	for (size_t i = 0; i < COUNT; i++)
		writer_append(writer, appends[i]);
	writer_stop(writer);
	/* gathered, but never more than a receipt's path may be long */
	assert_in_range(answers_take(threads, E_OK, &ticket, &largest), 4, COUNT / 2);
	assert_int_equal(ticket, COUNT);
	assert_in_range(largest, 2, LIMIT_COMMIT_ENTRIES);
}

static void a_commit_holds_no_more_than_eight_mebibytes(void **state)
{
	enum { COUNT = 40 };
	struct threads *threads = *state;
	struct journal_append *appends[COUNT];
	char *body = memory_zero(1024 * 1024 + 1, 1);
	struct writer *writer;
	uint64_t ticket = 0;
	size_t largest = 0;

	memset(body, 'x', 1024 * 1024);
	for (uint64_t i = 0; i < COUNT; i++) {
		appends[i] = ledger_append(&threads->ledger,
					   &(struct saying){.origin = POLICE, .first = i + 1, .body = body});
		appends[i]->ticket = i + 1;
	}
	writer = writer_start(threads->ledger.journal, threads->answers);
	for (size_t i = 0; i < COUNT; i++)
		writer_append(writer, appends[i]);
	writer_stop(writer);
	answers_take(threads, E_OK, &ticket, &largest);
	assert_int_equal(ticket, COUNT);
	assert_in_range(largest, 1, 7);
	free(body);
}

static uint64_t cursor_of(struct threads *threads, const char *node)
{
	char *file = memory_format("%s/%s", threads->ledger.path, JOURNAL_FILE);
	sqlite3 *db;
	sqlite3_stmt *get;
	uint64_t entry = 0;

	assert_int_equal(database_open(&db, file, DATABASE_READ, JOURNAL_VERSION, NULL, NULL), E_OK);
	get = database_prepare(db, "SELECT entry FROM cursor WHERE node = ?1");
	bind_text(get, 1, node);
	assert_int_equal(journal_number(get, 0, &entry, NULL), E_OK);
	database_close(db);
	free(file);
	return entry;
}

static void cursors_are_on_disk_a_second_later_though_more_keep_coming(void **state)
{
	struct threads *threads = *state;
	struct writer *writer = writer_start(threads->ledger.journal, threads->answers);
	uint64_t entry = 0;

	while (entry < 30 && cursor_of(threads, "army.oku") == 0) {
		writer_cursor(writer, "army.oku", ++entry);
		usleep(100 * 1000);
	}
	assert_in_range(entry, 1, 15);
	writer_cursor(writer, "police.oku", 5);
	writer_withheld(writer, "police.oku", 5, 1);
	writer_stop(writer);
	assert_int_equal(cursor_of(threads, "police.oku"), 5);
	assert_null(mailbox_take_all(threads->answers));
}

static void after_an_io_error_it_answers_once_and_takes_nothing_more(void **state)
{
	struct threads *threads = *state;
	struct writer *writer;
	uint64_t ticket = 0;
	size_t largest = 0;

	assert_int_equal(
		database_run(threads->ledger.journal->db, "INSERT INTO content(entry, content) VALUES(7, x'00')", NULL),
		E_OK);
	writer = writer_start(threads->ledger.journal, threads->answers);
	writer_append(writer, report(threads, 1));
	poll(&(struct pollfd){.fd = mailbox_fd(threads->answers), .events = POLLIN}, 1, -1);
	writer_append(writer, report(threads, 2));
	writer_stop(writer);
	assert_int_equal(answers_take(threads, E_IO, &ticket, &largest), 1);
	assert_int_equal(ticket, 1);
}

static struct core_read *question(enum core_read_type type, uint64_t ticket)
{
	struct core_read *read = core_read_new();

	read->type = type;
	read->ticket = ticket;
	strcpy(read->node, "army.oku");
	read->limit = LIMIT_BATCH;
	return read;
}

static void a_reader_answers_every_question_in_order(void **state)
{
	struct threads *threads = *state;
	struct journal_append *append = report(threads, 1);
	struct core_read *receipt = question(READ_RECEIPT, 2), *position = question(READ_POSITION, 3);
	struct letter *letter, *next;
	struct reader *reader;
	uint64_t ticket = 0;

	assert_int_equal(ledger_commit(&threads->ledger, append, NULL), E_OK);
	assert_int_equal(reader_start(&reader, &threads->ledger.options, threads->answers, NULL), E_OK);
	receipt->first = append->first;
	receipt->count = 1;
	receipt->digest = append->digest;
	position->after = 99;
	reader_ask(reader, question(READ_PAGE, 1));
	reader_ask(reader, receipt);
	reader_ask(reader, position);
	reader_stop(reader);
	for (letter = mailbox_take_all(threads->answers); letter != NULL; letter = next) {
		struct core_read *read = (struct core_read *)letter;

		next = letter->next;
		assert_true(read->ticket == ++ticket);
		assert_int_equal(read->result.code, ticket == 3 ? E_NOT_FOUND : E_OK);
		if (ticket == 1)
			assert_int_equal(read->page.count, LEDGER_NODES + 1);
		if (ticket == 2)
			assert_true(bytes_equal(buffer_view(&read->receipt), buffer_view(&append->receipt)));
		core_read_free(read);
	}
	assert_int_equal(ticket, 3);
	journal_append_free(append);
}

static void readers_and_the_writer_do_not_hinder_each_other(void **state)
{
	enum { COUNT = 300 };
	struct threads *threads = *state;
	struct writer *writer = writer_start(threads->ledger.journal, threads->answers);
	struct mailbox *pages = mailbox_new();
	struct letter *letter, *next;
	struct journal_reader *plain;
	struct position stands;
	struct reader *reader;
	uint64_t ticket = 0, upto = 0, asked = 0;
	size_t largest = 0;

	assert_int_equal(reader_start(&reader, &threads->ledger.options, pages, NULL), E_OK);
	for (uint64_t i = 1; i <= COUNT; i++) {
		writer_append(writer, report(threads, i));
		reader_ask(reader, question(READ_PAGE, i));
	}
	writer_stop(writer);
	reader_stop(reader);
	answers_take(threads, E_OK, &ticket, &largest);
	assert_int_equal(ticket, COUNT);
	assert_int_equal(journal_reader_open(&plain, &threads->ledger.options, NULL), E_OK);
	for (letter = mailbox_take_all(pages); letter != NULL; letter = next, asked++) {
		struct core_read *read = (struct core_read *)letter;

		next = letter->next;
		assert_int_equal(read->result.code, E_OK);
		assert_true(read->page.upto.entry >= upto); /* each sees a whole state, and no older one than before */
		upto = read->page.upto.entry;
		assert_int_equal(journal_read_position(plain, upto, &stands, NULL), E_OK);
		assert_true(hash_equal(&read->page.upto.head, &stands.head));
		core_read_free(read);
	}
	journal_reader_close(plain);
	assert_int_equal(asked, COUNT);
	mailbox_free(pages);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(everything_handed_over_before_the_stop_comes_back_in_order),
		TEST(a_commit_holds_no_more_than_eight_mebibytes),
		TEST(cursors_are_on_disk_a_second_later_though_more_keep_coming),
		TEST(after_an_io_error_it_answers_once_and_takes_nothing_more),
		TEST(a_reader_answers_every_question_in_order),
		TEST(readers_and_the_writer_do_not_hinder_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
