/* Tries to get what the policy does not give, at acceptance and at delivery. */
#include "tests/support/core_expect.h"

#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* ---------------------------------------------------------------------------- audience */

static void to_and_not_to_narrow_the_audience(void **state)
{
	struct world *world = *state;

	world_reaches(world, (struct speech){.node = POLICE}, "army.oku", "immigration.muara-enim");
	world_reaches(world, (struct speech){.node = POLICE, .first = 2, .to = {"army"}}, "army.oku", NULL);
	world_reaches(world, (struct speech){.node = POLICE, .first = 3, .not_to = {"army.oku"}},
		      "immigration.muara-enim", NULL);
	assert_int_equal(world_pushes(world, ARMY), 0);
	world_reaches(world, (struct speech){.node = POLICE, .first = 4, .category = "missing"},
		      "immigration.muara-enim", NULL);
}

static void who_was_named_and_not_reached_is_told(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE, .to = {"army", "health", "health.oku", "police.timur"}});
	assert_int_equal(world_receipt(world)->n_audience, 1);
	assert_int_equal(world_receipt(world)->n_unreachable, 3);
	assert_string_equal(world_receipt(world)->unreachable[0], "health");
	assert_string_equal(world_receipt(world)->unreachable[2], "police.timur");
}

static void hello_missing_only(Simpul__Hello *hello)
{
	static Simpul__Subscription subscription = SIMPUL__SUBSCRIPTION__INIT;
	static char category[] = "missing";
	static char *categories[] = {category};

	subscription.n_categories = 1;
	subscription.categories = categories;
	hello->subscription = &subscription;
}

static void a_subscription_narrows_when_it_is_on_disk_and_to_overrides_it(void **state)
{
	struct world *world = *state;

	world_greet(world, IMMIGRATION, 0, hello_missing_only);
	assert_int_equal(world_queued(world), 1);
	world_commit(world, E_DISK_FULL); /* as if it had never been asked for */
	world_reaches(world, (struct speech){.node = POLICE}, "army.oku", "immigration.muara-enim");
	world_greet(world, IMMIGRATION, 0, hello_missing_only);
	world_commit(world, E_OK);
	assert_true(world_logged(world, "subscription.changed node=immigration.muara-enim"));
	world_greet(world, IMMIGRATION, 0, hello_missing_only);
	assert_int_equal(world_queued(world), 0); /* nothing changed */
	world_reaches(world, (struct speech){.node = POLICE, .first = 2}, "army.oku", NULL);
	world_reaches(world, (struct speech){.node = POLICE, .first = 3, .to = {"immigration"}},
		      "immigration.muara-enim", NULL);
	world_restart(world);
	world_hello(world, POLICE, world->position.entry);
	world_reaches(world, (struct speech){.node = POLICE, .first = 4}, "army.oku", NULL);
}

static void a_cancel_goes_to_whoever_got_the_report(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE, .to = {"army.oku"}});
	world_reaches(world,
		      (struct speech){.node = POLICE, .first = 2, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 1},
		      "army.oku", NULL);
	assert_int_equal(world_pushes(world, ARMY), 1);
	assert_int_equal(world_pushes(world, IMMIGRATION), 0);
}

static void member_records_go_to_everybody(void **state)
{
	struct world *world = *state;

	world_hello(world, HEALTH, 0);
	world_forget(world);
	world_fetch(world, HEALTH, 0);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->n_entries, 4);
	assert_string_equal(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch->entries[3]->member->node,
			    "health.oku");
	world_standing(world, ARMY, SIMPUL__STANDING__STANDING_RETIRED);
	world_commit(world, E_OK);
	assert_int_equal(world_pushes(world, HEALTH), 1);
	assert_int_equal(world_pushes(world, POLICE), 1);
}

/* ---------------------------------------------------------------------------- entitlement at delivery */

static const char *policy_without_army(char text[4096])
{
	char *place;

	strcpy(text, world_policy);
	place = strstr(text, "  - {node: army.oku");
	memmove(place, strchr(place, '\n') + 1, strlen(strchr(place, '\n')));
	return text;
}

static void a_new_policy_holds_for_what_was_accepted_before(void **state)
{
	struct world *world = *state;
	const Simpul__Batch *batch;
	char text[4096];

	world_tick(world, 10);
	world_accepts(world, (struct speech){.node = POLICE}); /* pushed, perhaps lost */
	world_load_policy(world, policy_without_army(text));
	world_commit(world, E_OK);
	assert_true(world_logged(world, "policy.changed version=2"));
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	batch = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch;
	assert_int_equal(batch->n_entries, 1);
	assert_int_equal(batch->entries[0]->content_case, SIMPUL__ENTRY__CONTENT_STUB);
	assert_int_equal(batch->entries[0]->stub->policy_version, 2);
	assert_int_equal(batch->entries[0]->entry, FIRST_ENTRY);
	assert_int_equal(world_find(world, ACTION_WITHHELD, 0)->entry, FIRST_ENTRY);
	assert_true(world_logged(world, "delivery.withheld node=army.oku entry=6"));
}

