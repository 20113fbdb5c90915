/* guard_test - what one address may take of the broker's sockets, and what the kernel tells about a connection.
 *
 * libzmq's thread works beside the test, and on a busy machine much later: whatever must come of it is waited for. The
 * guard has a clock of the test's own (the program is linked with --wrap=clock_now) that stands still while one waits,
 * so that no rate, no second and no silence of its depends on how long that was. The guard cuts within a turn of the
 * stage: who was told to it before and is not cut after it, is kept. */
#include "broker/serve/guard.h"
#include "broker/serve/guard_door.h"
#include "broker/serve/guard_peer.h"
#include "broker/settings/watchers.h"
#include "common/socket.h"
#include "tests/support/attack.h"
#include "tests/support/core_world.h"
#include "tests/support/process.h"
#include "tests/support/zmtp.h"

#include <dirent.h>
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <cmocka.h>

#define HOST "127.0.0.5"
#define NEIGHBOUR "127.0.0.6"
#define SHARE 500
#define BEYOND 20
#define PART (256u << 10)
#define DESCRIPTORS (4 * SHARE + 1024) /* both ends are here, and half must stay free */
#define AT_ONCE 64		       /* connections that nobody has accepted yet */
#define LOOKS 100		       /* ticks in which the guard looks at every connection, members' too */
#define UNREAD_MS 200		       /* longer than a whole message waits to be read */

struct stage {
	void *context, *link, *feed, *log, *bulletin;
	char endpoint[64], feed_endpoint[64], log_endpoint[64], bulletin_endpoint[64];
	struct watchers watchers; /* one, with a key of ones */
	struct world *world;	  /* of members */
	struct guard *guard;
	struct pollset *pollset;
	size_t descriptors; /* of this process, while nobody is connected */
};

/* ---- time */

struct now __real_clock_now(void);
struct now __wrap_clock_now(void);

static steady_ms guards_time = DAY_MS;
static bool in_vain; /* something did not come */

struct now __wrap_clock_now(void)
{
	return (struct now){.wall = __real_clock_now().wall, .steady = guards_time};
}

static void time_passes(uint64_t ms)
{
	guards_time += ms;
}

/* For one thing that must come. After one that did not the program has failed, and no other is waited for so long. */
static int patience(void)
{
	return in_vain ? 200 : patient_ms(20000);
}

static steady_ms patience_ends(void)
{
	return __real_clock_now().steady + (steady_ms)patience();
}

static void assert_patience(steady_ms ends)
{
	if (__real_clock_now().steady < ends)
		return;
	in_vain = true;
	fail_msg("it did not come");
}

static void await_event(int fd, short event)
{
	const steady_ms ends = patience_ends();
	struct pollfd item = {.fd = fd, .events = event};

	while (poll(&item, 1, patience()) != 1)
		assert_patience(ends);
}

/* ---- the broker's side */

static void *server(struct stage *stage, int type, char *endpoint)
{
	void *socket = zmq_socket(stage->context, type);
	struct fault fault = {0};

	assert_int_equal(endpoint == stage->log_endpoint ? guard_watch_log(stage->guard, socket, &stage->watchers, &fault)
			 : endpoint == stage->bulletin_endpoint ? guard_watch_bulletin(stage->guard, socket, &fault)
								: guard_watch(stage->guard, socket, &fault),
			 E_OK);
	assert_int_equal(zmq_bind(socket, "tcp://127.0.0.1:*"), 0);
	socket_endpoint(socket, endpoint, sizeof stage->endpoint);
	return socket;
}

static size_t count_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	size_t count = 0;

	assert_non_null(folder);
	while (readdir(folder) != NULL)
		count++;
	closedir(folder);
	return count;
}

/* The guard hears all that libzmq has told so far, and has a tick. */
static void stage_turn(struct stage *stage)
{
	pollset_turn(stage->pollset, 1);
	guard_tick(stage->guard, guards_time);
}

