/* Tries to break what agents/sink/sink.h promises of a sink that is a server of this machine. */
#include "agents/sink/sink.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/memory.h"
#include "tests/support/fixed.h"
#include "tests/support/process.h"
#include "tests/support/sinks.h"
#include "tests/support/web.h"
#include <jansson.h>
#include <sys/stat.h>

/* A sink at this server. */
struct target {
	struct sink_place *place;
	struct web *web;
	char *url;
	struct sink_options options;
};

static struct target target(struct sink_place *place, const enum web_answer *answers, size_t count)
{
	struct target it = {.place = place, .web = web_start(NULL, answers, count)};

	it.url = memory_format("http://127.0.0.1:%u/reports", web_port(it.web));
	it.options = sink_place_options(place, SINK_HTTP);
	it.options.path = NULL;
	it.options.url = it.url;
	return it;
}

static void target_end(struct target *it)
{
	web_stop(it->web);
	free(it->url);
}

/* Runs the sink until it has come to `row`. */
static void run_to(struct target *it, uint64_t row)
{
	struct sinks *sinks = sink_place_start(it->place, &it->options);

	assert_true(sink_place_reaches(it->place, row));
	sinks_stop(sinks);
}

/* The request begins so and holds this. */
static void request_is(struct target *it, size_t index, const char *begins, const char *holds)
{
	const char *request = web_request(it->web, index);

	assert_non_null(request);
	if (strncmp(request, begins, strlen(begins)) != 0 || strstr(request, holds) == NULL)
		fail_msg("no '%s' in:\n%s", holds, request);
}

static void each_report_is_posted_once_in_order(void **state)
{
	struct target it = target(*state, NULL, 0);
	json_t *json;
	char key[64];

	for (uint64_t i = 1; i <= 5; i++)
		sink_place_add(*state, i);
	run_to(&it, 5);
	assert_int_equal(web_requests(it.web), 5);
	for (size_t i = 0; i < 5; i++) {
		snprintf(key, sizeof(key), "\r\nIdempotency-Key: army.oku#%zu\r\n", i + 1);
		request_is(&it, i, "POST /reports HTTP/1.1\r\n", key);
		request_is(&it, i, "POST", "\r\nContent-Type: application/json\r\n");
		assert_null(strstr(web_request(it.web, i), "Expect:"));
		assert_null(strstr(web_request(it.web, i), "Authorization:"));
		json = json_loads(strstr(web_request(it.web, i), "\r\n\r\n") + 4, 0, NULL);
		assert_string_equal(json_string_value(json_object_get(json, "event")), "report");
		assert_non_null(json_object_get(json, "sighting"));
		json_decref(json);
	}
	target_end(&it);
}

static void what_fails_is_posted_again_and_nothing_overtakes(void **state)
{
	static const enum web_answer answers[] = {WEB_DROP, WEB_ERROR, WEB_TALK};
	struct target it = target(*state, answers, 3);

	sink_place_add(*state, 1);
	sink_place_add(*state, 2);
	run_to(&it, 2);
	assert_int_equal(web_requests(it.web), 4);
	for (size_t i = 0; i < 3; i++)
		request_is(&it, i, "POST /reports", "Idempotency-Key: army.oku#1\r\n");
	request_is(&it, 3, "POST /reports", "Idempotency-Key: army.oku#2\r\n");
	assert_null(strstr(sink_place_log(*state), "RAHASIA"));
	assert_non_null(strstr(sink_place_log(*state), "sink.recovered"));
	target_end(&it);
}

/* Runs it until it fails for this reason. */
static void fails_for(struct target *it, const char *reason)
{
	struct sinks *sinks = sink_place_start(it->place, &it->options);

	assert_true(sink_place_fails(sinks, reason));
	sinks_stop(sinks);
	assert_int_equal(sink_place_position(it->place), 0);
}

static void an_error_is_named_by_its_number_alone(void **state)
{
	static const enum web_answer answers[] = {WEB_ERROR};
	struct target it = target(*state, answers, 1);

	sink_place_add(*state, 1);
	fails_for(&it, "it answered 500");
	assert_null(strstr(sink_place_log(*state), "RAHASIA"));
	target_end(&it);
}

/* It may have stored what it did not thank for. */
static void what_was_not_thanked_for_is_asked_back(void **state)
{
	static const enum web_answer answers[] = {WEB_ERROR};
	struct target it = target(*state, answers, 1);
	struct sinks *sinks;

	sink_place_add(*state, 1);
	sinks = sink_place_start(it.place, &it.options);
	assert_true(sink_place_fails(sinks, "it answered 500"));
	sink_place_erase(it.place, 1);
	assert_true(sink_place_told(it.place, 1));
	sinks_stop(sinks);
	assert_int_equal(web_requests(it.web), 2);
	request_is(&it, 1, "POST /reports", "\"event\":\"erase\"");
	target_end(&it);
}

