/* workbook - runs xlsx2csv under limits, and evens out the rows that it gives. */
#include "agents/intake/workbook.h"
#include "agents/intake/csv.h"
#include "agents/store/child.h"
#include "common/clock.h"
#include "common/memory.h"
#include <string.h>
#include <strings.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define ENDING ".xlsx"
#define UNREADABLE "a workbook that cannot be read, damaged or with a password: save it as CSV"
#define NO_READER "a workbook, and no xlsx2csv is installed, or one that is not known: save it as CSV"

enum { BLOCK = 64 * 1024, ENDING_SIZE = sizeof(ENDING) - 1 };

/* Generated from workbook.py. */
extern const char workbook_program[];

const struct workbook_reader workbook_xlsx2csv = {
	.program = "/usr/bin/python3", .seconds = 60, .memory = (size_t)1 << 30, .output = 64 * 1024 * 1024};

bool workbook_named(const char *file_name)
{
	size_t length = strlen(file_name);

	return length > ENDING_SIZE && strcasecmp(file_name + length - ENDING_SIZE, ENDING) == 0;
}

char *workbook_csv_name(const char *file_name)
{
	return memory_format("%.*s.csv", (int)(strlen(file_name) - ENDING_SIZE), file_name);
}

/* ------------------------------------------------------------------ the child */

static enum error reader_start(struct child *child, const struct workbook_reader *reader,
			       const struct workbook_form *form, struct bytes content, steady_ms deadline, int stop)
{
	char python[] = "python3", isolated[] = "-I", given[] = "-c", *program = (char *)(uintptr_t)workbook_program;
	char separator[] = {form->separator, '\0'}, day_first[] = "%d/%m/%Y %H:%M:%S", iso[] = "%Y-%m-%d %H:%M:%S";
	char path[] = "PATH=/usr/bin:/bin", locale[] = "LC_ALL=C.UTF-8";
	char *const argv[] = {python, isolated, given, program, separator, form->iso_dates ? iso : day_first, NULL};
	char *const environment[] = {path, locale, NULL};
	const struct child_limits limits = {.seconds = reader->seconds, .memory = reader->memory};
	const struct child_command command = {.program = reader->program,
					      .argv = argv,
					      .environment = environment,
					      .limits = &limits,
					      .heard = true};

	return child_start(child, &command, content, deadline, stop);
}

/* All that the reader writes, once it has ended well. */
static enum error rows_read(struct child *child, size_t most, steady_ms deadline, int stop, struct buffer *rows,
			    struct fault *fault)
{
	enum error error = child_read(child, most, deadline, stop, rows, "workbook", fault);
	int status = 0;
	enum child_outcome outcome = child_end(child, error == E_OK ? deadline : 0, stop, &status);

	if (error != E_OK)
		return error;
	if (outcome == CHILD_STOPPED)
		return fault_at(fault, E_STOPPING, "workbook");
	if (outcome == CHILD_ENDED && WIFEXITED(status) && WEXITSTATUS(status) == EX_UNAVAILABLE)
		return fault_say(fault, E_INVALID, NO_READER);
	if (outcome == CHILD_LATE || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return fault_at(fault, E_INVALID, "%s", UNREADABLE);
	return E_OK;
}

/* ------------------------------------------------------------------ rows */

/* What stands within quotes loses its line ends, so that row and line are the same. */
static void row_append(struct bytes row, struct buffer *out)
{
	for (size_t i = 0; i < row.size; i++)
		buffer_u8(out, row.data[i] == '\n' || row.data[i] == '\r' ? ' ' : row.data[i]);
}

/* Rows end with their last cell that is not empty, and CSV wants as many in each. */
static void rows_even(struct bytes rows, char separator, struct buffer *out)
{
	struct csv_reader reader;
	struct csv_record record;
	size_t width = 0;

	csv_open(&reader, rows, separator, ENCODING_UTF8);
	buffer_text(out, ENCODING_BOM);
	while (csv_next(&reader, &record)) {
		reader.expected = 0; /* each may have a number of its own */
		if (width == 0 && !record.blank)
			width = record.count;
		row_append(record.raw, out);
		for (size_t i = record.count; i < width && !record.blank && record.error == E_OK; i++)
			buffer_u8(out, (uint8_t)separator);
		buffer_bytes(out, record.ending);
	}
	csv_close(&reader);
}

enum error workbook_csv(const struct workbook_reader *reader, const struct workbook_form *form, struct bytes content,
			int stop, struct buffer *csv, struct fault *fault)
{
	steady_ms deadline = clock_now().steady + (steady_ms)reader->seconds * 1000;
	struct buffer rows = {0};
	struct child child;
	enum error error;

	if (content.size < 2 || memcmp(content.data, "PK", 2) != 0)
		return fault_at(fault, E_INVALID, "%s", UNREADABLE);
	error = reader_start(&child, reader, form, content, deadline, stop);
	if (error == E_NOT_FOUND)
		return fault_say(fault, E_INVALID, NO_READER);
	if (error != E_OK)
		return fault_at(fault, error, "workbook");
	error = rows_read(&child, reader->output, deadline, stop, &rows, fault);
	if (error == E_OK)
		rows_even(buffer_view(&rows), form->separator, csv);
	buffer_free(&rows);
	return error;
}
