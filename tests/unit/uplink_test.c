/* Tries to break what uplink.h promises, against a broker that says what the test wants. One thread: the test turns
 * broker and uplink in turn, and lets time pass by adding to the clock. */
#include "agents/uplink.h"
#include "common/limit.h"
#include "common/log.h"
#include "common/socket.h"
#include "common/wire.h"
#include "tests/support/agent_world.h"

#include <sodium.h>
#include <string.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define AMBER SIMPUL__LABEL__LABEL_AMBER
#define TURNS 2000 /* of 1 ms: until a test gives up waiting */

struct broker {
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
	bool holds_answer; /* to FETCH, as it is when it is asked: until broker_let_go */
	Simpul__Down *held;
	uint64_t held_seq;
	wall_ms time; /* what WELCOME says; 0: nothing */
	struct buffer recovery; /* a Genesis that WELCOME tells of, when it has bytes */
	const struct position *cursor; /* that it names then */
	Simpul__BrokerTerms *terms;    /* of its keys, that WELCOME tells; NULL: none */
	const struct signing_key *receipts_by; /* NULL: by the key in force */
	unsigned hellos, fetches, submits, acks, byes, refused_keys;
	struct hash digests[64]; /* of what was submitted */
	uint64_t firsts[64];
	uint64_t acked, submit_seq[64];
};

struct fixture {
	struct agent_world world;
	struct store store, sender;
	struct agent_office police, army; /* army.oku is us */
	struct inbox *inbox;
	struct broker_ring ring;
	struct outbox_submission next[4], sent;
	struct uplink *uplink;
	struct broker broker;
	struct fault fault;
	uint64_t skipped; /* ms by which the uplink's clock is ahead */
	struct buffer batch;
	unsigned handshake_alarms;
	unsigned full_disks; /* receipts that our store has no room for */
};

/* ---- the broker */

static void broker_send(struct fixture *f, uint64_t seq, Simpul__Down *down)
{
	struct buffer frame = {0};

	down->seq = seq;
	wire_pack(down, &frame);
	socket_send(f->broker.link, f->broker.peer, f->broker.peer_size, true);
	socket_send(f->broker.link, frame.data, frame.size, false);
	buffer_free(&frame);
}

static void broker_refuse(struct fixture *f, uint64_t seq, enum error code)
{
	Simpul__Refusal refusal = SIMPUL__REFUSAL__INIT;
	Simpul__Down down = SIMPUL__DOWN__INIT;

	refusal.code = code;
	refusal.expected = f->broker.expected;
	down.message_case = SIMPUL__DOWN__MESSAGE_REFUSAL;
	down.refusal = &refusal;
	broker_send(f, seq, &down);
}

static void broker_goodbye(struct fixture *f, enum error code)
{
	Simpul__Goodbye goodbye = SIMPUL__GOODBYE__INIT;
	Simpul__Down down = SIMPUL__DOWN__INIT;

	goodbye.code = code;
	down.message_case = SIMPUL__DOWN__MESSAGE_GOODBYE;
	down.goodbye = &goodbye;
	broker_send(f, 0, &down);
}

static void broker_welcome(struct fixture *f, uint64_t seq)
{
	struct broker *b = &f->broker;
	Simpul__Welcome welcome = SIMPUL__WELCOME__INIT;
	Simpul__Down down = SIMPUL__DOWN__INIT;
	Simpul__Position head, cursor;
	ProtobufCBinaryData recovery = {b->recovery.size, b->recovery.data};

	memcpy(b->session.exchange, f->world.join.exchange, EXCHANGE_SIZE);
	strcpy(b->session.node, "army.oku");
	b->session.session++;
	b->counter = 0;
	randombytes_buf(b->session.key, KEY_SIZE);
	randombytes_buf(b->topic, FEED_TOPIC_SIZE);
	position_to_message(&f->world.head, &head);
	welcome.version = 1;
	welcome.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, f->world.join.exchange};
	welcome.session = b->session.session;
	welcome.head = &head;
	welcome.feed_topic = (ProtobufCBinaryData){FEED_TOPIC_SIZE, b->topic};
	welcome.feed_key = (ProtobufCBinaryData){KEY_SIZE, b->session.key};
	welcome.heartbeat_ms = 1000;
	welcome.broker_time = f->broker.time;
	if (b->recovery.size > 0) {
		position_to_message(b->cursor, &cursor);
		welcome.cursor = &cursor;
		welcome.n_recoveries = 1;
		welcome.recoveries = &recovery;
	}
	welcome.broker_keys = b->terms;
	down.message_case = SIMPUL__DOWN__MESSAGE_WELCOME;
	down.welcome = &welcome;
	broker_send(f, seq, &down);
}

static void broker_receipt(struct fixture *f, uint64_t seq, const struct hash *digest)
{
	const struct signing_key in_force = f->world.broker.signing;
	struct buffer encoded = {0};
	Simpul__Down down = SIMPUL__DOWN__INIT;

	if (f->broker.receipts_by)
		f->world.broker.signing = *f->broker.receipts_by;
	down.message_case = SIMPUL__DOWN__MESSAGE_RECEIPT;
	down.receipt = agent_receipt(&f->world, digest, NULL, &encoded);
	f->world.broker.signing = in_force;
	if (f->broker.forge_receipts)
		down.receipt->entry++;
	broker_send(f, seq, &down);
	buffer_free(&encoded);
}

static void broker_submit(struct fixture *f, uint64_t seq, const Simpul__Submission *submission)
{
	struct broker *b = &f->broker;
	struct hash leaves[LIMIT_SUBMISSION_REPORTS];
	const unsigned n = b->submits++ % 64;

	assert_int_equal(submission_digest(submission, f->world.join.exchange, leaves, NULL, &b->digests[n], NULL),
			 E_OK);
	b->firsts[n] = submission->first;
	b->submit_seq[n] = seq;
	if (b->silent_submit)
		return;
	if (b->submit_answer == E_OK)
		broker_receipt(f, seq, &b->digests[n]);
	else
		broker_refuse(f, seq, b->submit_answer);
}

