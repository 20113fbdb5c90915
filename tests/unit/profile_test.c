/* Tries to break what profile.h promises. */
#include "agents/intake/csv.h"
#include "agents/intake/profile.h"
#include "common/file.h"
#include "common/memory.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NODE "police.oku"
#define NOW UINT64_C(1795300000000) /* 2026-11-22 */

#define TOP \
	"format: csv\nseparator: \";\"\nzone: \"+07:00\"\n" \
	"defaults: {label: AMBER, purpose: law-enforcement, region: \"16.01\", region_within: \"16\", expires_days: " \
	"30}\n"
#define FIXED \
	"fixed:\n- {field: category, value: overstay}\n- {field: sighting.assertion, value: fact}\n" \
	"- {field: \"sighting.persons[0].capacity\", value: seen}\n" \
	"- {field: \"sighting.persons[0].identity\", value: claimed}\n"
#define COLUMNS \
	"columns:\n- {column: Nama, field: \"sighting.persons[0].primary_identifier\", required: true}\n" \
	"- {column: Usia, field: \"sighting.persons[0].age\", default: adult, map: [{from: Dewasa, to: adult}]}\n" \
	"- {column: Tgl Lahir, field: \"sighting.persons[0].date_of_birth\"}\n" \
	"- {column: Tanggal, field: sighting.first_seen, kind: date, required: true}\n" \
	"- {column: Jam, field: sighting.first_seen, kind: time}\n"
#define PLAIN TOP FIXED COLUMNS
#define HEADER "Nama;Usia;Tgl Lahir;Tanggal;Jam\n"

/* ------------------------------------------------------------------ helpers */

static enum error profile_of(const char *yaml, struct profile **profile, struct fault *fault)
{
	char path[] = "/tmp/profile-test-XXXXXX";
	int fd = mkstemp(path);
	enum error error;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
	close(fd);
	error = profile_load(path, profile, fault);
	unlink(path);
	return error;
}

static struct profile *profile_good(const char *yaml)
{
	struct profile *profile;
	struct fault fault = {.code = E_OK};

	if (profile_of(yaml, &profile, &fault) != E_OK)
		fail_msg("%s", fault.field);
	return profile;
}

/* The complaint ends with "line: text"; the path before it is that of a temporary file. */
static void profile_refused(const char *yaml, unsigned line, const char *what)
{
	struct profile *profile;
	struct fault fault = {.code = E_OK};
	char start[16];

	snprintf(start, sizeof(start), ":%u: ", line);
	assert_int_equal(profile_of(yaml, &profile, &fault), E_CONFIG);
	assert_null(profile);
	if (strstr(fault.field, start) == NULL || strstr(fault.field, what) == NULL)
		fail_msg("\"%s\" does not say %s%s", fault.field, start, what);
}

static void parse_bytes(const char *yaml, struct bytes content, const char *name, struct parsed_file *file)
{
	struct profile *profile = profile_good(yaml);

	profile_parse(profile, content, name, NODE, NOW, NULL, -1, file);
	profile_free(profile);
}

static void parse(const char *yaml, const char *content, struct parsed_file *file)
{
	parse_bytes(yaml, BYTES(content, strlen(content)), "x.csv", file);
}

static const Simpul__Sighting *sighting(const struct parsed_file *file, size_t line)
{
	assert_true(line < file->count);
	if (file->lines[line].prepared == NULL)
		fail_msg("line %zu: %s at %s", line, error_name(file->lines[line].fault.code),
			 file->lines[line].fault.field);
	return file->lines[line].prepared->body->sighting;
}

static void line_refused(const struct parsed_file *file, size_t index, size_t line, enum error error, const char *field)
{
	assert_true(index < file->count);
	assert_null(file->lines[index].prepared);
	assert_int_equal(file->lines[index].line, line);
	assert_string_equal(file->lines[index].fault.field, field);
	assert_int_equal(file->lines[index].fault.code, error);
}

static char *rejects_of(const char *yaml, struct bytes content, const char *name)
{
	struct profile *profile = profile_good(yaml);
	struct parsed_file file;
	struct buffer out = {0};

	profile_parse(profile, content, name, NODE, NOW, NULL, -1, &file);
	profile_rejects(profile, &file, name, &out);
	buffer_u8(&out, 0);
	parsed_file_free(&file);
	profile_free(profile);
	return (char *)out.data;
}

/* ------------------------------------------------------------------ rows */

static void a_row_becomes_a_report(void **state)
{
	struct parsed_file file;
	const Simpul__Sighting *s;
	wall_ms seen;

	(void)state;
	parse(PLAIN, HEADER "ERIKSSON;Dewasa;12/08/1974;21/11/2026;23.40\n", &file);
	assert_int_equal(file.fault.code, E_OK);
	assert_int_equal(file.count, 1);
	s = sighting(&file, 0);
	assert_true(time_parse("2026-11-21T23:40:00+07:00", &seen));
	assert_int_equal(s->first_seen, seen);
	assert_string_equal(s->persons[0]->primary_identifier, "ERIKSSON");
	assert_string_equal(s->persons[0]->date_of_birth, "1974-08-12");
	assert_int_equal(s->persons[0]->age, SIMPUL__AGE__AGE_ADULT);
	assert_int_equal(s->persons[0]->capacity, SIMPUL__CAPACITY__CAPACITY_SEEN);
	assert_string_equal(file.lines[0].prepared->header->category, "overstay");
	assert_string_equal(file.lines[0].prepared->header->region, "16.01");
	parsed_file_free(&file);
}

