/* safe_text - which characters of other people's text a terminal may be shown: none that moves the cursor, changes
 * colours or turns the direction of writing. */
#ifndef SIMPUL_SAFE_TEXT_H
#define SIMPUL_SAFE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* The bytes of the first character of `text`, which is not empty. `safe` false: it may not be shown, or is not UTF-8,
 * and then it is one byte. */
size_t safe_text_next(const char *text, bool *safe);
/* Puts "?" for each byte of what may not be shown. */
void safe_text_clean(char *text);

#endif
