/* core_terms_test - the broker announces newer keys of its own only when they are signed by its present one and by the
 * authority, once, to everybody, and tells them in WELCOME; it takes up those and no others, and no session hears two. */
#include "common/broker_succession.h"
#include "common/chain.h"
#include "common/memory.h"
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

/* ---- taken up */

static struct broker_keys announced(struct world *world)
{
	struct broker_succession succession;
	struct broker_keys newer;

	broker_keys_generate(&newer);
	succession = good(world, &newer);
	assert_int_equal(offer(world, &succession), E_OK);
	world_forget(world);
	return newer;
}

static void ask_for(struct world *world, const struct broker_keys *keys)
{
	struct core_event event = {.type = CORE_TAKE_UP, .operator_ticket = 9};

	event.take_up = memory_alloc(sizeof(*keys));
	*event.take_up = *keys;
	world_step(world, &event);
}

/* What the operator gets; with E_OK the world's journal goes on under the newer keys too. */
static enum error take_up(struct world *world, const struct broker_keys *keys)
{
	world_forget(world);
	ask_for(world, keys);
	world_commit(world, E_OK);
	if (world_find(world, ACTION_ANSWER, 0)->fault.code == E_OK)
		world->options.broker = keys->signing;
	return world_find(world, ACTION_ANSWER, 0)->fault.code;
}

static size_t connected(const struct world *world)
{
	struct core_status status;

	core_status(world->core, &status);
	return status.connected;
}

/* Which key signed it. */
static bool batch_is_of(const struct world *world, const Simpul__Batch *batch, const struct signing_key *key)
{
	struct position upto;

	assert_int_equal(position_of_message(&upto, batch->upto), E_OK);
	return chain_verify(key->public_key, world->options.exchange, &upto,
			    BYTES(batch->signature.data, batch->signature.len));
}

static const Simpul__Batch *fetched(struct world *world, size_t node)
{
	world_forget(world);
	world_fetch(world, node, 0);
	world_read(world);
	return world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch;
}

/* Old positions too, whose signature the core has made before. */
static void a_session_hears_one_key_of_the_broker(void **state)
{
	struct world *world = *state;
	const struct signing_key former = world->options.broker;
	const Simpul__Batch *batch;
	struct broker_keys newer;
	uint64_t upto;

	world_hello(world, POLICE, 0);
	world_hello(world, ARMY, 0);
	for (uint64_t i = 0; i < 5; i++) { /* more than one batch */
		world_say(world, &(struct speech){.node = POLICE, .first = 1 + i * 40, .count = 40, .summary = 4000});
		world_commit(world, E_OK);
	}
	newer = announced(world);
	batch = fetched(world, ARMY);
	upto = batch->upto->entry;
	assert_true(upto < world->position.entry);
	assert_true(batch_is_of(world, batch, &former));

	ask_for(world, &newer);
	assert_int_equal(connected(world), 2); /* until it is on disk nothing is different */
	world_forget(world);
	world_commit(world, E_OK);
	world->options.broker = newer.signing;
	assert_int_equal(world_count(world, ACTION_TAKE_UP), 1);
	assert_int_equal(world_answer(world), E_OK);
	assert_true(world_logged(world, "keys.in_force"));
	/* Nobody hears anything more in a session that the former one opened. */
	assert_int_equal(connected(world), 0);
	world_tick(world, 2 * LIMIT_HEARTBEAT_MS);
	assert_int_equal(world_count(world, ACTION_SEND) + world_count(world, ACTION_PUBLISH), 0);

	assert_int_equal(told(world, ARMY)->n_terms, 1);
	batch = fetched(world, ARMY);
	assert_int_equal(batch->upto->entry, upto);
	assert_true(batch_is_of(world, batch, &newer.signing));
}

/* The answer to a HELLO would be a session of the connection that is closed. */
static void who_waits_for_welcome_when_keys_change_asks_again(void **state)
{
	struct world *world = *state;
	struct broker_keys newer;

	newer = announced(world);
	world_restart(world); /* so that the head at its cursor is read */
	world_hello(world, ARMY, 1);
	assert_int_equal(connected(world), 0);
	assert_int_equal(take_up(world, &newer), E_OK);
	world_read(world);
	assert_int_equal(connected(world), 0);
	world_hello(world, ARMY, 1);
	world_read(world);
	assert_int_equal(connected(world), 1);
}

static void only_keys_that_were_announced_are_taken_up(void **state)
{
	struct world *world = *state;
	struct broker_keys newer, other;
	struct broker_succession succession;
	uint64_t entry;

	broker_keys_generate(&other);
	assert_int_equal(take_up(world, &other), E_NOT_FOUND);
	newer = announced(world);
	entry = world->position.entry;
	assert_int_equal(take_up(world, &other), E_NOT_FOUND);
	other = newer;
	other.curve_public[0] ^= 1;
	assert_int_equal(take_up(world, &other), E_NOT_FOUND);
	assert_int_equal(world->position.entry, entry);
	/* One change after the other. */
	ask_for(world, &newer);
	world_forget(world);
	ask_for(world, &newer);
	assert_int_equal(world_answer(world), E_BUSY);
	succession = good(world, &other);
	world_step(world, &(struct core_event){.type = CORE_BROKER_KEY, .broker_key = &succession, .operator_ticket = 8});
	assert_int_equal(world_find(world, ACTION_ANSWER, 1)->fault.code, E_BUSY);
	world_commit(world, E_OK);
	world->options.broker = newer.signing;
	assert_int_equal(world->position.entry, entry + 1);
	assert_int_equal(take_up(world, &newer), E_NOT_FOUND);
	/* The next ones, in the same process. */
	newer = announced(world);
	assert_int_equal(take_up(world, &newer), E_OK);
	world_restart(world);
	assert_int_equal(told(world, ARMY)->n_terms, 2);
}

static void keys_that_could_not_be_put_in_force_change_nothing(void **state)
{
	struct world *world = *state;
	const struct signing_key former = world->options.broker;
	struct broker_keys newer;

	world_hello(world, ARMY, 0);
	newer = announced(world);
	ask_for(world, &newer);
	world_forget(world);
	world_commit(world, E_DISK_FULL);
	assert_int_equal(world_answer(world), E_DISK_FULL);
	assert_int_equal(world_count(world, ACTION_TAKE_UP), 0);
	assert_int_equal(connected(world), 1);
	assert_true(batch_is_of(world, fetched(world, ARMY), &former));
	assert_int_equal(take_up(world, &newer), E_OK);
	assert_int_equal(connected(world), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(newer_keys_are_announced_to_everybody),
		TEST(the_same_keys_are_announced_once),
		TEST(a_forged_succession_is_refused),
		TEST(what_came_in_force_is_told_with_the_entry_it_holds_from),
		TEST(a_session_hears_one_key_of_the_broker),
		TEST(who_waits_for_welcome_when_keys_change_asks_again),
		TEST(only_keys_that_were_announced_are_taken_up),
		TEST(keys_that_could_not_be_put_in_force_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