/* The guard looks at every connection. */
static void stage_looks(struct stage *stage)
{
	stage_turn(stage);
	for (int i = 0; i < LOOKS; i++)
		guard_tick(stage->guard, guards_time);
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
	stage->descriptors = count_descriptors();
	time_passes(1000);
	stage_turn(stage); /* it knows the members, and logs nothing more for a second */
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

/* ---- peers */

/* Connected, and greeted by libzmq, which has told the guard of it before. */
static void connect_all(int *fds, size_t count, const char *endpoint, const char *host)
{
	for (size_t i = 0, greeted = 0; i < count; i++) {
		fds[i] = zmtp_knock(endpoint, host);
		assert_true(fds[i] >= 0);
		while (greeted <= i && (i + 1 == count || i + 1 - greeted == AT_ONCE))
			await_event(fds[greeted++], POLLIN);
	}
}

static int connect_one(const char *endpoint, const char *host)
{
	int fd;

	connect_all(&fd, 1, endpoint, host);
	return fd;
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

/* Closes all that are connected; libzmq has closed its ends, and told of it before. */
static void hang_up_all(struct stage *stage, const int *fds, size_t count)
{
	const steady_ms ends = patience_ends();

	close_all(fds, count);
	while (count_descriptors() > stage->descriptors) {
		assert_patience(ends);
		sleep_ms(1);
	}
}

/* Past the greeting that libzmq has sent. */
static bool has_ended(int fd)
{
	uint8_t piece[512];
	ssize_t size;

	while ((size = recv(fd, piece, sizeof piece, MSG_DONTWAIT)) > 0)
		continue;
	return size == 0 || (errno != EAGAIN && errno != EINTR);
}

static size_t count_ended(const int *fds, size_t count)
{
	size_t ended = 0;

	for (size_t i = 0; i < count; i++)
		ended += has_ended(fds[i]);
	return ended;
}

static void await_cuts(struct stage *stage, const int *fds, size_t count, size_t cut)
{
	const steady_ms ends = patience_ends();

	while (count_ended(fds, count) < cut) {
		assert_patience(ends);
		stage_turn(stage);
	}
}

/* Of these as many are cut, and then no more. */
static void assert_so_many_cut(struct stage *stage, const int *fds, size_t count, size_t cut)
{
	await_cuts(stage, fds, count, cut);
	stage_looks(stage);
	assert_int_equal(count_ended(fds, count), cut);
}

static void assert_cut(struct stage *stage, int fd)
{
	assert_so_many_cut(stage, &fd, 1, 1);
}

static void assert_all_kept(struct stage *stage, const int *fds, size_t count)
{
	assert_so_many_cut(stage, fds, count, 0);
}

static void assert_kept(struct stage *stage, int fd)
{
	assert_all_kept(stage, &fd, 1);
}

/* ---- ZMTP without CURVE, by hand: a peer that is let in at once and says parts without an end */

enum { MORE = 1, LONG = 2, COMMAND = 4, GREETING = 64 };

static void read_exactly(int fd, uint8_t *data, size_t size)
{
	ssize_t got;

	for (; size > 0; data += got, size -= (size_t)got) {
		await_event(fd, POLLIN);
		got = recv(fd, data, size, MSG_DONTWAIT);
		assert_true(got > 0);
	}
}

/* Once both have said READY, for libzmq takes whatever comes before its own as a breach of the protocol. */
static int peer_open(struct stage *stage, const char *endpoint, const char *host)
{
	static const uint8_t greeting[GREETING] = {0xff, [9] = 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
	static const char ready[] = "\x05READY\x0bSocket-Type\0\0\0\x06"
				    "DEALER";
	const uint8_t head[] = {COMMAND, sizeof ready - 1};
	const int fd = connect_one(endpoint, host);
	const int at_once = 1;
	uint8_t theirs[UINT8_MAX];

	stage_turn(stage);
	assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once), 0);
	assert_true(zmtp_write(fd, greeting, sizeof greeting));
	assert_true(zmtp_write(fd, head, sizeof head));
	assert_true(zmtp_write(fd, ready, sizeof ready - 1));
	read_exactly(fd, theirs, GREETING);
	read_exactly(fd, theirs, sizeof head);
	assert_int_equal(theirs[0], COMMAND);
	read_exactly(fd, theirs, theirs[1]);
	assert_memory_equal(theirs, ready, 6);
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

/* All that was written is with the kernel's other end, which has counted it. */
static void await_arrival(int fd)
{
	const steady_ms ends = patience_ends();
	int left = 1;

	while (ioctl(fd, SIOCOUTQ, &left) == 0 && left > 0) {
		assert_patience(ends);
		sleep_ms(1);
	}
	assert_int_equal(left, 0);
}

/* The next message of a socket is read, as one of this key that came by `as`. False when it is not worth a look. */
static bool take_message(struct stage *stage, void *socket, const void *as, const uint8_t key[KEY_SIZE])
{
	zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};
	bool worth = false;
	zmq_msg_t frame;

	if (zmq_poll(&item, 1, patience()) != 1)
		assert_patience(0);
	for (int part = 0; part < 2; part++) {
		zmq_msg_init(&frame);
		assert_true(zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) >= 0);
		if (part == 1)
			worth = guard_heard(stage->guard, as, &frame, key);
		zmq_msg_close(&frame);
	}
	return worth;
}

