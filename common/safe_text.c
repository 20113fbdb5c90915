/* safe_text - reads UTF-8 a character at a time and judges each. */
#include "common/safe_text.h"

#include "common/wire_text.h"
#include <string.h>

/* C0 and C1 controls, and the marks that turn the direction of writing. */
static bool character_safe(unsigned code)
{
	return code >= 0x20 && (code < 0x7f || code > 0x9f) && code != 0x61c && code != 0x200e && code != 0x200f &&
	       (code < 0x2028 || code > 0x202e) && (code < 0x2066 || code > 0x2069) && code != 0xfeff;
}

size_t safe_text_next(const char *text, bool *safe)
{
	const uint8_t *c = (const uint8_t *)text;
	const size_t size = *c < 0x80 ? 1 : wire_text_sequence(c, strnlen(text, 4)); /* 0: not UTF-8 */
	unsigned code = *c < 0x80 ? *c : *c & (0x7fu >> size);

	for (size_t i = 1; i < size; i++)
		code = code << 6 | (c[i] & 0x3f);
	*safe = size > 0 && character_safe(code);
	return size > 0 ? size : 1;
}

void safe_text_clean(char *text)
{
	bool safe;

	while (*text != '\0') {
		const size_t size = safe_text_next(text, &safe);

		if (!safe)
			memset(text, '?', size);
		text += size;
	}
}
