/* Tries to find events that the programs log and PROTOCOL.md does not list, and the other way round. */
#include "common/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <glob.h>
#include <regex.h>

#define NAME_SIZE 64

/* What an event's name may begin with; field paths and file names begin otherwise, or end as files do. */
#define SUBJECTS \
	"(agent|batch|broker|clock|cursor|database|delivery|disk|feed|frames|hold|inbox|intake|journal|local|log|member|node|" \
	"operator|policy|profiles|quarantine|receipt|refusals|report|reseed|session|sink|store|subject|submission|subscription|uplink|watcher|watchers|zap)"

static struct buffer whole(const char *path)
{
	struct buffer text = {0};

	assert_int_equal(file_read(path, 4 << 20, &text, NULL), E_OK);
	buffer_u8(&text, 0);
	return text;
}

/* Programs, and what they consist of. */
#define CODE "{broker,agents,common}/{,*/}*.c"

/* The files that match, one after the other. */
static struct buffer files(const char *pattern)
{
	struct buffer all = {0};
	glob_t found = {0};

	assert_int_equal(glob(pattern, GLOB_BRACE, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct buffer one = whole(found.gl_pathv[i]);

		buffer_append(&all, one.data, one.size - 1);
		buffer_free(&one);
	}
	buffer_u8(&all, 0);
	globfree(&found);
	return all;
}

/* "policy.yaml" is a file, and "cursor.head" a field of a message. */
static bool is_other(const char *name, const char *protos)
{
	static const char *const ends[] = {".yaml", ".db", ".sock", ".keys", ".lock", ".jsonl", ".json"};
	char field[NAME_SIZE + 4];

	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		if (strcmp(strchr(name, '.'), ends[i]) == 0)
			return true;
	snprintf(field, sizeof field, " %s = ", strchr(name, '.') + 1);
	return strstr(protos, field) != NULL;
}

/* Calls `each` for every event's name between two `quote` characters in the text. */
static void names_find(const char *text, char quote, void (*each)(void *context, const char *name), void *context)
{
	struct buffer protos = files("proto/*.proto");
	char pattern[sizeof SUBJECTS + 32], name[NAME_SIZE];
	regmatch_t match[2];
	regex_t regex;

	snprintf(pattern, sizeof pattern, "%c(%s[.][a-z_]+)%c", quote, SUBJECTS, quote);
	assert_int_equal(regcomp(&regex, pattern, REG_EXTENDED), 0);
	for (; regexec(&regex, text, 2, match, 0) == 0; text += match[0].rm_eo - 1) {
		snprintf(name, sizeof name, "%.*s", (int)(match[1].rm_eo - match[1].rm_so), text + match[1].rm_so);
		if (!is_other(name, (const char *)protos.data))
			each(context, name);
	}
	regfree(&regex);
	buffer_free(&protos);
}

static struct buffer events_section(void)
{
	struct buffer page = whole("proto/PROTOCOL.md"), section = {0};
	char *begin = strstr((char *)page.data, "\n## Events\n"), *end;

	assert_non_null(begin);
	end = strstr(begin + 1, "\n## ");
	assert_non_null(end);
	buffer_append(&section, begin, (size_t)(end - begin));
	buffer_u8(&section, 0);
	buffer_free(&page);
	return section;
}

struct search {
	const char *text;
	char quote;
	unsigned found, missing;
};

static void expect_in(void *context, const char *name)
{
	struct search *search = context;
	char quoted[NAME_SIZE + 3];

	snprintf(quoted, sizeof quoted, "%c%s%c", search->quote, name, search->quote);
	if (strstr(search->text, quoted)) {
		search->found++;
		return;
	}
	search->missing++;
	print_error("%s stands on one side only\n", name);
}

static void every_event_that_is_logged_is_on_the_page(void **state)
{
	struct buffer code = files(CODE), page = events_section();
	struct search search = {.text = (const char *)page.data, .quote = '`'};

	(void)state;
	names_find((const char *)code.data, '"', expect_in, &search);
	assert_true(search.found > 50);
	assert_int_equal(search.missing, 0);
	buffer_free(&code);
	buffer_free(&page);
}

static void every_event_on_the_page_is_logged(void **state)
{
	struct buffer code = files(CODE), page = events_section();
	struct search search = {.text = (const char *)code.data, .quote = '"'};

	(void)state;
	names_find((const char *)page.data, '`', expect_in, &search);
	assert_true(search.found > 50);
	assert_int_equal(search.missing, 0);
	buffer_free(&code);
	buffer_free(&page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_event_that_is_logged_is_on_the_page),
		cmocka_unit_test(every_event_on_the_page_is_logged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
