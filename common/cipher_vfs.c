/* cipher_vfs - seals pages on their way to the files of a database and opens them on their way back. */
#include "common/cipher_vfs.h"

#include <openssl/evp.h>
#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	PAGE = DATABASE_PAGE,
	TEXT = PAGE - CIPHER_ROOM, /* of a page, that SQLite uses */
	HEAD = 16,		   /* of page 1: the same in every database */
	KEY_NAME = 8,
	ROOM_AT = 20, /* of page 1: how many bytes of each page are kept free */
	SIZE_AT = 16, /* of page 1: the size of a page, big-endian */
	LOG_HEADER = 32,
	FRAME_HEADER = 24,
	FRAME_OPEN = 8, /* of a frame's header: page number and size of the database */
	FRAME = FRAME_HEADER + PAGE,
	JOURNAL_HEADER = 512, /* from there on records of pages stand */
};

_Static_assert(FRAME_HEADER - FRAME_OPEN == 16, "salt and checksum are one block of AES");

static const char sqlite_head[HEAD] = "SQLite format 3";

struct cipher {
	sqlite3_vfs vfs; /* its pAppData is the VFS below */
	char name[32];
	uint8_t page_key[AEAD_KEY_SIZE], frame_key[32], head[HEAD];
};

enum kind { KIND_DATABASE, KIND_LOG, KIND_JOURNAL };

/* The file below stands right behind it. */
struct file {
	sqlite3_file base;
	const struct cipher *cipher;
	enum kind kind;
	EVP_CIPHER_CTX *seal, *open; /* of a log: headers of frames */
};

static sqlite3_file *below(sqlite3_file *file)
{
	return (sqlite3_file *)((struct file *)file + 1);
}

