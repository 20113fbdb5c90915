/* control_roles_test - tries to change something without being an operator, and unrecorded, and to keep an operator from
 * it. */
#include "broker/control/control_state.h"
#include "common/memory.h"
#include "tests/support/control_stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Every command, whole, and whether it changes something: whoever adds one must say so here. */
static const struct {
	const char *name, *request;
	bool changes;
} verbs[] = {
	{"status", "{\"command\": \"status\"}", false},
	{"nodes", "{\"command\": \"nodes\"}", false},
	{"policy-show", "{\"command\": \"policy-show\"}", false},
	{"proposals", "{\"command\": \"proposals\"}", false},
	{"look", "{\"command\": \"look\", \"what\": \"got\", \"object\": \"police.oku\", \"reason\": \"theft\"}",
	 false},
	{"tell", "{\"command\": \"tell\", \"what\": \"report\", \"object\": \"police.oku#1\"}", false},
	{"policy-reload", "{\"command\": \"policy-reload\"}", true},
	{"watchers-reload", "{\"command\": \"watchers-reload\"}", true},
	{"enroll", "{\"command\": \"enroll\", \"record\": \"00\"}", true},
	{"standing",
	 "{\"command\": \"standing\", \"node\": \"police.oku\", \"standing\": \"retired\", \"reason\": \"\"}", true},
	{"reseed", "{\"command\": \"reseed\", \"node\": \"police.oku\", \"from_entry\": 1, \"reason\": \"x\"}", true},
	{"hold-place",
	 "{\"command\": \"hold-place\", \"report\": \"police.oku#1\", \"authority\": \"PN-BATURAJA\", "
	 "\"order\": \"12/2026\", \"until\": 1, \"reason\": \"x\"}",
	 true},
	{"hold-lift", "{\"command\": \"hold-lift\", \"report\": \"police.oku#1\", \"hold\": 7, \"reason\": \"x\"}",
	 true},
	{"hold-open", "{\"command\": \"hold-open\", \"report\": \"police.oku#1\", \"reason\": \"x\"}", true},
	{"broker-key", "{\"command\": \"broker-key\", \"succession\": \"00\"}", true},
	{"broker-keys-take-up", "{\"command\": \"broker-keys-take-up\"}", true},
	{"approve", "{\"command\": \"approve\", \"proposal\": 1, \"signature\": \"00\"}", true},
	{"withdraw", "{\"command\": \"withdraw\", \"proposal\": 1}", true},
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
		stage_request_as(stage, CONTROL_AUDITOR, verbs[i].request, strlen(verbs[i].request));
		json = stage_answer_as(stage, CONTROL_AUDITOR);
		assert_string_equal(json_string_value(json_object_get(json, "code")), "OPERATORS_ONLY");
		json_decref(json);
	}
	assert_int_equal(stage->steps + stage->reloads + stage->watcher_reloads + stage->take_ups, 0);
}

static void an_auditor_sees_and_his_looks_are_recorded(void **state)
{
	struct stage *stage = *state;
	const struct fault none = {0};
	json_t *json;

	stage_request_as(stage, CONTROL_AUDITOR, verbs[0].request, strlen(verbs[0].request));
	json = stage_answer_as(stage, CONTROL_AUDITOR);
	assert_true(json_is_true(json_object_get(json, "ok")));
	json_decref(json);
	stage_request_as(stage, CONTROL_AUDITOR, verbs[4].request, strlen(verbs[4].request));
	assert_int_equal(stage->type, CORE_ACT);
	assert_true(stage_act(stage)->auditor);
	control_done(stage->control, stage->ticket, &none, 9);
	json = stage_answer_as(stage, CONTROL_AUDITOR);
	assert_int_equal(json_integer_value(json_object_get(json, "entry")), 9);
	json_decref(json);
}

static void an_act_says_who_what_and_why(void **state)
{
	static const char reseed[] = "{\"command\": \"reseed\", \"node\": \"police.oku\", \"from_entry\": 1, "
				    "\"reason\": \"disk lost\", \"as\": \"Ms Duty\"}";
	struct stage *stage = *state;
	char user[USER_NAME_SIZE];
	const Simpul__Act *act;

	stage_request(stage, reseed, strlen(reseed));
	act = stage_act(stage);
	assert_string_equal(act->user, user_name(getuid(), user));
	assert_string_equal(act->person, "Ms Duty");
	assert_string_equal(act->command, "reseed");
	assert_string_equal(act->object, "police.oku");
	assert_string_equal(act->reason, "disk lost");
	assert_false(act->auditor);
	stage_request(stage, "{\"command\": \"policy-reload\"}", 28);
	assert_string_equal(stage_act(stage)->command, "policy reload");
	stage_request(stage, verbs[15].request, strlen(verbs[15].request));
	assert_int_equal(stage->take_ups, 1);
	assert_string_equal(stage_act(stage)->command, "broker-keys take-up");
}

