/* csv - splits a CSV file into records, each with the line it begins on, so that a bad record costs itself alone.
 *
 * RFC 4180 with any separator and any line end; cells are trimmed. A quoted cell may hold line ends. A record of
 * several lines that turns out to be bad (a quote that nobody closed) is cut down to its first line. */
#ifndef SIMPUL_CSV_H
#define SIMPUL_CSV_H

#include "agents/intake/encoding.h"
#include "common/error.h"

enum {
	CSV_LARGEST_RECORD = 64 * 1024, /* bytes */
	CSV_MOST_CELLS = 256,		/* of a record */
	CSV_MOST_LINES = 100,		/* of a record */
};

struct csv_record {
	size_t line;	     /* of its first byte, from 1 */
	struct bytes raw;    /* as it stands in the file, without its line end */
	struct bytes ending; /* its line end; empty at the end of the file */
	/* E_OK; E_MALFORMED: not CSV or another number of cells than the first record; E_NOT_UTF8, E_INVALID: bytes
	 * that are not of the encoding, or zeros; E_TOO_LARGE. Other than E_OK: no cells. */
	enum error error;
	const char *cells[CSV_MOST_CELLS]; /* UTF-8; valid until the next record is read */
	size_t count;
	bool blank; /* nothing but separators and spaces */
};

struct csv_reader {
	struct bytes content;
	size_t at, line;
	char separator;
	enum profile_encoding encoding;
	size_t expected;	      /* cells of the first record; 0 before it */
	struct buffer decoded, cells; /* of the current record */
};

/* `content` without BOM; it must outlive the reader. */
void csv_open(struct csv_reader *reader, struct bytes content, char separator, enum profile_encoding encoding);
/* False at the end of the file. */
bool csv_next(struct csv_reader *reader, struct csv_record *record);
void csv_close(struct csv_reader *reader);

#endif