static void broker_fetch(struct fixture *f, uint64_t seq, uint64_t after)
{
	Simpul__Entry *entries[8];
	Simpul__Down down = SIMPUL__DOWN__INIT;
	size_t count = 0;

	for (size_t i = 0; i < f->broker.entry_count; i++)
		if (f->broker.entries[i]->entry > after)
			entries[count++] = f->broker.entries[i];
	agent_batch(&f->world, after, entries, count, NULL, &f->batch);
	down.message_case = SIMPUL__DOWN__MESSAGE_BATCH;
	down.batch = wire_unpack(&simpul__batch__descriptor, buffer_view(&f->batch), &f->world.arena, NULL);
	if (!f->broker.holds_answer) {
		broker_send(f, seq, &down);
		return;
	}
	f->broker.held = arena_alloc(&f->world.arena, sizeof down);
	*f->broker.held = down;
	f->broker.held_seq = seq;
}

static void broker_let_go(struct fixture *f)
{
	f->broker.holds_answer = false;
	broker_send(f, f->broker.held_seq, f->broker.held);
}

static void broker_hello(struct fixture *f, uint64_t seq, const Simpul__Hello *hello)
{
	f->broker.hellos++;
	assert_string_equal(hello->node, "army.oku");
	if (f->broker.silent_hello)
		return;
	if (f->broker.hello_answer == E_OK)
		broker_welcome(f, seq);
	else
		broker_refuse(f, seq, f->broker.hello_answer);
}

static void broker_take(struct fixture *f, struct bytes frame)
{
	const Simpul__Up *up = wire_unpack(&simpul__up__descriptor, frame, &f->world.arena, &f->fault);

	assert_non_null(up);
	switch (up->message_case) {
	case SIMPUL__UP__MESSAGE_HELLO:
		broker_hello(f, up->seq, up->hello);
		break;
	case SIMPUL__UP__MESSAGE_SUBMIT:
		broker_submit(f, up->seq, up->submit);
		break;
	case SIMPUL__UP__MESSAGE_FETCH:
		f->broker.fetches++;
		broker_fetch(f, up->seq, up->fetch->cursor->entry);
		break;
	case SIMPUL__UP__MESSAGE_ACK:
		f->broker.acks++;
		assert_true(up->ack->cursor->entry >= f->broker.acked);
		assert_int_equal(up->ack->cursor->entry, agent_number(&f->store, "SELECT entry FROM cursor"));
		f->broker.acked = up->ack->cursor->entry;
		break;
	case SIMPUL__UP__MESSAGE_BYE:
		f->broker.byes++;
		break;
	default:
		fail();
	}
}

/* Publishes the batch (after, head] with one entry, or none. */
static void broker_publish(struct fixture *f, uint64_t after, Simpul__Entry *entry)
{
	struct broker *b = &f->broker;
	struct buffer frame = {0};
	uint8_t *sealed;
	struct feed_head head = {.incarnation = 1, .after = after, .upto = f->world.head.entry,
				 .counter = ++b->counter};

	agent_batch(&f->world, after, &entry, entry ? 1 : 0, NULL, &f->batch);
	buffer_append(&frame, b->topic, FEED_TOPIC_SIZE);
	feed_lead(&b->session, &head, b->session.key, buffer_room(&frame, FEED_LEAD_SIZE));
	socket_send(b->feed, frame.data, frame.size, true);
	sealed = buffer_room(&frame, f->batch.size + FEED_TAG_SIZE);
	batch_seal(b->session.key, buffer_view(&f->batch), sealed);
	socket_send(b->feed, sealed, f->batch.size + FEED_TAG_SIZE, false);
	buffer_free(&frame);
}

/* Answers one ZAP request: version, request id, domain, address, identity, mechanism, key. */
static void zap_answer(struct fixture *f)
{
	char parts[7][256];
	int count = 0, more = 1;
	size_t size = sizeof more;
	const char *answer[6] = {"1.0", NULL, f->broker.refuses_keys ? "400" : "200", "", "army.oku", ""};

	while (more && count < 7) {
		const int read = zmq_recv(f->broker.zap, parts[count], 255, 0);

		assert_true(read >= 0);
		parts[count++][read] = '\0';
		zmq_getsockopt(f->broker.zap, ZMQ_RCVMORE, &more, &size);
	}
	f->broker.refused_keys += f->broker.refuses_keys;
	answer[1] = parts[1];
	for (int i = 0; i < 6; i++)
		zmq_send(f->broker.zap, answer[i], strlen(answer[i]), i < 5 ? ZMQ_SNDMORE : 0);
}

static void link_read(struct fixture *f)
{
	struct broker *b = &f->broker;
	uint8_t *frame = arena_alloc(&f->world.arena, LIMIT_FRAME);
	int size;

	b->peer_size = (size_t)zmq_recv(b->link, b->peer, sizeof b->peer, 0);
	size = zmq_recv(b->link, frame, LIMIT_FRAME, 0);
	assert_true(size >= 0);
	broker_take(f, BYTES(frame, size));
}

/* Whatever has arrived at the broker within a millisecond. */
static void broker_turn(struct fixture *f)
{
	struct broker *b = &f->broker;
	uint8_t subscription[64];
	zmq_pollitem_t items[] = {{.socket = b->zap, .events = ZMQ_POLLIN},
				  {.socket = b->link, .events = ZMQ_POLLIN},
				  {.socket = b->feed, .events = ZMQ_POLLIN}};

	zmq_poll(items, 3, 1);
	if (items[0].revents)
		zap_answer(f);
	if (items[1].revents)
		link_read(f);
	if (items[2].revents && zmq_recv(b->feed, subscription, sizeof subscription, 0) == 1 + FEED_TOPIC_SIZE &&
	    subscription[0] == 1)
		b->subscribed = memcmp(subscription + 1, b->topic, FEED_TOPIC_SIZE) == 0;
}

