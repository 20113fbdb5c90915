/* guard_test - what one address may take of the broker's sockets, and what the kernel tells about a connection. */
#include "broker/guard.h"
#include "broker/guard_door.h"
#include "broker/guard_peer.h"
#include "broker/watchers.h"
#include "common/socket.h"
#include "tests/support/attack.h"
#include "tests/support/core_world.h"
#include "tests/support/process.h"
#include "tests/support/zmtp.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <cmocka.h>

#define HOST "127.0.0.5"
#define NEIGHBOUR "127.0.0.6"
#define SHARE 500
#define BEYOND 20
#define PART (256u << 10)
#define SETTLED_MS 150		       /* libzmq and the guard have done what there is to do */
#define DESCRIPTORS (4 * SHARE + 1024) /* both ends are here, and half must stay free */

struct stage {
	void *context, *link, *feed, *log, *bulletin;
	char endpoint[64], feed_endpoint[64], log_endpoint[64], bulletin_endpoint[64];
	struct watchers watchers; /* one, with a key of ones */
	struct world *world; /* of members */
	struct guard *guard;
	struct pollset *pollset;
};

static void *server(struct stage *stage, int type, char *endpoint)
{
	void *socket = zmq_socket(stage->context, type);
	const int patience = patient_ms(20000); /* for what a peer was seen to send */
	struct fault fault = {0};

	assert_int_equal(zmq_setsockopt(socket, ZMQ_RCVTIMEO, &patience, sizeof patience), 0);
	assert_int_equal(endpoint == stage->log_endpoint ? guard_watch_log(stage->guard, socket, &stage->watchers, &fault)
			 : endpoint == stage->bulletin_endpoint ? guard_watch_bulletin(stage->guard, socket, &fault)
								: guard_watch(stage->guard, socket, &fault),
			 E_OK);
	assert_int_equal(zmq_bind(socket, "tcp://127.0.0.1:*"), 0);
	socket_endpoint(socket, endpoint, sizeof stage->endpoint);
	return socket;
}

static void stage_set(struct stage *stage, struct guard_limits limits)
{
	if (limits.unread == 0)
		limits.unread = GUARD_LIMITS.unread;
	if (limits.talk.rate == 0)
		limits.talk = GUARD_LIMITS.talk;
	stage->context = zmq_ctx_new();
	stage->world = world_new();
	stage->guard = guard_new(stage->context, stage->world->core, &limits);
	stage->watchers = (struct watchers){.count = 1};
	memset(stage->watchers.list[0].key, 1, KEY_SIZE);
	stage->link = server(stage, ZMQ_ROUTER, stage->endpoint);
	stage->feed = server(stage, ZMQ_XPUB, stage->feed_endpoint);
	stage->log = server(stage, ZMQ_ROUTER, stage->log_endpoint);
	stage->bulletin = server(stage, ZMQ_ROUTER, stage->bulletin_endpoint); /* so that it hears what peer_open says */
	stage->pollset = pollset_new();
	guard_attach(stage->guard, stage->pollset);
}

static void stage_strike(struct stage *stage)
{
	pollset_free(stage->pollset);
	zmq_close(stage->link);
	zmq_close(stage->feed);
	zmq_close(stage->log);
	zmq_close(stage->bulletin);
	guard_free(stage->guard);
	world_free(stage->world);
	zmq_ctx_term(stage->context);
}

/* ---- ZMTP without CURVE, by hand: a peer that is let in at once and says parts without an end */

enum { MORE = 1, LONG = 2, COMMAND = 4 };

