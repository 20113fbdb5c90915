/* zmtp - ZMTP 3.1 with CURVE by hand (RFC 37, RFC 26): a client that stops at any step of the handshake and says what
 * libzmq never would. */
#ifndef SIMPUL_TEST_ZMTP_H
#define SIMPUL_TEST_ZMTP_H

#include "common/keys.h"

/* How far a connection goes before it falls silent. */
enum zmtp_step {
	ZMTP_SILENT,	    /* connected, says nothing */
	ZMTP_HALF_GREETING, /* the signature of the greeting alone */
	ZMTP_GREETING,	    /* a whole greeting */
	ZMTP_HELLO,	    /* CURVE's first command */
	ZMTP_INITIATE,	    /* its second, the answer not read */
	ZMTP_READY,	    /* let in */
};

enum { ZMTP_MORE = 1, ZMTP_LONG = 2, ZMTP_COMMAND = 4 }; /* flags of a frame */

struct zmtp {
	int fd; /* -1: not connected */
	uint8_t server[KEY_SIZE];
	uint8_t own_public[KEY_SIZE], own_secret[KEY_SIZE]; /* of this connection alone */
	uint8_t their_public[KEY_SIZE];
	uint8_t cookie[96];
	uint8_t shared[KEY_SIZE]; /* of the two above, computed once */
	uint64_t nonce;
};

/* A connection to "tcp://IPV4:PORT" from `source` ("127.0.0.2"; NULL: any), which goes as far as `until`. False when
 * the other side ended it or said something else; then it is closed. `socket_type` is what READY says: "DEALER", "SUB".
 */
bool zmtp_open(struct zmtp *z, const char *endpoint, const char *source, const uint8_t server[KEY_SIZE],
	       const struct node_keys *keys, const char *socket_type, enum zmtp_step until);
void zmtp_close(struct zmtp *z);
/* Connected, nothing more; -1 on failure, or when the other side does not answer. */
int zmtp_connect(const char *endpoint, const char *source);
/* The same without waiting for the answer. */
int zmtp_knock(const char *endpoint, const char *source);

/* A frame as it stands on the wire. `claimed` is the length that it says it has. False when the other side took no more
 * within five seconds. */
bool zmtp_frame(struct zmtp *z, uint8_t flags, uint64_t claimed, const void *data, size_t size);
/* Once let in: one encrypted part of a message, `flags` of its inside. */
bool zmtp_message(struct zmtp *z, uint8_t flags, const void *data, size_t size);
/* All of it, or false. */
bool zmtp_write(int fd, const void *data, size_t size);
/* Whether the other side ends the connection within `ms`; reads and forgets whatever else comes. */
bool zmtp_ended(int fd, int ms);

#endif
