/* archivist - a thread that looks things up in the journal for operators and auditors, so that neither do they need its
 * files nor does anybody wait for them. It opens the journal to read for each question and changes nothing. */
#ifndef SIMPUL_ARCHIVIST_H
#define SIMPUL_ARCHIVIST_H

#include "broker/journal/journal.h"
#include "common/mailbox.h"
#include <jansson.h>

enum {
	ARCHIVIST_PAGE = 4096,	  /* so many reports, and the rest of an entry, are told at once of a node */
	ARCHIVIST_COPIES = 32768, /* copies_source.most */
	ARCHIVIST_MS = 8000,	  /* for one question, from when it was asked: what is read keeps the journal's log, and who
				   * asked does not wait for ever. E_TOO_LARGE after that, E_BUSY when it waited for others */
	ARCHIVIST_WAIT_MS = 1000, /* that it may have waited and still be called too large */
};
#define ARCHIVIST_ANSWER_MOST ((size_t)16 << 20) /* bytes of an answer; E_TOO_LARGE above that */

enum archive_question { ARCHIVE_REPORT, ARCHIVE_SENT, ARCHIVE_EXPLAIN };

/* A question, and later its answer. */
struct archive_letter {
	struct letter letter;
	uint64_t ticket;
	enum archive_question question;
	steady_ms asked_at;
	char object[REPORT_NAME_SIZE];	/* the report; ARCHIVE_SENT: the node */
	char node[LIMIT_NODE_NAME + 1]; /* ARCHIVE_EXPLAIN: whom it is about */
	wall_ms since;			/* ARCHIVE_SENT */
	uint64_t after;
	json_t *status, *nodes; /* ARCHIVE_REPORT: control_view.h; owned */
	/* The answer: */
	struct fault fault;
	char *text; /* as it goes to whoever asked, JSON; owned; NULL: see fault */
};

struct archivist;

/* Answers go into `answers`. */
struct archivist *archivist_start(const struct journal_options *options, struct mailbox *answers);
/* Takes the letter over. */
void archivist_ask(struct archivist *archivist, struct archive_letter *letter);
/* Ends what it is doing; questions that it has not begun are forgotten. */
void archivist_stop(struct archivist *archivist);
void archive_letter_free(struct archive_letter *letter);

#endif