static sqlite3_vfs *vfs_below(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

/* ---- a page */

/* What a page is bound to: in which file it stands, and where. */
struct place {
	uint8_t bytes[9];
};

static struct place place_of(enum kind kind, uint64_t number)
{
	struct place place = {{kind == KIND_LOG ? 'L' : 'D'}};

	for (int i = 0; i < 8; i++)
		place.bytes[1 + i] = (uint8_t)(number >> (56 - 8 * i));
	return place;
}

/* Only page 1 of the database has a head. */
static size_t head_of(enum kind kind, uint64_t number)
{
	return kind == KIND_DATABASE && number == 1 ? HEAD : 0;
}

/* False when the page uses the bytes that the seal needs: it is of a database that was not made for this. */
static bool page_seal(const struct cipher *cipher, enum kind kind, uint64_t number, const uint8_t *page, uint8_t *out)
{
	const struct place place = place_of(kind, number);
	const size_t head = head_of(kind, number);
	uint8_t *nonce = out + PAGE - AEAD_NONCE_SIZE;

	if (!bytes_all_zero(BYTES(page + TEXT, CIPHER_ROOM)) ||
	    (head > 0 && (page[ROOM_AT] != CIPHER_ROOM || memcmp(page, sqlite_head, HEAD) != 0)))
		return false;
	memcpy(out, cipher->head, head);
	randombytes_buf(nonce, AEAD_NONCE_SIZE);
	aead_seal(cipher->page_key, nonce, BYTES(place.bytes, sizeof place.bytes), BYTES(page + head, TEXT - head),
		  out + head);
	return true;
}

static bool page_open(const struct cipher *cipher, enum kind kind, uint64_t number, const uint8_t *sealed,
		      uint8_t *page)
{
	const struct place place = place_of(kind, number);
	const size_t head = head_of(kind, number);

	if (memcmp(sealed, cipher->head, head) != 0 ||
	    !aead_open(cipher->page_key, sealed + PAGE - AEAD_NONCE_SIZE, BYTES(place.bytes, sizeof place.bytes),
		       BYTES(sealed + head, TEXT - head + AEAD_TAG_SIZE), page + head))
		return false;
	memcpy(page, sqlite_head, head);
	memset(page + TEXT, 0, CIPHER_ROOM);
	return true;
}

/* ---- the header of a frame */

static EVP_CIPHER_CTX *block_cipher(const struct cipher *cipher, bool seals)
{
	EVP_CIPHER_CTX *block = EVP_CIPHER_CTX_new();

	if (block != NULL && EVP_CipherInit_ex(block, EVP_aes_256_ecb(), NULL, cipher->frame_key, NULL, seals) == 1 &&
	    EVP_CIPHER_CTX_set_padding(block, 0) == 1)
		return block;
	EVP_CIPHER_CTX_free(block);
	return NULL;
}

static bool header_turn(EVP_CIPHER_CTX *block, const uint8_t *in, uint8_t *out)
{
	int written = 0;

	memcpy(out, in, FRAME_OPEN);
	return EVP_CipherUpdate(block, out + FRAME_OPEN, &written, in + FRAME_OPEN, FRAME_HEADER - FRAME_OPEN) == 1 &&
	       written == FRAME_HEADER - FRAME_OPEN;
}

/* ---- the parts that a file consists of: pages; of a log its header, then headers of frames and pages in turn */

struct part {
	enum { PART_OPEN, PART_PAGE, PART_HEADER } form;
	sqlite3_int64 at;
	size_t size;
	uint64_t number; /* of the page or the frame, from 1 */
};

static struct part part_at(enum kind kind, sqlite3_int64 offset)
{
	uint64_t frame;
	sqlite3_int64 start;

	if (kind == KIND_DATABASE)
		return (struct part){PART_PAGE, offset / PAGE * PAGE, PAGE, (uint64_t)(offset / PAGE) + 1};
	if (offset < LOG_HEADER)
		return (struct part){PART_OPEN, 0, LOG_HEADER, 0};
	frame = (uint64_t)(offset - LOG_HEADER) / FRAME;
	start = LOG_HEADER + (sqlite3_int64)frame * FRAME;
	if (offset < start + FRAME_HEADER)
		return (struct part){PART_HEADER, start, FRAME_HEADER, frame + 1};
	return (struct part){PART_PAGE, start + FRAME_HEADER, PAGE, frame + 1};
}

/* Reads one part and opens it. SQLITE_IOERR_SHORT_READ where the file ends before its end. */
static int part_read(struct file *file, const struct part *part, uint8_t *out)
{
	uint8_t raw[PAGE];
	sqlite3_file *under = below(&file->base);
	const int result = under->pMethods->xRead(under, raw, (int)part->size, part->at);

	if (result != SQLITE_OK)
		return result;
	if (part->form == PART_PAGE)
		return page_open(file->cipher, file->kind, part->number, raw, out) ? SQLITE_OK : SQLITE_IOERR_DATA;
	if (part->form == PART_HEADER)
		return header_turn(file->open, raw, out) ? SQLITE_OK : SQLITE_IOERR_NOMEM;
	memcpy(out, raw, part->size);
	return SQLITE_OK;
}

static int part_write(struct file *file, const struct part *part, const uint8_t *in)
{
	uint8_t raw[PAGE];
	sqlite3_file *under = below(&file->base);

	if (part->form == PART_PAGE && !page_seal(file->cipher, file->kind, part->number, in, raw))
		return SQLITE_IOERR_WRITE;
	if (part->form == PART_HEADER && !header_turn(file->seal, in, raw))
		return SQLITE_IOERR_NOMEM;
	if (part->form == PART_OPEN)
		memcpy(raw, in, part->size);
	return under->pMethods->xWrite(under, raw, (int)part->size, part->at);
}

/* ---- reading and writing */

/* Any stretch of the file, through the parts that it touches. */
static int stretch_read(struct file *file, uint8_t *out, size_t amount, sqlite3_int64 offset)
{
	uint8_t page[PAGE];
	int result = SQLITE_OK;

	for (size_t done = 0; done < amount && result == SQLITE_OK;) {
		const struct part part = part_at(file->kind, offset + (sqlite3_int64)done);
		const size_t skip = (size_t)(offset + (sqlite3_int64)done - part.at);
		const size_t rest = part.size - skip, take = rest < amount - done ? rest : amount - done;
		const bool whole = skip == 0 && take == part.size;

		result = part_read(file, &part, whole ? out + done : page);
		if (result == SQLITE_OK && !whole)
			memcpy(out + done, page + skip, take);
		if (result == SQLITE_OK && !whole)
			sodium_memzero(page, sizeof page);
		done += take;
	}
	/* As SQLite wants it of what is not there, and nothing half opened is given to it. */
	if (result != SQLITE_OK)
		memset(out, 0, amount);
	return result;
}

/* Before SQLite has the log it asks what is at the head of the file, for the size of a page. That is always the same;
 * page 1 may be torn, when the power went while the log was copied, and then stands in the log. */
static int head_read(uint8_t *out, size_t amount)
{
	memset(out, 0, amount);
	out[SIZE_AT] = PAGE >> 8;
	out[ROOM_AT] = CIPHER_ROOM;
	return SQLITE_OK;
}

static int file_read_at(sqlite3_file *base, void *out, int amount, sqlite3_int64 offset)
{
	struct file *file = (struct file *)base;
	sqlite3_file *under = below(base);
	int result;

	if (file->kind == KIND_JOURNAL)
		return under->pMethods->xRead(under, out, amount, offset);
	result = stretch_read(file, out, (size_t)amount, offset);
	if (result != SQLITE_IOERR_DATA)
		return result;
	if (file->kind == KIND_DATABASE && offset == 0 && amount > ROOM_AT && amount < PAGE)
		return head_read(out, (size_t)amount);
	/* A whole frame is read when a log is looked through after a crash: zeros for a header end the log here. And
	 * when checksums are made anew: with zeros in the header the log will end there as well. */
	return file->kind == KIND_LOG && amount == FRAME ? SQLITE_OK : result;
}

static int file_write_at(sqlite3_file *base, const void *in, int amount, sqlite3_int64 offset)
{
	struct file *file = (struct file *)base;
	sqlite3_file *under = below(base);
	int result = SQLITE_OK;

	if (file->kind == KIND_JOURNAL)
		return offset + amount <= JOURNAL_HEADER || (offset == 0 && amount <= PAGE)
			       ? under->pMethods->xWrite(under, in, amount, offset)
			       : SQLITE_IOERR_WRITE;
	for (int done = 0; done < amount && result == SQLITE_OK;) {
		const struct part part = part_at(file->kind, offset + done);

		/* Half a page cannot be sealed; SQLite writes none. */
		if (part.at != offset + done || part.size > (size_t)(amount - done))
			return SQLITE_IOERR_WRITE;
		result = part_write(file, &part, (const uint8_t *)in + done);
		done += (int)part.size;
	}
	return result;
}

/* ---- what goes through as it is */

static int file_close(sqlite3_file *base)
{
	struct file *file = (struct file *)base;
	const int result = below(base)->pMethods->xClose(below(base));

	EVP_CIPHER_CTX_free(file->seal);
	EVP_CIPHER_CTX_free(file->open);
	base->pMethods = NULL;
	return result;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	return below(base)->pMethods->xTruncate(below(base), size);
}

static int file_sync(sqlite3_file *base, int flags)
{
	return below(base)->pMethods->xSync(below(base), flags);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
	return below(base)->pMethods->xFileSize(below(base), size);
}

static int file_lock(sqlite3_file *base, int lock)
{
	return below(base)->pMethods->xLock(below(base), lock);
}

static int file_unlock(sqlite3_file *base, int lock)
{
	return below(base)->pMethods->xUnlock(below(base), lock);
}

static int file_reserved(sqlite3_file *base, int *reserved)
{
	return below(base)->pMethods->xCheckReservedLock(below(base), reserved);
}

static int file_control(sqlite3_file *base, int what, void *argument)
{
	return below(base)->pMethods->xFileControl(below(base), what, argument);
}

static int file_sector(sqlite3_file *base)
{
	return below(base)->pMethods->xSectorSize(below(base));
}

/* What the disk does with a page it does with a sealed one; only that it could write several at once must not tempt
 * SQLite. */
static int file_nature(sqlite3_file *base)
{
	const int kept = SQLITE_IOCAP_POWERSAFE_OVERWRITE | SQLITE_IOCAP_UNDELETABLE_WHEN_OPEN |
			 SQLITE_IOCAP_SAFE_APPEND | SQLITE_IOCAP_SEQUENTIAL | SQLITE_IOCAP_IMMUTABLE;

	return below(base)->pMethods->xDeviceCharacteristics(below(base)) & kept;
}

static int memory_map(sqlite3_file *base, int region, int size, int extend, void volatile **at)
{
	return below(base)->pMethods->xShmMap(below(base), region, size, extend, at);
}

static int memory_lock(sqlite3_file *base, int offset, int count, int flags)
{
	return below(base)->pMethods->xShmLock(below(base), offset, count, flags);
}

static void memory_barrier(sqlite3_file *base)
{
	below(base)->pMethods->xShmBarrier(below(base));
}

static int memory_unmap(sqlite3_file *base, int erase)
{
	return below(base)->pMethods->xShmUnmap(below(base), erase);
}

/* Version 2: the file is not mapped into memory, past the cipher. */
static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read_at,
	.xWrite = file_write_at,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_nature,
	.xShmMap = memory_map,
	.xShmLock = memory_lock,
	.xShmBarrier = memory_barrier,
	.xShmUnmap = memory_unmap,
};

