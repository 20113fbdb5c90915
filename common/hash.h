/* hash - BLAKE2b-256 with a tag for each use, as PROTOCOL.md, "Hashes", lists them. */
#ifndef SIMPUL_HASH_H
#define SIMPUL_HASH_H

#include "common/bytes.h"

#define HASH_SIZE 32

struct hash {
	uint8_t bytes[HASH_SIZE];
};

/* BLAKE2b-256 of the bytes alone: for a report's three strings. */
struct hash hash_of(struct bytes data);
/* hash_of each of `count` strings. From three on they are hashed side by side (hash_each.c), three times as fast as one
 * after the other where the processor has AVX2. */
void hash_each(const struct bytes *data, size_t count, struct hash *out);
/* The same by one implementation, for tests; false where the processor has not what it needs. */
enum hash_width { HASH_PLAIN, HASH_AVX2, HASH_AVX512 };
bool hash_each_by(enum hash_width width, const struct bytes *data, size_t count, struct hash *out);
/* BLAKE2b-256 of the tag's bytes (no zero) followed by the data. */
struct hash hash_tagged(const char *tag, struct bytes data);
bool hash_equal(const struct hash *a, const struct hash *b);
/* False when `data` is not exactly 32 bytes. */
bool hash_load(struct hash *out, struct bytes data);

#endif
