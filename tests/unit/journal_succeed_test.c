/* journal_succeed_test - the broker's key changes in the journal where an announced succession says so and nowhere
 * else, at a start and while it is written, and a start after a crash finds out which key is in force. */
#include "broker/journal/journal_acts.h"
#include "broker/journal/journal_sqlite.h"
#include "broker/serve/take_up.h"
#include "broker/serve/writer.h"
#include "common/broker_succession.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/support/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define TO(node) (1u << (node))

struct fixture {
	struct ledger ledger;
	struct broker_keys present, newer;
	struct broker_succession succession;
	struct fault fault;
};

static int setup(void **state)
{
	static const struct successions none;
	struct fixture *f = *state = test_calloc(1, sizeof(*f));

	ledger_open(&f->ledger);
	broker_keys_generate(&f->present);
	f->present.signing = f->ledger.options.broker;
	broker_keys_generate(&f->newer);
	broker_succession_sign(&f->succession, f->ledger.exchange, &f->present.signing, &f->newer, LEDGER_START,
			       &f->ledger.authority, &none);
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ledger_close(&f->ledger);
	test_free(f);
	return 0;
}

static struct journal_append *key_entry(const struct broker_succession *succession, bool in_force)
{
	struct journal_append *append = journal_append_new();
	Simpul__BrokerKey key = SIMPUL__BROKER_KEY__INIT;
	Simpul__BrokerSuccession message;

	broker_succession_to_message(succession, &message);
	key.succession = &message;
	key.in_force = in_force;
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY;
	append->audience.count = 1;
	append->audience.nodes = memory_zero(1, sizeof(*append->audience.nodes));
	strcpy(append->audience.nodes[0], "*");
	wire_pack(&key, &append->content);
	return append;
}

static void key_append(struct fixture *f, const struct broker_succession *succession, bool in_force)
{
	struct journal_append *append = key_entry(succession, in_force);

	assert_int_equal(ledger_commit(&f->ledger, append, NULL), E_OK);
	journal_append_free(append);
}

static void say(struct fixture *f, uint64_t first)
{
	ledger_say(&f->ledger, &(struct saying){.origin = POLICE, .first = first, .audience = TO(ARMY)});
}

static enum error succeed(struct fixture *f)
{
	return journal_succeed(f->ledger.journal, &f->newer, f->ledger.now, &f->fault);
}

/* What is wrong, "" for nothing. */
static const char *verified(struct fixture *f, const struct signing_key *key)
{
	static struct journal_verdict verdict;
	struct journal_options options = f->ledger.options;

	options.broker = *key;
	assert_int_equal(journal_verify(&options, NULL, &verdict, NULL), E_OK);
	return verdict.what;
}

static enum error opens_with(struct fixture *f, const struct signing_key *key)
{
	struct journal_options options = f->ledger.options;
	struct journal *journal;
	enum error error;

	options.broker = *key;
	error = journal_open(&journal, &options, &f->fault);
	journal_close(journal);
	return error;
}

/* ---- as it should be */

static void announced_keys_come_in_force_and_what_was_signed_before_stays_good(void **state)
{
	struct fixture *f = *state;

	say(f, 1);
	key_append(f, &f->succession, false);
	say(f, 2);
	assert_int_equal(succeed(f), E_OK);
	say(f, 3);
	assert_string_equal(verified(f, &f->newer.signing), "");
	assert_string_equal(verified(f, &f->present.signing), "the journal was signed by another broker");
	assert_int_equal(opens_with(f, &f->newer.signing), E_OK);
	assert_int_equal(opens_with(f, &f->present.signing), E_INVALID);
}

static void change_count(void *context, const struct recorded *recorded)
{
	unsigned *count = context;

	*count += recorded->act == NULL && recorded->type == SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY;
}

/* Newer keys that somebody laid beside the present ones, and a restart. */
static void keys_that_no_operator_put_in_force_are_on_the_record_without_one(void **state)
{
	struct fixture *f = *state;
	struct journal_case *c;
	unsigned count = 0;

	key_append(f, &f->succession, false);
	assert_int_equal(succeed(f), E_OK);
	assert_int_equal(journal_case_open(&c, f->ledger.options.path, NULL), E_OK);
	assert_int_equal(journal_acts_each(c, 0, change_count, &count, NULL), E_OK);
	journal_case_close(c);
	assert_int_equal(count, 2); /* announced, and in force */
}