static int peer_open(const char *endpoint, const char *host)
{
	static const uint8_t greeting[64] = {0xff, [9] = 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
	static const char ready[] = "\x05READY\x0bSocket-Type\0\0\0\x06"
				    "DEALER";
	const uint8_t head[] = {COMMAND, sizeof ready - 1};
	const int fd = zmtp_connect(endpoint, host);

	assert_true(fd >= 0);
	assert_true(zmtp_write(fd, greeting, sizeof greeting));
	assert_true(zmtp_write(fd, head, sizeof head));
	assert_true(zmtp_write(fd, ready, sizeof ready - 1));
	return fd;
}

/* One part of `size` bytes; with `more` its message has no end yet. False when the other side takes no more. */
static bool peer_part(int fd, bool more, uint32_t size)
{
	static const uint8_t zeros[PART];
	const uint8_t head[9] = {LONG | (more ? MORE : 0),
				 0,
				 0,
				 0,
				 0,
				 (uint8_t)(size >> 24),
				 (uint8_t)(size >> 16),
				 (uint8_t)(size >> 8),
				 (uint8_t)size};

	return zmtp_write(fd, head, sizeof head) && zmtp_write(fd, zeros, size);
}

/* The next message of the link is read, as one of this node that came by `socket`. False when it is not worth a look. */
static bool hear_by(struct stage *stage, const void *socket, size_t node)
{
	const uint8_t *key = stage->world->keys[node].curve_public;
	bool worth = false;
	zmq_msg_t frame;

	for (int part = 0; part < 2; part++) {
		zmq_msg_init(&frame);
		assert_true(zmq_msg_recv(&frame, stage->link, 0) >= 0);
		if (part == 1)
			worth = guard_heard(stage->guard, socket, &frame, key);
		zmq_msg_close(&frame);
	}
	return worth;
}

static bool hear(struct stage *stage, size_t node)
{
	return hear_by(stage, stage->link, node);
}

static void stage_run(struct stage *stage, size_t ms)
{
	const steady_ms until = clock_now().steady + ms;
	steady_ms now;

	while ((now = clock_now().steady) < until)
		pollset_turn(stage->pollset, (unsigned)(until - now));
	guard_tick(stage->guard, clock_now().steady);
}

/* A connection by which a node has spoken. */
static int member_open(struct stage *stage, const char *host, size_t node)
{
	const int fd = peer_open(stage->endpoint, host);

	stage_run(stage, 20);
	assert_true(peer_part(fd, false, 10));
	hear(stage, node);
	return fd;
}

static bool enough_descriptors(void)
{
	struct rlimit limit;

	attack_raise_descriptors();
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= 2 * DESCRIPTORS;
}

/* Past the greeting that libzmq has sent. */
static bool has_ended(int fd)
{
	uint8_t piece[512];
	ssize_t size;

	while ((size = recv(fd, piece, sizeof piece, MSG_DONTWAIT)) > 0)
		continue;
	return size == 0;
}

/* The guard hears of it in its own time. */
static void assert_cut(struct stage *stage, int fd)
{
	for (int tries = 0; tries < 200 && !has_ended(fd); tries++)
		stage_run(stage, 20);
	assert_true(has_ended(fd));
}

static size_t count_ended(const int *fds, size_t count)
{
	size_t ended = 0;

	for (size_t i = 0; i < count; i++)
		ended += has_ended(fds[i]);
	return ended;
}

static void an_address_has_its_share_and_its_neighbour_is_not_asked_to_pay(void **state)
{
	enum { COUNT = SHARE + BEYOND };
	static int fds[COUNT];
	struct stage stage;
	int neighbour;

	(void)state;
	if (!enough_descriptors())
		skip();
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 50});
	for (size_t i = 0; i < COUNT; i++) {
		fds[i] = zmtp_connect(stage.endpoint, HOST);
		assert_true(fds[i] >= 0);
		if (i % 64 == 0)
			stage_run(&stage, 5);
	}
	neighbour = zmtp_connect(stage.endpoint, NEIGHBOUR);
	stage_run(&stage, 500);
	assert_int_equal(count_ended(fds, COUNT), BEYOND);
	assert_false(zmtp_ended(neighbour, 50));
	close(neighbour);
	for (size_t i = 0; i < COUNT; i++)
		close(fds[i]);
	stage_strike(&stage);
}

