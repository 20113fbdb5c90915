/* broker_keys_test - the broker's own keys are renewed while three offices send, by the running broker or by its start:
 * nothing is lost or comes twice, nobody touches an agent that was connected, and nobody but broker and authority together
 * can do it. */
#include "broker/journal/journal_schema.h"
#include "common/checkpoint.h"
#include "common/database.h"
#include "common/memory.h"
#include "tests/support/account.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"

#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { POLICE, ARMY, CUSTOMS, OFFICES, PER_FILE = 20, SECONDS = 60 };
enum { STEADY = 40, STEADY_US = 10 * 1000, GAP_MS_MOST = 5000 };

static const char policy[] = POLICY_AGENCIES POLICY_AGENCY("police") POLICY_SENDS POLICY_RECEIVES POLICY_AGENCY("army")
	POLICY_SENDS POLICY_RECEIVES POLICY_AGENCY("customs")
		POLICY_SENDS POLICY_RECEIVES POLICY_NODES POLICY_NODE("police.oku", "16.01")
			POLICY_NODE("army.oku", "16.01") POLICY_NODE("customs.oku", "16.01");

static int set_up(void **state)
{
	static struct exchange x;

	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", "customs.oku", NULL});
	*state = &x;
	return exchange_serve(&x);
}

/* ------------------------------------------------------------------ steps */

static size_t files, dropped; /* of each office so far, and reports in them */

/* A file of every office, not waited for. */
static void load(struct exchange *x)
{
	files++;
	dropped += PER_FILE;
	for (size_t office = 0; office < OFFICES; office++) {
		char name[32];

		snprintf(name, sizeof name, "load-%zu.jsonl", files);
		drop_many(x, office, name, name, PER_FILE);
	}
}

/* A process that drops a report every few milliseconds, at each office in turn, until it has dropped as many at all. */
static pid_t steady_load(struct exchange *x)
{
	const pid_t child = fork();

	files++;
	dropped += STEADY;
	for (size_t i = 0; child == 0 && i < STEADY * OFFICES; i++) {
		char name[32];

		snprintf(name, sizeof name, "steady-%zu-%zu.jsonl", files, i);
		drop_many(x, i % OFFICES, name, name, 1);
		usleep(STEADY_US);
	}
	if (child == 0)
		_exit(0);
	return child;
}

/* Everything that was dropped has its receipt. */
static void assert_settled(struct exchange *x)
{
	for (size_t office = 0; office < OFFICES; office++)
		assert_true(office_settled(x, office, dropped, SECONDS));
}

static int renew_with(struct exchange *x, const char *authority, struct buffer *out)
{
	return exchange_ctl(x, out, "broker-keys", "renew", "--authority-key", authority, NULL);
}

static void renew(struct exchange *x, struct buffer *out)
{
	char *authority = broker_path(x, "authority.key");

	assert_int_equal(renew_with(x, authority, out), 0);
	free(authority);
}

static int take_up(struct exchange *x, struct buffer *out)
{
	return exchange_ctl(x, out, "broker-keys", "take-up", NULL);
}

static bool says(const struct buffer *page, const char *text)
{
	return memmem(page->data, page->size, text, strlen(text)) != NULL;
}

static void restart(struct exchange *x)
{
	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	exchange_start_broker(x);
}

/* What the broker says that its keys are, as the join file has it. */
static void told_keys(struct exchange *x, struct join *join)
{
	static unsigned made;
	char *path = memory_format("%s/told-%u.join", x->folder, ++made);

	assert_int_equal(exchange_ctl(x, NULL, "join", "-o", path, NULL), 0);
	assert_int_equal(join_load(join, path, NULL), E_OK);
	free(path);
}

static void assert_journal_good(struct exchange *x)
{
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
}

