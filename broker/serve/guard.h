/* guard - who stands at the offices' sockets: counts connections by address, cuts those that are too many or that fill
 * memory, and names them to the operators.
 *
 * libzmq has no limit on connections, and none on a message that comes in parts without an end: it keeps them all until
 * the last one. Its limit on messages that wait to be read (ZMQ_RCVHWM) must be lifted: libzmq 4.3.4 reads no more from
 * a connection whose queue is full, and when that is reset then, and a PING was among what was read of it already, the
 * whole process is aborted (stream_engine_base.cpp, out_event: !_io_error).
 *
 * Its monitors tell the guard of every connection and of its descriptor; the kernel tells how much came in by it; the
 * loop tells from which one a message was read. With descriptors used up accept() would spin on a whole core, so a share
 * of them is always kept free. Nothing here decides about members, and whom the core hears is not made to pay for its
 * neighbours behind an address: who is cut may come back, at the pace of its address. That pace alone is shared with
 * strangers, for at the door nobody knows who comes: behind one address with a flood it takes a few tries. */
#ifndef SIMPUL_GUARD_H
#define SIMPUL_GUARD_H

#include "broker/core/core.h"
#include "broker/serve/guard_talk.h"
#include "broker/serve/pollset.h"
#include <czmq.h>

/* One address: so many connections at a time, as many new ones at once, and so many a second from then on. */
struct guard_limits {
	uint32_t most, rate;
	uint32_t unread; /* bytes of which no message was made, by its connections by which nothing was said yet */
	uint32_t per_member; /* the first two are no more than that many for each member, and some; 0: as they stand */
	uint32_t all;	 /* connections of all addresses; 0: as many as descriptors allow */
	struct bucket_size talk; /* messages of one office's agent, and as many of its listeners or of a watcher: guard_talk.h */
};
/* Every member may sit behind the same address, with two or three connections and some that are being replaced. */
#define GUARD_SPARE 256
#define GUARD_LIMITS \
	((struct guard_limits){ \
		.most = 2 * LIMIT_NODES + GUARD_SPARE, .per_member = 4, .rate = 200, .unread = 64u << 20, .talk = TALK_LIMITS})
/* Connections by which one key has spoken, at link and feed together, and at each other socket: an office has two, and some
 * that are being replaced. */
#define GUARD_KEY_MOST 8
/* An office greets and subscribes at once: so long may a connection be open without one message. */
#define GUARD_SILENT_MS LIMIT_SILENCE_MS
/* The same once half of all connections are there, and how many of those an address may have then. */
#define GUARD_SILENT_SCARCE_MS 2000
#define GUARD_SILENT_SCARCE 16
/* Bytes that came in by any connection and were not read: offices say half as much before they are answered. */
#define GUARD_UNREAD_MOST (2u * LIMIT_IN_FLIGHT_BYTES)
/* So many that no message can be waiting its turn: they are parts of one without an end. */
#define GUARD_UNREAD_AT_ONCE (4 * GUARD_UNREAD_MOST)
/* Connections of one address that may end while messages wait at their socket: theirs may be among them. */
#define GUARD_LEFT_MOST 64

struct guard;
struct watchers;

struct guard *guard_new(void *context, const struct core *core, const struct guard_limits *limits);
/* Before the context ends; after the pollset that it was attached to. */
void guard_free(struct guard *guard);
/* Watches one of the offices' sockets, and has the kernel keep as many for it that are not accepted yet as one
 * address may open; before it is bound. E_IO. */
enum error guard_watch(struct guard *guard, void *socket, struct fault *fault);
/* The same for the socket of watchers, where their keys and no member's are in force, and where there are few: of more
 * than LIMIT_WATCH_CONNECTIONS at a time the oldest is cut that has not said a message. */
enum error guard_watch_log(struct guard *guard, void *socket, const struct watchers *watchers, struct fault *fault);
/* The same for the socket of bulletins, where each connection may say LIMIT_LISTENER_TOPICS things, and is cut when its key
 * is not in force any more. */
enum error guard_watch_bulletin(struct guard *guard, void *socket, struct fault *fault);
/* Who is there now is the broker's own, by which it tested a socket: that it ends without a word is no news. */
void guard_tested(struct guard *guard);
/* Connections are told to the guard when this is waited for; must be called once a tick as well: guard_tick. */
void guard_attach(struct guard *guard, struct pollset *pollset);
/* Looks at some connections, at all of them when memory grew; logs what happened, each address at most once a second.
 */
void guard_tick(struct guard *guard, steady_ms now);
/* A node's key was let in from this address. */
void guard_admitted(struct guard *guard, const char *address, const char *node);
/* A message was read from this socket: a frame of it, and the key that it came with. False when its connection was cut
 * already: not worth a look. */
bool guard_heard(struct guard *guard, const void *socket, zmq_msg_t *frame, const uint8_t curve_key[KEY_SIZE]);
/* All connections of this socket were ended, and by no fault of theirs: whoever had one may come again at once. */
void guard_unbound(struct guard *guard, const void *socket);
/* Nothing more is waiting at this socket. */
void guard_emptied(struct guard *guard, const void *socket);

#endif
