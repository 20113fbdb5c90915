/* guard_test - what one address may take of the broker's sockets, and what the kernel tells about a connection. */
#include "broker/guard.h"
#include "broker/guard_peer.h"
#include "common/socket.h"
#include "tests/support/attack.h"
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
#define SETTLED_MS 150 /* libzmq and the guard have done what there is to do */
#define DESCRIPTORS (4 * SHARE + 1024) /* both ends are here, and half must stay free */

struct stage {
	void *context, *link, *feed;
	char endpoint[64], feed_endpoint[64];
	struct guard *guard;
	zloop_t *zloop;
};

static void *server(struct stage *stage, int type, char *endpoint)
{
	void *socket = zmq_socket(stage->context, type);
	struct fault fault = {0};

	assert_int_equal(guard_watch(stage->guard, socket, &fault), E_OK);
	assert_int_equal(zmq_bind(socket, "tcp://127.0.0.1:*"), 0);
	socket_endpoint(socket, endpoint, sizeof stage->endpoint);
	return socket;
}

static void stage_set(struct stage *stage, struct guard_limits limits)
{
	stage->context = zmq_ctx_new();
	stage->guard = guard_new(stage->context, NULL, &limits);
	stage->link = server(stage, ZMQ_ROUTER, stage->endpoint);
	stage->feed = server(stage, ZMQ_XPUB, stage->feed_endpoint);
	stage->zloop = zloop_new();
	guard_attach(stage->guard, stage->zloop);
}

static void stage_strike(struct stage *stage)
{
	zloop_destroy(&stage->zloop);
	zmq_close(stage->link);
	zmq_close(stage->feed);
	guard_free(stage->guard);
	zmq_ctx_term(stage->context);
}

/* ---- ZMTP without CURVE, by hand: a peer that is let in at once and says parts without an end */

enum { MORE = 1, LONG = 2, COMMAND = 4 };

static int peer_open(const char *endpoint, const char *host)
{
	static const uint8_t greeting[64] = {0xff, [9] = 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
	static const char ready[] = "\x05READY\x0bSocket-Type\0\0\0\x06" "DEALER";
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
	const uint8_t head[9] = {LONG | (more ? MORE : 0), 0, 0, 0, 0, (uint8_t)(size >> 24), (uint8_t)(size >> 16),
				 (uint8_t)(size >> 8), (uint8_t)size};

	return zmtp_write(fd, head, sizeof head) && zmtp_write(fd, zeros, size);
}

/* The next message of the link is read, as that of whoever holds the key. */
static void hear(struct stage *stage, const uint8_t key[KEY_SIZE])
{
	zmq_msg_t frame;

	for (int part = 0; part < 2; part++) {
		zmq_msg_init(&frame);
		assert_true(zmq_msg_recv(&frame, stage->link, 0) >= 0);
		if (part == 1)
			guard_heard(stage->guard, stage->link, &frame, key);
		zmq_msg_close(&frame);
	}
}

static int end_loop(zloop_t *zloop, int timer, void *context)
{
	(void)zloop, (void)timer, (void)context;
	return -1;
}

static void stage_run(struct stage *stage, size_t ms)
{
	zloop_timer(stage->zloop, ms, 1, end_loop, NULL);
	zloop_start(stage->zloop);
	guard_tick(stage->guard, clock_now().steady);
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

/* More than an address may leave unsaid in all, by connections that have greeted: their messages are on their way. */
static void offices_behind_one_address_do_not_pay_for_each_other(void **state)
{
	enum { OFFICES = GUARD_SOURCE_UNREAD_MOST / (4 * PART) + 4 };
	static int fds[OFFICES];
	struct stage stage;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	for (uint8_t i = 0; i < OFFICES; i++) {
		fds[i] = peer_open(stage.endpoint, HOST);
		stage_run(&stage, 10);
		peer_part(fds[i], false, 10);
		hear(&stage, (const uint8_t[KEY_SIZE]){i});
	}
	for (size_t i = 0; i < OFFICES; i++)
		for (int part = 0; part < 4; part++)
			assert_true(peer_part(fds[i], true, PART));
	for (int looks = 0; looks < 60; looks++) /* three rounds */
		stage_run(&stage, 20);
	assert_int_equal(count_ended(fds, OFFICES), 0);
	close_all(fds, OFFICES);
	stage_strike(&stage);
}

static void strangers_behind_one_address_answer_for_each_other(void **state)
{
	enum { STRANGERS = GUARD_SOURCE_UNREAD_MOST / (7 * PART) + 4 };
	static int fds[STRANGERS];
	struct stage stage;
	size_t ended = 0;

	(void)state;
	stage_set(&stage, (struct guard_limits){.most = SHARE, .rate = 1000});
	for (size_t i = 0; i < STRANGERS; i++) {
		fds[i] = peer_open(stage.endpoint, HOST);
		for (int part = 0; part < 7; part++)
			peer_part(fds[i], true, PART);
	}
	for (int looks = 0; looks < 100 && (ended = count_ended(fds, STRANGERS)) == 0; looks++)
		stage_run(&stage, 50);
	assert_true(ended > 0);
	close_all(fds, STRANGERS);
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
		cmocka_unit_test(what_ends_gives_its_place_to_the_next),
		cmocka_unit_test(a_descriptor_that_goes_to_the_other_socket_is_counted_there),
		cmocka_unit_test(who_fills_memory_without_an_end_is_cut_and_its_neighbour_is_let_in),
		cmocka_unit_test(offices_behind_one_address_do_not_pay_for_each_other),
		cmocka_unit_test(strangers_behind_one_address_answer_for_each_other),
		cmocka_unit_test(new_connections_of_an_address_come_at_its_pace),
		cmocka_unit_test(the_kernel_knows_who_is_there_and_how_much_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