/* The longest time in which the journal took no report, of all that it took since `begin`. */
static wall_ms longest_gap(struct exchange *x, wall_ms begin)
{
	char *path = broker_path(x, "journal/" JOURNAL_FILE);
	wall_ms before = begin, longest = 0;
	sqlite3_stmt *rows;
	sqlite3 *db;

	assert_int_equal(database_open(&db, path, DATABASE_READ, JOURNAL_VERSION, NULL, NULL), E_OK);
	rows = database_prepare(db, "SELECT accepted_at FROM entry WHERE type = 2 AND accepted_at >= ?1 ORDER BY entry");
	bind_number(rows, 1, begin);
	while (sqlite3_step(rows) == SQLITE_ROW) {
		const wall_ms accepted = column_number(rows, 0);

		longest = accepted - before > longest ? accepted - before : longest;
		before = accepted;
	}
	sqlite3_finalize(rows);
	database_close(db);
	free(path);
	return longest;
}

static void assert_account(struct exchange *x, const char *what)
{
	struct account account;
	struct account_result result;

	account_begin(&account);
	for (size_t i = 0; i < OFFICES; i++)
		account_note(&account, x, i);
	assert_true(account_complete(&account, x, SECONDS));
	result = account_end(&account, x, what);
	assert_int_equal(result.missing, 0);
	assert_int_equal(result.twice, 0);
	assert_int_equal(result.two_reports, 0);
	assert_int_equal(result.bad, 0);
}

/* ------------------------------------------------------------------ while everybody works */

static void keys_are_renewed_under_load_with_one_restart_and_nothing_is_lost(void **state)
{
	struct exchange *x = *state;
	char *next = broker_path(x, "broker.keys.next");
	struct join before, announced, after;
	struct buffer page = {0};
	pid_t agents[OFFICES];

	for (size_t i = 0; i < OFFICES; i++)
		agents[i] = x->offices[i].pid;
	told_keys(x, &before);
	load(x);
	renew(x, &page);
	assert_true(says(&page, "Every office has heard of them."));
	assert_true(file_there(next));
	load(x);
	/* Until the restart nothing is different. */
	told_keys(x, &announced);
	assert_memory_equal(announced.broker_signing, before.broker_signing, KEY_SIZE);
	restart(x);
	load(x);
	told_keys(x, &after);
	assert_memory_not_equal(after.broker_signing, before.broker_signing, KEY_SIZE);
	assert_memory_not_equal(after.broker_curve, before.broker_curve, KEY_SIZE);
	assert_false(file_there(next));
	assert_settled(x);
	assert_account(x, "keys of the broker renewed");
	for (size_t i = 0; i < OFFICES; i++) {
		assert_int_equal(x->offices[i].pid, agents[i]);
		assert_true(process_alive(agents[i]));
	}
	assert_int_equal(log_count(x, "broker.renewed"), OFFICES);
	assert_false(exchange_logged(x, "uplink.halted"));
	assert_false(exchange_logged(x, "uplink.handshake_failed"));
	assert_journal_good(x);
	buffer_free(&page);
	free(next);
}

/* Twice: what a change leaves behind in a process must not be in the way of the next. */
static void a_running_broker_takes_up_its_newer_keys_under_load_and_nothing_is_lost(void **state)
{
	struct exchange *x = *state;
	char *next = broker_path(x, "broker.keys.next");
	const size_t superseded = log_count(x, "session.superseded"), dropped_before = log_count(x, "connections.cut");
	const pid_t broker = x->broker;
	struct join before, after;

	for (int change = 1; change <= 2; change++) {
		const wall_ms begin = clock_now().wall;
		const pid_t child = steady_load(x);

		told_keys(x, &before);
		renew(x, NULL);
		assert_int_equal(take_up(x, NULL), 0);
		told_keys(x, &after);
		assert_memory_not_equal(after.broker_signing, before.broker_signing, KEY_SIZE);
		assert_memory_not_equal(after.broker_curve, before.broker_curve, KEY_SIZE);
		assert_false(file_there(next));
		process_end(child, 0, SECONDS);
		assert_settled(x);
		printf("# keys taken up under load: no report for %llu ms at most\n",
		       (unsigned long long)longest_gap(x, begin));
		assert_in_range(longest_gap(x, begin), 0, GAP_MS_MOST);
	}
	assert_account(x, "keys of the broker taken up by the running broker, twice");
	assert_int_equal(x->broker, broker);
	assert_true(process_alive(broker));
	assert_int_equal(log_count(x, "session.superseded"), superseded);
	assert_int_equal(log_count(x, "connections.cut"), dropped_before);
	assert_int_equal(log_count(x, "doors.changed"), 2);
	assert_false(exchange_logged(x, "uplink.halted"));
	assert_false(exchange_logged(x, "uplink.handshake_failed"));
	assert_journal_good(x);
	free(next);
}

