/* doctor_places - where an office's reports lie, come in and go out: the disk, the drop folders, the sinks. */
#include "agents/doctor.h"

#include "agents/profile.h"
#include "common/memory.h"
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (1024u * 1024u)
#define DISK_LEAST (16 * MIB)
#define DISK_AMPLE (256 * MIB)

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

/* What keeps this user from taking files out of a folder and putting some in; NULL: nothing. */
static const char *folder_trouble(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return errno == ENOENT ? "there is no such folder" : strerror(errno);
	if (!S_ISDIR(status.st_mode))
		return "it is not a folder";
	return eaccess(path, R_OK | W_OK | X_OK) == 0 ? NULL : strerror(errno);
}

/* The same for a file that lines are appended to; it may be yet to be made. */
static const char *file_trouble(const char *path)
{
	struct stat status;
	const char *trouble;
	char *folder;

	if (stat(path, &status) == 0 && !S_ISREG(status.st_mode))
		return "it is not a file";
	if (eaccess(path, W_OK) == 0)
		return NULL;
	if (errno != ENOENT)
		return strerror(errno);
	folder = memory_string(path);
	trouble = folder_trouble(dirname(folder));
	free(folder);
	return trouble == NULL ? NULL : "its folder is not there or cannot be written";
}

/* ------------------------------------------------------------------ checks */

void doctor_disk(struct doctor *doctor)
{
	char *folder = folder_above(doctor->settings.store);

	checkup_disk(&doctor->checkup, folder, DISK_LEAST, DISK_AMPLE,
		     "free some space: on a full disk nothing is taken in or received");
	free(folder);
}

void doctor_folders(struct doctor *doctor)
{
	struct checkup *checkup = &doctor->checkup;

	for (size_t i = 0; i < doctor->settings.folder_count; i++) {
		const struct settings_folder *folder = &doctor->settings.folders[i];
		const char *trouble = folder_trouble(folder->path);
		struct profile *profile;
		struct fault fault = {0};

		if (trouble != NULL)
			checkup_note(checkup, CHECKUP_FAIL, "folder",
				     "make it, and let the agent's user read and write in it", "%s: %s", folder->path,
				     trouble);
		if (profile_load(folder->profile, &profile, &fault) != E_OK)
			checkup_fault(checkup, "profile", &fault, "correct it; agents/profiles/README.md teaches how");
		else
			profile_free(profile);
		if (trouble == NULL && fault.code == E_OK)
			checkup_note(checkup, CHECKUP_OK, "folder", NULL, "%s can be read and written", folder->path);
	}
}

void doctor_sinks(struct doctor *doctor)
{
	for (size_t i = 0; i < doctor->settings.sink_count; i++) {
		const struct sink_options *sink = &doctor->settings.sinks[i];
		const char *trouble = sink->type == SINK_FOLDER ? folder_trouble(sink->path) : file_trouble(sink->path);

		if (trouble == NULL)
			checkup_note(&doctor->checkup, CHECKUP_OK, "sink", NULL, "%s: %s can be written", sink->name,
				     sink->path);
		else
			checkup_note(&doctor->checkup, CHECKUP_FAIL, "sink",
				     "let the agent's user write there; what came in meanwhile follows by itself",
				     "%s: %s: %s", sink->name, sink->path, trouble);
	}
}
