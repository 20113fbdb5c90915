/* broker_keys_test - the broker's own keys are renewed while three offices send: nothing is lost or comes twice, nobody
 * touches an agent that was connected, and nobody but broker and authority together can do it. */
#include "common/checkpoint.h"
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

static unsigned files; /* of each office so far */

/* A file of every office, not waited for. */
static void load(struct exchange *x)
{
	files++;
	for (size_t office = 0; office < OFFICES; office++) {
		char name[32];

		snprintf(name, sizeof name, "load-%u.jsonl", files);
		drop_many(x, office, name, name, PER_FILE);
	}
}

/* Everything that was dropped has its receipt. */
static void assert_settled(struct exchange *x)
{
	for (size_t office = 0; office < OFFICES; office++)
		assert_true(office_settled(x, office, (size_t)files * PER_FILE, SECONDS));
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
	restart(x);
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
	restart(x);
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
	restart(x);
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
	restart(x);
	assert_true(exchange_logged(x, "keys.unannounced"));
	told_keys(x, &after);
	assert_memory_equal(after.broker_signing, before.broker_signing, KEY_SIZE);
	assert_true(office_in_state(x, POLICE, "live", 20));
	assert_int_equal(unlink(next), 0);
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
	restart(x);
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
	restart(x);
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
