/* Tries to break what broker/control.h promises: whatever is asked, there is one answer, and only good requests reach
 * the core. */
#include "broker/act.h"
#include "broker/control.h"
#include "common/wire.h"
#include <jansson.h>
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

/* A control without a loop: what would be stepped is kept here. */
struct stage {
	char folder[64], path[96], audit[96];
	void *context, *operator, *auditor;
	struct broker_settings settings;
	struct broker_identity identity;
	struct control_port port;
	struct control *control;
	unsigned steps, reloads;
	enum core_event_type type;
	uint64_t ticket;
	char node[LIMIT_NODE_NAME + 1];
	Simpul__Standing standing;
	wall_ms since;
	enum error reload_error;
	unsigned watcher_reloads;
	struct buffer act; /* of the last step or reload */
};

static void act_keep(struct stage *stage, struct bytes act)
{
	buffer_clear(&stage->act);
	buffer_bytes(&stage->act, act);
}

static void keep_step(void *context, const struct core_event *event)
{
	struct stage *stage = context;

	stage->steps++;
	stage->type = event->type;
	act_keep(stage, event->act);
	stage->ticket = event->operator_ticket;
	if (event->type == CORE_STANDING) {
		snprintf(stage->node, sizeof(stage->node), "%s", event->standing.node);
		stage->standing = event->standing.standing;
		stage->since = event->standing.since;
	} else if (event->type == CORE_ENROLL) {
		snprintf(stage->node, sizeof(stage->node), "%s", event->enroll->node);
	}
}

static enum error keep_reload(void *context, uint64_t ticket, struct bytes act, struct fault *fault)
{
	struct stage *stage = context;

	stage->reloads++;
	stage->ticket = ticket;
	act_keep(stage, act);
	return stage->reload_error == E_OK ? E_OK : fault_at(fault, stage->reload_error, "policy.yaml:7: wrong");
}

static enum error keep_reload_watchers(void *context, struct fault *fault)
{
	struct stage *stage = context;

	(void)fault;
	stage->watcher_reloads++;
	return E_OK;
}

static void *stage_connect(struct stage *stage, const char *path)
{
	char endpoint[128];
	const int wait = 2000;
	void *socket = zmq_socket(stage->context, ZMQ_DEALER);

	zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait, sizeof(wait));
	snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
	assert_int_equal(zmq_connect(socket, endpoint), 0);
	return socket;
}

static int stage_open(void **state)
{
	const struct core_options options = {
		.rate_reports = 1, .rate_bytes = 1, .heartbeat_ms = 1000, .silence_ms = 10000};
	struct stage *stage = calloc(1, sizeof(*stage));

	keys_init();
	snprintf(stage->folder, sizeof(stage->folder), "/tmp/simpul-control-XXXXXX");
	assert_non_null(mkdtemp(stage->folder));
	snprintf(stage->path, sizeof(stage->path), "%s/control.sock", stage->folder);
	snprintf(stage->audit, sizeof(stage->audit), "%s/audit.sock", stage->folder);
	stage->settings.control = stage->path;
	stage->settings.audit = stage->audit;
	stage->settings.link_public = stage->settings.feed_public = (char *)"tcp://127.0.0.1:1";
	broker_keys_generate(&stage->identity.keys);
	snprintf(stage->identity.exchange.name, sizeof(stage->identity.exchange.name), "Test");
	stage->port = (struct control_port){.loop = stage,
					    .core = core_new(&options),
					    .settings = &stage->settings,
					    .identity = &stage->identity,
					    .step = keep_step,
					    .reload = keep_reload,
					    .reload_watchers = keep_reload_watchers};
	stage->context = zmq_ctx_new();
	assert_int_equal(control_new(&stage->control, stage->context, &stage->port, NULL), E_OK);
	stage->operator = stage_connect(stage, stage->path);
	stage->auditor = stage_connect(stage, stage->audit);
	*state = stage;
	return 0;
}

static int stage_close(void **state)
{
	struct stage *stage = *state;
	const int linger = 0;

	zmq_setsockopt(stage->operator, ZMQ_LINGER, &linger, sizeof(linger));
	zmq_close(stage->operator);
	zmq_setsockopt(stage->auditor, ZMQ_LINGER, &linger, sizeof(linger));
	zmq_close(stage->auditor);
	control_free(stage->control);
	zmq_ctx_term(stage->context);
	core_free((struct core *)stage->port.core);
	assert_int_equal(access(stage->path, F_OK), -1);
	assert_int_equal(access(stage->audit, F_OK), -1);
	buffer_free(&stage->act);
	rmdir(stage->folder);
	free(stage);
	return 0;
}

