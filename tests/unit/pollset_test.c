/* pollset_test - nothing that came to a socket is waited for in vain, whoever took its descriptor's word. */
#include "broker/serve/pollset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>
#include <cmocka.h>

enum { WAIT_MS = 1000 };

/* Two ends of an inproc pair; `far` is what the tests speak by. */
struct stage {
	void *context, *far, *near;
	struct pollset *set;
	int fd;		      /* an eventfd */
	unsigned received;    /* messages */
	unsigned asked;	      /* how often the socket's handler was called */
	unsigned at_once;     /* most that the handler takes; 0: all */
	bool speaks_on_event; /* the eventfd's handler sends on `near` while a message comes in */
};

static bool take_one(struct stage *stage)
{
	char byte;

	if (zmq_recv(stage->near, &byte, 1, ZMQ_DONTWAIT) < 0)
		return false;
	stage->received++;
	return true;
}

static enum pollset_result on_near(void *context)
{
	struct stage *stage = context;
	unsigned taken = 0;

	stage->asked++;
	while ((stage->at_once == 0 || taken < stage->at_once) && take_one(stage))
		taken++;
	if (stage->at_once != 0 && taken == stage->at_once)
		return POLLSET_MORE;
	return taken > 0 ? POLLSET_SOME : POLLSET_NOTHING;
}

static void say(struct stage *stage)
{
	assert_int_equal(zmq_send(stage->far, "x", 1, 0), 1);
}

static enum pollset_result on_event(void *context)
{
	struct stage *stage = context;
	uint64_t count;

	assert_int_equal(read(stage->fd, &count, sizeof count), sizeof count);
	if (stage->speaks_on_event) {
		uint32_t events;
		size_t size = sizeof events;

		say(stage);
		zmq_getsockopt(stage->near, ZMQ_EVENTS, &events, &size); /* the descriptor has nothing to tell any more */
		assert_int_equal(zmq_send(stage->near, "y", 1, ZMQ_DONTWAIT), 1);
	}
	return POLLSET_SOME;
}

static enum pollset_result on_stop(void *context)
{
	(void)context;
	return POLLSET_STOP;
}

static int stage_set(void **state)
{
	static struct stage stage;

	stage = (struct stage){.context = zmq_ctx_new(), .set = pollset_new(), .fd = eventfd(0, EFD_NONBLOCK)};
	stage.far = zmq_socket(stage.context, ZMQ_PAIR);
	stage.near = zmq_socket(stage.context, ZMQ_PAIR);
	*state = &stage;
	return zmq_bind(stage.near, "inproc://pollset") == 0 && zmq_connect(stage.far, "inproc://pollset") == 0 ? 0 : -1;
}

static int stage_strike(void **state)
{
	struct stage *stage = *state;

	pollset_free(stage->set);
	zmq_close(stage->far);
	zmq_close(stage->near);
	zmq_ctx_term(stage->context);
	close(stage->fd);
	return 0;
}

static void ring(const struct stage *stage)
{
	const uint64_t one = 1;

	assert_int_equal(write(stage->fd, &one, sizeof one), sizeof one);
}

static void settle(struct stage *stage)
{
	assert_true(pollset_turn(stage->set, 0));
	assert_true(pollset_turn(stage->set, 0));
}

static void what_came_before_the_socket_was_added_is_found(void **state)
{
	struct stage *stage = *state;
	uint32_t events;
	size_t size = sizeof events;

	say(stage);
	zmq_getsockopt(stage->near, ZMQ_EVENTS, &events, &size);
	pollset_add_socket(stage->set, stage->near, false, on_near, stage);
	assert_true(pollset_turn(stage->set, WAIT_MS));
	assert_int_equal(stage->received, 1);
}