static void a_bad_line_costs_that_line_only(void **state)
{
	struct parsed_file file;

	(void)state;
	parse(PLAIN,
	      HEADER "A;;;21/11/2026;10:00\n" /* 2 */
		     "B;;31/02/2000;21/11/2026;10:00\n"
		     "C;;;21/11/2026\n"
		     "\"D;;;21/11/2026;10:00\n" /* 5: a quote that nobody closes */
		     "E;;;21/11/2026;10:00\n"
		     "F \"f\";;;21/11/2026;10:00\n"
		     ";;;21/11/2026;10:00\n"
		     "H;tua;;21/11/2026;10:00\n"
		     "I;;;21/11/2026;24:00\n" /* 10 */
		     "J;;;21/11/2026;10:00",
	      &file);
	assert_int_equal(file.fault.code, E_OK);
	assert_int_equal(file.count, 10);
	assert_int_equal(file.rejected, 7);
	assert_string_equal(sighting(&file, 0)->persons[0]->primary_identifier, "A");
	line_refused(&file, 1, 3, E_INVALID, "column \"Tgl Lahir\": not a date as dd/mm/yyyy, or a year");
	line_refused(&file, 2, 4, E_MALFORMED, "quotes or number of columns");
	line_refused(&file, 3, 5, E_MALFORMED, "quotes or number of columns");
	assert_string_equal(sighting(&file, 4)->persons[0]->primary_identifier, "E");
	line_refused(&file, 5, 7, E_MALFORMED, "quotes or number of columns");
	line_refused(&file, 6, 8, E_MISSING, "column \"Nama\"");
	line_refused(&file, 7, 9, E_UNKNOWN_VALUE, "column \"Usia\": not one of: Dewasa, child, unknown");
	line_refused(&file, 8, 10, E_INVALID, "column \"Jam\": not a time as 21:40");
	assert_string_equal(sighting(&file, 9)->persons[0]->primary_identifier, "J");
	parsed_file_free(&file);
}

static void a_quoted_cell_of_two_lines_keeps_the_count_of_lines_right(void **state)
{
	struct parsed_file file;

	(void)state;
	parse(PLAIN, HEADER "\"A; \"\"a\"\"\r\nb\";;;21/11/2026;10:00\r\n\r\n;;;;\r\nB;;x;21/11/2026;10:00\r\n", &file);
	assert_int_equal(file.count, 2);
	assert_string_equal(sighting(&file, 0)->persons[0]->primary_identifier, "A; \"a\"\nb");
	assert_int_equal(file.lines[0].line, 2);
	line_refused(&file, 1, 6, E_INVALID, "column \"Tgl Lahir\": not a date as dd/mm/yyyy, or a year");
	parsed_file_free(&file);
}

/* Excel ends lines with two characters, which are one line end. */
static void a_cell_may_have_as_many_lines_whatever_ends_them(void **state)
{
	static const char *const ends[] = {"\n", "\r", "\r\n"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct parsed_file file;
		struct buffer text = {0};

		buffer_text(&text, HEADER "\"A");
		for (size_t line = 0; line < 90; line++) {
			buffer_text(&text, ends[i]);
			buffer_text(&text, "b");
		}
		buffer_text(&text, "\";;;21/11/2026;10:00\n");
		parse_bytes(PLAIN, buffer_view(&text), "x.csv", &file);
		assert_int_equal(file.count, 1);
		sighting(&file, 0);
		parsed_file_free(&file);
		buffer_free(&text);
	}
}

static void a_bom_is_not_part_of_the_first_column(void **state)
{
	struct parsed_file file;

	(void)state;
	parse(PLAIN, "\xef\xbb\xbf" HEADER "A;;;21/11/2026;10:00\n", &file);
	assert_int_equal(file.fault.code, E_OK);
	assert_string_equal(sighting(&file, 0)->persons[0]->primary_identifier, "A");
	parsed_file_free(&file);
}

static void windows_1252_names_arrive_as_utf8(void **state)
{
	struct parsed_file file;

	(void)state;
	parse("encoding: windows-1252\n" PLAIN,
	      HEADER "SP\xc9"
		     "CIMEN \x96 J\xfcrgen;;;21/11/2026;10:00\nA\x81;;;21/11/2026;10:00\n",
	      &file);
	assert_string_equal(sighting(&file, 0)->persons[0]->primary_identifier, "SPÉCIMEN – Jürgen");
	line_refused(&file, 1, 3, E_INVALID, "encoding");
	parsed_file_free(&file);
	/* A BOM proves UTF-8, whatever the profile says. */
	parse("encoding: windows-1252\n" PLAIN, "\xef\xbb\xbf" HEADER "SPÉCIMEN;;;21/11/2026;10:00\n", &file);
	assert_string_equal(sighting(&file, 0)->persons[0]->primary_identifier, "SPÉCIMEN");
	parsed_file_free(&file);
}

static void bytes_that_are_no_text_cost_their_line_only(void **state)
{
	static const char content[] =
		HEADER "A\xff;;;21/11/2026;10:00\nB\0C;;;21/11/2026;10:00\nD;;;21/11/2026;10:00\n";
	struct parsed_file file;

	(void)state;
	parse_bytes(PLAIN, BYTES(content, sizeof(content) - 1), "x.csv", &file);
	assert_int_equal(file.count, 3);
	line_refused(&file, 0, 2, E_NOT_UTF8, "encoding");
	line_refused(&file, 1, 3, E_INVALID, "encoding");
	assert_string_equal(sighting(&file, 2)->persons[0]->primary_identifier, "D");
	parsed_file_free(&file);
}

static void columns_are_found_by_name_wherever_they_stand(void **state)
{
	struct parsed_file file;

	(void)state;
	parse(PLAIN, "\n No ; JAM;\"tanggal\";Catatan;nama\n1;7:05;1/2/2026;rahasia;A\n", &file);
	assert_int_equal(file.fault.code, E_OK);
	assert_string_equal(sighting(&file, 0)->persons[0]->primary_identifier, "A");
	parsed_file_free(&file);
	parse(PLAIN, "Nama;Jam\nA;10:00\n", &file);
	assert_int_equal(file.fault.code, E_MISSING);
	assert_string_equal(file.fault.field, "column \"Tanggal\" is missing");
	assert_int_equal(file.count, 0);
	parsed_file_free(&file);
	parse(PLAIN, "Nama;Tanggal;nama\nA;21/11/2026;B\n", &file);
	assert_int_equal(file.fault.code, E_INVALID);
	parsed_file_free(&file);
	parse("strict: true\n" PLAIN, "Nama;Tanggal;Jam;Catatan\n", &file);
	assert_int_equal(file.fault.code, E_UNKNOWN_FIELD);
	assert_string_equal(file.fault.field, "a column of the header line is not in the profile");
	parsed_file_free(&file);
}

static void a_file_of_another_form_is_told_by_what_it_is(void **state)
{
	static const struct {
		const char *content, *said;
	} cases[] = {
		{"Nama,Tanggal,Jam\nA,21/11/2026,10:00\n",
		 "a semicolon is the profile's separator, the header line has a comma"},
		{"Nama\tTanggal\tJam\nA\t21/11/2026\t10:00\n",
		 "a semicolon is the profile's separator, the header line has a tab"},
		{"sep=,\nNama,Tanggal,Jam\n", "the line sep= before the header line: delete it"},
		{"PK\003\004\024\nA\n", "a workbook, not CSV: name it .xlsx, or save it as CSV"},
	};
	struct parsed_file file;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(PLAIN, cases[i].content, &file);
		assert_int_equal(file.fault.code, E_INVALID);
		assert_string_equal(file.fault.field, cases[i].said);
		assert_int_equal(file.count, 0);
		parsed_file_free(&file);
	}
}

