/* disk - cuts and restores machines, records and rewinds, and says which call fails. The VFS itself is disk_vfs.c. */
#include "tests/support/disk_state.h"
#include "common/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *const disk_loss_names[DISK_LOSSES] = {"kept", "dropped", "torn", "reordered"};
const char *const disk_call_names[DISK_CALLS] = {"open", "read", "write", "truncate", "sync", "delete", "folder sync"};


/* As the VFS is the process' own, so is the disk. */
static struct disk *current;

/* Whether this thread is inside of a disk, whose own memory is no part of a program under test. */
static _Thread_local unsigned inside;

void disk_enter(struct disk *disk)
{
	pthread_mutex_lock(&disk->mutex);
	inside++;
}

void disk_leave(struct disk *disk)
{
	inside--;
	pthread_mutex_unlock(&disk->mutex);
}

bool disk_is_inside(void)
{
	return inside > 0;
}

/* ---------------------------------------------------------------------------- life */

struct disk *disk_start(uint64_t seed)
{
	struct disk *disk = memory_zero(1, sizeof *disk);

	if (current != NULL)
		abort();
	pthread_mutex_init(&disk->mutex, NULL);
	disk->random = seed;
	disk_vfs_register(disk);
	current = disk;
	return disk;
}

static void recording_forget(struct disk *disk)
{
	struct disk_recording *recording = &disk->recording;

	for (size_t i = 0; i < recording->count; i++)
		disk_op_release(recording->ops[i]);
	free(recording->ops);
	free(recording->prefix);
	disk_image_clear(&recording->base);
	disk_image_clear(&recording->replay);
	memset(recording, 0, sizeof *recording);
}

void disk_stop(struct disk *disk)
{
	current = NULL;
	disk_vfs_unregister(disk);
	recording_forget(disk);
	disk_image_clear(&disk->image);
	while (disk->machines != NULL) {
		struct disk_machine *machine = disk->machines;

		disk->machines = machine->next;
		free(machine->prefix);
		free(machine);
	}
	pthread_mutex_destroy(&disk->mutex);
	free(disk);
}

/* ---------------------------------------------------------------------------- changes */

void disk_change(struct disk *disk, struct disk_op *op)
{
	struct disk_recording *recording = &disk->recording;

	op->sequence = ++disk->sequence;
	disk_image_apply(&disk->image, op);
	if (!recording->is_running || !disk_path_matches(op->name, recording->prefix)) {
		disk_op_release(op);
		return;
	}
	if (recording->count == recording->capacity) {
		recording->capacity = recording->capacity > 0 ? 2 * recording->capacity : 256;
		recording->ops = memory_grow(recording->ops, recording->capacity, sizeof *recording->ops);
	}
	recording->ops[recording->count++] = op;
}

struct disk_file *disk_create(struct disk *disk, const char *path, bool has_twin)
{
	struct disk_op *op = disk_op_new(OP_CREATE, ++disk->last_id, path, BYTES(NULL, 0));

	op->has_twin = has_twin;
	disk_change(disk, op);
	return disk->image.files;
}

