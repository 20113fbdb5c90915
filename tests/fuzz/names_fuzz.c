/* names_fuzz - names of nodes and reports, times, dates and regions as people write them: what is read is written back
 * the same, and the checks agree with one another. */
#include "common/clock.h"
#include "common/name.h"
#include "common/region.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

static void report_names(const char *text)
{
	struct report_name name, again;
	char written[REPORT_NAME_SIZE];

	if (!report_name_parse(text, &name))
		return;
	PROMISE(node_name_valid(name.origin) && name.epoch > 0 && name.number > 0);
	PROMISE(strcmp(report_name_text(&name, written), text) == 0);
	PROMISE(report_name_parse(written, &again) && again.number == name.number && again.stream == name.stream);
}

static void node_names(const char *text)
{
	char agency[LIMIT_NODE_NAME + 1];

	if (!node_name_valid(text))
		return;
	node_agency(text, agency);
	PROMISE(agency_name_valid(agency) && !node_name_valid(agency) && !agency_name_valid(text));
	PROMISE(strncmp(text, agency, strlen(agency)) == 0 && text[strlen(agency)] == '.');
}

static void times(const char *text, int zone)
{
	char written[TIME_TEXT_SIZE], day[11];
	wall_ms time, again;

	if (!time_parse(text, &time))
		return;
	PROMISE(time_parse(time_text(written, time, 0), &again) && again == time);
	PROMISE(time_parse(time_text(written, time, zone), &again));
	memcpy(day, written, 10);
	day[10] = '\0';
	PROMISE(date_valid(day));
}

static void regions(const char *text, const char *other)
{
	const struct region *region = region_find(text);

	PROMISE((region != NULL) == region_exists(text));
	PROMISE(region_covers(text, text) && region_meets(text, other) == region_meets(other, text));
	if (region != NULL)
		PROMISE(region_covers(region->code, text) && strlen(text) < REGION_CODE_SIZE);
}

/* Looks through all 7,800 names, so it has inputs of its own. */
static void region_names(const char *text, const char *within)
{
	size_t matches = 0;
	const struct region *named = region_by_name(text, within, &matches);

	PROMISE((named != NULL) == (matches == 1));
	if (named != NULL)
		PROMISE(region_exists(named->code) && (within[0] == '\0' || region_covers(within, named->code)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = BYTES(data, size);
	const uint8_t first = take_u8(&rest);
	const int zone = (int)(first / 2 % 97) * 15 - 720;
	char *text = take_text(rest), *separator = strchr(text, '\n');
	const char *other = separator != NULL ? separator + 1 : "";

	if (separator != NULL)
		*separator = '\0';
	report_names(text);
	node_names(text);
	times(text, zone);
	PROMISE(!date_valid(text) || strlen(text) == 4 || strlen(text) == 7 || strlen(text) == 10);
	regions(text, other);
	if (first % 16 == 15)
		region_names(text, other);
	free(text);
	return 0;
}
