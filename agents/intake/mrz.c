/* mrz - takes the zone apart by the layout of its format, and checks each part where it stands. */
#include "agents/intake/mrz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILLER '<'
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

enum { LONGEST = 90, COMPOSITE_PARTS = 4, OPTIONALS = 2 };

/* Minutes by which the zone is ahead of UTC where each day begins first. */
#define FIRST_ZONE (14 * 60)

/* ------------------------------------------------------------------ layouts */

/* Columns of a line; both count from 1, as in Doc 9303. Size 0: there is none. */
struct span {
	size_t line, column, size;
};

struct layout {
	enum mrz_format format;
	size_t lines, width;
	const char *types; /* what the type may begin with */
	struct span name, number, nationality, birth, sex, expiry, optional[OPTIONALS];
	bool number_goes_on;			/* in the first optional data, where it is longer than its field */
	bool optional_checked;			/* a check digit follows the optional data */
	struct span composite[COMPOSITE_PARTS]; /* what it covers; it stands at the end of the second line */
};

static const struct layout layouts[] = {
	{.format = MRZ_TD1,
	 .lines = 3,
	 .width = 30,
	 .types = "ACI",
	 .name = {3, 1, 30},
	 .number = {1, 6, 9},
	 .nationality = {2, 16, 3},
	 .birth = {2, 1, 6},
	 .sex = {2, 8, 1},
	 .expiry = {2, 9, 6},
	 .optional = {{1, 16, 15}, {2, 19, 11}},
	 .number_goes_on = true,
	 .composite = {{1, 6, 25}, {2, 1, 7}, {2, 9, 7}, {2, 19, 11}}},
	{.format = MRZ_TD2,
	 .lines = 2,
	 .width = 36,
	 .types = "ACI",
	 .name = {1, 6, 31},
	 .number = {2, 1, 9},
	 .nationality = {2, 11, 3},
	 .birth = {2, 14, 6},
	 .sex = {2, 21, 1},
	 .expiry = {2, 22, 6},
	 .optional = {{2, 29, 7}},
	 .number_goes_on = true,
	 .composite = {{2, 1, 10}, {2, 14, 7}, {2, 22, 14}}},
	{.format = MRZ_TD3,
	 .lines = 2,
	 .width = 44,
	 .types = "P",
	 .name = {1, 6, 39},
	 .number = {2, 1, 9},
	 .nationality = {2, 11, 3},
	 .birth = {2, 14, 6},
	 .sex = {2, 21, 1},
	 .expiry = {2, 22, 6},
	 .optional = {{2, 29, 14}},
	 .optional_checked = true,
	 .composite = {{2, 1, 10}, {2, 14, 7}, {2, 22, 22}}},
	{.format = MRZ_MRV_A,
	 .lines = 2,
	 .width = 44,
	 .types = "V",
	 .name = {1, 6, 39},
	 .number = {2, 1, 9},
	 .nationality = {2, 11, 3},
	 .birth = {2, 14, 6},
	 .sex = {2, 21, 1},
	 .expiry = {2, 22, 6},
	 .optional = {{2, 29, 16}}},
	{.format = MRZ_MRV_B,
	 .lines = 2,
	 .width = 36,
	 .types = "V",
	 .name = {1, 6, 31},
	 .number = {2, 1, 9},
	 .nationality = {2, 11, 3},
	 .birth = {2, 14, 6},
	 .sex = {2, 21, 1},
	 .expiry = {2, 22, 6},
	 .optional = {{2, 29, 8}}},
};
static const struct span type_span = {1, 1, 2}, state_span = {1, 3, 3};

/* ------------------------------------------------------------------ the zone */

struct zone {
	char text[LONGEST + 1]; /* the lines without anything between them */
	const struct layout *layout;
	wall_ms now;
	struct mrz *mrz;
	struct fault *fault;
};

static const char *at(const struct zone *zone, struct span span)
{
	return zone->text + (span.line - 1) * zone->layout->width + span.column - 1;
}