static void broker_open(struct fixture *f)
{
	struct broker *b = &f->broker;

	b->context = zmq_ctx_new();
	b->zap = zmq_socket(b->context, ZMQ_REP);
	assert_int_equal(zmq_bind(b->zap, ZAP_ENDPOINT), 0);
	b->link = socket_server(b->context, ZMQ_ROUTER, ZAP_DOMAIN_LINK, f->world.broker.curve_secret);
	b->feed = socket_server(b->context, ZMQ_XPUB, ZAP_DOMAIN_FEED, f->world.broker.curve_secret);
	assert_int_equal(zmq_bind(b->link, "tcp://127.0.0.1:*"), 0);
	assert_int_equal(zmq_bind(b->feed, "tcp://127.0.0.1:*"), 0);
	socket_endpoint(b->link, f->world.join.link_endpoint, sizeof f->world.join.link_endpoint);
	socket_endpoint(b->feed, f->world.join.feed_endpoint, sizeof f->world.join.feed_endpoint);
}

/* ---- the agent around the uplink */

static enum error source_welcome(void *context, const Simpul__Welcome *welcome, struct fault *fault)
{
	(void)context;
	(void)welcome;
	(void)fault;
	return E_OK;
}

static bool source_next(void *context, uint32_t stream, uint64_t after, const struct position *seen,
			struct uplink_submission *submission)
{
	struct fixture *f = context;
	struct outbox_submission *next = &f->next[stream];

	assert_int_equal(outbox_next(&f->store, &f->army.keys, stream, after, seen, next, &f->fault), E_OK);
	*submission = (struct uplink_submission){.first = next->first, .count = next->count, .digest = next->digest,
						 .message = buffer_view(&next->message), .is_void = next->is_void};
	return next->count > 0;
}

static uint64_t source_receipted(void *context, uint32_t stream)
{
	struct fixture *f = context;

	return outbox_receipted(&f->store, stream);
}

static enum error source_receipt(void *context, const struct report_name *first, const Simpul__Receipt *receipt,
				 struct bytes encoded)
{
	struct fixture *f = context;

	if (f->full_disks > 0) {
		f->full_disks--;
		return E_DISK_FULL;
	}
	assert_int_equal(outbox_receipt(&f->store, receipt, encoded, first, &f->fault), E_OK);
	return E_OK;
}

static void source_reject(void *context, const struct report_name *first, const struct fault *fault)
{
	struct fixture *f = context;

	outbox_reject(&f->store, first, fault->code, fault->field, &f->fault);
}

static enum error target_apply(void *context, struct bytes batch, struct fault *fault)
{
	struct fixture *f = context;

	switch (inbox_apply(f->inbox, batch, fault)) {
	case INBOX_BEHIND:
		return E_GAP;
	case INBOX_FAILED:
		return fault->code;
	default:
		return E_OK;
	}
}

static struct position target_cursor(void *context)
{
	const struct fixture *f = context;

	return inbox_cursor(f->inbox);
}

static enum error target_recover(void *context, const struct recovery *recoveries, size_t count,
				 const struct position *place, struct fault *fault)
{
	struct fixture *f = context;

	return inbox_recover(f->inbox, recoveries[count - 1].incarnation, place, fault);
}

static enum error broker_told(void *context, const Simpul__BrokerTerms *told, const uint8_t curve[KEY_SIZE],
			      struct fault *fault)
{
	return broker_ring_told(context, told, curve, fault);
}

static void handshake_note(void *context, enum log_level level, const char *line)
{
	struct fixture *f = context;

	f->handshake_alarms += level == LOG_LEVEL_ALARM && strstr(line, "uplink.handshake_failed") != NULL;
}

static int start(void **state)
{
	struct fixture *f = *state = test_calloc(1, sizeof *f);
	Simpul__Entry *entry;

	agent_world_start(&f->world);
	agent_office_make(&f->world, "police.oku", 1, &f->police);
	agent_office_make(&f->world, "army.oku", 1, &f->army);
	agent_store_open(&f->world, "army.oku", &f->store);
	agent_store_open(&f->world, "police.oku", &f->sender);
	broker_open(f);
	log_copy(handshake_note, f);
	assert_int_equal(broker_ring_open(&f->ring, &f->store, &f->world.join, &f->fault), E_OK);
	f->inbox = inbox_new(&f->store, &f->army.keys, &f->world.join);
	inbox_broker(f->inbox, &f->ring);
	entry = agent_member(&f->world, &f->police);
	f->broker.entries[f->broker.entry_count++] = entry;
	f->uplink = uplink_new(f->broker.context,
			       &(struct uplink_options){.join = &f->world.join, .keys = &f->army.keys,
							.node = "army.oku",
							.broker = {&f->ring, &f->ring.terms, broker_told},
							.epoch = 1,
							.source = {f, source_welcome, source_next, source_receipted,
								   source_receipt, source_reject},
							.target = {.context = f, .apply = target_apply,
								   .cursor = target_cursor,
								   .recover = target_recover}});
	return 0;
}

static int end(void **state)
{
	struct fixture *f = *state;

	uplink_free(f->uplink);
	log_copy(NULL, NULL);
	zmq_close(f->broker.link);
	zmq_close(f->broker.feed);
	zmq_close(f->broker.zap);
	zmq_ctx_term(f->broker.context);
	inbox_free(f->inbox);
	for (int i = 0; i < 4; i++)
		buffer_free(&f->next[i].message);
	buffer_free(&f->sent.message);
	buffer_free(&f->batch);
	buffer_free(&f->broker.recovery);
	store_close(&f->store);
	store_close(&f->sender);
	agent_world_end(&f->world);
	test_free(f);
	return 0;
}

static void turn(struct fixture *f)
{
	struct now now = clock_now();

	broker_turn(f);
	now.steady += f->skipped;
	now.wall += f->skipped;
	uplink_step(f->uplink, &now);
}

