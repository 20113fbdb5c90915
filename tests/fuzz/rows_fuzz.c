/* rows_fuzz - files of drop folders under the profiles of agents/profiles: every line is a report or a reject with its
 * reason, no reason repeats what stands in a cell, and the rejects can be dropped again. */
#include "agents/intake/profile.h"
#include "common/content.h"
#include "tests/fuzz/fuzz.h"
#include <stdlib.h>
#include <string.h>

#define NODE "police.oku"
#define NOW UINT64_C(1795300000000) /* 2026-11-22 */
/* Stands in cells of the corpus, and in no profile and no sentence of ours. */
#define CANARY "ZQX"

static const struct {
	const char *profile, *file;
} folders[] = {
	{"agents/profiles/police/patrol.yaml", "x.csv"},     {"agents/profiles/immigration/apoa.yaml", "x.csv"},
	{"agents/profiles/army/border-watch.yaml", "x.csv"}, {"agents/profiles/immigration/reader.yaml", "x.csv"},
	{"agents/profiles/police/json.yaml", "x.json"},	     {"agents/profiles/police/json.yaml", "x.jsonl"},
};
enum { FOLDERS = sizeof folders / sizeof folders[0] };

static const struct profile *profile_of(size_t folder)
{
	static struct profile *profiles[FOLDERS];
	struct fault fault = {0};

	if (profiles[folder] == NULL)
		PROMISE(profile_load(folders[folder].profile, &profiles[folder], &fault) == E_OK);
	return profiles[folder];
}

static void fault_good(const struct fault *fault)
{
	PROMISE(fault->code != E_OK && strstr(fault->field, CANARY) == NULL);
	for (const char *c = fault->field; *c != '\0'; c++)
		PROMISE((unsigned char)*c >= ' ' && *c != 0x7f);
}

static void lines_good(const struct parsed_file *file)
{
	size_t rejected = 0, line = 0;

	for (size_t i = 0; i < file->count; i++) {
		const struct parsed_line *parsed = &file->lines[i];

		PROMISE(parsed->line >= line && parsed->line > 0);
		line = parsed->line;
		if (parsed->prepared != NULL) {
			PROMISE(header_check(parsed->prepared->header, NOW, NULL) == E_OK);
			PROMISE(body_check(parsed->prepared->header, parsed->prepared->body, NULL) == E_OK);
			continue;
		}
		fault_good(&parsed->fault);
		rejected++;
	}
	PROMISE(rejected == file->rejected);
}

/* Only rows whose bytes were readable come back as they were: a row that is no CSV may swallow what follows it. */
static bool readable(const struct parsed_file *file)
{
	for (size_t i = 0; i < file->count; i++)
		if (file->lines[i].prepared == NULL &&
		    (file->lines[i].fault.code == E_MALFORMED || file->lines[i].fault.code == E_TOO_LARGE ||
		     strcmp(file->lines[i].fault.field, "encoding") == 0))
			return false;
	return true;
}

static void rejects_good(size_t folder, const struct parsed_file *file)
{
	const struct profile *profile = profile_of(folder);
	struct buffer rejects = {0};
	struct parsed_file again;

	profile_rejects(profile, file, folders[folder].file, &rejects);
	if (file->rejected > 0 && readable(file)) {
		profile_parse(profile, buffer_view(&rejects), folders[folder].file, NODE, NOW, NULL, -1, &again);
		PROMISE(again.fault.code == E_OK && again.count == file->rejected && again.rejected == again.count);
		parsed_file_free(&again);
	}
	buffer_free(&rejects);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = BYTES(data, size);
	const size_t folder = take_u8(&rest) % FOLDERS;
	struct parsed_file file;

	profile_parse(profile_of(folder), rest, folders[folder].file, NODE, NOW, NULL, -1, &file);
	if (file.fault.code != E_OK) {
		fault_good(&file.fault);
		PROMISE(file.count == 0);
	} else {
		lines_good(&file);
		rejects_good(folder, &file);
	}
	parsed_file_free(&file);
	return 0;
}
