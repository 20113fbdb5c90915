/* Tries to go on at a position that the journal does not have. */
#include "broker/core/history.h"
#include "common/wire.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

/* Incarnation 1 up to entry 10, 2 up to 30, 4 since. */
static const struct {
	uint32_t incarnation;
	uint64_t entry;
} openings[] = {{1, 1}, {2, 11}, {4, 31}};

static int setup(void **state)
{
	const struct core_options options = {.rate_reports = 1};
	struct core *core = core_new(&options);

	for (size_t i = 0; i < 3; i++) {
		struct position from = {.incarnation = i > 0 ? openings[i - 1].incarnation : 0,
					.entry = openings[i].entry - 1};
		Simpul__Genesis genesis = SIMPUL__GENESIS__INIT;
		Simpul__Position position;
		struct buffer content = {0};

		position_to_message(&from, &position);
		genesis.incarnation = openings[i].incarnation;
		genesis.recovered_from = i > 0 ? &position : NULL;
		wire_pack(&genesis, &content);
		history_add(core, openings[i].entry, buffer_view(&content));
		buffer_free(&content);
	}
	core->position = (struct position){.incarnation = 4, .entry = 40};
	*state = core;
	return 0;
}

static int teardown(void **state)
{
	core_free(*state);
	return 0;
}

static void a_cursor_goes_on_where_its_incarnation_was_kept(void **state)
{
	static const struct {
		uint32_t incarnation;
		uint64_t entry;
		uint32_t becomes_incarnation;
		uint64_t becomes;
	} cases[] = {
		{1, 0, 1, 0},	{1, 5, 1, 5},	{1, 10, 1, 10}, {1, 11, 1, 10}, {1, 99, 1, 10}, {2, 11, 2, 11},
		{2, 30, 2, 30}, {2, 31, 2, 30}, {3, 12, 1, 0},	{4, 31, 4, 31}, {4, 99, 4, 99}, {5, 50, 5, 50},
	};
	const struct core *core = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct position cursor = {.incarnation = cases[i].incarnation, .entry = cases[i].entry};

		history_rewind(core, &cursor);
		assert_int_equal(cursor.incarnation, cases[i].becomes_incarnation);
		assert_int_equal(cursor.entry, cases[i].becomes);
	}
}

static void a_position_is_of_the_incarnation_that_wrote_it(void **state)
{
	static const struct {
		uint32_t incarnation;
		uint64_t entry;
		bool holds;
	} cases[] = {
		{1, 0, true},	{4, 0, true},  {5, 0, false}, {1, 1, true},   {1, 10, true}, {1, 11, false},
		{2, 10, false}, {2, 11, true}, {2, 30, true}, {2, 31, false}, {4, 31, true}, {3, 31, false},
	};
	const struct core *core = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct position position = {.incarnation = cases[i].incarnation, .entry = cases[i].entry};

		assert_int_equal(history_holds(core, &position), cases[i].holds);
	}
}

static void welcome_tells_of_every_later_incarnation(void **state)
{
	static const size_t told[] = {2, 2, 1, 1, 0, 0};
	struct core *core = *state;

	for (uint32_t incarnation = 0; incarnation < sizeof(told) / sizeof(told[0]); incarnation++) {
		Simpul__Welcome welcome = SIMPUL__WELCOME__INIT;

		history_tell(core, incarnation, &welcome);
		assert_int_equal(welcome.n_recoveries, told[incarnation]);
	}
	assert_false(history_is_over(core, 10));
	assert_true(history_is_over(core, 11));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_cursor_goes_on_where_its_incarnation_was_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(a_position_is_of_the_incarnation_that_wrote_it, setup, teardown),
		cmocka_unit_test_setup_teardown(welcome_tells_of_every_later_incarnation, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