/* The same when the agent was killed in between: the attempt was noted. */
static void a_kill_after_an_attempt_does_not_forget_it(void **state)
{
	static const enum web_answer answers[] = {WEB_ERROR};
	struct target it = target(*state, answers, 1);
	struct sinks *sinks;

	sink_place_add(*state, 1);
	fails_for(&it, "it answered 500");
	sink_place_note(it.place);
	sink_place_erase(it.place, 1);
	sinks = sink_place_start(it.place, &it.options);
	assert_true(sink_place_told(it.place, 1));
	sinks_stop(sinks);
	assert_int_equal(web_requests(it.web), 2);
	request_is(&it, 1, "POST /reports", "\"event\":\"erase\"");
	target_end(&it);
}

static void a_redirect_is_not_followed(void **state)
{
	static const enum web_answer answers[] = {WEB_REDIRECT};
	struct target it = target(*state, answers, 1);

	sink_place_add(*state, 1);
	fails_for(&it, "it answered 307");
	run_to(&it, 1);
	assert_int_equal(web_requests(it.web), 2);
	request_is(&it, 1, "POST /reports", "army.oku#1");
	target_end(&it);
}

static void one_that_stalls_has_its_time_and_is_asked_again(void **state)
{
	static const enum web_answer answers[] = {WEB_STALL};
	struct target it = target(*state, answers, 1);

	it.options.seconds = 1;
	sink_place_add(*state, 1);
	fails_for(&it, "Timeout");
	run_to(&it, 1);
	request_is(&it, 1, "POST /reports", "army.oku#1");
	target_end(&it);
}

static void a_stop_does_not_wait_for_an_answer(void **state)
{
	static const enum web_answer answers[] = {WEB_STALL};
	struct target it = target(*state, answers, 1);
	struct sinks *sinks;
	steady_ms before;

	it.options.seconds = 300;
	sink_place_add(*state, 1);
	sinks = sink_place_start(*state, &it.options);
	for (int i = 0; i < patient_ms(10000) / 20 && web_requests(it.web) == 0; i++)
		sleep_ms(20);
	assert_int_equal(web_requests(it.web), 1);
	before = clock_now().steady;
	sinks_stop(sinks);
	assert_true(clock_now().steady - before < (steady_ms)patient_ms(5000));
	assert_int_equal(sink_place_position(*state), 0);
	assert_null(strstr(sink_place_log(*state), "sink.failing"));
	target_end(&it);
}

static void one_that_does_not_listen_is_named(void **state)
{
	struct target it = target(*state, NULL, 0);
	char reason[SINK_REASON_SIZE];

	assert_true(sink_able(&it.options, reason));
	web_stop(it.web);
	it.web = web_start(NULL, NULL, 0); /* elsewhere */
	assert_false(sink_able(&it.options, reason));
	assert_string_equal(reason, "nobody listens there");
	sink_place_add(*state, 1);
	fails_for(&it, "nobody listens there");
	assert_int_equal(web_requests(it.web), 0);
	target_end(&it);
}

static void a_look_posts_nothing(void **state)
{
	struct target it = target(*state, NULL, 0);
	char reason[SINK_REASON_SIZE];

	assert_true(sink_able(&it.options, reason));
	assert_int_equal(web_requests(it.web), 0);
	target_end(&it);
}

static void the_token_is_that_of_the_file(void **state)
{
	struct sink_place *place = *state;
	struct target it = target(place, NULL, 0);
	char *path = memory_format("%s/token", place->folder);

	assert_int_equal(file_write(path, BYTES("RAHASIA-1\n", 10), 0600, NULL), E_OK);
	it.options.token_file = path;
	sink_place_add(place, 1);
	run_to(&it, 1);
	request_is(&it, 0, "POST /reports", "\r\nAuthorization: Bearer RAHASIA-1\r\n");
	assert_int_equal(file_write(path, BYTES("RAHASIA-2", 9), 0640, NULL), E_OK);
	sink_place_add(place, 2);
	run_to(&it, 2);
	request_is(&it, 1, "POST /reports", "\r\nAuthorization: Bearer RAHASIA-2\r\n");
	assert_null(strstr(sink_place_log(place), "RAHASIA"));
	target_end(&it);
	free(path);
}

static void a_token_that_is_none_sends_nothing(void **state)
{
	struct sink_place *place = *state;
	struct target it = target(place, NULL, 0);
	char *path = memory_format("%s/token", place->folder), reason[SINK_REASON_SIZE];

	it.options.token_file = path;
	sink_place_add(place, 1);
	fails_for(&it, "token_file: it is not there");
	assert_int_equal(file_write(path, BYTES("RAHASIA\r\nX-Other: 1\r\n", 21), 0600, NULL), E_OK);
	fails_for(&it, "token_file: it must hold one word");
	assert_int_equal(file_write(path, BYTES("\n", 1), 0600, NULL), E_OK);
	fails_for(&it, "token_file: it must hold one word");
	assert_int_equal(file_write(path, BYTES("RAHASIA\n", 8), 0600, NULL), E_OK);
	assert_int_equal(chmod(path, 0644), 0);
	fails_for(&it, "token_file: others may read");
	assert_false(sink_able(&it.options, reason));
	assert_non_null(strstr(reason, "token_file: others may read"));
	assert_int_equal(web_requests(it.web), 0);
	assert_null(strstr(sink_place_log(place), "RAHASIA"));
	target_end(&it);
	free(path);
}

