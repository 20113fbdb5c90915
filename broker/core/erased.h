/* erased - which entries were erased lately, so that a page which was read before is read again only when it holds one
 * of them.
 *
 * Erasures are counted, and a page says as of how many it was read. */
#ifndef SIMPUL_ERASED_H
#define SIMPUL_ERASED_H

#include "broker/journal/journal.h"

enum { ERASED_KEPT = 16 * LIMIT_ERASURES };

struct erased {
	uint64_t count;		       /* since the start */
	uint64_t entries[ERASED_KEPT]; /* of the newest ones: a ring */
};

/* Bodies of this entry are gone; or an order keeps them, and nobody gets them any more. */
void erased_note(struct erased *erased, uint64_t entry);
/* Whether the page, read as of the erasure number `as_of`, may hold what was erased after it. */
bool erased_in_page(const struct erased *erased, uint64_t as_of, const struct journal_page *page);

#endif
