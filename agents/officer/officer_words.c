/* officer_words - writes out the words of an enumeration: a line of help, or what a refused value should have been. */
#include "agents/officer/officer_words.h"
#include "common/json.h"
#include "common/memory.h"
#include "proto/report.pb-c.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_WIDTH = 26, LINE_WIDTH = 112 };

void officer_words_help(const char *name, const ProtobufCEnumDescriptor *type)
{
	struct buffer words = {0};
	size_t column = 2 + NAME_WIDTH + 1;
	char *rest = NULL;

	enum_words(type, &words);
	buffer_u8(&words, 0);
	printf("  %-*s", NAME_WIDTH, name);
	for (char *word = strtok_r((char *)words.data, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
		if (column + strlen(word) > LINE_WIDTH) {
			column = 2 + NAME_WIDTH + 1;
			printf("\n  %*s", NAME_WIDTH, "");
		}
		printf(" %s", word);
		column += strlen(word) + 1;
	}
	printf("\n");
	buffer_free(&words);
}

/* Past "drafts[3]." of a fault in one of several. */
static const char *path_within(const char *path)
{
	static const char drafts[] = "drafts[";
	const char *dot = strchr(path, '.');

	return strncmp(path, drafts, strlen(drafts)) == 0 && dot != NULL ? dot + 1 : path;
}

char *officer_words_at(const char *path)
{
	const ProtobufCEnumDescriptor *type = enum_at(&simpul__draft__descriptor, path_within(path));
	struct buffer words = {0};
	char *text;

	if (type == NULL)
		return NULL;
	enum_words(type, &words);
	text = memory_format("one of %.*s", (int)words.size, (const char *)words.data);
	buffer_free(&words);
	return text;
}
