/* histories_test - disks that are lost or come back old: broker and agents restored from backups under load, and two
 * machines with one key. What has a receipt is missing nowhere, and no number names two reports. */
#include "common/memory.h"
#include "tests/support/account.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"

#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>
#include <cmocka.h>

enum { POLICE, ARMY, OFFICES, PER_FILE = 5, SECONDS = 60 };

static const char policy[] = POLICY_AGENCIES POLICY_AGENCY("police") POLICY_SENDS POLICY_RECEIVES POLICY_AGENCY("army")
	POLICY_SENDS POLICY_RECEIVES POLICY_NODES POLICY_NODE("police.oku", "16.01") POLICY_NODE("army.oku", "16.01");

struct history {
	struct exchange x;
	struct account account;
	unsigned files;
};

static int set_up(void **state)
{
	static struct history history;

	memset(&history, 0, sizeof history);
	exchange_make(&history.x, policy);
	exchange_start_broker(&history.x);
	exchange_add(&history.x, "police.oku", NULL);
	exchange_add(&history.x, "army.oku", NULL);
	for (size_t i = 0; i < OFFICES; i++)
		exchange_start_office(&history.x, i);
	account_begin(&history.account);
	*state = &history;
	return 0;
}

static int tear_down(void **state)
{
	struct history *h = *state;

	return exchange_end(&h->x, false) ? 0 : 1;
}

/* ------------------------------------------------------------------ what is done */

/* Files for every office, not waited for. */
static void load(struct history *h, unsigned files)
{
	for (unsigned i = 0; i < files; i++, h->files++)
		for (size_t office = 0; office < OFFICES; office++) {
			char name[32];

			snprintf(name, sizeof name, "load-%u.jsonl", h->files);
			drop_many(&h->x, office, name, name, PER_FILE);
			sleep_ms(20);
		}
}

static void shell(const char *command, const char *one, const char *other)
{
	const char *argv[] = {"/bin/sh", "-c", command, "sh", one, other, NULL};

	assert_int_equal(process_run(argv, NULL, NULL, "/dev/null", 60), 0);
}

static void broker_end(struct history *h, int signal)
{
	process_end(h->x.broker, signal, 20);
	h->x.broker = 0;
}

static void office_end(struct history *h, size_t office, int signal)
{
	process_end(h->x.offices[office].pid, signal, 20);
	h->x.offices[office].pid = 0;
}

static void office_again(struct history *h, size_t office)
{
	office_end(h, office, SIGTERM);
	exchange_start_office(&h->x, office);
}

static int broker_refuses(struct history *h)
{
	char *config = broker_path(&h->x, "broker.yaml");
	const char *argv[] = {h->x.broker_program, "-c", config, NULL};
	const int status = process_run(argv, NULL, NULL, h->x.log, 20);

	free(config);
	return status;
}

/* ------------------------------------------------------------------ what must hold */

/* Files that were taken are moved away. */
static bool drop_empty(struct history *h, size_t office)
{
	char *path = office_path(&h->x, office, "drop");
	DIR *dir = opendir(path);
	struct dirent *entry;
	bool empty = true;

	while (dir && empty && (entry = readdir(dir)))
		empty = entry->d_type != DT_REG;
	if (dir)
		closedir(dir);
	free(path);
	return empty;
}

static bool police_took_all(void *context)
{
	return drop_empty(context, POLICE);
}

static bool outboxes_settled(void *context)
{
	struct history *h = context;

	for (size_t i = 0; i < OFFICES; i++) {
		const struct outbox_counts counts = office_outbox(&h->x, i);

		if (!drop_empty(h, i) || counts.waiting + counts.sent > 0)
			return false;
	}
	return true;
}

static void settle(struct history *h)
{
	for (size_t i = 0; i < OFFICES; i++)
		assert_true(office_in_state(&h->x, i, "live", SECONDS));
	assert_true(wait_for(outboxes_settled, h, SECONDS));
	assert_true(account_complete(&h->account, &h->x, SECONDS));
}

static void nothing_is_missing(struct history *h, const char *what, uint64_t least)
{
	const struct account_result result = account_end(&h->account, &h->x, what);

	assert_true(result.receipted >= least);
	assert_int_equal(result.missing, 0);
	assert_int_equal(result.twice, 0);
	assert_int_equal(result.two_reports, 0);
	assert_int_equal(result.bad, 0);
	assert_int_equal(exchange_ctl(&h->x, NULL, "journal", "verify", NULL), 0);
}

