/* Tries to use a key that has no right any more, and to enroll what does not fit. */
#include "tests/support/core_expect.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static enum error enroll(struct world *world, const struct member *member)
{
	struct core_event event = {.type = CORE_ENROLL, .enroll = member, .operator_ticket = 8};

	world_forget(world);
	world_step(world, &event);
	world_commit(world, E_OK);
	return world_answer(world);
}

static void a_new_key_supersedes_the_older_one(void **state)
{
	struct world *world = *state;
	const struct node_keys old = world->keys[ARMY];
	struct member member;

	node_keys_generate(&world->keys[ARMY], 2);
	member_request(&member, world->options.exchange, "army.oku", &world->keys[ARMY], world->now.wall);
	assert_int_equal(enroll(world, &member), E_BAD_SIGNATURE); /* the authority has not signed */
	member_countersign(&member, &world->authority);
	assert_int_equal(enroll(world, &member), E_OK);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE)->goodbye->code, E_KEY_EXPIRED);
	assert_true(world_logged(world, "member.enrolled node=army.oku key_id=2"));
	assert_int_equal(core_key_status(world->core, old.curve_public, NULL), E_KEY_EXPIRED);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_OK);
	assert_int_equal(enroll(world, &member), E_EXISTS);
	world_restart(world);
	assert_int_equal(core_key_status(world->core, old.curve_public, NULL), E_KEY_EXPIRED);
}

/* The record of the node's second key is on its way to disk. */
static void next_key_begin(struct world *world, const char *node)
{
	struct node_keys keys;
	struct member member;
	const struct core_event event = {.type = CORE_ENROLL, .enroll = &member, .operator_ticket = 8};

	node_keys_generate(&keys, 2);
	member_request(&member, world->options.exchange, node, &keys, world->now.wall);
	member_countersign(&member, &world->authority);
	world_step(world, &event);
}

/* The new key is in force from its entry on, so what comes after that must not be signed with the former one. */
static void nothing_under_the_former_key_comes_after_the_record_of_the_new_one(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = ARMY}); /* on its way before */
	next_key_begin(world, "army.oku");
	world_forget(world);
	world_say(world, &(struct speech){.node = ARMY, .first = 2});
	assert_int_equal(world_refusal(world), E_BUSY);
	assert_int_equal(world_queued(world), 2);
	world_commit(world, E_DISK_FULL); /* as if nothing had been tried */
	world_accepts(world, (struct speech){.node = ARMY});
}

/* A recipient opens with the key in force at the entry of what it gets, and may have lost the one before. */
static void nothing_sealed_for_the_former_key_comes_after_the_record_of_the_new_one(void **state)
{
	struct world *world = *state;
	const struct speech speech = {
		.node = POLICE, .sealed = true, .wraps = {world_names[IMMIGRATION], world_names[ARMY]}};

	next_key_begin(world, "army.oku");
	world_forget(world);
	world_say(world, &speech);
	assert_int_equal(world_refusal(world), E_BUSY);
	assert_string_equal(world_refusal_field(world), "submit.routing.wraps");
	assert_int_equal(world_queued(world), 1);
	world_commit(world, E_OK);
	world_forget(world);
	world_say(world, &speech);
	world_commit(world, E_OK);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt->verdicts[0]->code, E_KEY_EXPIRED);
}

/* Only whom it is sealed for is waited for. */
static void what_is_sealed_for_others_does_not_wait_for_a_new_key(void **state)
{
	struct world *world = *state;

	next_key_begin(world, "health.oku");
	world_accepts(world,
		      (struct speech){
			      .node = POLICE, .sealed = true, .to = {world_names[ARMY]}, .wraps = {world_names[ARMY]}});
}

static void spoil_key_to_first(Simpul__Submission *message)
{
	message->key_id = 1;
}

static void what_was_accepted_under_a_former_key_still_gets_its_receipt(void **state)
{
	struct world *world = *state;
	struct member member;

	world_accepts(world, (struct speech){.node = ARMY});
	node_keys_generate(&world->keys[ARMY], 2);
	member_request(&member, world->options.exchange, "army.oku", &world->keys[ARMY], world->now.wall);
	member_countersign(&member, &world->authority);
	assert_int_equal(enroll(world, &member), E_OK);
	world->members[ARMY] = member;
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	world_forget(world);
	world_say(world, &(struct speech){.node = ARMY, .spoil_message = spoil_key_to_first});
	world_read(world);
	assert_int_equal(world_receipt(world)->entry, FIRST_ENTRY);
	world_refuses(world, (struct speech){.node = ARMY, .first = 2, .spoil_message = spoil_key_to_first},
		      E_KEY_EXPIRED);
}

