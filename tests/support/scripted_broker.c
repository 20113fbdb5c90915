/* scripted_broker - real sockets, and answers as the test has set them. */
#include "tests/support/scripted_broker.h"
#include "common/limit.h"
#include "common/socket.h"
#include "common/wire.h"

#include <sodium.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static void down_send(struct scripted_broker *b, uint64_t seq, Simpul__Down *down)
{
	struct buffer frame = {0};

	down->seq = seq;
	wire_pack(down, &frame);
	socket_send(b->link, b->peer, b->peer_size, true);
	socket_send(b->link, frame.data, frame.size, false);
	buffer_free(&frame);
}

static void refuse(struct scripted_broker *b, uint64_t seq, enum error code)
{
	Simpul__Refusal refusal = SIMPUL__REFUSAL__INIT;
	Simpul__Down down = SIMPUL__DOWN__INIT;

	refusal.code = code;
	refusal.expected = b->expected;
	down.message_case = SIMPUL__DOWN__MESSAGE_REFUSAL;
	down.refusal = &refusal;
	down_send(b, seq, &down);
}

void scripted_goodbye(struct scripted_broker *b, enum error code)
{
	Simpul__Goodbye goodbye = SIMPUL__GOODBYE__INIT;
	Simpul__Down down = SIMPUL__DOWN__INIT;

	goodbye.code = code;
	down.message_case = SIMPUL__DOWN__MESSAGE_GOODBYE;
	down.goodbye = &goodbye;
	down_send(b, 0, &down);
}

static void welcome(struct scripted_broker *b, uint64_t seq)
{
	Simpul__Welcome welcome = SIMPUL__WELCOME__INIT;
	Simpul__Down down = SIMPUL__DOWN__INIT;
	Simpul__Position head, cursor;
	ProtobufCBinaryData recovery = {b->recovery.size, b->recovery.data};

	memcpy(b->session.exchange, b->world->join.exchange, EXCHANGE_SIZE);
	strcpy(b->session.node, "army.oku");
	b->session.session++;
	b->counter = 0;
	randombytes_buf(b->session.key, KEY_SIZE);
	randombytes_buf(b->topic, FEED_TOPIC_SIZE);
	position_to_message(&b->world->head, &head);
	welcome.version = LINK_VERSION;
	welcome.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, b->world->join.exchange};
	welcome.session = b->session.session;
	welcome.head = &head;
	welcome.feed_topic = (ProtobufCBinaryData){FEED_TOPIC_SIZE, b->topic};
	welcome.feed_key = (ProtobufCBinaryData){KEY_SIZE, b->session.key};
	welcome.heartbeat_ms = 1000;
	welcome.broker_time = b->time;
	if (b->recovery.size > 0) {
		position_to_message(b->cursor, &cursor);
		welcome.cursor = &cursor;
		welcome.n_recoveries = 1;
		welcome.recoveries = &recovery;
	}
	welcome.broker_keys = b->terms;
	down.message_case = SIMPUL__DOWN__MESSAGE_WELCOME;
	down.welcome = &welcome;
	down_send(b, seq, &down);
}

void scripted_receipt(struct scripted_broker *b, uint64_t seq, const struct hash *digest)
{
	const struct signing_key in_force = b->world->broker.signing;
	struct buffer encoded = {0};
	Simpul__Down down = SIMPUL__DOWN__INIT;

	if (b->receipts_by)
		b->world->broker.signing = *b->receipts_by;
	down.message_case = SIMPUL__DOWN__MESSAGE_RECEIPT;
	down.receipt = agent_receipt(b->world, digest, NULL, &encoded);
	b->world->broker.signing = in_force;
	if (b->forge_receipts)
		down.receipt->entry++;
	down_send(b, seq, &down);
	buffer_free(&encoded);
}

static void submit(struct scripted_broker *b, uint64_t seq, const Simpul__Submission *submission)
{
	struct hash leaves[LIMIT_SUBMISSION_REPORTS];
	const unsigned n = b->submits++ % 64;

	assert_int_equal(submission_digest(submission, b->world->join.exchange, leaves, NULL, &b->digests[n], NULL),
			 E_OK);
	b->submit_bytes += protobuf_c_message_get_packed_size(&submission->base);
	b->firsts[n] = submission->first;
	b->submit_seq[n] = seq;
	if (b->silent_submit)
		return;
	if (b->submit_answer == E_OK)
		scripted_receipt(b, seq, &b->digests[n]);
	else
		refuse(b, seq, b->submit_answer);
}