static bool hear(struct stage *stage, size_t node)
{
	return take_message(stage, stage->link, stage->link, stage->world->keys[node].curve_public);
}

/* A connection by which a node has spoken. */
static int member_open(struct stage *stage, const char *host, size_t node)
{
	const int fd = peer_open(stage, stage->endpoint, host);

	assert_true(peer_part(fd, false, 10));
	hear(stage, node);
	return fd;
}

/* A connection to one of the other sockets by which somebody has said something. */
static int other_open(struct stage *stage, void *socket, const char *endpoint, const uint8_t key[KEY_SIZE])
{
	const int fd = peer_open(stage, endpoint, HOST);

	assert_true(peer_part(fd, false, 10));
	take_message(stage, socket, socket, key);
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

static bool enough_descriptors(void)
{
	struct rlimit limit;

	attack_raise_descriptors();
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= 2 * DESCRIPTORS;
}

/* ---- the promises */

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
	connect_all(fds, COUNT, stage.endpoint, HOST);
	neighbour = connect_one(stage.endpoint, NEIGHBOUR);
	assert_so_many_cut(&stage, fds, COUNT, BEYOND);
	assert_kept(&stage, neighbour);
	close(neighbour);
	close_all(fds, COUNT);
	stage_strike(&stage);
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
	connect_all(fds, NEEDED + BEYOND, stage.endpoint, HOST);
	assert_so_many_cut(&stage, fds, NEEDED + BEYOND, BEYOND);
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
		time_passes(1000);
		connect_all(fds, 4, stage.endpoint, HOST);
		assert_all_kept(&stage, fds, 4);
		fds[4] = connect_one(stage.endpoint, HOST);
		assert_cut(&stage, fds[4]);
		assert_all_kept(&stage, fds, 4);
		hang_up_all(&stage, fds, 5);
	}
	stage_strike(&stage);
}

static void of_too_many_at_the_log_those_that_said_nothing_make_room(void **state)
{
	enum { STRANGERS = LIMIT_WATCH_CONNECTIONS + BEYOND, BATCH = 12 };
	static int strangers[STRANGERS];
	struct stage stage;
	int first, last;

	(void)state;
	if (!enough_descriptors())
		skip();
	stage_set(&stage, (struct guard_limits){.most = 2 * SHARE, .rate = 2 * SHARE});
	first = watcher_open(&stage);
	for (size_t i = 0; i < STRANGERS; i += BATCH) {
		time_passes(1);
		connect_all(strangers + i, BATCH, stage.log_endpoint, NEIGHBOUR);
		stage_turn(&stage);
	}
	time_passes(1);
	last = watcher_open(&stage);
	assert_so_many_cut(&stage, strangers, STRANGERS, STRANGERS + 2 - LIMIT_WATCH_CONNECTIONS);
	assert_int_equal(count_ended(strangers, BATCH), BATCH);
	assert_kept(&stage, strangers[STRANGERS - 1]);
	assert_kept(&stage, first);
	assert_kept(&stage, last);
	close(first);
	close(last);
	close_all(strangers, STRANGERS);
	stage_strike(&stage);
}

static void a_watcher_that_is_taken_out_of_the_file_is_cut(void **state)
{
	struct stage stage;
	int fd;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	fd = watcher_open(&stage);
	assert_kept(&stage, fd);
	stage.watchers.count = 0;
	assert_cut(&stage, fd);
	close(fd);
	stage_strike(&stage);
}

/* One after the other, so that they get the same descriptors each time. */
static void connect_in_turn(int *fds, size_t count, const char *endpoint)
{
	for (size_t i = 0; i < count; i++)
		fds[i] = connect_one(endpoint, HOST);
}

/* Connections of one socket end and the other socket gets their descriptors before the guard hears of either; every other
 * time it has not heard of their beginning. */