/* ---- opening */

/* False: a kind of file that must not be. */
static bool kind_of(int flags, enum kind *kind)
{
	if (flags & SQLITE_OPEN_MAIN_DB)
		*kind = KIND_DATABASE;
	else if (flags & SQLITE_OPEN_WAL)
		*kind = KIND_LOG;
	else if (flags & SQLITE_OPEN_MAIN_JOURNAL)
		*kind = KIND_JOURNAL;
	else
		return false;
	return true;
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *got)
{
	struct file *file = (struct file *)base;
	enum kind kind;
	int result;

	*file = (struct file){.cipher = (const struct cipher *)vfs};
	below(base)->pMethods = NULL;
	if (name == NULL || !kind_of(flags, &kind))
		return SQLITE_CANTOPEN;
	file->kind = kind;
	if (kind == KIND_LOG) {
		file->seal = block_cipher(file->cipher, true);
		file->open = block_cipher(file->cipher, false);
	}
	result = kind == KIND_LOG && (file->seal == NULL || file->open == NULL)
			 ? SQLITE_NOMEM
			 : vfs_below(vfs)->xOpen(vfs_below(vfs), name, below(base), flags, got);
	/* The file below is there, and SQLite closes it, when it has methods. */
	if (result == SQLITE_OK || below(base)->pMethods != NULL) {
		base->pMethods = &methods;
		return result;
	}
	EVP_CIPHER_CTX_free(file->seal);
	EVP_CIPHER_CTX_free(file->open);
	return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	return vfs_below(vfs)->xDelete(vfs_below(vfs), name, sync);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
	return vfs_below(vfs)->xAccess(vfs_below(vfs), name, flags, result);
}

