/* loop_door - the sockets that others than this machine's operators reach: bound, tested with a stranger, bound anew,
 * closed. */
#include "broker/serve/loop_state.h"

#include "common/socket.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINK_BYTES (LIMIT_SUBMISSION + 1024) /* nothing that offices say is larger; strangers may fill it too */
#define SUBSCRIPTION_BYTES 1024		     /* a topic has less than a hundred; handshakes must pass too */
#define FAREWELL_MS 200			     /* for the last frames to leave */
#define REBIND_TRIES 20			     /* a millisecond each: libzmq's own thread lets a port go */
#define SHUT_TOLD_MS 5000		     /* a door that cannot be bound for so long is somebody's matter */

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

static enum error stranger_knock(struct loop *loop, int type, const char *bound, const uint8_t public_key[KEY_SIZE],
				 struct fault *fault)
{
	char own[280];
	enum error error;

	own_endpoint(bound, own, sizeof(own));
	error = zap_stranger_test(loop->zap, loop->context, type == ZMQ_ROUTER ? ZMQ_DEALER : ZMQ_SUB, own, public_key,
				  ZAP_STRANGER_MS, fault);
	guard_tested(loop->guard);
	return error;
}

/* Binds a socket and tests that it refuses a stranger. */
static enum error door_open(struct loop *loop, const struct door *door, void **socket, char bound[256],
			    struct fault *fault)
{
	*socket = socket_server(loop->context, door->type, door->domain, door->secret);
	if (*socket != NULL)
		bound_memory(*socket, door);
	if (*socket != NULL && door_watch(loop, door, *socket, fault) != E_OK)
		return fault->code;
	if (*socket == NULL || zmq_bind(*socket, door->endpoint) != 0)
		return fault_at(fault, E_CONFIG, "%s: %s", door->endpoint, zmq_strerror(zmq_errno()));
	return stranger_knock(loop, door->type, socket_endpoint(*socket, bound, 256), door->public_key, fault);
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

/* ---- bound anew */

/* What offices and their listeners reach. */
struct opening {
	void *socket; /* NULL: there is none */
	int type;
	const char *bound;
	bool *unbound;
};
enum { OPENINGS = 3 };

static void openings_of(struct loop *loop, struct opening list[OPENINGS])
{
	list[0] = (struct opening){loop->link, ZMQ_ROUTER, loop->link_bound, &loop->link_unbound};
	list[1] = (struct opening){loop->feed, ZMQ_XPUB, loop->feed_bound, &loop->feed_unbound};
	list[2] = (struct opening){loop->bulletin, ZMQ_XPUB, loop->bulletin_bound, &loop->bulletin_unbound};
}

/* Whether it is bound then. Under newer keys it is tested as at the start, before anybody is heard: where a stranger is
 * not refused the broker ends. */
static bool opening_bind(struct loop *loop, const struct opening *opening, unsigned tries)
{
	if (!*opening->unbound)
		return true;
	while (zmq_bind(opening->socket, opening->bound) != 0) {
		if (--tries == 0)
			return false;
		usleep(1000);
	}
	*opening->unbound = false;
	if (loop->shut_at != 0)
		stranger_knock(loop, opening->type, opening->bound, loop->parts.identity->keys.curve_public,
			       &loop->failure);
	return true;
}

/* All are bound under the newer keys, or not all of them yet. */
static void change_tell(struct loop *loop, bool all)
{
	const steady_ms shut = clock_now().steady - loop->shut_at;

	if (all) {
		log_event(LOG_LEVEL_NOTICE, "doors.changed", F_NUM("ms", shut));
		loop->shut_at = 0;
		loop->shut_told = false;
	} else if (shut > SHUT_TOLD_MS && !loop->shut_told) {
		log_event(LOG_LEVEL_ALARM, "doors.unbound", F_TEXT("reason", zmq_strerror(zmq_errno())));
		loop->shut_told = true;
	}
}

static void doors_bind(struct loop *loop, unsigned tries)
{
	const bool feed_was_cut = loop->feed_unbound && loop->shut_at == 0;
	struct opening list[OPENINGS];
	bool all = true;

	openings_of(loop, list);
	for (size_t i = 0; i < OPENINGS; i++)
		all = opening_bind(loop, &list[i], tries) && all;
	if (feed_was_cut && all)
		log_event(LOG_LEVEL_NOTICE, "feed.rebound", F_TEXT("endpoint", loop->feed_bound));
	if (loop->shut_at != 0)
		change_tell(loop, all);
}

void loop_doors_bind(struct loop *loop)
{
	doors_bind(loop, 1);
}

void loop_feed_rebind(struct loop *loop)
{
	if (loop->feed == NULL || loop->feed_unbound)
		return;
	loop->feed_unbound = zmq_unbind(loop->feed, loop->feed_bound) == 0;
	loop_doors_bind(loop);
}

/* A listener has the options that its socket had when it was bound, and its end is that of all its connections: offices
 * come again by themselves, and find that the former key opens nothing. What was queued for them is said again when
 * they ask. */
void loop_doors_change(struct loop *loop)
{
	const struct broker_keys *keys = &loop->parts.identity->keys;
	struct opening list[OPENINGS];

	openings_of(loop, list);
	loop->shut_at = clock_now().steady;
	for (size_t i = 0; i < OPENINGS; i++) {
		if (list[i].socket == NULL)
			continue;
		zmq_setsockopt(list[i].socket, ZMQ_CURVE_SECRETKEY, keys->curve_secret, KEY_SIZE);
		if (!*list[i].unbound)
			*list[i].unbound = zmq_unbind(list[i].socket, list[i].bound) == 0;
		guard_unbound(loop->guard, list[i].socket);
	}
	doors_bind(loop, REBIND_TRIES);
}

/* ---- closed */

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
