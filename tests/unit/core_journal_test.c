/* Runs the core on a real journal: what both say of an entry must be the same, live, fetched and after a restart. */
#include "common/wire.h"
#include "tests/support/core_expect.h"
#include "tests/support/journaled_world.h"
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define HEAD JOURNALED_HEAD

static void say(struct world *world, const struct speech *speech)
{
	world_say(world, speech);
	world_commit(world, E_OK);
	if (!world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT))
		fail_msg("%s at %s", error_name(world_refusal(world)), world_refusal_field(world));
}

static void a_receipt_proves_what_it_says(void **state)
{
	struct world *world = journaled_world(state);
	struct position position;
	struct fault fault = {0};

	say(world, &(struct speech){.node = POLICE, .count = 3});
	assert_int_equal(receipt_check(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt,
				       world->options.exchange, world->options.broker.public_key, &position, &fault),
			 E_OK);
	assert_int_equal(position.entry, world->position.entry);
	assert_true(hash_equal(&position.head, &world->position.head));
}

/* The entries of a fetch from `after`, encoded one after the other. */
static struct buffer fetched(struct world *world, size_t node, uint64_t after)
{
	const Simpul__Batch *batch;
	struct buffer out = {0};

	world_forget(world);
	world_hello(world, node, after);
	world_read(world);
	world_fetch(world, node, after);
	world_read(world);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_BATCH));
	batch = world_down(world, SIMPUL__DOWN__MESSAGE_BATCH)->batch;
	assert_int_equal(batch->upto->entry, world->position.entry);
	for (size_t i = 0; i < batch->n_entries; i++)
		wire_pack(batch->entries[i], &out);
	for (size_t i = 0; i < batch->n_wraps; i++)
		wire_pack(batch->wraps[i], &out);
	return out;
}

static void from_memory_and_from_disk_come_the_same_bytes(void **state)
{
	struct world *world = journaled_world(state);
	struct buffer memory, disk;

	say(world, &(struct speech){.node = POLICE, .count = 3, .summary = 100});
	say(world, &(struct speech){.node = POLICE, .first = 4, .category = "unheard-of"});
	say(world, &(struct speech){.node = POLICE,
				    .first = 5,
				    .sealed = true,
				    .wraps = {world_names[ARMY], world_names[IMMIGRATION]}});
	say(world, &(struct speech){.node = POLICE, .first = 6, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 2});
	world_standing(world, HEALTH, SIMPUL__STANDING__STANDING_RETIRED);
	world_commit(world, E_OK);
	memory = fetched(world, ARMY, HEAD);
	world_restart(world);
	disk = fetched(world, ARMY, HEAD);
	assert_true(memory.size > 1000);
	assert_true(bytes_equal(buffer_view(&memory), buffer_view(&disk)));
	buffer_free(&memory);
	buffer_free(&disk);
}

static void a_restart_forgets_nothing_that_was_acknowledged(void **state)
{
	struct world *world = journaled_world(state);

	say(world, &(struct speech){.node = POLICE, .count = 2});
	world_ack(world, ARMY, HEAD + 1);
	say(world, &(struct speech){.node = POLICE, .first = 3});
	world_restart(world);
	world_hello(world, ARMY, HEAD);
	assert_int_equal(world_refusal(world), E_BELOW_CURSOR);
	world_hello(world, POLICE, HEAD + 2);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME)->welcome->streams[0]->last, 3);
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .count = 2});
	world_read(world);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt->entry, HEAD + 1);
	world_forget(world);
	world_say(world, &(struct speech){.node = POLICE, .count = 2, .salt = 1});
	world_read(world);
	assert_int_equal(world_refusal(world), E_NUMBER_REUSED);
}

/* ---------------------------------------------------------------------------- what a restart must not change */

/* Everything that the core shows of itself and that does not belong to a session. */
struct image {
	struct core_status status;
	struct core_node nodes[WORLD_NODES];
	enum error keys[WORLD_NODES + 1];
};

static void image_take(const struct world *world, const uint8_t old_key[KEY_SIZE], struct image *image)
{
	core_status(world->core, &image->status);
	for (size_t i = 0; i < WORLD_NODES; i++) {
		assert_true(core_node_at(world->core, i, &image->nodes[i]));
		image->keys[i] = core_key_status(world->core, world->keys[i].curve_public, NULL);
	}
	image->keys[WORLD_NODES] = core_key_status(world->core, old_key, NULL);
}

