/* core_terms_test - the broker announces newer keys of its own only when they are signed by its present one and by the
 * authority, once, to everybody, and tells them in WELCOME. */
#include "common/broker_succession.h"
#include "tests/support/core_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static int setup(void **state)
{
	*state = world_new();
	return 0;
}

static struct broker_succession made(const struct world *world, const struct signing_key *former,
				     const struct broker_keys *next, const struct signing_key *authority)
{
	static const struct successions none;
	struct broker_succession succession;

	broker_succession_sign(&succession, world->options.exchange, former, next, world->now.wall, authority, &none);
	return succession;
}

static struct broker_succession good(const struct world *world, const struct broker_keys *next)
{
	return made(world, &world->options.broker, next, &world->authority);
}

/* What the operator gets. */
static enum error offer(struct world *world, const struct broker_succession *succession)
{
	const struct core_event event = {.type = CORE_BROKER_KEY, .broker_key = succession, .operator_ticket = 8};

	world_forget(world);
	world_step(world, &event);
	world_commit(world, E_OK);
	return world_find(world, ACTION_ANSWER, 0)->fault.code;
}

static const Simpul__BrokerTerms *told(struct world *world, size_t node)
{
	world_forget(world);
	world_hello(world, node, 0);
	return world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME)->welcome->broker_keys;
}

static bool key_is(ProtobufCBinaryData data, const uint8_t key[KEY_SIZE])
{
	return bytes_equal(BYTES(data.data, data.len), BYTES(key, KEY_SIZE));
}

static void newer_keys_are_announced_to_everybody(void **state)
{
	struct world *world = *state;
	struct broker_succession succession;
	struct core_status status;
	struct broker_keys newer;

	broker_keys_generate(&newer);
	assert_null(told(world, POLICE));
	world_fetch(world, POLICE, 0);
	world_read(world);
	succession = good(world, &newer);
	assert_int_equal(offer(world, &succession), E_OK);
	assert_true(world_logged(world, "keys.announced"));
	core_status(world->core, &status);
	assert_int_equal(status.announced, world->position.entry);
	/* Who is connected gets the entry, who comes hears of it in WELCOME; also after a start. */
	assert_int_equal(world_pushes(world, POLICE), 1);
	assert_true(key_is(told(world, ARMY)->announced->signing_key, newer.signing.public_key));
	assert_true(key_is(told(world, ARMY)->announced->curve_key, newer.curve_public));
	assert_int_equal(told(world, ARMY)->n_terms, 0);
	world_restart(world);
	assert_true(key_is(told(world, ARMY)->announced->signing_key, newer.signing.public_key));
}

static void the_same_keys_are_announced_once(void **state)
{
	struct world *world = *state;
	struct broker_succession succession;
	struct broker_keys newer, newest;

	broker_keys_generate(&newer);
	broker_keys_generate(&newest);
	succession = good(world, &newer);
	assert_int_equal(offer(world, &succession), E_OK);
	assert_int_equal(offer(world, &succession), E_EXISTS);
	/* Whose newer keys are lost makes others. */
	succession = good(world, &newest);
	assert_int_equal(offer(world, &succession), E_OK);
	assert_true(key_is(told(world, ARMY)->announced->signing_key, newest.signing.public_key));
}

static void a_forged_succession_is_refused(void **state)
{
	struct world *world = *state;
	const uint64_t entry = world->position.entry;
	struct broker_succession succession;
	struct signing_key other;
	struct broker_keys newer;

	broker_keys_generate(&newer);
	signing_key_generate(&other);
	succession = made(world, &world->options.broker, &newer, &other);
	assert_int_equal(offer(world, &succession), E_BAD_SIGNATURE);
	succession = made(world, &world->options.broker, &newer, &world->options.broker);
	assert_int_equal(offer(world, &succession), E_BAD_SIGNATURE);
	succession = made(world, &other, &newer, &world->authority);
	assert_int_equal(offer(world, &succession), E_INVALID);
	succession = good(world, &newer);
	succession.curve_key[0] ^= 1;
	assert_int_equal(offer(world, &succession), E_BAD_SIGNATURE);
	assert_int_equal(world->position.entry, entry);
	assert_null(told(world, ARMY));
}

/* The journal has what journal_succeed wrote before the start. */
static void what_came_in_force_is_told_with_the_entry_it_holds_from(void **state)
{
	struct world *world = *state;
	const struct signing_key former = world->options.broker;
	struct broker_succession succession;
	struct journal_append *append = journal_append_new();
	Simpul__BrokerKey key = SIMPUL__BROKER_KEY__INIT;
	Simpul__BrokerSuccession message;
	const Simpul__BrokerTerms *terms;
	struct core_status status;
	struct broker_keys newer;

	broker_keys_generate(&newer);
	succession = good(world, &newer);
	assert_int_equal(offer(world, &succession), E_OK);
	broker_succession_to_message(&succession, &message);
	key.succession = &message;
	key.in_force = true;
	append->type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_BROKER_KEY;
	buffer_reserve(&append->content, simpul__broker_key__get_packed_size(&key));
	append->content.size = simpul__broker_key__pack(&key, append->content.data);
	world->options.broker = newer.signing;
	world_store(world, append);
	journal_append_free(append);
	world_restart(world);
	terms = told(world, ARMY);
	assert_null(terms->announced);
	assert_int_equal(terms->n_terms, 1);
	assert_int_equal(terms->terms[0]->entry, world->position.entry);
	assert_true(key_is(terms->terms[0]->succession->former_key, former.public_key));
	core_status(world->core, &status);
	assert_int_equal(status.broker_made, succession.created_at);
	assert_int_equal(status.announced, 0);
	/* A key that was in force never comes back, and the former one announces nothing more. */
	assert_int_equal(offer(world, &succession), E_INVALID);
	succession = made(world, &newer.signing, &(struct broker_keys){.signing = former}, &world->authority);
	assert_int_equal(offer(world, &succession), E_INVALID);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(newer_keys_are_announced_to_everybody),
		TEST(the_same_keys_are_announced_once),
		TEST(a_forged_succession_is_refused),
		TEST(what_came_in_force_is_told_with_the_entry_it_holds_from),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