static void a_descriptor_that_goes_to_the_other_socket_is_counted_there(void **state)
{
	enum { MANY = 20 };
	struct stage stage;
	int feed[MANY], link[MANY + 1];

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = MANY, .rate = 1000});
	for (int round = 0; round < 4; round++) {
		time_passes(1000);
		connect_in_turn(feed, MANY, stage.feed_endpoint);
		if (round % 2 == 0)
			assert_all_kept(&stage, feed, MANY);
		hang_up_all(&stage, feed, MANY);
		time_passes(1000);
		connect_in_turn(link, MANY, stage.endpoint);
		assert_all_kept(&stage, link, MANY);
		time_passes(1000);
		link[MANY] = connect_one(stage.endpoint, HOST);
		assert_cut(&stage, link[MANY]);
		assert_all_kept(&stage, link, MANY);
		hang_up_all(&stage, link, MANY + 1);
	}
	stage_strike(&stage);
}

static void who_fills_memory_without_an_end_is_cut_and_its_neighbour_is_let_in(void **state)
{
	struct stage stage;
	int endless, neighbour;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	endless = peer_open(&stage, stage.endpoint, HOST);
	for (uint64_t said = 0; said <= GUARD_UNREAD_MOST; said += PART)
		assert_true(peer_part(endless, true, PART));
	time_passes(UNREAD_MS);
	assert_cut(&stage, endless);
	neighbour = connect_one(stage.endpoint, HOST);
	assert_kept(&stage, neighbour);
	close(endless);
	close(neighbour);
	stage_strike(&stage);
}

/* At the speed of loopback memory is full before a message would have waited too long. */
static void what_no_office_could_say_is_cut_before_a_message_waits_long(void **state)
{
	struct stage stage;
	int endless;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	endless = peer_open(&stage, stage.endpoint, HOST);
	for (uint64_t said = 0; said <= GUARD_UNREAD_AT_ONCE; said += PART)
		assert_true(peer_part(endless, true, PART));
	await_arrival(endless);
	time_passes(UNREAD_MS / 10);
	assert_cut(&stage, endless);
	close(endless);
	stage_strike(&stage);
}

/* The kernel has looked at their requests to connect before it took the neighbour's. */
static void assert_shut_out(const struct stage *stage, const char *host)
{
	const char *const endpoints[] = {stage->endpoint, stage->feed_endpoint};

	for (size_t i = 0; i < 2; i++) {
		const int knock = zmtp_knock(endpoints[i], host), neighbour = connect_one(endpoints[i], NEIGHBOUR);
		struct pollfd item = {.fd = knock, .events = POLLOUT};

		assert_true(knock >= 0);
		assert_int_equal(poll(&item, 1, 0), 0);
		close(knock);
		close(neighbour);
	}
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
	stage_turn(&stage);
	connect_all(more, KNOCKS, stage.endpoint, HOST);
	stage_turn(&stage);
	assert_shut_out(&stage, HOST);
	neighbour = connect_one(stage.endpoint, NEIGHBOUR);
	assert_kept(&stage, neighbour);
	assert_all_kept(&stage, fds, MOST);
	assert_so_many_cut(&stage, more, KNOCKS, KNOCKS);
	close_all(fds, MOST);
	close_all(more, KNOCKS);
	close(neighbour);
	stage_strike(&stage);
}

/* Under another descriptor, for the former one is taken: that is returned. */
static int bind_anew(struct stage *stage)
{
	const steady_ms ends = patience_ends();
	const size_t before = count_descriptors();
	int former;

	assert_int_equal(zmq_unbind(stage->feed, stage->feed_endpoint), 0);
	while (count_descriptors() == before) { /* libzmq closes it in its own time */
		assert_patience(ends);
		sleep_ms(1);
	}
	former = dup(STDERR_FILENO);
	assert_int_equal(zmq_bind(stage->feed, stage->feed_endpoint), 0);
	return former;
}

