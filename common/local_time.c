/* local_time - reads and writes times in the machine's zone, and says how it understood what had none. */
#include "common/local_time.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

int local_zone(wall_ms time)
{
	time_t seconds = (time_t)(time / 1000);
	struct tm local;

	return localtime_r(&seconds, &local) == NULL ? 0 : (int)(local.tm_gmtoff / 60);
}

char *local_time_text(char text[TIME_TEXT_SIZE], wall_ms time)
{
	return time_text(text, time / 1000 * 1000, local_zone(time));
}

/* False for 30 February, which mktime takes for 2 March. */
static bool local_ms(const struct tm *civil, wall_ms *time)
{
	struct tm t = *civil;
	time_t seconds;

	t.tm_isdst = -1;
	seconds = mktime(&t);
	*time = (wall_ms)seconds * 1000;
	return seconds >= 0 && t.tm_mday == civil->tm_mday && t.tm_mon == civil->tm_mon;
}

/* Fills in what the format has; what it has not is as in `t`. */
static bool form_read(const char *text, const char *format, struct tm *t)
{
	const char *end = strptime(text, format, t);

	return end != NULL && *end == '\0';
}

static bool clock_parse(const char *text, wall_ms *time_out)
{
	const time_t now = time(NULL);
	struct tm today, t;

	if (localtime_r(&now, &today) == NULL)
		return false;
	today.tm_sec = 0;
	t = today;
	if (form_read(text, "%H:%M", &t))
		return local_ms(&t, time_out);
	t = (struct tm){0};
	if (form_read(text, "%Y-%m-%d %H:%M", &t) || form_read(text, "%Y-%m-%d %H:%M:%S", &t))
		return local_ms(&t, time_out);
	return false;
}

static bool day_end(const char *text, wall_ms *time)
{
	struct tm t = {0};

	if (strlen(text) != strlen("2027-06-30") || !date_valid(text) || !form_read(text, "%Y-%m-%d", &t))
		return false;
	t.tm_hour = 23;
	t.tm_min = t.tm_sec = 59;
	return local_ms(&t, time);
}

static bool understood(const char *text, wall_ms time)
{
	char zoned[TIME_TEXT_SIZE];

	fprintf(stderr, "%s is understood as %s\n", text, local_time_text(zoned, time));
	return true;
}

bool local_time_take(const char *text, wall_ms *time)
{
	if (strcmp(text, "now") == 0) {
		*time = clock_now().wall / 1000 * 1000;
		return true;
	}
	return time_parse(text, time) || (clock_parse(text, time) && understood(text, *time));
}

bool local_end_take(const char *text, wall_ms *time)
{
	return day_end(text, time) ? understood(text, *time) : local_time_take(text, time);
}
