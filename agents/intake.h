/* intake - watches drop folders on a thread of its own and brings whole files into the outbox.
 *
 * <folder>/x.csv -> parsed -> rejected/x.csv written (if any line is bad) -> outbox transaction, with the file's identity ->
 * done/x.csv. A crash at any point repeats the steps without taking a line twice: a file whose identity is in the outbox is only moved on.
 * Half-written files are left alone: dot-files, *.tmp, *.part, and what was not closed or renamed into place. */
#ifndef SIMPUL_INTAKE_H
#define SIMPUL_INTAKE_H

#include "agents/profile.h"
#include "common/hash.h"
#include "common/mailbox.h"

struct intake_folder {
	const char *path;
	const struct profile *profile;
};

/* From the intake's thread to the loop: a file's reports to be taken in one transaction; the loop answers through `done`. */
struct intake_letter {
	struct letter letter;
	struct parsed_file file;
	char *folder, *name;
	struct hash identity; /* of folder, name and content */
	enum error result;    /* set by the loop: E_OK, E_EXISTS (taken before), E_DISK_FULL (try again later) */
};

struct intake;
struct intake *intake_start(const struct intake_folder *folders, size_t count, const char *node, struct mailbox *to_loop);
/* The loop hands a letter back with its result. */
void intake_answer(struct intake *intake, struct intake_letter *letter);
void intake_stop(struct intake *intake);

#endif