static void connect_all(int *fds, size_t count, const char *endpoint, const char *host)
{
	for (size_t i = 0; i < count; i++) {
		fds[i] = zmtp_connect(endpoint, host);
		assert_true(fds[i] >= 0);
	}
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static void an_address_has_no_more_than_a_small_exchange_needs(void **state)
{
	enum { PER_MEMBER = 4, NEEDED = PER_MEMBER * WORLD_NODES + GUARD_SPARE };
	static int fds[NEEDED + BEYOND];
	struct stage stage;

	(void)state;
	if (!enough_descriptors())
		skip();
	stage_set(&stage, (struct guard_limits){.most = 4 * SHARE, .per_member = PER_MEMBER, .rate = 1000});
	stage_run(&stage, 5);
	for (size_t i = 0; i < NEEDED + BEYOND; i++) {
		fds[i] = zmtp_connect(stage.endpoint, HOST);
		assert_true(fds[i] >= 0);
		if (i % 32 == 0)
			stage_run(&stage, 5);
	}
	stage_run(&stage, 500);
	assert_int_equal(count_ended(fds, NEEDED + BEYOND), BEYOND);
	close_all(fds, NEEDED + BEYOND);
	stage_strike(&stage);
}

static void what_ends_gives_its_place_to_the_next(void **state)
{
	struct stage stage;
	int fds[5];

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = 4, .rate = 1000});
	for (int round = 0; round < 5; round++) {
		connect_all(fds, 4, stage.endpoint, HOST);
		stage_run(&stage, SETTLED_MS);
		fds[4] = zmtp_connect(stage.endpoint, HOST);
		assert_cut(&stage, fds[4]);
		assert_int_equal(count_ended(fds, 4), 0);
		close_all(fds, 5);
		stage_run(&stage, SETTLED_MS);
	}
	stage_strike(&stage);
}

/* A connection to one of the other sockets by which somebody has said something. */
static int other_open(struct stage *stage, void *socket, const char *endpoint, const uint8_t key[KEY_SIZE])
{
	const int fd = peer_open(endpoint, HOST);
	zmq_msg_t frame;

	stage_run(stage, 20);
	assert_true(peer_part(fd, false, 10));
	for (int part = 0; part < 2; part++) {
		zmq_msg_init(&frame);
		assert_true(zmq_msg_recv(&frame, socket, 0) >= 0);
		if (part == 1)
			guard_heard(stage->guard, socket, &frame, key);
		zmq_msg_close(&frame);
	}
	return fd;
}

static int watcher_open(struct stage *stage)
{
	return other_open(stage, stage->log, stage->log_endpoint, stage->watchers.list[0].key);
}

static int listener_open(struct stage *stage, size_t node)
{
	return other_open(stage, stage->bulletin, stage->bulletin_endpoint, stage->world->keys[node].curve_public);
}

static void of_too_many_at_the_log_those_that_said_nothing_make_room(void **state)
{
	enum { STRANGERS = LIMIT_WATCH_CONNECTIONS + BEYOND };
	static int strangers[STRANGERS];
	struct stage stage;
	int first, last;

	(void)state;
	if (!enough_descriptors())
		skip();
	stage_set(&stage, (struct guard_limits){.most = 2 * SHARE, .rate = 2 * SHARE});
	first = watcher_open(&stage);
	for (size_t i = 0; i < STRANGERS; i++) {
		strangers[i] = zmtp_connect(stage.log_endpoint, NEIGHBOUR);
		assert_true(strangers[i] >= 0);
		if (i % 16 == 0)
			stage_run(&stage, 5);
	}
	last = watcher_open(&stage);
	stage_run(&stage, 500);
	assert_int_equal(count_ended(strangers, STRANGERS), STRANGERS + 2 - LIMIT_WATCH_CONNECTIONS);
	assert_true(has_ended(strangers[0]));
	assert_false(has_ended(strangers[STRANGERS - 1]));
	assert_false(has_ended(first) || has_ended(last));
	close(first);
	close(last);
	for (size_t i = 0; i < STRANGERS; i++)
		close(strangers[i]);
	stage_strike(&stage);
}

