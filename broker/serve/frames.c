/* frames - reads what members and watchers send, and drops what has no form or no key. */
#include "broker/serve/frames.h"

#include "broker/serve/zap.h"
#include "common/socket.h"
#include <string.h>

#define AT_ONCE 64 /* of one socket */

enum frames_result frames_of_peer(void *socket, struct guard *guard, zmq_msg_t *frame, struct peer *peer,
				  uint8_t key[KEY_SIZE])
{
	const int size = zmq_msg_recv(frame, socket, ZMQ_DONTWAIT);

	*peer = (struct peer){.size = 0};
	if (size < 0)
		return FRAMES_NOTHING;
	if ((size_t)size <= sizeof(peer->id)) {
		memcpy(peer->id, zmq_msg_data(frame), (size_t)size);
		peer->size = (uint8_t)size;
	}
	if (!zmq_msg_more(frame) || zmq_msg_recv(frame, socket, ZMQ_DONTWAIT) < 0)
		return FRAMES_DROPPED;
	if (peer->size > 0 && !zmq_msg_more(frame) && zap_key_of_user(zmq_msg_gets(frame, "User-Id"), key) &&
	    guard_heard(guard, socket, frame, key))
		return FRAMES_MESSAGE;
	socket_drop_rest(socket, frame);
	return FRAMES_DROPPED;
}

enum pollset_result frames_receive_some(void *socket, struct guard *guard, frames_receive *receive, void *context)
{
	unsigned received = 0;
	bool more = true;

	while (more && received < AT_ONCE) {
		zmq_msg_t frame;

		zmq_msg_init(&frame);
		more = receive(context, &frame);
		zmq_msg_close(&frame);
		received += more;
	}
	if (more)
		return POLLSET_MORE;
	guard_emptied(guard, socket);
	return received > 0 ? POLLSET_SOME : POLLSET_NOTHING;
}
