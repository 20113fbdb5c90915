/* place - looks at folders, files and programs before they are needed. */
#include "agents/store/place.h"
#include "common/memory.h"
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *place_folder_trouble(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return errno == ENOENT ? "there is no such folder" : strerror(errno);
	if (!S_ISDIR(status.st_mode))
		return "it is not a folder";
	return eaccess(path, R_OK | W_OK | X_OK) == 0 ? NULL : strerror(errno);
}

const char *place_file_trouble(const char *path)
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
	trouble = place_folder_trouble(dirname(folder));
	free(folder);
	return trouble == NULL ? NULL : "its folder is not there or cannot be written";
}

const char *place_program_trouble(const char *path)
{
	struct stat status;

	if (stat(path, &status) != 0)
		return errno == ENOENT ? "there is no such program" : strerror(errno);
	if (!S_ISREG(status.st_mode))
		return "it is not a program";
	return eaccess(path, X_OK) == 0 ? NULL : "this user may not execute it";
}
