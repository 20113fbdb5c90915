/* findings - counts what went wrong and says where. */
#include "tests/support/findings.h"

#include <stdarg.h>
#include <stdio.h>

#define LINES 8 /* of a kind */

void found(struct findings *findings, enum finding kind, const char *format, ...)
{
	static const char *const names[FINDINGS] = {"lost", "duplicated", "leaked", "invented"};
	va_list args;

	if (findings->count[kind]++ >= LINES)
		return;
	va_start(args, format);
	printf("# %s, %s: ", names[kind], findings->where ? findings->where : "");
	vprintf(format, args);
	putchar('\n');
	fflush(stdout);
	va_end(args);
}

void findings_close(const struct findings *findings, const char *what, uint64_t tried, const char *times,
		    const char *note)
{
	const struct torture_row row = {.what = what,
					.tried = tried,
					.times = times,
					.lost = findings->count[FOUND_LOST],
					.duplicated = findings->count[FOUND_DUPLICATED],
					.leaked = findings->count[FOUND_LEAKED],
					.invented = findings->count[FOUND_INVENTED],
					.note = note};

	torture_row(&row);
	torture_check(&row);
}