static void a_watcher_that_is_taken_out_of_the_file_is_cut(void **state)
{
	struct stage stage;
	int fd;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	fd = watcher_open(&stage);
	stage_run(&stage, SETTLED_MS);
	assert_false(has_ended(fd));
	stage.watchers.count = 0;
	assert_cut(&stage, fd);
	close(fd);
	stage_strike(&stage);
}

/* Connections of one socket end and the other socket gets their descriptors before the guard hears of either. */
static void a_descriptor_that_goes_to_the_other_socket_is_counted_there(void **state)
{
	enum { MANY = 20 };
	struct stage stage;
	int feed[MANY], link[MANY + 1];

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = MANY, .rate = 1000});
	for (int round = 0; round < 3; round++) {
		connect_all(feed, MANY, stage.feed_endpoint, HOST);
		stage_run(&stage, SETTLED_MS);
		assert_int_equal(count_ended(feed, MANY), 0);
		close_all(feed, MANY);
		sleep_ms(SETTLED_MS); /* libzmq has given the descriptors back */
		connect_all(link, MANY, stage.endpoint, HOST);
		sleep_ms(SETTLED_MS);
		stage_run(&stage, SETTLED_MS);
		link[MANY] = zmtp_connect(stage.endpoint, HOST);
		assert_cut(&stage, link[MANY]);
		assert_int_equal(count_ended(link, MANY), 0);
		close_all(link, MANY + 1);
		stage_run(&stage, SETTLED_MS);
	}
	stage_strike(&stage);
}

static void who_fills_memory_without_an_end_is_cut_and_its_neighbour_is_let_in(void **state)
{
	struct stage stage;
	int endless, neighbour;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	endless = peer_open(stage.endpoint, HOST);
	for (uint64_t said = 0; said <= GUARD_UNREAD_MOST; said += PART)
		assert_true(peer_part(endless, true, PART));
	assert_cut(&stage, endless);
	neighbour = zmtp_connect(stage.endpoint, HOST);
	stage_run(&stage, SETTLED_MS);
	assert_false(has_ended(neighbour));
	close(endless);
	close(neighbour);
	stage_strike(&stage);
}

/* Those that are there stay. */
static void who_knocks_too_often_is_shut_out_by_the_kernel(void **state)
{
	enum { MOST = 100, KNOCKS = DOOR_KNOCKS };
	struct stage stage;
	int fds[MOST], more[KNOCKS], neighbour;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = MOST, .rate = 1000});
	connect_all(fds, MOST, stage.endpoint, HOST);
	stage_run(&stage, SETTLED_MS);
	connect_all(more, KNOCKS, stage.endpoint, HOST);
	stage_run(&stage, SETTLED_MS);
	assert_int_equal(zmtp_connect(stage.endpoint, HOST), -1);
	assert_int_equal(zmtp_connect(stage.feed_endpoint, HOST), -1);
	neighbour = zmtp_connect(stage.endpoint, NEIGHBOUR);
	stage_run(&stage, SETTLED_MS);
	assert_false(has_ended(neighbour));
	assert_int_equal(count_ended(fds, MOST), 0);
	assert_int_equal(count_ended(more, KNOCKS), KNOCKS);
	close_all(fds, MOST);
	close_all(more, KNOCKS);
	close(neighbour);
	stage_strike(&stage);
}

/* Cutting somebody off binds the feed anew, each time under another descriptor. */
static void a_socket_that_is_bound_anew_has_the_same_door(void **state)
{
	enum { MOST = 4, TIMES = 8, KNOCKS = 10 * DOOR_KNOCKS };
	struct stage stage;
	int fds[KNOCKS], count = 0;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = MOST, .rate = 1000});
	for (int time = 0; time < TIMES; time++) {
		assert_int_equal(zmq_unbind(stage.feed, stage.feed_endpoint), 0);
		for (int tries = 0; tries < 200 && zmq_bind(stage.feed, stage.feed_endpoint) != 0; tries++)
			sleep_ms(10); /* libzmq closes the former one in its own time */
		stage_run(&stage, 20);
	}
	while (count < KNOCKS && (fds[count] = zmtp_connect(stage.endpoint, HOST)) >= 0)
		if (++count % 4 == 0)
			stage_run(&stage, 5);
	assert_in_range(count, DOOR_KNOCKS, KNOCKS - 1);
	assert_int_equal(zmtp_connect(stage.feed_endpoint, HOST), -1);
	close_all(fds, (size_t)count);
	stage_strike(&stage);
}

