/* profile_cell - reads dates, times, numbers and words as offices write them. */
#include "agents/intake/profile_schema.h"
#include "common/json.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define E7 10000000

enum { WORDS_LEAST = 24 }; /* bytes of a list that a long column name leaves */

enum { MOST_DECIMALS = 20 }; /* Excel keeps -4.62135 as -4.6213499999999996 */

/* Reads 1..most digits at `*text` and moves it past them; -1 when there are none or more. */
static int digits(const char **text, size_t least, size_t most)
{
	size_t count = strspn(*text, "0123456789");
	int value = 0;

	if (count < least || count > most)
		return -1;
	for (; count > 0; count--)
		value = value * 10 + (*(*text)++ - '0');
	return value;
}

static bool one_of(const char **text, const char *set)
{
	if (**text == '\0' || strchr(set, **text) == NULL)
		return false;
	(*text)++;
	return true;
}

bool date_parts_read(enum date_form form, const char **text, struct date_parts *parts)
{
	const bool iso = form == DATES_ISO;
	const char *between = iso ? "-" : "/-.";

	*(iso ? &parts->year : &parts->day) = digits(text, iso ? 4 : 1, iso ? 4 : 2);
	if ((iso ? parts->year : parts->day) < 0 || !one_of(text, between))
		return false;
	parts->month = digits(text, iso ? 2 : 1, 2);
	if (parts->month < 0 || !one_of(text, between))
		return false;
	*(iso ? &parts->day : &parts->year) = digits(text, iso ? 2 : 4, iso ? 2 : 4);
	return parts->year >= 0 && parts->day >= 0;
}

bool date_parts_write(const struct date_parts *parts, char out[DATE_SIZE])
{
	char iso[40];

	snprintf(iso, sizeof(iso), "%04d-%02d-%02d", parts->year, parts->month, parts->day);
	if (!date_valid(iso))
		return false;
	memcpy(out, iso, DATE_SIZE);
	return true;
}

/* A date as databases and workbooks write it may have the midnight behind it that it begins with. */
static bool day_ends(const char *text)
{
	return *text == '\0' || strcmp(text, " 00:00:00") == 0;
}

/* Reads a date at `*text`, moves it past, and writes YYYY-MM-DD. */
static bool date_read(enum date_form form, const char **text, char out[DATE_SIZE])
{
	struct date_parts parts;

	return date_parts_read(form, text, &parts) && date_parts_write(&parts, out);
}

