/* disk_vfs - the methods that SQLite calls: files, locks and the shared memory of a disk in memory. */
#include "tests/support/disk_state.h"
#include "common/memory.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Of the log's index: pages that all connections to a file see, and their locks. */
struct disk_memory {
	unsigned users;
	void **pages;
	int count;
	unsigned shared[SQLITE_SHM_NLOCK];
	const void *exclusive[SQLITE_SHM_NLOCK];
};

struct handle {
	sqlite3_file base;
	struct disk *disk;
	struct disk_file *file;
	int lock;
	bool syncs_folder; /* with its first sync: a journal or log */
	bool is_temporary;
	bool has_memory;
	uint16_t shared, exclusive; /* locks in the memory, a bit each */
};

static struct handle *handle_enter(sqlite3_file *base)
{
	struct handle *handle = (struct handle *)base;

	disk_enter(handle->disk);
	return handle;
}

static int handle_leave(struct handle *handle, int code)
{
	disk_leave(handle->disk);
	return code;
}

/* Whether a call fails, and with what: the machine is off, or somebody wants it so. */
static int call_check(struct handle *handle, enum disk_call call, int natural)
{
	if (handle->file->is_dead)
		return natural;
	return handle->is_temporary ? SQLITE_OK : disk_failure(handle->disk, handle->file->name, call, natural);
}

static void change(struct handle *handle, enum disk_op_type type, uint64_t offset, struct bytes data)
{
	struct disk_op *op = disk_op_new(type, handle->file->id, handle->file->name, data);

	op->offset = offset;
	op->seed = type == OP_SYNC_LOST ? disk_random(&handle->disk->random) : 0;
	disk_change(handle->disk, op);
}

static void folder_of(const char *path, char folder[PATH_MAX])
{
	const char *end = strrchr(path, '/');

	snprintf(folder, PATH_MAX, "%.*s", (int)(end == NULL ? 0 : end - path), path);
}

/* ---------------------------------------------------------------------------- reading and writing */

static int file_read(sqlite3_file *base, void *out, int size, sqlite3_int64 offset)
{
	struct handle *handle = handle_enter(base);
	const struct buffer *content = &handle->file->content;
	const size_t at = (size_t)offset, wanted = (size_t)size;
	const size_t there = at >= content->size ? 0 : content->size - at < wanted ? content->size - at : wanted;
	int code = call_check(handle, DISK_READ, SQLITE_IOERR_READ);

	if (code != SQLITE_OK)
		return handle_leave(handle, code);
	if (there > 0)
		memcpy(out, content->data + at, there);
	memset((uint8_t *)out + there, 0, wanted - there);
	return handle_leave(handle, there == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ);
}

static int file_write(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset)
{
	struct handle *handle = handle_enter(base);
	int code = call_check(handle, DISK_WRITE, SQLITE_IOERR_WRITE);

	if (code == SQLITE_OK && !disk_has_room(handle->disk, handle->file, (uint64_t)(offset + size)))
		code = SQLITE_FULL;
	if (code == SQLITE_OK)
		change(handle, OP_WRITE, (uint64_t)offset, BYTES(data, (size_t)size));
	else if (!handle->file->is_dead && disk_has_room(handle->disk, handle->file, (uint64_t)(offset + size / 2)))
		change(handle, OP_WRITE, (uint64_t)offset, BYTES(data, (size_t)size / 2));
	return handle_leave(handle, code);
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size)
{
	struct handle *handle = handle_enter(base);
	int code = call_check(handle, DISK_TRUNCATE, SQLITE_IOERR_TRUNCATE);

	if (code == SQLITE_OK)
		change(handle, OP_TRUNCATE, (uint64_t)size, BYTES(NULL, 0));
	return handle_leave(handle, code);
}

static int file_sync(sqlite3_file *base, int flags)
{
	struct handle *handle = handle_enter(base);
	int code = call_check(handle, DISK_SYNC, SQLITE_IOERR_FSYNC);
	char folder[PATH_MAX];

	(void)flags;
	if (handle->file->is_dead)
		return handle_leave(handle, code);
	change(handle, code == SQLITE_OK ? OP_SYNC : OP_SYNC_LOST, 0, BYTES(NULL, 0));
	if (code == SQLITE_OK && handle->syncs_folder) {
		handle->syncs_folder = false;
		folder_of(handle->file->name, folder);
		disk_folder_sync(handle->disk, folder);
	}
	return handle_leave(handle, code);
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size)
{
	struct handle *handle = handle_enter(base);

	*size = (sqlite3_int64)handle->file->content.size;
	return handle_leave(handle, handle->file->is_dead ? SQLITE_IOERR_FSTAT : SQLITE_OK);
}

