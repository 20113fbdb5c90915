/* pollset - waits for ZeroMQ sockets and other descriptors with one poll(2), and asks only those that may have something.
 *
 * zmq_poll() asks every socket each time that it wakes up, two system calls each, which with eight of them cost more than
 * what an idle office has to say. A socket's own descriptor (ZMQ_FD) tells when it is worth asking; it tells once, though,
 * and whatever is done with the socket may take that word: so each is asked until it has nothing more, and a socket that
 * is sent on by others than its handler is asked again after anything was done, before the next wait. */
#ifndef SIMPUL_POLLSET_H
#define SIMPUL_POLLSET_H

#include "common/clock.h"
#include <stdbool.h>

enum pollset_result {
	POLLSET_NOTHING, /* was there */
	POLLSET_SOME,	 /* was there, and nothing is left */
	POLLSET_MORE,	 /* may be left: the handler is called again once the others had their turn */
	POLLSET_STOP,	 /* no other handler is called any more */
};
typedef enum pollset_result pollset_fn(void *context);

struct pollset;

struct pollset *pollset_new(void);
void pollset_free(struct pollset *set); /* NULL is allowed */
/* `handler` receives without waiting until there is nothing. `is_shared`: others send on the socket. */
void pollset_add_socket(struct pollset *set, void *socket, bool is_shared, pollset_fn *handler, void *context);
void pollset_add_fd(struct pollset *set, int fd, pollset_fn *handler, void *context);
void pollset_remove_socket(struct pollset *set, void *socket); /* before it is closed */
/* Something was done outside of handlers: shared sockets are asked before the next wait. */
void pollset_touched(struct pollset *set);
/* Calls the handlers of what is ready, after waiting for it for at most `ms`. False after POLLSET_STOP. */
bool pollset_turn(struct pollset *set, unsigned ms);

#endif
