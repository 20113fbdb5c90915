/* restore_test - an office whose machine is gone comes back from its backup with one command, and no command puts a
 * backup over what is there. */
#include "common/memory.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include <cmocka.h>

enum { POLICE, ARMY, SECONDS = 30 };

static const char policy[] = POLICY_AGENCIES POLICY_AGENCY("police") POLICY_SENDS POLICY_AGENCY("army")
	POLICY_RECEIVES POLICY_NODES POLICY_NODE("police.oku", "16.01") POLICY_NODE("army.oku", "16.01");

struct loss {
	struct exchange x;
	char *backup; /* of the police */
};

static void shell(const char *command, const char *one, const char *other)
{
	const char *argv[] = {"/bin/sh", "-c", command, "sh", one, other, NULL};

	assert_int_equal(process_run(argv, NULL, NULL, "/dev/null", 20), 0);
}

/* Two more folders, each with a profile of its own: of one name, and not where the others are. */
static void folders_add(struct exchange *x)
{
	static const char *const names[] = {"day", "night"};
	char *settings = office_path(x, POLICE, "agent.yaml"), *first = office_path(x, POLICE, "json.yaml");

	for (size_t i = 0; i < 2; i++) {
		char *folder = office_path(x, POLICE, names[i]);

		shell("mkdir \"$1\" && cp \"$2\" \"$1\" && echo \"# of $1\" >>\"$1/json.yaml\"", folder, first);
		free(folder);
	}
	file_swap(settings, "folders:\n",
		  "folders:\n  - {path: day, profile: day/json.yaml}\n  - {path: night, profile: night/json.yaml}\n");
	free(first);
	free(settings);
}

static void assert_profile_of(struct exchange *x, const char *folder)
{
	char *profile = memory_format("%s/json.yaml", folder), *path = office_path(x, POLICE, profile);
	char *end = memory_format("/%s\n", folder), *text = file_text(path);

	assert_non_null(strstr(text, end));
	free(text);
	free(end);
	free(path);
	free(profile);
}

/* The office has sent three reports and made a backup, with a former key in it, when its machine is lost. */
static int set_up(void **state)
{
	static struct loss loss;

	exchange_lay(&loss.x, policy, (const char *const[]){"police.oku", "army.oku", NULL});
	folders_add(&loss.x);
	if (exchange_serve(&loss.x) != 0)
		return 1;
	loss.backup = memory_format("%s.backup", loss.x.offices[POLICE].folder);
	drop_many(&loss.x, POLICE, "a.jsonl", "before", 3);
	if (!office_settled(&loss.x, POLICE, 3, SECONDS) || !office_received(&loss.x, ARMY, 3, SECONDS))
		return 1;
	if (exchange_simpul(&loss.x, POLICE, NULL, NULL, "backup", "make", loss.backup, NULL) != 0)
		return 1;
	shell("cp -p \"$1/node.keys\" \"$1/node.keys.1\"", loss.backup, "");
	process_end(loss.x.offices[POLICE].pid, SIGKILL, 20);
	loss.x.offices[POLICE].pid = 0;
	*state = &loss;
	return 0;
}

static int tear_down(void **state)
{
	struct loss *loss = *state;
	const bool ended = exchange_end(&loss->x, false);

	free(loss->backup);
	return ended ? 0 : 1;
}

static int restore(struct loss *loss, const char *backup, struct buffer *out)
{
	const int status = exchange_simpul(&loss->x, POLICE, NULL, out, "backup", "restore", backup, NULL);

	if (out != NULL)
		buffer_u8(out, 0);
	return status;
}

static void forget(struct loss *loss)
{
	shell("rm -rf \"$1\" && mkdir -m 700 \"$1\"", loss->x.offices[POLICE].folder, "");
}