/* ---------------------------------------------------------------------------- locks of the file */

/* One step up, as SQLite asks for them. SQLITE_BUSY when another handle is in the way. */
static int lock_raise(struct handle *handle, int level)
{
	struct disk_file *file = handle->file;

	if (level == SQLITE_LOCK_SHARED) {
		if (file->pending_lock != NULL || file->exclusive != NULL)
			return SQLITE_BUSY;
		file->shared++;
	} else if (level == SQLITE_LOCK_RESERVED) {
		if (file->reserved != NULL || file->pending_lock != NULL)
			return SQLITE_BUSY;
		file->reserved = handle;
	} else {
		if ((file->pending_lock != NULL && file->pending_lock != handle) ||
		    (file->reserved != NULL && file->reserved != handle))
			return SQLITE_BUSY;
		file->pending_lock = handle;
		handle->lock = SQLITE_LOCK_PENDING;
		if (file->shared > 1)
			return SQLITE_BUSY;
		file->exclusive = handle;
	}
	handle->lock = level;
	return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int level)
{
	struct handle *handle = handle_enter(base);
	int code = SQLITE_OK;

	if (handle->file->is_dead)
		code = SQLITE_IOERR_LOCK;
	else if (handle->lock < level)
		code = lock_raise(handle, level);
	return handle_leave(handle, code);
}

static void lock_lower(struct handle *handle, int level)
{
	struct disk_file *file = handle->file;

	if (handle->lock <= level)
		return;
	if (file->reserved == handle)
		file->reserved = NULL;
	if (file->pending_lock == handle)
		file->pending_lock = NULL;
	if (file->exclusive == handle)
		file->exclusive = NULL;
	if (level == SQLITE_LOCK_NONE)
		file->shared--;
	handle->lock = level;
}

static int file_unlock(sqlite3_file *base, int level)
{
	struct handle *handle = handle_enter(base);

	lock_lower(handle, level);
	return handle_leave(handle, SQLITE_OK);
}

static int file_is_reserved(sqlite3_file *base, int *reserved)
{
	struct handle *handle = handle_enter(base);

	*reserved = handle->file->reserved != NULL;
	return handle_leave(handle, SQLITE_OK);
}

static int file_control(sqlite3_file *base, int operation, void *argument)
{
	(void)base, (void)operation, (void)argument;
	return SQLITE_NOTFOUND;
}

/* As os_unix.c says of an ordinary file system. */
static int file_sector(sqlite3_file *base)
{
	(void)base;
	return 4096;
}

