/* clock - reads the two clocks, and writes and reads times in RFC 3339. */
#include "common/clock.h"
#include <stdio.h>
#include <time.h>

/* 9999-12-31T23:59:59.999Z: what comes after has no four-digit year. */
#define LAST_MS INT64_C(253402300799999)

/* Civil time as digits gave it. */
struct civil {
	int year, month, day, hour, minute, second, ms;
};

static uint64_t clock_read(clockid_t clock, uint64_t per_second)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * per_second + (uint64_t)t.tv_nsec / (1000000000 / per_second);
}

struct now clock_now(void)
{
	return (struct now){.wall = clock_read(CLOCK_REALTIME, 1000), .steady = clock_read(CLOCK_MONOTONIC, 1000)};
}

uint64_t clock_steady_us(void)
{
	return clock_read(CLOCK_MONOTONIC, 1000000);
}

char *time_text(char text[TIME_TEXT_SIZE], wall_ms time, int offset_minutes)
{
	int64_t local = (time > (uint64_t)LAST_MS ? LAST_MS : (int64_t)time) + (int64_t)offset_minutes * 60000;
	unsigned minutes = offset_minutes < 0 ? 0u - (unsigned)offset_minutes : (unsigned)offset_minutes;
	char fraction[8] = "", zone[8] = "Z";
	time_t seconds;
	size_t used;
	struct tm t;
	unsigned ms;

	if (local > LAST_MS)
		local = LAST_MS;
	ms = (unsigned)(((local % 1000) + 1000) % 1000);
	seconds = (time_t)((local - ms) / 1000);
	gmtime_r(&seconds, &t);
	if (ms != 0)
		snprintf(fraction, sizeof(fraction), ".%03u", ms % 1000);
	if (minutes != 0)
		snprintf(zone, sizeof(zone), "%c%02u:%02u", offset_minutes < 0 ? '-' : '+', minutes / 60 % 24,
			 minutes % 60);
	used = strftime(text, TIME_TEXT_SIZE, "%Y-%m-%dT%H:%M:%S", &t);
	snprintf(text + used, TIME_TEXT_SIZE - used, "%s%s", fraction, zone);
	return text;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

static bool date_exists(int year, int month, int day)
{
	return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 && day <= days_in_month(year, month);
}

/* Milliseconds since 1970, before it negative; false when there is no such date or time. */
static bool civil_ms(const struct civil *c, int64_t *ms)
{
	struct tm t = {.tm_year = c->year - 1900, .tm_mon = c->month - 1, .tm_mday = c->day};

	if (!date_exists(c->year, c->month, c->day) || c->hour < 0 || c->hour > 23 || c->minute < 0 ||
	    c->minute > 59 || c->second < 0 || c->second > 59)
		return false;
	*ms = (int64_t)timegm(&t) * 1000 + (c->hour * 3600 + c->minute * 60 + c->second) * INT64_C(1000) + c->ms;
	return true;
}

/* Reads exactly `count` digits at `*text` and moves it past them. */
static bool digits(const char **text, int count, int *value)
{
	*value = 0;
	for (; count > 0; count--, (*text)++) {
		if (**text < '0' || **text > '9')
			return false;
		*value = *value * 10 + (**text - '0');
	}
	return true;
}

static bool literal(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

/* ".5" to ".123456789"; what is finer than a millisecond is dropped. */
static bool fraction_parse(const char **text, int *ms)
{
	int read = 0;

	for (*ms = 0; **text >= '0' && **text <= '9' && read < 9; (*text)++, read++)
		if (read < 3)
			*ms = *ms * 10 + (**text - '0');
	for (int i = read; i < 3; i++)
		*ms *= 10;
	return read > 0;
}

static bool zone_parse(const char **text, int *minutes)
{
	int sign, hour, minute;

	*minutes = 0;
	if (literal(text, 'Z'))
		return true;
	if (**text != '+' && **text != '-')
		return false;
	sign = *(*text)++ == '-' ? -1 : 1;
	if (!digits(text, 2, &hour) || !literal(text, ':') || !digits(text, 2, &minute) || hour > 23 || minute > 59)
		return false;
	*minutes = sign * (hour * 60 + minute);
	return true;
}

bool time_parse(const char *text, wall_ms *time)
{
	struct civil c = {0};
	int zone;
	int64_t ms;

	if (!digits(&text, 4, &c.year) || !literal(&text, '-') || !digits(&text, 2, &c.month) || !literal(&text, '-') ||
	    !digits(&text, 2, &c.day) || !literal(&text, 'T') || !digits(&text, 2, &c.hour) || !literal(&text, ':') ||
	    !digits(&text, 2, &c.minute))
		return false;
	if (literal(&text, ':')) {
		if (!digits(&text, 2, &c.second))
			return false;
		if (literal(&text, '.') && !fraction_parse(&text, &c.ms))
			return false;
	}
	if (!zone_parse(&text, &zone) || *text != '\0' || !civil_ms(&c, &ms))
		return false;
	ms -= (int64_t)zone * 60000;
	if (ms < 0)
		return false;
	*time = (wall_ms)ms;
	return true;
}

bool date_valid(const char *text)
{
	int year, month = 1, day = 1;

	if (!digits(&text, 4, &year))
		return false;
	if (literal(&text, '-')) {
		if (!digits(&text, 2, &month))
			return false;
		if (literal(&text, '-') && !digits(&text, 2, &day))
			return false;
	}
	return *text == '\0' && date_exists(year, month, day);
}
