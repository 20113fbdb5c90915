/* guard - a table of connections by descriptor, one of addresses, and the limits of both. */
#include "broker/serve/guard.h"

#include "broker/serve/guard_door.h"
#include "broker/serve/guard_source.h"
#include "broker/settings/watchers.h"
#include "common/memory.h"
#include "common/socket.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define RESERVED_DESCRIPTORS 128    /* files, inner sockets, and what is accepted while it is cut */
#define CONNECTIONS_MOST 20480	    /* in all: five for each of the most members */
#define ROUND_TICKS 20		    /* in which every connection is looked at once ... */
#define ROUNDS_OF_MEMBERS 4	    /* ... and in so many rounds those by which something was said */
#define GROWTH_LOOKED_AT (8u << 20) /* of memory: who is it? */
#define QUIET_MS 150		    /* a whole message waits no longer to be read, however many come */
#define FRAME_OVERHEAD 42	    /* bytes around a long frame: ZMTP 9, CurveZMQ's MESSAGE 33; 7 less around a short one */

/* Never ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: telling it changes errno in libzmq 4.3.4, which then takes a forged box
 * for a full queue and keeps the connection. */
#define EVENTS (ZMQ_EVENT_LISTENING | ZMQ_EVENT_CLOSED | ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED)

/* One of the sockets. */
struct watched {
	const struct watchers *watchers; /* NULL: members' keys are in force */
	bool is_bulletin;
	void *socket, *monitor;
	uint16_t port; /* that it is bound to; 0: not looked yet */
};

struct connection {
	struct source *source;	  /* NULL: none under this descriptor */
	const struct watched *at; /* the socket that accepted it */
	uint64_t emptied;	  /* the socket's when it was looked at */
	bool heard;		  /* since it was looked at */
	bool counted;		  /* in what is open */
	bool spoke;		  /* a whole message was read */
	unsigned said;		  /* messages, at the bulletins' socket */
	bool refused;		  /* under a key that is not in force: the core says so, then it is cut */
	bool cut;
	bool turned_away; /* cut before it could say anything */
	bool own;	  /* of this broker, which tests its sockets */
	uint32_t paid;	  /* messages that it may say yet */
	uint8_t key[KEY_SIZE];	 /* of whoever spoke last */
	uint64_t base, received; /* bytes: that were read or may have been, and in all */
	steady_ms began;
	steady_ms quiet_since; /* nothing was heard since; as far as looked at */
};

struct guard {
	void *context;
	const struct core *core;
	uint32_t per_member, share_most;
	struct sources sources;
	struct door door;
	struct talk talk, talk_apart; /* of offices' agents; of listeners and watchers */
	struct watched watched[GUARD_SOCKETS];
	size_t watched_count;
	struct connection *connections; /* by descriptor */
	size_t capacity, open, most;
	uint64_t unread_most; /* of one address */
	int *begun;	      /* descriptors of those that were accepted and not counted yet */
	size_t begun_count, begun_capacity;
	size_t next;	   /* to be looked at */
	uint64_t round;
	uint64_t resident; /* when all were looked at */
	steady_ms logged_at;
};

static bool is_scarce(const struct guard *guard)
{
	return guard->open > guard->most / 2;
}

/* Of an exchange with few members no address needs many connections. */
static void share_set(struct guard *guard)
{
	struct core_status status;
	uint64_t share;

	if (guard->per_member == 0)
		return;
	core_status(guard->core, &status);
	share = (uint64_t)status.members * guard->per_member + GUARD_SPARE;
	guard->sources.pace.most = share < guard->share_most ? (uint32_t)share : guard->share_most;
}

/* Whether an address has all that it may have now. When descriptors are scarce only who says something keeps one. */
static bool source_is_full(const struct guard *guard, const struct source *source)
{
	return guard->open >= guard->most || source->open >= guard->sources.pace.most || source_has_left(&guard->sources, source, GUARD_LEFT_MOST) ||
	       (is_scarce(guard) && source->silent >= GUARD_SILENT_SCARCE);
}

/* ---- connections */

static enum error key_status(const struct guard *guard, const struct watched *at, const uint8_t key[KEY_SIZE],
			     const char **name)
{
	return at->watchers == NULL ? core_key_status(guard->core, key, name)
				    : watchers_key_status(at->watchers, guard->core, key, name);
}

/* Bytes of which no message was made, as far as looked at. */
static uint64_t connection_unread(const struct connection *connection)
{
	return connection->received > connection->base ? connection->received - connection->base : 0;
}

