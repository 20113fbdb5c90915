/* disk_image - applies changes to files in memory and works out what is left of them after a power cut. */
#include "tests/support/disk_image.h"
#include "common/memory.h"

#include <stdlib.h>
#include <string.h>

/* splitmix64, after Steele, Lea and Flood: any seed will do. */
uint64_t disk_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static bool coin(uint64_t *state)
{
	return disk_random(state) >> 63;
}

bool disk_path_matches(const char *path, const char *prefix)
{
	const size_t length = strlen(prefix);

	return strncmp(path, prefix, length) == 0 &&
	       (path[length] == '\0' || path[length] == '/' || path[length] == '-');
}

/* ---------------------------------------------------------------------------- changes */

struct disk_op *disk_op_new(enum disk_op_type type, uint64_t file, const char *name, struct bytes data)
{
	struct disk_op *op = memory_zero(1, sizeof *op + data.size);

	op->type = type;
	op->references = 1;
	op->file = file;
	op->name = memory_string(name);
	op->size = data.size;
	if (data.size > 0)
		memcpy(op->data, data.data, data.size);
	return op;
}

void disk_op_release(struct disk_op *op)
{
	if (--op->references > 0)
		return;
	free(op->name);
	free(op);
}

static void resize(struct buffer *content, uint64_t size)
{
	const size_t before = content->size;

	if (size > before)
		memset(buffer_room(content, size - before), 0, size - before);
	else
		content->size = size;
}

static void put(struct buffer *content, uint64_t offset, const uint8_t *data, size_t size)
{
	if (content->size < offset + size)
		resize(content, offset + size);
	if (size > 0)
		memcpy(content->data + offset, data, size);
}

static void op_do(const struct disk_op *op, struct buffer *content)
{
	if (op->type == OP_TRUNCATE)
		resize(content, op->offset);
	else
		put(content, op->offset, op->data, op->size);
}

/* Some of the sectors that a write touches. */
static void op_tear(const struct disk_op *op, struct buffer *content, uint64_t *random)
{
	uint64_t at = op->offset;
	const uint64_t end = op->offset + op->size;

	while (op->type == OP_WRITE && at < end) {
		const uint64_t next = (at / DISK_SECTOR + 1) * DISK_SECTOR, stop = next < end ? next : end;

		if (coin(random))
			put(content, at, op->data + (at - op->offset), stop - at);
		at = stop;
	}
}

/* A write that did not arrive may still have made the file longer, by zeros or by what stood on the disk before. */
static void op_stretch(const struct disk_op *op, struct buffer *content, uint64_t *random)
{
	const uint64_t before = content->size, end = op->offset + op->size;
	const bool rubbish = coin(random);

	if (op->type != OP_WRITE || end <= before)
		return;
	resize(content, end);
	for (uint64_t i = before; rubbish && i < end; i++)
		content->data[i] = (uint8_t)disk_random(random);
}

/* Whole, in part, only as a size, or not at all. */
static void op_chance(const struct disk_op *op, struct buffer *content, uint64_t *random)
{
	switch (disk_random(random) % 5) {
	case 0:
	case 1:
		op_do(op, content);
		break;
	case 2:
		op_tear(op, content, random);
		break;
	case 3:
		op_stretch(op, content, random);
		break;
	default:
		break;
	}
}

/* ---------------------------------------------------------------------------- files */

static struct disk_file *file_new(struct disk_image *image, uint64_t id, const char *name, bool has_twin)
{
	struct disk_file *file = memory_zero(1, sizeof *file);

	file->id = id;
	file->name = memory_string(name);
	file->has_twin = has_twin;
	file->is_live = true;
	file->next = image->files;
	image->files = file;
	return file;
}

static void pending_forget(struct disk_file *file)
{
	for (size_t i = 0; i < file->pending_count; i++)
		disk_op_release(file->pending[i]);
	file->pending_count = 0;
}

static void pending_add(struct disk_file *file, struct disk_op *op)
{
	if (file->pending_count == file->pending_capacity) {
		file->pending_capacity = file->pending_capacity > 0 ? 2 * file->pending_capacity : 16;
		file->pending = memory_grow(file->pending, file->pending_capacity, sizeof *file->pending);
	}
	op->references++;
	file->pending[file->pending_count++] = op;
}

void disk_image_drop(struct disk_image *image, struct disk_file *file)
{
	struct disk_file **link = &image->files;

	while (*link != NULL && *link != file)
		link = &(*link)->next;
	if (*link != NULL)
		*link = file->next;
	pending_forget(file);
	free(file->pending);
	buffer_free(&file->content);
	buffer_free(&file->durable);
	free(file->name);
	free(file);
}

void disk_image_clear(struct disk_image *image)
{
	while (image->files != NULL)
		disk_image_drop(image, image->files);
}

struct disk_file *disk_image_find(const struct disk_image *image, const char *path)
{
	struct disk_file *file = image->files;

	while (file != NULL && (!file->is_live || strcmp(file->name, path) != 0))
		file = file->next;
	return file;
}

static struct disk_file *file_by_id(const struct disk_image *image, uint64_t id)
{
	struct disk_file *file = image->files;

	while (file != NULL && file->id != id)
		file = file->next;
	return file;
}

/* ---------------------------------------------------------------------------- applying */

static void file_sync(struct disk_file *file)
{
	for (size_t i = 0; i < file->pending_count; i++)
		op_do(file->pending[i], &file->durable);
	pending_forget(file);
}