static void what_would_spoil_the_record_is_refused(void **state)
{
	struct stage *stage = *state;

	stage_refused(stage, "{\"command\": \"status\", \"as\": 1}", "INVALID", "as");
	stage_refused(stage, "{\"command\": \"clock-confirm\", \"as\": \"a\\nb\"}", "INVALID", "as");
	stage_refused(stage, "{\"command\": \"clock-confirm\", \"reason\": \"a\\u007fb\"}", "INVALID", "reason");
	stage_refused(stage, "{\"command\": \"policy-reload\", \"reason\": 7}", "INVALID", "reason");
	stage_refused(stage, "{\"command\": \"look\", \"what\": \"revoke\", \"object\": \"police.oku\"}", "UNKNOWN_VALUE",
		       "what");
	stage_refused(stage, "{\"command\": \"look\", \"what\": \"got\", \"object\": \"police.oku#1\"}", "INVALID", "object");
	stage_refused(stage, "{\"command\": \"look\", \"what\": \"report\", \"object\": \"police.oku\"}", "INVALID", "object");
	stage_refused(stage, "{\"command\": \"look\", \"what\": \"report\"}", "INVALID", "object");
	stage_refused(stage, "{\"command\": \"tell\", \"what\": \"body\", \"object\": \"police.oku#1\"}",
		      "UNKNOWN_VALUE", "what");
	stage_refused(stage, "{\"command\": \"tell\", \"what\": \"report\", \"object\": \"police.oku\"}", "INVALID",
		      "object");
	stage_refused(stage, "{\"command\": \"tell\", \"what\": \"got\", \"object\": \"police.oku\", \"after\": -1}",
		      "INVALID", "after");
	stage_refused(stage, "{\"command\": \"tell\", \"what\": \"policy explain\", \"object\": \"police.oku#1\"}",
		      "INVALID", "node");
	stage_refused(stage,
		      "{\"command\": \"tell\", \"what\": \"report\", \"object\": \"police.oku#1\", \"reason\": 7}",
		      "INVALID", "reason");
	assert_int_equal(stage->steps + stage->reloads, 0);
}

static void a_group_that_is_not_there_is_named_and_nobody_comes_in(void **state)
{
	struct stage *stage = *state;
	struct broker_settings settings = stage->settings;
	struct control_port port = stage->port;
	struct control *control;
	struct fault fault = {0};
	char path[120];

	snprintf(path, sizeof(path), "%s/other.sock", stage->folder);
	settings.control = path;
	settings.audit = NULL;
	settings.operators_group = (char *)(uintptr_t)"no-such-group";
	port.settings = &settings;
	assert_int_equal(control_new(&control, stage->context, &port, &fault), E_CONFIG);
	assert_non_null(strstr(fault.field, "there is no group \"no-such-group\""));
	assert_int_equal(access(path, F_OK), -1);
}

/* Two journals whose settings name one path. */
static void a_path_where_another_broker_listens_is_left_to_it(void **state)
{
	struct stage *stage = *state;
	struct control *second;
	struct fault fault = {0};
	const enum error error = control_new(&second, stage->context, &stage->port, &fault);
	json_t *json;

	if (error == E_OK)
		control_free(second);
	assert_int_equal(error, E_CONFIG);
	assert_non_null(strstr(fault.field, "another program listens there"));
	assert_int_equal(access(stage->path, F_OK), 0);
	zmq_close(stage->operator);
	stage->operator = stage_connect(stage, stage->path);
	stage_request(stage, verbs[0].request, strlen(verbs[0].request));
	json = stage_answer(stage);
	assert_true(json_is_true(json_object_get(json, "ok")));
	json_decref(json);
}

/* ---- who asks much */

static void assert_can_revoke(struct stage *stage)
{
	static const char revoke[] =
		"{\"command\": \"standing\", \"node\": \"police.oku\", \"standing\": \"compromised\", "
		"\"reason\": \"stolen\"}";

	stage_request(stage, revoke, strlen(revoke));
	assert_int_equal(stage->type, CORE_STANDING);
}

static void looks_leave_an_operator_room_to_act(void **state)
{
	struct stage *stage = *state;

	for (int i = 0; i < 100; i++)
		stage_request_as(stage, CONTROL_AUDITOR, verbs[4].request, strlen(verbs[4].request));
	assert_can_revoke(stage);
}