/* Lets the control take one request as a REQ socket of this role would send it. */
static void request_as(struct stage *stage, enum control_role role, const char *text, size_t size)
{
	zmq_pollitem_t item = {.socket = control_socket(stage->control, role), .events = ZMQ_POLLIN};
	void *socket = role == CONTROL_OPERATOR ? stage->operator : stage->auditor;

	assert_true(zmq_send(socket, "", 0, ZMQ_SNDMORE) >= 0);
	assert_true(zmq_send(socket, text, size, 0) >= 0);
	assert_int_equal(zmq_poll(&item, 1, 2000), 1);
	control_take(stage->control);
}

static void request(struct stage *stage, const char *text, size_t size)
{
	request_as(stage, CONTROL_OPERATOR, text, size);
}

/* The answer that came; ends the test when there is none. */
static json_t *answer_as(struct stage *stage, enum control_role role)
{
	static char text[8192];
	void *socket = role == CONTROL_OPERATOR ? stage->operator : stage->auditor;
	int size;
	json_t *json;

	assert_int_equal(zmq_recv(socket, text, sizeof(text), 0), 0);
	size = zmq_recv(socket, text, sizeof(text), 0);
	assert_in_range(size, 1, sizeof(text));
	json = json_loadb(text, (size_t)size, 0, NULL);
	assert_non_null(json);
	return json;
}

static json_t *answer(struct stage *stage)
{
	return answer_as(stage, CONTROL_OPERATOR);
}

static void assert_refused(struct stage *stage, const char *text, const char *code, const char *field)
{
	json_t *json;

	request(stage, text, strlen(text));
	json = answer(stage);
	assert_true(json_is_false(json_object_get(json, "ok")));
	assert_string_equal(json_string_value(json_object_get(json, "code")), code);
	assert_string_equal(json_string_value(json_object_get(json, "field")), field);
	json_decref(json);
}

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

	request(stage, "{\"command\": \"status\"}", 21);
	json = answer(stage);
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
		assert_refused(stage, bad[i], "UNKNOWN_VALUE", "command");
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
	request(stage, "{\"command\": \"nodes\"}", 20);
	json = answer(stage);
	assert_true(json_is_array(json_object_get(json, "nodes")));
	json_decref(json);
}

static void orders_that_are_not_whole_do_not_reach_the_core(void **state)
{
	struct stage *stage = *state;
	char long_reason[400];

	assert_refused(stage, "{\"command\": \"standing\"}", "INVALID", "node");
	assert_refused(stage, "{\"command\": \"standing\", \"node\": \"police\"}", "INVALID", "node");
	assert_refused(stage,
		       "{\"command\": \"standing\", \"node\": \"a.b\", \"standing\": \"suspended\", \"reason\": \"\"}",
		       "UNKNOWN_VALUE", "standing");
	assert_refused(stage, "{\"command\": \"standing\", \"node\": \"a.b\", \"standing\": \"retired\"}", "INVALID",
		       "reason");
	assert_refused(
		stage,
		"{\"command\": \"standing\", \"node\": \"a.b\", \"standing\": \"retired\", \"reason\": \"a\\nb\"}",
		"INVALID", "reason");
	snprintf(long_reason, sizeof(long_reason),
		 "{\"command\": \"grant\", \"node\": \"a.b\", \"from_entry\": 1, \"reason\": \"%0201d\"}", 0);
	assert_refused(stage, long_reason, "INVALID", "reason");
	assert_refused(stage, "{\"command\": \"grant\", \"node\": \"a.b\", \"from_entry\": 0, \"reason\": \"x\"}",
		       "INVALID", "from_entry");
	assert_refused(stage, "{\"command\": \"grant\", \"node\": \"a.b\", \"from_entry\": 5, \"reason\": \"\"}",
		       "INVALID", "reason");
	assert_refused(stage, "{\"command\": \"enroll\"}", "INVALID", "record");
	assert_refused(stage, "{\"command\": \"enroll\", \"record\": \"0z\"}", "INVALID", "record");
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

	request(stage, order, strlen(order));
	assert_int_equal(stage->steps, 1);
	assert_string_equal(stage->node, "police.oku");
	assert_int_equal(stage->standing, SIMPUL__STANDING__STANDING_COMPROMISED);
	assert_int_equal(stage->since, 5);
	zmq_setsockopt(stage->operator, ZMQ_RCVTIMEO, &at_once, sizeof(at_once));
	assert_int_equal(zmq_recv(stage->operator, frame, sizeof(frame), 0), -1);
	control_done(stage->control, stage->ticket + 1, &none, 7); /* somebody else's */
	assert_int_equal(zmq_recv(stage->operator, frame, sizeof(frame), 0), -1);
	control_done(stage->control, stage->ticket, &none, 8);
	json = answer(stage);
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
	request(stage, (const char *)text.data, text.size);
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
	assert_refused(stage, "{\"command\": \"policy-reload\"}", "CONFIG", "policy.yaml:7: wrong");
	stage->reload_error = E_OK;
	request(stage, "{\"command\": \"policy-reload\"}", 28);
	control_done(stage->control, stage->ticket, &none, 3);
	json = answer(stage);
	assert_true(json_is_true(json_object_get(json, "ok")));
	json_decref(json);
	assert_int_equal(stage->reloads, 2);
	assert_refused(stage, "{\"command\": \"policy-show\"}", "NOT_FOUND", "");
}

