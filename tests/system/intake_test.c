/* intake_test - what goes into an office and out of it by files: bad lines, half a file, failing sinks, full disks. */
#include "tests/support/operate.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

enum { POLICE, ARMY };

static const char policy[] =
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

/* A broker and two offices of which nothing runs yet but the broker; the police have a folder for CSV too. */
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
	path = office_path(&x, POLICE, "agent.yaml");
	file_swap(path, "folders:\n", "folders:\n  - {path: csv, profile: csv.yaml}\n");
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

static int tear_down(void **state)
{
	return exchange_end(*state, false) ? 0 : 1;
}

static bool is_there(void *path)
{
	return file_there(path);
}

static bool comes(struct exchange *x, size_t office, const char *name, int seconds)
{
	char *path = office_path(x, office, name);
	const bool there = wait_for(is_there, path, seconds);

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
				      "16.01;20/11/2026;09.30;good-one\r\n"
				      "16.99;20/11/2026;09.30;bad-region\r\n"
				      "16.01;20/11/2026;10.30;good-t\xe9o\r\n"
				      "16.01;31/02/2026;09.30;bad-date\r\n"
				      "16.01;20/11/2026;09.30\r\n"
				      "16.01;20/11/2026;11.30;good-three\r\n";
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

/* ------------------------------------------------------------------ full disks */

/* The office's store on a file system of its own. */
static char *store_on_small_disk(struct exchange *x, size_t office, unsigned kib)
{
	char *store = office_path(x, office, "store");

	if (disk_small(store, kib))
		return store;
	free(store);
	return NULL;
}

static const char *const report[] = {"report", "sighting", "--category", "public-order", "--region", "16.01", "--label",
				     "AMBER", "--purpose", "law-enforcement", "--expires-days", "3", "--first-seen", "now",
				     "--assertion", "fact", "--summary", "by hand"};

/* `simpul report` of one sighting; its status. */
static int report_by_hand(struct exchange *x, struct buffer *out)
{
	return exchange_simpul(x, POLICE, NULL, out, report[0], report[1], report[2], report[3], report[4], report[5],
			       report[6], report[7], report[8], report[9], report[10], report[11], report[12], report[13],
			       report[14], report[15], report[16], report[17], NULL);
}

static void a_full_disk_at_the_agent_is_said_and_nothing_is_lost_or_doubled(void **state)
{
	struct exchange *x = two_offices();
	char *store = store_on_small_disk(x, POLICE, 3072);
	size_t taken = 0;

	(void)state;
	if (!store) {
		exchange_end(x, false);
		skip();
	}
	exchange_start_office(x, POLICE);
	exchange_start_office(x, ARMY);
	assert_true(office_in_state(x, POLICE, "live", 20));
	assert_int_equal(report_by_hand(x, NULL), 0);
	assert_true(office_settled(x, POLICE, 1, 20));
	disk_fill(store);
	/* What SQLite has room for in its files already may still be taken. */
	while (taken < 500 && report_by_hand(x, NULL) == 0)
		taken++;
	assert_int_equal(report_by_hand(x, NULL), 75);
	assert_true(exchange_logged(x, "DISK_FULL"));
	drop_many(x, POLICE, "full.jsonl", "while the disk is full", 200);
	assert_true(log_has(x, "intake.disk_full", 15));
	assert_true(stands(x, POLICE, "drop/full.jsonl"));
	sleep_ms(2000);
	assert_true(process_alive(x->offices[POLICE].pid));
	disk_free(store);
	assert_true(comes(x, POLICE, "drop/done/full.jsonl", 20));
	assert_int_equal(report_by_hand(x, NULL), 0);
	assert_true(office_settled(x, POLICE, taken + 202, 30));
	assert_int_equal(accepted(x), taken + 202);
	assert_true(office_received(x, ARMY, taken + 202, 20));
	assert_true(office_has_run(x, ARMY, "police.oku", 1, taken + 202));
	assert_true(exchange_stop(x));
	disk_away(store);
	free(store);
	assert_true(exchange_end(x, false));
}

static void a_full_disk_at_a_recipient_postpones_its_inbox(void **state)
{
	struct exchange *x = two_offices();
	char *store = store_on_small_disk(x, ARMY, 6144);

	(void)state;
	if (!store) {
		exchange_end(x, false);
		skip();
	}
	exchange_start_office(x, POLICE);
	exchange_start_office(x, ARMY);
	assert_true(office_in_state(x, ARMY, "live", 20));
	disk_fill(store);
	drop_many(x, POLICE, "many.jsonl", "many", 2000);
	assert_true(office_settled(x, POLICE, 2000, 30));
	assert_true(log_has(x, "inbox.postponed", 20));
	assert_true(process_alive(x->offices[ARMY].pid));
	disk_free(store);
	assert_true(office_received(x, ARMY, 2000, 30));
	assert_true(office_has_run(x, ARMY, "police.oku", 1, 2000));
	assert_true(exchange_stop(x));
	disk_away(store);
	free(store);
	assert_true(exchange_end(x, false));
}

static bool something_is_sent(void *context)
{
	return office_outbox(context, POLICE).sent > 0;
}

static void a_receipt_that_finds_no_room_comes_again(void **state)
{
	struct exchange *x = two_offices();
	char *disk = store_on_small_disk(x, POLICE, 6144), *path = office_path(x, POLICE, "store/agent.db");
	struct store reader;

	(void)state;
	if (!disk) {
		free(path);
		exchange_end(x, false);
		skip();
	}
	exchange_start_office(x, POLICE);
	exchange_start_office(x, ARMY);
	assert_true(office_in_state(x, POLICE, "live", 20));
	kill(x->broker, SIGSTOP);
	drop_many(x, POLICE, "sent.jsonl", "sent", 600);
	assert_true(wait_for(something_is_sent, x, 10));
	/* Who reads keeps SQLite from writing over what its log holds already: every write needs room. */
	assert_int_equal(store_open_reader(&reader, path, NULL), E_OK);
	database_run(reader.db, "BEGIN; SELECT count(*) FROM outbox", NULL);
	disk_fill(disk);
	kill(x->broker, SIGCONT);
	assert_true(log_has(x, "store.failed", 20));
	sleep_ms(1000);
	assert_true(process_alive(x->offices[POLICE].pid));
	store_close(&reader);
	disk_free(disk);
	assert_true(office_settled(x, POLICE, 600, 30));
	assert_true(office_received(x, ARMY, 600, 20));
	assert_true(office_has_run(x, ARMY, "police.oku", 1, 600));
	assert_int_equal(office_inbox(x, ARMY, NULL, NULL), 600);
	assert_true(exchange_stop(x));
	disk_away(disk);
	free(disk);
	free(path);
	assert_true(exchange_end(x, false));
}

static bool disk_is_low(void *context)
{
	json_t *status = ctl_json(context, "status");
	const bool low = json_is_true(json_object_get(status, "disk_low"));

	json_decref(status);
	return low;
}

static bool disk_is_enough(void *context)
{
	return !disk_is_low(context);
}

/* The broker anew, with its journal on a disk of 56 MiB of which 16 are kept back. NULL where none can be made. */
static char *journal_on_small_disk(struct exchange *x)
{
	char *journal = broker_path(x, "journal"), *config = broker_path(x, "broker.yaml");
	char *ballast = broker_path(x, "journal/ballast");
	bool made;

	assert_true(exchange_stop(x));
	file_swap(config, "reserve_mib: 64", "reserve_mib: 16");
	unlink(ballast);
	made = disk_small(journal, 56 * 1024);
	free(ballast);
	free(config);
	if (made) {
		exchange_start_broker(x);
		return journal;
	}
	free(journal);
	return NULL;
}

static void a_broker_starts_and_serves_on_a_full_disk(void **state)
{
	struct exchange *x = two_offices();
	char *journal = journal_on_small_disk(x), *ballast = broker_path(x, "journal/ballast");

	(void)state;
	if (!journal) {
		free(ballast);
		exchange_end(x, false);
		skip();
	}
	exchange_start_office(x, POLICE);
	drop_many(x, POLICE, "before.jsonl", "before the disk is full", 300);
	assert_true(office_settled(x, POLICE, 300, 20));
	assert_true(wait_for(is_there, ballast, 10));
	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	disk_fill(journal);
	exchange_start_broker(x);
	assert_true(wait_for(disk_is_low, x, 10));
	exchange_start_office(x, ARMY);
	assert_true(office_received(x, ARMY, 300, 20));
	drop_many(x, POLICE, "after.jsonl", "after", 1);
	assert_true(log_has(x, "code=DISK_FULL", 20));
	disk_free(journal);
	assert_true(wait_for(disk_is_enough, x, 10));
	assert_true(office_settled(x, POLICE, 301, 20));
	assert_true(office_received(x, ARMY, 301, 20));
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	assert_true(exchange_stop(x));
	disk_away(journal);
	free(journal);
	free(ballast);
	assert_true(exchange_end(x, false));
}

static void a_full_disk_at_the_broker_stops_nothing_but_intake(void **state)
{
	struct exchange *x = two_offices();
	char *journal = journal_on_small_disk(x);
	size_t before;

	(void)state;
	if (!journal) {
		exchange_end(x, false);
		skip();
	}
	exchange_start_office(x, POLICE);
	drop_many(x, POLICE, "before.jsonl", "before the disk is full", 300);
	assert_true(office_settled(x, POLICE, 300, 20));
	assert_false(disk_is_low(x));
	/* While reports come in: what is under way meets a disk that is full to the last byte. */
	drop_many(x, POLICE, "during.jsonl", "during", 2000);
	disk_fill(journal);
	assert_true(wait_for(disk_is_low, x, 10));
	drop_many(x, POLICE, "after.jsonl", "after", 300);
	assert_true(log_has(x, "DISK_FULL", 20));
	sleep_ms(2000);
	before = accepted(x);
	assert_true(before < 2600);
	assert_true(process_alive(x->broker));
	/* Who was away still gets what there is. */
	exchange_start_office(x, ARMY);
	assert_true(office_received(x, ARMY, before, 20));
	assert_int_equal(office_inbox(x, ARMY, NULL, NULL), before);
	disk_free(journal);
	assert_true(wait_for(disk_is_enough, x, 10));
	assert_true(office_settled(x, POLICE, 2600, 30));
	assert_true(office_received(x, ARMY, 2600, 30));
	assert_true(office_has_run(x, ARMY, "police.oku", 1, 2600));
	assert_int_equal(office_outbox(x, POLICE).refused, 0);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	assert_true(exchange_stop(x));
	disk_away(journal);
	free(journal);
	assert_true(exchange_end(x, false));
}

int main(void)
{
	const struct CMUnitTest files[] = {
		cmocka_unit_test(a_bad_line_costs_that_line_only),
		cmocka_unit_test(a_file_that_is_still_written_is_not_read),
		cmocka_unit_test(hidden_and_temporary_files_are_left_alone),
		cmocka_unit_test(the_same_file_twice_is_taken_once),
		cmocka_unit_test(a_sink_that_fails_holds_up_nobody_and_catches_up),
	};
	const struct CMUnitTest disks[] = {
		cmocka_unit_test(a_full_disk_at_the_agent_is_said_and_nothing_is_lost_or_doubled),
		cmocka_unit_test(a_receipt_that_finds_no_room_comes_again),
		cmocka_unit_test(a_full_disk_at_a_recipient_postpones_its_inbox),
		cmocka_unit_test(a_broker_starts_and_serves_on_a_full_disk),
		cmocka_unit_test(a_full_disk_at_the_broker_stops_nothing_but_intake),
	};
	int failed;

	mounts_private();
	failed = cmocka_run_group_tests(files, set_up, tear_down);
	return failed + cmocka_run_group_tests(disks, NULL, NULL);
}