/* What follows a span: its check digit. */
static struct span after(struct span span)
{
	return (struct span){span.line, span.column + span.size, 1};
}

/* The character `offset` within the span is not what belongs there. */
static enum error refuse(const struct zone *zone, struct span span, size_t offset, const char *what)
{
	return fault_at(zone->fault, E_INVALID, "line %zu, column %zu: %s", span.line, span.column + offset, what);
}

/* Copies without the fillers at the end. */
static void unfilled(char *out, const char *text, size_t size)
{
	while (size > 0 && text[size - 1] == FILLER)
		size--;
	memcpy(out, text, size);
	out[size] = '\0';
}

/* Copies the characters of a zone and finds its layout: by length, and visas by their first letter. */
static enum error zone_open(struct zone *zone, const char *text)
{
	size_t size = 0;

	for (; *text != '\0'; text++) {
		if (strchr(" \t\r\n", *text) != NULL)
			continue;
		if (size < LONGEST)
			zone->text[size] = *text;
		size++;
	}
	for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++)
		if (layouts[i].lines * layouts[i].width == size &&
		    (zone->layout == NULL || layouts[i].types[0] == zone->text[0]))
			zone->layout = &layouts[i];
	if (zone->layout == NULL)
		return fault_at(zone->fault, E_MALFORMED, "not 3 lines of 30 characters, nor 2 of 36 or 44");
	for (size_t i = 0; i < size; i++)
		if (strchr(LETTERS DIGITS "<", zone->text[i]) == NULL)
			return refuse(zone, (struct span){i / zone->layout->width + 1, 1, 1}, i % zone->layout->width,
				      "not a capital letter, a digit or <");
	return E_OK;
}

/* ------------------------------------------------------------------ check digits */

/* Part 3, 4.9: weights 7, 3, 1 over and over; letters count from 10, a filler counts nothing. */
static unsigned weighted(const char *text, size_t size, size_t *place)
{
	static const unsigned weights[] = {7, 3, 1};
	unsigned sum = 0;

	for (size_t i = 0; i < size; i++) {
		const unsigned weight = weights[(*place)++ % 3];

		if (text[i] >= '0' && text[i] <= '9')
			sum += weight * (unsigned)(text[i] - '0');
		else if (text[i] != FILLER)
			sum += weight * (unsigned)(text[i] - 'A' + 10);
	}
	return sum;
}

static char check_digit(const char *text, size_t size)
{
	size_t place = 0;

	return (char)('0' + weighted(text, size, &place) % 10);
}

static enum error span_check(const struct zone *zone, struct span span, const char *what)
{
	return *at(zone, after(span)) == check_digit(at(zone, span), span.size) ? E_OK
										: refuse(zone, after(span), 0, what);
}

static enum error composite_check(const struct zone *zone)
{
	const struct span *parts = zone->layout->composite, end = {2, zone->layout->width, 1};
	unsigned sum = 0;
	size_t place = 0;

	if (parts[0].size == 0)
		return E_OK;
	for (size_t i = 0; i < COMPOSITE_PARTS && parts[i].size > 0; i++)
		sum += weighted(at(zone, parts[i]), parts[i].size, &place);
	return *at(zone, end) == (char)('0' + sum % 10) ? E_OK : refuse(zone, end, 0, "composite check digit");
}

/* ------------------------------------------------------------------ document */

static enum error type_read(const struct zone *zone)
{
	const char *text = at(zone, type_span);

	if (strchr(zone->layout->types, text[0]) == NULL)
		return refuse(zone, type_span, 0, "document type");
	if (text[1] != FILLER && strchr(LETTERS, text[1]) == NULL)
		return refuse(zone, type_span, 1, "document type");
	unfilled(zone->mrz->type, text, type_span.size);
	return E_OK;
}

/* Three letters, or Germany's D with two fillers. */
static enum error state_read(const struct zone *zone, struct span span, const char *what, char *out)
{
	unfilled(out, at(zone, span), span.size);
	if (strcmp(out, "D") != 0 && strspn(out, LETTERS) != span.size)
		return refuse(zone, span, strspn(out, LETTERS), what);
	return E_OK;
}