static void assert_same_image(const struct image *a, const struct image *b)
{
	assert_int_equal(a->status.position.entry, b->status.position.entry);
	assert_int_equal(a->status.position.incarnation, b->status.position.incarnation);
	assert_true(hash_equal(&a->status.position.head, &b->status.position.head));
	assert_int_equal(a->status.policy_version, b->status.policy_version);
	assert_true(hash_equal(&a->status.policy_hash, &b->status.policy_hash));
	assert_int_equal(a->status.members, b->status.members);
	for (size_t i = 0; i < WORLD_NODES; i++) {
		assert_string_equal(a->nodes[i].node, b->nodes[i].node);
		assert_int_equal(a->nodes[i].key_id, b->nodes[i].key_id);
		assert_int_equal(a->nodes[i].standing, b->nodes[i].standing);
		assert_int_equal(a->nodes[i].cursor, b->nodes[i].cursor);
		assert_int_equal(a->nodes[i].lag, b->nodes[i].lag);
		assert_int_equal(a->nodes[i].in_policy, b->nodes[i].in_policy);
	}
	for (size_t i = 0; i <= WORLD_NODES; i++)
		assert_int_equal(a->keys[i], b->keys[i]);
}

static void the_state_after_a_restart_is_the_state_before(void **state)
{
	struct world *world = journaled_world(state);
	struct core_event reseed = {.type = CORE_RESEED};
	struct image before, after;
	uint8_t old_key[KEY_SIZE];

	say(world, &(struct speech){.node = POLICE, .count = 3});
	say(world, &(struct speech){.node = POLICE, .epoch = 2, .stream = SIMPUL__STREAM__STREAM_EXERCISE});
	world_standing(world, ARMY, SIMPUL__STANDING__STANDING_COMPROMISED);
	world_commit(world, E_OK);
	memcpy(old_key, world->keys[ARMY].curve_public, KEY_SIZE);
	world_rekeys(world, ARMY, 2);
	world_standing(world, HEALTH, SIMPUL__STANDING__STANDING_RETIRED);
	world_commit(world, E_OK);
	world_load_policy(world, "purposes: [law-enforcement, immigration-oversight, state-security]\n"
				 "categories: [wanted]\nagencies:\n  - {agency: police, ceiling: RED}\n"
				 "nodes:\n  - {node: police.oku, regions: ['16.01']}\n");
	world_commit(world, E_OK);
	world_ack(world, IMMIGRATION, HEAD + 1);
	reseed.reseed.node = world_names[IMMIGRATION];
	reseed.reseed.from_entry = 2;
	world_step(world, &reseed);
	world_commit(world, E_OK); /* writes the cursor as well */
	image_take(world, old_key, &before);
	world_restart(world);
	image_take(world, old_key, &after);
	assert_same_image(&before, &after);
	assert_int_equal(after.keys[WORLD_NODES], E_KEY_REVOKED);
	assert_int_equal(after.nodes[2].cursor, HEAD + 1); /* immigration */
	world_hello(world, IMMIGRATION, 1);
	world_read(world);
	assert_non_null(world_down(world, SIMPUL__DOWN__MESSAGE_WELCOME)); /* the reseed is still open */
}

static void an_update_reaches_who_got_the_report_and_who_may_have_it_now(void **state)
{
	struct world *world = journaled_world(state);
	const Simpul__Receipt *receipt;

	say(world, &(struct speech){.node = POLICE, .to = {"army.oku"}});
	say(world, &(struct speech){.node = POLICE,
				    .first = 2,
				    .kind = SIMPUL__KIND__KIND_UPDATE,
				    .reference = 1,
				    .to = {"immigration"}});
	receipt = world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt;
	assert_int_equal(receipt->n_verdicts, 0);
	assert_int_equal(receipt->n_audience, 2);
	assert_int_equal(world_pushes(world, ARMY), 2);
	assert_int_equal(world_pushes(world, IMMIGRATION), 1);
	world_forget(world);
	say(world, &(struct speech){.node = POLICE, .first = 3, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 99});
	receipt = world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt;
	assert_int_equal(receipt->verdicts[0]->code, E_REFERENCE_UNKNOWN);
	assert_int_equal(world_pushes(world, ARMY), 0);
}

/* Whom the policy would let have it learns nothing of a report that it never got. */
static void a_cancel_reaches_who_got_the_report_and_nobody_else(void **state)
{
	struct world *world = journaled_world(state);
	const Simpul__Receipt *receipt;

	say(world, &(struct speech){.node = POLICE, .to = {"army.oku"}});
	say(world, &(struct speech){.node = POLICE, .first = 2, .kind = SIMPUL__KIND__KIND_CANCEL, .reference = 1});
	receipt = world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT)->receipt;
	assert_int_equal(receipt->n_verdicts, 0);
	assert_int_equal(receipt->n_audience, 1);
	assert_string_equal(receipt->audience[0], "army.oku");
	assert_int_equal(world_pushes(world, ARMY), 2);
	assert_int_equal(world_pushes(world, IMMIGRATION), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, journaled_setup, journaled_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_receipt_proves_what_it_says),
		TEST(from_memory_and_from_disk_come_the_same_bytes),
		TEST(a_restart_forgets_nothing_that_was_acknowledged),
		TEST(the_state_after_a_restart_is_the_state_before),
		TEST(an_update_reaches_who_got_the_report_and_who_may_have_it_now),
		TEST(a_cancel_reaches_who_got_the_report_and_nobody_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
