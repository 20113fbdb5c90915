/* network_test - promise 3 on bad networks: offices cut off both ways and one way, a third of all packets lost, a line
 * of 64 kbit/s, and everybody coming back at once. */
#include "tests/support/attack.h"
#include "tests/support/netns.h"
#include "tests/support/operate.h"
#include "tests/support/policy.h"
#include "tests/support/storm.h"
#include "tests/support/torture.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

/* The police report, the others receive. */
enum { POLICE, ARMY, IMMIGRATION, OFFICES };
static const char *const nodes[OFFICES] = {"police.oku", "army.oku", "immigration.muara-enim"};

static const char policy[] = POLICY_AGENCIES POLICY_AGENCY("police") POLICY_SENDS POLICY_AGENCY("army")
	POLICY_RECEIVES POLICY_AGENCY("immigration") POLICY_RECEIVES POLICY_NODES POLICY_NODE("police.oku", "16.01")
		POLICY_NODE("army.oku", "16.01") POLICY_NODE("immigration.muara-enim", "16.01");

/* Reports are made in pieces: several submissions, several publications. */
#define PIECES 10
#define PIECE_MS 50
#define LAST_SECONDS 60 /* for what is over in a moment on a machine that has nothing else to do */
#define WORDS 300	/* bytes of a summary: with the rest, half a KiB a report */

struct world {
	struct exchange x;
	struct net net;
	size_t reports; /* dropped into the police's folder so far */
};

/* Without a network of its own the tests are skipped. */
static int set_up(void **state)
{
	static struct world world;

	if (!net_make(&world.net, OFFICES))
		return 0;
	exchange_make_at(&world.x, policy, NET_BROKER);
	net_enter_broker(&world.net);
	exchange_start_broker(&world.x);
	for (size_t i = 0; i < OFFICES; i++) {
		exchange_add(&world.x, nodes[i], NULL);
		net_enter_office(&world.net, i);
		exchange_start_office(&world.x, i);
	}
	net_leave(&world.net);
	*state = &world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;
	bool clean = true;

	if (world) {
		clean = exchange_end(&world->x, false);
		net_end(&world->net);
	}
	return clean ? 0 : 1;
}

static void report_some(struct world *world, size_t count)
{
	char name[64], words[WORDS + 1];

	memset(words, 'w', WORDS);
	words[WORDS] = '\0';
	snprintf(name, sizeof name, "from-%zu.jsonl", world->reports);
	drop_many(&world->x, POLICE, name, words, count);
	world->reports += count;
}

/* ------------------------------------------------------------------ a fault, and what came of it */

struct fault_plan {
	const char *what;
	size_t office;
	enum net_fault fault;
	size_t reports;
	unsigned hold_ms; /* 0: until the office has everything in spite of it */
	int seconds;	  /* for everything to arrive, the fault gone or not */
};

static void count_missing(struct world *world, size_t office, struct torture_row *row)
{
	const size_t rows = office_inbox(&world->x, office, NULL, NULL);

	row->lost += rows < world->reports ? world->reports - rows : 0;
	row->duplicated += rows > world->reports ? rows - world->reports : 0;
	if (rows == world->reports)
		row->invented += !office_has_run(&world->x, office, nodes[POLICE], 1, world->reports);
}

/* The other recipient feels nothing of it, unless it is the sender who suffers. */
static void others_receive(struct world *world, const struct fault_plan *plan)
{
	for (size_t i = ARMY; i < OFFICES && plan->office != POLICE; i++)
		if (i != plan->office)
			assert_true(office_received(&world->x, i, world->reports, LAST_SECONDS));
}

/* One fault on one cable while reports are made; returns the milliseconds from its end until all was everywhere. */
static steady_ms fault_run(struct world *world, const struct fault_plan *plan, struct torture_row *row)
{
	steady_ms begin;

	net_fault(&world->net, plan->office, plan->fault);
	begin = clock_now().steady;
	for (size_t piece = 0; piece < PIECES; piece++) {
		report_some(world, plan->reports / PIECES);
		sleep_ms(PIECE_MS);
	}
	others_receive(world, plan);
	if (plan->hold_ms > 0) {
		while (clock_now().steady - begin < plan->hold_ms)
			sleep_ms(20);
		if (plan->office != POLICE && plan->fault != NET_MUTE)
			assert_true(office_inbox(&world->x, plan->office, NULL, NULL) < world->reports);
		net_fault(&world->net, plan->office, NET_GOOD);
		begin = clock_now().steady;
	}
	for (size_t i = ARMY; i < OFFICES; i++)
		office_received(&world->x, i, world->reports, plan->seconds);
	for (size_t i = ARMY; i < OFFICES; i++)
		count_missing(world, i, row);
	row->tried++;
	return clock_now().steady - begin;
}