static void a_local_socket_does_as_well(void **state)
{
	struct sink_place *place = *state;
	struct target it = {.place = place, .web = web_start(place->path, NULL, 0)};
	char reason[SINK_REASON_SIZE];

	it.options = sink_place_options(place, SINK_HTTP);
	it.options.url = "http://localhost/reports";
	assert_true(sink_able(&it.options, reason));
	sink_place_add(place, 1);
	run_to(&it, 1);
	request_is(&it, 0, "POST /reports", "army.oku#1");
	target_end(&it);
}

static void no_proxy_is_asked(void **state)
{
	struct target it = target(*state, NULL, 0);

	assert_int_equal(setenv("http_proxy", "http://127.0.0.1:1/", 1), 0);
	assert_int_equal(setenv("all_proxy", "http://127.0.0.1:1/", 1), 0);
	sink_place_add(*state, 1);
	run_to(&it, 1);
	assert_int_equal(unsetenv("http_proxy"), 0);
	assert_int_equal(unsetenv("all_proxy"), 0);
	target_end(&it);
}

static void a_forged_report_is_handed_on_to_nobody(void **state)
{
	struct sink_place *place = *state;
	struct target it = target(place, NULL, 0);
	const struct test_report forged = {.name = {"army.oku", 1, 0, 1}};

	test_inbox_add(&place->store, &forged, TRUST_BAD, 1);
	sink_place_add(place, 1);
	run_to(&it, 2);
	request_is(&it, 0, "POST", "\r\nIdempotency-Key: army.oku#1\r\n");
	target_end(&it);
}

/* What the check of the settings would let through by a mistake. The address is one by which the server can be reached,
 * and is not among those that are held to be this machine's. */
static void no_connection_is_made_to_another_address(void **state)
{
	struct target it = target(*state, NULL, 0);
	char url[80];

	snprintf(url, sizeof(url), "http://[::ffff:127.0.0.1]:%u/reports", web_port(it.web));
	it.options.url = url;
	sink_place_add(*state, 1);
	fails_for(&it, "nobody listens there");
	it.options.url = "https://127.0.0.1:8080/reports";
	fails_for(&it, "Unsupported protocol");
	assert_int_equal(web_requests(it.web), 0);
	target_end(&it);
}

static void only_urls_of_this_machine_are_good(void **state)
{
	static const char *const good[] = {"http://127.0.0.1:8080/a", "http://127.0.0.1", "http://[::1]:80/a?b=c",
					   "http://localhost:1/", "http://LOCALHOST/"};
	static const char *const bad[] = {"http://10.0.0.1/",
					  "http://127.0.0.1.evil.example/",
					  "http://127.0.0.1@evil.example/",
					  "https://127.0.0.1/",
					  "ftp://127.0.0.1/",
					  "http://[::2]/",
					  "http://0.0.0.0/",
					  "http://user:word@127.0.0.1/",
					  "http://user@127.0.0.1/",
					  "127.0.0.1:8080/a",
					  "localhost",
					  "http://localhost.evil.example/",
					  "file:///etc/passwd",
					  "http:///a",
					  "http://127.0.0.1:99999/",
					  "http://[::ffff:10.0.0.1]/"};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (sink_url_wrong(good[i]) != NULL)
			fail_msg("%s: %s", good[i], sink_url_wrong(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (sink_url_wrong(bad[i]) == NULL)
			fail_msg("%s is good", bad[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, sink_place_begin, sink_place_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_report_is_posted_once_in_order),
		TEST(what_fails_is_posted_again_and_nothing_overtakes),
		TEST(an_error_is_named_by_its_number_alone),
		TEST(what_was_not_thanked_for_is_asked_back),
		TEST(a_kill_after_an_attempt_does_not_forget_it),
		TEST(a_redirect_is_not_followed),
		TEST(one_that_stalls_has_its_time_and_is_asked_again),
		TEST(a_stop_does_not_wait_for_an_answer),
		TEST(one_that_does_not_listen_is_named),
		TEST(a_look_posts_nothing),
		TEST(the_token_is_that_of_the_file),
		TEST(a_token_that_is_none_sends_nothing),
		TEST(a_local_socket_does_as_well),
		TEST(no_proxy_is_asked),
		TEST(a_forged_report_is_handed_on_to_nobody),
		TEST(no_connection_is_made_to_another_address),
		cmocka_unit_test(only_urls_of_this_machine_are_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
