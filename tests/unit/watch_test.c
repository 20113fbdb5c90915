/* Tries to take the places of other watchers with one key, and to keep a place without a connection. */
#include "broker/ctl/ctl_watch.h"
#include "broker/serve/watch.h"
#include "broker/serve/watch_file.h"
#include "broker/serve/zap.h"
#include "common/memory.h"
#include "common/socket.h"
#include "common/wire.h"
#include "proto/watch.pb-c.h"
#include "tests/support/printed.h"
#include "tests/support/process.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { PEST, DUTY, WATCHERS };

#define ANSWER_MOST (2 * LIMIT_LOG_ANSWER)
#define PATIENCE_MS 10000

struct stage {
	void *context, *server, *monitor;
	struct core *core;
	struct zap *zap;
	struct guard *guard; /* looks at no socket: what it cuts is its own tests' matter */
	struct log_ring *ring;
	struct watch *watch;
	struct broker_keys keys;
	struct watchers watchers;
	struct curve_key owned[WATCHERS];
	void *clients[GUARD_KEY_MOST + 1]; /* those that are open, so that a test which fails ends */
	char endpoint[128];
	steady_ms now;	     /* a clock that the test turns */
	size_t follow, gone; /* lines in the log */
};

/* A watcher's program on a thread of its own. */
struct reader {
	char *file;
	int status;
	atomic_bool done;
};

static void lines_count(void *context, enum log_level level, const char *line)
{
	struct stage *stage = context;

	(void)level;
	stage->follow += strstr(line, "event=watcher.follows") != NULL;
	stage->gone += strstr(line, "event=watcher.gone") != NULL;
}

static void ring_add(struct stage *stage, const char *text)
{
	struct log_line *line = memory_zero(1, sizeof(*line) + strlen(text) + 1);

	line->size = strlen(text);
	line->at = stage->now;
	strcpy(line->text, text);
	log_ring_put(stage->ring, line);
}

static int stage_open(void **state)
{
	static const char *const names[] = {[PEST] = "pest", [DUTY] = "duty"};
	const struct core_options options = {
		.rate_reports = 1, .rate_bytes = 1, .heartbeat_ms = 1000, .silence_ms = 10000};
	struct stage *stage = *state = memory_zero(1, sizeof(*stage));

	keys_init();
	log_init("watch_test", LOG_LEVEL_INFO);
	log_copy(lines_count, stage);
	broker_keys_generate(&stage->keys);
	for (size_t i = 0; i < WATCHERS; i++) {
		curve_key_generate(&stage->owned[i]);
		strcpy(stage->watchers.list[i].name, names[i]);
		memcpy(stage->watchers.list[i].key, stage->owned[i].public_key, KEY_SIZE);
	}
	stage->watchers.count = WATCHERS;
	stage->now = 1;
	stage->context = zmq_ctx_new();
	stage->core = core_new(&options);
	assert_int_equal(zap_new(&stage->zap, stage->context, stage->core, NULL), E_OK);
	zap_admit_watchers(stage->zap, &stage->watchers);
	stage->guard = guard_new(stage->context, stage->core, &GUARD_LIMITS);
	stage->server = socket_server(stage->context, ZMQ_ROUTER, ZAP_DOMAIN_LOG, stage->keys.curve_secret);
	assert_int_equal(zmq_socket_monitor(stage->server, "inproc://monitor", ZMQ_EVENT_DISCONNECTED), 0);
	stage->monitor = zmq_socket(stage->context, ZMQ_PAIR);
	assert_int_equal(zmq_connect(stage->monitor, "inproc://monitor"), 0);
	assert_int_equal(zmq_bind(stage->server, "tcp://127.0.0.1:*"), 0);
	socket_endpoint(stage->server, stage->endpoint, sizeof(stage->endpoint));
	stage->ring = log_ring_new();
	stage->watch = watch_new(&(struct watch_parts){.socket = stage->server,
						       .guard = stage->guard,
						       .core = stage->core,
						       .watchers = &stage->watchers,
						       .ring = stage->ring});
	ring_add(stage, "something to answer with");
	return 0;
}

static int stage_close(void **state)
{
	struct stage *stage = *state;

	log_copy(NULL, NULL);
	for (size_t i = 0; i <= GUARD_KEY_MOST; i++)
		if (stage->clients[i] != NULL)
			zmq_close(stage->clients[i]);
	watch_free(stage->watch);
	log_ring_free(stage->ring);
	zmq_close(stage->monitor);
	zmq_close(stage->server);
	guard_free(stage->guard);
	zap_free(stage->zap);
	zmq_ctx_term(stage->context);
	core_free(stage->core);
	free(stage);
	return 0;
}

static void *watcher_open(struct stage *stage, size_t who)
{
	struct node_keys keys = {.key_id = 1};
	void *socket;
	size_t at = 0;

	memcpy(keys.curve_public, stage->owned[who].public_key, KEY_SIZE);
	memcpy(keys.curve_secret, stage->owned[who].secret, KEY_SIZE);
	socket = socket_client(stage->context, ZMQ_DEALER, stage->keys.curve_public, &keys);
	assert_int_equal(zmq_connect(socket, stage->endpoint), 0);
	while (stage->clients[at] != NULL)
		at++;
	return stage->clients[at] = socket;
}

static void watcher_close(struct stage *stage, void *socket)
{
	for (size_t i = 0; i <= GUARD_KEY_MOST; i++)
		if (stage->clients[i] == socket)
			stage->clients[i] = NULL;
	zmq_close(socket);
}