/* Who spoke answers for itself: offices behind one address may have much under way together. */
static uint64_t connection_owes(const struct connection *connection)
{
	return connection->spoke ? 0 : connection_unread(connection);
}

static struct connection *connection_at(struct guard *guard, int fd)
{
	return fd >= 0 && (size_t)fd < guard->capacity ? &guard->connections[fd] : NULL;
}

/* Which of the watched sockets it came by. */
static size_t socket_of(const struct guard *guard, const struct connection *connection)
{
	return (size_t)(connection->at - guard->watched);
}

static void connections_reserve(struct guard *guard, int fd)
{
	const size_t capacity = ((size_t)fd / 1024 + 1) * 1024;

	if (capacity <= guard->capacity)
		return;
	guard->connections = memory_grow(guard->connections, capacity, sizeof(*guard->connections));
	memset(guard->connections + guard->capacity, 0, (capacity - guard->capacity) * sizeof(*guard->connections));
	guard->capacity = capacity;
}

static void connection_forget(struct guard *guard, struct connection *connection)
{
	if (connection == NULL || connection->source == NULL)
		return;
	if (connection->counted && !connection->turned_away)
		source_leaves(&guard->sources, connection->source, socket_of(guard, connection));
	connection->source->open -= connection->counted;
	connection->source->silent -= connection->counted && !connection->spoke;
	connection->source->unread -= connection_owes(connection);
	guard->open -= connection->counted;
	memset(connection, 0, sizeof(*connection));
}

static void connection_cut(struct guard *guard, int fd, enum cut reason)
{
	static const unsigned knocks[CUTS] = {
		[CUT_MANY] = 1,
		[CUT_PACE] = 1,
		[CUT_KEY] = 1,
		[CUT_UNREAD] = DOOR_KNOCKS_OF_OFFENCE,
		[CUT_TALK] = DOOR_KNOCKS_OF_OFFENCE,
	};
	struct connection *connection = &guard->connections[fd];
	struct source *source = connection->source;
	const char *node = NULL;

	if (connection->spoke)
		key_status(guard, connection->at, connection->key, &node);
	if (node != NULL)
		snprintf(source->node, sizeof(source->node), "%s", node);
	connection->cut = true;
	source->cut[reason]++;
	if (knocks[reason] > 0)
		door_knocked(&guard->door, source->address, knocks[reason], clock_now().steady);
	peer_cut(fd, source->address);
}

/* Sockets tell one after the other, so what one of them tells may be about an earlier connection of a descriptor that
 * another has by now. */
static bool is_at(struct watched *watched, int fd)
{
	char endpoint[256];
	const char *port;

	if (watched->port == 0) {
		port = strrchr(socket_endpoint(watched->socket, endpoint, sizeof(endpoint)), ':');
		watched->port = port == NULL ? 0 : (uint16_t)strtoul(port + 1, NULL, 10);
	}
	return watched->port != 0 && peer_port(fd) == watched->port;
}

static void connection_begins(struct guard *guard, struct watched *at, int fd, steady_ms now)
{
	char address[PEER_ADDRESS_SIZE];
	struct connection *connection;

	if (fd < 0 || !is_at(at, fd) || !peer_address(fd, address))
		return; /* gone already */
	connections_reserve(guard, fd);
	connection = &guard->connections[fd];
	connection_forget(guard, connection);
	connection->source = sources_of(&guard->sources, address);
	connection->at = at;
	connection->emptied = guard->sources.emptied[socket_of(guard, connection)];
	connection->began = connection->quiet_since = now;
	if (guard->begun_count == guard->begun_capacity) {
		guard->begun_capacity = guard->begun_capacity * 2 + 64;
		guard->begun = memory_grow(guard->begun, guard->begun_capacity, sizeof(*guard->begun));
	}
	guard->begun[guard->begun_count++] = fd;
}

/* Of too many at the watchers' socket the oldest is cut that has not said a message: who knows what to say is in sooner than
 * so many others can come. */
static void watchers_bound(struct guard *guard, const struct watched *at)
{
	size_t count = 0;
	int oldest = -1;

	for (size_t fd = 0; fd < guard->capacity && at->watchers != NULL; fd++) {
		const struct connection *connection = &guard->connections[fd];

		if (connection->source == NULL || connection->at != at || connection->cut)
			continue;
		count++;
		if (!connection->spoke && (oldest < 0 || connection->began < guard->connections[oldest].began))
			oldest = (int)fd;
	}
	if (count > LIMIT_WATCH_CONNECTIONS && oldest >= 0)
		connection_cut(guard, oldest, CUT_MANY);
}