/* Cutting somebody off binds the feed anew. */
static void a_socket_that_is_bound_anew_has_the_same_door(void **state)
{
	enum { MOST = 4, TIMES = 8, ALL = MOST + DOOR_KNOCKS };
	struct stage stage;
	int fds[ALL], taken[TIMES];

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = MOST, .rate = 1000});
	for (int time = 0; time < TIMES; time++) {
		taken[time] = bind_anew(&stage);
		stage_turn(&stage);
	}
	for (size_t i = 0; i < ALL; i += MOST) {
		connect_all(fds + i, MOST, stage.endpoint, HOST);
		stage_turn(&stage);
	}
	assert_shut_out(&stage, HOST);
	assert_so_many_cut(&stage, fds, ALL, DOOR_KNOCKS);
	close_all(fds, ALL);
	close_all(taken, TIMES);
	stage_strike(&stage);
}

/* More than may leave at once, and all that the address has. */
static void whom_the_broker_itself_cut_off_comes_back_at_once(void **state)
{
	enum { MANY = GUARD_LEFT_MOST + BEYOND };
	struct stage stage;
	int fds[MANY], again[MANY], taken[2];

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = MANY, .rate = 1});
	connect_all(again, MANY, stage.feed_endpoint, HOST);
	for (int time = 0; time < 2; time++) {
		memcpy(fds, again, sizeof fds);
		assert_all_kept(&stage, fds, MANY);
		taken[time] = bind_anew(&stage);
		guard_unbound(stage.guard, stage.feed);
		await_cuts(&stage, fds, MANY, MANY);
		connect_all(again, MANY, stage.feed_endpoint, HOST);
		assert_all_kept(&stage, again, MANY);
		close_all(fds, MANY);
	}
	close_all(again, MANY);
	close_all(taken, 2);
	stage_strike(&stage);
}

/* How many of so many messages that a connection says are worth a look, until one is not. */
static int heard_of(struct stage *stage, int fd, size_t node, int said)
{
	int heard = 0;

	for (int i = 0; i < said; i++)
		assert_true(peer_part(fd, false, 10));
	while (heard < said && hear(stage, node))
		heard++;
	return heard;
}

/* With the first message it says as many as it may, and two more. */
static void who_says_more_than_an_office_can_is_cut_however_often_it_comes_back(void **state)
{
	enum { NODE = 0, OTHER = 1, MOST = 2 * TALK_PIECE };
	struct stage stage;
	int fd, again, other;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000, .talk = {.rate = 1, .most = MOST}});
	fd = member_open(&stage, HOST, NODE);
	assert_int_equal(heard_of(&stage, fd, NODE, MOST + 1), MOST - 1);
	assert_false(hear(&stage, NODE));
	assert_cut(&stage, fd);
	again = member_open(&stage, HOST, NODE);
	assert_cut(&stage, again);
	other = member_open(&stage, NEIGHBOUR, OTHER);
	assert_kept(&stage, other);
	close(fd);
	close(again);
	close(other);
	stage_strike(&stage);
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
	assert_so_many_cut(&stage, listeners, 4, 2); /* they have as much for themselves */
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
	await_arrival(fd);
}

/* Whole messages, one of which is read from time to time. */
static void who_says_more_than_is_read_is_cut(void **state)
{
	struct stage stage;
	int flood;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	flood = member_open(&stage, HOST, ARMY);
	stage_looks(&stage);
	say_more_than_may_wait(flood);
	for (int reads = 0; reads < 4 && !has_ended(flood); reads++) {
		hear(&stage, ARMY);
		time_passes(UNREAD_MS);
		stage_looks(&stage);
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
		if (round % (2 * MESSAGES) == 0)
			guard_emptied(stage.guard, stage.link);
		time_passes(20);
		stage_looks(&stage);
	}
	time_passes(UNREAD_MS);
	assert_kept(&stage, busy);
	close(busy);
	stage_strike(&stage);
}

/* Says one thing and leaves; libzmq has read the message before the end. */
static void say_and_leave(struct stage *stage)
{
	const int fd = peer_open(stage, stage->endpoint, HOST);

	assert_true(peer_part(fd, false, 10));
	stage_turn(stage);
	assert_false(has_ended(fd));
	hang_up_all(stage, &fd, 1);
	stage_turn(stage);
}

/* What they said waits in memory though they are gone. */
static void who_leaves_messages_behind_again_and_again_comes_back_when_they_are_read(void **state)
{
	struct stage stage;
	int fd;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	guard_emptied(stage.guard, stage.link);
	for (int i = 0; i < GUARD_LEFT_MOST; i++)
		say_and_leave(&stage);
	fd = connect_one(stage.endpoint, HOST);
	assert_cut(&stage, fd);
	close(fd);
	guard_emptied(stage.guard, stage.link);
	fd = connect_one(stage.endpoint, HOST);
	assert_kept(&stage, fd);
	close(fd);
	stage_strike(&stage);
}

