/* journal_audit_test - tries to deceive an auditor who has a file and one public key: with other keys, forks, cuts,
 * rollbacks, and tombstones and acts that say what is not so. Edits of columns: journal_verify_test. */
#include "broker/journal/act.h"
#include "broker/journal/journal_sqlite.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/support/ledger.h"
#include "tests/support/process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <cmocka.h>

#define TO(node) (1u << (node))
#define EXPIRES (LEDGER_START + 3600 * 1000)
#define EXPIRED SIMPUL__PURGE_RULE__PURGE_RULE_EXPIRED
#define RETRACTED SIMPUL__PURGE_RULE__PURGE_RULE_RETRACTED

static int setup(void **state)
{
	struct ledger *ledger = *state = memory_zero(1, sizeof(*ledger));

	ledger_open(ledger);
	ledger_say(ledger, &(struct saying){.origin = POLICE,
					    .first = 1,
					    .count = 3,
					    .audience = TO(ARMY),
					    .expires = EXPIRES}); /* entry 7 */
	return 0;
}

static int teardown(void **state)
{
	ledger_close(*state);
	free(*state);
	return 0;
}

/* A copy of the journal in a folder of its own, as it is now; free it. */
static char *copy_of(const struct ledger *ledger, const char *name)
{
	char *folder = memory_format("%s/%s", ledger->path, name), *file = memory_format("%s/journal.db", folder);
	char *keys = memory_format("%s/keys.db", folder);
	struct position last;

	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(journal_backup(&ledger->options, file, keys, &last, NULL), E_OK);
	assert_int_equal(remove(keys), 0);
	free(keys);
	free(folder);
	return file;
}

static struct journal_verdict audit(const struct ledger *ledger, const char *file, const struct position *held)
{
	struct journal_verdict verdict;
	struct fault fault = {0};

	if (journal_audit(file, ledger->authority.public_key, held, &verdict, &fault) != E_OK)
		fail_msg("%s at %s", error_name(fault.code), fault.field);
	return verdict;
}

/* The verdict about a journal that ends with this tombstone. */
static struct journal_verdict buried(struct ledger *ledger, const struct erasure *erasure)
{
	char *file;
	struct journal_verdict verdict;

	ledger_bury(ledger, erasure, 1);
	file = copy_of(ledger, "copy");
	verdict = audit(ledger, file, NULL);
	free(file);
	return verdict;
}

static void a_file_and_a_public_key_are_enough(void **state)
{
	struct ledger *ledger = *state;
	char *file = copy_of(ledger, "copy"), *beside = memory_format("%s-shm", file);
	struct journal_verdict verdict = audit(ledger, file, NULL);
	struct stat status;

	assert_string_equal(verdict.what, "");
	assert_int_equal(verdict.reports, 3);
	assert_int_equal(verdict.last.entry, 7);
	assert_int_not_equal(stat(beside, &status), 0); /* nothing is written where it lies */
	free(beside);
	free(file);
}

static void a_journal_of_another_authority_is_named_at_its_beginning(void **state)
{
	const struct ledger *ledger = *state;
	char *file = copy_of(ledger, "copy");
	struct signing_key other;
	struct journal_verdict verdict;

	signing_key_generate(&other);
	assert_int_equal(journal_audit(file, other.public_key, NULL, &verdict, NULL), E_OK);
	assert_int_equal(verdict.bad_entry, 1);
	assert_string_equal(verdict.what, "the journal is of another authority");
	free(file);
}

static void what_is_no_journal_is_a_fault_and_no_verdict(void **state)
{
	const struct ledger *ledger = *state;
	struct journal_verdict verdict;
	struct fault fault = {0};

	assert_int_equal(journal_audit("/nowhere/journal.db", ledger->authority.public_key, NULL, &verdict, &fault),
			 E_NOT_FOUND);
	assert_int_not_equal(journal_audit("/dev/null", ledger->authority.public_key, NULL, &verdict, &fault), E_OK);
}

