/* Tries to have an inbox take for new, for old or for a witness what is neither, after the broker was restored. */
#include "tests/support/offices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

/* The broker went back to `place` and goes on from there in its next incarnation, as it proved. */
static void broker_goes_back(struct offices *f, const struct position *place)
{
	f->world.head = *place;
	f->world.head.incarnation = place->incarnation + 1;
	assert_int_equal(inbox_recover(f->inbox, f->world.head.incarnation, place, &f->fault), E_OK);
}

static void assert_shown(struct offices *f, const char *updated_by, uint64_t superseded_by)
{
	const struct inbox_row row = offices_row(f, 1);

	assert_string_equal(row.updated_by, updated_by);
	assert_int_equal(row.superseded_by, superseded_by);
}

static void what_supersedes_a_report_comes_again_as_what_it_was(void **state)
{
	struct offices *f = *state;
	const struct position place = f->world.head;
	const Simpul__Submission *report = offices_send_sighting(f, "one car"), *update;
	Simpul__Entry *stub;

	offices_apply(f, agent_delivery(&f->world, report));
	offices_apply(f, agent_superseded(&f->world, 1, &f->police.keys));
	update = offices_send(f, agent_update(&f->world, "police.oku", 1, "two cars"));
	offices_apply(f, agent_delivery(&f->world, update));
	assert_shown(f, "police.oku#2", 0);
	broker_goes_back(f, &place);
	offices_apply(f, agent_delivery(&f->world, report));
	offices_deliver(f, agent_sighting(&f->world, SIMPUL__LABEL__LABEL_AMBER, "which moves what follows"));
	offices_apply(f, agent_superseded(&f->world, 1, &f->police.keys));
	offices_apply(f, agent_delivery(&f->world, update));
	assert_int_equal(offices_rows(f, "notice = 1"), 1);
	assert_shown(f, "police.oku#2", 0);
	/* Another update supersedes it in the very same words. */
	stub = agent_superseded(&f->world, 1, &f->police.keys);
	offices_apply(f, stub);
	assert_int_equal(offices_rows(f, "notice = 1"), 2);
	assert_shown(f, "police.oku#2", stub->entry);
}

static void what_superseded_a_report_before_the_place_is_no_repeat_of_what_follows(void **state)
{
	struct offices *f = *state;
	struct position place;
	Simpul__Entry *stub;

	offices_deliver(f, agent_sighting(&f->world, SIMPUL__LABEL__LABEL_AMBER, "one car"));
	offices_apply(f, agent_superseded(&f->world, 1, &f->police.keys));
	offices_deliver(f, agent_update(&f->world, "police.oku", 1, "two cars"));
	place = f->world.head;
	offices_deliver(f, agent_sighting(&f->world, SIMPUL__LABEL__LABEL_AMBER, "which is lost"));
	broker_goes_back(f, &place);
	stub = agent_superseded(&f->world, 1, &f->police.keys);
	offices_apply(f, stub);
	assert_shown(f, "police.oku#2", stub->entry);
}

/* Or `simpul checkpoint sign` would take the restored broker for one that shows two histories. */
static void heads_of_a_history_that_is_over_are_no_witness_against_the_next(void **state)
{
	struct offices *f = *state;
	const struct position place = f->world.head;

	offices_deliver(f, agent_sighting(&f->world, SIMPUL__LABEL__LABEL_AMBER, "one car"));
	assert_int_equal(agent_number(&f->store, "SELECT max(entry) FROM head"), place.entry + 1);
	broker_goes_back(f, &place);
	assert_int_equal(agent_number(&f->store, "SELECT max(entry) FROM head"), 0);
	assert_int_equal(agent_number(&f->store, "SELECT max(entry) FROM former_head"), place.entry + 1);
}

/* The agent would end over it at each start. */
static void a_repeat_of_what_is_damaged_here_waits_and_stops_nothing(void **state)
{
	struct offices *f = *state;
	const struct position place = f->world.head;
	const Simpul__Submission *report = offices_send_sighting(f, "one car");

	offices_apply(f, agent_delivery(&f->world, report));
	assert_int_equal(database_run(f->store.db, "UPDATE inbox_delivery SET proof = x'0a'", &f->fault), E_OK);
	broker_goes_back(f, &place);
	offices_apply(f, agent_delivery(&f->world, report));
	assert_int_equal(agent_number(&f->store, "SELECT code FROM quarantine WHERE state = 0"), E_NUMBER_REUSED);
	assert_int_equal(offices_rows(f, "trust = 0"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, offices_start, offices_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_supersedes_a_report_comes_again_as_what_it_was),
		TEST(what_superseded_a_report_before_the_place_is_no_repeat_of_what_follows),
		TEST(heads_of_a_history_that_is_over_are_no_witness_against_the_next),
		TEST(a_repeat_of_what_is_damaged_here_waits_and_stops_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
