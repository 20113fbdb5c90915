/* reader - a thread with a connection of its own that answers the core's questions to the journal.
 *
 * Questions are struct core_read (core.h): handed over whole, handed back whole in the mailbox of answers. */
#ifndef SIMPUL_READER_H
#define SIMPUL_READER_H

#include "broker/core/core.h"

struct reader;

/* `answers` must live until reader_stop has returned. The faults are those of journal_reader_open. */
enum error reader_start(struct reader **reader, const struct journal_options *options, struct mailbox *answers,
			struct fault *fault);
/* The reader takes the question over. From one other thread. */
void reader_ask(struct reader *reader, struct core_read *read);
/* What the reader's thread does with a question, for those who have no thread. */
void question_answer(struct core_read *read, struct journal_reader *journal);
/* Answers what was asked before, ends the thread and releases it. The answers stay in the mailbox. */
void reader_stop(struct reader *reader);

#endif