static void endures(struct world *world, const struct fault_plan *plan, uint64_t rounds)
{
	struct torture_row row = {.what = plan->what, .times = "times"};
	const size_t dropped = net_dropped(&world->net, plan->office);
	steady_ms longest = 0;
	char note[160];

	for (uint64_t round = 0; round < rounds && row.lost == 0; round++) {
		const steady_ms took = fault_run(world, plan, &row);

		longest = took > longest ? took : longest;
	}
	snprintf(note, sizeof note, "%zu reports; all there %.1f s %s; %zu packets lost",
		 (size_t)rounds * plan->reports, (double)longest / 1000,
		 plan->hold_ms ? "after its end" : "in spite of it", net_dropped(&world->net, plan->office) - dropped);
	row.note = note;
	net_fault(&world->net, plan->office, NET_GOOD);
	torture_row(&row);
	torture_check(&row);
	/* A fault that lost nothing, or slowed nothing down, was none. */
	if (plan->fault == NET_SLOW)
		assert_true(longest > plan->reports * WORDS * 8 / 64 * 3 / 4);
	else
		assert_true(net_dropped(&world->net, plan->office) > dropped);
	assert_true(office_settled(&world->x, POLICE, world->reports, LAST_SECONDS));
}

static struct world *network(void **state)
{
	if (!*state)
		skip();
	return *state;
}

/* Longer than a session lives without a sign of life, or shorter. */
#define HOLD_MS ((unsigned)torture_times(2500, 13000))
#define ROUNDS torture_times(1, 2)

static void a_recipient_that_is_cut_off_gets_everything_later(void **state)
{
	endures(network(state), &(struct fault_plan){"a recipient cut off, both ways", ARMY, NET_CUT, 50, HOLD_MS, 40},
		ROUNDS);
}

static void a_recipient_that_cannot_speak_gets_everything_later(void **state)
{
	endures(network(state),
		&(struct fault_plan){"a recipient cut off, what it says", ARMY, NET_MUTE, 50, HOLD_MS, 40}, ROUNDS);
}

static void a_recipient_that_cannot_hear_gets_everything_later(void **state)
{
	endures(network(state),
		&(struct fault_plan){"a recipient cut off, what it hears", ARMY, NET_DEAF, 50, HOLD_MS, 40}, ROUNDS);
}

static void a_sender_that_is_cut_off_loses_nothing(void **state)
{
	endures(network(state), &(struct fault_plan){"a sender cut off, both ways", POLICE, NET_CUT, 50, HOLD_MS, 40},
		ROUNDS);
}

static void a_sender_that_cannot_speak_loses_nothing(void **state)
{
	endures(network(state),
		&(struct fault_plan){"a sender cut off, what it says", POLICE, NET_MUTE, 50, HOLD_MS, 40}, ROUNDS);
}

static void a_sender_that_cannot_hear_loses_nothing(void **state)
{
	endures(network(state),
		&(struct fault_plan){"a sender cut off, what it hears", POLICE, NET_DEAF, 50, HOLD_MS, 40}, ROUNDS);
}

static void a_third_of_the_packets_lost_costs_time_and_no_report(void **state)
{
	const size_t reports = torture_times(100, 800);
	const int seconds = (int)torture_times(60, 200);

	endures(network(state), &(struct fault_plan){"30 % loss at a recipient", ARMY, NET_LOSSY, reports, 0, seconds},
		1);
	endures(network(state), &(struct fault_plan){"30 % loss at the sender", POLICE, NET_LOSSY, reports, 0, seconds},
		1);
}

static void a_slow_line_costs_its_own_office_time_and_nobody_a_report(void **state)
{
	const size_t reports = torture_times(30, 300);
	const int seconds = (int)torture_times(60, 280);

	endures(network(state), &(struct fault_plan){"64 kbit/s at a recipient", ARMY, NET_SLOW, reports, 0, seconds},
		1);
	endures(network(state), &(struct fault_plan){"64 kbit/s at the sender", POLICE, NET_SLOW, reports, 0, seconds},
		1);
}

static void the_journal_verifies_after_all_that(void **state)
{
	assert_int_equal(exchange_ctl(&network(state)->x, NULL, "journal", "verify", NULL), 0);
}

