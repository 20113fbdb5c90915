/* control_fuzz - operators' requests, through the socket: each gets exactly one answer, in JSON with a code where it is
 * a refusal, and only a request that is right in itself reaches the core. */
#include "broker/control/control.h"
#include "common/memory.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/core_world.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { PATIENCE_MS = 10000, LARGEST_REQUEST = 16 * 1024 };

static struct stage {
	struct world *world;
	struct broker_settings settings;
	struct broker_identity identity;
	struct control_port port;
	struct control *control;
	void *context, *operator_;
	unsigned reached; /* requests that the core or the loop was asked for, in this run */
} stage;

static bool text_good(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* What the loop would do: the core decides, the journal commits, control hears of it. */
static void loop_step(void *loop, const struct core_event *event)
{
	const struct event_seen *seen;

	(void)loop;
	stage.reached++;
	PROMISE(event->type == CORE_ENROLL || event->type == CORE_STANDING || event->type == CORE_RESEED ||
		event->type == CORE_ACT || event->type == CORE_CLOCK);
	PROMISE(event->act.size > 0);
	PROMISE(event->operator_ticket != 0);
	if (event->type == CORE_ENROLL)
		PROMISE(node_name_valid(event->enroll->node));
	if (event->type == CORE_STANDING)
		PROMISE(node_name_valid(event->standing.node) && text_good(event->standing.reason));
	if (event->type == CORE_RESEED)
		PROMISE(node_name_valid(event->reseed.node) && event->reseed.from_entry > 0 &&
			text_good(event->reseed.reason));
	world_forget(stage.world);
	world_step(stage.world, event);
	for (int i = 0; i < 2; i++) /* the change, and the record of it */
		world_commit(stage.world, E_OK);
	for (size_t i = 0; (seen = world_find(stage.world, ACTION_ANSWER, i)) != NULL; i++)
		control_done(stage.control, event->operator_ticket, &seen->fault, seen->entry);
}

static enum error loop_reload(void *loop, uint64_t ticket, const struct hash *approved, struct bytes act,
			      struct fault *fault)
{
	(void)loop;
	(void)approved;
	PROMISE(ticket != 0 && act.size > 0);
	stage.reached++;
	return fault_at(fault, E_CONFIG, "policy.yaml:7: wrong");
}

static enum error loop_take_up(void *loop, uint64_t ticket, struct bytes act, struct fault *fault)
{
	(void)loop;
	PROMISE(ticket != 0 && act.size > 0);
	stage.reached++;
	return fault_at(fault, E_NOT_FOUND, "broker.keys.next");
}

static enum error loop_reload_watchers(void *loop, struct fault *fault)
{
	(void)loop;
	(void)fault;
	return E_OK;
}

/* A run depends on its input alone: what it changed is gone before the next. */
static void world_anew(void)
{
	if (stage.world != NULL)
		world_free(stage.world);
	fuzz_start();
	stage.world = world_new();
	stage.port.core = stage.world->core;
}

static void stage_open(void)
{
	const int wait = PATIENCE_MS;
	char *endpoint = memory_format("ipc://%s/control", fuzz_folder());

	stage.settings.control = memory_string(endpoint + strlen("ipc://"));
	stage.settings.link_public = stage.settings.feed_public = memory_string("tcp://127.0.0.1:1");
	stage.port = (struct control_port){.loop = &stage,
					   .settings = &stage.settings,
					   .identity = &stage.identity,
					   .step = loop_step,
					   .reload = loop_reload,
					   .take_up = loop_take_up,
					   .reload_watchers = loop_reload_watchers};
	world_anew();
	stage.context = zmq_ctx_new();
	PROMISE(control_new(&stage.control, stage.context, &stage.port, NULL) == E_OK);
	stage.operator_ = zmq_socket(stage.context, ZMQ_DEALER);
	zmq_setsockopt(stage.operator_, ZMQ_RCVTIMEO, &wait, sizeof wait);
	PROMISE(zmq_connect(stage.operator_, endpoint) == 0);
	free(endpoint);
}

static void answer_good(const char *text, size_t size)
{
	json_t *answer = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *ok = json_object_get(answer, "ok");

	PROMISE(json_is_boolean(ok));
	if (json_is_false(ok)) {
		const char *code = json_string_value(json_object_get(answer, "code"));
		const json_int_t number = json_integer_value(json_object_get(answer, "number"));

		PROMISE(code != NULL && strcmp(error_name(error_of_code((uint32_t)number)), code) == 0);
		PROMISE(json_string_value(json_object_get(answer, "field")) != NULL);
	}
	json_decref(answer);
}

static void request(struct bytes text)
{
	zmq_pollitem_t item = {.socket = control_socket(stage.control, CONTROL_OPERATOR), .events = ZMQ_POLLIN};
	zmq_msg_t frame;

	PROMISE(zmq_send(stage.operator_, "", 0, ZMQ_SNDMORE) == 0);
	PROMISE(zmq_send(stage.operator_, text.data, text.size, 0) == (int)text.size);
	PROMISE(zmq_poll(&item, 1, PATIENCE_MS) == 1);
	control_take(stage.control);
	zmq_msg_init(&frame);
	PROMISE(zmq_msg_recv(&frame, stage.operator_, 0) == 0);
	PROMISE(zmq_msg_recv(&frame, stage.operator_, 0) > 0 && !zmq_msg_more(&frame));
	answer_good(zmq_msg_data(&frame), zmq_msg_size(&frame));
	zmq_msg_close(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Those are not answered, or cut at the socket. */
	if (size == 0 || size > LARGEST_REQUEST)
		return 0;
	if (stage.control == NULL)
		stage_open();
	stage.reached = 0;
	fuzz_clock(false);
	request(BYTES(data, size));
	fuzz_clock(true);
	PROMISE(stage.reached <= 1);
	if (stage.reached == 1)
		world_anew();
	return 0;
}
