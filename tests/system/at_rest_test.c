/* at_rest_test - whoever takes an office's machine and does not know the passphrase reads nothing in its store, and
 * with the passphrase everything goes on. */
#include "common/key_file.h"
#include "common/keys.h"
#include "common/memory.h"
#include "common/overwrite.h"
#include "tests/support/operate.h"
#include "tests/support/terminal.h"

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

enum { POLICE, ARMY };

#define WORDS "a river of the south"
#define OTHER "another river entirely"

static const char policy[] =
	"purposes: [immigration-oversight]\n"
	"categories: [public-order]\n"
	"agencies:\n"
	"  - agency: police\n    ceiling: RED\n    publish: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"  - agency: army\n    ceiling: RED\n    receive: [{kinds: [sighting], categories: [\"*\"]}]\n"
	"nodes:\n"
	"  - {node: police.oku, regions: [\"16.01\"]}\n"
	"  - {node: army.oku, regions: [\"16.01\"]}\n";

/* What a store says of itself and of whom it is about. */
static const char *const words[] = {"ERIKSSON",	    "ANNA MARIA",  "L898902C3",	   "police.oku",   "army.oku",
				    "public-order", "at the pier", "CREATE TABLE", "SQLite format"};

static char *credentials, *passphrase;

/* The army's agent with an unencrypted store that has a report, and ended. */
static int set_up(void **state)
{
	static struct exchange x;

	terminal_leave();
	exchange_lay(&x, policy, (const char *const[]){"police.oku", "army.oku", NULL});
	exchange_start_offices(&x);
	credentials = broker_path(&x, "credentials");
	passphrase = memory_format("%s/simpul.passphrase", credentials);
	mkdir(credentials, 0700);
	file_put(passphrase, WORDS "\n");
	chmod(passphrase, 0400);
	*state = &x;
	return 0;
}

static int tear_down(void **state)
{
	unsetenv("CREDENTIALS_DIRECTORY");
	free(credentials);
	free(passphrase);
	return exchange_tear_down(state);
}

/* ------------------------------------------------------------------ what is done */

static void tell(struct exchange *x, const char *summary)
{
	static const char draft[] =
		"{\"category\": \"public-order\", \"region\": \"16.01\", \"sighting\": {\"first_seen\": "
		"\"2026-01-01T10:00:00+07:00\", \"assertion\": \"fact\", \"summary\": \"%s\", \"persons\": "
		"[{\"capacity\": "
		"\"seen\", \"identity\": \"claimed\", \"age\": \"adult\", \"primary_identifier\": \"ERIKSSON\", "
		"\"secondary_identifier\": \"ANNA MARIA\", \"documents\": [{\"type\": \"P\", \"issuing_state\": "
		"\"UTO\", "
		"\"number\": \"L898902C3\"}]}]}}\n";
	char *line = memory_format(draft, summary), name[60];

	snprintf(name, sizeof name, "%zu.json", strlen(summary));
	office_drop(x, POLICE, name, line);
	free(line);
}

struct awaited {
	const char *path, *text;
};

static bool is_there(void *context)
{
	const struct awaited *awaited = context;
	char *text = file_text(awaited->path);
	const bool found = strstr(text, awaited->text) != NULL;

	free(text);
	return found;
}

/* Waits until the army's sink, which reads the store, has this text. */
static void army_has(struct exchange *x, const char *text)
{
	char *path = office_path(x, ARMY, "inbox.jsonl");
	struct awaited awaited = {path, text};

	assert_true(wait_for(is_there, &awaited, 20));
	free(path);
}

static void army_end(struct exchange *x, int signal, int status)
{
	assert_int_equal(process_end(x->offices[ARMY].pid, signal, 20), status);
	x->offices[ARMY].pid = 0;
}

static void assert_dark(struct exchange *x, const char *folder)
{
	char *path = office_path(x, ARMY, folder);

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (folder_holds(path, words[i]))
			fail_msg("%s holds %s", folder, words[i]);
	free(path);
}

static void assert_listed(struct exchange *x, const char *text)
{
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(x, ARMY, NULL, &out, "inbox", "list", NULL), 0);
	assert_non_null(memmem(out.data, out.size, text, strlen(text)));
	buffer_free(&out);
}

/* Locks files anew with the same passphrase at the least cost: what is tested is not how slow a guess is. Frees the
 * paths. */
static void cost_away(char *const paths[], size_t count)
{
	struct key_lock from = {.file = passphrase}, to;

	assert_int_equal(key_lock_new(&to, WORDS, &(struct lock_cost){1, 8}, NULL), E_OK);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(key_file_relock(&from, &to, paths[i], NULL), E_OK);
		free(paths[i]);
	}
}

/* The command for the broker's keys would give the keys alone another passphrase, and not the key of the store. */
static void assert_broker_leaves_alone(struct exchange *x)
{
	char *keys = office_path(x, ARMY, "army.oku.keys"), *before = file_text(keys), *after;

	assert_int_equal(exchange_ctl(x, NULL, "keys", "passphrase", keys, "--passphrase-file", passphrase,
				      "--no-passphrase", NULL),
			 EX_CANTCREAT);
	after = file_text(keys);
	assert_string_equal(before, after);
	free(keys);
	free(before);
	free(after);
}

/* ------------------------------------------------------------------ what is promised */

static void a_store_is_encrypted_when_its_keys_get_a_passphrase(void **state)
{
	struct exchange *x = *state;
	char *store = office_path(x, ARMY, "store");

	tell(x, "at the pier");
	army_has(x, "at the pier");
	/* Not beside a running agent. */
	assert_int_equal(
		exchange_simpul(x, ARMY, NULL, NULL, "keys", "passphrase", "--new-passphrase-file", passphrase, NULL),
		EX_CANTCREAT);
	army_end(x, SIGTERM, 0);
	assert_true(folder_holds(store, "ERIKSSON") && folder_holds(store, "police.oku"));
	assert_int_equal(
		exchange_simpul(x, ARMY, NULL, NULL, "keys", "passphrase", "--new-passphrase-file", passphrase, NULL),
		0);
	assert_dark(x, "store");
	assert_broker_leaves_alone(x);
	cost_away((char *[]){office_path(x, ARMY, "army.oku.keys.store"), office_path(x, ARMY, "army.oku.keys")}, 2);
	free(store);
}

static void without_the_passphrase_nothing_opens(void **state)
{
	struct exchange *x = *state;
	char *yaml = office_path(x, ARMY, "agent.yaml"), *wrong = office_path(x, ARMY, "wrong");

	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "list", NULL), EX_DATAERR);
	assert_true(exchange_logged(x, "no passphrase was given (passphrase_file, credential simpul.passphrase, terminal) (MISSING)"));
	assert_int_equal(operate_run(x, NULL, "simpul-agent", "-c", yaml, NULL), EX_DATAERR);
	file_put(wrong, OTHER "\n");
	chmod(wrong, 0600);
	file_swap(yaml, "store: store", "passphrase_file: wrong\nstore: store");
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "list", NULL), EX_NOPERM);
	/* A passphrase that others can read is none; nor is one that the group can. */
	chmod(wrong, 0644);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "list", NULL), EX_CONFIG);
	chmod(wrong, 0640);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "list", NULL), EX_CONFIG);
	file_swap(yaml, "passphrase_file: wrong\n", "");
	/* The store alone, with keys of another office or none. */
	file_swap(yaml, "keys: army.oku.keys", "keys: nobody.keys");
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "list", NULL), EX_NOPERM);
	assert_true(exchange_logged(x, "STORE_LOCKED"));
	file_swap(yaml, "keys: nobody.keys", "keys: army.oku.keys");
	free(yaml);
	free(wrong);
}

