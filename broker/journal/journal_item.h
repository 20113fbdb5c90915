/* journal_item - makes what a node gets of an entry out of its row, its content and its bodies. */
#ifndef SIMPUL_JOURNAL_ITEM_H
#define SIMPUL_JOURNAL_ITEM_H

#include "broker/journal/journal_row.h"
#include "broker/journal/vault.h"

#include <stdbool.h>

/* An entry's long columns, borrowed. */
struct item_source {
	const struct entry_row *row;
	struct bytes content, nonce, bodies;
	const bool *hidden; /* by report: the body goes out as if it were erased; NULL: none does */
};

/* Fills `item` for `node`. E_CORRUPT, and what the vault says; the caller frees item->encoded in any case. */
enum error item_build(struct vault *vault, const struct item_source *source, const char *node,
		      struct journal_item *item, struct fault *fault);

#endif