static void file_sync_lost(struct disk_file *file, uint64_t seed)
{
	for (size_t i = 0; i < file->pending_count; i++)
		op_chance(file->pending[i], &file->durable, &seed);
	pending_forget(file);
}

static bool is_in_folder(const char *path, const char *folder)
{
	const size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && path[length] == '/' && strchr(path + length + 1, '/') == NULL;
}

static void folder_sync(struct disk_image *image, const char *folder)
{
	struct disk_file *file = image->files;

	while (file != NULL) {
		struct disk_file *next = file->next;

		if (is_in_folder(file->name, folder))
			file->is_kept = file->is_live;
		if (!file->is_live && !file->is_kept && file->handles == 0)
			disk_image_drop(image, file);
		file = next;
	}
}

static void file_apply(struct disk_file *file, struct disk_op *op)
{
	switch (op->type) {
	case OP_WRITE:
	case OP_TRUNCATE:
		op_do(op, &file->content);
		pending_add(file, op);
		break;
	case OP_SYNC:
		file_sync(file);
		break;
	case OP_SYNC_LOST:
		file_sync_lost(file, op->seed);
		break;
	case OP_REMOVE:
		file->is_live = false;
		break;
	case OP_CREATE:
	case OP_FOLDER_SYNC:
		break;
	}
}

void disk_image_apply(struct disk_image *image, struct disk_op *op)
{
	struct disk_file *file;

	if (op->type == OP_CREATE) {
		file_new(image, op->file, op->name, op->has_twin);
	} else if (op->type == OP_FOLDER_SYNC) {
		folder_sync(image, op->name);
	} else {
		/* Gone from a replayed image only, where nobody has it open: removed, and its folder synced. */
		file = file_by_id(image, op->file);
		if (file != NULL)
			file_apply(file, op);
	}
}

/* ---------------------------------------------------------------------------- what is left */

static struct disk_file *file_copy(struct disk_image *to, const struct disk_file *file, const struct buffer *content)
{
	struct disk_file *copy = file_new(to, file->id, file->name, file->has_twin);

	copy->is_kept = true;
	buffer_append(&copy->content, content->data, content->size);
	buffer_append(&copy->durable, content->data, content->size);
	return copy;
}

void disk_image_copy(const struct disk_image *image, const char *prefix, struct disk_image *copy)
{
	for (const struct disk_file *file = image->files; file != NULL; file = file->next)
		if (file->is_live && disk_path_matches(file->name, prefix))
			file_copy(copy, file, &file->content);
}

/* The number of the operation at which a torn disk stopped, among all that are pending. */
static uint64_t tear_choose(const struct disk_image *image, const char *prefix, uint64_t *random)
{
	uint64_t count = 0, chosen = UINT64_MAX;

	for (const struct disk_file *file = image->files; file != NULL; file = file->next)
		for (size_t i = 0; disk_path_matches(file->name, prefix) && i < file->pending_count; i++)
			if (disk_random(random) % ++count == 0)
				chosen = file->pending[i]->sequence;
	return chosen;
}

static bool name_survives(const struct disk_file *file, enum disk_loss how, uint64_t *random)
{
	if (how == DISK_DROPPED || file->is_live == file->is_kept)
		return file->is_kept;
	return coin(random);
}

/* Makes of durable content what arrived of the pending operations. */
static void content_survive(const struct disk_file *file, enum disk_loss how, uint64_t torn_at, uint64_t *random,
			    struct buffer *content)
{
	for (size_t i = 0; i < file->pending_count; i++) {
		const struct disk_op *op = file->pending[i];

		if (how == DISK_REORDERED)
			op_chance(op, content, random);
		else if (how == DISK_TORN && op->sequence < torn_at)
			op_do(op, content);
		else if (how == DISK_TORN && op->sequence == torn_at)
			op_tear(op, content, random);
	}
}

/* Nothing is lost, and nothing more is durable than before. */
static void image_keep(const struct disk_image *image, const char *prefix, struct disk_image *left)
{
	for (const struct disk_file *file = image->files; file != NULL; file = file->next) {
		struct disk_file *copy;

		if (!disk_path_matches(file->name, prefix) || (!file->is_live && !file->is_kept))
			continue;
		copy = file_copy(left, file, &file->content);
		copy->is_live = file->is_live;
		copy->is_kept = file->is_kept;
		buffer_clear(&copy->durable);
		buffer_append(&copy->durable, file->durable.data, file->durable.size);
		for (size_t i = 0; i < file->pending_count; i++)
			pending_add(copy, file->pending[i]);
	}
}

void disk_image_survive(const struct disk_image *image, const char *prefix, enum disk_loss how, uint64_t seed,
			struct disk_image *left)
{
	uint64_t random = seed;
	const uint64_t torn_at = tear_choose(image, prefix, &random);

	if (how == DISK_KEPT) {
		image_keep(image, prefix, left);
		return;
	}
	for (const struct disk_file *file = image->files; file != NULL; file = file->next) {
		struct disk_file *copy;

		/* Of an old file and a new one the name leads to one; the newest stand first. */
		if (!disk_path_matches(file->name, prefix) || !name_survives(file, how, &random) ||
		    disk_image_find(left, file->name) != NULL)
			continue;
		copy = file_copy(left, file, &file->durable);
		content_survive(file, how, torn_at, &random, &copy->content);
		buffer_clear(&copy->durable);
		buffer_append(&copy->durable, copy->content.data, copy->content.size);
	}
}
