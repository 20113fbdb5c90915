/* intake_folder - one drop folder: which files stand in it, which have been still for long enough, and what lies in
 * done/ and rejected/ for too long. */
#ifndef SIMPUL_INTAKE_FOLDER_H
#define SIMPUL_INTAKE_FOLDER_H

#include "agents/intake/intake_file.h"
#include "agents/intake/profile.h"
#include <czmq.h>

#define DONE "done"
#define REJECTED "rejected"

/* A file that was seen and not yet dealt with. */
struct candidate {
	char *name;
	struct file_mark mark;
	steady_ms since;      /* of the mark */
	bool closed;	      /* its writer closed it or moved it in */
	steady_ms not_before; /* after it could not be read, which is said once; 0: it was not tried yet */
};

struct folder {
	char *path;
	const struct profile *profile;
	unsigned keep_days; /* 0: for ever */
	unsigned settle_ms; /* 0: as the folder is */
	bool poll;	    /* asked for */
	bool polled;	    /* done */
	int watch;	    /* inotify's number; -1: none */
	steady_ms scan_at;
	bool missed;		       /* that it is not there was logged */
	struct candidate **candidates; /* in the order in which they came */
	size_t count, capacity;
	zhashx_t *by_name;    /* the same; there may be a hundred thousand */
	bool under_way;	      /* the first candidate is with the loop */
	steady_ms not_before; /* after a full disk */
};

/* Empties `by_name` and `candidates`; the rest is the caller's. */
void folder_init(struct folder *folder);
void folder_free(struct folder *folder);
/* The last part of its path, for the log. */
const char *folder_label(const char *path);
/* Watches it with `notify`, also when it was not there before, makes done/ and rejected/, and notes what stands there.
 */
void folder_scan(struct folder *folder, int notify, steady_ms now);
/* Takes note of what now stands under a name; `closed`: the kernel said that its writer has ended. */
void folder_note(struct folder *folder, const char *name, bool closed, steady_ms now);
void folder_forget(struct folder *folder, size_t index);
/* Brings the first candidate that has settled to the front; false when there is none. */
bool folder_settled(struct folder *folder, steady_ms now);
/* When it is to be looked at next without an event. */
steady_ms folder_due(const struct folder *folder);
/* Whether the first candidate's name still stands for the bytes that were noted. */
bool folder_still(const struct folder *folder);
/* Removes what lay long enough in done/ and rejected/. */
void folder_clear(const struct folder *folder, wall_ms now);

#endif