static void who_was_away_follows_also_when_the_broker_is_killed_at_once(void **state)
{
	struct exchange *x = *state;
	struct join taken_up, after;

	renew(x, NULL);
	assert_int_equal(process_end(x->offices[CUSTOMS].pid, SIGTERM, 20), 0);
	load(x);
	assert_int_equal(take_up(x, NULL), 0);
	told_keys(x, &taken_up);
	assert_int_not_equal(process_end(x->broker, SIGKILL, 20), 0);
	exchange_start_broker(x);
	told_keys(x, &after);
	assert_memory_equal(after.broker_signing, taken_up.broker_signing, KEY_SIZE);
	exchange_start_office(x, CUSTOMS);
	assert_settled(x);
	assert_account(x, "keys of the broker taken up, an office away, and the broker killed");
	assert_false(exchange_logged(x, "uplink.handshake_failed"));
	assert_journal_good(x);
}

static void an_agent_keeps_the_newer_keys_over_its_own_restart(void **state)
{
	struct exchange *x = *state;
	struct buffer page = {0};

	assert_int_equal(process_end(x->offices[ARMY].pid, SIGTERM, 20), 0);
	exchange_start_office(x, ARMY);
	assert_true(office_in_state(x, ARMY, "live", 20));
	/* Its join file has the former ones. */
	assert_int_equal(exchange_simpul(x, ARMY, NULL, &page, "doctor", NULL), 0);
	assert_false(exchange_logged(x, "uplink.handshake_failed"));
	buffer_free(&page);
}

/* A new one, at this entry ("": the end). */
static char *checkpoint_make(struct exchange *x, const char *entry)
{
	char *paper = memory_format("%s/../paper-%s.json", x->folder, entry);

	assert_int_equal(entry[0] != '\0' ? exchange_ctl(x, NULL, "journal", "checkpoint", "-o", paper, "--entry", entry, NULL)
					  : exchange_ctl(x, NULL, "journal", "checkpoint", "-o", paper, NULL),
			 0);
	return paper;
}

static void assert_checkpoint_good(struct exchange *x, const char *paper)
{
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", "--checkpoint", paper, NULL), 0);
}

static void checkpoints_from_before_and_after_a_change_are_good(void **state)
{
	struct exchange *x = *state;
	struct buffer page = {0};
	char *early = checkpoint_make(x, ""), *again, *late;
	struct checkpoint checkpoint;

	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "checkpoint", "sign", early, NULL), 0);
	renew(x, &page);
	assert_int_equal(take_up(x, NULL), 0);
	load(x);
	assert_settled(x);
	assert_true(office_caught_up(x, ARMY, 20));
	assert_checkpoint_good(x, early);
	assert_int_equal(checkpoint_load(&checkpoint, early, NULL), E_OK);
	assert_int_equal(checkpoint.count, 1);
	again = memory_format("%" PRIu64, checkpoint.position.entry);
	late = checkpoint_make(x, again); /* of the same entry, by the newer key */
	assert_checkpoint_good(x, late);
	free(late);
	late = memory_format("%s/../paper-late.json", x->folder);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "checkpoint", "-o", late, NULL), 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "checkpoint", "sign", late, NULL), 0);
	assert_checkpoint_good(x, late);
	buffer_free(&page);
	free(late);
	free(again);
	free(early);
}

