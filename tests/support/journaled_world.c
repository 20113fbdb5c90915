/* journaled_world - makes the folder, and removes it. */
#include "tests/support/journaled_world.h"
#include "common/memory.h"
#include "tests/support/process.h"

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

int journaled_teardown(void **state)
{
	struct fixture *fixture = *state;

	world_free(fixture->world);
	tree_remove(fixture->path);
	free(fixture);
	return 0;
}

struct world *journaled_world(void **state)
{
	return ((struct fixture *)*state)->world;
}