/* They are on disk, and the archivist has not answered one. */
static void questions_leave_an_operator_room_to_act(void **state)
{
	struct stage *stage = *state;
	struct mailbox *answers = mailbox_new();
	const struct fault none = {0};
	unsigned told = 0, before = 0;

	stage->port.archivist = archivist_start(&(struct journal_options){.path = "/nowhere"}, answers);
	for (int i = 0; i < 200; i++) {
		stage_request_as(stage, i % 2 == 0 ? CONTROL_AUDITOR : CONTROL_OPERATOR, verbs[5].request,
				 strlen(verbs[5].request));
		if (stage->steps > before)
			control_done(stage->control, stage->ticket, &none, 9);
		before = stage->steps;
	}
	assert_in_range(before, 2, 32);
	assert_can_revoke(stage);
	stage->type = CORE_ACT;
	for (struct letter *next, *letter; told < before;)
		for (letter = mailbox_wait_all(answers); letter != NULL; letter = next, told++) {
			next = letter->next;
			control_told(stage->control, (struct archive_letter *)letter);
		}
	stage_request_as(stage, CONTROL_AUDITOR, verbs[5].request, strlen(verbs[5].request));
	assert_int_equal(stage->steps, before + 2); /* there is room again */
	archivist_stop(stage->port.archivist);
	mailbox_free(answers);
}

/* A table of thousands of members, again and again: what is made of it no office waits for for long. */
static void a_role_that_asks_for_all_members_all_the_time_is_told_to_wait(void **state)
{
	struct stage *stage = *state;
	struct mailbox *answers = mailbox_new();
	json_t *json;

	stage->port.archivist = archivist_start(&(struct journal_options){.path = "/nowhere"}, answers);
	stage_request(stage, verbs[1].request, strlen(verbs[1].request));
	json_decref(stage_answer(stage));
	bucket_charge(&stage->control->looks[CONTROL_OPERATOR], 1000 * LOOKS_BUCKET.most);
	stage_refused(stage, verbs[1].request, "BUSY", "");
	stage_refused(stage, verbs[5].request, "BUSY", "");
	assert_int_equal(stage->steps, 0);
	stage_request_as(stage, CONTROL_AUDITOR, verbs[1].request, strlen(verbs[1].request));
	json = stage_answer_as(stage, CONTROL_AUDITOR);
	assert_true(json_is_true(json_object_get(json, "ok")));
	json_decref(json);
	assert_can_revoke(stage);
	archivist_stop(stage->port.archivist);
	mailbox_free(answers);
}

/* Who asks waits ten seconds: behind others he hears that he did, and nothing is looked up for nobody. */
static void a_question_whose_time_went_by_behind_others_is_not_called_too_large(void **state)
{
	struct mailbox *answers = mailbox_new();
	struct archivist *archivist = archivist_start(&(struct journal_options){.path = "/nowhere"}, answers);

	(void)state;
	for (int late = 0; late < 2; late++) {
		struct archive_letter *letter = memory_zero(1, sizeof(*letter));

		letter->question = ARCHIVE_SENT;
		letter->asked_at = clock_now().steady - (late ? ARCHIVIST_MS : 0);
		archivist_ask(archivist, letter);
		letter = (struct archive_letter *)mailbox_wait_all(answers);
		assert_int_equal(letter->fault.code, late ? E_BUSY : E_NOT_FOUND);
		archive_letter_free(letter);
	}
	archivist_stop(archivist);
	mailbox_free(answers);
}

/* A socket that takes one answer at a time and reads none. */
static void answers_that_nobody_reads_are_not_kept(void **state)
{
	enum { LARGE = 1 << 20, ASKED = 40 };
	struct stage *stage = *state;
	const int one = 1, wait = 300;
	char endpoint[128];
	unsigned read = 0;

	snprintf(endpoint, sizeof(endpoint), "ipc://%s", stage->audit);
	zmq_setsockopt(stage->auditor, ZMQ_RCVTIMEO, &wait, sizeof(wait));
	zmq_setsockopt(stage->auditor, ZMQ_RCVHWM, &one, sizeof(one));
	zmq_disconnect(stage->auditor, endpoint); /* what is set holds for the next connection */
	zmq_connect(stage->auditor, endpoint);
	for (int i = 0; i < ASKED; i++) {
		struct archive_letter *letter = memory_zero(1, sizeof(*letter));

		stage_request_as(stage, CONTROL_AUDITOR, verbs[4].request, strlen(verbs[4].request));
		letter->ticket = stage->ticket;
		letter->text = memory_zero(1, LARGE);
		memset(letter->text, ' ', LARGE - 1);
		control_told(stage->control, letter);
	}
	for (char part[8]; zmq_recv(stage->auditor, part, sizeof(part), 0) >= 0;)
		read++;
	assert_in_range(read, 2, 2 * 10); /* two parts each */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_open, stage_close)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_verb_that_changes_something_is_refused_to_an_auditor),
		TEST(an_auditor_sees_and_his_looks_are_recorded),
		TEST(an_act_says_who_what_and_why),
		TEST(what_would_spoil_the_record_is_refused),
		TEST(a_group_that_is_not_there_is_named_and_nobody_comes_in),
		TEST(a_path_where_another_broker_listens_is_left_to_it),
		TEST(looks_leave_an_operator_room_to_act),
		TEST(questions_leave_an_operator_room_to_act),
		TEST(a_role_that_asks_for_all_members_all_the_time_is_told_to_wait),
		TEST(a_question_whose_time_went_by_behind_others_is_not_called_too_large),
		TEST(answers_that_nobody_reads_are_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
