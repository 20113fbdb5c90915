/* chance - every random decision of a simulated world, from one seed. */
#ifndef SIMPUL_SIM_CHANCE_H
#define SIMPUL_SIM_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chance {
	uint64_t state;
};

/* The same seed and purpose give the same decisions; another purpose gives others. */
struct chance chance_of(uint64_t seed, uint64_t purpose);
uint64_t chance_draw(struct chance *chance);
uint64_t chance_below(struct chance *chance, uint64_t limit); /* 0 .. limit - 1 */
uint64_t chance_between(struct chance *chance, uint64_t least, uint64_t most);
bool chance_one_in(struct chance *chance, uint64_t count);
bool chance_per_mille(struct chance *chance, unsigned per_mille);
void chance_fill(struct chance *chance, void *out, size_t size);

/* What the cryptography draws (salts, nonces, session keys) comes from here too. Before keys_init. */
void chance_take_over(void);
void chance_reseed(uint64_t seed);

#endif
