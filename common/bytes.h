/* bytes - borrowed views of bytes, growing buffers, big-endian numbers and hexadecimal. */
#ifndef SIMPUL_BYTES_H
#define SIMPUL_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view; who made it owns the memory. */
struct bytes {
	const uint8_t *data;
	size_t size;
};

/* Owned bytes that grow; start with {0}, end with buffer_free. */
struct buffer {
	uint8_t *data;
	size_t size;
	size_t capacity;
};

#define BYTES(pointer, length) ((struct bytes){(const uint8_t *)(pointer), (length)})

bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_all_zero(struct bytes a);

void buffer_append(struct buffer *b, const void *data, size_t size);
void buffer_bytes(struct buffer *b, struct bytes data);
void buffer_text(struct buffer *b, const char *text); /* without the final zero */
void buffer_u8(struct buffer *b, uint8_t value);
void buffer_u16(struct buffer *b, uint16_t value); /* big-endian, as all below */
void buffer_u32(struct buffer *b, uint32_t value);
void buffer_u64(struct buffer *b, uint64_t value);
/* A name as signed structures hold it: one length byte, then the text (at most 255 bytes). */
void buffer_name(struct buffer *b, const char *text);
/* Room for `size` more bytes, counted as used; the caller fills them in. */
uint8_t *buffer_room(struct buffer *b, size_t size);
/* Makes room without counting it as used, so that what is appended next does not move the rest. */
void buffer_reserve(struct buffer *b, size_t more);
void buffer_clear(struct buffer *b); /* keeps the memory */
void buffer_free(struct buffer *b);
struct bytes buffer_view(const struct buffer *b);

void store_u64(uint8_t out[8], uint64_t value);
uint64_t load_u64(const uint8_t in[8]);

bool text_ends_with(const char *text, const char *end);

/* Writes 2 * size characters and a zero; returns `out`. */
char *hex_of(char *out, struct bytes data);
/* True when `text` is exactly 2 * size hexadecimal digits. */
bool hex_parse(const char *text, uint8_t *out, size_t size);

#endif