bool disk_has_twin(const char *path)
{
	struct stat status;

	return lstat(path, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0;
}

/* ---------------------------------------------------------------------------- machines */

static struct disk_machine *machine_get(struct disk *disk, const char *prefix)
{
	struct disk_machine *machine = disk->machines;

	while (machine != NULL && strcmp(machine->prefix, prefix) != 0)
		machine = machine->next;
	if (machine == NULL) {
		machine = memory_zero(1, sizeof *machine);
		machine->prefix = memory_string(prefix);
		machine->next = disk->machines;
		disk->machines = machine;
	}
	return machine;
}

bool disk_is_off(const struct disk *disk, const char *path)
{
	for (const struct disk_machine *machine = disk->machines; machine != NULL; machine = machine->next)
		if (machine->is_off && disk_path_matches(path, machine->prefix))
			return true;
	return false;
}

static uint64_t used(const struct disk *disk, const char *prefix)
{
	uint64_t sum = 0;

	for (const struct disk_file *file = disk->image.files; file != NULL; file = file->next)
		if (disk_path_matches(file->name, prefix) && (file->is_live || file->handles > 0))
			sum += file->content.size;
	return sum;
}

bool disk_has_room(const struct disk *disk, const struct disk_file *file, uint64_t size)
{
	if (size <= file->content.size)
		return true;
	for (const struct disk_machine *machine = disk->machines; machine != NULL; machine = machine->next)
		if (machine->capacity > 0 && disk_path_matches(file->name, machine->prefix) &&
		    used(disk, machine->prefix) + size - file->content.size > machine->capacity)
			return false;
	return true;
}

void disk_capacity(struct disk *disk, const char *prefix, uint64_t bytes)
{
	disk_enter(disk);
	machine_get(disk, prefix)->capacity = bytes;
	disk_leave(disk);
}

/* ---------------------------------------------------------------------------- the power */

static void cut(struct disk *disk, const char *prefix)
{
	machine_get(disk, prefix)->is_off = true;
	for (struct disk_file *file = disk->image.files; file != NULL; file = file->next)
		if (disk_path_matches(file->name, prefix))
			file->is_dead = true;
}

/* What handles still hold goes with the last of them. */
static void files_detach(struct disk_image *image, const char *prefix)
{
	struct disk_file **link = &image->files;

	while (*link != NULL) {
		struct disk_file *file = *link;

		if (!disk_path_matches(file->name, prefix)) {
			link = &file->next;
			continue;
		}
		*link = file->next;
		file->next = NULL;
		file->is_dead = true;
		file->is_live = file->is_kept = false;
		if (file->handles == 0)
			disk_image_drop(image, file);
	}
}

static void twins_remove(const struct disk_image *image, const char *prefix)
{
	for (const struct disk_file *file = image->files; file != NULL; file = file->next)
		if (file->has_twin && disk_path_matches(file->name, prefix))
			unlink(file->name);
}

static void twins_make(const struct disk_image *image)
{
	for (const struct disk_file *file = image->files; file != NULL; file = file->next) {
		int fd = file->has_twin ? open(file->name, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;

		if (fd >= 0)
			close(fd);
	}
}

/* Puts the files that are left in the place of those that were. */
static void machine_start(struct disk *disk, const char *prefix, struct disk_image *left)
{
	twins_remove(&disk->image, prefix);
	files_detach(&disk->image, prefix);
	twins_make(left);
	while (left->files != NULL) {
		struct disk_file *file = left->files;

		left->files = file->next;
		file->id = ++disk->last_id;
		file->next = disk->image.files;
		disk->image.files = file;
	}
	machine_get(disk, prefix)->is_off = false;
}

void disk_cut(struct disk *disk, const char *prefix)
{
	disk_enter(disk);
	cut(disk, prefix);
	disk_leave(disk);
}

void disk_restore(struct disk *disk, const char *prefix, enum disk_loss how, uint64_t seed)
{
	struct disk_image left = {0};

	disk_enter(disk);
	cut(disk, prefix);
	disk->recording.is_running = false;
	disk_image_survive(&disk->image, prefix, how, seed, &left);
	machine_start(disk, prefix, &left);
	disk_leave(disk);
}

/* ---------------------------------------------------------------------------- recording */

void disk_record(struct disk *disk, const char *prefix)
{
	struct disk_recording *recording = &disk->recording;

	disk_enter(disk);
	recording_forget(disk);
	recording->prefix = memory_string(prefix);
	recording->is_running = true;
	disk_image_copy(&disk->image, prefix, &recording->base);
	disk_image_copy(&disk->image, prefix, &recording->replay);
	disk_leave(disk);
}

uint64_t disk_recorded(const struct disk *disk)
{
	return disk->recording.count;
}

/* The replayed image after the first `count` operations. */
static void replay_to(struct disk_recording *recording, uint64_t count)
{
	if (count < recording->replayed) {
		disk_image_clear(&recording->replay);
		disk_image_copy(&recording->base, recording->prefix, &recording->replay);
		recording->replayed = 0;
	}
	while (recording->replayed < count)
		disk_image_apply(&recording->replay, recording->ops[recording->replayed++]);
}

void disk_rewind(struct disk *disk, uint64_t count, enum disk_loss how, uint64_t seed)
{
	struct disk_recording *recording = &disk->recording;
	struct disk_image left = {0};

	if (recording->prefix == NULL || count > recording->count)
		abort();
	disk_enter(disk);
	recording->is_running = false;
	cut(disk, recording->prefix);
	replay_to(recording, count);
	disk_image_survive(&recording->replay, recording->prefix, how, seed, &left);
	machine_start(disk, recording->prefix, &left);
	disk_leave(disk);
}

/* ---------------------------------------------------------------------------- faults */

void disk_fault_add(struct disk *disk, struct disk_fault *fault)
{
	disk_enter(disk);
	fault->seen = fault->failed = 0;
	fault->next = disk->faults;
	disk->faults = fault;
	disk_leave(disk);
}

void disk_fault_remove(struct disk *disk, struct disk_fault *fault)
{
	struct disk_fault **link = &disk->faults;

	disk_enter(disk);
	while (*link != NULL && *link != fault)
		link = &(*link)->next;
	if (*link != NULL)
		*link = fault->next;
	disk_leave(disk);
}

static bool is_hit(const struct disk_fault *fault)
{
	return fault->nth > 0 && (fault->once ? fault->seen == fault->nth : fault->seen >= fault->nth);
}

int disk_failure(struct disk *disk, const char *path, enum disk_call call, int natural)
{
	int code = SQLITE_OK;

	for (struct disk_fault *fault = disk->faults; fault != NULL; fault = fault->next) {
		if (fault->call != call || !disk_path_matches(path, fault->prefix))
			continue;
		fault->seen++;
		if (is_hit(fault)) {
			fault->failed++;
			code = fault->code != 0 ? fault->code : natural;
		}
	}
	return code;
}

/* ---------------------------------------------------------------------------- bytes */

struct bytes disk_content(struct disk *disk, const char *path)
{
	const struct disk_file *file;

	disk_enter(disk);
	file = disk_image_find(&disk->image, path);
	disk_leave(disk);
	return file == NULL ? BYTES(NULL, 0) : buffer_view(&file->content);
}

void disk_overwrite(struct disk *disk, const char *path, uint64_t offset, struct bytes data)
{
	struct disk_op *op;
	const struct disk_file *file;

	disk_enter(disk);
	file = disk_image_find(&disk->image, path);
	if (file == NULL)
		abort();
	op = disk_op_new(OP_WRITE, file->id, path, data);
	op->offset = offset;
	disk_change(disk, op);
	disk_change(disk, disk_op_new(OP_SYNC, file->id, path, BYTES(NULL, 0)));
	disk_leave(disk);
}

/* ---------------------------------------------------------------------------- folders */

void disk_folder_sync(struct disk *disk, const char *folder)
{
	disk_change(disk, disk_op_new(OP_FOLDER_SYNC, 0, folder, BYTES(NULL, 0)));
}

/* Files that were made past SQLite and that it has not opened yet. */
static void twins_adopt(struct disk *disk, const char *folder)
{
	DIR *names = opendir(folder);
	const struct dirent *entry;

	while (names != NULL && (entry = readdir(names)) != NULL) {
		char *path = memory_format("%s/%s", folder, entry->d_name);

		if (disk_image_find(&disk->image, path) == NULL && disk_has_twin(path))
			disk_create(disk, path, true);
		free(path);
	}
	if (names != NULL)
		closedir(names);
}

static int folder_synced(struct disk *disk, const char *folder)
{
	int code;

	disk_enter(disk);
	code = disk_is_off(disk, folder) ? SQLITE_IOERR : disk_failure(disk, folder, DISK_FOLDER, SQLITE_IOERR);
	if (code == SQLITE_OK) {
		twins_adopt(disk, folder);
		disk_folder_sync(disk, folder);
	}
	disk_leave(disk);
	errno = EIO;
	return code == SQLITE_OK ? 0 : -1;
}

/* In the place of the C library's. */
int fsync(int fd)
{
	char link[64], folder[PATH_MAX];
	struct stat status;
	ssize_t length;

	if (current == NULL || fstat(fd, &status) != 0 || !S_ISDIR(status.st_mode))
		return (int)syscall(SYS_fsync, fd);
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	length = readlink(link, folder, sizeof folder - 1);
	if (length < 0)
		return -1;
	folder[length] = '\0';
	return folder_synced(current, folder);
}
