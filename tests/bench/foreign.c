/* foreign - what a member that subscribes to everything costs, and how soon it is gone.
 *
 *   simpul-bench foreign [--nodes N] [--json]
 *
 * N nodes are connected and idle. One more, enrolled like them, opens the feed and subscribes to everything. Measured: from
 * its subscription to the end of its connection; how many publications it got; until every other node hears its own feed
 * again; the broker's CPU before, for the seconds in which it happens, and afterwards, while the member goes on trying. */
#include "tests/bench/crowd.h"
#include "tests/bench/scale.h"
#include "common/clock.h"
#include "common/socket.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { CONNECT_SECONDS = 120, GONE_SECONDS = 20, CPU_MS = 5000, MONITOR_FRAME = 6 };

struct arguments {
	size_t nodes;
	bool json;
};

struct figures {
	double gone_ms, back_ms; /* from the subscription */
	size_t received;	 /* publications that it got; sealed for others */
	double cpu_before, cpu_during, cpu_after; /* percent of a core, over CPU_MS each */
};

/* The member: a SUB socket, and a monitor that says what becomes of its connection. */
struct foreigner {
	void *zmq, *feed, *monitor;
	size_t received;
};

static void foreigner_open(struct foreigner *f, const struct laid *laid, size_t receiver)
{
	f->zmq = zmq_ctx_new();
	f->feed = socket_client(f->zmq, ZMQ_SUB, laid->join.broker_curve, &laid->keys[receiver]);
	f->monitor = zmq_socket(f->zmq, ZMQ_PAIR);
	if (!f->feed || zmq_socket_monitor(f->feed, "inproc://foreigner", ZMQ_EVENT_ALL) != 0 ||
	    zmq_connect(f->monitor, "inproc://foreigner") != 0 || zmq_connect(f->feed, laid->join.feed_endpoint) != 0)
		laid_fail(laid, "the foreign member's sockets");
}

static void foreigner_close(struct foreigner *f)
{
	zmq_socket_monitor(f->feed, NULL, 0);
	zmq_close(f->monitor);
	zmq_close(f->feed);
	zmq_ctx_term(f->zmq);
}

/* The next event of its connection, 0 when there is none. */
static int foreigner_event(struct foreigner *f)
{
	uint8_t frame[MONITOR_FRAME] = {0}, endpoint[256];
	uint16_t event;

	if (zmq_recv(f->monitor, frame, sizeof frame, ZMQ_DONTWAIT) < 0)
		return 0;
	zmq_recv(f->monitor, endpoint, sizeof endpoint, 0);
	memcpy(&event, frame, sizeof event);
	return event;
}

static void publications_count(struct foreigner *f)
{
	uint8_t frame[4096];
	int more = 0;
	size_t size = sizeof more;

	while (zmq_recv(f->feed, frame, sizeof frame, ZMQ_DONTWAIT) >= 0) {
		zmq_getsockopt(f->feed, ZMQ_RCVMORE, &more, &size);
		f->received += !more;
	}
}

/* Until this event; the time. */
static uint64_t foreigner_wait(struct foreigner *f, const struct laid *laid, int event)
{
	const uint64_t deadline = clock_steady_us() + GONE_SECONDS * 1000000ULL;

	for (;;) {
		zmq_pollitem_t items[] = {{.socket = f->monitor, .events = ZMQ_POLLIN},
					  {.socket = f->feed, .events = ZMQ_POLLIN}};

		zmq_poll(items, 2, 10);
		publications_count(f);
		for (int seen; (seen = foreigner_event(f)) != 0;)
			if (seen == event)
				return clock_steady_us();
		if (clock_steady_us() > deadline)
			laid_fail(laid, "the foreign member is neither let in nor cut off in time");
	}
}

static double cpu_percent(const struct laid *laid, uint64_t since_us, uint64_t since_cpu)
{
	return (double)(process_cpu_us(laid->exchange.broker) - since_cpu) * 100 / (double)(clock_steady_us() - since_us);
}

