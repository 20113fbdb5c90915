/* crowd - members that greet, fetch what there is, and say now and then that they live. */
#include "tests/bench/crowd.h"
#include "common/clock.h"
#include "common/limit.h"
#include "common/memory.h"
#include "common/socket.h"
#include "common/wire.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zmq.h>

enum {
	ROUND_MS = 50,	     /* each member is looked at so often */
	GREETED_AT_ONCE = 25, /* in a round: handshakes must be done within their time */
	ACK_MS = LIMIT_SIGN_OF_LIFE_MS,
	ANSWER_MS = 5000,
	PAUSE_MS = 1000, /* after a refusal */
};

enum member_state { MEMBER_NEW, MEMBER_GREETING, MEMBER_FETCHING, MEMBER_LIVE };

struct crowd_member {
	const struct node_keys *keys;
	char node[LIMIT_NODE_NAME + 1];
	enum member_state state;
	void *link, *feed;
	struct position cursor;
	uint64_t seq;
	steady_ms asked, acked, heard;
};

struct crowd_process {
	const struct laid *laid;
	struct crowd_shared *shared;
	void *zmq;
	struct crowd_member *members;
	size_t count; /* that have sockets */
	struct arena arena;
};

/* ------------------------------------------------------------------ what a member says */

static void up_send(struct crowd_member *member, Simpul__Up *up)
{
	struct buffer frame = {0};

	up->seq = ++member->seq;
	wire_pack(up, &frame);
	zmq_send(member->link, frame.data, frame.size, ZMQ_DONTWAIT);
	buffer_free(&frame);
	member->asked = clock_now().steady;
}

static void hello_send(const struct crowd_process *process, struct crowd_member *member)
{
	Simpul__Hello hello = SIMPUL__HELLO__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Position cursor;

	position_to_message(&member->cursor, &cursor);
	hello.version = LINK_VERSION;
	hello.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, (uint8_t *)(uintptr_t)process->laid->join.exchange};
	hello.node = member->node;
	hello.key_id = member->keys->key_id;
	hello.cursor = &cursor;
	hello.epoch = 1;
	up.message_case = SIMPUL__UP__MESSAGE_HELLO;
	up.hello = &hello;
	up_send(member, &up);
	member->state = MEMBER_GREETING;
}

static void fetch_send(struct crowd_member *member)
{
	Simpul__Fetch fetch = SIMPUL__FETCH__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Position cursor;

	position_to_message(&member->cursor, &cursor);
	fetch.cursor = &cursor;
	up.message_case = SIMPUL__UP__MESSAGE_FETCH;
	up.fetch = &fetch;
	up_send(member, &up);
	member->state = MEMBER_FETCHING;
}

static void ack_send(struct crowd_member *member, steady_ms now)
{
	Simpul__Ack ack = SIMPUL__ACK__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;
	Simpul__Position cursor;

	position_to_message(&member->cursor, &cursor);
	ack.cursor = &cursor;
	up.message_case = SIMPUL__UP__MESSAGE_ACK;
	up.ack = &ack;
	up_send(member, &up);
	member->acked = now;
}

/* ------------------------------------------------------------------ what it hears */

static void batch_take(struct crowd_member *member, const Simpul__Batch *batch)
{
	struct position upto;

	if (position_of_message(&upto, batch->upto) != E_OK)
		return;
	if (upto.entry > member->cursor.entry) {
		member->cursor = upto;
		fetch_send(member);
		return;
	}
	member->cursor = upto;
	member->state = MEMBER_LIVE;
}

static void down_take(struct crowd_member *member, const Simpul__Down *down)
{
	if (down->message_case == SIMPUL__DOWN__MESSAGE_WELCOME && member->state == MEMBER_GREETING) {
		member->cursor.incarnation = down->welcome->head->incarnation;
		zmq_setsockopt(member->feed, ZMQ_SUBSCRIBE, down->welcome->feed_topic.data, down->welcome->feed_topic.len);
		fetch_send(member);
	} else if (down->message_case == SIMPUL__DOWN__MESSAGE_BATCH && member->state == MEMBER_FETCHING) {
		batch_take(member, down->batch);
	} else if (down->message_case == SIMPUL__DOWN__MESSAGE_REFUSAL ||
		   down->message_case == SIMPUL__DOWN__MESSAGE_GOODBYE) {
		member->state = MEMBER_NEW;
		member->asked = clock_now().steady;
	}
}

/* Takes what has come on a socket; true when something had. */
static bool socket_drain(struct crowd_process *process, void *socket, struct crowd_member *member)
{
	bool any = false;
	zmq_msg_t frame;

	for (;;) {
		zmq_msg_init(&frame);
		if (zmq_msg_recv(&frame, socket, ZMQ_DONTWAIT) < 0)
			break;
		any = true;
		if (member) {
			const Simpul__Down *down = simpul__down__unpack(&process->arena.protobuf, zmq_msg_size(&frame),
									zmq_msg_data(&frame));

			if (down)
				down_take(member, down);
			arena_reset(&process->arena);
		} else if (!zmq_msg_more(&frame)) {
			atomic_fetch_add(&process->shared->publications, 1);
		}
		zmq_msg_close(&frame);
	}
	zmq_msg_close(&frame);
	return any;
}

