/* disk_full_test - promises 1, 2, 3 and 5 on a disk without room, at the broker and at an office: intake is refused
 * with a code, what is there is still delivered, and everything goes on when there is room again. */
#include "tests/support/operate.h"
#include "tests/support/policy.h"
#include "tests/support/torture.h"

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

enum { POLICE, ARMY };

static const char policy[] = POLICY_AGENCIES POLICY_AGENCY("police") POLICY_SENDS POLICY_AGENCY("army")
	POLICY_RECEIVES POLICY_NODES POLICY_NODE("police.oku", "16.01") POLICY_NODE("army.oku", "16.01");

/* A broker and two offices of which nothing runs yet but the broker. */
static struct exchange *two_offices(void)
{
	static struct exchange x;

	exchange_make(&x, policy);
	exchange_start_broker(&x);
	exchange_add(&x, "police.oku", NULL);
	exchange_add(&x, "army.oku", NULL);
	return &x;
}

static bool comes(struct exchange *x, size_t office, const char *name, int seconds)
{
	char *path = office_path(x, office, name);
	const bool there = file_comes(path, seconds);

	free(path);
	return there;
}

static size_t accepted(struct exchange *x)
{
	return office_outbox(x, POLICE).accepted;
}

/* How many are accepted once it is no more: the same for some seconds in a row. */
static size_t accepted_at_last(struct exchange *x)
{
	enum { SAME = 4, LOOKS = 60, EVERY_MS = 500 };
	size_t count = accepted(x);

	for (int look = 0, same = 0; look < LOOKS && same < SAME; look++) {
		const size_t before = count;

		sleep_ms(EVERY_MS);
		count = accepted(x);
		same = count == before ? same + 1 : 0;
	}
	return count;
}

struct expected_lines {
	struct exchange *x;
	const char *text;
	size_t before;
};

static bool are_logged(void *context)
{
	const struct expected_lines *expected = context;

	return log_count(expected->x, expected->text) > expected->before;
}

/* Whether `text` is logged once more than `before` times. */
static bool logs_again(struct exchange *x, const char *text, size_t before, int seconds)
{
	struct expected_lines expected = {x, text, before};

	return wait_for(are_logged, &expected, seconds);
}

/* The army has the police's reports 1..count, each once and in order: the row that says so. */
static void row_of(struct exchange *x, const char *what, uint64_t rounds, size_t count, size_t refused)
{
	const size_t rows = office_inbox(x, ARMY, NULL, NULL);
	char note[80];
	const struct torture_row row = {.what = what,
					.tried = rounds,
					.times = "fills",
					.lost = rows < count ? count - rows : 0,
					.duplicated = rows > count ? rows - count : 0,
					.note = note};

	snprintf(note, sizeof note, "%zu reports, %zu refusals", count, refused);
	torture_row(&row);
	torture_check(&row);
	assert_true(office_has_run(x, ARMY, "police.oku", 1, count));
	assert_int_equal(office_outbox(x, POLICE).refused, 0);
}

/* ------------------------------------------------------------------ an office's disk */

/* The office's store on a file system of its own. */
static char *store_on_small_disk(struct exchange *x, size_t office, unsigned kib)
{
	char *store = office_path(x, office, "store");

	if (disk_small(store, kib))
		return store;
	free(store);
	return NULL;
}

static const char *const report[] = {"report",	       "sighting",  "--category",   "public-order", "--region",
				     "16.01",	       "--label",   "AMBER",	    "--purpose",    "law-enforcement",
				     "--expires-days", "3",	    "--first-seen", "now",	    "--assertion",
				     "fact",	       "--summary", "by hand"};

/* `simpul report` of one sighting; its status. */
static int report_by_hand(struct exchange *x, struct buffer *out)
{
	return exchange_simpul(x, POLICE, NULL, out, report[0], report[1], report[2], report[3], report[4], report[5],
			       report[6], report[7], report[8], report[9], report[10], report[11], report[12],
			       report[13], report[14], report[15], report[16], report[17], NULL);
}

