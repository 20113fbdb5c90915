/* core_expect - fails the test with the name of what came instead. */
#include "tests/support/core_expect.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

int world_start(void **state)
{
	struct world *world = *state = world_new();

	for (size_t node = POLICE; node <= IMMIGRATION; node++)
		world_hello(world, node, FIRST_ENTRY - 1);
	world_forget(world);
	return 0;
}

void world_rekeys(struct world *world, size_t node, uint32_t key_id)
{
	struct member *member = &world->members[node];
	const struct core_event event = {.type = CORE_ENROLL, .enroll = member, .operator_ticket = 8};

	node_keys_generate(&world->keys[node], key_id);
	member_request(member, world->options.exchange, world_names[node], &world->keys[node], world->now.wall);
	member_countersign(member, &world->authority);
	world_forget(world);
	world_step(world, &event);
	world_commit(world, E_OK);
	assert_int_equal(world_answer(world), E_OK);
}

const Simpul__Receipt *world_receipt(const struct world *world)
{
	const Simpul__Down *down = world_down(world, SIMPUL__DOWN__MESSAGE_RECEIPT);

	if (!down)
		fail_msg("%s at %s", error_name(world_refusal(world)), world_refusal_field(world));
	return down->receipt;
}

const Simpul__Receipt *world_accepts(struct world *world, struct speech speech)
{
	world_forget(world);
	world_say(world, &speech);
	world_commit(world, E_OK);
	return world_receipt(world);
}

void world_refuses(struct world *world, struct speech speech, enum error code)
{
	world_forget(world);
	world_say(world, &speech);
	if (world_refusal(world) != code)
		fail_msg("refused with %s at %s, not %s", error_name(world_refusal(world)), world_refusal_field(world),
			 error_name(code));
	assert_int_equal(world_queued(world), 0);
	assert_int_equal(world_down(world, SIMPUL__DOWN__MESSAGE_REFUSAL)->seq, 9);
	assert_true(world_logged(world, error_name(code)));
}

void world_reaches(struct world *world, struct speech speech, const char *first, const char *second)
{
	const Simpul__Receipt *receipt = world_accepts(world, speech);

	assert_int_equal(receipt->n_verdicts, 0);
	assert_int_equal(receipt->n_audience, second ? 2 : 1);
	assert_string_equal(receipt->audience[0], first);
	if (second)
		assert_string_equal(receipt->audience[1], second);
}

void world_judged(const struct world *world, const Simpul__Receipt *receipt, enum error code, const char *field)
{
	assert_int_equal(receipt->n_verdicts, 1);
	assert_string_equal(error_name(error_of_code(receipt->verdicts[0]->code)), error_name(code));
	assert_string_equal(receipt->verdicts[0]->field, field);
	assert_int_equal(receipt->n_audience, 0);
	assert_int_equal(world_count(world, ACTION_PUBLISH), 0);
}
