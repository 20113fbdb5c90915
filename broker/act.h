/* act - who asks the broker for something, and how that is written down: the content of an ENTRY_TYPE_ACT. */
#ifndef SIMPUL_ACT_H
#define SIMPUL_ACT_H

#include "common/bytes.h"

#include <stdbool.h>
#include <sys/types.h>

#define ACT_USER_SIZE 65
#define ACT_TEXT_MOST 200 /* bytes of `person` and `reason` */

struct act {
	const char *user;   /* Unix user; "" when nobody could tell */
	const char *person; /* as he says himself; NULL or "" for none */
	bool auditor;
	const char *command, *object, *reason; /* "" or NULL: none */
};

/* Appends an encoded Act without an entry. */
void act_pack(const struct act *act, struct buffer *out);
/* Short, one line. NULL is not. */
bool act_text_valid(const char *text);
/* The user at the other end of an ipc connection, of libzmq's "Peer-Address" (NULL is allowed): "localhost:UID:GID:PID".
 * False when there is none. */
bool act_peer_user(const char *address, uid_t *user);
/* The user's name, or its number where it has none. Returns `name`. */
char *act_user_name(uid_t user, char name[ACT_USER_SIZE]);

#endif
