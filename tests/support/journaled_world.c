/* journaled_world - makes the folder, and removes it. */
#include "tests/support/journaled_world.h"
#include "common/memory.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
	char path[64];
	struct world *world;
};

int journaled_setup(void **state)
{
	struct fixture *fixture = memory_zero(1, sizeof(*fixture));

	strcpy(fixture->path, "/tmp/simpul-core-XXXXXX");
	if (!mkdtemp(fixture->path))
		return -1;
	fixture->world = world_on_journal(fixture->path);
	for (size_t node = POLICE; node <= IMMIGRATION; node++)
		world_hello(fixture->world, node, JOURNALED_HEAD);
	world_forget(fixture->world);
	*state = fixture;
	return 0;
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

int journaled_teardown(void **state)
{
	struct fixture *fixture = *state;

	world_free(fixture->world);
	nftw(fixture->path, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	free(fixture);
	return 0;
}

struct world *journaled_world(void **state)
{
	return ((struct fixture *)*state)->world;
}
