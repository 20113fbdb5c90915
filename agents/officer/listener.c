/* listener - a SUB socket, its monitor, and the check of what comes. */
#include "agents/officer/listener.h"

#include "common/bulletin.h"
#include "common/memory.h"
#include "common/socket.h"
#include "common/wire.h"
#include "proto/bulletin.pb-c.h"
#include <stdlib.h>
#include <string.h>

#define MONITOR "inproc://listener"

/* Without a connection; with one after the other that fails, as when the broker has other keys than we know: the agent
 * hears of those sooner than that. With keys that are not admitted: the agent may be taking up newer ones. */
enum { PATIENCE_MS = 3000, PATIENCE_FAILED_MS = 500, PATIENCE_REFUSED_MS = 2000 };

struct listener {
	const struct listener_options *options;
	void *context, *socket, *monitor;
	uint8_t curve[KEY_SIZE]; /* the broker's, as the socket has it */
	bool connected, done;
	steady_ms since; /* the connection ended, or that was said last */
	int patience;	 /* since then, ms */
	bool refused;	 /* our key, by this socket, which does not try again */
	steady_ms refused_since; /* for the first time; 0: it was not, or has newer keys */
};

bool listener_topic_valid(const char *topic)
{
	const size_t kind = strcspn(topic, ".");
	const bool known = (kind == 5 && strncmp(topic, "alert", 5) == 0) || (kind == 8 && strncmp(topic, "sighting", 8) == 0);

	if (topic[0] == '\0')
		return true;
	return known && strlen(topic) < BULLETIN_TOPIC_SIZE &&
	       strspn(topic, "abcdefghijklmnopqrstuvwxyz0123456789-.") == strlen(topic) && strstr(topic, "..") == NULL &&
	       topic[strlen(topic) - 1] != '.';
}

/* ---- what comes */

/* Signed by its origin, published under its own topic and not over yet: whoever publishes anew what was said long ago is
 * not heard. */
static enum error report_check(const struct listener *listener, const Simpul__Proof *proof, const char *topic,
			       struct arena *arena, struct proof_finding *finding, struct fault *fault)
{
	const struct join *join = listener->options->join;
	char own[BULLETIN_TOPIC_SIZE];
	enum error error = proof_check(proof, join->exchange, join->authority, arena, finding, fault);

	if (error != E_OK)
		return error;
	if (!bulletin_topic(finding->header, own) || strcmp(own, topic) != 0)
		return fault_at(fault, E_INVALID, "topic");
	return finding->header->expires <= clock_now().wall ? fault_at(fault, E_EXPIRED, "header.expires") : E_OK;
}

static void report_take(struct listener *listener, const Simpul__Bulletin *bulletin, size_t index, const char *topic,
			struct arena *arena)
{
	const Simpul__DeliveredReport *report = bulletin->delivery->reports[index];
	Simpul__Proof proof = SIMPUL__PROOF__INIT;
	struct proof_finding finding;
	struct fault fault = {0};
	struct inbox_row row = {.entry = bulletin->entry,
				.accepted_at = bulletin->accepted_at,
				.received_at = clock_now().wall,
				.trust = TRUST_GOOD,
				.header = of_binary(report->header),
				.body = of_binary(report->body)};

	proof.exchange = bulletin->exchange;
	proof.entry = bulletin->entry;
	proof.accepted_at = bulletin->accepted_at;
	proof.index = (uint32_t)index;
	proof.delivery = bulletin->delivery;
	proof.member = bulletin->member;
	if (report_check(listener, &proof, topic, arena, &finding, &fault) != E_OK) {
		listener->options->unproven(listener->options->context, &fault);
		return;
	}
	row.name = finding.name;
	row.kind = finding.header->kind;
	listener->done = !listener->options->each(listener->options->context, &row, &finding);
}

static void bulletin_take(struct listener *listener, const char *topic, struct bytes frame)
{
	const Simpul__Bulletin *bulletin;
	struct fault fault = {0};
	struct arena arena;

	arena_init(&arena);
	bulletin = wire_unpack(&simpul__bulletin__descriptor, frame, &arena, &fault);
	if (bulletin == NULL || bulletin->delivery == NULL)
		listener->options->unproven(listener->options->context, &fault);
	for (size_t i = 0; bulletin != NULL && bulletin->delivery != NULL && i < bulletin->delivery->n_reports; i++)
		if (!listener->done && bulletin->delivery->reports[i]->body.len > 0)
			report_take(listener, bulletin, i, topic, &arena);
	arena_fini(&arena);
}

