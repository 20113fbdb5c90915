/* client - a member's program of few words, for tests that do what no agent does: it says on the link exactly what it is told. */
#ifndef SIMPUL_TEST_CLIENT_H
#define SIMPUL_TEST_CLIENT_H

#include "common/arena.h"
#include "common/member.h"
#include "common/seal.h"
#include "proto/link.pb-c.h"
#include "tests/support/exchange.h"

struct client {
	void *context, *link, *feed;
	bool shared; /* the context is somebody else's */
	struct join join;
	struct node_keys keys;
	char node[LIMIT_NODE_NAME + 1];
	struct position cursor;
	struct feed session; /* from WELCOME */
	uint8_t topic[FEED_TOPIC_SIZE];
	uint64_t seq;
	uint64_t sent; /* messages that libzmq took: all but its last queue have left */
	struct arena arena; /* the last message received lives here */
};

/* With an office's own keys and join file, or with keys that nobody enrolled (`stranger`). Connects; says nothing. */
void client_open(struct client *c, const struct exchange *x, size_t office, bool stranger);
/* The same for a node that is known by its keys, in a context that many share. */
void client_attach(struct client *c, void *context, const struct join *join, const struct node_keys *keys, const char *node);
void client_close(struct client *c);

/* Sends a message; fills in seq. */
void client_send(struct client *c, Simpul__Up *up);
/* The next message within `ms`, NULL when there is none; valid until the next call. */
const Simpul__Down *client_receive(struct client *c, int ms);
/* The answer to the last message sent, past whatever else arrives; NULL when there is none within `ms`. */
const Simpul__Down *client_answer(struct client *c, int ms);
/* HELLO with the client's cursor under the name `node`; the answer. */
const Simpul__Down *client_hello(struct client *c, const char *node, int ms);
/* Takes over what a WELCOME says; client_hello does it by itself when the answer comes in its time. */
void client_welcomed(struct client *c, const Simpul__Welcome *welcome);
/* Sends a FETCH and returns the answer. */
const Simpul__Down *client_fetch(struct client *c, const struct position *cursor, int ms);
/* Says that everything up to the client's cursor is stored; there is no answer. */
void client_ack(struct client *c);
/* Fetches until nothing new comes; the cursor is then the newest position. False when that did not go well. */
bool client_fetch_all(struct client *c, int ms);
/* The code of a refusal or a goodbye, E_OK for any other answer, E_UNREACHABLE for none. */
enum error client_refused(const Simpul__Down *down);

/* Subscribes the feed socket to a topic; an empty one is everything. */
void client_subscribe(struct client *c, struct bytes topic);
/* The next publication within `ms`: false when there is none. `opened` tells whether the session's key opened it. */
bool client_publication(struct client *c, int ms, struct buffer *frame, bool *opened);
/* The next publication as a batch, applied: the cursor becomes its end when it follows on it. NULL when there is none within
 * `ms` or this session's key does not open it; valid until the next call. */
const Simpul__Batch *client_batch(struct client *c, int ms);

/* One plain sighting, ready to be sent: header and body encoded, signed with the client's key. Free with buffer_free. */
struct client_report {
	const char *origin;    /* NULL: the client's node */
	const char *category, *region, *summary;
	uint64_t number;
	Simpul__Label label;   /* UNSPECIFIED: AMBER */
	wall_ms expires;       /* 0: a month from now */
};
void client_submit(struct client *c, const struct client_report *report);
/* The same, and the frame that was sent into `frame`: to be sent again with client_send_frame. */
void client_submit_keep(struct client *c, const struct client_report *report, struct buffer *frame);
void client_send_frame(struct client *c, struct bytes frame);

#endif