/* It may say some messages more than are left of what it may say, never two pieces. */
static void who_says_more_than_an_office_can_is_cut_however_often_it_comes_back(void **state)
{
	enum { NODE = 0, OTHER = 1, MOST = 2 * TALK_PIECE };
	struct stage stage;
	int fd, again, other, heard = 0;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000, .talk = {.rate = 1, .most = MOST}});
	fd = member_open(&stage, HOST, NODE);
	while (heard <= MOST && peer_part(fd, false, 10) && hear(&stage, NODE))
		heard++;
	assert_in_range(heard, MOST - TALK_PIECE, MOST);
	assert_cut(&stage, fd);
	again = member_open(&stage, HOST, NODE);
	assert_cut(&stage, again);
	other = member_open(&stage, NEIGHBOUR, OTHER);
	stage_run(&stage, SETTLED_MS);
	assert_false(has_ended(other));
	close(fd);
	close(again);
	close(other);
	stage_strike(&stage);
}

/* How many messages of a connection are worth a look, at most `most`. */
static int heard_of(struct stage *stage, int fd, size_t node, int most)
{
	int heard = 0;

	while (heard < most && peer_part(fd, false, 10) && hear(stage, node))
		heard++;
	return heard;
}

static void what_an_office_listens_to_does_not_silence_its_agent(void **state)
{
	enum { NODE = 0, MOST = 2 * TALK_PIECE };
	struct stage stage;
	int agent, listeners[4];

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000, .talk = {.rate = 1, .most = MOST}});
	agent = member_open(&stage, HOST, NODE);
	for (size_t i = 0; i < 4; i++)
		listeners[i] = listener_open(&stage, NODE);
	assert_cut(&stage, listeners[3]); /* they have as much for themselves */
	assert_int_equal(heard_of(&stage, agent, NODE, TALK_PIECE), TALK_PIECE);
	close(agent);
	close_all(listeners, 4);
	stage_strike(&stage);
}

static void a_key_that_is_not_in_force_uses_up_nothing_of_its_office(void **state)
{
	enum { NODE = ARMY, MOST = 2 * TALK_PIECE };
	struct stage stage;
	int thief, agent;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000, .talk = {.rate = 1, .most = MOST}});
	thief = member_open(&stage, HOST, NODE);
	world_standing(stage.world, NODE, SIMPUL__STANDING__STANDING_COMPROMISED);
	assert_int_equal(heard_of(&stage, thief, NODE, 2 * MOST), 2 * MOST); /* the core refuses each */
	world_standing(stage.world, NODE, SIMPUL__STANDING__STANDING_ACTIVE);
	agent = member_open(&stage, NEIGHBOUR, NODE);
	assert_int_equal(heard_of(&stage, agent, NODE, TALK_PIECE / 2), TALK_PIECE / 2);
	close(thief);
	close(agent);
	stage_strike(&stage);
}

static void say_more_than_may_wait(int fd)
{
	for (uint64_t said = 0; said <= 2 * GUARD_UNREAD_MOST; said += PART)
		assert_true(peer_part(fd, false, PART));
}

/* Whole messages, one of which is read from time to time. */
static void who_says_more_than_is_read_is_cut(void **state)
{
	struct stage stage;
	int flood;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	flood = member_open(&stage, HOST, ARMY);
	stage_run(&stage, SETTLED_MS);
	say_more_than_may_wait(flood);
	for (int looks = 0; looks < 4 && !has_ended(flood); looks++) {
		hear(&stage, ARMY);
		stage_run(&stage, SETTLED_MS);
	}
	assert_cut(&stage, flood);
	close(flood);
	stage_strike(&stage);
}

