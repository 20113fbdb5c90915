/* machine - shows simulated time to the code under test, and cuts its power. */
#include "tests/sim/machine.h"

#define WORLD_BEGAN UINT64_C(1795000000000) /* a day in November 2026 */

enum { SINCE_BOOT = 5000 /* no steady clock shows 0 to the first program */, WRITES_AHEAD = 40, SYNCS_AHEAD = 4 };

static struct now shown = {.wall = WORLD_BEGAN, .steady = SINCE_BOOT};

struct now machine_now(const struct machine *machine, uint64_t world)
{
	return (struct now){.wall = WORLD_BEGAN + world + (uint64_t)machine->wall_off,
			    .steady = SINCE_BOOT + world - machine->started};
}

void clock_show(const struct now *now)
{
	shown = *now;
}

struct now __wrap_clock_now(void)
{
	return shown;
}

void machine_doom(struct machine *machine, struct chance *chance)
{
	if (machine->doomed)
		return;
	machine->doomed = true;
	machine->doom = (struct disk_fault){.prefix = machine->folder, .call = DISK_WRITE};
	machine->doom.nth = chance_between(chance, 1, WRITES_AHEAD);
	if (chance_one_in(chance, 4)) {
		machine->doom.call = DISK_SYNC;
		machine->doom.nth = chance_between(chance, 1, SYNCS_AHEAD);
	}
	disk_fault_add(machine->disk, &machine->doom);
}

bool machine_struck(const struct machine *machine)
{
	return machine->doomed && machine->doom.failed > 0;
}

void machine_cut(struct machine *machine)
{
	if (machine->doomed)
		disk_fault_remove(machine->disk, &machine->doom);
	machine->doomed = false;
	disk_cut(machine->disk, machine->folder);
}

void machine_restore(struct machine *machine, enum disk_loss how, uint64_t seed)
{
	disk_restore(machine->disk, machine->folder, how, seed);
}

enum disk_loss loss_draw(struct chance *chance)
{
	return (enum disk_loss)chance_below(chance, DISK_LOSSES);
}
