/* ipc - binds ZeroMQ to a path with the right group and mode, and finds out who listens. */
#include "broker/control/ipc.h"

#include "common/memory.h"
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

/* Whose queue of callers is full listens, and is not waited for. */
bool ipc_listens(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;
	bool listens;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	errno = 0;
	listens = fd >= 0 && (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN);
	error = errno;
	if (fd >= 0)
		close(fd);
	errno = error;
	return listens;
}

static enum error group_give(const char *path, const char *name, struct fault *fault)
{
	const struct group *group = name == NULL ? NULL : getgrnam(name);

	if (name == NULL)
		return E_OK;
	if (group == NULL)
		return fault_at(fault, E_CONFIG, "%s: there is no group \"%s\"", path, name);
	if (chown(path, (uid_t)-1, group->gr_gid) != 0)
		return fault_at(fault, E_CONFIG, "%s: this user may not give it to group \"%s\": it is no member", path,
				name);
	return E_OK;
}

/* Nobody comes in before the group is right. */
static enum error path_bind(void *socket, const char *endpoint, const char *path, const char *group, struct fault *fault)
{
	const mode_t before = umask(0177);
	const bool bound = zmq_bind(socket, endpoint) == 0;
	enum error error;

	umask(before);
	if (!bound)
		return fault_at(fault, E_CONFIG, "%s: %s", path, zmq_strerror(zmq_errno()));
	error = group_give(path, group, fault);
	if (error == E_OK && chmod(path, 0660) != 0)
		error = fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
	if (error == E_OK)
		return E_OK;
	zmq_unbind(socket, endpoint);
	unlink(path);
	return error;
}

/* ZeroMQ would take the path away from whoever listens there. */
enum error ipc_bind(void *socket, const char *path, const char *group, struct fault *fault)
{
	char *endpoint;
	enum error error;

	if (ipc_listens(path))
		return fault_at(fault, E_CONFIG, "%s: another program listens there", path);
	endpoint = memory_format("ipc://%s", path);
	error = path_bind(socket, endpoint, path, group, fault);
	free(endpoint);
	return error;
}

void ipc_close(void *socket, const char *path)
{
	zmq_close(socket);
	unlink(path);
}
