/* leftover - keeps out of a database's file what SQLite leaves behind in a page when it moves rows.
 *
 * secure_delete overwrites a row where it stands when it is deleted. But where SQLite puts the rows of a page together
 * anew (rebuildPage() of its btree.c: one has grown, or a neighbour took some over), the former bytes of those that
 * moved stay between the page's head and its first row: a copy that no deletion reaches any more. So that gap is zeroed
 * on the way into the file. In the log the copy stands until that is cut off, and in the connection's memory until that
 * is wiped: database_wipe_log does both.
 *
 * After SQLite's file format (https://www.sqlite.org/fileformat.html, "B-tree Pages"): a page that holds rows begins
 * with 2, 5, 10 or 13, any other with the high byte of a page's number, which is 0 or 1 in a file of at most
 * LEFTOVER_PAGES_MOST pages. (A map of pointers would be neither: auto_vacuum has to be off.) */
#ifndef SIMPUL_LEFTOVER_H
#define SIMPUL_LEFTOVER_H

#include "common/error.h"
#include <sqlite3.h>

/* 256 GiB of pages of DATABASE_PAGE; a literal, for a pragma. */
#define LEFTOVER_PAGES_MOST 33554431

/* From now on until the connection is closed, of its main database, whose path is for the fault alone; before anything
 * is written. Stands before xWrite of the file, whatever VFS it is of. E_IO: the connection has no file. */
enum error leftover_stop(sqlite3 *db, const char *path, struct fault *fault);

#endif
