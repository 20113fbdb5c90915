/* policy_place - finds the line of policy.yaml that a value stands in, which libcyaml does not keep. */
#ifndef SIMPUL_POLICY_PLACE_H
#define SIMPUL_POLICY_PLACE_H

#include "common/bytes.h"

/* Offset of the `index`-th key of this name ("node:", from 0), searched from offset `from`; text.size if there is none.
 * Comments do not count. */
size_t place_of_key(struct bytes text, size_t from, const char *key, size_t index);
/* Offset of the first `word` from offset `from`, outside comments; `from` when there is none. */
size_t place_of_word(struct bytes text, size_t from, const char *word);
/* The line that an offset stands in, from 1. */
size_t place_line(struct bytes text, size_t offset);

#endif
