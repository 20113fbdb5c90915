/* act - names users and packs what they did. */
#include "broker/act.h"

#include "common/wire.h"
#include "proto/journal.pb-c.h"
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *text_of(const char *text)
{
	return (char *)(uintptr_t)(text != NULL ? text : "");
}

void act_pack(const struct act *act, struct buffer *out)
{
	Simpul__Act message = SIMPUL__ACT__INIT;

	message.user = text_of(act->user);
	message.person = text_of(act->person);
	message.auditor = act->auditor;
	message.command = text_of(act->command);
	message.object = text_of(act->object);
	message.reason = text_of(act->reason);
	wire_pack(&message, out);
}

bool act_text_valid(const char *text)
{
	if (text == NULL || strlen(text) > ACT_TEXT_MOST)
		return false;
	for (const char *c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return true;
}

bool act_peer_user(const char *address, uid_t *user)
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

char *act_user_name(uid_t user, char name[ACT_USER_SIZE])
{
	struct passwd entry, *found = NULL;
	char memory[4096];

	if (getpwuid_r(user, &entry, memory, sizeof(memory), &found) == 0 && found != NULL)
		snprintf(name, ACT_USER_SIZE, "%.64s", found->pw_name);
	else
		snprintf(name, ACT_USER_SIZE, "%lu", (unsigned long)user);
	return name;
}
