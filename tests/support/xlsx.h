/* xlsx - workbooks as Excel saves them, for tests: one sheet, what it takes and no more. */
#ifndef SIMPUL_TEST_XLSX_H
#define SIMPUL_TEST_XLSX_H

#include "common/bytes.h"

/* A workbook with these rows, one a line, its cells between '|'. A cell is a text, or by its first character
 *   =   a number, as it is to stand in the file
 *   @   a date, perhaps with its time, as Excel's number: days since 1900
 *   ~   a time of the day, as a part of the day */
void xlsx_make(const char *rows, struct buffer *out);

/* What a workbook may say of its dates, as it stands in an attribute; NULL: nothing. */
struct xlsx_dates {
	const char *date1904;
	const char *format; /* of the cells that are dates; Excel's number 14 unless given */
};
void xlsx_make_dated(const char *rows, const struct xlsx_dates *dates, struct buffer *out);

#endif