static void a_record_that_does_not_fit_is_not_taken(void **state)
{
	struct world *world = *state;
	struct node_keys keys;
	struct member member;

	node_keys_generate(&keys, 3);
	member_request(&member, world->options.exchange, "army.oku", &keys, world->now.wall);
	member_countersign(&member, &world->authority);
	assert_int_equal(enroll(world, &member), E_INVALID); /* key 2 was left out */
	keys.key_id = 1;
	memcpy(keys.curve_public, world->keys[POLICE].curve_public, KEY_SIZE);
	member_request(&member, world->options.exchange, "navy.oku", &keys, world->now.wall);
	member_countersign(&member, &world->authority);
	assert_int_equal(enroll(world, &member), E_EXISTS); /* somebody else's transport key */
	node_keys_generate(&keys, 1);
	member_request(&member, world->options.exchange, "navy.oku", &keys, world->now.wall);
	member_countersign(&member, &world->options.broker); /* not the authority */
	assert_int_equal(enroll(world, &member), E_BAD_SIGNATURE);
}

static void standing(struct world *world, size_t node, Simpul__Standing to, enum error code)
{
	world_forget(world);
	world_standing(world, node, to);
	world_commit(world, E_OK);
	assert_int_equal(world_answer(world), code);
}

static void a_compromised_key_never_comes_back(void **state)
{
	struct world *world = *state;

	standing(world, ARMY, SIMPUL__STANDING__STANDING_ACTIVE, E_UNEXPECTED);
	standing(world, ARMY, SIMPUL__STANDING__STANDING_RETIRED, E_OK);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE)->goodbye->code, E_KEY_REVOKED);
	standing(world, ARMY, SIMPUL__STANDING__STANDING_ACTIVE, E_OK);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_OK);
	standing(world, ARMY, SIMPUL__STANDING__STANDING_COMPROMISED, E_OK);
	standing(world, ARMY, SIMPUL__STANDING__STANDING_ACTIVE, E_UNEXPECTED);
	standing(world, ARMY, SIMPUL__STANDING__STANDING_RETIRED, E_UNEXPECTED);
	world_restart(world);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_KEY_REVOKED);
	world_hello(world, POLICE, world->position.entry);
	world_reaches(world, (struct speech){.node = POLICE}, "immigration.muara-enim", NULL);
}

/* What operators say of a key of the army's; 0: the present one. */
static void compromised(struct world *world, uint32_t key_id, wall_ms since, enum error code)
{
	struct core_event event = {.type = CORE_STANDING};

	event.standing.node = world_names[ARMY];
	event.standing.key_id = key_id;
	event.standing.standing = SIMPUL__STANDING__STANDING_COMPROMISED;
	event.standing.since = since;
	world_forget(world);
	world_step(world, &event);
	world_commit(world, E_OK);
	assert_int_equal(world_answer(world), code);
}

/* A laptop is missed on Monday, and was stolen on Friday. */
static void a_key_that_was_lost_earlier_than_was_said_is_called_so(void **state)
{
	struct world *world = *state;
	const wall_ms now = world->now.wall;

	compromised(world, 0, now + 1, E_CLOCK);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_OK);
	compromised(world, 0, now - 10, E_OK);
	compromised(world, 0, now - 10, E_UNEXPECTED);
	compromised(world, 0, now, E_UNEXPECTED); /* nothing makes it better */
	compromised(world, 0, now - 20, E_OK);
	assert_int_equal(world->records[world->position.entry].type, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_STANDING);
	world_restart(world);
	compromised(world, 0, now - 15, E_UNEXPECTED);
	compromised(world, 1, now - 30, E_OK);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_KEY_REVOKED);
}

