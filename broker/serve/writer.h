/* writer - the journal's thread: gathers what the core hands over, commits it, and hands it back.
 *
 * Everything that arrives while one commit syncs goes into the next; an append with newer keys of the broker (journal.h) is
 * a commit of its own, between what was handed over before it and after it. After E_IO it commits nothing any more, as
 * journal.h says; what is handed over from then on is only released. The functions may be called from one other thread.
 */
#ifndef SIMPUL_WRITER_H
#define SIMPUL_WRITER_H

#include "broker/journal/journal.h"

struct writer;

/* What goes into the mailbox of answers: one a commit. `appends` is the list (letter.next) in the order of its entries,
 * NULL when only cursors were written and failed. Whoever takes it owns it and what it holds. */
struct writer_answer {
	struct letter letter;
	struct journal_append *appends;
	enum error error;   /* as journal_commit gave it; E_IO is the last answer */
	struct fault fault; /* E_IO: why */
};
/* With all appends that are still in it. */
void writer_answer_free(struct writer_answer *answer);

/* Both must live until writer_stop has returned. */
struct writer *writer_start(struct journal *journal, struct mailbox *answers);
/* The writer takes the append over. */
void writer_append(struct writer *writer, struct journal_append *append);
void writer_cursor(struct writer *writer, const char *node, uint64_t entry);
void writer_withheld(struct writer *writer, const char *node, uint64_t entry, uint32_t policy_version);
/* Commits what was handed over before, writes the cursors, ends the thread and releases it. Its answers stay in the
 * mailbox. */
void writer_stop(struct writer *writer);

#endif