static void a_file_without_a_header_line_is_refused_as_a_whole(void **state)
{
	struct parsed_file file;

	(void)state;
	parse(PLAIN, "", &file);
	assert_int_equal(file.fault.code, E_MISSING);
	parsed_file_free(&file);
	parse(PLAIN, "ERIKSSON;;;21/11/2026;10:00\n", &file);
	assert_int_equal(file.fault.code, E_MISSING);
	assert_null(strstr(file.fault.field, "ERIKSSON"));
	parsed_file_free(&file);
	parse_bytes(PLAIN, BYTES("\xff\xfeN\0a\0", 6), "x.csv", &file);
	assert_int_equal(file.fault.code, E_INVALID);
	parsed_file_free(&file);
}

static void a_line_that_is_too_long_costs_that_line_only(void **state)
{
	struct buffer content = {0};
	struct parsed_file file;

	(void)state;
	buffer_text(&content, HEADER);
	memset(buffer_room(&content, 70000), 'x', 70000);
	buffer_text(&content, "\nB;;;21/11/2026;10:00\n");
	parse_bytes(PLAIN, buffer_view(&content), "x.csv", &file);
	assert_int_equal(file.count, 2);
	line_refused(&file, 0, 2, E_TOO_LARGE, "row");
	assert_string_equal(sighting(&file, 1)->persons[0]->primary_identifier, "B");
	parsed_file_free(&file);
	buffer_free(&content);
}

/* Random bytes out of those that matter; the seed makes it repeatable. */
static void every_byte_of_a_file_belongs_to_one_record(void **state)
{
	static const char alphabet[] = "\"\";;\n\r ab\t\xff";
	uint32_t random = 1;
	char content[64];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct csv_reader reader;
		struct csv_record record;
		size_t at = 0, line = 1, size;

		for (size = 0; size < sizeof(content) && random % 50 != 0; size++) {
			random = random * 1664525 + 1013904223;
			content[size] = alphabet[(random >> 16) % (sizeof(alphabet) - 1)];
		}
		random = random * 1664525 + 1013904223;
		csv_open(&reader, BYTES(content, size), ';', ENCODING_UTF8);
		while (csv_next(&reader, &record)) {
			assert_ptr_equal(record.raw.data, content + at);
			assert_true(record.line >= line);
			assert_true(record.error != E_OK || record.blank || record.count > 0);
			at += record.raw.size + record.ending.size;
			line = record.line + 1;
		}
		assert_int_equal(at, size);
		csv_close(&reader);
	}
}

static void no_file_has_more_lines_than_allowed(void **state)
{
	struct buffer content = {0};
	struct parsed_file file;

	(void)state;
	buffer_text(&content, HEADER);
	for (int i = 0; i < 100001; i++)
		buffer_text(&content, "A\n");
	parse_bytes(PLAIN, buffer_view(&content), "x.csv", &file);
	assert_int_equal(file.fault.code, E_TOO_LARGE);
	assert_int_equal(file.count, 0);
	parsed_file_free(&file);
	buffer_free(&content);
}

static void a_time_of_the_day_is_never_made_up(void **state)
{
	struct parsed_file file;

	(void)state;
	parse(PLAIN, HEADER "A;;;21/11/2026;\n", &file);
	line_refused(&file, 0, 2, E_MISSING, "column \"Jam\"");
	parsed_file_free(&file);
	profile_refused(TOP FIXED "columns:\n- {column: T, field: sighting.first_seen, kind: date}\n", 11, "at:");
	parse(TOP "fixed: [{field: category, value: other}, {field: sighting.assertion, value: fact}]\n"
		  "columns:\n- {column: T, field: sighting.first_seen, kind: date, at: \"12:00\"}\n",
	      "T\n21/11/2026\n", &file);
	assert_int_equal(sighting(&file, 0)->first_seen, UINT64_C(1795237200000));
	parsed_file_free(&file);
}

/* At 05:26 of the 22nd a list of this day is dropped. */
static void an_hour_that_a_profile_makes_up_does_not_refuse_a_day_that_has_begun(void **state)
{
	struct parsed_file file;

	(void)state;
	parse(TOP "fixed: [{field: category, value: other}, {field: sighting.assertion, value: fact}]\n"
		  "columns:\n- {column: T, field: sighting.first_seen, kind: date, at: \"23:59\"}\n",
	      "T\n22/11/2026\n23/11/2026\n", &file);
	assert_int_equal(sighting(&file, 0)->first_seen, NOW);
	line_refused(&file, 1, 3, E_CLOCK, "column \"T\"");
	parsed_file_free(&file);
}

static void times_without_a_zone_are_refused(void **state)
{
	(void)state;
	profile_refused("format: csv\n" FIXED COLUMNS, 11, "zone");
	profile_refused("format: csv\nzone: WIB\n" FIXED COLUMNS, 2, "zone");
}

static void dates_have_one_meaning(void **state)
{
	static const char *const wrong[] = {"08/12/74",	   "12-8",	 "1974/08/12", "12/13/1974",
					    "12/08/1974 ", "12 08 1974", "0/1/1974"};
	struct parsed_file file;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char row[128];

		snprintf(row, sizeof(row), HEADER "A;;%s;21/11/2026;10:00\n", wrong[i]);
		parse(PLAIN, row, &file);
		/* A space at the end is trimmed. */
		assert_int_equal(file.rejected, i == 4 ? 0 : 1);
		parsed_file_free(&file);
	}
	parse("date_format: iso\n" PLAIN, HEADER "A;;1974;2026-11-21;10:00\nB;;12/08/1974;2026-11-21;10:00\n", &file);
	assert_string_equal(sighting(&file, 0)->persons[0]->date_of_birth, "1974");
	line_refused(&file, 1, 3, E_INVALID, "column \"Tgl Lahir\": not a date as yyyy-mm-dd, or a year");
	parsed_file_free(&file);
}