static void who_says_much_and_is_read_is_not_cut(void **state)
{
	enum { ROUNDS = 3, MESSAGES = GUARD_UNREAD_MOST / PART };
	struct stage stage;
	int busy;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	busy = member_open(&stage, HOST, ARMY);
	for (int round = 0; round < ROUNDS * MESSAGES; round++) {
		assert_true(peer_part(busy, false, PART));
		hear(&stage, ARMY);
		if (round % MESSAGES == 0)
			guard_emptied(stage.guard, stage.link);
		stage_run(&stage, 20);
	}
	assert_false(has_ended(busy));
	close(busy);
	stage_strike(&stage);
}

/* What they said waits in memory though they are gone. */
static void who_leaves_messages_behind_again_and_again_comes_back_when_they_are_read(void **state)
{
	struct stage stage;
	int fd;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	guard_emptied(stage.guard, stage.link);
	for (int i = 0; i < GUARD_LEFT_MOST; i++) {
		fd = peer_open(stage.endpoint, HOST);
		stage_run(&stage, 20);
		assert_true(peer_part(fd, false, 10));
		stage_run(&stage, 10);
		assert_false(has_ended(fd));
		close(fd);
		stage_run(&stage, 10);
	}
	fd = zmtp_connect(stage.endpoint, HOST);
	assert_cut(&stage, fd);
	close(fd);
	guard_emptied(stage.guard, stage.link);
	fd = zmtp_connect(stage.endpoint, HOST);
	stage_run(&stage, SETTLED_MS);
	assert_false(has_ended(fd));
	close(fd);
	stage_strike(&stage);
}

/* More than an address may leave unsaid in all, by connections that have greeted: their messages are on their way. */
static void offices_behind_one_address_do_not_pay_for_each_other(void **state)
{
	struct stage stage;
	int fds[WORLD_NODES];

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000, .unread = 3 * 4 * PART});
	for (size_t i = 0; i < WORLD_NODES; i++)
		fds[i] = member_open(&stage, HOST, i);
	for (size_t i = 0; i < WORLD_NODES * 4; i++)
		assert_true(peer_part(fds[i / 4], true, PART));
	for (int looks = 0; looks < 60; looks++) /* three rounds */
		stage_run(&stage, 20);
	assert_int_equal(count_ended(fds, WORLD_NODES), 0);
	close_all(fds, WORLD_NODES);
	stage_strike(&stage);
}

static void strangers_behind_one_address_answer_for_each_other(void **state)
{
	struct stage stage;
	int fds[5];

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000, .unread = 3 * 4 * PART});
	for (size_t i = 0; i < 4; i++) {
		fds[i] = peer_open(stage.endpoint, HOST);
		for (int part = 0; part < 4; part++)
			assert_true(peer_part(fds[i], true, PART));
	}
	fds[4] = member_open(&stage, HOST, ARMY);
	for (int looks = 0; looks < 200 && count_ended(fds, 4) == 0; looks++)
		stage_run(&stage, 20);
	assert_true(count_ended(fds, 4) > 0);
	assert_false(has_ended(fds[4]));
	close_all(fds, 5);
	stage_strike(&stage);
}

static void new_connections_of_an_address_come_at_its_pace(void **state)
{
	struct stage stage;
	int fds[11];

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = 10, .rate = 1});
	connect_all(fds, 10, stage.endpoint, HOST);
	stage_run(&stage, SETTLED_MS);
	assert_int_equal(count_ended(fds, 10), 0);
	close_all(fds, 10);
	stage_run(&stage, SETTLED_MS);
	connect_all(fds, 10, stage.endpoint, HOST);
	assert_cut(&stage, fds[9]);
	fds[10] = zmtp_connect(stage.endpoint, NEIGHBOUR);
	stage_run(&stage, SETTLED_MS);
	assert_false(has_ended(fds[10]));
	close_all(fds, 11);
	stage_strike(&stage);
}

