/* client - the link and the feed by hand, for tests. */
#include "tests/support/client.h"
#include "common/socket.h"
#include "common/submission.h"
#include "common/wire.h"
#include "tests/support/must.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sockets, connected. */
static void client_connect(struct client *c)
{
	arena_init(&c->arena);
	c->link = socket_client(c->context, ZMQ_DEALER, c->join.broker_curve, &c->keys);
	c->feed = socket_client(c->context, ZMQ_SUB, c->join.broker_curve, &c->keys);
	must(c->link && c->feed, "sockets");
	must(zmq_connect(c->link, c->join.link_endpoint) == 0 && zmq_connect(c->feed, c->join.feed_endpoint) == 0, "connect");
}

void client_open(struct client *c, const struct exchange *x, size_t index, bool stranger)
{
	const struct office *office = &x->offices[index];
	char path[600];

	memset(c, 0, sizeof *c);
	snprintf(c->node, sizeof c->node, "%s", office->node);
	snprintf(path, sizeof path, "%s/exchange.join", office->folder);
	must(join_load(&c->join, path, NULL) == E_OK, "join file");
	snprintf(path, sizeof path, "%s/%s.keys", office->folder, office->node);
	if (stranger)
		node_keys_generate(&c->keys, 1);
	else
		must(node_keys_load(&c->keys, NULL, path, NULL) == E_OK, "keys");
	c->context = zmq_ctx_new();
	client_connect(c);
}

void client_attach(struct client *c, void *context, const struct join *join, const struct node_keys *keys, const char *node)
{
	memset(c, 0, sizeof *c);
	snprintf(c->node, sizeof c->node, "%s", node);
	c->join = *join;
	c->keys = *keys;
	c->context = context;
	c->shared = true;
	client_connect(c);
}

void client_close(struct client *c)
{
	zmq_close(c->link);
	zmq_close(c->feed);
	if (!c->shared)
		zmq_ctx_term(c->context);
	arena_fini(&c->arena);
	keys_wipe(&c->keys, sizeof c->keys);
}

void client_send_frame(struct client *c, struct bytes frame)
{
	c->sent += zmq_send(c->link, frame.data, frame.size, ZMQ_DONTWAIT) >= 0;
}

static void up_send(struct client *c, Simpul__Up *up, struct buffer *frame)
{
	up->seq = ++c->seq;
	buffer_clear(frame);
	wire_pack(up, frame);
	client_send_frame(c, buffer_view(frame));
}

void client_send(struct client *c, Simpul__Up *up)
{
	struct buffer frame = {0};

	up_send(c, up, &frame);
	buffer_free(&frame);
}

/* One frame within `ms` into `frame`; its size, -1 for none. */
static int frame_receive(void *socket, int ms, zmq_msg_t *frame)
{
	zmq_pollitem_t item = {.socket = socket, .events = ZMQ_POLLIN};

	return zmq_poll(&item, 1, ms) == 1 ? zmq_msg_recv(frame, socket, 0) : -1;
}

const Simpul__Down *client_receive(struct client *c, int ms)
{
	const Simpul__Down *down = NULL;
	zmq_msg_t frame;

	arena_reset(&c->arena);
	zmq_msg_init(&frame);
	if (frame_receive(c->link, ms, &frame) >= 0)
		down = wire_unpack(&simpul__down__descriptor, BYTES(zmq_msg_data(&frame), zmq_msg_size(&frame)), &c->arena,
				   NULL);
	zmq_msg_close(&frame);
	return down;
}

const Simpul__Down *client_answer(struct client *c, int ms)
{
	const steady_ms deadline = clock_now().steady + (steady_ms)ms;
	steady_ms now;

	while ((now = clock_now().steady) < deadline) {
		const Simpul__Down *down = client_receive(c, (int)(deadline - now));

		if (!down || down->seq == c->seq)
			return down;
	}
	return NULL;
}

void client_welcomed(struct client *c, const Simpul__Welcome *welcome)
{
	must(welcome->feed_topic.len == FEED_TOPIC_SIZE && welcome->feed_key.len == KEY_SIZE, "WELCOME");
	memcpy(c->topic, welcome->feed_topic.data, FEED_TOPIC_SIZE);
	memcpy(c->session.exchange, c->join.exchange, EXCHANGE_SIZE);
	memcpy(c->session.key, welcome->feed_key.data, KEY_SIZE);
	memcpy(c->session.node, c->node, sizeof c->node);
	c->session.session = welcome->session;
	if (welcome->head)
		c->cursor.incarnation = welcome->head->incarnation;
}

