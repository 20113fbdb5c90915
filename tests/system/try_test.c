/* try_test - simpul try: what a file would become, told by the program itself, with no agent and no exchange. */
#include "common/file.h"
#include "common/memory.h"
#include "tests/support/operate.h"
#include "tests/support/reports.h"
#include "tests/support/xlsx.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static const char profile[] =
	"format: csv\nseparator: \";\"\nzone: \"+07:00\"\ndate_format: dd/mm/yyyy\n"
	"defaults: {label: AMBER, purpose: law-enforcement, region_within: \"16\", expires_days: 30}\n"
	"fixed:\n"
	"  - {field: category, value: lodging}\n"
	"  - {field: sighting.assertion, value: fact}\n"
	"  - {field: \"sighting.persons[0].capacity\", value: guest}\n"
	"  - {field: \"sighting.persons[0].identity\", value: claimed}\n"
	"  - {field: \"sighting.persons[0].age\", value: adult}\n"
	"columns:\n"
	"  - {column: Wilayah, field: region, required: true}\n"
	"  - {column: Tanggal, field: sighting.first_seen, kind: date, at: \"12:00\", required: true}\n"
	"  - {column: Nama, field: \"sighting.persons[0].primary_identifier\", required: true}\n"
	"  - {column: Nama Depan, field: \"sighting.persons[0].secondary_identifier\"}\n"
	"  - {column: Paspor, field: \"sighting.persons[0].documents[0].number\"}\n";

#define HEADER "Wilayah;Tanggal;Nama;Nama Depan;Paspor\n"
#define GOOD "16.01;20/11/2025;ERIKSSON;ANNA MARIA;L898902C3\n"
#define BAD "16.99;20/11/2025;ERIKSSON;ANNA MARIA;L898902C3\n"

/* An office of which nothing runs: a folder with settings, a profile and two drop folders. */
struct desk {
	char folder[40];
	char *log;
};

static char *desk_path(const struct desk *desk, const char *name)
{
	return memory_format("%s/%s", desk->folder, name);
}

static void desk_put(const struct desk *desk, const char *name, const char *content)
{
	char *path = desk_path(desk, name);

	file_put(path, content);
	free(path);
}

static int set_up(void **state)
{
	struct desk *desk = memory_zero(1, sizeof *desk);
	char *drop;

	strcpy(desk->folder, "/tmp/try-test-XXXXXX");
	assert_non_null(mkdtemp(desk->folder));
	desk->log = desk_path(desk, "log");
	desk_put(desk, "guests.yaml", profile);
	desk_put(desk, "agent.yaml",
		 "node: police.oku\nkeys: k\njoin: j\nstore: store\nfolders: [{path: drop, profile: guests.yaml}]\n");
	drop = desk_path(desk, "drop");
	assert_int_equal(mkdir(drop, 0700), 0);
	free(drop);
	*state = desk;
	return 0;
}

static int tear_down(void **state)
{
	struct desk *desk = *state;

	test_folder_remove(memory_string(desk->folder));
	free(desk->log);
	free(desk);
	return 0;
}

/* The status of `simpul try NAME MORE...`, and what it prints; free it. */
static int try_file(const struct desk *desk, const char *name, const char *more, const char *value, char **printed)
{
	char program[300], *config = desk_path(desk, "agent.yaml"), *file = desk_path(desk, name);
	const char *const argv[] = {
		process_program("simpul", program, sizeof program), "-c", config, "try", file, more, value, NULL};
	struct buffer out = {0};
	int status = process_run(argv, NULL, &out, desk->log, 20);

	buffer_u8(&out, 0);
	*printed = (char *)out.data;
	free(config);
	free(file);
	return status;
}

static void each_row_says_what_it_would_become(void **state)
{
	const struct desk *desk = *state;
	char *printed;

	desk_put(desk, "list.csv", HEADER GOOD BAD "\n" GOOD);
	assert_int_equal(try_file(desk, "list.csv", NULL, NULL, &printed), EX_DATAERR);
	assert_non_null(
		strstr(printed, "line 2      AMBER        sighting lodging        Kabupaten Ogan Komering Ulu"));
	assert_non_null(strstr(printed, "line 3      COMES BACK   column \"Wilayah\": the region does not exist"));
	assert_non_null(strstr(printed, "line 5      AMBER"));
	assert_non_null(strstr(printed, "\n2 good, 1 would come back; nothing was taken, nothing was sent\n"));
	free(printed);
}