static void fetch(struct scripted_broker *b, uint64_t seq, uint64_t after)
{
	Simpul__Entry *entries[8];
	Simpul__Down down = SIMPUL__DOWN__INIT;
	size_t count = 0;

	for (size_t i = 0; i < b->entry_count; i++)
		if (b->entries[i]->entry > after)
			entries[count++] = b->entries[i];
	agent_batch(b->world, after, entries, count, NULL, &b->batch);
	down.message_case = SIMPUL__DOWN__MESSAGE_BATCH;
	down.batch = wire_unpack(&simpul__batch__descriptor, buffer_view(&b->batch), &b->world->arena, NULL);
	down.batch->last = !b->has_more;
	if (!b->holds_answer) {
		down_send(b, seq, &down);
		return;
	}
	b->held = arena_alloc(&b->world->arena, sizeof down);
	*b->held = down;
	b->held_seq = seq;
}

void scripted_let_go(struct scripted_broker *b)
{
	b->holds_answer = false;
	down_send(b, b->held_seq, b->held);
}

static void hello(struct scripted_broker *b, uint64_t seq, const Simpul__Hello *hello)
{
	b->hellos++;
	assert_string_equal(hello->node, "army.oku");
	if (b->silent_hello)
		return;
	if (b->hello_answer == E_OK)
		welcome(b, seq);
	else
		refuse(b, seq, b->hello_answer);
}

static void take(struct scripted_broker *b, struct bytes frame)
{
	const Simpul__Up *up = wire_unpack(&simpul__up__descriptor, frame, &b->world->arena, NULL);

	assert_non_null(up);
	switch (up->message_case) {
	case SIMPUL__UP__MESSAGE_HELLO:
		hello(b, up->seq, up->hello);
		break;
	case SIMPUL__UP__MESSAGE_SUBMIT:
		submit(b, up->seq, up->submit);
		break;
	case SIMPUL__UP__MESSAGE_FETCH:
		b->fetches++;
		fetch(b, up->seq, up->fetch->cursor->entry);
		break;
	case SIMPUL__UP__MESSAGE_ACK:
		b->acks++;
		assert_true(up->ack->cursor->entry >= b->acked);
		assert_int_equal(up->ack->cursor->entry, agent_number(b->store, "SELECT entry FROM cursor"));
		b->acked = up->ack->cursor->entry;
		break;
	case SIMPUL__UP__MESSAGE_BYE:
		b->byes++;
		break;
	default:
		fail();
	}
}

void scripted_publish(struct scripted_broker *b, uint64_t after, Simpul__Entry *entry)
{
	struct buffer frame = {0};
	uint8_t *sealed;
	struct feed_head head = {
		.incarnation = 1, .after = after, .upto = b->world->head.entry, .counter = ++b->counter};

	agent_batch(b->world, after, &entry, entry ? 1 : 0, NULL, &b->batch);
	buffer_append(&frame, b->topic, FEED_TOPIC_SIZE);
	feed_lead(&b->session, &head, b->session.key, buffer_room(&frame, FEED_LEAD_SIZE));
	socket_send(b->feed, frame.data, frame.size, true);
	sealed = buffer_room(&frame, b->batch.size + FEED_TAG_SIZE);
	batch_seal(b->session.key, buffer_view(&b->batch), sealed);
	socket_send(b->feed, sealed, b->batch.size + FEED_TAG_SIZE, false);
	buffer_free(&frame);
}

/* Answers one ZAP request: version, request id, domain, address, identity, mechanism, key. */
static void zap_answer(struct scripted_broker *b)
{
	char parts[7][256];
	int count = 0, more = 1;
	size_t size = sizeof more;
	const char *answer[6] = {"1.0", NULL, b->refuses_keys ? "400" : "200", "", "army.oku", ""};

	while (more && count < 7) {
		const int read = zmq_recv(b->zap, parts[count], 255, 0);

		assert_true(read >= 0);
		parts[count++][read] = '\0';
		zmq_getsockopt(b->zap, ZMQ_RCVMORE, &more, &size);
	}
	b->refused_keys += b->refuses_keys;
	answer[1] = parts[1];
	for (int i = 0; i < 6; i++)
		zmq_send(b->zap, answer[i], strlen(answer[i]), i < 5 ? ZMQ_SNDMORE : 0);
}