/* Two frames: topic, bulletin. */
static void message_receive(struct listener *listener)
{
	char topic[BULLETIN_TOPIC_SIZE] = "";
	zmq_msg_t frame;

	zmq_msg_init(&frame);
	if (zmq_msg_recv(&frame, listener->socket, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&frame)) {
		if (zmq_msg_size(&frame) < sizeof(topic))
			memcpy(topic, zmq_msg_data(&frame), zmq_msg_size(&frame));
		if (zmq_msg_recv(&frame, listener->socket, ZMQ_DONTWAIT) >= 0 && !zmq_msg_more(&frame))
			bulletin_take(listener, topic, BYTES(zmq_msg_data(&frame), zmq_msg_size(&frame)));
		socket_drop_rest(listener->socket, &frame);
	}
	zmq_msg_close(&frame);
}

/* ---- the socket */

/* Everything below the topic by whole words: the broker's topics end with a dot. */
static bool subscribe(void *socket, const char *topic)
{
	char *prefix = memory_format("%s%s", topic, topic[0] == '\0' ? "" : ".");
	const bool good = zmq_setsockopt(socket, ZMQ_SUBSCRIBE, prefix, strlen(prefix)) == 0;

	free(prefix);
	return good;
}

static enum error listener_begin(struct listener *listener, struct fault *fault)
{
	const struct listener_options *options = listener->options;
	const int events = ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
			   ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED;

	memcpy(listener->curve, options->join->broker_curve, KEY_SIZE);
	listener->connected = listener->refused = false;
	listener->since = clock_now().steady;
	listener->patience = PATIENCE_MS;
	listener->context = zmq_ctx_new();
	listener->socket = socket_client(listener->context, ZMQ_SUB, options->join->broker_curve, options->keys);
	listener->monitor = zmq_socket(listener->context, ZMQ_PAIR);
	if (listener->socket != NULL && listener->monitor != NULL &&
	    zmq_socket_monitor(listener->socket, MONITOR, events) == 0 &&
	    zmq_connect(listener->monitor, MONITOR) == 0 && subscribe(listener->socket, options->topic) &&
	    zmq_connect(listener->socket, options->join->bulletin_endpoint) == 0)
		return E_OK;
	return fault_at(fault, E_IO, "%s: %s", options->join->bulletin_endpoint, zmq_strerror(zmq_errno()));
}

static void listener_end(struct listener *listener)
{
	if (listener->socket != NULL) {
		zmq_socket_monitor(listener->socket, NULL, 0);
		zmq_close(listener->socket);
	}
	if (listener->monitor != NULL)
		zmq_close(listener->monitor);
	zmq_ctx_term(listener->context);
}

static void event_take(struct listener *listener, uint16_t event)
{
	const struct listener_options *options = listener->options;
	const steady_ms now = clock_now().steady;

	if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH) {
		listener->refused = true;
		listener->refused_since = listener->refused_since != 0 ? listener->refused_since : now;
	}
	if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH || event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL)
		listener->patience = PATIENCE_FAILED_MS;
	if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
		listener->patience = PATIENCE_MS;
		listener->refused_since = 0;
		options->found(options->context);
	} else if (listener->connected) {
		listener->since = now;
	}
	listener->connected = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
}

/* Whether another try makes sense with keys that are not admitted: newer ones are, or will be put in their place. */
static bool refusal_judge(struct listener *listener, steady_ms now)
{
	const struct listener_options *options = listener->options;

	if (!options->refused(options->context))
		return now - listener->refused_since < PATIENCE_REFUSED_MS;
	listener->refused_since = 0;
	return true;
}

/* A broker whose keys were renewed looks like one that is away, until the newer ones are known. */
static enum error silence_judge(struct listener *listener, struct fault *fault)
{
	const struct listener_options *options = listener->options;
	const steady_ms now = clock_now().steady;

	if (listener->connected || now - listener->since < (steady_ms)listener->patience)
		return E_OK;
	listener->since = now;
	if (listener->refused) {
		if (!refusal_judge(listener, now))
			return fault_at(fault, E_KEY_UNKNOWN, "%s", options->join->bulletin_endpoint);
	} else {
		listener->refused_since = 0;
		options->lost(options->context);
		if (memcmp(options->join->broker_curve, listener->curve, KEY_SIZE) == 0)
			return E_OK;
	}
	listener_end(listener);
	return listener_begin(listener, fault);
}

enum error listener_run(const struct listener_options *options, struct fault *fault)
{
	struct listener listener = {.options = options};
	enum error error = listener_begin(&listener, fault);
	uint16_t event;
	int32_t value;

	while (error == E_OK && !listener.done) {
		zmq_pollitem_t items[] = {{.socket = listener.socket, .events = ZMQ_POLLIN},
					  {.socket = listener.monitor, .events = ZMQ_POLLIN}};

		zmq_poll(items, 2, listener.connected ? -1 : listener.patience);
		message_receive(&listener);
		if (socket_event(listener.monitor, &event, &value))
			event_take(&listener, event);
		error = silence_judge(&listener, fault);
	}
	listener_end(&listener);
	return error;
}