static int file_nature(sqlite3_file *base)
{
	(void)base;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* ---------------------------------------------------------------------------- shared memory */

static void memory_release(struct handle *handle)
{
	struct disk_memory *memory = handle->file->memory;

	if (!handle->has_memory)
		return;
	handle->has_memory = false;
	for (int i = 0; i < SQLITE_SHM_NLOCK; i++) {
		if (handle->shared & 1u << i)
			memory->shared[i]--;
		if (handle->exclusive & 1u << i)
			memory->exclusive[i] = NULL;
	}
	handle->shared = handle->exclusive = 0;
	if (--memory->users > 0)
		return;
	for (int i = 0; i < memory->count; i++)
		free(memory->pages[i]);
	free(memory->pages);
	free(memory);
	handle->file->memory = NULL;
}

static void memory_attach(struct handle *handle)
{
	if (handle->has_memory)
		return;
	if (handle->file->memory == NULL)
		handle->file->memory = memory_zero(1, sizeof *handle->file->memory);
	handle->file->memory->users++;
	handle->has_memory = true;
}

static int memory_map(sqlite3_file *base, int page, int size, int extend, void volatile **out)
{
	struct handle *handle = handle_enter(base);
	struct disk_memory *memory;

	*out = NULL;
	if (handle->file->is_dead)
		return handle_leave(handle, SQLITE_IOERR_SHMMAP);
	memory_attach(handle);
	memory = handle->file->memory;
	while (extend && memory->count <= page) {
		memory->pages = memory_grow(memory->pages, (size_t)memory->count + 1, sizeof *memory->pages);
		memory->pages[memory->count++] = memory_zero(1, (size_t)size);
	}
	if (page < memory->count)
		*out = memory->pages[page];
	return handle_leave(handle, SQLITE_OK);
}

static bool memory_is_free(const struct handle *handle, int slot, bool exclusive)
{
	const struct disk_memory *memory = handle->file->memory;
	const unsigned own = handle->shared >> slot & 1u;

	if (memory->exclusive[slot] != NULL && memory->exclusive[slot] != handle)
		return false;
	return !exclusive || memory->shared[slot] == own;
}

static void memory_unlock_one(struct handle *handle, int slot)
{
	struct disk_memory *memory = handle->file->memory;
	const uint16_t bit = (uint16_t)(1u << slot);

	if (handle->shared & bit)
		memory->shared[slot]--;
	if (handle->exclusive & bit)
		memory->exclusive[slot] = NULL;
	handle->shared &= (uint16_t)~bit;
	handle->exclusive &= (uint16_t)~bit;
}

static void memory_lock_one(struct handle *handle, int slot, bool exclusive)
{
	struct disk_memory *memory = handle->file->memory;
	const uint16_t bit = (uint16_t)(1u << slot);

	if (exclusive) {
		memory->exclusive[slot] = handle;
		handle->exclusive |= bit;
	} else if (!(handle->shared & bit)) {
		memory->shared[slot]++;
		handle->shared |= bit;
	}
}

static int memory_lock(sqlite3_file *base, int first, int count, int flags)
{
	struct handle *handle = handle_enter(base);
	const bool exclusive = flags & SQLITE_SHM_EXCLUSIVE, locks = flags & SQLITE_SHM_LOCK;

	if (!handle->has_memory)
		return handle_leave(handle, locks ? SQLITE_IOERR_SHMLOCK : SQLITE_OK);
	if (locks && handle->file->is_dead)
		return handle_leave(handle, SQLITE_IOERR_SHMLOCK);
	for (int i = first; locks && i < first + count; i++)
		if (!memory_is_free(handle, i, exclusive))
			return handle_leave(handle, SQLITE_BUSY);
	for (int i = first; i < first + count; i++) {
		if (locks)
			memory_lock_one(handle, i, exclusive);
		else
			memory_unlock_one(handle, i);
	}
	return handle_leave(handle, SQLITE_OK);
}

/* Whoever takes the mutex sees what was written before. */
static void memory_barrier(sqlite3_file *base)
{
	handle_leave(handle_enter(base), SQLITE_OK);
}

static int memory_unmap(sqlite3_file *base, int remove)
{
	struct handle *handle = handle_enter(base);

	(void)remove;
	memory_release(handle);
	return handle_leave(handle, SQLITE_OK);
}

/* ---------------------------------------------------------------------------- opening */

static int file_close(sqlite3_file *base)
{
	struct handle *handle = handle_enter(base);
	struct disk_file *file = handle->file;

	memory_release(handle);
	lock_lower(handle, SQLITE_LOCK_NONE);
	file->handles--;
	if (handle->is_temporary)
		file->is_live = false;
	if (file->handles == 0 && !file->is_live && !file->is_kept)
		disk_image_drop(&handle->disk->image, file);
	return handle_leave(handle, SQLITE_OK);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_is_reserved,
	.xFileControl = file_control,
	.xSectorSize = file_sector,
	.xDeviceCharacteristics = file_nature,
	.xShmMap = memory_map,
	.xShmLock = memory_lock,
	.xShmBarrier = memory_barrier,
	.xShmUnmap = memory_unmap,
};

static struct disk *disk_of(sqlite3_vfs *vfs)
{
	return vfs->pAppData;
}

/* The file under a name, one that was made past SQLite, or a new one. */
static struct disk_file *file_find(struct handle *handle, const char *path, int flags)
{
	struct disk_file *file = disk_image_find(&handle->disk->image, path);

	const bool creates = flags & SQLITE_OPEN_CREATE;

	/* Also when another made the file, as in os_unix.c. */
	handle->syncs_folder =
		creates && flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL);
	if (file == NULL && disk_has_twin(path))
		file = disk_create(handle->disk, path, true);
	return file == NULL && creates ? disk_create(handle->disk, path, false) : file;
}

static int file_attach(struct handle *handle, const char *path, int flags)
{
	struct disk *disk = handle->disk;
	char name[64];
	int code = SQLITE_OK;

	handle->is_temporary = path == NULL;
	if (path == NULL) {
		snprintf(name, sizeof name, "temporary/%llu", (unsigned long long)disk->last_id);
		handle->file = disk_create(disk, name, false);
		return SQLITE_OK;
	}
	if (!disk_is_off(disk, path))
		code = disk_failure(disk, path, DISK_OPEN, SQLITE_CANTOPEN);
	if (code == SQLITE_OK && !disk_is_off(disk, path))
		handle->file = file_find(handle, path, flags);
	return handle->file == NULL && code == SQLITE_OK ? SQLITE_CANTOPEN : code;
}