static double cpu_over(const struct laid *laid)
{
	const uint64_t cpu = process_cpu_us(laid->exchange.broker), start = clock_steady_us();

	sleep_ms(CPU_MS);
	return cpu_percent(laid, start, cpu);
}

/* The number of members that heard their feeds was set to nobody when the subscription went out. */
static void others_wait(const struct laid *laid, const struct crowd *crowd, size_t nodes)
{
	const uint64_t deadline = clock_steady_us() + GONE_SECONDS * 1000000ULL;

	while (atomic_load(&crowd->shared->heard_since) < nodes) {
		if (clock_steady_us() > deadline)
			laid_fail(laid, "not all others hear their feeds again");
		sleep_ms(5);
	}
}

static void run(struct laid *laid, const struct arguments *a, struct figures *f)
{
	struct foreigner foreigner = {0};
	struct crowd crowd;
	uint64_t start, cpu, gone;

	crowd_start(&crowd, laid, 0, a->nodes);
	crowd_wait(&crowd, laid, a->nodes, CONNECT_SECONDS);
	sleep_ms(CPU_MS);
	f->cpu_before = cpu_over(laid);
	foreigner_open(&foreigner, laid, a->nodes);
	foreigner_wait(&foreigner, laid, ZMQ_EVENT_HANDSHAKE_SUCCEEDED);
	cpu = process_cpu_us(laid->exchange.broker);
	start = clock_steady_us();
	zmq_setsockopt(foreigner.feed, ZMQ_SUBSCRIBE, "", 0);
	gone = foreigner_wait(&foreigner, laid, ZMQ_EVENT_DISCONNECTED);
	f->gone_ms = (double)(gone - start) / 1000;
	crowd_listen_anew(&crowd);
	others_wait(laid, &crowd, a->nodes);
	f->back_ms = (double)(clock_steady_us() - start) / 1000;
	if (clock_steady_us() - start < CPU_MS * 1000ULL)
		sleep_ms((unsigned)(CPU_MS - (clock_steady_us() - start) / 1000));
	f->cpu_during = cpu_percent(laid, start, cpu);
	publications_count(&foreigner);
	f->received = foreigner.received;
	f->cpu_after = cpu_over(laid);
	foreigner_close(&foreigner);
	crowd_stop(&crowd);
}

static void print(const struct arguments *a, const struct figures *f)
{
	if (a->json)
		printf("{\"what\": \"foreign\", \"nodes\": %zu, \"gone_ms\": %.0f, \"received\": %zu, \"others_back_ms\": %.0f, "
		       "\"cpu_percent_before\": %.2f, \"cpu_percent_during\": %.2f, \"cpu_percent_after\": %.2f}\n",
		       a->nodes, f->gone_ms, f->received, f->back_ms, f->cpu_before, f->cpu_during, f->cpu_after);
	else
		printf("%zu nodes: gone %.0f ms after it subscribed, with %zu publications; all others hear again after %.0f "
		       "ms; broker's CPU %.1f %% before, %.1f %% in those %d s, %.1f %% afterwards\n",
		       a->nodes, f->gone_ms, f->received, f->back_ms, f->cpu_before, f->cpu_during, CPU_MS / 1000,
		       f->cpu_after);
}

int foreign_main(int argc, char **argv)
{
	static const struct option names[] = {
		{"nodes", required_argument, NULL, 'n'}, {"json", no_argument, NULL, 'j'}, {0}};
	struct arguments a = {.nodes = 100};
	struct figures figures = {0};
	struct laid laid;
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 'n')
			a.nodes = scale_number(optarg, 1, LIMIT_NODES - 2);
		else if (option == 'j')
			a.json = true;
		else
			scale_number("", 0, 0);
	}
	laid_make(&laid, a.nodes + 1, 512, 1);
	laid_start_us(&laid);
	run(&laid, &a, &figures);
	print(&a, &figures);
	laid_end(&laid);
	return 0;
}