static enum uplink_state uplink_now(struct fixture *f)
{
	struct uplink_status status;

	uplink_status(f->uplink, &status);
	return status.state;
}

static enum error uplink_fault(struct fixture *f)
{
	struct uplink_status status;

	uplink_status(f->uplink, &status);
	return status.last_fault.code;
}

/* Turns until the condition holds. */
#define UNTIL(f, condition) \
	do { \
		int turns_; \
		for (turns_ = 0; turns_ < TURNS && !(condition); turns_++) \
			turn(f); \
		if (turns_ == TURNS) \
			fail_msg("never came true: %s", #condition); \
	} while (0)

static void turns(struct fixture *f, int count)
{
	while (count-- > 0)
		turn(f);
}

static void become_live(struct fixture *f)
{
	UNTIL(f, uplink_now(f) == UPLINK_LIVE && f->broker.subscribed);
}

static Simpul__Entry *sighting_entry(struct fixture *f)
{
	struct prepared *prepared = agent_sighting(&f->world, AMBER, "x");
	const struct position seen = {0};
	struct report_name name;

	assert_int_equal(outbox_take(&f->sender, &f->police.keys, &prepared, NULL, 1, false, &name, NULL), E_OK);
	assert_int_equal(outbox_next(&f->sender, &f->police.keys, 0, name.number - 1, &seen, &f->sent, NULL), E_OK);
	return agent_delivery(&f->world, agent_submission(&f->world, buffer_view(&f->sent.message)));
}

/* Each travels alone. */
static void take_cancels(struct fixture *f, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct prepared *prepared = agent_cancel(&f->world, "army.oku", 1);
		struct report_name name;

		assert_int_equal(outbox_take(&f->store, &f->army.keys, &prepared, NULL, 1, false, &name, NULL), E_OK);
	}
	uplink_wake(f->uplink);
}

static uint64_t received(struct fixture *f)
{
	return agent_number(&f->store, "SELECT count(*) FROM inbox");
}

/* ---- receiving */

static void what_was_missed_is_fetched_and_what_is_pushed_arrives(void **state)
{
	struct fixture *f = *state;

	f->broker.entries[f->broker.entry_count++] = sighting_entry(f);
	become_live(f);
	assert_int_equal(received(f), 1);
	broker_publish(f, f->world.head.entry, NULL);
	Simpul__Entry *entry = sighting_entry(f);

	broker_publish(f, entry->entry - 1, entry);
	UNTIL(f, received(f) == 2);
	UNTIL(f, f->broker.acked == entry->entry);
	assert_int_equal(uplink_now(f), UPLINK_LIVE);
}

static void welcome_tells_how_far_the_clocks_are_apart(void **state)
{
	struct fixture *f = *state;
	struct uplink_status status;

	f->broker.time = clock_now().wall - 60000;
	uplink_status(f->uplink, &status);
	assert_false(status.clock_known);
	become_live(f);
	uplink_status(f->uplink, &status);
	assert_true(status.clock_known);
	assert_in_range(status.clock_ahead, 60000, 90000);
}

static void a_lost_push_is_fetched(void **state)
{
	struct fixture *f = *state;
	Simpul__Entry *lost, *entry;

	become_live(f);
	lost = f->broker.entries[f->broker.entry_count++] = sighting_entry(f);
	entry = f->broker.entries[f->broker.entry_count++] = sighting_entry(f);
	broker_publish(f, lost->entry, entry);
	UNTIL(f, received(f) == 2);
	become_live(f);
	assert_int_equal(agent_number(&f->store, "SELECT count(DISTINCT number) FROM inbox"), 2);
}

static void an_answer_that_the_feed_overtook_is_not_the_last(void **state)
{
	struct fixture *f = *state;
	Simpul__Entry *first;

	become_live(f);
	first = f->broker.entries[f->broker.entry_count++] = sighting_entry(f);
	f->broker.holds_answer = true;
	broker_publish(f, first->entry, NULL);
	UNTIL(f, f->broker.held != NULL);
	broker_publish(f, first->entry - 1, first);
	UNTIL(f, received(f) == 1);
	f->broker.entries[f->broker.entry_count++] = sighting_entry(f);
	broker_let_go(f);
	UNTIL(f, received(f) == 2);
	become_live(f);
}

static void what_the_feed_brought_before_the_last_answer_is_fetched(void **state)
{
	struct fixture *f = *state;
	Simpul__Entry *withheld, *entry;

	become_live(f);
	withheld = sighting_entry(f);
	f->broker.holds_answer = true;
	broker_publish(f, withheld->entry, NULL);
	UNTIL(f, f->broker.held != NULL);
	entry = f->broker.entries[f->broker.entry_count++] = sighting_entry(f);
	broker_publish(f, withheld->entry, entry);
	turns(f, 50);
	broker_let_go(f);
	UNTIL(f, received(f) == 1);
	become_live(f);
}

static void a_publication_that_does_not_open_leads_to_a_fetch(void **state)
{
	struct fixture *f = *state;
	uint8_t key[KEY_SIZE];
	unsigned fetches;

	become_live(f);
	fetches = f->broker.fetches;
	memcpy(key, f->broker.session.key, KEY_SIZE);
	f->broker.session.key[0] ^= 1;
	broker_publish(f, f->world.head.entry, NULL);
	UNTIL(f, f->broker.fetches > fetches);
	memcpy(f->broker.session.key, key, KEY_SIZE);
	become_live(f);
}

static void a_replayed_publication_is_not_taken_for_a_sign_of_life(void **state)
{
	struct fixture *f = *state;
	unsigned fetches;

	become_live(f);
	broker_publish(f, f->world.head.entry, NULL);
	turns(f, 20);
	fetches = f->broker.fetches;
	f->broker.counter = 0;
	broker_publish(f, f->world.head.entry, NULL);
	UNTIL(f, f->broker.fetches > fetches);
}