static int vfs_path(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	return vfs_below(vfs)->xFullPathname(vfs_below(vfs), name, size, out);
}

static int vfs_random(sqlite3_vfs *vfs, int size, char *out)
{
	return vfs_below(vfs)->xRandomness(vfs_below(vfs), size, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	return vfs_below(vfs)->xSleep(vfs_below(vfs), microseconds);
}

static int vfs_time(sqlite3_vfs *vfs, double *now)
{
	return vfs_below(vfs)->xCurrentTime(vfs_below(vfs), now);
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *out)
{
	return vfs_below(vfs)->xGetLastError(vfs_below(vfs), size, out);
}

/* ---- a key in use */

enum { KEY_OF_PAGES = 1, KEY_OF_FRAMES, NAME_OF_KEY };

static void keys_derive(struct cipher *cipher, const uint8_t key[CIPHER_KEY_SIZE])
{
	static const char context[crypto_kdf_CONTEXTBYTES] = {'s', 'i', 'm', 'p', 'u', 'l', 'd', 'b'};
	uint8_t name[crypto_kdf_BYTES_MIN];

	crypto_kdf_derive_from_key(cipher->page_key, sizeof cipher->page_key, KEY_OF_PAGES, context, key);
	crypto_kdf_derive_from_key(cipher->frame_key, sizeof cipher->frame_key, KEY_OF_FRAMES, context, key);
	crypto_kdf_derive_from_key(name, sizeof name, NAME_OF_KEY, context, key);
	memcpy(cipher->head, CIPHER_MAGIC, HEAD - KEY_NAME);
	memcpy(cipher->head + HEAD - KEY_NAME, name, KEY_NAME);
}

struct cipher *cipher_new(const uint8_t key[CIPHER_KEY_SIZE])
{
	struct cipher *cipher;
	sqlite3_vfs *base;

	/* In pages of its own, which are not swapped. */
	if (sodium_init() < 0 || (cipher = sodium_malloc(sizeof *cipher)) == NULL)
		abort();
	sqlite3_initialize();
	base = sqlite3_vfs_find(NULL);
	*cipher = (struct cipher){.name = ""};
	keys_derive(cipher, key);
	snprintf(cipher->name, sizeof cipher->name, "simpul-%p", (void *)cipher);
	cipher->vfs = (sqlite3_vfs){
		.iVersion = 1,
		.szOsFile = (int)sizeof(struct file) + base->szOsFile,
		.mxPathname = base->mxPathname,
		.zName = cipher->name,
		.pAppData = base,
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_path,
		.xRandomness = vfs_random,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_time,
		.xGetLastError = vfs_last_error,
	};
	sqlite3_vfs_register(&cipher->vfs, 0);
	return cipher;
}

void cipher_free(struct cipher *cipher)
{
	if (cipher == NULL)
		return;
	sqlite3_vfs_unregister(&cipher->vfs);
	sodium_free(cipher); /* wiped */
}

const char *cipher_vfs(const struct cipher *cipher)
{
	return cipher != NULL ? cipher->name : NULL;
}

/* ---- what is in a file */

enum error cipher_check(sqlite3 *db, const struct cipher *cipher, const char *path, struct fault *fault)
{
	sqlite3_file *file = NULL;
	uint8_t head[HEAD] = {0};
	bool sealed;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || file == NULL)
		return fault_at(fault, E_IO, "%s", path);
	if (file->pMethods == &methods)
		file = below(file);
	if (file->pMethods == NULL || file->pMethods->xRead(file, head, sizeof head, 0) != SQLITE_OK)
		return E_OK;
	sealed = memcmp(head, CIPHER_MAGIC, HEAD - KEY_NAME) == 0;
	if (cipher == NULL)
		return sealed ? fault_at(fault, E_STORE_LOCKED, "%s", path) : E_OK;
	if (memcmp(head, sqlite_head, HEAD) == 0)
		return fault_at(fault, E_STORE_PLAIN, "%s", path);
	return !sealed || memcmp(head, cipher->head, HEAD) == 0 ? E_OK : fault_at(fault, E_STORE_KEY, "%s", path);
}
