/* disk_image - the files of a disk in memory: what programs read in them, and what a power cut leaves. For disk.c. */
#ifndef SIMPUL_TEST_DISK_IMAGE_H
#define SIMPUL_TEST_DISK_IMAGE_H

#include "tests/support/disk.h"

#define DISK_SECTOR 512

enum disk_op_type {
	OP_CREATE,
	OP_WRITE,
	OP_TRUNCATE,
	OP_SYNC,
	OP_SYNC_LOST, /* failed: some of what was pending is durable, the rest never will be */
	OP_REMOVE,
	OP_FOLDER_SYNC,
};

/* A change; shared by the recording and the files on which it is pending, freed with the last reference. */
struct disk_op {
	enum disk_op_type type;
	unsigned references;
	uint64_t sequence;
	uint64_t file; /* its id; not FOLDER_SYNC */
	uint64_t seed; /* SYNC_LOST */
	uint64_t offset;
	bool has_twin; /* CREATE: a file of the real file system stands for it */
	char *name;    /* CREATE: path; FOLDER_SYNC: folder */
	size_t size;
	uint8_t data[]; /* WRITE */
};

struct disk_op *disk_op_new(enum disk_op_type type, uint64_t file, const char *name, struct bytes data);
void disk_op_release(struct disk_op *op);

/* Names: `is_live`, a name leads to it now; `is_kept`, a name leads to it after a cut. */
struct disk_file {
	struct disk_file *next;
	uint64_t id;
	char *name;
	struct buffer content, durable;
	struct disk_op **pending; /* oldest first */
	size_t pending_count, pending_capacity;
	bool is_live, is_kept, has_twin;

	/* Of an open disk only: what handles share. */
	unsigned handles;
	bool is_dead; /* the machine was cut: every call through a handle fails */
	unsigned shared;
	const void *reserved, *pending_lock, *exclusive;
	struct disk_memory *memory;
};

struct disk_image {
	struct disk_file *files;
};

bool disk_path_matches(const char *path, const char *prefix);
struct disk_file *disk_image_find(const struct disk_image *image, const char *path); /* that is live */
void disk_image_apply(struct disk_image *image, struct disk_op *op);
/* A copy of the files of `prefix`; all their content as synced, their names as kept. */
void disk_image_copy(const struct disk_image *image, const char *prefix, struct disk_image *copy);
/* What a cut leaves of the files of `prefix`, as a new image. */
void disk_image_survive(const struct disk_image *image, const char *prefix, enum disk_loss how, uint64_t seed,
			struct disk_image *left);
void disk_image_clear(struct disk_image *image);
/* Unlinks and frees one file. */
void disk_image_drop(struct disk_image *image, struct disk_file *file);

/* The next number of a sequence that `state` begins. */
uint64_t disk_random(uint64_t *state);

#endif
