/* intake_test - what goes into an office and out of it by files: bad lines, half a file, failing sinks. */
#include "common/file.h"
#include "tests/support/operate.h"
#include "tests/support/xlsx.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

enum { POLICE, ARMY };

static const char policy[] =
	"purposes: [law-enforcement, immigration-oversight, state-security]\n"
	"categories: [public-order, lodging]\n"
	"agencies:\n"
	"  - agency: police\n"
	"    ceiling: AMBER\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"  - agency: army\n"
	"    ceiling: AMBER\n"
	"    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"    receive: [{kinds: [sighting], categories: [public-order]}]\n"
	"nodes:\n"
	"  - {node: police.oku, regions: [\"16.01\"]}\n"
	"  - {node: army.oku, regions: [\"16.01\"]}\n";

static const char csv_profile[] =
	"format: csv\n"
	"separator: \";\"\n"
	"encoding: windows-1252\n"
	"zone: \"+07:00\"\n"
	"date_format: dd/mm/yyyy\n"
	"defaults: {label: AMBER, purpose: law-enforcement, expires_days: 30}\n"
	"fixed:\n"
	"  - {field: category, value: public-order}\n"
	"  - {field: sighting.assertion, value: fact}\n"
	"columns:\n"
	"  - {column: Wilayah, field: region, required: true}\n"
	"  - {column: Tanggal, field: sighting.first_seen, kind: date, required: true}\n"
	"  - {column: Jam, field: sighting.first_seen, kind: time, required: true}\n"
	"  - {column: Uraian, field: sighting.summary, required: true}\n";

/* A broker and two offices of which nothing runs yet but the broker; the police have a folder for CSV too, and one that is
 * looked at as if it lay on another machine. */
static struct exchange *two_offices(void)
{
	static struct exchange x;
	char *path;

	exchange_make(&x, policy);
	exchange_start_broker(&x);
	exchange_add(&x, "police.oku", NULL);
	exchange_add(&x, "army.oku", NULL);
	path = office_path(&x, POLICE, "csv.yaml");
	file_put(path, csv_profile);
	free(path);
	path = office_path(&x, POLICE, "csv");
	mkdir(path, 0700);
	free(path);
	path = office_path(&x, POLICE, "share");
	mkdir(path, 0700);
	free(path);
	path = office_path(&x, POLICE, "agent.yaml");
	file_swap(path, "folders:\n",
		  "folders:\n  - {path: csv, profile: csv.yaml}\n"
		  "  - {path: share, profile: json.yaml, poll: true, settle_seconds: 2}\n");
	free(path);
	return &x;
}

static int set_up(void **state)
{
	struct exchange *x = two_offices();

	exchange_start_office(x, POLICE);
	exchange_start_office(x, ARMY);
	*state = x;
	return office_in_state(x, POLICE, "live", 20) && office_in_state(x, ARMY, "live", 20) ? 0 : 1;
}

static bool comes(struct exchange *x, size_t office, const char *name, int seconds)
{
	char *path = office_path(x, office, name);
	const bool there = file_comes(path, seconds);

	free(path);
	return there;
}

static bool stands(struct exchange *x, size_t office, const char *name)
{
	return comes(x, office, name, 0);
}

