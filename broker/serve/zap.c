/* zap - the REP socket that libzmq asks about each CURVE handshake, and the test that a stranger stays out. */
#include "broker/serve/zap.h"

#include "broker/serve/guard.h"
#include "broker/settings/watchers.h"
#include "common/memory.h"
#include "common/socket.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANSWERS_AT_ONCE 64
#define REFUSALS_LOGGED_A_SECOND 5
#define FRAME_LIMIT 256

struct zap {
	void *context, *socket;
	bool unbound; /* nobody can come in: zap_renew could not give the endpoint back */
	void *old;    /* the socket before zap_renew, until nobody can wait for it any more; NULL: none */
	steady_ms old_until;
	const struct core *core;
	struct guard *guard; /* NULL: none */
	const struct watchers *watchers; /* NULL: nobody follows the log */
	steady_ms second; /* when the count of logged refusals began */
	unsigned logged, unlogged;
	bool testing; /* the stranger is our own: not worth a line */
};

/* A request, frame by frame, in the order of RFC 27. */
enum { ZAP_VERSION, ZAP_ID, ZAP_DOMAIN, ZAP_ADDRESS, ZAP_IDENTITY, ZAP_MECHANISM, ZAP_CREDENTIALS, ZAP_FRAMES };

struct request {
	struct {
		uint8_t data[FRAME_LIMIT];
		size_t size;
	} frames[ZAP_FRAMES];
	size_t count;
	bool whole; /* the right number of frames, none too long */
};

enum error zap_new(struct zap **zap, void *context, const struct core *core, struct fault *fault)
{
	struct zap *made = memory_zero(1, sizeof(*made));

	made->core = core;
	made->context = context;
	made->socket = zmq_socket(context, ZMQ_REP);
	if (made->socket == NULL || zmq_bind(made->socket, ZAP_ENDPOINT) != 0) {
		zap_free(made);
		return fault_at(fault, E_IO, "%s: %s", ZAP_ENDPOINT, zmq_strerror(zmq_errno()));
	}
	*zap = made;
	return E_OK;
}

void zap_free(struct zap *zap)
{
	if (zap == NULL)
		return;
	if (zap->socket != NULL)
		zmq_close(zap->socket);
	if (zap->old != NULL)
		zmq_close(zap->old);
	free(zap);
}

/* Whoever comes meanwhile is refused, and told to the operators once. */
static void zap_bind(struct zap *zap)
{
	const bool bound = zmq_bind(zap->socket, ZAP_ENDPOINT) == 0;

	if (!bound && !zap->unbound)
		log_event(LOG_LEVEL_ALARM, "zap.unbound", F_TEXT("reason", zmq_strerror(zmq_errno())));
	else if (bound && zap->unbound)
		log_event(LOG_LEVEL_NOTICE, "zap.bound", F_TEXT("endpoint", ZAP_ENDPOINT));
	zap->unbound = !bound;
}

bool zap_renew(struct zap *zap, steady_ms now)
{
	void *socket;

	if (zap->old != NULL || zap->unbound || (socket = zmq_socket(zap->context, ZMQ_REP)) == NULL)
		return false;
	if (zmq_unbind(zap->socket, ZAP_ENDPOINT) != 0 || zmq_bind(socket, ZAP_ENDPOINT) != 0) {
		zmq_close(socket);
		zap_bind(zap);
		return false;
	}
	zap->old = zap->socket;
	zap->old_until = now + ZAP_LINGER_MS;
	zap->socket = socket;
	return true;
}

void *zap_socket(const struct zap *zap)
{
	return zap->socket;
}

void zap_tell(struct zap *zap, struct guard *guard)
{
	zap->guard = guard;
}

void zap_admit_watchers(struct zap *zap, const struct watchers *watchers)
{
	zap->watchers = watchers;
}

bool zap_key_of_user(const char *user_id, uint8_t key[KEY_SIZE])
{
	return user_id != NULL && hex_parse(user_id, key, KEY_SIZE);
}