static void too_many_waiting_operators_are_told_so(void **state)
{
	struct stage *stage = *state;
	json_t *json;

	for (int i = 0; i < 64; i++)
		request(stage, "{\"command\": \"policy-reload\"}", 28);
	assert_int_equal(stage->reloads, 64);
	request(stage, "{\"command\": \"policy-reload\"}", 28);
	json = answer(stage);
	assert_string_equal(json_string_value(json_object_get(json, "code")), "BUSY");
	json_decref(json);
	assert_int_equal(stage->reloads, 64);
}

/* ---- roles and the record */

/* Every command, whole, and whether it changes something: whoever adds one must say so here. */
static const struct {
	const char *name, *request;
	bool changes;
} verbs[] = {
	{"status", "{\"command\": \"status\"}", false},
	{"nodes", "{\"command\": \"nodes\"}", false},
	{"policy-show", "{\"command\": \"policy-show\"}", false},
	{"proposals", "{\"command\": \"proposals\"}", false},
	{"look", "{\"command\": \"look\", \"what\": \"got\", \"object\": \"police.oku\", \"reason\": \"theft\"}", false},
	{"policy-reload", "{\"command\": \"policy-reload\"}", true},
	{"watchers-reload", "{\"command\": \"watchers-reload\"}", true},
	{"enroll", "{\"command\": \"enroll\", \"record\": \"00\"}", true},
	{"standing",
	 "{\"command\": \"standing\", \"node\": \"police.oku\", \"standing\": \"retired\", \"reason\": \"\"}", true},
	{"grant", "{\"command\": \"grant\", \"node\": \"police.oku\", \"from_entry\": 1, \"reason\": \"x\"}", true},
	{"approve", "{\"command\": \"approve\", \"proposal\": 1, \"signature\": \"00\"}", true},
	{"clock-confirm", "{\"command\": \"clock-confirm\"}", true},
};

static void every_verb_that_changes_something_is_refused_to_an_auditor(void **state)
{
	struct stage *stage = *state;
	const char *name;
	bool changes;

	for (size_t i = 0; (name = control_command(i, &changes)) != NULL; i++) {
		json_t *json;

		assert_true(i < sizeof(verbs) / sizeof(verbs[0]));
		assert_string_equal(name, verbs[i].name);
		assert_int_equal(changes, verbs[i].changes);
		if (!changes)
			continue;
		request_as(stage, CONTROL_AUDITOR, verbs[i].request, strlen(verbs[i].request));
		json = answer_as(stage, CONTROL_AUDITOR);
		assert_string_equal(json_string_value(json_object_get(json, "code")), "OPERATORS_ONLY");
		json_decref(json);
	}
	assert_int_equal(stage->steps + stage->reloads + stage->watcher_reloads, 0);
}

static const Simpul__Act *act_of(const struct stage *stage)
{
	static Simpul__Act *act;

	if (act != NULL)
		simpul__act__free_unpacked(act, NULL);
	act = simpul__act__unpack(NULL, stage->act.size, stage->act.data);
	assert_non_null(act);
	return act;
}

