/* Tries to break what agents/intake/workbook.h promises; needs xlsx2csv. */
#include "agents/intake/workbook.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/memory.h"
#include "tests/support/reports.h"
#include "tests/support/xlsx.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define BOM "\xef\xbb\xbf"
#define MIB ((size_t)1 << 20)

static const struct workbook_form semicolons = {.separator = ';'};

/* The sheet of these rows; free it. */
static char *dated_sheet_of(const char *rows, const struct xlsx_dates *dates, const struct workbook_form *form)
{
	struct buffer content = {0}, csv = {0};
	struct fault fault = {.code = E_OK};

	xlsx_make_dated(rows, dates, &content);
	if (workbook_csv(&workbook_xlsx2csv, form, buffer_view(&content), -1, &csv, &fault) != E_OK)
		fail_msg("%s", fault.field);
	buffer_u8(&csv, 0);
	buffer_free(&content);
	return (char *)csv.data;
}

static char *sheet_of(const char *rows, const struct workbook_form *form)
{
	return dated_sheet_of(rows, &(struct xlsx_dates){.format = NULL}, form);
}

/* A program of the test in the place of xlsx2csv; the error, and what it came to. */
static enum error read_by(const char *script, const struct workbook_reader *limits, int stop, struct fault *fault)
{
	char *folder = test_folder(), *program = memory_format("%s/reader", folder);
	struct workbook_reader reader = *limits;
	struct buffer csv = {0};
	enum error error;

	assert_int_equal(file_write(program, BYTES(script, strlen(script)), 0700, NULL), E_OK);
	reader.program = program;
	error = workbook_csv(&reader, &semicolons, BYTES("PK not really", 13), stop, &csv, fault);
	if (error != E_OK)
		assert_int_equal(csv.size, 0);
	/* No child is left, neither running nor dead. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	buffer_free(&csv);
	free(program);
	test_folder_remove(folder);
	return error;
}

static void cells_arrive_as_the_profile_writes_them(void **state)
{
	char *csv = sheet_of("Nama|Tanggal|Lahir|Wilayah\nERIKSSON|@46346.5|@27253|=16.100000000000001\n", &semicolons);

	(void)state;
	assert_string_equal(csv, BOM "Nama;Tanggal;Lahir;Wilayah\n"
				     "ERIKSSON;20/11/2026 12:00:00;12/08/1974 00:00:00;16.100000000000001\n");
	free(csv);
	csv = sheet_of("Nama|Lahir\nERIKSSON|@27253\n", &(struct workbook_form){.separator = ',', .iso_dates = true});
	assert_string_equal(csv, BOM "Nama,Lahir\nERIKSSON,1974-08-12 00:00:00\n");
	free(csv);
}

/* What nobody would notice: "0" is a word for false as well. */
static void days_count_from_the_year_that_the_workbook_says(void **state)
{
	static const char *const words[] = {NULL, "0", "false", " 0", "1", "true"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		char *csv = dated_sheet_of("Lahir\n@27253\n", &(struct xlsx_dates){.date1904 = words[i]}, &semicolons);

		assert_string_equal(csv,
				    i < 4 ? BOM "Lahir\n12/08/1974 00:00:00\n" : BOM "Lahir\n13/08/1978 00:00:00\n");
		free(csv);
	}
}

static void a_workbook_whose_year_nobody_knows_comes_back(void **state)
{
	struct buffer content = {0}, csv = {0};
	struct fault fault;

	(void)state;
	xlsx_make_dated("Lahir\n@27253\n", &(struct xlsx_dates){.date1904 = "ya"}, &content);
	assert_int_equal(workbook_csv(&workbook_xlsx2csv, &semicolons, buffer_view(&content), -1, &csv, &fault),
			 E_INVALID);
	assert_int_equal(csv.size, 0);
	buffer_free(&content);
}

static void a_date_is_one_whatever_its_format_says_beside_it(void **state)
{
	static const char *const formats[] = {
		"[$-id-ID]dd mmmm yyyy",
		"[$-en-US]d-mmm-yy;@",
		"[$-421]dd\\ mmmm\\ yyyy;@",
		"[$-x-sysdate]dddd\\,\\ mmmm\\ dd\\,\\ yyyy",
		"[$-F800]dddd\\,\\ mmmm\\ dd\\,\\ yyyy",
		"[Red]dd/mm/yyyy",
		"&quot;[d] &quot;dd/mm/yyyy",
		"yyyy\\-mm\\-dd",
		"m/d/yyyy",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		char *csv = dated_sheet_of("Lahir\n@27253\n", &(struct xlsx_dates){.format = formats[i]}, &semicolons);

		assert_string_equal(csv, BOM "Lahir\n12/08/1974 00:00:00\n");
		free(csv);
	}
}

static void a_number_is_none_whatever_its_format_says_beside_it(void **state)
{
	static const char *const formats[] = {"[$USD] #,##0", "0 &quot;hari&quot;", "[Red]General", "[h]:mm", "[ss]"};

	(void)state;
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		char *csv = dated_sheet_of("Jumlah\n@27253\n", &(struct xlsx_dates){.format = formats[i]}, &semicolons);

		assert_string_equal(csv, BOM "Jumlah\n27253\n");
		free(csv);
	}
}

static void rows_have_one_line_and_one_width(void **state)
{
	char *csv = sheet_of("A|B|C\nx\n\ny;z|l&#10;m\n|\"q\n", &semicolons);

	(void)state;
	assert_string_equal(csv, BOM "A;B;C\nx;;\n\n\"y;z\";\"l m\";\n;\"\"\"q\";\n");
	free(csv);
}

