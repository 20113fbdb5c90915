/* region - searches the table of region codes by code and by name. */
#include "common/region.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Generated from regions.csv, sorted by code. */
extern const struct region region_table[];
extern const size_t region_table_size;

enum { LEVELS = 3, DISTRICT_LENGTH = 8, VILLAGE_LENGTH = 13, NAME_SIZE = 96 };

/* What a name says of itself: "Kab. Ogan Komering Ulu" is a regency called "Ogan Komering Ulu". */
enum kind { KIND_ANY, KIND_PROVINCE, KIND_REGENCY, KIND_CITY, KIND_DISTRICT };

struct prefix {
	const char *word;
	enum kind kind;
};

static const struct prefix prefixes[] = {
	{"Provinsi", KIND_PROVINCE},  {"Prov", KIND_PROVINCE}, {"Kabupaten", KIND_REGENCY},
	{"Kab", KIND_REGENCY},	      {"Kota", KIND_CITY},     {"Kecamatan", KIND_DISTRICT},
	{"Kec", KIND_DISTRICT},
};

/* ------------------------------------------------------------------ by code */

/* Codes have 2, 5 and 8 characters. */
static int level_of(const struct region *region)
{
	return (int)(strlen(region->code) + 1) / 3;
}

static int compare_code(const void *code, const void *region)
{
	return strcmp(code, ((const struct region *)region)->code);
}

/* "16.01.14.2001": a district's code, a dot and four digits. */
static bool is_village(const char *code)
{
	return strlen(code) == VILLAGE_LENGTH && code[DISTRICT_LENGTH] == '.' &&
	       strspn(code + DISTRICT_LENGTH + 1, "0123456789") == VILLAGE_LENGTH - DISTRICT_LENGTH - 1;
}

const struct region *region_find(const char *code)
{
	char district[DISTRICT_LENGTH + 1];

	if (is_village(code)) {
		memcpy(district, code, DISTRICT_LENGTH);
		district[DISTRICT_LENGTH] = '\0';
		code = district;
	}
	return bsearch(code, region_table, region_table_size, sizeof(region_table[0]), compare_code);
}

bool region_exists(const char *code)
{
	return region_find(code) != NULL;
}

bool region_covers(const char *outer, const char *inner)
{
	size_t length = strlen(outer);

	/* Whole parts only: "16.0" is no region, and so covers nothing. */
	return strncmp(outer, inner, length) == 0 && (inner[length] == '\0' || inner[length] == '.');
}

bool region_meets(const char *a, const char *b)
{
	return region_covers(a, b) || region_covers(b, a);
}

size_t region_count(int level)
{
	size_t count = 0;

	for (size_t i = 0; i < region_table_size; i++)
		if (level_of(&region_table[i]) == level)
			count++;
	return count;
}

/* ------------------------------------------------------------------ by name */

/* Copies `name` with single blanks and none at its ends; false when it is empty or longer than any region's. */
static bool tidy(const char *name, char out[NAME_SIZE])
{
	size_t used = 0;

	while (*(name += strspn(name, " \t")) != '\0') {
		size_t word = strcspn(name, " \t");

		if (used + word + 2 > NAME_SIZE)
			return false;
		if (used > 0)
			out[used++] = ' ';
		memcpy(out + used, name, word);
		used += word;
		name += word;
	}
	out[used] = '\0';
	return used > 0;
}

/* What follows `word` and a dot or a blank at the start of `name`; NULL when it does not start so. */
static const char *after(const char *name, const char *word)
{
	size_t length = strlen(word);

	if (strncasecmp(name, word, length) != 0 || (name[length] != '.' && name[length] != ' '))
		return NULL;
	name += length + 1;
	return *name == ' ' ? name + 1 : name;
}

