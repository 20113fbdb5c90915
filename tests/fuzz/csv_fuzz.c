/* csv_fuzz - the split of a CSV file into records: together they are the whole file and nothing else, each says the
 * line that it begins on, and a bad one costs itself alone. */
#include "agents/intake/csv.h"
#include "tests/fuzz/fuzz.h"
#include <string.h>

static const char separators[] = {';', ',', '\t', '|'};

static size_t line_ends(struct bytes text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.size; i++)
		count += text.data[i] == '\n' ||
			 (text.data[i] == '\r' && (i + 1 == text.size || text.data[i + 1] != '\n'));
	return count;
}

static void cells_good(const struct csv_record *record, size_t expected)
{
	PROMISE(record->error == E_OK || record->count == 0);
	PROMISE(record->count <= CSV_MOST_CELLS);
	PROMISE(record->error != E_OK || record->blank || expected == 0 || record->count == expected);
	for (size_t i = 0; i < record->count; i++) {
		const size_t length = strlen(record->cells[i]);

		PROMISE(length == 0 || (record->cells[i][0] != ' ' && record->cells[i][length - 1] != ' '));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes content = BYTES(data, size);
	const uint8_t first = take_u8(&content);
	struct csv_reader reader;
	struct csv_record record;
	size_t at = 0, line = 1, expected = 0;

	csv_open(&reader, content, separators[first & 3], first & 4 ? ENCODING_WINDOWS_1252 : ENCODING_UTF8);
	while (csv_next(&reader, &record)) {
		PROMISE(record.raw.data == content.data + at && record.line == line);
		PROMISE(record.raw.size + record.ending.size > 0);
		cells_good(&record, expected);
		if (expected == 0)
			expected = record.count;
		at += record.raw.size + record.ending.size;
		line += line_ends(record.raw) + (record.ending.size > 0 ? 1 : 0);
	}
	PROMISE(at == content.size);
	csv_close(&reader);
	return 0;
}
