/* control - the sockets of operators and auditors: reads their requests, has them carried out, and answers. */
#include "broker/control/control_state.h"

#include "broker/control/ipc.h"
#include "broker/control/proposal_file.h"
#include "common/memory.h"
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define REQUESTS_AT_ONCE 16
#define REQUEST_LIMIT (64 * 1024)
#define ANSWERS_QUEUED 4 /* for one asker that does not read; simpulctl waits for each */

/* ---- life */

static const char *path_of(const struct control *control, enum control_role role)
{
	const struct broker_settings *settings = control->port->settings;

	return role == CONTROL_OPERATOR ? settings->control : settings->audit;
}

static enum error socket_open(struct control *control, void *context, enum control_role role, struct fault *fault)
{
	const struct broker_settings *settings = control->port->settings;
	const int64_t largest = REQUEST_LIMIT;
	const int linger = 200, queued = ANSWERS_QUEUED;
	void *socket;
	enum error error;

	if (path_of(control, role) == NULL)
		return E_OK;
	socket = zmq_socket(context, ZMQ_ROUTER);
	if (socket == NULL || zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &largest, sizeof(largest)) != 0 ||
	    zmq_setsockopt(socket, ZMQ_SNDHWM, &queued, sizeof(queued)) != 0 ||
	    zmq_setsockopt(socket, ZMQ_LINGER, &linger, sizeof(linger)) != 0)
		error = fault_at(fault, E_IO, "%s: %s", path_of(control, role), zmq_strerror(zmq_errno()));
	else
		error = ipc_bind(socket, path_of(control, role),
				 role == CONTROL_OPERATOR ? settings->operators_group : settings->auditors_group, fault);
	if (error == E_OK)
		control->sockets[role] = socket;
	else if (socket != NULL)
		zmq_close(socket);
	return error;
}

enum error control_new(struct control **control, void *context, const struct control_port *port, struct fault *fault)
{
	struct control *made = memory_zero(1, sizeof(*made));
	enum error error = E_OK;

	made->port = port;
	made->next_ticket = 1;
	for (int role = 0; role < CONTROL_ROLES; role++)
		bucket_fill(&made->looks[role], &LOOKS_BUCKET);
	/* A number that was told on the phone must not mean another proposal after a restart. */
	made->last_proposal = port->started_at / 1000 % 100000;
	for (int role = 0; error == E_OK && role < CONTROL_ROLES; role++)
		error = socket_open(made, context, role, fault);
	if (error != E_OK) {
		control_free(made);
		return error;
	}
	proposals_load(made);
	*control = made;
	return E_OK;
}

void control_free(struct control *control)
{
	if (control == NULL)
		return;
	for (int role = 0; role < CONTROL_ROLES; role++)
		if (control->sockets[role] != NULL)
			ipc_close(control->sockets[role], path_of(control, role));
	for (size_t i = 0; i < PROPOSALS; i++)
		json_decref(control->proposals[i].request);
	free(control->spent);
	for (size_t i = 0; i < PENDING; i++)
		if (control->pending[i].question != NULL)
			archive_letter_free(control->pending[i].question);
	free(control);
}

void *control_socket(const struct control *control, enum control_role role)
{
	return control->sockets[role];
}

const struct control_port *control_port_of(const struct control *control)
{
	return control->port;
}

/* ---- answers */

static void text_send(struct control *control, const struct asker *asker, const char *text)
{
	zmq_send(control->sockets[asker->role], asker->id, asker->size, ZMQ_SNDMORE | ZMQ_DONTWAIT);
	zmq_send(control->sockets[asker->role], "", 0, ZMQ_SNDMORE | ZMQ_DONTWAIT);
	zmq_send(control->sockets[asker->role], text, strlen(text), ZMQ_DONTWAIT);
}

/* Takes over `answer`. */
static void answer_send(struct control *control, const struct asker *asker, json_t *answer)
{
	char *text = json_dumps(answer, JSON_COMPACT);

	json_decref(answer);
	if (text != NULL)
		text_send(control, asker, text);
	free(text);
}

static json_t *answer_of_fault(const struct fault *fault)
{
	return json_pack("{s:b, s:s, s:i, s:s}", "ok", 0, "code", error_name(fault->code), "number", (int)fault->code,
			 "field", fault->field);
}

void answer_fault(struct control *control, const struct asker *asker, const struct fault *fault)
{
	proposal_reopen(control, asker->proposal);
	answer_send(control, asker, answer_of_fault(fault));
}

void answer_code(struct control *control, const struct asker *asker, enum error code, const char *field)
{
	struct fault fault = {0};

	fault_at(&fault, code, "%s", field);
	answer_fault(control, asker, &fault);
}

void answer_view(struct control *control, const struct asker *asker, json_t *view)
{
	if (view == NULL) {
		answer_code(control, asker, E_NOT_FOUND, "");
		return;
	}
	json_object_set_new(view, "ok", json_true());
	answer_send(control, asker, view);
}

/* Where this ticket waits; NULL: nowhere. */
static struct pending *pending_of(struct control *control, uint64_t ticket)
{
	for (size_t i = 0; ticket != 0 && i < PENDING; i++)
		if (control->pending[i].ticket == ticket)
			return &control->pending[i];
	return NULL;
}

