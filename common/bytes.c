/* bytes - views, growing buffers, big-endian numbers and hexadecimal. */
#include "common/bytes.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 256, NAME_LONGEST = 255 };

bool bytes_equal(struct bytes a, struct bytes b)
{
	return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool bytes_all_zero(struct bytes a)
{
	for (size_t i = 0; i < a.size; i++)
		if (a.data[i] != 0)
			return false;
	return true;
}

void buffer_reserve(struct buffer *b, size_t more)
{
	/* A sum that wraps round asks for everything, and memory_grow ends the program. */
	const size_t needed = more > SIZE_MAX - b->size ? SIZE_MAX : b->size + more;
	size_t capacity = b->capacity > 0 ? b->capacity : FIRST_CAPACITY;

	if (needed <= b->capacity)
		return;
	if (b->capacity == 0 && needed > capacity)
		capacity = needed; /* what is filled at one go is as large as that */
	while (capacity < needed)
		capacity = capacity > SIZE_MAX / 2 ? SIZE_MAX : capacity * 2;
	b->data = memory_grow(b->data, capacity, 1);
	b->capacity = capacity;
}

uint8_t *buffer_room(struct buffer *b, size_t size)
{
	buffer_reserve(b, size > 0 ? size : 1);
	uint8_t *room = b->data + b->size;
	b->size += size;
	return room;
}

void buffer_append(struct buffer *b, const void *data, size_t size)
{
	if (size > 0)
		memcpy(buffer_room(b, size), data, size);
}

void buffer_bytes(struct buffer *b, struct bytes data)
{
	buffer_append(b, data.data, data.size);
}

void buffer_text(struct buffer *b, const char *text)
{
	buffer_append(b, text, strlen(text));
}

static void append_number(struct buffer *b, uint64_t value, size_t size)
{
	uint8_t *room = buffer_room(b, size);

	while (size > 0) {
		room[--size] = (uint8_t)value;
		value >>= 8;
	}
}

void buffer_u8(struct buffer *b, uint8_t value)
{
	append_number(b, value, 1);
}

void buffer_u16(struct buffer *b, uint16_t value)
{
	append_number(b, value, 2);
}

void buffer_u32(struct buffer *b, uint32_t value)
{
	append_number(b, value, 4);
}

void buffer_u64(struct buffer *b, uint64_t value)
{
	append_number(b, value, 8);
}

void buffer_name(struct buffer *b, const char *text)
{
	size_t length = strlen(text);

	/* A name cut short would let two statements have the same bytes; callers check names first. */
	if (length > NAME_LONGEST)
		abort();
	buffer_u8(b, (uint8_t)length);
	buffer_append(b, text, length);
}

void buffer_clear(struct buffer *b)
{
	b->size = 0;
}

void buffer_free(struct buffer *b)
{
	free(b->data);
	*b = (struct buffer){0};
}

struct bytes buffer_view(const struct buffer *b)
{
	return (struct bytes){b->data, b->size};
}

void store_u64(uint8_t out[8], uint64_t value)
{
	for (int i = 7; i >= 0; i--) {
		out[i] = (uint8_t)value;
		value >>= 8;
	}
}

uint64_t load_u64(const uint8_t in[8])
{
	uint64_t value = 0;

	for (int i = 0; i < 8; i++)
		value = value << 8 | in[i];
	return value;
}

bool text_ends_with(const char *text, const char *end)
{
	const size_t size = strlen(text), last = strlen(end);

	return size >= last && strcmp(text + size - last, end) == 0;
}

char *hex_of(char *out, struct bytes data)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < data.size; i++) {
		out[2 * i] = digits[data.data[i] >> 4];
		out[2 * i + 1] = digits[data.data[i] & 15];
	}
	out[2 * data.size] = '\0';
	return out;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool hex_parse(const char *text, uint8_t *out, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		int high = hex_digit(text[2 * i]);
		/* The second digit is looked at only after the first: the text may end between them. */
		int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);

		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return text[2 * size] == '\0';
}
