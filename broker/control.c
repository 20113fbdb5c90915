/* control - reads operators' requests, turns them into looks at the core or events for it, and answers. */
#include "broker/control.h"

#include "broker/control_view.h"
#include "common/memory.h"
#include "common/socket.h"
#include "common/wire.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define REQUESTS_AT_ONCE 16
#define REQUEST_LIMIT (64 * 1024)
#define PENDING 64
#define REASON_LIMIT 200

/* Who waits for an answer: the routing id of a REQ socket. */
struct asker {
	uint8_t id[32];
	size_t size;
};

struct control {
	void *socket;
	const struct control_port *port;
	uint64_t next_ticket;
	struct {
		uint64_t ticket; /* 0: free */
		struct asker asker;
	} pending[PENDING];
};

/* ---- life */

enum error control_bind(void *socket, const char *path, struct fault *fault)
{
	char *endpoint = memory_format("ipc://%s", path);
	enum error error = E_OK;

	if (zmq_bind(socket, endpoint) != 0)
		error = fault_at(fault, E_CONFIG, "%s: %s", path, zmq_strerror(zmq_errno()));
	else if (chmod(path, 0660) != 0)
		error = fault_at(fault, E_IO, "%s: %s", path, strerror(errno));
	free(endpoint);
	return error;
}

enum error control_new(struct control **control, void *context, const struct control_port *port, struct fault *fault)
{
	struct control *made = memory_zero(1, sizeof(*made));
	const int64_t largest = REQUEST_LIMIT;
	const int linger = 200;
	enum error error;

	made->port = port;
	made->next_ticket = 1;
	made->socket = zmq_socket(context, ZMQ_ROUTER);
	if (made->socket == NULL || zmq_setsockopt(made->socket, ZMQ_MAXMSGSIZE, &largest, sizeof(largest)) != 0 ||
	    zmq_setsockopt(made->socket, ZMQ_LINGER, &linger, sizeof(linger)) != 0)
		error = fault_at(fault, E_IO, "%s: %s", port->settings->control, zmq_strerror(zmq_errno()));
	else
		error = control_bind(made->socket, port->settings->control, fault);
	if (error != E_OK) {
		control_free(made);
		return error;
	}
	*control = made;
	return E_OK;
}

void control_free(struct control *control)
{
	if (control == NULL)
		return;
	if (control->socket != NULL) {
		zmq_close(control->socket);
		unlink(control->port->settings->control);
	}
	free(control);
}

void *control_socket(const struct control *control)
{
	return control->socket;
}

/* ---- answers */

/* Takes over `answer`. */
static void answer_send(struct control *control, const struct asker *asker, json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT);

	json_decref(answer);
	if (text == NULL)
		return;
	zmq_send(control->socket, asker->id, asker->size, ZMQ_SNDMORE | ZMQ_DONTWAIT);
	zmq_send(control->socket, "", 0, ZMQ_SNDMORE | ZMQ_DONTWAIT);
	zmq_send(control->socket, text, strlen(text), ZMQ_DONTWAIT);
	free(text);
}

static json_t *answer_of_fault(const struct fault *fault)
{
	return json_pack("{s:b, s:s, s:i, s:s}", "ok", 0, "code", error_name(fault->code), "number", (int)fault->code,
			 "field", fault->field);
}

static void answer_fault(struct control *control, const struct asker *asker, enum error code, const char *field)
{
	struct fault fault = {0};

	fault_at(&fault, code, "%s", field);
	answer_send(control, asker, answer_of_fault(&fault));
}

/* Takes over `view`; NULL: there is no such thing. */
static void answer_view(struct control *control, const struct asker *asker, json_t *view)
{
	if (view == NULL) {
		answer_fault(control, asker, E_NOT_FOUND, "");
		return;
	}
	json_object_set_new(view, "ok", json_true());
	answer_send(control, asker, view);
}

void control_done(struct control *control, uint64_t ticket, const struct fault *fault, uint64_t entry)
{
	for (size_t i = 0; i < PENDING; i++) {
		if (ticket == 0 || control->pending[i].ticket != ticket)
			continue;
		control->pending[i].ticket = 0;
		if (fault->code == E_OK)
			answer_send(control, &control->pending[i].asker,
				    json_pack("{s:b, s:I}", "ok", 1, "entry", (json_int_t)entry));
		else
			answer_send(control, &control->pending[i].asker, answer_of_fault(fault));
	}
}