/* It is recorded that the question is asked: now it is. */
static bool question_pass(struct control *control, struct pending *pending, const struct fault *fault)
{
	struct archive_letter *question = pending->question;

	pending->question = NULL;
	if (question == NULL)
		return false;
	if (fault->code == E_OK)
		archivist_ask(control->port->archivist, question);
	else
		archive_letter_free(question);
	return fault->code == E_OK;
}

void control_done(struct control *control, uint64_t ticket, const struct fault *fault, uint64_t entry)
{
	struct pending *pending = pending_of(control, ticket);

	if (pending == NULL || question_pass(control, pending, fault))
		return;
	pending->ticket = 0;
	if (fault->code == E_OK)
		answer_send(control, &pending->asker, json_pack("{s:b, s:I}", "ok", 1, "entry", (json_int_t)entry));
	else
		answer_fault(control, &pending->asker, fault);
}

void control_told(struct control *control, struct archive_letter *letter)
{
	struct pending *pending = pending_of(control, letter->ticket);

	if (pending != NULL) {
		pending->ticket = 0;
		if (letter->text != NULL)
			text_send(control, &pending->asker, letter->text);
		else
			answer_fault(control, &pending->asker, &letter->fault);
	}
	archive_letter_free(letter);
}

/* However much is looked at, an operator can act. */
uint64_t ticket_take(struct control *control, const struct asker *asker, bool tells)
{
	const size_t most = asker->role == CONTROL_AUDITOR ? PENDING_AUDITORS : PENDING;
	struct pending *room = NULL;
	size_t held = 0, telling = 0;

	for (size_t i = 0; i < PENDING; i++) {
		struct pending *pending = &control->pending[i];

		if (pending->ticket == 0) {
			room = pending;
		} else if (pending->asker.role == asker->role) {
			held++;
			telling += pending->tells;
		}
	}
	if (room == NULL || held >= most || (tells && telling >= PENDING_TELLS))
		return 0;
	*room = (struct pending){.ticket = control->next_ticket++, .asker = *asker, .tells = tells};
	return room->ticket;
}

void ticket_ask(struct control *control, uint64_t ticket, struct archive_letter *question)
{
	struct pending *pending = pending_of(control, ticket);

	question->ticket = ticket;
	if (pending != NULL)
		pending->question = question;
	else
		archive_letter_free(question);
}

/* ---- requests */

const char *control_command(size_t index, bool *changes)
{
	*changes = control_commands[index].changes;
	return control_commands[index].name;
}

const struct control_command *control_command_find(const char *name)
{
	const struct control_command *command = control_commands;

	while (command->name != NULL && (name == NULL || strcmp(name, command->name) != 0))
		command++;
	return command->name == NULL ? NULL : command;
}

static void dispatch(struct control *control, const struct asker *asker, struct bytes text)
{
	json_t *request = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *person = json_object_get(request, "as");
	const struct control_command *command =
		control_command_find(json_string_value(json_object_get(request, "command")));

	if (command == NULL) {
		answer_code(control, asker, E_UNKNOWN_VALUE, "command");
	} else if (command->changes && asker->role != CONTROL_OPERATOR) {
		log_event(LOG_LEVEL_WARNING, "operator.refused", F_TEXT("user", asker->user),
			  F_TEXT("command", command->name));
		answer_code(control, asker, E_OPERATORS_ONLY, "command");
	} else if (person != NULL && !user_text_valid(json_string_value(person))) {
		answer_code(control, asker, E_INVALID, "as");
	} else if ((command->kind & (control->port->settings->two_operators | ACT_ALWAYS_TWO)) != 0) {
		proposal_take(control, asker, command, request);
	} else {
		log_event(LOG_LEVEL_DEBUG, "operator.command", F_TEXT("command", command->name));
		command->run(control, asker, request);
	}
	json_decref(request);
}

/* The kernel's word, by way of libzmq. */
static void asker_name(struct asker *asker, zmq_msg_t *text)
{
	uid_t user;

	asker->user[0] = '\0';
	if (user_of_peer(zmq_msg_gets(text, "Peer-Address"), &user))
		user_name(user, asker->user);
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

static bool socket_take(struct control *control, enum control_role role)
{
	struct asker asker = {.role = role};
	zmq_msg_t text;
	bool waiting = control->sockets[role] != NULL;
	unsigned taken = 0;

	while (waiting && taken < REQUESTS_AT_ONCE) {
		zmq_msg_init(&text);
		waiting = request_receive(control->sockets[role], &asker, &text);
		if (waiting && zmq_msg_size(&text) > 0) {
			asker_name(&asker, &text);
			dispatch(control, &asker, BYTES(zmq_msg_data(&text), zmq_msg_size(&text)));
		}
		zmq_msg_close(&text);
		taken += waiting;
	}
	return taken > 0;
}

bool control_take(struct control *control)
{
	bool taken = false;

	for (int role = 0; role < CONTROL_ROLES; role++)
		taken = socket_take(control, role) || taken;
	return taken;
}
