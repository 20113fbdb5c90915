/* wire_text - what a text in a message may be: UTF-8 without control characters. For wire.c and safe_text.c. */
#ifndef SIMPUL_WIRE_TEXT_H
#define SIMPUL_WIRE_TEXT_H

#include "common/bytes.h"
#include "common/error.h"

/* E_NOT_UTF8: truncated, overlong, a surrogate or out of range. E_INVALID: U+0000..U+001F other than tab and newline, or
 * U+007F. */
enum error wire_text_check(struct bytes text);
/* The length of the UTF-8 sequence at `text`, which begins with no ASCII character; 0 when it is truncated, overlong, a
 * surrogate or out of range. */
size_t wire_text_sequence(const uint8_t *text, size_t size);

#endif