#define SHEET \
	PLAIN "- {column: Paspor, field: \"sighting.persons[0].documents[0].number\"}\n" \
	      "- {column: NIK, field: \"sighting.persons[0].permit_number\", digits: 16}\n" \
	      "- {column: Wilayah, field: region}\n- {column: Jumlah, field: sighting.count}\n"
#define SHEET_HEADER "Nama;Usia;Tgl Lahir;Tanggal;Jam;Paspor;NIK;Wilayah;Jumlah\n"

static void what_a_spreadsheet_spoiled_is_named(void **state)
{
#define NUMBER ": a number as 1,6E+15, digits are lost: format it as text"
#define ZEROS ": not 16 digits, zeros before it lost? format as text"
#define CODE ": a number as 16,1 for 16.10: format the column as text"
#define CODE_DATE ": the code became a date: format the column as text"
#define SERIAL ": a serial number, not a date: format the column as a date"
#define SWAPPED ": no such date: day and month seem to be swapped"
	static const struct {
		const char *row, *column, *what;
	} cases[] = {
		{";21/11/2026;10:00;1,6E+15;;;", "Paspor", NUMBER},
		{";21/11/2026;10:00;1.6E+15;;;", "Paspor", NUMBER},
		{";21/11/2026;10:00;2e+09;;;", "Paspor", NUMBER},
		{";21/11/2026;10:00;;3,20171E+15;;", "NIK", NUMBER},
		{";21/11/2026;10:00;;3201710000000000.000000;;", "NIK", NUMBER},
		{";21/11/2026;10:00;;;;1E+05", "Jumlah", NUMBER},
		{";21/11/2026;10:00;;320171000000001;;", "NIK", ZEROS},
		{";21/11/2026;10:00;;1;;", "NIK", ZEROS},
		{";21/11/2026;10:00;;32017100000000011;;", "NIK", ": not 16 digits"},
		{";21/11/2026;10:00;;320171000000001X;;", "NIK", ": not 16 digits"},
		{";21/11/2026;10:00;;;16,1;", "Wilayah", CODE},
		{";21/11/2026;10:00;;;16.1;", "Wilayah", CODE},
		{";21/11/2026;10:00;;;16,01;", "Wilayah", CODE},
		{";21/11/2026;10:00;;;16.100000000000001;", "Wilayah", CODE},
		{";21/11/2026;10:00;;;16-Jan;", "Wilayah", CODE_DATE},
		{";21/11/2026;10:00;;;16/01/2014 00:00:00;", "Wilayah", CODE_DATE},
		{";46347;10:00;;;;", "Tanggal", SERIAL},
		{";46347,4167;10:00;;;;", "Tanggal", SERIAL},
		{"27252;21/11/2026;10:00;;;;", "Tgl Lahir", SERIAL},
		{";11/21/2026;10:00;;;;", "Tanggal", SWAPPED},
		{"8/13/1974;21/11/2026;10:00;;;;", "Tgl Lahir", SWAPPED},
	};
	char text[256], fault[160];
	struct parsed_file file;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), SHEET_HEADER "A;;%s\n", cases[i].row);
		parse(SHEET, text, &file);
		snprintf(fault, sizeof(fault), "column \"%s\"%s", cases[i].column, cases[i].what);
		line_refused(&file, 0, 2, E_INVALID, fault);
		parsed_file_free(&file);
	}
	parse("date_format: iso\n" PLAIN, HEADER "A;;2026-13-11;2026-11-21;10:00\n", &file);
	line_refused(&file, 0, 2, E_INVALID, "column \"Tgl Lahir\"" SWAPPED);
	parsed_file_free(&file);
}

/* Which of the rows, "A" to "Z", come back because of this, in an otherwise good file with these dates of birth. */
static void swapped_rows(const char *form, const char *first_seen, const char *const *dates, size_t count,
			 const char *fault, char rows[27])
{
	char *yaml = memory_format("date_format: %s\n" PLAIN, form);
	struct buffer text = {0};
	struct parsed_file file;

	buffer_text(&text, HEADER);
	for (size_t i = 0; i < count; i++) {
		char *row = memory_format("%c;;%s;%s;10:00\n", (char)('A' + i), dates[i], first_seen);

		buffer_text(&text, row);
		free(row);
	}
	buffer_u8(&text, 0);
	parse(yaml, (const char *)text.data, &file);
	assert_int_equal(file.count, count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(file.lines[i].fault.field, fault) == 0)
			*rows++ = (char)('A' + i);
	*rows = '\0';
	parsed_file_free(&file);
	buffer_free(&text);
	free(yaml);
}

static void dates_that_other_rows_show_to_be_swapped_come_back(void **state)
{
#define OTHERS "column \"Tgl Lahir\": day and month may be swapped, as other rows show"
	static const struct {
		const char *form, *dates[12], *back;
	} cases[] = {
		/* 8/13 is none, so 8/12 may be the 12th of August; 12/12 and a year are the same both ways. */
		{"dd/mm/yyyy", {"8/12/1974", "8/13/1974", "12/12/1974", "1974", "3/4/1980"}, "AE"},
		{"iso", {"1974-08-12", "1974-13-08", "1974-12-12"}, "A"},
		/* One slip of the pen among many that are right says nothing of the others. */
		{"dd/mm/yyyy",
		 {"8/12/1974", "8/13/1974", "13/1/74", "13/1/1974", "14/1/1974", "15/1/1974", "16/1/1974", "17/1/1974",
		  "18/1/1974", "19/1/1974", "20/1/1974", "21/1/1974"},
		 "A"},
		{"dd/mm/yyyy",
		 {"8/12/1974", "8/13/1974", "13/2/1974", "13/1/1974", "14/1/1974", "15/1/1974", "16/1/1974", "17/1/1974",
		  "18/1/1974", "19/1/1974", "20/1/1974", "21/1/1974"},
		 ""},
		/* What Excel of another country took for dates, and what it left as it was. */
		{"dd/mm/yyyy", {"04/03/1974 00:00:00", "25/03/1974", "04/03/1974", "05/05/1974 00:00:00"}, "A"},
		{"iso", {"1974-03-04 00:00:00", "25/03/1974"}, "A"},
		/* Dates after the 12th: all of them were dates from the beginning. */
		{"dd/mm/yyyy", {"04/03/1974 00:00:00", "25/03/1974", "26/03/1974 00:00:00"}, ""},
		{"dd/mm/yyyy", {"04/03/1974 00:00:00", "05/03/1974 00:00:00"}, ""},
	};
	char rows[27];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const bool iso = cases[i].form[0] == 'i';
		size_t count = 0;

		while (count < 12 && cases[i].dates[count] != NULL)
			count++;
		swapped_rows(cases[i].form, iso ? "2026-11-21" : "21/11/2026", cases[i].dates, count, OTHERS, rows);
		assert_string_equal(rows, cases[i].back);
	}
}