static void persons_are_shown_only_on_demand(void **state)
{
	const struct desk *desk = *state;
	char *printed;

	desk_put(desk, "list.csv", HEADER GOOD);
	assert_int_equal(try_file(desk, "list.csv", NULL, NULL, &printed), EX_OK);
	assert_non_null(strstr(printed, "E*******"));
	assert_null(strstr(printed, "ERIKSSON"));
	assert_null(strstr(printed, "L898902C3"));
	free(printed);
	assert_int_equal(try_file(desk, "list.csv", "--show-persons", NULL, &printed), EX_OK);
	assert_non_null(strstr(printed, "ERIKSSON"));
	assert_non_null(strstr(printed, "L898902C3"));
	free(printed);
}

static void what_cannot_be_tried_says_why_by_its_status(void **state)
{
	const struct desk *desk = *state;
	char *printed, *said;

	assert_int_equal(try_file(desk, "none.csv", NULL, NULL, &printed), EX_NOINPUT);
	free(printed);
	desk_put(desk, "list.csv", "Nama\nERIKSSON\n");
	assert_int_equal(try_file(desk, "list.csv", NULL, NULL, &printed), EX_DATAERR);
	assert_string_equal(printed, "");
	free(printed);
	said = file_text(desk->log);
	assert_non_null(strstr(said, "column \"Wilayah\" is missing"));
	assert_null(strstr(said, "ERIKSSON"));
	free(said);
}

static void nothing_is_taken_and_nothing_is_made(void **state)
{
	const struct desk *desk = *state;
	char *printed, *store = desk_path(desk, "store"), *rejected = desk_path(desk, "drop/rejected");
	char *file = desk_path(desk, "drop/list.csv"), *content;

	desk_put(desk, "drop/list.csv", HEADER GOOD BAD);
	assert_int_equal(try_file(desk, "drop/list.csv", NULL, NULL, &printed), EX_DATAERR);
	free(printed);
	assert_false(file_there(store));
	assert_false(file_there(rejected));
	content = file_text(file);
	assert_string_equal(content, HEADER GOOD BAD);
	free(content);
	free(file);
	free(rejected);
	free(store);
}

static void the_profile_is_named_or_that_of_the_folder(void **state)
{
	const struct desk *desk = *state;
	char *printed, *named = desk_path(desk, "guests.yaml");

	desk_put(desk, "list.csv", HEADER GOOD);
	desk_put(desk, "drop/list.csv", HEADER GOOD);
	desk_put(desk, "agent.yaml",
		 "node: police.oku\nkeys: k\njoin: j\nstore: store\n"
		 "folders: [{path: other, profile: none.yaml}, {path: drop, profile: guests.yaml}]\n");
	assert_int_equal(try_file(desk, "drop/list.csv", NULL, NULL, &printed), EX_OK);
	free(printed);
	assert_int_equal(try_file(desk, "list.csv", NULL, NULL, &printed), EX_USAGE);
	free(printed);
	assert_int_equal(try_file(desk, "list.csv", "--profile", named, &printed), EX_OK);
	free(printed);
	/* An office that has no settings yet may try a profile all the same. */
	free(named);
	named = desk_path(desk, "agent.yaml");
	assert_int_equal(unlink(named), 0);
	free(named);
	named = desk_path(desk, "guests.yaml");
	assert_int_equal(try_file(desk, "list.csv", "--profile", named, &printed), EX_OK);
	free(printed);
	free(named);
}

