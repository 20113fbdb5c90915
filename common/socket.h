/* socket - ZeroMQ sockets set up the one way that Simpul allows: CURVE, limits, keep-alive, no lingering. */
#ifndef SIMPUL_SOCKET_H
#define SIMPUL_SOCKET_H

#include "common/error.h"
#include "common/keys.h"
#include <zmq.h>

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define ZAP_DOMAIN_LINK "link"
#define ZAP_DOMAIN_FEED "feed"
#define ZAP_DOMAIN_LOG "log"
#define ZAP_DOMAIN_BULLETIN "bulletin"

/* A CURVE server socket that refuses everybody when no ZAP handler answers (ZMQ_ZAP_ENFORCE_DOMAIN). Not yet bound.
 * NULL with errno on failure. */
void *socket_server(void *context, int type, const char *domain, const uint8_t secret[KEY_SIZE]);
/* A CURVE client socket, not yet connected; back-off and heartbeats set. */
void *socket_client(void *context, int type, const uint8_t server_public[KEY_SIZE], const struct node_keys *keys);

/* Sends one frame; `more` as ZMQ_SNDMORE. Never blocks: E_BUSY when the peer's queue is full, E_UNREACHABLE when it is gone. */
enum error socket_send(void *socket, const void *data, size_t size, bool more);
/* The same for a message that libzmq takes over, the last frame; on an error it is still the caller's. */
enum error socket_send_message(void *socket, zmq_msg_t *message);
/* Reads and drops what is left of a message of which `frame` was read. */
void socket_drop_rest(void *socket, zmq_msg_t *frame);
/* The next event of a socket's monitor and its value (a descriptor, a code). False when there is none. */
bool socket_event(void *monitor, uint16_t *event, int32_t *value);
/* The endpoint that the last bind gave ("tcp://127.0.0.1:40123" for port *). Returns `text`. */
char *socket_endpoint(void *socket, char *text, size_t size);

#endif
