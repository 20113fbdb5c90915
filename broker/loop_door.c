/* loop_door - the sockets that others than this machine's operators reach: bound, tested with a stranger, closed. */
#include "broker/loop_state.h"

#include "common/socket.h"
#include <stdio.h>
#include <string.h>

#define LINK_BYTES (LIMIT_SUBMISSION + 1024) /* nothing that offices say is larger; strangers may fill it too */
#define SUBSCRIPTION_BYTES 1024		     /* a topic has less than a hundred; handshakes must pass too */
#define FAREWELL_MS 200			     /* for the last frames to leave */

/* An address of this machine for "every address". */
static void own_endpoint(const char *bound, char *text, size_t size)
{
	if (strncmp(bound, "tcp://0.0.0.0:", 14) == 0)
		snprintf(text, size, "tcp://127.0.0.1:%s", bound + 14);
	else
		snprintf(text, size, "%s", bound);
}

/* A socket that others than this machine's operators reach. */
struct door {
	int type;
	const char *domain, *endpoint;
	const uint8_t *public_key, *secret;
	int64_t largest; /* frame */
	int queued;			 /* messages that may wait to leave for a peer; 0: as usual */
	const struct watchers *watchers; /* NULL: for members */
	bool is_bulletin;
};

/* What a stranger or a hostile member can make the broker hold with one frame is bounded before it is read; how much
 * may wait to be read is bounded by the guard, and why not by libzmq stands there. */
static void bound_memory(void *socket, const struct door *door)
{
	const int no_limit = 0;

	zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &door->largest, sizeof(door->largest));
	zmq_setsockopt(socket, ZMQ_RCVHWM, &no_limit, sizeof(no_limit));
	if (door->queued != 0)
		zmq_setsockopt(socket, ZMQ_SNDHWM, &door->queued, sizeof(door->queued));
}

static enum error door_watch(struct loop *loop, const struct door *door, void *socket, struct fault *fault)
{
	if (door->watchers != NULL)
		return guard_watch_log(loop->guard, socket, door->watchers, fault);
	return door->is_bulletin ? guard_watch_bulletin(loop->guard, socket, fault)
				 : guard_watch(loop->guard, socket, fault);
}

/* Binds a socket and tests that it refuses a stranger. */
static enum error door_open(struct loop *loop, const struct door *door, void **socket, char bound[256],
			    struct fault *fault)
{
	char own[280];
	enum error error;

	*socket = socket_server(loop->context, door->type, door->domain, door->secret);
	if (*socket != NULL)
		bound_memory(*socket, door);
	if (*socket != NULL && door_watch(loop, door, *socket, fault) != E_OK)
		return fault->code;
	if (*socket == NULL || zmq_bind(*socket, door->endpoint) != 0)
		return fault_at(fault, E_CONFIG, "%s: %s", door->endpoint, zmq_strerror(zmq_errno()));
	own_endpoint(socket_endpoint(*socket, bound, 256), own, sizeof(own));
	error = zap_stranger_test(loop->zap, loop->context, door->type == ZMQ_ROUTER ? ZMQ_DEALER : ZMQ_SUB, own,
				  door->public_key, ZAP_STRANGER_MS, fault);
	guard_tested(loop->guard);
	return error;
}

static enum error offices_open(struct loop *loop, struct fault *fault)
{
	const struct broker_settings *settings = loop->parts.settings;
	const struct broker_keys *keys = &loop->parts.identity->keys;
	const struct door link = {.type = ZMQ_ROUTER,
				  .domain = ZAP_DOMAIN_LINK,
				  .endpoint = settings->link,
				  .public_key = keys->curve_public,
				  .secret = keys->curve_secret,
				  .largest = LINK_BYTES};
	const struct door feed = {.type = ZMQ_XPUB,
				  .domain = ZAP_DOMAIN_FEED,
				  .endpoint = settings->feed,
				  .public_key = keys->curve_public,
				  .secret = keys->curve_secret,
				  .largest = SUBSCRIPTION_BYTES};
	enum error error = door_open(loop, &link, &loop->link, loop->link_bound, fault);

	return error == E_OK ? door_open(loop, &feed, &loop->feed, loop->feed_bound, fault) : error;
}

static enum error bulletin_open(struct loop *loop, struct fault *fault)
{
	const struct broker_keys *keys = &loop->parts.identity->keys;
	const struct door door = {.type = ZMQ_XPUB,
				  .domain = ZAP_DOMAIN_BULLETIN,
				  .endpoint = loop->parts.settings->bulletin,
				  .public_key = keys->curve_public,
				  .secret = keys->curve_secret,
				  .largest = SUBSCRIPTION_BYTES,
				  .queued = LIMIT_BULLETINS_QUEUED,
				  .is_bulletin = true};

	if (door.endpoint == NULL)
		return E_OK;
	return door_open(loop, &door, &loop->bulletin, loop->bulletin_bound, fault);
}

/* The log from afar, where the configuration wants it. */
static enum error log_open(struct loop *loop, struct fault *fault)
{
	const struct curve_key *key = loop->parts.watch_key;
	struct watch_parts parts = {.guard = loop->guard,
				    .core = loop->parts.core,
				    .watchers = loop->parts.watchers,
				    .ring = log_feed_ring(loop->log_feed)};
	enum error error;

	if (key == NULL)
		return E_OK;
	const struct door door = {.type = ZMQ_ROUTER,
				  .domain = ZAP_DOMAIN_LOG,
				  .endpoint = loop->parts.settings->watch,
				  .public_key = key->public_key,
				  .secret = key->secret,
				  .largest = SUBSCRIPTION_BYTES,
				  .queued = WATCH_QUEUED,
				  .watchers = loop->parts.watchers};
	error = door_open(loop, &door, &loop->log, loop->log_bound, fault);
	parts.socket = loop->log;
	if (error == E_OK)
		loop->watch = watch_new(&parts);
	return error;
}

enum error loop_doors_open(struct loop *loop, struct fault *fault)
{
	enum error error = offices_open(loop, fault);

	if (error == E_OK)
		error = log_open(loop, fault);
	return error == E_OK ? bulletin_open(loop, fault) : error;
}

static void door_close(void *socket, int linger)
{
	if (socket == NULL)
		return;
	zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger));
	zmq_close(socket);
}

void loop_doors_close(struct loop *loop)
{
	if (loop->watch != NULL) {
		log_feed_send(loop->log_feed);
		watch_answer(loop->watch);
	}
	watch_free(loop->watch);
	door_close(loop->log, FAREWELL_MS);
	door_close(loop->link, FAREWELL_MS);
	door_close(loop->feed, 0);
	door_close(loop->bulletin, 0);
}
