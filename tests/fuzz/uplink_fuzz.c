/* uplink_fuzz - what a broker says to an agent, in any order and state: a receipt reaches the outbox only when its
 * chain and signature hold for what was sent, an agent that halted does nothing more, and nothing else is ever sent or
 * stored.
 *
 * An input is a list of steps: a verb, a number, and for a frame its length and bytes. The agent's sockets lead
 * nowhere. */
#include "agents/uplink_state.h"
#include "common/memory.h"
#include "common/wire.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/story.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_STEPS = 48, STEP_SIZE = 2 };

enum verb {
	VERB_DOWN,	  /* a frame as it stands */
	VERB_DOWN_SIGNED, /* a receipt or batch in it gets the broker's signature and our digest */
	VERB_PUBLICATION, /* a frame on the feed as it stands */
	VERB_SEALED,	  /* a batch that is sealed for the session first */
	VERB_SEND,	  /* one more submission is sent */
	VERB_GREET,	  /* a session is opened, HELLO sent */
	VERB_FETCH,
	VERBS,
};

/* ------------------------------------------------------------------ what the uplink works with */

static struct host {
	struct uplink *uplink;
	struct position cursor;
	struct hash digest;	  /* of all that is sent */
	uint64_t sent, receipted; /* numbers */
	bool halted;
} host;

static enum error welcome(void *context, const Simpul__Welcome *welcome_, struct fault *fault)
{
	(void)context;
	for (size_t i = 0; i < welcome_->n_streams; i++)
		if (welcome_->streams[i]->last > host.sent)
			return fault_at(fault, E_HISTORY_DIFFERS, "welcome.streams");
	return E_OK;
}

static bool next(void *context, uint32_t stream, uint64_t after, const struct position *seen,
		 struct uplink_submission *submission)
{
	(void)context;
	(void)stream;
	(void)after;
	(void)seen;
	(void)submission;
	return false;
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
	PROMISE(!host.halted && first->number > 0 && first->number <= host.sent);
	PROMISE(receipt_check(receipt_, join->exchange, join->broker_signing, NULL, NULL) == E_OK);
	PROMISE(bytes_equal(of_binary(receipt_->digest), BYTES(host.digest.bytes, HASH_SIZE)));
	wire_pack(receipt_, &again);
	PROMISE(bytes_equal(encoded, buffer_view(&again)));
	buffer_free(&again);
	host.receipted = first->number;
	return E_OK;
}

static void reject(void *context, const struct report_name *first, const struct fault *fault)
{
	(void)context;
	PROMISE(!host.halted && first->number <= host.sent && error_remedy(fault->code) == REMEDY_CORRECT);
}

static enum error apply(void *context, struct bytes batch, struct fault *fault)
{
	struct position upto;
	const Simpul__Batch *message;
	struct arena arena;
	enum error error = E_OK;

