/* peer - reads what libzmq says of the other end, and names users. */
#include "common/peer.h"

#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool peer_user(const char *address, uid_t *user)
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

char *peer_user_name(uid_t user, char name[PEER_NAME_SIZE])
{
	struct passwd entry, *found = NULL;
	char memory[4096];

	if (getpwuid_r(user, &entry, memory, sizeof(memory), &found) == 0 && found != NULL)
		snprintf(name, PEER_NAME_SIZE, "%.64s", found->pw_name);
	else
		snprintf(name, PEER_NAME_SIZE, "%lu", (unsigned long)user);
	return name;
}