static void of_too_many_connections_of_one_key_the_oldest_is_cut(void **state)
{
	struct stage stage;
	int fds[GUARD_KEY_MOST + 1], other;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	other = member_open(&stage, HOST, POLICE);
	for (size_t i = 0; i <= GUARD_KEY_MOST; i++)
		fds[i] = member_open(&stage, HOST, ARMY);
	assert_cut(&stage, fds[0]);
	assert_int_equal(count_ended(fds, GUARD_KEY_MOST + 1), 1);
	assert_false(has_ended(other));
	close_all(fds, GUARD_KEY_MOST + 1);
	close(other);
	stage_strike(&stage);
}

/* A message of the feed from the descriptor that has gone to a connection of the link since: that one is silent. */
static void what_came_by_the_other_socket_is_not_taken_for_its_own(void **state)
{
	struct stage stage;
	int speaks, silent;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000, .all = 2});
	speaks = member_open(&stage, HOST, ARMY);
	silent = peer_open(stage.endpoint, HOST);
	stage_run(&stage, 20);
	assert_true(peer_part(silent, false, 10));
	hear_by(&stage, stage.feed, POLICE);
	assert_cut(&stage, silent);
	assert_false(has_ended(speaks));
	close(speaks);
	close(silent);
	stage_strike(&stage);
}

static void who_speaks_under_a_key_that_is_not_in_force_is_cut(void **state)
{
	struct stage stage;
	int army, police;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	army = member_open(&stage, HOST, ARMY);
	police = member_open(&stage, HOST, POLICE);
	world_standing(stage.world, ARMY, SIMPUL__STANDING__STANDING_COMPROMISED);
	for (int looks = 0; looks < 60; looks++)
		stage_run(&stage, 20);
	assert_false(has_ended(army)); /* what it said before was no offence */
	assert_true(peer_part(army, false, 10));
	hear(&stage, ARMY);
	assert_cut(&stage, army);
	assert_false(has_ended(police));
	close(army);
	close(police);
	stage_strike(&stage);
}

/* The attacker takes half of all connections and says nothing; offices behind one address come in none the less. */
static void when_connections_are_scarce_who_says_something_keeps_its_own(void **state)
{
	enum { ALL = 120, OFFICES = WORLD_NODES * GUARD_KEY_MOST }; /* more than an address may have silent */
	static int attack[ALL], offices[OFFICES];
	struct stage stage;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = ALL, .rate = 1000, .all = ALL});
	connect_all(attack, ALL / 2 + 1, stage.endpoint, HOST);
	stage_run(&stage, SETTLED_MS);
	assert_int_equal(count_ended(attack, ALL / 2 + 1), 0);
	for (size_t i = 0; i < OFFICES; i++)
		offices[i] = member_open(&stage, NEIGHBOUR, i % WORLD_NODES);
	assert_int_equal(count_ended(offices, OFFICES), 0);
	connect_all(attack + ALL / 2 + 1, 1, stage.endpoint, HOST);
	assert_cut(&stage, attack[ALL / 2 + 1]);
	assert_cut(&stage, attack[0]); /* it has been silent for too long */
	close_all(attack, ALL / 2 + 2);
	close_all(offices, OFFICES);
	stage_strike(&stage);
}

struct lines {
	unsigned addresses, others, failed; /* lines about one, about the others; connections that failed in them */
};

static void count_line(void *context, enum log_level level, const char *line)
{
	struct lines *lines = context;
	const char *count = strstr(line, "count=");

	(void)level;
	if (strstr(line, "event=connections.failed") == NULL || count == NULL)
		return;
	lines->failed += (unsigned)strtoul(count + 6, NULL, 10);
	if (strstr(line, "address=others") != NULL)
		lines->others++;
	else
		lines->addresses++;
}

