/* Tries to break what store.h promises. */
#include "agents/reports/inbox_store.h"
#include "agents/reports/store_progress.h"
#include "common/file.h"
#include "tests/support/agent_world.h"

#include <glob.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

struct fixture {
	struct agent_world world;
	struct store store;
	struct agent_office old_key, new_key;
};

static int start(void **state)
{
	struct fixture *f = *state = test_calloc(1, sizeof *f);

	agent_world_start(&f->world);
	agent_store_open(&f->world, "police.oku", &f->store);
	agent_office_make(&f->world, "army.oku", 1, &f->old_key);
	agent_office_make(&f->world, "army.oku", 2, &f->new_key);
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	store_close(&f->store);
	agent_world_end(&f->world);
	test_free(f);
	return 0;
}

static void members_store(struct fixture *f)
{
	assert_int_equal(store_member(&f->store, 10, &f->old_key.member, NULL), E_OK);
	assert_int_equal(store_member(&f->store, 20, &f->new_key.member, NULL), E_OK);
}

static void standing_store(struct fixture *f, uint64_t entry, uint32_t key_id, Simpul__Standing standing, wall_ms since)
{
	Simpul__MemberStanding message = SIMPUL__MEMBER_STANDING__INIT;
	char node[] = "army.oku";

	message.node = node;
	message.key_id = key_id;
	message.standing = standing;
	message.since = since;
	assert_int_equal(store_standing(&f->store, entry, &message, NULL), E_OK);
}

/* The broker was restored to entry 15 and the office of the second key enrolled again, at another entry. */
static void a_key_of_a_history_that_is_over_holds_from_where_it_is_told_again(void **state)
{
	struct fixture *f = *state;
	const struct position kept = {.incarnation = 1, .entry = 15};
	struct member_key key;

	members_store(f);
	assert_int_equal(store_begin(&f->store, NULL), E_OK);
	assert_int_equal(store_end(&f->store, inbox_store_rewind(&f->store, &kept, NULL), NULL), E_OK);
	assert_int_equal(store_key(&f->store, "army.oku", 1, 30, &key, NULL), E_OK);
	assert_int_equal(store_key(&f->store, "army.oku", 2, 21, &key, NULL), E_KEY_UNKNOWN);
	assert_int_equal(store_member(&f->store, 17, &f->new_key.member, NULL), E_OK);
	assert_int_equal(store_key(&f->store, "army.oku", 2, 18, &key, NULL), E_OK);
	assert_int_equal(store_key(&f->store, "army.oku", 1, 18, &key, NULL), E_KEY_EXPIRED);
}

static void a_store_of_another_office_is_refused(void **state)
{
	struct fixture *f = *state;
	char *path = agent_world_path(&f->world, "police.oku");
	uint8_t other[EXCHANGE_SIZE] = {1};
	struct store store;

	assert_int_equal(store_open(&store, path, NULL, other, "police.oku", NULL), E_EXCHANGE);
	assert_int_equal(store_open(&store, path, NULL, f->world.join.exchange, "army.oku", NULL), E_CONFIG);
	assert_null(store.db);
}

static void a_reader_cannot_write(void **state)
{
	struct fixture *f = *state;
	struct store reader;

	assert_int_equal(store_open_reader(&reader, agent_world_path(&f->world, "police.oku"), NULL, NULL), E_OK);
	assert_string_equal(reader.node, "police.oku");
	assert_int_equal(reader.epoch, 1);
	assert_int_not_equal(store_member(&reader, 1, &f->old_key.member, NULL), E_OK);
	store_close(&reader);
}

static void a_key_from_before_rotation_is_in_force_for_old_entries_only(void **state)
{
	struct fixture *f = *state;
	struct member_key key;

	members_store(f);
	assert_int_equal(store_key(&f->store, "army.oku", 1, 15, &key, NULL), E_OK);
	assert_memory_equal(key.member.signing_key, f->old_key.keys.signing.public_key, KEY_SIZE);
	assert_int_equal(key.valid_from, 10);
	assert_int_equal(key.valid_until, 20);
	assert_int_equal(store_key(&f->store, "army.oku", 1, 21, &key, NULL), E_KEY_EXPIRED);
	assert_int_equal(store_key(&f->store, "army.oku", 1, 9, &key, NULL), E_KEY_EXPIRED);
	assert_int_equal(store_key(&f->store, "army.oku", 2, 21, &key, NULL), E_OK);
	assert_int_equal(store_key(&f->store, "army.oku", 3, 21, &key, NULL), E_KEY_UNKNOWN);
	assert_int_equal(store_key(&f->store, "navy.oku", 1, 21, &key, NULL), E_KEY_UNKNOWN);
}