static void keys_that_were_not_announced_do_not_come_in_force(void **state)
{
	struct fixture *f = *state;
	const struct broker_keys announced = f->newer;
	const uint64_t entry = f->ledger.journal->state.position.entry;

	assert_int_equal(succeed(f), E_NOT_FOUND);
	key_append(f, &f->succession, false);
	f->newer.curve_public[0] ^= 1;
	assert_int_equal(succeed(f), E_NOT_FOUND);
	broker_keys_generate(&f->newer);
	assert_int_equal(succeed(f), E_NOT_FOUND);
	assert_int_equal(f->ledger.journal->state.position.entry, entry + 1);
	f->newer = announced;
	assert_int_equal(succeed(f), E_OK);
	/* Once. */
	assert_int_equal(succeed(f), E_NOT_FOUND);
	assert_string_equal(verified(f, &f->newer.signing), "");
}

static void a_new_incarnation_goes_on_under_the_newer_key(void **state)
{
	struct fixture *f = *state;
	struct journal_options options = f->ledger.options;
	struct journal_recovery recovery;

	key_append(f, &f->succession, false);
	assert_int_equal(succeed(f), E_OK);
	say(f, 1);
	journal_close(f->ledger.journal);
	f->ledger.journal = NULL;
	options.broker = f->newer.signing;
	assert_int_equal(journal_recover(&options, 0, "x", f->ledger.now, &recovery, &f->fault), E_OK);
	assert_string_equal(verified(f, &f->newer.signing), "");
}

/* ---- as nobody may */

/* From here on the journal is written with another key. */
static void write_with(struct fixture *f, const struct signing_key *key)
{
	f->ledger.journal->options.broker = *key;
}

static void a_key_that_changes_without_an_entry_is_damage(void **state)
{
	struct fixture *f = *state;

	key_append(f, &f->succession, false);
	write_with(f, &f->newer.signing);
	say(f, 1);
	assert_string_equal(verified(f, &f->newer.signing), "the entry has another hash than is stored: it was edited");
}

static void a_key_in_force_that_nobody_announced_is_damage(void **state)
{
	struct fixture *f = *state;

	write_with(f, &f->newer.signing);
	key_append(f, &f->succession, true);
	assert_string_equal(verified(f, &f->newer.signing), "keys of the broker are in force that were not announced");
}

static void a_succession_without_the_authority_is_damage(void **state)
{
	static const struct successions none;
	struct fixture *f = *state;

	broker_succession_sign(&f->succession, f->ledger.exchange, &f->present.signing, &f->newer, LEDGER_START,
			       &f->present.signing, &none);
	key_append(f, &f->succession, false);
	assert_string_equal(verified(f, &f->present.signing), "a signature of the broker's newer keys does not verify");
}

static void a_succession_of_another_key_is_damage(void **state)
{
	static const struct successions none;
	struct fixture *f = *state;
	struct signing_key other;

	signing_key_generate(&other);
	broker_succession_sign(&f->succession, f->ledger.exchange, &other, &f->newer, LEDGER_START,
			       &f->ledger.authority, &none);
	key_append(f, &f->succession, false);
	assert_string_equal(verified(f, &f->present.signing),
			    "the broker's newer keys do not follow on the ones that it has");
}

static void a_new_incarnation_under_another_key_is_damage(void **state)
{
	struct fixture *f = *state;
	struct journal_options options = f->ledger.options;
	struct journal_recovery recovery;

	/* As who has the files but not the key would do it. */
	write_with(f, &f->newer.signing);
	assert_int_equal(database_run(f->ledger.journal->db, "BEGIN", NULL), E_OK);
	assert_int_equal(journal_broker_write(f->ledger.journal, NULL), E_OK);
	assert_int_equal(database_run(f->ledger.journal->db, "COMMIT", NULL), E_OK);
	journal_close(f->ledger.journal);
	f->ledger.journal = NULL;
	options.broker = f->newer.signing;
	assert_int_not_equal(journal_recover(&options, 0, "x", f->ledger.now, &recovery, &f->fault), E_OK);
}

/* ---- while it is written */

/* As the core of a running broker hands it over. */
static struct journal_append *change_of(const struct fixture *f)
{
	struct journal_append *append = key_entry(&f->succession, true);

	append->newer = memory_alloc(sizeof(*append->newer));
	*append->newer = f->newer;
	return append;
}

/* The answers of a writer: each append is in order, and the change alone in its commit. */
static void answers_look(struct mailbox *answers, uint64_t first, size_t expected)
{
	struct letter *next, *letter = mailbox_take_all(answers);

	for (; letter != NULL; letter = next) {
		struct writer_answer *answer = (struct writer_answer *)letter;
		const struct journal_append *append = answer->appends;

		next = letter->next;
		assert_int_equal(answer->error, E_OK);
		if (append->newer != NULL)
			assert_null(append->letter.next);
		for (; append != NULL; append = (const struct journal_append *)append->letter.next, expected--) {
			assert_int_equal(append->entry, first++);
			assert_true(append->newer == NULL || append->head_signed);
		}
		writer_answer_free(answer);
	}
	assert_int_equal(expected, 0);
}