static void a_workbook_is_tried_as_a_list_is(void **state)
{
	const struct desk *desk = *state;
	char *path = desk_path(desk, "list.xlsx"), *printed, *said;
	struct buffer content = {0};

	xlsx_make("Wilayah|Tanggal|Nama|Nama Depan|Paspor\n"
		  "16.01|@46346|ERIKSSON|ANNA MARIA|L898902C3\n"
		  "=16.1|@46346|ERIKSSON|ANNA MARIA|L898902C3\n"
		  "16.01|=46346|ERIKSSON\n"
		  "16.01|@46346|ERIKSSON||=1.6E+15\n"
		  "16.01|@46346|ERIKSSON\n"
		  "16.01|@46085|ERIKSSON\n",
		  &content);
	assert_int_equal(file_write(path, buffer_view(&content), 0600, NULL), E_OK);
	assert_int_equal(try_file(desk, "list.xlsx", NULL, NULL, &printed), EX_DATAERR);
	assert_non_null(strstr(printed, "line 2      AMBER"));
	assert_non_null(strstr(printed, "line 3      COMES BACK   column \"Wilayah\": a number as 16,1 for 16.10"));
	assert_non_null(strstr(printed, "line 4      COMES BACK   column \"Tanggal\": a serial number"));
	assert_non_null(strstr(printed, "line 5      COMES BACK   column \"Paspor\": a number as 1,6E+15"));
	assert_non_null(strstr(printed, "line 6      AMBER"));
	/* The 4th of March: all of its column are dates, and some are after the 12th. */
	assert_non_null(strstr(printed, "line 7      AMBER"));
	free(printed);
	buffer_clear(&content);
	xlsx_make("Wilayah|Tanggal|Nama\n16.01|@46085|ERIKSSON\n16.01|25/03/2026|ERIKSSON\n", &content);
	assert_int_equal(file_write(path, buffer_view(&content), 0600, NULL), E_OK);
	assert_int_equal(try_file(desk, "list.xlsx", NULL, NULL, &printed), EX_DATAERR);
	assert_non_null(strstr(printed, "line 2      COMES BACK   column \"Tanggal\": day and month may be swapped"));
	assert_non_null(strstr(printed, "line 3      AMBER"));
	free(printed);
	file_put(path, "PK\003\004 damaged, of ERIKSSON");
	assert_int_equal(try_file(desk, "list.xlsx", NULL, NULL, &printed), EX_DATAERR);
	free(printed);
	said = file_text(desk->log);
	assert_non_null(strstr(said, "a workbook that cannot be read"));
	/* What the reader itself has to say might name what is in the file. */
	assert_null(strstr(said, "Traceback"));
	assert_null(strstr(said, "ERIKSSON"));
	free(said);
	free(path);
	buffer_free(&content);
}

/* What a reader of passports, cards and visas saves, and the same with one digit misread. */
static void zones_of_documents_are_read_and_their_check_digits_verified(void **state)
{
	static const char reader[] = "agents/profiles/immigration/reader.yaml";
	const struct desk *desk = *state;
	char *zones = file_text("agents/profiles/immigration/reader-example.csv"), *digit, *printed;

	desk_put(desk, "zones.csv", zones);
	assert_int_equal(try_file(desk, "zones.csv", "--profile", reader, &printed), EX_OK);
	assert_non_null(strstr(printed, "\n3 good, 0 would come back"));
	free(printed);
	digit = strstr(zones, "L898902C36");
	assert_non_null(digit);
	digit[9] = '5';
	desk_put(desk, "zones.csv", zones);
	assert_int_equal(try_file(desk, "zones.csv", "--profile", reader, &printed), EX_DATAERR);
	assert_non_null(strstr(printed, "line 2      COMES BACK   column \"MRZ\": line 2, column 10: check digit of the document number"));
	free(printed);
	free(zones);
}

int main(void)
{
#define PROMISE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		PROMISE(each_row_says_what_it_would_become),	      PROMISE(persons_are_shown_only_on_demand),
		PROMISE(what_cannot_be_tried_says_why_by_its_status), PROMISE(nothing_is_taken_and_nothing_is_made),
		PROMISE(the_profile_is_named_or_that_of_the_folder),  PROMISE(a_workbook_is_tried_as_a_list_is),
		PROMISE(zones_of_documents_are_read_and_their_check_digits_verified),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
