/* peer - who is at the other end of a local socket, as the kernel says. */
#ifndef SIMPUL_PEER_H
#define SIMPUL_PEER_H

#include <stdbool.h>
#include <sys/types.h>

#define PEER_NAME_SIZE 65

/* The user at the other end of an ipc connection, of libzmq's "Peer-Address" (NULL is allowed):
 * "localhost:UID:GID:PID". False when there is none. */
bool peer_user(const char *address, uid_t *user);
/* The user's name, or its number where it has none. Returns `name`. */
char *peer_user_name(uid_t user, char name[PEER_NAME_SIZE]);

#endif
