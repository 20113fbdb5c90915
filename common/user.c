/* user - names the user at the other end of a local socket. */
#include "common/user.h"

#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

bool user_text_valid(const char *text)
{
	if (text == NULL || strlen(text) > USER_TEXT_MOST)
		return false;
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return true;
}