static void a_new_policy_holds_for_what_readers_bring(void **state)
{
	struct world *world = *state;
	const Simpul__Batch *batch;
	char text[4096];

	world_accepts(world, (struct speech){.node = POLICE});
	world_load_policy(world, policy_without_army(text));
	world_commit(world, E_OK);
	world_restart(world);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	world_read(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	world_read(world);
	batch = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch;
	assert_int_equal(batch->entries[0]->content_case, SIMPUL__ENTRY__CONTENT_STUB);
	assert_int_equal(batch->entries[0]->type, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION);
	assert_int_equal(world_count(world, ACTION_WITHHELD), 1);
}

static void nothing_is_handed_to_a_revoked_node_even_before_the_entry(void **state)
{
	struct world *world = *state;

	world_say(world, &(struct speech){.node = POLICE});
	world_standing(world, ARMY, SIMPUL__STANDING__STANDING_COMPROMISED);
	world_forget(world);
	world_commit_some(world, 1, E_OK); /* the report; the standing is still under way */
	assert_int_equal(world_pushes(world, ARMY), 0);
	assert_int_equal(world_pushes(world, IMMIGRATION), 1);
	world_tick(world, LIMIT_HEARTBEAT_MS);
	for (size_t i = 0; i < world_count(world, ACTION_PUBLISH); i++)
		assert_string_not_equal(world_find(world, ACTION_PUBLISH, i)->node, "army.oku");
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_KEY_REVOKED);
	assert_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	world_commit(world, E_OK);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_KEY_REVOKED);
	world_forget(world);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_KEY_REVOKED);
}

static void a_read_under_way_is_not_answered_to_a_revoked_node(void **state)
{
	struct world *world = *state;

	world_accepts(world, (struct speech){.node = POLICE});
	world_restart(world);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	world_read(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	world_standing(world, ARMY, SIMPUL__STANDING__STANDING_RETIRED);
	world_forget(world);
	world_read(world);
	assert_int_equal(world->seen_count, 0);
}

static void a_revocation_that_fails_is_undone(void **state)
{
	struct world *world = *state;

	world_standing(world, ARMY, SIMPUL__STANDING__STANDING_RETIRED);
	world_commit(world, E_DISK_FULL);
	assert_int_equal(world_answer(world), E_DISK_FULL);
	assert_int_equal(core_key_status(world->core, world->keys[ARMY].curve_public, NULL), E_OK);
	world_forget(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	assert_int_equal(world_refusal(world), E_OK);
	assert_true(world_node(world, ARMY).live);
}

static void a_page_beyond_what_was_committed_here_waits(void **state)
{
	struct world *world = *state;
	struct journal_append *waiting;
	const Simpul__Batch *batch;
	struct core_event event = {.type = CORE_COMMITTED};

	world_accepts(world, (struct speech){.node = POLICE});
	world_restart(world);
	world_hello(world, POLICE, world->position.entry);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	world_read(world);
	world_say(world, &(struct speech){.node = POLICE, .first = 2});
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	waiting = world->queue;
	world->queue = NULL;
	/* The journal has committed, a reader sees it, and the core has not heard of it yet. */
	world_store(world, waiting);
	world_forget(world);
	world_read(world);
	batch = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch;
	assert_int_equal(batch->n_entries, 1);
	assert_int_equal(batch->upto->entry, FIRST_ENTRY);
	assert_int_equal(world_count(world, ACTION_WITHHELD), 0);
	event.committed = waiting;
	world_forget(world);
	world_step(world, &event);
	assert_int_equal(world_pushes(world, ARMY), 1);
}

/* Or the office, to which nothing is left, would hear of what came meanwhile with the next heartbeat. */
static void a_page_that_the_journal_outran_goes_on_to_the_end(void **state)
{
	struct world *world = *state;
	struct core_event event = {.type = CORE_READ_DONE};
	const Simpul__Batch *batch;

	world_accepts(world, (struct speech){.node = ARMY});
	world_restart(world);
	world_hello(world, POLICE, world->position.entry);
	world_hello(world, ARMY, FIRST_ENTRY - 1);
	world_read(world);
	world_fetch(world, ARMY, FIRST_ENTRY - 1);
	event.read = world->reads;
	world->reads = NULL;
	event.read->page.upto = world->position;
	world_accepts(world, (struct speech){.node = POLICE});
	world_forget(world);
	world_step(world, &event);
	batch = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch;
	assert_int_equal(batch->n_entries, 1);
	assert_int_equal(batch->upto->entry, world->position.entry);
	assert_true(world_node(world, ARMY).live);
}

static void the_same_policy_is_no_new_entry(void **state)
{
	struct world *world = *state;
	char text[4096];

	world_load_policy(world, world_policy);
	assert_int_equal(world_answer(world), E_OK);
	assert_int_equal(world_queued(world), 0);
	world_forget(world);
	world_load_policy(world, policy_without_army(text));
	world_load_policy(world, policy_without_army(text));
	assert_int_equal(world_answer(world), E_BUSY);					 /* one at a time */
	assert_int_equal(policy_knows_node(core_policy(world->core), "army.oku"), true); /* not before it is on disk */
	world_commit(world, E_OK);
	assert_false(policy_knows_node(core_policy(world->core), "army.oku"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_start, world_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(to_and_not_to_narrow_the_audience),
		TEST(who_was_named_and_not_reached_is_told),
		TEST(a_subscription_narrows_when_it_is_on_disk_and_to_overrides_it),
		TEST(a_cancel_goes_to_whoever_got_the_report),
		TEST(member_records_go_to_everybody),
		TEST(a_new_policy_holds_for_what_was_accepted_before),
		TEST(a_new_policy_holds_for_what_readers_bring),
		TEST(nothing_is_handed_to_a_revoked_node_even_before_the_entry),
		TEST(a_read_under_way_is_not_answered_to_a_revoked_node),
		TEST(a_revocation_that_fails_is_undone),
		TEST(a_page_beyond_what_was_committed_here_waits),
		TEST(a_page_that_the_journal_outran_goes_on_to_the_end),
		TEST(the_same_policy_is_no_new_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