static void of_very_many_addresses_the_rest_are_told_in_one_sum(void **state)
{
	enum { ADDRESSES = 200 };
	struct lines lines = {0};
	struct stage stage;
	char host[24];
	int fds[ADDRESSES];

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	stage_run(&stage, SETTLED_MS); /* nothing more is logged for a second */
	log_copy(count_line, &lines);
	for (int i = 0; i < ADDRESSES; i++) {
		snprintf(host, sizeof host, "127.0.1.%d", i + 1);
		connect_all(&fds[i], 1, stage.endpoint, host);
	}
	stage_run(&stage, SETTLED_MS);
	close_all(fds, ADDRESSES);
	for (int tries = 0; tries < 200 && lines.failed < ADDRESSES; tries++)
		stage_run(&stage, 20);
	log_copy(NULL, NULL);
	assert_int_equal(lines.failed, ADDRESSES);
	assert_in_range(lines.addresses, 20, 60);
	assert_in_range(lines.others, 1, 3);
	stage_strike(&stage);
}

static void the_kernel_knows_who_is_there_and_how_much_came(void **state)
{
	struct stage stage;
	char address[PEER_ADDRESS_SIZE];
	uint64_t bytes = 0;
	int fd;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 50});
	fd = zmtp_connect(stage.endpoint, HOST);
	assert_true(peer_address(fd, address));
	assert_string_equal(address, "127.0.0.1");
	assert_false(zmtp_ended(fd, 100)); /* libzmq's greeting has come */
	assert_true(peer_received(fd, &bytes));
	assert_true(bytes >= 10);
	peer_cut(fd, "127.0.0.99"); /* somebody else by now: let alone */
	assert_false(zmtp_ended(fd, 50));
	peer_cut(fd, "127.0.0.1");
	assert_true(zmtp_ended(fd, 1000));
	close(fd);
	assert_false(peer_address(fd, address));
	assert_false(peer_received(STDERR_FILENO, &bytes));
	assert_true(resident_bytes() > 1 << 20);
	stage_strike(&stage);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_address_has_its_share_and_its_neighbour_is_not_asked_to_pay),
		cmocka_unit_test(an_address_has_no_more_than_a_small_exchange_needs),
		cmocka_unit_test(what_ends_gives_its_place_to_the_next),
		cmocka_unit_test(a_descriptor_that_goes_to_the_other_socket_is_counted_there),
		cmocka_unit_test(of_too_many_at_the_log_those_that_said_nothing_make_room),
		cmocka_unit_test(a_watcher_that_is_taken_out_of_the_file_is_cut),
		cmocka_unit_test(who_fills_memory_without_an_end_is_cut_and_its_neighbour_is_let_in),
		cmocka_unit_test(who_knocks_too_often_is_shut_out_by_the_kernel),
		cmocka_unit_test(a_socket_that_is_bound_anew_has_the_same_door),
		cmocka_unit_test(who_says_more_than_an_office_can_is_cut_however_often_it_comes_back),
		cmocka_unit_test(what_an_office_listens_to_does_not_silence_its_agent),
		cmocka_unit_test(a_key_that_is_not_in_force_uses_up_nothing_of_its_office),
		cmocka_unit_test(who_says_more_than_is_read_is_cut),
		cmocka_unit_test(who_says_much_and_is_read_is_not_cut),
		cmocka_unit_test(who_leaves_messages_behind_again_and_again_comes_back_when_they_are_read),
		cmocka_unit_test(offices_behind_one_address_do_not_pay_for_each_other),
		cmocka_unit_test(strangers_behind_one_address_answer_for_each_other),
		cmocka_unit_test(new_connections_of_an_address_come_at_its_pace),
		cmocka_unit_test(of_too_many_connections_of_one_key_the_oldest_is_cut),
		cmocka_unit_test(what_came_by_the_other_socket_is_not_taken_for_its_own),
		cmocka_unit_test(who_speaks_under_a_key_that_is_not_in_force_is_cut),
		cmocka_unit_test(when_connections_are_scarce_who_says_something_keeps_its_own),
		cmocka_unit_test(of_very_many_addresses_the_rest_are_told_in_one_sum),
		cmocka_unit_test(the_kernel_knows_who_is_there_and_how_much_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