static void the_key_changes_between_what_was_handed_over_before_and_after(void **state)
{
	enum { COUNT = 60, CHANGE = 30 };
	struct fixture *f = *state;
	struct mailbox *answers = mailbox_new();
	struct journal_append *appends[COUNT];
	struct writer *writer;
	uint64_t first;

	key_append(f, &f->succession, false);
	first = f->ledger.journal->state.position.entry + 1;
	for (uint64_t i = 0, number = 1; i < COUNT; i++)
		appends[i] = i == CHANGE ? change_of(f)
					 : ledger_append(&f->ledger, &(struct saying){.origin = POLICE,
										      .first = number++,
										      .audience = TO(ARMY)});
	writer = writer_start(f->ledger.journal, answers);
	for (size_t i = 0; i < COUNT; i++)
		writer_append(writer, appends[i]);
	writer_stop(writer);
	answers_look(answers, first, COUNT);
	mailbox_free(answers);
	assert_string_equal(verified(f, &f->newer.signing), "");
	assert_int_equal(opens_with(f, &f->newer.signing), E_OK);
}

static void a_full_disk_leaves_the_key_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct journal_append *change = change_of(f);

	key_append(f, &f->succession, false);
	assert_int_equal(database_run(f->ledger.journal->db, "PRAGMA max_page_count=1", NULL), E_OK);
	buffer_reserve(&change->content, 1 << 20); /* more than may be free in its pages */
	memset(change->content.data + change->content.size, 0, (1 << 20) - change->content.size);
	change->content.size = 1 << 20;
	assert_int_equal(ledger_commit(&f->ledger, change, NULL), E_DISK_FULL);
	assert_int_equal(database_run(f->ledger.journal->db, "PRAGMA max_page_count=1000000", NULL), E_OK);
	journal_append_free(change);
	say(f, 1);
	assert_string_equal(verified(f, &f->present.signing), "");
	assert_int_equal(succeed(f), E_OK);
	assert_string_equal(verified(f, &f->newer.signing), "");
}

/* ---- the start */

struct start {
	struct broker_settings settings;
	struct broker_identity identity;
	char *next;
};

/* The files of a broker beside the journal, which is closed. */
static void start_lay(struct fixture *f, struct start *start, bool with_newer)
{
	*start = (struct start){.settings = {.journal = f->ledger.path}};
	start->settings.keys = memory_format("%s/broker.keys", f->ledger.path);
	start->next = newer_keys_path(&start->settings);
	memcpy(start->identity.master, f->ledger.options.master, KEY_SIZE);
	assert_int_equal(broker_keys_save(&f->present, NULL, start->settings.keys, NULL), E_OK);
	if (with_newer)
		assert_int_equal(broker_keys_save(&f->newer, NULL, start->next, NULL), E_OK);
	journal_close(f->ledger.journal);
	f->ledger.journal = NULL;
}

/* Which keys it starts with. */
static void assert_starts_with(struct start *start, const struct broker_keys *expected)
{
	struct journal *journal = NULL;
	struct broker_keys filed;
	struct fault fault = {0};

	assert_int_equal(broker_keys_load(&start->identity.keys, NULL, start->settings.keys, NULL), E_OK);
	assert_int_equal(keys_take_up(&start->settings, &start->identity, &journal, &fault), E_OK);
	assert_memory_equal(start->identity.keys.signing.public_key, expected->signing.public_key, KEY_SIZE);
	assert_memory_equal(start->identity.keys.curve_public, expected->curve_public, KEY_SIZE);
	journal_close(journal);
	assert_int_equal(broker_keys_load(&filed, NULL, start->settings.keys, NULL), E_OK);
	assert_memory_equal(filed.signing.public_key, expected->signing.public_key, KEY_SIZE);
}

static void start_free(struct start *start)
{
	free(start->settings.keys);
	free(start->next);
}

static void a_start_takes_up_what_was_announced_once(void **state)
{
	struct fixture *f = *state;
	struct start start;

	key_append(f, &f->succession, false);
	start_lay(f, &start, true);
	assert_starts_with(&start, &f->newer);
	assert_int_not_equal(access(start.next, F_OK), 0);
	assert_starts_with(&start, &f->newer);
	assert_string_equal(verified(f, &f->newer.signing), "");
	start_free(&start);
}

static void a_start_goes_on_with_the_present_keys_when_nobody_was_told_of_newer_ones(void **state)
{
	struct fixture *f = *state;
	struct start start;

	start_lay(f, &start, true);
	assert_starts_with(&start, &f->present);
	assert_int_equal(access(start.next, F_OK), 0);
	start_free(&start);
}

