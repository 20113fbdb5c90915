/* journaled_world - a core on a real journal in a folder of its own, as a test's set-up and end. */
#ifndef SIMPUL_TESTS_JOURNALED_WORLD_H
#define SIMPUL_TESTS_JOURNALED_WORLD_H

#include "tests/support/core_world.h"

#define JOURNALED_HEAD 6 /* the genesis, four members, a policy */

/* For cmocka: police, army and immigration have sessions. */
int journaled_setup(void **state);
int journaled_teardown(void **state);
struct world *journaled_world(void **state);

#endif