/* Not before every socket has told what ended. */
static void begun_admit(struct guard *guard, steady_ms now)
{
	uint64_t wait;

	for (size_t i = 0; i < guard->begun_count; i++) {
		struct connection *connection = &guard->connections[guard->begun[i]];
		struct source *source = connection->source;

		if (source == NULL || connection->counted)
			continue;
		if (source_is_full(guard, source))
			connection_cut(guard, guard->begun[i], CUT_MANY);
		else if (!bucket_take(&source->pace, &guard->sources.pace, 1, now, &wait))
			connection_cut(guard, guard->begun[i], CUT_PACE);
		connection->turned_away = connection->cut;
		connection->counted = true;
		source->open++;
		source->silent++;
		guard->open++;
		watchers_bound(guard, connection->at);
	}
	guard->begun_count = 0;
}

static void connection_ends(struct guard *guard, const struct watched *at, int fd)
{
	struct connection *connection = connection_at(guard, fd);

	if (connection == NULL || connection->source == NULL || connection->at != at)
		return;
	connection->source->failed += !connection->spoke && !connection->cut && !connection->own;
	connection_forget(guard, connection);
}

/* ---- what libzmq tells */

static bool events_take(struct guard *guard)
{
	const steady_ms now = clock_now().steady;
	bool any = false;
	uint16_t event;
	int32_t fd;

	for (size_t i = 0; i < guard->watched_count; i++) {
		struct watched *watched = &guard->watched[i];

		while (socket_event(watched->monitor, &event, &fd)) {
			any = true;
			if (event == ZMQ_EVENT_LISTENING)
				door_listener(&guard->door, fd);
			else if (event == ZMQ_EVENT_CLOSED)
				door_closed(&guard->door, fd);
			else if (event == ZMQ_EVENT_ACCEPTED)
				connection_begins(guard, watched, fd, now);
			else if (event == ZMQ_EVENT_DISCONNECTED)
				connection_ends(guard, watched, fd);
		}
	}
	begun_admit(guard, now);
	return any;
}

static enum pollset_result on_monitor(void *context)
{
	return events_take(context) ? POLLSET_SOME : POLLSET_NOTHING;
}

void guard_tested(struct guard *guard)
{
	events_take(guard);
	for (size_t fd = 0; fd < guard->capacity; fd++)
		guard->connections[fd].own = guard->connections[fd].source != NULL;
}

/* Its question came after its connection was accepted: what it says later is never taken for somebody else's. */
void guard_admitted(struct guard *guard, const char *address, const char *node)
{
	struct source *source;

	events_take(guard);
	source = sources_find(&guard->sources, address);
	if (source != NULL)
		snprintf(source->node, sizeof(source->node), "%s", node);
}

/* Of too many connections by which one key spoke the oldest is cut: it may be one that broke without a word. */
static void key_bound(struct guard *guard, const struct watched *at, const uint8_t key[KEY_SIZE])
{
	size_t count = 0, oldest = 0;

	for (size_t fd = 0; fd < guard->capacity; fd++) {
		const struct connection *connection = &guard->connections[fd];

		if (connection->source == NULL || !connection->spoke || connection->cut ||
		    connection->at->is_bulletin != at->is_bulletin || memcmp(connection->key, key, KEY_SIZE) != 0)
			continue;
		if (count++ == 0 || connection->began < guard->connections[oldest].began)
			oldest = fd;
	}
	if (count > GUARD_KEY_MOST)
		connection_cut(guard, (int)oldest, CUT_KEY);
}

/* Who says more than an office can is cut by its name, however often it comes back. What listeners say is no agent's. */
static bool talk_bound(struct guard *guard, struct connection *connection, const char *node)
{
	const bool apart = connection->at->is_bulletin || connection->at->watchers != NULL;

	if (connection->paid == 0 && node != NULL) {
		if (!talk_allows(apart ? &guard->talk_apart : &guard->talk, node, clock_now().steady)) {
			connection_cut(guard, (int)(connection - guard->connections), CUT_TALK);
			return false;
		}
		connection->paid = TALK_PIECE;
	}
	connection->paid -= connection->paid > 0;
	return true;
}

