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
/* hash_of each of `count` strings, in hash_each.c: several times as fast as one after the other. */
void hash_each(const struct bytes *data, size_t count, struct hash *out);
/* BLAKE2b-256 of the tag's bytes (no zero) followed by the data. */
struct hash hash_tagged(const char *tag, struct bytes data);
bool hash_equal(const struct hash *a, const struct hash *b);
/* False when `data` is not exactly 32 bytes. */
bool hash_load(struct hash *out, struct bytes data);

#endif
