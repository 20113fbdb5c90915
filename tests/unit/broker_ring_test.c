/* broker_ring_test - an office follows the broker's keys only along successions, keeps them over a start, and is not
 * led back to a former key. */
#include "agents/reports/broker_ring.h"
#include "agents/reports/inbox.h"
#include "tests/support/agent_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

enum { FIRST, SECOND, THIRD, KEYS };

struct fixture {
	struct agent_world world;
	struct store store;
	struct join join; /* as the ring has it */
	struct broker_ring ring;
	struct broker_keys keys[KEYS];
	struct broker_succession steps[KEYS];
	Simpul__BrokerSuccession messages[KEYS];
	Simpul__BrokerTerm terms[KEYS], *list[KEYS];
	struct fault fault;
};

/* Each key signs for the next one; `authority` for all. */
static void steps_make(struct fixture *f, const struct signing_key *authority)
{
	static const struct successions none;

	for (size_t i = 1; i < KEYS; i++) {
		broker_succession_sign(&f->steps[i], f->world.join.exchange, &f->keys[i - 1].signing, &f->keys[i],
				       1770000000000 + i, authority, &none);
		broker_succession_to_message(&f->steps[i], &f->messages[i]);
	}
}

static void ring_open(struct fixture *f)
{
	f->join = f->world.join; /* the file stays what it is */
	assert_int_equal(broker_ring_open(&f->ring, &f->store, &f->join, &f->fault), E_OK);
}

