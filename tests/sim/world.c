/* world - makes the machines and lets time pass among them. */
#include "tests/sim/world.h"
#include "tests/sim/trace.h"

#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- who takes part */

void cast_make(struct cast *cast)
{
	/* Worlds come and go: what one gives back the next takes. */
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	mallopt(M_MMAP_THRESHOLD, 64 * 1024 * 1024);
	chance_take_over();
	chance_reseed(1);
	agent_world_start(&cast->world);
	snprintf(cast->broker_folder, sizeof cast->broker_folder, "%s/broker", cast->world.folder);
	mkdir(cast->broker_folder, 0700);
	for (size_t i = 0; i < OFFICES; i++) {
		for (uint32_t key = 0; key < KEYS; key++)
			agent_office_make(&cast->world, office_names[i], key + 1, &cast->offices[i][key]);
		snprintf(cast->office_folders[i], sizeof cast->office_folders[i], "%s/office%zu", cast->world.folder,
			 i);
		mkdir(cast->office_folders[i], 0700);
	}
}

void cast_end(struct cast *cast)
{
	agent_world_end(&cast->world);
}

/* ---- a world */

static void office_found(struct world *world, size_t index, uint64_t seed)
{
	struct sim_office *office = &world->offices[index];

	*office = (struct sim_office){.index = index,
				      .network = &world->network,
				      .account = &world->account,
				      .selves = world->cast->offices[index],
				      .join = &world->cast->world.join,
				      .machine = {.disk = world->disk, .folder = world->cast->office_folders[index]},
				      .chance = chance_of(seed, 'o' * 256 + index),
				      .beat = (uint32_t)chance_between(&world->chance, 20, 100)};
	office_start(office, 0);
}

static void broker_make(struct world *world, uint64_t seed)
{
	world->broker = (struct sim_broker){.network = &world->network,
					    .account = &world->account,
					    .machine = {.disk = world->disk, .folder = world->cast->broker_folder},
					    .members = world->cast->offices,
					    .chance = chance_of(seed, 'b'),
					    .sync_most = (uint32_t)chance_between(&world->chance, 1, 40)};
	broker_found(&world->broker, &world->cast->world);
	broker_policy(&world->broker, &world->rules);
}

void world_start(struct world *world, struct cast *cast, uint64_t seed)
{
	memset(world, 0, sizeof *world);
	chance_reseed(seed);
	world->cast = cast;
	world->chance = chance_of(seed, 'w');
	world->count = (size_t)chance_between(&world->chance, 4, OFFICES);
	world->hostile_until = chance_one_in(&world->chance, 4) ? UINT64_MAX : 0;
	world->say_most = (uint32_t)chance_between(&world->chance, 500, 15000);
	world->fault_most = (uint32_t)chance_between(&world->chance, 2000, 30000);
	world->disk = disk_start(seed);
	network_start(&world->network, seed);
	network_weather(&world->network, world->hostile_until > 0);
	account_start(&world->account, world->count);
	rules_draw(&world->rules, &world->chance, world->count);
	broker_make(world, seed);
	for (size_t i = 0; i < world->count; i++)
		office_found(world, i, seed);
	world->broker_back = world->say_at = world->fault_at = UINT64_MAX;
	memset(world->office_back, 0xff, sizeof world->office_back);
	memset(world->reopen_at, 0xff, sizeof world->reopen_at);
}

void world_end(struct world *world)
{
	broker_end(&world->broker);
	for (size_t i = 0; i < world->count; i++) {
		if (world->offices[i].up)
			office_stop(&world->offices[i]);
		for (size_t channel = 0; channel < 2; channel++)
			free(world->offices[i].arrived[channel].list);
	}
	network_end(&world->network);
	account_end(&world->account);
	disk_stop(world->disk);
}

/* ---- time */

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t next_of(const struct world *world, uint64_t until)
{
	uint64_t next = earliest(earliest(until, network_next(&world->network)), broker_next(&world->broker));

	next = earliest(earliest(next, world->say_at), earliest(world->fault_at, world->broker_back));
	for (size_t i = 0; i < world->count; i++) {
		next = earliest(next, earliest(office_next(&world->offices[i]), world->office_back[i]));
		for (size_t lane = 0; lane < LANES; lane++)
			next = earliest(next, world->reopen_at[i][lane]);
	}
	return next > world->now ? next : world->now;
}