static void nobody_is_sealed_to_under_a_key_that_is_no_longer_good(void **state)
{
	struct fixture *f = *state;
	struct member_key key;

	members_store(f);
	assert_int_equal(store_current_key(&f->store, "army.oku", &key, NULL), E_OK);
	assert_int_equal(key.member.key_id, 2);
	standing_store(f, 30, 2, SIMPUL__STANDING__STANDING_SUSPENDED, 0);
	assert_int_equal(store_current_key(&f->store, "army.oku", &key, NULL), E_KEY_UNKNOWN);
	standing_store(f, 31, 2, SIMPUL__STANDING__STANDING_ACTIVE, 0);
	assert_int_equal(store_current_key(&f->store, "army.oku", &key, NULL), E_OK);
}

static void a_retired_key_verifies_what_came_before_and_nothing_after(void **state)
{
	struct fixture *f = *state;
	struct member_key key;

	members_store(f);
	standing_store(f, 30, 2, SIMPUL__STANDING__STANDING_RETIRED, 0);
	assert_int_equal(store_key(&f->store, "army.oku", 2, 29, &key, NULL), E_OK);
	assert_int_equal(store_key(&f->store, "army.oku", 2, 31, &key, NULL), E_KEY_EXPIRED);
}

static void a_compromise_reaches_back(void **state)
{
	struct fixture *f = *state;
	struct member_key key;

	members_store(f);
	standing_store(f, 30, 2, SIMPUL__STANDING__STANDING_COMPROMISED, 12345);
	assert_int_equal(store_key(&f->store, "army.oku", 2, 25, &key, NULL), E_OK);
	assert_int_equal(key.standing, SIMPUL__STANDING__STANDING_COMPROMISED);
	assert_int_equal(key.doubtful_since, 12345);
}

static void no_broker_can_take_a_compromise_back(void **state)
{
	struct fixture *f = *state;
	struct member_key key;

	members_store(f);
	standing_store(f, 30, 2, SIMPUL__STANDING__STANDING_COMPROMISED, 12345);
	standing_store(f, 31, 2, SIMPUL__STANDING__STANDING_ACTIVE, 0);
	standing_store(f, 32, 2, SIMPUL__STANDING__STANDING_COMPROMISED, 99999);
	assert_int_equal(store_key(&f->store, "army.oku", 2, 33, &key, NULL), E_OK);
	assert_int_equal(key.standing, SIMPUL__STANDING__STANDING_COMPROMISED);
	assert_int_equal(key.doubtful_since, 12345);
}

static void a_key_id_is_never_given_to_another_key(void **state)
{
	struct fixture *f = *state;
	struct agent_office other;
	struct member_key key;

	members_store(f);
	agent_office_make(&f->world, "army.oku", 2, &other);
	assert_int_equal(store_member(&f->store, 40, &other.member, NULL), E_EXISTS);
	assert_int_equal(store_member(&f->store, 41, &f->new_key.member, NULL), E_OK);
	assert_int_equal(store_key(&f->store, "army.oku", 2, 42, &key, NULL), E_OK);
	assert_memory_equal(key.member.signing_key, f->new_key.keys.signing.public_key, KEY_SIZE);
	assert_int_equal(key.valid_from, 20);
}

static void what_is_rolled_back_was_never_there(void **state)
{
	struct fixture *f = *state;
	struct member_key key;

	assert_int_equal(store_begin(&f->store, NULL), E_OK);
	members_store(f);
	store_rollback(&f->store);
	store_rollback(&f->store);
	assert_int_equal(store_current_key(&f->store, "army.oku", &key, NULL), E_KEY_UNKNOWN);
}

static void a_new_store_begins_before_the_first_entry(void **state)
{
	struct fixture *f = *state;
	struct position cursor;

	assert_int_equal(store_cursor(&f->store, &cursor, NULL), E_OK);
	assert_int_equal(cursor.entry, 0);
	assert_int_equal(cursor.incarnation, 0);
	assert_true(bytes_all_zero(BYTES(cursor.head.bytes, HASH_SIZE)));
}

static int interrupt(void *count)
{
	(void)count;
	return 1;
}

static void what_cannot_be_read_is_not_taken_for_absent(void **state)
{
	struct fixture *f = *state;
	struct member_key key;
	struct position cursor;
	uint64_t row;

	members_store(f);
	sqlite3_progress_handler(f->store.db, 1, interrupt, NULL);
	assert_int_equal(store_key(&f->store, "army.oku", 1, 15, &key, NULL), E_IO);
	assert_int_equal(store_current_key(&f->store, "army.oku", &key, NULL), E_IO);
	assert_int_equal(store_member(&f->store, 10, &f->old_key.member, NULL), E_IO);
	assert_int_equal(store_cursor(&f->store, &cursor, NULL), E_IO);
	assert_int_equal(store_sink_position(&f->store, "files", &row, NULL, NULL), E_IO);
	sqlite3_progress_handler(f->store.db, 0, NULL, NULL);
	assert_int_equal(f->store.failure.code, E_IO);
}