static void a_silent_feed_ends_the_session(void **state)
{
	struct fixture *f = *state;

	become_live(f);
	f->skipped += 3500;
	turns(f, 3);
	assert_int_equal(uplink_now(f), UPLINK_LIVE);
	f->skipped += 1000;
	turns(f, 1);
	assert_int_equal(uplink_now(f), UPLINK_OFFLINE);
	become_live(f);
	assert_int_equal(f->broker.hellos, 2);
}

static void a_bad_head_signature_halts(void **state)
{
	struct fixture *f = *state;
	Simpul__Entry *entry;

	become_live(f);
	entry = sighting_entry(f);
	signing_key_generate(&f->world.broker.signing);
	broker_publish(f, entry->entry - 1, entry);
	UNTIL(f, uplink_now(f) == UPLINK_HALTED);
	assert_int_equal(uplink_fault(f), E_BAD_SIGNATURE);
	f->skipped += 60000;
	turns(f, 20);
	assert_int_equal(f->broker.hellos, 1);
}

/* ---- sending */

static void submissions_arrive_in_order_with_at_most_four_under_way(void **state)
{
	struct fixture *f = *state;

	f->broker.silent_submit = true;
	become_live(f);
	take_cancels(f, 10);
	UNTIL(f, f->broker.submits == LIMIT_IN_FLIGHT);
	turns(f, 20);
	assert_int_equal(f->broker.submits, LIMIT_IN_FLIGHT);
	f->broker.silent_submit = false;
	for (unsigned i = 0; i < LIMIT_IN_FLIGHT; i++)
		broker_receipt(f, f->broker.submit_seq[i], &f->broker.digests[i]);
	UNTIL(f, outbox_receipted(&f->store, 0) == 10);
	assert_int_equal(f->broker.submits, 10);
	for (uint64_t i = 0; i < 10; i++)
		assert_int_equal(f->broker.firsts[i], i + 1);
}

static void a_submission_without_an_answer_is_repeated_unchanged(void **state)
{
	struct fixture *f = *state;

	f->broker.silent_submit = true;
	become_live(f);
	take_cancels(f, 1);
	UNTIL(f, f->broker.submits == 1);
	f->skipped += 10100;
	f->broker.silent_submit = false;
	UNTIL(f, outbox_receipted(&f->store, 0) == 1);
	assert_int_equal(f->broker.submits, 2);
	assert_true(hash_equal(&f->broker.digests[0], &f->broker.digests[1]));
	assert_int_equal(f->broker.hellos, 2);
}

static void a_busy_broker_is_asked_again_after_the_pause_it_names(void **state)
{
	struct fixture *f = *state;

	f->broker.submit_answer = E_BUSY;
	f->broker.expected = 5000;
	become_live(f);
	take_cancels(f, 1);
	UNTIL(f, f->broker.submits == 1);
	f->broker.submit_answer = E_OK;
	turns(f, 50);
	assert_int_equal(f->broker.submits, 1);
	broker_publish(f, f->world.head.entry, NULL);
	f->skipped += 3000;
	turns(f, 5);
	broker_publish(f, f->world.head.entry, NULL);
	turns(f, 20);
	f->skipped += 2100;
	UNTIL(f, outbox_receipted(&f->store, 0) == 1);
	assert_true(hash_equal(&f->broker.digests[0], &f->broker.digests[1]));
	assert_int_equal(f->broker.hellos, 1);
}

static void a_receipt_that_finds_no_room_is_asked_for_again(void **state)
{
	struct fixture *f = *state;

	f->full_disks = 2;
	become_live(f);
	take_cancels(f, 1);
	UNTIL(f, f->full_disks == 1);
	turns(f, 50);
	assert_int_equal(f->broker.submits, 1);
	f->skipped += 600;
	UNTIL(f, f->full_disks == 0);
	f->skipped += 600;
	UNTIL(f, outbox_receipted(&f->store, 0) == 1);
	assert_int_equal(f->broker.submits, 3);
	assert_true(hash_equal(&f->broker.digests[0], &f->broker.digests[2]));
	assert_int_equal(uplink_now(f), UPLINK_LIVE);
}

static void a_gap_starts_again_after_what_was_receipted(void **state)
{
	struct fixture *f = *state;

	become_live(f);
	take_cancels(f, 2);
	UNTIL(f, outbox_receipted(&f->store, 0) == 2);
	f->broker.submit_answer = E_GAP;
	f->broker.expected = 3;
	take_cancels(f, 2);
	UNTIL(f, f->broker.submits == 4);
	f->broker.submit_answer = E_OK;
	UNTIL(f, outbox_receipted(&f->store, 0) == 4);
	assert_int_equal(f->broker.firsts[4], 3);
}

static void a_broker_that_lost_what_it_receipted_halts(void **state)
{
	struct fixture *f = *state;

	become_live(f);
	take_cancels(f, 2);
	UNTIL(f, outbox_receipted(&f->store, 0) == 2);
	f->broker.submit_answer = E_GAP;
	f->broker.expected = 1;
	take_cancels(f, 1);
	UNTIL(f, uplink_now(f) == UPLINK_HALTED);
	assert_int_equal(uplink_fault(f), E_HISTORY_DIFFERS);
}

static void a_report_that_cannot_be_taken_is_voided_and_the_next_goes_on(void **state)
{
	struct fixture *f = *state;

	f->broker.submit_answer = E_MALFORMED;
	become_live(f);
	take_cancels(f, 1);
	UNTIL(f, f->broker.submits == 1);
	f->broker.submit_answer = E_OK;
	take_cancels(f, 1);
	UNTIL(f, outbox_receipted(&f->store, 0) == 2);
	assert_int_equal(f->broker.firsts[1], 1);
	assert_false(hash_equal(&f->broker.digests[0], &f->broker.digests[1]));
	assert_int_equal(agent_number(&f->store, "SELECT code FROM outbox WHERE number = 1"), E_MALFORMED);
	assert_int_equal(agent_number(&f->store, "SELECT state FROM outbox WHERE number = 2"), OUTBOX_ACCEPTED);
}