/* Four parts without an end, which waits for longer than a whole message does. */
static void say_a_beginning(int fd)
{
	for (int part = 0; part < 4; part++)
		assert_true(peer_part(fd, true, PART));
	await_arrival(fd);
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
	for (size_t i = 0; i < WORLD_NODES; i++)
		say_a_beginning(fds[i]);
	stage_looks(&stage);
	time_passes(UNREAD_MS);
	assert_all_kept(&stage, fds, WORLD_NODES);
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
		fds[i] = peer_open(&stage, stage.endpoint, HOST);
		say_a_beginning(fds[i]);
	}
	fds[4] = member_open(&stage, HOST, ARMY);
	stage_looks(&stage);
	time_passes(UNREAD_MS);
	stage_looks(&stage);
	assert_true(count_ended(fds, 4) > 0);
	assert_kept(&stage, fds[4]);
	close_all(fds, 5);
	stage_strike(&stage);
}

static void new_connections_of_an_address_come_at_its_pace(void **state)
{
	struct stage stage;
	int fds[10], neighbour, later[2];

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = 10, .rate = 1});
	connect_all(fds, 10, stage.endpoint, HOST);
	assert_all_kept(&stage, fds, 10);
	hang_up_all(&stage, fds, 10);
	connect_all(fds, 10, stage.endpoint, HOST);
	assert_so_many_cut(&stage, fds, 10, 10);
	neighbour = connect_one(stage.endpoint, NEIGHBOUR);
	assert_kept(&stage, neighbour);
	close(neighbour);
	hang_up_all(&stage, fds, 10);
	time_passes(1000);
	connect_all(later, 2, stage.endpoint, HOST);
	assert_so_many_cut(&stage, later, 2, 1);
	close_all(later, 2);
	stage_strike(&stage);
}

static void of_too_many_connections_of_one_key_the_oldest_is_cut(void **state)
{
	struct stage stage;
	int fds[GUARD_KEY_MOST + 1], other;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	other = member_open(&stage, HOST, POLICE);
	for (size_t i = 0; i <= GUARD_KEY_MOST; i++) {
		time_passes(1);
		fds[i] = member_open(&stage, HOST, ARMY);
	}
	assert_cut(&stage, fds[0]);
	assert_all_kept(&stage, fds + 1, GUARD_KEY_MOST);
	assert_kept(&stage, other);
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
	silent = peer_open(&stage, stage.endpoint, HOST);
	assert_true(peer_part(silent, false, 10));
	take_message(&stage, stage.link, stage.feed, stage.world->keys[POLICE].curve_public);
	time_passes(GUARD_SILENT_SCARCE_MS);
	assert_kept(&stage, silent);
	time_passes(1);
	assert_cut(&stage, silent);
	assert_kept(&stage, speaks);
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
	assert_kept(&stage, army); /* what it said before was no offence */
	assert_true(peer_part(army, false, 10));
	hear(&stage, ARMY);
	assert_cut(&stage, army);
	assert_kept(&stage, police);
	close(army);
	close(police);
	stage_strike(&stage);
}

/* The attacker takes half of all connections and says nothing; offices behind one address come in none the less. */
static void when_connections_are_scarce_who_says_something_keeps_its_own(void **state)
{
	enum { ALL = 120, HALF = ALL / 2 + 1 };
	enum { OFFICES = WORLD_NODES * GUARD_KEY_MOST }; /* more than an address may have silent */
	static int attack[HALF + 1], offices[OFFICES];
	struct stage stage;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = ALL, .rate = 1000, .all = ALL});
	connect_all(attack, HALF, stage.endpoint, HOST);
	assert_all_kept(&stage, attack, HALF);
	for (size_t i = 0; i < OFFICES; i++)
		offices[i] = member_open(&stage, NEIGHBOUR, i % WORLD_NODES);
	attack[HALF] = connect_one(stage.endpoint, HOST);
	assert_cut(&stage, attack[HALF]);
	time_passes(GUARD_SILENT_SCARCE_MS);
	assert_all_kept(&stage, attack, HALF);
	time_passes(1);
	await_cuts(&stage, attack, HALF, HALF + OFFICES - ALL / 2); /* until half of all are free */
	assert_all_kept(&stage, offices, OFFICES);
	close_all(attack, HALF + 1);
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
	enum { ADDRESSES = 200, TOLD = 20 };
	struct lines lines = {0};
	struct stage stage;
	char host[24];
	int fds[ADDRESSES];

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	for (int i = 0; i < ADDRESSES; i++) {
		snprintf(host, sizeof host, "127.0.1.%d", i + 1);
		fds[i] = connect_one(stage.endpoint, host);
	}
	stage_turn(&stage);
	hang_up_all(&stage, fds, ADDRESSES);
	stage_turn(&stage);
	log_copy(count_line, &lines);
	time_passes(1000);
	stage_turn(&stage);
	log_copy(NULL, NULL);
	assert_int_equal(lines.failed, ADDRESSES);
	assert_int_equal(lines.addresses, TOLD);
	assert_int_equal(lines.others, 1);
	stage_strike(&stage);
}