const Simpul__Down *client_hello(struct client *c, const char *node, int ms)
{
	Simpul__Position cursor = SIMPUL__POSITION__INIT;
	Simpul__Hello hello = SIMPUL__HELLO__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;
	const Simpul__Down *down;

	position_to_message(&c->cursor, &cursor);
	hello.version = LINK_VERSION;
	hello.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, c->join.exchange};
	hello.node = (char *)node;
	hello.key_id = c->keys.key_id;
	hello.cursor = &cursor;
	hello.epoch = 1;
	hello.software = (char *)"test";
	up.message_case = SIMPUL__UP__MESSAGE_HELLO;
	up.hello = &hello;
	client_send(c, &up);
	down = client_answer(c, ms);
	if (down && down->message_case == SIMPUL__DOWN__MESSAGE_WELCOME)
		client_welcomed(c, down->welcome);
	return down;
}

const Simpul__Down *client_fetch(struct client *c, const struct position *position, int ms)
{
	Simpul__Position cursor = SIMPUL__POSITION__INIT;
	Simpul__Fetch fetch = SIMPUL__FETCH__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;

	position_to_message(position, &cursor);
	fetch.cursor = &cursor;
	up.message_case = SIMPUL__UP__MESSAGE_FETCH;
	up.fetch = &fetch;
	client_send(c, &up);
	return client_answer(c, ms);
}

void client_ack(struct client *c)
{
	Simpul__Position cursor = SIMPUL__POSITION__INIT;
	Simpul__Ack ack = SIMPUL__ACK__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;

	position_to_message(&c->cursor, &cursor);
	ack.cursor = &cursor;
	up.message_case = SIMPUL__UP__MESSAGE_ACK;
	up.ack = &ack;
	client_send(c, &up);
}

bool client_fetch_all(struct client *c, int ms)
{
	for (;;) {
		const Simpul__Down *down = client_fetch(c, &c->cursor, ms);

		if (!down || down->message_case != SIMPUL__DOWN__MESSAGE_BATCH)
			return false;
		if (down->batch->upto->entry <= c->cursor.entry)
			return true;
		if (position_of_message(&c->cursor, down->batch->upto) != E_OK)
			return false;
	}
}

enum error client_refused(const Simpul__Down *down)
{
	if (!down)
		return E_UNREACHABLE;
	if (down->message_case == SIMPUL__DOWN__MESSAGE_REFUSAL)
		return error_of_code(down->refusal->code);
	if (down->message_case == SIMPUL__DOWN__MESSAGE_GOODBYE)
		return error_of_code(down->goodbye->code);
	return E_OK;
}

void client_subscribe(struct client *c, struct bytes topic)
{
	zmq_setsockopt(c->feed, ZMQ_SUBSCRIBE, topic.data, topic.size);
}

/* A publication without its topic: lead and sealed batch, one after the other. */
static bool publication_receive(struct client *c, int ms, struct buffer *frame)
{
	zmq_msg_t message;
	bool got;

	zmq_msg_init(&message);
	got = frame_receive(c->feed, ms, &message) >= FEED_TOPIC_SIZE;
	if (got) {
		buffer_clear(frame);
		buffer_append(frame, (uint8_t *)zmq_msg_data(&message) + FEED_TOPIC_SIZE,
			      zmq_msg_size(&message) - FEED_TOPIC_SIZE);
		got = zmq_msg_recv(&message, c->feed, 0) >= 0;
	}
	if (got)
		buffer_append(frame, zmq_msg_data(&message), zmq_msg_size(&message));
	zmq_msg_close(&message);
	return got;
}

bool client_publication(struct client *c, int ms, struct buffer *frame, bool *opened)
{
	struct feed_head head;
	size_t size;

	if (!publication_receive(c, ms, frame))
		return false;
	*opened = feed_open(&c->session, buffer_view(frame), &head, arena_alloc(&c->arena, frame->size), &size) == E_OK;
	return true;
}

const Simpul__Batch *client_batch(struct client *c, int ms)
{
	const Simpul__Batch *batch = NULL;
	struct buffer frame = {0};
	struct feed_head head;
	uint8_t *plain;
	size_t size;

	arena_reset(&c->arena);
	if (publication_receive(c, ms, &frame)) {
		plain = arena_alloc(&c->arena, frame.size);
		if (feed_open(&c->session, buffer_view(&frame), &head, plain, &size) == E_OK)
			batch = wire_unpack(&simpul__batch__descriptor, BYTES(plain, size), &c->arena, NULL);
	}
	buffer_free(&frame);
	if (batch && batch->after <= c->cursor.entry && batch->upto->entry > c->cursor.entry)
		position_of_message(&c->cursor, batch->upto);
	return batch;
}