/* The account finds what it looks for: in the midst of it, before anybody has recovered. */
static struct account_result in_the_midst(struct history *h, size_t first, size_t second)
{
	struct account account;

	account_begin(&account);
	account_note(&account, &h->x, first);
	account_note(&account, &h->x, second);
	return account_end(&account, &h->x, "before anybody recovers");
}

/* ------------------------------------------------------------------ the broker */

static int restore(struct history *h, const char *backup)
{
	return operate_run(&h->x, NULL, "simpulctl", "backup", "restore", backup, h->x.folder, NULL);
}

/* The disk is lost, and the broker goes on from the backup. */
static void broker_set_back(struct history *h, const char *backup)
{
	char *lost = memory_format("%s.lost", h->x.folder);

	broker_end(h, SIGKILL);
	shell("rm -rf \"$2\" && mv \"$1\" \"$2\"", h->x.folder, lost);
	assert_int_equal(restore(h, backup), 0);
	assert_int_equal(exchange_ctl(&h->x, NULL, "journal", "recover", "--reason", "disk lost", NULL), 0);
	exchange_start_broker(&h->x);
	free(lost);
}

static void a_broker_restored_from_an_old_backup(void **state)
{
	struct history *h = *state;
	char *backup = memory_format("%s.backup", h->x.folder), *lost = memory_format("%s.lost", h->x.folder);
	char *damaged = memory_format("%s.damaged", h->x.folder);
	json_t *status;

	load(h, 4);
	assert_int_equal(exchange_ctl(&h->x, NULL, "backup", "make", backup, NULL), 0);
	assert_int_equal(exchange_ctl(&h->x, NULL, "backup", "make", backup, NULL), EX_CANTCREAT);
	load(h, 6);
	settle(h);
	load(h, 2);
	broker_end(h, SIGKILL);
	for (size_t i = 0; i < OFFICES; i++)
		account_note(&h->account, &h->x, i);
	assert_int_equal(restore(h, backup), EX_CANTCREAT); /* over what is there */
	shell("mv \"$1\" \"$2\"", h->x.folder, lost);
	shell("cp -a \"$1\" \"$2\" && truncate -s 32768 \"$2/journal.db\"", backup, damaged);
	assert_int_not_equal(restore(h, damaged), 0);
	assert_int_equal(access(h->x.folder, F_OK), -1);
	assert_int_equal(restore(h, backup), 0);
	load(h, 1);
	assert_int_equal(broker_refuses(h), EX_DATAERR);
	assert_true(exchange_logged(&h->x, "journal.db is from a backup"));
	assert_int_equal(exchange_ctl(&h->x, NULL, "journal", "recover", "--reason", "disk lost", NULL), 0);
	exchange_start_broker(&h->x);
	load(h, 2);
	settle(h);
	status = ctl_json(&h->x, "status");
	assert_true(json_integer_value(json_object_get(status, "incarnation")) > 1);
	json_decref(status);
	assert_true(exchange_logged(&h->x, "uplink.recovered"));
	nothing_is_missing(h, "broker restored from an old backup", 2 * 15 * PER_FILE);
	free(damaged);
	free(backup);
	free(lost);
}

/* The second time the incarnation that the backup does not know of is left out, and offices need to be reseeded, for what they
 * acknowledged in it says nothing here. */
static void a_broker_restored_twice_from_one_backup(void **state)
{
	struct history *h = *state;
	char *backup = memory_format("%s.backup", h->x.folder);

	load(h, 2);
	settle(h);
	assert_int_equal(exchange_ctl(&h->x, NULL, "backup", "make", backup, NULL), 0);
	for (unsigned times = 0; times < 2; times++) {
		load(h, 2);
		settle(h);
		broker_set_back(h, backup);
	}
	for (size_t i = 0; i < OFFICES; i++) {
		assert_true(office_in_state(&h->x, i, "halted", SECONDS));
		assert_int_equal(exchange_ctl(&h->x, NULL, "reseed", h->x.offices[i].node, "--reason", "restored twice",
					      NULL),
				 0);
		office_again(h, i);
	}
	load(h, 1);
	settle(h);
	nothing_is_missing(h, "broker restored twice from one backup", 2 * 7 * PER_FILE);
	free(backup);
}

