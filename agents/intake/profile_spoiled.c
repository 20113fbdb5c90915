/* profile_spoiled - knows by its form what a spreadsheet made of a cell that it took for a number or a date.
 *
 * Whoever opens a list in Excel and saves it again may change it without noticing: a long number becomes 1,6E+15 and
 * its last digits are gone, zeros before a number vanish, the region 16.10 becomes 16,1, a date becomes the number
 * 45231. None of that can be undone here, so the row comes back with what happened. What says so fits after a column's
 * name in a fault and holds nothing of the cell. */
#include "agents/intake/profile_schema.h"
#include <stdio.h>
#include <string.h>

#define DIGITS "0123456789"

static size_t digits_at(const char *text)
{
	return strspn(text, DIGITS);
}

/* "1,6E+15", "1.6E+15", "2E+15"; also "3171234567890120.000000", which xlsx2csv makes of them. A plus is what no
 * document number has. */
static bool scientific(const char *text)
{
	size_t whole = digits_at(text), fraction = 0;
	const char *rest = text + whole;

	if (whole == 0)
		return false;
	if (rest[0] == '.' || rest[0] == ',') {
		fraction = digits_at(rest + 1);
		rest += 1 + fraction;
	}
	if (whole >= 10 && fraction == 6 && *rest == '\0')
		return strcmp(rest - fraction, "000000") == 0;
	return (rest[0] == 'E' || rest[0] == 'e') && rest[1] == '+' && digits_at(rest + 2) > 0 &&
	       rest[2 + digits_at(rest + 2)] == '\0';
}

/* "45231" or "45231,4": days since 1900. A year has four digits. */
static bool serial_number(const char *text)
{
	size_t whole = digits_at(text);
	const char *rest = text + whole;

	if (whole != 5)
		return false;
	if (rest[0] == '.' || rest[0] == ',')
		rest += 1 + digits_at(rest + 1);
	return *rest == '\0';
}

/* "16,1", "16.1", "16.100000000000001": a code has two digits in its second part, after a dot. */
static bool code_as_number(const char *text)
{
	size_t second;

	if (digits_at(text) != 2 || (text[2] != '.' && text[2] != ','))
		return false;
	second = digits_at(text + 3);
	return second > 0 && text[3 + second] == '\0' && (second != 2 || text[2] == ',');
}

/* "16-Jan", "16/01/2026", with or without a time after it. */
static bool code_as_date(const char *text)
{
	size_t first = digits_at(text), second;

	if (first == 0 || first > 4 || (text[first] != '-' && text[first] != '/'))
		return false;
	second = strcspn(text + first + 1, "-/ ");
	return second >= 1 && second <= 4;
}

static const char *say(char text[WANTED_SIZE], const char *what)
{
	snprintf(text, WANTED_SIZE, "%s", what);
	return text;
}

static const char *region_spoiled(const char *cell, char text[WANTED_SIZE])
{
	if (code_as_number(cell))
		return say(text, "a number as 16,1 for 16.10: format the column as text");
	return code_as_date(cell) ? say(text, "the code became a date: format the column as text") : NULL;
}

bool column_of_sight(const struct profile_column *column)
{
	const char *name = column->path.leaf->name;

	return strcmp(name, "first_seen") == 0 || strcmp(name, "last_seen") == 0;
}

/* Fields whose day cannot be still to come. */
static bool of_the_past(const struct profile_column *column)
{
	return column_of_sight(column) || strcmp(column->path.leaf->name, "date_of_birth") == 0;
}

static const char *date_spoiled(const struct profile_column *column, enum date_form form, const char *cell,
				const struct date_signs *signs, wall_ms now, char text[WANTED_SIZE])
{
	if (serial_number(cell))
		return say(text, "a serial number, not a date: format the column as a date");
	if (date_swapped(form, cell))
		return say(text, "no such date: day and month seem to be swapped");
	if (of_the_past(column) && date_ahead(form, cell, now))
		return say(text, "still to come: day and month seem to be swapped");
	return date_doubtful(signs, form, cell) ? say(text, "day and month may be swapped, as other rows show") : NULL;
}

/* A profile says how many digits a number has; without that nobody can tell that one is gone. */
static const char *digits_spoiled(const struct column_config *config, const char *cell, char text[WANTED_SIZE])
{
	size_t count = digits_at(cell);

	if (config->digits == 0 || (count == config->digits && cell[count] == '\0'))
		return NULL;
	if (count < config->digits && cell[count] == '\0')
		snprintf(text, WANTED_SIZE, "not %u digits, zeros before it lost? format as text", config->digits);
	else
		snprintf(text, WANTED_SIZE, "not %u digits", config->digits);
	return text;
}

const char *cell_spoiled(const struct profile *profile, const struct profile_column *column, const char *cell,
			 const struct date_signs *signs, wall_ms now, char text[WANTED_SIZE])
{
	switch (column->kind) {
	case CELL_TEXT:
	case CELL_NUMBER:
		if (scientific(cell))
			return say(text, "a number as 1,6E+15, digits are lost: format it as text");
		return digits_spoiled(column->config, cell, text);
	case CELL_REGION:
		return region_spoiled(cell, text);
	case CELL_DATE:
	case CELL_DATETIME:
		return date_spoiled(column, profile->config->date_format, cell, signs, now, text);
	default:
		return NULL;
	}
}
