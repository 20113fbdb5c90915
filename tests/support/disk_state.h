/* disk_state - what disk.c and its VFS share. Unless said otherwise the caller holds the mutex. */
#ifndef SIMPUL_TEST_DISK_STATE_H
#define SIMPUL_TEST_DISK_STATE_H

#include "tests/support/disk_image.h"

#include <dirent.h>
#include <pthread.h>
#include <sqlite3.h>

struct disk_machine {
	struct disk_machine *next;
	char *prefix;
	bool is_off;
	uint64_t capacity; /* 0: without end */
};

struct disk_recording {
	char *prefix; /* NULL: there is none */
	bool is_running;
	struct disk_op **ops;
	size_t count, capacity;
	struct disk_image base, replay; /* before the first operation; after `replayed` of them */
	size_t replayed;
};

struct disk {
	sqlite3_vfs vfs;
	sqlite3_vfs *former;
	pthread_mutex_t mutex;
	struct disk_image image; /* newest file first */
	struct disk_machine *machines;
	struct disk_fault *faults;
	struct disk_recording recording;
	uint64_t sequence, last_id, random;
};

/* Take and give back the mutex. */
void disk_enter(struct disk *disk);
void disk_leave(struct disk *disk);

void disk_vfs_register(struct disk *disk);
void disk_vfs_unregister(struct disk *disk);

/* Applies a change to the image and records it; takes `op` over. Each op has the path (or folder) as its name. */
void disk_change(struct disk *disk, struct disk_op *op);
struct disk_file *disk_create(struct disk *disk, const char *path, bool has_twin);
void disk_folder_sync(struct disk *disk, const char *folder);
/* An empty file of the real file system. */
bool disk_has_twin(const char *path);
bool disk_is_off(const struct disk *disk, const char *path);
/* True when the file may become `size` bytes long. */
bool disk_has_room(const struct disk *disk, const struct disk_file *file, uint64_t size);
/* Counts a call; what it must fail with, or SQLITE_OK. */
int disk_failure(struct disk *disk, const char *path, enum disk_call call, int natural);

#endif
