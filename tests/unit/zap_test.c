/* Tries to break what broker/serve/zap.h promises: a stranger stays out, and the test of that can fail. */
#include "broker/serve/zap.h"
#include "broker/settings/watchers.h"
#include "common/socket.h"
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct stage {
	void *context, *server;
	struct core *core;
	struct zap *zap;
	struct broker_keys keys;
	char endpoint[128];
};

static void stage_open(struct stage *stage, int type)
{
	const struct core_options options = {
		.rate_reports = 1, .rate_bytes = 1, .heartbeat_ms = 1000, .silence_ms = 10000};

	memset(stage, 0, sizeof(*stage));
	keys_init();
	log_init("zap_test", LOG_LEVEL_ALARM);
	broker_keys_generate(&stage->keys);
	stage->context = zmq_ctx_new();
	stage->core = core_new(&options);
	assert_int_equal(zap_new(&stage->zap, stage->context, stage->core, NULL), E_OK);
	stage->server = socket_server(stage->context, type, ZAP_DOMAIN_LINK, stage->keys.curve_secret);
	assert_non_null(stage->server);
	assert_int_equal(zmq_bind(stage->server, "tcp://127.0.0.1:*"), 0);
	socket_endpoint(stage->server, stage->endpoint, sizeof(stage->endpoint));
}

static void stage_close(struct stage *stage)
{
	zmq_close(stage->server);
	zap_free(stage->zap);
	zmq_ctx_term(stage->context);
	core_free(stage->core);
}

static enum error try_stranger(struct stage *stage, int client_type, const char *endpoint, uint64_t most_ms)
{
	return zap_stranger_test(stage->zap, stage->context, client_type, endpoint, stage->keys.curve_public, most_ms,
				 NULL);
}

static void a_stranger_is_refused_on_both_kinds_of_socket(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, ZMQ_ROUTER);
	assert_int_equal(try_stranger(&stage, ZMQ_DEALER, stage.endpoint, ZAP_STRANGER_MS), E_OK);
	stage_close(&stage);
	stage_open(&stage, ZMQ_XPUB);
	assert_int_equal(try_stranger(&stage, ZMQ_SUB, stage.endpoint, ZAP_STRANGER_MS), E_OK);
	stage_close(&stage);
}

/* A CURVE server that asks nobody, as libzmq makes one by default, in a context that has no ZAP handler. */
static void a_door_that_is_open_is_found(void **state)
{
	const int yes = 1;
	struct stage stage;
	void *context = zmq_ctx_new(), *open = zmq_socket(context, ZMQ_ROUTER);
	char endpoint[128];

	(void)state;
	stage_open(&stage, ZMQ_ROUTER);
	assert_int_equal(zmq_setsockopt(open, ZMQ_CURVE_SERVER, &yes, sizeof(yes)), 0);
	assert_int_equal(zmq_setsockopt(open, ZMQ_CURVE_SECRETKEY, stage.keys.curve_secret, KEY_SIZE), 0);
	assert_int_equal(zmq_bind(open, "tcp://127.0.0.1:*"), 0);
	socket_endpoint(open, endpoint, sizeof(endpoint));
	assert_int_equal(try_stranger(&stage, ZMQ_DEALER, endpoint, ZAP_STRANGER_MS), E_CONFIG);
	zmq_close(open);
	zmq_ctx_term(context);
	stage_close(&stage);
}

static void no_answer_is_no_refusal(void **state)
{
	struct stage stage;

	(void)state;
	stage_open(&stage, ZMQ_ROUTER);
	zmq_unbind(stage.server, stage.endpoint);
	assert_int_equal(try_stranger(&stage, ZMQ_DEALER, stage.endpoint, 500), E_UNREACHABLE);
	stage_close(&stage);
}

