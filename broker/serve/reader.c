/* reader - takes questions one by one, asks the journal, and puts the answers back.
 *
 * A node that was away asks for one page after the other: while it verifies one, the next is read, so that the answer is
 * there when it asks. The core asks audience and policy when it hands a page out, whenever that was read. */
#include "broker/serve/reader.h"
#include "common/clock.h"
#include "common/memory.h"
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
	AHEAD_PAGES = 4,   /* that are kept: of as many nodes */
	AHEAD_MS = 1000, /* a page is not handed out longer after it was read, and is gone after twice that at most */
};

/* The page that a node is expected to ask for next. */
struct ahead {
	bool there;
	char node[LIMIT_NODE_NAME + 1];
	uint64_t after;
	size_t limit;
	uint64_t as_of; /* the erasures that the core had heard of at the question before */
	steady_ms read_at;
	struct journal_page page;
};

struct reader {
	struct journal_reader *journal;
	struct mailbox *questions, *answers;
	struct letter stop; /* known by its address */
	pthread_t thread;
	/* The rest belongs to the thread. */
	struct ahead ahead[AHEAD_PAGES];
	size_t next_ahead;
};

/* ---------------------------------------------------------------------------- reading ahead */

static void ahead_drop(struct ahead *ahead)
{
	if (!ahead->there)
		return;
	for (size_t i = 0; i < ahead->page.count; i++)
		keys_wipe(ahead->page.items[i].encoded.data, ahead->page.items[i].encoded.size); /* bodies in clear */
	journal_page_free(&ahead->page);
	ahead->there = false;
}

/* Drops the pages that are too old; whether any is left. */
static bool ahead_expire(struct reader *reader)
{
	const steady_ms now = clock_now().steady;
	bool left = false;

	for (size_t i = 0; i < AHEAD_PAGES; i++) {
		if (reader->ahead[i].there && now - reader->ahead[i].read_at >= AHEAD_MS)
			ahead_drop(&reader->ahead[i]);
		left |= reader->ahead[i].there;
	}
	return left;
}

/* True when the page that is asked for was read already, not long ago. Whether it holds what was erased since, the core
 * tells. */
static bool ahead_take(struct reader *reader, struct core_read *read)
{
	ahead_expire(reader);
	for (size_t i = 0; i < AHEAD_PAGES; i++) {
		struct ahead *ahead = &reader->ahead[i];

		if (!ahead->there || ahead->after != read->after || ahead->limit != read->limit ||
		    strcmp(ahead->node, read->node) != 0)
			continue;
		read->page = ahead->page;
		read->page_as_of = ahead->as_of;
		ahead->there = false;
		return true;
	}
	return false;
}

/* A fault is told to whoever asks for the page. */
static void ahead_read(struct reader *reader, const struct ahead *expected)
{
	struct ahead *ahead = &reader->ahead[reader->next_ahead++ % AHEAD_PAGES];

	ahead_drop(ahead);
	*ahead = *expected;
	ahead->there = journal_read_page(reader->journal, ahead->node, ahead->after, ahead->limit, &ahead->page, NULL) ==
		       E_OK;
	ahead->read_at = clock_now().steady;
}

/* The page after the one that is handed out; false when that one was the last. */
static bool ahead_expect(const struct core_read *read, struct ahead *expected)
{
	if (read->type != READ_PAGE || read->result.code != E_OK || read->page.count == 0)
		return false;
	*expected = (struct ahead){.after = read->page.upto.entry, .limit = read->limit, .as_of = read->erased};
	memcpy(expected->node, read->node, sizeof(expected->node));
	return true;
}

/* ---------------------------------------------------------------------------- questions */

void question_answer(struct core_read *read, struct journal_reader *journal)
{
	struct fault *fault = &read->result;
	enum error error = E_INTERNAL;

	switch (read->type) {
	case READ_PAGE:
		error = journal_read_page(journal, read->node, read->after, read->limit, &read->page, fault);
		read->page_as_of = read->erased;
		break;
	case READ_RECEIPT:
		error = journal_read_receipt(journal, &read->first, read->count, &read->digest, &read->receipt, fault);
		break;
	case READ_DUE:
		read->due = memory_zero(1, sizeof(*read->due));
		error = journal_read_due(journal, read->now, read->due, fault);
		break;
	case READ_POSITION:
		error = journal_read_position(journal, read->after, &read->position, fault);
		break;
	}
	fault->code = error;
}

static void question_take(struct reader *reader, struct core_read *read)
{
	if (read->type != READ_PAGE || !ahead_take(reader, read))
		question_answer(read, reader->journal);
}

/* Pages that were read ahead do not wait longer than they may. */
static struct letter *questions_wait(struct reader *reader)
{
	struct pollfd wait = {.fd = mailbox_fd(reader->questions), .events = POLLIN};
	struct letter *letters;

	while ((letters = mailbox_take_all(reader->questions)) == NULL)
		poll(&wait, 1, ahead_expire(reader) ? AHEAD_MS : -1);
	return letters;
}

static void *reader_run(void *context)
{
	struct reader *reader = context;

	for (;;) {
		struct letter *letter = questions_wait(reader);
		struct ahead expected;
		bool expects = false;

		while (letter != NULL && letter != &reader->stop) {
			struct letter *next = letter->next;

			question_take(reader, (struct core_read *)letter);
			expects = ahead_expect((struct core_read *)letter, &expected);
			mailbox_put(reader->answers, letter);
			letter = next;
		}
		if (letter == &reader->stop)
			return NULL;
		if (expects)
			ahead_read(reader, &expected);
	}
}

enum error reader_start(struct reader **reader, const struct journal_options *options, struct mailbox *answers,
			struct fault *fault)
{
	struct reader *started;
	struct journal_reader *journal;
	enum error error = journal_reader_open(&journal, options, fault);

	*reader = NULL;
	if (error != E_OK)
		return error;
	started = memory_zero(1, sizeof(*started));
	started->journal = journal;
	started->questions = mailbox_new();
	started->answers = answers;
	if (pthread_create(&started->thread, NULL, reader_run, started) != 0)
		abort(); /* at the start of a program only */
	*reader = started;
	return E_OK;
}

void reader_ask(struct reader *reader, struct core_read *read)
{
	mailbox_put(reader->questions, &read->letter);
}

void reader_stop(struct reader *reader)
{
	if (reader == NULL)
		return;
	mailbox_put(reader->questions, &reader->stop);
	pthread_join(reader->thread, NULL);
	mailbox_free(reader->questions);
	for (size_t i = 0; i < AHEAD_PAGES; i++)
		ahead_drop(&reader->ahead[i]);
	journal_reader_close(reader->journal);
	free(reader);
}