/* The theft is found after the office has new keys. */
static void a_former_key_is_called_compromised_and_the_office_stays_in(void **state)
{
	struct world *world = *state;
	const struct node_keys old = world->keys[ARMY];

	world_rekeys(world, ARMY, 2);
	world_hello(world, ARMY, world->position.entry);
	compromised(world, 3, world->now.wall, E_NOT_FOUND);
	compromised(world, 1, world->now.wall - 10, E_OK);
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_GOODBYE));
	assert_true(world_logged(world, "member.standing node=army.oku key_id=1 standing=4"));
	for (int starts = 0; starts < 2; starts++) {
		assert_int_equal(core_key_status(world->core, old.curve_public, NULL), E_KEY_REVOKED);
		assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_OK);
		world_restart(world);
	}
	compromised(world, 1, world->now.wall - 20, E_OK);
	world_hello(world, ARMY, world->position.entry);
	world_accepts(world, (struct speech){.node = ARMY});
}

static void operators_get_an_answer_for_what_does_not_exist(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_STANDING};

	event.standing.node = "navy.oku";
	event.standing.standing = SIMPUL__STANDING__STANDING_RETIRED;
	world_step(world, &event);
	assert_int_equal(world_answer(world), E_NOT_FOUND);
	world_forget(world);
	event = (struct core_event){.type = CORE_RESEED};
	event.reseed.node = "navy.oku";
	world_step(world, &event);
	assert_int_equal(world_answer(world), E_NOT_FOUND);
}

/* ---- what nobody waits for */

static void the_disk_is_full_and_then_is_not(struct world *world)
{
	struct core_event disk = {.type = CORE_DISK, .disk_low = true};

	assert_int_equal(world_queued(world), 1);
	world_forget(world);
	world_commit(world, E_DISK_FULL);
	assert_true(world_logged(world, "entry.postponed node=army.oku"));
	world_step(world, &disk);
	world_tick(world, 5000);
	assert_int_equal(world_queued(world), 0);
	disk.disk_low = false;
	world_step(world, &disk);
	world_tick(world, 100);
	assert_int_equal(world_queued(world), 1);
	world_commit(world, E_OK);
	world_tick(world, 5000);
	assert_int_equal(world_queued(world), 0);
}

static void who_listens_to_others_is_suspended_though_the_disk_was_full(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_SUBSCRIBED};

	event.subscribed.curve_key = world->keys[ARMY].curve_public;
	event.subscribed.topic = BYTES("everything", 10);
	event.subscribed.added = true;
	world_step(world, &event);
	the_disk_is_full_and_then_is_not(world);
	world_restart(world);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_KEY_SUSPENDED);
}

/* An operator calls its former key lost meanwhile, which says nothing of the present one. */
static void who_is_to_be_suspended_stays_out_when_a_former_key_is_revoked(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_SUBSCRIBED};

	world_rekeys(world, ARMY, 2);
	world_hello(world, ARMY, world->position.entry);
	event.subscribed.curve_key = world->keys[ARMY].curve_public;
	event.subscribed.topic = BYTES("everything", 10);
	event.subscribed.added = true;
	world_step(world, &event);
	world_commit(world, E_DISK_FULL);
	compromised(world, 1, world->now.wall - 10, E_OK);
	assert_int_not_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_OK);
	for (int seconds = 0; seconds < 5 && world_queued(world) == 0; seconds++)
		world_tick(world, 1000);
	world_commit(world, E_OK);
	world_restart(world);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_KEY_SUSPENDED);
}

/* The same, but that entry is still on its way to the disk when the suspension is to be tried again. */
static void who_is_to_be_suspended_is_though_an_operator_decides_something_else_meanwhile(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_SUBSCRIBED}, former = {.type = CORE_STANDING};

	world_rekeys(world, ARMY, 2);
	world_hello(world, ARMY, world->position.entry);
	event.subscribed.curve_key = world->keys[ARMY].curve_public;
	event.subscribed.topic = BYTES("everything", 10);
	event.subscribed.added = true;
	world_step(world, &event);
	world_commit(world, E_DISK_FULL);
	former.standing.node = world_names[ARMY];
	former.standing.key_id = 1;
	former.standing.standing = SIMPUL__STANDING__STANDING_COMPROMISED;
	former.standing.since = world->now.wall - 10;
	world_step(world, &former);
	world_tick(world, 5000);
	assert_int_equal(world_queued(world), 1);
	world_commit(world, E_OK);
	world_tick(world, 5000);
	assert_int_equal(world_queued(world), 1);
	world_commit(world, E_OK);
	world_restart(world);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_KEY_SUSPENDED);
}