/* Splits a name into its kind and the rest. The word "Administrasi" of Jakarta's regencies is left out by most. */
static const char *split(const char *name, enum kind *kind)
{
	const char *rest = NULL;
	const char *shorter;

	*kind = KIND_ANY;
	for (size_t i = 0; rest == NULL && i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		rest = after(name, prefixes[i].word);
		if (rest != NULL)
			*kind = prefixes[i].kind;
	}
	if (rest == NULL)
		return name;
	shorter = after(rest, "Administrasi");
	if (shorter == NULL)
		shorter = after(rest, "Adm");
	return shorter != NULL && (*kind == KIND_REGENCY || *kind == KIND_CITY) ? shorter : rest;
}

static bool named(const struct region *region, const char *name)
{
	static const enum kind kinds[] = {KIND_ANY, KIND_PROVINCE, KIND_ANY, KIND_DISTRICT};
	int level = level_of(region);
	enum kind wanted, kind = kinds[level];
	const char *rest = split(name, &wanted);
	const char *bare = region->name;

	if (strcasecmp(name, region->name) == 0)
		return true;
	if (level == 2)
		bare = split(region->name, &kind);
	return (wanted == KIND_ANY || wanted == kind) && strcasecmp(rest, bare) == 0;
}

const struct region *region_by_name(const char *name, const char *within, size_t *matches)
{
	const struct region *best = NULL;
	int best_level = LEVELS + 1;
	char wanted[NAME_SIZE];

	*matches = 0;
	if (!tidy(name, wanted))
		return NULL;
	for (size_t i = 0; i < region_table_size; i++) {
		const struct region *region = &region_table[i];
		int level = level_of(region);

		if (level > best_level || (within[0] != '\0' && !region_covers(within, region->code)) ||
		    !named(region, wanted))
			continue;
		if (level < best_level)
			*matches = 0;
		best_level = level;
		best = region;
		(*matches)++;
	}
	return *matches == 1 ? best : NULL;
}

/* ------------------------------------------------------------------ near names */

enum { NEAR_SHORTEST = 3 }; /* shorter names stand in too many others */

/* Letters and digits alone, in lower case. */
static void squeeze(const char *name, char out[NAME_SIZE])
{
	size_t used = 0;

	for (; *name != '\0' && used + 1 < NAME_SIZE; name++)
		if (isalnum((unsigned char)*name))
			out[used++] = (char)tolower((unsigned char)*name);
	out[used] = '\0';
}

/* What is looked for, squeezed: with the word for its kind, which may belong to the name ("Kota Agung"), and without. */
struct wanted {
	char whole[NAME_SIZE], bare[NAME_SIZE];
};

/* How far a region is from it; 0: not near. The level counts among those that are equally so. */
static int distance(const struct region *region, const struct wanted *wanted)
{
	const int level = level_of(region);
	char name[NAME_SIZE];
	enum kind kind;
	int far;

	squeeze(level == 2 ? split(region->name, &kind) : region->name, name);
	if (strcmp(name, wanted->whole) == 0 || strcmp(name, wanted->bare) == 0)
		far = 0;
	else if (strstr(name, wanted->bare) != NULL)
		far = 1;
	else if (3 * strlen(name) >= 2 * strlen(wanted->bare) && strstr(wanted->bare, name) != NULL)
		far = 2;
	else
		return 0;
	return far * (LEVELS + 1) + level;
}

size_t region_near(const char *name, const char *within, const struct region *near[], size_t most)
{
	struct wanted wanted;
	size_t count = 0;
	enum kind kind;

	squeeze(name, wanted.whole);
	squeeze(split(name, &kind), wanted.bare);
	if (strlen(wanted.bare) < NEAR_SHORTEST)
		return 0;
	for (size_t i = 0; i < region_table_size; i++) {
		const struct region *region = &region_table[i];
		const int far = distance(region, &wanted);
		size_t place = count;

		if (far == 0 || (within[0] != '\0' && !region_covers(within, region->code)))
			continue;
		while (place > 0 && distance(near[place - 1], &wanted) > far)
			place--;
		if (place == most)
			continue;
		count += count < most ? 1 : 0;
		memmove(&near[place + 1], &near[place], (count - 1 - place) * sizeof(near[0]));
		near[place] = region;
	}
	return count;
}