static bool is_there(struct loss *loss, const char *name)
{
	char *path = office_path(&loss->x, POLICE, name);
	const bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static void nothing_is_put_over_what_is_there(void **state)
{
	struct loss *loss = *state;
	char *keys = office_path(&loss->x, POLICE, "police.oku.keys"), *before, *after;
	char *log = office_path(&loss->x, POLICE, "store/agent.db-wal");

	before = file_text(keys);
	assert_int_equal(restore(loss, loss->backup, NULL), EX_CANTCREAT); /* the store */
	shell("rm \"$1\"/store/*", loss->x.offices[POLICE].folder, "");
	file_put(log, "of another store");
	assert_int_equal(restore(loss, loss->backup, NULL), EX_CANTCREAT);
	unlink(log);
	shell("echo >>\"$1\"", keys, "");
	assert_int_equal(restore(loss, loss->backup, NULL), EX_CANTCREAT);
	assert_false(is_there(loss, "store/agent.db"));
	assert_false(is_there(loss, "police.oku.keys.1"));
	file_put(keys, before);
	chmod(keys, 0600);
	assert_int_equal(restore(loss, loss->backup, NULL), 0); /* the same keys are no hindrance */
	after = file_text(keys);
	assert_string_equal(after, before);
	assert_true(is_there(loss, "police.oku.keys.1"));
	free(before);
	free(after);
	free(log);
	free(keys);
}

static void what_is_no_whole_backup_of_this_office_is_refused(void **state)
{
	struct loss *loss = *state;
	char *damaged = memory_format("%s.damaged", loss->backup), *army = memory_format("%s.army", loss->backup);

	assert_int_equal(exchange_simpul(&loss->x, ARMY, NULL, NULL, "backup", "make", army, NULL), 0);
	shell("rm \"$1\"/store/* \"$1\"/police.oku.keys*", loss->x.offices[POLICE].folder, "");
	assert_int_equal(restore(loss, army, NULL), EX_CONFIG); /* under settings that name the police */
	forget(loss);
	shell("cp -a \"$1\" \"$2\" && rm \"$2/exchange.join\"", loss->backup, damaged);
	assert_int_equal(restore(loss, damaged, NULL), EX_NOINPUT);
	shell("cp \"$1/exchange.join\" \"$2\" && truncate -s 16384 \"$2/agent.db\"", loss->backup, damaged);
	assert_int_not_equal(restore(loss, damaged, NULL), 0);
	assert_false(is_there(loss, "store/agent.db"));
	assert_false(is_there(loss, "agent.yaml"));
	free(damaged);
	free(army);
}

static void an_office_of_which_nothing_is_left_comes_back(void **state)
{
	struct loss *loss = *state;
	char *drop = office_path(&loss->x, POLICE, "drop");
	struct buffer out = {0};

	forget(loss);
	assert_int_equal(restore(loss, loss->backup, &out), 0);
	assert_non_null(strstr((const char *)out.data, "outbox recover"));
	assert_profile_of(&loss->x, "day");
	assert_profile_of(&loss->x, "night");
	assert_non_null(strstr((const char *)out.data, drop)); /* which it says is to be made */
	mkdir(drop, 0700);
	buffer_free(&out);
	assert_int_equal(exchange_simpul(&loss->x, POLICE, NULL, NULL, "outbox", "recover", "--reason", "lost", NULL),
			 0);
	assert_int_equal(exchange_ctl(&loss->x, NULL, "reseed", "police.oku", "--from", "1", "--reason", "lost", NULL),
			 0);
	exchange_start_office(&loss->x, POLICE);
	assert_true(office_in_state(&loss->x, POLICE, "live", SECONDS));
	drop_many(&loss->x, POLICE, "b.jsonl", "after", 2);
	assert_true(office_settled(&loss->x, POLICE, 5, SECONDS));
	assert_true(office_received(&loss->x, ARMY, 5, SECONDS));
	free(drop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_put_over_what_is_there),
		cmocka_unit_test(what_is_no_whole_backup_of_this_office_is_refused),
		cmocka_unit_test(an_office_of_which_nothing_is_left_comes_back),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