/* A ticket whose answer goes to `asker`; 0 when too many are waiting. */
static uint64_t ticket_take(struct control *control, const struct asker *asker)
{
	for (size_t i = 0; i < PENDING; i++) {
		if (control->pending[i].ticket != 0)
			continue;
		control->pending[i].asker = *asker;
		return control->pending[i].ticket = control->next_ticket++;
	}
	return 0;
}

/* Steps an event; the answer follows from the core. */
static void step(struct control *control, const struct asker *asker, struct core_event *event)
{
	event->operator_ticket = ticket_take(control, asker);
	if (event->operator_ticket == 0) {
		answer_fault(control, asker, E_BUSY, "");
		return;
	}
	control->port->step(control->port->loop, event);
}

/* ---- commands */

/* A text of the request; NULL when it is missing or not a text. */
static const char *request_text(const json_t *request, const char *key)
{
	return json_string_value(json_object_get(request, key));
}

static void do_status(struct control *control, const struct asker *asker, const json_t *request)
{
	(void)request;
	answer_view(control, asker, view_status(control->port));
}

static void do_nodes(struct control *control, const struct asker *asker, const json_t *request)
{
	(void)request;
	answer_view(control, asker, view_nodes(control->port->core));
}

static void do_policy_show(struct control *control, const struct asker *asker, const json_t *request)
{
	answer_view(control, asker, view_policy(control->port->core, request_text(request, "node")));
}

static void do_policy_reload(struct control *control, const struct asker *asker, const json_t *request)
{
	struct fault fault = {0};
	uint64_t ticket = ticket_take(control, asker);

	(void)request;
	if (ticket == 0)
		answer_fault(control, asker, E_BUSY, "");
	else if (control->port->reload(control->port->loop, ticket, &fault) != E_OK)
		control_done(control, ticket, &fault, 0);
}

static void do_watchers_reload(struct control *control, const struct asker *asker, const json_t *request)
{
	struct fault fault = {0};

	(void)request;
	if (control->port->reload_watchers(control->port->loop, &fault) == E_OK)
		answer_view(control, asker, json_object());
	else
		answer_send(control, asker, answer_of_fault(&fault));
}

/* "record": an encoded MemberRecord in hexadecimal. */
static enum error member_of_request(const json_t *request, struct member *member, struct fault *fault)
{
	const char *hex = request_text(request, "record");
	size_t size = hex == NULL ? 0 : strlen(hex) / 2;
	uint8_t *data = memory_alloc(size + 1);
	struct arena arena;
	const Simpul__MemberRecord *record = NULL;
	enum error error;

	arena_init(&arena);
	if (hex == NULL || !hex_parse(hex, data, size))
		error = fault_at(fault, E_INVALID, "record");
	else if ((record = wire_unpack(&simpul__member_record__descriptor, BYTES(data, size), &arena, fault)) == NULL)
		error = fault->code;
	else
		error = member_of_message(member, record, fault);
	arena_fini(&arena);
	free(data);
	return error;
}

static void do_enroll(struct control *control, const struct asker *asker, const json_t *request)
{
	struct member member;
	struct fault fault = {0};
	struct core_event event = {.type = CORE_ENROLL, .enroll = &member};

	if (member_of_request(request, &member, &fault) != E_OK)
		answer_send(control, asker, answer_of_fault(&fault));
	else
		step(control, asker, &event);
}

/* The operator's words go into the journal: short, one line. */
static bool reason_valid(const char *reason)
{
	if (reason == NULL || strlen(reason) > REASON_LIMIT)
		return false;
	for (const char *c = reason; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return true;
}

static bool standing_of_request(const json_t *request, Simpul__Standing *standing)
{
	static const struct {
		const char *word;
		Simpul__Standing standing;
	} words[] = {
		{"active", SIMPUL__STANDING__STANDING_ACTIVE},
		{"retired", SIMPUL__STANDING__STANDING_RETIRED},
		{"compromised", SIMPUL__STANDING__STANDING_COMPROMISED},
	};
	const char *text = request_text(request, "standing");

	for (size_t i = 0; text != NULL && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i].word) != 0)
			continue;
		*standing = words[i].standing;
		return true;
	}
	return false;
}

