/* core_expect - what tests of the core say and expect in one call each; what does not come as expected fails the test.
 */
#ifndef SIMPUL_CORE_EXPECT_H
#define SIMPUL_CORE_EXPECT_H

#include "tests/support/core_world.h"

/* For cmocka: police, army and immigration have sessions. */
int world_start(void **state);

/* Another key for the node, countersigned and in force. */
void world_rekeys(struct world *world, size_t node, uint32_t key_id);

/* Says it, and commits it: the receipt, whatever its verdicts. */
const Simpul__Receipt *world_accepts(struct world *world, struct speech speech);
/* Says it: it is refused, and no number is used up by it. */
void world_refuses(struct world *world, struct speech speech, enum error code);
/* Accepts it without a verdict, for one or two nodes: `second` may be NULL. */
void world_reaches(struct world *world, struct speech speech, const char *first, const char *second);

/* The receipt that was sent last. */
const Simpul__Receipt *world_receipt(const struct world *world);
/* Of one report: it has this verdict, and goes to nobody. */
void world_judged(const struct world *world, const Simpul__Receipt *receipt, enum error code, const char *field);

#endif