/* What the former holder of a descriptor said may be read when another has it: the key is of whoever spoke last. */
bool guard_heard(struct guard *guard, const void *socket, zmq_msg_t *frame, const uint8_t curve_key[KEY_SIZE])
{
	struct connection *connection = connection_at(guard, zmq_msg_get(frame, ZMQ_SRCFD));
	const char *node = NULL;

	if (connection == NULL || connection->source == NULL || connection->at->socket != socket)
		return true;
	if (connection->cut)
		return false;
	if (connection->at->is_bulletin && ++connection->said > LIMIT_LISTENER_TOPICS) {
		connection_cut(guard, zmq_msg_get(frame, ZMQ_SRCFD), CUT_TOPICS);
		return false;
	}
	connection->heard = true;
	connection->refused = key_status(guard, connection->at, curve_key, &node) != E_OK;
	connection->source->unread -= connection_owes(connection);
	connection->source->silent -= !connection->spoke;
	connection->base += FRAME_OVERHEAD + zmq_msg_size(frame);
	if (!connection->spoke || memcmp(connection->key, curve_key, KEY_SIZE) != 0) {
		connection->spoke = true;
		memcpy(connection->key, curve_key, KEY_SIZE);
		key_bound(guard, connection->at, curve_key);
	}
	/* Whoever holds a key that is not in force must not use up what its office may say. */
	return connection->refused || talk_bound(guard, connection, node);
}

void guard_emptied(struct guard *guard, const void *socket)
{
	for (size_t i = 0; i < guard->watched_count; i++)
		guard->sources.emptied[i] += guard->watched[i].socket == socket;
}

/* ---- what is never read, or not soon enough */

/* Why it is to be cut; CUTS: it is not. */
static enum cut connection_offence(const struct guard *guard, const struct connection *connection, steady_ms now)
{
	const uint64_t patience = is_scarce(guard) ? GUARD_SILENT_SCARCE_MS : GUARD_SILENT_MS;
	const uint64_t quiet = now - connection->quiet_since;
	const uint64_t unread = connection_unread(connection);

	if (connection->refused)
		return CUT_KEY;
	if (unread > GUARD_UNREAD_AT_ONCE || (unread > GUARD_UNREAD_MOST && (quiet == 0 || quiet >= QUIET_MS)))
		return CUT_UNREAD;
	if (connection_owes(connection) > 0 && connection->source->unread > guard->unread_most && quiet >= QUIET_MS)
		return CUT_UNREAD;
	return !connection->spoke && now - connection->began > patience ? CUT_SILENT : CUTS;
}

/* The key of a watcher or listener may not be in force any more, and the core knows nothing of them; other connections of
 * members are its matter. */
static bool is_refused(const struct guard *guard, const struct connection *connection)
{
	return connection->refused || (connection->spoke && (connection->at->watchers != NULL || connection->at->is_bulletin) &&
				       key_status(guard, connection->at, connection->key, NULL) != E_OK);
}

/* Of a connection that was heard everything may have been read when its socket was emptied since. */
static void connection_look(struct guard *guard, int fd, steady_ms now)
{
	struct connection *connection = &guard->connections[fd];
	enum cut offence;
	uint64_t received, emptied;

	if (connection->source == NULL)
		return;
	emptied = guard->sources.emptied[socket_of(guard, connection)];
	if (!peer_received(fd, &received)) {
		connection_forget(guard, connection);
		return;
	}
	connection->source->unread -= connection_owes(connection);
	connection->received = received;
	if (connection->heard)
		connection->quiet_since = now;
	if (connection->heard && connection->emptied != emptied)
		connection->base = received;
	connection->base = connection->base < received ? connection->base : received; /* a former holder's were read */
	connection->emptied = emptied;
	connection->heard = false;
	connection->refused = is_refused(guard, connection);
	connection->source->unread += connection_owes(connection);
	offence = connection->cut ? CUTS : connection_offence(guard, connection, now);
	if (offence != CUTS)
		connection_cut(guard, fd, offence);
}

static void look_at_some(struct guard *guard, steady_ms now)
{
	size_t left = guard->capacity / ROUND_TICKS + 1;

	if (guard->capacity == 0)
		return;
	for (; left > 0; left--) {
		const struct connection *connection = &guard->connections[guard->next];

		if (!connection->spoke || connection->refused || guard->round % ROUNDS_OF_MEMBERS == 0)
			connection_look(guard, (int)guard->next, now);
		guard->next = (guard->next + 1) % guard->capacity;
		guard->round += guard->next == 0;
	}
}