/* One time without room: refused with a code and a status, read as ever, gone on with when there is room. Returns how
 * many reports were taken; `refused` counts those that were not. */
static size_t agent_fill(struct exchange *x, const char *store, uint64_t round, size_t *refused)
{
	const size_t full = log_count(x, "intake.disk_full");
	size_t taken = 0;
	char name[64];
	int status;

	disk_fill(store);
	/* What SQLite has room for in its files already may still be taken, now and whenever its log was copied. */
	while ((status = report_by_hand(x, NULL)) == 0 && taken < 500)
		taken++;
	assert_int_equal(status, 75);
	*refused += 1;
	assert_true(exchange_logged(x, "DISK_FULL"));
	snprintf(name, sizeof name, "full-%zu.jsonl", (size_t)round);
	drop_many(x, POLICE, name, "while the disk is full", 200);
	assert_true(logs_again(x, "intake.disk_full", full, 15));
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "outbox", "list", NULL), 0);
	assert_int_equal(exchange_simpul(x, POLICE, NULL, NULL, "inbox", "list", NULL), 0);
	assert_true(process_alive(x->offices[POLICE].pid));
	disk_free(store);
	snprintf(name, sizeof name, "drop/done/full-%zu.jsonl", (size_t)round);
	assert_true(comes(x, POLICE, name, 30));
	assert_int_equal(report_by_hand(x, NULL), 0);
	return taken + 201;
}

static void a_full_disk_at_the_agent_is_said_and_nothing_is_lost_or_doubled(void **state)
{
	const uint64_t rounds = torture_times(1, 6);
	struct exchange *x = two_offices();
	char *store = store_on_small_disk(x, POLICE, 6144);
	size_t count = 0, refused = 0;

	(void)state;
	if (!store) {
		exchange_end(x, false);
		skip();
	}
	exchange_start_office(x, POLICE);
	exchange_start_office(x, ARMY);
	assert_true(office_in_state(x, POLICE, "live", 20));
	for (uint64_t round = 0; round < rounds; round++) {
		count += agent_fill(x, store, round, &refused);
		assert_true(office_settled(x, POLICE, count, 30));
	}
	assert_true(office_received(x, ARMY, count, 20));
	row_of(x, "disk full, the sender's agent", rounds, count, refused);
	assert_true(exchange_stop(x));
	disk_away(store);
	free(store);
	assert_true(exchange_end(x, false));
}

static void a_full_disk_at_a_recipient_postpones_its_inbox(void **state)
{
	enum { REPORTS = 2000 };
	const uint64_t rounds = torture_times(1, 3);
	struct exchange *x = two_offices();
	char *store = store_on_small_disk(x, ARMY, 8192), name[64];

	(void)state;
	if (!store) {
		exchange_end(x, false);
		skip();
	}
	exchange_start_office(x, POLICE);
	exchange_start_office(x, ARMY);
	assert_true(office_in_state(x, ARMY, "live", 20));
	for (uint64_t round = 0; round < rounds; round++) {
		const size_t postponed = log_count(x, "inbox.postponed");

		disk_fill(store);
		snprintf(name, sizeof name, "many-%zu.jsonl", (size_t)round);
		drop_many(x, POLICE, name, "many", REPORTS);
		assert_true(office_settled(x, POLICE, (round + 1) * REPORTS, 30));
		assert_true(logs_again(x, "inbox.postponed", postponed, 20));
		assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "list", NULL), 0);
		assert_true(process_alive(x->offices[ARMY].pid));
		disk_free(store);
		assert_true(office_received(x, ARMY, (round + 1) * REPORTS, 30));
	}
	row_of(x, "disk full, the recipient's agent", rounds, rounds * REPORTS, log_count(x, "inbox.postponed"));
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
	assert_int_equal(store_open_reader(&reader, path, NULL, NULL), E_OK);
	database_run(reader.db, "BEGIN; SELECT count(*) FROM outbox", NULL);
	disk_fill(disk);
	kill(x->broker, SIGCONT);
	assert_true(log_has(x, "store.failed", 20));
	/* It goes on in spite of it: it tries again, and answers its users. */
	assert_true(logs_again(x, "store.failed", 1, 20));
	assert_true(office_in_state(x, POLICE, "live", 20));
	assert_true(process_alive(x->offices[POLICE].pid));
	store_close(&reader);
	disk_free(disk);
	assert_true(office_settled(x, POLICE, 600, 30));
	assert_true(office_received(x, ARMY, 600, 20));
	row_of(x, "disk full while receipts come", 1, 600, log_count(x, "store.failed"));
	assert_true(exchange_stop(x));
	disk_away(disk);
	free(disk);
	free(path);
	assert_true(exchange_end(x, false));
}