bool time_of_day(const char *text, char out[9])
{
	int hour = digits(&text, 1, 2), minute, second = 0;
	char time[40];

	if (hour < 0 || !one_of(&text, ":."))
		return false;
	minute = digits(&text, 2, 2);
	if (*text != '\0') {
		if (!one_of(&text, ":."))
			return false;
		second = digits(&text, 2, 2);
	}
	if (*text != '\0' || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
		return false;
	snprintf(time, sizeof(time), "%02d:%02d:%02d", hour, minute, second);
	memcpy(out, time, 9);
	return true;
}

/* A civil time in the profile's zone. */
static json_t *moment(const struct profile *profile, const char date[DATE_SIZE], const char time[9], enum error *code)
{
	char text[TIME_TEXT_SIZE];
	wall_ms ms;

	snprintf(text, sizeof(text), "%.10sT%.8s%.6s", date, time, profile->config->zone);
	if (time_parse(text, &ms))
		return json_string(text);
	*code = E_INVALID;
	return NULL;
}

json_t *cell_moment(const struct profile *profile, const char *date, const char *time, enum error *code)
{
	char day[DATE_SIZE], clock[9];

	if (date_read(profile->config->date_format, &date, day) && day_ends(date) && time_of_day(time, clock))
		return moment(profile, day, clock, code);
	*code = E_INVALID;
	return NULL;
}

/* RFC 3339 with its own zone, or a date and a time of the day in the profile's. */
static json_t *datetime_value(const struct profile *profile, const char *text, enum error *code)
{
	char day[DATE_SIZE], clock[9];
	wall_ms ms;

	if (time_parse(text, &ms))
		return json_string(text);
	if (profile->config->zone != NULL && date_read(profile->config->date_format, &text, day) &&
	    one_of(&text, " T") && time_of_day(text, clock))
		return moment(profile, day, clock, code);
	*code = E_INVALID;
	return NULL;
}

/* Dates of persons and documents may be known to the year only. */
static json_t *date_value(const struct profile *profile, const char *text, enum error *code)
{
	char day[DATE_SIZE];

	if (date_valid(text))
		return json_string(text);
	if (date_read(profile->config->date_format, &text, day) && day_ends(text))
		return json_string(day);
	*code = E_INVALID;
	return NULL;
}

static json_t *number_value(const char *text, enum error *code)
{
	size_t length = strspn(text, "0123456789");

	if (length > 0 && length <= 10 && text[length] == '\0')
		return json_integer(strtoll(text, NULL, 10));
	*code = E_INVALID;
	return NULL;
}

/* "-4.1234567" or "-4,1234567" in units of 10^-7 degrees, without the roundings of floating point. */
static json_t *degrees_value(const char *text, enum error *code)
{
	bool negative = one_of(&text, "-");
	long long value = digits(&text, 1, 3), unit = E7;

	*code = E_INVALID;
	if (value < 0)
		return NULL;
	value *= E7;
	if (one_of(&text, ".,")) {
		size_t count = strspn(text, "0123456789");

		if (count == 0 || count > MOST_DECIMALS)
			return NULL;
		for (; count > 0; count--, text++)
			value += (*text - '0') * (unit /= 10);
	}
	return *text == '\0' ? json_integer(negative ? -value : value) : NULL;
}

static json_t *word_value(const ProtobufCEnumDescriptor *type, const char *text, enum error *code)
{
	int value;

	if (enum_parse(type, text, &value))
		return json_string(text);
	*code = E_UNKNOWN_VALUE;
	return NULL;
}

/* ------------------------------------------------------------------ what was wanted */

/* Adds a word to a list of `size` bytes; false when it has no room, and then dots stand in its place. */
static bool word_add(char *text, size_t size, const char *word)
{
	static const char dots[] = " ...";
	size_t used = strlen(text), first = text[used - 1] == ':' ? 0 : 1;

	if (used + first + 1 + strlen(word) + sizeof(dots) > size) {
		memcpy(text + used, dots, sizeof(dots));
		return false;
	}
	snprintf(text + used, size - used, "%s %s", first == 1 ? "," : "", word);
	return true;
}

/* What a fault has room for beside the column's name. */
static size_t words_room(const struct column_config *config)
{
	const size_t taken = strlen("column \"\": ") + strlen(config->column);
	const size_t whole = sizeof(((struct fault *)NULL)->field);

	return taken + WORDS_LEAST > whole ? WORDS_LEAST : taken + WANTED_SIZE > whole ? whole - taken : WANTED_SIZE;
}

/* Whether the office has a word of its own for this value. */
static bool maps_to(const struct column_config *config, const ProtobufCEnumDescriptor *type, int value)
{
	int to;

	for (unsigned i = 0; i < config->map_count; i++)
		if (enum_parse(type, config->map[i].to, &to) && to == value)
			return true;
	return false;
}

static void words_wanted(const struct profile_column *column, char text[WANTED_SIZE])
{
	const ProtobufCEnumDescriptor *type = column->kind == CELL_ENUM ? column->path.leaf->descriptor : NULL;
	const struct column_config *config = column->config;
	const size_t room = words_room(config);

	snprintf(text, room, "not one of:");
	for (unsigned i = 0; i < config->map_count; i++)
		if (!word_add(text, room, config->map[i].from))
			return;
	for (unsigned i = 0; type != NULL && i < type->n_values; i++) {
		int value = type->values[i].value;

		if (value != 0 && !maps_to(config, type, value) && !word_add(text, room, enum_text(type, value)))
			return;
	}
}

const char *cell_wanted(const struct profile *profile, const struct profile_column *column, char text[WANTED_SIZE])
{
	const char *date = profile->config->date_format == DATES_ISO ? "yyyy-mm-dd" : "dd/mm/yyyy";

	switch (column->kind) {
	case CELL_DATE:
		snprintf(text, WANTED_SIZE, "not a date as %s%s", date,
			 column->path.leaf->type == PROTOBUF_C_TYPE_STRING ? ", or a year" : "");
		break;
	case CELL_TIME:
		snprintf(text, WANTED_SIZE, "not a time as 21:40");
		break;
	case CELL_DATETIME:
		snprintf(text, WANTED_SIZE, "not a date and time as %s 21:40", date);
		break;
	case CELL_ENUM:
		words_wanted(column, text);
		break;
	case CELL_NUMBER:
		snprintf(text, WANTED_SIZE, "not a number of at most 10 digits");
		break;
	case CELL_DEGREES:
		snprintf(text, WANTED_SIZE, "not degrees as -4.1234567");
		break;
	default:
		if (column->config->map_count > 0)
			words_wanted(column, text);
		else
			snprintf(text, WANTED_SIZE, "not a text");
	}
	return text;
}

/* ------------------------------------------------------------------ values */

json_t *cell_value(const struct profile *profile, const struct profile_column *column, const char *text,
		   enum error *code)
{
	switch (column->kind) {
	case CELL_DATE:
		return date_value(profile, text, code);
	case CELL_DATETIME:
		return datetime_value(profile, text, code);
	case CELL_ENUM:
		return word_value(column->path.leaf->descriptor, text, code);
	case CELL_NUMBER:
		return number_value(text, code);
	case CELL_DEGREES:
		return degrees_value(text, code);
	default:
		return json_string(text);
	}
}
