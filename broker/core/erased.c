/* erased - a ring of the entries that were erased, looked up in pages. */
#include "broker/core/erased.h"

void erased_note(struct erased *erased, uint64_t entry)
{
	erased->entries[erased->count++ % ERASED_KEPT] = entry;
}

static bool page_holds(const struct journal_page *page, uint64_t entry)
{
	size_t low = 0, high = page->count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (page->items[middle].entry == entry)
			return true;
		if (page->items[middle].entry < entry)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

bool erased_in_page(const struct erased *erased, uint64_t as_of, const struct journal_page *page)
{
	if (erased->count - as_of > ERASED_KEPT)
		return true;
	for (uint64_t i = as_of; i < erased->count; i++)
		if (page_holds(page, erased->entries[i % ERASED_KEPT]))
			return true;
	return false;
}
