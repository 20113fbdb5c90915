/* seed - a while of trouble, now and then an hour without the broker, then calm; and the account is settled. */
#include "tests/sim/seed.h"
#include "tests/sim/trace.h"

#include <string.h>

enum { SECOND = 1000, CALM_SECONDS = 400, QUIET_BEAT = 1000 };

/* The broker cannot be reached for an hour. */
static void hour(struct world *world)
{
	const uint64_t until = world->now + 3600 * SECOND;

	trace("an hour without the broker");
	world->fault_at = UINT64_MAX;
	for (size_t i = 0; i < world->count; i++) {
		world->offices[i].beat = QUIET_BEAT;
		for (size_t lane = 0; lane < LANES; lane++) {
			network_shut(&world->network, i, (enum lane)lane);
			world->reopen_at[i][lane] = until;
		}
	}
	world->say_most = 300 * SECOND;
	world_run(world, until);
	for (size_t i = 0; i < world->count; i++)
		world->offices[i].beat = 100;
}

static bool settled(struct world *world)
{
	if (!broker_idle(&world->broker) ||
	    (world->account.active & ~world->account.leaving) != (1u << world->count) - 1)
		return false;
	for (size_t i = 0; i < world->count; i++)
		if (!office_settled(&world->offices[i]) || world->account.key_ids[i] != world->offices[i].key + 1)
			return false;
	return true;
}

static void unsettled_tell(struct world *world)
{
	for (size_t i = 0; i < world->count; i++) {
		struct uplink_status status = {0};

		if (office_settled(&world->offices[i]))
			continue;
		if (world->offices[i].up)
			office_status(&world->offices[i], &status);
		account_wrong(&world->account, LOST, "%s does not settle: state %d at entry %llu of %llu, %s %s",
			      office_names[i], status.state, (unsigned long long)status.cursor.entry,
			      (unsigned long long)world->account.last, error_name(status.last_fault.code),
			      status.last_fault.field);
	}
	account_wrong(&world->account, LOST, "the broker does not settle");
}

static bool calm(struct world *world)
{
	trace("calm");
	for (int i = 0; i < CALM_SECONDS; i++) {
		weather_clear(world);
		world_run(world, world->now + SECOND);
		if (settled(world))
			return true;
		if (!account_clean(&world->account))
			return false;
	}
	unsettled_tell(world);
	return false;
}

static void check(struct world *world)
{
	struct position held;
	struct uplink_status status;

	for (size_t i = 0; i < world->count; i++)
		account_check_office(&world->account, i, &world->offices[i].store, world->broker.reader);
	account_check_held(&world->account);
	office_status(&world->offices[0], &status);
	held = status.cursor;
	account_check_journal(&world->account, &world->broker.journal_options, &held);
}

static void note(const struct world *world, struct seed_result *result)
{
	memset(result, 0, sizeof *result);
	memcpy(result->wrongs, world->account.wrongs, sizeof result->wrongs);
	strcpy(result->first_wrong, world->account.first_wrong);
	result->milliseconds = world->now;
	result->head = world->account.entries[world->account.last].head;
	result->reports = world->account.item_count;
	result->entries = world->account.last;
	result->frames = world->network.carried;
	result->broker_crashes = world->broker.crashes;
	result->halts = world->halts;
	for (size_t i = 0; i < world->count; i++)
		result->office_crashes += world->offices[i].crashes;
}

void seed_run(struct cast *cast, uint64_t seed, struct seed_result *result)
{
	struct world world;

	world_start(&world, cast, seed);
	world.say_at = world.fault_at = SECOND;
	world_run(&world, chance_between(&world.chance, 20, 180) * SECOND);
	if (chance_one_in(&world.chance, 10) && account_clean(&world.account))
		hour(&world);
	if (account_clean(&world.account) && calm(&world))
		check(&world);
	note(&world, result);
	world_end(&world);
}
