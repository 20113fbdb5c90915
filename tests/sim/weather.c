/* weather - what goes wrong in a simulated world, and what its operators do. */
#include "tests/sim/trace.h"
#include "tests/sim/world.h"

enum { STALE_MS = 10000 /* what a hostile network held back has arrived by then */ };

/* A moment, a while, or long enough for every timer to have run out. */
static uint64_t duration(struct chance *chance)
{
	static const uint64_t most[] = {1000, 5000, 15000, 60000};

	return chance_between(chance, 50, most[chance_below(chance, sizeof most / sizeof most[0])]);
}

static size_t somebody(struct world *world)
{
	return chance_below(&world->chance, world->count);
}

/* ---- the network */

static void lanes_shut(struct world *world, size_t office, unsigned lanes, uint64_t until)
{
	trace("%s: lanes %x are shut until %llu", office_names[office], lanes, (unsigned long long)until / 1000);
	for (size_t lane = 0; lane < LANES; lane++) {
		if (!(lanes >> lane & 1))
			continue;
		network_shut(&world->network, office, (enum lane)lane);
		world->reopen_at[office][lane] = until;
	}
}

static void partition(struct world *world)
{
	lanes_shut(world, somebody(world), (unsigned)chance_between(&world->chance, 1, 7),
		   world->now + duration(&world->chance));
}

static void broker_unreachable(struct world *world)
{
	const uint64_t until = world->now + duration(&world->chance);

	for (size_t i = 0; i < world->count; i++)
		lanes_shut(world, i, 7, until);
}

static void connection_lost(struct world *world)
{
	const size_t office = somebody(world);

	trace("%s: its connection is lost", office_names[office]);
	network_break(&world->network, office);
}

static void other_weather(struct world *world)
{
	network_weather(&world->network, world->hostile_until > world->now);
}

/* ---- the machines */

static void broker_falls(struct world *world)
{
	if (broker_up(&world->broker))
		broker_crash(&world->broker, loss_draw(&world->chance));
}

static void broker_falls_in_a_write(struct world *world)
{
	if (broker_up(&world->broker))
		machine_doom(&world->broker.machine, &world->chance);
}

static void broker_is_stopped(struct world *world)
{
	if (broker_up(&world->broker))
		broker_stop(&world->broker);
}

static void disk_slows(struct world *world)
{
	world->broker.sync_most =
		(uint32_t)chance_between(&world->chance, 1, chance_one_in(&world->chance, 3) ? 4000 : 40);
}

static void office_falls(struct world *world)
{
	struct sim_office *office = &world->offices[somebody(world)];

	if (office->up)
		office_crash(office, loss_draw(&world->chance));
}

static void office_falls_in_a_write(struct world *world)
{
	struct sim_office *office = &world->offices[somebody(world)];

	if (office->up)
		machine_doom(&office->machine, &world->chance);
}

static void office_is_restarted(struct world *world)
{
	struct sim_office *office = &world->offices[somebody(world)];

	if (office->up)
		office_stop(office);
}

static int64_t step_draw(struct chance *chance)
{
	const int64_t most = chance_one_in(chance, 3) ? 20 * 60 * 1000 : 5000;

	return (int64_t)chance_below(chance, (uint64_t)(2 * most)) - most;
}

static void clock_steps(struct world *world)
{
	const size_t machine = chance_below(&world->chance, world->count + 1);
	struct machine *off = machine == world->count ? &world->broker.machine : &world->offices[machine].machine;

	off->wall_off = step_draw(&world->chance);
	trace("%s: its clock is off by %lld s", machine == world->count ? "broker" : office_names[machine],
	      (long long)off->wall_off / 1000);
}

/* ---- operators */

static void policy_changes(struct world *world)
{
	rules_change(&world->rules, &world->chance, world->count);
	trace("operator: another policy");
	broker_policy(&world->broker, &world->rules);
}

static void standing_changes(struct world *world)
{
	const size_t office = somebody(world);
	const bool active = world->account.active >> office & 1;

	if (!broker_up(&world->broker))
		return;
	trace("operator: %s %s", active ? "retires" : "restores", office_names[office]);
	broker_standing(&world->broker, office,
			active ? SIMPUL__STANDING__STANDING_RETIRED : SIMPUL__STANDING__STANDING_ACTIVE);
}

static void wish_changes(struct world *world)
{
	struct sim_office *office = &world->offices[somebody(world)];

	office->wish.kinds = (unsigned)chance_below(&world->chance, 1u << KINDS);
	office->wish.categories = (unsigned)chance_below(&world->chance, 1u << CATEGORIES);
	trace("%s: subscribes to kinds %x, categories %x", office_names[office->index], office->wish.kinds,
	      office->wish.categories);
	if (office->up)
		office_stop(office);
}

/* The office makes new keys and the operator enrols them, sooner or later; what is first is anybody's guess. */
static void keys_change(struct world *world)
{
	struct sim_office *office = &world->offices[somebody(world)];

	if (office->key + 1 < KEYS && world->account.key_ids[office->index] == office->key + 1) {
		office->key++;
		trace("%s: has new keys", office_names[office->index]);
	}
	if (office->up && chance_one_in(&world->chance, 2))
		office_stop(office);
	if (broker_up(&world->broker) && chance_one_in(&world->chance, 2))
		broker_enroll(&world->broker, office->index, office->key);
}

/* ---- what happens when */

void weather_strike(struct world *world)
{
	static const struct {
		void (*happens)(struct world *world);
		unsigned weight;
	} events[] = {{partition, 8},		{broker_unreachable, 2},
		      {connection_lost, 3},	{other_weather, 2},
		      {broker_falls, 3},	{broker_falls_in_a_write, 4},
		      {broker_is_stopped, 1},	{disk_slows, 2},
		      {office_falls, 4},	{office_falls_in_a_write, 3},
		      {office_is_restarted, 2}, {clock_steps, 1},
		      {policy_changes, 4},	{keys_change, 2},
		      {wish_changes, 2},	{standing_changes, 3}};
	unsigned total = 0, drawn;
	size_t which = 0;

	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
		total += events[i].weight;
	drawn = (unsigned)chance_below(&world->chance, total);
	for (; drawn >= events[which].weight; which++)
		drawn -= events[which].weight;
	world->broker.now = world->now;
	events[which].happens(world);
	world->fault_at = world->now + chance_between(&world->chance, 10, world->fault_most);
}

void weather_clear(struct world *world)
{
	if (world->hostile_until == UINT64_MAX)
		world->hostile_until = world->now + STALE_MS;
	world->fault_at = world->say_at = UINT64_MAX;
	world->broker.sync_most = 10;
	world->broker.now = world->now;
	network_heal(&world->network);
	for (size_t i = 0; i < world->count; i++) {
		for (size_t lane = 0; lane < LANES; lane++)
			world->reopen_at[i][lane] = UINT64_MAX;
		if (broker_up(&world->broker) && !((world->account.active & ~world->account.leaving) >> i & 1))
			broker_standing(&world->broker, i, SIMPUL__STANDING__STANDING_ACTIVE);
		/* Whoever made new keys also starts the agent anew: with the old ones it only hears silence. */
		if (world->offices[i].up && world->offices[i].self != &world->offices[i].selves[world->offices[i].key])
			office_stop(&world->offices[i]);
		if (broker_up(&world->broker) && world->account.key_ids[i] != world->offices[i].key + 1)
			broker_enroll(&world->broker, i, world->offices[i].key);
	}
}