static void a_day_that_is_still_to_come_and_would_not_be_the_other_way_round_comes_back(void **state)
{
	static const char *const births[] = {"11/12/2026", "12/11/2026", "11/12/1974", "1/2/2027"};
	char rows[27];

	(void)state;
	swapped_rows("dd/mm/yyyy", "21/11/2026", births, 4,
		     "column \"Tgl Lahir\": still to come: day and month seem to be swapped", rows);
	assert_string_equal(rows, "A");
	/* Seen on the 11th of December, it says in November. Tomorrow is today somewhere, but not at ten in this zone. */
	swapped_rows("dd/mm/yyyy", "11/12/2026", (const char *const[]){"1974"}, 1,
		     "column \"Tanggal\": still to come: day and month seem to be swapped", rows);
	assert_string_equal(rows, "A");
	swapped_rows("dd/mm/yyyy", "23/11/2026", (const char *const[]){"1974"}, 1, "column \"Tanggal\"", rows);
	assert_string_equal(rows, "A");
}

static void what_only_looks_spoiled_is_taken(void **state)
{
	static const char *const rows[] = {
		"1974;21/11/2026;10:00;12E45678;0320171000000001;16.10;7",
		"1974-08-12;1/2/2026;10:00;E1234567;;16;7",
		"12/08/1974;21/11/2026;10:00;00123456;;16.01.14;46347",
		"12/08/1974 00:00:00;21/11/2026 00:00:00;10:00;;;16.10;",
		";21/11/2026;10:00;45231;;Baturaja Timur;",
	};
	char text[256];
	struct parsed_file file;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), SHEET_HEADER "A;;%s\n", rows[i]);
		parse(SHEET, text, &file);
		sighting(&file, 0);
		parsed_file_free(&file);
	}
}

static void a_fixed_value_does_not_conjure_up_what_the_row_leaves_out(void **state)
{
#define TWO \
	TOP FIXED "- {field: \"sighting.persons[1].capacity\", value: witness}\n" \
		  "- {field: \"sighting.persons[1].identity\", value: claimed}\n- {field: " \
		  "\"sighting.persons[1].age\", value: adult}\n" \
		  "- {field: \"sighting.persons[1].documents[0].type\", value: P}\n" COLUMNS \
		  "- {column: Saksi, field: \"sighting.persons[1].primary_identifier\"}\n" \
		  "- {column: Paspor, field: \"sighting.persons[1].documents[0].number\"}\n"
	struct parsed_file file;

	(void)state;
	parse(TWO,
	      "Nama;Tanggal;Jam;Saksi;Paspor\nA;21/11/2026;10:00;;\nB;21/11/2026;10:00;C;\nD;21/11/"
	      "2026;10:00;E;SPECIMEN01\n",
	      &file);
	assert_int_equal(sighting(&file, 0)->n_persons, 1);
	assert_int_equal(sighting(&file, 1)->n_persons, 2);
	assert_int_equal(sighting(&file, 1)->persons[1]->n_documents, 0);
	assert_int_equal(sighting(&file, 1)->persons[1]->capacity, SIMPUL__CAPACITY__CAPACITY_WITNESS);
	assert_string_equal(sighting(&file, 2)->persons[1]->documents[0]->type, "P");
	parsed_file_free(&file);
}

static void texts_join_and_lists_close_their_gaps(void **state)
{
#define LISTS \
	TOP FIXED COLUMNS "- {column: Uraian, field: sighting.summary}\n- {column: Arah, field: sighting.summary, " \
			  "join: \", \"}\n" \
			  "- {column: Satu, field: \"to[0]\"}\n- {column: Dua, field: \"to[1]\"}\n" \
			  "- {column: Lintang, field: sighting.where_sighted.latitude_e7}\n- {column: Jumlah, field: " \
			  "sighting.count}\n"
	struct parsed_file file;

	(void)state;
	parse(LISTS,
	      "Nama;Tanggal;Jam;Uraian;Arah;Satu;Dua;Lintang;Jumlah\n"
	      "A;21/11/2026;10:00;van;utara;;army.oku;-4,62135;6\nB;21/11/2026;10:00;;utara;;;91;-1\n",
	      &file);
	assert_string_equal(sighting(&file, 0)->summary, "van, utara");
	assert_int_equal(file.lines[0].prepared->routing->n_to, 1);
	assert_string_equal(file.lines[0].prepared->routing->to[0], "army.oku");
	assert_int_equal(sighting(&file, 0)->where_sighted->latitude_e7, -46213500);
	assert_int_equal(sighting(&file, 0)->count, 6);
	line_refused(&file, 1, 3, E_INVALID, "column \"Jumlah\": not a number of at most 10 digits");
	parsed_file_free(&file);
}

static void a_list_too_long_to_be_named_ends_in_dots(void **state)
{
	struct parsed_file file;

	(void)state;
	parse(TOP FIXED COLUMNS "- {column: Tujuan, field: sighting.requested_action}\n",
	      "Nama;Usia;Tgl Lahir;Tanggal;Jam;Tujuan\nA;;;21/11/2026;10:00;x\n", &file);
	line_refused(&file, 0, 2, E_UNKNOWN_VALUE,
		     "column \"Tujuan\": not one of: inform-origin, observe-discreetly, check-documents, "
		     "detain-under-own-law ...");
	parsed_file_free(&file);
}

/* "Lainnya" has no place in the map; what a map leads to is a code, which no office knows. */
static void a_word_that_a_map_does_not_have_is_answered_with_those_that_it_has(void **state)
{
	static const char profile[] = TOP
		"fixed: [{field: sighting.assertion, value: fact}]\ncolumns:\n"
		"- {column: Tanggal, field: sighting.first_seen, kind: date, at: \"12:00\"}\n"
		"- {column: Kategori, field: category, map: [{from: Tinggal lama, to: overstay}, {from: Lain, to: other}]}\n";
	struct parsed_file file;

	(void)state;
	parse(profile, "Tanggal;Kategori\n21/11/2026;Lain\n21/11/2026;Lainnya!\n", &file);
	assert_string_equal(file.lines[0].prepared->header->category, "other");
	line_refused(&file, 1, 3, E_INVALID, "column \"Kategori\": not one of: Tinggal lama, Lain");
	parsed_file_free(&file);
}