/* A number that fills its field and has a filler for a check digit goes on in the optional data: its other characters,
 * a check digit, a filler. */
static enum error long_number_read(const struct zone *zone)
{
	const struct span number = zone->layout->number, optional = zone->layout->optional[0];
	const char *rest = at(zone, optional);
	size_t size = 0;
	char whole[sizeof zone->mrz->number];

	while (size < optional.size && rest[size] != FILLER)
		size++;
	if (size < 2 || size == optional.size)
		return refuse(zone, after(number), 0, "check digit of the document number");
	memcpy(whole, at(zone, number), number.size);
	memcpy(whole + number.size, rest, size - 1);
	if (rest[size - 1] != check_digit(whole, number.size + size - 1))
		return refuse(zone, optional, size - 1, "check digit of the document number");
	unfilled(zone->mrz->number, whole, number.size + size - 1);
	unfilled(zone->mrz->optional[0], rest + size + 1, optional.size - size - 1);
	return E_OK;
}

static enum error number_read(const struct zone *zone)
{
	const struct span span = zone->layout->number;
	const char *text = at(zone, span);

	unfilled(zone->mrz->number, text, span.size);
	if (text[0] == FILLER)
		return refuse(zone, span, 0, "document number");
	if (zone->layout->number_goes_on && text[span.size - 1] != FILLER && text[span.size] == FILLER)
		return long_number_read(zone);
	unfilled(zone->mrz->optional[0], at(zone, zone->layout->optional[0]), zone->layout->optional[0].size);
	return span_check(zone, span, "check digit of the document number");
}

static enum error optional_read(const struct zone *zone)
{
	const struct span first = zone->layout->optional[0], second = zone->layout->optional[1];

	if (second.size > 0)
		unfilled(zone->mrz->optional[1], at(zone, second), second.size);
	/* Part 4, 4.2.2: where there is no personal number, 0 or a filler. */
	if (!zone->layout->optional_checked || (zone->mrz->optional[0][0] == '\0' && *at(zone, after(first)) == FILLER))
		return E_OK;
	return span_check(zone, first, "check digit of the personal number");
}

/* ------------------------------------------------------------------ holder */

/* Copies a part of a name; single fillers stand between its components, more do not. */
static enum error name_part(const struct zone *zone, size_t from, size_t size, char *out)
{
	const struct span span = zone->layout->name;
	const char *text = at(zone, span) + from;

	for (size_t i = 0; i < size; i++) {
		const bool filler = text[i] == FILLER;

		if (!filler && strchr(LETTERS, text[i]) == NULL)
			return refuse(zone, span, from + i, "not a letter of a name");
		if (filler && (i == 0 || text[i - 1] == FILLER))
			return refuse(zone, span, from + i, "filler in a name");
		out[i] = filler ? ' ' : text[i];
	}
	out[size] = '\0';
	return E_OK;
}

/* Part 3, 4.6: primary identifier, two fillers, secondary identifiers; fillers up to the end. */
static enum error name_read(const struct zone *zone)
{
	const struct span span = zone->layout->name;
	const char *text = at(zone, span);
	size_t size = span.size, split = 0;
	enum error error;

	while (size > 0 && text[size - 1] == FILLER)
		size--;
	if (size == 0)
		return refuse(zone, span, 0, "name");
	while (split < size && !(text[split] == FILLER && text[split + 1] == FILLER))
		split++;
	zone->mrz->name_truncated = size == span.size;
	error = name_part(zone, 0, split, zone->mrz->primary);
	if (error != E_OK || split == size)
		return error;
	if (split == 0)
		return refuse(zone, span, 0, "filler in a name");
	return name_part(zone, split + 2, size - split - 2, zone->mrz->secondary);
}

/* Two digits, or -1 for two fillers; -2 for anything else. */
static int two_digits(const char *text)
{
	if (text[0] == FILLER && text[1] == FILLER)
		return -1;
	if (strchr(DIGITS, text[0]) == NULL || strchr(DIGITS, text[1]) == NULL)
		return -2;
	return (text[0] - '0') * 10 + text[1] - '0';
}

