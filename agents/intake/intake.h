/* intake - watches drop folders on a thread of its own and brings whole files into the outbox.
 *
 * A workbook (workbook.h) becomes CSV first, in a child and within a minute; meanwhile the other files wait.
 *
 * <folder>/x.csv -> parsed -> rejected/x.csv written (if any line is bad) -> outbox transaction, with the file's
 * identity -> done/x.csv. A crash at any point repeats the steps without taking a line twice: a file whose identity
 * is in the outbox is not even parsed, but moved on, with a reason beside it where lines came back when it was taken.
 * A file that is dropped again is no other case. Half-written files are left alone: dot-files, *.tmp, *.part, *~, ~*,
 * what somebody has open for writing, and what still changes. In a network folder the kernel hears nothing of other
 * machines' writers: it is polled, and stillness alone decides. Only regular files of the folder itself count; links
 * and subfolders do not.
 *
 * What can go wrong, and what happens then:
 *   a bad line               rejected/<name> in the file's own format; the good lines are taken
 *   a file that is unreadable as a whole   rejected/<name> and rejected/<name>.reason.txt; nothing is taken
 *   a line that the outbox refuses   as a bad line, with those to the same unknown recipient; the others are offered
 *                            once more
 *   a report to update or cancel that the outbox does not hold   as a bad line
 *   the disk is full, or a link stands in the place of done/ or rejected/
 *                            the file stays, another try every 5 s
 *   a crash at any step      the steps are repeated, up to where the store tells that the lines were taken
 *   thousands of files       one of each folder in turn: none holds up the other folders, or the end
 * Nothing in done/ or rejected/ is ever overwritten: a second x.csv becomes x-1.csv, and a hundred-and-first one has
 * the time in its name, or, of bad lines, their hash, so that the same lines are there once. Both hold personal data,
 * and are cleared hourly of what was put there more than `keep_days` ago, unless the clock is in doubt (purge.h); a
 * file's time of change is set when it is put away.
 */
#ifndef SIMPUL_INTAKE_H
#define SIMPUL_INTAKE_H

#include "agents/intake/profile.h"
#include "common/cipher_vfs.h"
#include "common/clock.h"
#include "common/hash.h"
#include "common/mailbox.h"

struct intake_folder {
	const char *path;
	const struct profile *profile;
	/* How long a file must have been still whose writer was not seen to close it; 0: 2 s, 5 s in a network folder.
	 */
	unsigned settle_ms;
	unsigned keep_days; /* what lies longer in done/ and rejected/ is removed; 0: nothing is */
	bool poll; /* look every 2 s instead of waiting for the kernel's word; done anyway in a network folder */
};

/* From the intake's thread to the loop: a file's reports to be taken in one transaction (those lines that are
 * prepared, at least one). The loop sets `result` and hands it back with intake_answer. One file of a folder at a
 * time is under way. */
struct intake_letter {
	struct letter letter;
	struct parsed_file file;
	char *folder, *name;
	struct hash identity; /* of folder, name and content */
	/* Set by the loop: E_OK; E_EXISTS: taken before; an error whose remedy is CORRECT: nothing was taken, `fault`
	 * says why; anything else: nothing was taken, try again later. */
	enum error result;
	/* Set by the loop for CORRECT, as outbox_take fills it: "reports[2].to[0]" blames the third of the prepared
	 * lines, which is then rejected and the letter sent again; with one such line the number may be missing. */
	struct fault fault;
	/* ---- for the intake alone */
	uint64_t number; /* in the order in which files are read, from 1 at each start: what the log calls the file */
	size_t place;	 /* of the folder */
	char *rejects;	 /* the file in rejected/ that was written; NULL: none */
};

struct intake;
/* The profiles and `to_loop` must outlive the intake; the rest is copied. What an UPDATE or CANCEL leaves out is read
 * from the outbox in the store at `store_path`, with a connection of the thread's own; NULL: it must say all itself.
 * NULL with errno when inotify is not to be had. */
struct intake *intake_start(const struct intake_folder *folders, size_t count, const char *node, const char *store_path,
			    const struct cipher *cipher, struct mailbox *to_loop);
/* The same without a thread, for who gives it its turns. */
struct intake *intake_new(const struct intake_folder *folders, size_t count, const char *node, const char *store_path,
			  const struct cipher *cipher, struct mailbox *to_loop);
/* What the thread does over and over: heeds events and answers, and takes one file. When the next turn is due unless an
 * event or an answer comes; `now` when there may be more to do. */
steady_ms intake_turn(struct intake *intake, const struct now *now);
/* The loop hands a letter back with its result. */
void intake_answer(struct intake *intake, struct intake_letter *letter);
/* Moves the files that were answered for, then ends the thread (NULL is allowed), which does not finish the file that
 * it parses. Letters that are still in `to_loop` belong to the loop: intake_letter_free; their files stay where they
 * are and are read again at the next start. */
void intake_stop(struct intake *intake);
void intake_letter_free(struct intake_letter *letter);

#endif