static void a_void_that_is_refused_halts(void **state)
{
	struct fixture *f = *state;

	f->broker.submit_answer = E_MALFORMED;
	become_live(f);
	take_cancels(f, 1);
	UNTIL(f, uplink_now(f) == UPLINK_HALTED);
	assert_int_equal(f->broker.submits, 2);
}

static void a_void_that_is_refused_halts_in_a_later_session_too(void **state)
{
	struct fixture *f = *state;
	const struct position seen = {0};
	struct outbox_submission *next = &f->next[0];

	f->broker.submit_answer = E_MALFORMED;
	take_cancels(f, 1);
	assert_int_equal(outbox_next(&f->store, &f->army.keys, 0, 0, &seen, next, &f->fault), E_OK);
	assert_int_equal(outbox_reject(&f->store, &next->first, E_MALFORMED, "", &f->fault), E_OK);
	UNTIL(f, uplink_now(f) == UPLINK_HALTED);
	assert_int_equal(f->broker.submits, 1);
	assert_int_equal(f->store.failure.code, E_OK);
}

static void a_signature_that_is_refused_voids_nothing(void **state)
{
	struct fixture *f = *state;

	f->broker.submit_answer = E_BAD_SIGNATURE;
	become_live(f);
	take_cancels(f, 3);
	UNTIL(f, uplink_now(f) == UPLINK_HALTED);
	assert_int_equal(agent_number(&f->store, "SELECT count(*) FROM outbox WHERE code <> 0"), 0);
}

static void a_forged_receipt_is_not_believed(void **state)
{
	struct fixture *f = *state;

	f->broker.forge_receipts = true;
	become_live(f);
	take_cancels(f, 1);
	UNTIL(f, uplink_now(f) == UPLINK_HALTED);
	assert_int_equal(uplink_fault(f), E_BAD_SIGNATURE);
	assert_int_equal(outbox_receipted(&f->store, 0), 0);
}

/* ---- sessions */

static void a_superseded_session_halts(void **state)
{
	struct fixture *f = *state;

	become_live(f);
	broker_goodbye(f, E_SUPERSEDED);
	UNTIL(f, uplink_now(f) == UPLINK_HALTED);
	assert_int_equal(uplink_fault(f), E_SUPERSEDED);
}

static void a_broker_that_stops_is_waited_for(void **state)
{
	struct fixture *f = *state;

	become_live(f);
	f->broker.hello_answer = E_STOPPING;
	broker_goodbye(f, E_STOPPING);
	UNTIL(f, f->broker.hellos == 3);
	f->broker.hello_answer = E_OK;
	become_live(f);
}

static void no_broker_can_send_an_office_to_sleep_for_good(void **state)
{
	struct fixture *f = *state;

	f->broker.hello_answer = E_BUSY;
	f->broker.expected = UINT64_MAX / 2;
	UNTIL(f, f->broker.hellos == 1);
	turns(f, 20);
	assert_int_equal(f->broker.hellos, 1);
	f->broker.hello_answer = E_OK;
	f->skipped += 61000;
	become_live(f);
}

static void a_broker_that_forgot_the_session_is_greeted_again(void **state)
{
	struct fixture *f = *state;

	become_live(f);
	f->broker.submit_answer = E_UNEXPECTED;
	take_cancels(f, 1);
	UNTIL(f, f->broker.submits == 1);
	f->broker.submit_answer = E_OK;
	UNTIL(f, outbox_receipted(&f->store, 0) == 1);
	assert_int_equal(f->broker.hellos, 2);
}

static void a_greeting_without_an_answer_is_tried_again(void **state)
{
	struct fixture *f = *state;

	f->broker.silent_hello = true;
	UNTIL(f, f->broker.hellos == 1);
	f->skipped += 5100;
	turns(f, 1);
	assert_int_equal(uplink_now(f), UPLINK_OFFLINE);
	f->broker.silent_hello = false;
	become_live(f);
}

/* The broker was restored to `from` and goes on in incarnation 2, as `broker` signs. */
static void broker_recover(struct fixture *f, const struct position *from, const struct signing_key *broker)
{
	Simpul__Genesis genesis = SIMPUL__GENESIS__INIT;
	Simpul__Position position;
	uint8_t signature[SIGNATURE_SIZE];

	position_to_message(from, &position);
	genesis.exchange = (ProtobufCBinaryData){EXCHANGE_SIZE, f->world.join.exchange};
	genesis.incarnation = 2;
	genesis.authority_key = (ProtobufCBinaryData){KEY_SIZE, f->world.join.authority};
	genesis.broker_key = (ProtobufCBinaryData){KEY_SIZE, f->world.join.broker_signing};
	genesis.recovered_from = &position;
	genesis.reason = (char *)(uintptr_t)"disk lost";
	recovery_sign(&genesis, broker, signature);
	genesis.signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
	wire_pack(&genesis, &f->broker.recovery);
	f->world.head = *from;
	f->world.head.incarnation = 2;
	f->broker.entry_count = 0;
	agent_entry(&f->world, SIMPUL__ENTRY_TYPE__ENTRY_TYPE_GENESIS);
	broker_goodbye(f, E_STOPPING);
}

static void a_broker_that_was_restored_is_followed_back(void **state)
{
	struct fixture *f = *state;
	const struct position none = {.incarnation = 1};

	become_live(f);
	f->broker.cursor = &none;
	f->broker.acked = 0;
	broker_recover(f, &none, &f->world.broker.signing);
	f->broker.entries[f->broker.entry_count++] = agent_member(&f->world, &f->police);
	UNTIL(f, f->broker.hellos == 2 && uplink_now(f) == UPLINK_LIVE);
	assert_int_equal(inbox_cursor(f->inbox).incarnation, 2);
	assert_int_equal(inbox_cursor(f->inbox).entry, 2);
}