struct levels {
	unsigned infos, warnings; /* lines about connections that failed */
};

static void count_level(void *context, enum log_level level, const char *line)
{
	struct levels *levels = context;

	if (strstr(line, "event=connections.failed") == NULL)
		return;
	levels->infos += level == LOG_LEVEL_INFO;
	levels->warnings += level == LOG_LEVEL_WARNING;
}

/* So many connections that end without a word; what of them is told. */
static struct levels knock(struct stage *stage, size_t count)
{
	struct levels levels = {0};
	int fds[40];

	connect_all(fds, count, stage->endpoint, HOST);
	stage_turn(stage);
	hang_up_all(stage, fds, count);
	stage_turn(stage);
	log_copy(count_level, &levels);
	time_passes(1000);
	stage_turn(stage);
	log_copy(NULL, NULL);
	return levels;
}

static void who_knocks_is_warned_of_and_a_look_from_where_members_sit_is_not(void **state)
{
	struct stage stage;
	int member;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	assert_int_equal(knock(&stage, 1).warnings, 1); /* a stranger's first */
	member = connect_one(stage.endpoint, HOST);
	stage_turn(&stage);
	guard_admitted(stage.guard, HOST, "police.oku");
	stage.descriptors = count_descriptors();
	assert_int_equal(knock(&stage, 3).infos, 1);
	assert_int_equal(knock(&stage, 3).warnings, 0);
	assert_int_equal(knock(&stage, 30).warnings, 1);
	time_passes(60000);
	assert_int_equal(knock(&stage, 3).warnings, 0);
	close(member);
	stage_strike(&stage);
}

static void the_brokers_own_test_of_a_socket_is_no_news(void **state)
{
	struct levels levels = {0};
	struct stage stage;
	int own;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	own = connect_one(stage.endpoint, HOST);
	guard_tested(stage.guard);
	log_copy(count_level, &levels);
	hang_up_all(&stage, &own, 1);
	stage_turn(&stage);
	time_passes(1000);
	stage_turn(&stage);
	log_copy(NULL, NULL);
	assert_int_equal(levels.infos + levels.warnings, 0);
	assert_int_equal(knock(&stage, 1).warnings, 1);
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
	fd = connect_one(stage.endpoint, HOST); /* libzmq's greeting has come */
	assert_true(peer_address(fd, address));
	assert_string_equal(address, "127.0.0.1");
	assert_true(peer_received(fd, &bytes));
	assert_true(bytes >= 10);
	peer_cut(fd, "127.0.0.99"); /* somebody else by now: let alone */
	assert_false(has_ended(fd));
	peer_cut(fd, "127.0.0.1");
	assert_true(has_ended(fd));
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
		cmocka_unit_test(what_no_office_could_say_is_cut_before_a_message_waits_long),
		cmocka_unit_test(who_knocks_too_often_is_shut_out_by_the_kernel),
		cmocka_unit_test(a_socket_that_is_bound_anew_has_the_same_door),
		cmocka_unit_test(whom_the_broker_itself_cut_off_comes_back_at_once),
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
		cmocka_unit_test(who_knocks_is_warned_of_and_a_look_from_where_members_sit_is_not),
		cmocka_unit_test(the_brokers_own_test_of_a_socket_is_no_news),
		cmocka_unit_test(the_kernel_knows_who_is_there_and_how_much_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