static void what_is_no_workbook_says_so(void **state)
{
	static const struct bytes contents[] = {
		{(const uint8_t *)"", 0}, {(const uint8_t *)"PK", 2}, {(const uint8_t *)"A;B\n1;2\n", 8}};
	struct buffer csv = {0}, cut = {0};
	struct fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
		assert_int_equal(workbook_csv(&workbook_xlsx2csv, &semicolons, contents[i], -1, &csv, &fault),
				 E_INVALID);
		assert_non_null(strstr(fault.field, "cannot be read"));
	}
	xlsx_make("A|B\n1|2\n", &cut);
	assert_int_equal(workbook_csv(&workbook_xlsx2csv, &semicolons, BYTES(cut.data, cut.size / 2), -1, &csv, &fault),
			 E_INVALID);
	assert_int_equal(csv.size, 0);
	buffer_free(&cut);
	assert_int_equal(workbook_csv(&(struct workbook_reader){.program = "/none", .seconds = 1}, &semicolons,
				      BYTES("PK..", 4), -1, &csv, &fault),
			 E_INVALID);
	assert_non_null(strstr(fault.field, "no xlsx2csv is installed"));
}

static void a_reader_ends_with_its_time_its_memory_and_its_output(void **state)
{
	const struct workbook_reader limits = {.seconds = 1, .memory = 256 * MIB, .output = MIB};
	steady_ms start = clock_now().steady;
	struct fault fault;

	(void)state;
	assert_int_equal(read_by("#!/bin/sh\nsleep 60\n", &limits, -1, &fault), E_TOO_LARGE);
	assert_int_equal(read_by("#!/bin/sh\nexec >&-; sleep 60\n", &limits, -1, &fault), E_INVALID);
	assert_int_equal(read_by("#!/bin/sh\nexec yes\n", &limits, -1, &fault), E_TOO_LARGE);
	assert_int_equal(read_by("#!/usr/bin/python3\nx = bytearray(1 << 30)\n", &limits, -1, &fault), E_INVALID);
	assert_int_equal(read_by("#!/bin/sh\nkill -9 $$\n", &limits, -1, &fault), E_INVALID);
	assert_non_null(strstr(fault.field, "cannot be read"));
	assert_true(clock_now().steady - start < 30000);
}

static void an_xlsx2csv_that_nobody_knows_is_not_heard(void **state)
{
	const struct workbook_reader limits = {.seconds = 10, .memory = 256 * MIB, .output = MIB};
	struct fault fault;

	(void)state;
	assert_int_equal(read_by("#!/bin/sh\necho Lahir; exit 69\n", &limits, -1, &fault), E_INVALID);
	assert_non_null(strstr(fault.field, "no xlsx2csv is installed, or one that is not known"));
}

static void a_reader_can_write_nowhere_and_is_told_nothing(void **state)
{
	const struct workbook_reader limits = {.seconds = 10, .memory = 256 * MIB, .output = MIB};
	struct fault fault;

	(void)state;
	assert_int_equal(setenv("SIMPUL_SECRET", "RAHASIA", 1), 0);
	assert_int_equal(read_by("#!/bin/sh\n[ -z \"$SIMPUL_SECRET\" ] && [ \"$(ls /proc/self/fd | wc -l)\" -le 4 ]\n",
				 &limits, -1, &fault),
			 E_OK);
	assert_int_equal(read_by("#!/bin/sh\necho x >\"$(dirname \"$0\")/written\"\n", &limits, -1, &fault), E_INVALID);
	assert_int_equal(unsetenv("SIMPUL_SECRET"), 0);
}

static void an_agent_that_stops_does_not_wait_for_it(void **state)
{
	const struct workbook_reader limits = {.seconds = 60, .memory = 256 * MIB, .output = MIB};
	steady_ms start = clock_now().steady;
	int stop = eventfd(1, EFD_CLOEXEC);
	struct fault fault;

	(void)state;
	assert_int_equal(read_by("#!/bin/sh\nsleep 60\n", &limits, stop, &fault), E_STOPPING);
	assert_int_equal(error_remedy(E_STOPPING), REMEDY_RETRY);
	assert_true(clock_now().steady - start < 10000);
	close(stop);
}

static void only_the_ending_makes_a_workbook(void **state)
{
	char *name = workbook_csv_name("tamu.minggu.XLSX");

	(void)state;
	assert_true(workbook_named("x.xlsx"));
	assert_true(workbook_named("x.XLSX"));
	assert_false(workbook_named(".xlsx"));
	assert_false(workbook_named("x.xls"));
	assert_false(workbook_named("xlsx"));
	assert_string_equal(name, "tamu.minggu.csv");
	free(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells_arrive_as_the_profile_writes_them),
		cmocka_unit_test(days_count_from_the_year_that_the_workbook_says),
		cmocka_unit_test(a_workbook_whose_year_nobody_knows_comes_back),
		cmocka_unit_test(a_date_is_one_whatever_its_format_says_beside_it),
		cmocka_unit_test(a_number_is_none_whatever_its_format_says_beside_it),
		cmocka_unit_test(rows_have_one_line_and_one_width),
		cmocka_unit_test(what_is_no_workbook_says_so),
		cmocka_unit_test(a_reader_ends_with_its_time_its_memory_and_its_output),
		cmocka_unit_test(an_xlsx2csv_that_nobody_knows_is_not_heard),
		cmocka_unit_test(a_reader_can_write_nowhere_and_is_told_nothing),
		cmocka_unit_test(an_agent_that_stops_does_not_wait_for_it),
		cmocka_unit_test(only_the_ending_makes_a_workbook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
