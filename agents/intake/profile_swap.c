/* profile_swap - knows whether a spreadsheet read the dates of a column with day and month the other way round.
 *
 * 8/12/1974 for 12 August is a date too, and alone it tells nothing. Its column may:
 *   - 8/13/1974 in another row is no date, but would be one the other way round, and so may all of them be;
 *   - Excel of another country makes dates of 03/04/2026, its own way, and leaves 25/03/2026, which is none there, a
 * text: then the column holds dates, none after the 12th, and texts that are after the 12th. And a sighting, or a
 * birth, of a day that is still to come is one that was swapped, if that leads to the past. */
#include "agents/intake/profile_schema.h"
#include <string.h>

enum { MOST_MONTHS = 12 };

/* A typing mistake is one in very many; a whole list may be pasted together of two. */
enum { ONE_IN = 10 };

static bool date_there(enum date_form form, const char **text, struct date_parts *parts)
{
	char day[DATE_SIZE];

	return date_parts_read(form, text, parts) && date_parts_write(parts, day);
}

static struct date_parts other_way(struct date_parts parts)
{
	return (struct date_parts){.year = parts.year, .month = parts.day, .day = parts.month};
}

bool date_swapped(enum date_form form, const char *text)
{
	struct date_parts parts, other;
	char day[DATE_SIZE];

	if (!date_parts_read(form, &text, &parts) || date_parts_write(&parts, day))
		return false;
	other = other_way(parts);
	return date_parts_write(&other, day);
}

/* What follows a date where a workbook holds one, and not a text: a time of the day with its seconds. */
static bool made_by_workbook(const char *rest)
{
	char time[9];

	return strlen(rest) == sizeof(" 00:00:00") - 1 && rest[0] == ' ' && time_of_day(rest + 1, time);
}

void date_signs_note(struct date_signs *signs, enum date_form form, const char *cell)
{
	const char *rest = cell, *typed = cell;
	struct date_parts parts, day_first;
	const bool there = date_there(form, &rest, &parts);

	signs->swapped += date_swapped(form, cell);
	signs->ordered += there && parts.day > MOST_MONTHS;
	if (there && made_by_workbook(rest)) {
		signs->made = true;
		signs->made_late = signs->made_late || parts.day > MOST_MONTHS;
	} else if (date_there(DATES_DD_MM_YYYY, &typed, &day_first)) {
		signs->typed_late = signs->typed_late || day_first.day > MOST_MONTHS;
	}
}

bool date_doubtful(const struct date_signs *signs, enum date_form form, const char *cell)
{
	struct date_parts parts;

	if (!date_there(form, &cell, &parts) || parts.day > MOST_MONTHS || parts.day == parts.month)
		return false;
	if (signs->swapped > 0 && signs->swapped * ONE_IN >= signs->swapped + signs->ordered)
		return true;
	return signs->typed_late && signs->made && !signs->made_late && made_by_workbook(cell);
}

bool date_ahead(enum date_form form, const char *cell, wall_ms now)
{
	struct date_parts parts, other;
	char day[DATE_SIZE], swapped[DATE_SIZE], tomorrow[TIME_TEXT_SIZE];

	if (!date_there(form, &cell, &parts))
		return false;
	other = other_way(parts);
	/* Of the zone nothing is known: nowhere is it later than here tomorrow. */
	time_text(tomorrow, now + DAY_MS, 0);
	tomorrow[DATE_SIZE - 1] = '\0';
	return date_parts_write(&parts, day) && date_parts_write(&other, swapped) && strcmp(day, tomorrow) > 0 &&
	       strcmp(swapped, tomorrow) <= 0;
}