/* ---- questions */

/* False when nothing is waiting. */
static bool request_receive(void *socket, struct request *request)
{
	int more = 1;
	size_t size = sizeof(more);

	request->count = 0;
	request->whole = true;
	while (more) {
		size_t at = request->count < ZAP_FRAMES ? request->count : ZAP_FRAMES - 1;
		int length = zmq_recv(socket, request->frames[at].data, FRAME_LIMIT, ZMQ_DONTWAIT);

		if (length < 0)
			return false;
		request->whole = request->whole && length <= FRAME_LIMIT;
		request->frames[at].size = length <= FRAME_LIMIT ? (size_t)length : 0;
		request->count++;
		zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size);
	}
	request->whole = request->whole && request->count == ZAP_FRAMES;
	return true;
}

static bool frame_is(const struct request *request, size_t frame, const char *text)
{
	return bytes_equal(BYTES(request->frames[frame].data, request->frames[frame].size), BYTES(text, strlen(text)));
}

static bool request_asks_curve(const struct request *request)
{
	return request->whole && frame_is(request, ZAP_VERSION, "1.0") && frame_is(request, ZAP_MECHANISM, "CURVE") &&
	       request->frames[ZAP_CREDENTIALS].size == KEY_SIZE;
}

static void reply(void *socket, const struct request *request, const char *status, const char *text, const char *user)
{
	zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
	zmq_send(socket, request->frames[ZAP_ID].data, request->frames[ZAP_ID].size, ZMQ_SNDMORE);
	zmq_send(socket, status, strlen(status), ZMQ_SNDMORE);
	zmq_send(socket, text, strlen(text), ZMQ_SNDMORE);
	zmq_send(socket, user, strlen(user), ZMQ_SNDMORE);
	zmq_send(socket, "", 0, 0);
}

/* Where the question says that the peer is. Returns `text`. */
static const char *address_text(const struct request *request, char text[FRAME_LIMIT + 1])
{
	snprintf(text, FRAME_LIMIT + 1, "%.*s", (int)request->frames[ZAP_ADDRESS].size,
		 (const char *)request->frames[ZAP_ADDRESS].data);
	return text;
}

/* A second is over: says how many were refused in it that have no line of their own. */
static void refusals_tell(struct zap *zap, steady_ms now)
{
	if (now - zap->second < 1000)
		return;
	if (zap->unlogged > 0)
		log_event(LOG_LEVEL_WARNING, "zap.refused", F_TEXT("code", "more"), F_NUM("count", zap->unlogged));
	zap->second = now;
	zap->logged = zap->unlogged = 0;
}

/* A stranger who knocks all day must not fill the log. */
static void log_refusal(struct zap *zap, const struct request *request, const char *node, enum error error)
{
	char fingerprint[17], address[FRAME_LIMIT + 1];

	if (zap->testing)
		return;
	if (zap->logged >= REFUSALS_LOGGED_A_SECOND) {
		zap->unlogged++;
		return;
	}
	zap->logged++;
	hex_of(fingerprint, BYTES(request->frames[ZAP_CREDENTIALS].data, 8));
	log_event(LOG_LEVEL_WARNING, "zap.refused", F_TEXT("code", error_name(error)), F_TEXT("node", node),
		  F_TEXT("key", fingerprint), F_TEXT("address", address_text(request, address)));
}

/* Whether the key may come in by the socket that asks; `name` is whose it is. */
static enum error key_status(const struct zap *zap, const struct request *request, const char **name)
{
	const uint8_t *key = request->frames[ZAP_CREDENTIALS].data;

	if (!frame_is(request, ZAP_DOMAIN, ZAP_DOMAIN_LOG))
		return core_key_status(zap->core, key, name);
	return zap->watchers == NULL ? E_KEY_UNKNOWN : watchers_key_status(zap->watchers, zap->core, key, name);
}