static void do_standing(struct control *control, const struct asker *asker, const json_t *request)
{
	struct core_event event = {.type = CORE_STANDING};
	json_int_t since = json_integer_value(json_object_get(request, "since"));

	event.standing.node = request_text(request, "node");
	event.standing.reason = request_text(request, "reason");
	if (event.standing.node == NULL || !node_name_valid(event.standing.node))
		answer_fault(control, asker, E_INVALID, "node");
	else if (!standing_of_request(request, &event.standing.standing))
		answer_fault(control, asker, E_UNKNOWN_VALUE, "standing");
	else if (!reason_valid(event.standing.reason))
		answer_fault(control, asker, E_INVALID, "reason");
	else if (since < 0)
		answer_fault(control, asker, E_INVALID, "since");
	else {
		if (event.standing.standing == SIMPUL__STANDING__STANDING_COMPROMISED)
			event.standing.since = since > 0 ? (wall_ms)since : clock_now().wall;
		step(control, asker, &event);
	}
}

static void do_grant(struct control *control, const struct asker *asker, const json_t *request)
{
	struct core_event event = {.type = CORE_GRANT};
	json_int_t from = json_integer_value(json_object_get(request, "from_entry"));

	event.grant.node = request_text(request, "node");
	event.grant.reason = request_text(request, "reason");
	if (event.grant.node == NULL || !node_name_valid(event.grant.node))
		answer_fault(control, asker, E_INVALID, "node");
	else if (from < 1)
		answer_fault(control, asker, E_INVALID, "from_entry");
	else if (!reason_valid(event.grant.reason) || event.grant.reason[0] == '\0')
		answer_fault(control, asker, E_INVALID, "reason");
	else {
		event.grant.from_entry = (uint64_t)from;
		step(control, asker, &event);
	}
}

static void do_clock_confirm(struct control *control, const struct asker *asker, const json_t *request)
{
	struct core_event event = {.type = CORE_CLOCK};

	(void)request;
	step(control, asker, &event);
}

static const struct {
	const char *name;
	void (*run)(struct control *control, const struct asker *asker, const json_t *request);
} commands[] = {
	{"status", do_status},		     /* counters, position, identity */
	{"nodes", do_nodes},		     /* members */
	{"policy-show", do_policy_show},     /* node (optional) */
	{"policy-reload", do_policy_reload}, /* reads the file again */
	{"watchers-reload", do_watchers_reload}, /* the same for watchers */
	{"enroll", do_enroll},		     /* record: MemberRecord, hexadecimal */
	{"standing", do_standing},	     /* node, standing, since (ms), reason */
	{"grant", do_grant},		     /* node, from_entry, reason */
	{"clock-confirm", do_clock_confirm}, /* the clock is right */
};

/* ---- requests */

static void dispatch(struct control *control, const struct asker *asker, struct bytes text)
{
	json_t *request = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
	const char *name = request_text(request, "command");
	size_t i = 0, count = sizeof(commands) / sizeof(commands[0]);

	while (i < count && (name == NULL || strcmp(name, commands[i].name) != 0))
		i++;
	if (i == count) {
		answer_fault(control, asker, E_UNKNOWN_VALUE, "command");
	} else {
		log_event(LOG_LEVEL_DEBUG, "operator.command", F_TEXT("command", name));
		commands[i].run(control, asker, request);
	}
	json_decref(request);
}

/* Reads the frames of one request: id, empty, text. False when nothing is waiting; no text when it was not one. */
static bool request_receive(void *socket, struct asker *asker, zmq_msg_t *text)
{
	bool formed;
	int size = zmq_recv(socket, asker->id, sizeof(asker->id), ZMQ_DONTWAIT);

	if (size < 0)
		return false;
	asker->size = (size_t)size;
	formed =
		asker->size <= sizeof(asker->id) && zmq_msg_recv(text, socket, ZMQ_DONTWAIT) == 0 && zmq_msg_more(text);
	formed = formed && zmq_msg_recv(text, socket, ZMQ_DONTWAIT) > 0 && !zmq_msg_more(text);
	while (!formed && zmq_msg_more(text))
		if (zmq_msg_recv(text, socket, ZMQ_DONTWAIT) < 0)
			break;
	if (!formed) {
		zmq_msg_close(text);
		zmq_msg_init(text);
	}
	return true;
}

bool control_take(struct control *control)
{
	struct asker asker;
	zmq_msg_t text;
	bool waiting = true;
	unsigned taken = 0;

	while (waiting && taken < REQUESTS_AT_ONCE) {
		zmq_msg_init(&text);
		waiting = request_receive(control->socket, &asker, &text);
		if (waiting && zmq_msg_size(&text) > 0)
			dispatch(control, &asker, BYTES(zmq_msg_data(&text), zmq_msg_size(&text)));
		zmq_msg_close(&text);
		taken += waiting;
	}
	return taken > 0;
}
