/* knock - finds the name, shakes hands over a socket that is watched, and asks TCP itself when no connection comes. */
#include "agents/uplink/knock.h"

#include "common/clock.h"
#include "common/socket.h"
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 5000, TICK_MS = 100 };

#define MONITOR "inproc://knock"

/* ------------------------------------------------------------------ names and ports */

/* Takes "tcp://HOST:PORT" apart, also with an address of IPv6 in brackets. */
static bool endpoint_parse(const char *endpoint, char host[128], char port[8])
{
	const char *start = endpoint + strlen("tcp://"), *colon = strrchr(endpoint, ':');
	size_t size;

	if (strncmp(endpoint, "tcp://", strlen("tcp://")) != 0 || colon <= start || strlen(colon + 1) >= 8)
		return false;
	size = (size_t)(colon - start);
	if (start[0] == '[' && start[size - 1] == ']') {
		start++;
		size -= 2;
	}
	if (size == 0 || size >= 128)
		return false;
	snprintf(host, 128, "%.*s", (int)size, start);
	snprintf(port, 8, "%s", colon + 1);
	return true;
}

static enum knock addresses_find(const char *endpoint, struct addrinfo **addresses)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	char host[128], port[8];
	int result;

	*addresses = NULL;
	if (!endpoint_parse(endpoint, host, port))
		return KNOCK_MALFORMED;
	result = getaddrinfo(host, port, &hints, addresses);
	if (result == 0)
		return KNOCK_OPENED;
	return result == EAI_AGAIN || result == EAI_FAIL || result == EAI_SYSTEM ? KNOCK_NO_RESOLVER : KNOCK_NO_NAME;
}

/* The errno of a connection; 0 when it came about. */
static int connection_error(const struct addrinfo *address)
{
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
	struct pollfd wait = {.fd = fd, .events = POLLOUT};
	socklen_t size = sizeof(error);

	if (fd < 0)
		return errno;
	if (connect(fd, address->ai_addr, address->ai_addrlen) != 0)
		error = errno;
	if (error == EINPROGRESS) {
		if (poll(&wait, 1, PATIENCE_MS) != 1)
			error = ETIMEDOUT;
		else
			getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	}
	close(fd);
	return error;
}

/* Why ZeroMQ, which tells no reason, was not connected. */
static enum knock port_ask(const struct addrinfo *address)
{
	switch (connection_error(address)) {
	case 0:
		return KNOCK_HANGS;
	case ECONNREFUSED:
		return KNOCK_CLOSED;
	case ETIMEDOUT:
		return KNOCK_SILENT;
	default:
		return KNOCK_NO_ROUTE;
	}
}

/* ------------------------------------------------------------------ handshakes */

enum progress { PROGRESS_NONE, PROGRESS_CONNECTED, PROGRESS_DECIDED };

/* What an event of the socket means; `*result` when it decides. */
static enum progress event_take(uint16_t event, enum progress progress, enum knock *result)
{
	switch (event) {
	case ZMQ_EVENT_CONNECTED:
		return PROGRESS_CONNECTED;
	case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
		*result = KNOCK_OPENED;
		return PROGRESS_DECIDED;
	case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
		*result = KNOCK_REFUSED;
		return PROGRESS_DECIDED;
	case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
	case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
	case ZMQ_EVENT_DISCONNECTED:
		*result = KNOCK_STRANGER;
		return PROGRESS_DECIDED;
	default: /* a connection that failed and is tried again */
		*result = KNOCK_CLOSED;
		return progress == PROGRESS_CONNECTED ? progress : PROGRESS_DECIDED;
	}
}

/* Waits until the handshake is decided or patience ends. */
static enum knock handshake_watch(void *monitor)
{
	const steady_ms until = clock_now().steady + PATIENCE_MS;
	zmq_pollitem_t item = {.socket = monitor, .events = ZMQ_POLLIN};
	enum progress progress = PROGRESS_NONE;
	enum knock result = KNOCK_CLOSED;
	uint16_t event;
	int32_t value;

	while (clock_now().steady < until) {
		zmq_poll(&item, 1, TICK_MS);
		while (socket_event(monitor, &event, &value)) {
			progress = event_take(event, progress, &result);
			if (progress == PROGRESS_DECIDED)
				return result;
		}
	}
	return progress == PROGRESS_CONNECTED ? KNOCK_HANGS : KNOCK_CLOSED;
}

static enum knock handshake_try(void *context, const char *endpoint, int type, const uint8_t broker_curve[KEY_SIZE],
				const struct node_keys *keys)
{
	static const int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_CONNECT_RETRIED | ZMQ_EVENT_CLOSED |
				  ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
				  ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
				  ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
	void *socket = socket_client(context, type, broker_curve, keys), *monitor = zmq_socket(context, ZMQ_PAIR);
	enum knock result = KNOCK_MALFORMED;
	const int never = 0; /* we wait ourselves: one that was given up would look like one that failed */

	if (socket != NULL && zmq_setsockopt(socket, ZMQ_HANDSHAKE_IVL, &never, sizeof(never)) == 0 &&
	    zmq_socket_monitor(socket, MONITOR, events) == 0 && zmq_connect(monitor, MONITOR) == 0 &&
	    zmq_connect(socket, endpoint) == 0)
		result = handshake_watch(monitor);
	if (socket != NULL) {
		zmq_socket_monitor(socket, NULL, 0);
		zmq_close(socket);
	}
	zmq_close(monitor);
	return result;
}

enum knock knock_at(const char *endpoint, int type, const uint8_t broker_curve[KEY_SIZE], const struct node_keys *keys)
{
	struct addrinfo *addresses;
	enum knock result = addresses_find(endpoint, &addresses);
	void *context;

	if (result != KNOCK_OPENED)
		return result;
	context = zmq_ctx_new();
	result = handshake_try(context, endpoint, type, broker_curve, keys);
	if (result == KNOCK_CLOSED)
		result = port_ask(addresses);
	freeaddrinfo(addresses);
	zmq_ctx_term(context);
	return result;
}
