/* ipc - sockets for programs on this machine: a path that a group may use, one program at a time. */
#ifndef SIMPUL_IPC_H
#define SIMPUL_IPC_H

#include "common/error.h"
#include <stdbool.h>

/* Binds a ZeroMQ socket with mode 0660 and this group (NULL: the user's own) in place of what a dead program left. E_CONFIG,
 * also when another one listens there; E_IO. The path is as it was then, or free. */
enum error ipc_bind(void *socket, const char *path, const char *group, struct fault *fault);
/* Closes a socket that was bound, and takes its path away. */
void ipc_close(void *socket, const char *path);
/* Whether somebody listens there, errno why not (EACCES: this user may not ask): one that died leaves its path behind,
 * and ZeroMQ would wait for ever. `path` is one of the settings', so that it fits. */
bool ipc_listens(const char *path);

#endif