static void an_auditor_sees_and_his_looks_are_recorded(void **state)
{
	struct stage *stage = *state;
	const struct fault none = {0};
	json_t *json;

	request_as(stage, CONTROL_AUDITOR, verbs[0].request, strlen(verbs[0].request));
	json = answer_as(stage, CONTROL_AUDITOR);
	assert_true(json_is_true(json_object_get(json, "ok")));
	json_decref(json);
	request_as(stage, CONTROL_AUDITOR, verbs[4].request, strlen(verbs[4].request));
	assert_int_equal(stage->type, CORE_ACT);
	assert_true(act_of(stage)->auditor);
	control_done(stage->control, stage->ticket, &none, 9);
	json = answer_as(stage, CONTROL_AUDITOR);
	assert_int_equal(json_integer_value(json_object_get(json, "entry")), 9);
	json_decref(json);
}

static void an_act_says_who_what_and_why(void **state)
{
	static const char grant[] = "{\"command\": \"grant\", \"node\": \"police.oku\", \"from_entry\": 1, "
				    "\"reason\": \"disk lost\", \"as\": \"Ms Duty\"}";
	struct stage *stage = *state;
	char user[ACT_USER_SIZE];
	const Simpul__Act *act;

	request(stage, grant, strlen(grant));
	act = act_of(stage);
	assert_string_equal(act->user, act_user_name(getuid(), user));
	assert_string_equal(act->person, "Ms Duty");
	assert_string_equal(act->command, "grant");
	assert_string_equal(act->object, "police.oku");
	assert_string_equal(act->reason, "disk lost");
	assert_false(act->auditor);
	request(stage, "{\"command\": \"policy-reload\"}", 28);
	assert_string_equal(act_of(stage)->command, "policy reload");
}

static void what_would_spoil_the_record_is_refused(void **state)
{
	struct stage *stage = *state;

	assert_refused(stage, "{\"command\": \"status\", \"as\": 1}", "INVALID", "as");
	assert_refused(stage, "{\"command\": \"clock-confirm\", \"as\": \"a\\nb\"}", "INVALID", "as");
	assert_refused(stage, "{\"command\": \"clock-confirm\", \"reason\": \"a\\u007fb\"}", "INVALID", "reason");
	assert_refused(stage, "{\"command\": \"policy-reload\", \"reason\": 7}", "INVALID", "reason");
	assert_refused(stage, "{\"command\": \"look\", \"what\": \"revoke\", \"object\": \"police.oku\"}", "UNKNOWN_VALUE",
		       "what");
	assert_refused(stage, "{\"command\": \"look\", \"what\": \"got\", \"object\": \"police.oku#1\"}", "INVALID", "object");
	assert_refused(stage, "{\"command\": \"look\", \"what\": \"report\", \"object\": \"police.oku\"}", "INVALID", "object");
	assert_refused(stage, "{\"command\": \"look\", \"what\": \"report\"}", "INVALID", "object");
	assert_int_equal(stage->steps + stage->reloads, 0);
}

/* ---- two operators */

struct pair {
	struct signing_key keys[2];
};

static struct pair pair_enlist(struct stage *stage)
{
	struct watchers *list = &stage->settings.signers.list;
	struct pair pair;

	for (int i = 0; i < 2; i++) {
		signing_key_generate(&pair.keys[i]);
		snprintf(list->list[i].name, sizeof(list->list[i].name), "operator-%d", i);
		memcpy(list->list[i].key, pair.keys[i].public_key, KEY_SIZE);
	}
	list->count = 2;
	stage->settings.two_operators = ACT_GRANT;
	return pair;
}

/* The signature of a grant to police.oku from entry 1, for "x". */
static char *grant_signed(const struct stage *stage, const struct signing_key *key, wall_ms at,
			  char hex[2 * SIGNATURE_SIZE + 1])
{
	const struct hash content = act_grant_content("police.oku", 1, "x");
	const struct hash digest = act_digest(stage->identity.exchange.id, at, "grant", &content);
	uint8_t signature[SIGNATURE_SIZE];

	digest_sign(key, SIGN_TAG_ACT, &digest, signature);
	return hex_of(hex, BYTES(signature, SIGNATURE_SIZE));
}

