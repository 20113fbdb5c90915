/* encoding - converts between UTF-8 and Windows-1252 with iconv(3). */
#include "agents/intake/encoding.h"
#include <iconv.h>
#include <stdlib.h>
#include <string.h>

/* One byte of Windows-1252 is at most three of UTF-8. */
enum { LARGEST_GROWTH = 3 };

static iconv_t converter(const char *to, const char *from)
{
	iconv_t converter = iconv_open(to, from);

	if (converter == (iconv_t)-1)
		abort(); /* both encodings are part of libc; without them the machine is not set up */
	return converter;
}

size_t text_bom(struct bytes text)
{
	const size_t size = strlen(ENCODING_BOM);

	return text.size >= size && memcmp(text.data, ENCODING_BOM, size) == 0 ? size : 0;
}

/* glibc takes UTF-8 to UTF-8 through code points, so it checks the bytes on the way. */
bool text_decode(enum profile_encoding encoding, struct bytes text, struct buffer *out)
{
	iconv_t utf8 = converter("UTF-8", encoding == ENCODING_WINDOWS_1252 ? "WINDOWS-1252" : "UTF-8");
	size_t before = out->size, room = LARGEST_GROWTH * text.size, left = text.size;
	char *in = (char *)(uintptr_t)text.data; /* iconv only reads it */
	char *next = (char *)buffer_room(out, room);
	bool good = text.size == 0 || iconv(utf8, &in, &left, &next, &room) != (size_t)-1;

	out->size = good ? out->size - room : before;
	iconv_close(utf8);
	return good;
}

void text_encode(enum profile_encoding encoding, const char *text, struct buffer *out)
{
	iconv_t target;
	char *in = (char *)(uintptr_t)text, *next;
	size_t left = strlen(text), room = left;

	if (encoding == ENCODING_UTF8) {
		buffer_text(out, text);
		return;
	}
	target = converter("WINDOWS-1252", "UTF-8");
	next = (char *)buffer_room(out, room);
	while (iconv(target, &in, &left, &next, &room) == (size_t)-1 && left > 0) {
		*next++ = '?';
		room--;
		do {
			in++;
			left--;
		} while (left > 0 && ((unsigned char)*in & 0xc0) == 0x80);
	}
	out->size -= room;
	iconv_close(target);
}
