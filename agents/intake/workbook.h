/* workbook - the first sheet of an Excel workbook (.xlsx) as the CSV that a profile reads.
 *
 * Debian's xlsx2csv does it, under a Python that has it read dates as Excel does (workbook.py), in a child of its own
 * (child.h): the workbook comes from foreigners, and a workbook that brings down what takes it apart does not bring
 * down the agent. Arguments and environment say nothing of the file, no file grows by it, and it ends with its time,
 * its memory or its output.
 *
 *   a date            as the profile writes dates, " 00:00:00" behind it where it has no time of the day
 *   a line end in a cell   a blank, so that line and row are the same number
 *   a number          as it stands in the cell; what Excel made of it is told by profile_spoiled
 *
 * What can go wrong:
 *   not a workbook, damaged, with a password, no xlsx2csv   E_INVALID, and the file goes back to the office
 *   too much of it                                          E_TOO_LARGE, likewise
 *   the agent stops                                         E_STOPPING: the file is read at the next start
 *   no process or no memory to be had                       E_IO, another try later */
#ifndef SIMPUL_WORKBOOK_H
#define SIMPUL_WORKBOOK_H

#include "common/bytes.h"
#include "common/error.h"
#include <stdbool.h>

/* The Python that runs workbook.py, and how much it may need. */
struct workbook_reader {
	const char *program; /* absolute */
	unsigned seconds;
	size_t memory, output; /* bytes */
};
extern const struct workbook_reader workbook_xlsx2csv;

/* How the CSV is to look. */
struct workbook_form {
	char separator;
	bool iso_dates; /* else dd/mm/yyyy */
};

bool workbook_named(const char *file_name);
/* "x.csv" for "x.xlsx"; free() it. */
char *workbook_csv_name(const char *file_name);
/* Appends UTF-8 with a BOM; all rows have as many cells as the first. A descriptor `stop` that becomes readable ends it
 * early; -1: none. */
enum error workbook_csv(const struct workbook_reader *reader, const struct workbook_form *form, struct bytes content,
			int stop, struct buffer *csv, struct fault *fault);

#endif