/* ------------------------------------------------------------------ everybody at once */

#define STORM_NODES torture_times(60, 1000)
#define STORM_PREFIX "health.n"
#define STORM_REPORTS 20

static void storm_exchange(struct exchange *x, struct storm *storm)
{
	static const char health[] = POLICY_AGENCY("health") POLICY_RECEIVES POLICY_NODES;
	const char *list = strstr(policy, POLICY_NODES);
	struct buffer text = {0};

	buffer_append(&text, policy, (size_t)(list - policy));
	buffer_append(&text, health, sizeof health - 1);
	buffer_append(&text, list + strlen(POLICY_NODES), strlen(list) - strlen(POLICY_NODES));
	storm_policy(&text, STORM_PREFIX, STORM_NODES);
	buffer_u8(&text, 0);
	exchange_make(x, (const char *)text.data);
	buffer_free(&text);
	exchange_start_broker(x);
	exchange_add(x, nodes[POLICE], NULL);
	exchange_add(x, nodes[ARMY], NULL);
	storm_enroll(storm, x, POLICE, STORM_PREFIX, STORM_NODES);
	exchange_start_office(x, POLICE);
	exchange_start_office(x, ARMY);
}

/* The broker is killed and comes back; all nodes want in at the same moment, while an office reports. Returns the
 * milliseconds until all have everything. */
static steady_ms storm_once(struct exchange *x, struct storm *storm, size_t reports)
{
	steady_ms begin;
	char name[64];

	process_end(x->broker, SIGKILL, 20);
	snprintf(name, sizeof name, "storm-%zu.jsonl", reports);
	drop_many(x, POLICE, name, "in a storm", STORM_REPORTS);
	exchange_start_broker(x);
	begin = clock_now().steady;
	storm_break(storm);
	storm_settles(storm, reports, 120);
	return clock_now().steady - begin;
}

static void all_nodes_at_once_come_back_and_miss_nothing(void **state)
{
	const uint64_t storms = torture_times(1, 3);
	struct torture_row row = {.what = "reconnect storm", .times = "returns"};
	static struct exchange x;
	struct storm storm = {0};
	steady_ms longest = 0;
	char note[120];

	(void)state;
	attack_raise_descriptors();
	storm_exchange(&x, &storm);
	assert_true(storm_settles(&storm, 0, 240));
	for (uint64_t i = 1; i <= storms; i++, row.tried += storm.count) {
		const steady_ms took = storm_once(&x, &storm, i * STORM_REPORTS);

		longest = took > longest ? took : longest;
	}
	for (size_t i = 0; i < storm.count; i++) {
		const size_t due = storms * STORM_REPORTS, got = storm.nodes[i].reports;

		row.lost += got < due ? due - got : 0;
		row.duplicated += got > due ? got - due : 0;
	}
	snprintf(note, sizeof note, "%zu nodes, all there after %.1f s; broker %zu MiB", storm.count,
		 (double)longest / 1000, process_rss(x.broker) / 1024);
	row.note = note;
	torture_row(&row);
	torture_check(&row);
	assert_true(office_received(&x, ARMY, storms * STORM_REPORTS, LAST_SECONDS));
	assert_int_equal(exchange_ctl(&x, NULL, "journal", "verify", NULL), 0);
	storm_free(&storm);
	assert_true(exchange_end(&x, false));
}

int main(void)
{
	const struct CMUnitTest storms[] = {cmocka_unit_test(all_nodes_at_once_come_back_and_miss_nothing)};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_recipient_that_is_cut_off_gets_everything_later),
		cmocka_unit_test(a_recipient_that_cannot_speak_gets_everything_later),
		cmocka_unit_test(a_recipient_that_cannot_hear_gets_everything_later),
		cmocka_unit_test(a_sender_that_is_cut_off_loses_nothing),
		cmocka_unit_test(a_sender_that_cannot_speak_loses_nothing),
		cmocka_unit_test(a_sender_that_cannot_hear_loses_nothing),
		cmocka_unit_test(a_third_of_the_packets_lost_costs_time_and_no_report),
		cmocka_unit_test(a_slow_line_costs_its_own_office_time_and_nobody_a_report),
		cmocka_unit_test(the_journal_verifies_after_all_that),
	};

	int failed;

	cmocka_set_test_filter(getenv("SIMPUL_TEST")); /* only those whose name matches, when a person looks at one */
	failed = cmocka_run_group_tests(tests, set_up, tear_down);
	return failed + cmocka_run_group_tests(storms, NULL, NULL);
}
