/* machine - what one simulated machine has of its own: two clocks, and a disk that may lose its power at any write.
 *
 * The program is linked with --wrap=clock_now, so that whatever looks at a clock sees that of the machine whose turn it
 * is. */
#ifndef SIMPUL_SIM_MACHINE_H
#define SIMPUL_SIM_MACHINE_H

#include "common/clock.h"
#include "tests/sim/chance.h"
#include "tests/support/disk.h"

struct machine {
	struct disk *disk;
	const char *folder; /* of its disk */
	int64_t wall_off;   /* milliseconds that its wall clock is wrong */
	uint64_t started;   /* the world's time when its steady clock began anew */
	struct disk_fault doom;
	bool doomed;
};

/* What its clocks show at the world's time (milliseconds since it began). */
struct now machine_now(const struct machine *machine, uint64_t world);
/* From now on clock_now says this. */
void clock_show(const struct now *now);
struct now __wrap_clock_now(void);

/* The power goes at one of the next writes or syncs: it fails, and all that follow. Whoever drives the machine cuts it
 * as soon as that is so. */
void machine_doom(struct machine *machine, struct chance *chance);
bool machine_struck(const struct machine *machine);
/* The machine stops, and with `how` what was not synced is gone. Whoever drives it closes its handles first between cut
 * and restore. */
void machine_cut(struct machine *machine);
void machine_restore(struct machine *machine, enum disk_loss how, uint64_t seed);
/* A way to lose something, or a kill, which leaves what was written and not synced for a later loss. */
enum disk_loss loss_draw(struct chance *chance);

#endif
