/* Tries to break what broker/control/control.h promises: whatever is asked, there is one answer, and only good requests reach
 * the core. */
#include "common/wire.h"
#include "tests/support/control_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void nobody_else_may_open_the_socket(void **state)
{
	struct stage *stage = *state;
	struct stat status;

	assert_int_equal(stat(stage->path, &status), 0);
	assert_int_equal(status.st_mode & 0777, 0660);
}

static void the_status_never_holds_a_secret(void **state)
{
	struct stage *stage = *state;
	char secret[2 * KEY_SIZE + 1], *text;
	json_t *json;

	stage_request(stage, "{\"command\": \"status\"}", 21);
	json = stage_answer(stage);
	assert_true(json_is_true(json_object_get(json, "ok")));
	assert_string_equal(json_string_value(json_object_get(json, "name")), "Test");
	text = json_dumps(json, 0);
	assert_null(strstr(text, hex_of(secret, BYTES(stage->identity.keys.curve_secret, KEY_SIZE))));
	assert_null(strstr(text, hex_of(secret, BYTES(stage->identity.keys.signing.secret, KEY_SIZE))));
	free(text);
	json_decref(json);
}

static void requests_of_no_form_are_refused(void **state)
{
	static const char *const bad[] = {"{",
					  "[]",
					  "null",
					  "{}",
					  "{\"command\": 1}",
					  "{\"command\": \"stop\"}",
					  "{\"command\": \"status\", \"command\": \"nodes\"}",
					  "\xff\xfe"};
	struct stage *stage = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		stage_refused(stage, bad[i], "UNKNOWN_VALUE", "command");
	assert_int_equal(stage->steps, 0);
}

static void frames_of_no_form_are_dropped(void **state)
{
	struct stage *stage = *state;
	json_t *json;

	zmq_send(stage->operator, "{}", 2, 0);
	zmq_send(stage->operator, "", 0, ZMQ_SNDMORE);
	zmq_send(stage->operator, "a", 1, ZMQ_SNDMORE);
	zmq_send(stage->operator, "b", 1, 0);
	zmq_send(stage->operator, "", 0, ZMQ_SNDMORE);
	zmq_send(stage->operator, "", 0, 0);
	usleep(50000);
	control_take(stage->control);
	stage_request(stage, "{\"command\": \"nodes\"}", 20);
	json = stage_answer(stage);
	assert_true(json_is_array(json_object_get(json, "nodes")));
	json_decref(json);
}

static void orders_that_are_not_whole_do_not_reach_the_core(void **state)
{
	struct stage *stage = *state;
	char long_reason[400];

	stage_refused(stage, "{\"command\": \"standing\"}", "INVALID", "node");
	stage_refused(stage, "{\"command\": \"standing\", \"node\": \"police\"}", "INVALID", "node");
	stage_refused(stage,
		       "{\"command\": \"standing\", \"node\": \"a.b\", \"standing\": \"suspended\", \"reason\": \"\"}",
		       "UNKNOWN_VALUE", "standing");
	stage_refused(stage, "{\"command\": \"standing\", \"node\": \"a.b\", \"standing\": \"retired\"}", "INVALID",
		       "reason");
	stage_refused(
		stage,
		"{\"command\": \"standing\", \"node\": \"a.b\", \"standing\": \"retired\", \"reason\": \"a\\nb\"}",
		"INVALID", "reason");
	stage_refused(stage,
		      "{\"command\": \"standing\", \"node\": \"a.b\", \"standing\": \"compromised\", \"reason\": \"x\", "
		      "\"key_id\": -1}",
		      "INVALID", "key_id");
	stage_refused(stage,
		      "{\"command\": \"standing\", \"node\": \"a.b\", \"standing\": \"retired\", \"reason\": \"x\", "
		      "\"key_id\": 1}",
		      "UNEXPECTED", "key_id");
	snprintf(long_reason, sizeof(long_reason),
		 "{\"command\": \"reseed\", \"node\": \"a.b\", \"from_entry\": 1, \"reason\": \"%0201d\"}", 0);
	stage_refused(stage, long_reason, "INVALID", "reason");
	stage_refused(stage, "{\"command\": \"reseed\", \"node\": \"a.b\", \"from_entry\": 0, \"reason\": \"x\"}",
		       "INVALID", "from_entry");
	stage_refused(stage, "{\"command\": \"reseed\", \"node\": \"a.b\", \"from_entry\": 5, \"reason\": \"\"}",
		       "INVALID", "reason");
	stage_refused(stage, "{\"command\": \"enroll\"}", "INVALID", "record");
	stage_refused(stage, "{\"command\": \"enroll\", \"record\": \"0z\"}", "INVALID", "record");
	assert_int_equal(stage->steps, 0);
}