static void after_a_commit_that_failed_nothing_more_is_written(void **state)
{
	struct fixture *f = *state;
	const struct sink_letter position = {.name = "files", .row = 1, .unsure = 1};
	struct fault fault = {0};

	sqlite3_commit_hook(f->store.db, interrupt, NULL);
	assert_int_equal(store_begin(&f->store, NULL), E_OK);
	members_store(f);
	assert_int_not_equal(store_commit(&f->store, NULL), E_OK);
	sqlite3_commit_hook(f->store.db, NULL, NULL);
	assert_int_not_equal(f->store.failure.code, E_OK);
	assert_int_equal(store_begin(&f->store, &fault), f->store.failure.code);
	assert_int_not_equal(store_sink_letters(&f->store, &position.letter, NULL), E_OK);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM sink"), 0);
}

static void after_a_lone_write_that_failed_nothing_more_is_written(void **state)
{
	struct fixture *f = *state;
	const struct position seen = {.incarnation = 1, .entry = 15};
	struct fault fault = {0};

	sqlite3_commit_hook(f->store.db, interrupt, NULL);
	assert_int_not_equal(inbox_store_cursor(&f->store, &seen, NULL), E_OK);
	sqlite3_commit_hook(f->store.db, NULL, NULL);
	assert_int_not_equal(f->store.failure.code, E_OK);
	assert_int_equal(store_begin(&f->store, &fault), f->store.failure.code);
	assert_int_equal(inbox_store_cursor(&f->store, &seen, &fault), f->store.failure.code);
}

/* Where one begins in this text; NULL when there is no other. A piece of one that begins like a whole counts too. */
static const char *statement_find(const char *text)
{
	static const char *const verbs[] = {"SELECT ", "INSERT ", "UPDATE ", "DELETE ", "PRAGMA ", "WITH "};

	while ((text = strchr(text, '"')) != NULL) {
		text++;
		for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
			if (strncmp(text, verbs[i], strlen(verbs[i])) == 0)
				return text;
	}
	return NULL;
}

/* One too many ends an agent where it is taken first, in the field. */
static void there_is_room_for_every_statement_of_the_agent(void **state)
{
	size_t count = 0;
	glob_t found;

	(void)state;
	assert_int_equal(glob("agents/{,*/}*.c", GLOB_BRACE, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct buffer text = {0};

		assert_int_equal(file_read(found.gl_pathv[i], 1 << 20, &text, NULL), E_OK);
		buffer_u8(&text, 0);
		for (const char *at = (const char *)text.data; (at = statement_find(at)) != NULL;)
			count++;
		buffer_free(&text);
	}
	globfree(&found);
	assert_true(count > 200);
	assert_true(count <= STORE_STATEMENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_of_a_history_that_is_over_holds_from_where_it_is_told_again, start, end),
		cmocka_unit_test_setup_teardown(a_store_of_another_office_is_refused, start, end),
		cmocka_unit_test_setup_teardown(a_reader_cannot_write, start, end),
		cmocka_unit_test_setup_teardown(a_key_from_before_rotation_is_in_force_for_old_entries_only, start,
						end),
		cmocka_unit_test_setup_teardown(nobody_is_sealed_to_under_a_key_that_is_no_longer_good, start, end),
		cmocka_unit_test_setup_teardown(a_retired_key_verifies_what_came_before_and_nothing_after, start, end),
		cmocka_unit_test_setup_teardown(a_compromise_reaches_back, start, end),
		cmocka_unit_test_setup_teardown(no_broker_can_take_a_compromise_back, start, end),
		cmocka_unit_test_setup_teardown(a_key_id_is_never_given_to_another_key, start, end),
		cmocka_unit_test_setup_teardown(what_is_rolled_back_was_never_there, start, end),
		cmocka_unit_test_setup_teardown(a_new_store_begins_before_the_first_entry, start, end),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_not_taken_for_absent, start, end),
		cmocka_unit_test_setup_teardown(after_a_commit_that_failed_nothing_more_is_written, start, end),
		cmocka_unit_test_setup_teardown(after_a_lone_write_that_failed_nothing_more_is_written, start, end),
		cmocka_unit_test(there_is_room_for_every_statement_of_the_agent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
