/* name - checks, writes and reads the names of agencies, nodes and reports. */
#include "common/name.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { AGENCY_LONGEST = 32 };

static const char *const prefixes[] = {"", "X", "R", "XR"};

static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
static const char name_characters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

/* Length of the agency's name at the start of `text`, 0 when none stands there. */
static size_t agency_length(const char *text)
{
	size_t length = strspn(text, name_characters);

	return strspn(text, letters) > 0 && length <= AGENCY_LONGEST ? length : 0;
}

/* Length of the node's name at the start of `text`, 0 when none stands there. */
static size_t node_length(const char *text)
{
	size_t agency = agency_length(text);
	size_t office;

	if (agency == 0 || text[agency] != '.')
		return 0;
	office = strspn(text + agency + 1, name_characters);
	return office > 0 && agency + 1 + office <= LIMIT_NODE_NAME ? agency + 1 + office : 0;
}

bool agency_name_valid(const char *text)
{
	size_t length = agency_length(text);

	return length > 0 && text[length] == '\0';
}

bool node_name_valid(const char *text)
{
	size_t length = node_length(text);

	return length > 0 && text[length] == '\0';
}

void node_agency(const char *node, char *agency)
{
	size_t length = agency_length(node);

	memcpy(agency, node, length);
	agency[length] = '\0';
}

bool routing_names(char *const *list, size_t count, const char *node)
{
	char agency[LIMIT_NODE_NAME + 1];

	if (count == 0)
		return false;
	node_agency(node, agency);
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i], node) == 0 || strcmp(list[i], agency) == 0)
			return true;
	return false;
}

const char *stream_prefix(uint32_t stream)
{
	/* A stream that does not exist gets a prefix that does not parse. */
	return stream < sizeof(prefixes) / sizeof(prefixes[0]) ? prefixes[stream] : "?";
}

char *report_name_text(const struct report_name *name, char *text)
{
	char epoch[16] = "";

	if (name->epoch > 1)
		snprintf(epoch, sizeof(epoch), "%" PRIu32 ".", name->epoch);
	snprintf(text, REPORT_NAME_SIZE, "%.*s#%s%s%" PRIu64, LIMIT_NODE_NAME, name->origin, epoch,
		 stream_prefix(name->stream), name->number);
	return text;
}

/* Reads a decimal number without sign or leading zero, at least 1. Returns what follows it, NULL when there is none. */
static const char *number_parse(const char *text, uint64_t largest, uint64_t *number)
{
	uint64_t value = 0;

	if (*text < '1' || *text > '9')
		return NULL;
	for (; *text >= '0' && *text <= '9'; text++) {
		uint64_t digit = (uint64_t)(*text - '0');

		if (value > (largest - digit) / 10)
			return NULL;
		value = value * 10 + digit;
	}
	*number = value;
	return text;
}

/* Reads "2." where it stands; epoch 1 is never written. Returns what follows, NULL when it is wrong. */
static const char *epoch_parse(const char *text, uint32_t *epoch)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t value = 1;

	if (text[digits] == '.') {
		if (number_parse(text, UINT32_MAX, &value) == NULL || value == 1)
			return NULL;
		text += digits + 1;
	}
	*epoch = (uint32_t)value;
	return text;
}

static const char *stream_parse(const char *text, uint32_t *stream)
{
	size_t length = strspn(text, "XR");

	for (uint32_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		if (strlen(prefixes[i]) == length && memcmp(prefixes[i], text, length) == 0) {
			*stream = i;
			return text + length;
		}
	}
	return NULL;
}

bool report_name_parse(const char *text, struct report_name *name)
{
	size_t length = node_length(text);
	const char *rest;

	if (length == 0 || text[length] != '#')
		return false;
	memcpy(name->origin, text, length);
	name->origin[length] = '\0';
	rest = epoch_parse(text + length + 1, &name->epoch);
	if (rest != NULL)
		rest = stream_parse(rest, &name->stream);
	if (rest != NULL)
		rest = number_parse(rest, UINT64_MAX, &name->number);
	return rest != NULL && *rest == '\0';
}