/* A broker that means ill signs two histories with the same key: each is good in itself, and not beside the other. */
static void a_fork_is_found_by_the_head_of_the_other_history(void **state)
{
	struct ledger *ledger = *state, *other = memory_zero(1, sizeof(*other));
	char *keys = memory_format("%s/fork/keys.db", ledger->path), *folder = memory_format("%s/fork", ledger->path);
	char *file = memory_format("%s/journal.db", folder), *copy;
	struct position held, last;

	*other = *ledger;
	assert_int_equal(mkdir(folder, 0700), 0);
	assert_int_equal(journal_backup(&ledger->options, file, keys, &last, NULL), E_OK);
	other->options.path = folder;
	assert_int_equal(journal_open_marked(&other->journal, &other->options, NULL), E_OK);
	ledger_say(ledger, &(struct saying){.origin = ARMY, .first = 1, .audience = TO(POLICE)});
	ledger_say(ledger, &(struct saying){.origin = ARMY, .first = 2, .audience = TO(POLICE)});
	held = ledger->journal->state.position;
	ledger_say(other, &(struct saying){.origin = IMMIGRATION, .first = 1, .audience = TO(POLICE)});
	journal_close(other->journal);
	assert_string_equal(audit(ledger, file, NULL).what, "");
	assert_int_equal(audit(ledger, file, &held).bad_entry, 9); /* shorter: not there yet, or rolled back */
	assert_int_equal(journal_open_marked(&other->journal, &other->options, NULL), E_OK);
	ledger_say(other, &(struct saying){.origin = IMMIGRATION, .first = 2, .audience = TO(POLICE)});
	journal_close(other->journal);
	assert_int_equal(audit(ledger, file, &held).bad_entry, 9);
	assert_string_equal(audit(ledger, file, &held).what, "the head is not the one that is held: this is another history");
	copy = copy_of(ledger, "copy");
	assert_string_equal(audit(ledger, copy, &held).what, "");
	free(copy);
	free(keys);
	free(file);
	free(folder);
	free(other);
}

static void a_rollback_is_found_by_a_head_from_before_it(void **state)
{
	struct ledger *ledger = *state;
	char *file = copy_of(ledger, "copy");
	struct position held;

	ledger_say(ledger, &(struct saying){.origin = ARMY, .first = 1, .audience = TO(POLICE)});
	held = ledger->journal->state.position;
	assert_int_equal(audit(ledger, file, &held).bad_entry, 8);
	free(file);
}

/* ---------------------------------------------------------------------------- tombstones of a broker that means ill */

static const char not_expired[] = "the tombstone says of a report that it has expired, and it had not";
static const char not_taken_back[] = "the tombstone names a CANCEL that did not take the report back";

static void a_body_that_was_erased_before_its_time_is_found(void **state)
{
	struct ledger *ledger = *state;
	struct journal_verdict verdict = buried(ledger, &(struct erasure){7, 0, 1, EXPIRED, 0, 0});

	assert_string_equal(verdict.what, not_expired);
	assert_int_equal(verdict.bad_entry, 8);
}

static void what_expired_beside_what_did_not_is_told_apart(void **state)
{
	struct ledger *ledger = *state;

	ledger->now = EXPIRES; /* the first of the three */
	ledger_bury(ledger, &(struct erasure){7, 0, 1, EXPIRED, 0, 0}, 1);
	ledger->now = EXPIRES + 500;
	assert_string_equal(buried(ledger, &(struct erasure){7, 2, 1, EXPIRED, 0, 0}).what, not_expired);
}

static uint64_t update(struct ledger *ledger, uint64_t first, uint64_t reference)
{
	return ledger_say(ledger, &(struct saying){.origin = POLICE,
						   .first = first,
						   .kind = SIMPUL__KIND__KIND_UPDATE,
						   .reference = reference,
						   .audience = TO(ARMY)});
}

static uint64_t take_back(struct ledger *ledger, uint64_t first, uint64_t reference)
{
	return ledger_say(ledger, &(struct saying){.origin = POLICE,
						   .first = first,
						   .kind = SIMPUL__KIND__KIND_CANCEL,
						   .reference = reference,
						   .erase = true});
}

static void a_cancel_of_another_report_takes_nothing_back(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t cause = take_back(ledger, 4, 2);

	ledger_bury(ledger, &(struct erasure){7, 1, 1, RETRACTED, cause, 0}, 1);
	assert_string_equal(buried(ledger, &(struct erasure){7, 0, 1, RETRACTED, cause, 0}).what, not_taken_back);
}

static void a_cancel_that_only_cancels_takes_nothing_back(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t cause = ledger_say(
		ledger, &(struct saying){.origin = POLICE, .first = 4, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 2});

	assert_string_equal(buried(ledger, &(struct erasure){7, 1, 1, RETRACTED, cause, 0}).what, not_taken_back);
}

static void a_report_that_is_no_cancel_takes_nothing_back(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t cause =
		ledger_say(ledger, &(struct saying){.origin = POLICE, .first = 4, .audience = TO(ARMY)});

	assert_string_equal(buried(ledger, &(struct erasure){7, 1, 1, RETRACTED, cause, 0}).what, not_taken_back);
}

