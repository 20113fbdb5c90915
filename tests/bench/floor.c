/* floor - bare libzmq in the topology of an exchange: DEALER, ROUTER and XPUB, a SUB for each receiver, CURVE.
 *
 * Throughput: 64 reports a frame, nothing is done to them. Latency: one report a frame, and the broker appends it to a
 * file and syncs that before it publishes. Nothing is dropped: full queues make the sender wait. */
#include "tests/bench/bench.h"
#include "common/clock.h"
#include "common/memory.h"
#include "common/socket.h"
#include "tests/support/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zmq.h>

#define REPORTS_PER_FRAME 64
#define HELLO_SIZE 1 /* a frame that makes receivers ready and counts for nothing */

/* The same keys serve everybody: without a ZAP handler libzmq asks for none in particular. */
struct floor {
	uint8_t public[KEY_SIZE], secret[KEY_SIZE];
	char sync_file[80];
	/* where the broker listens, once it does */
	char link[80], feed[80];
	atomic_bool bound;
};

static void *floor_socket(const struct floor *floor, void *context, int type)
{
	void *socket = zmq_socket(context, type);
	const bool server = type == ZMQ_ROUTER || type == ZMQ_XPUB;
	const int one = 1;

	if (server)
		zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &one, sizeof one);
	else
		zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, floor->public, KEY_SIZE);
	zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, floor->public, KEY_SIZE);
	zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, floor->secret, KEY_SIZE);
	if (type == ZMQ_XPUB)
		zmq_setsockopt(socket, ZMQ_XPUB_NODROP, &one, sizeof one);
	if (type == ZMQ_SUB)
		zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
	return socket;
}

/* ------------------------------------------------------------------ broker */

static void frame_sync(int file, zmq_msg_t *message)
{
	if (write(file, zmq_msg_data(message), zmq_msg_size(message)) < 0 || fdatasync(file) != 0)
		_exit(1);
}

static void broker_work(struct team *team, size_t index, void *context)
{
	struct floor *floor = context;
	void *zmq = zmq_ctx_new();
	void *router = floor_socket(floor, zmq, ZMQ_ROUTER), *xpub = floor_socket(floor, zmq, ZMQ_XPUB);
	const int file = open(floor->sync_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	zmq_msg_t message;

	(void)index;
	if (zmq_bind(router, "tcp://127.0.0.1:*") != 0 || zmq_bind(xpub, "tcp://127.0.0.1:*") != 0)
		bench_fail(team->shared, "floor: cannot bind");
	socket_endpoint(router, floor->link, sizeof floor->link);
	socket_endpoint(xpub, floor->feed, sizeof floor->feed);
	atomic_store(&floor->bound, true);
	for (;;) {
		zmq_msg_init(&message);
		if (zmq_msg_recv(&message, router, 0) < 0)
			_exit(1);
		if (!zmq_msg_more(&message)) { /* the routing id came before it */
			if (team->options->latency && zmq_msg_size(&message) > HELLO_SIZE)
				frame_sync(file, &message);
			if (zmq_msg_send(&message, xpub, 0) < 0)
				_exit(1);
		}
		zmq_msg_close(&message);
	}
}

/* ------------------------------------------------------------------ receivers */

static void receiver_work(struct team *team, size_t index, void *context)
{
	struct floor *floor = context;
	struct bench_shared *shared = team->shared;
	struct seat *seat = &shared->seats[index];
	void *zmq = zmq_ctx_new(), *sub = floor_socket(floor, zmq, ZMQ_SUB);
	zmq_msg_t message;

	zmq_connect(sub, floor->feed);
	for (;;) {
		size_t size;

		zmq_msg_init(&message);
		if (zmq_msg_recv(&message, sub, 0) < 0)
			_exit(1);
		size = zmq_msg_size(&message);
		zmq_msg_close(&message);
		if (size == HELLO_SIZE) {
			atomic_store(&seat->ready, true);
			continue;
		}
		const uint64_t now = clock_steady_us(),
			       count = atomic_load(&seat->delivered) + size / team->options->size;

		if (team->options->latency)
			shared->latency_us[(count - 1) % LATENCIES_MOST] =
				(uint32_t)(now - atomic_load(&shared->sent_us));
		atomic_store(&seat->finished_us, now);
		atomic_store(&seat->delivered, count);
		if (team->options->latency)
			team_wake(team);
	}
}

/* ------------------------------------------------------------------ sender */

static bool all_receivers_ready(const struct team *team)
{
	for (size_t i = 0; i < team->options->receivers; i++)
		if (!atomic_load(&team->shared->seats[i].ready))
			return false;
	return true;
}

/* Sends what the goal allows; one report at a time waits until the one before was delivered. */
static uint64_t send_reports(struct team *team, void *dealer, const uint8_t *frame, uint64_t sent)
{
	struct bench_shared *shared = team->shared;
	const bool latency = team->options->latency;
	const uint64_t most = latency ? 1 : REPORTS_PER_FRAME;

	while (sent < atomic_load(&shared->goal) && (!latency || atomic_load(&shared->seats[0].delivered) == sent)) {
		const uint64_t left = atomic_load(&shared->goal) - sent, count = left < most ? left : most;

		atomic_store(&shared->sent_us, clock_steady_us());
		if (zmq_send(dealer, frame, count * team->options->size, 0) < 0)
			_exit(1);
		sent += count;
	}
	return sent;
}

static void sender_work(struct team *team, size_t index, void *context)
{
	struct floor *floor = context;
	struct bench_shared *shared = team->shared;
	void *zmq = zmq_ctx_new(), *dealer = floor_socket(floor, zmq, ZMQ_DEALER);
	uint8_t *frame = memory_zero(REPORTS_PER_FRAME, team->options->size);
	zmq_pollitem_t item = {.fd = team->wake[0], .events = ZMQ_POLLIN};
	uint64_t sent = 0;

	(void)index;
	zmq_connect(dealer, floor->link);
	while (!all_receivers_ready(team)) {
		zmq_send(dealer, frame, HELLO_SIZE, 0);
		zmq_poll(NULL, 0, 20);
	}
	atomic_store(&shared->sender_ready, true);
	while (!atomic_load(&shared->stop)) {
		zmq_poll(&item, 1, 50);
		wake_drain(team);
		atomic_store(&shared->prepared, atomic_load(&shared->prepare));
		sent = send_reports(team, dealer, frame, sent);
		atomic_store(&shared->receipted, sent);
	}
	free(frame);
}

void floor_start(struct team *team)
{
	struct floor *floor = mmap(NULL, sizeof *floor, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	char public[Z85_KEY_SIZE], secret[Z85_KEY_SIZE];

	if (floor == MAP_FAILED)
		abort();
	zmq_curve_keypair(public, secret);
	zmq_z85_decode(floor->public, public);
	zmq_z85_decode(floor->secret, secret);
	snprintf(floor->sync_file, sizeof floor->sync_file, "/tmp/simpul-bench-floor-%d", (int)getpid());
	team->broker = team_fork(team, broker_work, 0, floor);
	team->ends_broker = true;
	while (!atomic_load(&floor->bound)) {
		team_check(team);
		sleep_ms(1);
	}
	for (size_t i = 0; i < team->options->receivers; i++)
		team->receivers[i] = team_fork(team, receiver_work, i, floor);
	team->sender = team_fork(team, sender_work, 0, floor);
	team_wait_ready(team);
	unlink(floor->sync_file);
	munmap(floor, sizeof *floor);
}
