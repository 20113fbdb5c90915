/* disk - an SQLite VFS in memory that knows what was synced, so that a test can cut the power and let any call fail.
 *
 * disk_start makes it SQLite's default: every database that the process opens from then on is on the disk. Several
 * connections and threads may use it as they use real files (locks, WAL and its shared memory work within the process).
 * Several machines share a disk, one folder each. `prefix` below is such a folder, absolute and without links, or a
 * file in it; it stands for every path that equals it, goes on with '/' (what is in the folder) or with '-' (a log).
 * One disk at a time.
 *
 * Real folders. common/database.c makes files and syncs folders past SQLite, so folders must exist in the real file
 * system (use mkdtemp). A file of a database has an empty twin there, by which access() and stat() find it; all that is
 * ever written is in memory. What a real file system holds besides (keys, settings) is not on the disk: no cut harms
 * it. The program's fsync() is taken over: of a folder it makes names durable here, of any other file it is what it
 * was.
 *
 * What a power cut leaves is what POSIX and SQLite's own VFS promise, and no more:
 *   content   writes and truncations are durable once the file is synced. Without that each may have reached the disk
 *             or not, in any order, a write also in part: sectors of 512 bytes arrive whole or not at all and bytes
 *             outside of the range written never change (SQLite's "powersafe overwrite"). The size of a file may have
 *             grown for a write that did not arrive; then zeros or rubbish stand there.
 *   names     a new file and a removal are durable once the folder is synced: by fsync() of the folder, by xDelete with
 *             its sync, or by the first sync through a handle of a journal or log (as in os_unix.c).
 *             A file without a durable name is lost with all that was synced in it.
 *   memory    the shared memory of the log's index is lost.
 * A sync that fails leaves its writes where a later sync does not reach them, as Linux does: readers see them until the
 * power goes, but some of them are on the disk and the others never will be. A write that fails has written its first
 * half. */
#ifndef SIMPUL_TEST_DISK_H
#define SIMPUL_TEST_DISK_H

#include "common/bytes.h"

#include <stdbool.h>
#include <stdint.h>

struct disk;

/* `seed` also feeds SQLite's random numbers, so that a run with one thread repeats itself to the byte. */
struct disk *disk_start(uint64_t seed);
/* Every connection must be closed. SQLite has its former VFS again. */
void disk_stop(struct disk *disk);
/* True while the calling thread runs in the disk: what it allocates there is not the program's. */
bool disk_is_inside(void);

/* ---------------------------------------------------------------------------- the power */

enum disk_loss {
	DISK_KEPT,    /* nothing is lost: what a kill of the process leaves; what was not synced still may be, later */
	DISK_DROPPED, /* nothing arrived that was not synced */
	DISK_TORN,    /* a first part of it arrived, in order, the write at its end in some of its sectors */
	DISK_REORDERED, /* any of it arrived: each write whole, in some sectors or not at all */
	DISK_LOSSES
};

extern const char *const disk_loss_names[DISK_LOSSES];

/* The machine stops at this instant: nothing opens, and every call through handles that are open fails (SQLITE_IOERR)
 * without changing anything, so that their owner can close them. */
void disk_cut(struct disk *disk, const char *prefix);
/* The machine is there again with what was left; handles from before the cut stay dead. Cuts first if need be. The
 * same seed leaves the same. */
void disk_restore(struct disk *disk, const char *prefix, enum disk_loss how, uint64_t seed);

/* ---------------------------------------------------------------------------- every prefix of a run */

/* From now on whatever changes the files of the folder `prefix` is recorded; what is there now is taken as synced. An
 * earlier recording is given up. */
void disk_record(struct disk *disk, const char *prefix);
/* So many writes, truncations, syncs, creations and removals were recorded. Whoever notes this number when something
 * was acknowledged knows from which prefix on it must be there. */
uint64_t disk_recorded(const struct disk *disk);
/* Ends the recording (it may be asked for any number of prefixes, cheapest in ascending order) and makes of the machine
 * what a power cut after the first `count` operations leaves. Handles that are open are dead. */
void disk_rewind(struct disk *disk, uint64_t count, enum disk_loss how, uint64_t seed);

/* ---------------------------------------------------------------------------- calls that fail */

enum disk_call { DISK_OPEN, DISK_READ, DISK_WRITE, DISK_TRUNCATE, DISK_SYNC, DISK_DELETE, DISK_FOLDER, DISK_CALLS };

extern const char *const disk_call_names[DISK_CALLS];

/* The caller's, from disk_fault_add to disk_fault_remove. */
struct disk_fault {
	const char *prefix;
	enum disk_call call; /* FOLDER: an fsync() of a folder */
	uint64_t nth;	     /* the call that fails, from 1; 0: none, calls are only counted */
	bool once;	     /* or every one from then on */
	int code; /* what SQLite is told, such as SQLITE_FULL; 0: the call's own SQLITE_IOERR_... (CANTOPEN) */
	/* filled in */
	uint64_t seen, failed;
	struct disk_fault *next;
};
void disk_fault_add(struct disk *disk, struct disk_fault *fault);
void disk_fault_remove(struct disk *disk, struct disk_fault *fault);

/* From now on the files of the machine have room for so many bytes together: a write that makes a file longer fails
 * with SQLITE_FULL beyond. 0: without end. */
void disk_capacity(struct disk *disk, const char *prefix, uint64_t bytes);

/* ---------------------------------------------------------------------------- its bytes */

/* What a program would read from a file now; empty when there is none. Valid until the next call. */
struct bytes disk_content(struct disk *disk, const char *path);
/* Puts synced bytes into a file that exists, past every lock. */
void disk_overwrite(struct disk *disk, const char *path, uint64_t offset, struct bytes data);

#endif
