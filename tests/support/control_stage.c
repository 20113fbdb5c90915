/* control_stage - opens a control in a folder of its own and speaks to it. */
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

static enum error keep_reload(void *context, uint64_t ticket, const struct hash *approved, struct bytes act,
			      struct fault *fault)
{
	struct stage *stage = context;

	stage->reloads++;
	stage->reload_approved = approved != NULL ? *approved : (struct hash){{0}};
	stage->ticket = ticket;
	act_keep(stage, act);
	return stage->reload_error == E_OK ? E_OK : fault_at(fault, stage->reload_error, "policy.yaml:7: wrong");
}

static enum error keep_take_up(void *context, uint64_t ticket, struct bytes act, struct fault *fault)
{
	struct stage *stage = context;

	stage->take_ups++;
	stage->ticket = ticket;
	act_keep(stage, act);
	(void)fault;
	return E_OK;
}

static enum error keep_reload_watchers(void *context, struct fault *fault)
{
	struct stage *stage = context;

	(void)fault;
	stage->watcher_reloads++;
	return E_OK;
}

void *stage_connect(struct stage *stage, const char *path)
{
	char endpoint[128];
	const int wait = 2000;
	void *socket = zmq_socket(stage->context, ZMQ_DEALER);

	zmq_setsockopt(socket, ZMQ_RCVTIMEO, &wait, sizeof(wait));
	snprintf(endpoint, sizeof(endpoint), "ipc://%s", path);
	assert_int_equal(zmq_connect(socket, endpoint), 0);
	return socket;
}

int stage_open(void **state)
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
	stage->settings.journal = stage->folder;
	stage->settings.link_public = stage->settings.feed_public = (char *)"tcp://127.0.0.1:1";
	broker_keys_generate(&stage->identity.keys);
	snprintf(stage->identity.exchange.name, sizeof(stage->identity.exchange.name), "Test");
	stage->port = (struct control_port){.loop = stage,
					    .core = core_new(&options),
					    .settings = &stage->settings,
					    .identity = &stage->identity,
					    .step = keep_step,
					    .reload = keep_reload,
					    .take_up = keep_take_up,
					    .reload_watchers = keep_reload_watchers};
	stage->context = zmq_ctx_new();
	assert_int_equal(control_new(&stage->control, stage->context, &stage->port, NULL), E_OK);
	stage->operator = stage_connect(stage, stage->path);
	stage->auditor = stage_connect(stage, stage->audit);
	*state = stage;
	return 0;
}

void stage_restart(struct stage *stage)
{
	control_free(stage->control);
	zmq_close(stage->operator);
	zmq_close(stage->auditor);
	stage->port.started_at = clock_now().wall;
	assert_int_equal(control_new(&stage->control, stage->context, &stage->port, NULL), E_OK);
	stage->operator= stage_connect(stage, stage->path);
	stage->auditor = stage_connect(stage, stage->audit);
}

int stage_close(void **state)
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
	snprintf(stage->path, sizeof(stage->path), "%s/proposals.json", stage->folder);
	unlink(stage->path);
	rmdir(stage->folder);
	free(stage);
	return 0;
}

void stage_request_as(struct stage *stage, enum control_role role, const char *text, size_t size)
{
	zmq_pollitem_t item = {.socket = control_socket(stage->control, role), .events = ZMQ_POLLIN};
	void *socket = role == CONTROL_OPERATOR ? stage->operator : stage->auditor;

	assert_true(zmq_send(socket, "", 0, ZMQ_SNDMORE) >= 0);
	assert_true(zmq_send(socket, text, size, 0) >= 0);
	assert_int_equal(zmq_poll(&item, 1, 2000), 1);
	control_take(stage->control);
}

void stage_request(struct stage *stage, const char *text, size_t size)
{
	stage_request_as(stage, CONTROL_OPERATOR, text, size);
}

json_t *stage_answer_as(struct stage *stage, enum control_role role)
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

json_t *stage_answer(struct stage *stage)
{
	return stage_answer_as(stage, CONTROL_OPERATOR);
}

void stage_refused(struct stage *stage, const char *text, const char *code, const char *field)
{
	json_t *json;

	stage_request(stage, text, strlen(text));
	json = stage_answer(stage);
	assert_true(json_is_false(json_object_get(json, "ok")));
	assert_string_equal(json_string_value(json_object_get(json, "code")), code);
	assert_string_equal(json_string_value(json_object_get(json, "field")), field);
	json_decref(json);
}

const Simpul__Act *stage_act(const struct stage *stage)
{
	static Simpul__Act *act;

	if (act != NULL)
		simpul__act__free_unpacked(act, NULL);
	act = simpul__act__unpack(NULL, stage->act.size, stage->act.data);
	assert_non_null(act);
	return act;
}