/* Sends frames to the handler as libzmq would, at this time, and returns the status it answers with. */
static void ask_at(struct stage *stage, const char *const *frames, const size_t *sizes, size_t count, steady_ms now,
		   char status[4])
{
	void *asker = zmq_socket(stage->context, ZMQ_REQ);
	char frame[256];

	assert_int_equal(zmq_connect(asker, ZAP_ENDPOINT), 0);
	for (size_t i = 0; i < count; i++)
		assert_true(zmq_send(asker, frames[i], sizes[i], i + 1 < count ? ZMQ_SNDMORE : 0) >= 0);
	for (int tries = 0; tries < 200; tries++) {
		zmq_pollitem_t item = {.socket = asker, .events = ZMQ_POLLIN};

		zap_answer(stage->zap, now);
		if (zmq_poll(&item, 1, 5) == 1)
			break;
	}
	assert_int_equal(zmq_recv(asker, frame, sizeof(frame), ZMQ_DONTWAIT), 3); /* version */
	zmq_recv(asker, frame, sizeof(frame), ZMQ_DONTWAIT);			  /* request id */
	assert_int_equal(zmq_recv(asker, status, 3, ZMQ_DONTWAIT), 3);
	status[3] = '\0';
	zmq_close(asker);
}

static void ask(struct stage *stage, const char *const *frames, const size_t *sizes, size_t count, char status[4])
{
	ask_at(stage, frames, sizes, count, clock_now().steady, status);
}

static void questions_of_another_form_are_not_answered_with_yes(void **state)
{
	static const char key[KEY_SIZE + 1] = "0123456789abcdef0123456789abcdef";
	static char long_frame[400];
	const char *const good[] = {"1.0", "1", "link", "127.0.0.1", "", "CURVE", key};
	const char *const plain[] = {"1.0", "1", "link", "127.0.0.1", "", "PLAIN", "user", "password"};
	const char *const null[] = {"1.0", "1", "link", "127.0.0.1", "", "NULL"};
	const char *const endless[] = {"1.0", "1", "link", "127.0.0.1", "", "CURVE", long_frame};
	const size_t sizes[] = {3, 1, 4, 9, 0, 5, KEY_SIZE, 8}, null_sizes[] = {3, 1, 4, 9, 0, 4};
	const size_t plain_sizes[] = {3, 1, 4, 9, 0, 5, 4, 8}, endless_sizes[] = {3, 1, 4, 9, 0, 5, sizeof(long_frame)};
	struct stage stage;
	char status[4];

	(void)state;
	stage_open(&stage, ZMQ_ROUTER);
	ask(&stage, good, sizes, 7, status);
	assert_string_equal(status, "400");
	ask(&stage, plain, plain_sizes, 8, status);
	assert_string_equal(status, "500");
	ask(&stage, null, null_sizes, 6, status);
	assert_string_equal(status, "500");
	ask(&stage, endless, endless_sizes, 7, status);
	assert_string_equal(status, "500");
	stage_close(&stage);
}

static void a_watchers_key_opens_the_log_alone(void **state)
{
	static const char key[KEY_SIZE + 1] = "0123456789abcdef0123456789abcdef";
	static const char *const domains[] = {"log", "link", "feed", "bulletin", "", "logs"};
	struct watchers watchers = {.count = 1};
	struct stage stage;
	char status[4];

	(void)state;
	stage_open(&stage, ZMQ_ROUTER);
	memcpy(watchers.list[0].key, key, KEY_SIZE);
	for (size_t known = 0; known < 2; known++) {
		zap_admit_watchers(stage.zap, known ? &watchers : NULL);
		for (size_t i = 0; i < sizeof(domains) / sizeof(domains[0]); i++) {
			const char *const question[] = {"1.0", "1", domains[i], "127.0.0.1", "", "CURVE", key};
			const size_t sizes[] = {3, 1, strlen(domains[i]), 9, 0, 5, KEY_SIZE};

			ask(&stage, question, sizes, 7, status);
			assert_string_equal(status, known && i == 0 ? "200" : "400");
		}
	}
	stage_close(&stage);
}

static void more_keep(void *context, enum log_level level, const char *line)
{
	unsigned *more = context;

	(void)level;
	*more += strstr(line, "code=more count=3") != NULL;
}

/* Nobody knocks any more, and the number is told all the same. */
static void how_many_were_refused_is_told_after_the_last_of_them(void **state)
{
	static const char key[KEY_SIZE + 1] = "0123456789abcdef0123456789abcdef";
	const char *const question[] = {"1.0", "1", "link", "127.0.0.1", "", "CURVE", key};
	const size_t sizes[] = {3, 1, 4, 9, 0, 5, KEY_SIZE};
	const steady_ms now = clock_now().steady;
	struct stage stage;
	char status[4];
	unsigned more = 0;

	(void)state;
	stage_open(&stage, ZMQ_ROUTER);
	log_init("zap_test", LOG_LEVEL_WARNING);
	log_copy(more_keep, &more);
	for (int i = 0; i < 5 + 3; i++)
		ask_at(&stage, question, sizes, 7, now, status);
	zap_answer(stage.zap, now + 999);
	assert_int_equal(more, 0);
	zap_answer(stage.zap, now + 1000);
	assert_int_equal(more, 1);
	log_copy(NULL, NULL);
	stage_close(&stage);
}

