/* chance - SplitMix64 (Steele, Lea, Flood 2014): small, fast, and every seed is a good one. */
#include "tests/sim/chance.h"

#include <sodium.h>
#include <string.h>

struct chance chance_of(uint64_t seed, uint64_t purpose)
{
	struct chance chance = {seed * UINT64_C(0xd1342543de82ef95) + purpose};

	chance_draw(&chance);
	return chance;
}

uint64_t chance_draw(struct chance *chance)
{
	uint64_t z = chance->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t chance_below(struct chance *chance, uint64_t limit)
{
	return chance_draw(chance) % limit;
}

uint64_t chance_between(struct chance *chance, uint64_t least, uint64_t most)
{
	return least + chance_below(chance, most - least + 1);
}

bool chance_one_in(struct chance *chance, uint64_t count)
{
	return chance_below(chance, count) == 0;
}

bool chance_per_mille(struct chance *chance, unsigned per_mille)
{
	return chance_below(chance, 1000) < per_mille;
}

void chance_fill(struct chance *chance, void *out, size_t size)
{
	uint8_t *bytes = out;

	for (size_t done = 0; done < size; done += sizeof(uint64_t)) {
		const uint64_t word = chance_draw(chance);

		memcpy(bytes + done, &word, size - done < sizeof(word) ? size - done : sizeof(word));
	}
}

/* ---- in place of the system's random numbers; libsodium has room for one source a process */

static struct chance drawn;

static const char *name(void)
{
	return "simulated";
}

static uint32_t word(void)
{
	return (uint32_t)chance_draw(&drawn);
}

static void fill(void *const out, const size_t size)
{
	chance_fill(&drawn, out, size);
}

void chance_take_over(void)
{
	static randombytes_implementation simulated = {.implementation_name = name, .random = word, .buf = fill};

	randombytes_set_implementation(&simulated);
}

void chance_reseed(uint64_t seed)
{
	drawn = chance_of(seed, 'c');
}
