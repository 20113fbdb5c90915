/* cipher_vfs - an SQLite VFS that lies on the default one and lets no page of a database reach the disk in the clear.
 *
 * Every page of DATABASE_PAGE bytes is sealed on its own (XChaCha20-Poly1305, aead.h): its last CIPHER_ROOM bytes,
 * which SQLite keeps free, take the tag and a random nonce of 24 bytes, so that nothing needs to be counted.
 *
 *   database  page n: sealed bytes, tag, nonce; the page's number is associated. Of page 1 the first 16 bytes, the same in
 *             every database, are replaced by CIPHER_MAGIC and the key's name: so a plain file and one under another key
 *             are told from a damaged one
 *   log       each frame's page likewise, with the frame's number. Of a frame's header the salt and the checksum, which
 *             is one of the page in the clear, are one block of AES-256; the page's number and the log's own header lie
 *             open
 *   index     (-shm) numbers of pages and frames, and one checksum of 64 bits over the whole log, pages in the clear:
 *             who guesses what the log holds can see whether it is that
 *   journal   of a file that was empty: its header alone. Anything else, and every temporary file, is refused
 *
 * A page that was changed, or put in another's place, is SQLITE_IOERR_DATA: E_CORRUPT. Where SQLite reads a whole frame of
 * the log, header and page at once, it is zeros instead: as the log is read again after a crash, which takes them for a
 * frame that was not written to its end, and as the checksums of frames are made anew from one that was written over
 * before its transaction was committed. What this does not see: an older state of a page, of a frame of the same number
 * from before the log began anew, or of the whole file, put back. */
#ifndef SIMPUL_CIPHER_VFS_H
#define SIMPUL_CIPHER_VFS_H

#include "common/aead.h"
#include "common/error.h"
#include <sqlite3.h>

/* Bytes. A commit writes whole pages: of a single report five, so that small ones are quicker by a tenth of its way; of
 * a submission of a hundred kilobytes a row's worth, so that large ones are. */
#define DATABASE_PAGE 8192

#define CIPHER_KEY_SIZE AEAD_KEY_SIZE
#define CIPHER_ROOM (AEAD_TAG_SIZE + AEAD_NONCE_SIZE)
#define CIPHER_MAGIC "Simpul\x01\n" /* 8 bytes, then 8 that name the key */

/* A key in use: a VFS of its own. Several connections and threads may use it. */
struct cipher;

/* Above the VFS that is SQLite's default now. */
struct cipher *cipher_new(const uint8_t key[CIPHER_KEY_SIZE]);
/* When no connection uses it any more; wipes the key. NULL is allowed. */
void cipher_free(struct cipher *cipher);
/* For sqlite3_open_v2; NULL, the default one, for NULL. */
const char *cipher_vfs(const struct cipher *cipher);

/* Whether what is in the file of an open connection is what `cipher` (NULL: none) takes it for: E_STORE_LOCKED (there
 * is no key), E_STORE_PLAIN, E_STORE_KEY. An empty file and one that is none of these are for SQLite to judge. */
enum error cipher_check(sqlite3 *db, const struct cipher *cipher, const char *path, struct fault *fault);

#endif
