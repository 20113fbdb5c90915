/* uplink_fuzz - what a broker says to an agent, in any order and state: a receipt reaches the outbox only when its
 * chain and signature hold for what was sent, an agent that halted does nothing more, and whatever it says is a message
 * of the protocol.
 *
 * An input is a list of steps: a verb, a number, and for a frame its length and bytes. */
#include "agents/uplink/uplink.h"
#include "agents/uplink/uplink_transport.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/story.h"
#include <stdlib.h>
#include <string.h>

#define NODE "army.oku"

enum { MOST_STEPS = 48, STEP_SIZE = 2, SEQS = 8, OTHER_DIGEST = 64, OTHER_SIGNATURE = 128 };

enum verb {
	VERB_DOWN,	  /* a frame as it stands */
	VERB_ANSWER,	  /* the same as an answer to what was sent of late; a receipt is signed by the broker */
	VERB_PUBLICATION, /* a frame on the feed as it stands */
	VERB_SEALED,	  /* a batch that is sealed for the session first */
	VERB_SEND,	  /* one more submission is to be sent */
	VERB_WAIT,
	VERBS,
};

static bool has_frame(enum verb verb)
{
	return verb <= VERB_SEALED;
}

/* ------------------------------------------------------------------ what the uplink works with */

static struct host {
	struct uplink *uplink;
	struct now now;
	struct position cursor;
	struct hash digest;		     /* of all that is sent */
	uint64_t available, sent, receipted; /* numbers */
	bool open, subscribed, greeted;
	uint64_t seqs[SEQS]; /* of what was sent, the newest first */
	struct feed feed;    /* as WELCOME told */
	struct bytes arrived[2];
} host;

static bool halted(void)
{
	struct uplink_status status;

	uplink_status(host.uplink, &status);
	return status.state == UPLINK_HALTED;
}

static enum error welcome(void *context, const Simpul__Welcome *message, struct fault *fault)
{
	(void)context;
	(void)fault;
	memcpy(host.feed.exchange, story_get()->join.exchange, EXCHANGE_SIZE);
	strcpy(host.feed.node, NODE);
	memcpy(host.feed.key, message->feed_key.data, KEY_SIZE);
	host.feed.session = message->session;
	return E_OK;
}

static bool next(void *context, uint32_t stream, uint64_t after, const struct position *seen, bool caught_up,
		 struct uplink_submission *submission)
{
	static struct buffer message;
	Simpul__Submission empty = SIMPUL__SUBMISSION__INIT;

	(void)context;
	(void)seen;
	(void)caught_up;
	if (stream != 0 || after >= host.available)
		return false;
	if (message.size == 0) {
		empty.origin = (char *)(uintptr_t)NODE;
		wire_pack(&empty, &message);
	}
	*submission = (struct uplink_submission){.first = {.origin = NODE, .epoch = 1, .number = after + 1},
						 .count = 1,
						 .digest = host.digest,
						 .message = buffer_view(&message)};
	return true;
}

static uint64_t receipted(void *context, uint32_t stream)
{
	(void)context;
	return stream == 0 ? host.receipted : 0;
}

static enum error receipt(void *context, const struct report_name *first, const Simpul__Receipt *receipt_,
			  struct bytes encoded)
{
	const struct join *join = &story_get()->join;
	struct buffer again = {0};

	(void)context;
	PROMISE(!halted() && first->number > 0 && first->number <= host.sent);
	PROMISE(receipt_check(receipt_, join->exchange, join->broker_signing, NULL, NULL) == E_OK);
	PROMISE(bytes_equal(of_binary(receipt_->digest), BYTES(host.digest.bytes, HASH_SIZE)));
	wire_pack(receipt_, &again);
	PROMISE(bytes_equal(encoded, buffer_view(&again)));
	buffer_free(&again);
	if (first->number > host.receipted)
		host.receipted = first->number;
	return E_OK;
}

static void reject(void *context, const struct report_name *first, const struct fault *fault)
{
	(void)context;
	PROMISE(!halted() && first->number <= host.sent && error_remedy(fault->code) == REMEDY_CORRECT);
}

static enum error apply(void *context, struct bytes batch, struct fault *fault)
{
	struct position upto;
	const Simpul__Batch *message;
	struct arena arena;
	enum error error = E_OK;

	(void)context;
	PROMISE(!halted());
	arena_init(&arena);
	message = wire_unpack(&simpul__batch__descriptor, batch, &arena, fault);
	if (message == NULL || position_of_message(&upto, message->upto) != E_OK)
		error = fault_at(fault, E_MALFORMED, "batch");
	else if (message->after > host.cursor.entry)
		error = fault_at(fault, E_GAP, "batch");
	else if (upto.entry > host.cursor.entry)
		host.cursor = upto;
	arena_fini(&arena);
	return error;
}

