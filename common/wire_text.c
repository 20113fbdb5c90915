/* wire_text - eight plain characters at a time, one by one where there is anything else. */
#include "common/wire_text.h"

#include <string.h>

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether eight bytes are all in 0x20..0x7e. In a byte below 0x80, adding 0x60 sets the top bit from 0x20 on, and adding 1
 * sets it for 0x7f alone; no byte carries into the next. */
static bool all_printable(const uint8_t *text)
{
	uint64_t word;

	memcpy(&word, text, sizeof word);
	return !((word | (word + EACH(1)) | ~(word + EACH(0x60))) & EACH(0x80));
}

size_t wire_text_sequence(const uint8_t *text, size_t size)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const size_t length = text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	uint32_t code;

	if (text[0] < 0xc0 || text[0] > 0xf4 || length > size)
		return 0;
	code = text[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	return code < least[length] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff) ? 0 : length;
}

enum error wire_text_check(struct bytes text)
{
	for (size_t i = 0; i < text.size;) {
		const uint8_t byte = text.data[i];
		size_t length = 1;

		if (text.size - i >= sizeof(uint64_t) && all_printable(text.data + i)) {
			i += sizeof(uint64_t);
			continue;
		}
		if (byte >= 0x80)
			length = wire_text_sequence(text.data + i, text.size - i);
		else if ((byte < 0x20 && byte != '\t' && byte != '\n') || byte == 0x7f)
			return E_INVALID;
		if (length == 0)
			return E_NOT_UTF8;
		i += length;
	}
	return E_OK;
}