	(void)context;
	PROMISE(!host.halted);
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

/* Stands in for that of uplink.c, which would connect to wherever the broker says. */
bool __wrap_uplink_subscribe(struct uplink *uplink, const char *endpoint, const uint8_t topic[FEED_TOPIC_SIZE]);
bool __wrap_uplink_subscribe(struct uplink *uplink, const char *endpoint, const uint8_t topic[FEED_TOPIC_SIZE])
{
	(void)uplink;
	(void)topic;
	return strncmp(endpoint, "tcp://", 6) == 0;
}

/* ------------------------------------------------------------------ steps */

static void uplink_begin(void)
{
	static const struct now now = {UINT64_C(1795300000000), 1000000};
	const struct uplink_options options = {
		.join = &story_get()->join,
		.keys = &story_get()->army,
		.node = "army.oku",
		.epoch = 1,
		.source = {.welcome = welcome,
			   .next = next,
			   .receipted = receipted,
			   .receipt = receipt,
			   .reject = reject},
		.target = {.apply = apply, .cursor = cursor},
	};

	memset(&host, 0, sizeof host);
	memset(&host.digest, 0x77, sizeof host.digest);
	host.uplink = uplink_new(NULL, &options);
	host.uplink->now = now;
}

static void greet(void)
{
	struct uplink *uplink = host.uplink;

	if (uplink->state != UPLINK_OFFLINE)
		return;
	uplink_enter(uplink, UPLINK_GREETING);
	uplink->session.hello_seq = uplink->session.seq = 1;
}

/* As if a submission of one report had been sent: the next free flight. */
static void send_one(void)
{
	struct session *session = &host.uplink->session;

	if (host.uplink->state != UPLINK_CATCHING_UP && host.uplink->state != UPLINK_LIVE)
		return;
	for (size_t i = 0; i < LIMIT_IN_FLIGHT; i++) {
		if (session->flights[i].seq != 0)
			continue;
		session->flights[i] =
			(struct flight){.seq = ++session->seq,
					.first = {.origin = "army.oku", .epoch = 1, .number = ++host.sent},
					.count = 1,
					.digest = host.digest,
					.sent_at = host.uplink->now.steady};
		return;
	}
}

static void fetch_one(void)
{
	struct session *session = &host.uplink->session;

	if (host.uplink->state == UPLINK_CATCHING_UP && session->fetch_seq == 0)
		session->fetch_seq = ++session->seq;
}

/* Signs the receipt over the chain that it tells of. */
static void receipt_sign(Simpul__Receipt *message, uint8_t signature[SIGNATURE_SIZE])
{
	const struct story *story = story_get();
	const struct chain_entry entry = {.type = SIMPUL__ENTRY_TYPE__ENTRY_TYPE_SUBMISSION,
					  .entry = message->entry,
					  .accepted_at = message->accepted_at,
					  .policy_version = message->policy_version,
					  .broker_key = story->broker.public_key,
					  .digest = host.digest,
					  .verdicts = (const Simpul__Verdict *const *)message->verdicts,
					  .verdict_count = message->n_verdicts,
					  .audience = (const char *const *)message->audience,
					  .audience_count = message->n_audience};
	struct position position = {.incarnation = message->incarnation, .entry = message->entry + message->n_later};
	struct hash hash = chain_entry_hash(&entry), head;

	message->digest = (ProtobufCBinaryData){HASH_SIZE, host.digest.bytes};
	if (!hash_load(&head, of_binary(message->previous_head)))
		return;
	position.head = chain_head(&head, &hash);
	for (size_t i = 0; i < message->n_later; i++)
		if (hash_load(&hash, of_binary(message->later[i])))
			position.head = chain_head(&position.head, &hash);
	chain_sign(&story->broker, story->join.exchange, &position, signature);
	message->signature = (ProtobufCBinaryData){SIGNATURE_SIZE, signature};
}

static void down_signed(struct bytes frame, uint8_t number)
{
	uint8_t signature[SIGNATURE_SIZE];
	struct buffer out = {0};
	struct arena arena;
	Simpul__Down *down;

	arena_init(&arena);
	down = wire_unpack(&simpul__down__descriptor, frame, &arena, NULL);
	if (down != NULL) {
		down->seq = number;
		if (down->message_case == SIMPUL__DOWN__MESSAGE_RECEIPT)
			receipt_sign(down->receipt, signature);
		wire_pack(down, &out);
		uplink_take_message(host.uplink, buffer_view(&out));
	}
	buffer_free(&out);
	arena_fini(&arena);
}

static void publication_sealed(struct bytes batch, uint8_t number)
{
	const struct feed_head head = {
		.incarnation = 1, .after = host.cursor.entry, .upto = host.cursor.entry + 1, .counter = number};
	struct buffer out = {0};

	feed_seal(&host.uplink->session.feed, &head, batch, buffer_room(&out, FEED_SIZE(batch.size)));
	uplink_take_publication(host.uplink, buffer_view(&out));
	buffer_free(&out);
}

/* The loop hands frames to an uplink that has a socket, and publications to one that has subscribed. */
static void step_do(enum verb verb, uint8_t number, struct bytes frame)
{
	const enum uplink_state state = host.uplink->state;
	const bool linked = state != UPLINK_OFFLINE && state != UPLINK_HALTED;
	const bool fed = state == UPLINK_CATCHING_UP || state == UPLINK_LIVE;

	if (verb == VERB_DOWN && linked)
		uplink_take_message(host.uplink, frame);
	else if (verb == VERB_DOWN_SIGNED && linked)
		down_signed(frame, number);
	else if (verb == VERB_PUBLICATION && fed)
		uplink_take_publication(host.uplink, frame);
	else if (verb == VERB_SEALED && fed)
		publication_sealed(frame, number);
	else if (verb == VERB_SEND)
		send_one();
	else if (verb == VERB_GREET)
		greet();
	else if (verb == VERB_FETCH)
		fetch_one();
}

static struct bytes step_take(struct bytes *rest, enum verb *verb, uint8_t *number)
{
	*verb = (enum verb)(take_u8(rest) % VERBS);
	*number = take_u8(rest);
	return *verb <= VERB_SEALED ? take_bytes(rest) : (struct bytes){0};
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
		if (verb == VERB_DOWN || verb == VERB_DOWN_SIGNED)
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
	static bool started;
	struct bytes rest = BYTES(data, size);

	if (!started)
		fuzz_start();
	started = true;
	uplink_begin();
	for (unsigned i = 0; i < MOST_STEPS && rest.size > 0; i++) {
		enum verb verb;
		uint8_t number;
		const struct bytes frame = step_take(&rest, &verb, &number);

		step_do(verb, number, frame);
		PROMISE(!host.halted || host.uplink->state == UPLINK_HALTED);
		host.halted = host.uplink->state == UPLINK_HALTED;
		PROMISE(host.receipted <= host.sent);
		PROMISE(flights_count(host.uplink) <= LIMIT_IN_FLIGHT);
	}
	/* BYE would want a socket. */
	host.uplink->state = UPLINK_OFFLINE;
	uplink_free(host.uplink);
	return 0;
}
