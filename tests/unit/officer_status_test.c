/* Tries to have `simpul status` do to the terminal what a broker wants. */
#include "agents/officer/officer.h"
#include "common/file.h"
#include "common/memory.h"
#include "tests/support/printed.h"
#include "tests/support/process.h"
#include <pthread.h>
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

static char folder[] = "/tmp/simpul-status-XXXXXX";

static int set_up(void **state)
{
	static const char config[] =
		"node: police.oku\nkeys: none.keys\njoin: none.join\nstore: store\nlocal: local.sock\n";

	(void)state;
	if (mkdtemp(folder) == NULL || chdir(folder) != 0)
		return 1;
	return file_write("agent.yaml", BYTES(config, strlen(config)), 0600, NULL) != E_OK;
}

static int tear_down(void **state)
{
	(void)state;
	tree_remove(folder);
	return chdir("/");
}

/* The agent, for one question. */
struct agent {
	void *context, *socket;
	const char *answer;
};

static void *answer_once(void *arg)
{
	struct agent *agent = arg;
	char question[256];

	if (zmq_recv(agent->socket, question, sizeof(question), 0) >= 0)
		zmq_send(agent->socket, agent->answer, strlen(agent->answer), 0);
	return NULL;
}

/* What `simpul status` prints of this answer; free it. */
static char *status_printed(const char *answer)
{
	struct agent agent = {.context = zmq_ctx_new(), .answer = answer};
	struct officer officer = {.config = "agent.yaml", .command = "status"};
	char command[] = "status", *argv[] = {command, NULL};
	const int patience = patient_ms(20000);
	struct printed printed;
	pthread_t thread;
	char *text;

	agent.socket = zmq_socket(agent.context, ZMQ_REP);
	zmq_setsockopt(agent.socket, ZMQ_RCVTIMEO, &patience, sizeof(patience));
	assert_int_equal(zmq_bind(agent.socket, "ipc://local.sock"), 0);
	assert_int_equal(pthread_create(&thread, NULL, answer_once, &agent), 0);
	officer_options_begin();
	printed_begin(&printed);
	officer_status(&officer, 1, argv);
	text = printed_end(&printed);
	pthread_join(thread, NULL);
	zmq_close(agent.socket);
	zmq_ctx_term(agent.context);
	return text;
}

/* The field of a refusal is text, which may hold all of these. */
static void what_a_broker_says_of_a_fault_cannot_steer_the_terminal(void **state)
{
	static const struct {
		const char *field, *shown;
	} faults[] = {
		{"a\\nlast fault: none", "\nlast fault: a last fault: none: "},
		{"a\\tb", "\nlast fault: a b: "},
		{"a\\u009b31m", "\nlast fault: a?31m: "},
		{"a\\u202eb\\u2066", "\nlast fault: a?b?: "},
		{"p\\u00e9dro", "\nlast fault: p\xc3\xa9"
				"dro: "},
		{"", "\nlast fault: the broker"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		char *answer =
			memory_format("{\"ok\": true, \"node\": \"police.oku\", \"state\": \"offline\", \"since\": "
				      "\"2026-11-20T03:00:00Z\", \"fault\": {\"code\": \"STOPPING\", \"field\": "
				      "\"%s\", \"sentence\": \"the broker stops\"}}",
				      faults[i].field);
		char *printed = status_printed(answer);

		if (strstr(printed, faults[i].shown) == NULL)
			fail_msg("%s is not in:\n%s", faults[i].shown, printed);
		free(printed);
		free(answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_broker_says_of_a_fault_cannot_steer_the_terminal),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