static void propose(struct stage *stage, const struct signing_key *key, wall_ms at, const char *code, const char *field)
{
	char text[512], hex[2 * SIGNATURE_SIZE + 1];
	json_t *json;

	snprintf(text, sizeof(text),
		 "{\"command\": \"grant\", \"node\": \"police.oku\", \"from_entry\": 1, \"reason\": \"x\", "
		 "\"at\": %llu, \"signature\": \"%s\"}",
		 (unsigned long long)at, grant_signed(stage, key, at, hex));
	if (code != NULL) {
		assert_refused(stage, text, code, field);
		return;
	}
	request(stage, text, strlen(text));
	json = answer(stage);
	assert_true(json_is_true(json_object_get(json, "ok")));
	assert_int_equal(json_integer_value(json_object_get(json, "proposal")), 1);
	json_decref(json);
}

static char *approval(const struct stage *stage, const struct signing_key *key, wall_ms at, char text[400])
{
	char hex[2 * SIGNATURE_SIZE + 1];

	snprintf(text, 400, "{\"command\": \"approve\", \"proposal\": 1, \"signature\": \"%s\"}",
		 grant_signed(stage, key, at, hex));
	return text;
}

static void two_different_operators_are_needed_and_their_word_counts_once(void **state)
{
	struct stage *stage = *state;
	const struct pair pair = pair_enlist(stage);
	const wall_ms at = clock_now().wall;
	struct signing_key stranger;
	const Simpul__Act *act;
	char text[400];

	signing_key_generate(&stranger);
	assert_refused(stage, verbs[9].request, "TWO_OPERATORS", "");
	propose(stage, &stranger, at, "BAD_SIGNATURE", "signature");
	propose(stage, &pair.keys[0], at, NULL, NULL);
	propose(stage, &pair.keys[1], at, "EXISTS", "proposal");
	assert_refused(stage, approval(stage, &pair.keys[0], at, text), "TWO_OPERATORS", "signature");
	assert_refused(stage, approval(stage, &stranger, at, text), "BAD_SIGNATURE", "signature");
	assert_refused(stage, approval(stage, &pair.keys[1], at + 1, text), "BAD_SIGNATURE", "signature");
	assert_int_equal(stage->steps, 0);
	approval(stage, &pair.keys[1], at, text);
	request(stage, text, strlen(text));
	assert_int_equal(stage->steps, 1);
	assert_int_equal(stage->type, CORE_GRANT);
	act = act_of(stage);
	assert_int_equal(act->n_signatures, 2);
	assert_string_equal(act->signatures[0]->operator_, "operator-0");
	assert_string_equal(act->signatures[1]->operator_, "operator-1");
	assert_int_equal(act->signed_at, at);
	/* Both stand in the journal now, for everybody to say again. */
	assert_refused(stage, text, "NOT_FOUND", "proposal");
	propose(stage, &pair.keys[0], at, "EXISTS", "proposal");
	assert_int_equal(stage->steps, 1);
}

static void a_word_from_before_the_start_or_for_another_day_is_refused(void **state)
{
	struct stage *stage = *state;
	const struct pair pair = pair_enlist(stage);
	const wall_ms now = clock_now().wall;

	stage->port.started_at = now;
	propose(stage, &pair.keys[0], now - 1, "CLOCK", "at");
	stage->port.started_at = 0;
	propose(stage, &pair.keys[0], now - ACT_LIFE_MS, "CLOCK", "at");
	propose(stage, &pair.keys[0], now + 2 * ACT_LIFE_MS, "CLOCK", "at");
	assert_int_equal(stage->steps, 0);
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
		cmocka_unit_test_setup_teardown(every_verb_that_changes_something_is_refused_to_an_auditor, stage_open,
						stage_close),
		cmocka_unit_test_setup_teardown(an_auditor_sees_and_his_looks_are_recorded, stage_open, stage_close),
		cmocka_unit_test_setup_teardown(an_act_says_who_what_and_why, stage_open, stage_close),
		cmocka_unit_test_setup_teardown(what_would_spoil_the_record_is_refused, stage_open, stage_close),
		cmocka_unit_test_setup_teardown(two_different_operators_are_needed_and_their_word_counts_once, stage_open,
						stage_close),
		cmocka_unit_test_setup_teardown(a_word_from_before_the_start_or_for_another_day_is_refused, stage_open,
						stage_close),
		cmocka_unit_test_setup_teardown(too_many_waiting_operators_are_told_so, stage_open, stage_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
