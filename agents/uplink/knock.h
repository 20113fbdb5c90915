/* knock - whether the broker opens its door to this office's key: name, port, handshake; no session is begun.
 *
 * A connection is made and closed again. It says nothing, so a session of the same office goes on undisturbed; the
 * broker logs connections.failed (a connection that ended without one message), or zap.refused for a key that it does
 * not admit. */
#ifndef SIMPUL_KNOCK_H
#define SIMPUL_KNOCK_H

#include "common/keys.h"

enum knock {
	KNOCK_OPENED,	   /* the broker of this key, and it lets ours in */
	KNOCK_MALFORMED,   /* the endpoint is not tcp://HOST:PORT */
	KNOCK_NO_NAME,	   /* there is no such host */
	KNOCK_NO_RESOLVER, /* no name server answers */
	KNOCK_CLOSED,	   /* nobody listens there */
	KNOCK_SILENT,	   /* no answer at all */
	KNOCK_NO_ROUTE,	   /* the network does not lead there */
	/* Who listens there has not the key of the join file, is no broker, or cuts connections of this address: in
	 * each case the handshake is broken off without a word. */
	KNOCK_STRANGER,
	KNOCK_REFUSED, /* our key is not admitted */
	KNOCK_HANGS,   /* connected, and then nothing */
};

/* `type` is ZMQ_DEALER for the link, ZMQ_SUB for the feed. Takes at most 10 s. */
enum knock knock_at(const char *endpoint, int type, const uint8_t broker_curve[KEY_SIZE], const struct node_keys *keys);

#endif
