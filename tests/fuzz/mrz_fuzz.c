/* mrz_fuzz - machine-readable zones: what is read keeps the forms of a report's fields, and no zone is read once more
 * with another value under one of its check digits. A wrong check digit is mended first, or few would
 * get past it. */
#include "agents/intake/mrz.h"
#include "tests/fuzz/fuzz.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOW UINT64_C(1795300000000) /* 2026-11-21 */

enum { LONGEST = 90, ROUNDS = 8 };

/* The characters of a zone alone; their number. */
static size_t squeeze(const char *text, char zone[LONGEST + 1])
{
	size_t size = 0;

	for (; *text != '\0' && size < LONGEST; text++)
		if (strchr(" \t\r\n", *text) == NULL)
			zone[size++] = *text;
	zone[size] = '\0';
	return size;
}

/* Where the parser says that a check digit is wrong, puts each digit there until it goes on elsewhere. */
static void mend(char *zone, size_t width)
{
	struct fault fault, next;
	struct mrz mrz;
	size_t line, column;

	for (unsigned round = 0; round < ROUNDS; round++) {
		fault = (struct fault){.code = E_OK};
		if (mrz_parse(zone, NOW, &mrz, &fault) == E_OK || strstr(fault.field, "check digit") == NULL ||
		    sscanf(fault.field, "line %zu, column %zu", &line, &column) != 2)
			return;
		for (char digit = '0'; digit <= '9'; digit++) {
			next = (struct fault){.code = E_OK};
			zone[(line - 1) * width + column - 1] = digit;
			if (mrz_parse(zone, NOW, &mrz, &next) == E_OK || strcmp(next.field, fault.field) != 0)
				break;
		}
	}
}

static void fields_good(const struct mrz *mrz)
{
	PROMISE(strlen(mrz->type) >= 1 && strlen(mrz->issuing_state) >= 1 && strlen(mrz->number) >= 1);
	PROMISE(strcmp(mrz->nationality, "D") == 0 || strlen(mrz->nationality) == 3);
	PROMISE(mrz->primary[0] >= 'A' && mrz->primary[0] <= 'Z' && strstr(mrz->primary, "  ") == NULL);
	PROMISE(strchr("FMX", mrz->sex) != NULL && strchr(mrz->secondary, '<') == NULL);
	PROMISE(mrz->date_of_birth[0] == '\0' || date_valid(mrz->date_of_birth));
	PROMISE(mrz->expiry_date[0] == '\0' || (date_valid(mrz->expiry_date) && strlen(mrz->expiry_date) == 10));
	PROMISE(strcmp(mrz->date_of_birth, "2026-11-22") <= 0);
	PROMISE(strchr(mrz->number, '\0')[-1] != '<');
}

/* Another digit in number, dates or their check digits, wherever they stand in this format. */
static void no_digit_for_another(const char *good, size_t size, enum mrz_format format)
{
	const size_t line = size == LONGEST ? 0 : size / 2, dates = format == MRZ_TD1 ? 30 : line + 13;
	const size_t places[] = {format == MRZ_TD1 ? 5 : line,
				 format == MRZ_TD1 ? 13 : line + 8,
				 dates,
				 dates + 5,
				 dates + 6,
				 dates + 8,
				 dates + 13,
				 dates + 14};
	char bad[LONGEST + 1];
	struct mrz mrz;

	for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
		char *at = strcpy(bad, good) + places[i];

		if (*at < '0' || *at > '9')
			continue;
		*at = (char)('0' + (*at - '0' + 1) % 10);
		PROMISE(mrz_parse(bad, NOW, &mrz, NULL) != E_OK);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = take_text(BYTES(data, size)), zone[LONGEST + 1];
	const size_t length = squeeze(text, zone);
	struct fault fault = {.code = E_OK};
	struct mrz mrz;

	PROMISE((mrz_parse(text, NOW, &mrz, &fault) == E_OK) == (fault.code == E_OK));
	if (length == 72 || length == 88 || length == 90)
		mend(zone, length == 90 ? 30 : length / 2);
	if (mrz_parse(zone, NOW, &mrz, &fault) == E_OK) {
		fields_good(&mrz);
		no_digit_for_another(zone, length, mrz.format);
	}
	free(text);
	return 0;
}
