/* uplink_sockets - carries an uplink's frames over ZeroMQ. */
#include "agents/uplink/uplink_transport.h"
#include "common/memory.h"
#include "common/socket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANDSHAKE_EVENTS \
	(ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

struct sockets {
	void *zmq;
	void *dealer, *sub, *monitor;
	const struct join *join; /* of the session */
	const struct node_keys *keys;
	unsigned sessions; /* opened so far: names the monitor's endpoint */
	zmq_msg_t message;	    /* that was received last */
	struct buffer publication; /* the last one, without its topic */
};

/* A wrong key fails in the handshake, which libzmq repeats in silence for ever: the monitor is how users are told. */
static void monitor_open(struct sockets *sockets)
{
	char endpoint[64];

	snprintf(endpoint, sizeof endpoint, "inproc://uplink-%p-%u", (void *)sockets, ++sockets->sessions);
	if (zmq_socket_monitor(sockets->dealer, endpoint, HANDSHAKE_EVENTS) != 0)
		return;
	sockets->monitor = zmq_socket(sockets->zmq, ZMQ_PAIR);
	if (sockets->monitor && zmq_connect(sockets->monitor, endpoint) != 0) {
		zmq_close(sockets->monitor);
		sockets->monitor = NULL;
	}
}

static bool handshake_failed(void *context)
{
	struct sockets *sockets = context;
	bool failed = false;
	uint16_t event;
	int32_t value;

	while (sockets->monitor && socket_event(sockets->monitor, &event, &value))
		failed = true;
	return failed;
}

static enum error sockets_open(void *context, const struct join *join, const struct node_keys *keys)
{
	struct sockets *sockets = context;

	sockets->join = join;
	sockets->keys = keys;
	sockets->dealer = socket_client(sockets->zmq, ZMQ_DEALER, join->broker_curve, keys);
	if (!sockets->dealer)
		return E_IO;
	monitor_open(sockets);
	return zmq_connect(sockets->dealer, join->link_endpoint) == 0 ? E_OK : E_CONFIG;
}

static bool sockets_subscribe(void *context, const char *endpoint, const uint8_t topic[FEED_TOPIC_SIZE])
{
	struct sockets *sockets = context;
	void **sub = &sockets->sub;

	*sub = socket_client(sockets->zmq, ZMQ_SUB, sockets->join->broker_curve, sockets->keys);
	return *sub && zmq_setsockopt(*sub, ZMQ_SUBSCRIBE, topic, FEED_TOPIC_SIZE) == 0 &&
	       zmq_connect(*sub, endpoint) == 0;
}

static enum error sockets_send(void *context, struct bytes prefix, struct bytes rest)
{
	struct sockets *sockets = context;
	enum error error;
	zmq_msg_t message;

	if (zmq_msg_init_size(&message, prefix.size + rest.size) != 0)
		return E_NO_MEMORY;
	if (prefix.size > 0)
		memcpy(zmq_msg_data(&message), prefix.data, prefix.size);
	memcpy((uint8_t *)zmq_msg_data(&message) + prefix.size, rest.data, rest.size);
	error = socket_send_message(sockets->dealer, &message);
	if (error != E_OK)
		zmq_msg_close(&message);
	return error == E_OK || error == E_BUSY ? error : E_IO;
}

static bool message_receive(zmq_msg_t *message, void *socket)
{
	int result;

	do
		result = zmq_msg_recv(message, socket, ZMQ_DONTWAIT);
	while (result < 0 && zmq_errno() == EINTR);
	return result >= 0;
}

/* A publication comes in two frames: topic and lead, then the sealed batch. What is more than that is none, and will not
 * open. */
static bool feed_receive(struct sockets *sockets, struct bytes *frame)
{
	zmq_msg_t *message = &sockets->message;

	buffer_clear(&sockets->publication);
	if (!message_receive(message, sockets->sub))
		return false;
	if (zmq_msg_size(message) == FEED_TOPIC_SIZE + FEED_LEAD_SIZE)
		buffer_append(&sockets->publication, (uint8_t *)zmq_msg_data(message) + FEED_TOPIC_SIZE, FEED_LEAD_SIZE);
	if (zmq_msg_more(message) && message_receive(message, sockets->sub))
		buffer_append(&sockets->publication, zmq_msg_data(message), zmq_msg_size(message));
	while (zmq_msg_more(message) && message_receive(message, sockets->sub))
		buffer_clear(&sockets->publication);
	*frame = buffer_view(&sockets->publication);
	return true;
}

static bool link_receive(struct sockets *sockets, struct bytes *frame)
{
	do
		if (!message_receive(&sockets->message, sockets->dealer))
			return false;
	while (zmq_msg_more(&sockets->message));
	*frame = BYTES(zmq_msg_data(&sockets->message), zmq_msg_size(&sockets->message));
	return true;
}

static bool sockets_receive(void *context, enum uplink_channel channel, struct bytes *frame)
{
	struct sockets *sockets = context;

	if (channel == UPLINK_LINK)
		return sockets->dealer && link_receive(sockets, frame);
	return sockets->sub && feed_receive(sockets, frame);
}

static int sockets_items(void *context, zmq_pollitem_t *items)
{
	const struct sockets *sockets = context;
	int count = 0;

	if (sockets->dealer)
		items[count++] = (zmq_pollitem_t){.socket = sockets->dealer, .events = ZMQ_POLLIN};
	if (sockets->sub)
		items[count++] = (zmq_pollitem_t){.socket = sockets->sub, .events = ZMQ_POLLIN};
	return count;
}

static void sockets_close(void *context, int linger_ms)
{
	struct sockets *sockets = context;

	if (sockets->monitor) {
		zmq_socket_monitor(sockets->dealer, NULL, 0);
		zmq_close(sockets->monitor);
	}
	if (sockets->dealer) {
		zmq_setsockopt(sockets->dealer, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
		zmq_close(sockets->dealer);
	}
	if (sockets->sub)
		zmq_close(sockets->sub);
	sockets->dealer = sockets->sub = sockets->monitor = NULL;
}

static void sockets_release(void *context)
{
	struct sockets *sockets = context;

	sockets_close(sockets, 0);
	zmq_msg_close(&sockets->message);
	buffer_free(&sockets->publication);
	free(sockets);
}

struct uplink_transport uplink_sockets_new(void *zmq_context)
{
	struct sockets *sockets = memory_zero(1, sizeof *sockets);

	sockets->zmq = zmq_context;
	zmq_msg_init(&sockets->message);
	return (struct uplink_transport){.context = sockets,
					 .open = sockets_open,
					 .subscribe = sockets_subscribe,
					 .send = sockets_send,
					 .receive = sockets_receive,
					 .handshake_failed = handshake_failed,
					 .poll_items = sockets_items,
					 .close = sockets_close,
					 .release = sockets_release};
}