static int disk_xopen(sqlite3_vfs *vfs, sqlite3_filename path, sqlite3_file *base, int flags, int *granted)
{
	struct handle *handle = (struct handle *)base;
	int code;

	memset(handle, 0, sizeof *handle);
	handle->disk = disk_of(vfs);
	disk_enter(handle->disk);
	code = file_attach(handle, path, flags);
	if (code == SQLITE_OK) {
		handle->file->handles++;
		handle->base.pMethods = &methods;
		if (granted != NULL)
			*granted = flags;
	}
	return handle_leave(handle, code);
}

static int disk_xdelete(sqlite3_vfs *vfs, const char *path, int sync_folder)
{
	struct disk *disk = disk_of(vfs);
	struct disk_file *file;
	char folder[PATH_MAX];
	int code = SQLITE_IOERR_DELETE;

	disk_enter(disk);
	file = disk_image_find(&disk->image, path);
	if (!disk_is_off(disk, path))
		code = disk_failure(disk, path, DISK_DELETE, SQLITE_IOERR_DELETE);
	if (code == SQLITE_OK && file == NULL)
		code = SQLITE_IOERR_DELETE_NOENT;
	if (code == SQLITE_OK) {
		disk_change(disk, disk_op_new(OP_REMOVE, file->id, path, BYTES(NULL, 0)));
		folder_of(path, folder);
		if (sync_folder)
			disk_folder_sync(disk, folder);
	}
	disk_leave(disk);
	return code;
}

/* An empty journal counts as none, as in os_unix.c. */
static int disk_xaccess(sqlite3_vfs *vfs, const char *path, int flags, int *result)
{
	struct disk *disk = disk_of(vfs);
	const struct disk_file *file;

	disk_enter(disk);
	file = disk_is_off(disk, path) ? NULL : disk_image_find(&disk->image, path);
	*result = file != NULL && (flags != SQLITE_ACCESS_EXISTS || file->content.size > 0);
	disk_leave(disk);
	return SQLITE_OK;
}

static int disk_xpath(sqlite3_vfs *vfs, const char *path, int size, char *out)
{
	char here[PATH_MAX] = "";
	int length;

	(void)vfs;
	if (path[0] != '/' && getcwd(here, sizeof here) == NULL)
		return SQLITE_CANTOPEN;
	length = snprintf(out, (size_t)size, "%s%s%s", here, path[0] == '/' ? "" : "/", path);
	return length < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* ---------------------------------------------------------------------------- the rest of a VFS */

static int disk_xrandom(sqlite3_vfs *vfs, int size, char *out)
{
	struct disk *disk = disk_of(vfs);

	disk_enter(disk);
	for (int i = 0; i < size; i++)
		out[i] = (char)disk_random(&disk->random);
	disk_leave(disk);
	return size;
}

static int disk_xsleep(sqlite3_vfs *vfs, int microseconds)
{
	struct disk *disk = disk_of(vfs);

	return disk->former->xSleep(disk->former, microseconds);
}

static int disk_xtime(sqlite3_vfs *vfs, double *now)
{
	struct disk *disk = disk_of(vfs);

	return disk->former->xCurrentTime(disk->former, now);
}

static int disk_xerror(sqlite3_vfs *vfs, int size, char *text)
{
	(void)vfs, (void)size, (void)text;
	return EIO;
}

void disk_vfs_register(struct disk *disk)
{
	sqlite3_initialize();
	disk->former = sqlite3_vfs_find(NULL);
	disk->vfs = (sqlite3_vfs){.iVersion = 1,
				  .szOsFile = sizeof(struct handle),
				  .mxPathname = PATH_MAX,
				  .zName = "simpul-disk",
				  .pAppData = disk,
				  .xOpen = disk_xopen,
				  .xDelete = disk_xdelete,
				  .xAccess = disk_xaccess,
				  .xFullPathname = disk_xpath,
				  .xRandomness = disk_xrandom,
				  .xSleep = disk_xsleep,
				  .xCurrentTime = disk_xtime,
				  .xGetLastError = disk_xerror};
	sqlite3_vfs_register(&disk->vfs, 1);
	sqlite3_randomness(0, NULL); /* is seeded anew, by xRandomness */
}

void disk_vfs_unregister(struct disk *disk)
{
	sqlite3_vfs_unregister(&disk->vfs);
	sqlite3_vfs_register(disk->former, 1);
	sqlite3_randomness(0, NULL);
}