/* The army's agent ends, and begins anew when there is no room. */
static void army_begins_without_room(struct exchange *x, const char *disk)
{
	assert_int_equal(process_end(x->offices[ARMY].pid, SIGTERM, 20), 0);
	disk_fill(disk);
	exchange_start_office(x, ARMY);
}

/* Its log has no room for a word about the sink that it has since then. */
static void begins_with_another_sink(struct exchange *x, const char *disk)
{
	char *config = office_path(x, ARMY, "agent.yaml"), *path = office_path(x, ARMY, "store/agent.db");
	struct store reader;

	file_swap(config, "sinks:\n", "sinks:\n  - {name: second, type: folder, path: second}\n");
	assert_int_equal(store_open_reader(&reader, path, NULL, NULL), E_OK);
	database_run(reader.db, "BEGIN; SELECT count(*) FROM inbox", NULL);
	army_begins_without_room(x, disk);
	assert_true(log_has(x, "event=sink.unnoted", 20));
	assert_true(office_in_state(x, ARMY, "live", 20));
	assert_false(comes(x, ARMY, "second/AMBER-police.oku-1.json", 1));
	disk_free(disk);
	assert_true(log_has(x, "event=sink.noted", 20));
	assert_true(comes(x, ARMY, "second/AMBER-police.oku-20.json", 20));
	store_close(&reader);
	free(path);
	free(config);
}

/* The service manager's end of the agents that are started from now on. */
static int manager_listen(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(manager, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
	return manager;
}

/* Or it would end the agent that is not ready after its patience. */
static bool manager_is_asked_to_wait(int manager)
{
	struct pollfd wait = {.fd = manager, .events = POLLIN};
	char said[1024] = "";

	while (strstr(said, "EXTEND_TIMEOUT_USEC=") == NULL && poll(&wait, 1, 5000) > 0) {
		const ssize_t size = recv(manager, said, sizeof(said) - 1, 0);

		said[size > 0 ? size : 0] = '\0';
	}
	return strstr(said, "EXTEND_TIMEOUT_USEC=") != NULL && strstr(said, "STATUS=the disk is too full") != NULL;
}

static void an_agent_begins_on_a_full_disk_and_notes_a_new_sink_when_there_is_room(void **state)
{
	struct exchange *x = two_offices();
	char *disk = store_on_small_disk(x, ARMY, 6144), *folder = office_path(x, ARMY, "second");
	char *notify = office_path(x, ARMY, "notify");
	int manager;

	(void)state;
	if (!disk) {
		free(notify);
		free(folder);
		exchange_end(x, false);
		skip();
	}
	mkdir(folder, 0700);
	exchange_start_office(x, POLICE);
	exchange_start_office(x, ARMY);
	drop_many(x, POLICE, "before.jsonl", "before", 20);
	assert_true(office_received(x, ARMY, 20, 20));
	begins_with_another_sink(x, disk);
	manager = manager_listen(notify);
	army_begins_without_room(x, disk); /* not even to read */
	unsetenv("NOTIFY_SOCKET");
	assert_true(log_has(x, "event=store.waits", 20));
	assert_true(manager_is_asked_to_wait(manager));
	close(manager);
	disk_free(disk);
	assert_true(office_in_state(x, ARMY, "live", 20));
	row_of(x, "disk full, an agent begins on it", 2, 20, log_count(x, "sink.unnoted"));
	assert_true(exchange_stop(x));
	disk_away(disk);
	free(disk);
	free(notify);
	free(folder);
	assert_true(exchange_end(x, false));
}

/* ------------------------------------------------------------------ the broker's disk */

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
	assert_true(file_comes(ballast, 10));
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
	row_of(x, "disk full, a broker starts on it", 1, 301, log_count(x, "code=DISK_FULL"));
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	assert_true(exchange_stop(x));
	disk_away(journal);
	free(journal);
	free(ballast);
	assert_true(exchange_end(x, false));
}