static void a_broker_whose_disk_was_set_back_is_noticed_and_recovers(void **state)
{
	struct history *h = *state;
	char *now = broker_path(&h->x, "journal"), *then = broker_path(&h->x, "journal.then");

	load(h, 3);
	settle(h);
	broker_end(h, SIGTERM);
	shell("cp -a \"$1\" \"$2\"", now, then);
	exchange_start_broker(&h->x);
	load(h, 5);
	settle(h);
	broker_end(h, SIGTERM);
	shell("rm -rf \"$1\" && mv \"$2\" \"$1\"", now, then);
	exchange_start_broker(&h->x);
	for (size_t i = 0; i < OFFICES; i++)
		assert_true(office_in_state(&h->x, i, "halted", SECONDS));
	assert_true(exchange_logged(&h->x, "code=HISTORY_DIFFERS"));
	broker_end(h, SIGTERM);
	assert_int_equal(exchange_ctl(&h->x, NULL, "journal", "recover", "--reason", "disk set back", NULL), 0);
	exchange_start_broker(&h->x);
	for (size_t i = 0; i < OFFICES; i++)
		office_again(h, i);
	load(h, 2);
	settle(h);
	nothing_is_missing(h, "broker's disk set back", 2 * 10 * PER_FILE);
	free(now);
	free(then);
}

/* ------------------------------------------------------------------ an office */

/* What the operators and the office do when the office's store is not what it was. */
static void office_recovers(struct history *h, size_t office, const char *epoch)
{
	const char *node = h->x.offices[office].node;
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(&h->x, office, NULL, &out, "outbox", "recover", "--reason", "old disk", NULL),
			 0);
	buffer_u8(&out, 0);
	assert_non_null(strstr((const char *)out.data, epoch));
	buffer_free(&out);
	assert_int_equal(exchange_ctl(&h->x, NULL, "reseed", node, "--from", "1", "--reason", "old disk", NULL), 0);
	exchange_start_office(&h->x, office);
}

static int office_refuses(struct history *h, size_t office)
{
	char *config = office_path(&h->x, office, "agent.yaml"), program[300];
	const char *argv[] = {process_program("simpul-agent", program, sizeof program), "-c", config, NULL};
	const int status = process_run(argv, NULL, NULL, h->x.log, 20);

	free(config);
	return status;
}

#define STORE_PUT_BACK "rm -rf \"$2\" && mkdir -m 700 \"$2\" && cp \"$1/agent.db\" \"$2\""

static void an_agent_restored_from_an_old_backup(void **state)
{
	struct history *h = *state;
	char *backup = office_path(&h->x, POLICE, "backup"), *store = office_path(&h->x, POLICE, "store");
	char *database = office_path(&h->x, POLICE, "store/agent.db");

	assert_true(file_comes(database, 20)); /* the agent was started a moment ago */
	free(database);
	load(h, 3);
	assert_int_equal(exchange_simpul(&h->x, POLICE, NULL, NULL, "backup", "make", backup, NULL), 0);
	load(h, 4);
	settle(h);
	load(h, 2);
	office_end(h, POLICE, SIGKILL);
	account_note(&h->account, &h->x, POLICE);
	shell(STORE_PUT_BACK, backup, store);
	assert_int_equal(office_refuses(h, POLICE), EX_DATAERR);
	office_recovers(h, POLICE, "Epoch 2");
	load(h, 3);
	settle(h);
	nothing_is_missing(h, "agent restored from an old backup", 2 * 10 * PER_FILE);
	free(backup);
	free(store);
}

/* It is even started before anybody says that this is not the old disk, and numbers reports anew from 1. */
static void an_agent_whose_disk_was_lost(void **state)
{
	struct history *h = *state;
	char *store = office_path(&h->x, POLICE, "store");

	load(h, 5);
	settle(h);
	load(h, 1);
	office_end(h, POLICE, SIGKILL);
	account_note(&h->account, &h->x, POLICE);
	shell("rm -rf \"$1\"", store, "");
	exchange_start_office(&h->x, POLICE);
	assert_true(office_in_state(&h->x, POLICE, "halted", SECONDS));
	assert_true(exchange_logged(&h->x, "code=BELOW_CURSOR"));
	load(h, 1);
	assert_true(wait_for(police_took_all, h, SECONDS));
	office_end(h, POLICE, SIGTERM);
	assert_true(in_the_midst(h, POLICE, ARMY).missing > 0);
	office_recovers(h, POLICE, "Epoch 2");
	load(h, 2);
	settle(h);
	nothing_is_missing(h, "agent's disk lost", 2 * 8 * PER_FILE);
	free(store);
}

