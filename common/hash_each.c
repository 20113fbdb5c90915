/* hash_each - BLAKE2b-256 of many byte strings side by side, four to a vector.
 *
 * The reports of a submission are short and independent of each other, and every party hashes all of them; one after the
 * other that was the dearest step of all (tests/bench/README.md). Each lane of a vector works on a string of its own; one
 * that ends before the others of its four stands still until they are done. RFC 7693, unkeyed, 32 bytes of output. */
#include "common/hash.h"

#include <string.h>

enum { LANES = 4, BLOCK = 128, WORDS = 16, ROUNDS = 12 };

typedef uint64_t lanes __attribute__((vector_size(LANES * sizeof(uint64_t))));

static const uint64_t iv[8] = {
	0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179,
};

/* Parameter block: digest of 32 bytes, no key, fanout and depth 1. */
#define PARAMETERS UINT64_C(0x01010020)

static const uint8_t sigma[ROUNDS][WORDS] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
	{11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
	{9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
	{12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
	{6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
};

/* ---------------------------------------------------------------------------- one block of each lane */

#define ROTATE(x, bits) ((x) >> (bits) | (x) << (64 - (bits)))

#define MIX(a, b, c, d, x, y) \
	do { \
		a += b + (x); \
		d = ROTATE(d ^ a, 32); \
		c += d; \
		b = ROTATE(b ^ c, 24); \
		a += b + (y); \
		d = ROTATE(d ^ a, 16); \
		c += d; \
		b = ROTATE(b ^ c, 63); \
	} while (0)

/* Word i of each of the four blocks into m[i]. BLAKE2b is little-endian, as every machine that this is built for. */
static inline __attribute__((always_inline)) void blocks_load(const uint8_t *const block[LANES], lanes m[WORDS])
{
	for (size_t i = 0; i < WORDS; i += LANES) {
		lanes row[LANES], low[2], high[2];

		for (size_t lane = 0; lane < LANES; lane++)
			memcpy(&row[lane], block[lane] + i * sizeof(uint64_t), sizeof(row[lane]));
		for (size_t pair = 0; pair < 2; pair++) {
			low[pair] = __builtin_shufflevector(row[2 * pair], row[2 * pair + 1], 0, 4, 2, 6);
			high[pair] = __builtin_shufflevector(row[2 * pair], row[2 * pair + 1], 1, 5, 3, 7);
		}
		m[i] = __builtin_shufflevector(low[0], low[1], 0, 1, 4, 5);
		m[i + 1] = __builtin_shufflevector(high[0], high[1], 0, 1, 4, 5);
		m[i + 2] = __builtin_shufflevector(low[0], low[1], 2, 3, 6, 7);
		m[i + 3] = __builtin_shufflevector(high[0], high[1], 2, 3, 6, 7);
	}
}

/* Four strings under way. */
struct state {
	lanes h[8];
	lanes length; /* bytes so far, those of the block that is compressed included */
	lanes last;   /* all ones in a lane whose string ends with this block */
	lanes active; /* all ones in a lane whose string has not ended before */
	const uint8_t *block[LANES];
};

static inline __attribute__((always_inline)) void compress(struct state *state)
{
	lanes v[16], m[WORDS];

	blocks_load(state->block, m);
	for (size_t i = 0; i < 8; i++) {
		v[i] = state->h[i];
		v[i + 8] = (lanes){0} + iv[i];
	}
	v[12] ^= state->length;
	v[14] ^= state->last;
#pragma GCC unroll 12
	for (size_t r = 0; r < ROUNDS; r++) {
		const uint8_t *s = sigma[r];

		MIX(v[0], v[4], v[8], v[12], m[s[0]], m[s[1]]);
		MIX(v[1], v[5], v[9], v[13], m[s[2]], m[s[3]]);
		MIX(v[2], v[6], v[10], v[14], m[s[4]], m[s[5]]);
		MIX(v[3], v[7], v[11], v[15], m[s[6]], m[s[7]]);
		MIX(v[0], v[5], v[10], v[15], m[s[8]], m[s[9]]);
		MIX(v[1], v[6], v[11], v[12], m[s[10]], m[s[11]]);
		MIX(v[2], v[7], v[8], v[13], m[s[12]], m[s[13]]);
		MIX(v[3], v[4], v[9], v[14], m[s[14]], m[s[15]]);
	}
	for (size_t i = 0; i < 8; i++)
		state->h[i] ^= (v[i] ^ v[i + 8]) & state->active;
}

/* The same code for what the processor has. */
typedef void compressor(struct state *state);

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "BLAKE2b's words are taken from memory as they are");

static void compress_plain(struct state *state)
{
	compress(state);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void compress_avx2(struct state *state)
{
	compress(state);
}

__attribute__((target("avx512vl"))) static void compress_avx512(struct state *state)
{
	compress(state);
}
#endif

static compressor *compressor_of(enum hash_width width)
{
#if defined(__x86_64__)
	if (width == HASH_AVX512 && __builtin_cpu_supports("avx512vl"))
		return compress_avx512;
	if (width == HASH_AVX2 && __builtin_cpu_supports("avx2"))
		return compress_avx2;
#endif
	return width == HASH_PLAIN ? compress_plain : NULL;
}

/* ---------------------------------------------------------------------------- four strings */

static size_t blocks_of(struct bytes data)
{
	return data.size <= BLOCK ? 1 : (data.size + BLOCK - 1) / BLOCK;
}

/* Block `index` of a string; the last one is filled up with zeros in `padded`. */
static const uint8_t *block_of(struct bytes data, size_t index, uint8_t padded[BLOCK])
{
	const size_t from = index * BLOCK, size = data.size - from;

	if (size >= BLOCK)
		return data.data + from;
	if (size > 0)
		memcpy(padded, data.data + from, size);
	memset(padded + size, 0, BLOCK - size);
	return padded;
}

static void blocks_set(struct state *state, const struct bytes *data, size_t index, uint8_t padded[LANES][BLOCK])
{
	uint64_t length[LANES], last[LANES], active[LANES];

	for (size_t i = 0; i < LANES; i++) {
		const size_t blocks = blocks_of(data[i]);

		active[i] = index < blocks ? UINT64_MAX : 0;
		last[i] = index + 1 == blocks ? UINT64_MAX : 0;
		length[i] = last[i] ? data[i].size : (index + 1) * BLOCK;
		state->block[i] = active[i] ? block_of(data[i], index, padded[i]) : padded[i];
	}
	memcpy(&state->length, length, sizeof(length));
	memcpy(&state->last, last, sizeof(last));
	memcpy(&state->active, active, sizeof(active));
}

/* The first half of each lane's state is its hash. */
static void hashes_store(const struct state *state, struct hash *out, size_t count)
{
	uint64_t words[HASH_SIZE / sizeof(uint64_t)][LANES];

	memcpy(words, state->h, sizeof(words));
	for (size_t i = 0; i < count; i++)
		for (size_t word = 0; word < HASH_SIZE / sizeof(uint64_t); word++)
			memcpy(out[i].bytes + word * sizeof(uint64_t), &words[word][i], sizeof(uint64_t));
}

static void four_hash(compressor *compress_next, const struct bytes data[LANES], struct hash *out, size_t count)
{
	uint8_t padded[LANES][BLOCK] = {0};
	struct state state;
	size_t blocks = 0;

	for (size_t i = 0; i < 8; i++)
		state.h[i] = (lanes){0} + (i == 0 ? iv[i] ^ PARAMETERS : iv[i]);
	for (size_t i = 0; i < LANES; i++)
		blocks = blocks_of(data[i]) > blocks ? blocks_of(data[i]) : blocks;
	for (size_t i = 0; i < blocks; i++) {
		blocks_set(&state, data, i, padded);
		compress_next(&state);
	}
	hashes_store(&state, out, count);
}

static void hash_by(compressor *compress_next, const struct bytes *data, size_t count, struct hash *out)
{
	struct bytes rest[LANES] = {0};

	for (; count >= LANES; data += LANES, out += LANES, count -= LANES)
		four_hash(compress_next, data, out, LANES);
	if (count == 0)
		return;
	memcpy(rest, data, count * sizeof(*rest));
	four_hash(compress_next, rest, out, count);
}

bool hash_each_by(enum hash_width width, const struct bytes *data, size_t count, struct hash *out)
{
	compressor *const compress_next = compressor_of(width);

	if (compress_next)
		hash_by(compress_next, data, count, out);
	return compress_next != NULL;
}

void hash_each(const struct bytes *data, size_t count, struct hash *out)
{
	if (count > 2 && (hash_each_by(HASH_AVX512, data, count, out) || hash_each_by(HASH_AVX2, data, count, out)))
		return;
	for (size_t i = 0; i < count; i++)
		out[i] = hash_of(data[i]);
}