static int start(void **state)
{
	struct fixture *f = *state = test_calloc(1, sizeof *f);

	agent_world_start(&f->world);
	agent_store_open(&f->world, "police.oku", &f->store);
	f->keys[FIRST] = f->world.broker;
	broker_keys_generate(&f->keys[SECOND]);
	broker_keys_generate(&f->keys[THIRD]);
	steps_make(f, &f->world.authority);
	ring_open(f);
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

/* What WELCOME says when keys[1] to keys[last] came in force at entries 10, 20 ... */
static Simpul__BrokerTerms terms_up_to(struct fixture *f, size_t last)
{
	Simpul__BrokerTerms message = SIMPUL__BROKER_TERMS__INIT;

	for (size_t i = 1; i <= last; i++) {
		simpul__broker_term__init(&f->terms[i]);
		f->terms[i].entry = 10 * i;
		f->terms[i].succession = &f->messages[i];
		f->list[i - 1] = &f->terms[i];
	}
	message.terms = f->list;
	message.n_terms = last;
	return message;
}

static enum error tell(struct fixture *f, size_t last, size_t session)
{
	const Simpul__BrokerTerms message = terms_up_to(f, last);

	return broker_ring_told(&f->ring, last > 0 ? &message : NULL, f->keys[session].curve_public, &f->fault);
}

static enum error hear(struct fixture *f, size_t step, bool in_force)
{
	Simpul__BrokerKey key = SIMPUL__BROKER_KEY__INIT;
	enum error error;

	key.succession = &f->messages[step];
	key.in_force = in_force;
	assert_int_equal(store_begin(&f->store, NULL), E_OK);
	error = broker_ring_heard(&f->ring, 9, &key, &f->fault);
	assert_int_equal(store_end(&f->store, E_OK, NULL), E_OK);
	return error;
}

static void assert_in_force(const struct fixture *f, size_t key)
{
	assert_memory_equal(f->join.broker_signing, f->keys[key].signing.public_key, KEY_SIZE);
	assert_memory_equal(f->join.broker_curve, f->keys[key].curve_public, KEY_SIZE);
}

static void what_is_announced_is_kept_and_not_in_force(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(hear(f, SECOND, false), E_OK);
	for (int times = 0; times < 2; times++) {
		assert_in_force(f, FIRST);
		assert_true(f->ring.terms.is_announced);
		assert_memory_equal(f->ring.terms.announced.curve_key, f->keys[SECOND].curve_public, KEY_SIZE);
		ring_open(f);
	}
}

static void what_came_in_force_is_kept_over_a_start(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(hear(f, SECOND, false), E_OK);
	assert_int_equal(tell(f, 1, SECOND), E_OK);
	assert_in_force(f, SECOND);
	assert_false(f->ring.terms.is_announced);
	ring_open(f);
	assert_in_force(f, SECOND);
	assert_int_equal(tell(f, 2, THIRD), E_OK);
	ring_open(f);
	assert_in_force(f, THIRD);
	assert_memory_equal(broker_terms_key(&f->ring.terms, 9, f->join.broker_signing),
			    f->keys[FIRST].signing.public_key, KEY_SIZE);
	assert_memory_equal(broker_terms_key(&f->ring.terms, 19, f->join.broker_signing),
			    f->keys[SECOND].signing.public_key, KEY_SIZE);
}

/* It would raise an alarm against the broker. */
static void a_store_that_is_damaged_is_no_fault_of_the_brokers(void **state)
{
	static const struct node_keys none;
	struct fixture *f = *state;
	struct inbox *inbox = inbox_new(&f->store, &none, &f->world.join);
	Simpul__Entry *entry = agent_entry(&f->world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY);
	Simpul__BrokerKey key = SIMPUL__BROKER_KEY__INIT;
	struct buffer batch = {0};

	inbox_broker(inbox, &f->ring);
	key.succession = &f->messages[SECOND];
	entry->content_case = SIMPUL__ENTRY__CONTENT_BROKER_KEY;
	entry->broker_key = &key;
	agent_batch(&f->world, 0, &entry, 1, NULL, &batch);
	assert_int_equal(database_run(f->store.db, "INSERT INTO meta VALUES('broker keys', x'ff')", &f->fault), E_OK);
	assert_int_equal(inbox_apply(inbox, buffer_view(&batch), &f->fault), INBOX_FAILED);
	assert_int_equal(f->fault.code, E_CORRUPT);
	inbox_free(inbox);
	buffer_free(&batch);
}

static void other_programs_of_the_office_follow_too(void **state)
{
	struct fixture *f = *state;
	char *path = agent_world_path(&f->world, "police.oku");
	struct join join = f->world.join;

	assert_int_equal(tell(f, 1, SECOND), E_OK);
	broker_ring_follow(path, NULL, &join);
	assert_memory_equal(join.broker_curve, f->keys[SECOND].curve_public, KEY_SIZE);
	join = f->world.join;
	broker_ring_follow("/nowhere/agent.db", NULL, &join);
	assert_memory_equal(join.broker_curve, f->world.join.broker_curve, KEY_SIZE);
}

static void a_newer_join_file_counts_though_the_store_knows_less(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(hear(f, SECOND, false), E_OK);
	memcpy(f->world.join.broker_signing, f->keys[THIRD].signing.public_key, KEY_SIZE);
	memcpy(f->world.join.broker_curve, f->keys[THIRD].curve_public, KEY_SIZE);
	ring_open(f);
	assert_in_force(f, THIRD);
	assert_int_equal(tell(f, 2, THIRD), E_OK);
	assert_in_force(f, THIRD);
}

static void what_the_authority_did_not_sign_is_refused(void **state)
{
	struct fixture *f = *state;
	struct signing_key other;

	signing_key_generate(&other);
	steps_make(f, &other);
	assert_int_equal(hear(f, SECOND, false), E_BAD_SIGNATURE);
	assert_int_equal(tell(f, 1, SECOND), E_BAD_SIGNATURE);
	ring_open(f);
	assert_in_force(f, FIRST);
	assert_false(f->ring.terms.is_announced);
}

static void who_speaks_under_another_key_than_it_tells_is_refused(void **state)
{
	struct fixture *f = *state;

	/* With the former pair it cannot tell of the newer one, nor under the newer one deny it. */
	assert_int_equal(tell(f, 1, FIRST), E_BAD_SIGNATURE);
	assert_int_equal(tell(f, 0, SECOND), E_BAD_SIGNATURE);
	assert_in_force(f, FIRST);
	assert_int_equal(tell(f, 0, FIRST), E_OK);
}

static void nobody_is_led_back_to_a_former_key(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(tell(f, 2, THIRD), E_OK);
	assert_int_equal(tell(f, 0, FIRST), E_HISTORY_DIFFERS);
	assert_int_equal(tell(f, 1, SECOND), E_BAD_SIGNATURE);
	assert_int_equal(hear(f, SECOND, false), E_OK); /* an old entry, fetched late */
	assert_false(f->ring.terms.is_announced);
	assert_in_force(f, THIRD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_announced_is_kept_and_not_in_force),
		TEST(what_came_in_force_is_kept_over_a_start),
		TEST(a_store_that_is_damaged_is_no_fault_of_the_brokers),
		TEST(other_programs_of_the_office_follow_too),
		TEST(a_newer_join_file_counts_though_the_store_knows_less),
		TEST(what_the_authority_did_not_sign_is_refused),
		TEST(who_speaks_under_another_key_than_it_tells_is_refused),
		TEST(nobody_is_led_back_to_a_former_key),
	};

	keys_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