static void answer(struct zap *zap, void *socket, const struct request *request)
{
	const uint8_t *key = request->frames[ZAP_CREDENTIALS].data;
	char user[2 * KEY_SIZE + 1], address[FRAME_LIMIT + 1];
	const char *node = NULL;
	enum error error;

	if (!request_asks_curve(request)) {
		reply(socket, request, "500", "not a question of ZAP 1.0 about CURVE", "");
		return;
	}
	error = key_status(zap, request, &node);
	if (error == E_OK) {
		if (zap->guard != NULL)
			guard_admitted(zap->guard, address_text(request, address), node);
		reply(socket, request, "200", "OK", hex_of(user, BYTES(key, KEY_SIZE)));
		return;
	}
	reply(socket, request, "400", error_name(error), "");
	log_refusal(zap, request, node != NULL ? node : "", error);
}

static bool answer_some(struct zap *zap, void *socket)
{
	struct request request;
	unsigned answered = 0;

	while (answered < ANSWERS_AT_ONCE && request_receive(socket, &request)) {
		answer(zap, socket, &request);
		answered++;
	}
	return answered > 0;
}

bool zap_answer(struct zap *zap, steady_ms now)
{
	bool answered;

	if (zap->unbound)
		zap_bind(zap);
	refusals_tell(zap, now);
	answered = answer_some(zap, zap->socket);
	if (zap->old == NULL)
		return answered;
	answered |= answer_some(zap, zap->old);
	if (now >= zap->old_until) {
		zmq_close(zap->old);
		zap->old = NULL;
	}
	return answered;
}

/* ---- a stranger */

static enum error stranger_wait(struct zap *zap, void *monitor, const char *endpoint, uint64_t most_ms,
				struct fault *fault)
{
	zmq_pollitem_t items[] = {{.socket = monitor, .events = ZMQ_POLLIN},
				  {.socket = zap->socket, .events = ZMQ_POLLIN}};
	steady_ms until = clock_now().steady + most_ms;
	uint16_t event;
	int32_t value;

	while (clock_now().steady < until) {
		zmq_poll(items, 2, 50);
		zap_answer(zap, clock_now().steady);
		if (!socket_event(monitor, &event, &value))
			continue;
		if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
			return E_OK;
		if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED)
			return fault_at(fault, E_CONFIG, "%s lets a key in that nobody enrolled", endpoint);
	}
	return fault_at(fault, E_UNREACHABLE, "%s: nothing answers the test with an unknown key", endpoint);
}

/* Lets `monitor` hear what becomes of the client's handshakes. */
static bool handshakes_watch(void *client, void *monitor, const char *endpoint)
{
	/* A name for each test: libzmq gives the last one's free some time after its socket was closed. */
	char *name = memory_format("inproc://simpul.stranger.%s", endpoint);
	const int events = ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
	bool good = zmq_socket_monitor(client, name, events) == 0 && zmq_connect(monitor, name) == 0;

	free(name);
	return good;
}

enum error zap_stranger_test(struct zap *zap, void *context, int client_type, const char *endpoint,
			     const uint8_t server_public[KEY_SIZE], uint64_t most_ms, struct fault *fault)
{
	struct node_keys keys;
	void *client, *monitor;
	enum error error;

	zap->testing = true;
	node_keys_generate(&keys, 1);
	client = socket_client(context, client_type, server_public, &keys);
	keys_wipe(&keys, sizeof(keys));
	monitor = zmq_socket(context, ZMQ_PAIR);
	if (client == NULL || monitor == NULL || !handshakes_watch(client, monitor, endpoint) ||
	    zmq_connect(client, endpoint) != 0)
		error = fault_at(fault, E_IO, "%s: %s", endpoint, zmq_strerror(zmq_errno()));
	else
		error = stranger_wait(zap, monitor, endpoint, most_ms, fault);
	zap->testing = false;
	if (client != NULL) {
		zmq_socket_monitor(client, NULL, 0);
		zmq_close(client);
	}
	if (monitor != NULL)
		zmq_close(monitor);
	return error;
}