static void a_recovery_that_the_broker_did_not_sign_halts(void **state)
{
	struct fixture *f = *state;
	const struct position none = {.incarnation = 1};
	struct signing_key other;

	signing_key_generate(&other);
	become_live(f);
	f->broker.cursor = &none;
	broker_recover(f, &none, &other);
	UNTIL(f, uplink_now(f) == UPLINK_HALTED);
	assert_int_equal(uplink_fault(f), E_BAD_SIGNATURE);
}

static void a_cursor_after_what_was_kept_halts(void **state)
{
	struct fixture *f = *state;
	const struct position none = {.incarnation = 1};
	struct position ours;

	become_live(f);
	ours = inbox_cursor(f->inbox);
	f->broker.cursor = &ours;
	broker_recover(f, &none, &f->world.broker.signing);
	UNTIL(f, uplink_now(f) == UPLINK_HALTED);
	assert_int_equal(uplink_fault(f), E_HISTORY_DIFFERS);
}

static void another_history_halts(void **state)
{
	struct fixture *f = *state;

	become_live(f);
	f->world.head.head.bytes[0] ^= 1;
	broker_goodbye(f, E_STOPPING);
	UNTIL(f, uplink_now(f) == UPLINK_HALTED);
	assert_int_equal(uplink_fault(f), E_HISTORY_DIFFERS);
}

static void a_refusal_that_no_program_can_mend_halts(void **state)
{
	struct fixture *f = *state;

	f->broker.hello_answer = E_KEY_REVOKED;
	UNTIL(f, uplink_now(f) == UPLINK_HALTED);
	f->skipped += 60000;
	turns(f, 20);
	assert_int_equal(f->broker.hellos, 1);
}

static void a_key_that_is_refused_in_the_handshake_is_told_once(void **state)
{
	struct fixture *f = *state;

	f->broker.refuses_keys = true;
	UNTIL(f, f->broker.refused_keys == 1);
	f->skipped += 5100; /* until the greeting is given up, for libzmq does not try again by itself */
	UNTIL(f, f->broker.refused_keys == 2);
	turns(f, 50);
	assert_int_equal(f->handshake_alarms, 1);
	assert_int_not_equal(uplink_now(f), UPLINK_HALTED);
	f->broker.refuses_keys = false;
	f->skipped += 6000;
	become_live(f);
}

/* ---- keys of the broker */

/* Another signing key of the broker with the sockets that it has, in force from `entry` on; the arena has it all. */
static void broker_renew(struct fixture *f, struct broker_keys *newer, uint64_t entry)
{
	static const struct successions none;
	struct broker_succession *succession = arena_alloc(&f->world.arena, sizeof *succession);
	Simpul__BrokerSuccession *message = arena_alloc(&f->world.arena, sizeof *message);
	Simpul__BrokerTerm *term = arena_alloc(&f->world.arena, sizeof *term);
	Simpul__BrokerTerm **list = arena_alloc(&f->world.arena, sizeof *list);
	Simpul__BrokerTerms *terms = arena_alloc(&f->world.arena, sizeof *terms);

	*newer = f->world.broker;
	signing_key_generate(&newer->signing);
	broker_succession_sign(succession, f->world.join.exchange, &f->world.broker.signing, newer, 1, &f->world.authority,
			       &none);
	broker_succession_to_message(succession, message);
	simpul__broker_term__init(term);
	term->entry = entry;
	term->succession = message;
	*list = term;
	simpul__broker_terms__init(terms);
	terms->n_terms = 1;
	terms->terms = list;
	f->broker.terms = terms;
}

static void a_receipt_from_before_the_brokers_key_changed_is_taken(void **state)
{
	struct fixture *f = *state;
	const struct signing_key former = f->world.broker.signing;
	struct broker_keys newer;

	f->broker.silent_submit = true;
	become_live(f);
	take_cancels(f, 1);
	UNTIL(f, f->broker.submits == 1);
	broker_renew(f, &newer, f->world.head.entry + 2);
	f->world.broker.signing = newer.signing;
	f->broker.silent_submit = false;
	f->broker.receipts_by = &former; /* of the entry before that from which the newer one is in force */
	broker_goodbye(f, E_STOPPING);
	UNTIL(f, outbox_receipted(&f->store, 0) == 1);
	assert_int_equal(f->broker.hellos, 2);
	assert_memory_equal(f->world.join.broker_signing, newer.signing.public_key, KEY_SIZE);
	/* And what comes after it under the newer one. */
	f->broker.receipts_by = NULL;
	take_cancels(f, 1);
	UNTIL(f, outbox_receipted(&f->store, 0) == 2);
}

static void a_receipt_under_the_former_key_after_the_change_is_not_believed(void **state)
{
	struct fixture *f = *state;
	const struct signing_key former = f->world.broker.signing;
	struct broker_keys newer;

	become_live(f);
	broker_renew(f, &newer, 1);
	f->world.broker.signing = newer.signing;
	f->broker.receipts_by = &former;
	broker_goodbye(f, E_STOPPING);
	take_cancels(f, 1);
	UNTIL(f, uplink_now(f) == UPLINK_HALTED);
	assert_int_equal(uplink_fault(f), E_BAD_SIGNATURE);
	assert_int_equal(outbox_receipted(&f->store, 0), 0);
}

static void a_recovery_from_before_the_brokers_key_changed_is_followed(void **state)
{
	struct fixture *f = *state;
	const struct position none = {.incarnation = 1};
	const struct signing_key former = f->world.broker.signing;
	struct broker_keys newer;

	become_live(f);
	f->broker.cursor = &none;
	f->broker.acked = 0;
	broker_renew(f, &newer, 3);
	broker_recover(f, &none, &former);
	f->world.broker.signing = newer.signing;
	f->broker.entries[f->broker.entry_count++] = agent_member(&f->world, &f->police);
	UNTIL(f, f->broker.hellos == 2 && uplink_now(f) == UPLINK_LIVE);
	assert_int_equal(inbox_cursor(f->inbox).incarnation, 2);
}