static void with_the_passphrase_everything_works_and_nothing_lies_open(void **state)
{
	struct exchange *x = *state;
	char *backup = office_path(x, ARMY, "backup"), *yaml = office_path(x, ARMY, "agent.yaml");
	struct stat status;

	setenv("CREDENTIALS_DIRECTORY", credentials, 1);
	assert_listed(x, "police.oku#1");
	exchange_start_office(x, ARMY);
	tell(x, "at the pier again");
	army_has(x, "at the pier again");
	/* A second agent has no business with the keys: it asks for no passphrase. */
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(operate_run(x, NULL, "simpul-agent", "-c", yaml, NULL), EX_CANTCREAT);
	setenv("CREDENTIALS_DIRECTORY", credentials, 1);
	assert_listed(x, "police.oku#2");
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "doctor", NULL), 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "backup", "make", backup, NULL), 0);
	/* Killed, it leaves its log and index. */
	army_end(x, SIGKILL, 128 + SIGKILL);
	{
		char *log = office_path(x, ARMY, "store/agent.db-wal");

		assert_int_equal(stat(log, &status), 0);
		assert_true(status.st_size > 0);
		free(log);
	}
	assert_dark(x, "store");
	free(backup);
	free(yaml);
}

static void a_backup_is_as_dark_and_opens_with_the_same_passphrase(void **state)
{
	struct exchange *x = *state;
	char *command =
		memory_format("cd '%s' && rm store/agent.db* && cp backup/agent.db store/agent.db && "
			      "cp backup/node.keys army.oku.keys && cp backup/node.keys.store army.oku.keys.store",
			      x->offices[ARMY].folder);
	char *copied = office_path(x, ARMY, "backup/agent.db");

	assert_int_equal(system(command), 0);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		char *text = file_text(copied);
		struct stat status;

		assert_int_equal(stat(copied, &status), 0);
		assert_null(memmem(text, (size_t)status.st_size, words[i], strlen(words[i])));
		free(text);
	}
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "outbox", "recover", "--reason", "a disk was lost", NULL),
			 0);
	assert_listed(x, "police.oku#2");
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "keys", "rotate", NULL), 0);
	exchange_start_office(x, ARMY);
	tell(x, "at the pier after the recovery");
	army_has(x, "at the pier after the recovery");
	army_end(x, SIGTERM, 0);
	assert_dark(x, "store");
	free(command);
	free(copied);
}

