/* local_time - times as people at this machine type and read them: in its zone. The same rules in every program. */
#ifndef SIMPUL_LOCAL_TIME_H
#define SIMPUL_LOCAL_TIME_H

#include "common/clock.h"

/* For help texts: what a TIME and a DAY may be. */
#define LOCAL_TIME_RULES "TIME: now, \"2026-11-20 21:40\" or 21:40 (today) in local time, or RFC 3339 with its zone"
#define LOCAL_TIME_ADVICE "takes a time: \"2026-11-20 21:40\" in local time, or 2026-11-20T10:00:00+07:00"
#define LOCAL_DAY_ADVICE "takes a day, 2027-06-30, which is kept whole, or a time"

/* Minutes that the machine's zone is ahead of UTC at a time. */
int local_zone(wall_ms time);
/* "2026-11-20T10:00:00+07:00", whole seconds; returns `text`. */
char *local_time_text(char text[TIME_TEXT_SIZE], wall_ms time);

/* Reads a TIME. One that was given without its zone is said on standard error with it, as it was understood. False when
 * it has not the form, names no time that exists, or is before 1970. */
bool local_time_take(const char *text, wall_ms *time);
/* Reads the end of something: a TIME, or a day, of which the last second is meant. */
bool local_end_take(const char *text, wall_ms *time);

#endif
