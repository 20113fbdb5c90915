/* reader - takes questions one by one, asks the journal, and puts the answers back. */
#include "broker/reader.h"
#include "common/memory.h"
#include <pthread.h>
#include <stdlib.h>

struct reader {
	struct journal_reader *journal;
	struct mailbox *questions, *answers;
	struct letter stop; /* known by its address */
	pthread_t thread;
};

static void question_answer(struct journal_reader *journal, struct core_read *read)
{
	struct fault *fault = &read->result;
	enum error error = E_INTERNAL;

	switch (read->type) {
	case READ_PAGE:
		error = journal_read_page(journal, read->node, read->after, read->limit, &read->page, fault);
		break;
	case READ_RECEIPT:
		error = journal_read_receipt(journal, &read->first, read->count, &read->digest, &read->receipt, fault);
		break;
	case READ_POSITION:
		error = journal_read_position(journal, read->after, &read->position, fault);
		break;
	}
	fault->code = error;
}

static void *reader_run(void *context)
{
	struct reader *reader = context;

	for (;;) {
		struct letter *letter = mailbox_wait_all(reader->questions);

		while (letter != NULL && letter != &reader->stop) {
			struct letter *next = letter->next;

			question_answer(reader->journal, (struct core_read *)letter);
			mailbox_put(reader->answers, letter);
			letter = next;
		}
		if (letter == &reader->stop)
			return NULL;
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
	journal_reader_close(reader->journal);
	free(reader);
}