static void no_value_of_a_cell_appears_in_a_fault(void **state)
{
	static const char *const rows[] = {
		"RAHASIA;RAHASIA;;21/11/2026;10:00",
		"RAHASIA;;RAHASIA;21/11/2026;10:00",
		"RAHASIA;;;RAHASIA;10:00",
		"RAHASIA;;;21/11/2026;RAHASIA",
		"RAHASIA;RAHASIA",
		"\"RAHASIA;;;;",
		"RAHASIA\x01;;;21/11/2026;10:00",
		"RAHASIA;child;;21/11/2026;10:00",
		"RAHASIA;unknown;;21/11/2026;10:00",
	};
	struct parsed_file file;
	char content[256];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256];

		snprintf(content, sizeof(content), HEADER "%s\n", rows[i]);
		parse(PLAIN, content, &file);
		assert_int_equal(file.rejected, 1);
		assert_null(strstr(fault_text(&file.lines[0].fault, text, sizeof(text)), "RAHASIA"));
		parsed_file_free(&file);
	}
}

/* ------------------------------------------------------------------ rejects */

static void rejected_files_keep_the_files_own_format(void **state)
{
	static const char content[] = HEADER "SP\xc9;x;;21/11/2026;10:00\nB;;;21/11/2026;10:00\n=1+1;;\"a\"\"b\";;\n";
	char *rejects = rejects_of("encoding: windows-1252\n" PLAIN, BYTES(content, sizeof(content) - 1), "x.csv");
	struct parsed_file file;

	(void)state;
	assert_string_equal(
		rejects,
		"line;reason;" HEADER
		"2;\"column \"\"Usia\"\": not one of: Dewasa, child, unknown: a value is not in its list "
		"(UNKNOWN_VALUE)\";SP\xc9;x;;21/11/2026;10:00\n"
		"4;\"column \"\"Tgl Lahir\"\": not a date as dd/mm/yyyy, or a year: a value does not have the required form "
		"(INVALID)\";=1+1;;\"a\"\"b\";;\n");
	/* And so they can be dropped again, even where the profile is strict. */
	parse("strict: true\nencoding: windows-1252\n" PLAIN, rejects, &file);
	assert_int_equal(file.fault.code, E_OK);
	assert_int_equal(file.count, 2);
	line_refused(&file, 0, 2, E_UNKNOWN_VALUE, "column \"Usia\": not one of: Dewasa, child, unknown");
	parsed_file_free(&file);
	free(rejects);
}

static void rejects_keep_bom_and_line_ends(void **state)
{
	static const char content[] = "\xef\xbb\xbfNama;Tanggal;Jam\r\n;21/11/2026;10:00\r\n";
	char *rejects = rejects_of(PLAIN, BYTES(content, sizeof(content) - 1), "x.csv");

	(void)state;
	assert_string_equal(rejects,
			    "\xef\xbb\xbfline;reason;Nama;Tanggal;Jam\r\n"
			    "2;\"column \"\"Nama\"\": a required field is missing (MISSING)\";;21/11/2026;10:00\r\n");
	free(rejects);
}

/* ------------------------------------------------------------------ JSON */

#define JSON "format: json\ndefaults: {label: AMBER, purpose: law-enforcement, region: \"16.01\", expires_days: 30}\n"
#define DRAFT \
	"{\"category\": \"other\", \"sighting\": {\"first_seen\": \"2026-11-21T00:00:00Z\", \"assertion\": \"fact\"}}"

static void parse_json(const char *content, const char *name, struct parsed_file *file)
{
	parse_bytes(JSON, BYTES(content, strlen(content)), name, file);
}

static void json_files_hold_one_draft_or_a_list(void **state)
{
	struct parsed_file file;

	(void)state;
	parse_json("\n" DRAFT "\n", "x.json", &file);
	assert_int_equal(file.count, 1);
	assert_int_equal(file.lines[0].line, 2);
	sighting(&file, 0);
	parsed_file_free(&file);
	parse_json("[\n" DRAFT ",\n{\"category\": \"a,]\\\"\"},\n 3,\n" DRAFT "]", "x.json", &file);
	assert_int_equal(file.count, 4);
	sighting(&file, 0);
	line_refused(&file, 1, 3, E_MISSING, "sighting, alert, update or cancel");
	line_refused(&file, 2, 4, E_INVALID, "");
	assert_int_equal(file.lines[3].line, 5);
	sighting(&file, 3);
	parsed_file_free(&file);
}

/* Who put it into the folder is not known. */
static void nobody_asks_about_a_person_by_a_file(void **state)
{
	struct parsed_file file;

	(void)state;
	parse_json("[" DRAFT ", {\"category\": \"subject-access\", \"query\": {}}, {\"reference\": \"army.oku#1\", "
		   "\"answer\": {}}]",
		   "x.json", &file);
	assert_int_equal(file.fault.code, E_OK);
	assert_int_equal(file.count, 3);
	assert_int_equal(file.lines[0].fault.code, E_OK);
	assert_int_equal(file.lines[1].fault.code, E_UNRECORDED);
	assert_string_equal(file.lines[1].fault.field, "query");
	assert_int_equal(file.lines[2].fault.code, E_UNRECORDED);
	parsed_file_free(&file);
}

static void broken_json_costs_the_file_and_broken_json_lines_one_line(void **state)
{
	struct parsed_file file;

	(void)state;
	parse_json("[" DRAFT ",\n{\"category\": }]", "x.json", &file);
	assert_int_equal(file.fault.code, E_MALFORMED);
	assert_string_equal(file.fault.field, "line 2");
	assert_int_equal(file.count, 0);
	parsed_file_free(&file);
	parse_json(DRAFT "\n\n{\"category\": }\n" DRAFT "\r\n", "x.JSONL", &file);
	assert_int_equal(file.count, 3);
	sighting(&file, 0);
	line_refused(&file, 1, 3, E_MALFORMED, "");
	sighting(&file, 2);
	assert_int_equal(file.lines[2].line, 4);
	parsed_file_free(&file);
}

