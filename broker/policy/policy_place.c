/* policy_place - walks the words of a YAML text, skipping comments. */
#include "broker/policy/policy_place.h"

#include <ctype.h>
#include <string.h>

/* A word is what stands between spaces, quotes and the brackets and commas of YAML. */
static bool in_word(uint8_t c)
{
	return isgraph(c) && strchr("\"',:[]{}#", c) == NULL;
}

/* A '#' begins a comment at the start of a line and after a space. */
static bool comment_at(struct bytes text, size_t offset)
{
	return text.data[offset] == '#' && (offset == 0 || isspace(text.data[offset - 1]));
}

static size_t line_end(struct bytes text, size_t offset)
{
	while (offset < text.size && text.data[offset] != '\n')
		offset++;
	return offset;
}

/* The next word at or after `offset`, which then is its begin; false at the end. */
static bool word_next(struct bytes text, size_t *offset, size_t *size)
{
	size_t at = *offset;

	while (at < text.size && !in_word(text.data[at]))
		at = comment_at(text, at) ? line_end(text, at) : at + 1;
	*offset = at;
	while (at < text.size && in_word(text.data[at]))
		at++;
	*size = at - *offset;
	return *size > 0;
}

static bool word_is(struct bytes text, size_t offset, size_t size, const char *word)
{
	return strlen(word) == size && memcmp(text.data + offset, word, size) == 0;
}

size_t place_of_key(struct bytes text, size_t from, const char *key, size_t index)
{
	size_t size;

	for (; word_next(text, &from, &size); from += size) {
		if (!word_is(text, from, size, key) || from + size >= text.size || text.data[from + size] != ':')
			continue;
		if (index-- == 0)
			return from;
	}
	return text.size;
}

size_t place_of_word(struct bytes text, size_t from, const char *word)
{
	size_t offset = from, size;

	for (; word_next(text, &offset, &size); offset += size)
		if (word_is(text, offset, size, word))
			return offset;
	return from;
}

size_t place_line(struct bytes text, size_t offset)
{
	size_t line = 1;

	for (size_t i = 0; i < offset && i < text.size; i++)
		line += text.data[i] == '\n';
	return line;
}
