/* Tries to get a page that was read ahead where another was asked for, or one that is too old. */
#include "broker/journal/journal_sqlite.h"
#include "broker/serve/reader.h"
#include "common/memory.h"
#include "tests/support/ledger.h"
#include "tests/support/process.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TO(node) (1u << (node))

enum { ENTRIES = 40, SMALL = 2000 };

struct desk {
	struct ledger ledger;
	struct mailbox *answers;
	struct reader *reader;
};

static int setup(void **state)
{
	struct desk *desk = memory_zero(1, sizeof *desk);

	ledger_open(&desk->ledger);
	for (uint64_t number = 1; number <= ENTRIES; number++)
		ledger_say(&desk->ledger,
			   &(struct saying){.origin = POLICE,
					    .first = number,
					    .audience = number % 4 ? TO(ARMY) | TO(IMMIGRATION) : TO(ARMY)});
	desk->answers = mailbox_new();
	assert_int_equal(reader_start(&desk->reader, &desk->ledger.options, desk->answers, NULL), E_OK);
	*state = desk;
	return 0;
}

static int teardown(void **state)
{
	struct desk *desk = *state;

	reader_stop(desk->reader);
	mailbox_free(desk->answers);
	ledger_close(&desk->ledger);
	free(desk);
	return 0;
}

static struct core_read *page_ask_after(struct desk *desk, int node, uint64_t after, uint64_t erased)
{
	struct core_read *read = core_read_new();

	read->type = READ_PAGE;
	strcpy(read->node, ledger_nodes[node]);
	read->after = after;
	read->limit = SMALL;
	read->erased = erased;
	reader_ask(desk->reader, read);
	read = (struct core_read *)mailbox_wait_all(desk->answers);
	assert_int_equal(read->result.code, E_OK);
	return read;
}

static struct core_read *page_ask(struct desk *desk, int node, uint64_t after)
{
	return page_ask_after(desk, node, after, 0);
}

/* Waits until what a page lets the reader read ahead is there: it answers the next question after it. */
static void ahead_wait(struct desk *desk)
{
	struct core_read *read = core_read_new();

	read->type = READ_POSITION;
	read->after = LEDGER_FIRST_ENTRIES;
	reader_ask(desk->reader, read);
	core_read_free((struct core_read *)mailbox_wait_all(desk->answers));
}

/* Everything of one node, page after page, as a journal that reads nothing ahead has it. */
static void assert_whole_feed(struct desk *desk, int node, struct journal_reader *plain, bool from_ahead)
{
	uint64_t after = 0;
	bool more = true;

	while (more) {
		struct core_read *read = page_ask(desk, node, after);
		struct journal_page page;

		assert_int_equal(journal_read_page(plain, ledger_nodes[node], after, SMALL, &page, NULL), E_OK);
		assert_int_equal(read->page.count, page.count);
		assert_int_equal(read->page.upto.entry, page.upto.entry);
		for (size_t i = 0; i < page.count; i++)
			assert_true(bytes_equal(buffer_view(&read->page.items[i].encoded),
						buffer_view(&page.items[i].encoded)));
		more = page.count > 0;
		after = page.upto.entry;
		journal_page_free(&page);
		core_read_free(read);
		if (from_ahead)
			ahead_wait(desk);
	}
	assert_int_equal(after, LEDGER_FIRST_ENTRIES + ENTRIES);
}

static void pages_are_the_same_as_without_reading_ahead(void **state)
{
	struct desk *desk = *state;
	struct journal_reader *plain;

	assert_int_equal(journal_reader_open(&plain, &desk->ledger.options, NULL), E_OK);
	assert_whole_feed(desk, ARMY, plain, false);
	assert_whole_feed(desk, IMMIGRATION, plain, true);
	journal_reader_close(plain);
}

/* What was read ahead for one is nothing for the other, who asks from the same place. */
static void nobody_gets_the_page_of_another(void **state)
{
	struct desk *desk = *state;
	struct core_read *first = page_ask(desk, ARMY, 0), *other;
	const uint64_t after = first->page.upto.entry;

	ahead_wait(desk);
	other = page_ask(desk, OTHER_POLICE, after);
	assert_int_equal(other->page.count, 0);
	core_read_free(first);
	core_read_free(other);
}

static void body_erase(const struct desk *desk, uint64_t entry)
{
	char *path = memory_format("%s/%s", desk->ledger.path, VAULT_FILE), sql[100];
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	snprintf(sql, sizeof sql, "UPDATE slot SET value = x'' WHERE entry = %llu", (unsigned long long)entry);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	free(path);
}

/* The bodies of the next page are erased after it was read. */
static void a_page_read_ahead_does_not_keep_what_was_erased(void **state)
{
	struct desk *desk = *state;
	struct core_read *read = page_ask(desk, ARMY, 0);
	const uint64_t after = read->page.upto.entry;
	size_t before;

	core_read_free(read);
	read = page_ask(desk, ARMY, after);
	before = read->page.items[0].encoded.size;
	core_read_free(read);
	core_read_free(page_ask(desk, ARMY, 0)); /* `after` is read ahead again */
	ahead_wait(desk);
	body_erase(desk, after + 1);
	sleep_ms(1100);
	read = page_ask(desk, ARMY, after);
	assert_int_equal(read->page.items[0].entry, after + 1);
	assert_int_not_equal(read->page.items[0].encoded.size, before);
	core_read_free(read);
}

/* Asks for the next page, when the core has heard of so many erasures. */
static void assert_as_of(struct desk *desk, uint64_t *after, uint64_t erased, uint64_t as_of)
{
	struct core_read *read = page_ask_after(desk, ARMY, *after, erased);

	assert_int_equal(read->page_as_of, as_of);
	*after = read->page.upto.entry;
	core_read_free(read);
	ahead_wait(desk);
}

/* What a page was read before must not be forgotten, nor be taken for older with each page. */
static void a_page_read_ahead_says_before_which_erasures_it_was_read(void **state)
{
	struct desk *desk = *state;
	uint64_t after = 0;

	assert_as_of(desk, &after, 5, 5);
	assert_as_of(desk, &after, 7, 5);
	assert_as_of(desk, &after, 8, 7);
	after = 0;
	assert_as_of(desk, &after, 9, 9);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(pages_are_the_same_as_without_reading_ahead),
		TEST(nobody_gets_the_page_of_another),
		TEST(a_page_read_ahead_does_not_keep_what_was_erased),
		TEST(a_page_read_ahead_says_before_which_erasures_it_was_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