/* Lets the broker work until there is something to be read from this socket. */
static bool comes(struct stage *stage, void *socket, int most_ms)
{
	const steady_ms until = clock_now().steady + (steady_ms)most_ms;
	zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};

	while (zmq_poll(&item, 1, 1) == 0 && clock_now().steady < until) {
		zap_answer(stage->zap, clock_now().steady);
		watch_take(stage->watch, stage->now++);
	}
	return item.revents != 0;
}

/* Asks for what comes after `after` in this start of the broker. */
static void question_send(void *socket, uint64_t start, uint64_t after)
{
	Simpul__LogAsk ask = SIMPUL__LOG_ASK__INIT;
	struct buffer frame = {0};

	ask.start = start;
	ask.after = after;
	wire_pack(&ask, &frame);
	assert_int_equal(socket_send(socket, frame.data, frame.size, false), E_OK);
	buffer_free(&frame);
}

static void one_key_that_comes_again_and_again_locks_out_nobody(void **state)
{
	struct stage *stage = *state;
	void *duty;

	for (size_t i = 0; i <= LIMIT_WATCH_CONNECTIONS; i++) {
		void *pest = watcher_open(stage, PEST);

		question_send(pest, 0, 0);
		comes(stage, pest, i < LIMIT_WATCH_CONNECTIONS ? patient_ms(PATIENCE_MS) : 100);
		watcher_close(stage, pest);
	}
	duty = watcher_open(stage, DUTY);
	question_send(duty, 0, 0);
	assert_true(comes(stage, duty, patient_ms(PATIENCE_MS)));
	assert_int_equal(stage->follow - stage->gone, GUARD_KEY_MOST + 1);
}

/* What was asked last stays: the places of a key go to its newest connections. */
static void of_too_many_of_a_key_the_oldest_makes_room(void **state)
{
	struct stage *stage = *state;
	void *duty[GUARD_KEY_MOST + 1];
	uint8_t frame[ANSWER_MOST];

	for (size_t i = 0; i <= GUARD_KEY_MOST; i++) {
		duty[i] = watcher_open(stage, DUTY);
		question_send(duty[i], 0, 0);
		assert_true(comes(stage, duty[i], patient_ms(PATIENCE_MS)));
		assert_true(zmq_recv(duty[i], frame, sizeof(frame), 0) > 0);
	}
	assert_int_equal(stage->gone, 1);
	question_send(duty[1], 0, 0); /* has its place yet */
	assert_true(comes(stage, duty[1], patient_ms(PATIENCE_MS)));
	assert_int_equal(stage->gone, 1);
	question_send(duty[0], 0, 0); /* takes that of the third */
	assert_true(comes(stage, duty[0], patient_ms(PATIENCE_MS)));
	assert_int_equal(stage->gone, 2);
}

static void who_waits_and_is_gone_is_forgotten_with_the_next_line(void **state)
{
	struct stage *stage = *state;
	void *pest = watcher_open(stage, PEST);
	const Simpul__LogLines *lines;
	uint8_t frame[ANSWER_MOST];
	struct arena arena;
	int size;

	question_send(pest, 0, 0);
	assert_true(comes(stage, pest, patient_ms(PATIENCE_MS)));
	size = zmq_recv(pest, frame, sizeof(frame), 0);
	arena_init(&arena);
	lines = wire_unpack(&simpul__log_lines__descriptor, BYTES(frame, (size_t)size), &arena, NULL);
	assert_non_null(lines);
	question_send(pest, lines->start, lines->newest);
	arena_fini(&arena);
	assert_false(comes(stage, pest, 100)); /* and so its question was taken, in any case before its end */
	watcher_close(stage, pest);
	assert_true(comes(stage, stage->monitor, patient_ms(PATIENCE_MS)));
	sleep_ms(100); /* its end is told before its queue goes */
	assert_int_equal(stage->gone, 0);
	ring_add(stage, "the next");
	watch_answer(stage->watch);
	assert_int_equal(stage->gone, 1);
}

/* What simpulctl log --broker does, while the test is the broker. */
static void *log_read(void *arg)
{
	const struct ctl_watch all = {.json = false};
	struct reader *reader = arg;

	reader->status = ctl_watch(&all, reader->file);
	reader->done = true;
	return NULL;
}

static void a_broker_in_other_hands_cannot_steer_the_watchers_terminal(void **state)
{
	struct stage *stage = *state;
	char folder[] = "/tmp/simpul-watch-XXXXXX";
	struct reader reader = {.done = false};
	struct watch_file file = {.key = stage->owned[DUTY]};
	struct printed printed;
	pthread_t thread;
	char *text;

	assert_non_null(mkdtemp(folder));
	reader.file = memory_format("%s/duty.watch", folder);
	strcpy(file.endpoint, stage->endpoint);
	memcpy(file.server, stage->keys.curve_public, KEY_SIZE);
	assert_int_equal(watch_file_save(&file, reader.file, NULL), E_OK);
	ring_add(stage, "a\nevent=forged \xc2\x9b"
			"2J \xe2\x80\xae \xc3\xa9");
	printed_begin(&printed);
	assert_int_equal(pthread_create(&thread, NULL, log_read, &reader), 0);
	while (!reader.done) {
		zap_answer(stage->zap, clock_now().steady);
		watch_take(stage->watch, stage->now++);
		sleep_ms(1);
	}
	pthread_join(thread, NULL);
	text = printed_end(&printed);
	assert_int_equal(reader.status, 0);
	assert_string_equal(text, "something to answer with\na?event=forged ??2J ??? \xc3\xa9\n");
	free(text);
	tree_remove(folder);
	free(reader.file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_key_that_comes_again_and_again_locks_out_nobody),
		TEST(of_too_many_of_a_key_the_oldest_makes_room),
		TEST(who_waits_and_is_gone_is_forgotten_with_the_next_line),
		TEST(a_broker_in_other_hands_cannot_steer_the_watchers_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