static void member_round(struct crowd_process *process, struct crowd_member *member, steady_ms now)
{
	steady_ms due;

	socket_drain(process, member->link, member);
	if (socket_drain(process, member->feed, NULL))
		member->heard = now;
	/* As an agent does (uplink.c): with a heartbeat that has just come. */
	due = member->acked + ACK_MS - (member->heard == now ? 1000 : 0);
	if (member->state == MEMBER_LIVE && now >= due)
		ack_send(member, now);
	else if (member->state != MEMBER_LIVE &&
		 now > member->asked + (member->state == MEMBER_NEW ? PAUSE_MS : ANSWER_MS))
		hello_send(process, member);
}

/* ------------------------------------------------------------------ the process */

static void member_open(struct crowd_process *process, struct crowd_member *member)
{
	const struct join *join = &process->laid->join;

	member->link = socket_client(process->zmq, ZMQ_DEALER, join->broker_curve, member->keys);
	member->feed = socket_client(process->zmq, ZMQ_SUB, join->broker_curve, member->keys);
	if (!member->link || !member->feed || zmq_connect(member->link, join->link_endpoint) != 0 ||
	    zmq_connect(member->feed, join->feed_endpoint) != 0) {
		atomic_store(&process->shared->failed, true);
		_exit(1);
	}
	/* Signs of life of many members are spread as those of many offices would be. */
	member->acked = clock_now().steady - process->count * 37 % ACK_MS;
	hello_send(process, member);
}

static void count_members(struct crowd_process *process)
{
	const steady_ms since = atomic_load(&process->shared->listen_since);
	uint64_t live = 0, heard = 0;

	for (size_t i = 0; i < process->count; i++) {
		live += process->members[i].state == MEMBER_LIVE;
		heard += process->members[i].heard > since;
	}
	atomic_store(&process->shared->live, live);
	atomic_store(&process->shared->heard_since, heard);
}

_Noreturn static void crowd_work(struct crowd_process *process, size_t most)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	process->zmq = zmq_ctx_new();
	zmq_ctx_set(process->zmq, ZMQ_MAX_SOCKETS, (int)(2 * most + 16));
	arena_init(&process->arena);
	while (!atomic_load(&process->shared->stop)) {
		const steady_ms begin = clock_now().steady;

		for (size_t i = 0; i < GREETED_AT_ONCE && process->count < atomic_load(&process->shared->wanted) &&
				   process->count < most;
		     i++) {
			member_open(process, &process->members[process->count]);
			process->count++;
		}
		for (size_t i = 0; i < process->count; i++)
			member_round(process, &process->members[i], begin);
		count_members(process);
		if (clock_now().steady - begin < ROUND_MS)
			sleep_ms((unsigned)(ROUND_MS - (clock_now().steady - begin)));
	}
	_exit(0); /* thousands of sockets are closed fastest by the kernel */
}

void crowd_start(struct crowd *crowd, const struct laid *laid, size_t first, size_t most)
{
	struct crowd_process process = {.laid = laid};

	crowd->shared = mmap(NULL, sizeof *crowd->shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (crowd->shared == MAP_FAILED || (crowd->pid = fork()) < 0)
		laid_fail(laid, "the crowd's process");
	if (crowd->pid > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	process.shared = crowd->shared;
	process.members = memory_zero(most, sizeof *process.members);
	for (size_t i = 0; i < most; i++) {
		process.members[i].keys = &laid->keys[first + i];
		laid_name(first + i, process.members[i].node);
		process.members[i].cursor = laid->position; /* they were there until the broker stopped */
	}
	crowd_work(&process, most);
}

void crowd_wait(const struct crowd *crowd, const struct laid *laid, uint64_t wanted, int seconds)
{
	const uint64_t deadline = clock_steady_us() + (uint64_t)seconds * 1000000;

	atomic_store(&crowd->shared->wanted, wanted);
	while (atomic_load(&crowd->shared->live) < wanted) {
		if (!process_alive(crowd->pid) || clock_steady_us() > deadline)
			laid_fail(laid, "not all members are connected in time");
		sleep_ms(10);
	}
}

void crowd_listen_anew(struct crowd *crowd)
{
	atomic_store(&crowd->shared->listen_since, clock_now().steady);
	atomic_store(&crowd->shared->heard_since, 0);
}

void crowd_stop(struct crowd *crowd)
{
	atomic_store(&crowd->shared->stop, true);
	process_end(crowd->pid, SIGTERM, 10);
	munmap(crowd->shared, sizeof *crowd->shared);
}
