/* hostile - the attacks themselves; each counts what it did and goes on until its process is ended. */
#include "tests/support/hostile.h"
#include "common/memory.h"
#include "common/socket.h"
#include "common/wire.h"
#include "tests/support/client.h"
#include "tests/support/zmtp.h"

#include <netinet/in.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SWEEP_MS 50
#define KNOCK_US 5000000 /* TCP repeats a request by itself after 1 and 3 seconds; all attackers are on this machine */
#define HELLO_MS patient_ms(5000)

/* It is at work, though nothing may have come of it. */
static void turn(struct attack *attack)
{
	__atomic_fetch_add(attack->turns, 1, __ATOMIC_RELAXED);
}

static void did(struct attack *attack, uint64_t more)
{
	turn(attack);
	__atomic_fetch_add(attack->done, more, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------------------ what is known of the exchange */

struct intruder {
	struct join join;
	struct node_keys keys;
};

static void intruder_load(struct intruder *intruder, const struct attack *attack, bool enrolled)
{
	const struct office *office = &attack->x->offices[attack->office];
	char path[600];

	snprintf(path, sizeof path, "%s/exchange.join", office->folder);
	if (join_load(&intruder->join, path, NULL) != E_OK)
		abort();
	snprintf(path, sizeof path, "%s/%s.keys", office->folder, office->node);
	if (!enrolled)
		node_keys_generate(&intruder->keys, 1);
	else if (node_keys_load(&intruder->keys, NULL, path, NULL) != E_OK)
		abort();
}

/* Half of what comes goes to each of the two sockets. */
static const char *endpoint_of(const struct intruder *intruder, uint64_t number)
{
	return number % 2 ? intruder->join.feed_endpoint : intruder->join.link_endpoint;
}

/* ------------------------------------------------------------------ strangers */

static bool fd_ended(int fd)
{
	uint8_t piece[512];

	return fd < 0 || recv(fd, piece, sizeof piece, MSG_DONTWAIT) == 0;
}

/* A silent connection: its descriptor, since when, and whether it was let in. */
struct silent {
	int fd;
	bool is_in;
	uint64_t begun;
};

static void silent_begin(struct silent *silent, int events, uint64_t number, const struct intruder *intruder)
{
	struct epoll_event wanted = {.events = EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.u64 = number};

	if (silent->fd >= 0)
		close(silent->fd);
	silent->fd = zmtp_knock(endpoint_of(intruder, number), HOSTILE_STRANGER);
	silent->begun = clock_steady_us();
	silent->is_in = false;
	if (silent->fd >= 0)
		epoll_ctl(events, EPOLL_CTL_ADD, silent->fd, &wanted);
}

/* Those that were ended begin anew; how many. */
static uint64_t silent_renew(struct silent *silent, int events, const struct intruder *intruder)
{
	struct epoll_event came[256];
	const int count = epoll_wait(events, came, 256, SWEEP_MS);
	uint64_t begun = 0;

	for (int i = 0; i < count; i++) {
		struct silent *one = &silent[came[i].data.u64];

		one->is_in = true;
		if (!(came[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)))
			continue;
		silent_begin(one, events, came[i].data.u64, intruder);
		begun += one->fd >= 0;
	}
	return begun;
}

/* Those that had no answer for long, and those that could not even be asked for, as well. */
static uint64_t silent_repeat(struct silent *silent, uint64_t amount, int events, const struct intruder *intruder)
{
	uint64_t begun = 0;

	for (uint64_t i = 0; i < amount; i++)
		if (silent[i].fd < 0 || (!silent[i].is_in && clock_steady_us() - silent[i].begun > KNOCK_US)) {
			silent_begin(&silent[i], events, i, intruder);
			begun += silent[i].fd >= 0;
		}
	return begun;
}

/* The kernel says which were ended: whoever asks each of ten thousand takes the processor from those whom he attacks, which no
 * attacker from elsewhere does. */
void hostile_silent(struct attack *attack)
{
	struct intruder intruder;
	struct silent *silent = memory_zero(attack->amount, sizeof *silent);
	const int events = epoll_create1(EPOLL_CLOEXEC);
	uint64_t swept = 0;

	intruder_load(&intruder, attack, false);
	for (uint64_t i = 0; i < attack->amount; i++)
		silent[i].fd = -1;
	for (;;) {
		did(attack, silent_renew(silent, events, &intruder));
		if (clock_steady_us() - swept < SWEEP_MS * 1000)
			continue;
		did(attack, silent_repeat(silent, attack->amount, events, &intruder));
		swept = clock_steady_us();
	}
}

void hostile_stalled(struct attack *attack)
{
	struct intruder intruder;
	struct zmtp *connections = memory_zero(attack->amount, sizeof *connections);

	intruder_load(&intruder, attack, false);
	for (uint64_t i = 0; i < attack->amount; i++)
		connections[i].fd = -1;
	for (;;) {
		for (uint64_t i = 0; i < attack->amount; i++) {
			const enum zmtp_step step = (enum zmtp_step)(i / 2 % ZMTP_READY);

			turn(attack);
			if (!fd_ended(connections[i].fd))
				continue;
			zmtp_close(&connections[i]);
			zmtp_open(&connections[i], endpoint_of(&intruder, i), HOSTILE_STRANGER,
				  intruder.join.broker_curve, &intruder.keys, "DEALER", step);
			did(attack, 1);
		}
		sleep_ms(SWEEP_MS);
	}
}

/* One of the things that no ZMTP peer says, chosen by its number. */
static void garbage_say(struct zmtp *z, uint64_t number)
{
	uint8_t noise[1024];

	randombytes_buf(noise, sizeof noise);
	switch (number / 2 % 5) {
	case 0:
		zmtp_write(z->fd, noise, sizeof noise);
		break;
	case 1: /* a command of 2^62 bytes before anything else */
		zmtp_frame(z, ZMTP_COMMAND | ZMTP_LONG, 1ULL << 62, noise, sizeof noise);
		break;
	case 2: /* a message where a command is due */
		zmtp_frame(z, 0, 200, noise, 200);
		break;
	case 3: /* HELLO of the right length and nothing right in it */
		memcpy(noise, "\x05HELLO\x01", 8);
		zmtp_frame(z, ZMTP_COMMAND, 200, noise, 200);
		break;
	default: /* as long as may be, and never whole */
		zmtp_frame(z, ZMTP_COMMAND | ZMTP_LONG, 250 * 1024, noise, sizeof noise);
	}
}

void hostile_garbage(struct attack *attack)
{
	struct intruder intruder;
	struct zmtp *connections = memory_zero(attack->amount, sizeof *connections);

	intruder_load(&intruder, attack, false);
	for (uint64_t i = 0; i < attack->amount; i++)
		connections[i].fd = -1;
	for (uint64_t number = 0;; number++) {
		struct zmtp *z = &connections[number / 2 % attack->amount];

		zmtp_close(z);
		if (zmtp_open(z, endpoint_of(&intruder, number), HOSTILE_STRANGER, intruder.join.broker_curve,
			      &intruder.keys, "DEALER", number / 2 % 5 ? ZMTP_GREETING : ZMTP_SILENT))
			garbage_say(z, number);
		did(attack, 1);
	}
}

void hostile_knocking(struct attack *attack)
{
	struct intruder intruder;
	struct zmtp z;

	intruder_load(&intruder, attack, false);
	for (uint64_t number = 0;; number++) {
		zmtp_open(&z, endpoint_of(&intruder, number), HOSTILE_STRANGER, intruder.join.broker_curve,
			  &intruder.keys, "DEALER", ZMTP_READY);
		zmtp_close(&z);
		did(attack, 1);
	}
}

/* At once, and piece by piece in answer to what the broker says. */
static void replay(struct attack *attack, const char *endpoint, bool whole)
{
	const int fd = zmtp_connect(endpoint, HOSTILE_REPLAYER);
	const size_t piece = whole ? attack->captured.size : 64;
	bool open = fd >= 0;

	for (size_t at = 0; open && at < attack->captured.size; at += piece) {
		const size_t left = attack->captured.size - at;

		open = zmtp_write(fd, attack->captured.data + at, left < piece ? left : piece) &&
		       (whole || !zmtp_ended(fd, 5));
		turn(attack);
	}
	for (int waited = 0; open && waited < 1000; waited += SWEEP_MS) {
		open = !zmtp_ended(fd, SWEEP_MS);
		turn(attack);
	}
	if (fd >= 0)
		close(fd);
}

void hostile_replaying(struct attack *attack)
{
	struct intruder intruder;

	intruder_load(&intruder, attack, false);
	for (uint64_t number = 0;; number++) {
		replay(attack, endpoint_of(&intruder, number), number / 2 % 2);
		did(attack, 1);
	}
}

/* ------------------------------------------------------------------ what the tests must notice */

void hostile_halting(struct attack *attack)
{
	enum { BETWEEN_MS = 100 }; /* less than a window of a probe takes */

	for (;;) {
		kill(attack->x->broker, SIGSTOP);
		sleep_ms((unsigned)attack->amount);
		kill(attack->x->broker, SIGCONT);
		did(attack, 1);
		sleep_ms(BETWEEN_MS);
	}
}

/* ------------------------------------------------------------------ a member by hand */

static void malformed_say(struct zmtp *z, uint64_t number)
{
	static uint8_t large[300 * 1024];
	uint8_t noise[600];

	randombytes_buf(noise, sizeof noise);
	switch (number % 7) {
	case 0: /* decodes as nothing */
		zmtp_message(z, 0, noise, 1 + randombytes_uniform(sizeof noise - 1));
		break;
	case 1:
		zmtp_message(z, 0, "", 0);
		break;
	case 2: /* above what a link frame may have */
		zmtp_message(z, 0, large, sizeof large);
		break;
	case 3: /* a box that nobody made */
		memcpy(noise, "\x07MESSAGE", 8);
		zmtp_frame(z, ZMTP_LONG, sizeof noise, noise, sizeof noise);
		break;
	case 4: /* 2^63 bytes */
		zmtp_frame(z, ZMTP_LONG, 1ULL << 63, noise, sizeof noise);
		break;
	case 5: /* messages within messages */
		memset(noise, 0x12, sizeof noise);
		zmtp_message(z, 0, noise, sizeof noise);
		break;
	default: /* the same box twice */
		zmtp_message(z, 0, noise, 32);
		z->nonce--;
		zmtp_message(z, 0, noise, 32);
	}
}

void hostile_malformed(struct attack *attack)
{
	struct intruder intruder;
	struct zmtp z;

	intruder_load(&intruder, attack, true);
	for (uint64_t number = 0;; number++) {
		if (zmtp_open(&z, intruder.join.link_endpoint, HOSTILE_MEMBER, intruder.join.broker_curve,
			      &intruder.keys, "DEALER", ZMTP_READY)) {
			malformed_say(&z, number);
			malformed_say(&z, number + 1);
			zmtp_close(&z);
			did(attack, 1);
		}
		turn(attack);
		sleep_ms(2);
	}
}

/* On the link, then on the feed, whose frames are small. */
void hostile_endless(struct attack *attack)
{
	static uint8_t part[64 * 1024];
	struct intruder intruder;
	struct zmtp z;

	intruder_load(&intruder, attack, true);
	for (uint64_t number = 0;; number++) {
		const bool feed = number % 2;

		if (zmtp_open(&z, endpoint_of(&intruder, number), HOSTILE_MEMBER, intruder.join.broker_curve,
			      &intruder.keys, feed ? "SUB" : "DEALER", ZMTP_READY))
			while (zmtp_message(&z, ZMTP_MORE, part, feed ? 512 : sizeof part))
				did(attack, 1);
		else
			sleep_ms(SWEEP_MS);
		turn(attack);
		zmtp_close(&z);
	}
}

/* Ends a connection with a RST, whatever is under way. */
static void reset(struct zmtp *z)
{
	const struct linger at_once = {.l_onoff = 1};

	if (z->fd >= 0)
		setsockopt(z->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	zmtp_close(z);
}

/* Wherever the broker stops reading, a PING comes next: it owes each connection a PONG, and answers to many messages, at
 * the moment when it is gone. */
void hostile_resetting(struct attack *attack)
{
	enum { CONNECTIONS = 64, MESSAGES = 200, COMMAND_INSIDE = 2 };
	static const char ping[] = "\x04PING\0\0";
	static struct zmtp connections[CONNECTIONS];
	struct intruder intruder;

	intruder_load(&intruder, attack, true);
	for (;;) {
		for (size_t i = 0; i < CONNECTIONS; i++, turn(attack))
			zmtp_open(&connections[i], intruder.join.link_endpoint, HOSTILE_RESETTER,
				  intruder.join.broker_curve, &intruder.keys, "DEALER", ZMTP_READY);
		for (size_t i = 0; i < CONNECTIONS; i++) {
			for (size_t k = 0; k < MESSAGES && connections[i].fd >= 0; k++) {
				zmtp_message(&connections[i], 0, "?", 1);
				zmtp_message(&connections[i], COMMAND_INSIDE, ping, sizeof ping - 1);
			}
			did(attack, connections[i].fd >= 0);
			reset(&connections[i]);
		}
		sleep_ms(SWEEP_MS);
	}
}

/* ------------------------------------------------------------------ a member with libzmq */

/* Its session; again when it was refused for a moment. */
static void member_open(struct client *c, const struct attack *attack)
{
	for (;;) {
		client_open(c, attack->x, attack->office, false);
		if (client_refused(client_hello(c, c->node, HELLO_MS)) == E_OK)
			return;
		client_close(c);
		sleep_ms(SWEEP_MS);
	}
}

static void flood_say(struct client *c, uint64_t number)
{
	const struct client_report report = {
		.category = "public-order", .region = "16.01", .summary = "flood", .number = 1 + number % 3};
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Bye bye = SIMPUL__BYE__INIT;

	switch (number % 8) {
	case 0:
		client_hello(c, c->node, 0);
		break;
	case 1:
		client_fetch(c, &c->cursor, 0);
		break;
	case 2:
		client_ack(c);
		break;
	case 3:
		up.message_case = SIMPUL__UP__MESSAGE_BYE;
		up.bye = &bye;
		client_send(c, &up);
		break;
	default:
		client_submit(c, &report);
	}
}

void hostile_flood(struct attack *attack)
{
	struct client c;

	member_open(&c, attack);
	for (uint64_t number = 0;; number++) {
		const uint64_t before = c.sent;

		flood_say(&c, number);
		did(attack, c.sent - before);
	}
}

/* An XSUB says what it is told, also the same topic twice. */
static void *feed_raw(struct client *c)
{
	void *socket = socket_client(c->context, ZMQ_XSUB, c->join.broker_curve, &c->keys);
	const int no_limit = 0;

	if (!socket || zmq_setsockopt(socket, ZMQ_SNDHWM, &no_limit, sizeof no_limit) != 0 ||
	    zmq_connect(socket, c->join.feed_endpoint) != 0)
		abort();
	return socket;
}

void hostile_topics(struct attack *attack)
{
	struct client c;
	uint8_t topic[1 + FEED_TOPIC_SIZE] = {1};
	void *feed;

	member_open(&c, attack);
	feed = feed_raw(&c);
	for (uint64_t i = 0; i < attack->amount; i++) {
		randombytes_buf(topic + 1, FEED_TOPIC_SIZE);
		did(attack, zmq_send(feed, topic, sizeof topic, ZMQ_DONTWAIT) >= 0);
	}
	/* And so it goes on, one for another. */
	for (;; topic[0] = !topic[0]) {
		zmq_send(feed, topic, sizeof topic, ZMQ_DONTWAIT);
		turn(attack);
		sleep_ms(1);
	}
}

void hostile_everything(struct attack *attack)
{
	struct buffer frame = {0};
	struct client c;
	bool opened;

	member_open(&c, attack);
	client_subscribe(&c, BYTES("", 0));
	attack->marks[MARK_BEGAN] = attack->marks[MARK_LAST] = clock_steady_us();
	for (;;) {
		if (attack->marks[MARK_TOLD] == 0 && client_refused(client_receive(&c, 0)) == E_FOREIGN_FEED)
			attack->marks[MARK_TOLD] = clock_steady_us();
		if (!client_publication(&c, 5, &frame, &opened))
			continue;
		attack->marks[MARK_LAST] = clock_steady_us();
		did(attack, 1);
	}
}

void hostile_deaf(struct attack *attack)
{
	const int little = 1;
	struct client c;

	member_open(&c, attack);
	client_fetch_all(&c, HELLO_MS);
	zmq_setsockopt(c.feed, ZMQ_RCVHWM, &little, sizeof little);
	client_subscribe(&c, BYTES(c.topic, FEED_TOPIC_SIZE));
	for (;;) {
		client_ack(&c);
		did(attack, 1);
		sleep_ms(SWEEP_MS);
	}
}

void hostile_repeating(struct attack *attack)
{
	struct client_report report = {.category = "public-order", .region = "16.01", .summary = "once", .number = 1};
	struct buffer frames[4] = {{0}};
	struct client c;

	member_open(&c, attack);
	for (size_t i = 0; i < 4; i++, report.number++) {
		client_submit_keep(&c, &report, &frames[i]);
		if (client_refused(client_answer(&c, HELLO_MS)) != E_OK)
			abort();
	}
	for (uint64_t number = 0;; number++) {
		const uint64_t before = c.sent;

		client_send_frame(&c, buffer_view(&frames[number % 4]));
		did(attack, c.sent - before);
		while (number % 64 == 0 && client_receive(&c, 0))
			continue;
	}
}