static void rejected_json_can_be_corrected_and_dropped_again(void **state)
{
	static const char bad[] = "[{\"category\": \"other\"},\n" DRAFT "]";
	char *rejects = rejects_of(JSON, BYTES(bad, sizeof(bad) - 1), "x.json"), *lines;
	struct parsed_file file;

	(void)state;
	assert_string_equal(
		rejects,
		"[\n{\"line\": 1, \"reason\": \"sighting, alert, update or cancel: a required field is missing "
		"(MISSING)\", \"draft\": {\"category\": \"other\"}}\n]\n");
	parse_json("[{\"line\": 1, \"reason\": \"x\", \"draft\": " DRAFT "}]", "x.json", &file);
	sighting(&file, 0);
	parsed_file_free(&file);
	lines = rejects_of(JSON, BYTES("{\"a\n\xff\n", 6), "x.jsonl");
	assert_non_null(strstr(lines, "\"text\": \"{\\\"a\"}\n"));
	assert_non_null(strstr(lines, "\"hex\": \"ff\"}\n"));
	free(lines);
	free(rejects);
}

/* ------------------------------------------------------------------ machine-readable zones */

#define ZONE_COLUMN "- {column: MRZ, field: \"sighting.persons[0]\", kind: mrz}\n"
#define ZONE_COLUMNS \
	"columns:\n" ZONE_COLUMN "- {column: Usia, field: \"sighting.persons[0].age\", default: adult}\n" \
	"- {column: Nama, field: \"sighting.persons[0].primary_identifier\"}\n" \
	"- {column: Tanggal, field: sighting.first_seen, kind: date, at: \"12:00\", required: true}\n"
#define ZONE_HEADER "MRZ;Usia;Nama;Tanggal\n"
#define PASSPORT "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<L898902C36UTO7408122F1204159ZE184226B<<<<<10"

static void a_machine_readable_zone_fills_the_person(void **state)
{
	struct parsed_file file;
	const Simpul__Person *person;

	(void)state;
	parse(TOP FIXED ZONE_COLUMNS, ZONE_HEADER PASSPORT ";;;21/11/2026\n", &file);
	person = sighting(&file, 0)->persons[0];
	assert_string_equal(person->primary_identifier, "ERIKSSON");
	assert_string_equal(person->secondary_identifier, "ANNA MARIA");
	assert_string_equal(person->nationality, "UTO");
	assert_string_equal(person->date_of_birth, "1974-08-12");
	assert_int_equal(person->sex, SIMPUL__SEX__SEX_F);
	assert_int_equal(person->n_documents, 1);
	assert_string_equal(person->documents[0]->type, "P");
	assert_string_equal(person->documents[0]->issuing_state, "UTO");
	assert_string_equal(person->documents[0]->number, "L898902C3");
	assert_string_equal(person->documents[0]->expiry_date, "2012-04-15");
	assert_string_equal(person->remark, "");
	parsed_file_free(&file);
}

static void what_a_column_says_stands_before_the_zone(void **state)
{
	struct parsed_file file;

	(void)state;
	parse(TOP FIXED ZONE_COLUMNS, ZONE_HEADER PASSPORT ";;SPECIMEN;21/11/2026\n;;SPECIMEN;21/11/2026\n", &file);
	assert_string_equal(sighting(&file, 0)->persons[0]->primary_identifier, "SPECIMEN");
	assert_string_equal(sighting(&file, 0)->persons[0]->secondary_identifier, "ANNA MARIA");
	assert_string_equal(sighting(&file, 1)->persons[0]->secondary_identifier, "");
	parsed_file_free(&file);
}

static void a_zone_that_was_misread_names_its_check_digit(void **state)
{
	struct parsed_file file;

	(void)state;
	parse(TOP FIXED ZONE_COLUMNS,
	      ZONE_HEADER "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<L898902C86UTO7408122F1204159ZE184226B<<<<<10;;;21/11/"
			  "2026\nP<UTO;;;21/11/2026\n",
	      &file);
	line_refused(&file, 0, 2, E_INVALID,
		     "column \"MRZ\": line 2, column 10: check digit of the document number");
	line_refused(&file, 1, 3, E_MALFORMED,
		     "column \"MRZ\": not 3 lines of 30 characters, nor 2 of 36 or 44");
	parsed_file_free(&file);
}

static void a_zone_is_for_a_person_and_stands_for_itself(void **state)
{
	(void)state;
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: \"sighting.persons[0].sex\", kind: mrz}\n", 16, "person");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: sighting.lodging, kind: mrz}\n", 16, "person");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: \"sighting.persons[0]\"}\n", 16, "no such field");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: \"sighting.persons[0]\", kind: mrz, default: A}\n", 16,
			"has no map, default, join or at");
	profile_refused(TOP FIXED COLUMNS ZONE_COLUMN "- {column: Y, field: \"sighting.persons[0]\", kind: mrz}\n", 17,
			"column already");
}

/* ------------------------------------------------------------------ profiles */

static void a_profile_that_makes_no_sense_is_refused_with_its_line(void **state)
{
	(void)state;
	profile_refused("format: csv\n", 1, "columns");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: \"sighting.persons[0].religion\"}\n", 16,
			"no such field");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: sighting.persons.sex}\n", 16, "no such field");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: \"sighting.persons[64].sex\"}\n", 16, "no such field");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: sighting.lodging}\n", 16, "no such field");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: sighting.summary, kind: number}\n", 16, "kind");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: alert.headline}\n", 16, "either");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: \"sighting.persons[0].primary_identifier\"}\n", 16,
			"column already");
	profile_refused(TOP FIXED COLUMNS
			"- {column: X, field: \"sighting.persons[0].sex\", map: [{from: L, to: laki}]}\n",
			16, "list");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: sighting.last_seen, kind: time}\n", 16, "kind date");
	profile_refused(TOP FIXED "- {field: label, value: PINK}\n" COLUMNS, 10, "list");
	profile_refused(TOP FIXED "- {field: \"sighting.persons[0].age\", value: adult}\n" COLUMNS, 10, "default");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: sighting.summary, colour: red}\n", 16, "colour");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: sighting.count, digits: 3}\n", 16, "digits");
	profile_refused(TOP FIXED COLUMNS "- {column: X, field: sighting.summary, digits: 65}\n", 16, "digits");
	profile_refused("format: csv\nseparator: a\n" FIXED COLUMNS, 2, "separator");
	profile_refused("format: csv\ndefaults: {label: PINK}\n" FIXED COLUMNS, 2, "label");
	profile_refused("format: csv\ndefaults: {region: \"99\"}\n" FIXED COLUMNS, 2, "region");
	profile_refused("format: json\n" COLUMNS, 2, "only for csv");
}