static void an_office_that_comes_between_announcement_and_restart_follows_too(void **state)
{
	struct exchange *x = *state;
	struct buffer page = {0};

	assert_int_equal(process_end(x->offices[CUSTOMS].pid, SIGTERM, 20), 0);
	renew(x, &page);
	assert_true(says(&page, "customs.oku"));
	exchange_start_office(x, CUSTOMS);
	assert_true(office_caught_up(x, CUSTOMS, 20));
	load(x);
	/* Killed between the two: the newer keys are taken up by the start after that. */
	assert_int_not_equal(process_end(x->broker, SIGKILL, 20), 0);
	exchange_start_broker(x);
	assert_settled(x);
	assert_account(x, "keys of the broker renewed, and the broker killed");
	assert_false(exchange_logged(x, "uplink.handshake_failed"));
	assert_journal_good(x);
	buffer_free(&page);
}

static void an_office_that_was_away_over_the_change_needs_a_new_join_file(void **state)
{
	struct exchange *x = *state;
	char *known = office_path(x, CUSTOMS, "exchange.join");
	struct buffer page = {0};

	assert_int_equal(process_end(x->offices[CUSTOMS].pid, SIGTERM, 20), 0);
	renew(x, &page);
	assert_true(says(&page, "customs.oku"));
	/* Who would be left behind is named first. */
	buffer_clear(&page);
	assert_int_equal(take_up(x, &page), 75);
	assert_true(says(&page, "  customs.oku\nNothing was changed."));
	assert_int_equal(exchange_ctl(x, NULL, "broker-keys", "take-up", "--anyway", NULL), 0);
	load(x);
	exchange_start_office(x, CUSTOMS);
	assert_true(log_has(x, "uplink.handshake_failed", 20));
	buffer_clear(&page);
	assert_int_not_equal(exchange_simpul(x, CUSTOMS, NULL, &page, "doctor", NULL), 0);
	assert_true(says(&page, "its keys may have been renewed"));
	assert_int_equal(process_end(x->offices[CUSTOMS].pid, SIGTERM, 20), 0);
	assert_int_equal(unlink(known), 0);
	assert_int_equal(exchange_ctl(x, NULL, "join", "-o", known, NULL), 0);
	exchange_start_office(x, CUSTOMS);
	assert_settled(x);
	assert_account(x, "an office that was away over the change");
	assert_journal_good(x);
	buffer_free(&page);
	free(known);
}

/* The next keys are announced as soon as those before them are in force, and kept with the authority's until then. */
static void who_heard_of_the_newer_keys_long_before_follows_however_long_it_was_away(void **state)
{
	struct exchange *x = *state;
	char *next = broker_path(x, "broker.keys.next"), *kept = memory_format("%s/kept", x->folder);
	struct join before, without, after;
	struct buffer page = {0};

	told_keys(x, &before);
	renew(x, &page);
	assert_true(says(&page, "Every office has heard of them."));
	assert_int_equal(rename(next, kept), 0);
	buffer_clear(&page);
	exchange_ctl(x, &page, "doctor", NULL);
	assert_true(says(&page, "and kept elsewhere until they are needed"));
	restart(x);
	told_keys(x, &without);
	assert_memory_equal(without.broker_curve, before.broker_curve, KEY_SIZE);
	assert_true(office_in_state(x, CUSTOMS, "live", 20));
	assert_int_equal(process_end(x->offices[CUSTOMS].pid, SIGTERM, 20), 0);
	assert_int_equal(rename(kept, next), 0);
	assert_int_equal(take_up(x, NULL), 0);
	told_keys(x, &after);
	assert_memory_not_equal(after.broker_curve, before.broker_curve, KEY_SIZE);
	load(x);
	exchange_start_office(x, CUSTOMS);
	assert_settled(x);
	assert_account(x, "an office that was away over a change announced before");
	assert_journal_good(x);
	buffer_free(&page);
	free(kept);
	free(next);
}