static struct position cursor(void *context)
{
	(void)context;
	return host.cursor;
}

/* ------------------------------------------------------------------ a transport that leads nowhere */

static enum error link_open(void *context, const struct join *join, const struct node_keys *keys)
{
	(void)context;
	(void)join;
	(void)keys;
	PROMISE(!host.open);
	host.open = true;
	host.subscribed = host.greeted = false;
	return E_OK;
}

static bool feed_subscribe(void *context, const char *endpoint, const uint8_t topic[FEED_TOPIC_SIZE])
{
	(void)context;
	(void)topic;
	PROMISE(host.open && host.greeted);
	host.subscribed = strncmp(endpoint, "tcp://", strlen("tcp://")) == 0;
	return host.subscribed;
}

/* HELLO comes first and once; submissions and fetches only after WELCOME. */
static void up_allowed(const Simpul__Up *up)
{
	const bool hello = up->message_case == SIMPUL__UP__MESSAGE_HELLO;

	PROMISE(host.open && hello != host.greeted && (hello || host.subscribed));
	host.greeted = true;
	memmove(host.seqs + 1, host.seqs, (SEQS - 1) * sizeof host.seqs[0]);
	host.seqs[0] = up->seq;
	if (up->message_case == SIMPUL__UP__MESSAGE_SUBMIT)
		host.sent = host.available;
}

static enum error link_send(void *context, struct bytes prefix, struct bytes rest)
{
	struct buffer frame = {0};
	struct arena arena;
	const Simpul__Up *up;

	(void)context;
	buffer_bytes(&frame, prefix);
	buffer_bytes(&frame, rest);
	arena_init(&arena);
	up = wire_unpack(&simpul__up__descriptor, buffer_view(&frame), &arena, NULL);
	PROMISE(up != NULL);
	up_allowed(up);
	arena_fini(&arena);
	buffer_free(&frame);
	return E_OK;
}

static bool frame_receive(void *context, enum uplink_channel channel, struct bytes *frame)
{
	(void)context;
	if (!host.open || (channel == UPLINK_FEED && !host.subscribed) || host.arrived[channel].data == NULL)
		return false;
	*frame = host.arrived[channel];
	host.arrived[channel] = (struct bytes){0};
	return true;
}

static bool handshake_failed(void *context)
{
	(void)context;
	return false;
}

static int poll_items(void *context, zmq_pollitem_t *items)
{
	(void)context;
	(void)items;
	return 0;
}

static void link_close(void *context, int linger_ms)
{
	(void)context;
	(void)linger_ms;
	host.open = host.subscribed = false;
}

static void link_release(void *context)
{
	(void)context;
}

/* ------------------------------------------------------------------ steps */

static void uplink_begin(void)
{
	const struct uplink_options options = {
		.join = &story_get()->join,
		.keys = &story_get()->army,
		.node = NODE,
		.epoch = 1,
		.source = {.welcome = welcome,
			   .next = next,
			   .receipted = receipted,
			   .receipt = receipt,
			   .reject = reject},
		.target = {.apply = apply, .cursor = cursor},
	};
	const struct uplink_transport transport = {.open = link_open,
						   .subscribe = feed_subscribe,
						   .send = link_send,
						   .receive = frame_receive,
						   .handshake_failed = handshake_failed,
						   .poll_items = poll_items,
						   .close = link_close,
						   .release = link_release};

	memset(&host, 0, sizeof host);
	memset(&host.digest, 0x77, sizeof host.digest);
	host.now = (struct now){UINT64_C(1795300000000), 1000000};
	host.uplink = uplink_over(&transport, &options);
}

/* Gives the receipt our digest and signs it over the chain that it tells of, as far as `number` does not say to leave
 * that as it is. */
static void receipt_sign(Simpul__Receipt *message, uint8_t number, uint8_t signature[SIGNATURE_SIZE])
{
	const struct story *story = story_get();
	struct chain_entry entry = {.type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION,
				    .entry = message->entry,
				    .accepted_at = message->accepted_at,
				    .policy_version = message->policy_version,
				    .broker_key = story->broker.public_key,
				    .verdicts = (const Simpul__Verdict *const *)message->verdicts,
				    .verdict_count = message->n_verdicts,
				    .audience = (const char *const *)message->audience,
				    .audience_count = message->n_audience};
	struct position position = {.incarnation = message->incarnation, .entry = message->entry + message->n_later};
	struct hash hash, head;

	if (!(number & OTHER_DIGEST))
		message->digest = (ProtobufCBinaryData){HASH_SIZE, host.digest.bytes};
	if (number & OTHER_SIGNATURE || !hash_load(&entry.digest, of_binary(message->digest)) ||
	    !hash_load(&head, of_binary(message->previous_head)))
		return;
	hash = chain_entry_hash(&entry);
	position.head = chain_head(&head, &hash);
	for (size_t i = 0; i < message->n_later; i++)
		if (hash_load(&hash, of_binary(message->later[i])))
			position.head = chain_head(&position.head, &hash);
	chain_sign(&story->broker, story->join.exchange, &position, signature);
	message->signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
}

