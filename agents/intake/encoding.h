/* encoding - the texts of drop files between their own encoding and UTF-8. */
#ifndef SIMPUL_ENCODING_H
#define SIMPUL_ENCODING_H

#include "common/bytes.h"
#include <stdbool.h>

enum profile_encoding { ENCODING_UTF8, ENCODING_WINDOWS_1252 }; /* UTF-8 with or without BOM */

/* Three bytes that some programs put before UTF-8. */
#define ENCODING_BOM "\xef\xbb\xbf"

/* The bytes of the BOM that `text` begins with; 0 when it has none. */
size_t text_bom(struct bytes text);
/* Appends `text` in UTF-8 to `out`; false (and nothing appended) when a byte does not belong to the encoding. */
bool text_decode(enum profile_encoding encoding, struct bytes text, struct buffer *out);
/* Appends UTF-8 `text` in `encoding`; a character that it lacks becomes '?'. */
void text_encode(enum profile_encoding encoding, const char *text, struct buffer *out);

#endif
