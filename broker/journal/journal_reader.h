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

struct journal_reader {
	uint8_t exchange[EXCHANGE_SIZE];
	sqlite3 *db;
	struct vault *vault;
	struct audience_set audiences;
	struct reader_opening *openings; /* ascending; new ones are made only while no broker runs */
	size_t opening_count;
	sqlite3_stmt *last, *memberships, *next, *row, *content, *submission, *later, *updated, *due, *newest;
	sqlite3_stmt *hold, *ending, *any_held, *any_kept, *kept;
	bool has_kept; /* of the page that is read: some bodies are to go to nobody */
};

#endif