/* What comes while nobody listens is lost. */
static void arrive(enum uplink_channel channel, struct bytes frame)
{
	host.arrived[channel] = frame.size > 0 ? frame : BYTES("", 0);
	uplink_step(host.uplink, &host.now);
	host.arrived[channel] = (struct bytes){0};
}

static void answer(struct bytes frame, uint8_t number)
{
	uint8_t signature[SIGNATURE_SIZE];
	struct buffer out = {0};
	struct arena arena;
	Simpul__Down *down;

	arena_init(&arena);
	down = wire_unpack(&simpul__down__descriptor, frame, &arena, NULL);
	if (down != NULL) {
		down->seq = host.seqs[number % SEQS];
		if (down->message_case == SIMPUL__DOWN__MESSAGE_RECEIPT)
			receipt_sign(down->receipt, number, signature);
		wire_pack(down, &out);
		arrive(UPLINK_LINK, buffer_view(&out));
	}
	buffer_free(&out);
	arena_fini(&arena);
}

static void publication_sealed(struct bytes batch, uint8_t number)
{
	static const uint8_t key[KEY_SIZE] = {5};
	const struct feed_head head = {
		.incarnation = 1, .after = host.cursor.entry, .upto = host.cursor.entry + 1, .counter = number};
	struct buffer out = {0};

	feed_lead(&host.feed, &head, key, buffer_room(&out, FEED_LEAD_SIZE));
	batch_seal(key, batch, buffer_room(&out, batch.size + FEED_TAG_SIZE));
	arrive(UPLINK_FEED, buffer_view(&out));
	buffer_free(&out);
}

static void step_do(enum verb verb, uint8_t number, struct bytes frame)
{
	switch (verb) {
	case VERB_DOWN:
		arrive(UPLINK_LINK, frame);
		break;
	case VERB_ANSWER:
		answer(frame, number);
		break;
	case VERB_PUBLICATION:
		arrive(UPLINK_FEED, frame);
		break;
	case VERB_SEALED:
		publication_sealed(frame, number);
		break;
	case VERB_SEND:
		host.available++;
		uplink_wake(host.uplink);
		uplink_step(host.uplink, &host.now);
		break;
	default:
		host.now.steady += (uint64_t)number * number;
		host.now.wall += (uint64_t)number * number;
		uplink_step(host.uplink, &host.now);
	}
}

static struct bytes step_take(struct bytes *rest, enum verb *verb, uint8_t *number)
{
	*verb = (enum verb)(take_u8(rest) % VERBS);
	*number = take_u8(rest);
	return has_frame(*verb) ? take_bytes(rest) : (struct bytes){0};
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
	struct bytes rest = BYTES(data, size);
	size_t places[MOST_STEPS], batches[MOST_STEPS], count = 0, sealed = 0;

	for (unsigned i = 0; i < MOST_STEPS && rest.size > STEP_SIZE + 2; i++) {
		const size_t at = size - rest.size + STEP_SIZE;
		enum verb verb;
		uint8_t number;

		step_take(&rest, &verb, &number);
		if (verb == VERB_DOWN || verb == VERB_ANSWER)
			places[count++] = at;
		else if (verb == VERB_SEALED)
			batches[sealed++] = at;
	}
	if (sealed > 0 && seed % 8 == 1)
		return mutate_piece(&simpul__batch__descriptor, data, size, most, batches[seed / 8 % sealed], seed);
	if (count > 0 && seed % 8 > 1)
		return mutate_piece(&simpul__down__descriptor, data, size, most, places[seed / 8 % count], seed);
	return LLVMFuzzerMutate(data, size, most);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes rest = BYTES(data, size);
	bool was_halted = false;

	fuzz_start();
	uplink_begin();
	for (unsigned i = 0; i < MOST_STEPS && rest.size > 0; i++) {
		enum verb verb;
		uint8_t number;
		const struct bytes frame = step_take(&rest, &verb, &number);

		step_do(verb, number, frame);
		PROMISE(!was_halted || halted());
		was_halted = halted();
		PROMISE(!was_halted || !host.open);
		PROMISE(host.receipted <= host.sent && host.sent <= host.available);
	}
	uplink_free(host.uplink);
	return 0;
}
