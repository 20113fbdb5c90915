/* csv - finds where records end, and lets libcsv take each one apart. */
#include "agents/intake/csv.h"
#include <csv.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ where a record ends */

/* Where the walk through the bytes of a record is, as libcsv sees it. */
enum place { CELL_START, PLAIN, QUOTED, QUOTE_SEEN };

static enum place place_after(enum place place, uint8_t c, char separator)
{
	switch (place) {
	case CELL_START:
		if (c == '"')
			return QUOTED;
		return c == (uint8_t)separator || c == ' ' || c == '\t' ? CELL_START : PLAIN;
	case QUOTED:
		return c == '"' ? QUOTE_SEEN : QUOTED;
	case QUOTE_SEEN:
		if (c == '"')
			return QUOTED;
		return c == (uint8_t)separator ? CELL_START : PLAIN;
	default:
		return c == (uint8_t)separator ? CELL_START : PLAIN;
	}
}

static bool line_end(uint8_t c)
{
	return c == '\n' || c == '\r';
}

/* CR and LF are one. */
static bool line_end_begins(struct bytes content, size_t at)
{
	return line_end(content.data[at]) && !(content.data[at] == '\n' && at > 0 && content.data[at - 1] == '\r');
}

/* The bytes from `at` up to the end of the line. */
static struct bytes line_at(struct bytes content, size_t at)
{
	size_t end = at;

	while (end < content.size && !line_end(content.data[end]))
		end++;
	return BYTES(content.data + at, end - at);
}

/* The bytes from `at` up to the line end that ends the record; the first line alone when the record is too long. */
static struct bytes record_at(struct bytes content, size_t at, char separator)
{
	enum place place = CELL_START;
	size_t end = at, lines = 0;

	for (; end < content.size; end++) {
		if (line_end(content.data[end]) && place != QUOTED)
			break;
		lines += line_end_begins(content, end) ? 1 : 0;
		if (lines > CSV_MOST_LINES || end - at > CSV_LARGEST_RECORD)
			break;
		place = place_after(place, content.data[end], separator);
	}
	return place == QUOTED || end - at > CSV_LARGEST_RECORD ? line_at(content, at)
								: BYTES(content.data + at, end - at);
}

static struct bytes ending_at(struct bytes content, size_t at)
{
	size_t size = at < content.size ? 1 : 0;

	if (size == 1 && content.data[at] == '\r' && at + 1 < content.size && content.data[at + 1] == '\n')
		size = 2;
	return BYTES(content.data + at, size);
}

static size_t lines_in(struct bytes raw)
{
	size_t lines = 0;

	for (size_t i = 0; i < raw.size; i++)
		lines += line_end_begins(raw, i) ? 1 : 0;
	return lines;
}

/* ------------------------------------------------------------------ what is in it */

/* What libcsv's callback fills. Cells are offsets until the buffer has its final place. */
struct taking {
	struct buffer *cells;
	size_t starts[CSV_MOST_CELLS];
	size_t count;
};

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || line_end((uint8_t)c);
}

/* Quoted cells are trimmed like the others, and a line within a cell ends with a newline whatever the file's line end.
 */
static void cell_append(struct buffer *cells, const char *text, size_t size)
{
	for (; size > 0 && is_space(text[0]); size--)
		text++;
	while (size > 0 && is_space(text[size - 1]))
		size--;
	for (size_t i = 0; i < size; i++)
		if (text[i] != '\r')
			buffer_u8(cells, (uint8_t)text[i]);
		else if (text[i + 1] != '\n')
			buffer_u8(cells, '\n');
	buffer_u8(cells, 0);
}

static void cell_take(void *data, size_t size, void *context)
{
	struct taking *taking = context;

	if (taking->count < CSV_MOST_CELLS) {
		taking->starts[taking->count] = taking->cells->size;
		cell_append(taking->cells, data, size);
	}
	taking->count++;
}

/* E_OK with the cells of one record in `taking`. */
static enum error record_split(struct bytes text, char separator, struct taking *taking)
{
	struct csv_parser parser;
	bool good;

	if (csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI) != 0)
		abort();
	csv_set_delim(&parser, (unsigned char)separator);
	good = csv_parse(&parser, text.data, text.size, cell_take, NULL, taking) == text.size &&
	       csv_fini(&parser, cell_take, NULL, taking) == 0;
	csv_free(&parser);
	if (!good || taking->count == 0)
		return E_MALFORMED;
	return taking->count > CSV_MOST_CELLS ? E_TOO_LARGE : E_OK;
}

static bool all_blank(struct bytes raw, char separator)
{
	for (size_t i = 0; i < raw.size; i++)
		if (raw.data[i] != (uint8_t)separator && raw.data[i] != ' ' && raw.data[i] != '\t')
			return false;
	return true;
}

static enum error record_decode(struct csv_reader *reader, struct bytes raw)
{
	buffer_clear(&reader->decoded);
	if (raw.size > CSV_LARGEST_RECORD)
		return E_TOO_LARGE;
	if (memchr(raw.data, '\0', raw.size) != NULL)
		return E_INVALID;
	if (!text_decode(reader->encoding, raw, &reader->decoded))
		return reader->encoding == ENCODING_UTF8 ? E_NOT_UTF8 : E_INVALID;
	return E_OK;
}

/* Fills the record with the cells of `raw`. */
static void record_read(struct csv_reader *reader, struct bytes raw, struct csv_record *record)
{
	struct taking taking = {.cells = &reader->cells};

	record->raw = raw;
	record->count = 0;
	record->blank = all_blank(raw, reader->separator);
	record->error = E_OK;
	if (record->blank)
		return;
	buffer_clear(&reader->cells);
	record->error = record_decode(reader, raw);
	if (record->error == E_OK)
		record->error = record_split(buffer_view(&reader->decoded), reader->separator, &taking);
	if (record->error == E_OK && reader->expected != 0 && taking.count != reader->expected)
		record->error = E_MALFORMED;
	if (record->error != E_OK)
		return;
	record->count = taking.count;
	for (size_t i = 0; i < taking.count; i++)
		record->cells[i] = (const char *)reader->cells.data + taking.starts[i];
}

void csv_open(struct csv_reader *reader, struct bytes content, char separator, enum profile_encoding encoding)
{
	*reader = (struct csv_reader){.content = content, .line = 1, .separator = separator, .encoding = encoding};
}

bool csv_next(struct csv_reader *reader, struct csv_record *record)
{
	if (reader->at >= reader->content.size)
		return false;
	record_read(reader, record_at(reader->content, reader->at, reader->separator), record);
	/* A quote that was never meant to open a cell must not take the following lines with it. */
	if (record->error != E_OK && lines_in(record->raw) > 0)
		record_read(reader, line_at(reader->content, reader->at), record);
	record->line = reader->line;
	reader->at += record->raw.size;
	record->ending = ending_at(reader->content, reader->at);
	reader->at += record->ending.size;
	reader->line += lines_in(record->raw) + 1;
	if (reader->expected == 0 && record->error == E_OK)
		reader->expected = record->count;
	return true;
}

void csv_close(struct csv_reader *reader)
{
	buffer_free(&reader->decoded);
	buffer_free(&reader->cells);
}