static void newer_keys_that_the_authority_did_not_sign_halt(void **state)
{
	struct fixture *f = *state;
	struct broker_keys newer;

	become_live(f);
	broker_renew(f, &newer, 1);
	f->broker.terms->terms[0]->succession->authority_signature.data[0] ^= 1;
	f->world.broker.signing = newer.signing;
	broker_goodbye(f, E_STOPPING);
	UNTIL(f, uplink_now(f) == UPLINK_HALTED);
	assert_int_equal(uplink_fault(f), E_BAD_SIGNATURE);
}

/* The present keys and those that were announced go in turn, so the office comes in when it is the present ones after all. */
static void keys_that_are_announced_and_not_in_force_keep_nobody_out(void **state)
{
	struct fixture *f = *state;

	f->ring.terms.is_announced = true;
	memset(f->ring.terms.announced.curve_key, 7, KEY_SIZE);
	f->broker.refuses_keys = true;
	UNTIL(f, f->broker.refused_keys == 1 && uplink_now(f) == UPLINK_OFFLINE);
	assert_int_equal(f->handshake_alarms, 0); /* the other ones come first */
	f->broker.refuses_keys = false;
	for (int tries = 0; tries < 6 && uplink_now(f) != UPLINK_LIVE; tries++) {
		f->skipped += 6000;
		turns(f, 200);
	}
	become_live(f);
}

static void a_bye_ends_the_session(void **state)
{
	struct fixture *f = *state;

	become_live(f);
	uplink_free(f->uplink);
	f->uplink = NULL;
	for (int i = 0; i < 200 && f->broker.byes == 0; i++)
		broker_turn(f);
	assert_int_equal(f->broker.byes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_missed_is_fetched_and_what_is_pushed_arrives, start, end),
		cmocka_unit_test_setup_teardown(welcome_tells_how_far_the_clocks_are_apart, start, end),
		cmocka_unit_test_setup_teardown(a_lost_push_is_fetched, start, end),
		cmocka_unit_test_setup_teardown(an_answer_that_the_feed_overtook_is_not_the_last, start, end),
		cmocka_unit_test_setup_teardown(what_the_feed_brought_before_the_last_answer_is_fetched, start, end),
		cmocka_unit_test_setup_teardown(a_publication_that_does_not_open_leads_to_a_fetch, start, end),
		cmocka_unit_test_setup_teardown(a_replayed_publication_is_not_taken_for_a_sign_of_life, start, end),
		cmocka_unit_test_setup_teardown(a_silent_feed_ends_the_session, start, end),
		cmocka_unit_test_setup_teardown(a_bad_head_signature_halts, start, end),
		cmocka_unit_test_setup_teardown(submissions_arrive_in_order_with_at_most_four_under_way, start, end),
		cmocka_unit_test_setup_teardown(a_submission_without_an_answer_is_repeated_unchanged, start, end),
		cmocka_unit_test_setup_teardown(a_busy_broker_is_asked_again_after_the_pause_it_names, start, end),
		cmocka_unit_test_setup_teardown(a_receipt_that_finds_no_room_is_asked_for_again, start, end),
		cmocka_unit_test_setup_teardown(a_gap_starts_again_after_what_was_receipted, start, end),
		cmocka_unit_test_setup_teardown(a_broker_that_lost_what_it_receipted_halts, start, end),
		cmocka_unit_test_setup_teardown(a_report_that_cannot_be_taken_is_voided_and_the_next_goes_on, start,
						end),
		cmocka_unit_test_setup_teardown(a_void_that_is_refused_halts, start, end),
		cmocka_unit_test_setup_teardown(a_void_that_is_refused_halts_in_a_later_session_too, start, end),
		cmocka_unit_test_setup_teardown(a_signature_that_is_refused_voids_nothing, start, end),
		cmocka_unit_test_setup_teardown(a_forged_receipt_is_not_believed, start, end),
		cmocka_unit_test_setup_teardown(a_superseded_session_halts, start, end),
		cmocka_unit_test_setup_teardown(a_broker_that_stops_is_waited_for, start, end),
		cmocka_unit_test_setup_teardown(no_broker_can_send_an_office_to_sleep_for_good, start, end),
		cmocka_unit_test_setup_teardown(a_broker_that_forgot_the_session_is_greeted_again, start, end),
		cmocka_unit_test_setup_teardown(a_greeting_without_an_answer_is_tried_again, start, end),
		cmocka_unit_test_setup_teardown(a_broker_that_was_restored_is_followed_back, start, end),
		cmocka_unit_test_setup_teardown(a_recovery_that_the_broker_did_not_sign_halts, start, end),
		cmocka_unit_test_setup_teardown(a_cursor_after_what_was_kept_halts, start, end),
		cmocka_unit_test_setup_teardown(another_history_halts, start, end),
		cmocka_unit_test_setup_teardown(a_refusal_that_no_program_can_mend_halts, start, end),
		cmocka_unit_test_setup_teardown(a_key_that_is_refused_in_the_handshake_is_told_once, start, end),
		cmocka_unit_test_setup_teardown(a_receipt_from_before_the_brokers_key_changed_is_taken, start, end),
		cmocka_unit_test_setup_teardown(a_receipt_under_the_former_key_after_the_change_is_not_believed, start, end),
		cmocka_unit_test_setup_teardown(a_recovery_from_before_the_brokers_key_changed_is_followed, start, end),
		cmocka_unit_test_setup_teardown(newer_keys_that_the_authority_did_not_sign_halt, start, end),
		cmocka_unit_test_setup_teardown(keys_that_are_announced_and_not_in_force_keep_nobody_out, start, end),
		cmocka_unit_test_setup_teardown(a_bye_ends_the_session, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
