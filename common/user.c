/* user - names the user at the other end of a local socket, and whose it is that is closed to this one. */
#include "common/user.h"
#include "common/memory.h"
#include "common/safe_text.h"

#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool user_of_peer(const char *address, uid_t *user)
{
	const char *part = address == NULL ? NULL : strchr(address, ':');
	char *end = NULL;
	unsigned long number;

	if (part == NULL || part[1] < '0' || part[1] > '9')
		return false;
	number = strtoul(part + 1, &end, 10);
	*user = (uid_t)number;
	return *end == ':' && number < UINT32_MAX;
}

char *user_name(uid_t user, char name[USER_NAME_SIZE])
{
	struct passwd entry, *found = NULL;
	char memory[4096];

	if (getpwuid_r(user, &entry, memory, sizeof(memory), &found) == 0 && found != NULL)
		snprintf(name, USER_NAME_SIZE, "%.64s", found->pw_name);
	else
		snprintf(name, USER_NAME_SIZE, "%lu", (unsigned long)user);
	return name;
}

/* "-" for a group that has no name; returns `name`. */
static char *group_name(gid_t group, char name[USER_NAME_SIZE])
{
	struct group entry, *found = NULL;
	char memory[4096];

	if (getgrgid_r(group, &entry, memory, sizeof(memory), &found) != 0 || found == NULL)
		return strcpy(name, "-");
	snprintf(name, USER_NAME_SIZE, "%.64s", found->gr_name);
	return name;
}

bool user_text_valid(const char *text)
{
	bool safe = text != NULL && strlen(text) <= USER_TEXT_MOST;

	while (safe && *text != '\0')
		text += safe_text_next(text, &safe);
	return safe;
}

/* Shortens `path` to the first folder on the way that this user may not go through. */
static void closed_folder(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (eaccess(path, X_OK) != 0)
			return;
		*slash = '/';
	}
}

enum error permission_fault(struct fault *fault, const char *path)
{
	char *closed = memory_string(path), name[USER_NAME_SIZE], group[USER_NAME_SIZE];
	struct stat status;

	closed_folder(closed);
	if (stat(closed, &status) != 0) {
		fault_at(fault, E_PERMISSION, "%s", path);
	} else {
		fault_at(fault, E_PERMISSION, "%.70s (of %.16s, group %.16s, mode %03o)", closed,
			 user_name(status.st_uid, name), group_name(status.st_gid, group),
			 (unsigned)status.st_mode & 07777U);
	}
	free(closed);
	return E_PERMISSION;
}
