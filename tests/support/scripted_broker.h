/* scripted_broker - a broker for one office, army.oku, that says what the test wants and counts what it hears. */
#ifndef SIMPUL_TEST_SCRIPTED_BROKER_H
#define SIMPUL_TEST_SCRIPTED_BROKER_H

#include "common/seal.h"
#include "tests/support/agent_world.h"

struct scripted_broker {
	struct agent_world *world;
	struct store *store; /* of the office: an ACK names what it has on disk */
	void *context, *zap, *link, *feed;
	uint8_t peer[64]; /* routing id of the newest connection that spoke */
	size_t peer_size;
	struct feed session;
	uint8_t topic[FEED_TOPIC_SIZE];
	uint64_t counter;
	bool refuses_keys, subscribed;
	enum error hello_answer, submit_answer; /* E_OK: WELCOME, receipt */
	bool silent_hello, silent_submit, forge_receipts;
	uint64_t expected;
	Simpul__Entry *entries[8]; /* what FETCH gives */
	size_t entry_count;
	bool has_more;	   /* an answer to FETCH does not lead to the newest position */
	bool holds_answer; /* to FETCH, as it is when it is asked: until scripted_let_go */
	Simpul__Down *held;
	uint64_t held_seq;
	wall_ms time;			       /* what WELCOME says; 0: nothing */
	struct buffer recovery;		       /* a Genesis that WELCOME tells of, when it has bytes */
	const struct position *cursor;	       /* that it names then */
	Simpul__BrokerTerms *terms;	       /* of its keys, that WELCOME tells; NULL: none */
	const struct signing_key *receipts_by; /* NULL: by the key in force */
	unsigned hellos, fetches, submits, acks, byes, refused_keys;
	size_t submit_bytes; /* of all that was submitted */
	struct hash digests[64]; /* of what was submitted */
	uint64_t firsts[64];
	uint64_t acked, submit_seq[64];
	struct buffer batch; /* the newest that was given */
};

/* Binds the sockets and writes their places into world->join; `world` and `store` are set before. */
void scripted_open(struct scripted_broker *b);
void scripted_close(struct scripted_broker *b); /* after whatever uses its context */
/* Hears and answers whatever arrives within a millisecond. */
void scripted_turn(struct scripted_broker *b);

void scripted_goodbye(struct scripted_broker *b, enum error code);
void scripted_receipt(struct scripted_broker *b, uint64_t seq, const struct hash *digest);
/* Gives the answer to FETCH that was held. */
void scripted_let_go(struct scripted_broker *b);
/* Publishes the batch (after, head] with one entry, or none. */
void scripted_publish(struct scripted_broker *b, uint64_t after, Simpul__Entry *entry);

/* It was restored to `from` and goes on in incarnation 2, as `broker` signs. */
void scripted_recover(struct scripted_broker *b, const struct position *from, const struct signing_key *broker);
/* Another signing key of its own with the sockets that it has, in force from `entry` on; the arena has it all. */
void scripted_renew(struct scripted_broker *b, struct broker_keys *newer, uint64_t entry);

#endif
