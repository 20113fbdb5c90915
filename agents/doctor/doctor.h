/* doctor - what the files of `simpul doctor` share: the office as far as it could be read.
 *
 *   doctor.c         the command; settings, keys, join file, store
 *   doctor_places.c  disk, drop folders, sinks
 *   doctor_due.c     requests of persons, and what else waits for somebody to do it
 *   doctor_link.c    the running agent, the broker, the clock
 *
 * It only looks: it opens no session and changes no file, whatever runs beside it. */
#ifndef SIMPUL_DOCTOR_H
#define SIMPUL_DOCTOR_H

#include "agents/officer/officer.h"
#include "common/checkup.h"
#include "common/member.h"

struct doctor {
	struct officer *officer;
	struct checkup checkup;
	struct settings settings;
	struct node_keys keys;
	struct join join;
	bool has_keys, has_join;
};

/* ---- doctor_places.c */
void doctor_disk(struct doctor *doctor);
void doctor_folders(struct doctor *doctor);
void doctor_sinks(struct doctor *doctor);
/* Whether the folders of sinks are those of before. */
void doctor_homes(struct doctor *doctor, struct store *store);

/* ---- doctor_due.c */
/* One finding for each request of a person that is to be answered; nothing without one. */
void doctor_requests(struct doctor *doctor, struct store *store);
/* One for each kind of thing that waits (waits.h). */
void doctor_waits(struct doctor *doctor, struct store *store);

/* ---- doctor_link.c */
void doctor_link(struct doctor *doctor);

#endif