static void a_message_ends_the_wait(void **state)
{
	struct stage *stage = *state;
	steady_ms begin;

	pollset_add_socket(stage->set, stage->near, false, on_near, stage);
	settle(stage);
	say(stage);
	begin = clock_now().steady;
	for (int i = 0; i < 3 && stage->received == 0; i++)
		assert_true(pollset_turn(stage->set, WAIT_MS));
	assert_int_equal(stage->received, 1);
	assert_true(clock_now().steady - begin < WAIT_MS);
}

/* Another handler used the socket, and with that took the descriptor's word for what had come. */
static void what_comes_while_another_sends_on_a_shared_socket_is_not_waited_for(void **state)
{
	struct stage *stage = *state;
	steady_ms begin;

	stage->speaks_on_event = true;
	pollset_add_socket(stage->set, stage->near, true, on_near, stage);
	pollset_add_fd(stage->set, stage->fd, on_event, stage);
	settle(stage);
	ring(stage);
	begin = clock_now().steady;
	assert_true(pollset_turn(stage->set, WAIT_MS));
	assert_true(pollset_turn(stage->set, WAIT_MS));
	assert_int_equal(stage->received, 1);
	assert_true(clock_now().steady - begin < WAIT_MS);
}

static void what_was_done_outside_is_looked_after_when_it_is_told(void **state)
{
	struct stage *stage = *state;
	uint32_t events;
	size_t size = sizeof events;

	pollset_add_socket(stage->set, stage->near, true, on_near, stage);
	settle(stage);
	say(stage);
	zmq_getsockopt(stage->near, ZMQ_EVENTS, &events, &size);
	pollset_touched(stage->set);
	assert_true(pollset_turn(stage->set, WAIT_MS));
	assert_int_equal(stage->received, 1);
}

static void what_a_handler_left_is_taken_in_the_next_turns(void **state)
{
	enum { MESSAGES = 5 };
	struct stage *stage = *state;

	stage->at_once = 1;
	pollset_add_socket(stage->set, stage->near, false, on_near, stage);
	for (int i = 0; i < MESSAGES; i++)
		say(stage);
	for (unsigned i = 1; i <= MESSAGES; i++) {
		assert_true(pollset_turn(stage->set, WAIT_MS));
		assert_int_equal(stage->received, i);
	}
}

static void a_socket_with_nothing_is_not_asked(void **state)
{
	struct stage *stage = *state;
	unsigned asked;

	pollset_add_socket(stage->set, stage->near, false, on_near, stage);
	pollset_add_fd(stage->set, stage->fd, on_event, stage);
	settle(stage);
	asked = stage->asked;
	for (int i = 0; i < 10; i++) {
		ring(stage);
		assert_true(pollset_turn(stage->set, WAIT_MS));
	}
	assert_int_equal(stage->asked, asked);
}

static void after_stop_nobody_is_asked(void **state)
{
	struct stage *stage = *state;

	pollset_add_fd(stage->set, stage->fd, on_stop, stage);
	pollset_add_socket(stage->set, stage->near, false, on_near, stage);
	say(stage);
	ring(stage);
	assert_false(pollset_turn(stage->set, WAIT_MS));
	assert_int_equal(stage->asked, 0);
}

static void who_was_removed_is_not_asked_and_the_others_are(void **state)
{
	struct stage *stage = *state;

	pollset_add_socket(stage->set, stage->near, false, on_near, stage);
	pollset_add_fd(stage->set, stage->fd, on_stop, stage);
	pollset_remove_socket(stage->set, stage->near);
	say(stage);
	ring(stage);
	assert_false(pollset_turn(stage->set, WAIT_MS));
	assert_int_equal(stage->asked, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_set, stage_strike)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_came_before_the_socket_was_added_is_found),
		TEST(a_message_ends_the_wait),
		TEST(what_comes_while_another_sends_on_a_shared_socket_is_not_waited_for),
		TEST(what_was_done_outside_is_looked_after_when_it_is_told),
		TEST(what_a_handler_left_is_taken_in_the_next_turns),
		TEST(a_socket_with_nothing_is_not_asked),
		TEST(after_stop_nobody_is_asked),
		TEST(who_was_removed_is_not_asked_and_the_others_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