static void two_machines_with_one_key(void **state)
{
	enum { TWIN = OFFICES };
	struct history *h = *state;
	struct office *twin = &h->x.offices[TWIN];

	load(h, 2);
	settle(h);
	assert_true(office_caught_up(&h->x, POLICE, SECONDS)); /* or its copy would be refused as an old one */
	office_end(h, POLICE, SIGTERM);
	*twin = h->x.offices[POLICE];
	strcat(twin->folder, ".twin");
	shell("cp -a \"$1\" \"$2\"", h->x.offices[POLICE].folder, twin->folder);
	exchange_start_office(&h->x, POLICE);
	assert_true(office_in_state(&h->x, POLICE, "live", SECONDS));
	exchange_start_office(&h->x, TWIN);
	assert_true(office_in_state(&h->x, POLICE, "halted", SECONDS));
	assert_true(exchange_logged(&h->x, "code=SUPERSEDED"));
	assert_true(log_has(&h->x, "level=alarm event=session.superseded node=police.oku", 5));
	load(h, 2); /* the one that was superseded gives numbers that the other gives as well */
	drop_many(&h->x, TWIN, "twin.jsonl", "twin", PER_FILE);
	assert_true(office_settled(&h->x, TWIN, 3 * PER_FILE, SECONDS));
	office_end(h, TWIN, SIGTERM);
	account_note(&h->account, &h->x, TWIN);
	office_again(h, POLICE);
	assert_true(office_in_state(&h->x, POLICE, "halted", SECONDS));
	office_end(h, POLICE, SIGTERM);
	assert_true(in_the_midst(h, POLICE, TWIN).two_reports > 0);
	office_recovers(h, POLICE, "Epoch 2");
	load(h, 2);
	settle(h);
	nothing_is_missing(h, "two machines with one key", 2 * 6 * PER_FILE + PER_FILE);
}

/* ------------------------------------------------------------------ both */

/* police.oku#2 is cancelled and #3 updated under the numbers of an epoch that begins after them, and then the broker has
 * lost all of it. */
static void nothing_that_was_taken_back_lives_again_when_both_disks_are_lost(void **state)
{
	static const char update[] = "{\"sighting\": {\"first_seen\": \"2026-01-01T10:00:00+07:00\","
				     " \"assertion\": \"fact\", \"summary\": \"newer words\"}}";
	struct history *h = *state;
	char *backup = memory_format("%s.backup", h->x.folder), *copy = office_path(&h->x, POLICE, "backup");
	char *store = office_path(&h->x, POLICE, "store");

	drop_many(&h->x, POLICE, "one.jsonl", "kept", 1);
	assert_true(office_settled(&h->x, POLICE, 1, SECONDS));
	assert_int_equal(exchange_ctl(&h->x, NULL, "backup", "make", backup, NULL), 0);
	drop_many(&h->x, POLICE, "two.jsonl", "lost", 2);
	assert_true(office_settled(&h->x, POLICE, 3, SECONDS));
	assert_int_equal(exchange_simpul(&h->x, POLICE, NULL, NULL, "backup", "make", copy, NULL), 0);
	office_end(h, POLICE, SIGKILL);
	shell(STORE_PUT_BACK, copy, store);
	office_recovers(h, POLICE, "Epoch 2");
	assert_true(office_in_state(&h->x, POLICE, "live", SECONDS));
	assert_int_equal(exchange_simpul(&h->x, POLICE, NULL, NULL, "cancel", "police.oku#2", "--reason", "wrong-person",
					 NULL),
			 0);
	assert_int_equal(exchange_simpul(&h->x, POLICE, update, NULL, "update", "police.oku#3", "--json", "-", NULL), 0);
	assert_true(office_settled(&h->x, POLICE, 5, SECONDS));
	broker_set_back(h, backup);
	assert_true(inbox_shows(&h->x, ARMY, "police.oku#2.4", "updated_by", "police.oku#2.5"));
	assert_null(inbox_find(&h->x, ARMY, "police.oku#2.3"));
	assert_true(exchange_settled(&h->x, SECONDS));
	assert_true(exchange_logged(&h->x, "outbox.reference_lost name=police.oku#2.1 reference=police.oku#2"));
	assert_int_equal(exchange_ctl(&h->x, NULL, "journal", "verify", NULL), 0);
	free(backup);
	free(copy);
	free(store);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_broker_restored_from_an_old_backup, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_broker_restored_twice_from_one_backup, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_broker_whose_disk_was_set_back_is_noticed_and_recovers, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(an_agent_restored_from_an_old_backup, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_agent_whose_disk_was_lost, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_machines_with_one_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_that_was_taken_back_lives_again_when_both_disks_are_lost,
						set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