static void frames_arrive(struct world *world)
{
	while (network_next(&world->network) <= world->now) {
		struct frame *frame = network_take(&world->network);

		if (!frame)
			continue;
		if (frame->lane != LANE_UP) {
			office_receive(&world->offices[frame->office], frame, world->now);
			continue;
		}
		if (broker_up(&world->broker))
			broker_receive(&world->broker, frame, world->now);
		free(frame);
	}
}

/* An agent halts so that a person looks. Here somebody does, in a while; but unless the network lies, or the office was
 * cut off, there was no reason to. */
static void halt_notice(struct world *world, struct sim_office *office)
{
	struct uplink_status status;

	if (!office->up)
		return;
	office_status(office, &status);
	if (status.state != UPLINK_HALTED || world->office_back[office->index] != UINT64_MAX)
		return;
	if (world->now >= world->hostile_until && !(world->was_cut >> office->index & 1))
		account_wrong(&world->account, LOST, "%s halts over %s %s", office_names[office->index],
			      error_name(status.last_fault.code), status.last_fault.field);
	world->halts++;
	world->office_back[office->index] = world->now + chance_between(&world->chance, 5000, 60000);
}

/* An office that was no member at some moment, or not with the keys that it has, may halt over it. */
static void cuts_note(struct world *world)
{
	world->was_cut |= ~world->account.active | world->account.leaving;
	for (size_t i = 0; i < world->count; i++)
		if (world->account.key_ids[i] != world->offices[i].key + 1)
			world->was_cut |= 1u << i;
}

static void offices_turn(struct world *world)
{
	cuts_note(world);
	for (size_t i = 0; i < world->count; i++) {
		struct sim_office *office = &world->offices[i];

		if (office->up && office->step_at <= world->now) {
			office_turn(office, world->now);
			halt_notice(world, office);
		}
		if (!office->up && world->office_back[i] == UINT64_MAX)
			world->office_back[i] = world->now + chance_between(&world->chance, 100, 20000);
	}
}

static void machines_return(struct world *world)
{
	if (!broker_up(&world->broker) && world->broker_back == UINT64_MAX)
		world->broker_back = world->now + chance_between(&world->chance, 100, 20000);
	if (world->now >= world->broker_back) {
		world->broker_back = UINT64_MAX;
		broker_start(&world->broker, world->now);
	}
	for (size_t i = 0; i < world->count; i++) {
		struct sim_office *office = &world->offices[i];

		if (world->now < world->office_back[i])
			continue;
		world->office_back[i] = UINT64_MAX;
		if (office->up)
			office_stop(office);
		world->was_cut &= ~(1u << i);
		office_start(office, world->now);
	}
}

static void lanes_return(struct world *world)
{
	for (size_t i = 0; i < world->count; i++)
		for (size_t lane = 0; lane < LANES; lane++)
			if (world->now >= world->reopen_at[i][lane]) {
				world->reopen_at[i][lane] = UINT64_MAX;
				network_reopen(&world->network, i, (enum lane)lane);
			}
}

/* Several in a row now and then, so that submissions hold more than one. */
static void people_speak(struct world *world)
{
	struct sim_office *office = &world->offices[chance_below(&world->chance, world->count)];
	uint64_t reports = chance_one_in(&world->chance, 5) ? chance_between(&world->chance, 2, 8) : 1;

	world->say_at = world->now + chance_below(&world->chance, world->say_most);
	for (; reports > 0 && office->up; reports--)
		office_say(office, world->now);
}

void world_run(struct world *world, uint64_t until)
{
	while (world->now < until) {
		world->now = world->network.now = next_of(world, until);
		trace_time(world->now);
		lanes_return(world);
		frames_arrive(world);
		if (broker_next(&world->broker) <= world->now)
			broker_turn(&world->broker, world->now);
		offices_turn(world);
		machines_return(world);
		if (world->now >= world->say_at)
			people_speak(world);
		if (world->now >= world->fault_at)
			weather_strike(world);
	}
}