/* Writes straight under the final name, as careless programs do; the file stays open. */
static FILE *file_begin(struct exchange *x, size_t office, const char *name, const char *content)
{
	char *path = office_path(x, office, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(content, file);
	fflush(file);
	free(path);
	return file;
}

static void file_make(struct exchange *x, size_t office, const char *name, const char *content)
{
	fclose(file_begin(x, office, name, content));
}

static size_t accepted(struct exchange *x)
{
	return office_outbox(x, POLICE).accepted;
}

/* ------------------------------------------------------------------ files that come in */

static void a_bad_line_costs_that_line_only(void **state)
{
	static const char content[] = "Wilayah;Tanggal;Jam;Uraian\r\n"
				      "16.01;20/11/2025;09.30;good-one\r\n"
				      "16.99;20/11/2025;09.30;bad-region\r\n"
				      "16.01;20/11/2025;10.30;good-t\xe9o\r\n"
				      "16.01;31/02/2026;09.30;bad-date\r\n"
				      "16.01;20/11/2025;09.30\r\n"
				      "16.01;20/11/2025;11.30;good-three\r\n";
	struct exchange *x = *state;
	char *path = office_path(x, POLICE, "csv/rejected/list.csv"), *rejected;

	file_make(x, POLICE, "csv/list.csv", content);
	assert_true(office_received(x, ARMY, 3, 20));
	assert_true(office_has_run(x, ARMY, "police.oku", 1, 3));
	assert_true(office_holds(x, ARMY, "good-t\xc3\xa9o"));
	assert_true(comes(x, POLICE, "csv/done/list.csv", 10));
	assert_false(stands(x, POLICE, "csv/list.csv"));
	rejected = file_text(path);
	assert_non_null(strstr(rejected, "bad-region"));
	assert_non_null(strstr(rejected, "bad-date"));
	assert_null(strstr(rejected, "good-"));
	assert_non_null(strstr(rejected, "REGION_UNKNOWN"));
	assert_non_null(strstr(rejected, "\n3;"));
	assert_non_null(strstr(rejected, "\n5;"));
	assert_non_null(strstr(rejected, "\n6;"));
	free(rejected);
	free(path);
	path = office_path(x, POLICE, "csv/done/list.csv");
	rejected = file_text(path);
	assert_string_equal(rejected, content);
	free(rejected);
	free(path);
	assert_false(exchange_logged(x, "bad-region"));
}

static void a_file_that_is_still_written_is_not_read(void **state)
{
	struct exchange *x = *state;
	const size_t before = accepted(x);
	struct buffer line = {0};
	char *path = office_path(x, POLICE, "drop/slow.jsonl");
	FILE *file;

	draft_line(&line, "public-order", "16.01", "slowly", NULL);
	buffer_u8(&line, 0);
	/* Another program opens it for writing and closes it: that is not the writer's end. */
	file = file_begin(x, POLICE, "drop/slow.jsonl", (const char *)line.data);
	close(open(path, O_WRONLY));
	sleep_ms(1500);
	assert_true(stands(x, POLICE, "drop/slow.jsonl"));
	fwrite(line.data, 1, 30, file);
	fflush(file);
	sleep_ms(1500);
	assert_true(stands(x, POLICE, "drop/slow.jsonl"));
	fputs((const char *)line.data + 30, file);
	fclose(file);
	assert_true(office_settled(x, POLICE, before + 2, 20));
	assert_int_equal(accepted(x), before + 2);
	assert_true(stands(x, POLICE, "drop/done/slow.jsonl"));
	assert_false(stands(x, POLICE, "drop/rejected/slow.jsonl"));
	buffer_free(&line);
	free(path);
}

/* Writers on other machines are neither heard nor seen to have a file open: that it grows is all that shows. */
static void a_file_that_still_grows_on_a_network_mount_is_left_alone(void **state)
{
	struct exchange *x = *state;
	const size_t before = accepted(x);
	struct buffer line = {0};
	char *path = office_path(x, POLICE, "share/growing.jsonl");

	draft_line(&line, "public-order", "16.01", "growing", NULL);
	buffer_u8(&line, 0);
	for (int i = 0; i < 3; i++) {
		FILE *file = fopen(path, "a");

		assert_non_null(file);
		fputs((const char *)line.data, file);
		fclose(file);
		sleep_ms(1200);
		assert_true(file_there(path));
	}
	assert_true(comes(x, POLICE, "share/done/growing.jsonl", 20));
	assert_true(office_settled(x, POLICE, before + 3, 20));
	assert_int_equal(accepted(x), before + 3);
	buffer_free(&line);
	free(path);
}

static void hidden_and_temporary_files_are_left_alone(void **state)
{
	static const char *const names[] = {"drop/.hidden.jsonl", "drop/x.jsonl.tmp", "drop/x.jsonl~", "drop/~x.jsonl",
					    "drop/x.jsonl.part"};
	struct exchange *x = *state;
	const size_t before = accepted(x);
	struct buffer line = {0};

	draft_line(&line, "public-order", "16.01", "temporary", NULL);
	buffer_u8(&line, 0);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		file_make(x, POLICE, names[i], (const char *)line.data);
	drop_many(x, POLICE, "after.jsonl", "after the temporary ones", 1);
	assert_true(office_settled(x, POLICE, before + 1, 20));
	/* A start looks at what is in the folder. */
	assert_int_equal(process_end(x->offices[POLICE].pid, SIGTERM, 20), 0);
	exchange_start_office(x, POLICE);
	drop_many(x, POLICE, "again.jsonl", "after the start", 1);
	assert_true(office_settled(x, POLICE, before + 2, 20));
	sleep_ms(2500);
	assert_int_equal(accepted(x), before + 2);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_true(stands(x, POLICE, names[i]));
	buffer_free(&line);
}

static void the_same_file_twice_is_taken_once(void **state)
{
	struct exchange *x = *state;
	const size_t before = accepted(x);

	drop_many(x, POLICE, "twice.jsonl", "twice", 3);
	assert_true(office_settled(x, POLICE, before + 3, 20));
	drop_many(x, POLICE, "twice.jsonl", "twice", 3);
	assert_true(log_has(x, "intake.repeated", 10));
	assert_true(comes(x, POLICE, "drop/done/twice-1.jsonl", 5));
	assert_int_equal(accepted(x), before + 3);
}

/* The lines that came back were never in the outbox: who looks for them is told where they are. */
static void a_file_dropped_again_says_that_lines_of_it_came_back(void **state)
{
	static const char rows[] =
		"Wilayah;Tanggal;Jam;Uraian\n16.01;20/11/2025;09.30;again\n16,1;20/11/2025;09.30;spoiled\n";
	struct exchange *x = *state;
	const size_t before = accepted(x);
	char *path, *reason;

	file_make(x, POLICE, "csv/again.csv", rows);
	assert_true(office_settled(x, POLICE, before + 1, 20));
	assert_true(comes(x, POLICE, "csv/done/again.csv", 5));
	file_make(x, POLICE, "csv/again.csv", rows);
	assert_true(comes(x, POLICE, "csv/done/again-1.csv", 10));
	path = office_path(x, POLICE, "csv/done/again-1.csv.reason.txt");
	reason = file_text(path);
	assert_non_null(strstr(reason, "Lines that came back then: 1. Drop the file in rejected/"));
	assert_false(stands(x, POLICE, "csv/rejected/again-1.csv"));
	assert_int_equal(accepted(x), before + 1);
	free(reason);
	free(path);
}

static void a_dropped_workbook_goes_where_a_list_goes(void **state)
{
	struct exchange *x = *state;
	const size_t rows = office_inbox(x, ARMY, NULL, NULL);
	struct buffer content = {0};
	char *path = office_path(x, POLICE, "csv/.week.xlsx"), *final = office_path(x, POLICE, "csv/week.xlsx");
	char *rejected;

	xlsx_make("Wilayah|Tanggal|Jam|Uraian\n"
		  "16.01|@46346|~0.39583333333333331|from-a-workbook\n"
		  "=16.1|@46346|09.30|spoiled-by-a-workbook\n"
		  "16.01|20/11/2025|10.30|typed-into-a-workbook\n",
		  &content);
	assert_int_equal(file_write(path, buffer_view(&content), 0600, NULL), E_OK);
	assert_int_equal(rename(path, final), 0);
	assert_true(office_received(x, ARMY, rows + 2, 20));
	assert_true(office_holds(x, ARMY, "from-a-workbook"));
	assert_true(office_holds(x, ARMY, "typed-into-a-workbook"));
	assert_true(comes(x, POLICE, "csv/done/week.xlsx", 10));
	free(path);
	path = office_path(x, POLICE, "csv/rejected/week.csv");
	rejected = file_text(path);
	assert_non_null(strstr(rejected, "\n3;\"column \"\"Wilayah\"\": a number as 16,1 for 16.10"));
	assert_non_null(strstr(rejected, "spoiled-by-a-workbook"));
	assert_null(strstr(rejected, "from-a-workbook"));
	free(rejected);
	free(final);
	free(path);
	file_make(x, POLICE, "csv/eriksson.xlsx", "PK\003\004 damaged");
	assert_true(comes(x, POLICE, "csv/rejected/eriksson.xlsx.reason.txt", 10));
	assert_false(exchange_logged(x, "eriksson"));
	assert_false(exchange_logged(x, "workbook"));
	assert_false(exchange_logged(x, "Traceback"));
	buffer_free(&content);
}

static void what_lay_too_long_is_removed_without_a_name_in_the_log(void **state)
{
	struct exchange *x = *state;
	const struct timespec old = {.tv_sec = time(NULL) - 7 * 86400 - 60}, young = {.tv_sec = time(NULL) - 6 * 86400};
	char *gone = office_path(x, POLICE, "csv/done/eriksson.csv"), *kept = office_path(x, POLICE, "csv/done/kept.csv");

	file_put(gone, "Wilayah;Tanggal;Jam;Uraian\n");
	file_put(kept, "Wilayah;Tanggal;Jam;Uraian\n");
	assert_int_equal(utimensat(AT_FDCWD, gone, (const struct timespec[]){old, old}, 0), 0);
	assert_int_equal(utimensat(AT_FDCWD, kept, (const struct timespec[]){young, young}, 0), 0);
	assert_int_equal(process_end(x->offices[POLICE].pid, SIGTERM, 20), 0);
	exchange_start_office(x, POLICE);
	assert_true(log_has(x, "event=intake.expired folder=csv removed=1", 10));
	assert_false(file_there(gone));
	assert_true(file_there(kept));
	assert_false(exchange_logged(x, "eriksson"));
	free(gone);
	free(kept);
}

/* ------------------------------------------------------------------ sinks */

struct sink_file {
	char *path;
	size_t lines;
};

static bool has_lines(void *context)
{
	const struct sink_file *file = context;
	char *text = file_text(file->path);
	size_t lines = 0;

	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	free(text);
	return lines >= file->lines;
}

static bool sink_has(struct exchange *x, const char *name, size_t lines, int seconds)
{
	struct sink_file file = {office_path(x, ARMY, name), lines};
	const bool has = wait_for(has_lines, &file, seconds);

	free(file.path);
	return has;
}

static bool same_files(struct exchange *x, const char *one, const char *other)
{
	char *paths[] = {office_path(x, ARMY, one), office_path(x, ARMY, other)};
	char *texts[] = {file_text(paths[0]), file_text(paths[1])};
	const bool same = texts[0][0] && strcmp(texts[0], texts[1]) == 0;

	for (int i = 0; i < 2; i++) {
		free(texts[i]);
		free(paths[i]);
	}
	return same;
}

static void a_sink_that_fails_holds_up_nobody_and_catches_up(void **state)
{
	struct exchange *x = *state;
	const size_t rows = office_inbox(x, ARMY, NULL, NULL);
	char *config = office_path(x, ARMY, "agent.yaml"), *gone = office_path(x, ARMY, "gone");
	char *small = office_path(x, ARMY, "small");
	bool mounted;

	assert_int_equal(process_end(x->offices[ARMY].pid, SIGTERM, 20), 0);
	mkdir(small, 0700);
	mounted = disk_small(small, 64);
	if (mounted)
		disk_fill(small);
	file_swap(config, "sinks:\n",
		  "sinks:\n"
		  "  - {name: gone, type: jsonl, path: gone/far.jsonl}\n"
		  "  - {name: small, type: jsonl, path: small/far.jsonl}\n");
	exchange_start_office(x, ARMY);
	drop_many(x, POLICE, "sinks.jsonl", "sinks", 20);
	assert_true(office_received(x, ARMY, rows + 20, 20));
	assert_true(sink_has(x, "inbox.jsonl", rows + 20, 10));
	assert_true(log_has(x, "sink.failing", 5));
	assert_true(exchange_logged(x, "sink=gone"));
	assert_false(stands(x, ARMY, "gone/far.jsonl"));
	mkdir(gone, 0700);
	if (mounted) {
		assert_true(exchange_logged(x, "sink=small"));
		disk_free(small);
	}
	assert_true(sink_has(x, "gone/far.jsonl", rows + 20, 20));
	assert_true(sink_has(x, "small/far.jsonl", rows + 20, 20));
	assert_true(log_has(x, "sink.recovered", 5));
	assert_true(same_files(x, "gone/far.jsonl", "inbox.jsonl"));
	assert_true(same_files(x, "small/far.jsonl", "inbox.jsonl"));
	if (mounted)
		disk_away(small);
	free(small);
	free(gone);
	free(config);
}

int main(void)
{
	const struct CMUnitTest files[] = {
		cmocka_unit_test(a_bad_line_costs_that_line_only),
		cmocka_unit_test(a_file_that_is_still_written_is_not_read),
		cmocka_unit_test(a_file_that_still_grows_on_a_network_mount_is_left_alone),
		cmocka_unit_test(hidden_and_temporary_files_are_left_alone),
		cmocka_unit_test(the_same_file_twice_is_taken_once),
		cmocka_unit_test(a_file_dropped_again_says_that_lines_of_it_came_back),
		cmocka_unit_test(a_dropped_workbook_goes_where_a_list_goes),
		cmocka_unit_test(what_lay_too_long_is_removed_without_a_name_in_the_log),
		cmocka_unit_test(a_sink_that_fails_holds_up_nobody_and_catches_up),
	};

	mounts_private();
	return cmocka_run_group_tests(files, set_up, exchange_tear_down);
}
