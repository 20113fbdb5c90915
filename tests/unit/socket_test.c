/* socket_test - a server lets nobody in unless a ZAP handler says so, and sending never blocks. */
#include "common/socket.h"
#include "common/limit.h"
#include "tests/support/fixed.h"

#include <pthread.h>
#include <stdio.h>

/* A broker's and a node's sockets over loopback, and a ZAP handler that lets everybody in when it is started. */
struct link {
	void *context, *server, *client, *zap;
	bool zap_started;
	pthread_t zap_thread;
	struct broker_keys broker;
	struct node_keys node;
	char endpoint[64];
};

static void *zap_admit(void *argument)
{
	static const char *const answer[] = {"1.0", NULL, "200", "OK", "node", ""};
	struct link *link = argument;
	char request_id[64], frame[256];
	int more;

	for (;;) {
		size_t size = sizeof more, part = 0;
		int id_size = 0;

		do {
			int received = zmq_recv(link->zap, part == 1 ? request_id : frame,
						part == 1 ? sizeof request_id : sizeof frame, 0);

			if (received < 0)
				return NULL;
			if (part == 1)
				id_size = received;
			part++;
			zmq_getsockopt(link->zap, ZMQ_RCVMORE, &more, &size);
		} while (more);
		for (size_t i = 0; i < 6; i++)
			zmq_send(link->zap, i == 1 ? request_id : answer[i],
				 i == 1 ? (size_t)id_size : strlen(answer[i]), i < 5 ? ZMQ_SNDMORE : 0);
	}
}

static void zap_start(struct link *link)
{
	link->zap = zmq_socket(link->context, ZMQ_REP);
	assert_int_equal(zmq_bind(link->zap, ZAP_ENDPOINT), 0);
	assert_int_equal(pthread_create(&link->zap_thread, NULL, zap_admit, link), 0);
	link->zap_started = true;
}

static int setup(void **state)
{
	struct link *link = calloc(1, sizeof *link);

	*state = link;
	link->context = zmq_ctx_new();
	broker_keys_generate(&link->broker);
	node_keys_generate(&link->node, 1);
	return 0;
}

/* After the ZAP handler, if a test wants one. */
static void join(struct link *link)
{
	link->server = socket_server(link->context, ZMQ_ROUTER, ZAP_DOMAIN_LINK, link->broker.curve_secret);
	link->client = socket_client(link->context, ZMQ_DEALER, link->broker.curve_public, &link->node);
	assert_non_null(link->server);
	assert_non_null(link->client);
	assert_int_equal(zmq_bind(link->server, "tcp://127.0.0.1:*"), 0);
	socket_endpoint(link->server, link->endpoint, sizeof link->endpoint);
	assert_int_equal(strncmp(link->endpoint, "tcp://127.0.0.1:", 16), 0);
	assert_int_equal(zmq_connect(link->client, link->endpoint), 0);
}

static int teardown(void **state)
{
	struct link *link = *state;

	if (link->client)
		zmq_close(link->client);
	if (link->server)
		zmq_close(link->server);
	zmq_ctx_shutdown(link->context);
	if (link->zap_started) {
		pthread_join(link->zap_thread, NULL);
		zmq_close(link->zap);
	}
	zmq_ctx_term(link->context);
	free(link);
	return 0;
}

static bool arrives(void *socket, long milliseconds)
{
	zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};

	return zmq_poll(&item, 1, milliseconds) > 0;
}

static void nobody_comes_in_without_a_zap_handler(void **state)
{
	struct link *link = *state;

	join(link);
	assert_int_equal(socket_send(link->client, "hello", 5, false), E_OK);
	assert_false(arrives(link->server, 500));
}

static void who_is_admitted_comes_in(void **state)
{
	struct link *link = *state;

	zap_start(link);
	join(link);
	assert_int_equal(socket_send(link->client, "hello", 5, false), E_OK);
	assert_true(arrives(link->server, 5000));
}

static void a_frame_above_the_limit_does_not_arrive(void **state)
{
	struct link *link = *state;
	uint8_t *frame = calloc(1, LIMIT_FRAME + 1);

	zap_start(link);
	join(link);
	assert_int_equal(socket_send(link->client, frame, LIMIT_FRAME + 1, false), E_OK);
	assert_false(arrives(link->server, 500));
	free(frame);
}

static void a_client_with_the_wrong_server_key_stays_out(void **state)
{
	struct link *link = *state;
	struct broker_keys other;

	zap_start(link);
	join(link);
	zmq_close(link->client);
	broker_keys_generate(&other);
	link->client = socket_client(link->context, ZMQ_DEALER, other.curve_public, &link->node);
	assert_int_equal(zmq_connect(link->client, link->endpoint), 0);
	assert_int_equal(socket_send(link->client, "hello", 5, false), E_OK);
	assert_false(arrives(link->server, 500));
}

static void a_full_queue_is_busy_and_a_strange_peer_unreachable(void **state)
{
	struct link *link = *state;
	enum error error = E_OK;
	unsigned sent = 0;

	join(link);
	assert_int_equal(socket_send(link->server, "nobody", 6, true), E_UNREACHABLE);
	while (error == E_OK && sent++ < 100000)
		error = socket_send(link->client, "hello", 5, false);
	assert_int_equal(error, E_BUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_comes_in_without_a_zap_handler, setup, teardown),
		cmocka_unit_test_setup_teardown(who_is_admitted_comes_in, setup, teardown),
		cmocka_unit_test_setup_teardown(a_frame_above_the_limit_does_not_arrive, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_with_the_wrong_server_key_stays_out, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_queue_is_busy_and_a_strange_peer_unreachable, setup, teardown),
	};

	keys_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