static void a_tombstone_of_what_is_no_report_is_found(void **state)
{
	struct ledger *ledger = *state;

	ledger->now = EXPIRES + 100000;
	assert_string_equal(buried(ledger, &(struct erasure){7, 2, 2, EXPIRED, 0, 0}).what,
			    "the tombstone names reports that cannot be");
}

static void an_update_goes_with_what_it_updates(void **state)
{
	struct ledger *ledger = *state;
	const uint64_t entry = update(ledger, 4, 2), cause = take_back(ledger, 5, 2);

	ledger_bury(ledger, &(struct erasure){7, 1, 1, RETRACTED, cause, 0}, 1);
	assert_string_equal(buried(ledger, &(struct erasure){entry, 0, 1, RETRACTED, cause, 0}).what, "");
}

/* Reports 4 to `last`: the first is an update of report 2, and each other of the one before. */
static void chain_say(struct ledger *ledger, uint64_t last)
{
	update(ledger, 4, 2);
	for (uint64_t number = 5; number <= last; number++)
		update(ledger, number, number - 1);
}

/* In whatever order: the last one first, of which nothing that it stands on has been looked at. */
static void a_whole_chain_of_updates_goes_with_what_it_updates(void **state)
{
	enum { LAST = 40 };
	struct ledger *ledger = *state;
	uint64_t cause;

	chain_say(ledger, LAST);
	cause = take_back(ledger, LAST + 1, 2);
	for (uint64_t entry = cause - 1; entry > 7; entry--)
		ledger_bury(ledger, &(struct erasure){entry, 0, 1, RETRACTED, cause, 0}, 1);
	assert_string_equal(buried(ledger, &(struct erasure){7, 1, 1, RETRACTED, cause, 0}).what, "");
}

/* An update falls alone, and then with its report once more: by either CANCEL. */
static void an_update_is_taken_back_by_a_cancel_of_anything_it_stands_on(void **state)
{
	struct ledger *ledger = *state;
	uint64_t first, second;

	chain_say(ledger, 6); /* entries 8 to 10 */
	first = take_back(ledger, 7, 5);
	ledger_bury(ledger, &(struct erasure){9, 0, 1, RETRACTED, first, 0}, 1);
	ledger_bury(ledger, &(struct erasure){10, 0, 1, RETRACTED, first, 0}, 1);
	second = take_back(ledger, 8, 2);
	ledger_bury(ledger, &(struct erasure){8, 0, 1, RETRACTED, second, 0}, 1);
	assert_string_equal(buried(ledger, &(struct erasure){10, 0, 1, RETRACTED, second, 0}).what, "");
}

static void a_cancel_of_an_update_takes_nothing_back_above_it(void **state)
{
	struct ledger *ledger = *state;
	uint64_t cause;

	chain_say(ledger, 6); /* entries 8 to 10 */
	cause = take_back(ledger, 7, 5);
	ledger_bury(ledger, &(struct erasure){10, 0, 1, RETRACTED, cause, 0}, 1);
	ledger_bury(ledger, &(struct erasure){9, 0, 1, RETRACTED, cause, 0}, 1);
	assert_string_equal(buried(ledger, &(struct erasure){8, 0, 1, RETRACTED, cause, 0}).what, not_taken_back);
}

static void a_cancel_of_an_update_takes_nothing_back_beside_it(void **state)
{
	struct ledger *ledger = *state;
	uint64_t cause, beside;

	chain_say(ledger, 6); /* entries 8 to 10 */
	beside = update(ledger, 7, 4);
	cause = take_back(ledger, 8, 5);
	ledger_bury(ledger, &(struct erasure){9, 0, 1, RETRACTED, cause, 0}, 1);
	assert_string_equal(buried(ledger, &(struct erasure){beside, 0, 1, RETRACTED, cause, 0}).what, not_taken_back);
}

/* ---------------------------------------------------------------------------- acts of a broker that means ill */

static uint64_t append_one(struct ledger *ledger, Simpul__EntryType type, struct buffer *content)
{
	struct journal_append *append = journal_append_new();
	uint64_t entry;

	append->type = type;
	buffer_bytes(&append->content, buffer_view(content));
	assert_int_equal(ledger_commit(ledger, append, NULL), E_OK);
	entry = append->entry;
	journal_append_free(append);
	buffer_free(content);
	return entry;
}

