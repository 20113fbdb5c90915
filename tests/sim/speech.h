/* speech - what the offices of a simulated exchange say: reports drawn at random, and made the way that an agent takes
 * them. */
#ifndef SIMPUL_SIM_SPEECH_H
#define SIMPUL_SIM_SPEECH_H

#include "agents/reports/draft.h"
#include "tests/sim/account.h"

/* A report of `origin` that the account does not know yet, at a time that the office's clock shows. */
struct item speech_draw(const struct account *account, struct chance *chance, size_t origin, wall_ms now);
/* Lives in the arena. */
struct prepared *speech_make(const struct account *account, const struct item *item, struct arena *arena);

#endif