/* Nor is it let in before that is on disk. */
static void who_is_to_be_suspended_is_not_let_in_while_the_disk_is_full(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_SUBSCRIBED};

	event.subscribed.curve_key = world->keys[ARMY].curve_public;
	event.subscribed.topic = BYTES("everything", 10);
	event.subscribed.added = true;
	world_step(world, &event);
	world_commit(world, E_DISK_FULL);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_KEY_SUSPENDED);
	standing(world, ARMY, SIMPUL__STANDING__STANDING_COMPROMISED, E_OK);
	world_tick(world, 5000);
	assert_int_equal(world_queued(world), 0); /* it would undo the revocation */
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_KEY_REVOKED);
}

static void missing_only(Simpul__Hello *hello)
{
	static char category[] = "missing";
	static char *categories[] = {category};
	static Simpul__Subscription subscription = SIMPUL__SUBSCRIPTION__INIT;

	subscription.n_categories = 1;
	subscription.categories = categories;
	hello->subscription = &subscription;
}

static void what_an_office_subscribed_to_is_stored_though_the_disk_was_full(void **state)
{
	struct world *world = *state;

	world_greet(world, ARMY, 0, missing_only);
	the_disk_is_full_and_then_is_not(world);
	world_restart(world);
	world_hello(world, POLICE, world->position.entry);
	world_reaches(world, (struct speech){.node = POLICE}, "immigration.muara-enim", NULL);
}

/* A stolen key would open the past again after a restart. */
static void a_reseed_is_used_up_though_the_disk_was_full(void **state)
{
	struct core_event reseed = {.type = CORE_RESEED, .reseed = {"army.oku", 2, "inbox lost"}};
	struct world *world = *state;

	world_step(world, &reseed);
	world_commit(world, E_OK);
	world_hello(world, ARMY, 3);
	world_read(world);
	the_disk_is_full_and_then_is_not(world);
	world_ack(world, ARMY, world->position.entry);
	world_restart(world);
	world_forget(world);
	world_hello(world, ARMY, 2);
	world_read(world);
	assert_int_equal(world_refusal(world), E_BELOW_CURSOR);
}

/* Nor does it matter that another one was asked for meanwhile, for which there was no room either. */
static void a_reseed_is_used_up_though_an_operator_asked_for_another_meanwhile(void **state)
{
	struct core_event reseed = {.type = CORE_RESEED, .reseed = {"army.oku", 2, "inbox lost"}};
	struct world *world = *state;

	world_step(world, &reseed);
	world_commit(world, E_OK);
	world_hello(world, ARMY, 3);
	world_read(world);
	world_commit(world, E_DISK_FULL);
	world_step(world, &reseed);
	world_tick(world, 5000);
	assert_int_equal(world_queued(world), 1);
	world_commit(world, E_DISK_FULL);
	world_tick(world, 5000);
	assert_int_equal(world_queued(world), 1);
	world_commit(world, E_OK);
	world_tick(world, 5000);
	assert_int_equal(world_queued(world), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_key_supersedes_the_older_one),
		TEST(nothing_sealed_for_the_former_key_comes_after_the_record_of_the_new_one),
		TEST(what_is_sealed_for_others_does_not_wait_for_a_new_key),
		TEST(nothing_under_the_former_key_comes_after_the_record_of_the_new_one),
		TEST(what_was_accepted_under_a_former_key_still_gets_its_receipt),
		TEST(a_record_that_does_not_fit_is_not_taken),
		TEST(a_compromised_key_never_comes_back),
		TEST(a_key_that_was_lost_earlier_than_was_said_is_called_so),
		TEST(a_former_key_is_called_compromised_and_the_office_stays_in),
		TEST(operators_get_an_answer_for_what_does_not_exist),
		TEST(who_listens_to_others_is_suspended_though_the_disk_was_full),
		TEST(who_is_to_be_suspended_stays_out_when_a_former_key_is_revoked),
		TEST(who_is_to_be_suspended_is_though_an_operator_decides_something_else_meanwhile),
		TEST(who_is_to_be_suspended_is_not_let_in_while_the_disk_is_full),
		TEST(what_an_office_subscribed_to_is_stored_though_the_disk_was_full),
		TEST(a_reseed_is_used_up_though_the_disk_was_full),
		TEST(a_reseed_is_used_up_though_an_operator_asked_for_another_meanwhile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
