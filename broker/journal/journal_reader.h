/* journal_reader - what the files that read journal.db for others share: a connection and its statements. */
#ifndef SIMPUL_JOURNAL_READER_H
#define SIMPUL_JOURNAL_READER_H

#include "broker/journal/journal_row.h"
#include "broker/journal/journal_schema.h"
#include "broker/journal/vault.h"

/* An incarnation, and where it opens. */
struct reader_opening {
	uint64_t entry;
	uint32_t incarnation;
};

/* Which bodies of what is read are to be taken for erased. */
enum hiding {
	HIDING_NOTHING, /* there are none */
	HIDING_BURIED,	/* under a tombstone: their keys are there for a moment yet, or until a full disk has room */
	HIDING_KEPT,	/* these, and what an order alone keeps */
};

struct journal_reader {
	uint8_t exchange[EXCHANGE_SIZE];
	sqlite3 *db;
	struct vault *vault;
	struct audience_set audiences;
	struct reader_opening *openings; /* ascending; new ones are made only while no broker runs */
	size_t opening_count;
	sqlite3_stmt *last, *memberships, *next, *row, *content, *submission, *later, *updated, *due, *newest;
	sqlite3_stmt *hold, *ending, *any_held, *any_hidden, *hidden;
	enum hiding hiding; /* of what is read */
};

/* The places whose bodies are to be taken for erased though their keys may be there. */
enum error reader_hidden_read(struct journal_reader *reader, uint64_t entry, enum hiding hiding,
			      bool hidden[LIMIT_SUBMISSION_REPORTS], struct fault *fault);

#endif
