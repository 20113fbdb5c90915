/* frames - reads messages of the sockets that ZAP guards: a bounded number at a time, each with the key that sent it. */
#ifndef SIMPUL_FRAMES_H
#define SIMPUL_FRAMES_H

#include "broker/core/core.h"
#include "broker/serve/guard.h"
#include "broker/serve/pollset.h"
#include <zmq.h>

enum frames_result {
	FRAMES_NOTHING, /* nothing is waiting */
	FRAMES_DROPPED, /* a message of another form, or of whom the guard does not let speak */
	FRAMES_MESSAGE,
};

/* One message of a ROUTER: who sent it, by which connection and under which key, and what it says, in `frame`. */
enum frames_result frames_of_peer(void *socket, struct guard *guard, zmq_msg_t *frame, struct peer *peer,
				  uint8_t key[KEY_SIZE]);

/* Reads one message, for which it may use `frame`; false when nothing is waiting. */
typedef bool frames_receive(void *context, zmq_msg_t *frame);
/* Reads some, so that other sockets get their turn, and tells the guard when none is left. */
enum pollset_result frames_receive_some(void *socket, struct guard *guard, frames_receive *receive, void *context);

#endif