/* One time without room while reports come in: what is under way meets a disk that is full to the last byte. */
static void broker_fill(struct exchange *x, const char *journal, uint64_t round, size_t count)
{
	enum { DURING = 2000, AFTER = 300 };
	const size_t full = log_count(x, "code=DISK_FULL");
	char name[64];
	size_t before;

	snprintf(name, sizeof name, "during-%zu.jsonl", (size_t)round);
	drop_many(x, POLICE, name, "during", DURING);
	disk_fill(journal);
	assert_true(wait_for(disk_is_low, x, 10));
	snprintf(name, sizeof name, "after-%zu.jsonl", (size_t)round);
	drop_many(x, POLICE, name, "after", AFTER);
	assert_true(logs_again(x, "code=DISK_FULL", full, 20));
	before = accepted_at_last(x);
	assert_true(before < count + DURING + AFTER);
	assert_true(process_alive(x->broker));
	/* Who was away still gets what there is, and operators are answered. */
	exchange_start_office(x, ARMY);
	assert_true(office_received(x, ARMY, before, 20));
	assert_int_equal(office_inbox(x, ARMY, NULL, NULL), before);
	assert_int_equal(exchange_ctl(x, NULL, "nodes", NULL), 0);
	disk_free(journal);
	assert_true(wait_for(disk_is_enough, x, 10));
	assert_true(office_settled(x, POLICE, count + DURING + AFTER, 60));
	assert_true(office_received(x, ARMY, count + DURING + AFTER, 60));
	assert_int_equal(process_end(x->offices[ARMY].pid, SIGTERM, 20), 0);
	x->offices[ARMY].pid = 0;
}

static void a_full_disk_at_the_broker_stops_nothing_but_intake(void **state)
{
	const uint64_t rounds = torture_times(1, 4);
	struct exchange *x = two_offices();
	char *journal = journal_on_small_disk(x);

	(void)state;
	if (!journal) {
		exchange_end(x, false);
		skip();
	}
	exchange_start_office(x, POLICE);
	drop_many(x, POLICE, "before.jsonl", "before the disk is full", 300);
	assert_true(office_settled(x, POLICE, 300, 20));
	assert_false(disk_is_low(x));
	for (uint64_t round = 0; round < rounds; round++)
		broker_fill(x, journal, round, 300 + round * 2300);
	row_of(x, "disk full, the broker under way", rounds, 300 + rounds * 2300, log_count(x, "code=DISK_FULL"));
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	assert_true(exchange_stop(x));
	disk_away(journal);
	free(journal);
	assert_true(exchange_end(x, false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk_at_the_agent_is_said_and_nothing_is_lost_or_doubled),
		cmocka_unit_test(an_agent_begins_on_a_full_disk_and_notes_a_new_sink_when_there_is_room),
		cmocka_unit_test(a_receipt_that_finds_no_room_comes_again),
		cmocka_unit_test(a_full_disk_at_a_recipient_postpones_its_inbox),
		cmocka_unit_test(a_broker_starts_and_serves_on_a_full_disk),
		cmocka_unit_test(a_full_disk_at_the_broker_stops_nothing_but_intake),
	};

	mounts_private();
	cmocka_set_test_filter(getenv("SIMPUL_TEST")); /* only those whose name matches, when a person looks at one */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