/* The examples beside the profiles are the first thing that an office tries. */
static void the_examples_are_taken_whole(void **state)
{
	static const struct {
		const char *profile, *example;
		size_t reports;
	} examples[] = {
		{"agents/profiles/immigration/apoa.yaml", "agents/profiles/immigration/apoa-example.csv", 40},
		{"agents/profiles/immigration/reader.yaml", "agents/profiles/immigration/reader-example.csv", 3},
		{"agents/profiles/police/patrol.yaml", "agents/profiles/police/patrol-example.csv", 3},
		{"agents/profiles/army/border-watch.yaml", "agents/profiles/army/border-watch-example.csv", 3},
		{"agents/profiles/immigration/json.yaml", "agents/profiles/immigration/json-example.jsonl", 1},
		{"agents/profiles/police/json.yaml", "agents/profiles/police/json-example.jsonl", 2},
		{"agents/profiles/army/json.yaml", "agents/profiles/army/json-example.jsonl", 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		struct profile *profile;
		struct parsed_file file;
		struct buffer content = {0};
		struct fault fault = {.code = E_OK};

		if (profile_load(examples[i].profile, &profile, &fault) != E_OK)
			fail_msg("%s", fault.field);
		assert_int_equal(file_read(examples[i].example, PROFILE_LARGEST_FILE, &content, &fault), E_OK);
		profile_parse(profile, buffer_view(&content), examples[i].example, NODE, NOW, NULL, -1, &file);
		if (file.fault.code != E_OK)
			fail_msg("%s: %s", examples[i].example, file.fault.field);
		assert_int_equal(file.count, examples[i].reports);
		for (size_t line = 0; line < file.count; line++)
			sighting(&file, line);
		parsed_file_free(&file);
		buffer_free(&content);
		profile_free(profile);
	}
}

/* The last one left before he came. */
static void a_guest_of_one_day_is_reported_whenever_he_came(void **state)
{
	static const char rows[] = "Nama Keluarga;Kewarganegaraan;No Paspor;Tgl Masuk;Jam Masuk;Tgl Keluar;Penginapan\n"
				   "ERIKSSON;UTO;L898902C3;20/11/2026;09:15;20/11/2026;Wisma Contoh\n"
				   "ERIKSSON;UTO;L898902C3;20/11/2026;14:30;20/11/2026;Wisma Contoh\n"
				   "ERIKSSON;UTO;L898902C3;20/11/2026;23:59:59;20/11/2026;Wisma Contoh\n"
				   "ERIKSSON;UTO;L898902C3;20/11/2026;14:30;19/11/2026;Wisma Contoh\n";
	struct profile *profile;
	struct parsed_file file;

	(void)state;
	assert_int_equal(profile_load("agents/profiles/immigration/apoa.yaml", &profile, NULL), E_OK);
	profile_parse(profile, BYTES(rows, strlen(rows)), "x.csv", NODE, NOW, NULL, -1, &file);
	assert_int_equal(file.count, 4);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(sighting(&file, i)->lodging->check_out, UINT64_C(1795193999000));
	line_refused(&file, 3, 5, E_INVALID, "column \"Tgl Keluar\"");
	parsed_file_free(&file);
	profile_free(profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_row_becomes_a_report),
		cmocka_unit_test(a_bad_line_costs_that_line_only),
		cmocka_unit_test(a_quoted_cell_of_two_lines_keeps_the_count_of_lines_right),
		cmocka_unit_test(a_cell_may_have_as_many_lines_whatever_ends_them),
		cmocka_unit_test(a_bom_is_not_part_of_the_first_column),
		cmocka_unit_test(windows_1252_names_arrive_as_utf8),
		cmocka_unit_test(bytes_that_are_no_text_cost_their_line_only),
		cmocka_unit_test(columns_are_found_by_name_wherever_they_stand),
		cmocka_unit_test(a_file_of_another_form_is_told_by_what_it_is),
		cmocka_unit_test(a_file_without_a_header_line_is_refused_as_a_whole),
		cmocka_unit_test(a_line_that_is_too_long_costs_that_line_only),
		cmocka_unit_test(every_byte_of_a_file_belongs_to_one_record),
		cmocka_unit_test(no_file_has_more_lines_than_allowed),
		cmocka_unit_test(a_time_of_the_day_is_never_made_up),
		cmocka_unit_test(an_hour_that_a_profile_makes_up_does_not_refuse_a_day_that_has_begun),
		cmocka_unit_test(times_without_a_zone_are_refused),
		cmocka_unit_test(dates_have_one_meaning),
		cmocka_unit_test(what_a_spreadsheet_spoiled_is_named),
		cmocka_unit_test(dates_that_other_rows_show_to_be_swapped_come_back),
		cmocka_unit_test(a_day_that_is_still_to_come_and_would_not_be_the_other_way_round_comes_back),
		cmocka_unit_test(what_only_looks_spoiled_is_taken),
		cmocka_unit_test(a_fixed_value_does_not_conjure_up_what_the_row_leaves_out),
		cmocka_unit_test(texts_join_and_lists_close_their_gaps),
		cmocka_unit_test(a_list_too_long_to_be_named_ends_in_dots),
		cmocka_unit_test(a_word_that_a_map_does_not_have_is_answered_with_those_that_it_has),
		cmocka_unit_test(no_value_of_a_cell_appears_in_a_fault),
		cmocka_unit_test(rejected_files_keep_the_files_own_format),
		cmocka_unit_test(rejects_keep_bom_and_line_ends),
		cmocka_unit_test(json_files_hold_one_draft_or_a_list),
		cmocka_unit_test(nobody_asks_about_a_person_by_a_file),
		cmocka_unit_test(broken_json_costs_the_file_and_broken_json_lines_one_line),
		cmocka_unit_test(rejected_json_can_be_corrected_and_dropped_again),
		cmocka_unit_test(a_machine_readable_zone_fills_the_person),
		cmocka_unit_test(what_a_column_says_stands_before_the_zone),
		cmocka_unit_test(a_zone_that_was_misread_names_its_check_digit),
		cmocka_unit_test(a_zone_is_for_a_person_and_stands_for_itself),
		cmocka_unit_test(a_profile_that_makes_no_sense_is_refused_with_its_line),
		cmocka_unit_test(the_examples_are_taken_whole),
		cmocka_unit_test(a_guest_of_one_day_is_reported_whenever_he_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