static void link_read(struct scripted_broker *b)
{
	uint8_t *frame = arena_alloc(&b->world->arena, LIMIT_FRAME);
	int size;

	b->peer_size = (size_t)zmq_recv(b->link, b->peer, sizeof b->peer, 0);
	size = zmq_recv(b->link, frame, LIMIT_FRAME, 0);
	assert_true(size >= 0);
	take(b, BYTES(frame, size));
}

void scripted_turn(struct scripted_broker *b)
{
	uint8_t subscription[64];
	zmq_pollitem_t items[] = {{.socket = b->zap, .events = ZMQ_POLLIN},
				  {.socket = b->link, .events = ZMQ_POLLIN},
				  {.socket = b->feed, .events = ZMQ_POLLIN}};

	zmq_poll(items, 3, 1);
	if (items[0].revents)
		zap_answer(b);
	if (items[1].revents)
		link_read(b);
	if (items[2].revents && zmq_recv(b->feed, subscription, sizeof subscription, 0) == 1 + FEED_TOPIC_SIZE &&
	    subscription[0] == 1)
		b->subscribed = memcmp(subscription + 1, b->topic, FEED_TOPIC_SIZE) == 0;
}

void scripted_open(struct scripted_broker *b)
{
	b->context = zmq_ctx_new();
	b->zap = zmq_socket(b->context, ZMQ_REP);
	assert_int_equal(zmq_bind(b->zap, ZAP_ENDPOINT), 0);
	b->link = socket_server(b->context, ZMQ_ROUTER, ZAP_DOMAIN_LINK, b->world->broker.curve_secret);
	b->feed = socket_server(b->context, ZMQ_XPUB, ZAP_DOMAIN_FEED, b->world->broker.curve_secret);
	assert_int_equal(zmq_bind(b->link, "tcp://127.0.0.1:*"), 0);
	assert_int_equal(zmq_bind(b->feed, "tcp://127.0.0.1:*"), 0);
	socket_endpoint(b->link, b->world->join.link_endpoint, sizeof b->world->join.link_endpoint);
	socket_endpoint(b->feed, b->world->join.feed_endpoint, sizeof b->world->join.feed_endpoint);
}

void scripted_recover(struct scripted_broker *b, const struct position *from, const struct signing_key *broker)
{
	Simpul__Genesis genesis = SIMPUL__GENESIS__INIT;
	Simpul__Position position;
	uint8_t signature[SIGNATURE_SIZE];

	position_to_message(from, &position);
	genesis.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, b->world->join.exchange};
	genesis.incarnation = 2;
	genesis.authority_key = (ProtobufCBinaryData){KEY_SIZE, b->world->join.authority};
	genesis.broker_key = (ProtobufCBinaryData){KEY_SIZE, b->world->join.broker_signing};
	genesis.recovered_from = &position;
	genesis.reason = (char *)(uintptr_t)"disk lost";
	recovery_sign(&genesis, broker, signature);
	genesis.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
	wire_pack(&genesis, &b->recovery);
	b->world->head = *from;
	b->world->head.incarnation = 2;
	b->entry_count = 0;
	agent_entry(b->world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS);
	scripted_goodbye(b, E_STOPPING);
}

void scripted_renew(struct scripted_broker *b, struct broker_keys *newer, uint64_t entry)
{
	static const struct successions none;
	struct broker_succession *succession = arena_alloc(&b->world->arena, sizeof *succession);
	Simpul__BrokerSuccession *message = arena_alloc(&b->world->arena, sizeof *message);
	Simpul__BrokerTerm *term = arena_alloc(&b->world->arena, sizeof *term);
	Simpul__BrokerTerm **list = arena_alloc(&b->world->arena, sizeof *list);
	Simpul__BrokerTerms *terms = arena_alloc(&b->world->arena, sizeof *terms);

	*newer = b->world->broker;
	signing_key_generate(&newer->signing);
	broker_succession_sign(succession, b->world->join.exchange, &b->world->broker.signing, newer, 1,
			       &b->world->authority, &none);
	broker_succession_to_message(succession, message);
	simpul__broker_term__init(term);
	term->entry = entry;
	term->succession = message;
	*list = term;
	simpul__broker_terms__init(terms);
	terms->n_terms = 1;
	terms->terms = list;
	b->terms = terms;
}

void scripted_close(struct scripted_broker *b)
{
	zmq_close(b->link);
	zmq_close(b->feed);
	zmq_close(b->zap);
	zmq_ctx_term(b->context);
	buffer_free(&b->batch);
	buffer_free(&b->recovery);
}