/* ------------------------------------------------------------------ who may renew */

static void without_the_authority_nobody_renews(void **state)
{
	struct exchange *x = *state;
	char *path = broker_path(x, "other.key"), *next = broker_path(x, "broker.keys.next");
	struct signing_key other;
	struct join before, after;

	told_keys(x, &before);
	signing_key_generate(&other);
	assert_int_equal(signing_key_save(&other, "authority", NULL, path, NULL), E_OK);
	assert_int_equal(renew_with(x, path, NULL), 65);
	assert_false(file_there(next));
	/* Nor does a file that was laid beside change anything. */
	struct broker_keys keys;

	broker_keys_generate(&keys);
	assert_int_equal(broker_keys_save(&keys, NULL, next, NULL), E_OK);
	assert_int_equal(take_up(x, NULL), 66);
	restart(x);
	assert_true(exchange_logged(x, "keys.unannounced"));
	told_keys(x, &after);
	assert_memory_equal(after.broker_signing, before.broker_signing, KEY_SIZE);
	assert_true(office_in_state(x, POLICE, "live", 20));
	assert_int_equal(unlink(next), 0);
	assert_int_equal(take_up(x, NULL), 66);
	free(next);
	free(path);
}

/* ------------------------------------------------------------------ a backup from before */

/* Offices that know of the newer keys do not speak with a broker under older ones; once it has announced and taken up
 * the newer ones in its new history they follow. */
static void a_broker_restored_from_before_the_change_takes_up_the_newer_keys_again(void **state)
{
	struct exchange *x = *state;
	char *backup = memory_format("%s.backup", x->folder), *lost = memory_format("%s.lost", x->folder);
	char *newer = memory_format("%s/broker.keys", lost), *authority = memory_format("%s/authority.key", lost);
	char *next = broker_path(x, "broker.keys.next");

	assert_int_equal(exchange_ctl(x, NULL, "backup", "make", backup, NULL), 0);
	renew(x, NULL);
	assert_int_equal(take_up(x, NULL), 0);
	load(x);
	assert_settled(x);
	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	assert_int_equal(rename(x->folder, lost), 0);
	assert_int_equal(operate_run(x, NULL, "simpulctl", "backup", "restore", backup, x->folder, NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "recover", "--reason", "disk lost", NULL), 0);
	/* The newer keys from where they were kept, and the authority's. */
	assert_int_equal(rename(newer, next), 0);
	exchange_start_broker(x);
	assert_int_equal(renew_with(x, authority, NULL), 0);
	assert_int_equal(exchange_ctl(x, NULL, "broker-keys", "take-up", "--anyway", NULL), 0);
	load(x);
	assert_settled(x);
	assert_account(x, "the broker restored from before the change");
	assert_true(exchange_logged(x, "uplink.recovered"));
	assert_journal_good(x);
	free(next);
	free(authority);
	free(newer);
	free(lost);
	free(backup);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_renewed_under_load_with_one_restart_and_nothing_is_lost),
		cmocka_unit_test(a_running_broker_takes_up_its_newer_keys_under_load_and_nothing_is_lost),
		cmocka_unit_test(who_was_away_follows_also_when_the_broker_is_killed_at_once),
		cmocka_unit_test(an_agent_keeps_the_newer_keys_over_its_own_restart),
		cmocka_unit_test(checkpoints_from_before_and_after_a_change_are_good),
		cmocka_unit_test(an_office_that_comes_between_announcement_and_restart_follows_too),
		cmocka_unit_test(an_office_that_was_away_over_the_change_needs_a_new_join_file),
		cmocka_unit_test(who_heard_of_the_newer_keys_long_before_follows_however_long_it_was_away),
		cmocka_unit_test(without_the_authority_nobody_renews),
		cmocka_unit_test(a_broker_restored_from_before_the_change_takes_up_the_newer_keys_again),
	};

	keys_init();
	return cmocka_run_group_tests_name("broker_keys", tests, set_up, exchange_tear_down);
}
