/* Tries to break what broker/core/bulletin.h promises: in the open nothing but what is for all, and not before it is on
 * disk. */
#include "tests/support/core_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

static int set_up(void **state)
{
	struct world *world = world_new();

	world_hello(world, POLICE, 0);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	world_free(*state);
	return 0;
}

static const Simpul__Bulletin *only_bulletin(const struct world *world)
{
	assert_int_equal(world_count(world, ACTION_BULLETIN), 1);
	assert_non_null(world_find(world, ACTION_BULLETIN, 0)->bulletin);
	return world_find(world, ACTION_BULLETIN, 0)->bulletin;
}

static struct speech green(uint64_t number)
{
	return (struct speech){.node = POLICE, .first = number, .label = SIMPUL__LABEL__LABEL_GREEN};
}

static void nothing_is_published_before_it_is_on_disk(void **state)
{
	struct world *world = *state;
	const struct speech speech = green(1);
	const Simpul__Bulletin *bulletin;

	world_say(world, &speech);
	world_tick(world, 1000);
	assert_int_equal(world_count(world, ACTION_BULLETIN), 0);
	world_commit(world, E_OK);
	bulletin = only_bulletin(world);
	assert_int_equal(bulletin->entry, world->position.entry);
	assert_int_equal(bulletin->delivery->n_reports, 1);
	assert_true(bulletin->delivery->reports[0]->body.len > 0);
	assert_string_equal(bulletin->member->node, world_names[POLICE]);
	assert_true(strncmp(world_find(world, ACTION_BULLETIN, 0)->text, "sighting.", 9) == 0);
}

static void what_could_not_be_stored_is_not_published(void **state)
{
	struct world *world = *state;
	const struct speech speech = green(1);

	world_say(world, &speech);
	world_commit(world, E_DISK_FULL);
	assert_int_equal(world_count(world, ACTION_BULLETIN), 0);
}

static void a_repeat_is_published_once(void **state)
{
	struct world *world = *state;
	const struct speech speech = green(1);

	world_say(world, &speech);
	world_commit(world, E_OK);
	world_say(world, &speech);
	world_read(world);
	world_commit(world, E_OK);
	only_bulletin(world);
}

static unsigned spoiled;

/* A person in every other body. */
static void person_add(Simpul__Body *body)
{
	static Simpul__Person person, *list[] = {&person};

	simpul__person__init(&person);
	person.capacity = SIMPUL__CAPACITY__CAPACITY_SEEN;
	person.identity = SIMPUL__IDENTITY__IDENTITY_CLAIMED;
	person.age = SIMPUL__AGE__AGE_ADULT;
	body->sighting->persons = list;
	body->sighting->n_persons = spoiled++ % 2;
}

static void of_a_submission_those_with_a_person_are_leaves(void **state)
{
	struct world *world = *state;
	struct speech speech = green(1);
	const Simpul__Delivery *delivery;

	spoiled = 0;
	speech.count = 4;
	speech.spoil_body = person_add;
	world_say(world, &speech);
	world_commit(world, E_OK);
	delivery = only_bulletin(world)->delivery;
	assert_int_equal(delivery->n_reports, 4);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(delivery->reports[i]->body.len > 0, i % 2 == 0);
		assert_int_equal(delivery->reports[i]->header.len > 0, i % 2 == 0);
		assert_int_equal(delivery->reports[i]->leaf.len > 0, i % 2 == 1);
	}
}

static void protection_add(Simpul__Header *header, size_t index)
{
	static Simpul__Protection list[] = {SIMPUL__PROTECTION__PROTECTION_HEALTH};

	(void)index;
	header->protection = list;
	header->n_protection = 1;
}

static void handling_add(Simpul__Header *header, size_t index)
{
	static Simpul__Handling list[] = {SIMPUL__HANDLING__HANDLING_H2};

	(void)index;
	header->handling = list;
	header->n_handling = 1;
}

static void what_is_not_for_all_is_not_published(void **state)
{
	struct world *world = *state;
	struct speech list[] = {green(1), green(2), green(3), green(4), green(5)};

	list[0].label = SIMPUL__LABEL__LABEL_AMBER;
	list[1].to[0] = "immigration";
	list[2].not_to[0] = "army";
	list[3].spoil_header = protection_add;
	list[4].spoil_header = handling_add;
	for (size_t i = 0; i < 5; i++) {
		world_say(world, &list[i]);
		world_commit(world, E_OK);
	}
	assert_int_equal(world_count(world, ACTION_BULLETIN), 0);
	assert_true(world->position.entry >= 5);
}

static void an_end_is_published_to_those_who_heard_the_beginning(void **state)
{
	struct world *world = *state;
	struct speech shown = green(1), hidden = green(2);

	hidden.to[0] = "immigration";
	world_say(world, &shown);
	world_say(world, &hidden);
	world_commit(world, E_OK);
	only_bulletin(world);
	world_forget(world);
	for (uint64_t number = 3; number <= 4; number++) {
		struct speech cancel = green(number);

		cancel.kind = SIMPUL__KIND__KIND_CANCEL;
		cancel.reference = 5 - number; /* first the hidden one */
		world_say(world, &cancel);
		world_commit(world, E_OK);
		assert_int_equal(world_count(world, ACTION_BULLETIN), number - 3);
	}
	/* Not again, nor of what is unknown since a restart. */
	world_restart(world);
	world_hello(world, POLICE, 0);
	world_forget(world);
	{
		struct speech cancel = green(5);

		cancel.kind = SIMPUL__KIND__KIND_CANCEL;
		cancel.reference = 1;
		world_say(world, &cancel);
		world_commit(world, E_OK);
	}
	assert_int_equal(world_count(world, ACTION_BULLETIN), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_is_published_before_it_is_on_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_could_not_be_stored_is_not_published, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_repeat_is_published_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(of_a_submission_those_with_a_person_are_leaves, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_not_for_all_is_not_published, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_end_is_published_to_those_who_heard_the_beginning, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