static void a_passphrase_is_changed_and_given_up(void **state)
{
	struct exchange *x = *state;
	char *newer = office_path(x, ARMY, "newer"), *left = office_path(x, ARMY, "store/agent.db" OVERWRITE_FRESH);

	file_put(newer, OTHER "\n");
	chmod(newer, 0600);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "keys", "passphrase", "--new-passphrase-file", newer,
					 "--new-store-key", NULL),
			 0);
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "inbox", "list", NULL), EX_NOPERM);
	assert_dark(x, "store");
	assert_int_equal(exchange_simpul(x, ARMY, NULL, NULL, "keys", "passphrase", "--passphrase-file", newer,
					 "--no-passphrase", NULL),
			 0);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_listed(x, "police.oku#3");
	file_put(left, "what a change that was killed left");
	exchange_start_office(x, ARMY);
	tell(x, "at the pier in the end of the day");
	army_has(x, "at the pier in the end of the day");
	assert_int_not_equal(access(left, F_OK), 0);
	free(left);
	free(newer);
}

static void the_keys_of_broker_and_operators_have_passphrases_too(void **state)
{
	struct exchange *x = *state;
	char *keys = broker_path(x, "broker.keys"), *yaml = broker_path(x, "broker.yaml"),
	     *duty = broker_path(x, "duty.operator"), *paper = broker_path(x, "paper.json");
	bool locked = false;

	assert_int_equal(process_end(x->broker, SIGTERM, 20), 0);
	x->broker = 0;
	cost_away((char *[]){keys}, 1);
	assert_int_equal(operate_run(x, NULL, "simpul-broker", "-c", yaml, NULL), EX_DATAERR);
	setenv("CREDENTIALS_DIRECTORY", credentials, 1);
	exchange_start_broker(x);
	assert_int_equal(exchange_ctl(x, NULL, "journal", "verify", NULL), 0);
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_int_equal(exchange_ctl(x, NULL, "journal", "checkpoint", "-o", paper, NULL), EX_DATAERR);
	assert_int_equal(
		exchange_ctl(x, NULL, "operator", "new", "duty", "-o", duty, "--passphrase-file", passphrase, NULL), 0);
	assert_int_equal(key_file_locked(duty, &locked, NULL), E_OK);
	assert_true(locked);
	free(yaml);
	free(duty);
	free(paper);
}

/* Its keys are lost, its store and that one's key are not: whoever copies all that was made over them loses the store. */
static void an_office_that_joins_again_is_told_of_the_key_of_its_store(void **state)
{
	struct exchange *x = *state;
	char *made = office_path(x, ARMY, "again");
	struct buffer out = {0};

	assert_int_equal(exchange_simpul(x, ARMY, NULL, &out, "join", "--node", "army.oku", "--key-id", "2", "--exchange",
					 "0123456789abcdef0123456789abcdef", "-o", made, "--passphrase-file", passphrase, NULL),
			 0);
	buffer_u8(&out, 0);
	assert_non_null(strstr((char *)out.data, "/army.oku.keys.store   secret"));
	assert_non_null(strstr((char *)out.data, "never write over"));
	buffer_free(&out);
	free(made);
}

/* ^C at the question, then what the terminal is set to. */
static void a_question_that_is_broken_off_leaves_the_terminal_as_it_was(void **state)
{
	static const struct terminal_line lines[] = {{"New passphrase", "\x03"}, {NULL, NULL}};
	char *command = memory_format("stty echo; trap : INT; '%s/simpul' join --node navy.oku --exchange "
				      "0123456789abcdef0123456789abcdef -o '%s'; echo status $?; stty -a",
				      getenv("SIMPUL_BIN"), ((struct exchange *)*state)->offices[ARMY].folder);
	struct buffer out = {0};

	assert_int_equal(terminal_run((const char *const[]){"/bin/sh", "-c", command, NULL}, lines, &out, 20), 0);
	buffer_u8(&out, 0);
	assert_non_null(strstr((char *)out.data, "status 130")); /* ended by the signal */
	assert_non_null(strstr((char *)out.data, " echo "));
	buffer_free(&out);
	free(command);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_store_is_encrypted_when_its_keys_get_a_passphrase),
		cmocka_unit_test(without_the_passphrase_nothing_opens),
		cmocka_unit_test(with_the_passphrase_everything_works_and_nothing_lies_open),
		cmocka_unit_test(a_backup_is_as_dark_and_opens_with_the_same_passphrase),
		cmocka_unit_test(a_passphrase_is_changed_and_given_up),
		cmocka_unit_test(the_keys_of_broker_and_operators_have_passphrases_too),
		cmocka_unit_test(an_office_that_joins_again_is_told_of_the_key_of_its_store),
		cmocka_unit_test(a_question_that_is_broken_off_leaves_the_terminal_as_it_was),
	};

	keys_init();
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
