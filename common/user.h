/* user - who asks over a local socket: the Unix user at its other end, and what he says in his own words. */
#ifndef SIMPUL_USER_H
#define SIMPUL_USER_H

#include "common/error.h"
#include <stdbool.h>
#include <sys/types.h>

#define USER_NAME_SIZE 65
#define USER_TEXT_MOST 200 /* bytes of a reason, or of a person's name */

/* The user at the other end of an ipc connection, of libzmq's "Peer-Address" (NULL is allowed):
 * "localhost:UID:GID:PID". False when there is none. */
bool user_of_peer(const char *address, uid_t *user);
/* His name, or his number when he has none. Returns `name`. */
char *user_name(uid_t user, char name[USER_NAME_SIZE]);
/* Short, one line, and a terminal may be shown it (safe_text.h). NULL is not. */
bool user_text_valid(const char *text);

/* E_PERMISSION at what is closed to this user: the file, or the first folder on the way to it, with whose it is and its
 * mode. */
enum error permission_fault(struct fault *fault, const char *path);
#define PERMISSION_ADVICE "run it as the user that it belongs to (sudo -u NAME), or have him let this one read it"

#endif