/* ------------------------------------------------------------------ a report by hand */

static void header_write(const struct client *c, const struct client_report *report, struct buffer *out)
{
	static uint8_t salt[16] = "0123456789abcde";
	const wall_ms now = clock_now().wall;
	Simpul__Name name = SIMPUL__NAME__INIT;
	Simpul__Header header = SIMPUL__HEADER__INIT;

	name.origin = (char *)(report->origin ? report->origin : c->node);
	name.epoch = 1;
	name.number = report->number;
	header.salt = (ProtobufCBinaryData){sizeof salt, salt};
	header.name = &name;
	header.created_at = now;
	header.status = SIMPUL__STATUS__STATUS_ACTUAL;
	header.msg_type = SIMPUL__MSG_TYPE__MSG_TYPE_ALERT;
	header.kind = SIMPUL__KIND__KIND_SIGHTING;
	header.category = (char *)report->category;
	header.region = (char *)report->region;
	header.label = report->label ? report->label : SIMPUL__LABEL__LABEL_AMBER;
	header.purpose = (char *)"immigration-oversight";
	header.expires = report->expires ? report->expires : now + 30 * DAY_MS;
	header.form = SIMPUL__BODY_FORM__BODY_FORM_PLAIN;
	wire_pack(&header, out);
}

static void body_write(const struct client_report *report, struct buffer *out)
{
	static uint8_t salt[16] = "fedcba987654321";
	Simpul__Sighting sighting = SIMPUL__SIGHTING__INIT;
	Simpul__Body body = SIMPUL__BODY__INIT;

	sighting.first_seen = clock_now().wall - DAY_MS;
	sighting.assertion = SIMPUL__ASSERTION__ASSERTION_FACT;
	sighting.summary = (char *)report->summary;
	body.salt = (ProtobufCBinaryData){sizeof salt, salt};
	body.content_case = SIMPUL__BODY__CONTENT_SIGHTING;
	body.sighting = &sighting;
	wire_pack(&body, out);
}

void client_submit_keep(struct client *c, const struct client_report *what, struct buffer *frame)
{
	static uint8_t salt[16] = "routing salt ...";
	struct buffer header = {0}, body = {0}, routing_bytes = {0};
	uint8_t signature[SIGNATURE_SIZE];
	struct hash leaf, digest;
	Simpul__Routing routing = SIMPUL__ROUTING__INIT;
	Simpul__SubmittedReport report = SIMPUL__SUBMITTED_REPORT__INIT, *reports[] = {&report};
	Simpul__Submission submission = SIMPUL__SUBMISSION__INIT;
	Simpul__Up up = SIMPUL__UP__INIT;

	header_write(c, what, &header);
	body_write(what, &body);
	routing.salt = (ProtobufCBinaryData){sizeof salt, salt};
	wire_pack(&routing, &routing_bytes);
	report.header = (ProtobufCBinaryData){header.size, header.data};
	report.body = (ProtobufCBinaryData){body.size, body.data};
	submission.origin = (char *)(what->origin ? what->origin : c->node);
	submission.key_id = c->keys.key_id;
	submission.epoch = 1;
	submission.first = what->number;
	submission.seen_entry = c->cursor.entry;
	submission.seen_head = (ProtobufCBinaryData){HASH_SIZE, c->cursor.head.bytes};
	submission.routing = (ProtobufCBinaryData){routing_bytes.size, routing_bytes.data};
	submission.n_reports = 1;
	submission.reports = reports;
	must(submission_digest(&submission, c->join.exchange, &leaf, NULL, &digest, NULL) == E_OK, "digest");
	digest_sign(&c->keys.signing, SIGN_TAG_SUBMISSION, &digest, signature);
	submission.signature = (ProtobufCBinaryData){sizeof signature, signature};
	up.message_case = SIMPUL__UP__MESSAGE_SUBMIT;
	up.submit = &submission;
	up_send(c, &up, frame);
	buffer_free(&header);
	buffer_free(&body);
	buffer_free(&routing_bytes);
}

void client_submit(struct client *c, const struct client_report *report)
{
	struct buffer frame = {0};

	client_submit_keep(c, report, &frame);
	buffer_free(&frame);
}