static void look_at_all(struct guard *guard, steady_ms now)
{
	for (size_t fd = 0; fd < guard->capacity; fd++)
		connection_look(guard, (int)fd, now);
}

void guard_unbound(struct guard *guard, const void *socket)
{
	for (size_t fd = 0; fd < guard->capacity; fd++) {
		struct connection *connection = &guard->connections[fd];

		if (connection->source == NULL || connection->at->socket != socket)
			continue;
		bucket_fill(&connection->source->pace, &guard->sources.pace);
		connection->turned_away = true; /* what it said is no reason to keep its address waiting */
		connection_forget(guard, connection);
	}
}

/* ---- rounds */

void guard_tick(struct guard *guard, steady_ms now)
{
	const uint64_t resident = resident_bytes();

	if (resident > guard->resident + GROWTH_LOOKED_AT) {
		look_at_all(guard, now);
		guard->resident = resident;
	} else {
		look_at_some(guard, now);
		guard->resident = resident < guard->resident ? resident : guard->resident;
	}
	if (now - guard->logged_at < 1000)
		return;
	guard->logged_at = now;
	share_set(guard);
	door_tick(&guard->door, now);
	sources_log(&guard->sources, now);
}

/* ---- life */

/* What may be open at most, so that accept() never fails for want of a descriptor. */
static size_t connections_most(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur <= 2 * RESERVED_DESCRIPTORS)
		return RESERVED_DESCRIPTORS;
	limit.rlim_cur -= limit.rlim_cur / 8 + RESERVED_DESCRIPTORS;
	return limit.rlim_cur < CONNECTIONS_MOST ? limit.rlim_cur : CONNECTIONS_MOST;
}

struct guard *guard_new(void *context, const struct core *core, const struct guard_limits *limits)
{
	struct guard *guard = memory_zero(1, sizeof(*guard));

	guard->context = context;
	guard->core = core;
	sources_init(&guard->sources, &(struct bucket_size){.rate = limits->rate, .most = limits->most});
	guard->unread_most = limits->unread;
	guard->per_member = limits->per_member;
	guard->share_most = limits->most;
	talk_init(&guard->talk, &limits->talk);
	talk_init(&guard->talk_apart, &limits->talk);
	guard->most = limits->all > 0 ? limits->all : connections_most();
	return guard;
}

void guard_free(struct guard *guard)
{
	if (guard == NULL)
		return;
	for (size_t i = 0; i < guard->watched_count; i++)
		zmq_close(guard->watched[i].monitor);
	sources_clear(&guard->sources);
	talk_clear(&guard->talk);
	talk_clear(&guard->talk_apart);
	free(guard->connections);
	free(guard->begun);
	free(guard);
}

enum error guard_watch_log(struct guard *guard, void *socket, const struct watchers *watchers, struct fault *fault)
{
	guard->watched[guard->watched_count].watchers = watchers;
	return guard_watch(guard, socket, fault);
}

enum error guard_watch_bulletin(struct guard *guard, void *socket, struct fault *fault)
{
	guard->watched[guard->watched_count].is_bulletin = true;
	return guard_watch(guard, socket, fault);
}

enum error guard_watch(struct guard *guard, void *socket, struct fault *fault)
{
	char *name = memory_format("inproc://simpul.guard.%zu", guard->watched_count);
	void *monitor = zmq_socket(guard->context, ZMQ_PAIR);
	const int no_limit = 0; /* libzmq's own thread would wait for us otherwise */
	const int backlog = (int)guard->sources.pace.most;
	bool good;

	guard->watched[guard->watched_count].socket = socket;
	guard->watched[guard->watched_count++].monitor = monitor;
	good = zmq_setsockopt(socket, ZMQ_BACKLOG, &backlog, sizeof(backlog)) == 0 && monitor != NULL &&
	       zmq_setsockopt(monitor, ZMQ_RCVHWM, &no_limit, sizeof(no_limit)) == 0 &&
	       zmq_socket_monitor(socket, name, EVENTS) == 0 && zmq_connect(monitor, name) == 0;
	free(name);
	return good ? E_OK : fault_at(fault, E_IO, "guard: %s", zmq_strerror(zmq_errno()));
}

void guard_attach(struct guard *guard, struct pollset *pollset)
{
	for (size_t i = 0; i < guard->watched_count; i++)
		pollset_add_socket(pollset, guard->watched[i].monitor, false, on_monitor, guard);
}