static void an_order_is_answered_when_the_core_has_done_it(void **state)
{
	static const char order[] =
		"{\"command\": \"standing\", \"node\": \"police.oku\", \"standing\": \"compromised\", "
		"\"since\": 5, \"reason\": \"stolen\"}";
	struct stage *stage = *state;
	struct fault none = {0};
	const int at_once = 50;
	char frame[8];
	json_t *json;

	stage_request(stage, order, strlen(order));
	assert_int_equal(stage->steps, 1);
	assert_string_equal(stage->node, "police.oku");
	assert_int_equal(stage->standing, SIMPUL__STANDING__STANDING_COMPROMISED);
	assert_int_equal(stage->since, 5);
	zmq_setsockopt(stage->operator, ZMQ_RCVTIMEO, &at_once, sizeof(at_once));
	assert_int_equal(zmq_recv(stage->operator, frame, sizeof(frame), 0), -1);
	control_done(stage->control, stage->ticket + 1, &none, 7); /* somebody else's */
	assert_int_equal(zmq_recv(stage->operator, frame, sizeof(frame), 0), -1);
	control_done(stage->control, stage->ticket, &none, 8);
	json = stage_answer(stage);
	assert_int_equal(json_integer_value(json_object_get(json, "entry")), 8);
	json_decref(json);
	control_done(stage->control, stage->ticket, &none, 8); /* once only */
	assert_int_equal(zmq_recv(stage->operator, frame, sizeof(frame), 0), -1);
}

static void a_record_reaches_the_core_as_it_was_sent(void **state)
{
	struct stage *stage = *state;
	struct node_keys keys;
	struct member member;
	Simpul__MemberRecord record;
	struct buffer encoded = {0}, text = {0};
	char *hex;

	node_keys_generate(&keys, 1);
	member_request(&member, stage->identity.exchange.id, "police.oku", &keys, 1000);
	member_to_message(&member, &record);
	wire_pack(&record, &encoded);
	hex = malloc(2 * encoded.size + 1);
	assert_non_null(hex);
	buffer_text(&text, "{\"command\": \"enroll\", \"record\": \"");
	buffer_text(&text, hex_of(hex, buffer_view(&encoded)));
	buffer_text(&text, "\"}");
	stage_request(stage, (const char *)text.data, text.size);
	assert_int_equal(stage->steps, 1);
	assert_int_equal(stage->type, CORE_ENROLL);
	assert_string_equal(stage->node, "police.oku");
	free(hex);
	buffer_free(&encoded);
	buffer_free(&text);
}

static void a_policy_that_is_wrong_is_named_with_its_line(void **state)
{
	struct stage *stage = *state;
	struct fault none = {0};
	json_t *json;

	stage->reload_error = E_CONFIG;
	stage_refused(stage, "{\"command\": \"policy-reload\"}", "CONFIG", "policy.yaml:7: wrong");
	stage->reload_error = E_OK;
	stage_request(stage, "{\"command\": \"policy-reload\"}", 28);
	control_done(stage->control, stage->ticket, &none, 3);
	json = stage_answer(stage);
	assert_true(json_is_true(json_object_get(json, "ok")));
	json_decref(json);
	assert_int_equal(stage->reloads, 2);
	stage_refused(stage, "{\"command\": \"policy-show\"}", "NOT_FOUND", "");
}

static void too_many_waiting_operators_are_told_so(void **state)
{
	struct stage *stage = *state;
	json_t *json;

	for (int i = 0; i < 64; i++)
		stage_request(stage, "{\"command\": \"policy-reload\"}", 28);
	assert_int_equal(stage->reloads, 64);
	stage_request(stage, "{\"command\": \"policy-reload\"}", 28);
	json = stage_answer(stage);
	assert_string_equal(json_string_value(json_object_get(json, "code")), "BUSY");
	json_decref(json);
	assert_int_equal(stage->reloads, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nobody_else_may_open_the_socket, stage_open, stage_close),
		cmocka_unit_test_setup_teardown(the_status_never_holds_a_secret, stage_open, stage_close),
		cmocka_unit_test_setup_teardown(requests_of_no_form_are_refused, stage_open, stage_close),
		cmocka_unit_test_setup_teardown(frames_of_no_form_are_dropped, stage_open, stage_close),
		cmocka_unit_test_setup_teardown(orders_that_are_not_whole_do_not_reach_the_core, stage_open,
						stage_close),
		cmocka_unit_test_setup_teardown(an_order_is_answered_when_the_core_has_done_it, stage_open,
						stage_close),
		cmocka_unit_test_setup_teardown(a_record_reaches_the_core_as_it_was_sent, stage_open, stage_close),
		cmocka_unit_test_setup_teardown(a_policy_that_is_wrong_is_named_with_its_line, stage_open, stage_close),
		cmocka_unit_test_setup_teardown(too_many_waiting_operators_are_told_so, stage_open, stage_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
