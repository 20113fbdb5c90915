/* reading - the record of reads: which user of this machine had what reports say shown to him, and when (UU 27/2022
 * Pasal 31).
 *
 * It is written before `simpul` shows anything: by the agent, or by `simpul` itself while no agent runs. Commands and
 * names of reports, and not a word of them; kept for good. What is looked at again within the hour is counted and not
 * written anew, so that a program that lists or follows all day adds a line an hour. What was read for a person's
 * request (subject_record.h) is listed with it; what an order keeps is opened on the record of the order (legal_hold.h).
 * Who said that he removed a copy by hand stands here as well (by_hand.h): the origin is told so in the office's name. */
#ifndef SIMPUL_READING_H
#define SIMPUL_READING_H

#include "agents/store/store.h"
#include "common/clock.h"
#include <jansson.h>

/* Nothing else of what is shown comes out of the body of a report. */
#define READING_COMMANDS \
	{ \
		"inbox list", "inbox show", "inbox follow", "inbox export", "outbox list", "outbox show" \
	}

/* `about`: the name of one report, or the options that a list is narrowed by; one short line. In a transaction of its
 * own. `user`: as the kernel names him; "" when nobody could tell. E_INVALID. */
enum error reading_note(struct store *store, const char *command, const char *about, const char *user, wall_ms now,
			struct fault *fault);
/* The same of what the agent itself has seen to, whatever the command is called, in the caller's transaction. */
enum error reading_add(struct store *store, const char *command, const char *about, const char *user, wall_ms now,
		       struct fault *fault);
/* The same of {"command": "read", "what": "inbox show", "about": "police.oku#1"}, as the local endpoint gets it. */
enum error reading_take(struct store *store, const json_t *request, const char *user, wall_ms now, struct fault *fault);

/* Every read that ended at `since` or later, in the order in which they began: {"at", "until" and "times" where it was
 * more than one, "user", "command", "about"}; a new reference. */
enum error reading_list(struct store *store, wall_ms since, json_t **list, struct fault *fault);

#endif