static void a_start_without_the_announced_keys_goes_on_with_the_present_ones(void **state)
{
	struct fixture *f = *state;
	struct start start;

	key_append(f, &f->succession, false);
	start_lay(f, &start, false);
	assert_starts_with(&start, &f->present);
	start_free(&start);
}

/* The entry was written and the file had not followed. */
static void a_start_after_a_crash_in_between_finds_the_newer_keys(void **state)
{
	struct fixture *f = *state;
	struct start start;

	key_append(f, &f->succession, false);
	assert_int_equal(succeed(f), E_OK);
	start_lay(f, &start, true);
	assert_starts_with(&start, &f->newer);
	assert_int_not_equal(access(start.next, F_OK), 0);
	start_free(&start);
}

/* ---- the files, while it runs */

static void said_count(void *context, enum log_level level, const char *text)
{
	unsigned *count = context;

	(void)level;
	*count += strstr(text, "keys.taken_up") != NULL;
}

static void keys_that_could_not_be_filed_are_not_called_so(void **state)
{
	struct fixture *f = *state;
	struct start start;
	unsigned count = 0;

	start_lay(f, &start, false);
	log_copy(said_count, &count);
	newer_keys_file(&start.settings); /* there are none */
	assert_int_equal(count, 0);
	assert_int_equal(broker_keys_save(&f->newer, NULL, start.next, NULL), E_OK);
	newer_keys_file(&start.settings);
	log_copy(NULL, NULL);
	assert_int_equal(count, 1);
	start_free(&start);
}

static void newer_keys_are_loaded_and_filed_without_asking_anybody(void **state)
{
	struct fixture *f = *state;
	struct broker_keys *newer, filed;
	struct key_lock other;
	struct start start;

	start_lay(f, &start, false);
	assert_int_equal(newer_keys_load(&start.settings, &start.identity, &newer, &f->fault), E_NOT_FOUND);
	assert_null(newer);
	assert_int_equal(broker_keys_save(&f->newer, NULL, start.next, NULL), E_OK);
	assert_int_equal(newer_keys_load(&start.settings, &start.identity, &newer, &f->fault), E_OK);
	assert_memory_equal(newer, &f->newer, sizeof(*newer));
	newer_keys_file(&start.settings);
	assert_int_equal(broker_keys_load(&filed, NULL, start.settings.keys, NULL), E_OK);
	assert_memory_equal(&filed, &f->newer, sizeof(filed));
	/* Under a passphrase of their own: a start can ask for it. */
	assert_int_equal(key_lock_new(&other, "another passphrase", &(struct lock_cost){1, 8}, NULL), E_OK);
	assert_int_equal(broker_keys_save(&f->present, &other, start.next, NULL), E_OK);
	broker_keys_free(newer);
	assert_int_equal(newer_keys_load(&start.settings, &start.identity, &newer, &f->fault), E_PASSPHRASE);
	start.identity.lock = other;
	start.identity.lock.salt[0] ^= 1;
	assert_int_equal(newer_keys_load(&start.settings, &start.identity, &newer, &f->fault), E_PASSPHRASE);
	assert_null(newer);
	/* What was locked together opens. */
	start.identity.lock = other;
	assert_int_equal(newer_keys_load(&start.settings, &start.identity, &newer, &f->fault), E_OK);
	broker_keys_free(newer);
	start_free(&start);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(announced_keys_come_in_force_and_what_was_signed_before_stays_good),
		TEST(keys_that_no_operator_put_in_force_are_on_the_record_without_one),
		TEST(keys_that_were_not_announced_do_not_come_in_force),
		TEST(a_new_incarnation_goes_on_under_the_newer_key),
		TEST(a_key_that_changes_without_an_entry_is_damage),
		TEST(a_key_in_force_that_nobody_announced_is_damage),
		TEST(a_succession_without_the_authority_is_damage),
		TEST(a_succession_of_another_key_is_damage),
		TEST(a_new_incarnation_under_another_key_is_damage),
		TEST(the_key_changes_between_what_was_handed_over_before_and_after),
		TEST(a_full_disk_leaves_the_key_as_it_was),
		TEST(a_start_takes_up_what_was_announced_once),
		TEST(a_start_goes_on_with_the_present_keys_when_nobody_was_told_of_newer_ones),
		TEST(a_start_without_the_announced_keys_goes_on_with_the_present_ones),
		TEST(a_start_after_a_crash_in_between_finds_the_newer_keys),
		TEST(newer_keys_are_loaded_and_filed_without_asking_anybody),
		TEST(keys_that_could_not_be_filed_are_not_called_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