/* A question is on its way to the old socket when it is replaced. */
static void a_new_socket_leaves_nobody_without_an_answer(void **state)
{
	static const char key[KEY_SIZE + 1] = "0123456789abcdef0123456789abcdef";
	const char *const good[] = {"1.0", "1", "link", "127.0.0.1", "", "CURVE", key};
	const size_t sizes[] = {3, 1, 4, 9, 0, 5, KEY_SIZE};
	const steady_ms now = clock_now().steady;
	struct stage stage;
	void *asker;
	char frame[256], status[4];

	(void)state;
	stage_open(&stage, ZMQ_ROUTER);
	asker = zmq_socket(stage.context, ZMQ_REQ);
	assert_int_equal(zmq_connect(asker, ZAP_ENDPOINT), 0);
	for (size_t i = 0; i < 7; i++)
		assert_true(zmq_send(asker, good[i], sizes[i], i < 6 ? ZMQ_SNDMORE : 0) >= 0);
	assert_true(zap_renew(stage.zap, now));
	assert_false(zap_renew(stage.zap, now)); /* the one before is not done yet */
	zap_answer(stage.zap, now);
	assert_int_equal(zmq_recv(asker, frame, sizeof(frame), 0), 3);
	ask(&stage, good, sizes, 7, status);
	assert_string_equal(status, "400");
	zap_answer(stage.zap, now + ZAP_LINGER_MS);
	assert_true(zap_renew(stage.zap, now + ZAP_LINGER_MS));
	assert_int_equal(try_stranger(&stage, ZMQ_DEALER, stage.endpoint, ZAP_STRANGER_MS), E_OK);
	zmq_close(asker);
	stage_close(&stage);
}

/* Somebody else has the endpoint when the socket is to be replaced. */
static void a_socket_that_lost_its_place_takes_it_back(void **state)
{
	const steady_ms now = clock_now().steady;
	struct stage stage;
	void *other;

	(void)state;
	stage_open(&stage, ZMQ_ROUTER);
	other = zmq_socket(stage.context, ZMQ_REP);
	assert_int_equal(zmq_unbind(zap_socket(stage.zap), ZAP_ENDPOINT), 0);
	assert_int_equal(zmq_bind(other, ZAP_ENDPOINT), 0);
	assert_false(zap_renew(stage.zap, now));
	zap_answer(stage.zap, now);
	assert_false(zap_renew(stage.zap, now));
	assert_int_equal(zmq_unbind(other, ZAP_ENDPOINT), 0);
	zap_answer(stage.zap, now);
	assert_int_equal(try_stranger(&stage, ZMQ_DEALER, stage.endpoint, ZAP_STRANGER_MS), E_OK);
	zmq_close(other);
	stage_close(&stage);
}

static void a_user_id_is_a_key_or_nothing(void **state)
{
	uint8_t key[KEY_SIZE];

	(void)state;
	assert_false(zap_key_of_user(NULL, key));
	assert_false(zap_key_of_user("", key));
	assert_false(zap_key_of_user("police.oku", key));
	assert_false(zap_key_of_user("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff00", key));
	assert_true(zap_key_of_user("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", key));
	assert_int_equal(key[31], 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stranger_is_refused_on_both_kinds_of_socket),
		cmocka_unit_test(a_door_that_is_open_is_found),
		cmocka_unit_test(no_answer_is_no_refusal),
		cmocka_unit_test(questions_of_another_form_are_not_answered_with_yes),
		cmocka_unit_test(a_watchers_key_opens_the_log_alone),
		cmocka_unit_test(how_many_were_refused_is_told_after_the_last_of_them),
		cmocka_unit_test(a_new_socket_leaves_nobody_without_an_answer),
		cmocka_unit_test(a_socket_that_lost_its_place_takes_it_back),
		cmocka_unit_test(a_user_id_is_a_key_or_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