/* A reseed, and an act that says that the owners of two keys signed `said` for it. */
static struct journal_verdict verdict_of_signed(struct ledger *ledger, const struct signing_key keys[2], const char *said,
						 uint64_t entry_off)
{
	const wall_ms at = ledger->now;
	const struct hash content = act_reseed_content("army.oku", 1, said);
	const struct hash digest = act_digest(ledger->exchange, at, "reseed", &content);
	struct act_signature signatures[2] = {{.operator_name = "ani"}, {.operator_name = "budi"}};
	const struct act act = {.user = "root", .command = "reseed", .signed_at = at, .signatures = signatures};
	Simpul__FetchGrant grant = SIMPUL__FETCH_GRANT__INIT;
	struct buffer encoded = {0}, packed = {0};
	struct journal_verdict verdict;
	Simpul__Act *message;
	uint64_t entry;
	char *file;

	grant.node = (char *)(uintptr_t)"army.oku";
	grant.from_entry = 1;
	grant.reason = (char *)(uintptr_t)"inbox lost";
	wire_pack(&grant, &encoded);
	entry = append_one(ledger, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GRANT, &encoded);
	for (int i = 0; i < 2; i++) {
		memcpy(signatures[i].key, keys[i].public_key, KEY_SIZE);
		digest_sign(&keys[i], SIGN_TAG_ACT, &digest, signatures[i].signature);
	}
	act_pack(&act, &packed);
	message = simpul__act__unpack(NULL, packed.size, packed.data);
	buffer_clear(&packed);
	message->entry = entry - entry_off;
	wire_pack(message, &packed);
	simpul__act__free_unpacked(message, NULL);
	append_one(ledger, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_ACT, &packed);
	file = copy_of(ledger, "copy");
	verdict = audit(ledger, file, NULL);
	free(file);
	return verdict;
}

static void what_two_operators_signed_is_checked(void **state)
{
	struct signing_key keys[2];

	signing_key_generate(&keys[0]);
	signing_key_generate(&keys[1]);
	assert_string_equal(verdict_of_signed(*state, keys, "inbox lost", 0).what, "");
}

static void what_they_signed_for_something_else_is_found(void **state)
{
	struct signing_key keys[2];
	struct journal_verdict verdict;

	signing_key_generate(&keys[0]);
	signing_key_generate(&keys[1]);
	verdict = verdict_of_signed(*state, keys, "another reason", 0);
	assert_string_equal(verdict.what, "two operators did not sign what the act names");
	assert_int_equal(verdict.bad_entry, 9);
}

static void one_operator_twice_is_found(void **state)
{
	struct signing_key keys[2];

	signing_key_generate(&keys[0]);
	keys[1] = keys[0];
	assert_string_equal(verdict_of_signed(*state, keys, "inbox lost", 0).what,
			    "two operators did not sign what the act names");
}

static void signatures_for_what_nobody_signs_are_found(void **state)
{
	struct signing_key keys[2];

	signing_key_generate(&keys[0]);
	signing_key_generate(&keys[1]);
	assert_string_equal(verdict_of_signed(*state, keys, "inbox lost", 1).what,
			    "the act says that two operators signed what cannot be signed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_and_a_public_key_are_enough),
		TEST(a_journal_of_another_authority_is_named_at_its_beginning),
		TEST(what_is_no_journal_is_a_fault_and_no_verdict),
		TEST(a_fork_is_found_by_the_head_of_the_other_history),
		TEST(a_rollback_is_found_by_a_head_from_before_it),
		TEST(a_body_that_was_erased_before_its_time_is_found),
		TEST(what_expired_beside_what_did_not_is_told_apart),
		TEST(a_cancel_of_another_report_takes_nothing_back),
		TEST(a_cancel_that_only_cancels_takes_nothing_back),
		TEST(a_report_that_is_no_cancel_takes_nothing_back),
		TEST(a_tombstone_of_what_is_no_report_is_found),
		TEST(an_update_goes_with_what_it_updates),
		TEST(a_whole_chain_of_updates_goes_with_what_it_updates),
		TEST(an_update_is_taken_back_by_a_cancel_of_anything_it_stands_on),
		TEST(a_cancel_of_an_update_takes_nothing_back_above_it),
		TEST(a_cancel_of_an_update_takes_nothing_back_beside_it),
		TEST(what_two_operators_signed_is_checked),
		TEST(what_they_signed_for_something_else_is_found),
		TEST(one_operator_twice_is_found),
		TEST(signatures_for_what_nobody_signs_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
