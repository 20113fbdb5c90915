/* clock - the two clocks, and times as people write them. */
#ifndef SIMPUL_CLOCK_H
#define SIMPUL_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

typedef uint64_t wall_ms;   /* milliseconds since 1970-01-01T00:00:00Z */
typedef uint64_t steady_ms; /* milliseconds of CLOCK_MONOTONIC, for intervals only */

#define HOUR_MS (UINT64_C(3600) * 1000)
#define DAY_MS (24 * HOUR_MS)

/* What "now" is, as given to functions that must not look at a clock themselves. */
struct now {
	wall_ms wall;
	steady_ms steady;
};

struct now clock_now(void);
uint64_t clock_steady_us(void);

#define TIME_TEXT_SIZE 32
/* "2026-11-20T10:00:00+07:00" for an offset of 420 minutes; milliseconds only where they are not 0. Returns `text`. */
char *time_text(char text[TIME_TEXT_SIZE], wall_ms time, int offset_minutes);
/* RFC 3339 with a mandatory zone ("Z" or "+07:00"); seconds may be left out. False when not of that form or
 * before 1970. */
bool time_parse(const char *text, wall_ms *time);
/* True for YYYY, YYYY-MM or YYYY-MM-DD that exists. */
bool date_valid(const char *text);

#endif
