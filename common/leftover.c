/* leftover - stands before the xWrite of a database's file and zeroes what no row of a page has a use for. */
#include "common/leftover.h"
#include "common/bytes.h"
#include "common/cipher_vfs.h"
#include "common/memory.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = DATABASE_PAGE,
	FILE_HEAD = 100, /* of page 1, before the page's own */
	/* its first byte, where it holds rows */
	INNER_OF_INDEX = 2,
	INNER_OF_TABLE = 5,
	LEAF_OF_INDEX = 10,
	LEAF_OF_TABLE = 13,
	/* of its head: numbers of two bytes, big-endian */
	ROWS_AT = 3,
	CONTENT_AT = 5, /* where the row that lies first begins */
	HEAD_OF_LEAF = 8,
	HEAD_OF_INNER = 12,
	PLACE_SIZE = 2, /* of a row, behind the head */
};

/* The methods of one open file, and those that its VFS gave it. */
struct methods {
	sqlite3_io_methods now;
	const sqlite3_io_methods *below;
};

/* ---- a page */

static size_t number_at(const uint8_t *page, size_t at)
{
	return (size_t)page[at] << 8 | page[at + 1];
}

/* What lies between the places of the rows and the rows; nothing of a page that holds none, or is damaged. */
static struct bytes gap_of(const uint8_t *page, size_t head)
{
	const uint8_t kind = page[head];
	const bool leaf = kind == LEAF_OF_INDEX || kind == LEAF_OF_TABLE;
	const bool inner = kind == INNER_OF_INDEX || kind == INNER_OF_TABLE;
	const size_t places = head + (leaf ? HEAD_OF_LEAF : HEAD_OF_INNER);
	const size_t start = places + PLACE_SIZE * number_at(page, head + ROWS_AT);
	const size_t end = number_at(page, head + CONTENT_AT);

	if ((!leaf && !inner) || end > PAGE || start > end)
		return BYTES(NULL, 0);
	return BYTES(page + start, end - start);
}

/* ---- its way into the file */

static int file_write_at(sqlite3_file *file, const void *in, int amount, sqlite3_int64 offset)
{
	const struct methods *methods = (const struct methods *)file->pMethods;
	struct bytes gap = {NULL, 0};
	uint8_t page[PAGE];
	int result;

	if (amount == PAGE && offset % PAGE == 0)
		gap = gap_of(in, offset == 0 ? FILE_HEAD : 0);
	if (bytes_all_zero(gap))
		return methods->below->xWrite(file, in, amount, offset);
	memcpy(page, in, PAGE);
	memset(page + (gap.data - (const uint8_t *)in), 0, gap.size);
	result = methods->below->xWrite(file, page, amount, offset);
	sodium_memzero(page, sizeof page);
	return result;
}

static int file_close(sqlite3_file *file)
{
	struct methods *methods = (struct methods *)file->pMethods;
	int result;

	file->pMethods = methods->below;
	result = methods->below->xClose(file);
	free(methods);
	return result;
}

enum error leftover_stop(sqlite3 *db, const char *path, struct fault *fault)
{
	sqlite3_file *file = NULL;
	struct methods *methods;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL ||
	    file->pMethods == NULL)
		return fault_at(fault, E_IO, "%s", path);
	methods = memory_alloc(sizeof *methods);
	*methods = (struct methods){*file->pMethods, file->pMethods};
	methods->now.xWrite = file_write_at;
	methods->now.xClose = file_close;
	file->pMethods = &methods->now;
	return E_OK;
}
