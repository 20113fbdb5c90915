/* socket - sets every option that libzmq leaves open to abuse or to waiting for ever, and sends without blocking. */
#include "common/socket.h"
#include "common/limit.h"

#include <errno.h>
#include <string.h>

/* Without it a CURVE server without a ZAP handler lets any key in. libzmq 4.3.4 knows it, but hides its name
 * behind the draft macro. */
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

/* A connection over which nothing came is asked about, and one whose bytes are not acknowledged is given up. */
enum { KEEPALIVE_IDLE_S = 4, KEEPALIVE_PAUSE_S = 1, KEEPALIVE_PROBES = 4, UNACKNOWLEDGED_MS = 8000 };

/* Messages, not bytes: the windows of the protocol bound the bytes. */
#define QUEUE_MESSAGES 4096

struct option {
	int name;
	int value;
};

static bool options_set(void *socket, const struct option *options, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (zmq_setsockopt(socket, options[i].name, &options[i].value, sizeof options[i].value) != 0)
			return false;
	return true;
}

/* What servers and clients have in common.
 *
 * That the other side is gone is found by the kernel, and that it hangs by the protocol's own heartbeats and signs of
 * life. ZeroMQ's heartbeats would cost a broker most of what thousands of idle nodes cost: two messages a connection
 * each time, and for each of them libzmq searches the list of all connections' timers. */
static bool common_set(void *socket)
{
	static const struct option options[] = {
		{ZMQ_LINGER, 0},
		{ZMQ_HANDSHAKE_IVL, LIMIT_HANDSHAKE_MS},
		{ZMQ_TCP_KEEPALIVE, 1},
		{ZMQ_TCP_KEEPALIVE_IDLE, KEEPALIVE_IDLE_S},
		{ZMQ_TCP_KEEPALIVE_INTVL, KEEPALIVE_PAUSE_S},
		{ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_PROBES},
		{ZMQ_TCP_MAXRT, UNACKNOWLEDGED_MS},
		{ZMQ_SNDHWM, QUEUE_MESSAGES},
		{ZMQ_RCVHWM, QUEUE_MESSAGES},
	};
	const int64_t largest = LIMIT_FRAME;

	return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof largest) == 0 &&
	       options_set(socket, options, sizeof options / sizeof options[0]);
}

/* A ROUTER says when a peer is slow or gone instead of dropping; an XPUB reports every subscription, also one that
 * another peer holds already. */
static bool type_set(void *socket, int type)
{
	const struct option router = {ZMQ_ROUTER_MANDATORY, 1}, publisher = {ZMQ_XPUB_VERBOSER, 1};

	if (type == ZMQ_ROUTER)
		return options_set(socket, &router, 1);
	if (type == ZMQ_XPUB)
		return options_set(socket, &publisher, 1);
	return true;
}

/* Closes a socket that could not be set up; keeps errno. */
static void *give_up(void *socket)
{
	const int reason = zmq_errno();

	zmq_close(socket);
	errno = reason;
	return NULL;
}

void *socket_server(void *context, int type, const char *domain, const uint8_t secret[KEY_SIZE])
{
	static const struct option options[] = {{ZMQ_CURVE_SERVER, 1}, {ZMQ_ZAP_ENFORCE_DOMAIN, 1}};
	void *socket = zmq_socket(context, type);

	if (!socket)
		return NULL;
	if (!common_set(socket) || !type_set(socket, type) ||
	    zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) != 0 ||
	    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, KEY_SIZE) != 0 || !options_set(socket, options, 2))
		return give_up(socket);
	return socket;
}

void *socket_client(void *context, int type, const uint8_t server_public[KEY_SIZE], const struct node_keys *keys)
{
	static const struct option options[] = {{ZMQ_RECONNECT_IVL, 100}, {ZMQ_RECONNECT_IVL_MAX, 5000}};
	void *socket = zmq_socket(context, type);

	if (!socket)
		return NULL;
	if (!common_set(socket) || !options_set(socket, options, 2) ||
	    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_public, KEY_SIZE) != 0 ||
	    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->curve_public, KEY_SIZE) != 0 ||
	    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->curve_secret, KEY_SIZE) != 0)
		return give_up(socket);
	return socket;
}

static enum error send_error(void)
{
	switch (zmq_errno()) {
	case EAGAIN:
		return E_BUSY;
	case EHOSTUNREACH:
		return E_UNREACHABLE;
	case ETERM:
		return E_STOPPING;
	default:
		return E_IO;
	}
}

enum error socket_send(void *socket, const void *data, size_t size, bool more)
{
	int result;

	do
		result = zmq_send(socket, data, size, ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
	while (result < 0 && zmq_errno() == EINTR);
	return result < 0 ? send_error() : E_OK;
}

enum error socket_send_message(void *socket, zmq_msg_t *message)
{
	int result;

	do
		result = zmq_msg_send(message, socket, ZMQ_DONTWAIT);
	while (result < 0 && zmq_errno() == EINTR);
	return result < 0 ? send_error() : E_OK;
}

void socket_drop_rest(void *socket, zmq_msg_t *frame)
{
	while (zmq_msg_more(frame))
		if (zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0)
			return;
}

/* Number and value in one frame, in the machine's own order; the endpoint in another. */
bool socket_event(void *monitor, uint16_t *event, int32_t *value)
{
	uint8_t frame[sizeof *event + sizeof *value], endpoint[256];

	if (zmq_recv(monitor, frame, sizeof frame, ZMQ_DONTWAIT) != (int)sizeof frame)
		return false;
	zmq_recv(monitor, endpoint, sizeof endpoint, ZMQ_DONTWAIT);
	memcpy(event, frame, sizeof *event);
	memcpy(value, frame + sizeof *event, sizeof *value);
	return true;
}

char *socket_endpoint(void *socket, char *text, size_t size)
{
	if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, text, &size) != 0)
		text[0] = '\0';
	return text;
}