/* As much of a date as is known, "" without a year. False when there is no such day. */
static bool date_write(char out[11], int year, int month, int day)
{
	char text[40] = "";

	if (year >= 0 && month >= 0 && day >= 0)
		snprintf(text, sizeof text, "%04d-%02d-%02d", year, month, day);
	else if (year >= 0 && month >= 0)
		snprintf(text, sizeof text, "%04d-%02d", year, month);
	else if (year >= 0)
		snprintf(text, sizeof text, "%04d", year);
	snprintf(out, 11, "%.10s", text);
	/* What is not written must be possible all the same. */
	return (out[0] == '\0' || date_valid(out)) && month <= 12 && month != 0 && day <= 31 && day != 0;
}

/* Part 3, 4.8: of a date of birth any part may be unknown. */
static enum error birth_read(const struct zone *zone)
{
	const struct span span = zone->layout->birth;
	const char *text = at(zone, span);
	const int year = two_digits(text), month = two_digits(text + 2), day = two_digits(text + 4);
	char *out = zone->mrz->date_of_birth, today[TIME_TEXT_SIZE];
	bool good;

	if (year == -2 || month == -2 || day == -2)
		return refuse(zone, span, 0, "date of birth");
	time_text(today, zone->now, FIRST_ZONE);
	good = date_write(out, year < 0 ? year : 2000 + year, month, day);
	if (year >= 0 && (!good || strncmp(out, today, strlen(out)) > 0))
		good = date_write(out, 1900 + year, month, day);
	return good ? span_check(zone, span, "check digit of the date of birth")
		    : refuse(zone, span, 0, "date of birth");
}

/* The year that ends in these two digits and is nearest to this one. */
static int year_nearest(wall_ms now, int two)
{
	char today[TIME_TEXT_SIZE];
	int first;

	time_text(today, now, 0);
	today[4] = '\0';
	first = atoi(today) - 49;
	return first + (two - first % 100 + 100) % 100;
}

static enum error expiry_read(const struct zone *zone)
{
	const struct span span = zone->layout->expiry;
	const char *text = at(zone, span);
	const int year = two_digits(text), month = two_digits(text + 2), day = two_digits(text + 4);
	const bool none = year == -1 && month == -1 && day == -1;

	if (!none && (year < 0 || month < 0 || day < 0 ||
		      !date_write(zone->mrz->expiry_date, year_nearest(zone->now, year), month, day)))
		return refuse(zone, span, 0, "date of expiry");
	return span_check(zone, span, "check digit of the date of expiry");
}

static enum error sex_read(const struct zone *zone)
{
	const char sex = *at(zone, zone->layout->sex);

	if (sex != 'F' && sex != 'M' && sex != FILLER)
		return refuse(zone, zone->layout->sex, 0, "sex");
	zone->mrz->sex = sex == FILLER ? 'X' : sex;
	return E_OK;
}

/* ------------------------------------------------------------------ the whole */

enum error mrz_parse(const char *text, wall_ms now, struct mrz *mrz, struct fault *fault)
{
	struct zone zone = {.now = now, .mrz = mrz, .fault = fault};
	enum error error = zone_open(&zone, text);

	memset(mrz, 0, sizeof *mrz);
	if (error != E_OK)
		return error;
	mrz->format = zone.layout->format;
	if ((error = type_read(&zone)) != E_OK ||
	    (error = state_read(&zone, state_span, "issuing state", mrz->issuing_state)) != E_OK ||
	    (error = number_read(&zone)) != E_OK ||
	    (error = state_read(&zone, zone.layout->nationality, "nationality", mrz->nationality)) != E_OK ||
	    (error = birth_read(&zone)) != E_OK || (error = sex_read(&zone)) != E_OK ||
	    (error = expiry_read(&zone)) != E_OK || (error = optional_read(&zone)) != E_OK ||
	    (error = composite_check(&zone)) != E_OK)
		return error;
	return name_read(&zone);
}
