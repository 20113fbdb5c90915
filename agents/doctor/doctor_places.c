/* doctor_places - where an office's reports lie, come in and go out: the disk, the drop folders, the sinks. */
#include "agents/doctor/doctor.h"

#include "agents/intake/intake_folder.h"
#include "agents/intake/profile.h"
#include "agents/sink/sink_begin.h"
#include "agents/sink/sink_mark.h"
#include "agents/store/place.h"
#include "common/memory.h"
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB (1024u * 1024u)
#define DISK_LEAST (16 * MIB)
#define DISK_AMPLE (256 * MIB)
#define FILES_LIE_MS (10 * 60 * 1000)

/* ------------------------------------------------------------------ places */

/* The folder that a file lies in, or the nearest one above it that is there; free it. */
static char *folder_above(const char *path)
{
	char *folder = memory_string(path);

	do {
		char *copy = memory_string(folder), *above = memory_string(dirname(copy));

		free(copy);
		free(folder);
		folder = above;
	} while (access(folder, F_OK) != 0 && strchr(folder, '/') != NULL && strcmp(folder, "/") != 0);
	return folder;
}

/* ------------------------------------------------------------------ checks */

void doctor_disk(struct doctor *doctor)
{
	char *folder = folder_above(doctor->settings.store);

	checkup_disk(&doctor->checkup, folder, DISK_LEAST, DISK_AMPLE,
		     "free some space: on a full disk nothing is taken in or received");
	free(folder);
}

/* False after a finding. */
static bool folder_good(struct checkup *checkup, const char *path)
{
	const char *trouble = place_folder_trouble(path);

	if (trouble != NULL)
		checkup_note(checkup, CHECKUP_FAIL, "folder", "make it, and let the agent's user read and write in it",
			     "%s: %s", path, trouble);
	return trouble == NULL;
}

/* What was taken goes into a folder that the agent makes; one that somebody else made may be closed to it. */
static bool inner_good(struct checkup *checkup, const char *path, const char *sub)
{
	char *inner = memory_format("%s/%s", path, sub);
	const bool good = access(inner, F_OK) != 0 || folder_good(checkup, inner);

	free(inner);
	return good;
}

/* Files that the agent cannot take lie where they are, and who dropped them is not told. */
static bool files_good(struct checkup *checkup, const char *path)
{
	const struct files_left left = folder_left(path, clock_now().wall - FILES_LIE_MS);

	if (left.closed > 0)
		checkup_note(checkup, CHECKUP_FAIL, "folder",
			     "let the agent's user read them (ls -l shows whose they are); they are taken by "
			     "themselves then",
			     "%s: %zu files in it cannot be read", path, left.closed);
	if (left.old > 0)
		checkup_note(checkup, CHECKUP_WARN, "folder",
			     "see whether the agent runs and what its log says of this folder, and whether a program "
			     "has them open",
			     "%s: %zu files lie in it for more than %d minutes", path, left.old, FILES_LIE_MS / 60000);
	return left.closed + left.old == 0;
}

void doctor_folders(struct doctor *doctor)
{
	struct checkup *checkup = &doctor->checkup;

	for (size_t i = 0; i < doctor->settings.folder_count; i++) {
		const struct settings_folder *folder = &doctor->settings.folders[i];
		const bool good = folder_good(checkup, folder->path) && inner_good(checkup, folder->path, DONE) &&
				  inner_good(checkup, folder->path, REJECTED) && files_good(checkup, folder->path);
		struct profile *profile;
		struct fault fault = {0};

		if (profile_load(folder->profile, &profile, &fault) != E_OK)
			checkup_fault(checkup, "profile", &fault, "correct it; agents/profiles/README.md teaches how");
		else
			profile_free(profile);
		if (good && fault.code == E_OK)
			checkup_note(checkup, CHECKUP_OK, "folder", NULL, "%s can be read and written", folder->path);
	}
}

/* What the sink hands reports on to. */
static const char *destination(const struct sink_options *sink)
{
	return sink->type == SINK_HTTP ? sink->url : sink->path;
}

static const char *sink_advice(enum sink_type type)
{
	switch (type) {
	case SINK_PROGRAM:
		return "let the agent's user run it; what came in meanwhile follows by itself";
	case SINK_HTTP:
		return "start what is to answer there; what came in meanwhile follows by itself";
	default:
		return "let the agent's user write there; what came in meanwhile follows by itself";
	}
}

void doctor_sinks(struct doctor *doctor)
{
	static const char *const good[] = {[SINK_JSONL] = "can be written",
					   [SINK_FOLDER] = "can be written",
					   [SINK_PROGRAM] = "can be run",
					   [SINK_HTTP] = "listens"};
	char reason[SINK_REASON_SIZE];

	for (size_t i = 0; i < doctor->settings.sink_count; i++) {
		const struct sink_options *sink = &doctor->settings.sinks[i];

		if (sink_able(sink, reason))
			checkup_note(&doctor->checkup, CHECKUP_OK, "sink", NULL, "%s: %s %s", sink->name,
				     destination(sink), good[sink->type]);
		else
			checkup_note(&doctor->checkup, CHECKUP_FAIL, "sink", sink_advice(sink->type), "%s: %s: %s",
				     sink->name, destination(sink), reason);
	}
}

/* That another folder is there only the store knows. */
static void home_judge(struct doctor *doctor, struct store *store, const struct sink_options *sink)
{
	struct sink_reason why = {.is_away = false};
	char mark[SINK_MARK_SIZE];
	struct sink_home home;
	uint64_t moved;

	if (sink_home_read(store, sink->name, &home, &moved, NULL) != E_OK)
		return;
	if (place_folder_trouble(sink->path) == NULL && !sink_mark_fits(sink->path, &home, mark, &why))
		checkup_note(&doctor->checkup, CHECKUP_FAIL, "sink",
			     "mount it; where it is to be another folder, empty the file " SINK_MARK
			     " in it, or make an empty one",
			     "%s: %s: %s", sink->name, sink->path, why.text);
	free(home.path);
}

void doctor_homes(struct doctor *doctor, struct store *store)
{
	for (size_t i = 0; i < doctor->settings.sink_count; i++)
		if (doctor->settings.sinks[i].type == SINK_FOLDER)
			home_judge(doctor, store, &doctor->settings.sinks[i]);
}
