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
		cmocka_unit_test(the_kernel_knows_who_is_there_and_how_much_came),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
